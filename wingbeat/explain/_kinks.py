"""Kinks that gradients came through, told by the steps that readers know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wingbeat.api.kinks import Touched, find_kinks
from wingbeat.explain._numbers import show
from wingbeat.explain._told import told
from wingbeat.explain.words import say
from wingbeat.ir.node import Node

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
        head = home.get(t.node, builder.recording.root)
        line = builder.recording.lines.get(head, "") or builder.names[head]
        reads = builder.steps.reads[head]
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
