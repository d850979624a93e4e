"""The writer of LLVM's assembly language: what it writes, LLVM reads, and it does what it says."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest
from llvmlite import binding

from wingbeat.backend.llvm import compiler, ir, target
from wingbeat.backend.llvm.compiler import Loaded

LONG, INT, DOUBLE, POINTER = ir.IntType(64), ir.IntType(32), ir.DoubleType(), ir.PointerType()


def function(module: ir.Module, *kinds: Any, result: Any = LONG) -> tuple[Any, ir.IRBuilder]:
    f = ir.Function(module, ir.FunctionType(result, kinds), "f")
    return f, ir.IRBuilder(f.append_basic_block())


def called(module: ir.Module, kind: Any, *arguments: Any) -> Any:
    """What the function does with numbers."""
    code = Loaded(compiler.assemble(str(module), target.host()), ("f",), {})
    call = ctypes.CFUNCTYPE(kind, *[kind] * len(arguments))(code["f"])
    return call(*arguments)


def test_types_are_one_object_each() -> None:
    assert ir.IntType(32) is INT
    assert ir.VectorType(INT, 4) is ir.VectorType(ir.IntType(32), 4)
    assert ir.VectorType(INT, 4) is not ir.ArrayType(INT, 4)
    assert ir.FunctionType(LONG, [INT]).as_pointer() is ir.FunctionType(LONG, (INT,)).as_pointer()
    kinds = [ir.LiteralStructType((POINTER, LONG)), ir.ArrayType(ir.HalfType(), 3), ir.VoidType()]
    assert [*map(str, kinds)] == ["{ptr, i64}", "[3 x half]", "void"]


@pytest.mark.parametrize(
    ("constant", "text"),
    [
        (DOUBLE(1.5), "double 0x3FF8000000000000"),
        (ir.FloatType()(0.1), "float 0x3FB99999A0000000"),  # what a float can hold
        (DOUBLE(float("-inf")), "double 0xFFF0000000000000"),
        (LONG(-1), "i64 -1"),
        (ir.Constant(ir.VectorType(INT, 2), [0, 3]), "<2 x i32> <i32 0, i32 3>"),
        (ir.Constant(ir.VectorType(INT, 2), None), "<2 x i32> zeroinitializer"),
        (ir.Constant(POINTER, None), "ptr null"),
        (ir.Constant(INT, ir.Undefined), "i32 undef"),
        (ir.Constant(ir.ArrayType(ir.IntType(8), 2), b'"\n'), r'[2 x i8] c"\22\0a"'),
    ],
)
def test_constants(constant: Any, text: str) -> None:
    assert str(constant) == text


def test_loops_and_branches() -> None:
    """The sum of the odd numbers below n."""
    module = ir.Module()
    f, b = function(module, LONG)
    total = b.alloca(LONG)
    total.align = 64
    b.store(LONG(0), total)
    before, again, after = b.block, b.append_basic_block(), b.append_basic_block()
    b.branch(again)
    b.position_at_end(again)
    k = b.phi(LONG)
    k.add_incoming(LONG(0), before)
    odd = b.icmp_signed("!=", b.and_(k, LONG(1)), LONG(0))
    with b.if_then(odd, likely=True):
        b.store(b.add(b.load(total, typ=LONG), k), total)
    following = b.add(k, LONG(1), flags=("nsw",))
    k.add_incoming(following, b.block)
    b.cbranch(b.icmp_unsigned("<", following, f.args[0]), again, after)
    b.position_at_end(after)
    with b.if_else(b.icmp_signed(">", f.args[0], LONG(100))) as (then, otherwise):
        with then:
            b.ret(LONG(-1))
        with otherwise:
            b.store(b.mul(b.load(total, typ=LONG), LONG(10)), total)
    b.ret(b.load(total, typ=LONG))
    assert [called(module, ctypes.c_int64, n) for n in (1, 4, 10, 101)] == [0, 40, 250, -1]


def test_numbers() -> None:
    """A vector put together, taken apart, and compared."""
    module = ir.Module()
    f, b = function(module, DOUBLE, result=DOUBLE)
    kind = ir.VectorType(DOUBLE, 2)
    x = b.insert_element(ir.Constant(kind, ir.Undefined), f.args[0], INT(0))
    pair = b.shuffle_vector(x, x, ir.Constant(ir.VectorType(INT, 2), [0, 0]))
    smaller = b.fcmp_ordered("<", pair, ir.Constant(kind, [1.0, -1.0]))
    chosen = b.select(b.not_(smaller), b.fneg(pair), b.fmul(pair, ir.Constant(kind, [2.0, 3.0])))
    b.ret(b.fadd(*(b.extract_element(chosen, INT(k)) for k in range(2))))
    found = [called(module, ctypes.c_double, value) for value in (0.5, 2.0, -2.0)]
    assert found == [2 * 0.5 - 0.5, -2.0 - 2.0, 2 * -2.0 + 3 * -2.0]


def test_what_is_wrong_is_left_to_llvm() -> None:
    module = ir.Module()
    f, b = function(module, LONG)
    b.ret(b.fadd(f.args[0], LONG(1)))
    with pytest.raises(RuntimeError):
        binding.parse_assembly(str(module))
    with pytest.raises(ValueError, match="f is there already"):
        function(module)


def test_a_variable_of_a_module() -> None:
    module = ir.Module()
    table = ir.GlobalVariable(module, ir.ArrayType(ir.IntType(8), 3), "table")
    table.linkage, table.global_constant, table.align = "internal", True, 64
    table.initializer = ir.Constant(table.value_type, bytes([7, 8, 9]))
    f, b = function(module, LONG)
    place = b.gep(table, [f.args[0]], source_etype=ir.IntType(8))
    b.ret(b.zext(b.load(place, typ=ir.IntType(8)), LONG))
    assert [called(module, ctypes.c_int64, k) for k in np.arange(3).tolist()] == [7, 8, 9]
