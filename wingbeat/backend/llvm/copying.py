"""A block of numbers copied to another layout: by runs, or by squares that are turned."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from wingbeat.backend.llvm.flow import LONG, loop
from wingbeat.backend.llvm.lanes import DType, Lanes, Vector
from wingbeat.backend.llvm.memory import load, place, store
from wingbeat.backend.llvm.packing import interleaved
from wingbeat.backend.llvm.target import Target

Change = Callable[[Lanes, Vector], Vector]


class Axis(NamedTuple):
    """Its extent, and how far what is read and what is written move with it, in elements."""

    size: int
    read: int
    write: int


def copy(
    b: Any,
    target: Target,
    dtype: DType,
    axes: Sequence[Axis],
    source: Any,
    destination: Any,
    change: Change = lambda lanes, x: x,
) -> None:
    """Copy a block; `change` is applied to every number."""
    _Copy(b, target, dtype, change).emit(_merged(axes), source, destination)


def fill(b: Any, target: Target, dtype: DType, to: Any, count: int, number: float) -> None:
    """`count` times the same number."""

    def filled(lanes: Lanes, k: Any, mask: Vector | None) -> None:
        store(lanes, lanes.const(number, dtype), place(b, to, dtype, k), dtype, mask=mask)

    _along(b, target.lanes(dtype), target, count, filled)


@contextmanager
def nested(b: Any, sizes: Sequence[int]) -> Generator[list[Any]]:
    """Loops in each other."""
    if not sizes:
        yield []
        return
    with loop(b, 0, sizes[0]) as i, nested(b, sizes[1:]) as rest:
        yield [i, *rest]


def _merged(axes: Sequence[Axis]) -> list[Axis]:
    """In the order in which they are written; those that are one behind the other as one."""
    made: list[Axis] = []
    for axis in sorted((a for a in axes if a.size != 1), key=lambda a: -a.write):
        last = made[-1] if made else None
        follows = (axis.read * axis.size, axis.write * axis.size)
        if last is not None and (last.read, last.write) == follows:
            made[-1] = axis._replace(size=last.size * axis.size)
        else:
            made.append(axis)
    return made or [Axis(1, 1, 1)]


class _Copy(NamedTuple):
    b: Any
    target: Target
    dtype: DType
    change: Change

    def emit(self, axes: list[Axis], source: Any, to: Any) -> None:
        lane, line = axes[-1], next((a for a in axes if a.read == 1), axes[-1])
        others = [a for a in axes if a is not lane and a is not line]
        with nested(self.b, [a.size for a in others]) as index:
            for i, a in zip(index, others, strict=True):
                source = self._at(source, self.b.mul(i, LONG(a.read)))
                to = self._at(to, self.b.mul(i, LONG(a.write)))
            if lane is line or lane.write != 1:
                self._run(lane, source, to)
            else:
                self._turned(line, lane, source, to)

    def _at(self, pointer: Any, *distances: Any) -> Any:
        return place(self.b, pointer, self.dtype, *distances)

    def _run(self, axis: Axis, source: Any, to: Any) -> None:
        b, single = self.b, axis.read != 1 or axis.write != 1

        def moved(lanes: Lanes, k: Any, mask: Vector | None) -> None:
            at, there = (b.mul(k, LONG(n)) for n in (axis.read, axis.write))
            value = load(lanes, self._at(source, at), self.dtype, mask=mask)
            store(lanes, self.change(lanes, value), self._at(to, there), self.dtype, mask=mask)

        width = 1 if single else self.target.lanes(self.dtype)
        _along(b, width, self.target, axis.size, moved)

    # --- squares: lines of the source, which lie in order, become columns -----------------------

    def _turned(self, line: Axis, lane: Axis, source: Any, to: Any) -> None:
        """Along `line` numbers are read in order, along `lane` they are written in order."""
        width = self.target.lanes(self.dtype)
        for k, wide in _pieces(self.b, lane.size, width):
            start, there = self._at(source, self.b.mul(k, LONG(lane.read))), self._at(to, k)
            for q, high in _pieces(self.b, line.size, width):
                row = self._at(there, self.b.mul(q, LONG(line.write)))
                self._square(line, lane, (high, wide), self._at(start, q), row)

    def _square(
        self, line: Axis, lane: Axis, extents: tuple[int, int], source: Any, to: Any
    ) -> None:
        high, wide = extents
        lanes = Lanes(self.b, self.target.lanes(self.dtype), self.target)
        along, across = (_mask(lanes, n) for n in (high, wide))
        rows = [
            load(lanes, self._at(source, k * lane.read), self.dtype, mask=along)
            for k in range(wide)
        ]
        rows += rows[-1:] * (lanes.count - wide)  # a missing row repeats the last one
        for q, vector in enumerate(interleaved(lanes, rows)[:high]):
            value = self.change(lanes, vector)
            store(lanes, value, self._at(to, q * line.write), self.dtype, mask=across)


def _mask(lanes: Lanes, count: int) -> Vector | None:
    return None if count == lanes.count else lanes.first(LONG(count))


def _pieces(b: Any, count: int, width: int) -> Iterator[tuple[Any, int]]:
    """Where pieces of an axis begin, and their extent: inside a loop, the last one behind it."""
    whole = count - count % width
    if whole:
        with loop(b, 0, whole, width) as k:
            yield k, width
    if count % width:
        yield LONG(whole), count % width


def _along(
    b: Any, width: int, target: Target, count: int, body: Callable[[Lanes, Any, Any], None]
) -> None:
    """A run by whole registers; what is left by a part of one."""
    lanes = Lanes(b, width, target)
    for k, n in _pieces(b, count, width):
        body(lanes, k, _mask(lanes, n))
