"""Minimisers: the texts' numbers, the published problems, what is recorded."""

import _thread
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wingbeat as wb
from benchmarks import minimize as benchmark
from tests.solve.problems import PROBLEMS
from wingbeat.errors import BadInput, TypeMismatch
from wingbeat.solve import METHODS, Step

FREE = [name for name, m in METHODS.items() if not m.constraints]
SECOND_ORDER = ["newton", "saddle-free-newton", "newton-cg", "trust-exact", "trust-cg"]


def rosenbrock(x: Any) -> Any:
    return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2


def quadratic(eigenvalues: Any) -> tuple[Any, Any]:
    """x'Ax/2 with these eigenvalues, and A."""
    n = len(eigenvalues)
    q = np.linalg.qr(np.random.default_rng(0).normal(size=(n, n)))[0]
    a = q @ np.diag(eigenvalues) @ q.T
    a = (a + a.T) / 2
    return (lambda x: x @ (a @ x) / 2.0), a


# --- the texts' numbers ---------------------------------------------------------------------------


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


# --- trees, dtypes, record ------------------------------------------------------------------------


@pytest.mark.parametrize("method", FREE)
def test_every_evaluation_is_on_the_record(method: str) -> None:
    options: dict[str, Any] = {"rate": 1e-3} if method in ("momentum", "nesterov", "adam") else {}
    result = wb.minimize(rosenbrock, np.array([-1.2, 1.0]), method, steps=30, **options)
    searched = [s for s in result.record if not s.reason.startswith("for the verdict")]
    assert len(searched) == result.counts.values
    assert all(s.reason for s in result.record)
    taken = [s.number for s in searched if s.accepted]
    assert taken == list(range(len(taken)))
    for s in searched:
        assert s.value == pytest.approx(float(wb.asarray(rosenbrock(s.x))), rel=1e-9, abs=1e-12)
    for before, after in zip(result.steps, result.steps[1:], strict=False):
        assert after.direction is not None
        assert after.length is not None
        np.testing.assert_allclose(
            after.x, before.x + after.length * after.direction, rtol=1e-12, atol=1e-12
        )
        assert after.actual == before.value - after.value


def test_trees_keep_their_form_and_dtypes() -> None:
    def f(p: Any) -> Any:
        return wb.sum((p["w"] - 1.0) ** 2) + (p["b"] + 2.0) ** 2

    start = {"w": np.zeros((2, 3), np.float32), "b": 0.0}
    result = wb.minimize(f, start)
    assert result.x["w"].shape == (2, 3)
    assert result.x["w"].dtype == np.float32
    assert result.gradient["w"].shape == (2, 3)
    np.testing.assert_allclose(result.x["w"], 1.0, atol=1e-3)
    assert result.x["b"] == pytest.approx(-2.0, abs=1e-3)


def test_functions_with_branches_run_too() -> None:
    def f(x: Any) -> Any:
        return (x - 3.0) ** 2 if x > 0 else x * x + 9.0

    result = wb.minimize(f, 1.0)
    assert result.x == pytest.approx(3.0)
    assert result.verdict.is_minimum


def test_ctrl_c_returns_what_is_there() -> None:
    calls = 0

    def f(x: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 6:
            raise KeyboardInterrupt
        return rosenbrock(x) if x[0] < 100 else x[0]  # a branch, so f runs every time

    result = wb.minimize(f, np.array([-1.2, 1.0]), "bfgs")
    assert result.verdict.kind == "not finished"
    assert "interrupted" in result.verdict.sentence
    assert result.value == min(s.value for s in result.steps)


def test_ctrl_c_from_the_keyboard() -> None:
    timer = threading.Timer(0.5, _thread.interrupt_main)
    timer.start()
    try:
        result = wb.minimize(
            lambda x: wb.sum(x * x), np.ones(3), "gradient-descent", rate=1e-9, steps=10**9
        )
    finally:
        timer.cancel()
    assert result.verdict.kind == "not finished"
    assert len(result.steps) > 1


def test_text_html_and_data() -> None:
    result = wb.minimize(rosenbrock, np.array([-1.2, 1.0]), "bfgs")
    text = repr(result)
    assert text.splitlines()[-1].startswith("minimum: the gradient is")
    assert "24.2" in text
    page = result._repr_html_()
    assert "<table>" in page
    assert "minimum: the gradient is" in page
    data = result.to_dict()
    assert len(data["record"]) == len(result.record)
    assert data["verdict"]["kind"] == "minimum"
    assert set(data["record"][0]) == set(Step.__dataclass_fields__)
    with pytest.raises(BadInput, match="is_minimum"):
        bool(result)


# --- bad questions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"method": "simplex"}, "there is no method 'simplex'; one of gradient-descent"),
        ({"steps": 0}, "steps is a whole number"),
        ({"steps": 1.5}, "steps is a whole number"),
        ({"tolerance": -1.0}, "tolerance is a positive number"),
        ({"method": "adam", "rate": 0.0}, "rate is a positive number"),
        ({"method": "adam", "rate": np.nan}, "rate is a positive number"),
        ({"method": "bfgs", "rate": 0.1}, "bfgs has no option 'rate'"),
        ({"method": "momentum", "momentum": 1.0}, r"momentum lies in \[0, 1\)"),
        ({"method": "l-bfgs", "memory": 0}, "memory is a whole number"),
        ({"method": "gradient-descent", "line": "golden"}, "line is one of"),
        ({"method": "gradient-descent", "line": "exact", "rate": 0.1}, "a rate belongs to"),
        ({"method": "bfgs", "bounds": (0.0, 1.0)}, "bfgs takes no bounds"),
        ({"method": "bfgs", "equalities": lambda x: x}, "bfgs takes no constraints"),
        ({"bounds": (1.0, 0.0)}, "bounds cross: 1 > 0"),
        ({"bounds": 3.0}, "bounds is a pair"),
        ({"bounds": (np.nan, 1.0)}, "NaN"),
        ({"bounds": (None, "a")}, "bounds does not fit x0"),
        ({"bounds": (np.zeros(3), None)}, "bounds does not fit x0"),
        ({"equalities": [3.0]}, "constraints are functions"),
        ({"equalities": 3.0}, "constraints are functions"),
        ({"gradient": 3.0}, "gradient is a function of x, not float"),
        ({"x0": np.array([np.inf, 0.0])}, "not finite"),
        ({"x0": {}}, "x0 holds no number"),
    ],
)  # fmt: skip
def test_bad_questions(change: dict[str, Any], said: str) -> None:
    question: dict[str, Any] = {"f": rosenbrock, "x0": np.array([-1.2, 1.0]), **change}
    with pytest.raises(BadInput, match=said):
        wb.minimize(**question)


@pytest.mark.parametrize(
    ("f", "x0"),
    [
        (rosenbrock, np.array([1, 2])),
        (lambda x: x, np.array([1.0, 2.0])),
        (3.0, 1.0),
        (rosenbrock, "here"),
    ],
)
def test_wrong_types(f: Any, x0: Any) -> None:
    with pytest.raises(TypeMismatch):
        wb.minimize(f, x0)
