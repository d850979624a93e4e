"""Kinks that gradients came through, told by the steps that readers know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wingbeat.api.kinks import find_kinks
from wingbeat.explain._numbers import show
from wingbeat.ir.node import Node
from wingbeat.ir.walk import toposort

if TYPE_CHECKING:
    from wingbeat.explain._build import Builder


def kinks(builder: Builder, values: dict[Node, Any]) -> tuple[str, ...]:
    """Where a derivative was taken that does not exist, as sentences."""
    if not values:
        return ()
    wrt = [x for x in builder.wrt if builder.new[x] in builder.gradients]
    touched = find_kinks(builder.recording.trace, [builder.recording.root], wrt) if wrt else []
    said: list[str] = []
    for t in touched:
        head = _home(builder, t.node)
        line = builder.recording.lines.get(head, "") or builder.names[head]
        reads = builder.steps.reads[head]
        at = ", ".join(f"{builder.names[x]} = {show(values[x])}" for x in reads)
        said.append(f"in {line} at {at}: {str(t).splitlines()[0]}")
    return tuple(said)


def _home(builder: Builder, node: Node) -> Node:
    """The step that an operation belongs to."""
    inner = {builder.new[h] for h in builder.steps.heads}
    for head in builder.steps.heads:
        stops = inner - {builder.new[head]}
        if node in toposort([builder.new[head]], stops=stops):
            return head
    return builder.recording.root
