"""What a primitive's `element` says, as data: it is called once, with symbols for its numbers.

The result is a `Term` over loop variables.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from wingbeat.backend.llvm import indices
from wingbeat.backend.llvm.indices import Condition, Datum, Index, Var
from wingbeat.backend.llvm.terms import Source, Term, cost
from wingbeat.ir.types import Shape

UNROLLED = 4  # a reduction of so few terms, at places in data, is written out


class NotSymbolic(Exception):
    """A rule does what symbols cannot: loops whose extents depend on the index."""


class Symbol:
    """An index inside a rule: Python's operators on it build an `Index` or a `Condition`."""

    __slots__ = ("index",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, index: Index) -> None:
        self.index = index

    def __add__(self, other: Symbol | int) -> Symbol:
        return Symbol(self.index.plus(as_index(other)))

    __radd__ = __add__

    def __sub__(self, other: Symbol | int) -> Symbol:
        return Symbol(self.index.plus(as_index(other), -1))

    def __rsub__(self, other: Symbol | int) -> Symbol:
        return Symbol(as_index(other).plus(self.index, -1))

    def __neg__(self) -> Symbol:
        return Symbol(self.index.times(-1))

    def __mul__(self, other: Symbol | int) -> Symbol:
        factor = as_index(other)
        if not factor.terms:
            return Symbol(self.index.times(factor.const))
        if not self.index.terms:
            return Symbol(factor.times(self.index.const))
        raise NotSymbolic("a product of two indices")

    __rmul__ = __mul__

    def __floordiv__(self, other: int) -> Symbol:
        return Symbol(self.index.over(_divisor(other)))

    def __mod__(self, other: int) -> Symbol:
        return Symbol(self.index.modulo(_divisor(other)))

    def __lt__(self, other: Symbol | int) -> Condition | bool:
        return indices.compare((other - self - 1).index, ">=")

    def __le__(self, other: Symbol | int) -> Condition | bool:
        return indices.compare((other - self).index, ">=")

    def __gt__(self, other: Symbol | int) -> Condition | bool:
        return indices.compare((self - other - 1).index, ">=")

    def __ge__(self, other: Symbol | int) -> Condition | bool:
        return indices.compare((self - other).index, ">=")

    def __eq__(self, other: object) -> Any:
        return indices.compare((self - other).index, "==")  # type: ignore[operator]

    def __ne__(self, other: object) -> Any:
        return indices.compare((self - other).index, "!=")  # type: ignore[operator]


def as_index(value: Symbol | int) -> Index:
    return value.index if isinstance(value, Symbol) else indices.number(value)


def _divisor(value: Any) -> int:
    if not isinstance(value, int) or value <= 0:
        raise NotSymbolic("a division of indices by something else than a positive number")
    return value


class Symbols:
    """The scalars of this reading: every operation makes a `Term`."""

    def __init__(self) -> None:
        self._made: dict[Any, Term] = {}
        self._loops = 0

    def term(self, kind: str, *args: Term, detail: Any = None) -> Term:
        # -0.0 equals 0.0, True equals 1: constants are told apart by their text and type.
        key = (
            kind,
            tuple(map(id, args)),
            repr(detail) if kind == "const" else detail,
            type(detail),
        )
        return self._made.setdefault(key, Term(kind, args, detail))

    def const(self, value: Any) -> Term:
        return self.term("const", detail=value)

    def add(self, x: Term, y: Term) -> Term:
        return self.term("add", x, y)

    def sub(self, x: Term, y: Term) -> Term:
        return self.term("sub", x, y)

    def mul(self, x: Term, y: Term) -> Term:
        return self.term("mul", x, y)

    def div(self, x: Term, y: Term) -> Term:
        return self.term("div", x, y)

    def neg(self, x: Term) -> Term:
        return self.term("neg", x)

    def call(self, name: str, *xs: Term) -> Term:
        return self.term("call", *xs, detail=name)

    def compare(self, relation: str, x: Term, y: Term) -> Term:
        return self.term("compare", x, y, detail=relation)

    def select(self, c: Term, x: Term, y: Term) -> Term:
        return self.term("select", c, x, y)

    def clear(self, c: Term, x: Term) -> Term:
        return self.term("clear", c, x)

    def bits(self, operator: str, x: Term, y: Term) -> Term:
        return self.term("bits", x, y, detail=operator)

    def invert(self, x: Term) -> Term:
        return self.term("invert", x)

    def cast(self, x: Term, dtype: str) -> Term:
        return self.term("cast", x, detail=dtype)

    def index(self, x: Term) -> Symbol:
        return Symbol(x.detail if x.kind == "number" else indices.of(Datum(x)))

    def number(self, i: Any) -> Term:
        index = as_index(i)
        if len(index.terms) == 1 and not index.const:
            ((atom, c),) = index.terms.items()
            if c == 1 and isinstance(atom, Datum):
                return atom.term
        return self.term("number", detail=index)

    def branch(self, c: Any, then: Callable[[], Term], other: Callable[[], Term]) -> Term:
        if isinstance(c, bool):
            return then() if c else other()
        x, y = then(), other()
        return x if x is y else self.term("branch", x, y, detail=c)

    def reduce(self, kind: str, extents: Sequence[Any], body: Callable[[Any], Term]) -> Term:
        loops = tuple(self._loop(n) for n in extents)
        turns = math.prod(v.extent for v in loops)
        if turns == 0 and kind == "add":
            return self.const(0)
        if turns == 0:
            raise NotSymbolic("the largest of no numbers")
        inner = body(tuple(Symbol(indices.of(v)) for v in loops))
        if turns == 1:
            return inner
        if turns <= UNROLLED and cost(inner).lookups:
            each = itertools.product(*(range(v.extent) for v in loops))
            bodies = [body(tuple(Symbol(indices.number(k)) for k in ks)) for ks in each]
            return functools.reduce(lambda x, y: self._joined(kind, x, y), bodies)
        return self.term("reduce", inner, detail=(kind, loops))

    def _loop(self, extent: Any) -> Var:
        index = as_index(extent)
        if index.terms:
            raise NotSymbolic("a loop whose extent depends on the index")
        self._loops += 1
        return Var(index.const, f"k{self._loops}")

    def _joined(self, kind: str, x: Term, y: Term) -> Term:
        return self.add(x, y) if kind == "add" else self.call(f"{kind}imum", x, y)

    def argreduce(self, kind: str, extent: Any, body: Callable[[Any], Term]) -> Symbol:
        loop = self._loop(extent)
        if loop.extent == 1:
            return Symbol(indices.ZERO)
        inner = body(Symbol(indices.of(loop)))
        return Symbol(indices.of(Datum(self.term("argreduce", inner, detail=(kind, loop)))))


class Operand:
    """`read[k]` of a rule."""

    def __init__(self, symbols: Symbols, source: Source, shape: Shape) -> None:
        self.shape = shape
        self._symbols = symbols
        self._source = source

    def __call__(self, index: Iterable[Symbol | int]) -> Term:
        at = tuple(as_index(i) for i in index)
        return self._symbols.term("read", detail=(self._source, at))
