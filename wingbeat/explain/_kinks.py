"""Kinks that gradients came through, told by the steps that readers know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wingbeat.api.conventions import Touched
from wingbeat.api.kinks import find_kinks
from wingbeat.explain._numbers import show
from wingbeat.explain._recording import line_of
from wingbeat.explain._told import told
from wingbeat.explain.words import say
from wingbeat.ir.node import Node
from wingbeat.ir.walk import toposort

if TYPE_CHECKING:
    from wingbeat.explain._build import Builder


def kinks(builder: Builder, values: dict[Node, Any]) -> tuple[str, ...]:
    """Where a derivative was taken that does not exist, as sentences."""
    if not values:
        return ()
    touched = _touched(builder, builder.wrt)
    said: list[str] = []
    home = _homes(builder) if touched else {}
    for t in touched:
        head = home.get(t.node)
        if head is None:  # a decision of Python's, which no step is computed from
            line, reads = line_of(t.node) if t.node.site else "", _behind(builder, t.node)
        else:
            line = builder.recording.lines.get(head, "")
            reads = builder.steps.reads[head]
        line = line or builder.names[head or builder.recording.root]
        at = ", ".join(f"{builder.names[x]} = {show(values[x])}" for x in reads)
        said.append(say("met", line=line, at=at, told=told(str(t).splitlines()[0])))
    return tuple(said)


def resting(builder: Builder, found: tuple[str, ...]) -> tuple[str, ...]:
    """The names whose derivative rests on what is agreed on at a kink; of scalar graphs only."""
    if not found or not builder.scalar:
        return ()
    return tuple(builder.names[x] for x in builder.wrt if _touched(builder, [x]))


def _touched(builder: Builder, wrt: Sequence[Node]) -> list[Touched]:
    return find_kinks(builder.recording.trace, [builder.recording.root], wrt) if wrt else []


def _behind(builder: Builder, node: Node) -> list[Node]:
    """The steps that an operation is computed from."""
    inner = {builder.new[h]: h for h in builder.steps.heads}
    return [inner[x] for x in toposort([node], stops=inner) if x in inner]


def _homes(builder: Builder) -> dict[Node, Node]:
    """The step that each operation belongs to."""
    inner = {builder.new[h] for h in builder.steps.heads}
    found: dict[Node, Node] = {}
    for head in builder.steps.heads:
        stack = [builder.new[head]]
        while stack:
            node = stack.pop()
            if node not in found:
                found[node] = head
                stack += [x for x in node.inputs if x not in inner]
    return found
