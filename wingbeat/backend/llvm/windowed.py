"""Products of which one factor is read where it lies, at places that tables name.

    z[row(r) + c] = sum over q, k of x[at(r) + q x_turn + x_terms[k]] * y[q y_turn + y_terms[k] + c]

A convolution is such a product: rows are places in the result, terms the elements of a window, and
`at` and `x_terms` are both sums of strides. One library serves all shapes. A tile is `ROWS` rows of
z by some registers along c, and stays there while terms are added in the order of q and k, `DEPTH`
at a time; x is read number by number, y from a copy in that order on the stack. So every number
comes out the same wherever its tile lies, and however the work is cut.

Exact: where a sum is not finite, it is computed again such that zeros kill infinities and NaN where
`guard` says so, and that what was put around x (-0.0, which x itself then does not contain) is no
term at all. A sum that is finite is what that would make of it, too.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from wingbeat.backend.llvm import ir
from wingbeat.backend.llvm.flow import LONG, POINTER, VOID, loop, smaller
from wingbeat.backend.llvm.lanes import BOOL, DType, Lanes, Vector, element_type, integers_of
from wingbeat.backend.llvm.memory import load, place, store
from wingbeat.backend.llvm.target import Target

FAMILY = "slide"  # what the names of these functions begin with
DEPTH = 384  # terms between two visits of z: their part of y stays in the second cache
GROUP = 96  # tiles that are computed with one copy of a part of y

# A product as `run` reads it: a C struct. Strides and the contents of tables are in elements.
FIELDS = (
    *("x", "y", "z"),
    *("rows", "span", "x_rows", "z_rows"),  # tables of `span` rows, which repeat ...
    *("x_outer", "z_outer"),  # ... so far apart
    *("terms", "x_terms", "y_terms"),  # tables, which are gone through ...
    *("turns", "x_turn", "y_turn"),  # ... so many times, so far apart
    *("columns", "exact"),  # exact: 1, zeros of x kill; 2, zeros of y; 4, -0.0 is no term
)
_POINTERS = {"x", "y", "z", "x_rows", "z_rows", "x_terms", "y_terms"}
STRUCT = ir.LiteralStructType([POINTER if f in _POINTERS else LONG for f in FIELDS])
PADDED = 4  # bit of `exact`


def rows(target: Target) -> int:
    """Rows of a tile, such that registers are left for its operands."""
    return 8 if target.bits == 512 else 4


def name_of(dtype: DType, target: Target) -> str:
    """What the names of a library's functions begin with; another processor has other names."""
    code = zlib.crc32(f"{target}".encode())
    return f"{FAMILY}_{dtype.kind}{8 * dtype.itemsize}_{code:08x}"


_KINDS = {
    "run": ir.FunctionType(VOID, [POINTER, LONG, LONG]),
    "extend": ir.FunctionType(VOID, [POINTER, LONG, LONG, LONG]),
}


def declared(module: Any, dtype: DType, target: Target, function: str) -> Any:
    """A function of the library, in a module that calls it."""
    name = f"{name_of(dtype, target)}_{function}"
    return module.globals.get(name) or ir.Function(module, _KINDS[function], name)


def emit(module: Any, dtype: DType, target: Target) -> None:
    """Add the library of float32 or float64 to `module`: two functions of C's convention.

    NAME_run(ptr problem, i64 begin, i64 end)
                    computes tiles begin ... end - 1 of z
    NAME_extend(ptr table, i64 length, i64 size, i64 stride)
                    adds a variable in front to a table: table[i length + j] = table[j] + i stride
    """
    _Library(module, dtype, target).emit()


class _Width(NamedTuple):
    """A panel's width: some registers of so many lanes."""

    lanes: int
    vectors: int

    @property
    def columns(self) -> int:
        return self.lanes * self.vectors


