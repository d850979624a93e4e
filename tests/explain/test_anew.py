"""What is said to be computed anew is what the function returns there."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wingbeat as wb
from wingbeat.errors import GradientCut, NotSupported
from wingbeat.explain import Explanation

Function = Callable[..., Any]


def branching(x: Any) -> Any:
    return x * x if x > 0 else -x


def clipped(x: Any) -> Any:
    return 2 * max(x, 0.0) + x


def rounded(x: Any) -> Any:
    return int(x) * x


def measured(x: Any) -> Any:
    return x.item() * 2 * x


def captured(x: Any) -> Any:
    return wb.sin(x) * x + 1


def words(explanation: Explanation) -> str:
    return " ".join(explanation.text().split())


@pytest.mark.parametrize("f", [branching, clipped, rounded, measured, captured])
@settings(max_examples=20, deadline=None)
@given(x=st.floats(-3, 3), move=st.floats(-3, 3))
def test_a_moved_argument_gives_what_the_function_returns(
    f: Function, x: float, move: float
) -> None:
    moved = wb.explain(f)(x).what_if(x=move)
    assert moved.called
    there = f(wb.asarray(x + move))
    assert moved.after == pytest.approx(float(there), rel=1e-12, abs=1e-12)
    assert moved.actual == moved.after - moved.before


def test_the_other_branch_by_hand() -> None:
    moved = wb.explain(branching)(-0.05).what_if(x=1.0)
    assert moved.after == pytest.approx(0.9025, rel=1e-12)
    assert moved.actual == pytest.approx(0.8525, rel=1e-12)
    assert moved.recorded == pytest.approx(-0.95, rel=1e-12)  # along the branch that was taken


@pytest.mark.parametrize(
    ("f", "x", "operation"),
    [(branching, 0.0, "greater"), (clipped, 0.0, "less"), (rounded, 1.0, "cast")],
)
def test_branches_are_told_as_by_grad(f: Function, x: float, operation: str) -> None:
    with pytest.warns(wb.KinkWarning) as caught:
        wb.grad(f, kinks="warn")(x)
    (note,) = wb.explain(f)(x).model.kinks
    assert str(caught[0].message).split("\n")[0] in note
    assert f"{operation} may have no derivative" in note
    assert f"x = {x:g}" in note
    assert "Python 所走的分支" in note.zh  # type: ignore[attr-defined]


@pytest.mark.parametrize("f", [branching, clipped, rounded])
def test_away_from_the_seam_nothing_is_told(f: Function) -> None:
    assert wb.explain(f)(0.3).model.kinks == ()


def test_the_text_at_a_seam() -> None:
    text = words(wb.explain(branching)(0.0))
    assert "Computed anew, branching = 0.01; the 0.11 between them" in text
    assert "exactly" not in text


def test_a_number_taken_out_warns_and_is_computed_again() -> None:
    with pytest.warns(GradientCut, match=r"float\(\)"):
        e = wb.explain(lambda x: float(x) * 2 * x)(3.0)
    text = words(e)
    assert "Computed anew, result = 19.22" in text  # 2 * 3.1 * 3.1
    assert "does not take the same steps there" in text


def test_only_what_is_asked_for_warns() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wb.explain(lambda x, y: float(x) * y, wrt="y")(3.0, 4.0)
    with pytest.warns(GradientCut):
        wb.explain(lambda x, y: float(x) * y, wrt="x")(3.0, 4.0)


def stepped(x: Any) -> Any:
    y = 2 * x
    return y * y if y > 0 else -y


def test_a_step_moves_in_what_was_recorded() -> None:
    e = wb.explain(stepped, wrt=["x", "y"])(1.0)
    moved = e.what_if(y=0.5)
    assert not moved.called
    assert moved.after == 6.25
    assert "By the recorded steps, stepped = 4.41" in words(e)
    with pytest.raises(NotSupported, match=r"Python decides otherwise in test_anew\.py"):
        e.what_if(y=-3.0)
    assert e.what_if(x=-3.0).after == 4.0


def test_what_fails_there_is_told() -> None:
    def picky(x: Any) -> Any:
        if x > 1:
            raise ValueError("too large")
        return x * x

    e = wb.explain(picky)(1.0)
    with pytest.raises(ValueError, match="too large"):
        e.what_if(x=0.1)
    assert "picky could not be computed: ValueError: too large" in words(e)


def test_trees_and_arrays_are_given_again() -> None:
    def f(p: dict[str, Any], rows: list[Any], *, scale: float) -> Any:
        return scale * wb.sum(p["w"] * rows[0]) if wb.sum(p["w"]) > 0 else p["b"]

    w, x = np.array([1.0, 2.0]), np.array([3.0, 5.0])
    e = wb.explain(f)({"w": w, "b": 7.0}, [x], scale=2.0)
    w += 100.0  # what is given later counts for nothing
    moved = e.what_if(**{"p.w": 1.0})
    assert moved.before == 26.0
    assert moved.after == 42.0  # 2 * (2*3 + 3*5)
    assert e.what_if(**{"p.w": -2.0, "p.b": 1.0}).after == 8.0


def test_another_shape_there_is_refused() -> None:
    e = wb.explain(lambda x: x * 2 if x > 0 else wb.ones(3))(1.0)
    with pytest.raises(NotSupported, match=r"returned f\d\d\[3\]"):
        e.what_if(x=-2.0)


def test_a_plain_number_there_is_a_result() -> None:
    e = wb.explain(lambda x: x * 2 if x > 0 else 0.0)(1.0)
    assert e.what_if(x=-2.0).after == 0.0


def test_an_expression_is_evaluated() -> None:
    moved = wb.explain("y=where(x>0, x*x, -x)", x=-0.05).what_if(x=1.0)
    assert moved.after == pytest.approx(0.9025)
    assert not moved.called
    assert math.isclose(moved.after, moved.recorded)


def test_modules_and_unevaluated_tensors_are_given_again() -> None:
    model = wb.nn.Linear(2, 1)
    x = wb.asarray(np.ones((3, 2), "float32")) * 2

    def f(model: Any, x: Any) -> Any:
        return wb.sum(model(x) ** 2)

    moved = wb.explain(f)(model, x).what_if(**{"model.bias": 0.5, "x": 0.25})
    weight, bias = (np.asarray(t.numpy(), "float64") for t in (model.weight, model.bias))
    by_hand = 3 * ((np.full(2, 2.25) @ weight.T + bias + 0.5) ** 2).sum()
    assert moved.called
    assert moved.after == pytest.approx(by_hand, rel=1e-5)
    assert moved.recorded == pytest.approx(by_hand, rel=1e-5)
