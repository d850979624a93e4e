"""A graph cut into steps: what has a name, and what a sum over paths needs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from wingbeat.explain._names import fresh
from wingbeat.explain._recording import Recording
from wingbeat.explain._writer import is_transparent
from wingbeat.ir.node import Node
from wingbeat.ir.walk import toposort
from wingbeat.ops.arithmetic import alias

NAMES, ALL = "names", "all"


@dataclass(frozen=True)
class Cut:
    """The heads of the steps, each after what it reads, and the heads that each one reads."""

    heads: tuple[Node, ...]
    reads: dict[Node, tuple[Node, ...]]
    names: dict[Node, str]


def cut(recording: Recording, detail: str | None) -> Cut:
    """Choose the steps.

    With `detail` "names" a step is what the user gave a name; an operation without one is a step
    too when several operations read it, or when otherwise two ways through one step would be
    hidden in one number. With "all" every operation is a step. By default: names, where something
    between input and result has one, but where modules were called, all.
    """
    inputs = set(recording.inputs.values())
    roots = [*recording.inputs.values(), *recording.unused, recording.root]
    order = toposort(roots, stops=inputs)
    readers = Counter(x for n in order if n not in inputs for x in set(n.inputs))
    between = [n for n in recording.named if n not in inputs and n is not recording.root]
    detail = detail or (NAMES if between and not recording.made else ALL)
    heads = {n for n in order if n in recording.named or n.op is None}
    heads |= {n for n in order if _is_operation(n) and (detail == ALL or readers[n] > 1)}
    heads -= {_only(n) for n in recording.named if n.op is alias and n not in inputs}
    heads |= {n for n in order if n in recording.named}
    reads = _read(order, heads, inputs)
    return Cut(tuple(n for n in order if n in heads), reads, _names(recording, order, heads))


def _only(node: Node) -> Node:
    """What stands behind the name of a statement."""
    return node.inputs[0]


def _is_operation(node: Node) -> bool:
    return bool(node.inputs) and not is_transparent(node)


def _read(order: list[Node], heads: set[Node], inputs: set[Node]) -> dict[Node, tuple[Node, ...]]:
    """What each head reads; operations that would hide a second way become heads."""
    while True:
        seen: dict[Node, dict[Node, None]] = {}
        promoted: set[Node] = set()
        for node in order:
            if node in inputs:
                seen[node] = {}
                continue
            own = [{x: None} if x in heads else seen[x] for x in node.inputs]
            promoted |= {
                x
                for k, x in enumerate(node.inputs)
                if x not in heads
                and _is_operation(x)
                and any(j != k and not own[k].keys().isdisjoint(own[j]) for j in range(len(own)))
            }
            seen[node] = {h: None for each in own for h in each}
        if not promoted:
            return {n: tuple(seen[n]) for n in order if n in heads}
        heads |= promoted


def _names(recording: Recording, order: list[Node], heads: set[Node]) -> dict[Node, str]:
    names = dict(recording.named)
    taken = set(names.values())
    next_ = {"data": 1, "t": 1}  # where to look for a free number, so that all take linear time
    for node in order:
        if node in heads and node not in names:
            prefix = "data" if node.op is None else "t"
            names[node] = fresh(prefix, taken, next_[prefix])
            next_[prefix] = int(names[node].removeprefix(prefix)) + 1
            taken.add(names[node])
    return names
