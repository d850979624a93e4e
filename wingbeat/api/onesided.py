"""Kinks of operations that a function does not have: derived on either side, it has one derivative.

As in relu(relu(x)) below 0, where the outer operand stays 0; in a sum of squares of sorted numbers,
whatever the order of equal ones; in max(z, 0) + log1p(exp(-abs(z))), whose kinks cancel.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wingbeat.api.beside import apart, around, given, moved, rounded
from wingbeat.api.kinked import is_at, kink_of, random_like, swept
from wingbeat.api.running import run_nodes
from wingbeat.api.tracing import Trace
from wingbeat.ir.node import Absent, Node, full, leaf
from wingbeat.ir.walk import rebuild, toposort
from wingbeat.ops.logic import equal, logical_and, where

Array = Any
Masks = dict[Node, Array]  # operations, and which of their elements


def resting(
    trace: Trace, bodies: Sequence[Node], wrt: Sequence[Node], met: Masks, *, first: bool
) -> Masks:
    """Of the elements that are at kinks, those that the derivative of `bodies` rests on.

    Unless it is the `first` derivative, or if there are jumps or infinite slopes among them, those
    are all whose kink does not stay where it is when `wrt` move.
    """
    left = leaving(trace, met, wrt)
    steady = [z for z in met if not kink_of(z).lipschitz and not left[z].all()]
    if steady and not _finite(trace, bodies, wrt):  # 0 times an infinite slope
        left.update({z: met[z] for z in steady})
    bent = {z: at for z, at in left.items() if at.any()}
    if not first or any(kink_of(z).steep or not kink_of(z).lipschitz for z in bent):
        return left
    broken = breaking(trace, bodies, wrt, bent)
    return left if broken.all() else left | leaving(trace, bent, wrt, broken)


def _finite(trace: Trace, bodies: Sequence[Node], wrt: Sequence[Node]) -> bool:
    g = swept(trace, bodies, wrt)
    return all(np.isfinite(v).all() for v in run_nodes(trace, tuple(g[x] for x in wrt if x in g)))


def leaving(
    trace: Trace, met: Mapping[Node, Array], wrt: Sequence[Node], free: Array | bool = True
) -> Masks:
    """Which elements of operations that have kinks there leave them when `wrt` move a little.

    Of `wrt`, `free` coordinates move. One that stays, with its slopes, has a derivative.
    """
    beside = _Beside(trace, list(met), wrt)
    stays = tuple(beside.stays(z) for z in met)
    left = {z: np.zeros(at.shape, bool) for z, at in met.items()}
    for _ in beside.points(free):
        for (z, at), there in zip(met.items(), run_nodes(trace, stays), strict=True):
            left[z] |= at & ~there
        if all((left[z] == at).all() for z, at in met.items()):
            break
    return left


def breaking(
    trace: Trace, bodies: Sequence[Node], wrt: Sequence[Node], left: Mapping[Node, Array]
) -> Array:
    """At which coordinates of `wrt` the derivative beside is another one than the convention's.

    It is computed where `wrt` are, with the slopes that the operations of `left` have beside. All
    of their kinks are continuous, and of finite slopes.
    """
    beside, bent = _Beside(trace, list(left), wrt), _Bent.of(trace, bodies, wrt, left)
    here = bent.look(trace, run_nodes(trace, tuple(bent.slots)))
    found = np.zeros(sum(x.type.size for x in wrt), bool)
    operands = tuple(beside.new[x] for x in bent.slots)
    for _ in beside.points():
        there = bent.look(trace, run_nodes(trace, operands))
        pairs = zip(here[0], there[0], here[1], there[1], strict=True)
        found |= np.concatenate([np.ravel(apart(*each)) for each in pairs])
    return found


class _Beside:
    """Operations where the variables are moved."""

    def __init__(self, trace: Trace, nodes: Sequence[Node], wrt: Sequence[Node]) -> None:
        self.trace, self.wrt = trace, wrt
        self.marks = {x: leaf(x.type, "stepped", k) for k, x in enumerate(wrt)}
        self.new = moved(nodes, self.marks, (), wrt)

    def stays(self, z: Node) -> Node:
        """Where z is still at a kink, the same one."""
        there = rebuild(z, [self.new[x] for x in z.inputs])
        slopes = [_slope(each, each.inputs, self._random(each)) for each in (z, there)]
        return logical_and(is_at(there), equal(*slopes))

    def _random(self, z: Node) -> list[Node | None]:
        return [
            self.trace.slot(random_like(x.type, k)) if x.type.inexact else None
            for k, x in enumerate(z.inputs)
        ]

    def points(self, free: Array | bool = True) -> Iterator[None]:
        """The variables are moved one way after another."""
        for far, _ in around(run_nodes(self.trace, tuple(self.wrt)), free):
            with given(self.trace, dict(zip(self.marks.values(), far, strict=True))):
                yield


def _slope(z: Node, xs: Sequence[Node], ts: Sequence[Node | None]) -> Node:
    """The tangent of z; operations that have kinks have one."""
    assert z.op is not None
    assert not isinstance(z.op.jvp, Absent)
    t = z.op.jvp(z, xs, ts)
    return full(0, z.type) if t is None else t


@dataclass(frozen=True)
class _Bent:
    """Derivatives of functions whose operations at kinks have the slopes of chosen operands."""

    slots: dict[Node, Node]  # operands, and leaves that stand for them where slopes are taken
    here: dict[Node, Array]  # leaves for the variables
    nearby: dict[Node, Array]  # the same, moved by a few roundings
    outputs: tuple[Node, ...]

    @staticmethod
    def of(
        trace: Trace, bodies: Sequence[Node], wrt: Sequence[Node], left: Mapping[Node, Array]
    ) -> _Bent:
        variables = {x: leaf(x.type, "derived", k) for k, x in enumerate(wrt)}
        operands = list(dict.fromkeys(x for z in left for x in z.inputs))
        slots = {x: leaf(x.type, "operand", k) for k, x in enumerate(operands)}
        known = [*operands, *left]
        fixed = dict(zip(known, map(trace.slot, run_nodes(trace, tuple(known))), strict=True))
        new = dict(variables)
        for node in toposort(bodies, stops=new):
            if node in new:
                continue
            new[node] = rebuild(node, [new[x] for x in node.inputs])
            if node in left:
                chosen = [slots[x] for x in node.inputs]
                steps = [new[x] - fixed[x] if x.type.inexact else None for x in node.inputs]
                line = fixed[node] + _slope(rebuild(node, chosen), chosen, steps)
                new[node] = where(trace.slot(left[node]), line, new[node])
        g = swept(trace, [new[b] for b in bodies], list(variables.values()))
        here = dict(zip(variables.values(), run_nodes(trace, tuple(wrt)), strict=True))
        nearby = {x: rounded(v, k) for k, (x, v) in enumerate(here.items())}
        return _Bent(slots, here, nearby, tuple(g.get(x, full(0, x.type)) for x in here))

    def look(self, trace: Trace, operands: Sequence[Array]) -> tuple[list[Array], list[Array]]:
        """The derivative where the variables are, and nearby."""
        with given(trace, dict(zip(self.slots.values(), operands, strict=True))):
            with given(trace, self.here):
                here = run_nodes(trace, self.outputs)
            with given(trace, self.nearby):
                return here, run_nodes(trace, self.outputs)
