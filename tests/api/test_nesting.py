"""Transforms of transforms: perturbation confusion, higher orders, random functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wingbeat as wb

A = np.array
Function = Callable[[Any], Any]


def central(f: Function, x: np.ndarray[Any, Any], h: float = 1e-6) -> np.ndarray[Any, Any]:
    """The Jacobian of `f` by central differences."""
    columns: list[Any] = []
    for k in range(x.size):
        d = np.zeros(x.size)
        d[k] = h * max(1.0, abs(x.flat[k]))
        d = d.reshape(x.shape)
        columns.append((np.asarray(f(x + d)) - np.asarray(f(x - d))) / (2 * d.flat[k]))
    return np.stack(columns, -1)


# --- perturbation confusion -----------------------------------------------------------------


def _derivative(f: Function) -> Function:
    return lambda x: wb.jvp(f, (x,), (1.0,))[1]


@pytest.mark.parametrize("d1", [wb.grad, _derivative, wb.jacrev, wb.jacfwd])
@pytest.mark.parametrize("d2", [wb.grad, _derivative, wb.jacrev, wb.jacfwd])
def test_inner_and_outer_variables_are_not_confused(d1: Any, d2: Any) -> None:
    """d/dx (x d/dy (x + y)) is 1; who confuses x with y says 2 (Siskind and Pearlmutter, 2005)."""
    assert d1(lambda x: x * d2(lambda y: x + y)(1.0))(1.0).item() == 1.0
    assert d1(lambda x: x * d2(lambda y: x * y)(x))(3.0).item() == 6.0
    assert d1(lambda x: d2(lambda y: x * y * y)(x))(3.0).item() == 12.0
    assert d1(lambda x: x * d2(lambda y: y)(x))(3.0).item() == 1.0
    assert d1(lambda x: d2(lambda y: x)(1.0) + x)(3.0).item() == 1.0


@pytest.mark.parametrize("d1", [wb.grad, _derivative])
@pytest.mark.parametrize("d2", [wb.grad, _derivative])
@pytest.mark.parametrize("d3", [wb.grad, _derivative])
def test_third_derivatives_in_all_orders_of_modes(d1: Any, d2: Any, d3: Any) -> None:
    f: Any = lambda x: wb.sin(x) * x**3  # noqa: E731
    x = 0.7
    # f''' = -x^3 cos x - 9 x^2 sin x + 18 x cos x + 6 sin x
    s, c = math.sin(x), math.cos(x)
    expected = -(x**3) * c - 9 * x**2 * s + 18 * x * c + 6 * s
    assert d1(d2(d3(f)))(x).item() == pytest.approx(expected, rel=1e-13)


def test_a_function_that_returns_a_function_of_its_variable() -> None:
    """The variable of a finished transform is a constant for the next one."""
    inner: list[Any] = []

    def f(x: Any) -> Any:
        inner.append(lambda y: x * y)
        return x * x

    assert wb.grad(f)(3.0).item() == 6.0
    assert wb.grad(inner[0])(5.0).item() == 3.0
    assert wb.grad(lambda x: inner[0](x) * x)(5.0).item() == 30.0


def test_ten_derivatives() -> None:
    f: Function = wb.exp
    for _ in range(10):
        f = wb.grad(lambda x, f=f: f(2 * x))
    # d/dx f(2x) = 2 f'(2x) and so on: 2^(1 + 2 + ... + 10) exp(2^10 x)
    assert f(0.0).item() == 2.0**55


# --- grad, jvp, vmap in one another ---------------------------------------------------------------


def _g(x: Any, y: Any) -> Any:
    return wb.sin(x * y) + x**2 * y


def test_grad_of_vmap_of_jvp() -> None:
    def f(x: Any) -> Any:
        along = wb.vmap(lambda y: wb.jvp(lambda v: _g(v, y), (x,), (1.0,))[1])
        return along(A([1.0, 2.0, 3.0])).sum()

    x = 0.3
    expected = sum(-(y**2) * math.sin(x * y) + 2 * y for y in (1.0, 2.0, 3.0))
    assert wb.grad(f)(x).item() == pytest.approx(expected, rel=1e-14)


def test_vmap_of_grad_of_vmap() -> None:
    def f(x: Any, y: Any) -> Any:
        return wb.vmap(_g, (None, 0))(x, y).sum()

    x, y = A([0.1, 0.2]), A([[1.0, 2.0], [3.0, 4.0]])
    expected = (y * np.cos(x[:, None] * y) + 2 * x[:, None] * y).sum(1)
    np.testing.assert_allclose(wb.vmap(wb.grad(f))(x, y).numpy(), expected, rtol=1e-14)


def test_jvp_of_vmap_of_grad() -> None:
    x = A([0.1, 0.2, 0.3])
    value, moved = wb.jvp(wb.vmap(wb.grad(lambda v: wb.exp(2 * v))), (x,), (np.ones(3),))
    np.testing.assert_allclose(value.numpy(), 2 * np.exp(2 * x), rtol=1e-14)
    np.testing.assert_allclose(moved.numpy(), 4 * np.exp(2 * x), rtol=1e-14)


def test_vmap_over_vjps_and_over_pullbacks() -> None:
    x = A([1.0, 2.0])
    _, pullback = wb.vjp(lambda v: v * v, x)
    assert wb.vmap(lambda g: pullback(g)[0])(np.eye(2)).tolist() == [[2.0, 0.0], [0.0, 4.0]]
    rows = wb.vmap(lambda v: wb.vjp(lambda u: u**3, v)[1](1.0)[0])(x)
    assert rows.tolist() == [3.0, 12.0]


def test_a_pullback_made_outside_is_differentiated_inside() -> None:
    _, pullback = wb.vjp(lambda v: v**3, A([1.0, 2.0]))
    found = wb.grad(lambda g: (pullback(g)[0] ** 2).sum())(np.ones(2))
    assert found.tolist() == [18.0, 288.0]
    assert wb.jacfwd(lambda g: pullback(g)[0])(np.ones(2)).tolist() == [[3.0, 0.0], [0.0, 12.0]]


def test_a_pullback_of_a_function_of_an_outer_variable() -> None:
    def f(x: Any) -> Any:
        _, pullback = wb.vjp(lambda v: x * v**2, 3.0)
        return pullback(1.0)[0] * x  # 6 x^2

    assert wb.grad(f)(2.0).item() == 24.0


def test_second_derivatives_of_what_is_linear_in_pieces() -> None:
    x = A([1.0, -2.0, 3.0])
    for f in (wb.relu, abs, wb.sign, wb.floor, lambda x: wb.maximum(x, 0.5), wb.sort):
        assert not wb.hessian(lambda x, f=f: f(x).sum())(x).numpy().any()
    found = wb.hessian(lambda x: (wb.relu(x) ** 2).sum())(x)
    assert found.tolist() == [[2.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 2.0]]


def test_grad_of_a_function_that_calls_vjp_and_hvp() -> None:
    def f(x: Any) -> Any:
        _, pullback = wb.vjp(lambda v: (v**3).sum(), x)
        return (pullback(1.0)[0] * wb.hvp(lambda v: (v**4).sum(), (x,), (x,))).sum()

    x = A([1.0, 2.0])  # 3 x^2 * 12 x^3 = 36 x^5
    np.testing.assert_allclose(wb.grad(f)(x).numpy(), 180 * x**4, rtol=1e-14)


def test_hessians_of_hessians() -> None:
    f: Any = lambda x: (x**4).sum() + x[0] ** 2 * x[1] ** 2  # noqa: E731
    fourth = wb.hessian(wb.hessian(f))(A([1.0, 2.0])).numpy()
    expected = np.zeros((2, 2, 2, 2))
    expected[0, 0, 0, 0] = expected[1, 1, 1, 1] = 24.0
    for i in ((0, 0, 1, 1), (0, 1, 0, 1), (0, 1, 1, 0)):
        expected[i] = expected[tuple(1 - k for k in i)] = 4.0
    np.testing.assert_allclose(fourth, expected, rtol=1e-14)


def test_per_example_gradients() -> None:
    w, x, y = A([1.0, -2.0]), A([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), A([1.0, 0.0, -1.0])
    loss: Any = lambda w, x, y: (w @ x - y) ** 2  # noqa: E731
    found = wb.vmap(wb.grad(loss), (None, 0, 0))(w, x, y).numpy()
    np.testing.assert_allclose(found, 2 * (x @ w - y)[:, None] * x, rtol=1e-14)
    total = wb.grad(lambda w: wb.vmap(loss, (None, 0, 0))(w, x, y).sum())(w).numpy()
    np.testing.assert_allclose(found.sum(0), total, rtol=1e-14)


def test_differentiating_through_a_step_of_descent() -> None:
    """The derivative of the loss after one step by the rate of that step."""

    def after(rate: Any) -> Any:
        w = A([1.0, 2.0])
        w = w - rate * wb.grad(lambda v: (v**2).sum())(w)
        return (w**2).sum()

    # (1 - 2r)^2 |w|^2
    assert wb.grad(after)(0.1).item() == pytest.approx(-4 * (1 - 0.2) * 5, rel=1e-14)


def test_newtons_iteration_inside_a_loss() -> None:
    """The root of y^2 = x, by Newton's method with a derivative inside; its derivative by x."""

    def root(x: Any) -> Any:
        y = wb.asarray(1.0)
        while abs(y * y - x) > 1e-12:
            y = y - (y * y - x) / wb.grad(lambda v: v * v - x)(y)
        return y

    assert wb.grad(root)(2.0).item() == pytest.approx(0.5 / math.sqrt(2), rel=1e-6)


