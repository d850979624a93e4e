"""`wingbeat minimize`."""

import json
from pathlib import Path

import pytest

from wingbeat.cli import main


# MISSION C2
def test_steps_and_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["(x-1)**2 + 0.001", "x=0.2", "--method", "gradient-descent", "--rate", "0.1"]
    assert main(["minimize", *words]) == 0
    out = capsys.readouterr().out
    assert "0.36" in out
    assert out.rstrip().splitlines()[-1].startswith("minimum: ")


def test_other_verdicts_end_in_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["minimize", "x**2 - y**2", "x=0", "y=0", "--method", "bfgs"]) == 1
    assert "saddle: " in capsys.readouterr().out


def test_bounds_vectors_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "run.json"
    words = ["sum(v*v) + x", "v=[1,2]", "x=3", "--bounds", "x=0.5:4", "--json", str(file)]
    assert main(["minimize", *words]) == 0
    data = json.loads(file.read_text(encoding="utf-8"))
    assert data["x"]["x"] == 0.5
    assert data["verdict"]["kind"] == "minimum"
    assert len(data["record"]) > 2
    assert "minimum" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["x*"], "cannot be read"),
        (["x*y", "x=1"], "y has no value"),
        (["x*x", "x=1", "z=2"], "z is not in the expression"),
        (["x*x", "x=1", "x=2"], "given two values"),
        (["x*x", "x=one"], "is no value"),
        (["x*x", "3"], "is not a value"),
        (["3+4"], "no input"),
        (["x*x", "x=[1,2]"], "must return a scalar"),
        (["x*x", "x=1", "--method", "magic"], "no method 'magic'"),
        (["x*x", "x=1", "--method", "bfgs", "--rate", "1"], "no option 'rate'"),
        (["x*x", "x=1", "--rate", "fast"], "--rate is a number"),
        (["x*x", "x=1", "--steps", "0"], "--steps is a whole number"),
        (["x*x", "x=1", "--rows", "-3"], "--rows"),
        (["x*x", "x=1", "--bounds", "x=3"], "NAME=LOW:HIGH"),
        (["x*x", "x=1", "--bounds", "y=0:1"], "inputs: x"),
        (["x*x", "x=1", "--bounds", "x=2:1"], "bounds cross"),
        (["x*x", "x=nan"], "not finite"),
        (["x*x", "x=1", "--json", "{here}/file/run.json"], "file"),
        (["__import__('os')"], "no meaning here"),
        (["x*x", "x=1", "--json", "{here}/new/run.json"], "there is no folder"),
        (["x*x", "x=1", "--picture", "{here}/new/run.svg"], "there is no folder"),
        (["log(x)", "x=-1", "--picture", "{here}/run.svg"], "f is nan at the start"),
        (["exp(x)", "x=800", "--picture", "{here}/run.svg"], "f is inf at the start"),
        (["-x*x", "x=1", "--tolerance", "-1e-3"], "tolerance is a positive number"),
        (["x*x", "x=1", "-rate", "1"], "'-rate' is not a value"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    words = [w.replace("{here}", str(tmp_path)) for w in words]
    assert main(["minimize", *words]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.startswith("wingbeat: ")
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert [f.name for f in tmp_path.iterdir()] == ["file"]  # no folder is made, no file begun


# A formula may begin with a minus, wherever it stands.
@pytest.mark.parametrize("formula", ["-x*x", "-x * x", "-(x*x)", "-2*x*x", "-.5*x*x"])
def test_a_formula_that_begins_with_a_minus(
    formula: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["minimize", formula, "x=1", "--bounds", "x=-2:3"]) == 0
    assert "x = 3" in capsys.readouterr().out
    assert main(["minimize", "--rows", "5", formula, "x=0", "--method", "bfgs"]) == 1
    assert "maximum: " in capsys.readouterr().out
    assert main(["explain", formula, "x=3", "--formula", "x"]) == 0


def test_the_trust_region_ends_at_a_kink_at_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["minimize", "where(x>0,x,-x)", "x=1"]) == 1
    assert "kink: " in capsys.readouterr().out
