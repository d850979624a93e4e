"""Each step on its own: its operations over leaves, and its partials as graphs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from wingbeat.errors import NotDifferentiable
from wingbeat.explain._names import fresh
from wingbeat.explain._writer import is_transparent, write
from wingbeat.explain.algebra import shortened
from wingbeat.explain.latex import LATEX, latex_lines
from wingbeat.explain.plain import PLAIN, plain_lines
from wingbeat.ir.node import Node, full, leaf
from wingbeat.ir.walk import rewrite, toposort
from wingbeat.transform import inlined, obstacle, vjp

_HIDDEN = ("alias", "broadcast", "cast", "full", "iota")


@dataclass(frozen=True)
class Body:
    """One step on its own: its operations over one leaf for each step that it reads."""

    name: str
    root: Node  # without composites
    shown: Node  # with them
    seed: Node  # the gradient of the result by this step; 1 where all is one number
    reads: tuple[Node, ...]
    partials: tuple[Node | None, ...]  # along each edge; None is zero, or nothing, with a reason
    whys: tuple[str, ...]  # why there is no derivative along an edge

    @property
    def one(self) -> bool:
        """Whether the step and all that it reads are single numbers."""
        return self.seed.op is not None

    def texts(self) -> tuple[str, str]:
        """The step in plain text and LaTeX."""
        plain = plain_lines(write([self.shown], {}, PLAIN))
        return plain, latex_lines(write([self.shown], {}, LATEX))

    def operations(self) -> tuple[str, ...]:
        """The names of the operations, in order."""
        order = toposort([self.shown])
        return tuple(n.name for n in order if n.op is not None and n.name not in _HIDDEN)

    def partial_texts(self, place: int) -> tuple[str, str]:
        """A partial in plain text and LaTeX; the step itself stands in it by its name."""
        partial = self.partials[place]
        if partial is None:
            return ("", "") if self.whys[place] else ("0", "0")
        own = leaf(self.root.type, self.name)
        known: dict[Node, Node] = {}
        node = self.root
        while node.op is not None and node not in known:
            known[node] = own  # the name of a statement stands for the operation behind it, too
            node = node.inputs[0] if is_transparent(node) else node
        short = shortened([partial], known)
        return plain_lines(write(short, {}, PLAIN)), latex_lines(write(short, {}, LATEX))


def body_of(
    head: Node,
    reads: tuple[Node, ...],
    leaves: Mapping[Node, Node],
    name: str,
    taken: Collection[str],
) -> Body:
    """Cut a step out of the graph: what it reads becomes leaves."""
    shown = rewrite([head], lambda node: None, {h: leaves[h] for h in reads})[head]
    (root,) = inlined([shown])
    one = root.shape == () and all(h.shape == () for h in reads)
    mark = f"g_{name}" if f"g_{name}" not in taken else fresh(f"g_{name}_", taken)
    seed = full(1, root.type) if one else leaf(root.type, mark)
    wrt = [leaves[h] for h in reads]
    partials: tuple[Node | None, ...] = (None,) * len(reads)
    if root.type.inexact:
        try:
            partials = tuple(vjp([root], wrt, [seed]))
        except NotDifferentiable as error:
            why = str(error).split("\n")[0]
            return Body(name, root, shown, seed, reads, partials, (why,) * len(reads))
    whys = tuple(_why(root, x, p) for x, p in zip(wrt, partials, strict=True))
    return Body(name, root, shown, seed, reads, partials, whys)


def _why(root: Node, x: Node, partial: Node | None) -> str:
    """Why no derivative comes along an edge; nothing where one does, be it zero."""
    for node in (root, x):
        if not node.type.inexact:
            return f"{node.type} has no derivative"
    reason = obstacle(root, x) if partial is None else None
    return str(reason).split("\n")[0] if reason is not None else ""
