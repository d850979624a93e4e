"""Tensors get values: those that are asked for, and with them all that are alive beside them."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from wingbeat.api.running import keep, read_by_reverse, run_nodes
from wingbeat.api.tracing import ABSTRACT, GRAD, LIMIT, NOWHERE, Trace, state
from wingbeat.errors import NoValue, WingbeatError
from wingbeat.ir.node import Node

if TYPE_CHECKING:
    from wingbeat.api.tensor import Tensor


def evaluate(*wanted: Tensor) -> None:
    """Give every one of `wanted` its value, and with them all live tensors of the same traces."""
    for t in wanted:
        if t._value is not None:
            continue
        if t._flags & ABSTRACT:
            raise NoValue(
                "inside vmap a tensor stands for many examples and has no one value; "
                "use wb.where(condition, a, b) in place of if, and no float() or print"
            )
        if (trace := t._trace) is None:  # another thread was faster
            continue
        if trace.refusal:
            raise NoValue(trace.refusal)
        with trace.lock:
            if t._value is None:
                _evaluate(trace, t)


def settle(trace: Trace) -> None:
    """Evaluate what is alive of a trace."""
    pending = [t for _, t in _alive(trace) if t._value is None and not t._flags & ABSTRACT]
    if pending:
        evaluate(pending[-1])
    trace.bytes = 0
    trace.limit = LIMIT
    trace.tensors = [ref for ref, t in _alive(trace) if t._trace is not None]


def _alive(trace: Trace) -> list[tuple[weakref.ref[Tensor], Tensor]]:
    """The tensors of a trace that somebody holds."""
    return [(ref, t) for ref in trace.tensors if (t := ref()) is not None]


def _evaluate(trace: Trace, wanted: Tensor) -> None:
    alive: list[tuple[weakref.ref[Tensor], Tensor]] = []
    pending: dict[int, Tensor] = {}  # by identity: rebound, as by x[i] = v, one is listed twice
    for ref in trace.tensors:
        if (t := ref()) is not None:
            alive.append((ref, t))
            if t._value is None and not t._flags & ABSTRACT:
                pending[id(t)] = t
    pending[id(wanted)] = wanted
    try:
        _compute(trace, list(pending.values()))
    except WingbeatError:
        if len(pending) == 1:
            raise
        _compute(trace, [wanted])  # another tensor's failure is not this one's
        return
    trace.tensors = [ref for ref, t in alive if t._trace is not None]
    # What starts from inputs again starts a trace again: so it meets the leaves, nodes and programs
    # of the time before, and what was kept of this trace lives as long as its tensors do.
    if state.trace is trace and not trace.scoped:
        state.trace = None


def _compute(trace: Trace, live: list[Tensor]) -> None:
    nodes: list[Node] = [t._node for t in live]  # type: ignore[misc]
    values = trace.values
    targets = tuple(dict.fromkeys([n for n in nodes if n not in values]))
    if not trace.swept and not trace.scoped:
        tracked = tuple(dict.fromkeys([t._node for t in live if t._flags & GRAD]))
        if tracked:
            read = read_by_reverse(trace, tracked)  # type: ignore[arg-type]
            targets += tuple([n for n in read if n not in values and n not in targets])
    if targets:
        keep(trace, targets, run_nodes(trace, targets))
    for t, node in zip(live, nodes, strict=True):
        t._value = values[node]
        if not t._flags and not trace.scoped:
            detach(t)


def detach(t: Tensor) -> None:
    """Cut an evaluated tensor off its graph. Readers look at the node first, so it goes last."""
    t._slot = NOWHERE
    t._trace = None
    t._node = None
