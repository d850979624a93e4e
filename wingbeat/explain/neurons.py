"""A network neuron by neuron: what each is to blame for, and what each link sends back.

A layer is y = f(e), e = x W + b, or x W - b with thresholds. The blame d of a neuron is the
derivative of the result by what it puts out. Back along a link of weight w goes w times d f'(e);
blame that several links bring to one neuron is added; the gradient of a weight is d f'(e) x.

What a neuron puts out is what the next layer takes in, however many operations f is written in.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from wingbeat.api.tracing import Trace, run_nodes
from wingbeat.errors import BadInput, NotSupported
from wingbeat.explain._build import Builder
from wingbeat.explain.model import Model
from wingbeat.ir.node import Node, full
from wingbeat.ir.walk import depends, toposort
from wingbeat.transform import vjp

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

Array = Any
_SHAPES = ("alias", "reshape", "transpose", "broadcast", "cast")
_NO_ACTIVATIONS = ("neg", "pow", "abs")  # what errors and formulas go on with after a last layer


@dataclass(frozen=True)
class NeuronLayer:
    """One layer, for one sample, with n inputs and m neurons.

    Attributes:
        name: of the weights.
        source: what its inputs are: "input", or "neuron" of the layer before.
        x: what comes in, (n,).
        weight: from input i to neuron j, (n, m).
        e: what each neuron gathers, x W + b or x W - b, (m,).
        y: what it puts out, f(e), (m,); equal to e where no function follows.
        slope: f'(e), (m,).
        blame: d, the derivative of the result by y, (m,).
        delta: d f'(e), the derivative of the result by e, (m,).

    `sent` is w d f'(e) for each link, `weight_gradient` d f'(e) x for each weight, both (n, m).
    """

    name: str
    source: str
    x: Array
    weight: Array
    e: Array
    y: Array
    slope: Array
    blame: Array
    delta: Array

    @property
    def sent(self) -> Array:
        """What each link sends back."""
        return self.weight * self.delta

    @property
    def weight_gradient(self) -> Array:
        """The gradient of each weight."""
        return self.x[:, None] * self.delta


@dataclass(frozen=True)
class Neurons:
    """The layers of a network from the first to the last; prints as tables.

    >>> import wingbeat as wb
    >>> n = wb.nn.Sequential(wb.nn.Linear(2, 3), wb.nn.Sigmoid(), wb.nn.Linear(3, 1))
    >>> e = wb.explain(lambda n, x: wb.sum(n(x)))(n, np.ones((1, 2), "float32"))
    >>> [layer.weight.shape for layer in e.neurons().layers]
    [(2, 3), (3, 1)]
    """

    layers: tuple[NeuronLayer, ...]

    @property
    def links_are_all(self) -> bool:
        """Whether every blame is the sum of what the links to the next layer send back."""
        return all(
            below.blame.shape == above.x.shape
            and np.allclose(below.blame, above.sent.sum(axis=1), rtol=1e-4, atol=1e-30)
            for below, above in pairwise(self.layers)
        )

    def text(self, width: int = 80) -> str:
        """The tables as plain text."""
        from wingbeat.explain.terminal import neuron_parts, plain_text

        return plain_text(neuron_parts(self), width)

    def __str__(self) -> str:
        return self.text()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from wingbeat.explain.terminal import neuron_parts

        yield from neuron_parts(self)


def neurons(builder: Builder, model: Model, sample: int) -> Neurons:
    """Find the layers in the graph, and read their numbers."""
    order = toposort([builder.root])
    readers: dict[Node, list[Node]] = {}
    for node in order:
        for x in node.inputs:
            readers.setdefault(x, []).append(node)
    weights = {builder.new[x]: name for name, x in builder.recording.inputs.items()}
    moving = depends(order, [builder.new[x] for x in builder.wrt])
    products = [
        node
        for node in order
        if node.name == "contract" and node in moving and _weight(node, weights) is not None
    ]
    taken = [_taken(node, weights) for node in products]
    found = [_Layer(node, readers, weights, taken) for node in products]
    if not found:
        raise NotSupported(
            "neurons: no layer x @ W with a weight W of two axes is in this computation"
        )
    nodes = [n for layer in found for n in layer.nodes]
    gradients = [builder.gradients.get(layer.e) for layer in found]
    blames = [builder.gradients.get(layer.y) for layer in found]
    wanted = dict.fromkeys([*nodes, *(g for g in (*gradients, *blames) if g is not None)])
    if not builder.recording.known:
        raise NotSupported("neurons: the inputs have no values")
    trace: Trace = builder.recording.trace
    arrays = dict(zip(wanted, run_nodes(trace, tuple(wanted)), strict=True))
    layers: list[NeuronLayer] = []
    for layer, delta, blame in zip(found, gradients, blames, strict=True):
        if delta is not None:
            own = arrays.get(blame or layer.e)
            layers.append(layer.read(arrays, arrays[delta], own, sample, bool(layers)))
    return Neurons(tuple(layers))


def _weight(node: Node, weights: dict[Node, str]) -> tuple[int, Node] | None:
    """Which operand of a product is a matrix of weights, and the input that it is.

    Where both could be it is the second, as in x @ W.
    """
    for k in (1, 0):
        x = node.inputs[k]
        if not x.type.inexact or len(x.shape) != 2:
            continue
        while x not in weights and x.name in _SHAPES and x.inputs:
            x = x.inputs[0]
        if x in weights:
            return k, x
    return None


def _taken(product: Node, weights: dict[Node, str]) -> Node:
    """What a layer takes in."""
    found = _weight(product, weights)
    assert found is not None
    return product.inputs[1 - found[0]]


class _Layer:
    """The nodes of one layer: what comes in, the weights, e and y.

    `taken` is what all layers take in.
    """

    def __init__(
        self,
        product: Node,
        readers: dict[Node, list[Node]],
        weights: dict[Node, str],
        taken: list[Node],
    ) -> None:
        found = _weight(product, weights)
        assert found is not None
        place, matrix = found
        self.product, self.name = product, weights[matrix]
        self.x, self.w = product.inputs[1 - place], product.inputs[place]
        a = dict(product.attrs)
        own, other = (a["rhs"], a["lhs"]) if place else (a["lhs"], a["rhs"])
        self.turned = own[0] not in other  # the weights are (m, n)
        for e in self._gathered(readers):
            self.e, self.y = e, self._output(e, readers, taken)
            if self.y is not e:
                break
        self.slope = self._slope()
        self.nodes = [self.x, self.w, self.e, self.y, self.slope]

    def _only(self, node: Node, readers: dict[Node, list[Node]]) -> Node | None:
        found = set(readers.get(node, ()))
        return found.pop() if len(found) == 1 else None

    def _gathered(self, readers: dict[Node, list[Node]]) -> list[Node]:
        """What may be e, the likeliest first.

        A difference is one with a threshold only where a function follows: it may be an error.
        """
        plain = self._shaped(self.product, readers)
        follower = self._only(plain, readers)
        if follower is None or plain not in follower.inputs:
            return [plain]
        with_bias = self._shaped(follower, readers)
        if follower.name == "add":
            return [with_bias]
        less = follower.name == "sub" and follower.inputs[0] is plain
        return [with_bias, plain] if less else [plain]

    def _shaped(self, node: Node, readers: dict[Node, list[Node]]) -> Node:
        while (next_ := self._only(node, readers)) is not None and next_.name in _SHAPES:
            node = next_
        return node

    def _output(self, e: Node, readers: dict[Node, list[Node]], taken: list[Node]) -> Node:
        """What the layer puts out: what a layer takes in that is f(e), or one function of e."""
        ahead = _ahead(e, readers)
        for node in taken:
            if node in ahead and _is_function(node, e):
                return node
        after = self._only(e, readers)
        one = after is not None and after.name not in _NO_ACTIVATIONS and after.inputs == (e,)
        return after if after is not None and one and _is_function(after, e) else e

    def _slope(self) -> Node:
        """f'(e), by elements."""
        one = full(1, self.e.type)
        if self.y is self.e:
            return one
        (slope,) = vjp([self.y], [self.e], [full(1, self.y.type)])
        return one if slope is None else slope

    def read(
        self, arrays: dict[Node, Array], delta: Array, blame: Array | None, sample: int, later: bool
    ) -> NeuronLayer:
        """The numbers of one sample."""
        weight = arrays[self.w]
        weight = weight.T if self.turned else weight
        n, m = weight.shape
        x = _row(arrays[self.x], n, sample)
        e, y, slope, delta = (
            _row(v, m, sample) for v in (arrays[self.e], arrays[self.y], arrays[self.slope], delta)
        )
        own = delta if self.y is self.e or blame is None else _row(blame, m, sample)
        return NeuronLayer(
            self.name, "neuron" if later else "input", x, weight, e, y, slope, own, delta
        )


def _is_function(node: Node, of: Node) -> bool:
    """Whether a node is a function of each element of another, and of what does not read it."""
    between = depends(toposort([node], [of]), [of])
    return node in between and all(n is of or _by_elements(n) for n in between)


def _by_elements(node: Node) -> bool:
    family = None if node.op is None else node.op.family
    return family == "elementwise" or node.name in ("alias", "cast")


def _ahead(node: Node, readers: dict[Node, list[Node]]) -> set[Node]:
    """What a node reaches through functions of elements alone; a mean in between is not seen."""
    found, stack = {node}, [node]
    while stack:
        for reader in readers.get(stack.pop(), ()):
            if reader not in found and _by_elements(reader):
                found.add(reader)
                stack.append(reader)
    return found


def _row(array: Array, size: int, sample: int) -> Array:
    """The numbers of one sample: its row, where there are rows."""
    rows = np.reshape(array, (-1, size))
    if not -len(rows) <= sample < len(rows):
        raise BadInput(f"neurons: there is no sample {sample} among {len(rows)}")
    return rows[sample]
