"""The product of two matrices as native code for one dtype and one processor.

One library serves all shapes: sizes and strides are read when it runs. z = alpha x y + beta c is
computed tile by tile. A tile is `ROWS` rows of z by some whole registers, and stays in registers
while k runs; each element is summed in the order of k, `DEPTH` terms at a time. So every number
comes out the same wherever its tile lies, and however the work is cut.

    x packed     [tile][k][row of the tile], by `pack`, in memory of the caller
    y packed     [k][column of the panel], a panel of DEPTH rows at a time, on the stack
    edges        are computed as whole tiles on the stack, and copied

Guard: where a sum is not finite, it is computed again such that zeros kill infinities and NaN.
A sum that is finite has met none, so it is what the guard would make of it, too.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from wingbeat.backend.llvm import ir
from wingbeat.backend.llvm.flow import LONG, POINTER, VOID, changed, loop, smaller
from wingbeat.backend.llvm.lanes import BOOL, DType, Lanes, Vector, element_type
from wingbeat.backend.llvm.memory import load, place, store
from wingbeat.backend.llvm.packing import Source, pack, pack_spread
from wingbeat.backend.llvm.target import Target

DEPTH = 400  # terms between two visits of z: a panel of y stays in the second cache
TURNS = 4  # terms in one turn of the innermost loop

# A product as `run` reads it, a C struct: `struct` is its type. Strides are in elements.
FIELDS = (
    *("rows", "columns", "inner"),
    *("x", "x_tile"),  # packed, and how far its tiles lie apart
    *("y", "y_inner", "y_column"),
    *("z", "z_row", "z_column"),
    *("c", "c_row", "c_column"),  # c is null, and its strides 0, where there is none
    *("alpha", "beta", "guard"),  # guard: 1, zeros of x kill; 2, zeros of y
    *("group", "groups"),  # tiles in a group, and groups in a panel
)
_POINTERS, _NUMBERS = ("x", "y", "z", "c"), ("alpha", "beta")


class _Matrix(NamedTuple):
    """Where a matrix is, and how far its rows and its columns lie apart."""

    pointer: Any
    row: Any
    column: Any


class Tile(NamedTuple):
    """`rows` by at most `vectors` registers."""

    rows: int
    vectors: int


def tile(target: Target) -> Tile:
    """The largest tile that leaves registers for its operands."""
    return Tile(8 if target.bits == 512 else 4, 3)


def panel(dtype: DType, target: Target) -> int:
    """Columns of a panel."""
    return tile(target).vectors * target.lanes(dtype)


def name_of(dtype: DType, target: Target) -> str:
    """What the names of a library's functions begin with; another processor has other names."""
    code = zlib.crc32(f"{target}".encode())
    return f"gemm_{dtype.kind}{8 * dtype.itemsize}_{code:08x}"


def emit(module: Any, dtype: DType, target: Target) -> None:
    """Add the library of float32 or float64 to `module`: two functions of C's convention.

    NAME_pack(ptr x, i64 x_row, i64 x_inner, i64 rows, i64 inner, ptr packed, i64 x_tile,
              i64 begin, i64 end)               packs tiles begin ... end - 1
    NAME_run(ptr problem, i64 begin, i64 end)   computes units begin ... end - 1: a unit is one
                                                group of tiles of one panel, groups run faster
    """
    _Library(module, dtype, target).emit()


def declared(module: Any, dtype: DType, target: Target, function: str) -> Any:
    """`pack` or `run` of the library, in a module that calls it."""
    name = f"{name_of(dtype, target)}_{function}"
    if (known := module.globals.get(name)) is not None:
        return known
    return ir.Function(module, _KINDS[function], name)


_KINDS = {
    "pack": ir.FunctionType(VOID, [POINTER, *[LONG] * 4, POINTER, *[LONG] * 3]),
    "run": ir.FunctionType(VOID, [POINTER, LONG, LONG]),
}


def struct(dtype: DType) -> Any:
    """The type of a product as `run` reads it."""
    number = element_type(dtype)
    fields = (POINTER if f in _POINTERS else number if f in _NUMBERS else LONG for f in FIELDS)
    return ir.LiteralStructType(fields)


