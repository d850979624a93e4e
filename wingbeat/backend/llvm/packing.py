"""Matrices copied so that a product reads them in order: packed[k][lane] = source[lane, k]."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from wingbeat.backend.llvm import ir
from wingbeat.backend.llvm.flow import LONG, long, loop, smaller
from wingbeat.backend.llvm.lanes import DType, Lanes, Vector
from wingbeat.backend.llvm.memory import load, place, store
from wingbeat.backend.llvm.target import Target


class Source(NamedTuple):
    """A matrix in memory: `count` lanes that lie `across` apart, and numbers `along` apart."""

    pointer: Any
    across: Any
    along: Any
    count: Any


def padded(inner: int, dtype: DType, target: Target) -> int:
    """Numbers of each lane that a packed matrix has room for: whole vectors are written."""
    width = target.lanes(dtype)
    return -(-inner // width) * width


Spread = Callable[[Source, Any, Any], None]  # packs a source of so many numbers


def pack(
    lanes: Lanes,
    dtype: DType,
    width: int,
    source: Source,
    inner: Any,
    packed: Any,
    spread: Spread | None = None,
) -> None:
    """`width` lanes of `inner` numbers each. What missing lanes contain is not said.

    `lanes` is as wide as a register; `width` is a multiple of that, or a power of two below.
    `spread` is who packs lanes that do not lie side by side, where there is code for that already.
    """

    def emitted(source: Source, inner: Any, packed: Any) -> None:
        pack_spread(lanes, dtype, width, source, inner, packed)

    b = lanes.builder
    with b.if_else(b.icmp_signed("==", source.across, LONG(1))) as (then, otherwise):
        with then:
            _rows(lanes, dtype, width, source, inner, packed)
        with otherwise:
            (spread or emitted)(source, inner, packed)


def pack_spread(
    lanes: Lanes, dtype: DType, width: Any, source: Source, inner: Any, packed: Any
) -> None:
    """`pack` for lanes that do not lie side by side; a whole `width` may be known at run time."""
    b = lanes.builder
    if width == 1:
        return _each(lanes, dtype, width, source, inner, packed)
    with b.if_else(b.icmp_signed("==", source.along, LONG(1))) as (then, otherwise):
        with then:
            _columns(lanes, dtype, width, source, inner, packed)
        with otherwise:
            _each(lanes, dtype, width, source, inner, packed)


def _rows(lanes: Lanes, dtype: DType, width: int, source: Source, inner: Any, packed: Any) -> None:
    """Lanes lie side by side."""
    b = lanes.builder
    lanes = Lanes(b, min(width, lanes.count), lanes.target)
    places = range(0, width, lanes.count)
    masks = [lanes.first(b.sub(source.count, LONG(j))) for j in places]
    whole = b.icmp_signed("==", source.count, LONG(width))
    for usual, branch in zip((True, False), _branches(b, whole), strict=True):
        with branch, loop(b, 0, inner) as k:
            row = place(b, source.pointer, dtype, b.mul(k, source.along))
            to = place(b, packed, dtype, b.mul(k, LONG(width)))
            for j, mask in zip(places, masks, strict=True):
                value = load(lanes, place(b, row, dtype, j), dtype, mask=None if usual else mask)
                store(lanes, value, place(b, to, dtype, j), dtype)


def _branches(b: Any, condition: Any) -> tuple[Any, Any]:
    """Two contexts: what is built in the first runs where `condition` holds, else the other."""
    return b.if_then(condition), b.if_then(b.not_(condition))


def _columns(
    lanes: Lanes, dtype: DType, width: Any, source: Source, inner: Any, packed: Any
) -> None:
    """Each lane lies in order: squares of one register's width are transposed."""
    b, block = lanes.builder, min(width, lanes.count) if isinstance(width, int) else lanes.count
    whole = b.sub(inner, b.srem(inner, LONG(lanes.count)))
    for start, end, partial in ((LONG(0), whole, False), (whole, inner, True)):
        with loop(b, start, end, lanes.count) as k:
            mask = lanes.first(b.sub(inner, k)) if partial else None
            with loop(b, 0, width, block) as lane:
                _square(lanes, dtype, (width, block), source, (k, lane), mask, packed)


def _square(
    lanes: Lanes,
    dtype: DType,
    widths: tuple[Any, int],
    source: Source,
    corner: tuple[Any, Any],
    mask: Vector | None,
    packed: Any,
) -> None:
    b, (width, block), (k, lane), rows = lanes.builder, widths, corner, []
    for q in range(block):
        # A missing lane repeats the last one.
        at = smaller(b, b.add(lane, LONG(q)), b.sub(source.count, LONG(1)))
        start = place(b, source.pointer, dtype, b.mul(at, source.across), k)
        rows.append(load(lanes, start, dtype, mask=mask))
    to = place(b, packed, dtype, b.mul(k, long(width)), lane)
    step = long(width) if block == lanes.count else lanes.count
    for vector in interleaved(lanes, rows):
        store(lanes, vector, to, dtype)
        to = place(b, to, dtype, step)


def _each(lanes: Lanes, dtype: DType, width: Any, source: Source, inner: Any, packed: Any) -> None:
    """Number by number."""
    b = lanes.builder
    one = Lanes(b, 1, lanes.target)
    with loop(b, 0, inner) as k, loop(b, 0, width) as lane:
        at = smaller(b, lane, b.sub(source.count, LONG(1)))
        where = (b.mul(at, source.across), b.mul(k, source.along))
        value = load(one, place(b, source.pointer, dtype, *where), dtype)
        store(one, value, place(b, packed, dtype, b.mul(k, long(width)), lane), dtype)


def interleaved(lanes: Lanes, rows: list[Vector]) -> list[Vector]:
    """The numbers of several rows, column by column: their transpose."""
    if len(rows) == 1:
        return rows
    even, odd = interleaved(lanes, rows[0::2]), interleaved(lanes, rows[1::2])
    middle, count = lanes.count // 2, lanes.count
    return [
        _shuffled(lanes, x, y, [k for i in half for k in (i, i + count)])
        for x, y in zip(even, odd, strict=True)
        for half in (range(middle), range(middle, count))
    ]


def _shuffled(lanes: Lanes, x: Vector, y: Vector, places: list[int]) -> Vector:
    mask = ir.Constant(ir.VectorType(ir.IntType(32), len(places)), places)
    return Vector(lanes.builder.shuffle_vector(x.value, y.value, mask), x.dtype)
