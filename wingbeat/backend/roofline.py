"""What a graph costs, before anything is run: `element` read with numbers that only count.

An algorithm over all elements (`whole`) says itself what it takes.

The time is the roofline's: S. Williams, A. Waterman, D. Patterson, "Roofline: an insightful visual
performance model for multicore architectures", CACM 52 (2009).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from wingbeat.ir.node import Node

if TYPE_CHECKING:
    from wingbeat.backend.base import Graph

CALL = 10  # operations that exp, tanh and their like count as


@dataclass(frozen=True)
class Machine:
    """What one core does in a second, as measured: float32 operations, and bytes moved."""

    flops: float
    bytes: float


@dataclass(frozen=True)
class Cost:
    """Operations and bytes of a program, and the least time that they take on one core."""

    flops: int  # additions, multiplications, comparisons; a function such as exp counts as 10
    bytes: int  # inputs read and results written once: what no fusion can avoid
    bytes_unfused: int  # operands and results of every operation, as when each runs alone
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.flops:,} operations, {self.bytes:,} bytes ({self.bytes_unfused:,} unfused), "
            f"at least {self.seconds * 1e6:.3g} us"
        )


def cost_of(graph: Graph) -> Cost:
    """The cost of running a graph once."""
    size = [n.type.size * n.type.dtype.itemsize for n in graph.nodes]
    flops = sum(_flops(node) for node in graph.nodes)
    ends = {*graph.inputs, *graph.outputs}
    unfused = sum(
        size[k] + sum(size[x] for x in xs)
        for k, xs in enumerate(graph.operands)
        if graph.nodes[k].op is not None
    )
    least = sum(size[k] for k in ends)
    machine = measured()
    seconds = max(flops / machine.flops, least / machine.bytes)
    return Cost(flops, least, unfused, seconds)


def _flops(node: Node) -> int:
    """What one element takes, times the elements."""
    if node.op is None or node.op.element is None or not node.type.size:
        return 0
    if node.op.whole is not None:
        return node.op.whole(*(x.type for x in node.inputs), **dict(node.attrs))
    counting = Counting()
    reads = [_Read(x.shape) for x in node.inputs]
    index = tuple(0 for _ in node.shape)
    node.op.element(counting, reads, index, **dict(node.attrs))
    return counting.count * node.type.size


class _Read:
    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def __call__(self, index: Any) -> int:
        return 0


class Counting:
    """Scalars that count what is done with them; each of them is 0."""

    def __init__(self) -> None:
        self.count = 0

    def _one(self, *_: Any) -> int:
        self.count += 1
        return 0

    add = sub = mul = div = neg = compare = select = clear = bits = invert = _one

    def const(self, value: float) -> int:
        return 0

    def call(self, name: str, *xs: Any) -> int:
        self.count += CALL
        return 0

    def cast(self, x: Any, dtype: str) -> int:
        return 0

    def index(self, x: Any) -> int:
        return 0

    def number(self, i: Any) -> int:
        return 0

    def branch(self, c: Any, then: Callable[[], Any], other: Callable[[], Any]) -> int:
        """The dearer side."""
        before = self.count
        then()
        first, self.count = self.count - before, before
        other()
        self.count = before + max(first, self.count - before)
        return 0

    def reduce(self, kind: str, extents: Sequence[int], body: Callable[[Any], Any]) -> int:
        """One operation joins each term to the others."""
        return self._many(math.prod(extents), lambda: body(tuple(0 for _ in extents)))

    def argreduce(self, kind: str, extent: int, body: Callable[[Any], Any]) -> int:
        return self._many(extent, lambda: body(0))

    def _many(self, times: int, body: Callable[[], Any]) -> int:
        if times:
            before = self.count
            body()
            self.count = before + times * (self.count - before + 1)
        return 0


@cache
def measured() -> Machine:
    """This machine, in some 10 ms: a matrix product and a copy."""
    n = 384
    x = np.ones((n, n), np.float32)
    moved = np.ones(1 << 21)
    product = _seconds(lambda: x @ x, 4)
    copy = _seconds(moved.copy, 4)
    return Machine(2 * n**3 / product, 2 * moved.nbytes / copy)


def _seconds(function: Callable[[], Any], times: int) -> float:
    function()
    found: list[float] = []
    for _ in range(times):
        begin = time.perf_counter()
        function()
        found.append(time.perf_counter() - begin)
    return min(found)
