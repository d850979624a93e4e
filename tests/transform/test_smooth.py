"""Squares whose kinks cancel: |x|^2, the square of a norm; and what must not be passed by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import wingbeat as wb
from tests.ops.cases import run
from wingbeat.ir import Node, full, leaf, tensor_type
from wingbeat.ir.node import build
from wingbeat.ops.arithmetic import abs as modulus
from wingbeat.ops.arithmetic import mul
from wingbeat.ops.transcendental import hypot, root
from wingbeat.transform import jvp, vjp
from wingbeat.transform.smooth import smooth

Square = Callable[[Any], Any]
SQUARES: dict[str, tuple[Square, Square]] = {  # with a kink in between, and without
    "abs": (lambda x: (wb.abs(x) ** 2).sum(), lambda x: (x * x).sum()),
    "np.abs": (lambda x: np.sum(np.abs(x) ** 2), lambda x: (x * x).sum()),
    "product": (lambda x: (abs(x) * abs(x)).sum(), lambda x: (x * x).sum()),
    "square": (lambda x: wb.square(wb.abs(x)).mean(), lambda x: (x * x).mean()),
    "norm": (lambda x: wb.norm(x) ** 2, lambda x: (x * x).sum()),
    "np.linalg.norm": (lambda x: np.linalg.norm(x) ** 2, lambda x: (x * x).sum()),
    "keepdims": (lambda x: (wb.norm(x, keepdims=True) ** 2).sum(), lambda x: (x * x).sum()),
    "std": (lambda x: wb.std(x) ** 2, wb.var),
    "hypot": (lambda x: wb.hypot(x[0], x[1]) ** 2, lambda x: x[0] ** 2 + x[1] ** 2),
    "hypot of one": (lambda x: wb.hypot(x[0], x[0]) ** 2, lambda x: 2 * x[0] ** 2),
    "of a function": (lambda x: wb.norm(wb.sin(x)) ** 2, lambda x: (wb.sin(x) ** 2).sum()),
    "inside": (lambda x: wb.exp(wb.norm(x) ** 2), lambda x: wb.exp((x * x).sum())),
}
HESSIANS: list[Callable[..., Any]] = [
    wb.hessian,
    lambda f: wb.jacrev(wb.jacrev(f)),
    lambda f: wb.jacfwd(wb.jacfwd(f)),
    lambda f: wb.jacrev(wb.jacfwd(f)),
]


@pytest.mark.parametrize("name", SQUARES)
def test_second_derivatives_at_the_kink(name: str) -> None:
    """They were 0: a zero cotangent times a convention."""
    square, plain = SQUARES[name]
    for x in (np.zeros(2), np.array([0.0, 2.0]), np.array([-1.5, 0.5])):
        assert_allclose(square(x), plain(x), rtol=1e-14)
        assert_allclose(wb.grad(square)(x), wb.grad(plain)(x), rtol=1e-14, atol=1e-14)
        want = np.asarray(wb.hessian(plain)(x))
        for hessian in HESSIANS:
            assert_allclose(hessian(square)(x), want, rtol=1e-13, atol=1e-13)


def test_by_hand() -> None:
    """|x|^2 has the second derivative 2; of |x|^2 |y|^2 at 0 the fourth, by x x y y, is 4."""
    assert wb.hessian(lambda x: abs(x) ** 2)(0.0).item() == 2.0

    def f(x: Any, y: Any) -> Any:
        return abs(x) ** 2 * abs(y) ** 2

    by_x = wb.grad(wb.grad(f))
    assert wb.grad(wb.grad(by_x, argnums=1), argnums=1)(0.0, 0.0).item() == 4.0


@given(st.lists(st.floats(-3, 3), min_size=2, max_size=4))
def test_beside_the_kink_nothing_changes(values: list[float]) -> None:
    x = np.array(values)
    for name in ("abs", "norm", "keepdims"):
        square, plain = SQUARES[name]
        assert_allclose(wb.grad(square)(x), wb.grad(plain)(x), rtol=1e-12, atol=1e-300)


X, Y = (leaf(tensor_type((3,)), "x", k) for k in range(2))
FEED = {X: np.array([0.0, -2.0, 3.0]), Y: np.array([0.0, 1.0, -4.0])}


def cotangents(z: Node, *wrt: Node) -> list[Any]:
    return [run([g], FEED)[0] if g else None for g in vjp([z], wrt, [full(1, z.type)])]


def test_what_is_asked_for_is_not_passed_by() -> None:
    """The cotangent of |x| in |x|^2 is 2 |x|; that of x comes through it then."""
    a = modulus(X)
    assert_array_equal(cotangents(a * a, a), [[0.0, 4.0, 6.0]])
    assert_array_equal(cotangents(a * a, a, X), [[0.0, 4.0, 6.0], [0.0, -4.0, 6.0]])
    assert smooth(a * a, {a}) is None
    t = leaf(a.type, "t", 0)
    (moved,) = jvp([a * a], {a: t})
    assert moved is not None
    assert_array_equal(run([moved], FEED | {t: np.ones(3)})[0], [0.0, 4.0, 6.0])


def test_both_ways_through_a_shared_kink() -> None:
    """|x|^2 + |x|: only the square is passed around it; |x|^3 is no square."""
    a = modulus(X)
    assert_array_equal(cotangents(a * a + a, X), [[0.0, -5.0, 7.0]])
    assert_array_equal(cotangents(a * a * a, X), [[0.0, -12.0, 27.0]])


def test_variables_that_depend_on_one_another() -> None:
    """hypot(x^2, x)^2 is x^4 + x^2: what one operand adds to the other counts once."""
    z = hypot(X * X, X)
    assert_allclose(cotangents(z * z, X), [[0.0, -36.0, 114.0]], rtol=1e-15)
    t = leaf(X.type, "t", 0)
    (moved,) = jvp([z * z], {X: t})
    assert moved is not None
    assert_allclose(run([moved], FEED | {t: np.ones(3)})[0], [0.0, -36.0, 114.0], rtol=1e-15)


@pytest.mark.parametrize(
    "z",
    [
        modulus(X) * modulus(Y),
        modulus(X) * X,
        modulus(X) * root(X),
        hypot(X, Y) * hypot(Y, X),
        modulus(X),
        X * X,
    ],
)
def test_what_is_no_square_of_a_kink(z: Node) -> None:
    assert smooth(z, ()) is None


def test_equal_factors_of_two_lines() -> None:
    """Nodes of different lines are different nodes, and equal all the same."""
    first, second = (build(modulus, (X,), (), ("a.py", line)) for line in (1, 2))
    assert first is not second
    assert smooth(mul(first, second), ()) is not None
    assert_array_equal(cotangents(first * second, X), [[0.0, -4.0, 6.0]])
    assert smooth(mul(first, second), {second}) is None


# --- products that zeros kill, derived again ------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "want"),
    [
        (lambda x: 0.5 * (wb.exp(x) - 1) ** 2, [0.0, 1.0, 3.0, 7.0, 15.0]),  # 2^(n-1) - 1
        (lambda x: 0.5 * wb.tanh(x) ** 2, [0.0, 1.0, 0.0, -8.0, 0.0]),
        (lambda x: wb.sin(x) * (wb.exp(x) - 1), [0.0, 2.0, 3.0, 0.0, -5.0]),
    ],
)
def test_derivatives_of_any_order_where_a_cotangent_is_0(f: Any, want: list[float]) -> None:
    """Third ones were 2 in place of 3: that a cotangent is 0 was taken for a constant."""
    for step in (wb.grad, wb.jacfwd):
        derivative = f
        for value in want:
            derivative = step(derivative)
            assert derivative(0.0).item() == pytest.approx(value, rel=1e-13, abs=1e-13)