class _Block(NamedTuple):
    """The arguments of a function that adds some terms to some rows."""

    rows: Any  # how many exist
    x: Any  # pointers to rows
    z: Any
    shift: Any  # how far behind its pointers x begins
    column: Any  # how far behind its pointers z begins
    count: Any  # columns that exist
    terms: Any
    x_terms: Any
    packed: Any
    again: Any  # whether sums join what is in z
    exact: Any


_BLOCK = ir.FunctionType(
    VOID, [LONG, POINTER, POINTER, *[LONG] * 4, POINTER, POINTER, ir.IntType(1), LONG]
)


class _Library:
    def __init__(self, module: Any, dtype: DType, target: Target) -> None:
        self.module, self.dtype, self.target = module, dtype, target
        self.rows, self.lanes = rows(target), target.lanes(dtype)
        self.number = element_type(dtype)

    def emit(self) -> None:
        """The functions that `run` calls are the library's own."""
        widths = [_Width(self.lanes, v) for v in (1, 2, 3)]
        if self.lanes > 2:
            widths.insert(0, _Width(self.lanes // 2, 1))
        self._emit_extend()
        self._emit_run([(w, self._panel(w, self._tiles(w))) for w in widths])

    # --- helpers ----------------------------------------------------------------------------

    def _function(self, name: str, width: _Width, kind: Any) -> tuple[Any, Any]:
        full = f"{name_of(self.dtype, self.target)}_{name}{width.lanes}x{width.vectors}"
        f = ir.Function(self.module, kind, full)
        f.linkage = "internal"
        f.attributes.add("noinline")
        return f, ir.IRBuilder(f.append_basic_block())

    def _on(self, b: Any, count: int) -> Lanes:
        return Lanes(b, count, self.target)

    def _at(self, b: Any, pointer: Any, *distances: Any) -> Any:
        return place(b, pointer, self.dtype, *distances)

    def _buffer(self, b: Any, kind: Any, count: int) -> Any:
        """Memory on the stack."""
        pointer = b.alloca(kind, LONG(count))
        pointer.align = 64
        return pointer

    def _fields(self, b: Any, problem: Any, names: str) -> list[Any]:
        return [
            b.load(field(b, problem, name), typ=STRUCT.elements[FIELDS.index(name)])
            for name in names.split()
        ]

    # --- what is called from outside --------------------------------------------------------

    def _emit_extend(self) -> None:
        f = declared(self.module, self.dtype, self.target, "extend")
        b = ir.IRBuilder(f.append_basic_block())
        table, length, size, stride = f.args
        with loop(b, 1, size) as i:
            to, distance = _behind(b, table, b.mul(i, length)), b.mul(i, stride)
            with loop(b, 0, length) as j:
                b.store(b.add(_entry(b, table, j), distance), _behind(b, to, j))
        b.ret_void()

    def _emit_run(self, panels: Sequence[tuple[_Width, Any]]) -> None:
        f = declared(self.module, self.dtype, self.target, "run")
        b = ir.IRBuilder(f.append_basic_block())
        problem, begin, end = f.args
        x, z = (self._buffer(b, POINTER, GROUP * self.rows) for _ in range(2))
        (columns,) = self._fields(b, problem, "columns")
        vectors = _over(b, columns, self.lanes)
        width = b.mul(_over(b, vectors, _over(b, vectors, 3)), LONG(self.lanes))
        with loop(b, begin, end, GROUP) as start:
            tiles = smaller(b, b.sub(end, start), GROUP)
            here = self._place_rows(b, problem, (x, z), start, tiles)
            with loop(b, 0, _over(b, columns, width)) as panel:
                first = b.mul(panel, width)
                count = smaller(b, b.sub(columns, first), width)
                lowest = 0
                for shape, function in panels:
                    fits = b.icmp_signed("<=", count, LONG(shape.columns))
                    mine = b.and_(b.icmp_signed(">", count, LONG(lowest)), fits)
                    lowest = shape.columns
                    with b.if_then(mine):
                        b.call(function, [problem, x, z, here, first, count])
        b.ret_void()

    def _place_rows(
        self, b: Any, problem: Any, pointers: tuple[Any, Any], start: Any, tiles: Any
    ) -> Any:
        """Where the rows of some tiles begin in x and z. How many of them there are."""
        names = "x z rows span x_rows z_rows x_outer z_outer"
        x, z, count, span, x_rows, z_rows, x_outer, z_outer = self._fields(b, problem, names)
        row = b.mul(start, LONG(self.rows))
        outer = b.sdiv(row, span)
        carried = [b.srem(row, span), b.mul(outer, x_outer), b.mul(outer, z_outer)]
        left, room = b.sub(count, row), b.mul(tiles, LONG(self.rows))
        with loop(b, 0, room, 1, carried) as k:
            exists = b.icmp_signed("<", k, left)
            p = b.select(exists, carried[0], LONG(0))  # in place of a missing row any will do
            for to, base, table, distance in (
                (pointers[0], x, x_rows, b.select(exists, carried[1], LONG(0))),
                (pointers[1], z, z_rows, b.select(exists, carried[2], LONG(0))),
            ):
                row = self._at(b, base, distance, _entry(b, table, p))
                b.store(row, b.gep(to, [k], source_etype=POINTER))
            following = b.add(carried[0], LONG(1))
            wraps = b.icmp_signed("==", following, span)
            carried[:] = [
                b.select(wraps, LONG(0), following),
                b.select(wraps, b.add(carried[1], x_outer), carried[1]),
                b.select(wraps, b.add(carried[2], z_outer), carried[2]),
            ]
        return smaller(b, left, room)

    # --- a panel ----------------------------------------------------------------------------

    def _panel(self, width: _Width, tiles: Any) -> Any:
        """Some columns of some rows: terms are copied and added block by block."""
        kind = ir.FunctionType(VOID, [*[POINTER] * 3, *[LONG] * 3])
        f, b = self._function("panel", width, kind)
        problem, x, z, count_of_rows, first, count = f.args
        packed = self._buffer(b, self.number, DEPTH * width.columns)
        names = "y terms x_terms y_terms turns x_turn y_turn exact"
        y, terms, x_terms, y_terms, turns, x_turn, y_turn, exact = self._fields(b, problem, names)
        blocks = _over(b, terms, DEPTH)
        blocks = b.select(b.icmp_signed("<", blocks, LONG(1)), LONG(1), blocks)
        depth = _over(b, terms, blocks)
        with loop(b, 0, turns) as q, loop(b, 0, blocks) as block:
            k = b.mul(block, depth)
            size = smaller(b, b.sub(terms, k), depth)
            from_y = self._at(b, y, b.mul(q, y_turn), first)
            self._pack(b, width, (from_y, _behind(b, y_terms, k)), (size, count), packed)
            arguments = _Block(
                rows=count_of_rows,
                x=x,
                z=z,
                shift=b.mul(q, x_turn),
                column=first,
                count=count,
                terms=size,
                x_terms=_behind(b, x_terms, k),
                packed=packed,
                again=b.icmp_signed("!=", b.or_(q, block), LONG(0)),
                exact=exact,
            )
            b.call(tiles, arguments)
        b.ret_void()
        return f

    def _pack(
        self, b: Any, width: _Width, source: tuple[Any, Any], sizes: tuple[Any, Any], packed: Any
    ) -> None:
        """packed[k][column]; columns that do not exist are 0."""
        (y, table), (terms, count) = source, sizes
        lanes = self._on(b, width.lanes)
        starts = [j * width.lanes for j in range(width.vectors)]
        mask = lanes.first(b.sub(count, LONG(starts[-1])))
        with loop(b, 0, terms) as k:
            row, to = self._at(b, y, _entry(b, table, k)), b.mul(k, LONG(width.columns))
            for start in starts:
                last = mask if start == starts[-1] else None
                value = load(lanes, self._at(b, row, start), self.dtype, mask=last)
                store(lanes, value, self._at(b, packed, to, start), self.dtype)

    # --- tiles ------------------------------------------------------------------------------

    def _tiles(self, width: _Width) -> Any:
        """Tile by tile. More than one term in a turn of the loop would need more registers."""
        slow = self._slow_tile(width)
        f, b = self._function("tiles", width, _BLOCK)
        block, lanes = _Block(*f.args), self._on(b, width.lanes)
        spare = self._buffer(b, self.number, self.rows * width.columns)
        exact = b.icmp_signed("!=", block.exact, LONG(0))
        full = b.icmp_signed("==", block.count, LONG(width.columns))
        with loop(b, 0, block.rows, self.rows) as row:
            x, z = (b.gep(p, [row], source_etype=POINTER) for p in (block.x, block.z))
            tile = block._replace(rows=b.sub(block.rows, row), x=x, z=z)
            starts = [self._at(b, _pointer(b, x, LONG(i)), tile.shift) for i in range(self.rows)]
            sums = [lanes.const(0, self.dtype).value] * (self.rows * width.vectors)
            with loop(b, 0, tile.terms, 1, sums) as k:
                self._add_term(lanes, width, starts, tile, k, sums)
            odd = b.and_(exact, self._odd(lanes, sums))
            with b.if_else(odd, likely=False) as (then, usual):
                with then:
                    b.call(slow, tile)
                with usual:
                    self._store_sums(lanes, width, tile, full, sums, spare)
        b.ret_void()
        return f

    def _add_term(
        self, lanes: Lanes, width: _Width, starts: Sequence[Any], t: _Block, k: Any, sums: list[Any]
    ) -> None:
        b, one = lanes.builder, self._on(lanes.builder, 1)
        at = _entry(b, t.x_terms, k)
        right = self._at(b, t.packed, b.mul(k, LONG(width.columns)))
        ys = [
            load(lanes, self._at(b, right, j * width.lanes), self.dtype)
            for j in range(width.vectors)
        ]
        for i, start in enumerate(starts):
            x = load(one, self._at(b, start, at), self.dtype)
            factor = lanes.splat(x.value, self.dtype)
            for j, y in enumerate(ys):
                n = i * width.vectors + j
                sums[n] = lanes.fma(factor, y, Vector(sums[n], self.dtype)).value

    def _odd(self, lanes: Lanes, sums: Sequence[Any]) -> Any:
        """Whether some sum is not finite: only such a number times 0 is not 0."""
        z = lanes.const(0, self.dtype)
        for value in sums:
            z = lanes.fma(Vector(value, self.dtype), 0, z)
        return lanes.any(lanes.compare("!=", z, 0))

    def _store_sums(
        self, lanes: Lanes, width: _Width, t: _Block, full: Any, sums: Sequence[Any], spare: Any
    ) -> None:
        """Straight into z; where rows are missing by way of the stack."""
        b = lanes.builder
        values = [Vector(value, self.dtype) for value in sums]
        with b.if_else(b.icmp_signed(">=", t.rows, LONG(self.rows))) as (then, otherwise):
            with then, b.if_else(full) as branches:
                for whole, branch in zip((True, False), branches, strict=True):
                    with branch:
                        self._store_rows(lanes, width, t, values, whole)
            with otherwise:
                for n, value in enumerate(values):
                    store(lanes, value, self._at(b, spare, n * width.lanes), self.dtype)
                with loop(b, 0, t.rows) as i, loop(b, 0, width.columns, width.lanes) as j:
                    at = self._at(b, spare, b.mul(i, LONG(width.columns)), j)
                    self._store_part(lanes, t, i, j, load(lanes, at, self.dtype))

    def _store_rows(
        self, lanes: Lanes, width: _Width, t: _Block, values: Sequence[Vector], whole: bool
    ) -> None:
        b, last = lanes.builder, width.columns - width.lanes
        mask = None if whole else lanes.first(b.sub(t.count, LONG(last)))
        with b.if_else(t.again) as branches:
            for reads, branch in zip((True, False), branches, strict=True):
                with branch:
                    for n, value in enumerate(values):
                        i, j = divmod(n, width.vectors)
                        j *= width.lanes
                        to = self._at(b, _pointer(b, t.z, LONG(i)), t.column, j)
                        part = mask if j == last else None
                        old = load(lanes, to, self.dtype, mask=part) if reads else None
                        new = lanes.add(old, value) if old else value
                        store(lanes, new, to, self.dtype, mask=part)

    def _store_part(self, lanes: Lanes, t: _Block, i: Any, j: Any, value: Vector) -> None:
        """One register, of which only some columns exist."""
        b = lanes.builder
        mask = lanes.first(b.sub(t.count, j))
        to = self._at(b, _pointer(b, t.z, i), t.column, j)
        old = load(lanes, to, self.dtype, mask=lanes.bits("&", mask, lanes.splat(t.again, BOOL)))
        store(lanes, lanes.add(old, value), to, self.dtype, mask=mask)

    def _slow_tile(self, width: _Width) -> Any:
        """A tile term by term, in the same order, each of them only where it is one."""
        f, b = self._function("slow", width, _BLOCK)
        t, lanes, one = _Block(*f.args), self._on(b, width.lanes), self._on(b, 1)
        by_x, by_y, padded = (
            b.icmp_signed("!=", b.and_(t.exact, LONG(bit)), LONG(0)) for bit in (1, 2, PADDED)
        )
        nothing = -(1 << 8 * self.dtype.itemsize - 1)  # the bits of -0.0
        rows = smaller(b, t.rows, self.rows)
        with loop(b, 0, rows) as i, loop(b, 0, width.columns, width.lanes) as j:
            row = self._at(b, _pointer(b, t.x, i), t.shift)
            sums = [lanes.const(0, self.dtype).value]
            with loop(b, 0, t.terms, 1, sums) as k:
                x = load(one, self._at(b, row, _entry(b, t.x_terms, k)), self.dtype)
                outside = one.compare("==", one.bitcast(x, integers_of(self.dtype)), nothing).value
                kills = b.and_(by_x, one.compare("==", x, 0).value)
                skipped = b.or_(b.and_(padded, outside), kills)
                y = load(lanes, self._at(b, t.packed, b.mul(k, LONG(width.columns)), j), self.dtype)
                z = Vector(sums[0], self.dtype)
                new = lanes.fma(lanes.splat(x.value, self.dtype), y, z)
                zeros = lanes.bits("&", lanes.compare("==", y, 0), lanes.splat(by_y, BOOL))
                leaves = lanes.bits("|", zeros, lanes.splat(skipped, BOOL))
                sums[0] = lanes.select(leaves, z, new).value
            self._store_part(lanes, t, i, j, Vector(sums[0], self.dtype))
        b.ret_void()
        return f


def field(b: Any, problem: Any, name: str) -> Any:
    """Where a field of a problem is."""
    index = ir.IntType(32)
    where = b.gep(problem, [index(0), index(FIELDS.index(name))], source_etype=STRUCT)
    where.type = POINTER
    return where


def _over(b: Any, x: Any, divisor: Any) -> Any:
    """x / divisor, rounded up."""
    divisor = LONG(divisor) if isinstance(divisor, int) else divisor
    return b.sdiv(b.add(x, b.sub(divisor, LONG(1))), divisor)


def _entry(b: Any, table: Any, k: Any) -> Any:
    return b.load(b.gep(table, [k], source_etype=LONG), typ=LONG)


def _behind(b: Any, table: Any, k: Any) -> Any:
    return b.gep(table, [k], source_etype=LONG)


def _pointer(b: Any, table: Any, k: Any) -> Any:
    return b.load(b.gep(table, [k], source_etype=POINTER), typ=POINTER)
