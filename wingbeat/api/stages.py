"""A function traced for one form of its arguments, and how a call goes through its program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wingbeat.api import tree
from wingbeat.api.applying import operands_in
from wingbeat.api.forms import GONE, Opened
from wingbeat.api.joining import enter
from wingbeat.api.lowered import runnable
from wingbeat.api.running import located
from wingbeat.api.straight import MISSED, straight
from wingbeat.api.tensor import Tensor, asarray, lazy, wrap
from wingbeat.api.tracing import GRAD, Array, Trace, current, staging, state
from wingbeat.backend.base import Attempt, Cache, Program, Run, program
from wingbeat.ir.node import Node, leaf
from wingbeat.ir.types import tensor_type
from wingbeat.ir.walk import substitute, toposort


@dataclass
class Stage:
    """A function traced for one form of arguments."""

    program: Program
    execute: Run  # the program, with errors as users see them
    attempt: Attempt | None  # the same that looks itself whether the arrays are as they should be
    # For each input of the program: the number of an argument, or a tensor that was closed over.
    sources: list[int | Tensor]
    rebuild: Callable[[Sequence[Any]], Any]
    variables: list[Node]
    roots: list[Node]
    captured: dict[Node, Tensor]
    flags: list[int]  # of those, whether a gradient was asked for
    donated: list[int]  # numbers of arguments' arrays
    tracked: bool  # results require a gradient
    kept: Any  # what the form speaks of by identity
    _straight: Callable[..., Any] | None = None
    _inlined: Cache[Any, list[Node]] = field(default_factory=lambda: Cache(64))

    def repeated(self, args: Sequence[Any]) -> Callable[..., Any]:
        """What does the same for arguments by position, where they have this form.

        From the second call on, because it takes time to be written.
        """
        if self._straight is None:
            self._straight = missed
        elif self._straight is missed:
            self._straight = self._written(args) or _general
        return missed if self._straight is _general else self._straight

    def _written(self, args: Sequence[Any]) -> Callable[..., Any] | None:
        types = [v.type for v in self.variables]
        results = [wrap(np.empty(r.type.shape, r.type.dtype)) for r in self.roots]
        result = self.rebuild(results)
        run, looks = self.attempt or self.execute, self.attempt is not None
        return straight(
            args, types, result, results, self.sources, self.donated, run, GONE, looks=looks
        )

    def holds(self) -> bool:
        """Whether tensors that were closed over are what they were, but for their numbers."""
        return all(
            t.type is node.type and t._flags & GRAD == flag
            for (node, t), flag in zip(self.captured.items(), self.flags, strict=True)
        )

    def closed(self) -> list[Array]:
        """The arrays behind them now."""
        return [t.numpy() for t in self.sources if isinstance(t, Tensor)]

    def run(self, arrays: Sequence[Array], closed: Sequence[Array]) -> list[Tensor]:
        """The results for the arguments' arrays, and those behind what was closed over."""
        rest = iter(closed)
        taken = [arrays[k] if isinstance(k, int) else next(rest) for k in self.sources]
        return [wrap(value) for value in self.execute(taken)]

    def inline(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The results as part of the graph that the arguments are part of."""
        closed = list(self.captured.values())
        trace, nodes, flags = operands_in((*tensors, *closed)) if tensors or closed else _nothing()
        known = self._inlined.get(nodes)
        if known is None:
            places = dict(zip((*self.variables, *self.captured), nodes, strict=True))
            known = self._inlined.put(nodes, substitute(self.roots, places))
        return [lazy(node, trace, flags) for node in known]


def missed(*args: Any) -> Any:
    """No form is known yet."""
    return MISSED


def _general(*args: Any) -> Any:
    """Arguments of this form are taken apart in every call."""
    return MISSED


def _nothing() -> tuple[Trace, tuple[Node, ...], int]:
    return current(), (), 0


def stage_of(
    f: Callable[..., Any], opened: Opened, args: Any, kwargs: Any, donated: Sequence[int]
) -> Stage:
    """Trace `f` for the form of these arguments."""
    types = [tensor_type(a.shape, a.dtype) for a in opened.arrays]
    with staging() as trace:
        variables = [leaf(t, "x", k) for k, t in enumerate(types)]
        flags = [x._flags & GRAD if isinstance(x, Tensor) else 0 for x in opened.leaves]
        tensors = [lazy(v, trace, flag) for v, flag in zip(variables, flags, strict=True)]
        arguments, keywords = _with_variables(args, kwargs, tensors)
        found, rebuild = tree.flatten(f(*arguments, **keywords))
        results = [x if isinstance(x, Tensor | np.ndarray | np.generic) else None for x in found]
        outputs = [asarray(x) for x in results if x is not None]
        roots = [enter(t, trace) for t in outputs]
    # What `f` made itself and wrote to has another value by now: what it was is a constant.
    behind = {n: t for n, t in {**trace.sources, **trace.captured}.items() if t._trace is not trace}
    used = [n for n in toposort(roots) if n.op is None and n not in variables]
    captured = {n: behind[n] if n in behind else wrap(trace.values[n]) for n in used}
    executable, order = program(
        runnable(roots), eager=True, donated=[variables[k] for k in donated]
    )
    number, sites = {v: k for k, v in enumerate(variables)}, [n.site for n in order]
    return Stage(
        executable,
        located(executable.run, sites),
        located(executable.attempt, sites) if executable.attempt else None,
        [number[n] if n in number else captured[n] for n in order if n.op is None],
        _filled(found, results, rebuild),
        variables,
        roots,
        captured,
        [t._flags & GRAD for t in captured.values()],
        list(donated),
        tracked=state.enabled and any(t._flags & GRAD for t in outputs),
        kept=(args, kwargs),
    )


def _with_variables(
    args: tuple[Any, ...], kwargs: dict[str, Any], tensors: Sequence[Tensor]
) -> tuple[Any, Any]:
    """The arguments with variables where arrays are."""
    rest = iter(tensors)
    ordered = dict(sorted(kwargs.items()))

    def variable(x: Any) -> Any:
        return next(rest) if isinstance(x, Tensor | np.ndarray | np.generic) else x

    arguments = tuple(tree.map(variable, x) for x in args)
    return arguments, {name: tree.map(variable, x) for name, x in ordered.items()}


def _filled(
    found: Sequence[Any], results: Sequence[Any], rebuild: Callable[[Sequence[Any]], Any]
) -> Callable[[Sequence[Any]], Any]:
    """The result's tree, given its tensors; what else is in it is the same in every call."""
    places = [k for k, x in enumerate(results) if x is not None]
    if len(places) == len(found):
        return rebuild

    def fill(tensors: Sequence[Any]) -> Any:
        whole = list(found)
        for k, t in zip(places, tensors, strict=True):
            whole[k] = t
        return rebuild(whole)

    return fill
