"""What makes two graphs the same to the code generator, and two steps of a graph."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

import llvmlite

from wingbeat.backend.base import Graph
from wingbeat.backend.llvm.indices import Index, Var
from wingbeat.backend.llvm.target import Target
from wingbeat.ir.node import Primitive

# Fields of steps that hold positions of nodes; keys, where the field is a mapping.
POSITIONS = {"inline", "members", "node", "nodes", "position", "positions", "reads", "stored"}

PACKAGE = "wingbeat"
SOURCES = ("ir", "ops", "backend")  # what decides which code is made


def step_key(graph: Graph, step: Any) -> Any:
    """Equal for steps that are the same but for where in the graph they stand."""
    return _Renumbering(graph, step).key


class _Renumbering:
    """Positions and loop variables by the order in which they occur; anything else as it is.

    What is compared by identity stays itself, so that no two steps are equal by mistake.
    """

    def __init__(self, graph: Graph, step: Any) -> None:
        self._graph = graph
        # The fields of a product say all about it; nodes of a kernel mean what they compute.
        self._reads = {*step.reads} if hasattr(step, "nodes") else {*step.reads, step.node}
        self._number: dict[int, int] = {}
        self._variables: dict[Var, int] = {}
        self._meanings: list[Any] = []
        own = self._of(step)
        nodes = [self._position(k) for k in getattr(step, "nodes", ())]
        self.key = own, tuple(nodes), tuple(self._meanings)

    def _position(self, position: int) -> int:
        if position not in self._number:
            self._number[position] = len(self._number)
            node = self._graph.nodes[position]
            if position in self._reads or node.op is None:
                self._meanings.append((self._number[position], node.type))
            else:
                operands = tuple(map(self._position, self._graph.operands[position]))
                meaning = (self._number[position], node.type, node.op, node.attrs, operands)
                self._meanings.append(meaning)
        return self._number[position]

    def _of(self, value: Any, *, positions: bool = False) -> Any:
        match value:
            case int() if positions and not isinstance(value, bool):
                return self._position(value)
            case tuple():
                return tuple(self._of(v, positions=positions) for v in value)
            case Mapping():
                pairs = value.items()
                return tuple((self._of(k, positions=positions), self._of(v)) for k, v in pairs)
            case frozenset():
                return frozenset(self._of(v) for v in value)
            case Var():
                return Var, self._variables.setdefault(value, len(self._variables)), value.extent
            case Index():
                terms = frozenset((self._of(a), c) for a, c in value.terms.items())
                return Index, value.const, terms
            case _ if is_dataclass(value):
                mine = [(f.name, getattr(value, f.name)) for f in fields(value)]
                return type(value), *(self._of(v, positions=n in POSITIONS) for n, v in mine)
            case _:
                return value


def graph_key(graph: Graph, donated: Iterable[int], target: Target) -> str | None:
    """A name for the native code of a graph; None where it cannot be told what the code would be.

    Code depends on the rules of primitives. Those that Wingbeat ships are known by their source;
    what a rule that was written elsewhere says is not known, so it is not kept on disk.
    """
    ops = dict.fromkeys(node.op for node in graph.nodes if node.op)
    if not all(map(_is_shipped, ops)) or (maker := fingerprint()) is None:
        return None
    content = hashlib.sha256(maker.encode())
    content.update(repr((target, graph.outputs, tuple(donated))).encode())
    for node, xs in zip(graph.nodes, graph.operands, strict=True):
        what = (node.op.name, node.attrs) if node.op else ()  # a leaf's name is no structure
        content.update(repr((what, str(node.type), xs)).encode())
    return content.hexdigest()


@cache
def _is_shipped(op: Primitive) -> bool:
    """Whether `element` and the functions that it encloses are Wingbeat's own."""
    todo: list[Any] = [op.element, *(vars(op.sweep).values() if op.sweep else ())]
    seen: set[Any] = set()
    while todo:
        function = todo.pop()
        if not isinstance(function, FunctionType) or function in seen:
            continue
        if function.__module__.partition(".")[0] != PACKAGE:
            return False
        seen.add(function)
        todo += [cell.cell_contents for cell in function.__closure__ or ()]
    return True


@cache
def fingerprint() -> str | None:
    """A name for the code generator: a hash of its source; None where that cannot be read."""
    content = hashlib.sha256(llvmlite.__version__.encode())
    home = Path(__file__).parents[2]
    files = sorted(file for folder in SOURCES for file in (home / folder).rglob("*.py"))
    try:
        for file in files:
            content.update(file.relative_to(home).as_posix().encode())
            content.update(file.read_bytes())
    except OSError:
        return None
    return content.hexdigest() if files else None
