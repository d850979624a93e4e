"""The code of a sequential form: scatter-add, running sums.

Positions are visited in order. What may run side by side: the leading axes that the target has in
common with the positions, or, of a running form, all axes but the one it runs along; and, as lanes,
the last axis, if the target has that one too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from wingbeat.backend.llvm import indices, placement
from wingbeat.backend.llvm.element import Elements
from wingbeat.backend.llvm.function import Frame
from wingbeat.backend.llvm.grouping import Rules
from wingbeat.backend.llvm.indices import Datum, Index, Var
from wingbeat.backend.llvm.lanes import Vector
from wingbeat.backend.llvm.partition import Sweep
from wingbeat.backend.llvm.placement import Placement
from wingbeat.backend.llvm.reductions import combined
from wingbeat.backend.llvm.scope import LONG, Loop, Scope
from wingbeat.backend.llvm.steps import Call, Emitted
from wingbeat.backend.llvm.target import Target
from wingbeat.backend.llvm.value import Buffer, Value, computed_as
from wingbeat.backend.llvm.value import Frame as Rule

COLUMNS = 128  # of a unit
VISIT = 1.0  # nanoseconds


def emit(module: Any, name: str, rules: Rules, step: Sweep, target: Target) -> Emitted:
    """The native function of a sweep."""
    if not rules.size(step.node):
        return Emitted(())
    emission = _Emission(Frame(module, name, rules, step.reads, step.stored), rules, step, target)
    units = emission.units()
    emission.f.end()
    work = 10.0 + VISIT * math.prod(v.extent for v in emission.visit.axes)
    return Emitted((Call(name, units, work),), fails=emission.e.fails)


class _Emission:
    """One sweep on its way to code."""

    def __init__(self, f: Frame, rules: Rules, step: Sweep, target: Target) -> None:
        self.f, self.rules = f, rules
        node = rules.graph.nodes[step.node]
        assert node.op is not None and node.op.sweep is not None
        self.rule, self.visit = node.op.sweep, rules.visit(step.node)
        self.dtype = computed_as(node.type.dtype)
        self.z: Buffer = f.stored[step.node]
        count, none = target.lanes(self.dtype), frozenset[int]()
        self.e = Elements(rules, f.reads, none, none, f.status, count, target)
        place = Placement(rules.graph.operands[step.node], {})
        self.frame = Rule(place, node.type.dtype, False, node.op.name)
        self.lane = self._lane()
        self.apart = self._apart()

    # --- which axes ---------------------------------------------------------------------------

    def _shared(self, k: int) -> bool:
        """The target has axis k of the positions, and nothing else of the target varies with it."""
        v, target = self.visit.axes[k], self.visit.target
        mine = [i for i in target if v in placement.variables_of(i)]
        return len(mine) == 1 and mine[0] == indices.of(v)

    def _lane(self) -> Var | None:
        last = len(self.visit.axes) - 1
        if last < 0 or last == self.visit.along or self.visit.axes[last].extent == 1:
            return None
        ends = self.visit.target[-1] == indices.of(self.visit.axes[last])
        return self.visit.axes[last] if ends and self._shared(last) else None

    def _apart(self) -> list[Var]:
        """The axes whose values are units."""
        axes = self.visit.axes
        if self.visit.along is not None:
            return [v for k, v in enumerate(axes) if k != self.visit.along and v is not self.lane]
        found: list[Var] = []
        for k, v in enumerate(axes):
            if v is self.lane or self.visit.target[k] != indices.of(v) or not self._shared(k):
                break
            found.append(v)
        return found

    # --- loops --------------------------------------------------------------------------------

    def units(self) -> int:
        """Build everything; returns the number of units."""
        extents = [v.extent for v in self.apart]
        pieces = 1 if self.lane is None else -(-self.lane.extent // COLUMNS)
        units = math.prod(extents) * pieces
        loop = Loop(self.f.entry, self.f.first, self.f.stop, test=True)
        scope, at = loop.scope, loop.counter
        builder = scope.builder
        piece = builder.urem(at, LONG(pieces))
        at = builder.udiv(at, LONG(pieces))
        for v in reversed(self.apart):
            scope.values[v] = builder.urem(at, LONG(max(v.extent, 1)))
            at = builder.udiv(at, LONG(max(v.extent, 1)))
        if self.lane is None:
            self._unit(scope, None)
        else:
            start = builder.mul(piece, LONG(COLUMNS))
            stop = builder.add(start, LONG(COLUMNS))
            less = builder.icmp_signed("<", stop, LONG(self.lane.extent))
            stop = builder.select(less, stop, LONG(self.lane.extent))
            self._vectors(scope, self.lane, start, stop, lambda s: self._unit(s, self.lane))
        loop.close()
        return units

    def _vectors(
        self, scope: Scope, v: Var, start: Any, stop: Any, body: Callable[[Scope], None]
    ) -> None:
        """Vectors along v, the last one cut off."""
        self.e.along.add(v)
        loop = Loop(scope, start, stop, self.e.count, test=True)
        loop.scope.values[v] = loop.counter
        if v.extent % self.e.count:
            loop.scope.mask = self.e.first(loop.scope, stop, loop.counter)
        body(loop.scope)
        loop.close()

    def _unit(self, scope: Scope, lane: Var | None) -> None:
        if self.visit.along is not None:
            self._run_along(scope, self.visit.axes[self.visit.along])
            return
        self._fill(scope, lane)
        rest = [v for v in self.visit.axes if v not in self.apart and v is not lane]
        self._visits(scope, rest)

    def _fill(self, scope: Scope, lane: Var | None) -> None:
        """The start value everywhere in the unit's part of z."""
        shape, lead = self.z.shape, [indices.of(v) for v in self.apart]
        start = self.e.constant(scope, self.rule.start, self.dtype)
        inner = shape[len(lead) :] if lane is None else shape[len(lead) : -1]
        if not math.prod(inner):
            return
        every = Var(math.prod(inner), "fill")
        columns = [] if lane is None else [indices.of(lane)]

        def put(inside: Scope) -> None:
            at = indices.unravelled(indices.of(every), tuple(inner))
            offset = indices.flat([*lead, *at, *columns], shape)
            self.e.store(inside, self.z, offset, start)

        if lane is None and every.extent > 1:
            self._vectors(scope, every, LONG(0), LONG(every.extent), put)
            return
        loop = Loop(scope, LONG(0), LONG(every.extent), test=False)
        loop.scope.values[every] = loop.counter
        put(loop.scope)
        loop.close()

    def _visits(self, scope: Scope, axes: Sequence[Var]) -> None:
        """Each position in order."""
        if not all(v.extent for v in axes):
            return
        loops: list[Loop] = []
        inner = scope
        for v in axes:
            loops.append(Loop(inner, LONG(0), LONG(v.extent), test=False))
            inner = loops[-1].scope
            inner.values[v] = loops[-1].counter
        self._visit(inner)
        for loop in reversed(loops):
            loop.close()

    def _visit(self, scope: Scope) -> None:
        target = self.frame.place.indices(self.visit.target)
        inside: Any = None
        for i, n in zip(target, self.z.shape, strict=True):
            if any(isinstance(a, Datum) for a in i.atoms()):
                valid = self.e.require(scope, i, 0, n).vector.value
                inside = valid if inside is None else scope.builder.and_(inside, valid)
        if inside is None:
            self._combine(scope, target)
            return
        with scope.builder.if_then(inside):
            self._combine(Scope(scope.builder, scope, floor=True, mask=scope.mask), target)

    def _combine(self, scope: Scope, target: tuple[Index, ...]) -> None:
        offset = indices.flat(target, self.z.shape)
        old = self.e.load_at(scope, self.z, offset)
        self.e.store(scope, self.z, offset, self._joined(scope, old))

    def _joined(self, scope: Scope, old: Value) -> Value:
        """An old value, combined with the term."""
        number = self.e.terms(scope, self.visit.term, self.frame, {})
        wide = old.wide
        lanes = self.e.lanes(scope, wide)
        find = self.e.widened if wide else self.e.scalar
        term = find(scope, number, self.dtype)
        return Value(combined(lanes, self.rule.kind, old.vector, term), wide, scope)

    def _run_along(self, scope: Scope, v: Var) -> None:
        """From one value to the next along an axis; what came before is carried."""
        if not v.extent:
            return
        wide = self.lane is not None
        start = self.e.lanes(scope, wide).const(self.rule.start, self.dtype)
        loop = Loop(scope, LONG(0), LONG(v.extent), test=False)
        loop.scope.values[v] = loop.counter
        before = Value(Vector(loop.carry(start.value), self.dtype), wide, loop.scope)
        after = self._joined(loop.scope, before)
        offset = indices.flat(self.frame.place.indices(self.visit.target), self.z.shape)
        self.e.store(loop.scope, self.z, offset, after)
        loop.close([after.vector.value])
