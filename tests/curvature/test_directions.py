"""Slopes and second derivatives along a direction; steps against their second-order model."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wingbeat as wb
from tests.curvature.functions import rosenbrock, with_eigenvalues
from wingbeat import curvature as c
from wingbeat.errors import BadInput, TypeMismatch


def quadratic(a: Any) -> Any:
    return lambda x: x @ a @ x / 2


# MISSION D2
@given(st.integers(1, 10), st.integers(0, 99), st.sampled_from([0, 200]))
def test_the_second_derivative_is_the_weighted_mean_of_eigenvalues(
    n: int, seed: int, dense: int
) -> None:
    rng = np.random.default_rng(seed)
    a, d = with_eigenvalues(rng.normal(size=n), seed), rng.normal(size=n)
    m = c.mixture(a, d, dense=dense)
    assert m.second == pytest.approx(d @ a @ d / (d @ d), abs=1e-12)
    assert m.mean == pytest.approx(m.second, abs=1e-12)
    assert m.weights.sum() == pytest.approx(1.0)
    assert (m.weights >= 0).all()
    values = np.linalg.eigvalsh(a)
    assert values[0] - 1e-12 <= m.second <= values[-1] + 1e-12


# MISSION D2
def test_along_an_eigenvector_it_is_the_eigenvalue() -> None:
    a = with_eigenvalues([1.0, 5.0, 7.0])
    v = np.linalg.eigh(a)[1][:, 1]
    assert c.along(quadratic(a), np.zeros(3), v)[1] == pytest.approx(5.0)


# MISSION C5
@given(st.integers(0, 99))
def test_no_direction_is_steeper_than_the_gradient(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, u = rng.normal(size=(2, 4))
    g = wb.grad(rosenbrock)(x).numpy()
    slope, _ = c.along(rosenbrock, x, u)
    assert slope == pytest.approx(u @ g / np.linalg.norm(u), rel=1e-9, abs=1e-9)
    steepest, _ = c.along(rosenbrock, x, -g)
    assert steepest == pytest.approx(-np.linalg.norm(g))
    assert steepest <= slope + 1e-9


# MISSION D3
@given(st.integers(0, 99), st.floats(-1.0, 1.0))
def test_the_model_of_a_quadratic_is_exact(seed: int, rate: float) -> None:
    rng = np.random.default_rng(seed)
    a, x = with_eigenvalues(rng.normal(size=4), seed), rng.normal(size=4)
    s = c.step(quadratic(a), x, rate)
    g = a @ x
    assert s.predicted == pytest.approx(-rate * g @ g + rate**2 / 2 * g @ a @ g, abs=1e-9)
    assert s.actual == pytest.approx(s.predicted, abs=1e-9)


# MISSION D3
def test_a_step_that_goes_up() -> None:
    """x^2 at 1: f(1 - 2e) - 1 = -4e + 4e^2, which is above 0 from e = 1 on."""
    f = lambda x: x**2  # noqa: E731
    assert not c.step(f, 1.0, 0.9).goes_up
    s = c.step(f, 1.0, 1.5)
    assert (s.slope, s.curvature, s.linear, s.predicted, s.actual) == (-4.0, 8.0, -6.0, 3.0, 3.0)
    assert s.goes_up
    assert "goes up" in str(s)


# MISSION D3
def test_the_model_fails_as_the_third_power_of_the_rate() -> None:
    x = np.array([-1.2, 1.0])
    d = np.array([1.0, 0.5])
    gaps = [
        abs(s.actual - s.predicted) for s in (c.step(rosenbrock, x, e, d) for e in (0.02, 0.01))
    ]
    assert gaps[0] / gaps[1] == pytest.approx(8.0, rel=0.05)


# MISSION D4
@given(st.integers(0, 99))
def test_no_rate_is_better_than_the_best(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, x = with_eigenvalues(np.exp(rng.normal(size=5)), seed), rng.normal(size=5)
    f, g = quadratic(a), a @ x
    rates = c.best_step(f, x)
    assert rates.best == pytest.approx(g @ g / (g @ a @ g))
    assert rates.worst_case == pytest.approx(1.0 / np.linalg.eigvalsh(a)[-1])
    assert rates.best >= rates.worst_case * (1 - 1e-12)
    best = f(x - rates.best * g)
    assert all(f(x - r * rates.best * g) >= best for r in (0.9, 0.99, 1.01, 1.1))


# MISSION D4
def test_the_worst_case_is_met_along_the_steepest_eigenvector() -> None:
    rates = c.best_step(lambda x: x[0] ** 2 + 4.0 * x[1] ** 2, np.array([0.0, 1.0]))
    assert rates == c.Rates(0.125, 0.125)


def test_without_upward_curvature_there_is_no_best_rate() -> None:
    assert c.best_step(lambda x: -(x**2), 1.0) == c.Rates(math.inf, math.inf)
    assert c.best_step(lambda x: x**2, 0.0).best == 0.0


def test_trees() -> None:
    f = lambda p: p["a"] ** 2 + 3.0 * p["b"].sum()  # noqa: E731
    s = c.step(f, {"a": 1.0, "b": np.ones(2)}, 0.5, {"a": 1.0, "b": np.zeros(2)})
    assert (s.slope, s.curvature, s.actual) == (2.0, 2.0, 1.25)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: c.mixture(np.eye(2), np.zeros(2)), BadInput, "zero"),
        (lambda: c.mixture(np.eye(2), np.array([np.nan, 1.0])), BadInput, "not finite"),
        (lambda: c.along(rosenbrock, np.ones(2), np.ones(3)), TypeMismatch, "2 numbers"),
        (lambda: c.step(lambda x: 1.0 / x, 0.0, 0.1), BadInput, "step: f is inf"),
        (lambda: c.step(lambda x: x, np.ones(2), 0.1), TypeMismatch, "scalar"),
        (lambda: c.step(rosenbrock, np.ones(2), "fast"), BadInput, "rate"),  # type: ignore[arg-type]
        (lambda: c.best_step("f", np.ones(2)), TypeMismatch, "function"),  # type: ignore[arg-type]
    ],
)
def test_bad_input(call: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        call()
