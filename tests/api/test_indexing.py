"""`x[key]` and `x[key] = v` against NumPy, for keys of every kind; and their derivatives."""

# NumPy's and Python's stubs do not know that a Tensor answers their protocols, which is tested.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportOperatorIssue=false, reportDeprecated=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import wingbeat as wb
from wingbeat.errors import OutOfRange, TypeMismatch

Array = np.ndarray[Any, Any]
Draw = Callable[[Any], Any]


# --- keys ---------------------------------------------------------------------------------


def _numbered(shape: tuple[int, ...]) -> Array:
    return np.arange(1.0, 1.0 + np.prod(shape, dtype=int)).reshape(shape)


@st.composite
def _slices(draw: Draw, n: int) -> slice:
    ends = st.one_of(st.none(), st.integers(-n - 2, n + 2))
    step = draw(st.sampled_from([None, 1, 2, 3, -1, -2, -3, n + 1, -n - 1]))
    return slice(draw(ends), draw(ends), step)


@st.composite
def _index_arrays(draw: Draw, n: int, common: tuple[int, ...]) -> Any:
    """Positions inside an axis of size n, of a shape that broadcasts to `common`."""
    rank = draw(st.integers(0, len(common)))
    shape = tuple(draw(st.sampled_from([1, k])) for k in common[len(common) - rank :])
    if n == 0:
        shape = (*shape, 0) if 0 not in shape else shape
    dtype = draw(st.sampled_from(["int64", "int32", "int8"]))
    return draw(hnp.arrays(dtype, shape, elements=st.integers(-n, max(n - 1, -n))))


@st.composite
def _cases(draw: Draw) -> tuple[Array, tuple[Any, ...]]:
    """An array and a key for it, of any mix of entries."""
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=4)))
    common = tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
    key: list[Any] = []
    axis, covered = 0, draw(st.integers(0, len(shape)))
    while axis < covered:
        n = shape[axis]
        kind = draw(st.sampled_from(["slice", "slice", "int", "array", "list", "mask", "none"]))
        if kind == "none":
            key.append(None)
            continue
        width = draw(st.integers(1, covered - axis)) if kind == "mask" else 1
        if kind == "slice":
            key.append(draw(_slices(n)))
        elif kind == "int" and n:
            key.append(draw(st.integers(-n, n - 1)))
        elif kind == "mask":
            key.append(draw(hnp.arrays(bool, shape[axis : axis + width])))
        else:
            entry = draw(_index_arrays(n, common))
            key.append(entry.tolist() if kind == "list" and entry.size and entry.ndim else entry)
        axis += width
    if draw(st.booleans()):
        # An Ellipsis stands for axes that the key does not name: behind all entries, or, where
        # the key names every axis, anywhere.
        place = draw(st.integers(0, len(key))) if covered == len(shape) else len(key)
        key.insert(place, Ellipsis)
    return _numbered(shape), tuple(key)


