"""What a tensor is to Python: a value with a type, conversions, copies, gradients of its own."""

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
from wingbeat.errors import NotDifferentiable, TypeMismatch

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


# --- requires_grad, backward ------------------------------------------------------------------


def test_backward_adds() -> None:
    w = wb.asarray([1.0, 2.0], requires_grad=True)
    loss = (w * w).sum()
    loss.backward()
    loss.backward()
    assert w.grad is not None
    assert w.grad.tolist() == [4.0, 8.0]
    w.grad = None
    (w * 3).backward(np.array([1.0, 10.0]))
    assert w.grad.tolist() == [3.0, 30.0]


def test_backward_of_an_input_itself() -> None:
    w = wb.asarray(2.0, requires_grad=True)
    w.backward()
    assert w.grad is not None
    assert w.grad.item() == 1.0


def test_second_derivatives_by_backward() -> None:
    w = wb.asarray(2.0, requires_grad=True)
    (w**3).backward(create_graph=True)
    g = w.grad
    assert g is not None
    w.grad = None
    g.backward()
    assert w.grad.item() == 12.0


def test_gradients_flow_around_detached_parts() -> None:
    w = wb.asarray(3.0, requires_grad=True)
    y = (w * w).detach()
    assert not y.requires_grad
    (w * y).backward()
    assert w.grad is not None
    assert w.grad.item() == 9.0


def test_inputs_that_do_not_matter_have_no_gradient() -> None:
    w, v = wb.asarray(1.0, requires_grad=True), wb.asarray(1.0, requires_grad=True)
    (w * 2 + v.detach()).backward()
    assert (w.is_leaf, (w * 2).is_leaf) == (True, False)
    assert v.grad is None


def test_backward_refuses() -> None:
    w = wb.asarray([1.0, 2.0], requires_grad=True)
    with pytest.raises(NotDifferentiable, match="requires_grad"):
        wb.asarray(1.0).backward()
    with pytest.raises(TypeMismatch, match="no scalar"):
        (w * 2).backward()
    with pytest.raises(TypeMismatch, match="shape"):
        (w * 2).backward(np.ones(3))
    with pytest.raises(TypeMismatch, match="shape"):
        w.backward(np.ones(3))
    with pytest.raises(TypeMismatch, match="no scalar"):
        w.backward()
    with pytest.raises(NotDifferentiable, match="argmax"):
        wb.argmax(w).backward()
    with pytest.raises(NotDifferentiable, match="argmax"):
        wb.argmax(w).astype("float64").backward()
    with pytest.raises(TypeMismatch, match="its type"):
        w.grad = wb.asarray(1.0)
    with pytest.raises(TypeMismatch, match="tensor"):
        w.grad = np.array([1.0, 2.0])  # type: ignore[assignment]
    with pytest.raises(NotDifferentiable, match="only floats"):
        wb.asarray([1, 2], requires_grad=True)
    with pytest.raises(TypeMismatch, match="detach"):
        (w * 2).requires_grad = False


def test_what_is_flat_has_a_gradient_of_zeros() -> None:
    w = wb.asarray([1.5, 2.5], requires_grad=True)
    wb.floor(w).sum().backward()
    assert w.grad is not None
    assert w.grad.tolist() == [0.0, 0.0]


def test_requires_grad_can_be_changed() -> None:
    x = wb.asarray([1.0])
    y = x * 2
    y.requires_grad = True
    (y * y).sum().backward()
    assert y.grad is not None
    assert y.grad.tolist() == [4.0]
    y.requires_grad = False
    assert not (y * 2).requires_grad


def test_no_grad_as_a_block_and_as_a_decorator() -> None:
    w = wb.asarray(2.0, requires_grad=True)

    @wb.no_grad()
    def f() -> wb.Tensor:
        return w * 2

    assert not f().requires_grad
    with pytest.raises(ZeroDivisionError), wb.no_grad():
        raise ZeroDivisionError
    assert (w * 2).requires_grad
    with wb.no_grad():
        assert not w.clone().requires_grad
        assert not (+w).requires_grad


def test_assign() -> None:
    w, v = (wb.asarray(k, requires_grad=True) for k in (1.0, 2.0))
    before = w * 10
    wb.assign([w, v], [w.detach() + v.detach(), w.detach() - v.detach()])
    assert (w.item(), v.item(), before.item()) == (3.0, -1.0, 10.0)
    assert w.requires_grad
    with pytest.raises(TypeMismatch, match="results"):
        wb.assign([w * 2], [v.detach()])
    with pytest.raises(TypeMismatch, match="cannot become"):
        wb.assign([w], [wb.asarray([1.0])])
    with pytest.raises(TypeMismatch, match="assign"):
        wb.assign([w, v], [wb.asarray(1.0)])
