"""Was a derivative taken where none exists?"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wingbeat.api.trace import Trace, run_nodes
from wingbeat.errors import AtKink, TypeMismatch
from wingbeat.ir.node import Node, full, here, quote
from wingbeat.ir.walk import depends, toposort
from wingbeat.transform import inlined, sweep

CHOICES = ("ignore", "warn", "raise")


class KinkWarning(UserWarning):
    """A derivative was taken at a point where it does not exist; a convention answered."""


@dataclass(frozen=True)
class Touched:
    """An operation evaluated at a kink that the gradient flows through."""

    node: Node
    count: int  # how many elements
    convention: str

    def __str__(self) -> str:
        op = self.node.op
        assert op is not None
        places = (
            ""
            if self.node.type.size == 1
            else f" at {self.count} of {self.node.type.size} elements"
        )
        at = f"\n  {quote(self.node.site)}" if self.node.site else ""
        return f"{op.name} has no derivative{places}; used: {self.convention}{at}"


def watch(trace: Trace, roots: Sequence[Node], wrt: Sequence[Node], kinks: str) -> None:
    """Warn of, or raise at, the kinks that a gradient passes."""
    if kinks not in CHOICES:
        raise TypeMismatch(f"kinks={kinks!r} is unknown; use one of {', '.join(CHOICES)}")
    if kinks == "ignore":
        return
    for touched in find_kinks(trace, roots, wrt):
        if kinks == "raise":
            raise AtKink(str(touched))
        warnings.warn(str(touched), KinkWarning, stacklevel=5)


def find_kinks(trace: Trace, roots: Sequence[Node], wrt: Sequence[Node]) -> list[Touched]:
    """The kinks met on the way from `roots` back to `wrt`, where the cotangent is not 0."""
    bodies = inlined(roots)
    order = toposort(bodies)
    reaches = depends(order, inlined(wrt))
    cotangents = sweep(bodies, wrt, [full(1, b.type) for b in bodies])
    candidates = [n for n in order if n.op and n.op.kink and n in reaches and n in cotangents]
    found: list[Touched] = []
    for node in candidates:
        assert node.op is not None
        assert node.op.kink is not None
        here.site = node.site
        flags = node.op.kink.at(node, *node.inputs)
        here.site = None
        at, g = run_nodes(trace, (flags, cotangents[node]))
        hit = np.logical_and(at, np.not_equal(g, 0)) if at.shape == g.shape else at
        if (count := int(np.count_nonzero(hit))) > 0:
            found.append(Touched(node, count, node.op.kink.convention))
    return found
