"""Where numbers stand: in which loop, as one scalar or in all lanes, and in which dtype.

Lanes lie along one loop variable. What does not depend on it is computed once, as a scalar, in the
outermost loop that it may stand in.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from wingbeat.backend.llvm import ir, placement
from wingbeat.backend.llvm.indices import Datum, Index, Var
from wingbeat.backend.llvm.lanes import BOOL, I32, DType, Lanes, Vector
from wingbeat.backend.llvm.scope import LONG, Scope
from wingbeat.backend.llvm.target import Target
from wingbeat.backend.llvm.value import Frame, Number, Value, common, computed_as

INT = ir.IntType(32)
# Their first operand is a bool, whatever the dtype of the others.
CHOICES = {"select": Lanes.select, "clear": Lanes.clear}


class Places:
    """Puts operations into scopes; `late` nodes follow from a reduction of the kernel itself."""

    def __init__(self, late: frozenset[int], status: Any, count: int, target: Target) -> None:
        self.late = late
        self.status = status
        self.count = count
        self.target = target
        self.along: set[Var] = set()
        self.fails = False  # the status may be set
        self._variables: dict[Any, frozenset[Var]] = {}

    def lanes(self, scope: Scope, wide: bool = True) -> Lanes:
        key = ("lanes", wide)
        if key not in scope.known:
            count = self.count if wide else 1

            def refuse(mask: Vector) -> None:
                self._refuse(scope, mask, wide)

            scope.known[key] = Lanes(scope.builder, count, self.target, refuse)
        return scope.known[key]

    def variables(self, index: Index) -> frozenset[Var]:
        """The loop variables that an index changes with."""
        if (found := self._variables.get(index)) is None:
            found = self._variables[index] = placement.variables_of(index)
        return found

    def _follows(self, index: Index) -> bool:
        """Whether it is made of a number that follows from a reduction of this kernel."""
        data = (a.term for a in index.atoms() if isinstance(a, Datum))
        return any(not self.late.isdisjoint(d.place.sources) for d in data)

    def is_wide(self, index: Index) -> bool:
        return not self.along.isdisjoint(self.variables(index))

    def home(self, scope: Scope, variables: Iterable[Var], late: bool) -> Scope:
        """The outermost scope in which the variables are known."""
        outside = scope
        for place in scope.chain():
            outside = place
            stays = place.floor or (late and place.row)
            if stays or any(v in place.values for v in variables):
                break
        return outside

    def first(self, scope: Scope, stop: Any, start: Any) -> Vector:
        """The mask of the lanes that are left of start ... stop - 1."""
        lanes, builder = self.lanes(scope), scope.builder
        left = builder.sub(stop, start)
        whole = LONG(self.count)
        left = builder.select(builder.icmp_signed("<", left, whole), left, whole)
        return lanes.compare("<", lanes.ramp(I32), lanes.splat(builder.trunc(left, INT), I32))

    # --- operations -----------------------------------------------------------------------

    def apply(
        self, scope: Scope, frame: Frame, operation: Callable[..., Vector], *xs: Number
    ) -> Value:
        """An operation on numbers of one dtype; as scalars if all of them are."""
        wide = any(isinstance(x, Value) and x.wide for x in xs)
        scope = self._outermost(scope, xs)
        lanes = self.lanes(scope, wide)
        chooses = operation in CHOICES.values()
        first = [self._truth(lanes, scope, xs[0], wide)] if chooses else []
        rest = xs[1:] if chooses else xs
        dtype = common(rest, computed_as(frame.dtype))
        vectors = [self._as(lanes, scope, x, dtype, wide) for x in rest]
        return Value(operation(lanes, *first, *vectors), wide, scope)

    def _outermost(self, scope: Scope, xs: Iterable[Number]) -> Scope:
        """The outermost scope in which all of these are known."""
        homes = {id(x.home) for x in xs if isinstance(x, Value)}
        chain = list(scope.chain())
        known = [place for place in chain if id(place) in homes]
        if len(known) < len(homes):  # one of them is from a narrower scope, at this very place
            return scope
        return known[0] if known else chain[-1]

    def _all(self, scope: Scope, parts: Sequence[Value]) -> Vector:
        lanes = self.lanes(scope, parts[0].wide)
        return functools.reduce(lambda x, y: lanes.bits("&", x, y), [p.vector for p in parts])

    def _joined(self, scope: Scope, operator: str, x: Value, y: Value) -> Value:
        wide = x.wide or y.wide
        lanes = self.lanes(scope, wide)
        a, b = (self._as(lanes, scope, v, BOOL, wide) for v in (x, y))
        return Value(lanes.bits(operator, a, b), wide, scope)

    def _refuse(self, scope: Scope, refused: Vector, wide: bool) -> None:
        """The status says so where a lane that counts is refused."""
        self.fails = True
        lanes = self.lanes(scope, wide)
        if wide and scope.mask is not None:
            refused = lanes.bits("&", refused, scope.mask)
        fails = lanes.any(refused)
        if not wide and scope.partial and scope.mask is not None:
            fails = scope.builder.and_(fails, self.lanes(scope).any(scope.mask))
        with scope.builder.if_then(fails, likely=False):
            scope.builder.store(INT(1), self.status)

    # --- from one form to another ---------------------------------------------------------

    def _truth(self, lanes: Lanes, scope: Scope, x: Number, wide: bool) -> Vector:
        return self._as(lanes, scope, x, BOOL, wide)

    def _as(self, lanes: Lanes, scope: Scope, x: Number, dtype: DType, wide: bool) -> Vector:
        if not isinstance(x, Value):
            return lanes.const(x, dtype)
        if x.dtype == dtype and (x.wide or not wide):
            return x.vector
        home = self._outermost(scope, (x,))
        key = ("as", x.vector.value, dtype, wide)
        if (found := home.find(key)) is None:
            found = x.vector
            if x.dtype != dtype:
                found = self.lanes(home, x.wide).cast(found, dtype)
            if wide and not x.wide:
                lanes, number = self.lanes(home), found.number
                known = number is not None
                found = lanes.const(number, dtype) if known else lanes.splat(found.value, dtype)
            home.known[key] = found
        return found

    def widened(self, scope: Scope, x: Number, dtype: DType) -> Vector:
        """One number for each lane, in a dtype."""
        return self._as(self.lanes(scope), scope, x, dtype, True)

    def scalar(self, scope: Scope, x: Number, dtype: DType) -> Vector:
        return self._as(self.lanes(scope, False), scope, x, dtype, False)

    def spread(self, scope: Scope, x: Value, wide: bool) -> Value:
        """The same number in all lanes, where that is asked for."""
        return Value(self.widened(scope, x, x.dtype), True, x.home) if wide and not x.wide else x

    def as_value(self, scope: Scope, x: Number, frame: Frame) -> Value:
        return x if isinstance(x, Value) else self.constant(scope, x, computed_as(frame.dtype))

    def result(self, scope: Scope, number: Number, frame: Frame) -> Value:
        """A number as an element of the node: in its dtype."""
        if not isinstance(number, Value):
            return self.constant(scope, number, computed_as(frame.dtype))
        if number.dtype == frame.dtype:
            return number
        return self.apply(scope, frame, lambda s, x: s.cast(x, frame.dtype), number)

    def constant(self, scope: Scope, number: Any, dtype: DType) -> Value:
        return Value(self.lanes(scope, False).const(number, dtype), False, scope)
