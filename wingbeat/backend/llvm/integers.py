"""Indices as integers: scalars where all lanes agree, and the conditions that indices make."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from wingbeat.backend.llvm import indices
from wingbeat.backend.llvm.indices import (
    Both,
    Compare,
    Condition,
    Datum,
    Index,
    Negated,
    Quotient,
    Var,
)
from wingbeat.backend.llvm.lanes import I32, I64, U32, U64, DType, Vector
from wingbeat.backend.llvm.placement import Placed
from wingbeat.backend.llvm.places import Places
from wingbeat.backend.llvm.scope import LONG, Scope
from wingbeat.backend.llvm.terms import Term
from wingbeat.backend.llvm.value import Frame, Number, Value

FAR = 1 << 30  # a number that indices of lanes stay below


class Integers(Places, ABC):
    """Computes indices. An index may be made of data, which are terms."""

    @abstractmethod
    def terms(self, scope: Scope, root: Term, frame: Frame, seen: dict[Term, Number]) -> Number:
        """A term's value; `seen` holds those that are known in this scope."""

    def integer(self, scope: Scope, index: Index) -> Any:
        """An index that is the same in all lanes, as an i64."""
        if not index.terms:
            return LONG(index.const)
        key = ("integer", index)
        if (found := scope.find(key)) is not None:
            return found
        home, outer, inner = self._divided(scope, index)
        value = self.integer(scope, outer) if outer.terms else None
        builder = home.builder
        for atom, c in inner.terms.items():
            term = self._atom(home, atom)
            if c != 1:
                term = builder.mul(term, LONG(c), flags=("nsw",))
            value = term if value is None else builder.add(value, term, flags=("nsw",))
        if index.const:
            value = builder.add(value, LONG(index.const), flags=("nsw",))
        home.known[key] = value
        return value

    def _divided(self, scope: Scope, index: Index) -> tuple[Scope, Index, Index]:
        """Where an index can be computed; its part that can be further outside, and the rest."""
        home = self.home(scope, self.variables(index), self._follows(index))
        outer: dict[Any, int] = {}
        inner: dict[Any, int] = {}
        for atom, c in index.terms.items():
            own = Index({atom: 1}, 0)
            place = self.home(scope, self.variables(own), self._follows(own))
            (inner if place is home else outer)[atom] = c
        return home, Index(outer, 0), Index(inner, 0)

    def _atom(self, scope: Scope, atom: Any) -> Any:
        if isinstance(atom, Var):
            return scope.variable(atom)
        if isinstance(atom, Quotient):
            x = self.integer(scope, atom.index)
            if atom.index.range[0] >= 0:
                return scope.builder.udiv(x, LONG(atom.divisor))
            lanes = self.lanes(scope, False)
            return lanes.floor_divide(Vector(x, I64), atom.divisor).value
        return self.scalar(scope, self._datum(scope, atom), I64).value

    def _datum(self, scope: Scope, datum: Datum) -> Value:
        placed: Placed = datum.term
        key = ("datum", placed)
        if (found := scope.find(key)) is None:
            index = indices.of(datum)
            home = self.home(scope, self.variables(index), self._follows(index))
            frame = Frame(placed.place, I64, False, "index")
            found = self.result(home, self.terms(home, placed.term, frame, {}), frame)
            home.known[key] = found
        return found

    def integers(self, scope: Scope, index: Index, dtype: DType) -> Value:
        """An index in every lane, or a scalar where it is the same in all of them."""
        if not self.is_wide(index):
            home = self.home(scope, self.variables(index), self._follows(index))
            x = Vector(self.integer(home, index), I64)
            return Value(self.lanes(home, False).cast(x, dtype), False, home)
        key = ("integers", index, dtype)
        if (found := scope.find(key)) is not None:
            return found
        home = self.home(scope, self.variables(index), self._follows(index))
        lanes = self.lanes(home)
        outer = {a: c for a, c in index.terms.items() if not self.is_wide(Index({a: 1}, 0))}
        base = Index(outer, index.const)
        slope, rest = 0, list[tuple[Any, int]]()
        for atom, c in index.terms.items():
            if isinstance(atom, Var) and atom in self.along:
                slope += c
                base = base.plus(indices.of(atom), c)
            elif atom not in outer:
                rest.append((atom, c))
        start = Vector(self.integer(home, base), I64)
        vector = self.widened(home, Value(start, False, home), dtype)
        if slope:
            ramp = lanes.table([k * slope for k in range(self.count)], dtype)
            vector = lanes.add(vector, ramp)
        for atom, c in rest:
            vector = lanes.add(vector, lanes.mul(self._wide_atom(home, atom, dtype), c))
        home.known[key] = Value(vector, True, home)
        return home.known[key]

    def _wide_atom(self, scope: Scope, atom: Any, dtype: DType) -> Vector:
        lanes = self.lanes(scope)
        if isinstance(atom, Datum):
            return self.widened(scope, self._datum(scope, atom), dtype)
        x = self.integers(scope, atom.index, dtype)
        if atom.index.range[0] < 0:
            return lanes.floor_divide(x.vector, atom.divisor)
        unsigned = {I32: U32, I64: U64}[dtype]
        divisor = lanes.const(atom.divisor, unsigned)
        return Vector(scope.builder.udiv(x.vector.value, divisor.value), dtype)

    # --- conditions -----------------------------------------------------------------------

    def condition(self, scope: Scope, c: Condition) -> Value:
        """A condition's truth, in a scope that may be narrower than its own."""
        match c:
            case Compare(index, relation):
                return self._compared(scope, index, relation)
            case Both(x, y):
                return self._joined(scope, "&", self.condition(scope, x), self.condition(scope, y))
            case Negated(x):
                inner = self.condition(scope, x)
                inverted = self.lanes(scope, inner.wide).invert(inner.vector)
                return Value(inverted, inner.wide, scope)
            case _:
                raise TypeError(f"{c!r} is no condition")

    def _compared(self, scope: Scope, index: Index, relation: str) -> Value:
        """An index against 0; lanes compare 32 bits where they can."""
        if not self.is_wide(index):
            x = Vector(self.integer(scope, index), I64)
            return Value(self.lanes(scope, False).compare(relation, x, 0), False, scope)
        lanes = self.lanes(scope)
        wide = {a: c for a, c in index.terms.items() if self.is_wide(Index({a: 1}, 0))}
        along = Index(wide, 0)
        rest = index.plus(along, -1)
        if _width(along, FAR) is I64:
            x = self.integers(scope, index, I64)
            return Value(lanes.compare(relation, x.vector, 0), True, scope)
        if not rest.terms and abs(rest.const) < FAR:
            x = self.integers(scope, along, I32)
            return Value(lanes.compare(relation, x.vector, -rest.const), True, scope)
        limit = self.widened(scope, self._limit(scope, rest.times(-1)), I32)
        x = self.integers(scope, along, I32)
        return Value(lanes.compare(relation, x.vector, limit), True, scope)

    def _limit(self, scope: Scope, index: Index) -> Value:
        """What lanes are compared with, as int32: against what is too far off all are alike."""
        home = self.home(scope, self.variables(index), self._follows(index))
        key = ("limit", index)
        if (found := home.known.get(key)) is None:
            lanes, x = self.lanes(home, False), Vector(self.integer(home, index), I64)
            x = lanes.cast(lanes.minimum(lanes.maximum(x, -FAR), FAR), I32)
            found = home.known[key] = Value(x, False, home)
        return found

    def require(self, scope: Scope, index: Index, low: int, end: int) -> Value:
        """Whether low <= index < end; where it does not hold, the status says so."""
        wide = self.is_wide(index)
        home = self.home(scope, self.variables(index), self._follows(index))
        key = ("inside", index, low, end)
        if (known := scope.find(key)) is not None:
            return known
        lanes, x = self.lanes(home, wide), self.integers(home, index, I64).vector
        inside = lanes.bits("&", lanes.compare(">=", x, low), lanes.compare("<", x, end))
        home.known[key] = Value(inside, wide, home)
        self._refuse(home, lanes.invert(inside), wide)
        return home.known[key]


def _width(index: Index, limit: int = 1 << 31) -> DType:
    """int32 where all that an index is made of fits."""
    every = [index, *(q.index for q in index.quotients())]
    small = all(abs(end) < limit for i in every for end in i.range)
    return I32 if small else I64
