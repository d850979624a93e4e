"""Traces: which array stands behind each leaf of a growing graph, and how a graph is evaluated.

Leaves are numbered by type in the order in which arrays enter a trace. So a function that makes the
same calls again, on other data, meets the nodes, derivatives and programs that it made before.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
import weakref
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from wingbeat.backend.base import Cache, Program, Run, StepFailed, program
from wingbeat.errors import NoValue, WingbeatError
from wingbeat.ir.node import Node, Site, leaf, quote
from wingbeat.ir.types import tensor_type
from wingbeat.ir.walk import rewrite, toposort
from wingbeat.ops.arithmetic import alias
from wingbeat.transform import inline, simplify, vjp

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


# --- the user's line ------------------------------------------------------------------------

_PACKAGE = str(Path(__file__).parent.parent) + os.sep
_OURS: Site = (_PACKAGE, 0)
_places = 1 << 16
# Where an instruction of a code object stands. Decoding a line number costs more than finding it
# here. A code object is kept as long as its id is used, so that no other one gets it.
_sites: dict[tuple[int, int], Site] = {}
_codes: dict[int, CodeType] = {}
_noting = threading.Lock()


def site(depth: int = 1) -> Site | None:
    """File and line of the nearest caller outside this package.

    The search begins `depth` frames up: all that are nearer are known to be this package's.
    """
    frame = sys._getframe(depth)  # pyright: ignore[reportPrivateUsage]
    while frame is not None:
        at = _sites.get((id(frame.f_code), frame.f_lasti)) or _noted(frame)
        if at is not _OURS:
            return at
        frame = frame.f_back
    return None


def _noted(frame: FrameType) -> Site:
    code = frame.f_code
    at = _OURS if code.co_filename.startswith(_PACKAGE) else (code.co_filename, frame.f_lineno)
    with _noting:
        if len(_sites) >= _places:
            _sites.clear()
            _codes.clear()
        _codes[id(code)] = code
        _sites[id(code), frame.f_lasti] = at
    return at


# --- tensors of several traces ---------------------------------------------------------------


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


# --- evaluation ---------------------------------------------------------------------------------


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
            read = _read_by_reverse(trace, tracked)  # type: ignore[arg-type]
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


def located(run: Run, sites: Sequence[Site | None]) -> Run:
    """`run`, whose errors are those of the steps that failed, with the user's line of each."""

    def located(arrays: Sequence[Array]) -> list[Array]:
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


def _read_by_reverse(trace: Trace, roots: tuple[Node, ...]) -> tuple[Node, ...]:
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
