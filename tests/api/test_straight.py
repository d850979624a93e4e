"""Calls of a form that came before: written out, they do what `jit` does in general."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from wingbeat.api import straight as straight_module
from wingbeat.api.straight import MISSED


def warm(f: Callable[..., Any], *make: Callable[[], Any]) -> Any:
    """`f` under jit after calls that made it write its form out."""
    g = wb.jit(f)
    for _ in range(3):
        g(*(m() for m in make))
    assert g._recent(*(m() for m in make)) is not MISSED
    return g


def a() -> wb.Tensor:
    return wb.asarray([1.0, 2.0])


def test_trees_of_arguments_and_results() -> None:
    def f(x: Any, more: Any, n: int, how: str, flag: bool, scale: float, nothing: None) -> Any:
        y, (z, ()) = more["y"], more["z"]
        assert (n, how, flag, nothing) == (2, "up", True, None)
        return {"sum": x + y, "rest": [(z * scale, n), None, how]}

    rest = [lambda k=k: k for k in (2, "up", True, 0.5, None)]
    g = warm(f, a, lambda: {"y": a(), "z": (a(), ())}, *rest)
    x = wb.asarray([3.0, 4.0])
    z = g(x, {"y": a(), "z": (x, ())}, 2, "up", True, 0.5, None)
    assert repr(z) == ("{'sum': tensor([4., 6.]), 'rest': [(tensor([1.5, 2. ]), 2), None, 'up']}")


OTHERS = [
    (lambda x: x + 1.0, lambda: wb.asarray([1.0, 2.0, 3.0]), "another shape"),
    (lambda x: x + 1.0, lambda: wb.asarray([1.0, 2.0], dtype="float32"), "another dtype"),
    (lambda x: x + 1.0, lambda: np.array([5.0, 6.0]), "an array of NumPy"),
    (lambda x: x + 1.0, lambda: a() * 3.0, "a tensor without a value yet"),
]


@pytest.mark.parametrize(("f", "make", "what"), OTHERS, ids=[what for *_, what in OTHERS])
def test_another_form(f: Any, make: Any, what: str) -> None:
    g = warm(f, a)
    x = make()
    assert g._recent(x) is MISSED
    for _ in range(3):
        z = g(x)
        want = np.asarray(x) + np.asarray(1.0, dtype=np.asarray(x).dtype)
        assert np.array_equal(z.numpy(), want)
        assert z.dtype == want.dtype


@pytest.mark.parametrize(
    ("first", "second"),
    [(0.0, -0.0), (1, 1.0), (1, True), (1.0, 2.0), (math.nan, 0.0), ([1], (1,)), ({"a": 1}, [1])],
)
def test_arguments_that_only_look_alike(first: Any, second: Any) -> None:
    def f(x: Any, c: Any) -> Any:
        return x, repr(c)

    g = warm(f, a, lambda: first)
    assert g(a(), second)[1] == repr(second)
    assert g(a(), first)[1] == repr(first)


def test_a_number_that_is_not_equal_to_itself_is_of_its_own_form() -> None:
    g = warm(lambda x, c: x * c, a, lambda: math.nan)
    assert np.isnan(g(a(), math.nan).numpy()).all()


def test_too_few_and_too_many_arguments() -> None:
    g = warm(lambda x, y: x + y, a, a)
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        g(a())
    with pytest.raises(TypeError, match="takes 2 positional arguments but 3 were given"):
        g(a(), a(), a())
    assert g(a(), y=a()).tolist() == [2.0, 4.0]


def test_a_default_is_not_taken_for_an_argument() -> None:
    g = wb.jit(lambda x, k=2.0: x * k)
    for _ in range(3):
        g(a(), 3.0)
    assert g(a()).tolist() == [2.0, 4.0]


def test_a_gradient_that_is_asked_for_later() -> None:
    g = warm(lambda x: (x * x).sum(), a)
    x = wb.asarray([3.0, 4.0], requires_grad=True)
    g(x).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [6.0, 8.0]
    with wb.no_grad():
        assert not g(x).requires_grad
    assert wb.grad(g)(a()).tolist() == [2.0, 4.0]
    assert wb.vmap(g)(wb.ones((3, 2))).tolist() == [2.0, 2.0, 2.0]


def test_a_tensor_that_is_closed_over_is_read_anew() -> None:
    w = wb.asarray([1.0, 1.0])
    g = warm(lambda x: x * w, a)
    w[0] = 10.0
    assert g(a()).tolist() == [10.0, 2.0]


def test_a_gradient_that_is_asked_for_of_what_is_closed_over() -> None:
    w = wb.asarray([1.0, 1.0])
    g = warm(lambda x: (x * w).sum(), a)
    w.requires_grad = True
    g(a()).backward()
    assert w.grad is not None
    assert w.grad.tolist() == [1.0, 2.0]


@wb.no_grad()
def test_what_is_closed_over_may_change_its_dtype() -> None:
    layer, x = wb.nn.Linear(2, 1), wb.asarray([1.0, 2.0], dtype="float32")
    g = warm(lambda x: layer(x), lambda: x)
    layer.astype("float64")
    for _ in range(3):
        assert g(x).dtype == np.float64
        assert g(x).tolist() == layer(x).tolist()


def test_a_tensor_donated_and_closed_over() -> None:
    """It is there in the call that gives it up, and gone then."""
    for count in (1, 3):  # in general, and written out
        w = wb.asarray([1.0, 2.0])
        g = wb.jit(lambda x, w=w: x + 10.0 * w, donate_argnums=0)
        for _ in range(count):
            g(a())
        assert g(w).tolist() == [11.0, 22.0]
        with pytest.raises(wb.errors.NoValue, match="donated"):
            g(a())


def donating() -> Any:
    g = wb.jit(lambda x, y: (x + y, y * 2.0), donate_argnums=0)
    for _ in range(3):
        g(a(), a())
    return g


def test_a_donated_tensor_is_gone() -> None:
    g, x = donating(), a()
    x_plus, double = g(x, a())
    assert (x_plus.tolist(), double.tolist()) == ([2.0, 4.0], [2.0, 4.0])
    with pytest.raises(wb.errors.WingbeatError, match="donated"):
        x.numpy()


def test_memory_that_somebody_else_sees_is_not_overwritten() -> None:
    g, x = donating(), a()
    seen = x.numpy()
    g(x, a())
    assert seen.tolist() == [1.0, 2.0]
    y = a()
    same = y.detach()
    g(y, a())
    assert same.tolist() == [1.0, 2.0]


PARTS: list[tuple[str, Callable[[wb.Tensor], tuple[wb.Tensor, wb.Tensor]]]] = [
    ("a view of it", lambda x: (x.reshape(2, 1), x)),
    ("a part of it", lambda x: (x[1:], x)),
    ("a view by jit", lambda x: (wb.jit(lambda x: x.reshape(2, 1))(x), x)),
    ("two results", wb.jit(lambda x: ((y := x * 1.0)[:1], y))),
    ("two results, turned", wb.jit(lambda x: (y := x * 1.0, y.reshape(2, 1))[::-1])),
    ("memory of Python's", lambda x: (of_bytes(x), x)),
]


def of_bytes(x: wb.Tensor) -> wb.Tensor:
    return wb.asarray(np.frombuffer(x.numpy().tobytes()))


@pytest.mark.parametrize(("what", "make"), PARTS, ids=[what for what, _ in PARTS])
def test_a_part_of_others_memory_is_not_overwritten(what: str, make: Any) -> None:
    g = wb.jit(lambda x: x + 1.0, donate_argnums=0)
    for _ in range(4):  # in general, and written out
        part, whole = make(a())
        part.numpy()
        seen = part._value.base
        assert seen is not None, what
        before = bytes(seen)
        g(part)
        assert bytes(seen) == before
        assert whole.tolist() == [1.0, 2.0]


def test_a_tensor_donated_twice_and_seen() -> None:
    g = wb.jit(lambda x, y: (x + y, x - y), donate_argnums=(0, 1))
    for _ in range(4):
        x = a()
        seen = x.numpy()
        total, difference = g(x, x)
        assert (total.tolist(), difference.tolist()) == ([2.0, 4.0], [0.0, 0.0])
        assert seen.tolist() == [1.0, 2.0]


def test_what_is_owned_is_not_copied() -> None:
    """Donated memory comes back, in general and written out."""
    g, x = wb.jit(lambda x: x + 1.0, donate_argnums=0), wb.asarray(np.ones(1000))
    for _ in range(4):
        place = x.numpy().ctypes.data
        x = g(x)
        assert x.numpy().ctypes.data == place


def test_one_tensor_given_and_kept() -> None:
    g, x = donating(), a()
    total, double = g(x, x)
    assert (total.tolist(), double.tolist()) == ([2.0, 4.0], [2.0, 4.0])


def test_results_may_be_given_again() -> None:
    g, x = donating(), a()
    for _ in range(5):
        x, _ = g(x, a())
    assert x.tolist() == [6.0, 12.0]


def test_many_tensors_are_taken_apart_in_every_call() -> None:
    xs = [a() for _ in range(straight_module.LEAVES + 1)]
    g = wb.jit(lambda xs: sum(xs))
    for _ in range(4):
        assert g(xs).tolist() == [65.0, 130.0]
    assert g._recent(xs) is MISSED


def test_a_function_without_results() -> None:
    g = warm(lambda x: None, a)
    assert g(a()) is None


def test_keys_and_numbers_that_are_equal_are_not_the_same() -> None:
    f = wb.jit(lambda d: [k * v for k, v in d.items()])
    whole = wb.asarray([1, 2])
    for _ in range(3):
        assert [z.dtype for z in f({1: whole})] == [np.int64]
        assert [z.dtype for z in f({1.0: whole})] == [np.float64]
        assert [z.dtype for z in f({True: whole})] == [np.int64]


def test_numbers_of_any_length() -> None:
    huge = 10**5000 + 3
    f = wb.jit(lambda x, n: x + n % 7)
    assert [f(a(), huge).numpy()[0] for _ in range(4)] == [1.0 + huge % 7] * 4
    assert f(a(), huge + 1).numpy()[0] == 1.0 + (huge + 1) % 7


def test_a_donated_tensor_is_gone_before_it_is_overwritten() -> None:
    """Of threads that give the same one, one at most has it; the others say so, or had a copy."""
    f = wb.jit(lambda p: wb.tanh(p) * 0.5 + p, donate_argnums=0)
    start = np.linspace(-1.0, 1.0, 300_000)
    want = np.tanh(start) * 0.5 + start
    for _ in range(3):
        f(wb.asarray(start.copy()))
    wrong: list[Any] = []

    def call(p: wb.Tensor, ready: threading.Barrier) -> None:
        ready.wait()
        try:
            z = f(p).numpy()
        except wb.errors.NoValue:
            return
        if not np.allclose(z, want, rtol=1e-12, atol=1e-12):
            wrong.append(z)

    for _ in range(20):
        p, ready = wb.asarray(start.copy()), threading.Barrier(3)
        threads = [threading.Thread(target=call, args=(p, ready)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


def test_an_array_that_does_not_fit_takes_nothing_away() -> None:
    """The program looks at its arrays itself; where it refuses them, all is as it was."""
    f = wb.jit(lambda p, x: p + x, donate_argnums=0)
    for _ in range(3):
        f(a(), a())
    p, strided = a(), wb.asarray(np.arange(4.0))[::2]
    assert f._recent(p, wb.asarray([1.0, 2.0, 3.0])) is MISSED
    assert p.numpy().tolist() == [1.0, 2.0]
    assert f(p, strided).numpy().tolist() == [1.0, 4.0]
    with pytest.raises(wb.errors.NoValue):
        p.numpy()


FORGOTTEN = """
import gc
import numpy as np
import wingbeat as wb
from wingbeat.backend.base import clear_programs

f = wb.jit(lambda x: wb.tanh(x) * 3.0 + 2.0)
x = wb.asarray(np.linspace(-1.0, 1.0, 8))
want = [f(x).numpy() for _ in range(3)][0]
for k in range(300):  # other forms push this one out
    t = wb.asarray(np.ones(k + 9))
    t.requires_grad = True
    f(t)
clear_programs()
gc.collect()
wb.jit(lambda v: wb.exp(v) - 5.0)(wb.asarray(np.ones(1000)))
assert np.array_equal(f(x).numpy(), want)
print("ok")
"""


def test_code_is_there_as_long_as_it_can_be_called() -> None:
    done = subprocess.run([sys.executable, "-c", FORGOTTEN], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr
