"""The verifier: is this a well-formed graph? Tests run it after every pass."""

from __future__ import annotations

from collections.abc import Iterable

from wingbeat.errors import InvalidGraph
from wingbeat.ir.node import PRIMITIVES, Node, Primitive, build
from wingbeat.ir.types import TensorType, tensor_type
from wingbeat.ir.walk import toposort


def check(
    roots: Iterable[Node], leaves: Iterable[Node] | None = None, *, lowered: bool = False
) -> None:
    """Raise `InvalidGraph` unless every node obeys the rules.

    Every primitive is registered, every type is what the type rule says, equal nodes are one node,
    every leaf is one of `leaves` (when given), and with `lowered=True` no composite is left.
    """
    allowed = None if leaves is None else set(leaves)
    for node in toposort(roots):
        if tensor_type(node.type.shape, node.type.dtype) is not node.type:
            raise InvalidGraph(f"the type {node.type} of {node.name} is a copy")
        if node.op is not None:
            _check_node(node, node.op, lowered)
        elif node.inputs:
            raise InvalidGraph(f"leaf {node!r} has operands")
        elif allowed is not None and node not in allowed:
            raise InvalidGraph(f"leaf {node!r} is not an input of this graph")


def _check_node(node: Node, op: Primitive, lowered: bool) -> None:
    if PRIMITIVES.get(op.name) is not op:
        raise InvalidGraph(f"{op.name} is not a registered primitive")
    if lowered and op.expand is not None:
        raise InvalidGraph(f"composite {op.name} was not inlined")
    if node.attrs != tuple(sorted(node.attrs)):
        raise InvalidGraph(f"{op.name} has attributes that are not in order: {node.attrs}")
    if (expected := _type_of(node, op)) is not node.type:
        raise InvalidGraph(f"{op.name} has type {node.type}, its rule says {expected}")
    if build(op, node.inputs, node.attrs, node.site) is not node:
        raise InvalidGraph(f"{node!r} is the copy of a node")


def _type_of(node: Node, op: Primitive) -> TensorType:
    try:
        return op.type_rule(*(x.type for x in node.inputs), **dict(node.attrs))
    except (LookupError, ValueError, TypeError) as error:  # TypeMismatch among them
        raise InvalidGraph(f"{op.name}: {error}") from None
