"""Steps that NumPy computes: a node's own `numpy` over the program's buffers, as the interpreter.

Native code ends before such a step, and what follows is another native function: a program is a
row of stages, of which each runs operations of NumPy first and native code then. Between them the
program is plain Python: errors and Ctrl-C come as they do anywhere else. Object code on disk holds
nothing of it; which nodes these are, and where their operands lie, is beside it as numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wingbeat.backend.base import Array, Graph, StepFailed
from wingbeat.backend.llvm.buffers import Place
from wingbeat.backend.llvm.headers import Description
from wingbeat.backend.numpy import reading
from wingbeat.ir.types import TensorType


@dataclass(frozen=True)
class Library:
    """A node that NumPy computes: sort, solve."""

    node: int
    reads: tuple[int, ...]

    @property
    def stored(self) -> tuple[int, ...]:
        return (self.node,)


Enter = Callable[[tuple[Any, ...]], int]
Operation = Callable[[Array, Sequence[Array]], None]


def facts(graph: Graph, node: int, places: Mapping[int, Place]) -> list[Any]:
    """Where `operation` finds what it needs, as JSON can hold it."""
    return [node, *([places[k].array, places[k].offset] for k in (*graph.operands[node], node))]


def operation(graph: Graph, facts: Sequence[Any]) -> Operation:
    """Computes a node from an arena and arrays: those of the caller, then the new ones.

    Raises `StepFailed` for whatever NumPy raises.
    """
    number, *places = facts
    node = graph.nodes[number]
    function = reading(node)
    types = [graph.nodes[k].type for k in (*graph.operands[number], number)]
    parts = [(*place, type_) for place, type_ in zip(places, types, strict=True)]

    def run(arena: Array, arrays: Sequence[Array]) -> None:
        *xs, z = [
            part(arena if array is None else arrays[array], offset, type_)
            for array, offset, type_ in parts
        ]
        try:
            np.copyto(z, function(*xs), casting="equiv")
        except Exception as error:
            raise StepFailed(number, error) from error

    return run


def part(array: Array, offset: int, type_: TensorType) -> Array:
    """The tensor that begins `offset` bytes behind the beginning of a contiguous array."""
    return np.ndarray(type_.shape, type_.dtype, array, offset)


class Stage:
    """Operations, and the native code behind them, if there is any."""

    def __init__(self, graph: Graph, rows: Sequence[Any], native: Description | None) -> None:
        self.operations = [operation(graph, row) for row in rows]
        self.native = native  # which is alive as long as this is
        self.words = None if native is None else native.words


def following(
    stages: Sequence[Stage], enter: Enter, inputs: int
) -> Callable[..., int | StepFailed]:
    """Runs stages, from an arena and arrays; the answer is what the first one says that fails.

    Arrays behind the `inputs` are results: nobody may write to them afterwards.
    """

    def run(arena: Array, arrays: Sequence[Array]) -> int | StepFailed:
        try:
            with np.errstate(all="ignore"):  # as on the interpreter
                for stage in stages:
                    for operation in stage.operations:
                        operation(arena, arrays)
                    words = stage.words
                    if words is not None and (status := enter((words, arena, *arrays))):
                        return status
        except StepFailed as failure:
            return failure
        for array in arrays[inputs:]:
            array.setflags(False)  # tensors are values
        return 0

    return run
