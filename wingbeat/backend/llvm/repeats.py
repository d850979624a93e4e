"""Steps of a graph that are the same but for where they stand: one function serves them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from wingbeat.backend.base import Graph
from wingbeat.backend.llvm.indices import Index, Var

# Fields of steps that hold positions of nodes; keys, where the field is a mapping.
POSITIONS = {"inline", "members", "node", "nodes", "position", "positions", "reads", "stored"}


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
                mine = [(f.name, getattr(value, f.name)) for f in fields(value) if f.compare]
                return type(value), *(self._of(v, positions=n in POSITIONS) for n, v in mine)
            case _:
                return value
