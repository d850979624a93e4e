"""Where a graph has layers y = f(e), e = x W + b, or x W - b with thresholds.

What a neuron puts out is what the next layer takes in, however many operations f is written in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from heapq import heappop, heappush

from wingbeat.explain._activations import activation
from wingbeat.explain._build import Builder
from wingbeat.ir.node import Node, full
from wingbeat.ir.walk import depends, toposort
from wingbeat.transform import vjp

_SHAPES = ("alias", "reshape", "transpose", "broadcast", "cast")
_NO_ACTIVATIONS = ("neg", "pow", "abs")  # what errors and formulas go on with after a last layer


def layers_in(builder: Builder) -> list[FoundLayer]:
    """The layers, in order of execution."""
    graph = Graph(toposort([builder.root]))
    weights = {builder.new[x]: name for name, x in builder.recording.inputs.items()}
    moving = depends(graph.order, [builder.new[x] for x in builder.wrt])
    places = {
        node: place
        for node in graph.order
        if node.name == "contract"
        and node in moving
        and (place := _weight_place(node, weights)) is not None
    }
    taken = {node.inputs[1 - place] for node, place in places.items()}
    return [FoundLayer(node, place, weights, graph, taken) for node, place in places.items()]


class Graph:
    """The nodes in order, and who reads them."""

    def __init__(self, order: Sequence[Node]) -> None:
        self.order = order
        self.readers: dict[Node, list[Node]] = {node: [] for node in order}
        self._place = {node: k for k, node in enumerate(order)}
        for node in order:
            for x in dict.fromkeys(node.inputs):
                self.readers[x].append(node)

    def only_reader(self, node: Node) -> Node | None:
        """The one node that reads this one."""
        readers = self.readers[node]
        return readers[0] if len(readers) == 1 else None

    def shaped(self, node: Node) -> Node:
        """The node behind what only gives another shape to it."""
        while (next_ := self.only_reader(node)) is not None and next_.name in _SHAPES:
            node = next_
        return node

    def functions(self, of: Node) -> Iterator[Node]:
        """What is a function of each element of a node, and of what does not read it, in order."""
        behind, functions = {of}, {of}
        waiting = [(self._place[of], of)]
        yield of
        while waiting:
            _, node = heappop(waiting)
            reads = behind.intersection(node.inputs)
            if node is not of and _by_elements(node) and functions.issuperset(reads):
                functions.add(node)
                yield node
            for reader in self.readers[node]:
                if reader not in behind:
                    behind.add(reader)
                    heappush(waiting, (self._place[reader], reader))


def _weight_place(node: Node, weights: Mapping[Node, str]) -> int | None:
    """Which operand of a product is a matrix of weights.

    Where both could be it is the second, as in x @ W.
    """
    for k in (1, 0):
        x = node.inputs[k]
        if x.type.inexact and len(x.shape) == 2 and _unshaped(x, weights) in weights:
            return k
    return None


def _unshaped(x: Node, weights: Mapping[Node, str]) -> Node:
    """The input that an operand is, but for its shape."""
    while x not in weights and x.name in _SHAPES and x.inputs:
        x = x.inputs[0]
    return x


class FoundLayer:
    """The nodes of one layer: what comes in, the weights, e, y and f'(e).

    `taken` is what all layers take in; `turned` says that the weights are (m, n).
    """

    def __init__(
        self,
        product: Node,
        place: int,
        weights: Mapping[Node, str],
        graph: Graph,
        taken: set[Node],
    ) -> None:
        self.x, self.w = product.inputs[1 - place], product.inputs[place]
        self.name = weights[_unshaped(self.w, weights)]
        a = dict(product.attrs)
        own, other = (a["rhs"], a["lhs"]) if place else (a["lhs"], a["rhs"])
        self.turned = own[0] not in other
        for e in _gathered(product, graph):
            self.e, self.y = e, _output(e, graph, taken)
            if self.y is not e:
                break
        self.slope = _slope(self.e, self.y)
        self.nodes = [self.x, self.w, self.e, self.y, self.slope]


def _gathered(product: Node, graph: Graph) -> list[Node]:
    """What may be e, the likeliest first.

    A difference is one with a threshold only where a function follows: it may be an error.
    """
    plain = graph.shaped(product)
    follower = graph.only_reader(plain)
    if follower is None:
        return [plain]
    with_bias = graph.shaped(follower)
    if follower.name == "add":
        return [with_bias]
    less = follower.name == "sub" and follower.inputs[0] is plain
    return [with_bias, plain] if less else [plain]


def _output(e: Node, graph: Graph, taken: set[Node]) -> Node:
    """What the layer puts out: what a layer takes in that is f(e), or one function of e."""
    for node in graph.functions(e):
        if node in taken:
            return node
    if (known := activation(e, graph.functions(e), graph.readers)) is not None:
        return known
    after = graph.only_reader(e)
    if after is None or after.name in _NO_ACTIVATIONS or after.inputs != (e,):
        return e
    return after if _by_elements(after) else e


def _slope(e: Node, y: Node) -> Node:
    """f'(e), by elements."""
    one = full(1, e.type)
    if y is e:
        return one
    (slope,) = vjp([y], [e], [full(1, y.type)])
    return one if slope is None else slope


def _by_elements(node: Node) -> bool:
    family = None if node.op is None else node.op.family
    return family == "elementwise" or node.name in ("alias", "cast", "where")
