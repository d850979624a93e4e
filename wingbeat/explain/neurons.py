"""A network neuron by neuron: what each is to blame for, and what each link sends back.

A layer is y = f(e), e = x W + b, or x W - b with thresholds. The blame d of a neuron is the
derivative of the result by what it puts out. Back along a link of weight w goes w times d f'(e);
blame that several links bring to one neuron is added; the gradient of a weight is d f'(e) x.
Neurons may also be written one by one, with single numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from wingbeat.api.running import run_nodes
from wingbeat.errors import BadInput, NotSupported
from wingbeat.explain._build import Builder
from wingbeat.explain._found_layers import FoundLayer, layers_in
from wingbeat.explain._given import whole
from wingbeat.explain._numbers import show
from wingbeat.explain._scalar_layers import ScalarLayer, scalar_layers
from wingbeat.explain.parts import Column, Detail, Grid, Heading, Paragraph, Part
from wingbeat.explain.shown import Shown
from wingbeat.explain.words import Said, say
from wingbeat.ir.node import Node

Array = Any
MOST_ROWS = 60  # of a layer's neurons and links; what is left out is counted
SHORT = 24  # neurons and links that a page shows unasked


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

    def neurons_grid(self) -> Grid:
        """A row for each neuron."""
        heads = ("e", "f(e)", "f'(e)", say("blame"), "d f'(e)")
        columns = [Column(say("neuron")), *(Column(head, True) for head in heads)]
        numbers = zip(self.e, self.y, self.slope, self.blame, self.delta, strict=True)
        rows = ((say("neuron j", j=j), *map(_shown, row)) for j, row in enumerate(numbers, 1))
        return Grid(say("neurons of", name=self.name), columns, rows, len(self.e), most=MOST_ROWS)

    def links_grid(self) -> Grid:
        """A row for each link."""
        heads = (say("weight"), say("sent back"), say("weight gradient"))
        columns = [Column(say("link")), *(Column(head, True) for head in heads)]
        sent, gradient = self.sent, self.weight_gradient
        rows = (
            (self._link(*at), *(_shown(v[at]) for v in (self.weight, sent, gradient)))
            for at in np.ndindex(*self.weight.shape)
        )
        size = self.weight.size
        return Grid(say("links of", name=self.name), columns, rows, size, most=MOST_ROWS)

    def _link(self, i: int, j: int) -> Said:
        return say(f"link from {self.source}", i=i + 1, j=j + 1)


def _shown(value: Any) -> str:
    return show(float(value), 5)


@dataclass(frozen=True, repr=False)
class Neurons(Shown):
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

    def parts(self) -> Iterator[Part]:
        """The blame of each neuron, from the last layer to the first, then of each link."""
        yield Heading(say("neurons"))
        yield Paragraph(say("blame means"))
        if not self.links_are_all:
            yield Paragraph(say("blame on other ways"))
        for layer in reversed(self.layers):
            inside = [layer.neurons_grid(), layer.links_grid()]
            short = layer.weight.size + len(layer.e) <= SHORT
            yield Detail(say("layer", name=layer.name), inside, short)


def neurons(builder: Builder, sample: int) -> Neurons:
    """Find the layers in the graph, and read their numbers."""
    sample = whole(sample, "neurons: the sample")
    found, scalars = layers_in(builder), scalar_layers(builder)
    if not found and not scalars:
        raise NotSupported(
            "neurons: no layer x @ W with a weight W of two axes is in this computation, and no "
            "neuron f(w1*x1 + w2*x2 + ...) of single numbers"
        )
    if not builder.recording.known:
        raise NotSupported("neurons: the inputs have no values")
    if scalars:
        return _of_scalars(builder, scalars, sample)
    gradients = [builder.gradients.get(layer.e) for layer in found]
    blames = [builder.gradients.get(layer.y) for layer in found]
    nodes = [*(n for layer in found for n in layer.nodes), *gradients, *blames]
    wanted = tuple(dict.fromkeys(n for n in nodes if n is not None))
    arrays = dict(zip(wanted, run_nodes(builder.recording.trace, wanted), strict=True))
    layers: list[NeuronLayer] = []
    for layer, delta, blame in zip(found, gradients, blames, strict=True):
        if delta is not None:
            own = arrays.get(blame or layer.e)
            source = "neuron" if layers else "input"
            layers.append(_read(layer, arrays, arrays[delta], own, sample, source))
    return Neurons(tuple(layers))


def _of_scalars(builder: Builder, found: Sequence[ScalarLayer], sample: int) -> Neurons:
    """The numbers of neurons that are written one by one; there is one sample of them."""
    sweep, owned = builder.gradients, [n for layer in found for n in layer.neurons]
    nodes = [node for n in owned for node in (*n.links, *n.links.values(), n.e, n.y, n.slope)]
    wanted = tuple(dict.fromkeys([*nodes, *(g for n in owned for g in (sweep[n.e], sweep[n.y]))]))
    arrays = dict(zip(wanted, run_nodes(builder.recording.trace, wanted), strict=True))

    def row(nodes: Iterable[Node]) -> Array:
        values = np.array([arrays[node] for node in nodes])
        return _sample(values, len(values), sample)

    return Neurons(
        tuple(
            NeuronLayer(
                layer.name,
                "input" if layer.first else "neuron",
                row(layer.xs),
                np.array([[arrays[n.links[x]] for n in layer.neurons] for x in layer.xs]),
                row(n.e for n in layer.neurons),
                row(n.y for n in layer.neurons),
                row(n.slope for n in layer.neurons),
                row(sweep[n.y] for n in layer.neurons),
                row(sweep[n.e] for n in layer.neurons),
            )
            for layer in found
        )
    )


def _read(
    layer: FoundLayer,
    arrays: dict[Node, Array],
    delta: Array,
    blame: Array | None,
    sample: int,
    source: str,
) -> NeuronLayer:
    """The numbers of one sample."""
    weight = arrays[layer.w]
    weight = weight.T if layer.turned else weight
    n, m = weight.shape
    x = _sample(arrays[layer.x], n, sample)
    numbers = (arrays[layer.e], arrays[layer.y], arrays[layer.slope], delta)
    e, y, slope, delta = (_sample(v, m, sample) for v in numbers)
    own = delta if layer.y is layer.e or blame is None else _sample(blame, m, sample)
    return NeuronLayer(layer.name, source, x, weight, e, y, slope, own, delta)


def _sample(array: Array, size: int, sample: int) -> Array:
    """The numbers of one sample: its row, where there are rows."""
    rows = np.reshape(array, (-1, size))
    if not -len(rows) <= sample < len(rows):
        raise BadInput(f"neurons: there is no sample {sample} among {len(rows)}")
    return rows[sample]
