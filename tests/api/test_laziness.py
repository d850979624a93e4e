"""What is run when: one program per step, nothing twice, nothing kept without bound."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from wingbeat.api import running, tracing
from wingbeat.backend import base
from wingbeat.ir.node import PRIMITIVES, Primitive


class Runs:
    """What was compiled and run while this was watching."""

    def __init__(self) -> None:
        self.compiled = 0
        self.programs: list[list[str]] = []  # names of the operations of each program that ran

    def clear(self) -> None:
        self.compiled = 0
        self.programs.clear()

    def count(self, name: str) -> int:
        """How often an operation ran."""
        return sum(names.count(name) for names in self.programs)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    """Every program made and run; the caches start empty."""
    found = Runs()
    for name in base.BACKENDS:
        backend = base.load(name)
        monkeypatch.setattr(backend, "compile", _watched(found, backend.compile))
    monkeypatch.setattr(tracing.state, "trace", None)
    _forget()
    yield found
    _forget()


def _watched(found: Runs, compile: Any) -> Any:
    def watched(graph: base.Graph, *donated: Any) -> base.Run:
        found.compiled += 1
        run = compile(graph, *donated)
        names = [node.op.name for node in graph.nodes if node.op is not None]

        def counted(arrays: Any) -> list[Any]:
            found.programs.append(names)
            return run(arrays)

        return counted

    return watched


def _forget() -> None:
    base.clear_programs()
    running._prepared.clear()


def _parameters() -> tuple[wb.Tensor, wb.Tensor]:
    rng = np.random.default_rng(0)
    w1 = wb.asarray(rng.normal(size=(3, 4)), requires_grad=True)
    w2 = wb.asarray(rng.normal(size=(4, 1)), requires_grad=True)
    return w1, w2


X, Y = np.linspace(-1, 1, 15).reshape(5, 3), np.ones((5, 1))


def _loss(w1: wb.Tensor, w2: wb.Tensor) -> wb.Tensor:
    return ((wb.tanh(X @ w1) @ w2 - Y) ** 2).mean()


def _step(w1: wb.Tensor, w2: wb.Tensor, rate: wb.Tensor) -> None:
    values: list[wb.Tensor] = []
    for w in (w1, w2):
        assert w.grad is not None
        with wb.no_grad():
            values.append(w - rate * w.grad)
        w.grad = None
    wb.assign((w1, w2), values)


# --- one program ---------------------------------------------------------------------------------


def test_nothing_runs_before_a_value_is_asked_for(runs: Runs) -> None:
    x = wb.asarray([1.0, 2.0])
    y = (wb.exp(x) * 2).sum()
    assert (y.shape, y.dtype, y.ndim, y.size) == ((), np.float64, 0, 1)
    assert runs.programs == []
    y.item()
    y.item()
    assert len(runs.programs) == 1


def test_a_training_step_is_one_program(runs: Runs) -> None:
    (w1, w2), rate = _parameters(), wb.asarray(0.1)
    loss = _loss(w1, w2)
    loss.backward()
    _step(w1, w2, rate)
    assert loss.item() > 0
    assert len(runs.programs) == 1
    assert runs.count("tanh") == 1


def test_a_step_by_hand_in_place_is_few_programs(runs: Runs) -> None:
    w1, w2 = _parameters()
    loss = _loss(w1, w2)
    loss.backward()
    with wb.no_grad():
        for w in (w1, w2):
            assert w.grad is not None
            w -= 0.1 * w.grad
    loss.item()
    assert runs.count("tanh") == 1


def test_the_same_step_again_makes_no_programs(runs: Runs) -> None:
    (w1, w2), rate = _parameters(), wb.asarray(0.1)
    losses: list[float] = []
    for k in range(6):
        if k == 2:  # the first step is like no other: gradients began as None
            runs.clear()
        loss = _loss(w1, w2)
        loss.backward()
        _step(w1, w2, rate)
        losses.append(loss.item())
    assert runs.compiled == 0
    assert len(runs.programs) == 4
    assert losses == sorted(losses, reverse=True)


def test_the_same_gradient_again_makes_no_programs(runs: Runs) -> None:
    f = wb.value_and_grad(lambda w, x: (wb.tanh(x @ w) ** 2).sum())
    for k in range(4):
        value, gradient = f(np.full((3, 2), 0.1 * k), X)
        if k == 0:
            assert (runs.compiled, len(runs.programs)) == (1, 1)
        assert np.isfinite(value.item())
        assert gradient.shape == (3, 2)
    assert (runs.compiled, len(runs.programs)) == (1, 4)


def test_printing_the_loss_before_backward_does_not_double_the_forward_pass(runs: Runs) -> None:
    (w1, w2), rate = _parameters(), wb.asarray(0.1)
    loss = _loss(w1, w2)
    assert "tensor(" in repr(loss)
    loss.backward()
    _step(w1, w2, rate)
    assert runs.count("tanh") == 1
    assert len(runs.programs) == 2
    expected = [w.numpy() for w in (w1, w2)]
    w1, w2 = _parameters()
    _loss(w1, w2).backward()
    _step(w1, w2, rate)
    for w, other in zip((w1, w2), expected, strict=True):  # other programs round in other places
        np.testing.assert_allclose(w.numpy(), other, rtol=1e-14)


def test_one_evaluation_serves_the_other_live_tensors(runs: Runs) -> None:
    x = wb.asarray([1.0, 2.0])
    y = wb.exp(x)
    z, other, unwanted = y.sum(), wb.sin(x), wb.cos(x)
    del unwanted
    z.item()
    assert (y.tolist(), other.tolist()) == (np.exp([1.0, 2.0]).tolist(), np.sin([1, 2]).tolist())
    assert len(runs.programs) == 1
    assert runs.count("exp") == 1
    assert runs.count("cos") == 0


def test_a_failure_of_one_tensor_is_not_anothers() -> None:
    x, i = wb.asarray([1.0, 2.0]), wb.asarray([5]) + 0
    bad, good = x[i], x * 2
    assert good.tolist() == [2.0, 4.0]
    with pytest.raises(IndexError):
        bad.tolist()


def test_results_are_the_same_bits_whatever_is_evaluated_first() -> None:
    def values(order: str) -> list[Any]:
        w1, w2 = _parameters()
        loss = _loss(w1, w2)
        if order == "loss":
            loss.item()
        loss.backward()
        assert w1.grad is not None
        return [loss.item(), w1.grad.tolist()]

    assert values("loss") == values("gradient")


# --- bounds --------------------------------------------------------------------------------------


def test_an_unevaluated_graph_is_evaluated_at_a_fixed_size() -> None:
    x = wb.asarray(0.0)
    for _ in range(3 * tracing.LIMIT):
        x = x + 1.0
    assert tracing.state.trace is not None
    assert len(tracing.state.trace.tensors) <= tracing.LIMIT + 1
    assert x.item() == 3 * tracing.LIMIT


def _arrays_held() -> int:
    """How many arrays the traces keep that are alive."""
    gc.collect()
    return sum(len(o.values) for o in gc.get_objects() if isinstance(o, tracing.Trace))


def test_dropped_graphs_are_freed() -> None:
    tracing.state.trace = None
    x = wb.asarray(np.zeros(1000))
    y = x + 1.0
    value = weakref.ref(y)
    big = (y * 2).numpy()
    kept = weakref.ref(big.base if big.base is not None else big)
    assert kept() is not None
    del y, big
    gc.collect()
    assert value() is None
    for _ in range(3):
        (x * 3).sum().item()
    gc.collect()
    assert kept() is None


def test_training_keeps_a_bounded_number_of_arrays() -> None:
    (w1, w2), rate = _parameters(), wb.asarray(0.1)
    counts: list[int] = []
    for _ in range(10):
        loss = _loss(w1, w2)
        loss.backward()
        _step(w1, w2, rate)
        loss.item()
        counts.append(_arrays_held())
    assert max(counts[3:]) == counts[3]


def test_inference_with_parameters_keeps_a_bounded_number_of_arrays(runs: Runs) -> None:
    """Predictions that are never differentiated do not pile up behind the parameters."""
    w1, w2 = _parameters()
    counts: list[int] = []
    for _ in range(10):
        loss = _loss(w1, w2)
        assert loss.item() > 0
        counts.append(_arrays_held())
    assert max(counts[2:]) == counts[2]
    assert runs.compiled == 1


def test_results_of_several_evaluations_can_be_joined() -> None:
    w = wb.asarray(2.0, requires_grad=True)
    a = wb.exp(w)
    assert a.item() == pytest.approx(np.exp(2.0))
    b = wb.sin(w)
    assert b.item() == pytest.approx(np.sin(2.0))
    c = w * 3.0
    (a * b * c).backward()
    assert w.grad is not None
    e, s, k = np.exp(2.0), np.sin(2.0), np.cos(2.0)
    assert w.grad.item() == pytest.approx(6 * e * s + 6 * e * k + 3 * e * s, rel=1e-14)
    a.backward()
    assert w.grad.item() == pytest.approx(6 * e * s + 6 * e * k + 3 * e * s + e, rel=1e-14)


# --- depth ---------------------------------------------------------------------------------------


@contextmanager
def _within(seconds: float) -> Generator[None]:
    begin = perf_counter()
    yield
    assert perf_counter() - begin < seconds


def test_a_lazy_loop_of_100_000_operations() -> None:
    x = wb.asarray(1.0)
    with _within(20):
        for _ in range(100_000):
            x = x * 1.00001
        assert x.item() == pytest.approx(1.00001**100_000, rel=1e-9)


def test_backward_through_a_loop_that_is_evaluated_on_the_way() -> None:
    n = 5 * tracing.LIMIT
    w = wb.asarray(1.0, requires_grad=True)
    y = w
    with _within(30):
        for _ in range(n):
            y = y * 1.0001
        y.backward()
        assert w.grad is not None
        assert w.grad.item() == pytest.approx(1.0001**n, rel=1e-9)


def test_grad_through_a_loop_of_20_000_steps() -> None:
    def f(x: wb.Tensor, n: int) -> wb.Tensor:
        for _ in range(n):
            x = x * 1.0001
        return x

    with _within(30):
        assert wb.grad(f)(2.0, 20_000).item() == pytest.approx(1.0001**20_000, rel=1e-9)
        moved = wb.jvp(lambda x: f(x, 5_000), (2.0,), (1.0,))[1]
        assert moved.item() == pytest.approx(1.0001**5_000, rel=1e-9)


def test_the_counting_counts() -> None:
    """A program that runs an operation twice is seen to."""
    assert isinstance(PRIMITIVES["tanh"], Primitive)
    found = Runs()
    found.programs += [["tanh", "add"], ["tanh"]]
    assert found.count("tanh") == 2
