"""Steps of one node each, as plain loops: to test what runs steps without what makes good ones."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from wingbeat.backend.base import Graph
from wingbeat.backend.llvm import ir, lowering
from wingbeat.backend.llvm.flow import LONG, POINTER, VOID, loop
from wingbeat.backend.llvm.partition import Plan
from wingbeat.backend.llvm.steps import Call, Emitted, NotCompiled

KINDS = {"float32": ir.FloatType(), "float64": ir.DoubleType()}


@dataclass(frozen=True)
class Step:
    node: int
    reads: tuple[int, ...]

    @property
    def nodes(self) -> tuple[int, ...]:
        return (self.node,)

    @property
    def stored(self) -> tuple[int, ...]:
        return (self.node,)


def partition(graph: Graph) -> Plan:
    computed = [k for k, node in enumerate(graph.nodes) if node.op]
    steps: Any = tuple(Step(k, tuple(dict.fromkeys(graph.operands[k]))) for k in computed)
    return Plan(steps, {})


def emit(module: Any, name: str, graph: Graph, step: Any, target: Any) -> Emitted:
    """z[i] = x[i] op y[i], one number at a time; as if each took 100 ns."""
    node = graph.nodes[step.node]
    assert node.op
    kind = KINDS[node.type.dtype.name]
    function = ir.Function(module, ir.FunctionType(VOID, [POINTER, LONG, LONG]), name)
    b = ir.IRBuilder(function.append_basic_block())
    slots, begin, end = function.args
    buffers = [
        b.load(b.gep(slots, [LONG(1 + k)], source_etype=POINTER), typ=POINTER)
        for k in range(len(step.reads) + 1)
    ]
    of = dict(zip(step.reads, buffers, strict=False))
    with loop(b, begin, end) as i:
        place = [b.gep(p, [i], source_etype=kind) for p in (*of.values(), buffers[-1])]
        read = {k: b.load(p, typ=kind) for k, p in zip(of, place, strict=False)}
        xs = [read[k] for k in graph.operands[step.node]]
        b.store(_value(b, node.op.name, xs), place[-1])
    b.ret_void()
    units = node.type.size
    pairs = tuple((len(step.reads), k) for k in range(len(step.reads)))
    return Emitted((Call(name, units, 100.0 * units),), inplace=pairs)


def _value(b: Any, name: str, xs: list[Any]) -> Any:
    makers = {"add": b.fadd, "sub": b.fsub, "mul": b.fmul, "neg": b.fneg}
    if name not in makers:
        raise NotCompiled(name, "only arithmetic is written by hand")
    return makers[name](*xs)


@contextmanager
def steps() -> Generator[None]:
    """Programs are made of these steps meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WINGBEAT_CACHE", "")  # what is on disk was made by others
        patch.setattr(lowering.partition, "partition", partition)
        patch.setattr(lowering.kernel, "emit", emit)
        yield
