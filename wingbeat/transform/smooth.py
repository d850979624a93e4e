"""Squares whose kinks cancel: |x| |x| is x x, and the square of a norm is a sum of squares.

At 0 the rules of |x| and of its square would meet in 0 times a convention. That is right for the
first derivative and wrong for the second, so both modes differentiate such a square as a whole.
The values are computed as written.
"""

from __future__ import annotations

from collections.abc import Container

from wingbeat.ir.node import Node
from wingbeat.ops.arithmetic import alias, mul
from wingbeat.ops.families import constant_of
from wingbeat.ops.shape import reshape
from wingbeat.ops.transcendental import pow


def smooth(node: Node, kept: Container[Node]) -> tuple[Node, tuple[Node, ...]] | None:
    """Where `node` is the square of a z with a kink: an equal node without it, and its variables.

    These are aliases of what z reads, since one of them may depend on another. None where it is no
    such square, and where a node that would be passed by is one of `kept`.
    """
    z = _base(node)
    if z is None or any(x in kept for x in node.inputs):
        return None
    while z.op is reshape:  # as of a norm with keepdims
        z = z.inputs[0]
        if z in kept:
            return None
    if z.op is None or z.op.kink is None or z.op.kink.square is None:
        return None
    xs = tuple(alias(x, tag=-1 - k) for k, x in enumerate(z.inputs))
    square = z.op.kink.square(*xs)
    return reshape(square, shape=node.shape) if z.shape != node.shape else square, xs


def _base(node: Node) -> Node | None:
    """The z of z z and of z^2; in the first it may be two equal nodes of different lines."""
    if node.op is pow:
        z, y = node.inputs
        return z if constant_of(y) == 2 else None
    if node.op is not mul:
        return None
    x, y = node.inputs
    return x if x.op is y.op and x.inputs == y.inputs and x.attrs == y.attrs else None
