"""Minimisers on the published problems, with bounds and with constraints."""

from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from benchmarks import minimize as benchmark
from tests.solve.functions import FREE, rosenbrock
from tests.solve.problems import PROBLEMS

# --- problems -------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", FREE)
def test_every_method_solves_rosenbrock(method: str) -> None:
    rate = {"momentum": 1e-3, "nesterov": 1e-3, "adam": 0.02}.get(method)
    options: dict[str, Any] = {} if rate is None else {"rate": rate}
    result = wb.minimize(rosenbrock, np.array([-1.2, 1.0]), method, steps=20_000, **options)
    np.testing.assert_allclose(result.x, [1.0, 1.0], atol=1e-3)
    assert result.verdict.is_minimum
    assert result.value == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("method", benchmark.PAIRS)
def test_problems_against_scipy(method: str) -> None:
    """As many solved as SciPy solves, with no more evaluations, and a right verdict on all."""
    rows = benchmark.compare(method)
    ours, theirs, few, many = benchmark.totals(rows)
    assert ours >= theirs
    assert few <= many
    for problem, run, _ in rows:
        assert run.kind in benchmark.right(problem, run), problem.name


def test_a_thousand_variables() -> None:
    p = next(p for p in PROBLEMS if p.x0.size == 1000)
    result = wb.minimize(p.f, p.x0)
    assert result.method == "trust-cg"
    np.testing.assert_allclose(result.x, np.ones(1000), atol=1e-5)
    assert result.verdict.is_minimum


def test_scipys_tutorial_with_constraints() -> None:
    """Its example: Rosenbrock with two inequalities, an equality and bounds, from (0.5, 0)."""
    for method in ("slsqp", "trust-constr"):
        result = wb.minimize(
            rosenbrock,
            np.array([0.5, 0.0]),
            method,
            bounds=(np.array([0.0, -0.5]), np.array([1.0, 2.0])),
            equalities=lambda x: 2 * x[0] + x[1] - 1.0,
            inequalities=lambda x: wb.stack(
                [1 - x[0] - 2 * x[1], 1 - x[0] ** 2 - x[1], 1 - x[0] ** 2 + x[1]]
            ),
        )
        np.testing.assert_allclose(result.x, [0.4149, 0.1701], atol=2e-4)
        assert result.verdict.is_minimum, result.verdict


# --- bounds and constraints -----------------------------------------------------------------------


@pytest.mark.parametrize("method", ["l-bfgs-b", "slsqp", "trust-constr"])
def test_a_bound_that_holds(method: str) -> None:
    result = wb.minimize(
        rosenbrock, np.array([-1.2, 1.0]), method, bounds=(-np.inf, np.array([0.5, np.inf]))
    )
    np.testing.assert_allclose(result.x, [0.5, 0.25], atol=1e-3)
    assert result.verdict.is_minimum, result.verdict
    if method != "trust-constr":  # an interior point: within, not on
        assert all(s.x[0] <= 0.5 for s in result.record if not s.reason.startswith("for the"))


def test_all_variables_at_bounds() -> None:
    result = wb.minimize(lambda x: wb.sum(x), np.array([0.5, 0.5]), bounds=(0.0, 1.0))
    np.testing.assert_array_equal(result.x, [0.0, 0.0])
    assert result.verdict.is_minimum
    assert "no variable is free" in result.verdict.sentence


def test_bounds_that_leave_a_saddle() -> None:
    """Along the free variable f curves up, along the bound one it pushes out: a minimum."""
    result = wb.minimize(
        lambda x: x[0] ** 2 - x[1], np.array([1.0, 0.0]), bounds=(-1.0, np.array([2.0, 1.0]))
    )
    np.testing.assert_allclose(result.x, [0.0, 1.0], atol=1e-6)
    assert result.verdict.is_minimum


def test_multipliers() -> None:
    """min x + y on the unit circle: the gradient (1, 1) is m (2x, 2y), so m = -1/sqrt 2."""
    result = wb.minimize(
        lambda x: x[0] + x[1], np.array([-1.0, 0.2]), equalities=lambda x: wb.sum(x * x) - 1.0
    )
    np.testing.assert_allclose(result.x, -np.ones(2) / np.sqrt(2), atol=1e-6)
    assert result.verdict.evidence["multipliers"] == pytest.approx([-1 / np.sqrt(2)])
    assert result.verdict.is_minimum


def test_the_other_end_of_the_circle_is_no_minimum() -> None:
    result = wb.minimize(
        lambda x: x[0] + x[1],
        np.full(2, 1 / np.sqrt(2)),
        equalities=lambda x: wb.sum(x * x) - 1.0,
    )
    if np.all(result.x > 0):
        assert result.verdict.kind == "maximum"


def test_constraints_that_contradict() -> None:
    result = wb.minimize(lambda x: x * x, 1.0, equalities=[lambda x: x - 1.0, lambda x: x + 1.0])
    assert result.verdict.kind == "not finished"
    assert "a constraint is broken by" in result.verdict.sentence
