"""A product as nested loops around one matrix product: z[rows, columns] += x[rows, inner] y[...].

Axes that lie behind each other in every buffer are merged; those that cannot be stay as loops
around the matrices. What is transposed, broadcast or sliced is in the strides.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from wingbeat.backend.llvm.products import Factor, Product


class Axis(NamedTuple):
    """A loop variable: its extent, and how far each buffer moves with it, in elements."""

    size: int
    x: int
    y: int
    z: int
    c: int

    def turned(self) -> Axis:
        """The same where x and y change places."""
        return self._replace(x=self.y, y=self.x)


NONE = Axis(1, 0, 0, 0, 0)


@dataclass(frozen=True)
class Layout:
    """`outer` and `again` are loops around the matrices; each turn of `again` adds to z."""

    outer: tuple[Axis, ...]
    rows: Axis
    columns: Axis
    again: tuple[Axis, ...]
    inner: Axis
    x: Factor
    y: Factor
    guard: int

    @property
    def count(self) -> int:
        """How many matrices z consists of."""
        return math.prod(axis.size for axis in self.outer)

    @property
    def terms(self) -> int:
        """How many products are added up for one element."""
        return self.inner.size * math.prod(axis.size for axis in self.again)

    def filled(self) -> Layout:
        """With an axis of the batch as columns, if there are none: neighbours in z, best of all."""
        if self.columns.size != 1 or not self.outer:
            return self
        axis = next((a for a in self.outer if a.z == 1), self.outer[-1])
        return replace(self, columns=axis, outer=tuple(a for a in self.outer if a != axis))

    def turned(self) -> Layout:
        """z' = y' x'."""
        outer, again = (tuple(a.turned() for a in axes) for axes in (self.outer, self.again))
        rows, columns, inner = (a.turned() for a in (self.columns, self.rows, self.inner))
        guard = self.guard >> 1 | (self.guard & 1) << 1
        return Layout(outer, rows, columns, again, inner, self.y, self.x, guard)


def layout(product: Product) -> Layout:
    """Loops and matrices of a product, such that columns of z lie side by side if anything does."""
    axes = _axes(product)
    kinds = (product.batch, product.rows, product.columns, product.inner)
    batch, rows, columns, inner = (_merged(axes[k] for k in kind) for kind in kinds)
    inner = next(((axis,) for axis in inner if axis.size == 0), inner)
    row, rows = _largest(rows)
    column, columns = _largest(columns)
    last, inner = _largest(inner)
    outer = tuple(sorted((*batch, *rows, *columns), key=_place))
    found = Layout(outer, row, column, inner, last, product.x, product.y, product.guard)
    return found.turned() if column.z != 1 and row.z == 1 else found


def _axes(product: Product) -> list[Axis]:
    sizes, count = product.sizes, len(product.sizes) - len(product.inner)
    z = [math.prod(sizes[k + 1 : count]) if k < count else 0 for k in range(len(sizes))]
    c = product.c.strides if product.c else [0] * len(sizes)
    return [Axis(*a) for a in zip(sizes, product.x.strides, product.y.strides, z, c, strict=True)]


def _place(axis: Axis) -> tuple[int, int]:
    """Sorts axes as they lie in memory, the widest apart first."""
    return -axis.z, -max(abs(axis.x), abs(axis.y))


def _merged(axes: Iterable[Axis]) -> tuple[Axis, ...]:
    found: list[Axis] = []
    for axis in sorted((a for a in axes if a.size != 1), key=_place):
        if found and found[-1][1:] == tuple(axis.size * stride for stride in axis[1:]):
            found[-1] = axis._replace(size=axis.size * found[-1].size)
        else:
            found.append(axis)
    return tuple(found)


def _largest(axes: tuple[Axis, ...]) -> tuple[Axis, tuple[Axis, ...]]:
    """The axis that the matrices get, and those that are left.

    Of z that is the one whose elements lie side by side, if they fill a register.
    """
    if not axes:
        return NONE, ()
    k = max(range(len(axes)), key=lambda k: (axes[k].z == 1 and axes[k].size >= 16, axes[k].size))
    return axes[k], axes[:k] + axes[k + 1 :]
