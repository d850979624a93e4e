"""`backward`, recording of gradients, and new values for inputs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import ContextDecorator
from typing import Any

import numpy as np

from wingbeat.api.arrays import own
from wingbeat.api.evaluation import evaluate
from wingbeat.api.joining import enter, join
from wingbeat.api.tensor import Tensor, asarray, lazy, wrap
from wingbeat.api.tracing import GRAD, Trace, state
from wingbeat.backend.base import Cache, natively
from wingbeat.errors import NotDifferentiable, NoValue, TypeMismatch
from wingbeat.ir.node import Node, full
from wingbeat.ir.walk import toposort
from wingbeat.ops.families import zero_like
from wingbeat.transform import inlined, obstacle, vjp

_gradients: Cache[Any, tuple[Node | None, ...]] = Cache(1024)
_adding = threading.RLock()


def backward(self: Tensor, gradient: Any = None, *, create_graph: bool = False) -> None:
    """Add the gradient of this to `.grad` of every input with `requires_grad`.

    `gradient` is the cotangent of this tensor; a scalar has 1 by default. The graph stays, so a
    second call adds again. With `create_graph` the gradients can themselves be differentiated.

    Raises `NotDifferentiable` where no input requires a gradient, `TypeMismatch` for a non-scalar
    without `gradient`.
    """
    if not self._flags & GRAD:
        raise NotDifferentiable(
            "backward: nothing that this was computed from has requires_grad=True"
        )
    if gradient is None and self.size != 1:
        raise TypeMismatch(
            f"backward: {self.type} is no scalar; take its .sum() or .mean(), "
            "or give backward(gradient)"
        )
    seed = None if gradient is None else _as_cotangent(self, gradient)
    if self._trace is None:  # an input itself
        seed = wrap(own(np.ones(self.shape, self.dtype))) if seed is None else seed
        self._grad = seed if self._grad is None else self._grad + seed
        return
    trace = join((self,) if seed is None else (self, seed))
    _accumulate(self, seed, trace, create_graph)


def _as_cotangent(t: Tensor, gradient: Any) -> Tensor:
    """`gradient` as a cotangent of `t`: of its shape and dtype."""
    seed = asarray(gradient, dtype=t.dtype)
    if seed.shape != t.shape:
        raise TypeMismatch(f"backward: the gradient of {t.type} has its shape, not {seed.shape}")
    return seed


def _accumulate(t: Tensor, cotangent: Tensor | None, trace: Trace, create_graph: bool) -> None:
    """Add the gradients of one `backward` to those that are there."""
    if trace.refusal:
        raise NoValue(
            "backward inside jit would leave gradients without values; use wb.value_and_grad "
            "there, or leave jit away: backward and an optimiser's step are one program already"
        )
    with trace.lock:
        gradients = _gradients_of(t, cotangent, trace, create_graph)
    # Outside the lock: gradients that are there already may belong to other threads' traces.
    with _adding:
        for source, g in gradients:
            if (before := source._grad) is not None:
                # Accumulating over many batches must not keep the graphs of all of them.
                if before._value is None and before._trace is not trace and not before._flags:
                    evaluate(before)
                g = before + g
            source._grad = g


def _gradients_of(
    t: Tensor, cotangent: Tensor | None, trace: Trace, create_graph: bool
) -> list[tuple[Tensor, Tensor]]:
    """The inputs of a trace that `t` depends on, and the gradients by them."""
    root = enter(t, trace)
    seed = None if cotangent is None else enter(cotangent, trace)
    wrt = tuple(trace.sources)
    found = _gradients.get((root, wrt, seed))
    if found is None:
        pulled = _pulled(root, wrt, full(1, t.type) if seed is None else seed)
        found = _gradients.put((root, wrt, seed), pulled)
    trace.swept = trace.swept or not create_graph
    flags = (GRAD if create_graph else 0) | (0 if cotangent is None else cotangent._flags & ~GRAD)
    pairs = zip(trace.sources.values(), found, strict=True)
    return [(source, lazy(node, trace, flags)) for source, node in pairs if node is not None]


def _pulled(root: Node, wrt: Sequence[Node], seed: Node) -> tuple[Node | None, ...]:
    """The gradients by `wrt`; None where `root` does not depend on one, or by integers only."""
    (body,) = inlined([root])
    found = vjp([body], wrt, [seed]) if body.type.inexact else [None] * len(wrt)
    reached = set(toposort([body]))
    reasons = {
        x: obstacle(body, x) for x, g in zip(wrt, found, strict=True) if g is None and x in reached
    }
    result = [
        zero_like(x) if g is None and reasons.get(x, body) is None else g
        for x, g in zip(wrt, found, strict=True)
    ]
    if all(g is None for g in result):
        raise next(iter(reasons.values()), None) or NotDifferentiable(
            f"backward: {body.type} does not depend on what requires a gradient"
        )
    return tuple(result)


class no_grad(ContextDecorator):
    """Within this, results do not remember what they came from.

    Inside a transform such as `wb.grad` they are constants for its derivative too; around a
    transform this says nothing about the transform's own variables. It decorates functions, too.

    >>> import wingbeat as wb
    >>> x = wb.asarray(2.0, requires_grad=True)
    >>> with wb.no_grad():
    ...     y = x * 3
    >>> y.requires_grad
    False
    """

    __slots__ = ("_outer",)

    def _recreate_cm(self) -> no_grad:
        return no_grad()  # a decorated function may call itself

    def __enter__(self) -> None:
        self._outer = state.enabled, state.frozen
        state.enabled, state.frozen = False, state.trace is not None and state.trace.scoped

    def __exit__(self, *_: object) -> None:
        state.enabled, state.frozen = self._outer


def assign(targets: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    """Give inputs new values, all at once: what an optimiser's step ends with.

    One program computes all values, and with them everything alive that came from the old ones.
    Results computed before keep the values that they had.

    Raises:
        TypeMismatch: a target is a result rather than an input, or a value has another type.

    >>> import wingbeat as wb
    >>> w = wb.asarray(1.0, requires_grad=True)
    >>> wb.assign([w], [w.detach() * 2.0])
    >>> w
    tensor(2., requires_grad=True)
    """
    if len(targets) != len(values):
        raise TypeMismatch(f"assign: {len(targets)} targets, {len(values)} values")
    for t, v in zip(targets, values, strict=True):
        if t._trace is not None:
            raise TypeMismatch("assign: only inputs can be given new values, not results")
        if t.type is not v.type:
            raise TypeMismatch(f"assign: {t.type} cannot become {v.type}")
    with natively():  # a step comes many times; and a run that is resumed gives the same bits
        evaluate(*values)
    for t, v in zip(targets, values, strict=True):
        t._value, t._slot = v._value, (-1, t._slot[1])  # the leaf that it may well get again
    if state.trace is not None and not state.trace.scoped:
        state.trace = None
