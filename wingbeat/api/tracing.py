"""Traces: which array stands behind each leaf of a growing graph, and which trace that is now.

Leaves are numbered by type in the order in which arrays enter a trace. So a function that makes the
same calls again, on other data, meets the nodes, derivatives and programs that it made before.
"""

from __future__ import annotations

import itertools
import sys
import threading
import weakref
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from wingbeat.ir.node import Node, leaf
from wingbeat.ir.types import tensor_type

if TYPE_CHECKING:
    from wingbeat.api.tensor import Tensor

Array = Any

# What a tensor is part of. Results carry the flags of all operands.
GRAD = 1  # depends on a tensor with requires_grad
ABSTRACT = 2  # depends on a variable of vmap, which has no one value

NOWHERE: tuple[int, Node | None] = (-1, None)
_numbers = itertools.count()

BYTES = 1 << 27  # of data behind a graph before what is alive of it is evaluated
LIMIT = 4096  # tensors made in one trace before those still alive are evaluated; transforms aside


class Trace:
    """The arrays behind the leaves of one graph, and what has been evaluated of it."""

    __slots__ = (
        "__weakref__",
        "bodies",
        "branches",
        "bytes",
        "captured",
        "counts",
        "imported",
        "kept",
        "limit",
        "lock",
        "number",
        "refusal",
        "scoped",
        "slots",
        "sources",
        "state",
        "swept",
        "tags",
        "tensors",
        "values",
    )

    def __init__(self, *, scoped: bool = False) -> None:
        self.values: dict[Node, Array] = {}  # leaves, and evaluated nodes
        self.kept: dict[Node, None] = {}  # the evaluated nodes, in order
        self.bodies: dict[Node, Node] = {}  # nodes, and what they are without composites
        self.branches: dict[Node, None] = {}  # what Python asked for to know how to go on
        self.slots: dict[tuple[int, int], Node] = {}
        self.counts: dict[Any, int] = {}
        self.sources: dict[Node, Tensor] = {}  # leaves whose gradient is wanted
        self.tensors: list[weakref.ref[Tensor]] = []
        self.imported: dict[Trace, dict[Node, Node]] = {}
        self.number = next(_numbers)
        self.state = 0  # a number for what is kept: equal for the same nodes in the same order
        self.bytes = 0  # of the arrays that entered since something was evaluated, inputs aside
        self.limit = sys.maxsize if scoped else LIMIT  # tensors before what is alive is evaluated
        self.scoped = scoped  # belongs to a transform: evaluating does not cut the graph
        self.refusal = ""  # why nothing of this trace has a value, where that is so
        self.captured: dict[Node, Tensor] = {}  # inputs of a trace that is scoped
        self.swept = False  # backward() ran, so nothing need be kept for it
        self.tags = 0
        self.lock = threading.RLock()

    def slot(self, value: Array, source: Tensor | None = None, hint: Node | None = None) -> Node:
        """The leaf for an array; the same one when the same array comes again.

        `hint` is the leaf that the array's tensor had in another trace: most likely its leaf here.
        """
        key = (id(value), id(source))
        if (node := self.slots.get(key)) is not None:
            return node
        with self.lock:  # two threads would give two arrays one number
            if (node := self.slots.get(key)) is not None:
                return node
            type_ = hint.type if hint is not None else tensor_type(value.shape, value.dtype)
            number = self.counts.get(type_, 0)
            self.counts[type_] = number + 1
            if hint is not None and hint.attrs[1][1] == number:
                node = hint
            else:
                node = leaf(type_, "", number)
            self.values[node] = value  # keeps the array alive, and with it its id
            if source is not None:
                self.sources[node] = source
            else:
                self.bytes += value.nbytes
                if self.bytes > BYTES and not self.scoped:
                    self.limit = 0  # with the next tensor
            self.slots[key] = node  # last: who finds it finds its value
        return node

    def tag(self) -> int:
        """A number for the next variable of a transform."""
        self.tags += 1
        return self.tags


class _State(threading.local):
    trace: Trace | None = None
    active: tuple[Node, ...] = ()  # the variables of the transforms that are running
    enabled: bool = True  # gradients are recorded
    frozen: bool = False  # within a transform and within no_grad() there: all results are constants


state = _State()


def current() -> Trace:
    """The trace that operands without one enter."""
    if state.trace is None:
        state.trace = Trace()
    return state.trace


@contextmanager
def scope() -> Generator[bool]:
    """A trace for one outermost transform; yields whether this is the outermost one."""
    outer, frozen, active = state.trace, state.frozen, state.active
    nested = outer is not None and outer.scoped
    if not nested:
        state.trace = Trace(scoped=True)
    state.frozen = False  # no_grad() around a transform is not about the transform's variables
    try:
        yield not nested
    finally:
        state.trace, state.frozen, state.active = outer, frozen, active


@contextmanager
def staging() -> Generator[Trace]:
    """A trace in which nothing has a value: a function's graph for whatever it is called with."""
    outer = state.trace, state.frozen, state.active
    trace = state.trace = Trace(scoped=True)
    trace.refusal = (
        "inside jit a tensor stands for whatever the function will be called with and has no value "
        "yet; use wb.where(condition, a, b) in place of if, and no float() or print"
    )
    state.frozen, state.active = False, ()
    try:
        yield trace
    finally:
        state.trace, state.frozen, state.active = outer


def branched(t: Tensor) -> None:
    """Remember that Python goes on by the value of `t`: a decision that no graph shows."""
    if t._node is not None and t._trace is not None and t._trace is state.trace:
        t._trace.branches[t._node] = None
