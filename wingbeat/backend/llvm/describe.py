"""A plan as text: what is computed together, where values lie, and what is called."""

from __future__ import annotations

from collections.abc import Iterator

from wingbeat.backend.base import Graph
from wingbeat.backend.cost import size
from wingbeat.backend.llvm.library import Library
from wingbeat.backend.llvm.lowering import Lowered, chunk
from wingbeat.backend.llvm.partition import Kernel, Step
from wingbeat.backend.llvm.steps import Call
from wingbeat.ir.text import names


def plan(graph: Graph, lowered: Lowered) -> str:
    """The steps, each with its nodes and their places. Nodes are named as in the graph's text."""
    return "\n".join(_Description(graph, lowered).lines()) + "\n"


class _Description:
    def __init__(self, graph: Graph, lowered: Lowered) -> None:
        self._graph, self._lowered = graph, lowered
        self._names = names(graph.nodes)
        for node in graph.nodes:
            if node.op is not None:
                self._names[node] = f"%{len(self._names) - len(graph.inputs)}"
        self._readers: dict[int, list[int]] = {}
        for number, step in enumerate(lowered.plan.steps):
            for position in step.reads:
                alias = lowered.plan.aliases.get(position)
                memory = alias.of if alias else position
                self._readers.setdefault(memory, []).append(number)

    def lines(self) -> Iterator[str]:
        steps, layout = self._lowered.plan.steps, self._lowered.layout
        functions = {call.function for e in self._lowered.emitted for call in e.calls}
        yield (
            f"{len(steps)} steps, {len(functions)} functions, "
            f"arena of {layout.arena} bytes of which {layout.live} are in use at once"
        )
        for number, step in enumerate(steps):
            yield from self._step(number, step)
        for position in self._graph.outputs:
            yield f"output {self._name(position)}: {self._place(position)}"

    def _step(self, number: int, step: Step) -> Iterator[str]:
        kind = type(step).__name__.lower()
        over = f" over {step.space}" if isinstance(step, Kernel) else ""
        yield f"step {number}: {kind}{over}, reads {self._list(step.reads) or 'nothing'}"
        for position in getattr(step, "nodes", (*getattr(step, "through", ()), step.stored[0])):
            fate = self._fate(step, position)
            yield f"    {self._name(position)} = {self._operation(position)}: {fate}"
        emitted = self._lowered.emitted[number]
        if emitted.scratch:
            yield f"    scratch of {emitted.scratch} bytes"
        if isinstance(step, Library):
            yield f"    {self._graph.nodes[step.node].name}: by NumPy, between kernels"
            for position in filter(self._lowered.plan.aliases.get, step.reads):
                what = f"{self._name(position)} = {self._operation(position)}"
                yield f"    {what}: as it lies, {self._place(position)}"
        for call in emitted.calls:
            yield f"    {_call(call)}"

    def _name(self, position: int) -> str:
        return self._names[self._graph.nodes[position]]

    def _list(self, positions: tuple[int, ...]) -> str:
        return ", ".join(map(self._name, positions))

    def _operation(self, position: int) -> str:
        node = self._graph.nodes[position]
        operands = self._list(self._graph.operands[position])
        return f"{node.name}({operands}) : {node.type}"

    def _fate(self, step: Step, position: int) -> str:
        """Whether a value gets a place in memory: where, and for whom."""
        if position not in step.stored:
            return "in registers"
        readers = [f"step {k}" for k in self._readers.get(position, ())]
        if position in self._graph.outputs:
            readers.append("the caller")
        return f"stored for {', '.join(readers) or 'an output'}, {self._place(position)}"

    def _place(self, position: int) -> str:
        place = self._lowered.layout.places[position]
        inputs, type_ = self._graph.inputs, self._graph.nodes[position].type
        if place.array is None:
            where = "arena"
        elif place.array < len(inputs):
            where = f"array of {self._name(inputs[place.array])}"
        else:
            where = f"new array {place.array - len(inputs)}"
        return f"{size(type_)} bytes at {place.offset} of the {where}"


def _call(call: Call) -> str:
    units = chunk(call)
    shared = f", in chunks of {units}" if units < call.units else ""
    return f"{call.function}: {call.units} units, about {call.work / 1000:.3g} us{shared}"
