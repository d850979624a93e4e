"""`Embedding`."""

from __future__ import annotations

from typing import Any

from wingbeat.api import Tensor, asarray, random, take
from wingbeat.errors import TypeMismatch
from wingbeat.nn import init
from wingbeat.nn._checks import whole
from wingbeat.nn.functional import check_range
from wingbeat.nn.module import Module
from wingbeat.nn.parameter import Parameter


class Embedding(Module):
    """A learnt vector for each of `count` things, looked up by number; they begin standard normal.

    Args:
        count: how many things.
        size: elements of a vector.
        dtype: of the vectors.
        key: of `wb.random`; by default the next one of `wb.random.default`.

    Raises:
        BadInput: a size is no whole number of at least 1.
        TypeMismatch: (when called) positions are no integers.
        OutOfRange: (when called, or when the result is computed) a position is outside 0 ... count
            - 1.

    >>> import wingbeat as wb
    >>> wb.nn.Embedding(10, 3)([[1, 2], [9, 0]]).shape
    (2, 2, 3)
    """

    def __init__(
        self, count: int, size: int, *, dtype: Any = "float32", key: Tensor | None = None
    ) -> None:
        self.count, self.size = whole(count, "count", "Embedding"), whole(size, "size", "Embedding")
        key = random.default.next() if key is None else key
        self.weight = Parameter(init.normal(key, (self.count, self.size), dtype=dtype))

    def forward(self, positions: Any) -> Tensor:
        """Integers of any shape -> (..., size)."""
        i = asarray(positions)
        if i.dtype.kind not in "iu":
            raise TypeMismatch(
                f"Embedding: positions are integers, not {i.type}; write .astype('int64')"
            )
        if i.is_leaf and i.size:
            check_range("Embedding", "position", i, self.count)
        return take(self.weight, i, axis=0)

    def extra_repr(self) -> str:
        """How many vectors of which size."""
        return f"{self.count}, {self.size}"
