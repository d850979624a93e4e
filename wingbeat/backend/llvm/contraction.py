"""Products of matrices as steps: each is computed in one of three ways, chosen by its shape.

direct    loops made for the shape, over the operands where they lie (`direct.py`): all dtypes
tiles     the library of matrix products (`gemm.py`), whose operands are packed: float32, float64
blas      SciPy's BLAS (`blas.py`), where vectors are so short that `gemm.py` loses to it

The rule, `Way.choice`, is from measurements on one thread of a processor with AVX-512, and with its
vectors halved to AVX2. There direct code leads by 5 to 40 % until neither operand stays in the
cache, or unless columns are no neighbours; tiles are then 0 to 8 % ahead of OpenBLAS. With vectors
of 128 bits they are 10 to 25 % behind.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from wingbeat.backend.base import Graph
from wingbeat.backend.llvm import blas, direct, gemm, ir
from wingbeat.backend.llvm.flow import LONG, POINTER, loop, smaller
from wingbeat.backend.llvm.lanes import F32, F64
from wingbeat.backend.llvm.layout import Axis, Layout, layout
from wingbeat.backend.llvm.memory import computed
from wingbeat.backend.llvm.operands import Code, Pointers
from wingbeat.backend.llvm.packing import padded
from wingbeat.backend.llvm.products import Factor, Product
from wingbeat.backend.llvm.steps import Call, Emitted
from wingbeat.backend.llvm.target import Target

PIECES = 16  # units that a product is cut into, if it is large enough


def emit(module: Any, name: str, graph: Graph, product: Product, target: Target) -> Emitted:
    """Add the functions of a product to `module`; their names begin with `name`."""
    way = Way(module, name, graph, product, target)
    return way.emitted(way.choice())


class Way:
    """A product on its way to code."""

    def __init__(
        self, module: Any, name: str, graph: Graph, product: Product, target: Target
    ) -> None:
        self.module, self.name, self.graph = module, name, graph
        self.product, self.target = product, target
        self.layout = layout(product)
        self.dtype = graph.nodes[product.node].type.dtype
        self.scratch = 0

    def emitted(self, choice: str) -> Emitted:
        """The step, computed in that way."""
        if self.graph.nodes[self.product.node].type.size == 0:
            return Emitted(())
        calls = {"direct": self.direct, "tiles": self.tiles, "blas": self.blas}[choice]()
        return Emitted(calls, scratch=self.scratch, inplace=self.inplace())

    def choice(self) -> str:
        """How z is computed."""
        shape, bits = self.layout, self.target.bits
        least = min(shape.rows.size, shape.columns.size)
        volume = shape.rows.size * shape.columns.size * shape.inner.size
        if direct.side_by_side(shape):
            large = least > (128 if bits == 512 else 32) and volume > 1 << 21
        else:  # direct code adds up along k then, or has to gather
            large = least > 4 and volume > 1 << 10
        if not large or self.dtype not in (F32, F64):
            return "direct"
        # BLAS would write over c before a guard could look at the sums.
        return "blas" if bits < 256 and self.product.c is None and blas.usable(shape) else "tiles"

    def inplace(self) -> tuple[tuple[int, int], ...]:
        """z may take the place of c, if c lies as z does and is nothing else beside."""
        product, c = self.product, self.product.c
        scales = product.alpha.positions + product.beta.positions
        others = (product.x.position, product.y.position, *scales)
        if c is None or c.position in others or not self._like_z(c):
            return ()
        return ((len(product.reads), product.reads.index(c.position)),)

    def _like_z(self, c: Factor) -> bool:
        product, shape = self.product, self.graph.nodes[self.product.node].type.shape
        if math.prod(self.graph.nodes[c.position].type.shape) != math.prod(shape) or c.shifted:
            return False
        axes = [math.prod(shape[k + 1 :]) for k in range(len(shape))]
        pairs = zip(product.sizes, c.strides, axes, strict=False)
        return all(size == 1 or have == want for size, have, want in pairs)

    def code(self, suffix: str = "") -> Code:
        return Code(self.module, self.name + suffix, self.graph, self.product, self.target)

    def start(self, code: Code, shape: Layout) -> Pointers:
        x, y = (code.factor(f) for f in (shape.x, shape.y))
        z, c = code.result(), self.product.c
        return Pointers(x, y, z, code.factor(c) if c else z)

    def work(self, shape: Layout) -> float:
        """Nanoseconds, if each operation were on a whole register."""
        size = shape.count * shape.rows.size * shape.columns.size
        return size * (1 + shape.terms / self.target.lanes(computed(self.dtype))) / 3

    # --- direct -----------------------------------------------------------------------------

    def direct(self) -> tuple[Call, ...]:
        shape, code = self.layout.filled(), self.code()
        lanes = self.target.lanes(computed(self.dtype))
        cut = direct.blocks(shape, lanes, 32 if self.target.bits == 512 else 16)
        direct.Direct(code, shape, cut, self.start(code, shape)).emit()
        return (Call(self.name, direct.units(shape, cut), self.work(shape)),)

    def blas(self) -> tuple[Call, ...]:
        code = self.code()
        blas.emit(code, self.layout, self.start(code, self.layout))
        return (Call(self.name, blas.units(self.layout), self.work(self.layout)),)

    # --- tiles ------------------------------------------------------------------------------

    def tiles(self) -> tuple[Call, ...]:
        """One function packs all of x, a second one computes."""
        shape = self.layout
        count, height = shape.count, -(-shape.rows.size // gemm.tile(self.target).rows)
        return self._pack(height), self._run(count, height)

    def _pack(self, height: int) -> Call:
        shape, axes, size = self.layout, self._axes(), self._size()
        count = math.prod(a.size for a in axes) * height
        self.scratch = count * size * self.dtype.itemsize
        code = self.code("_pack")
        b, start = code.builder, self.start(code, shape)
        pack = gemm.declared(self.module, self.dtype, self.target, "pack")
        with _matrices(b, code.begin, code.end, height) as (matrix, begin, end):
            x = code.unravelled(start, axes, matrix).x
            to = code.at(code.scratch(), b.mul(matrix, LONG(height * size)))
            numbers = (shape.rows.x, shape.inner.x, shape.rows.size, shape.inner.size)
            b.call(pack, [x, *map(LONG, numbers), to, LONG(size), begin, end])
        b.ret_void()
        return Call(code.name, count, count * size / 4)

    def _axes(self) -> tuple[Axis, ...]:
        """Those along which x has matrices of its own."""
        return tuple(a for a in (*self.layout.outer, *self.layout.again) if a.x)

    def _size(self) -> int:
        """Numbers of a packed tile."""
        rows = gemm.tile(self.target).rows
        return padded(self.layout.inner.size, self.dtype, self.target) * rows

    def _in_packed(self, height: int) -> dict[Axis, Axis]:
        """Each axis around the matrices, with its stride in packed x."""
        found, distance = {}, height * self._size()
        for axis in reversed(self._axes()):
            found[axis] = axis._replace(x=distance)
            distance *= axis.size
        return found

    def _run(self, count: int, height: int) -> Call:
        shape, code, packed = self.layout, self.code("_run"), self._in_packed(height)
        outer, again = (
            tuple(packed.get(a, a) for a in axes) for axes in (shape.outer, shape.again)
        )
        width = -(-shape.columns.size // gemm.panel(self.dtype, self.target))
        group = -(-height // max(1, min(PIECES // (count * width), height // 16)))
        groups = -(-height // group)
        problem = _Problem(code, shape, self._size(), group, groups)
        start = self.start(code, shape)._replace(x=code.scratch())
        b, turns = code.builder, math.prod(a.size for a in again)
        with _matrices(b, code.begin, code.end, width * groups) as (matrix, begin, end):
            p = code.unravelled(start, outer, matrix)
            with loop(b, 0, turns) as turn:
                problem.run(code.unravelled(p, again, turn), turn, begin, end)
        b.ret_void()
        return Call(code.name, count * width * groups, self.work(shape))


class _Problem:
    """A product as the library reads it, on the stack."""

    def __init__(self, code: Code, shape: Layout, size: int, group: int, groups: int) -> None:
        self.code, self.shape, self.kind = code, shape, gemm.struct(code.dtype)
        b = code.builder
        self.place = b.alloca(self.kind)
        self.number = self.kind.elements[gemm.FIELDS.index("alpha")]
        self.beta = code.beta().value
        rows, columns, inner = shape.rows, shape.columns, shape.inner
        fixed = {
            **{"rows": rows.size, "columns": columns.size, "inner": inner.size, "x_tile": size},
            **{"y_inner": inner.y, "y_column": columns.y, "z_row": rows.z, "z_column": columns.z},
            **{"guard": shape.guard, "group": group, "groups": groups},
        }
        for name, value in fixed.items():
            self.set(name, LONG(value))
        self.set("alpha", code.alpha().value)

    def set(self, name: str, value: Any) -> None:
        b, index = self.code.builder, ir.IntType(32)
        where = b.gep(
            self.place, [index(0), index(gemm.FIELDS.index(name))], source_etype=self.kind
        )
        where.type = POINTER
        b.store(value, where)

    def run(self, p: Pointers, turn: Any, begin: Any, end: Any) -> None:
        """The first turn adds to c, if there is one, the others to what is in z by then."""
        b, rows, columns = self.code.builder, self.shape.rows, self.shape.columns
        c = (p.c, rows.c, columns.c) if self.code.product.c else (POINTER(None), 0, 0)
        first = b.icmp_signed("==", turn, LONG(0))
        for name, value in (("x", p.x), ("y", p.y), ("z", p.z)):
            self.set(name, value)
        for name, now, later in (
            ("c", c[0], p.z),
            ("c_row", LONG(c[1]), LONG(rows.z)),
            ("c_column", LONG(c[2]), LONG(columns.z)),
            ("beta", self.beta, self.number(1)),
        ):
            self.set(name, b.select(first, now, later))
        function = gemm.declared(self.code.module, self.code.dtype, self.code.target, "run")
        b.call(function, [self.place, begin, end])


@contextmanager
def _matrices(b: Any, begin: Any, end: Any, per: int) -> Generator[tuple[Any, Any, Any]]:
    """Units begin ... end - 1 as units of single matrices, of `per` each: (matrix, begin, end)."""
    last = b.sdiv(b.add(end, LONG(per - 1)), LONG(per))
    with loop(b, b.sdiv(begin, LONG(per)), last) as matrix:
        first = b.mul(matrix, LONG(per))
        start = b.sub(begin, first)
        start = b.select(b.icmp_signed("<", start, LONG(0)), LONG(0), start)
        yield matrix, start, smaller(b, b.sub(end, first), per)
