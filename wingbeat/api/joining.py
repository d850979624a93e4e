"""Tensors of several traces in one operation: where they meet, and their nodes there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wingbeat.api.evaluation import evaluate
from wingbeat.api.running import keep
from wingbeat.api.tracing import GRAD, Trace, current, state
from wingbeat.ir.node import Node
from wingbeat.ir.walk import rewrite
from wingbeat.ops.arithmetic import alias

if TYPE_CHECKING:
    from wingbeat.api.tensor import Tensor


def join(tensors: Sequence[Tensor]) -> Trace:
    """The trace in which the operands can meet: `enter` gives each of them its node there."""
    found: Trace | None = None
    for t in tensors:
        trace = t._trace
        if trace is not None and trace is not found:
            if found is not None:
                return _merge(tensors)
            found = trace
    return found or current()


def _merge(tensors: Sequence[Tensor]) -> Trace:
    traces = [trace for t in tensors if (trace := t._trace) is not None]
    now = state.trace
    if now is not None and now.scoped and now in traces:
        return now
    # None is left where another thread evaluated all of them meanwhile.
    return max(traces, key=lambda trace: len(trace.tensors)) if traces else current()


def enter(t: Tensor, trace: Trace) -> Node:
    """The node of `t` in `trace`."""
    node, origin = t._node, t._trace  # the node first: it goes last when `t` is cut off its graph
    if origin is trace:
        return node  # type: ignore[return-value]
    if origin is not None and not t._flags and not origin.scoped:
        evaluate(t)
        origin = t._trace
    if origin is None or node is None:
        node = trace.slot(t._value, t if t._flags & GRAD else None, t._slot[1])
        t._slot = (trace.number, node)
        if trace.scoped:
            trace.captured[node] = t
        return node
    return _import(node, origin, trace)


def _import(root: Node, origin: Trace, into: Trace) -> Node:
    """A graph of one trace built again over the leaves of another."""
    known = into.imported.setdefault(origin, {})

    def change(node: Node) -> Node | None:
        if (
            node.op is alias
        ):  # a pullback may still ask for it, and no other is to be confused with it
            return alias(node.inputs[0], tag=into.tag())
        if node.op is not None or node not in origin.values:
            return None
        return into.slot(origin.values[node], origin.sources.get(node))

    rewrite([root], change, known)
    for node in tuple(origin.kept):  # another thread may be evaluating there
        if node in known and known[node] not in into.values:
            keep(into, (known[node],), (origin.values[node],))
    return known[root]
