"""Each step on its own: its operations over leaves, and its partials as graphs.

The leaves are numbered by place, so that steps of one structure, as the layers of a network have
it, are one graph: it is differentiated and planned once. Names come in when formulas are written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

from wingbeat.errors import NotDifferentiable
from wingbeat.explain._names import fresh
from wingbeat.explain._told import told
from wingbeat.explain._writer import Formula, Notation, is_transparent, narrowed, write
from wingbeat.explain.algebra import shortened
from wingbeat.explain.latex import LATEX, latex_lines
from wingbeat.explain.plain import PLAIN, plain_lines
from wingbeat.ir.node import Node, full, leaf
from wingbeat.ir.walk import rewrite, substitute, toposort
from wingbeat.transform import inlined, obstacle, vjp

_HIDDEN = ("alias", "broadcast", "cast", "full", "iota")
_SEED = -1  # the number of the leaf that stands for the gradient of the step itself
_OWN = -2  # and of the one for its value


@dataclass(frozen=True)
class Shape:
    """The structure of a step: its operations over numbered leaves, and what flows back."""

    root: Node  # without composites
    shown: Node  # with them
    seed: Node  # the gradient of the result by this step; 1 where all is one number
    leaves: tuple[Node, ...]
    partials: tuple[Node | None, ...]  # along each edge; None is zero, or nothing, with a reason
    whys: tuple[str, ...]  # why there is no derivative along an edge

    @property
    def one(self) -> bool:
        """Whether the step and all that it reads are single numbers."""
        return self.seed.op is not None

    @cached_property
    def operations(self) -> tuple[str, ...]:
        """The names of the operations, in order."""
        order = toposort([self.shown])
        shown = (n for n in order if n.name not in _HIDDEN or narrowed(n))
        return tuple(n.name for n in shown if n.op is not None)


@dataclass(frozen=True)
class Body:
    """A step: its structure, and the names of all that stands in it."""

    name: str
    shape: Shape
    reads: tuple[Node, ...]
    names: Mapping[Node, str]  # of the structure's leaves

    def texts(self) -> tuple[str, str]:
        """The step in plain text and LaTeX."""
        shown = [self.shape.shown]
        return (
            plain_lines(write(shown, self.names, PLAIN)),
            latex_lines(write(shown, self.names, LATEX)),
        )

    def with_numbers(self, values: Mapping[str, str]) -> str:
        """The step in plain text, with printed values in place of what it reads."""
        names = {x: values[self.names[x]] for x in self.shape.leaves}
        return plain_lines(write([self.shape.shown], names, PLAIN))

    def operations(self) -> tuple[str, ...]:
        """The names of the operations, in order."""
        return self.shape.operations

    def partial_texts(self, place: int, simplified: bool = True) -> tuple[str, str]:
        """A partial in plain text and LaTeX; the step itself stands in it by its name."""
        partial = self.shape.partials[place]
        if partial is None:
            return ("", "") if self.shape.whys[place] else ("0", "0")
        if simplified:
            (partial,) = shortened([partial], self.own())
        else:
            (partial,) = substitute([partial], self.own())
        return (
            plain_lines(write([partial], self.names, PLAIN)),
            latex_lines(write([partial], self.names, LATEX)),
        )

    def sent_texts(self, place: int, g: str, notation: Notation) -> Formula | None:
        """What goes back along an edge, as a formula of the step's gradient, which is called `g`.

        Without a name that gradient is 1. None where nothing goes back.
        """
        partial = self.shape.partials[place]
        if partial is None:
            return None
        type_ = partial.type if self.shape.one else self.shape.root.type
        seed = leaf(type_, "", _SEED)
        known = self.own()
        if not g:
            known[seed] = full(1, seed.type)
        node = partial * seed if self.shape.one else partial
        return write(shortened([node], known), {**self.names, seed: g}, notation)

    def own(self) -> dict[Node, Node]:
        """A leaf in place of the step itself and of the operation behind a statement's name."""
        own = leaf(self.shape.root.type, "", _OWN)
        known: dict[Node, Node] = {}
        node = self.shape.root
        while node.op is not None and node not in known:
            known[node] = own
            node = node.inputs[0] if is_transparent(node) else node
        return known


def body_of(
    head: Node,
    reads: tuple[Node, ...],
    names: Mapping[Node, str],
    taken: Collection[str],
    shapes: dict[Node, Shape],
) -> Body:
    """Cut a step out of the graph: what it reads becomes leaves. `shapes` remembers structures."""
    leaves = tuple(leaf(h.type, "", k) for k, h in enumerate(reads))
    shown = rewrite([head], lambda node: None, dict(zip(reads, leaves, strict=True)))[head]
    shape = shapes.get(shown)
    if shape is None or shape.leaves != leaves:
        shape = shapes[shown] = _shape(shown, leaves)
    name = names[head]
    mark = f"g_{name}" if f"g_{name}" not in taken else fresh(f"g_{name}_", taken)
    called = {x: names[h] for x, h in zip(leaves, reads, strict=True)}
    if not shape.one:
        called[shape.seed] = mark
    called[leaf(shape.root.type, "", _OWN)] = name
    return Body(name, shape, reads, called)


def _shape(shown: Node, leaves: tuple[Node, ...]) -> Shape:
    (root,) = inlined([shown])
    one = root.shape == () and all(x.shape == () for x in leaves)
    seed = full(1, root.type) if one else leaf(root.type, "", _SEED)
    partials: tuple[Node | None, ...] = (None,) * len(leaves)
    if root.type.inexact:
        try:
            partials = tuple(vjp([root], leaves, [seed]))
        except NotDifferentiable as error:
            why = told(str(error).split("\n")[0])
            return Shape(root, shown, seed, leaves, partials, (why,) * len(leaves))
    whys = tuple(_why(root, x, p) for x, p in zip(leaves, partials, strict=True))
    return Shape(root, shown, seed, leaves, partials, whys)


def _why(root: Node, x: Node, partial: Node | None) -> str:
    """Why no derivative comes along an edge; nothing where one does, be it zero."""
    for node in (root, x):
        if not node.type.inexact:
            return told(f"{node.type} has no derivative")
    reason = obstacle(root, x) if partial is None else None
    return told(str(reason).split("\n")[0]) if reason is not None else ""
