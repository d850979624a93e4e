"""The loops of a kernel: over rows, along a row, over lanes, and the ends that are no whole vector.

Lanes lie along a row and are joined at its end, or across rows, which then are computed side by
side. Several vectors at a time are `copies`: the lane's variable has another name in each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from wingbeat.backend.llvm import indices
from wingbeat.backend.llvm.function import Function
from wingbeat.backend.llvm.grouping import Member
from wingbeat.backend.llvm.indices import Index, Var
from wingbeat.backend.llvm.lanes import DType, Vector
from wingbeat.backend.llvm.placement import Placement
from wingbeat.backend.llvm.reductions import Accumulator, State, closed
from wingbeat.backend.llvm.scope import LONG, Loop, Scope
from wingbeat.backend.llvm.value import Buffer, Value
from wingbeat.backend.llvm.value import Frame as Rule

PIECE = 2048  # points of a unit, where nothing is reduced
BLOCK = 8192  # points of a block, where rows are cut
CHAIN = 512  # turns of a loop after which a sum is put aside, lest its error grow
CELL = 8  # bytes of what a block leaves of one reduction

Copy = Mapping[Var, Index]  # what stands for the lane's variable in one of several vectors
Terms = list[tuple[Accumulator, State]]


class Range(NamedTuple):
    """Values of a variable: start <= v < stop, both i64; `length` where it is known."""

    start: Any
    stop: Any
    length: int | None


class Cut(NamedTuple):
    """How rows are cut: an axis, how many of its values a block has, and how many blocks."""

    axis: Var
    length: int
    blocks: int


def whole(v: Var) -> Range:
    return Range(LONG(0), LONG(v.extent), v.extent)


class Pass:
    """One function's way over a kernel's space."""

    def __init__(self, f: Function) -> None:
        self.f, self.e, self.content = f, f.elements, f.content
        self.schedule = s = f.content.schedule
        self.lanes = s.count * s.unroll
        self.beside = s.lane is not None and not s.across  # lanes lie across rows
        self.cut = self._cut() if f.content.split else Cut(Var(1, ""), 1, 1)
        self.cells: list[DType] = []
        self._ranges: dict[Var, Range] = {}
        self._kept: dict[int, Buffer] = {}
        for k in f.content.kept:
            points = math.prod(v.extent for v in s.reduced) * (self.lanes if self.beside else 1)
            self._kept[k] = f.room(f.content.dtype(k), points)
        self._place = Var(self.lanes, "beside")  # of a lane among those of a unit

    def _cut(self) -> Cut:
        axis, *rest = self.schedule.reduced
        beside = self.lanes if self.beside else 1
        points = beside * math.prod(v.extent for v in rest)
        length = max(BLOCK // points, 1)
        if axis == self.schedule.lane:
            length = -(-length // self.lanes) * self.lanes
        return Cut(axis, length, -(-axis.extent // length))

    # --- three kinds of function ----------------------------------------------------------------

    def rows(self) -> int:
        """Each row from its beginning to its end. Returns the number of units."""
        return self._run(1, lambda scope, copies: self._row(scope, copies, self._loop))

    def blocks(self) -> int:
        """What each block comes to."""
        block = Var(self.cut.blocks, "block")

        def unit(scope: Scope, copies: Sequence[Copy]) -> None:
            at = scope.variable(block)
            start = scope.builder.mul(at, LONG(self.cut.length))
            self._ranges[self.cut.axis] = self._piece(scope, start, self.cut.length, self.cut.axis)
            states = self._reduced(scope, copies, 0)
            first = not self.cells
            for copy, terms in zip(copies, states, strict=True):
                values = [x._replace(home=scope) for _, state in terms for x in state]
                if first and not self.cells:
                    self.cells = [x.dtype for x in values]
                for n, x in enumerate(values):
                    self.e.store(scope, self._cell(n, x.dtype), self._row_index(copy, block), x)

        return self._run(self.cut.blocks, unit, block)

    def joins(self, cells: list[DType], count: int) -> int:
        """What each row comes to, of what its blocks do."""
        self.cells, block = cells, Var(count, "block")

        def join(scope: Scope, copies: Sequence[Copy], d: int) -> None:
            for copy in copies:
                read = iter(range(len(cells)))
                for m in self.content.reductions(d):
                    acc = self._accumulator(m, copy)
                    parts = [next(read) for _ in range(1 + acc.positions)]
                    loop = Loop(scope, LONG(0), LONG(count), test=False)
                    loop.scope.values[block] = loop.counter
                    at = self._row_index(copy, block)
                    state = tuple(
                        self.e.load_at(loop.scope, self._cell(n, cells[n]), at) for n in parts
                    )
                    (state,) = closed(loop, [(acc, acc.widest(loop.scope, state))])
                    self._register(scope, m, copy, acc, state)

        return self._run(1, lambda scope, copies: self._row(scope, copies, join))

    def _cell(self, n: int, dtype: DType) -> Buffer:
        """Where the n-th number that a block leaves lies, for each block and row."""
        rows = tuple(v.extent for v in self.schedule.outer)
        size = CELL * self.cut.blocks * math.prod(rows)
        scope = self.f.entry
        if (scratch := scope.known.get("scratch")) is None:
            scratch = scope.known["scratch"] = self.f.scratch()
        if (place := scope.known.get(("cell", n))) is None:
            place = scope.builder.gep(scratch, [LONG(n * size // CELL)], source_etype=LONG)
            scope.known["cell", n] = place
        return Buffer(place, dtype, (self.cut.blocks, *rows))

    def _row_index(self, copy: Copy, block: Var) -> Index:
        outer = self.schedule.outer
        index = [indices.of(block), *(copy.get(v, indices.of(v)) for v in outer)]
        return indices.flat(index, (self.cut.blocks, *(v.extent for v in outer)))

    # --- units --------------------------------------------------------------------------------

    def _run(
        self,
        blocks: int,
        unit: Callable[[Scope, Sequence[Copy]], None],
        block: Var | None = None,
    ) -> int:
        """A loop over units; each is a row, or as many of them as lie side by side."""
        s = self.schedule
        across = [v for v in s.outer if not (self.beside and v == s.lane)]
        extents = [v.extent for v in across]
        length = pieces = 1
        if self.beside and s.lane is not None:
            least = self.lanes if s.reduced else -(-PIECE // self.lanes) * self.lanes
            length = min(least, s.lane.extent)
            pieces = -(-s.lane.extent // length)
        loop = Loop(self.f.entry, self.f.first, self.f.stop, test=True)
        scope, builder = loop.scope, loop.scope.builder
        *places, at, piece = self._decoded(builder, loop.counter, [*extents, blocks, pieces])
        scope.values |= zip(across, places, strict=True)
        if block is not None:
            scope.values[block] = at
        if not self.beside or s.lane is None:
            scope.row = True
            unit(scope, [{}])
        else:
            start = builder.mul(piece, LONG(length))
            lanes = self._piece(scope, start, length, s.lane) if pieces > 1 else whole(s.lane)

            def vectors(inside: Scope, copies: Sequence[Copy]) -> list[Terms]:
                inside.row = True
                unit(inside, copies)
                return [[] for _ in copies]

            long = any(self.content.calls(d) for d in range(self.content.loops))
            self._along(scope, lanes, vectors, long or bool(s.reduced))
        loop.close()
        return math.prod(extents) * blocks * pieces

    def _decoded(self, builder: Any, at: Any, extents: Sequence[int]) -> list[Any]:
        """The indices of the unit with a number, in row-major order."""
        found: list[Any] = []
        for k in range(len(extents) - 1, -1, -1):
            n = extents[k]
            first = math.prod(extents[:k]) == 1
            found.append(LONG(0) if n == 1 else at if first else builder.urem(at, LONG(n)))
            if n != 1 and not first:
                at = builder.udiv(at, LONG(n))
        return found[::-1]

    def _piece(self, scope: Scope, start: Any, length: int, v: Var) -> Range:
        """`length` values from `start` on, or those that are left."""
        builder = scope.builder
        stop = builder.add(start, LONG(length), flags=("nsw",))
        if v.extent % length == 0:
            return Range(start, stop, length)
        less = builder.icmp_signed("<", stop, LONG(v.extent))
        return Range(start, builder.select(less, stop, LONG(v.extent)), None)

    # --- lanes --------------------------------------------------------------------------------

    def _copies(self, scope: Scope, at: Any, count: int) -> list[Copy]:
        """`count` vectors from `at` on."""
        lane, s = self.schedule.lane, self.schedule
        assert lane is not None
        made: list[Copy] = []
        for u in range(count):
            v, place = Var(lane.extent, f"{lane.name}@{u}"), Var(self.lanes, f"beside@{u}")
            step = LONG(u * s.count)
            scope.values[v] = scope.builder.add(at, step, flags=("nsw",)) if u else at
            scope.values[place] = step
            self.e.along |= {v, place}
            made.append({lane: indices.of(v), self._place: indices.of(place)})
        return made

    def _along(
        self,
        scope: Scope,
        lanes: Range,
        body: Callable[[Scope, Sequence[Copy]], list[Terms]],
        long: bool,
    ) -> Terms:
        """Along the lanes: several vectors at a time, then single ones, the last one cut off.

        A body that is `long` is built only once if it can be; any body where there is little to do.
        """
        s = self.schedule
        long = long or s.small
        assert s.lane is not None
        ragged, found = s.lane.extent % s.count != 0, list[Terms]()
        rest, some = lanes, False  # what no loop goes along yet; whether it may be nothing
        if s.unroll > 1 or not (ragged and long):
            many, rest = self._shared(scope, lanes)
            some = lanes.length is None
            if some or many.length:
                loop = Loop(scope, many.start, many.stop, self.lanes, test=some)
                copies = self._copies(loop.scope, loop.counter, s.unroll)
                found += self._close(loop, body(loop.scope, copies), single=True)
        if rest.length != 0 and not (some and s.lane.extent % self.lanes == 0):
            loop = Loop(scope, rest.start, rest.stop, s.count, test=some)
            if ragged:
                loop.scope.mask = self.e.first(loop.scope, rest.stop, loop.counter)
            copies = self._copies(loop.scope, loop.counter, 1)
            found += self._close(loop, body(loop.scope, copies), single=True)
        return self._merged(scope, found)

    def _shared(self, scope: Scope, lanes: Range) -> tuple[Range, Range]:
        """What several vectors at a time go along, and the rest."""
        builder, step = scope.builder, LONG(self.lanes)
        if lanes.length is None:
            turns = builder.udiv(builder.sub(lanes.stop, lanes.start), step)
            middle = builder.add(lanes.start, builder.mul(turns, step))
            return Range(lanes.start, middle, None), Range(middle, lanes.stop, None)
        rest = lanes.length % self.lanes
        middle = builder.add(lanes.start, LONG(lanes.length - rest))
        return Range(lanes.start, middle, lanes.length - rest), Range(middle, lanes.stop, rest)

    def _close(self, loop: Loop, terms: list[Terms], *, single: bool = False) -> list[Terms]:
        states = iter(closed(loop, [t for each in terms for t in each], single=single))
        return [[(acc, next(states)) for acc, _ in each] for each in terms]

    def _merged(self, scope: Scope, found: list[Terms]) -> Terms:
        """The states of several copies as one for each reduction, pair by pair."""
        while len(found) > 1:
            pairs = zip(found[::2], found[1::2], strict=False)
            joined = [
                [(a, a.join(scope, x, y)) for (a, x), (_, y) in zip(one, two, strict=True)]
                for one, two in pairs
            ]
            found = joined + ([found[-1]] if len(found) % 2 else [])
        return found[0] if found else []

    # --- rows ---------------------------------------------------------------------------------

    def _row(
        self,
        scope: Scope,
        copies: Sequence[Copy],
        loop: Callable[[Scope, Sequence[Copy], int], None],
    ) -> None:
        """A row: what there is one of in it, between the loops that go along it."""
        content = self.content
        for d in range(content.loops + 1):
            for m in content.rows:
                if m.depth == d:
                    for copy in copies:
                        self.e.node(scope, m.node, self._index(m, copy))
            if d < content.loops:
                loop(scope, copies, d)
        for m in content.schedule.members:
            if m.row and m.node in content.stored:
                for copy in copies:
                    self._store(scope, m, copy)

    def _loop(self, scope: Scope, copies: Sequence[Copy], d: int) -> None:
        """Loop d, from the row's first point to its last."""
        for copy, terms in zip(copies, self._reduced(scope, copies, d), strict=True):
            for m, (acc, state) in zip(self.content.reductions(d), terms, strict=True):
                self._register(scope, m, copy, acc, state)

    def _register(
        self, scope: Scope, m: Member, copy: Copy, acc: Accumulator, state: State
    ) -> None:
        """Make a reduction's value known in its row."""
        meaning, rule = self.content.meaning(m.node), self._rule(m, copy)
        assert meaning.reduction is not None
        number = self.e.terms(
            scope, meaning.term, rule, {meaning.reduction: acc.value(scope, state)}
        )
        scope.known[m.node, self._index(m, copy)] = self.e.result(scope, number, rule)

    def _reduced(self, scope: Scope, copies: Sequence[Copy], d: int) -> list[Terms]:
        """The states of loop d's reductions at the end of a row, for each copy."""
        s = self.schedule
        if not s.across:
            inner = lambda inside: [  # noqa: E731
                t for terms in self._points(inside, copies, d) for t in terms
            ]
            flat = iter(self._nest(scope, list(s.reduced), inner))
            return [[next(flat) for _ in self.content.reductions(d)] for _ in copies]
        assert s.lane is not None
        lane = s.lane
        body = lambda inside, copies: self._points(inside, copies, d)  # noqa: E731
        terms = self._nest(
            scope,
            [v for v in s.reduced if v != lane],
            lambda inside: self._lines(inside, body, self.content.calls(d)),
        )
        return [[(acc, acc.across(scope, state)) for acc, state in terms]]

    def _lines(
        self, scope: Scope, body: Callable[[Scope, Sequence[Copy]], list[Terms]], long: bool
    ) -> Terms:
        """Along a row; a long one in pieces, whose sums are added."""
        lane, length = self.schedule.lane, CHAIN * self.lanes
        assert lane is not None
        lanes = self._ranges.get(lane, whole(lane))
        if lanes.length is None or lanes.length <= 2 * length:
            return self._along(scope, lanes, body, long)
        loop = Loop(scope, LONG(0), LONG(-(-lanes.length // length)), test=False)
        start = loop.scope.builder.mul(loop.counter, LONG(length))
        part = self._piece(loop.scope, start, length, lane)
        return self._close(loop, [self._along(loop.scope, part, body, long)])[0]

    def _nest(self, scope: Scope, axes: list[Var], inner: Callable[[Scope], Terms]) -> Terms:
        """Loops over axes; each adds up what the loop inside it comes to."""
        if not axes:
            return inner(scope)
        v, *rest = axes
        values = self._ranges.get(v, whole(v))
        if not rest and v not in self._ranges and v.extent > 2 * CHAIN:
            loop = Loop(scope, LONG(0), LONG(-(-v.extent // CHAIN)), test=False)
            start = loop.scope.builder.mul(loop.counter, LONG(CHAIN))
            part = self._piece(loop.scope, start, CHAIN, v)
            return self._close(loop, [self._line(loop.scope, v, part, rest, inner)])[0]
        return self._line(scope, v, values, rest, inner)

    def _line(
        self,
        scope: Scope,
        v: Var,
        values: Range,
        rest: list[Var],
        inner: Callable[[Scope], Terms],
    ) -> Terms:
        loop = Loop(scope, values.start, values.stop, test=False)
        loop.scope.values[v] = loop.counter
        single = not rest and not self.schedule.across
        return self._close(loop, [self._nest(loop.scope, rest, inner)], single=single)[0]

    # --- points -------------------------------------------------------------------------------

    def _points(self, scope: Scope, copies: Sequence[Copy], d: int) -> list[Terms]:
        """What loop d does at a point, for each copy; returns the terms of its reductions."""
        for copy in copies:
            for m in self.content.points:
                if (buffer := self._memory(m, d)) is not None:
                    self._recall(scope, m, copy, *buffer)
        # Node by node: what one copy waits for does not hold up the others.
        for m in self.content.points:
            if m.node in self.content.needed[d]:
                for copy in copies:
                    self._computed(scope, m, copy, d)
        terms = [self._terms(scope, copy, d) for copy in copies]
        for m in self.content.stores(d):  # last, as it may be in place of what the others read
            for copy in copies:
                self._store(scope, m, copy)
        return terms

    def _computed(self, scope: Scope, m: Member, copy: Copy, d: int) -> None:
        value = self.e.node(scope, m.node, self._index(m, copy))
        if self.content.kept.get(m.node) == d:
            self.e.store(scope, self._kept[m.node], self._kept_at(copy), value)

    def _terms(self, scope: Scope, copy: Copy, d: int) -> Terms:
        terms: Terms = []
        for m in self.content.reductions(d):
            acc = self._accumulator(m, copy)
            state = acc.term(scope, {})
            if self.schedule.across:  # every lane is a term, though all may be equal
                state = tuple(self.e.spread(scope, x, True) for x in state)
            terms.append((acc, state))
        return terms

    def _memory(self, m: Member, d: int) -> tuple[Buffer, bool] | None:
        """Where an earlier loop left a node; and whether it is in the order of the row."""
        if m.node in self.content.stored and m.depth < d:
            return self.f.stored[m.node], False
        if self.content.kept.get(m.node, d) < d:
            return self._kept[m.node], True
        return None

    def _recall(self, scope: Scope, m: Member, copy: Copy, buffer: Buffer, kept: bool) -> None:
        at = self._kept_at(copy) if kept else self._offset(m, copy)
        scope.later[m.node, self._index(m, copy)] = lambda s: self.e.load_at(s, buffer, at)

    def _kept_at(self, copy: Copy) -> Index:
        """Where a point of the row is kept."""
        index = [copy.get(v, indices.of(v)) for v in self.schedule.reduced]
        extents = [v.extent for v in self.schedule.reduced]
        if self.beside:
            index.append(copy[self._place])
            extents.append(self.lanes)
        return indices.flat(index, tuple(extents))

    def _store(self, scope: Scope, m: Member, copy: Copy) -> None:
        value = self.e.node(scope, m.node, self._index(m, copy))
        self.e.store(scope, self.f.stored[m.node], self._offset(m, copy), value)

    # --- a member in a copy ---------------------------------------------------------------------

    def _at(self, m: Member, copy: Copy) -> dict[Var, Index]:
        if not copy:
            return dict(m.at)
        place = Placement((), copy)
        return {v: place.index(i) for v, i in m.at}

    def _index(self, m: Member, copy: Copy) -> tuple[Index, ...]:
        return Placement((), self._at(m, copy)).indices(self.content.meaning(m.node).index)

    def _offset(self, m: Member, copy: Copy) -> Index:
        return indices.flat(self._index(m, copy), self.content.rules.shape(m.node))

    def _rule(self, m: Member, copy: Copy) -> Rule:
        return self.e.framed(m.node, self._at(m, copy))

    def _accumulator(self, m: Member, copy: Copy) -> Accumulator:
        reduction = self.content.meaning(m.node).reduction
        assert reduction is not None
        return Accumulator(self.e, reduction, self._rule(m, copy))


__all__ = ["CELL", "Pass", "Value", "Vector"]
