"""Products computed from their operands where these lie: of any dtype, made for one shape.

z is cut into blocks, of rows x columns that fit into the registers. There are two ways to fill
these: with columns, or, where both operands lie in the order of k and columns do not, with
consecutive terms of one sum (`sums.py`). Blocks are the same however work is cut.

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
from wingbeat.backend.llvm.sums import Across, Along, Sum, multiplied, pieces

TALL, WIDE = 8, 3  # rows and registers of a block, where there are so many
FLAT = 8  # registers of a block with one row
FEW = 4  # rows and columns of a block whose vectors run along k


@dataclass(frozen=True)
class Blocks:
    """How z is cut."""

    rows: int
    columns: int
    along: bool  # vectors run along k


def blocks(layout: Layout, lanes: int, registers: int) -> Blocks:
    """The blocks for registers of so many lanes, and so many of them."""
    rows, columns = layout.rows, layout.columns
    if _along(layout, lanes):
        high = min(rows.size, FEW)
        return Blocks(high, min(columns.size, FEW // high), True)
    wide = min(columns.size, lanes * (FLAT if rows.size == 1 else WIDE))
    vectors, high = len(pieces(wide, lanes)), TALL
    # A quarter of the registers is left for the operands.
    while high > 1 and (high > rows.size or high * vectors > registers * 3 // 4):
        high //= 2
    return Blocks(high, wide, False)


def side_by_side(layout: Layout) -> bool:
    """Whether neighbours among the columns are neighbours in memory."""
    return layout.columns.size > 1 and {layout.columns.x, layout.columns.y} <= {0, 1}


def _along(layout: Layout, lanes: int) -> bool:
    in_order = layout.inner.x == layout.inner.y == 1 and layout.inner.size >= lanes
    return in_order and not side_by_side(layout)


def units(layout: Layout, cut: Blocks) -> int:
    """How many blocks z has."""
    rows, columns = -(-layout.rows.size // cut.rows), -(-layout.columns.size // cut.columns)
    return layout.count * rows * columns


class Direct:
    """A function that computes blocks begin ... end - 1."""

    def __init__(self, code: Code, layout: Layout, cut: Blocks, start: Pointers) -> None:
        self.code, self.layout, self.cut, self.start = code, layout, cut, start
        self.b, self.dtype, self.computed = code.builder, code.dtype, code.computed
        self.alpha = None if code.product.alpha == UNITY else code.alpha()
        self.beta = None if code.product.beta == UNITY else code.beta()

    def emit(self) -> None:
        """Its body."""
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

            def of_height(rows: int) -> None:
                self._sized(column, layout.columns.size, cut.columns, lambda n: block(rows, n))

            def block(rows: int, columns: int) -> None:
                self._block(p, rows, columns)

            self._sized(row, layout.rows.size, cut.rows, of_height)
        b.ret_void()

    def _sized(self, index: Any, size: int, whole: int, body: Callable[[int], None]) -> None:
        """`body` of the extent of block number `index` along an axis: the last may be smaller."""
        number, rest = divmod(size, whole)
        if number == 0 or rest == 0:
            return body(rest or whole)
        with self.b.if_else(self.b.icmp_signed("<", index, LONG(number))) as (then, otherwise):
            with then:
                body(whole)
            with otherwise:
                body(rest)

    def _block(self, p: Pointers, rows: int, columns: int) -> None:
        kind = Along if self.cut.along else Across
        sums = kind(self.code, self.layout, p, rows, columns).sums()
        if not self.layout.guard or self.computed.kind != "f":
            return self._store_all(sums)
        with self.b.if_else(self._odd(sums), likely=False) as (then, otherwise):
            with then:
                self.by_number(p, rows, columns)
            with otherwise:
                self._store_all(sums)

    def _odd(self, sums: Sequence[Sum]) -> Any:
        """Whether some sum is not finite: only such a number times 0 is not 0."""
        found = None
        for lanes, value, _, _ in sums:
            odd = lanes.any(lanes.compare("!=", lanes.mul(value, 0), 0))
            found = odd if found is None else self.b.or_(found, odd)
        return found

    def by_number(self, p: Pointers, rows: Any, columns: Any) -> None:
        """A block number by number, and with the guard."""
        one, layout = self.code.lanes(1), self.layout
        with loop(self.b, 0, rows) as i, loop(self.b, 0, columns) as j:
            q = self.code.moved(self.code.moved(p, layout.rows, i), layout.columns, j)
            total = [one.const(0, self.computed).value]

            def add(at: Pointers) -> None:
                x, y = (load(one, pointer, self.dtype) for pointer in at[:2])
                x, y = _kept(one, x, y, layout.guard)
                total[0] = one.fma(x, y, Vector(total[0], self.computed)).value

            self.code.nested(q, (*layout.again, layout.inner), total, add)
            self._store(Sum(one, Vector(total[0], self.computed), q, NONE))

    def _store_all(self, sums: Sequence[Sum]) -> None:
        for each in sums:
            self._store(each)

    def _store(self, sum_: Sum) -> None:
        """z = alpha * value + beta * c."""
        lanes, value, p, axis = sum_
        if self.alpha is not None:
            value = lanes.mul(lanes.splat(self.alpha.value, self.computed), value)
        if self.code.product.c is not None:
            value = self._with_old(lanes, value, p, axis)
        store(lanes, value, p.z, self.dtype, axis.z)

    def _with_old(self, lanes: Lanes, value: Vector, p: Pointers, axis: Axis) -> Vector:
        old = load(lanes, p.c, self.dtype, axis.c)
        if self.beta is None:
            return lanes.add(old, value)
        return multiplied(lanes, lanes.splat(self.beta.value, self.computed), old, value)


def _kept(lanes: Lanes, x: Vector, y: Vector, guard: int) -> tuple[Vector, Vector]:
    """Factors, with 0 for what the other's zero kills."""
    left = lanes.select(lanes.compare("==", y, 0), 0.0, x) if guard & 2 else x
    right = lanes.select(lanes.compare("==", x, 0), 0.0, y) if guard & 1 else y
    return left, right
