"""`wingbeat picture` and `wingbeat minimize --picture`."""

from pathlib import Path

import pytest

from wingbeat.cli import main


@pytest.fixture(autouse=True)
def in_a_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_picture_is_written_and_described(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["picture", "activations"]) == 0
    assert capsys.readouterr().out.startswith("activations.svg: Activation functions (solid)")
    assert Path("activations.svg").read_text(encoding="utf-8").startswith("<svg")


def test_in_chinese_and_elsewhere() -> None:
    assert main(["picture", "descent", "--language", "zh", "--to", "new/d.svg"]) == 0
    assert "切线</text>" in Path("new/d.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["picture", "mona-lisa"], "'mona-lisa' is none of descent, paths"),
        (["picture", "descent", "--to", "a.pdf"], "'a.pdf' should end in .svg or .png"),
        (["picture", "descent", "--language", "de"], "language is 'en' or 'zh', not 'de'"),
        (["minimize", "x*x", "x=1", "--picture", "a.gif"], "'a.gif' should end in .svg or .png"),
        (["minimize", "x*x", "x=1", "--language", "de", "--picture", "a.svg"], "not 'de'"),
    ],
)
def test_what_cannot_be_drawn(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert sentence in err
    assert (out, len(err.splitlines())) == ("", 1)
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("expression", "start", "title"),
    [
        ("(x-1)**2 + 0.001", ["x=0.2"], "Descent: step against the slope"),
        ("x**2 + 3*y**2", ["x=1", "y=1"], "Ways to the minimum"),
        ("x**2 + y**2 + z**2", ["x=1", "y=1", "z=2"], "Every evaluation of trust-exact"),
    ],
)
def test_minimize_draws_its_search(expression: str, start: list[str], title: str) -> None:
    assert main(["minimize", expression, *start, "--picture", "search.svg"]) == 0
    assert f">{title}</title>" in Path("search.svg").read_text(encoding="utf-8")
