"""The interpreter: one NumPy call per node. It answers at once, so it runs a graph's first evaluation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from wingbeat.backend.base import Array, Graph, Run, StepFailed

Step = tuple[Callable[..., Array], tuple[int, ...], int, tuple[int, ...]]


def compile(graph: Graph) -> Run:
    """A list of calls, and after each what is no longer needed."""
    steps = _steps(graph)
    size, inputs, outputs = len(graph.nodes), graph.inputs, graph.outputs

    def run(arrays: Sequence[Array]) -> list[Array]:
        env: list[Any] = [None] * size
        for k, array in zip(inputs, arrays, strict=True):
            env[k] = array
        # Infinities and NaN are results like others; who wants to know where they arose asks for it.
        with np.errstate(all="ignore"):
            for function, xs, k, dead in steps:
                try:
                    env[k] = function(*[env[x] for x in xs])
                except Exception as error:
                    raise StepFailed(k, error) from error
                for x in dead:
                    env[x] = None
        return [_frozen(env[k]) for k in outputs]

    return run


def _steps(graph: Graph) -> list[Step]:
    last, kept = graph.last_use(), {*graph.outputs, *graph.inputs}
    steps: list[Step] = []
    for k, (node, xs) in enumerate(zip(graph.nodes, graph.operands, strict=True)):
        if node.op is None:
            continue
        function = partial(node.op.numpy, **dict(node.attrs)) if node.attrs else node.op.numpy
        dead = tuple(x for x in set(xs) if last[x] == k and x not in kept)
        steps.append((function, xs, k, dead))
    return steps


def _frozen(value: Any) -> Array:
    """Tensors are values, so what stands behind them cannot be written to."""
    array = np.asarray(value)
    if array.flags.writeable:
        array.flags.writeable = False
    return array
