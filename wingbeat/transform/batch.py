"""Batching: the same graph for many examples at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wingbeat.ir.node import Node, here
from wingbeat.ir.walk import toposort


def vmap(outputs: Sequence[Node], batched: Mapping[Node, Node]) -> list[tuple[Node, bool]]:
    """`outputs` with each key of `batched` replaced by a node that carries a batch axis in front.

    The flag says whether an output carries the axis: one that depends on no key does not. The graph
    must be free of composites.
    """
    b: dict[Node, Node] = dict(batched)
    site = here.site
    try:
        for node in toposort(outputs, stops=b):
            if node in b or node.op is None or not any(x in b for x in node.inputs):
                continue
            here.site = node.site
            xs = [b.get(x, x) for x in node.inputs]
            flags = [x in b for x in node.inputs]
            b[node] = node.op.batch(node.op, xs, flags, **dict(node.attrs))
    finally:
        here.site = site
    return [(b.get(output, output), output in b) for output in outputs]
