"""The code of one kernel: which of its nodes each of its loops computes; `passes` builds the loops.

A kernel goes over its rows (without reductions, over its points). In a row, loop d computes the
reductions that take d others before them, and stores what takes d of them.

Rows that are too few for several threads are cut into blocks: a first function leaves what each
block comes to in the scratch memory, a second one joins these.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from wingbeat.backend.base import Graph
from wingbeat.backend.llvm import sweep
from wingbeat.backend.llvm.content import Content
from wingbeat.backend.llvm.function import Function
from wingbeat.backend.llvm.grouping import Rules
from wingbeat.backend.llvm.partition import Kernel, Sweep
from wingbeat.backend.llvm.passes import CELL, Pass
from wingbeat.backend.llvm.steps import Call, Emitted
from wingbeat.backend.llvm.target import Target

# Nanoseconds that a register takes: a cheap operation, a call in float32, being read or written; a
# number that is read or written alone; and a row that is reduced.
OPERATION, CALL, MEMORY = 0.1, 5.0, 0.7
ALONE, ROW = 1.0, 10.0


def emit(module: Any, name: str, graph: Graph, step: Kernel | Sweep, target: Target) -> Emitted:
    """The native functions of a kernel or a sweep. Raises `NotCompiled` where there can be none."""
    rules = Rules(graph)
    if isinstance(step, Sweep):
        return sweep.emit(module, name, rules, step, target)
    if 0 in step.space:
        return Emitted(())
    content = Content(rules, step, target)
    calls, scratch, fails = _calls(module, name, content)
    return Emitted(tuple(calls), scratch, fails, tuple(_inplace(content)))


def _calls(module: Any, name: str, content: Content) -> tuple[list[Call], int, bool]:
    """The functions of a kernel, the bytes that they share, and whether they may fail."""
    if not content.split:
        f = Function(module, name, content)
        units = Pass(f).rows()
        return [Call(name, units, _work(content))], 0, f.close()
    first, second = f"{name}_blocks", f"{name}_join"
    f = Function(module, first, content)
    blocks = Pass(f)
    units = blocks.blocks()
    g = Function(module, second, content)
    joins = Pass(g).joins(blocks.cells, blocks.cut.blocks)
    rows = math.prod(v.extent for v in content.schedule.outer)
    states = blocks.cut.blocks * rows
    calls = [Call(first, units, _work(content)), Call(second, joins, 1.0 * states)]
    fails = [f.close(), g.close()]
    return calls, CELL * len(blocks.cells) * states, any(fails)


def _work(content: Content) -> float:
    """A rough estimate, in nanoseconds."""
    schedule = content.schedule
    points = math.prod(v.extent for v in schedule.axes)
    rows = math.prod(v.extent for v in schedule.outer) if schedule.reduced else 0
    costs = [(content.meaning(k).turn, content.dtype(k).itemsize) for k in content.kernel.nodes]
    register = sum(OPERATION * c.operations + CALL * c.calls * size / 4 for c, size in costs)
    memory = [use for use in schedule.uses if use.kind != "value"]
    alone = sum(not schedule.in_order(use.index) for use in memory)
    register += MEMORY * (len(memory) - alone)
    return 10.0 + points * (register / schedule.count + ALONE * alone) + ROW * rows


def _inplace(content: Content) -> Iterator[tuple[int, int]]:
    """Results that may take the place of operands: all reads are at, and before, the element."""
    kernel, uses = content.kernel, content.schedule.uses
    for store in (u for u in uses if u.kind == "store"):
        member, z = content.order[store.position], content.rules.graph.nodes[store.position].type
        for k, position in enumerate(kernel.reads):
            x = content.rules.graph.nodes[position].type
            if (x.size, x.dtype.itemsize) != (z.size, z.dtype.itemsize):
                continue
            loads = [u for u in uses if u.kind == "load" and u.position == position]
            last = max((d for u in loads for d in content.loops_of(u.member)), default=0)
            in_time = member.row or last <= member.depth
            if in_time and all(u.index == store.index for u in loads):
                yield len(kernel.reads) + kernel.stored.index(store.position), k
