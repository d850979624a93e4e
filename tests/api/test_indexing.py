"""`x[key]` and `x[key] = v` against NumPy, for keys of every kind."""

# NumPy's and Python's stubs do not know that a Tensor answers their protocols, which is tested.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportOperatorIssue=false, reportDeprecated=false

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wingbeat as wb
from tests.api.indices import Array, as_tensors, cases, numbered, numpy_reads
from wingbeat.errors import OutOfRange, TypeMismatch


@settings(max_examples=400)
@given(cases(), st.booleans())
def test_reading_is_numpys(case: tuple[Array, tuple[Any, ...]], tensors: bool) -> None:
    a, key = case
    x, k = wb.asarray(a), as_tensors(key) if tensors else key
    expected = numpy_reads(a, key)
    if expected is None:
        with pytest.raises((OutOfRange, TypeMismatch)):
            x[k].numpy()
        return
    found = x[k]
    assert found.shape == expected.shape
    assert np.array_equal(found.numpy(), expected)


@settings(max_examples=300)
@given(cases(), st.data())
def test_writing_is_numpys(case: tuple[Array, tuple[Any, ...]], data: Any) -> None:
    a, key = case
    place = numpy_reads(a, key)
    if place is None:
        return
    shape = place.shape[data.draw(st.integers(0, place.ndim)) :]
    shape = tuple(data.draw(st.sampled_from([1, n])) for n in shape)
    value = -numbered(shape)
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
