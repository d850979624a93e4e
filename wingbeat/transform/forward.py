"""Forward mode: tangents along the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wingbeat.ir.node import Absent, Node, here
from wingbeat.ir.walk import toposort
from wingbeat.transform.reverse import refusal
from wingbeat.transform.smooth import smooth


def jvp(outputs: Sequence[Node], tangents: Mapping[Node, Node]) -> list[Node | None]:
    """The tangents of `outputs` when each key of `tangents` moves along its value; None is zero.

    The graph must be free of composites.
    """
    t: dict[Node, Node | None] = dict(tangents)
    site = here.site
    try:
        for node in toposort(outputs, stops=t):
            if node in t or node.op is None:
                continue
            ts = [t.get(x) for x in node.inputs]
            if any(d is not None for d in ts) and node.type.inexact:
                here.site = node.site
                t[node] = _around(node, t, tangents) or _push(node, ts)
    finally:
        here.site = site
    return [t.get(output) for output in outputs]


def _around(
    node: Node, t: Mapping[Node, Node | None], tangents: Mapping[Node, Node]
) -> Node | None:
    """The tangent past a kink that cancels, where there is one."""
    if (found := smooth(node, tangents)) is None:
        return None
    square, xs = found
    moving = {x: d for x in xs if (d := t.get(x.inputs[0])) is not None}
    return jvp([square], moving)[0]


def _push(node: Node, ts: Sequence[Node | None]) -> Node | None:
    assert node.op is not None
    if isinstance(node.op.jvp, Absent):
        raise refusal(node, node.op.jvp)
    return node.op.jvp(node, node.inputs, ts)