# --- random functions ----------------------------------------------------------------------------

# Smooth everywhere with bounded growth, so that central differences can be trusted.
UNARY: dict[str, Function] = {
    "sin": np.sin,
    "tanh": np.tanh,
    "arctan": np.arctan,
    "bell": lambda x: np.exp(-x * x),
    "half": lambda x: 0.5 * x,
    "root": lambda x: np.sqrt(1.0 + x * x),
    "flip": lambda x: x[::-1],
    "turn": lambda x: np.concatenate((x[1:], x[:1])),
    "mean": lambda x: x - np.mean(x),
    "run": lambda x: 0.5 * np.cumsum(x),
    "take": lambda x: x[[1, 1, 0]],
    "square": lambda x: 0.25 * x**2,
    "negative": lambda x: -x,
}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / (2.0 + y * y),
    "hypot": lambda x, y: np.hypot(1.0 + x * x, y),
    "outer": lambda x, y: (x[:, None] * np.sin(y)[None, :]).sum(axis=1),
    "matmul": lambda x, y: np.outer(x, y) @ np.tanh(y),
    "where": lambda x, y: np.where(np.arange(3) < 1, x, y),
}


@st.composite
def _functions(draw: Any) -> tuple[list[tuple[str, int, int]], Function]:
    """A program of a few steps on vectors of three, written in plain NumPy."""
    names = st.sampled_from([*UNARY, *BINARY])
    picks = st.integers(0, 9)
    steps = draw(st.lists(st.tuples(names, picks, picks), min_size=1, max_size=6))

    def f(x: Any) -> Any:
        values = [x]
        for name, i, j in steps:
            a, b = values[i % len(values)], values[j % len(values)]
            values.append(UNARY[name](a) if name in UNARY else BINARY[name](a, b))
        return values[-1] + 0.1 * values[0]

    return steps, f


