"""Containers of modules: lists, and what they refuse."""

from typing import Any

import pytest

import wingbeat as wb
from wingbeat import nn
from wingbeat.errors import TypeMismatch


def test_what_containers_refuse() -> None:
    with pytest.raises(TypeMismatch, match=r"ReLU is a class; write ReLU\(\)"):
        nn.Sequential(nn.ReLU)
    with pytest.raises(TypeMismatch, match="layers are modules, not function"):
        nn.Sequential(wb.relu)
    with pytest.raises(TypeMismatch, match="with a star"):
        nn.Sequential([nn.ReLU()])
    with pytest.raises(TypeMismatch, match="a layer cannot be called 'train'"):
        nn.Sequential({"train": nn.ReLU()})
    with pytest.raises(TypeMismatch, match=r"a layer cannot be called 'a\.b'"):
        nn.Sequential({"a.b": nn.ReLU()})
    with pytest.raises(wb.errors.OutOfRange, match="layer 2 of 1"):
        nn.ModuleList([nn.ReLU()])[2]
    with pytest.raises(TypeMismatch, match="layers are modules"):
        nn.Sequential(nn.ReLU())[0] = 3  # type: ignore[assignment]


def test_containers_are_lists() -> None:
    layers = [nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)]
    model = nn.Sequential(*layers)
    assert list(model) == layers
    assert model[-1] is layers[2]
    assert list(model[:2]) == layers[:2]
    assert list(nn.ModuleList(layers)[1:]) == layers[1:]
    assert len(nn.ModuleList(layers).extend([nn.ReLU()])) == 4
    model[1] = nn.Tanh()
    assert isinstance(model[1], nn.Tanh)
    named: Any = nn.Sequential({"a": layers[0], "b": layers[1]})
    assert named.a is layers[0]
    assert named[1:].b is layers[1]
