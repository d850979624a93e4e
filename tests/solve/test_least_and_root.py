"""Least squares, roots, target values, hill climbing."""

import itertools
from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from tests.solve.problems import PROBLEMS
from wingbeat.errors import BadInput

SQUARES = [p for p in PROBLEMS if p.residuals is not None and p.x0.size <= 12]
# So flat that a gradient of 1e-5 stops early; ends at a saddle, and says that it is no minimum.
HARD = {"Watson, 9 (20)", "Biggs EXP6 (18)"}
LM = "levenberg-marquardt"


@pytest.mark.parametrize("p", SQUARES, ids=lambda p: p.name)
def test_published_problems(p: Any) -> None:
    result = wb.least_squares(p.residuals, p.x0)
    assert p.name in HARD or any(abs(2 * result.value - v) <= 1e-6 + 1e-3 * v for v in p.values), (
        result.value
    )
    honest = {"flat valley", "noise floor", "undecided"} | {*p.kinds}
    if p.name in HARD:  # where the search ends is no minimum; rounding decides what it is
        honest = honest - {"minimum"} | {"saddle"}
    assert result.verdict.kind in honest, result.verdict
    assert result.counts.jacobians <= 350


def test_a_fit_by_hand() -> None:
    """The line through (0, 1), (1, 3), (2, 4): slope 3/2, intercept 7/6."""
    t, y = np.arange(3.0), np.array([1.0, 3.0, 4.0])
    for method in (LM, "gauss-newton"):
        found = wb.least_squares(lambda p: p[0] + p[1] * t - y, np.zeros(2), method)
        np.testing.assert_allclose(found.x, [7 / 6, 3 / 2], atol=1e-5)
        assert found.verdict.is_minimum
        assert 2 * found.value == pytest.approx(1 / 6)
    gauss = wb.least_squares(lambda p: p[0] + p[1] * t - y, np.zeros(2), "gauss-newton")
    assert len(gauss.steps) == 2  # linear residuals: one step


def test_residuals_may_be_a_tree() -> None:
    found = wb.least_squares(lambda p: {"a": p["x"] - 1.0, "b": (p["x"] - 3.0,)}, {"x": 0.0})
    assert found.x["x"] == pytest.approx(2.0)
    assert found.verdict.evidence["norm of the residuals"] == pytest.approx(np.sqrt(2))


def test_a_parameter_that_nothing_depends_on() -> None:
    found = wb.least_squares(lambda p: p[0] + 0.0 * p[1] - 1.0, np.zeros(2))
    assert found.verdict.kind == "flat valley"


# --- roots ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [LM, "gauss-newton"])
def test_roots(method: str) -> None:
    found = wb.root(lambda x: x**2 - 2.0, 1.0, method)
    assert found.reached
    assert found.x == pytest.approx(np.sqrt(2), rel=1e-10)
    system = wb.root(
        lambda x: wb.stack([x[0] ** 2 + x[1] ** 2 - 4.0, wb.exp(x[0]) + x[1] - 1.0]),
        np.array([1.0, -1.7]),
        method,
    )
    np.testing.assert_allclose(system.x, [1.00416874, -1.72963729], rtol=1e-8)


def test_no_root_is_said() -> None:
    found = wb.root(lambda x: x**2 + 2.0, 1.0)
    assert not found.reached
    assert "no small change" in found.sentence
    assert found.evidence["largest residual"] == pytest.approx(2.0)


def test_a_double_root_is_told() -> None:
    found = wb.root(lambda x: x**2, 1.0)
    assert found.reached
    assert abs(float(found.x)) <= 1e-5


@pytest.mark.parametrize("method", [LM, "gauss-newton"])
@pytest.mark.parametrize(
    "f",
    [
        wb.exp,
        lambda x: wb.log(1.0 + wb.exp(x)),
        lambda x: 1.0 / x,
        lambda x: wb.exp(-(x**2)),
        lambda x: wb.exp(100.0 * x),
        lambda x: 1e-12 * (x**2 + 1.0),
    ],
    ids=["exp", "softplus", "1/x", "gauss", "steep exp", "small"],
)
def test_what_only_comes_near_0_has_no_root(f: Any, method: str) -> None:
    found = wb.root(f, 0.5, method)
    assert not found.reached
    assert found.sentence.startswith("no root")
    assert len(found.record) < 500


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1.0, 1e10])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_root_is_one_in_any_units_and_as_near_as_the_dtype_can_tell(
    scale: float, dtype: Any
) -> None:
    found = wb.root(lambda x: scale * (x**2 - 2.0), dtype(1.0))
    assert found.reached, found
    assert float(found.x) == pytest.approx(np.sqrt(2), rel=2 * float(np.finfo(dtype).eps))