def _as_tensors(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(wb.asarray(k) if isinstance(k, np.ndarray) and k.ndim else k for k in key)


def _numpy_reads(a: Array, key: Any) -> Array | None:
    try:
        return np.asarray(a[key])
    except IndexError:
        return None


@settings(max_examples=400)
@given(_cases(), st.booleans())
def test_reading_is_numpys(case: tuple[Array, tuple[Any, ...]], tensors: bool) -> None:
    a, key = case
    x, k = wb.asarray(a), _as_tensors(key) if tensors else key
    expected = _numpy_reads(a, key)
    if expected is None:
        with pytest.raises((OutOfRange, TypeMismatch)):
            x[k].numpy()
        return
    found = x[k]
    assert found.shape == expected.shape
    assert np.array_equal(found.numpy(), expected)


@settings(max_examples=300)
@given(_cases(), st.data())
def test_writing_is_numpys(case: tuple[Array, tuple[Any, ...]], data: Any) -> None:
    a, key = case
    place = _numpy_reads(a, key)
    if place is None:
        return
    shape = place.shape[data.draw(st.integers(0, place.ndim)) :]
    shape = tuple(data.draw(st.sampled_from([1, n])) for n in shape)
    value = -_numbered(shape)
    expected = a.copy()
    # Where positions repeat NumPy's documentation promises that the last value stays.
    expected[key] = value
    x = wb.asarray(a)
    x[key] = wb.asarray(value) if data.draw(st.booleans()) else value
    assert np.array_equal(x.numpy(), expected)


# --- literals --------------------------------------------------------------------------------


def test_advanced_axes_go_where_numpy_puts_them() -> None:
    x = wb.zeros((2, 3, 4, 5))
    i = np.array([0, 1, 1])
    assert x[:, i, i].shape == (2, 3, 5)
    assert x[i, :, i].shape == (3, 3, 5)
    assert x[0, :, i].shape == (3, 3, 5)
    assert x[:, 0, i].shape == (2, 3, 5)
    assert x[:, i, None, i].shape == (3, 2, 1, 5)
    assert x[:, i[:, None], i].shape == (2, 3, 3, 5)


def test_masks_of_two_axes_beside_a_slice() -> None:
    x = wb.asarray(np.arange(12).reshape(2, 2, 3))
    mask = np.array([[True, False], [False, True]])
    assert x[mask, 1:].tolist() == [[1, 2], [10, 11]]
    assert x[..., [True, False, True]].shape == (2, 2, 2)


def test_last_of_several_writers_stays() -> None:
    x = wb.zeros(4)
    x[[1, 1, 3, 1]] = [10.0, 20.0, 30.0, 40.0]
    assert x.tolist() == [0.0, 40.0, 0.0, 30.0]


def test_slices_taken_earlier_keep_their_values() -> None:
    x = wb.asarray([1.0, 2.0, 3.0])
    first, whole = x[:2], x[...]
    x[0] = 9.0
    assert (first.tolist(), whole.tolist()) == ([1.0, 2.0], [1.0, 2.0, 3.0])
    assert x.tolist() == [9.0, 2.0, 3.0]


def test_adding_in_place_at_positions() -> None:
    x = wb.asarray([1.0, 2.0, 3.0])
    x[1:] += 10.0
    x[[0, 0]] += 1.0  # read once, written twice: NumPy's meaning
    assert x.tolist() == [2.0, 12.0, 13.0]


def test_leading_axes_of_size_one_of_a_value_are_dropped() -> None:
    x = wb.zeros(3)
    x[:] = np.array([[1.0, 2.0, 3.0]])
    assert x.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("dtype", ["bool", "int8", "int64", "float16", "float32", "float64"])
@pytest.mark.parametrize("value", [True, 1, 2.75, np.float32(1.5), np.array([0, 2, 3])])
def test_values_are_cast_as_in_numpy(dtype: str, value: Any) -> None:
    a = np.zeros(3, dtype)
    x = wb.asarray(a)
    a[:] = value
    x[:] = value
    assert x.dtype == a.dtype
    assert np.array_equal(x.numpy(), a)


def test_positions_may_be_computed_lazily() -> None:
    x = wb.asarray([[3.0, 1.0, 2.0], [0.0, 5.0, 4.0]])
    assert x[wb.arange(2), wb.argmax(x, axis=1)].tolist() == [3.0, 5.0]
    y = wb.zeros(3)
    y[wb.argmax(x[0])] = 7.0
    y[wb.argmin(x[0]) - 2] = 8.0
    assert y.tolist() == [7.0, 0.0, 8.0]


def test_a_zero_rank_tensor_is_an_index_and_a_slice_bound() -> None:
    x = wb.arange(5)
    k = wb.asarray(3)
    assert (x[k].item(), x[k:].tolist(), x[:k:2].tolist()) == (3, [3, 4], [0, 2])


def test_iterating_and_membership() -> None:
    x = wb.asarray([[1.0, 2.0], [3.0, 4.0]])
    assert [row.tolist() for row in x] == [[1.0, 2.0], [3.0, 4.0]]
    assert 3.0 in x
    assert 7.0 not in x


# --- derivatives -----------------------------------------------------------------------------


@settings(max_examples=100)
@given(_cases())
def test_gradient_of_reading_counts_the_reads(case: tuple[Array, tuple[Any, ...]]) -> None:
    """d/dx sum(w * x[key]) adds w at every position that was read."""
    a, key = case
    place = _numpy_reads(a, key)
    if place is None:
        return
    w = np.cos(_numbered(place.shape))
    expected = np.zeros_like(a)
    np.add.at(expected, key, w)
    found = wb.grad(lambda x: (x[key] * w).sum())(a)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-14, atol=1e-14)
    moved = wb.jvp(lambda x: x[key], (a,), (np.sin(a),))[1]
    np.testing.assert_allclose(moved.numpy(), np.sin(a)[key], rtol=1e-15)


