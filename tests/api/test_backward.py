"""`requires_grad`, `backward`, and what stops gradients."""

# NumPy's and Python's stubs do not know that a Tensor answers their protocols, which is tested.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportOperatorIssue=false, reportDeprecated=false

from __future__ import annotations

import numpy as np
import pytest

import wingbeat as wb
from wingbeat.errors import NotDifferentiable, TypeMismatch


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
