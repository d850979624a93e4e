"""Programs: graphs made ready to run, cached by structure.

Two graphs of the same operations, types and wiring are one program, whatever their call sites and
whatever data stands behind their leaves; the second of them plans nothing.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from wingbeat.errors import BadInput, InvalidGraph
from wingbeat.ir.node import Node
from wingbeat.ir.walk import toposort

K = TypeVar("K")
V = TypeVar("V")
Array = Any
Run = Callable[[Sequence[Array]], list[Array]]
BACKENDS = ("numpy", "reference")
CAPACITY = 4096  # programs kept; the least recently used goes first


class StepFailed(Exception):
    """A step of a program raised; `step` is its position among the program's nodes."""

    def __init__(self, step: int, cause: Exception) -> None:
        super().__init__(str(cause))
        self.step = step
        self.cause = cause


@dataclass(frozen=True)
class Graph:
    """What a backend sees: nodes in order of execution, and which are inputs and results."""

    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operands: tuple[tuple[int, ...], ...]  # positions of each node's inputs

    def last_use(self) -> list[int]:
        """The position of the last reader of each node; its own position where nobody reads it."""
        last = list(range(len(self.nodes)))
        for k, xs in enumerate(self.operands):
            for x in xs:
                last[x] = k
        return last


class Backend(Protocol):
    """Turns a graph into something that runs: `compile` is called once per structure."""

    def compile(self, graph: Graph) -> Run: ...


@dataclass(frozen=True)
class Program:
    """A graph and the function that runs it."""

    graph: Graph
    run: Run


class Cache(Generic[K, V]):
    """A bounded table, safe for several threads."""

    def __init__(self, capacity: int) -> None:
        self._items: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()
        self._capacity = capacity

    def get(self, key: K) -> V | None:
        with self._lock:
            if (found := self._items.get(key)) is not None:
                self._items.move_to_end(key)
            return found

    def put(self, key: K, value: V) -> V:
        with self._lock:
            kept = self._items.setdefault(key, value)
            if len(self._items) > self._capacity:
                self._items.popitem(last=False)
            return kept

    def clear(self) -> None:
        with self._lock:
            self._items.clear()

    def __len__(self) -> int:
        return len(self._items)


_programs: Cache[Any, Program] = Cache(CAPACITY)
_backends: dict[str, Backend] = {}


def chosen() -> str:
    """The name of the backend in use: `WINGBEAT_BACKEND`, else numpy."""
    name = os.environ.get("WINGBEAT_BACKEND", "numpy")
    if name not in BACKENDS:
        raise BadInput(f"WINGBEAT_BACKEND={name!r} is unknown; use one of {', '.join(BACKENDS)}")
    return name


def load(name: str) -> Backend:
    """The backend module of this name."""
    if name not in _backends:
        module: Any = importlib.import_module(f"wingbeat.backend.{name}")
        _backends[name] = module
    return _backends[name]


def program(roots: Sequence[Node], backend: str = "") -> tuple[Program, list[Node]]:
    """A program that computes `roots`, and its nodes in order; leaves are its inputs.

    The graph must be free of composites. The nodes returned are those of `roots`' own graph, in the
    same order as the program's, which may have been made from another graph of the same structure.
    """
    name = backend or chosen()
    order = toposort(roots)
    key, graph = _canonical(order, roots)
    if (known := _programs.get((name, key))) is not None:
        return known, order
    return _programs.put((name, key), Program(graph, load(name).compile(graph))), order


def _canonical(order: list[Node], roots: Sequence[Node]) -> tuple[Any, Graph]:
    position = {node: k for k, node in enumerate(order)}
    operands = tuple(tuple(position[x] for x in node.inputs) for node in order)
    outputs = tuple(position[r] for r in roots)
    structure: list[Any] = [outputs]
    for node, xs in zip(order, operands, strict=True):
        if node.op is None:
            structure.append(node.type)
            continue
        if node.op.expand is not None:
            raise InvalidGraph(f"composite {node.op.name} reached a backend; inline it first")
        structure.append((node.op, node.attrs, xs))
    inputs = tuple(k for k, node in enumerate(order) if node.op is None)
    return tuple(structure), Graph(tuple(order), inputs, outputs, operands)


def clear_programs() -> None:
    """Forget every program."""
    _programs.clear()
