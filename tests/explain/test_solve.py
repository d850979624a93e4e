"""A target value reached by repeated correction."""

import io
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wingbeat as wb
from wingbeat.errors import BadExpression, BadInput
from wingbeat.explain import solve

TEXT = "x=2*w+b; y=b+1; z=x*y"
START = {"w": 3, "b": 4}
# z(b) = (6 + b)(b + 1) = 60 has this positive root.
ROOT = (-7 + math.sqrt(49 + 4 * 54)) / 2


# MISSION C1: the slope kept at 15
def test_slope_kept() -> None:
    found = solve(TEXT, START, "z", 60, "b", keep_slope=True)
    rows = [(float(a.values["b"]), a.result) for a in found.attempts]
    np.testing.assert_allclose(rows[1], [4.66667, 60.4445], rtol=3e-6)
    np.testing.assert_allclose(rows[2], [4.63704, 59.96], rtol=3e-5)
    assert all(float(a.slope["b"]) == 15 for a in found.attempts[:-1] if a.slope)
    assert found.attempts[-1].slope is None
    assert found.reached
    assert abs(found.attempts[-1].error) <= 1e-5 < abs(found.attempts[-2].error)


# MISSION C1: the slope computed again, which is Newton's method
def test_slope_recomputed() -> None:
    found = solve(TEXT, START, "z", 60, ["b"])
    assert len(found.attempts) == 4 < len(solve(TEXT, START, "z", 60, "b", True).attempts)
    np.testing.assert_allclose(found.values["b"], ROOT, rtol=1e-7)
    assert found.verdict.startswith("z = 60 is reached in 3 steps: b = 4.6394")


# MISSION C1: several variables, the shortest step
def test_several_variables() -> None:
    found = solve(TEXT, START, "z", 60, ["b", "w"])
    first = found.attempts[1]
    np.testing.assert_allclose(
        [first.values["b"] - 4, first.values["w"] - 3], np.array([15, 10]) * 10 / 325, rtol=1e-12
    )
    assert found.reached


def test_tensors_and_other_targets() -> None:
    found = solve("s=sum(v*v); z=2*s", {"v": [1.0, 2.0]}, "s", 20, "v")
    assert found.reached
    np.testing.assert_allclose(found.values["v"], [2, 4], rtol=1e-6)


def test_nothing_to_do() -> None:
    found = solve(TEXT, START, "z", 50, "b")
    assert (found.reached, len(found.attempts)) == (True, 1)
    assert "0 steps" in found.verdict


@pytest.mark.parametrize(
    ("text", "start", "goal", "keep", "why", "nearest"),
    [
        ("z=x*x", 1.0, 100, True, "the search diverges, with z = ", "1 (99 missing) at the start"),
        ("z=5-x*x", 1.0, 6, False, "the slope of z is 0 at x = 0, where no",
         "5 (1 missing) at step 1, and every z was below the goal"),
        ("z=x*x", 0.0, 4, False, "the slope of z is 0 at x = 0", "0 (4 missing) at the start"),
        ("z=x*x", 1.0, -1, False, "the slope of z is 0 at x = 0",
         "0 (1 missing) at step 1, and every z was above the goal"),
        ("z=sin(x)", 1.0, 2, False, "no more steps were allowed",
         "0.90929", ),
        ("z=abs(x)", 3.0, -1, False, "the search goes round in circles, back at x = ",
         "1 (2 missing) at step 1, and every z was above the goal"),
        ("z=log(x)", 1.0, -800, False, "z became nan at x = -799", "0 (800 missing) at the start"),
        ("z=sqrt(x)", 0.0, 1, False, "the slope of z is not finite", "0 (1 missing) at the start"),
        ("z=exp(x)", 0.0, -1, False, "the slope of z is 0 at x = -", "every z was above the goal"),
        ("z=floor(x)", 0.5, 3, False, "the slope of z is 0", "0 (3 missing) at the start"),
        ("z=1e20*(x-1)", 1.0, 5000, False, "smaller than the rounding of x = 1",
         "0 (5e+03 missing) at the start"),
        ("z=1e20*x*x", 3.0, 2e20, False, "round in circles", "2e+20 (3.28e+04 missing)"),
    ],
)  # fmt: skip
def test_failures_say_why_and_how_near(
    text: str, start: float, goal: float, keep: bool, why: str, nearest: str
) -> None:
    found = solve(text, {"x": start}, "z", goal, "x", keep_slope=keep, max_steps=60)
    assert not found.reached
    steps = len(found.attempts) - 1
    begin = f"z = {goal:g} was not reached in {steps} step{'s' * (steps != 1)}: "
    assert found.verdict.startswith(begin)
    assert why in found.verdict
    assert nearest in found.verdict.partition("; nearest was z = ")[2]


