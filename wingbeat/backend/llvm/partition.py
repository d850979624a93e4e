"""Which nodes are computed together: `partition(graph)` is a Plan. Nothing here knows LLVM.

Numbers of nodes are positions in `Graph.nodes`. Every buffer is C-contiguous.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from wingbeat.backend.base import Graph
from wingbeat.backend.llvm import indices
from wingbeat.backend.llvm.absorb import absorbed
from wingbeat.backend.llvm.grouping import Group, Grouping, Inline, Member, Rules
from wingbeat.backend.llvm.indices import Var
from wingbeat.backend.llvm.library import Library
from wingbeat.backend.llvm.products import Product, product
from wingbeat.backend.llvm.sliding import Sliding, sliding


@dataclass(frozen=True)
class Kernel:
    """Nodes computed in one pass over a space; emitted by `kernel.emit`, like `Sweep`."""

    axes: tuple[Var, ...]  # the loops; the last one runs along memory
    reduced: frozenset[Var]  # those of them that make up one row (softmax: the last); or none
    members: tuple[Member, ...]  # what is computed once for each point or row, in order
    nodes: tuple[int, ...]  # with them, what is computed where they read it, here and elsewhere
    stored: tuple[int, ...]  # those of the members that get a buffer
    reads: tuple[int, ...]  # positions whose buffers are read

    @property
    def space(self) -> tuple[int, ...]:
        """The extents of the loops."""
        return tuple(v.extent for v in self.axes)


@dataclass(frozen=True)
class Sweep:
    """A node computed by its sequential form (`Primitive.sweep`): scatter-add, running sums."""

    node: int
    nodes: tuple[int, ...]  # with it, what is computed where it reads it
    reads: tuple[int, ...]

    @property
    def stored(self) -> tuple[int, ...]:
        return (self.node,)


Whole = Product | Sliding | Library  # computed as a step of its own
Step = Kernel | Sweep | Whole


@dataclass(frozen=True)
class Alias:
    """A node that is part of another's buffer: `size` elements from `offset` on."""

    of: int  # a position with a buffer of its own
    offset: int  # in elements


@dataclass(frozen=True)
class Plan:
    """Steps in order of execution. An output is stored by a step, is an alias, or is an input."""

    steps: tuple[Step, ...]
    aliases: Mapping[int, Alias]


def partition(graph: Graph) -> Plan:
    """The plan of a graph."""
    rules = Rules(graph)
    wholes = _wholes(rules)
    aliases = _aliases(rules, wholes)
    stored = {alias.of for alias in aliases.values()}
    read = {k for step in wholes.values() for k in step.reads}
    stored |= {k for k in (*graph.outputs, *read) if k not in aliases}
    stored |= _reread(rules, wholes)
    wholes, gone = absorbed(rules, wholes, stored)
    grouping = Grouping(rules, Inline(rules, stored | wholes.keys()))
    for k, node in enumerate(graph.nodes):
        if node.op is None or k in gone:
            continue
        if k in aliases:
            grouping.order[k] = grouping.order.get(aliases[k].of, -1)
            continue
        if grouping.needs.inline[k] and k not in stored and k not in wholes:
            continue
        if k in wholes or rules.sweeps(k):
            grouping.alone(k)
        else:
            grouping.add(k)
    return Plan(tuple(_steps(grouping, wholes, stored)), aliases)


def _reread(rules: Rules, wholes: Mapping[int, Whole]) -> set[int]:
    """What a reduction reads more than once: computing it each time would not be cheap."""
    found: set[int] = set()
    for k in range(len(rules.graph.nodes)):
        meaning = rules.meaning(k)
        if k in wholes or meaning is None or not meaning.looped:
            continue
        turns = math.prod(v.extent for v in meaning.body)
        for read in meaning.reads:
            for position, _ in rules.sources(k, read):
                other = rules.meaning(position)
                again = turns > 2 * rules.size(position)
                if again and other is not None and other.moves is None and other.reads:
                    found.add(position)
    return found


def _steps(grouping: Grouping, wholes: Mapping[int, Whole], stored: set[int]) -> Iterator[Step]:
    needs = grouping.needs
    read = {k: needs.of(k) for k in grouping.steps if isinstance(k, int) and k not in wholes}
    kept = stored | {n.position for found, _ in read.values() for n in found}
    kept |= {p for g in grouping.steps if isinstance(g, Group) for p in g.reads}
    for step in grouping.steps:
        if isinstance(step, Group):
            members = tuple(m for _, m in sorted(step.members.items()))
            mine = tuple(m.node for m in members if m.node in kept)
            nodes = tuple(sorted((*step.members, *step.through)))
            yield Kernel(step.axes, step.reduced, members, nodes, mine, tuple(sorted(step.reads)))
        elif step in wholes:
            yield wholes[step]
        else:
            found, through = read[step]
            reads = tuple(sorted({n.position for n in found}))
            yield Sweep(step, (*sorted(through), step), reads)


# --- views and wholes ----------------------------------------------------------------------------


def _aliases(rules: Rules, wholes: Mapping[int, Whole]) -> dict[int, Alias]:
    """Outputs, and what NumPy reads, that lie in their own order in another node's buffer."""
    found: dict[int, Alias] = {}
    libraries = (step for step in wholes.values() if isinstance(step, Library))
    for k in (*rules.graph.outputs, *(x for step in libraries for x in step.reads)):
        meaning = rules.meaning(k)
        if k in wholes or meaning is None or meaning.moves is None:
            continue
        own = indices.flat(meaning.index, rules.shape(k))
        for position, index in rules.sources(k, meaning.moves):
            offset = indices.flat(index, rules.shape(position)).plus(own, -1)
            if not offset.terms:
                found[k] = Alias(position, offset.const)
    for k, alias in found.items():  # an output may lie in another output that is an alias too
        while alias.of in found:
            below = found[alias.of]
            alias = Alias(below.of, below.offset + alias.offset)
        found[k] = alias
    return found


def _wholes(rules: Rules) -> dict[int, Whole]:
    found: dict[int, Whole] = {}
    for k in range(len(rules.graph.nodes)):
        meaning = rules.meaning(k)
        if rules.library(k):
            found[k] = Library(k, tuple(dict.fromkeys(rules.graph.operands[k])))
        if meaning is None:
            continue
        if meaning.product is not None:
            taken = product(rules, k, meaning, meaning.product)
            if taken is not None:
                found[k] = taken
                continue
        if (slides := sliding(rules, k, meaning)) is not None:
            found[k] = slides
    return found
