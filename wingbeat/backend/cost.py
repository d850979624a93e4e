"""What running a graph takes, by estimate: from its structure alone, the same on all machines."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from wingbeat.ir.types import TensorType

if TYPE_CHECKING:
    from wingbeat.backend.base import Graph

# Nanoseconds.
CALL = 2_000.0  # one NumPy call, with what the interpreter does around it
BYTE = 0.2  # to read or write a byte of a large array
PRODUCT = 0.05  # a multiplication and an addition within a matrix product
COMPILE = 5_000_000.0  # a program, whatever is in it
OPERATION = 1_000_000.0  # each of its operations


def interpreting(graph: Graph) -> float:
    """Nanoseconds that one run on the interpreter takes, of what native code would do instead.

    What is an algorithm over all elements is NumPy's in either form, and counts for nothing.
    """
    total = 0.0
    for node in graph.nodes:
        if node.op is None or node.op.whole:
            continue
        types = [node.type, *(x.type for x in node.inputs)]
        total += CALL + BYTE * sum(map(size, types))
        if node.op.family == "bilinear":
            # Of (m, k) x (k, n): the root of mk kn mn is mkn.
            total += PRODUCT * math.sqrt(math.prod(t.size for t in types))
    return total


def compiling(graph: Graph) -> float:
    """Nanoseconds that it takes to make native code."""
    return COMPILE + OPERATION * sum(n.op is not None and not n.op.whole for n in graph.nodes)


def memory(graph: Graph) -> dict[str, int]:
    """Bytes that the interpreter works with, if every value is an array of its own."""
    last, kept = graph.last_use(), {*graph.inputs, *graph.outputs}
    dead: list[list[int]] = [[] for _ in graph.nodes]
    used = live = 0
    for k, node in enumerate(graph.nodes):
        if k in kept:
            continue
        dead[last[k]].append(size(node.type))
    for k, node in enumerate(graph.nodes):
        used += 0 if k in kept else size(node.type)
        live = max(live, used)
        used -= sum(dead[k])
    made = {*graph.outputs} - {*graph.inputs}
    return {
        "inputs": sum(size(graph.nodes[k].type) for k in graph.inputs),
        "outputs": sum(size(graph.nodes[k].type) for k in made),
        "arena": live,
        "live": live,
    }


def size(type_: TensorType) -> int:
    """Bytes of an array."""
    return type_.size * type_.dtype.itemsize
