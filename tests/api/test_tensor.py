"""What a tensor is to Python: conversions, identity and copies, what it says of itself."""

# NumPy's and Python's stubs do not know that a Tensor answers their protocols, which is tested.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportOperatorIssue=false, reportDeprecated=false

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from tests.support.golden import assert_golden
from wingbeat.errors import TypeMismatch

# --- conversions ------------------------------------------------------------------------------


def test_python_numbers() -> None:
    assert (float(wb.asarray(2.5)), int(wb.asarray(2.9)), bool(wb.asarray(0.0))) == (2.5, 2, False)
    assert type(wb.asarray(True).item()) is bool
    assert type(wb.asarray(3).item()) is int
    assert type(wb.asarray(3, "float16").item()) is float
    assert float(wb.asarray([[2.0]])) == 2.0
    assert [10, 20, 30][wb.asarray(1)] == 20
    assert list(range(wb.asarray(3))) == [0, 1, 2]
    assert f"{wb.asarray(2.0):.3f} {wb.asarray(7):04d}" == "2.000 0007"
    assert f"{wb.asarray([1.0])}" == "tensor([1.])"
    assert complex(wb.asarray(2.0)) == 2 + 0j


@pytest.mark.parametrize("f", [float, int, lambda t: t.item(), lambda t: f"{t:.2f}"])
def test_many_numbers_are_not_one(f: Callable[[Any], Any]) -> None:
    for shape in ((2,), (0,), (2, 2)):
        with pytest.raises(TypeMismatch, match="elements"):
            f(wb.zeros(shape))


@pytest.mark.parametrize("shape", [(2,), (0,), (1, 2)])
def test_the_truth_of_many_is_ambiguous(shape: tuple[int, ...]) -> None:
    with pytest.raises(TypeMismatch, match="ambiguous"):
        bool(wb.zeros(shape))


def test_floats_are_no_indices() -> None:
    with pytest.raises(TypeMismatch, match="integer"):
        [1, 2][wb.asarray(1.0)]
    with pytest.raises(TypeMismatch):
        range(wb.asarray([1, 2]))  # type: ignore[arg-type]


def test_length_and_iteration() -> None:
    assert len(wb.zeros((3, 0))) == 3
    for f in (len, iter, list):
        with pytest.raises(TypeMismatch, match="scalar"):
            f(wb.asarray(1.0))


def test_lists_and_arrays() -> None:
    x = wb.asarray([[1, 2], [3, 4]], "float32")
    assert x.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert wb.asarray(5).tolist() == 5
    assert np.asarray(x) is x.numpy()
    assert np.asarray(x, dtype="int8").dtype == np.int8
    assert np.array(x) is not x.numpy()
    assert np.array(x).flags.writeable
    assert np.array([x, x]).shape == (2, 2, 2)
    with pytest.raises(ValueError, match="read-only"):
        x.numpy()[0] = 1.0


def test_dlpack() -> None:
    x = wb.asarray([1.0, 2.0]) * 2
    y = np.from_dlpack(x)
    assert y.tolist() == [2.0, 4.0]
    assert wb.from_dlpack(np.arange(3)).tolist() == [0, 1, 2]
    assert wb.from_dlpack(x).tolist() == [2.0, 4.0]
    assert x.__dlpack_device__() == np.zeros(1).__dlpack_device__()
    with pytest.raises(TypeMismatch, match="DLPack"):
        wb.from_dlpack([1.0])


def test_tensors_in_lists_keep_their_history() -> None:
    f: Any = lambda x: wb.asarray([[x[0], 2 * x[1]], [3.0, x[0] * x[1]]]).sum()  # noqa: E731
    assert wb.grad(f)(np.array([2.0, 5.0])).tolist() == [6.0, 4.0]
    assert wb.asarray([wb.asarray(1), 2.5]).tolist() == [1.0, 2.5]
    assert wb.asarray((wb.zeros(2), [1.0, 2.0]), "float32").dtype == np.float32


# --- identity, copies -----------------------------------------------------------------------------


def test_tensors_are_keys_by_identity() -> None:
    x, y = wb.asarray([1.0]), wb.asarray([1.0])
    assert {x: 1, y: 2}[x] == 1
    assert hash(x) == hash(x)
    assert x in {x}


@pytest.mark.parametrize(
    "through", [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))]
)
def test_copies(through: Callable[[Any], Any]) -> None:
    for t in (wb.asarray([1.0, 2.0]), wb.asarray([1, 2]) + 1, wb.asarray(3.0, requires_grad=True)):
        again = through(t)
        assert again is not t
        assert (again.tolist(), again.dtype) == (t.tolist(), t.dtype)
        assert again.requires_grad is t.requires_grad
        assert not again.numpy().flags.writeable
    w = wb.asarray(2.0, requires_grad=True)
    with pytest.raises(TypeMismatch, match="clone"):
        through(w * 2)


def test_deep_copies_of_structures_share_what_was_shared() -> None:
    w = wb.asarray([1.0], requires_grad=True)
    a, b = copy.deepcopy([w, w])
    assert a is b
    assert a is not w


# --- what it says ---------------------------------------------------------------------------------


def test_representations() -> None:
    w = wb.asarray([0.5, 2.0], requires_grad=True)
    shown = [
        wb.asarray(1.5),
        wb.asarray(3),
        wb.asarray(True),
        wb.asarray([1.0, 2.5, -3.25]),
        wb.asarray([[1, 2], [30, 4]]),
        wb.asarray([[[1.0, 2.0]], [[3.0, 4.0]]], "float32"),
        wb.asarray([1.0, np.nan, np.inf]),
        wb.asarray([True, False]),
        wb.asarray([1e-10, 1e10]),
        wb.asarray([1, 2], "uint8"),
        wb.asarray([0.1], "float16"),
        wb.zeros((0,)),
        wb.zeros((0, 3)),
        wb.zeros((2, 0), dtype="int32"),
        wb.arange(2000),
        w,
        w * 2,
        w.sum(),
    ]
    assert_golden("tensor_repr.txt", "\n".join(repr(t) for t in shown))
    assert str(w) == repr(w)


def test_types() -> None:
    x = wb.zeros((2, 3), dtype="float32")
    assert (x.shape, x.dtype, x.ndim, x.size, x.device) == ((2, 3), np.float32, 2, 6, "cpu")
    assert str(x.type) == "f32[2,3]"
    assert (x + 1.0).type is x.type
    assert x.T.shape == (3, 2)
    assert wb.zeros((2, 3, 4)).T.shape == (4, 3, 2)
    assert wb.zeros((2, 3, 4)).mT.shape == (2, 4, 3)
    with pytest.raises(TypeMismatch, match="mT"):
        wb.zeros(3).mT  # noqa: B018
    assert x.__array_namespace__() is wb
