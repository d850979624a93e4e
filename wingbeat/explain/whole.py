"""An explanation from its beginning to its end, as a page and as a terminal have room for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wingbeat.errors import NotSupported
from wingbeat.explain import pieces
from wingbeat.explain.neurons import Neurons
from wingbeat.explain.parts import Heading, Part
from wingbeat.explain.pieces import Limits
from wingbeat.explain.terminal import MOST_ROWS
from wingbeat.explain.words import say

if TYPE_CHECKING:
    from wingbeat.explain._explanation import Explanation

_PAGE = Limits(paths=12, equations=120, lines=None, latex=True)
_TERMINAL = Limits(paths=8, equations=40, lines=40, latex=False)
MOST_MOVES = 300  # of both sweeps
MOST_ROUTED = 3  # variables whose gradient is split by modules
MOST_LAYERS = 12  # that are shown neuron by neuron
MOST_LINKS = 60  # that a terminal shows unasked
LARGE = 2000  # steps; of more, neither routes nor neurons are looked for unasked


def on_page(explanation: Explanation) -> Iterator[Part]:
    """Everything, with drawings."""
    model = explanation.model
    yield from pieces.drawings(model)
    yield from pieces.notes(model)
    yield from pieces.matters(explanation)
    yield from pieces.matrix(explanation, _PAGE)
    yield from pieces.whys(explanation, _PAGE)
    if len(model.steps) + sum(s.gradient is not None for s in model.steps) <= MOST_MOVES:
        yield Heading(say("steps"))
        yield from explanation.sweeps().parts()
    if layers := explanation.layers():
        yield from layers.parts()
    yield from _routes(explanation)
    if (neurons := _neurons(explanation)) is not None:
        yield from neurons.parts()
    yield Heading(say("cost"))
    yield from explanation.cost().parts()
    yield pieces.nodes(model, model.steps)
    yield from pieces.edges(model)


def in_terminal(explanation: Explanation) -> Iterator[Part]:
    """What can be read there at once; of a network also what comes through which modules."""
    model = explanation.model
    if model.tree.groups() and len(model.steps) > MOST_ROWS:
        outside = {m for m in model.tree.members if isinstance(m, str)}
        yield pieces.nodes(model, [s for s in model.steps if s.name in outside])
        yield from explanation.layers().parts()
    else:
        yield pieces.nodes(model, model.steps)
        yield from pieces.edges(model)
    yield from pieces.matrix(explanation, _TERMINAL)
    yield from pieces.whys(explanation, _TERMINAL)
    yield from pieces.matters(explanation)
    if not model.scalar:
        yield from _of_network(explanation)
    yield from pieces.notes(model)


def _of_network(explanation: Explanation) -> Iterator[Part]:
    yield from _routes(explanation)
    neurons = _neurons(explanation)
    if neurons is not None and sum(layer.weight.size for layer in neurons.layers) <= MOST_LINKS:
        yield from neurons.parts()
    yield from explanation.cost().summary()


def _routes(explanation: Explanation) -> Iterator[Part]:
    """Of what the modules are given, where some path crosses and some path skips a module."""
    model = explanation.model
    if len(model.steps) > LARGE or not model.tree.groups():
        return
    outside = set(model.tree.members)
    asked = [n for n in model.wrt if n in outside and explanation.step(n).gradient is not None]
    found = [explanation.routes(name) for name in asked[:MOST_ROUTED]]
    split = [routes for routes in found if routes.modules]
    if split:
        yield Heading(say("routes"))
    for routes in split:
        yield from routes.parts()


def _neurons(explanation: Explanation) -> Neurons | None:
    """The layers, where there are some of the form f(x W + b), and not too many."""
    if len(explanation.model.steps) > LARGE:
        return None
    try:
        found = explanation.neurons()
    except NotSupported:
        return None
    return found if 0 < len(found.layers) <= MOST_LAYERS else None
