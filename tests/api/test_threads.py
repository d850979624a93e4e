"""Several threads at once: each has its own traces; tensors, programs and caches are shared."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from wingbeat.api import tracing

THREADS, ROUNDS = 8, 25


@pytest.fixture(autouse=True)
def many_switches() -> Iterator[None]:
    """Threads change places as often as Python allows, so that races are met."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def together(work: Callable[[int], Any]) -> list[Any]:
    """What `work` returns for each thread's number; all threads begin at once."""
    gate = threading.Barrier(THREADS)

    def one(k: int) -> Any:
        gate.wait()
        return work(k)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(one, range(THREADS)))


def test_gradients_in_many_threads() -> None:
    def work(k: int) -> bool:
        for n in range(ROUNDS):
            x = np.array([0.1 * k, 0.2 * n, 1.0])
            g = wb.grad(lambda v: (wb.sin(v) * v**2).sum())(x)
            expected = np.cos(x) * x**2 + 2 * x * np.sin(x)
            np.testing.assert_allclose(g.numpy(), expected, rtol=1e-13, atol=1e-15)
            h = wb.hessian(lambda v: (v**3).sum())(x)
            np.testing.assert_allclose(h.numpy(), np.diag(6 * x), rtol=1e-13)
            m = wb.vmap(lambda v: v * v + k)(x)
            np.testing.assert_allclose(m.numpy(), x * x + k, rtol=1e-13)
        return True

    assert all(together(work))


def test_many_threads_evaluate_what_one_has_built() -> None:
    for n in range(ROUNDS):
        x = wb.asarray(np.arange(5.0) + n)
        shared = [wb.exp(x * 0.1), wb.sin(x), (x * x).sum()]
        expected = [np.exp((np.arange(5.0) + n) * 0.1), np.sin(np.arange(5.0) + n)]

        def work(k: int, shared: Any = shared, expected: Any = expected) -> bool:
            value = shared[k % 2].numpy()
            np.testing.assert_allclose(value, expected[k % 2], rtol=1e-13)
            return True

        assert all(together(work))


def test_many_threads_build_on_what_one_has_built() -> None:
    """Each adds arrays of its own to the graph of a shared tensor that is not evaluated yet."""
    for n in range(ROUNDS):
        base = np.arange(4.0) + n
        shared = wb.sin(wb.asarray(base))

        def work(k: int, shared: Any = shared, base: Any = base) -> bool:
            for j in range(5):
                own = np.full(4, 10.0 * k + j)
                y = shared * own + own
                np.testing.assert_allclose(y.numpy(), np.sin(base) * own + own, rtol=1e-13)
            return True

        assert all(together(work))


def test_many_threads_build_on_a_shared_parameter() -> None:
    w = wb.asarray([1.0, 2.0, 3.0], requires_grad=True)
    hidden = wb.exp(w)

    def work(k: int) -> bool:
        for n in range(ROUNDS):
            own = np.full(3, 1.0 + k + 0.1 * n)
            y = (hidden * own).sum()
            assert y.item() == pytest.approx((np.exp([1.0, 2.0, 3.0]) * own).sum(), rel=1e-13)
            g = wb.grad(lambda v, own=own: (wb.sin(w) * v * own).sum())(own)
            np.testing.assert_allclose(g.numpy(), np.sin([1.0, 2.0, 3.0]) * own, rtol=1e-13)
        return True

    assert all(together(work))


def test_each_thread_trains_a_model_of_its_own() -> None:
    def work(k: int) -> list[float]:
        w = wb.asarray([0.5, -0.5], requires_grad=True)
        rate = wb.asarray(0.1)
        x, y = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, -1.0])
        for _ in range(ROUNDS):
            loss = ((wb.tanh(x @ w) - y) ** 2).mean()
            loss.backward()
            assert w.grad is not None
            with wb.no_grad():
                new = w - rate * w.grad
            w.grad = None
            wb.assign([w], [new])
        return w.tolist()

    results = together(work)
    assert all(r == results[0] for r in results)


def test_gradients_of_many_threads_add_up() -> None:
    w = wb.asarray([1.0, 2.0], requires_grad=True)

    def work(k: int) -> bool:
        for n in range(ROUNDS):
            (w * w * float(k + n)).sum().backward()
        return True

    assert all(together(work))
    total = sum(float(k + n) for k in range(THREADS) for n in range(ROUNDS))
    assert w.grad is not None
    assert w.grad.tolist() == [2 * total, 4 * total]


def test_no_grad_and_transforms_are_each_threads_own() -> None:
    inside, leave = threading.Barrier(2), threading.Barrier(2)
    seen: list[Any] = []

    def other() -> None:
        inside.wait()
        w = wb.asarray(2.0, requires_grad=True)
        seen.append((w * w).requires_grad)
        seen.append(tracing.state.trace is not None and tracing.state.trace.scoped)
        leave.wait()

    thread = threading.Thread(target=other)
    thread.start()

    def f(x: wb.Tensor) -> wb.Tensor:
        with wb.no_grad():
            inside.wait()
            leave.wait()
        return x * x

    assert wb.grad(f)(3.0).item() == 6.0
    thread.join()
    assert seen == [True, False]


def test_generators_may_be_suspended_inside_a_transform() -> None:
    """What a generator has built inside `grad` is a value outside."""

    def steps(x: Any) -> Iterator[Any]:
        y = x
        while True:
            y = y * x
            yield y

    kept: list[Iterator[Any]] = []

    def f(x: wb.Tensor) -> wb.Tensor:
        kept.append(steps(x))
        next(kept[-1])
        return next(kept[-1])

    assert wb.grad(f)(2.0).item() == 12.0
    assert next(kept[0]).item() == 16.0
    assert wb.grad(lambda x: x * next(kept[0]))(5.0).item() == 32.0


def test_default_keys_are_given_once() -> None:
    generator = wb.random.Generator(3)
    keys = together(lambda k: [tuple(generator.next().tolist()) for _ in range(50)])
    flat = [key for part in keys for key in part]
    assert len(set(flat)) == len(flat) == THREADS * 50
