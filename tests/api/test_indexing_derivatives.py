"""Derivatives of `x[key]` and through `x[key] = v`, and inputs that are written to."""

# NumPy's and Python's stubs do not know that a Tensor answers their protocols, which is tested.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportOperatorIssue=false, reportDeprecated=false

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import wingbeat as wb
from tests.api.indices import Array, cases, numbered, numpy_reads
from wingbeat.errors import TypeMismatch


@settings(max_examples=100)
@given(cases())
def test_gradient_of_reading_counts_the_reads(case: tuple[Array, tuple[Any, ...]]) -> None:
    """d/dx sum(w * x[key]) adds w at every position that was read."""
    a, key = case
    place = numpy_reads(a, key)
    if place is None:
        return
    w = np.cos(numbered(place.shape))
    expected = np.zeros_like(a)
    np.add.at(expected, key, w)
    found = wb.grad(lambda x: (x[key] * w).sum())(a)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-14, atol=1e-14)
    moved = wb.jvp(lambda x: x[key], (a,), (np.sin(a),))[1]
    np.testing.assert_allclose(moved.numpy(), np.sin(a)[key], rtol=1e-15)


@settings(max_examples=100)
@given(cases())
def test_gradients_of_writing(case: tuple[Array, tuple[Any, ...]]) -> None:
    """After x[key] = v, what was overwritten has no influence; the last writer has all of it."""
    a, key = case
    place = numpy_reads(a, key)
    if place is None:
        return
    v = -numbered(place.shape)
    numbers = np.zeros(a.shape)
    numbers[key] = np.arange(1.0, 1.0 + place.size).reshape(place.shape)
    w = np.cos(numbered(a.shape))

    def f(x: wb.Tensor, v: wb.Tensor) -> wb.Tensor:
        x[key] = v
        return (x * w).sum()

    gx, gv = wb.grad(f, (0, 1))(a, v)
    assert np.array_equal(gx.numpy(), np.where(numbers == 0, w, 0.0))
    expected = np.zeros(place.size)
    expected[numbers[numbers > 0].astype(int) - 1] = w[numbers > 0]
    assert np.array_equal(gv.numpy(), expected.reshape(place.shape))


def test_gradient_by_an_argument_that_the_function_assigns_to() -> None:
    def f(x: wb.Tensor) -> wb.Tensor:
        x[0] = x[1] * 3.0
        return (x * x).sum()

    assert wb.grad(f)(np.array([1.0, 2.0])).tolist() == [0.0, 40.0]
    assert wb.jacfwd(f)(np.array([1.0, 2.0])).tolist() == [0.0, 40.0]
    assert wb.jvp(f, (np.array([1.0, 2.0]),), (np.array([5.0, 1.0]),))[1].item() == 40.0
    y, pullback = wb.vjp(f, np.array([1.0, 2.0]))
    assert y.item() == 40.0
    assert pullback(1.0)[0].tolist() == [0.0, 40.0]


def test_arguments_of_the_caller_are_not_changed() -> None:
    def f(x: wb.Tensor) -> wb.Tensor:
        x[0] = 0.0
        return x.sum()

    a, t = np.array([1.0, 2.0]), wb.asarray([1.0, 2.0])
    assert wb.grad(f)(a).tolist() == [0.0, 1.0]
    assert wb.grad(f)(t).tolist() == [0.0, 1.0]
    assert (a.tolist(), t.tolist()) == ([1.0, 2.0], [1.0, 2.0])


def test_backward_through_assignments() -> None:
    w = wb.asarray([1.0, 2.0, 3.0], requires_grad=True)
    y = w * 2.0
    y[1] = w[0] * w[2]
    (y * np.array([1.0, 10.0, 100.0])).sum().backward()
    assert w.grad is not None
    assert w.grad.tolist() == [32.0, 0.0, 210.0]


def test_vmap_of_reading_and_writing() -> None:
    a = np.arange(12.0).reshape(3, 4)
    i = np.array([0, 2, 3])

    def f(x: wb.Tensor, k: wb.Tensor) -> wb.Tensor:
        x[k] = x[1:3].sum()
        return x

    expected = a.copy()
    expected[np.arange(3), i] = a[:, 1:3].sum(1)
    assert np.array_equal(wb.vmap(f)(a, i).numpy(), expected)


# --- leaves ------------------------------------------------------------------------------------


def test_an_input_that_requires_a_gradient_is_changed_under_no_grad_only() -> None:
    w = wb.asarray([1.0, 2.0], requires_grad=True)
    with pytest.raises(TypeMismatch, match="no_grad"):
        w[0] = 5.0
    with pytest.raises(TypeMismatch, match="no_grad"):
        w += 1.0
    assert w.tolist() == [1.0, 2.0]
    alias = w
    with wb.no_grad():
        w[0] = 5.0
        w -= 1.0
        w *= 2.0
    assert w is alias
    assert w.tolist() == [8.0, 2.0]
    assert w.requires_grad
    (w * w).sum().backward()
    assert w.grad is not None
    assert w.grad.tolist() == [16.0, 4.0]


def test_adding_in_place_gives_the_name_a_new_value() -> None:
    x = wb.asarray([1.0, 2.0])
    first = x
    x += 1.0
    assert (x.tolist(), first.tolist()) == ([2.0, 3.0], [1.0, 2.0])
