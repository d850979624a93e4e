"""The plan as text."""

from __future__ import annotations

from wingbeat.backend import llvm
from wingbeat.backend.base import program
from wingbeat.ir import leaf, tensor_type
from wingbeat.ops.arithmetic import add, mul
from wingbeat.ops.contract import contract

X, W = (leaf(tensor_type((64, 64), "float32"), name, 0) for name in "xw")


def plan() -> str:
    h = contract(X, W, lhs=(0, 1), rhs=(1, 2), out=(0, 2))
    z = mul(add(h, X), h)
    return llvm.plan(program([z], "numpy")[0].graph)


def test_a_plan_names_all_operations_and_where_they_are() -> None:
    lines = plan().splitlines()
    assert lines[0].startswith("2 steps, 2 functions, arena of ")
    assert "step 0: product, reads x, w" in lines
    assert "step 1: kernel over (64, 64), reads x, %0" in lines or (
        "step 1: kernel over (64, 64), reads %0, x" in lines
    )
    (product,) = [line for line in lines if line.startswith("    %0 = contract(x, w) : f32[64,64]")]
    assert "stored for step 1, 16384 bytes at 0 of the " in product
    assert "    %1 = add(%0, x) : f32[64,64]: in registers" in lines
    (last,) = [line for line in lines if line.startswith("    %2 = mul(%1, %0)")]
    assert last.endswith("stored for the caller, 16384 bytes at 0 of the new array 0")
    assert lines[-1] == "output %2: 16384 bytes at 0 of the new array 0"


def test_code_as_text() -> None:
    text = llvm.llvm_ir(program([add(X, X)], "numpy")[0].graph)
    assert "define i32 @program" in text
    assert "fadd <" in text
