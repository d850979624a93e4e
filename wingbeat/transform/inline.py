"""Composites replaced by the sub-graphs that they stand for."""

from __future__ import annotations

from collections.abc import Iterable

from wingbeat.ir.node import Node
from wingbeat.ir.walk import rewrite, toposort


def inline(roots: Iterable[Node], known: dict[Node, Node] | None = None) -> dict[Node, Node]:
    """Map every node that `roots` reach to an equal one without composites.

    `known` gives replacements beforehand; nothing is searched behind them.
    """
    return rewrite(roots, _expanded, known)


def inlined(roots: Iterable[Node]) -> list[Node]:
    """`roots` without composites."""
    roots = list(roots)
    new = inline(roots)
    return [new[root] for root in roots]


def _expanded(node: Node) -> Node | None:
    if node.op is None or node.op.expand is None:
        return None
    body = node.op.expand(*node.inputs, **dict(node.attrs))
    nested = [n for n in toposort([body], stops=set(node.inputs)) if n.op and n.op.expand]
    if not any(n not in node.inputs for n in nested):
        return body
    return inline([body], {x: x for x in node.inputs})[body]
