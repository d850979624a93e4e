"""The interpreter: one NumPy call per node. It answers at once, without a compiler."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from wingbeat.backend.base import Array, Graph, Run, StepFailed
from wingbeat.ir.node import Node

LARGE = 4096  # elements from which on fresh memory costs more than the call

Step = tuple[Callable[..., Array], tuple[int, ...], int, tuple[int, ...]]


def compile(graph: Graph) -> Run:
    """A list of calls, and after each what is no longer needed."""
    steps = _steps(graph)
    size, inputs, outputs = len(graph.nodes), graph.inputs, graph.outputs

    def run(arrays: Sequence[Array]) -> list[Array]:
        env: list[Any] = [None] * size
        for k, array in zip(inputs, arrays, strict=True):
            env[k] = array
        # Infinities and NaN are results like others; who wants to know where they arose asks.
        with np.errstate(all="ignore"):
            for function, xs, k, dead in steps:
                try:
                    env[k] = function(*[env[x] for x in xs])
                except Exception as error:
                    raise StepFailed(k, error) from error
                for x in dead:
                    env[x] = None
        return [frozen(env[k]) for k in outputs]

    return run


def _steps(graph: Graph) -> list[Step]:
    last, kept = graph.last_use(), {*graph.outputs, *graph.inputs}
    spent = _spendable(graph)
    steps: list[Step] = []
    for k, (node, xs) in enumerate(zip(graph.nodes, graph.operands, strict=True)):
        if node.op is None:
            continue
        function = reading(node)
        dead = tuple(x for x in set(xs) if last[x] == k and x not in kept)
        place = next((x for x in dead if x in spent and graph.nodes[x].type is node.type), None)
        if place is not None and isinstance(function, np.ufunc):
            function = partial(_into, function, xs.index(place))
        steps.append((function, xs, k, dead))
    return steps


def reading(node: Node) -> Callable[..., Array]:
    """What computes a node from the arrays of its operands."""
    assert node.op is not None
    return partial(node.op.numpy, **dict(node.attrs)) if node.attrs else node.op.numpy


def _spendable(graph: Graph) -> set[int]:
    """Large results that their last reader may overwrite: made by a ufunc and read by ufuncs only.

    A ufunc's result is an array of its own, and a ufunc hands out no view of an operand.
    """
    made = [n.op is not None and isinstance(n.op.numpy, np.ufunc) for n in graph.nodes]
    found = {k for k, n in enumerate(graph.nodes) if made[k] and n.type.size >= LARGE}
    for reader, xs in enumerate(graph.operands):
        if not made[reader]:
            found.difference_update(xs)
    return found


def _into(function: np.ufunc, place: int, *xs: Array) -> Array:
    return function(*xs, out=xs[place])


def frozen(value: Any) -> Array:
    """Tensors are values, so what stands behind them cannot be written to.

    The array itself may be an input, which stays as its owner wants it: a view is made read-only.
    """
    array = np.asarray(value)
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    return array
