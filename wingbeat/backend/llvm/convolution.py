"""Code for sums of products in which a factor slides: copies and tables, then `windowed`'s library.

NAME_prepare     writes the tables; copies y if its columns do not lie side by side
NAME_copy        copies x with a border of -0.0, if windows reach outside of x, or if numbers
                 that are read one after the other lie far apart
NAME_run0 ...    a phase each: rows of z by tiles
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from wingbeat.backend.base import Graph
from wingbeat.backend.llvm import ir, sliding, windowed
from wingbeat.backend.llvm.copying import Axis, copy, fill
from wingbeat.backend.llvm.flow import LONG, POINTER, loop, smaller
from wingbeat.backend.llvm.lanes import DType
from wingbeat.backend.llvm.memory import place
from wingbeat.backend.llvm.sliding import (
    BATCH,
    COLUMN,
    INNER,
    ROW,
    Copied,
    Phase,
    Slid,
    Sliding,
    Step,
    copied,
    one_lane,
    phases,
)
from wingbeat.backend.llvm.steps import Call, Emitted
from wingbeat.backend.llvm.target import Target

TABLE = 8192  # entries of a table of terms at most, where it can be cut
ENTRY = 8  # bytes
ALIGNMENT = 64
FILL = -0.0  # outside x: it is no term, see `windowed`


def emit(module: Any, name: str, graph: Graph, step: Sliding, target: Target) -> Emitted:
    """Add the functions of a step to `module`; their names begin with `name`."""
    return _Emitter(module, name, graph, step, target).emit()


@dataclass(frozen=True)
class _Table:
    """Sums of strides for all values of some variables, in order, somewhere in scratch."""

    offset: int  # in bytes
    sizes: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def length(self) -> int:
        return math.prod(self.sizes)


@dataclass(frozen=True)
class _Plan:
    """A phase with its tables."""

    phase: Phase
    rows: tuple[Step, ...]
    terms: tuple[Step, ...]
    turns: Step
    x_rows: _Table
    z_rows: _Table
    x_terms: _Table
    y_terms: _Table

    @property
    def batch(self) -> list[Step]:
        return _of(self.phase, BATCH)

    @property
    def columns(self) -> int:
        return math.prod(v.extent for v in _of(self.phase, COLUMN))

    @property
    def tables(self) -> tuple[_Table, ...]:
        return self.x_rows, self.z_rows, self.x_terms, self.y_terms


def _of(phase: Phase, kind: str) -> list[Step]:
    return [v for v in phase.steps if v.kind == kind]


class _Emitter:
    def __init__(self, module: Any, name: str, graph: Graph, step: Sliding, target: Target) -> None:
        self.module, self.name, self.target = module, name, target
        self.dtype: DType = graph.nodes[step.node].type.dtype
        self.buffers = (*step.reads, *step.stored)
        self.source = step
        self.scratch = 0
        self.copy = copied(step)
        self.padded = self.copy is not None and self.copy.reaches_out(step.axes)
        self.x_at = self._room(math.prod(self.copy.shape)) if self.copy else 0
        self.y_side = _side_by_side(step)
        self.y_at = 0 if self.y_side is None else self._room(_size_of_y(step))
        step = step if self.y_side is None else self.y_side
        self.plans = [self._planned(one_lane(p)) for p in phases(step, self.copy)]

    def emit(self) -> Emitted:
        calls = [self._prepare()]
        if self.copy is not None:
            calls.append(self._copy_x(self.copy))
        calls += [self._run(k, plan) for k, plan in enumerate(self.plans)]
        return Emitted(tuple(calls), scratch=self.scratch)

    # --- where things lie -------------------------------------------------------------------

    def _room(self, count: int, size: int = 0) -> int:
        """The offset of new memory in scratch, in bytes, for `count` numbers."""
        offset = self.scratch
        used = offset + count * (size or self.dtype.itemsize)
        self.scratch = -(-used // ALIGNMENT) * ALIGNMENT
        return offset

    def _table(self, steps: Sequence[Step], strides: Iterable[int]) -> _Table:
        sizes = tuple(v.extent for v in steps)
        return _Table(self._room(max(math.prod(sizes), 1), ENTRY), sizes, tuple(strides))

    def _planned(self, phase: Phase) -> _Plan:
        rows, terms = _of(phase, ROW), _of(phase, INNER)
        first, turns = _cut(terms)
        return _Plan(
            phase,
            tuple(rows),
            tuple(first),
            turns,
            self._table(rows[1:], (v.x for v in rows[1:])),
            self._table(rows[1:], (v.z for v in rows[1:])),
            self._table(first, (v.x for v in first)),
            self._table(first, (v.y for v in first)),
        )

    def _function(self, suffix: str) -> tuple[str, Any, list[Any]]:
        """A native function of the step: its name, a builder, its arguments."""
        name = f"{self.name}_{suffix}"
        kind = ir.FunctionType(ir.VoidType(), [POINTER, LONG, LONG])
        f = ir.Function(self.module, kind, name)
        f.linkage = "internal"
        return name, ir.IRBuilder(f.append_basic_block()), list(f.args)

    def _slot(self, b: Any, slots: Any, number: int) -> Any:
        return b.load(b.gep(slots, [LONG(number)], source_etype=POINTER), typ=POINTER)

    def _buffer(self, b: Any, slots: Any, position: int) -> Any:
        return self._slot(b, slots, 1 + self.buffers.index(position))

    def _in_scratch(self, b: Any, slots: Any, offset: int) -> Any:
        scratch = self._slot(b, slots, 1 + len(self.buffers))
        return b.gep(scratch, [LONG(offset)], source_etype=ir.IntType(8))

    def _at(self, b: Any, pointer: Any, *distances: Any) -> Any:
        return place(b, pointer, self.dtype, *distances)

    # --- tables, and y ----------------------------------------------------------------------

    def _prepare(self) -> Call:
        name, b, (slots, _, _) = self._function("prepare")
        entries = 0
        for plan in self.plans:
            for table in plan.tables:
                self._fill_table(b, self._in_scratch(b, slots, table.offset), table)
                entries += table.length
        if self.y_side is not None:
            entries += _size_of_y(self.source)
            self._copy_y(b, slots, self.y_side)
        b.ret_void()
        return Call(name, 1, float(entries))

    def _fill_table(self, b: Any, pointer: Any, table: _Table) -> None:
        extend, length = self._library("extend"), 1
        b.store(LONG(0), pointer)
        for size, stride in zip(reversed(table.sizes), reversed(table.strides), strict=True):
            b.call(extend, [pointer, LONG(length), LONG(size), LONG(stride)])
            length *= size

    def _library(self, function: str) -> Any:
        return windowed.declared(self.module, self.dtype, self.target, function)

    def _copy_y(self, b: Any, slots: Any, copied: Sliding) -> None:
        start = self._buffer(b, slots, self.source.y.position)
        start = self._at(b, start, self.source.y.offset)
        axes = [
            Axis(v.extent, v.y, w.y)
            for v, w in zip(self.source.loops, copied.loops, strict=True)
            if v.kind != ROW
        ]
        copy(b, self.target, self.dtype, axes, start, self._in_scratch(b, slots, self.y_at))

    # --- x ----------------------------------------------------------------------------------

    def _copy_x(self, region: Copied) -> Call:
        """A unit is all of x, and of its border, at one position along the first axis."""
        name, b, (slots, begin, end) = self._function("copy")
        first, *rest = self.source.axes
        x = self._at(b, self._buffer(b, slots, self.source.x.position), self.source.x.offset)
        to = self._in_scratch(b, slots, self.x_at)
        size = math.prod(region.shape[1:])
        with loop(b, begin, end) as unit:
            there = self._at(b, to, b.mul(unit, LONG(size)))
            position = b.add(unit, LONG(region.low[0]))
            if self.padded:
                fill(b, self.target, self.dtype, there, size, FILL)
            with b.if_then(b.icmp_unsigned("<", position, LONG(first.extent))):
                start = self._at(b, x, b.mul(position, LONG(first.stride)))
                self._copy_inside(b, rest, region, start, there)
        b.ret_void()
        return Call(name, region.shape[0], math.prod(region.shape) / 4)

    def _copy_inside(
        self, b: Any, rest: Sequence[sliding.Axis], region: Copied, x: Any, to: Any
    ) -> None:
        """What of x is in the region, behind the first axis."""
        writes = sliding.contiguous(region.shape)[1:]
        axes: list[Axis] = []
        bounds = zip(region.low[1:], region.high[1:], strict=True)
        for axis, (low, high), write in zip(rest, bounds, writes, strict=True):
            start, stop = max(low, 0), min(high, axis.extent)
            x, to = self._at(b, x, start * axis.stride), self._at(b, to, (start - low) * write)
            axes.append(Axis(max(stop - start, 0), axis.stride, write))
        # Of its own zeros all become positive.
        change = (lambda lanes, v: lanes.add(v, 0.0)) if self.padded else (lambda lanes, v: v)
        if all(axis.size for axis in axes):
            copy(b, self.target, self.dtype, axes, x, to, change)

    # --- the product ------------------------------------------------------------------------

    def _run(self, number: int, plan: _Plan) -> Call:
        name, b, (slots, begin, end) = self._function(f"run{number}")
        problem = b.alloca(windowed.STRUCT)
        problem.type = POINTER
        for key, value in self._constants(plan).items():
            b.store(LONG(value), windowed.field(b, problem, key))
        for key, table in zip(("x_rows", "z_rows", "x_terms", "y_terms"), plan.tables, strict=True):
            pointer = self._in_scratch(b, slots, table.offset)
            b.store(pointer, windowed.field(b, problem, key))
        starts = self._starts(b, slots, plan.phase)
        tiles = -(-math.prod(v.extent for v in plan.rows) // windowed.rows(self.target))
        count = math.prod(v.extent for v in plan.batch)
        run = self._library("run")
        last = b.sdiv(b.add(end, LONG(tiles - 1)), LONG(tiles))
        with loop(b, b.sdiv(begin, LONG(tiles)), last) as k:
            distances = self._distances(b, plan.batch, k)
            for key, pointer, distance in zip("xyz", starts, distances, strict=True):
                b.store(self._at(b, pointer, distance), windowed.field(b, problem, key))
            first = b.mul(k, LONG(tiles))
            start = b.sub(begin, first)
            start = b.select(b.icmp_signed("<", start, LONG(0)), LONG(0), start)
            b.call(run, [problem, start, smaller(b, b.sub(end, first), tiles)])
        b.ret_void()
        return Call(name, count * tiles, self._work(plan))

    def _constants(self, plan: _Plan) -> dict[str, int]:
        outer = plan.rows[0]
        return {
            "rows": math.prod(v.extent for v in plan.rows),
            "span": plan.x_rows.length,
            "x_outer": outer.x,
            "z_outer": outer.z,
            "terms": plan.x_terms.length,
            "turns": plan.turns.extent,
            "x_turn": plan.turns.x,
            "y_turn": plan.turns.y,
            "columns": plan.columns,
            "exact": self.source.guard | (windowed.PADDED if self.padded else 0),
        }

    def _starts(self, b: Any, slots: Any, phase: Phase) -> list[Any]:
        s = self.source
        if self.copy is not None:
            x = self._in_scratch(b, slots, self.x_at)
        else:
            x = self._buffer(b, slots, s.x.position)
        if self.y_side is not None:
            y = self._in_scratch(b, slots, self.y_at)
        else:
            y = self._buffer(b, slots, s.y.position)
        z = self._buffer(b, slots, s.node)
        pairs = zip((x, y, z), (phase.x, phase.y, phase.z), strict=True)
        return [self._at(b, pointer, offset) for pointer, offset in pairs]

    def _distances(self, b: Any, batch: Sequence[Step], number: Any) -> list[Any]:
        """How far x, y and z of one matrix lie from the first."""
        found = [LONG(0)] * 3
        for v in reversed(batch):
            i, number = b.srem(number, LONG(v.extent)), b.sdiv(number, LONG(v.extent))
            strides = (v.x, v.y, v.z)
            found = [b.add(d, b.mul(i, LONG(n))) for d, n in zip(found, strides, strict=True)]
        return found

    def _work(self, plan: _Plan) -> float:
        width = self.target.lanes(self.dtype)
        vectors = -(-plan.columns // width)
        return math.prod(v.extent for v in plan.phase.steps if v.kind != COLUMN) * vectors / 3


def _cut(terms: Sequence[Step]) -> tuple[list[Step], Step]:
    """Terms that one table names, and the turns in which they are gone through again."""
    once = Step(1, INNER, 0, 0, 0)
    total = math.prod(v.extent for v in terms)
    if total <= TABLE:
        return list(terms), once
    first, rest = terms[0], total // terms[0].extent
    part = max(
        (n for n in range(1, first.extent + 1) if first.extent % n == 0 and n * rest <= TABLE),
        default=1,
    )
    turns = replace(first, extent=first.extent // part, x=first.x * part, y=first.y * part)
    return [replace(first, extent=part), *terms[1:]], turns


def _size_of_y(s: Sliding) -> int:
    return math.prod(v.extent for v in s.loops if v.kind != ROW)


def _side_by_side(s: Sliding) -> Sliding | None:
    """With y copied such that its columns lie side by side; None if they do."""
    lane = next(n for n, v in enumerate(s.loops) if v.kind == COLUMN and v.z == 1)
    if s.loops[lane].y == 1:
        return None
    loops, stride = list(s.loops), 1
    mine = [n for n, v in enumerate(s.loops) if v.kind != ROW and n != lane]
    for n in (lane, *reversed(mine)):
        loops[n] = replace(loops[n], y=stride)
        stride *= loops[n].extent
    return replace(s, y=Slid(s.y.position, 0), loops=tuple(loops))
