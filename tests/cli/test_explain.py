"""`wingbeat explain`, from its words to its exit status."""

import os
from pathlib import Path

import pytest

from wingbeat.cli import main

TEXT = "x=2*w+b; y=b+1; z=x*y"
WORKED = ["explain", TEXT, "w=3", "b=4"]
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def out(capsys: Captured, *words: str) -> str:
    assert main(words) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def fails(capsys: Captured, *words: str, status: int = 2) -> str:
    assert main(words) == status
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    assert captured.err.startswith("wingbeat")
    return captured.err


# MISSION A1 A2 A3 A4
def test_explains(capsys: Captured) -> None:
    text = out(capsys, *WORKED, "--wrt", "b")
    assert "Why dz/db = 15" in text
    assert "dz/dw" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_words_in_any_order(capsys: Captured) -> None:
    assert out(capsys, "explain", "--wrt", "b", TEXT, "w=3", "b=4") == out(
        capsys, "explain", TEXT, "w=3", "--wrt", "b", "b=4"
    )


def test_forms(capsys: Captured, tmp_path: Path) -> None:
    assert out(capsys, *WORKED, "--latex").startswith("\\[\n\\begin{aligned}\nw &= 3")
    assert out(capsys, *WORKED, "--mermaid").startswith("flowchart LR")
    file = tmp_path / "z.html"
    assert out(capsys, *WORKED, "--html", str(file)) == f"wrote {file}\n"
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "t1" in out(capsys, *WORKED, "--all-steps")
    page = file.read_text(encoding="utf-8")
    assert 'lang="en"' in page
    out(capsys, *WORKED, "--html", str(file), "--language", "zh")
    assert '<html lang="zh-CN">' in file.read_text(encoding="utf-8")


# MISSION A2 A3: as on a blackboard
def test_steps(capsys: Captured) -> None:
    text = out(capsys, *WORKED, "--steps")
    assert "5. z = x*y = 10*5 = 50" in text
    assert "dz/db = dz/dx * dx/db + dz/dy * dy/db = 5 * 1 + 10 * 1 = 15" in text


# MISSION A6, E5, B5
def test_modes_cost_and_matrix(capsys: Captured) -> None:
    assert "every path" in out(capsys, *WORKED, "--modes")
    assert "backward pass" in out(capsys, *WORKED, "--cost")
    words = ("explain", "H=sigmoid(X@W); L=sum(H)", "X=[[1,2]]", "W=[[1],[2]]", "--matrix")
    assert "dL/dW = X' @ (dH*H*(1 - H))" in out(capsys, *words)


def test_sympy(capsys: Captured) -> None:
    pytest.importorskip("sympy")
    assert out(capsys, *WORKED, "--sympy", "b") == "2*b + 2*w + 1\n"


# MISSION A7
@pytest.mark.parametrize(
    ("names", "formula"),
    [("b", "dz/db = x + y"), ("b,b", "d2z/db2 = 2"), ("w,b", "d2z/dwdb = 2")],
)
def test_formulas(capsys: Captured, names: str, formula: str) -> None:
    assert out(capsys, *WORKED, "--formula", names) == f"{formula}\n"


# MISSION A5
def test_nudge(capsys: Captured) -> None:
    assert "actual z = 50.5" in out(capsys, *WORKED, "--nudge", "x=0.1")
    assert "actual z = 51 " in out(capsys, *WORKED, "--nudge", "y=0.1")
    both = out(capsys, *WORKED, "--nudge", "x=1", "--nudge", "y=-1")
    assert "actual z = 44" in both


# MISSION C1
def test_solve(capsys: Captured) -> None:
    kept = out(capsys, *WORKED, "--solve", "z=60", "--vary", "b", "--keep-slope")
    for number in ("4.6666667", "60.444444", "4.637037", "59.961"):
        assert number in kept
    assert kept.endswith("z = 60 is reached in 6 steps: b = 4.6394102\n")
    assert "3 steps" in out(capsys, *WORKED, "--solve", "z=60", "--vary", "b")
    both = out(capsys, *WORKED, "--solve", "z=60", "--vary", "b,w")
    assert "w = 3.29" in both
    assert out(capsys, *WORKED, "--solve", "z=60", "--vary", "b", "--vary", "w") == both
    alone = ("explain", "z=x*x", "x=1", "--solve", "z=4")
    assert out(capsys, *alone) == out(capsys, *alone, "--vary", "x")


# MISSION C1
def test_solve_that_fails_ends_in_1(capsys: Captured) -> None:
    slow = ("--solve", "z=60", "--vary", "b", "--keep-slope", "--max-steps", "1")
    assert "not reached in 1 step: no more steps" in fails(capsys, *WORKED, *slow, status=1)
    high = ("explain", "z=5-x*x", "x=1", "--solve", "z=6", "--vary", "x")
    assert fails(capsys, *high, status=1) == (
        "wingbeat: z = 6 was not reached in 1 step: the slope of z is 0 at x = 0, where no small "
        "change moves it; nearest was z = 5 (1 missing) at step 1, and every z was below the goal\n"
    )
    assert main(high) == 1
    assert "is reached" not in capsys.readouterr().out


