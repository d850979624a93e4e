"""Kinks that gradients came through, told by the steps that readers know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wingbeat.api.kinks import find_kinks
from wingbeat.explain._numbers import show
from wingbeat.ir.node import Node

if TYPE_CHECKING:
    from wingbeat.explain._build import Builder


def kinks(builder: Builder, values: dict[Node, Any]) -> tuple[str, ...]:
    """Where a derivative was taken that does not exist, as sentences."""
    if not values:
        return ()
    wrt = [x for x in builder.wrt if builder.new[x] in builder.gradients]
    touched = find_kinks(builder.recording.trace, [builder.recording.root], wrt) if wrt else []
    said: list[str] = []
    home = _homes(builder) if touched else {}
    for t in touched:
        head = home.get(t.node, builder.recording.root)
        line = builder.recording.lines.get(head, "") or builder.names[head]
        reads = builder.steps.reads[head]
        at = ", ".join(f"{builder.names[x]} = {show(values[x])}" for x in reads)
        said.append(f"in {line} at {at}: {str(t).splitlines()[0]}")
    return tuple(said)


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
