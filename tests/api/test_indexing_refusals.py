"""Keys and values that make no sense are refused at the user's line."""

# NumPy's and Python's stubs do not know that a Tensor answers their protocols, which is tested.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportOperatorIssue=false, reportDeprecated=false

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from wingbeat.errors import OutOfRange, TypeMismatch

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
    assert "test_indexing_refusals.py" in str(caught.value)
    with pytest.raises(error, match=text):
        x[key] = 1.0


def test_positions_out_of_range_that_are_computed_lazily() -> None:
    x, i = wb.zeros(3), wb.asarray([0, 1]) + 2
    y = x[i]
    with pytest.raises(OutOfRange, match="outside an axis of size 3") as caught:
        y.numpy()
    assert "test_indexing_refusals.py" in str(caught.value)


@pytest.mark.parametrize("value", [np.zeros(2), np.zeros((4, 1, 3)), np.zeros((2, 3))])
def test_values_that_do_not_fit_are_refused(value: Any) -> None:
    x = wb.zeros(3)
    with pytest.raises(TypeMismatch, match="place of shape") as caught:
        x[:] = value
    assert "test_indexing_refusals.py" in str(caught.value)
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