_points = st.lists(st.floats(-1.5, 1.5), min_size=3, max_size=3).map(np.array)


@settings(max_examples=60)
@given(_functions(), _points)
def test_jacobians_of_random_functions(case: Any, x: np.ndarray[Any, Any]) -> None:
    _, f = case
    forward, reverse = wb.jacfwd(f)(x).numpy(), wb.jacrev(f)(x).numpy()
    np.testing.assert_allclose(forward, reverse, rtol=1e-10, atol=1e-12)
    differences = central(f, x)
    scale = max(1.0, float(np.abs(differences).max()))
    np.testing.assert_allclose(forward, differences, rtol=1e-6, atol=1e-7 * scale)


@settings(max_examples=30)
@given(_functions(), _points, _points)
def test_hessians_of_random_functions(
    case: Any, x: np.ndarray[Any, Any], v: np.ndarray[Any, Any]
) -> None:
    # MISSION D1
    _, vector = case
    w = A([1.0, -0.5, 2.0])
    f: Function = lambda x: (vector(x) * w).sum()  # noqa: E731
    h = wb.hessian(f)(x).numpy()
    scale = max(1.0, float(np.abs(h).max()))
    np.testing.assert_allclose(h, h.T, rtol=1e-9, atol=1e-11 * scale)
    np.testing.assert_allclose(wb.hvp(f, (x,), (v,)).numpy(), h @ v, rtol=1e-9, atol=1e-11 * scale)
    for other in (wb.jacrev(wb.jacrev(f)), wb.jacrev(wb.jacfwd(f)), wb.jacfwd(wb.jacfwd(f))):
        np.testing.assert_allclose(other(x).numpy(), h, rtol=1e-9, atol=1e-11 * scale)
    np.testing.assert_allclose(
        h, central(lambda x: wb.grad(f)(x).numpy(), x), rtol=1e-6, atol=1e-7 * scale
    )


@settings(max_examples=30)
@given(_functions(), st.lists(_points, min_size=1, max_size=3).map(np.stack))
def test_vmap_of_random_functions_is_a_loop(case: Any, xs: np.ndarray[Any, Any]) -> None:
    _, f = case
    for g in (f, wb.jacfwd(f), wb.grad(lambda x: f(x).sum())):
        expected = np.stack([np.asarray(g(x)) for x in xs])
        np.testing.assert_allclose(wb.vmap(g)(xs).numpy(), expected, rtol=1e-11, atol=1e-12)


def test_finite_differences_notice_a_wrong_derivative() -> None:
    f: Function = lambda x: np.sin(x) * x  # noqa: E731
    x = A([0.3, -0.7, 1.1])
    wrong = wb.jacfwd(f)(x).numpy() * 1.0001
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(wrong, central(f, x), rtol=1e-6, atol=1e-7)
