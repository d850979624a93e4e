"""Sorting against NumPy: values, derivatives, ties, and inside `vmap`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import wingbeat as wb
from wingbeat.errors import AtKink, NotDifferentiable, NoValue

Array = np.ndarray[Any, Any]
A = np.array

# Few different values, so that ties are many; every shape of up to three axes.
numbers = st.sampled_from([0.0, -0.0, 1.0, -1.5, 2.0, np.inf, -np.inf, np.nan])
arrays = hnp.arrays(
    np.float64, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0), elements=numbers
)


@given(arrays, st.data())
def test_ascending_is_numpys(a: Array, data: Any) -> None:
    axis = data.draw(st.integers(-a.ndim, a.ndim - 1))
    want = np.sort(a, axis, kind="stable")
    found = wb.sort(a, axis=axis).numpy()
    np.testing.assert_array_equal(found, want)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(want))
    order = wb.argsort(a, axis=axis)
    assert order.dtype == np.int64
    np.testing.assert_array_equal(order.numpy(), np.argsort(a, axis, kind="stable"))


@given(arrays)
def test_descending_is_the_reverse_but_for_ties(a: Array) -> None:
    found = wb.sort(a, descending=True).numpy()
    np.testing.assert_array_equal(found, np.flip(np.sort(a), -1))
    order = wb.argsort(a, descending=True).numpy()
    np.testing.assert_array_equal(np.take_along_axis(a, order, -1), found)
    same = found[..., 1:] == found[..., :-1]
    assert np.all(order[..., 1:][same] > order[..., :-1][same])


@given(hnp.arrays(np.float64, (3, 4), elements=st.floats(-5, 5)), st.sampled_from([0, 1]))
def test_derivatives_go_where_elements_came_from(a: Array, axis: int) -> None:
    w = np.arange(12.0).reshape(3, 4)
    order = np.argsort(a, axis, kind="stable")
    want = np.zeros_like(a)
    np.put_along_axis(want, order, w, axis)
    assert wb.grad(lambda x: (wb.sort(x, axis=axis) * w).sum())(a).tolist() == want.tolist()
    moved = wb.jvp(lambda x: wb.sort(x, axis=axis), (a,), (w,))[1]
    assert moved.tolist() == np.take_along_axis(w, order, axis).tolist()


def test_sorting_is_lazy() -> None:
    """A gradient asks for no value before all is known: one program sorts, once for each use."""
    x = wb.asarray([3.0, 1.0, 2.0], requires_grad=True)
    y = wb.sort(x * 2.0)
    assert y._value is None
    (y * wb.asarray([1.0, 10.0, 100.0])).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [200.0, 2.0, 20.0]


@pytest.mark.parametrize("descending", [False, True])
def test_inside_vmap(descending: bool) -> None:
    a = np.random.default_rng(0).integers(0, 4, (5, 3, 4)).astype(float)

    def f(x: Any) -> Any:
        return wb.sort(x, axis=0, descending=descending), wb.argsort(x, descending=descending)

    values, order = wb.vmap(f)(a)
    for k in range(5):
        one, positions = f(wb.asarray(a[k]))
        assert (values[k].tolist(), order[k].tolist()) == (one.tolist(), positions.tolist())
    gradient = wb.vmap(wb.grad(lambda x: wb.sort(x)[0, 0] ** 2))(a)
    for k in range(5):
        assert gradient[k].tolist() == wb.grad(lambda x: wb.sort(x)[0, 0] ** 2)(a[k]).tolist()


def test_second_derivatives() -> None:
    x = A([2.0, -1.0, 5.0])
    least_squared = wb.hessian(lambda x: wb.sort(x)[0] ** 2)(x)
    assert least_squared.tolist() == [[0.0] * 3, [0.0, 2.0, 0.0], [0.0] * 3]
    assert not wb.hessian(lambda x: wb.sort(x)[0])(x).numpy().any()
    assert not wb.jacfwd(wb.jacfwd(lambda x: wb.sort(x)[1]))(x).numpy().any()


def test_what_is_smooth_in_the_end_is_right_at_ties_too() -> None:
    """x y is symmetric; equal elements that shared their derivative would give 1/2 everywhere."""

    def product(x: Any) -> Any:
        low, high = wb.sort(x)
        return low * high

    assert wb.grad(product)(A([3.0, 3.0])).tolist() == [3.0, 3.0]
    assert wb.hessian(product)(A([3.0, 3.0])).tolist() == [[0.0, 1.0], [1.0, 0.0]]


def test_ties_are_kinks_that_are_told() -> None:
    f: Any = lambda x: wb.sort(x)[0]  # noqa: E731
    with pytest.raises(AtKink, match=r"sort has no derivative at 1 of 3 elements.*keep their"):
        wb.grad(f, kinks="raise")(A([1.0, 2.0, 1.0]))
    assert wb.grad(f, kinks="raise")(A([2.0, 1.0, 2.0])).tolist() == [0.0, 1.0, 0.0]
    assert wb.grad(f)(A([1.0, 2.0, 1.0])).tolist() == [1.0, 0.0, 0.0]
    assert wb.grad(lambda x: wb.sort(x, descending=True)[0])(A([2.0, 2.0])).tolist() == [1.0, 0.0]


def test_positions_have_no_derivative() -> None:
    with pytest.raises(NotDifferentiable, match="argsort is integer valued"):
        wb.grad(lambda x: wb.argsort(x).astype("float64").sum())(A([2.0, 1.0]))


def test_what_is_made_a_constant_first_is_no_obstacle() -> None:
    """stop_gradient says that no derivative is wanted, through integers too."""

    def f(x: Any) -> Any:
        ranks = wb.argsort(wb.argsort(wb.stop_gradient(x))).astype("float64")
        return (ranks * wb.asarray([1.0, 10.0])).sum()

    for transform in (wb.grad, wb.jacrev, wb.jacfwd):
        assert transform(f)(A([2.0, 1.0])).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    "f",
    [
        wb.unique_all,
        wb.unique_counts,
        wb.unique_inverse,
        wb.unique_values,
        np.unique,
        wb.nonzero,
        np.flatnonzero,
    ],
)
def test_shapes_that_differ_between_examples_are_refused(f: Any) -> None:
    with pytest.raises(NoValue, match=r"no one shape; call .* outside vmap") as raised:
        wb.vmap(f)(np.ones((2, 3)))
    assert "test_sorting.py" in str(raised.value)


def test_permutations_inside_vmap() -> None:
    keys = wb.stack(list(wb.random.split(wb.random.key(3), 4)))
    found = wb.vmap(lambda k: wb.random.permutation(k, 6))(keys)
    want = [wb.random.permutation(keys[k], 6).tolist() for k in range(4)]
    assert found.tolist() == want
    assert sorted(found[2].tolist()) == list(range(6))
    assert len({tuple(p) for p in want}) > 1


@given(
    hnp.arrays(np.float64, (2, 5), elements=st.floats(-9, 9)),
    st.floats(0, 1),
    st.sampled_from([None, 0, 1, (0, 1)]),
    st.booleans(),
)
def test_quantiles_are_numpys(a: Array, q: float, axis: Any, keepdims: bool) -> None:
    want = np.quantile(a, q, axis=axis, keepdims=keepdims)
    found: Any = np.quantile(wb.asarray(a), q, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]
    np.testing.assert_array_equal(found.numpy(), want)
    hundred: Any = np.percentile(wb.asarray(a), 100 * q, axis=axis)  # type: ignore[call-overload]
    np.testing.assert_array_equal(hundred.numpy(), np.percentile(a, 100 * q, axis=axis))


def test_a_quantile_by_hand() -> None:
    """At 3/8 of the way through 1, 2, 4, 8, 16: half between 2 and 4."""
    x = A([16.0, 2.0, 8.0, 1.0, 4.0])
    f: Any = lambda x, q: np.quantile(x, q)  # noqa: E731
    assert f(wb.asarray(x), 0.375).item() == 3.0
    by_x, by_q = wb.grad(f, (0, 1))(x, 0.375)
    assert by_x.tolist() == [0.0, 0.5, 0.0, 0.0, 0.5]
    assert by_q.item() == 8.0  # (4 - 2) for every quarter
    assert wb.hessian(lambda q: f(wb.asarray(x), q))(0.375).item() == 0.0
    assert wb.vmap(lambda q: f(wb.asarray(x), q))(A([0.0, 0.5, 1.0])).tolist() == [1.0, 4.0, 16.0]


@pytest.mark.parametrize("q", [-0.1, 1.1, np.nan, [0.5, 2.0]])
def test_quantiles_lie_within_the_whole(q: Any) -> None:
    with pytest.raises(wb.errors.TypeMismatch, match=r"quantile: q lies in 0 ... 1"):
        np.quantile(wb.asarray([1.0]), q)


def test_quantiles_of_nan_and_nothing() -> None:
    assert np.isnan(np.quantile(wb.asarray([1.0, np.nan, 2.0]), 0.0))
    with pytest.raises(wb.errors.TypeMismatch, match="percentile: there is no element"):
        np.percentile(wb.zeros((0,)), 50)
