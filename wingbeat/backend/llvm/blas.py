"""Products by the BLAS library, for processors that `gemm.py` has no fast code for.

z is computed in blocks of `COLUMNS` columns, by one call each on one thread; the blocks are the
same however work is cut. A block that is not finite is computed again by loops if there is a guard.
"""

from __future__ import annotations

from typing import Any

from wingbeat.backend.llvm import ir
from wingbeat.backend.llvm.direct import Blocks, Direct
from wingbeat.backend.llvm.flow import LONG, POINTER, VOID, loop, smaller
from wingbeat.backend.llvm.lanes import F32, F64, Vector
from wingbeat.backend.llvm.layout import Layout
from wingbeat.backend.llvm.memory import load
from wingbeat.backend.llvm.operands import Code, Pointers

COLUMNS = 256
NAMES = {F32: "blas_f32_gemm", F64: "blas_f64_gemm"}  # `externals` knows them
_INT, _BYTE = ir.IntType(32), ir.IntType(8)
_FUNCTION = ir.FunctionType(VOID, [POINTER] * 13)


def usable(layout: Layout) -> bool:
    """Whether BLAS can read the matrices where they lie."""
    rows, columns, inner = layout.rows, layout.columns, layout.inner
    fits = max(rows.size, columns.size, inner.size, *_leading(layout)) < 1 << 31
    x = (inner.x == 1 and rows.x >= inner.size) or (rows.x == 1 and inner.x >= rows.size)
    y = (columns.y == 1 and inner.y >= columns.size) or (inner.y == 1 and columns.y >= inner.size)
    z = columns.z == 1 and rows.z >= columns.size
    return fits and x and y and z


def _leading(layout: Layout) -> tuple[int, int, int]:
    """How far rows of x, y and z, or of their transposes, lie apart."""
    rows, columns, inner = layout.rows, layout.columns, layout.inner
    return max(rows.x, inner.x), max(columns.y, inner.y), rows.z


def units(layout: Layout) -> int:
    """How many blocks z has."""
    return layout.count * -(-layout.columns.size // COLUMNS)


def emit(code: Code, layout: Layout, start: Pointers) -> None:
    """The body of a function that computes blocks begin ... end - 1."""
    b, columns = code.builder, layout.columns
    across = -(-columns.size // COLUMNS)
    again = Direct(code, layout, Blocks(1, 1, False), start)
    call = _Call(code, layout)
    with loop(b, code.begin, code.end) as unit:
        first = b.mul(b.srem(unit, LONG(across)), LONG(COLUMNS))
        count = smaller(b, b.sub(LONG(columns.size), first), COLUMNS)
        p = code.unravelled(start, layout.outer, b.sdiv(unit, LONG(across)))
        p = code.moved(p, columns, first)
        turns = 1
        for axis in layout.again:
            turns *= axis.size
        with loop(b, 0, turns) as turn:
            call.run(code.unravelled(p, layout.again, turn), turn, count)
        if layout.guard:
            with b.if_then(_odd(code, layout, p, count), likely=False):
                again.by_number(p, layout.rows.size, count)
    b.ret_void()


def _odd(code: Code, layout: Layout, p: Pointers, count: Any) -> Any:
    """Whether something in a block of z is not finite."""
    b, one = code.builder, code.lanes(1)
    sums = [one.const(0, code.dtype).value]
    with loop(b, 0, layout.rows.size, 1, sums) as i, loop(b, 0, count, 1, sums) as j:
        place = code.moved(code.moved(p, layout.rows, i), layout.columns, j).z
        value = load(one, place, code.dtype)
        sums[0] = one.fma(value, 0, Vector(sums[0], code.dtype)).value
    return one.compare("!=", Vector(sums[0], code.dtype), 0).value


class _Call:
    """The arguments, on the stack as Fortran wants them.

    BLAS counts down columns first, so that it is given z' = y' x'.
    """

    def __init__(self, code: Code, layout: Layout) -> None:
        self.code, rows, columns, inner = code, layout.rows, layout.columns, layout.inner
        self.number = ir.FloatType() if code.dtype == F32 else ir.DoubleType()
        x, y, z = _leading(layout)
        turned = "NT"[columns.y != 1], "NT"[inner.x != 1]
        self.turned = [self._put(_BYTE, _BYTE(ord(t))) for t in turned]
        self.count = self._put(_INT, _INT(0))
        self.rows, self.inner, self.x, self.y, self.z = (
            self._put(_INT, _INT(n)) for n in (rows.size, inner.size, x, y, z)
        )
        self.alpha = self._put(self.number, code.alpha().value)
        self.beta = self._put(self.number, self.number(0))

    def _put(self, kind: Any, value: Any) -> Any:
        place = self.code.builder.alloca(kind)
        self.code.builder.store(value, place)
        return place

    def run(self, p: Pointers, turn: Any, count: Any) -> None:
        b, module = self.code.builder, self.code.module
        b.store(b.trunc(count, _INT), self.count)
        first = b.icmp_signed("==", turn, LONG(0))
        b.store(b.select(first, self.number(0), self.number(1)), self.beta)
        name = NAMES[self.code.dtype]
        function = module.globals.get(name) or ir.Function(module, _FUNCTION, name)
        sizes = [self.count, self.rows, self.inner]
        operands = [self.alpha, p.y, self.y, p.x, self.x, self.beta, p.z, self.z]
        b.call(function, [*self.turned, *sizes, *operands])