def test_a_search_that_never_has_a_value() -> None:
    found = solve("z=log(x)", {"x": -1.0}, "z", 1, "x")
    assert found.verdict == "z = 1 was not reached in 0 steps: z became nan at x = -1"


@pytest.mark.parametrize("scale", [1e-200, 1e-7, 1.0, 1e7])
def test_what_counts_as_reached_is_relative_to_small_goals(scale: float) -> None:
    """3e-7 is not 4e-7, though they differ by less than the tolerance."""
    for goal in (4 * scale, -4 * scale, 0.0):
        found = solve("z=s*x", {"s": scale, "x": 3.0}, "z", goal, "x")
        assert found.reached
        assert found.values["x"] == pytest.approx(goal / scale, rel=1e-5, abs=1e-4)
    assert not solve("z=x*x", {"x": 3.0}, "z", -1e-6, "x").reached


def test_a_goal_of_0_that_is_only_approached() -> None:
    found = solve("z=1/x", {"x": 1.0}, "z", 0, "x")
    assert found.verdict == "z = 0 is reached up to 7.63e-06 in 17 steps: x = 131072"
    assert "up to" not in solve("z=x-1", {"x": 5.0}, "z", 0, "x").verdict


def test_steps_are_bounded() -> None:
    found = solve(TEXT, START, "z", 60, "b", keep_slope=True, max_steps=2)
    assert len(found.attempts) == 3
    assert found.verdict == (
        "z = 60 was not reached in 2 steps: no more steps were allowed; "
        "nearest was z = 59.9614 (0.0386 missing) at step 2"
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"target": "q"}, "no statement assigns q"),
        ({"target": "w"}, "no statement assigns w"),
        ({"vary": ["q"]}, "q is no input"),
        ({"vary": ["x"]}, "x is no input"),
        ({"vary": []}, "name the inputs"),
        ({"goal": math.nan}, "not finite"),
        ({"goal": math.inf}, "not finite"),
        ({"tolerance": 0}, "tolerance"),
        ({"max_steps": 0}, "one step"),
        ({"values": {"w": 3}}, "b has no value"),
    ],
)
def test_bad_questions(change: dict[str, object], said: str) -> None:
    question = {"text": TEXT, "values": START, "target": "z", "goal": 60, "vary": ["b"], **change}
    with pytest.raises(BadInput, match=said):
        solve(**question)  # type: ignore[arg-type]


def test_a_target_that_is_no_number() -> None:
    with pytest.raises(BadInput, match="single number"):
        solve("z=2*x", {"x": [1, 2]}, "z", 3, "x")
    with pytest.raises(BadExpression):
        solve("z=2*", {}, "z", 3, "x")


@settings(max_examples=40)
@given(st.floats(0.2, 5), st.floats(-3, 3), st.floats(-20, 20))
def test_newton_reaches_what_can_be_reached(a: float, b: float, goal: float) -> None:
    """z = a x + sinh(x) is strictly increasing, so every goal has one root."""
    found = solve("z=a*x+sinh(x)", {"a": a, "x": b}, "z", goal, "x")
    assert found.reached, found.verdict
    x = float(found.values["x"])
    assert abs(a * x + math.sinh(x) - goal) <= 2e-5


def test_table_says_every_step() -> None:
    text = str(solve(TEXT, START, "z", 60, "b", keep_slope=True))
    assert "4.6666667" in text
    assert "60.444444" in text
    assert text.endswith("z = 60 is reached in 6 steps: b = 4.6394102")
    assert max(map(len, text.splitlines())) <= 80


def test_printing_solutions_with_rich() -> None:
    from rich.console import Console

    console = Console(width=80, record=True, file=io.StringIO())
    console.print(solve(TEXT, START, "z", 60, "b"))
    assert "slope dz/db" in console.export_text()
    assert wb.explain.Solution is type(solve(TEXT, START, "z", 60, "b"))
