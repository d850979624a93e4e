"""What an `element` rule may do with scalars: the protocol of all readings of `element`.

Indices are integers of the reading (Python ints, or machine integers that overload + - * // % and
comparisons), so index arithmetic is written with Python's operators; numbers go through `s`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

Scalar = Any  # a number of the reading
Index = tuple[Any, ...]


class Scalars(Protocol):
    """Arithmetic on the scalars of one reading."""

    def const(self, value: float) -> Scalar: ...
    def add(self, x: Scalar, y: Scalar) -> Scalar: ...
    def sub(self, x: Scalar, y: Scalar) -> Scalar: ...
    def mul(self, x: Scalar, y: Scalar) -> Scalar: ...
    def div(self, x: Scalar, y: Scalar) -> Scalar: ...
    def neg(self, x: Scalar) -> Scalar: ...
    def call(self, name: str, *xs: Scalar) -> Scalar:
        """A named function: exp, tanh, pow, floor, atan2, ..."""
        ...

    def compare(self, relation: str, x: Scalar, y: Scalar) -> Scalar:
        """`relation` is one of < <= > >= == !=."""
        ...

    def select(self, c: Scalar, x: Scalar, y: Scalar) -> Scalar:
        """`x` where `c` holds, else `y`; both are computed."""
        ...

    def clear(self, c: Scalar, x: Scalar) -> Scalar:
        """`x`, with 0 in place of NaN where `c` holds."""
        ...

    def bits(self, operator: str, x: Scalar, y: Scalar) -> Scalar:
        """`operator` is one of & | ^ << >>."""
        ...

    def invert(self, x: Scalar) -> Scalar: ...
    def cast(self, x: Scalar, dtype: str) -> Scalar: ...
    def index(self, x: Scalar) -> Any:
        """A number used as an index."""
        ...

    def number(self, i: Any) -> Scalar:
        """An index used as a number."""
        ...

    def branch(self, c: Any, then: Callable[[], Scalar], other: Callable[[], Scalar]) -> Scalar:
        """Only one of the two is read: for positions outside an operand. `c` compares indices."""
        ...

    def reduce(self, kind: str, extents: Sequence[Any], body: Callable[[Index], Scalar]) -> Scalar:
        """`kind` is one of add, max, min; `body` gives the terms."""
        ...

    def argreduce(self, kind: str, extent: Any, body: Callable[[Any], Scalar]) -> Scalar:
        """The first position of the largest (smallest) term."""
        ...


class Read(Protocol):
    """An operand: call it with an index to get a scalar."""

    shape: tuple[int, ...]

    def __call__(self, index: Index) -> Scalar: ...
