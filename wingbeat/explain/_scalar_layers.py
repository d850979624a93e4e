"""Where a graph of single numbers has neurons y = f(e), e = w1 x1 + w2 x2 + ..., or thresholds.

A weight is an input that one product alone reads. Neurons that take in the same are a layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wingbeat.explain._activations import activation
from wingbeat.explain._build import Builder
from wingbeat.explain._found_layers import Graph
from wingbeat.ir.node import Node, full
from wingbeat.ir.walk import toposort
from wingbeat.transform import vjp

_SUMS = ("add", "sub")
_NO_ACTIVATIONS = ("neg", "abs", "square", "alias", "cast")
_LEAST = 2  # links of a neuron; a function of one product is rarely meant as one


@dataclass(frozen=True)
class ScalarNeuron:
    """One neuron: its links by what comes in, what it gathers and puts out, and f'(e)."""

    links: Mapping[Node, Node]  # from x to the weight
    e: Node
    y: Node
    slope: Node


@dataclass(frozen=True)
class ScalarLayer:
    """Neurons that take in the same; `first` where all of that is given."""

    name: str
    xs: tuple[Node, ...]
    neurons: tuple[ScalarNeuron, ...]
    first: bool


def scalar_layers(builder: Builder) -> list[ScalarLayer]:
    """The layers of a graph of single numbers, in order of execution."""
    if not builder.scalar:
        return []
    found = _Finder(builder)
    layers: dict[tuple[Node, ...], list[ScalarNeuron]] = {}
    for node in found.order:
        if (neuron := found.written_out(node) or found.neuron(node)) is not None:
            xs = tuple(sorted(neuron.links, key=found.place.__getitem__))
            layers.setdefault(xs, []).append(neuron)
    return [
        ScalarLayer(found.name(own), xs, tuple(own), all(x in found.inputs for x in xs))
        for xs, own in layers.items()
    ]


class _Finder:
    def __init__(self, builder: Builder) -> None:
        self.inputs = {builder.new[x]: name for name, x in builder.recording.inputs.items()}
        self.order = toposort([builder.root], stops=self.inputs)
        self.place = {node: k for k, node in enumerate(self.order)}
        self._asked = {builder.new[x] for x in builder.wrt}
        self._reached = builder.gradients
        self._graph = Graph(toposort([builder.root]))
        self._taken: set[Node] = set()  # sums that a function of several operations follows
        self._read: dict[Node, int] = {}
        for node in self.order:
            for x in node.inputs if node not in self.inputs else ():
                self._read[x] = self._read.get(x, 0) + 1

    def name(self, neurons: list[ScalarNeuron]) -> str:
        """What the first weight is called without its number."""
        name = self.inputs[next(iter(neurons[0].links.values()))]
        return name.rstrip("0123456789_[].") or name

    def neuron(self, y: Node) -> ScalarNeuron | None:
        """The neuron that puts out `y`, where it is one."""
        if y in self.inputs or len(y.inputs) != 1 or y.name in _NO_ACTIVATIONS:
            return None
        (e,) = y.inputs
        links = self._gathered(e)
        return None if not links or self._named(e) in self._taken else _neuron(links, e, y)

    def written_out(self, e: Node) -> ScalarNeuron | None:
        """The neuron that gathers `e`, where its function is written in several operations."""
        links = self._gathered(e) if e.name in _SUMS else {}
        if not links:
            return None
        y = activation(e, self._graph.functions(e), self._graph.readers)
        if y is None or (len(y.inputs) == 1 and self._named(y.inputs[0]) is e):
            return None
        self._taken.add(e)
        return _neuron(links, e, y)

    def _gathered(self, e: Node) -> dict[Node, Node]:
        """The links whose products are summed in `e`; none where it is no sum of a neuron."""
        links = self._links(e) if e in self._reached and e not in self.inputs else None
        return links if links is not None and len(links) >= _LEAST else {}

    def _links(self, e: Node) -> dict[Node, Node] | None:
        """The products that are summed in `e`; None where something else is, but for thresholds."""
        links: dict[Node, Node] = {}
        stack = [e]
        while stack:
            term = self._named(stack.pop())
            if term.name == "sub" and self._named(term.inputs[1]) not in self.inputs:
                return None  # a product that is taken off
            if term.name in _SUMS and term not in self.inputs:
                stack += term.inputs
            elif (link := self._link(term)) is not None:
                links[link[0]] = link[1]
            elif term not in self.inputs:
                return None
        return links

    def _link(self, term: Node) -> tuple[Node, Node] | None:
        """What comes in, and the weight: of two that could be one, that which is read once."""
        if term in self.inputs or term.name != "mul":
            return None
        a, b = map(self._named, term.inputs)
        for weight, x in sorted(((a, b), (b, a)), key=lambda pair: -self._read.get(pair[1], 0)):
            if weight in self._asked and self._read.get(weight) == 1 and x is not weight:
                return x, weight
        return None

    def _named(self, node: Node) -> Node:
        """The operation behind a statement's name."""
        while node.name == "alias" and node not in self.inputs:
            node = node.inputs[0]
        return node


def _neuron(links: Mapping[Node, Node], e: Node, y: Node) -> ScalarNeuron | None:
    (slope,) = vjp([y], [e], [full(1, y.type)])
    return None if slope is None else ScalarNeuron(links, e, y, slope)
