"""Sums, extremes and the positions of extremes: what a loop carries, and how two are joined."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wingbeat.backend.llvm import indices, terms
from wingbeat.backend.llvm.lanes import BOOL, F32, F64, I32, I64, DType, Lanes, Vector
from wingbeat.backend.llvm.scope import Loop, Scope
from wingbeat.backend.llvm.terms import Term

if TYPE_CHECKING:
    from wingbeat.backend.llvm.element import Elements
    from wingbeat.backend.llvm.value import Frame, Value

LIMIT = 1 << 31
State = tuple["Value", ...]  # the value; for positions of extremes, the position too


def identity(kind: str, dtype: DType) -> Any:
    """What changes nothing."""
    if kind == "add":
        return 0
    lowest = kind == "max"
    if dtype == BOOL:
        return not lowest
    if dtype.kind == "f":
        return -math.inf if lowest else math.inf
    limits = np.iinfo(dtype)
    return limits.min if lowest else limits.max


def combined(lanes: Lanes, kind: str, x: Vector, y: Vector) -> Vector:
    return {"add": lanes.add, "max": lanes.maximum, "min": lanes.minimum}[kind](x, y)


class Accumulator:
    """One reduction of one node: `term` gives its terms, in the scope of the innermost loop."""

    def __init__(self, elements: Elements, term: Term, frame: Frame) -> None:
        self.elements = elements
        self.reduction = term
        self.frame = frame
        self.kind: str = term.detail[0]
        self.positions = term.kind == "argreduce"

    def term(self, scope: Scope, seen: dict[Term, Any]) -> State:
        """The next term, as a state of its own."""
        e = self.elements
        value = e.terms(scope, self.reduction.args[0], self.frame, seen)
        value = e.as_value(scope, value, self.frame)
        if not self.positions:
            return (value,)
        (v,) = terms.variables(self.reduction)
        index = self.frame.place.index(indices.of(v))
        position = e.integers(scope, index, I32 if index.range[1] < LIMIT else I64)
        wide = value.wide or position.wide
        return tuple(e.spread(scope, x, wide) for x in (value, position))

    def start(self, scope: Scope, like: State) -> State:
        """The state before the first term."""
        numbers = [identity(self.kind, like[0].dtype), -1]
        lanes = self.elements.lanes(scope, like[0].wide)
        return tuple(
            x._replace(vector=lanes.const(n, x.dtype)) for x, n in zip(like, numbers, strict=False)
        )

    def join(self, scope: Scope, x: State, y: State) -> State:
        """Both states as one; the order of their terms does not matter, but to rounding."""
        lanes = self.elements.lanes(scope, x[0].wide)
        if not self.positions:
            # In this order an extreme asks whether the term is NaN, and need not wait for x.
            return (x[0]._replace(vector=combined(lanes, self.kind, y[0].vector, x[0].vector)),)
        return self._choice(lanes, x, y)

    def _choice(self, lanes: Lanes, x: State, y: State) -> State:
        """The better of two values; of equal ones, of two NaN too, the earlier."""
        (a, i), (b, j) = ((v.vector for v in s) for s in (x, y))
        better, equal = self._better(lanes, a, b), lanes.compare("==", a, b)
        if a.dtype.kind == "f":
            odd = [lanes.compare("!=", v, v) for v in (a, b)]
            equal = lanes.bits("|", equal, lanes.bits("&", *odd))
        earlier = lanes.bits("&", equal, lanes.compare("<", j, i))
        takes = lanes.bits("|", lanes.bits("|", better, earlier), lanes.compare("<", i, 0))
        return self._taken(lanes, lanes.bits("&", takes, lanes.compare(">=", j, 0)), x, y)

    def _better(self, lanes: Lanes, a: Vector, b: Vector) -> Vector:
        """Whether b is, or is NaN where a is not."""
        if a.dtype.kind != "f":
            return lanes.compare(">" if self.kind == "max" else "<", b, a)
        worse = lanes.compare("<=" if self.kind == "max" else ">=", b, a)
        return lanes.bits("&", lanes.invert(worse), lanes.compare("==", a, a))

    def _taken(self, lanes: Lanes, takes: Vector, x: State, y: State) -> State:
        return tuple(
            p._replace(vector=lanes.select(takes, q.vector, p.vector))
            for p, q in zip(x, y, strict=True)
        )

    def follow(self, scope: Scope, x: State, y: State) -> State:
        """`join` where y is one term, and comes after all of x."""
        if not self.positions:
            return self.join(scope, x, y)
        lanes = self.elements.lanes(scope, x[0].wide)
        better = self._better(lanes, x[0].vector, y[0].vector)
        takes = lanes.bits("|", better, lanes.compare("<", x[1].vector, 0))
        return self._taken(lanes, takes, x, y)

    def masked(self, scope: Scope, state: State) -> State:
        """The state, without the lanes that there are not."""
        if scope.mask is None or not state[0].wide:
            return state
        lanes, start = self.elements.lanes(scope), self.start(scope, state)
        return tuple(
            x._replace(vector=lanes.select(scope.mask, x.vector, s.vector))
            for x, s in zip(state, start, strict=True)
        )

    def across(self, scope: Scope, state: State) -> State:
        """One state of those in all lanes: halves are joined, so the order is always the same."""
        e, count = self.elements, self.elements.count
        if not state[0].wide:
            return state
        vectors = [x.vector for x in state]
        while count > 1:
            count //= 2
            whole = Lanes(scope.builder, 2 * count, e.target)
            lanes = Lanes(scope.builder, count, e.target)
            low, high = (
                tuple(
                    x._replace(vector=whole.part(v, k, count))
                    for x, v in zip(state, vectors, strict=True)
                )
                for k in (0, count)
            )
            if self.positions:
                vectors = [x.vector for x in self._choice(lanes, low, high)]
            else:
                vectors = [combined(lanes, self.kind, low[0].vector, high[0].vector)]
        return tuple(x._replace(vector=v, wide=False) for x, v in zip(state, vectors, strict=True))

    def widest(self, scope: Scope, state: State) -> State:
        """The state such that many of them can be added without a loss: float32 as float64."""
        if self.kind != "add" or state[0].dtype != F32:
            return state
        lanes = self.elements.lanes(scope, state[0].wide)
        return (state[0]._replace(vector=lanes.cast(state[0].vector, F64)),)

    def value(self, scope: Scope, state: State) -> Value:
        """What the reduction is, known from here on."""
        return state[-1]._replace(home=scope)


def closed(
    loop: Loop, terms: Sequence[tuple[Accumulator, State]], *, single: bool = False
) -> list[State]:
    """Carry a state for each accumulator, joined with its term in each turn, and close the loop.

    `single`: what is joined is one term, not what several came to.
    """
    following: list[Any] = []
    for accumulator, term in terms:
        scope = loop.scope
        start = accumulator.start(loop.around, term)
        before = tuple(
            x._replace(vector=Vector(loop.carry(x.vector.value), x.dtype)) for x in start
        )
        whole = scope.mask is loop.around.mask
        if not whole:
            term = accumulator.masked(scope, term)
        join = accumulator.follow if whole and single else accumulator.join
        state = join(scope, before, term)
        following.extend(x.vector.value for x in state)
    last = iter(loop.close(following))
    return [
        tuple(x._replace(vector=Vector(next(last), x.dtype)) for x in term) for _, term in terms
    ]
