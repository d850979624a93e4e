"""Loops around an LLVM IRBuilder, written as Python reads them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from wingbeat.backend.llvm import ir

POINTER, LONG, VOID = ir.PointerType(), ir.IntType(64), ir.VoidType()


def long(value: Any) -> Any:
    """An i64: of a Python number, or the LLVM value itself."""
    return LONG(value) if isinstance(value, int) else value


@contextmanager
def loop(
    builder: Any, begin: Any, end: Any, step: int = 1, carried: list[Any] | None = None
) -> Generator[Any]:
    """What is built inside runs for i = begin, begin + step, ... below end; a context that gives i.

    `carried` holds values that each turn replaces: before the loop those to start with, inside it
    those of the turn before, and after it those of the last turn. The test stands at the bottom.
    """
    begin, end, values = long(begin), long(end), carried if carried is not None else []
    before, starts = builder.block, list(values)
    inside, after = builder.append_basic_block(), builder.append_basic_block()
    builder.cbranch(builder.icmp_signed("<", begin, end), inside, after)
    builder.position_at_end(inside)
    i, *values[:] = [either(builder, (value, before)) for value in (begin, *starts)]
    phis = list(values)
    yield i
    following = builder.add(i, LONG(step), flags=("nsw",))
    last = builder.block
    for phi, value in zip((i, *phis), (following, *values), strict=True):
        phi.add_incoming(value, last)
    builder.cbranch(builder.icmp_signed("<", following, end), inside, after)
    builder.position_at_end(after)
    values[:] = [
        either(builder, (start, before), (value, last))
        for start, value in zip(starts, values, strict=True)
    ]


def either(builder: Any, *incoming: tuple[Any, Any]) -> Any:
    """The value that belongs to the block that control came from: (value, block), ..."""
    phi = builder.phi(incoming[0][0].type)
    for value, block in incoming:
        phi.add_incoming(value, block)
    return phi


def smaller(builder: Any, x: Any, y: Any) -> Any:
    """The smaller of two i64."""
    x, y = long(x), long(y)
    return builder.select(builder.icmp_signed("<", x, y), x, y)


def changed(builder: Any, condition: Any, value: Any, new: Callable[[], Any]) -> Any:
    """`new()` where the condition holds, else `value`; a branch, so that `new` may read memory."""
    before = builder.block
    with builder.if_then(condition):
        replaced = new()
        inside = builder.block
    return either(builder, (value, before), (replaced, inside))
