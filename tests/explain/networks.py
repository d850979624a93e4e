"""Networks that the tests of explanations look at."""

from typing import Any

import numpy as np

import wingbeat as wb
from wingbeat import nn


class Attention(nn.Module):
    def __init__(self, size: int) -> None:
        self.q, self.k, self.v, self.o = (nn.Linear(size, size) for _ in range(4))

    def forward(self, x: Any) -> Any:
        q, k, v = self.q(x), self.k(x), self.v(x)
        return self.o(wb.softmax(q @ k.mT / 2.0, axis=-1) @ v)


class Block(nn.Module):
    def __init__(self, size: int) -> None:
        self.ln1, self.attention = nn.LayerNorm(size), Attention(size)
        self.ln2 = nn.LayerNorm(size)
        self.mlp = nn.Sequential(nn.Linear(size, 2 * size), nn.GELU(), nn.Linear(2 * size, size))

    def forward(self, x: Any) -> Any:
        x = x + self.attention(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class Transformer(nn.Module):
    """Residual blocks, each of which a path can cross or skip in two places."""

    def __init__(self, blocks: int, size: int = 8) -> None:
        self.blocks = [Block(size) for _ in range(blocks)]
        self.head = nn.Linear(size, 3)

    def forward(self, x: Any) -> Any:
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def mean_square(model: Any, x: Any) -> Any:
    return wb.mean(model(x) ** 2)


def transformer(blocks: int) -> Any:
    """The explanation of a transformer's loss on fixed data."""
    x = np.random.default_rng(0).normal(size=(2, 4, 8)).astype("float32")
    return wb.explain(mean_square)(Transformer(blocks), x)
