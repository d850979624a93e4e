"""Small changes: what the gradient predicts, and what happens."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from wingbeat.api.running import run_nodes
from wingbeat.api.tensor import asarray
from wingbeat.errors import BadInput, NotSupported
from wingbeat.explain._build import Builder
from wingbeat.explain._numbers import show
from wingbeat.explain._recording import line_of
from wingbeat.explain.model import Model
from wingbeat.ir.node import Node, full
from wingbeat.ir.walk import rewrite


@dataclass(frozen=True)
class WhatIf:
    """A move of some nodes and its effect on the result.

    Attributes:
        nudges: how far each node was moved. Nodes that it is computed from stay, what reads it
            follows.
        before: the result as it was.
        after: the result after the move.
        predicted: the sum of gradient times move.
        actual: after - before.
        recorded: what the recorded steps give after the move. It is another number than `after`
            where the function does something else there than it did when it was explained.
        called: whether `after` is what the function returned when called again. That is so where
            only its arguments move; a step within it is moved in what was recorded.

    >>> import wingbeat as wb
    >>> print(wb.explain("x=2*w+b; y=b+1; z=x*y", w=3, b=4).what_if(b=0.1))
    b+0.1: predicted z = 51.5 (+1.5), actual z = 51.51 (+1.51)
    """

    result: str
    nudges: tuple[tuple[str, float], ...]
    before: float
    after: float
    predicted: float
    actual: float
    recorded: float
    called: bool

    def __str__(self) -> str:
        moves = ", ".join(f"{name}{value:+.6g}" for name, value in self.nudges)
        predicted = f"predicted {self.result} = {show(self.before + self.predicted)}"
        return (
            f"{moves}: {predicted} ({self.predicted:+.6g}), "
            f"actual {self.result} = {show(self.after)} ({self.actual:+.6g})"
        )


def what_if(builder: Builder, model: Model, nudges: Mapping[str, float]) -> WhatIf:
    """Move nodes (every element alike) and compare.

    Raises:
        BadInput: a name is unknown, or a move no number.
        NotSupported: the result is no scalar; or Python decides otherwise where a step is moved, so
            that nobody knows what the function would do.
    """
    if not nudges:
        raise BadInput("what_if: name what moves, as in what_if(x=0.1)")
    if not builder.recording.known:
        raise BadInput("what_if: the inputs have no values")
    if builder.root.shape != ():
        raise NotSupported(f"what_if on a result of type {builder.root.type}; explain a scalar")
    by_name = {name: node for node, name in builder.names.items()}
    steps = {s.name: s for s in model.steps}
    moves: dict[str, float] = {}
    for name, value in nudges.items():
        if name not in by_name:
            raise BadInput(f"nothing is called {name}; known are {', '.join(by_name)}")
        if not by_name[name].type.inexact:
            raise BadInput(
                f"what_if: {name} is {by_name[name].type}; only floats are moved a little"
            )
        moves[name] = _change(name, value)
    predicted = 0.0
    for name, value in moves.items():
        g = steps[name].gradient
        if g is None and steps[name].why != "no path":
            raise BadInput(f"what_if: {name} has no gradient ({steps[name].why})")
        predicted += 0.0 if g is None else value * float(np.sum(g))
    recorded, turned = _replayed(builder, {by_name[name]: value for name, value in moves.items()})
    before = float(steps[model.result].value)  # type: ignore[arg-type]
    run = builder.recording
    called = run.again is not None and moves.keys() <= set(run.arguments)
    if turned and not called:
        raise NotSupported(
            f"what_if: with {', '.join(moves)} moved, Python decides otherwise"
            + (f" in {line_of(turned[0])}" if turned[0].site else "")
            + ", and what the function does then was not recorded; "
            + f"move its arguments ({', '.join(run.arguments)}) or move by less"
        )
    after = _called(builder, moves) if called else recorded
    pairs = tuple(moves.items())
    return WhatIf(model.result, pairs, before, after, predicted, after - before, recorded, called)


def _change(name: str, value: Any) -> float:
    try:
        change = float(value)
    except (TypeError, ValueError):
        change = math.nan
    if not math.isfinite(change):
        raise BadInput(f"what_if: {name} is moved by a finite number, as 0.1, not by {value!r}")
    return change


def _called(builder: Builder, moves: Mapping[str, float]) -> float:
    """What the function returns with some of its arguments moved."""
    run = builder.recording
    assert run.again is not None
    values: dict[str, Any] = {}
    for name in run.arguments:
        value = builder.known[run.inputs[name]]
        by = moves.get(name)
        values[name] = value if by is None else value + np.asarray(by, value.dtype)
    found = asarray(run.again(values))
    if found.shape != ():
        raise NotSupported(f"what_if: called again, the function returned {found.type}, no scalar")
    return float(found.numpy())


def _replayed(builder: Builder, moves: Mapping[Node, float]) -> tuple[float, list[Node]]:
    """The recorded result with every moved node shifted, and all that reads it following.

    With it come the decisions of Python's that are others then.
    """
    known: dict[Node, Node] = {}
    for node in builder.steps.heads:  # in order: a moved node may read another one
        if node in moves:
            rebuilt: Any = rewrite([node], lambda n: None, known)[node]
            known[node] = rebuilt + full(moves[node], node.type)
    run = builder.recording
    branches = list(run.trace.branches)
    new = rewrite([run.root, *branches], lambda n: None, known)
    wanted = (new[run.root], *branches, *(new[b] for b in branches))
    result, *decided = run_nodes(run.trace, wanted)
    pairs = zip(decided[: len(branches)], decided[len(branches) :], strict=True)
    turned = [b for b, (v, w) in zip(branches, pairs, strict=True) if not np.array_equal(v, w)]
    return float(result), turned
