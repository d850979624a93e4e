"""The verifier: is this a well-formed graph? Tests run it after every pass."""

from __future__ import annotations

from collections.abc import Iterable

from wingbeat.errors import InvalidGraph, TypeMismatch
from wingbeat.ir.node import PRIMITIVES, Node
from wingbeat.ir.walk import toposort


def check(
    roots: Iterable[Node], leaves: Iterable[Node] | None = None, *, lowered: bool = False
) -> None:
    """Raise `InvalidGraph` unless every node obeys the rules.

    Every primitive is registered, every type is what the type rule says, every leaf is one of `leaves`
    (when given), and with `lowered=True` no composite is left.
    """
    allowed = None if leaves is None else set(leaves)
    for node in toposort(roots):
        if node.op is None:
            if allowed is not None and node not in allowed:
                raise InvalidGraph(f"leaf {node!r} is not an input of this graph")
            continue
        _check_node(node, lowered)


def _check_node(node: Node, lowered: bool) -> None:
    op = node.op
    assert op is not None
    if PRIMITIVES.get(op.name) is not op:
        raise InvalidGraph(f"{op.name} is not a registered primitive")
    if lowered and op.expand is not None:
        raise InvalidGraph(f"composite {op.name} was not inlined")
    try:
        expected = op.type_rule(*(x.type for x in node.inputs), **dict(node.attrs))
    except TypeMismatch as error:
        raise InvalidGraph(f"{op.name}: {error}") from None
    if expected is not node.type:
        raise InvalidGraph(f"{op.name} has type {node.type}, its rule says {expected}")
