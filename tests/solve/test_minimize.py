"""Minimisers: the numbers of texts."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wingbeat as wb
from tests.solve.functions import quadratic

SECOND_ORDER = ["newton", "saddle-free-newton", "newton-cg", "trust-exact", "trust-cg"]


# MISSION C2: y = (x-1)^2 + 0.001 from 0.2 with rate 0.1
def test_a_step_against_the_slope() -> None:
    def y(x: Any) -> Any:
        return (x - 1.0) ** 2 + 0.001

    result = wb.minimize(y, 0.2, "gradient-descent", rate=0.1)
    np.testing.assert_allclose(result.path[:2].ravel(), [0.2, 0.36], rtol=1e-15)
    assert float(wb.grad(y)(0.1)) == pytest.approx(-1.8)
    assert float(wb.grad(y)(1.5)) == pytest.approx(1.0)
    # Down on both sides of the minimum.
    for start in (0.1, 1.5):
        values = [s.value for s in wb.minimize(y, start, "gradient-descent", rate=0.1).steps]
        assert values == sorted(values, reverse=True)
    assert result.verdict.is_minimum
    assert result.x == pytest.approx(1.0, abs=1e-5)


# MISSION C3: rates on a quadratic with the eigenvalues 1 and 10
def test_rates_too_small_right_and_too_large() -> None:
    f, _ = quadratic([1.0, 10.0])
    x0 = np.array([1.0, 2.0])
    counts: dict[float, int] = {}
    for rate in (0.01, 2 / 11):
        result = wb.minimize(f, x0, "gradient-descent", rate=rate, steps=5000)
        assert result.verdict.is_minimum
        counts[rate] = len(result.steps)
    assert counts[2 / 11] < counts[0.01] / 5
    wild = wb.minimize(f, x0, "gradient-descent", rate=0.21, steps=300)
    assert wild.verdict.kind == "not finished"
    assert "the rate 0.21 is too large" in wild.verdict.sentence
    assert wild.value > wild.record[0].value
    fine = wb.minimize(f, x0, "gradient-descent", rate=0.19, steps=300)
    assert fine.value < fine.record[0].value


# MISSION C3: schedules, and a search over several rates
def test_schedules_and_several_rates() -> None:
    def half(step: int) -> float:
        return 0.1 * 0.5**step

    result = wb.minimize(lambda x: x * x, 1.0, "gradient-descent", rate=half, steps=3)
    np.testing.assert_allclose(result.path.ravel(), np.cumprod([1.0, 0.8, 0.9, 0.95]))
    schedule = wb.optim.Cosine(0.1, 50)
    assert wb.minimize(lambda x: x * x, 1.0, "adam", rate=schedule, steps=50).value < 1e-2
    f, _ = quadratic([1.0, 10.0])
    x0 = np.array([1.0, 2.0])
    found = wb.minimize(f, x0, "gradient-descent", line="several")
    assert found.verdict.is_minimum
    first = [s for s in found.record if s.number == 1]
    assert len(first) == 9
    assert min(s.value for s in first) == next(s.value for s in first if s.accepted)


# MISSION D4: the best step g'g / g'Hg
def test_the_exact_step_on_a_quadratic() -> None:
    f, a = quadratic([1.0, 3.0, 10.0])
    x0 = np.array([1.0, -2.0, 0.5])
    result = wb.minimize(f, x0, "gradient-descent", line="exact")
    g = a @ x0
    assert result.record[1].length == pytest.approx(g @ g / (g @ a @ g), rel=1e-12)
    assert all(s.accepted for s in result.record[: len(result.steps)])  # each found in one try
    assert result.verdict.is_minimum


# MISSION D4: in the worst case 1/lambda_max, along the steepest eigenvector
def test_the_best_step_along_the_steepest_eigenvector() -> None:
    f, a = quadratic([1.0, 10.0])
    top = np.linalg.eigh(a)[1][:, 1]
    result = wb.minimize(f, top, "gradient-descent", line="exact")
    assert result.record[1].length == pytest.approx(0.1, rel=1e-10)


# MISSION D3: f(x-eg) = f - e g'g + e^2/2 g'Hg, exactly on a quadratic; when a step goes up
def test_predicted_against_actual_change() -> None:
    f, a = quadratic([1.0, 10.0])
    x0 = np.array([1.0, 1.0])
    g = a @ x0
    for rate in (0.05, 1.0):
        step = wb.minimize(f, x0, "gradient-descent", rate=rate, steps=1).record[1]
        expected = rate * g @ g - rate**2 * (g @ a @ g) / 2
        assert step.predicted == pytest.approx(expected, rel=1e-10)
        assert step.actual == pytest.approx(expected, rel=1e-10)
        up = rate > 2 * (g @ g) / (g @ a @ g)
        assert (
            ("the model goes up" in step.reason)
            == up
            == (step.actual is not None and step.actual < 0)
        )


# MISSION D6: kappa 5 and 1e4, and what they do to gradient descent
def test_condition_numbers() -> None:
    steps: list[int] = []
    for kappa in (5.0, 1e4):
        f, _ = quadratic([1.0, kappa])
        x0 = np.linalg.eigh(quadratic([1.0, kappa])[1])[1] @ [kappa, 1.0]  # the worst start
        result = wb.minimize(f, x0, "gradient-descent", line="exact", steps=200)
        assert wb.minimize(f, x0).verdict.evidence["condition number"] == pytest.approx(kappa)
        steps.append(len(result.steps))
        # Kantorovich: per step f falls by ((kappa-1)/(kappa+1))^2, no more from this start.
        rate = ((kappa - 1) / (kappa + 1)) ** 2
        assert result.record[1].value / result.record[0].value == pytest.approx(rate, rel=1e-6)
    assert steps[0] < 60
    assert steps[1] == 201


# MISSION D7: one Newton step on a positive definite quadratic
@settings(max_examples=20)
@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=5))
def test_newton_needs_one_step_on_a_quadratic(eigenvalues: list[float]) -> None:
    f, _ = quadratic(eigenvalues)
    result = wb.minimize(f, np.ones(len(eigenvalues)), "newton")
    assert len(result.steps) == 2
    assert result.verdict.is_minimum


# MISSION D7: attracted by saddles, and that is said; ways out
def test_newton_goes_to_the_saddle() -> None:
    def f(x: Any) -> Any:
        return x[0] ** 2 - x[1] ** 2

    result = wb.minimize(f, np.array([1.0, 0.5]), "newton")
    np.testing.assert_allclose(result.x, [0.0, 0.0], atol=1e-12)
    assert "a saddle or a maximum attracts" in result.record[1].reason
    assert result.verdict.kind == "saddle"


@pytest.mark.parametrize("method", ["saddle-free-newton", "trust-exact", "trust-cg"])
def test_ways_out_of_a_saddle(method: str) -> None:
    def f(x: Any) -> Any:
        return x[0] ** 2 - x[1] ** 2 + x[1] ** 4 / 4

    result = wb.minimize(f, np.array([1.0, 0.0]), method)
    assert result.verdict.is_minimum
    assert abs(result.x[1]) == pytest.approx(np.sqrt(2), rel=1e-6)
    if method == "saddle-free-newton":
        assert any("off a saddle" in s.reason for s in result.record)


# MISSION C4: adaptive rates, compared on one surface
def test_momentum_and_adam_against_plain_descent() -> None:
    f, _ = quadratic([1.0, 100.0])
    x0 = np.array([1.0, 1.0])
    counts = {
        method: len(wb.minimize(f, x0, method, rate=rate, steps=5000).steps)
        for method, rate in (
            ("gradient-descent", 0.01), ("momentum", 0.01), ("nesterov", 0.01), ("adam", 0.05)
        )
    }  # fmt: skip
    assert max(counts["momentum"], counts["nesterov"]) < counts["gradient-descent"] / 2
    assert all(n < 5000 for n in counts.values())


def test_adam_by_hand() -> None:
    """The first step is the rate, against the sign; the second by the formulas."""
    result = wb.minimize(lambda x: x * x, 3.0, "adam", rate=0.1, steps=2)
    first, second = result.path[1, 0], result.path[2, 0]
    assert first == pytest.approx(2.9, rel=1e-9)
    mean = (0.9 * 0.1 * 6 + 0.1 * 5.8) / (1 - 0.81)
    square = (0.999 * 0.001 * 36 + 0.001 * 5.8**2) / (1 - 0.999**2)
    assert second == pytest.approx(first - 0.1 * mean / np.sqrt(square), rel=1e-8)


def test_heavy_ball_and_nesterov_by_hand() -> None:
    """On x^2 from 1 with rate 0.1, keeping half: velocity -2, then -2.6."""
    ball = wb.minimize(lambda x: x * x, 1.0, "momentum", rate=0.1, momentum=0.5, steps=2)
    np.testing.assert_allclose(ball.path.ravel(), [1.0, 0.8, 0.8 + 0.1 * (-1.0 - 1.6)])
    ahead = wb.minimize(lambda x: x * x, 1.0, "nesterov", rate=0.1, momentum=0.5, steps=1)
    np.testing.assert_allclose(ahead.path.ravel(), [1.0, 1.0 + 0.1 * (0.5 * -2.0 - 2.0)])
