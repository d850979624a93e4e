"""What operations say of their kinks, and the cotangents that meet them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wingbeat.api.tracing import Trace
from wingbeat.ir.node import Kink, Node, full
from wingbeat.ops import arithmetic as ar
from wingbeat.ops.shape import broadcast
from wingbeat.transform import sweep


def swept(trace: Trace, roots: Sequence[Node], wrt: Sequence[Node]) -> dict[Node, Node]:
    """The cotangents behind `roots`; of several numbers no two start alike: they cannot cancel."""
    if len(roots) == 1 and roots[0].shape == ():
        return sweep(roots, wrt, [full(1, roots[0].type)])
    return sweep(roots, wrt, [trace.slot(random_like(r.type, k)) for k, r in enumerate(roots)])


def random_like(like: Any, number: int = 0) -> Any:
    """Numbers between 1 and 2, the same ones each time."""
    rng = np.random.default_rng((like.size, number))
    return np.asarray(rng.uniform(1, 2, like.shape), like.dtype)


def source(z: Node) -> Node:
    """The operation behind a z that was repeated along axes that it had reduced."""
    return source(z.inputs[0]) if z.op is broadcast else z


def is_agreed(node: Node) -> bool:
    """Whether it notes a convention; the operation that has it may be known by its value alone."""
    if node.op is not ar.agreed:
        return False
    op = source(node.inputs[1]).op
    return op is not None and op.kink is not None


def kink_of(z: Node) -> Kink:
    """What the operation behind z says of its kinks; there are some."""
    assert z.op is not None
    assert z.op.kink is not None
    return z.op.kink


def is_at(z: Node) -> Node:
    """Where z is at a kink, or at a tie; of its shape."""
    if z.op is broadcast:
        return broadcast(is_at(z.inputs[0]), **dict(z.attrs))
    return kink_of(z).at(z, *z.inputs)