def test_tensor_values(capsys: Captured) -> None:
    assert "[2, 4, 6]" in out(capsys, "explain", "z=sum(x*x)", "x=[1, 2, 3]")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "the following arguments are required: expression"),
        ([TEXT], "w, b have no value; add w=... b=..."),
        ([TEXT, "w=3"], "b has no value; add b=..."),
        ([TEXT, "w=3", "b=4", "c=5"], "c is not in the expression"),
        ([TEXT, "w=3", "b=4", "b=5"], "two values"),
        ([TEXT, "w"], "'w' is not a value"),
        ([TEXT, "3=w"], "'3=w' is not a value"),
        ([TEXT, "w=x", "b=4"], "w: 'x' is no value"),
        ([TEXT, "w=3", "b=4", "--wrt", "q"], "nothing is called q"),
        ([TEXT, "w=3", "b=4", "--wrt", ""], "no list of names"),
        ([TEXT, "w=3", "b=4", "--formula", "b,"], "no list of names"),
        ([TEXT, "w=3", "b=4", "--nudge", "q=1"], "nothing is called q"),
        ([TEXT, "w=3", "b=4", "--nudge", "x=[1,2]"], "single number"),
        ([TEXT, "w=3", "b=4", "--latex", "--mermaid"], "not allowed with"),
        ([TEXT, "w=3", "b=4", "--sympy", "q"], "nothing is called q"),
        ([TEXT, "w=3", "b=4", "--language", "zh"], "belongs to --html"),
        ([TEXT, "w=3", "b=4", "--html", "z.html", "--language", "fr"], "invalid choice"),
        ([TEXT, "w=3", "b=4", "--steps", "--modes"], "not allowed with"),
        (["z=sum(x)", "x=[1,2]", "--modes"], "this one has tensors"),
        ([TEXT, "w=3", "b=4", "--zip"], "unrecognized arguments: --zip"),
        ([TEXT, "w=3", "b=4", "--vary", "b"], "belongs to --solve"),
        ([TEXT, "w=3", "b=4", "--keep-slope"], "belongs to --solve"),
        ([TEXT, "w=3", "b=4", "--max-steps", "3"], "belongs to --solve"),
        ([TEXT, "w=3", "b=4", "--solve", "z=60"], "--vary"),
        ([TEXT, "w=3", "b=4", "--solve", "z", "--vary", "b"], "not a goal"),
        ([TEXT, "w=3", "b=4", "--solve", "z=inf", "--vary", "b"], "not finite"),
        ([TEXT, "w=3", "b=4", "--solve", "q=1", "--vary", "b"], "no statement assigns q"),
        ([TEXT, "w=3", "b=4", "--solve", "z=1", "--vary", "y"], "y is no input"),
        ([TEXT, "w=3", "b=4", "--solve", "z=1", "--vary", "b", "--max-steps", "0"], "1 to 100000"),
        ([TEXT, "w=3", "b=4", "--solve", "z=1", "--vary", "b", "--max-steps", "x"], "1 to 100000"),
        ([TEXT, "w=3", "b=4", "--html", "missing/z.html"], "there is no folder missing"),
        (["__import__('os')"], "no meaning"),
        (["z=x.real", "x=1"], "attributes"),
        (["z=sum(x*y)", "x=[1,2]", "y=[1,2,3]"], "do not broadcast"),
        (["z=x*x", "x=[1,2]"], "cotangent"),
        (["z=x<1", "x=2"], "comparison"),
    ],
)
def test_bad_words_end_in_2(capsys: Captured, words: list[str], said: str) -> None:
    assert said in fails(capsys, "explain", *words)


def test_nothing_is_left_behind(
    capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fails(capsys, "explain", "z=q", "x=1", "--html", "z.html")
    fails(capsys, *WORKED, "--html", ".")
    assert os.listdir() == []  # noqa: PTH208


@pytest.mark.parametrize("text", ["-x*x", "-(x*x)", "-sin(x)"])
def test_an_expression_may_begin_with_a_minus(capsys: Captured, text: str) -> None:
    formula = out(capsys, "explain", text, "x=0.5", "--formula", "x")
    assert formula == out(capsys, "explain", f"result={text}", "x=0.5", "--formula", "x")
    assert formula.startswith("dresult/dx = ")
    assert "Why dresult/dx" in out(capsys, "explain", "--wrt", "x", text, "x=0.5")
    error = fails(capsys, "explain", "-x*q(", "x=1")
    assert "\n  -x*q(\n      ^" in error


def test_an_unknown_flag_is_still_unknown(capsys: Captured) -> None:
    assert "--nosuch" in fails(capsys, "explain", "x*x", "x=1", "--nosuch")
