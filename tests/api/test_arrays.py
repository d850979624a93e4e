"""Arrays become tensors: what is taken, what is refused, and that nobody changes it later."""

# NumPy's and Python's stubs do not know that a Tensor answers their protocols, which is tested.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportOperatorIssue=false, reportDeprecated=false

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from wingbeat.errors import TypeMismatch

# --- making ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", [[[1, 2], [3]], "abc", None, 1j, object(), [1, "a"], {"a": 1}, {1, 2}, b"ab", [[1], 2]]
)
def test_what_is_no_array_of_numbers_is_refused(value: Any) -> None:
    with pytest.raises(TypeMismatch, match="asarray: "):
        wb.asarray(value)


@pytest.mark.parametrize(
    ("value", "dtype"), [(300, "int8"), (-1, "uint8"), (2**70, "int64"), ("a", "float64")]
)
def test_numbers_that_do_not_fit_are_refused(value: Any, dtype: str) -> None:
    with pytest.raises(TypeMismatch, match="asarray: "):
        wb.asarray(value, dtype)


@pytest.mark.parametrize(
    "dtype", ["complex128", "float128", "U5", "datetime64[s]", "wrong", object]
)
def test_dtypes_that_are_not_supported(dtype: Any) -> None:
    with pytest.raises(TypeMismatch, match="dtype"):
        wb.asarray([1.0], dtype)


def test_byte_orders_are_made_native() -> None:
    t = wb.asarray(np.array([1.0, 2.0], ">f8"))
    assert t.dtype == np.dtype("float64")
    assert t.dtype.isnative
    assert (t * 2).tolist() == [2.0, 4.0]


# --- values, not places ---------------------------------------------------------------------------


def test_changing_an_array_never_changes_a_tensor() -> None:
    a = np.array([1.0, 2.0])
    held = [
        wb.asarray(a),
        wb.asarray(a, "float64"),
        wb.Tensor(a),
        wb.asarray(a[:]),
        wb.asarray(np.broadcast_to(a, (2, 2))),
        wb.asarray(a.reshape(2, 1).T),
        wb.from_dlpack(a),
    ]
    view = a[:]
    view.flags.writeable = False
    held.append(wb.asarray(view))
    lazy = wb.asarray(a) * 2 + a
    gradient = wb.grad(lambda x: (x * a).sum())(a)
    a[:] = 100.0
    assert [t.tolist() for t in held] == [
        [[1.0, 2.0]] * 2 if k == 4 else [[1.0, 2.0]] if k == 5 else [1.0, 2.0]
        for k in range(len(held))
    ]
    assert lazy.tolist() == [3.0, 6.0]
    assert gradient.tolist() == [1.0, 2.0]


def test_an_array_of_another_object_is_left_writeable() -> None:
    class Holder:
        def __init__(self) -> None:
            self.data = np.array([1.0, 2.0])

        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            return self.data

    h = Holder()
    t = wb.asarray(h)
    h.data[0] = 5.0
    assert t.tolist() == [1.0, 2.0]


def test_read_only_arrays_are_not_copied() -> None:
    a = np.arange(3.0)
    a.flags.writeable = False
    assert wb.asarray(a).numpy() is a


def test_results_are_read_only() -> None:
    x = wb.asarray([[1.0, 2.0], [3.0, 4.0]])
    results = [x, x + 1, x.T, x[0], x.reshape(4), x.sum(), wb.broadcast_to(x, (2, 2, 2)), +x]
    results += [wb.grad(lambda v: (v * v).sum())(x), *wb.vjp(lambda v: v, x)[1](x)]
    for t in results:
        assert not t.numpy().flags.writeable


@pytest.mark.parametrize(
    "f",
    [
        wb.floor,
        wb.round,
        wb.positive,
        wb.clip,
        wb.stop_gradient,
        wb.abs,
        wb.sort,
        wb.from_dlpack,
        np.copy,
        np.nan_to_num,
        copy.copy,
        copy.deepcopy,
        lambda x: wb.astype(x, x.dtype),
        lambda x: x.astype("int64"),
        lambda x: wb.roll(x, 0),
        lambda x: wb.roll(x, 0, axis=0),
        lambda x: wb.reshape(x, (3,), copy=True),
        lambda x: wb.concat([x]),
        lambda x: wb.diff(x, n=0),
        lambda x: wb.asarray(x, copy=True),
        lambda x: wb.tile(x, (1,)),
        lambda x: wb.repeat(x, 1),
        lambda x: wb.full((3,), x),
        lambda x: wb.meshgrid(x)[0],
        lambda x: wb.sum(x, axis=()),
        lambda x: x.clone(),
        lambda x: x.detach(),
        lambda x: x.flatten(),
        # Views, which may be written to as copies only: see test_views.py.
        lambda x: wb.squeeze(x).clone(),
        lambda x: wb.flip(x).clone(),
        lambda x: np.ravel(x).clone(),
        lambda x: np.real(x).clone(),
        lambda x: wb.broadcast_to(x, (3,)).clone(),
        lambda x: wb.broadcast_arrays(x, 1)[0].clone(),
        lambda x: wb.moveaxis(x, 0, 0).clone(),
        lambda x: x.T.clone(),
    ],
)
def test_no_function_returns_its_argument_itself(f: Callable[[Any], Any]) -> None:
    """Who assigns to a result does not change what it was computed from."""
    for lazy in (False, True):
        x = wb.asarray([1, 2, 3])
        x = x + 0 if lazy else x
        y = f(x)
        y[0] = 9
        assert x.tolist() == [1, 2, 3]


def test_asarray_gives_a_tensor_back() -> None:
    x = wb.asarray([1.0])
    assert wb.asarray(x) is x
    assert wb.asarray(x, "float64") is x
