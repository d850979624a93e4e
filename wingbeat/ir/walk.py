"""The only traversals of a graph. None of them recurses, so depth is unbounded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from wingbeat.ir.node import Node, build, here


def toposort(roots: Iterable[Node], stops: Collection[Node] = ()) -> list[Node]:
    """Every node reachable from `roots`, each after its inputs; `stops` are not passed."""
    order: dict[Node, None] = {}
    stack = list(roots)[::-1]
    while stack:
        node = stack[-1]
        if node not in order:
            missing = [x for x in node.inputs if x not in order]
            if missing and node not in stops:
                stack += missing[::-1]
                continue
            order[node] = None
        stack.pop()
    return list(order)


def depends(order: Iterable[Node], on: Iterable[Node]) -> set[Node]:
    """The nodes of a sorted `order` whose value depends on one of `on` (these included)."""
    found = set(on)
    for node in order:
        if any(x in found for x in node.inputs):
            found.add(node)
    return found


def rewrite(
    roots: Iterable[Node],
    change: Callable[[Node], Node | None],
    known: dict[Node, Node] | None = None,
) -> dict[Node, Node]:
    """Rebuild a graph bottom-up; maps every old node to its new one.

    `change` sees each node after its inputs were replaced, and answers with another node or None to
    keep it. `known` gives replacements beforehand; nothing is searched behind them, and it is what
    is filled and returned. A new node keeps the call site of the old one.
    """
    new: dict[Node, Node] = {} if known is None else known
    site = here.site
    try:
        for node in toposort(roots, stops=new):
            if node not in new:
                here.site = node.site
                same = rebuild(node, [new[x] for x in node.inputs])
                new[node] = change(same) or same
    finally:
        here.site = site
    return new


def rebuild(node: Node, inputs: list[Node]) -> Node:
    """`node` over other inputs; the node itself where they are its own."""
    if node.op is not None:
        for x, y in zip(node.inputs, inputs, strict=True):
            if x is not y:
                return build(node.op, tuple(inputs), node.attrs, here.site)
    return node


def substitute(roots: Iterable[Node], known: Mapping[Node, Node]) -> list[Node]:
    """`roots` with every key of `known` replaced by its value."""
    roots = list(roots)
    new = rewrite(roots, lambda node: None, dict(known))
    return [new[root] for root in roots]
