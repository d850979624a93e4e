"""Was a derivative taken where none exists?"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wingbeat.api.tracing import Trace, run_nodes, site
from wingbeat.errors import AtKink, NoValue, TypeMismatch
from wingbeat.ir.node import Node, full, quote
from wingbeat.ir.walk import depends, toposort
from wingbeat.transform import inlined, sweep

CHOICES = ("ignore", "warn", "raise")

_warned: dict[Any, Any] = {}  # which warnings Python has shown, per line of the user


class KinkWarning(UserWarning):
    """A derivative was taken at a point where it does not exist; a convention answered.

    >>> import warnings
    >>> import wingbeat as wb
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     slope = wb.grad(wb.abs, kinks="warn")(0.0)
    >>> caught[0].category.__name__
    'KinkWarning'
    """


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


def check_choice(kinks: str) -> None:
    """Raise for a choice that does not exist."""
    if kinks not in CHOICES:
        raise TypeMismatch(f"kinks={kinks!r} is unknown; use one of {', '.join(CHOICES)}")


def watch(trace: Trace, roots: Sequence[Node], wrt: Sequence[Node], kinks: str) -> None:
    """Warn of, or raise at, the kinks that a gradient passes."""
    if kinks == "ignore":
        return
    for touched in find_kinks(trace, roots, wrt):
        if kinks == "raise":
            raise AtKink(str(touched))
        file, line = site() or ("<unknown>", 0)
        warnings.warn_explicit(str(touched), KinkWarning, file, line, registry=_warned)


def find_kinks(trace: Trace, roots: Sequence[Node], wrt: Sequence[Node]) -> list[Touched]:
    """The kinks met on the way from `roots` back to `wrt`, where the cotangent is not 0."""
    bodies = inlined(roots)
    order = toposort(bodies)
    reaches = depends(order, inlined(wrt))
    cotangents = sweep(bodies, wrt, [full(1, b.type) for b in bodies])
    candidates = [n for n in order if n.op and n.op.kink and n in reaches and n in cotangents]
    found: list[Touched] = []
    if any(n.op is None and n not in trace.values for n in order):
        raise NoValue("kinks cannot be looked for inside vmap, where tensors stand for many values")
    for node in candidates:
        assert node.op is not None
        assert node.op.kink is not None
        flags = node.op.kink.at(node, *node.inputs)
        at, g = run_nodes(trace, (flags, cotangents[node]))
        hit = np.logical_and(at, np.not_equal(g, 0)) if at.shape == g.shape else at
        if (count := int(np.count_nonzero(hit))) > 0:
            found.append(Touched(node, count, node.op.kink.convention))
    return found