@pytest.mark.parametrize("order", [1, 2, 3, 5, 9])
def test_roots_of_any_order(order: int) -> None:
    found = wb.root(lambda x: (x - 1.0) ** order, 2.0)
    assert found.reached, found
    assert found.evidence["largest residual"] <= 1e-10


def test_the_tolerance_of_a_root_is_kept() -> None:
    """A looser one ends earlier; none is met by a residual above it."""
    loose, tight = (wb.root(lambda x: x**4, 1.0, tolerance=t) for t in (1e-3, 1e-12))
    assert loose.reached
    assert tight.reached
    assert len(loose.record) < len(tight.record)
    assert tight.evidence["largest residual"] <= 1e-12
    assert not wb.root(lambda x: x**4, 1.0, tolerance=1e-12, steps=5).reached


# --- a target value: MISSION C1 -------------------------------------------------------------------


def z(b: Any) -> Any:
    return (6.0 + b) * (b + 1.0)


# MISSION C1: b alone, the slope kept at 15
def test_slope_kept() -> None:
    found = wb.reach(z, 4.0, 60.0, keep_slope=True)
    rows = [(c.x[0], c.result) for c in found.corrections]
    np.testing.assert_allclose(rows[1], [4.66667, 60.4445], rtol=3e-6)
    np.testing.assert_allclose(rows[2], [4.63704, 59.96], rtol=3e-5)
    assert found.reached
    assert abs(found.corrections[-1].error) <= 1e-5


# MISSION C1: recomputed; and several variables at once
def test_slope_recomputed_and_several_variables() -> None:
    found = wb.reach(z, 4.0, 60.0)
    assert len(found.corrections) == 4
    both = wb.reach(lambda p: (2 * p["w"] + p["b"]) * (p["b"] + 1), {"w": 3.0, "b": 4.0}, 60.0)
    first = both.corrections[1].x - both.corrections[0].x
    np.testing.assert_allclose(first, np.array([10, 15]) * 10 / 325, rtol=1e-12)
    assert both.reached
    assert both.x["b"] > 4.0


def test_a_goal_that_is_out_of_reach() -> None:
    found = wb.reach(lambda x: 5.0 - x * x, 1.0, 6.0)
    assert not found.reached
    assert "the slope of f is 0" in found.verdict
    with pytest.raises(BadInput, match="not finite"):
        wb.reach(z, 4.0, np.inf)


@pytest.mark.parametrize("goal", [None, "60", True, [60.0]])
def test_a_goal_that_is_no_number(goal: Any) -> None:
    with pytest.raises(BadInput, match="the target f is a number"):
        wb.reach(z, 4.0, goal)


# --- hill climbing: MISSION C6 --------------------------------------------------------------------


@pytest.mark.parametrize("first", [False, True])
def test_bit_strings(first: bool) -> None:
    """The bits that match a pattern: one hill, so the top is the pattern from anywhere."""
    pattern = np.array([1, 0, 1, 1, 0, 0, 1])
    for bits in itertools.islice(itertools.product((0, 1), repeat=7), 0, 128, 9):
        found = wb.hill_climb(lambda x: float(np.sum(x == pattern)), np.array(bits), first=first)
        np.testing.assert_array_equal(found.x, pattern)
        assert found.verdict.kind == "maximum"
        assert len(found.record) == found.counts.values
        heights = [s.value for s in found.steps]
        assert heights == sorted(set(heights))


def test_a_lower_hill_is_a_maximum_among_its_neighbours_only() -> None:
    def trap(x: Any) -> float:
        return 10.0 if x.sum() == 4 else -float(x.sum())

    found = wb.hill_climb(trap, np.array([0, 1, 0, 0]))
    assert found.x.sum() == 0
    assert found.verdict.kind == "maximum"
    assert "elsewhere" in found.verdict.sentence


def test_plateaus_other_neighbours_and_bad_starts() -> None:
    assert wb.hill_climb(lambda x: 0.0, np.zeros(3, int)).verdict.kind == "flat valley"
    found = wb.hill_climb(
        lambda x: -float((x[0] - 7) ** 2), np.array([0]), lambda x: [x - 1, x + 1]
    )
    assert found.x[0] == 7
    short = wb.hill_climb(lambda x: float(x.sum()), np.zeros(9, int), steps=2)
    assert short.verdict.kind == "not finished"
    with pytest.raises(BadInput, match="0 and 1"):
        wb.hill_climb(lambda x: 0.0, np.array([2]))
    with pytest.raises(BadInput, match="NaN"):
        wb.hill_climb(lambda x: np.nan, np.array([1]))
    with pytest.raises(BadInput, match="steps"):
        wb.hill_climb(lambda x: 0.0, np.array([1]), steps=0)
    for height in (lambda x: None, lambda x: "high", lambda x: x):
        with pytest.raises(BadInput, match="f returns the height, a number"):
            wb.hill_climb(height, np.array([0, 1]))
