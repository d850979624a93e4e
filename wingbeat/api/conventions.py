"""Kinks of operations: did a derivative rest on what is agreed on where none exists?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wingbeat.api.kinked import is_agreed, is_at, kink_of, random_like, source, swept
from wingbeat.api.onesided import resting
from wingbeat.api.running import run_nodes
from wingbeat.api.tracing import Trace
from wingbeat.ir.node import Node, quote
from wingbeat.ir.walk import depends, rebuild, toposort
from wingbeat.ops.shape import broadcast


@dataclass(frozen=True)
class Touched:
    """An operation evaluated at a kink that the gradient flows through, or a decision at a tie."""

    node: Node
    count: int  # how many elements
    convention: str
    sure: bool = True  # whether it is known that no derivative exists

    def __str__(self) -> str:
        op = self.node.op
        assert op is not None
        size = self.node.type.size
        places = "" if size == 1 else f" at {self.count} of {size} elements"
        at = f"\n  {quote(self.node.site)}" if self.node.site else ""
        has = "has" if self.sure else "may have"
        return f"{op.name} {has} no derivative{places}; used: {self.convention}{at}"


@dataclass(frozen=True)
class _Passed:
    """Where a derivative passes an operation that has kinks."""

    z: Node  # the operation's result
    g: Node  # the cotangent there
    noted: bool  # whether it was agreed on before
    settled: bool  # whether a cotangent of 0 leaves nothing to be decided by the convention


def conventions(trace: Trace, bodies: Sequence[Node], wrt: Sequence[Node]) -> list[Touched]:
    """The kinks of operations that the derivative of `bodies` by `wrt` rests on.

    A cotangent of 0 settles a Lipschitz kink. At a jump or an infinite slope it does so where it
    stays 0 nearby, as that of a branch not taken. And it is no 0 if it takes what was agreed on
    when `bodies` were derived themselves. Kinks of `bodies` that no derivative rests on are left
    out in the end (`wingbeat.api.onesided`).
    """
    passed = _passed(trace, bodies, wrt)
    flags = run_nodes(trace, tuple(is_at(p.z) for p in passed))
    met = {p: at for p, at in zip(passed, flags, strict=True) if at.any()}
    counted: dict[_Passed, Any] = {}
    for settled, sides in ((True, (0,)), (False, (-1, 1))):
        some = [p for p in met if p.settled is settled]
        nonzero = _nonzero(trace, [p.g for p in some], wrt, sides)
        counted.update({p: met[p] & there for p, there in zip(some, nonzero, strict=True)})
    own = {p.z: met[p] for p in met if not p.noted}
    if any(hit.any() for p, hit in counted.items() if not p.noted):
        own = resting(trace, bodies, wrt, own, first=len(own) == len(met))
    hits: dict[Node, Any] = {p.z: np.zeros(at.shape, bool) for p, at in met.items()}
    for p, hit in counted.items():
        hits[p.z] |= hit if p.noted else hit & own[p.z]
    touched = [_touched(z, hit) for z, hit in hits.items() if hit.any()]
    return list({t.node: t for t in reversed(touched)}.values())[::-1]


def _touched(z: Node, hit: Any) -> Touched:
    if z.op is broadcast:
        return _touched(z.inputs[0], np.any(hit, axis=dict(z.attrs)["axes"]))
    return Touched(z, int(np.count_nonzero(hit)), kink_of(z).convention)


def _passed(trace: Trace, bodies: Sequence[Node], wrt: Sequence[Node]) -> list[_Passed]:
    """What was agreed on before, in `bodies` and in their derivative; and operations of `bodies`.

    The derivative rests on what was agreed on if that moves with `wrt`, or if it is a factor.
    """
    order = toposort(bodies)
    reaches = depends(order, wrt)
    g = swept(trace, bodies, wrt)
    nodes = [n for n in order if n in reaches]
    notes = [n for n in nodes if is_agreed(n)]
    factors = swept(trace, [g[x] for x in wrt if x in g], notes) if notes else {}
    kinks = [(n, kink_of(source(n.inputs[1]))) for n in notes]
    return [
        *(
            _Passed(n.inputs[1], by[n], True, k.lipschitz and not k.steep)
            for by in (g, factors)
            for n, k in kinks
            if n in by
        ),
        *(
            _Passed(n, g[n], False, n.op.kink.lipschitz)
            for n in nodes
            if n.op and n.op.kink and n in g
        ),
    ]


def _nonzero(
    trace: Trace, nodes: Sequence[Node], wrt: Sequence[Node], sides: Sequence[int]
) -> list[Any]:
    """Where `nodes` are not 0 if something else is agreed on, and `wrt` move to one of `sides`.

    No decision changes with that.
    """
    if not nodes:
        return []
    order = toposort(nodes)
    between = depends(order, wrt)
    decisions = tuple(n for n in order if n.op and n in between and not n.type.inexact)
    known = dict(zip(decisions, map(trace.slot, run_nodes(trace, decisions)), strict=True))
    notes = [n for n in order if is_agreed(n)]
    flags = run_nodes(trace, tuple(is_at(n.inputs[1]) for n in notes))
    shift = {
        n: trace.slot(np.asarray(random_like(n.type) * at))
        for n, at in zip(notes, flags, strict=True)
    }
    found, here = [np.zeros(n.shape, bool) for n in nodes], run_nodes(trace, tuple(wrt))
    for side in sides:
        moved = {x: trace.slot(_beside(v, side)) for x, v in zip(wrt, here, strict=True)}
        values = run_nodes(trace, tuple(_shifted(nodes, known | moved, shift)))
        found = [f | (v != 0) for f, v in zip(found, values, strict=True)]
    return found


def _beside(x: Any, side: int) -> Any:
    """Numbers near `x`, far enough to be others in every dtype."""
    return np.asarray(x + side * (1 + abs(x)) * random_like(x) / 64, x.dtype)


def _shifted(
    roots: Sequence[Node], known: Mapping[Node, Node], shift: Mapping[Node, Node]
) -> list[Node]:
    """`roots` with the keys of `known` replaced, and each key of `shift` increased by its value."""
    new = dict(known)
    for node in toposort(roots, stops=new):
        if node not in new:
            same = rebuild(node, [new[x] for x in node.inputs])
            new[node] = same + shift[node] if node in shift else same
    return [new[root] for root in roots]
