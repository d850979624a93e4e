"""Derivatives that are easily, and silently, wrong: each case once gave a plausible zero."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from wingbeat.errors import GradientCut, TypeMismatch

A = np.array([[1.0, 2.0], [3.0, 4.0]])


def test_a_pullback_is_linear_in_its_cotangent_inside_another_transform() -> None:
    _, pullback = wb.vjp(lambda a: A @ a, np.ones(2))
    for jacobian in (wb.jacrev, wb.jacfwd):
        np.testing.assert_array_equal(jacobian(lambda c: pullback(c)[0])(np.ones(2)), A.T)
    slope = wb.grad(lambda c: (pullback(c)[0] * c).sum())(np.ones(2))
    np.testing.assert_array_equal(slope, (A + A.T) @ np.ones(2))


def test_backward_inside_a_transform_depends_on_its_cotangent() -> None:
    w = wb.asarray([1.0, 2.0], requires_grad=True)
    q = w**3

    def f(c: wb.Tensor) -> Any:
        w.grad = None
        q.backward(c, create_graph=True)
        assert w.grad is not None
        return (w.grad**2).sum()

    np.testing.assert_array_equal(wb.grad(f)(np.ones(2)), [18.0, 288.0])


@pytest.mark.parametrize("f", [wb.relu, wb.max, lambda x: wb.where(x > 0, 2 * x, 3 * x)])
def test_slopes_that_are_piecewise_constant_have_derivative_zero(f: Any) -> None:
    np.testing.assert_array_equal(wb.hessian(lambda x: f(x).sum())(np.array([1.0, 2.0])), 0 * A)


@pytest.mark.parametrize(
    "f",
    [
        lambda v: math.sin(v) * v,
        lambda v: np.array([np.cos(v), np.sin(v)]).sum() * v,
        lambda v: float(v) * v,
    ],
)
def test_who_cuts_a_derivative_is_told(f: Any) -> None:
    with pytest.warns(GradientCut, match="test_promises.py"):
        wb.grad(f)(1.0)


def test_what_does_not_depend_on_a_variable_may_become_a_number() -> None:
    assert wb.grad(lambda v: v * float(wb.asarray(2.0) * 3))(1.0).item() == 6.0
    assert wb.grad(lambda v: v * float(wb.grad(lambda u: u * u)(3.0)))(1.0).item() == 6.0
    assert wb.grad(lambda v: v * v.item())(3.0).item() == 3.0


def test_a_tensor_as_the_end_of_a_line_is_differentiated() -> None:
    assert wb.grad(lambda a: wb.linspace(0.0, a, 3).sum())(2.5).item() == 1.5


def test_writing_to_a_slice_is_refused_where_numpy_would_change_the_whole() -> None:
    y = wb.asarray(A) * 1.0
    with pytest.raises(TypeMismatch, match=r"x\[i, j\] = v"):
        y[0][0] = 5.0
    with pytest.raises(TypeMismatch, match="clone"):
        for row in y:
            row[:] = 0.0
    row = y[0].clone()
    row[0] = 5.0
    assert row.tolist() == [5.0, 2.0]


def test_reading_a_value_in_a_long_loop_stays_linear() -> None:
    """The tables know the evaluated part of a graph by a number, not by a list."""
    from wingbeat.api import running

    w = wb.asarray(1.0, requires_grad=True)
    x = w
    for _ in range(300):
        x = x * 1.001
        assert x < 2.0
    keys = list(running._prepared._items)[-300:]
    assert all(isinstance(state, int) for _, state in keys)
    x.backward()
    assert w.grad is not None
    assert w.grad.item() == pytest.approx(1.001**300)


def test_gradients_of_many_batches_do_not_pile_up() -> None:
    """The second `backward` evaluates what the first one left."""
    w = wb.asarray(np.ones(3), requires_grad=True)
    (w * np.arange(3.0)).sum().backward()
    first = w.grad
    (w * np.ones(3)).sum().backward()
    assert first is not None
    assert w.grad is not None
    np.testing.assert_array_equal(w.grad, [1.0, 2.0, 3.0])
