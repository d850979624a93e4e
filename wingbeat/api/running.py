"""Nodes of a trace are run: cut off at what is known, simplified, and made a program once.

The programs are known by the nodes asked for and a number for what the trace has kept, so that the
same calls on other data run them again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from wingbeat.api.tracing import Array, Trace
from wingbeat.backend.base import Cache, Program, StepFailed, program
from wingbeat.errors import NoValue, WingbeatError
from wingbeat.ir.node import Node, Site, leaf, quote
from wingbeat.ir.walk import rewrite, toposort
from wingbeat.transform import inline, simplify, vjp

T = TypeVar("T")

_states: dict[tuple[int, tuple[Node, ...]], int] = {}
_state_numbers = itertools.count(1)


def _state_after(number: int, nodes: tuple[Node, ...]) -> int:
    """The number of a state in which `nodes` are kept too: the same one whenever that happens."""
    if (known := _states.get((number, nodes))) is not None:
        return known
    if len(_states) >= 1 << 17:
        _states.clear()
    return _states.setdefault((number, nodes), next(_state_numbers))


def keep(trace: Trace, nodes: tuple[Node, ...], values: Sequence[Array]) -> None:
    """Remember evaluated nodes, not kept so far; later programs of the trace start from them."""
    trace.values.update(zip(nodes, values, strict=True))
    trace.kept.update(dict.fromkeys(nodes))
    trace.state = _state_after(trace.state, nodes)


@dataclass(frozen=True)
class _Ready:
    """How nodes of a trace in some state are evaluated."""

    program: Program
    inputs: list[Node]  # whose values the program takes
    sites: list[Site | None]
    bodies: list[tuple[int, Node]]  # what roots that are composites are made of


_prepared: Cache[Any, _Ready] = Cache(4096)
_residuals: Cache[Any, tuple[Node, ...]] = Cache(1024)


def run_nodes(trace: Trace, roots: tuple[Node, ...]) -> list[Array]:
    """The values of nodes of a trace, starting from what is known of it."""
    key = (roots, trace.state)
    ready = _prepared.get(key) or _prepared.put(key, _prepare(trace, roots))
    values = trace.values
    try:
        results = ready.program.run([values[n] for n in ready.inputs])
    except StepFailed as failure:
        raise _located(failure, ready.sites[failure.step]) from None
    # A composite's result is the result of its body too, which derivatives are made of.
    for k, body in ready.bodies:
        if body not in values and body not in roots:
            keep(trace, (body,), (results[k],))
    return results


def _bodies(trace: Trace, roots: tuple[Node, ...]) -> list[Node]:
    """`roots` without composites; what was inlined before is not walked again."""
    inline(roots, trace.bodies)
    return [trace.bodies[root] for root in roots]


def _stand_ins(trace: Trace, bodies: list[Node]) -> dict[Node, Node]:
    """A leaf for each known node at which the way back from `bodies` ends."""
    edge = [n for n in toposort(bodies, trace.kept) if n in trace.kept]
    return {node: leaf(node.type, "known", k) for k, node in enumerate(edge)}


def _prepare(trace: Trace, roots: tuple[Node, ...]) -> _Ready:
    """Inline, cut at what is known already, simplify, and make the program."""
    bodies = _bodies(trace, roots)
    stand_in = _stand_ins(trace, bodies)
    new = simplify(bodies, dict(stand_in))
    executable, order = program([new[b] for b in bodies])
    behind = {v: k for k, v in stand_in.items()}
    inputs = [behind.get(n, n) for n in order if n.op is None]
    composed = [(k, b) for k, b in enumerate(bodies) if b is not roots[k]]
    return _Ready(executable, inputs, [n.site for n in order], composed)


def located(
    run: Callable[[Sequence[Array]], T], sites: Sequence[Site | None]
) -> Callable[[Sequence[Array]], T]:
    """`run`, whose errors are those of the steps that failed, with the user's line of each."""

    def located(arrays: Sequence[Array]) -> T:
        try:
            return run(arrays)
        except StepFailed as failure:
            raise _located(failure, sites[failure.step]) from None

    return located


def _located(failure: StepFailed, at: Site | None) -> Exception:
    cause = failure.cause
    if isinstance(cause, WingbeatError) and at and not isinstance(cause, NoValue):
        return type(cause)(f"{cause}\n  {quote(at)}")
    return cause


def read_by_reverse(trace: Trace, roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """The nodes of the forward sweep, from what is known on, that the reverse sweep will read."""
    key = (roots, tuple(trace.sources), trace.state)
    if (known := _residuals.get(key)) is not None:
        return known
    bodies = [b for b in _bodies(trace, roots) if b.type.inexact]
    stand_in = _stand_ins(trace, bodies)
    cut = rewrite(bodies, lambda node: None, dict(stand_in))
    ends = [cut[b] for b in bodies]
    wrt = [*trace.sources, *(s for s in stand_in.values() if s.type.inexact)]
    seeds = [leaf(b.type, "g", k) for k, b in enumerate(ends)]
    grads = [g for g in vjp(ends, wrt, seeds) if g is not None]
    new = simplify([*ends, *grads])
    forward = set(toposort([new[e] for e in ends]))
    backward = [n for n in toposort([new[g] for g in grads]) if n not in forward]
    read = {x for n in backward for x in n.inputs if x in forward and x.inputs}
    first: dict[Node, Node] = {}
    for node in toposort(bodies, trace.kept):
        if new[cut[node]] in read and node not in stand_in:
            first.setdefault(new[cut[node]], node)
    return _residuals.put(key, tuple(first.values()))