class _Shared(NamedTuple):
    """Functions that panels of all widths call."""

    spread: Any
    slow: Any
    finish: Any


class _Library:
    """The functions of a library; those that `run` calls are its own."""

    def __init__(self, module: Any, dtype: DType, target: Target) -> None:
        self.module, self.dtype, self.target = module, dtype, target
        self.rows, self.vectors = tile(target)
        self.width = target.lanes(dtype)
        self.number = element_type(dtype)

    def emit(self) -> None:
        self._emit_pack()
        shared = _Shared(self._spread(), self._slow_tile(), self._finish())
        self._emit_run([self._panel(v, shared) for v in range(1, self.vectors + 1)])

    # --- helpers ----------------------------------------------------------------------------

    def _function(self, name: str, *kinds: Any) -> tuple[Any, Any]:
        """A function of the library's own, and a builder at its start."""
        kind = ir.FunctionType(VOID, kinds)
        f = ir.Function(self.module, kind, f"{name_of(self.dtype, self.target)}_{name}")
        f.linkage = "internal"
        f.attributes.add("noinline")
        return f, ir.IRBuilder(f.append_basic_block())

    def _exported(self, name: str) -> tuple[Any, Any]:
        f = declared(self.module, self.dtype, self.target, name)
        return f, ir.IRBuilder(f.append_basic_block())

    def _lanes(self, b: Any, count: int = 0) -> Lanes:
        return Lanes(b, count or self.width, self.target)

    def _at(self, b: Any, pointer: Any, *distances: Any) -> Any:
        return place(b, pointer, self.dtype, *distances)

    def _buffer(self, b: Any, count: int) -> Any:
        """Memory on the stack."""
        pointer = b.alloca(self.number, LONG(count))
        pointer.align = 64
        return pointer

    def _fields(self, b: Any, problem: Any, *names: str) -> list[Any]:
        kinds = struct(self.dtype)
        found = []
        for name in names:
            k = FIELDS.index(name)
            zero, index = ir.IntType(32)(0), ir.IntType(32)(k)
            where = b.gep(problem, [zero, index], source_etype=kinds)
            found.append(b.load(where, typ=kinds.elements[k]))
        return found

    # --- what is called from outside --------------------------------------------------------

    def _emit_pack(self) -> None:
        f, b = self._exported("pack")
        x, row, step, rows, inner, packed, x_tile, begin, end = f.args
        with loop(b, begin, end) as i:
            first = b.mul(i, LONG(self.rows))
            start, to = self._at(b, x, b.mul(first, row)), self._at(b, packed, b.mul(i, x_tile))
            count = smaller(b, b.sub(rows, first), self.rows)
            source = Source(start, row, step, count)
            pack(self._lanes(b), self.dtype, self.rows, source, inner, to)
        b.ret_void()

    def _emit_run(self, panels: Sequence[Any]) -> None:
        """Each panel by the function that is just wide enough for it."""
        f, b = self._exported("run")
        problem, begin, end = f.args
        group, groups, rows, columns = self._fields(
            b, problem, "group", "groups", "rows", "columns"
        )
        tiles = b.sdiv(b.add(rows, LONG(self.rows - 1)), LONG(self.rows))
        widest = LONG(len(panels) * self.width)
        with loop(b, begin, end) as unit:
            first = b.mul(b.sdiv(unit, groups), widest)
            start = b.mul(b.srem(unit, groups), group)
            stop = smaller(b, b.add(start, group), tiles)
            count = smaller(b, b.sub(columns, first), widest)
            vectors = b.sdiv(b.add(count, LONG(self.width - 1)), LONG(self.width))
            for v, function in enumerate(panels, 1):
                with b.if_then(b.icmp_signed("==", vectors, LONG(v))):
                    b.call(function, [problem, first, count, start, stop])
        b.ret_void()

    # --- a panel ----------------------------------------------------------------------------

    def _matrix(self, b: Any, problem: Any, name: str) -> _Matrix:
        return _Matrix(*self._fields(b, problem, name, f"{name}_row", f"{name}_column"))

    def _from(self, b: Any, matrix: _Matrix, row: Any, column: Any) -> _Matrix:
        """The part of a matrix from an element on."""
        pointer, across, along = matrix
        start = self._at(b, pointer, b.mul(row, across), b.mul(column, along))
        return _Matrix(start, across, along)

    def _panel(self, v: int, shared: _Shared) -> Any:
        """`count` columns of z from `first` on, tiles start ... stop - 1."""
        compute, width = self._tile(v, shared.slow), v * self.width
        f, b = self._function(f"panel{v}", POINTER, LONG, LONG, LONG, LONG)
        problem, first, count, start, stop = f.args
        packed, spare = self._buffer(b, DEPTH * width), self._buffer(b, self.rows * width)
        inner, y, y_inner, y_column = self._fields(b, problem, "inner", "y", "y_inner", "y_column")
        z, c = (self._from(b, self._matrix(b, problem, n), LONG(0), first) for n in ("z", "c"))
        alpha, beta, guard = self._fields(b, problem, "alpha", "beta", "guard")
        straight = self._straight(b, z, c)
        whole = b.and_(straight, b.icmp_signed("==", count, LONG(width)))
        blocks, depth = _blocks(b, inner)
        with loop(b, 0, blocks) as block:
            k = b.mul(block, depth)
            terms = smaller(b, b.sub(inner, k), depth)
            right = self._at(b, y, b.mul(first, y_column), b.mul(k, y_inner))
            source = Source(right, y_column, y_inner, count)

            def spread(source: Source, inner: Any, to: Any) -> None:
                b.call(shared.spread, [LONG(width), *source, inner, to])

            pack(self._lanes(b), self.dtype, width, source, terms, packed, spread)
            # The first block adds to c, the others to what z is by then.
            again = b.icmp_signed(">", block, LONG(0))
            old = _Matrix(*(b.select(again, p, q) for p, q in zip(z, c, strict=True)))
            scales = alpha, b.select(again, self.number(1), beta)
            with loop(b, start, stop) as i:
                left, height = self._left(b, problem, i, k)
                row = b.mul(i, LONG(self.rows))
                to, read = (self._from(b, matrix, row, LONG(0)) for matrix in (z, old))
                usual = b.and_(whole, b.icmp_signed("==", height, LONG(self.rows)))
                with b.if_else(usual) as (then, otherwise):
                    with then:
                        b.call(compute, [terms, left, packed, *to[:2], *read[:2], *scales, guard])
                    with otherwise:
                        plain = [spare, LONG(width), POINTER(None), LONG(0)]
                        ones = [self.number(1), self.number(1)]
                        b.call(compute, [terms, left, packed, *plain, *ones, guard])
                        part = [spare, LONG(width), height, count, straight]
                        b.call(shared.finish, [*part, *to, *read, *scales])
        b.ret_void()
        return f

    def _spread(self) -> Any:
        """Packs columns that do not lie side by side, for panels of any width."""
        f, b = self._function("spread", LONG, POINTER, LONG, LONG, LONG, LONG, POINTER)
        width, *source, inner, packed = f.args
        pack_spread(self._lanes(b), self.dtype, width, Source(*source), inner, packed)
        b.ret_void()
        return f

    def _straight(self, b: Any, z: _Matrix, c: _Matrix) -> Any:
        """Whether rows of z, and of c where it is read, lie in order."""
        readable = b.or_(b.not_(_exists(b, c.pointer)), b.icmp_signed("==", c.column, LONG(1)))
        return b.and_(readable, b.icmp_signed("==", z.column, LONG(1)))

    def _left(self, b: Any, problem: Any, i: Any, k: Any) -> tuple[Any, Any]:
        """Tile i of x from k on, and how many of its rows exist."""
        rows, x, x_tile = self._fields(b, problem, "rows", "x", "x_tile")
        left = self._at(b, x, b.mul(i, x_tile), b.mul(k, LONG(self.rows)))
        return left, smaller(b, b.sub(rows, b.mul(i, LONG(self.rows))), self.rows)

    def _finish(self) -> Any:
        """z = alpha * sums + beta * c for the part of a tile that is at an edge."""
        matrix, scales = (POINTER, LONG, LONG), (self.number, self.number)
        f, b = self._function(
            "finish", POINTER, LONG, LONG, LONG, ir.IntType(1), *matrix, *matrix, *scales
        )
        sums, wide, rows, columns, straight = f.args[:5]
        z, c, scales = _Matrix(*f.args[5:8]), _Matrix(*f.args[8:11]), f.args[11:]
        reads = _exists(b, c.pointer)
        with loop(b, 0, rows) as i:
            source = self._at(b, sums, b.mul(i, wide))
            with b.if_else(straight) as (then, otherwise):
                for lanes, branch in ((self._lanes(b), then), (self._lanes(b, 1), otherwise)):
                    with branch, loop(b, 0, columns, lanes.count) as j:
                        mask = lanes.first(b.sub(columns, j)) if lanes.count > 1 else None
                        value = load(lanes, self._at(b, source, j), self.dtype)
                        places = [self._from(b, m, i, j).pointer for m in (z, c)]
                        self._store_scaled(lanes, value, places, scales, reads, mask)
        b.ret_void()
        return f

    def _store_scaled(
        self,
        lanes: Lanes,
        value: Vector,
        places: Sequence[Any],
        scales: Sequence[Any],
        reads: Any,
        mask: Vector | None = None,
    ) -> None:
        """z = alpha * value + beta * c at the places of z and c."""

        def added() -> Any:
            old = load(lanes, places[1], self.dtype, mask=mask)
            return self._scaled(lanes, value, scales, old).value

        plain = self._scaled(lanes, value, scales, None).value
        new = changed(lanes.builder, reads, plain, added)
        store(lanes, Vector(new, self.dtype), places[0], self.dtype, mask=mask)

    def _scaled(
        self, lanes: Lanes, value: Vector, scales: Sequence[Any], old: Vector | None
    ) -> Vector:
        alpha, beta = (lanes.splat(s, self.dtype) for s in scales)
        value = lanes.mul(alpha, value)
        return value if old is None else lanes.fma(beta, old, value)

    # --- a tile -----------------------------------------------------------------------------

    def _tile(self, v: int, slow: Any) -> Any:
        """One whole tile of z; the elements of a row lie side by side, in z and in c."""
        f, b = self._function(f"tile{v}", *self._tile_kinds())
        inner, x, y, z, z_row, c, c_row, alpha, beta, guard = f.args
        lanes = self._lanes(b)
        sums = [lanes.const(0, self.dtype).value] * (self.rows * v)
        whole = b.sub(inner, b.srem(inner, LONG(TURNS)))
        for start, end, turns in ((LONG(0), whole, TURNS), (whole, inner, 1)):
            with loop(b, start, end, turns, sums) as k:
                for q in range(turns):
                    self._add_terms(lanes, v, x, y, b.add(k, LONG(q)), sums)
        guarded = b.icmp_signed("!=", guard, LONG(0))
        with b.if_else(b.and_(guarded, self._odd(lanes, sums)), likely=False) as (then, usual):
            with then:
                b.call(slow, [LONG(v * self.width), *f.args])
            with usual, b.if_else(_exists(b, c)) as branches:
                for reads, branch in zip((True, False), branches, strict=True):
                    with branch:
                        self._store_tile(lanes, sums, (z, z_row), (c, c_row), (alpha, beta), reads)
        b.ret_void()
        return f

    def _tile_kinds(self) -> tuple[Any, ...]:
        """inner, x, y, z, z_row, c, c_row, alpha, beta, guard."""
        matrices = (POINTER, LONG, POINTER, LONG)
        return (LONG, POINTER, POINTER, *matrices, self.number, self.number, LONG)

    def _add_terms(self, lanes: Lanes, v: int, x: Any, y: Any, k: Any, sums: list[Any]) -> None:
        """One row of packed y times one column of packed x, added to the sums."""
        b, one = lanes.builder, self._lanes(lanes.builder, 1)
        left = self._at(b, x, b.mul(k, LONG(self.rows)))
        right = self._at(b, y, b.mul(k, LONG(v * self.width)))
        ys = [load(lanes, self._at(b, right, j * self.width), self.dtype) for j in range(v)]
        for i in range(self.rows):
            number = load(one, self._at(b, left, i), self.dtype)
            factor = lanes.splat(number.value, self.dtype)
            for j in range(v):
                at = i * v + j
                sums[at] = lanes.fma(factor, ys[j], Vector(sums[at], self.dtype)).value

    def _odd(self, lanes: Lanes, sums: Sequence[Any]) -> Any:
        """Whether some sum is not finite: only such a number times 0 is not 0."""
        z = lanes.const(0, self.dtype)
        for value in sums:
            z = lanes.fma(Vector(value, self.dtype), 0, z)
        return lanes.any(lanes.compare("!=", z, 0))

    def _store_tile(
        self, lanes: Lanes, sums: Sequence[Any], z: Any, c: Any, scales: Any, reads: bool
    ) -> None:
        b, v = lanes.builder, len(sums) // self.rows
        for number, value in enumerate(sums):
            i, j = divmod(number, v)
            to, read = (
                self._at(b, start, b.mul(row, LONG(i)), j * self.width) for start, row in (z, c)
            )
            old = load(lanes, read, self.dtype) if reads else None
            result = self._scaled(lanes, Vector(value, self.dtype), scales, old)
            store(lanes, result, to, self.dtype)

    def _slow_tile(self) -> Any:
        """A tile whose zeros kill what they meet; terms are added in the same order."""
        f, b = self._function("slow", LONG, *self._tile_kinds())
        width, inner, x, y, z, z_row, c, c_row, alpha, beta, guard = f.args
        lanes, one = self._lanes(b), self._lanes(b, 1)
        by_x, by_y = (
            lanes.splat(b.icmp_signed("!=", b.and_(guard, LONG(bit)), LONG(0)), BOOL)
            for bit in (1, 2)
        )
        with loop(b, 0, self.rows) as i, loop(b, 0, width, self.width) as j:
            sums = [lanes.const(0, self.dtype).value]
            with loop(b, 0, inner, 1, sums) as k:
                number = load(one, self._at(b, x, b.mul(k, LONG(self.rows)), i), self.dtype)
                left = lanes.splat(number.value, self.dtype)
                right = load(lanes, self._at(b, y, b.mul(k, width), j), self.dtype)
                left, right = kept(lanes, left, right, by_x, by_y)
                sums[0] = lanes.fma(left, right, Vector(sums[0], self.dtype)).value
            places = [self._at(b, p, b.mul(i, row), j) for p, row in ((z, z_row), (c, c_row))]
            value, reads = Vector(sums[0], self.dtype), _exists(b, c)
            self._store_scaled(lanes, value, places, (alpha, beta), reads)
        b.ret_void()
        return f


def kept(lanes: Lanes, x: Vector, y: Vector, by_x: Vector, by_y: Vector) -> tuple[Vector, Vector]:
    """Factors without what the other's zero kills, where that kills."""
    y_dies = lanes.bits("&", lanes.compare("==", x, 0), by_x)
    x_dies = lanes.bits("&", lanes.compare("==", y, 0), by_y)
    return lanes.select(x_dies, 0.0, x), lanes.select(y_dies, 0.0, y)


def _exists(b: Any, pointer: Any) -> Any:
    return b.icmp_unsigned("!=", pointer, POINTER(None))


def _blocks(b: Any, inner: Any) -> tuple[Any, Any]:
    """How many blocks of terms there are, one at least, and the terms of each but the last."""
    blocks = b.sdiv(b.add(inner, LONG(DEPTH - 1)), LONG(DEPTH))
    blocks = b.select(b.icmp_signed("<", blocks, LONG(1)), LONG(1), blocks)
    return blocks, b.sdiv(b.add(inner, b.sub(blocks, LONG(1))), blocks)