@settings(max_examples=100)
@given(_cases())
def test_gradients_of_writing(case: tuple[Array, tuple[Any, ...]]) -> None:
    """After x[key] = v, what was overwritten has no influence; the last writer has all of it."""
    a, key = case
    place = _numpy_reads(a, key)
    if place is None:
        return
    v = -_numbered(place.shape)
    numbers = np.zeros(a.shape)
    numbers[key] = np.arange(1.0, 1.0 + place.size).reshape(place.shape)
    w = np.cos(_numbered(a.shape))

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


# --- errors ------------------------------------------------------------------------------------

_BAD_KEYS: list[tuple[Any, type[Exception], str]] = [
    (3, OutOfRange, "index 3 is outside an axis of size 3"),
    (-4, OutOfRange, "index -4 is outside an axis of size 3"),
    ((0, 0, 0), OutOfRange, "3 indices for f64.3,4., which has 2 axes"),
    ([0, 3], OutOfRange, "index 3 is outside an axis of size 3"),
    ([0, -4], OutOfRange, "index -4 is outside an axis of size 3"),
    (np.array([[True, False, True]]), OutOfRange, "mask"),
    ([True, False], OutOfRange, "mask"),
    ((slice(None), [True, False, True]), OutOfRange, "mask"),
    (([0, 1], [0, 1, 2]), OutOfRange, "do not broadcast"),
    (1.0, TypeMismatch, "not float"),
    (np.array([0.5]), TypeMismatch, "integers or booleans"),
    (np.float64(1.0), TypeMismatch, "index"),
    (True, TypeMismatch, "boolean array"),
    (np.True_, TypeMismatch, "boolean array"),
    (np.array(True), TypeMismatch, "boolean array"),
    ("a", TypeMismatch, "not str"),
    ((Ellipsis, Ellipsis), TypeMismatch, "one Ellipsis"),
    (slice(None, None, 0), TypeMismatch, "zero"),
    (slice("a"), TypeMismatch, "slice"),
    (slice(0.5, 2), TypeMismatch, "slice"),
    ({}, TypeMismatch, "not dict"),
    (np.array(["a"]), TypeMismatch, "index"),
    ([slice(None)], TypeMismatch, "index"),
    ([None], TypeMismatch, "index"),
]


@pytest.mark.parametrize(("key", "error", "text"), _BAD_KEYS, ids=lambda v: repr(v)[:30])
def test_bad_keys_are_refused_with_the_users_line(
    key: Any, error: type[Exception], text: str
) -> None:
    x = wb.zeros((3, 4))
    with pytest.raises(error, match=text) as caught:
        x[key].numpy()
    assert "test_indexing.py" in str(caught.value)
    with pytest.raises(error, match=text):
        x[key] = 1.0


def test_positions_out_of_range_that_are_computed_lazily() -> None:
    x, i = wb.zeros(3), wb.asarray([0, 1]) + 2
    y = x[i]
    with pytest.raises(OutOfRange, match="outside an axis of size 3") as caught:
        y.numpy()
    assert "test_indexing.py" in str(caught.value)


@pytest.mark.parametrize("value", [np.zeros(2), np.zeros((4, 1, 3)), np.zeros((2, 3))])
def test_values_that_do_not_fit_are_refused(value: Any) -> None:
    x = wb.zeros(3)
    with pytest.raises(TypeMismatch, match="place of shape") as caught:
        x[:] = value
    assert "test_indexing.py" in str(caught.value)
    assert x.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("value", ["a", None, 1j, object()])
def test_values_that_are_no_numbers_are_refused(value: Any) -> None:
    x = wb.zeros(3)
    with pytest.raises(TypeMismatch):
        x[0] = value


def test_a_number_that_does_not_fit_the_dtype_is_refused() -> None:
    x = wb.zeros(3, dtype="int8")
    with pytest.raises(TypeMismatch, match="300"):
        x[0] = 300
