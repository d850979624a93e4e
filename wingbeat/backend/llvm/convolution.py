"""Code for sums of products in which a factor slides: copies and tables, then `windowed`'s library.

    NAME_prepare     writes the tables; copies y if its columns do not lie side by side
    NAME_copy        copies x with a border of -0.0, if windows reach outside of x, or if numbers
                     that are read one after the other lie far apart
    NAME_run0 ...    a phase each: rows of z by tiles
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from llvmlite import ir

from wingbeat.backend.base import Graph
from wingbeat.backend.llvm import windowed
from wingbeat.backend.llvm.flow import LONG, POINTER, loop, smaller
from wingbeat.backend.llvm.lanes import DType, Lanes, Vector
from wingbeat.backend.llvm.memory import load, place, store
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
    def __init__(
        self, module: Any, name: str, graph: Graph, step: Sliding, target: Target
    ) -> None:
        self.module, self.name, self.target = module, name, target
        self.dtype: DType = graph.nodes[step.node].type.dtype
        self.buffers = (*step.reads, *step.stored)
        self.source = step
        self.scratch = 0
        self.copy = copied(step)
        self.x_at = self._room(math.prod(self.copy.shape)) if self.copy else 0
        self.y_side = _side_by_side(step)
        self.y_at = 0 if self.y_side is None else self._room(_size_of_y(step))
        step = step if self.y_side is None else self.y_side
        self.plans = [self._planned(one_lane(p)) for p in phases(step, self.copy)]

    def emit(self) -> Emitted:
        calls = [self._prepare()]
        if self.copy is not None:
            calls.append(self._copy(self.copy))
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
        return _Table(self._room(math.prod(sizes), ENTRY), sizes, tuple(strides))

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
        with _nested(b, table.sizes) as index:
            to, value = LONG(0), LONG(0)
            for i, size, stride in zip(index, table.sizes, table.strides, strict=True):
                to = b.add(b.mul(to, LONG(size)), i)
                value = b.add(value, b.mul(i, LONG(stride)))
            b.store(value, b.gep(pointer, [to], source_etype=LONG))

    def _copy_y(self, b: Any, slots: Any, copy: Sliding) -> None:
        one = Lanes(b, 1, self.target)
        start = self._buffer(b, slots, self.source.y.position)
        start = self._at(b, start, self.source.y.offset)
        to = self._in_scratch(b, slots, self.y_at)
        pairs = [(v, w) for v, w in zip(self.source.loops, copy.loops, strict=True) if w.y]
        # The last loop goes along memory that is read: what is written is still at hand.
        pairs.sort(key=lambda pair: -abs(pair[0].y))
        with _nested(b, [v.extent for v, _ in pairs]) as index:
            steps = [(b.mul(i, LONG(v.y)), b.mul(i, LONG(w.y))) for i, (v, w) in zip(index, pairs, strict=True)]
            value = load(one, self._at(b, start, *(read for read, _ in steps)), self.dtype)
            store(one, value, self._at(b, to, *(write for _, write in steps)), self.dtype)

    # --- x ----------------------------------------------------------------------------------

    def _copy(self, copy: Copied) -> Call:
        name, b, (slots, begin, end) = self._function("copy")
        axes, shape = self.source.axes, copy.shape
        x = self._at(b, self._buffer(b, slots, self.source.x.position), self.source.x.offset)
        to = self._in_scratch(b, slots, self.x_at)
        size = math.prod(shape[1:])
        with loop(b, begin, end) as unit:
            at, first = self._at(b, to, b.mul(unit, LONG(size))), b.add(unit, LONG(copy.low[0]))
            inside = b.icmp_unsigned("<", first, LONG(axes[0].extent))
            with b.if_else(inside) as (then, otherwise):
                with then:
                    start = self._at(b, x, b.mul(first, LONG(axes[0].stride)))
                    self._copy_rest(b, copy, 1, start, at)
                with otherwise:
                    self._fill(b, at, size)
        b.ret_void()
        return Call(name, shape[0], math.prod(shape) / 4)

    def _copy_rest(self, b: Any, copy: Copied, a: int, x: Any, to: Any) -> None:
        """The axes from number `a` on."""
        axes = self.source.axes
        if a == len(axes):
            return self._copy_run(b, x, to, 1, 1)
        axis, low, high = axes[a], copy.low[a], copy.high[a]
        size = math.prod(copy.shape[a + 1 :])
        start, stop = max(low, 0), min(high, axis.extent)
        before, count = start - low, max(stop - start, 0)
        self._fill(b, to, before * size)
        x, behind = self._at(b, x, start * axis.stride), before + count
        if self._in_order(copy, a):
            self._copy_run(b, x, self._at(b, to, before * size), count * size, axes[-1].stride)
        else:
            with loop(b, 0, count) as i:
                row = self._at(b, x, b.mul(i, LONG(axis.stride)))
                there = self._at(b, to, b.mul(b.add(i, LONG(before)), LONG(size)))
                self._copy_rest(b, copy, a + 1, row, there)
        self._fill(b, self._at(b, to, behind * size), (high - low - behind) * size)

    def _in_order(self, copy: Copied, a: int) -> bool:
        """Whether axis `a` and those behind it, which are whole, are one run of equal strides."""
        axes = self.source.axes[a:]
        whole = all(
            low == 0 and high == axis.extent
            for axis, low, high in zip(axes[1:], copy.low[a + 1 :], copy.high[a + 1 :], strict=True)
        )
        sizes = [math.prod(axis.extent for axis in axes[k + 1 :]) for k in range(len(axes))]
        unit = axes[-1].stride
        return whole and all(v.stride == unit * n for v, n in zip(axes, sizes, strict=True))

    def _copy_run(self, b: Any, x: Any, to: Any, count: int, stride: int) -> None:
        """x + 0: of its zeros, all become positive."""

        def moved(lanes: Lanes, k: Any, mask: Vector | None) -> None:
            at = self._at(b, x, k if stride == 1 else b.mul(k, LONG(stride)))
            value = load(lanes, at, self.dtype, stride, mask if stride == 1 else None)
            store(lanes, lanes.add(value, 0.0), self._at(b, to, k), self.dtype, mask=mask)

        self._along(b, count, moved, one_by_one=stride != 1)

    def _fill(self, b: Any, to: Any, count: int) -> None:
        def filled(lanes: Lanes, k: Any, mask: Vector | None) -> None:
            value = lanes.const(FILL, self.dtype)
            store(lanes, value, self._at(b, to, k), self.dtype, mask=mask)

        self._along(b, count, filled)

    def _along(self, b: Any, count: int, body: Any, one_by_one: bool = False) -> None:
        """A run by whole registers, and what is left by a part of one; or number by number."""
        width = self.target.lanes(self.dtype)
        whole, rest = count - count % width, count % width
        if whole:
            with loop(b, 0, whole, width) as k:
                body(Lanes(b, width, self.target), k, None)
        if rest and one_by_one:
            with loop(b, whole, count) as k:
                body(Lanes(b, 1, self.target), k, None)
        elif rest:
            lanes = Lanes(b, width, self.target)
            body(lanes, LONG(whole), lanes.first(LONG(rest)))

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
        run = windowed.declared(self.module, self.dtype, self.target)
        with loop(b, b.sdiv(begin, LONG(tiles)), b.sdiv(b.add(end, LONG(tiles - 1)), LONG(tiles))) as k:
            for key, pointer, step in zip("xyz", starts, self._distances(b, plan.batch, k), strict=True):
                b.store(self._at(b, pointer, step), windowed.field(b, problem, key))
            first = b.mul(k, LONG(tiles))
            start = b.sub(begin, first)
            start = b.select(b.icmp_signed("<", start, LONG(0)), LONG(0), start)
            b.call(run, [problem, start, smaller(b, b.sub(end, first), tiles)])
        b.ret_void()
        return Call(name, count * tiles, self._work(plan))

    def _constants(self, plan: _Plan) -> dict[str, int]:
        outer = plan.rows[0]
        padded = windowed.PADDED if self.copy is not None and self._reaches_out() else 0
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
            "exact": self.source.guard | padded,
        }

    def _reaches_out(self) -> bool:
        assert self.copy is not None
        bounds = zip(self.source.axes, self.copy.low, self.copy.high, strict=True)
        return any(low < 0 or high > axis.extent for axis, low, high in bounds)

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


@contextmanager
def _nested(b: Any, sizes: Sequence[int]) -> Iterator[list[Any]]:
    """Loops in each other."""
    if not sizes:
        yield []
        return
    with loop(b, 0, sizes[0]) as i, _nested(b, sizes[1:]) as rest:
        yield [i, *rest]


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
