"""The sums of one block of z, held in registers while the terms are added in the order of k."""

from __future__ import annotations

from typing import Any, NamedTuple

from wingbeat.backend.llvm.flow import LONG, loop
from wingbeat.backend.llvm.lanes import Lanes, Vector
from wingbeat.backend.llvm.layout import NONE, Axis, Layout
from wingbeat.backend.llvm.memory import load
from wingbeat.backend.llvm.operands import Code, Pointers

DEPTH = 1024  # terms that are added up before they join the sum of those before
UNROLLED = 16  # operations in one turn of the innermost loop, about
TURNS = 2  # vectors of each sum, where vectors run along k: additions need not wait for each other


class Sum(NamedTuple):
    """Numbers of z: those of a vector lie along an axis, from a place on."""

    lanes: Lanes
    value: Vector
    place: Pointers
    axis: Axis


def pieces(count: int, lanes: int) -> list[tuple[int, int]]:
    """(start, width) of vectors that make up `count` columns: whole registers, then halves."""
    found: list[tuple[int, int]] = []
    start = 0
    while start < count:
        width = min(lanes, 1 << (count - start).bit_length() - 1)
        found.append((start, width))
        start += width
    return found


def multiplied(lanes: Lanes, x: Vector, y: Vector, z: Vector) -> Vector:
    """x * y + z."""
    return lanes.fma(x, y, z) if z.dtype.kind == "f" else lanes.add(lanes.mul(x, y), z)


class _Reader:
    """Numbers of one term, each loaded once: what repeats along rows or columns is one load."""

    def __init__(self, code: Code) -> None:
        self._code = code
        self._known: dict[tuple[int, int, int], Vector] = {}

    def __call__(self, lanes: Lanes, pointer: Any, distance: int, stride: int) -> Vector:
        key = id(pointer), distance, lanes.count
        if key not in self._known:
            place = self._code.at(pointer, distance)
            self._known[key] = load(lanes, place, self._code.dtype, stride)
        return self._known[key]


class Across:
    """Vectors run along columns."""

    def __init__(self, code: Code, layout: Layout, p: Pointers, rows: int, columns: int) -> None:
        self.code, self.layout, self.p = code, layout, p
        cut = pieces(columns, code.target.lanes(code.computed))
        self.parts = [(i, start, code.lanes(width)) for i in range(rows) for start, width in cut]

    def sums(self) -> list[Sum]:
        """Of all terms."""
        totals, columns = self._zeros(), self.layout.columns
        self.code.nested(self.p, self.layout.again, totals, lambda p: self._all(p, totals))
        return [
            Sum(lanes, Vector(value, self.code.computed), self._place(i, start), columns)
            for (i, start, lanes), value in zip(self.parts, totals, strict=True)
        ]

    def _place(self, row: int, column: int) -> Pointers:
        p = self.code.moved(self.p, self.layout.rows, row)
        return self.code.moved(p, self.layout.columns, column)

    def _zeros(self) -> list[Any]:
        return [lanes.const(0, self.code.computed).value for _, _, lanes in self.parts]

    def _all(self, p: Pointers, totals: list[Any]) -> None:
        """Very many terms are added up part by part, so that rounding stays small."""
        b, inner = self.code.builder, self.layout.inner
        if inner.size <= DEPTH:
            return self._some(p, inner.size, totals)
        with loop(b, 0, inner.size // DEPTH, 1, totals) as part:
            self._join(self.code.moved(p, inner, b.mul(part, LONG(DEPTH))), DEPTH, totals)
        rest = inner.size % DEPTH
        self._join(self.code.moved(p, inner, inner.size - rest), rest, totals)

    def _join(self, p: Pointers, count: int, totals: list[Any]) -> None:
        part, dtype = self._zeros(), self.code.computed
        self._some(p, count, part)
        for k, (_, _, lanes) in enumerate(self.parts):
            totals[k] = lanes.add(Vector(totals[k], dtype), Vector(part[k], dtype)).value

    def _some(self, p: Pointers, count: int, sums: list[Any]) -> None:
        """A loop of some terms in each turn, and what is left, written out."""
        inner, turns = self.layout.inner, max(1, UNROLLED // len(self.parts))
        whole = count - count % turns if count > turns else 0
        if whole:
            with loop(self.code.builder, 0, whole, turns, sums) as k:
                start = self.code.moved(p, inner, k)
                for q in range(turns):
                    self._term(self.code.moved(start, inner, q), sums)
        for k in range(whole, count):
            self._term(self.code.moved(p, inner, k), sums)

    def _term(self, p: Pointers, sums: list[Any]) -> None:
        rows, columns, read = self.layout.rows, self.layout.columns, _Reader(self.code)
        for k, (i, j, lanes) in enumerate(self.parts):
            x = read(lanes, p.x, i * rows.x + j * columns.x, columns.x)
            y = read(lanes, p.y, i * rows.y + j * columns.y, columns.y)
            sums[k] = multiplied(lanes, x, y, Vector(sums[k], self.code.computed)).value


class Along:
    """Vectors run along k: each sum is made of as many as there are lanes."""

    def __init__(self, code: Code, layout: Layout, p: Pointers, rows: int, columns: int) -> None:
        self.code, self.layout, self.p = code, layout, p
        self.parts = [(i, j) for i in range(rows) for j in range(columns)]
        self.wide, self.one = code.lanes(code.target.lanes(code.computed)), code.lanes(1)

    def sums(self) -> list[Sum]:
        """Of all terms."""
        zero, nought = (g.const(0, self.code.computed).value for g in (self.wide, self.one))
        count = len(self.parts)
        sums = [zero] * (count * TURNS) + [nought] * count
        self.code.nested(self.p, self.layout.again, sums, lambda p: self._all(p, sums))
        return [
            Sum(self.one, self._total(sums[k::count]), self._place(i, j), NONE)
            for k, (i, j) in enumerate(self.parts)
        ]

    def _place(self, row: int, column: int) -> Pointers:
        p = self.code.moved(self.p, self.layout.rows, row)
        return self.code.moved(p, self.layout.columns, column)

    def _total(self, sums: list[Any]) -> Vector:
        """Of the parts of one sum: vectors, and a number."""
        *vectors, rest = (Vector(value, self.code.computed) for value in sums)
        total = vectors[0]
        for vector in vectors[1:]:
            total = self.wide.add(total, vector)
        return self.one.add(self.wide.reduce("add", total), rest)

    def _all(self, p: Pointers, sums: list[Any]) -> None:
        """Some vectors in each turn, then those that are left, then single numbers."""
        b, size, start = self.code.builder, self.layout.inner.size, 0
        for lanes, turns, first in ((self.wide, TURNS, 0), (self.wide, 1, 0), (self.one, 1, TURNS)):
            step = lanes.count * turns
            end = size - (size - start) % step
            with loop(b, start, end, step, sums) as k:
                for q in range(turns):
                    at = self.code.moved(p, self.layout.inner, b.add(k, LONG(q * lanes.count)))
                    self._term(lanes, at, sums, (first + q) * len(self.parts))
            start = end

    def _term(self, lanes: Lanes, p: Pointers, sums: list[Any], first: int) -> None:
        rows, columns, read = self.layout.rows, self.layout.columns, _Reader(self.code)
        for k, (i, j) in enumerate(self.parts, first):
            x = read(lanes, p.x, i * rows.x + j * columns.x, 1)
            y = read(lanes, p.y, i * rows.y + j * columns.y, 1)
            sums[k] = multiplied(lanes, x, y, Vector(sums[k], self.code.computed)).value
