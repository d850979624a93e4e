"""What a run takes and records: trees, dtypes, evaluations, interrupts; and what it refuses."""

import _thread
import threading
from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from tests.solve.functions import FREE, rosenbrock
from wingbeat.errors import BadInput, TypeMismatch
from wingbeat.solve import Step

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


@pytest.mark.parametrize(
    "gradient",
    [lambda x: np.ones(3), lambda x: 1.0, lambda x: [x[0], x[1]], lambda x: (2.0 * x)[:, None]],
)
def test_a_gradient_of_another_shape(gradient: Any) -> None:
    with pytest.raises(TypeMismatch, match=r"gradient returned .* shapes are \[\(2,\)\]"):
        wb.minimize(lambda x: wb.sum(x * x), np.ones(2), gradient=gradient)


@pytest.mark.parametrize("x0", [np.ones(2), [1.0, 1.0], np.ones(3)])
def test_a_pair_of_bounds_for_each_number_is_told_the_form(x0: Any) -> None:
    for pairs in ([(0, 1)] * len(x0), [(0.0, 1.0)] * len(x0), [[0.0, 1.0]] * len(x0)):
        with pytest.raises(BadInput, match="not a pair for each number"):
            wb.minimize(lambda x: x[0] ** 2 + x[1] ** 2, x0, bounds=pairs)
