"""Products computed from their operands where these lie: of any dtype, small ones above all.

The code is made for one shape. A block of z, some rows by some columns, stays in registers while
the terms are added, in the order of k. There are two ways to fill registers: with columns, or,
where both operands lie in the order of k and columns do not, with consecutive terms of one sum.
Blocks are the same however work is cut.

Guard: where a sum of a block is not finite, all of the block is computed again, number by number,
such that zeros kill infinities and NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from wingbeat.backend.llvm.flow import LONG, loop
from wingbeat.backend.llvm.lanes import Lanes, Vector
from wingbeat.backend.llvm.layout import NONE, Axis, Layout
from wingbeat.backend.llvm.memory import load, store
from wingbeat.backend.llvm.operands import UNITY, Code, Pointers

DEPTH = 1024  # terms that are added up before they join the sum of those before
UNROLLED = 16  # operations in one turn of the innermost loop, about
WIDE = 3
WIDE = 3
TALL = 8  # rows of a block at most


@dataclass(frozen=True)
class Blocks:
    """How z is cut: into blocks of rows x columns, and those into vectors."""

    rows: int
    columns: int
    along: bool  # vectors run along k


def blocks(layout: Layout, lanes: int, registers: int) -> Blocks:
    rows, columns = layout.rows, layout.columns
    if _along(layout, lanes):
        high = min(rows.size, 4)
        return Blocks(high, min(columns.size, max(1, 4 // high)), True)
    wide = min(columns.size, lanes * (8 if rows.size == 1 else WIDE))
    high = TALL
    while high > 1 and (high > rows.size or high * len(pieces(wide, lanes)) > registers * 3 // 4):
        high //= 2
    return Blocks(high, wide, False)


def side_by_side(layout: Layout) -> bool:
    """Whether neighbours among the columns are neighbours in memory."""
    return layout.columns.size > 1 and {layout.columns.x, layout.columns.y} <= {0, 1}


def _along(layout: Layout, lanes: int) -> bool:
    in_order = layout.inner.x == layout.inner.y == 1 and layout.inner.size >= lanes
    return in_order and not side_by_side(layout)


def pieces(count: int, lanes: int) -> list[tuple[int, int]]:
    """(start, width) of vectors that make up `count` columns: whole registers, then halves."""
    found, start = [], 0
    while start < count:
        width = min(lanes, 1 << (count - start).bit_length() - 1)
        found.append((start, width))
        start += width
    return found


def units(layout: Layout, cut: Blocks) -> int:
    """How many blocks z has."""
    return (
        layout.count * -(-layout.rows.size // cut.rows) * -(-layout.columns.size // cut.columns)
    )


class Direct:
    """The body of the function: blocks begin ... end - 1."""

    def __init__(self, code: Code, layout: Layout, cut: Blocks, start: Pointers) -> None:
        self.code, self.layout, self.cut, self.start = code, layout, cut, start
        self.b, self.dtype, self.computed = code.builder, code.dtype, code.computed
        self.width = code.target.lanes(self.computed)
        product = code.product
        self.alpha = None if product.alpha == UNITY else code.scale(product.alpha)
        self.beta = None if product.beta == UNITY else code.scale(product.beta)

    def emit(self) -> None:
        b, layout, cut = self.b, self.layout, self.cut
        across = -(-layout.columns.size // cut.columns)
        down = -(-layout.rows.size // cut.rows)
        with loop(b, self.code.begin, self.code.end) as unit:
            # Rows run fastest: the columns of y that a block reads stay in the cache.
            row, rest = b.srem(unit, LONG(down)), b.sdiv(unit, LONG(down))
            column, matrix = b.srem(rest, LONG(across)), b.sdiv(rest, LONG(across))
            p = self.code.unravelled(self.start, layout.outer, matrix)
            p = self.code.moved(p, layout.rows, b.mul(row, LONG(cut.rows)))
            p = self.code.moved(p, layout.columns, b.mul(column, LONG(cut.columns)))
            self._whole_or_rest(
                row,
                layout.rows.size,
                cut.rows,
                lambda r: self._whole_or_rest(
                    column, layout.columns.size, cut.columns, lambda c: self._block(p, r, c)
                ),
            )
        b.ret_void()

    def _whole_or_rest(
        self, index: Any, size: int, block: int, body: Callable[[int], None]
    ) -> None:
        """`body` of the extent of block number `index` of an axis: the last one may be smaller."""
        number, rest = divmod(size, block)
        if number == 0 or rest == 0:
            return body(rest or block)
        with self.b.if_else(self.b.icmp_signed("<", index, LONG(number))) as (then, otherwise):
            with then:
                body(block)
            with otherwise:
                body(rest)

    def _block(self, p: Pointers, rows: int, columns: int) -> None:
        block = _Along(self, p, rows, columns) if self.cut.along else _Across(self, p, rows, columns)
        sums = block.sums()
        if not self.layout.guard or self.computed.kind != "f":
            return block.store(sums)
        with self.b.if_else(self._odd(sums), likely=False) as (then, otherwise):
            with then:
                self.by_number(p, rows, columns)
            with otherwise:
                block.store(sums)

    def _odd(self, sums: list[tuple[Lanes, Vector]]) -> Any:
        """Whether some sum is not finite: only such a number times 0 is not 0."""
        found = None
        for lanes, value in sums:
            odd = lanes.any(lanes.compare("!=", lanes.mul(value, 0), 0))
            found = odd if found is None else self.b.or_(found, odd)
        return found

    def by_number(self, p: Pointers, rows: Any, columns: Any) -> None:
        """A block number by number, and with the guard."""
        b, one, layout = self.b, self.code.lanes(1), self.layout
        with loop(b, 0, rows) as i, loop(b, 0, columns) as j:
            q = self.code.moved(self.code.moved(p, layout.rows, i), layout.columns, j)
            total = [one.const(0, self.computed).value]

            def add(at: Pointers) -> None:
                x, y = (load(one, pointer, self.dtype) for pointer in at[:2])
                x, y = kept(one, x, y, layout.guard)
                total[0] = one.fma(x, y, Vector(total[0], self.computed)).value

            self.nested(q, (*layout.again, layout.inner), total, add)
            self.store(one, Vector(total[0], self.computed), q, NONE)

    def nested(
        self, p: Pointers, axes: Sequence[Axis], carried: list[Any], body: Callable[[Pointers], None]
    ) -> None:
        """Loops over the axes around a body that replaces what is carried."""
        if not axes:
            return body(p)
        with loop(self.b, 0, axes[0].size, 1, carried) as i:
            self.nested(self.code.moved(p, axes[0], i), axes[1:], carried, body)

    def store(self, lanes: Lanes, value: Vector, p: Pointers, axis: Axis) -> None:
        """alpha * value + beta * c, along an axis of z."""
        if self.alpha is not None:
            value = lanes.mul(lanes.splat(self.alpha.value, self.computed), value)
        if self.code.product.c is not None:
            old = load(lanes, p.c, self.dtype, axis.c)
            if self.beta is None:
                value = lanes.add(old, value)
            else:
                value = multiplied(lanes, lanes.splat(self.beta.value, self.computed), old, value)
        store(lanes, value, p.z, self.dtype, axis.z)


class _Across:
    """A block whose vectors run along columns."""

    def __init__(self, direct: Direct, p: Pointers, rows: int, columns: int) -> None:
        self.direct, self.p, self.rows, self.code = direct, p, rows, direct.code
        self.pieces = pieces(columns, direct.width)
        self.parts = [
            (i, start, self.code.lanes(width)) for i in range(rows) for start, width in self.pieces
        ]
        self.inner = direct.layout.inner

    def sums(self) -> list[tuple[Lanes, Vector]]:
        direct, layout = self.direct, self.direct.layout
        totals = self._zeros()
        direct.nested(self.p, layout.again, totals, lambda p: self._long(p, totals))
        return [
            (lanes, Vector(v, direct.computed))
            for (_, _, lanes), v in zip(self.parts, totals, strict=True)
        ]

    def _zeros(self) -> list[Any]:
        return [lanes.const(0, self.direct.computed).value for _, _, lanes in self.parts]

    def _long(self, p: Pointers, totals: list[Any]) -> None:
        """Very many terms are added up part by part, so that rounding stays small."""
        b, size = self.direct.b, self.inner.size
        if size <= DEPTH:
            return self._terms(p, size, totals)
        with loop(b, 0, size // DEPTH, 1, totals) as block:
            start = self.code.moved(p, self.inner, b.mul(block, LONG(DEPTH)))
            self._joined(start, DEPTH, totals)
        if size % DEPTH:
            start = self.code.moved(p, self.inner, size - size % DEPTH)
            self._joined(start, size % DEPTH, totals)

    def _joined(self, p: Pointers, count: int, totals: list[Any]) -> None:
        part, dtype = self._zeros(), self.direct.computed
        self._terms(p, count, part)
        for k, (_, _, lanes) in enumerate(self.parts):
            totals[k] = lanes.add(Vector(totals[k], dtype), Vector(part[k], dtype)).value

    def _terms(self, p: Pointers, count: int, sums: list[Any]) -> None:
        turns = max(1, UNROLLED // len(self.parts))
        if count <= turns:
            turns = max(count, 1)
        b, whole = self.direct.b, count - count % turns
        if whole == turns:
            self._turns(p, whole, sums)
        else:
            with loop(b, 0, whole, turns, sums) as k:
                self._turns(self.code.moved(p, self.inner, k), turns, sums)
        self._turns(self.code.moved(p, self.inner, whole), count - whole, sums)

    def _turns(self, p: Pointers, count: int, sums: list[Any]) -> None:
        for q in range(count):
            self._term(self.code.moved(p, self.inner, q), sums)

    def _term(self, p: Pointers, sums: list[Any]) -> None:
        layout, dtype = self.direct.layout, self.direct.computed
        known: dict[Any, Vector] = {}

        def read(lanes: Lanes, pointer: Any, i: int, start: int, strides: tuple[int, int]) -> Vector:
            """Once each: a number that repeats along rows or columns is one load."""
            key = (id(pointer), i if strides[0] else 0, (start if strides[1] else 0, lanes.count))
            if key not in known:
                at = self.code.at(pointer, i * strides[0] + start * strides[1])
                known[key] = load(lanes, at, self.direct.dtype, strides[1])
            return known[key]

        rows, columns = layout.rows, layout.columns
        for k, (i, start, lanes) in enumerate(self.parts):
            x = read(lanes, p.x, i, start, (rows.x, columns.x))
            y = read(lanes, p.y, i, start, (rows.y, columns.y))
            sums[k] = multiplied(lanes, x, y, Vector(sums[k], dtype)).value

    def store(self, sums: list[tuple[Lanes, Vector]]) -> None:
        layout = self.direct.layout
        for (i, start, lanes), (_, value) in zip(self.parts, sums, strict=True):
            p = self.code.moved(self.code.moved(self.p, layout.rows, i), layout.columns, start)
            self.direct.store(lanes, value, p, layout.columns)


class _Along:
    """A block whose vectors run along k: each sum is made of as many as there are lanes."""

    TURNS = 2  # vectors of each sum, added up apart

    def __init__(self, direct: Direct, p: Pointers, rows: int, columns: int) -> None:
        self.direct, self.p, self.code = direct, p, direct.code
        self.parts = [(i, j) for i in range(rows) for j in range(columns)]
        self.lanes, self.one = self.code.lanes(direct.width), self.code.lanes(1)

    def sums(self) -> list[tuple[Lanes, Vector]]:
        direct, layout, count = self.direct, self.direct.layout, len(self.parts)
        zero, nought = (g.const(0, direct.computed).value for g in (self.lanes, self.one))
        sums = [zero] * (count * self.TURNS) + [nought] * count
        direct.nested(self.p, layout.again, sums, lambda p: self._long(p, sums))
        return [(self.one, self._total(sums, k)) for k in range(count)]

    def _total(self, sums: list[Any], k: int) -> Vector:
        count, dtype = len(self.parts), self.direct.computed
        first, *others = (Vector(sums[q * count + k], dtype) for q in range(self.TURNS))
        for other in others:
            first = self.lanes.add(first, other)
        rest = Vector(sums[self.TURNS * count + k], dtype)
        return self.one.add(self.lanes.reduce("add", first), rest)

    def _long(self, p: Pointers, sums: list[Any]) -> None:
        """Pairs of vectors, then a vector that is left, then single numbers."""
        b, size, width = self.direct.b, self.direct.layout.inner.size, self.direct.width
        start, count = 0, len(self.parts)
        for lanes, turns, first in (
            (self.lanes, self.TURNS, 0),
            (self.lanes, 1, 0),
            (self.one, 1, count * self.TURNS),
        ):
            step = lanes.count * turns
            end = size - (size - start) % step
            with loop(b, start, end, step, sums) as k:
                for q in range(turns):
                    at = b.add(k, LONG(q * width))
                    self._term(lanes, self.code.moved(p, NONE._replace(x=1, y=1), at), sums, first + q * count)
            start = end

    def _term(self, lanes: Lanes, p: Pointers, sums: list[Any], first: int) -> None:
        layout, direct = self.direct.layout, self.direct
        known: dict[Any, Vector] = {}

        def read(pointer: Any, distance: int) -> Vector:
            if (id(pointer), distance) not in known:
                known[id(pointer), distance] = load(lanes, self.code.at(pointer, distance), direct.dtype)
            return known[id(pointer), distance]

        for k, (i, j) in enumerate(self.parts):
            x = read(p.x, i * layout.rows.x + j * layout.columns.x)
            y = read(p.y, i * layout.rows.y + j * layout.columns.y)
            old = Vector(sums[first + k], direct.computed)
            sums[first + k] = multiplied(lanes, x, y, old).value

    def store(self, sums: list[tuple[Lanes, Vector]]) -> None:
        layout = self.direct.layout
        for (i, j), (lanes, value) in zip(self.parts, sums, strict=True):
            p = self.code.moved(self.code.moved(self.p, layout.rows, i), layout.columns, j)
            self.direct.store(lanes, value, p, NONE)


def multiplied(lanes: Lanes, x: Vector, y: Vector, z: Vector) -> Vector:
    """x * y + z."""
    return lanes.fma(x, y, z) if z.dtype.kind == "f" else lanes.add(lanes.mul(x, y), z)


def kept(lanes: Lanes, x: Vector, y: Vector, guard: int) -> tuple[Vector, Vector]:
    """Factors, with 0 for what the other's zero kills."""
    left = lanes.select(lanes.compare("==", y, 0), 0.0, x) if guard & 2 else x
    right = lanes.select(lanes.compare("==", x, 0), 0.0, y) if guard & 1 else y
    return left, right
