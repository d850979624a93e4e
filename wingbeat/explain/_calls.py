"""Which modules were called while a function ran, and which operations each call made.

A module is known by what it can do, having `named_modules` and `forward`: `nn` is not imported.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wingbeat.api import tree
from wingbeat.api.tensor import Tensor
from wingbeat.explain.model import Group
from wingbeat.ir.node import Node
from wingbeat.ir.walk import toposort


@dataclass(eq=False)
class Call:
    """One call of a module: its name and class, what went in, what came out."""

    name: str
    kind: str
    parent: Call | None
    inputs: list[Tensor]
    outputs: list[Tensor] = field(default_factory=list[Tensor])


def is_module(value: Any) -> bool:
    """Whether a value is a module in the sense of `nn`."""
    return hasattr(type(value), "named_modules") and hasattr(type(value), "forward")


class Calls:
    """The calls of one run, each when it has ended: inner ones before the outer."""

    def __init__(self) -> None:
        self.done: list[Call] = []
        self._open: list[Call] = []
        self._names: dict[int, str] = {}
        self._counts: dict[str, int] = {}
        self._known: list[Any] = []  # keeps the modules alive, and with them their ids

    def announce(self, label: str, module: Any) -> None:
        """The name of a module, from which those within have theirs."""
        self._known.append(module)
        for name, inner in module.named_modules():
            self._names.setdefault(id(inner), f"{label}.{name}" if name else label)

    def begin(self, module: Any, given: Mapping[str, Any]) -> None:
        """A module's `forward` begins."""
        if id(module) not in self._names:
            self.announce(type(module).__name__.lower(), module)
        name = self._names[id(module)]
        count = self._counts[name] = self._counts.get(name, 0) + 1
        label = name if count == 1 else f"{name}({count})"
        parent = self._open[-1] if self._open else None
        self._open.append(Call(label, type(module).__name__, parent, tensors(given)))

    def end(self, result: Any) -> None:
        """It ends; one that fails ends with None."""
        call = self._open.pop()
        call.outputs = tensors(result)
        self.done.append(call)

    def parameter_names(self) -> dict[int, str]:
        """The names of the parameters of all modules, by identity."""
        found: dict[int, str] = {}
        for module in self._known:
            label = self._names[id(module)]
            for name, value in module.named_parameters():
                found.setdefault(id(value), f"{label}.{name}")
        return found


def tensors(value: Any) -> list[Tensor]:
    """The tensors in a value that may be a tree; of what is no tree, none."""
    return [x for x in tree.leaves(value) if isinstance(x, Tensor)]


def homes(
    calls: Sequence[Call], enter: Callable[[Tensor], Node], leaves: Collection[Node]
) -> tuple[dict[Node, Call], dict[Node, str], set[Node]]:
    """The innermost call that made each node, the names of what calls returned, what went in."""
    made: dict[Node, Call] = {}
    outputs: dict[Node, str] = {}
    given: set[Node] = set()
    for call in calls:
        inputs = set(map(enter, call.inputs))
        given |= inputs
        stops = {*inputs, *leaves}
        ends = [enter(t) for t in call.outputs]
        for node in toposort(ends, stops=stops):
            if node not in stops and node.inputs:
                made.setdefault(node, call)
        for k, node in enumerate(ends):
            if node not in stops:
                outputs.setdefault(node, call.name if len(ends) == 1 else f"{call.name}[{k}]")
    return made, outputs, given


def grouped(
    heads: Sequence[Node],
    reads: Mapping[Node, Sequence[Node]],
    names: Mapping[Node, str],
    made: Mapping[Node, Call],
    given: Collection[Node],
) -> Group:
    """The steps as a tree of calls; weights stand with those that read them, if all are in one.

    What is given to a call as an argument stays outside.
    """
    chains = {head: _chain(made.get(head)) for head in heads}
    readers: dict[Node, list[Node]] = {}
    for head in heads:
        for x in reads[head]:
            readers.setdefault(x, []).append(head)
    for head in reversed(heads):
        own = head not in made and head not in given and not reads[head]
        if own and head in readers:
            chains[head] = _common([chains[r] for r in readers[head]])
    root: list[Any] = []
    lists: dict[Call, list[Any]] = {}
    for head in _as_read(heads, reads, chains):
        inside = root
        for call in chains[head]:
            if call not in lists:
                lists[call] = []
                inside.append((call, lists[call]))
            inside = lists[call]
        inside.append(names[head])
    return Group("", "", _members(root))


def _as_read(
    heads: Sequence[Node], reads: Mapping[Node, Sequence[Node]], chains: Mapping[Node, list[Call]]
) -> list[Node]:
    """The steps in order, but what is given to a call (its weights) where it is first read."""
    late = {head for head in heads if chains[head] and not reads[head]}
    order: dict[Node, None] = {}
    for head in heads:
        if head not in late:
            order.update(dict.fromkeys([*(x for x in reads[head] if x in late), head]))
    return [*order, *(head for head in late if head not in order)]


def _chain(call: Call | None) -> list[Call]:
    """A call with those around it, outermost first."""
    found: list[Call] = []
    while call is not None:
        found.append(call)
        call = call.parent
    return found[::-1]


def _common(chains: Sequence[list[Call]]) -> list[Call]:
    """What all chains begin with."""
    first = chains[0]
    for k, call in enumerate(first):
        if any(len(chain) <= k or chain[k] is not call for chain in chains):
            return first[:k]
    return first


def _members(entries: list[Any]) -> tuple[str | Group, ...]:
    return tuple(
        entry if isinstance(entry, str) else Group(entry[0].name, entry[0].kind, _members(entry[1]))
        for entry in entries
    )
