"""Modules: what they find, their modes, and what they refuse."""

import numpy as np
import pytest

import wingbeat as wb
from tests.nn.modules import NAMES, Before, Mixed, array, loss_of
from wingbeat import nn
from wingbeat.errors import NotDifferentiable, NotSupported, TypeMismatch


def test_all_parameters_are_found_by_dotted_name() -> None:
    model = Mixed()
    assert [name for name, _ in model.named_parameters()] == NAMES
    assert [p.shape for p in model.parameters()][:4] == [(2,), (2,), (1,), (2, 2)]
    assert [name for name, _ in model.named_buffers()] == ["shift"]
    assert next(iter(model.buffers())).tolist() == [1.0, 1.0]


def test_modules_come_parents_first_and_once() -> None:
    shared = nn.ReLU()
    model = nn.Sequential(nn.Linear(2, 2), shared, nn.Linear(2, 2), shared)
    assert [name for name, _ in model.named_modules()] == ["", "0", "1", "2"]
    assert len(list(model.modules())) == 4
    assert [name for name, _ in model.named_children()] == ["0", "1", "2", "3"]


def test_calling_the_base_constructor_is_allowed() -> None:
    assert [name for name, _ in Before().named_parameters()] == ["layer.weight", "layer.bias"]


def test_a_module_that_holds_its_parent_ends() -> None:
    child, parent = nn.Linear(1, 1), nn.Module()
    parent.child, child.parent = child, parent  # type: ignore[attr-defined]
    assert [name for name, _ in parent.named_parameters()] == ["child.weight", "child.bias"]


def test_shared_parameters_are_found_once() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    assert [name for name, _ in model.named_parameters()] == ["0.weight", "0.bias", "1.bias"]


# --- modes ---------------------------------------------------------------------------------------


def test_modes_reach_every_module() -> None:
    model = Mixed()
    assert model.eval() is model
    assert not any(m.training for m in model.modules())
    model.train()
    assert all(m.training for m in model.modules())


def test_zero_grad_and_freezing() -> None:
    model, x = Mixed(), array(5, 2)
    loss_of(model, x).backward()
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())
    model.blocks[0].requires_grad_(False)
    loss_of(model, x).backward()
    assert model.blocks[0].weight.grad is None
    assert model.blocks[1].weight.grad is not None
    model.requires_grad_(False)
    assert not loss_of(model, x).requires_grad


def test_another_dtype_keeps_parameters_and_sharing() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    model.register_buffer("mean", np.zeros(2, "float32"))
    model.register_buffer("steps", np.zeros((), "int64"))
    first = model[0].weight
    loss_of(model, array(3, 2)).backward()
    assert model.to("float64") is model
    assert model[0].weight is first is model[1].weight
    assert {p.dtype.name for p in model.parameters()} == {"float64"}
    assert [b.dtype.name for b in model.buffers()] == ["float64", "int64"]
    assert first.grad is None
    assert first.requires_grad
    loss_of(model, array(3, 2).astype("float64")).backward()
    assert first.grad is not None
    assert first.grad.dtype.name == "float64"
    assert model.astype("float32")[0].weight.dtype.name == "float32"
    with pytest.raises(TypeMismatch, match="parameters are floats, and int32 is not"):
        model.to("int32")


# --- bad input ---------------------------------------------------------------------------------


def test_a_parameter_is_not_replaced_by_a_plain_tensor() -> None:
    model = nn.Linear(2, 1)
    for value in (wb.zeros((1, 2)), np.zeros((1, 2))):
        with pytest.raises(TypeMismatch, match=r"Linear.weight is a Parameter"):
            model.weight = value  # type: ignore[assignment]
    model.weight = nn.Parameter(np.zeros((1, 2)))
    assert model.weight.dtype.name == "float64"


def test_what_modules_refuse() -> None:
    with pytest.raises(NotSupported, match="Module has no forward"):
        nn.Module()(1.0)
    with pytest.raises(NotDifferentiable, match=r"only floats are learnt, not int64"):
        nn.Parameter([1, 2])
    model = nn.Linear(2, 1)
    with pytest.raises(TypeMismatch, match=r"Linear.weight exists already"):
        model.register_buffer("weight", np.zeros(1))
    with pytest.raises(TypeMismatch, match="cannot be the name"):
        model.register_buffer("a.b", np.zeros(1))
