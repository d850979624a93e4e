"""`wb.debug`: what a program works with.

>>> import wingbeat as wb
>>> memory = wb.debug.memory(wb.jit(lambda x: wb.exp(x) + 1.0).lower(wb.ones(1000)))
>>> memory.inputs, memory.outputs
(8000, 8000)
"""

from __future__ import annotations

from wingbeat.api.lowered import Lowered
from wingbeat.backend.base import Memory
from wingbeat.errors import TypeMismatch


def memory(program: Lowered) -> Memory:
    """Bytes of a program: inputs, outputs, and the arena for everything between; `peak` in all.

    Where the program runs on the interpreter, the arena is an estimate.

    Args:
        program: what `wb.jit(f).lower(...)` returns.

    Raises:
        TypeMismatch: `program` is something else.
    """
    if not isinstance(program, Lowered):
        raise TypeMismatch(
            f"memory: takes a program, not {type(program).__name__}; "
            "write wb.debug.memory(wb.jit(f).lower(x))"
        )
    return program.memory()


__all__ = ["memory"]
