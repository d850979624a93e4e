"""The verifier notices graphs that `build` would never make."""

from __future__ import annotations

from typing import Any

import pytest

from wingbeat.errors import InvalidGraph
from wingbeat.ir import Node, TensorType, check, leaf, tensor_type
from wingbeat.ops.arithmetic import add
from wingbeat.ops.composites import softmax, softplus
from wingbeat.ops.reduce import sum as add_up
from wingbeat.ops.transcendental import sin
from wingbeat.transform import inlined

F, WIDE = tensor_type((2, 3)), tensor_type((2, 4))
X, Y = leaf(F, "x"), leaf(WIDE, "y")


def forged(op: Any, inputs: tuple[Node, ...], attrs: Any = (), type_: TensorType = F) -> Node:
    """A node that no rule was asked about."""
    node = object.__new__(Node)
    node.op, node.inputs, node.attrs, node.type, node.site = op, inputs, attrs, type_, None
    return node


def copied(type_: TensorType) -> TensorType:
    made = object.__new__(TensorType)
    made.shape, made.dtype, made.inexact = type_.shape, type_.dtype, type_.inexact
    return made


def unregistered() -> Any:
    from dataclasses import replace

    return replace(sin, name="sine")


MALFORMED: list[tuple[str, Node, str]] = [
    ("wrong shape", forged(sin, (X,), type_=WIDE), r"sin has type f64\[2,4\], its rule says"),
    ("wrong dtype", forged(sin, (X,), type_=tensor_type((2, 3), "float32")), "its rule says"),
    ("operands that do not fit", forged(add, (X, Y)), "operands must have equal types"),
    ("too few operands", forged(add, ()), "add: "),
    ("too many operands", forged(add_up, (X, X), (("axes", (0,)),)), "sum: "),
    ("an attribute too few", forged(add_up, (X,)), "sum: .*axes"),
    ("an attribute too many", forged(sin, (X,), (("axes", (0,)),)), "sin: .*axes"),
    ("an axis outside", forged(add_up, (X,), (("axes", (2,)),)), "axes"),
    ("an axis outside a composite", forged(softmax, (X,), (("axis", 7),)), "softmax: "),
    ("not registered", forged(unregistered(), (X,)), "sine is not a registered primitive"),
    ("a leaf with operands", forged(None, (X,), (("name", "z"), ("number", 0))), "has operands"),
    ("a copied type", forged(sin, (X,), type_=copied(F)), "is a copy"),
    ("a copied node", forged(sin, (X,)), "the copy of a node"),
    (
        "attributes out of order",
        forged(sin, (X,), (("b", 1), ("a", 2))),
        "not in order",
    ),
]


@pytest.mark.parametrize(("what", "node", "message"), MALFORMED)
def test_malformed_nodes_are_noticed(what: str, node: Node, message: str) -> None:
    kept = sin(X)  # so that the copy has an original
    with pytest.raises(InvalidGraph, match=message):
        check([node])
    assert kept.type is F


@pytest.mark.parametrize(("what", "node", "message"), MALFORMED)
def test_malformed_nodes_are_noticed_deep_inside(what: str, node: Node, message: str) -> None:
    kept = sin(X)
    outer = forged(sin, (forged(sin, (node,), type_=node.type),), type_=node.type)
    with pytest.raises(InvalidGraph):
        check([kept, outer])


def test_foreign_leaves_are_noticed() -> None:
    check([sin(X)], [X])
    with pytest.raises(InvalidGraph, match="not an input of this graph"):
        check([sin(X)], [Y])


def test_composites_are_noticed_where_none_may_be() -> None:
    z = softplus(X)
    check([z])
    with pytest.raises(InvalidGraph, match="softplus was not inlined"):
        check([z], lowered=True)
    check(inlined([z]), lowered=True)
