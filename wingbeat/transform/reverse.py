"""Reverse mode: a walk that builds nodes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set

from wingbeat.errors import NotDifferentiable
from wingbeat.ir.node import Absent, Node, here, quote
from wingbeat.ir.walk import depends, toposort
from wingbeat.ops.arithmetic import stop_gradient
from wingbeat.transform.smooth import smooth


def vjp(
    outputs: Sequence[Node], wrt: Sequence[Node], cotangents: Sequence[Node]
) -> list[Node | None]:
    """The cotangents of `wrt`, given those of `outputs`; None is zero.

    `wrt` may name any nodes of the graph, intermediate ones too: one pass serves them all. The
    graph must be free of composites.
    """
    found = sweep(outputs, wrt, cotangents)
    return [found.get(x) for x in wrt]


def sweep(
    outputs: Sequence[Node], wrt: Sequence[Node], cotangents: Sequence[Node]
) -> dict[Node, Node]:
    """The cotangent of every node between `wrt` and `outputs`."""
    order = toposort(outputs)
    reaches, asked = depends(order, wrt), set(wrt)
    g: dict[Node, Node] = {}
    for output, cotangent in zip(outputs, cotangents, strict=True):
        if output.type.inexact:  # an integer does not move, whatever its cotangent
            _accumulate(g, output, cotangent)
    site = here.site
    try:
        for node in reversed(order):
            if node.op is None or node not in g or node not in reaches:
                continue
            here.site = node.site
            for x, gx in _contributions(node, g[node], asked):
                if gx is not None and x.type.inexact and x in reaches:
                    _accumulate(g, x, gx)
    finally:
        here.site = site
    return g


def _contributions(node: Node, g: Node, asked: Set[Node]) -> Iterable[tuple[Node, Node | None]]:
    """The cotangents that one node hands on; around a kink that cancels, unless it is asked for."""
    if (found := smooth(node, asked)) is None:
        return zip(node.inputs, pullback(node, g), strict=True)
    square, xs = found
    return zip([x.inputs[0] for x in xs], vjp([square], xs, [g]), strict=True)


def _accumulate(g: dict[Node, Node], x: Node, gx: Node) -> None:
    g[x] = g[x] + gx if x in g else gx


def pullback(node: Node, g: Node) -> tuple[Node | None, ...]:
    """One cotangent per operand of one node."""
    assert node.op is not None
    if isinstance(node.op.vjp, Absent):
        raise refusal(node, node.op.vjp)
    return node.op.vjp(g, node, *node.inputs)


def refusal(node: Node, rule: Absent) -> NotDifferentiable:
    at = f"\n  {quote(node.site)}" if node.site else ""
    return NotDifferentiable(f"no derivative: {rule.reason}{at}")


def obstacle(output: Node, x: Node) -> NotDifferentiable | None:
    """Why `output` has no derivative by `x` though it depends on it by integers; None else.

    To be asked when the reverse walk brought nothing to `x`. A dependence by conditions alone, as
    that of relu's slope, is piecewise constant: its derivative is 0. So is that by what
    `stop_gradient` made a constant.
    """
    constant = {n for n in toposort([output]) if n.op is stop_gradient}
    order = [n for n in toposort([output], stops=constant) if n not in constant]
    between = depends(order, [x])
    kinds = "iu" if output.type.inexact else "biu"
    if output not in between:
        return None
    for node in order:
        if node.op is None or node not in between or node.type.dtype.kind not in kinds:
            continue
        if isinstance(node.op.vjp, Absent):
            return refusal(node, node.op.vjp)
    for node in order:
        if node in between and node.type.dtype.kind in kinds:
            return refusal(node, Absent(f"{node.name} gives {node.type}, which is not a float"))
    return None
