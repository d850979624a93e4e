"""Modules that tests share."""

from typing import Any, NamedTuple

import numpy as np

import wingbeat as wb
from wingbeat import nn


class Pair(NamedTuple):
    first: Any
    second: Any


def array(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype("float32")


class Mixed(nn.Module):
    """Parameters and modules in every kind of attribute; __init__ of the base is not called."""

    shift: Any

    def __init__(self) -> None:
        self.scale = nn.Parameter(array(2))
        self.blocks = [nn.Linear(2, 2), nn.Linear(2, 2, bias=False)]
        self.weights = (nn.Parameter(array(2)), "not a parameter", 3)
        self.named = {"last": nn.Sequential(nn.Linear(2, 1), nn.Tanh())}
        self.pair = Pair(nn.Parameter(array(1)), None)
        self.count = 5
        self.register_buffer("shift", np.ones(2, "float32"))

    def forward(self, x: Any) -> Any:
        for block in self.blocks:
            x = wb.tanh(block(x))
        x = x * self.scale * self.weights[0] + self.shift
        return self.named["last"](x) * self.pair.first


class Before(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)


NAMES = [
    "scale",
    "weights.0",
    "pair.0",
    "blocks.0.weight",
    "blocks.0.bias",
    "blocks.1.weight",
    "named.last.0.weight",
    "named.last.0.bias",
]


def loss_of(model: Any, x: Any) -> Any:
    return wb.sum(model(x) ** 2)
