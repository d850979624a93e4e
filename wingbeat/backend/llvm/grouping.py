"""What is computed where it is read, and what shares one pass over memory.

A node is `inline` when reading its operands again is as cheap as reading it. All others are put,
in the graph's order, into groups: a group is a space of loops, and nodes that have one element at
each of its points (or, behind a reduction, one in each of its rows). A node enters a group when it
reads the group's nodes at the very point where it is computed. Groups run in the order in which
they were begun, and take in a node only if all that it reads comes from earlier ones: so no cycle
can arise.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from wingbeat.backend.base import Graph
from wingbeat.backend.llvm import indices, meaning, terms
from wingbeat.backend.llvm.indices import Index, Var
from wingbeat.backend.llvm.meaning import Meaning, Visit
from wingbeat.backend.llvm.placement import Placement
from wingbeat.backend.llvm.symbols import NotSymbolic
from wingbeat.backend.llvm.terms import Read
from wingbeat.ir.types import Shape

OPERATIONS = 6  # an inline node has at most so many of them, with those of its inline operands
TRAFFIC = 1.25  # and reads at most so many numbers for each of its own,
ONCE = 2.25  # or so many if there is but one reader: else each number is written, and read again
NESTED = 16  # inline nodes below one another
SMALL = 16  # a node of so few elements is inline although it reads more, or calls a function
MANY = 1 << 16  # elements from which on several threads are worth while
FEW = 8  # rows that are too few for several threads
COLUMNS = 64  # columns that are reduced side by side: one piece of work for a thread
LOOKUPS = 512  # reads at places in data, for one element: more of them are a quadratic definition
MEMBERS = 64  # nodes that a group takes in: more would take too long to compile
CANDIDATES = 6  # groups that are tried for a node


# --- nodes ---------------------------------------------------------------------------------------


class Rules:
    """What each node of a graph says, as terms."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._meanings: dict[int, Meaning | None] = {}

    def meaning(self, k: int) -> Meaning | None:
        """None for inputs, and for what has a sequential form only, or is NumPy's."""
        if k not in self._meanings:
            self._meanings[k] = self._meaning(k)
        return self._meanings[k]

    def _meaning(self, k: int) -> Meaning | None:
        node = self.graph.nodes[k]
        if node.op is None:
            return None
        if not node.type.size:
            return meaning.empty(node.type)
        try:
            types = tuple(x.type for x in node.inputs)
            found = meaning.meaning(node.op, node.attrs, node.type, types)
        except NotSymbolic:
            return None
        sequential = node.op.sweep is not None and found.looped
        return None if sequential or found.cost.lookups > LOOKUPS else found

    def visit(self, k: int) -> Visit:
        """The sequential form of a node that has no other."""
        node = self.graph.nodes[k]
        assert node.op is not None
        return meaning.visit(node.op, node.attrs, tuple(x.type for x in node.inputs))

    def sweeps(self, k: int) -> bool:
        op = self.graph.nodes[k].op
        return op is not None and op.sweep is not None and self.meaning(k) is None

    def library(self, k: int) -> bool:
        """Whether a node is left to NumPy: it has no form that code can be made of."""
        op = self.graph.nodes[k].op
        return op is not None and op.sweep is None and self.meaning(k) is None

    def sources(self, k: int, read: Read) -> Iterator[tuple[int, tuple[Index, ...]]]:
        """What a read of node k reads, seen through nodes that only move elements."""
        position, index = self.graph.operands[k][read.source], read.index
        while True:
            yield position, index
            meaning = self.meaning(position)
            if meaning is None or meaning.moves is None:
                return
            place = Placement((), dict(zip(meaning.axes, index, strict=True)))
            index = place.indices(meaning.moves.index)
            position = self.graph.operands[position][meaning.moves.source]

    def shape(self, k: int) -> Shape:
        return self.graph.nodes[k].shape

    def size(self, k: int) -> int:
        return self.graph.nodes[k].type.size


# --- what is computed where it is read -----------------------------------------------------------


@dataclass(frozen=True)
class Price:
    """What it takes to compute one element from what lies in memory."""

    operations: int
    calls: int
    lookups: int
    streams: frozenset[int]  # positions that are read from memory
    nested: int = 0  # inline nodes below one another


class Inline:
    """Which nodes are computed where they are read."""

    def __init__(self, rules: Rules, stored: Iterable[int]) -> None:
        self.rules = rules
        self.stored = set(stored)
        self._readers = [0] * len(rules.graph.nodes)
        for xs in rules.graph.operands:
            for x in set(xs):
                self._readers[x] += 1
        self._prices: list[Price] = []
        self.chosen: list[bool] = []
        for k in range(len(rules.graph.nodes)):
            price = self._price(k)
            inline = price is not None and self._cheap(k, price)
            self.chosen.append(inline)
            own = Price(0, 0, 0, frozenset((k,)))
            self._prices.append(price if inline and price is not None else own)

    def _price(self, k: int) -> Price | None:
        meaning = self.rules.meaning(k)
        if meaning is None or k in self.stored:
            return None
        if any(r.looped for r in meaning.reads):
            return None
        cost, operands = meaning.cost, self.rules.graph.operands[k]
        total, streams = [cost.operations, cost.calls, cost.lookups], frozenset[int]()
        nested = 1
        for source, _ in {(r.source, r.index) for r in meaning.reads}:
            price = self._prices[operands[source]]
            streams |= price.streams
            nested = max(nested, price.nested + 1)
            if self.rules.size(operands[source]) == 1 < self.rules.size(k):
                continue  # computed before all loops
            total[0] += price.operations
            total[1] += price.calls
            total[2] += price.lookups
        operations, calls, lookups = total
        return Price(operations, calls, lookups, streams, nested)

    def _cheap(self, k: int, price: Price) -> bool:
        size = self.rules.size(k)
        if size == 1:
            limits = (2 * SMALL, 2, SMALL)
        elif size <= SMALL:
            limits = (SMALL, 0, SMALL)
        else:
            limits = (OPERATIONS, 0, 4)
        if price.operations > limits[0] or price.calls > limits[1] or price.lookups > 1:
            return False
        if price.nested > NESTED or len(price.streams) > limits[2]:
            return False
        traffic = sum(min(self.rules.size(s), size) for s in price.streams)
        most = ONCE if self._readers[k] == 1 else TRAFFIC
        return size <= SMALL or traffic <= most * size


@dataclass(frozen=True)
class Need:
    """A node that lies in memory or in a group, and the element of it that is read."""

    position: int
    index: tuple[Index, ...]


class Needs:
    """What nodes read, seen through the nodes that are computed where they are read."""

    def __init__(self, rules: Rules, inline: Sequence[bool]) -> None:
        self.rules = rules
        self.inline = inline

    def of(self, k: int) -> tuple[dict[Need, None], dict[int, None]]:
        """What node k reads, and the inline nodes that it reads it through."""
        meaning = self.rules.meaning(k)
        reads = self.rules.visit(k).reads if meaning is None else meaning.reads
        return self.behind(k, [(r.source, r.index) for r in reads])

    def behind(
        self, k: int, reads: Iterable[tuple[int, tuple[Index, ...]]]
    ) -> tuple[dict[Need, None], dict[int, None]]:
        operands = self.rules.graph.operands
        found: dict[Need, None] = {}
        through: dict[int, None] = {}
        stack = [Need(operands[k][source], index) for source, index in reads]
        seen: set[Need] = set()
        while stack:
            need = stack.pop()
            if need in seen:
                continue
            seen.add(need)
            p = need.position
            if not self.inline[p]:
                found[need] = None
                continue
            through[p] = None
            meaning = self.rules.meaning(p)
            assert meaning is not None
            if meaning.pointwise:
                stack.extend(Need(operands[p][r.source], need.index) for r in meaning.reads)
                continue
            place = Placement(operands[p], dict(zip(meaning.axes, need.index, strict=True)))
            stack.extend(Need(operands[p][r.source], place.indices(r.index)) for r in meaning.reads)
        return found, through


# --- spaces --------------------------------------------------------------------------------------


def common(xs: Sequence[int], ys: Sequence[int]) -> list[int] | None:
    """Extents into which both lists can be cut: (6, 4) and (2, 12) give (2, 3, 4)."""
    cuts = sorted({math.prod(xs[k:]) for k in range(len(xs))} | _suffixes(ys))
    made: list[int] = []
    below = 1
    for cut in cuts:
        if cut % below:
            return None
        made.append(cut // below)
        below = cut
    return [n for n in reversed(made) if n != 1]


def _suffixes(extents: Sequence[int]) -> set[int]:
    return {math.prod(extents[k:]) for k in range(len(extents))}


def parts(extents: Sequence[int], refined: Sequence[Var]) -> list[list[Var]]:
    """Which of the refined variables make up each axis; both are in row-major order."""
    made: list[list[Var]] = []
    rest = list(refined)
    for n in extents:
        mine: list[Var] = []
        while math.prod(v.extent for v in mine) < n:
            mine.append(rest.pop(0))
        made.append(mine)
    return made


def joined(variables: Sequence[Var]) -> Index:
    """Several variables as the one that they make up."""
    return indices.flat([indices.of(v) for v in variables], tuple(v.extent for v in variables))


@dataclass(frozen=True)
class Member:
    """A node in a group's space."""

    node: int
    at: tuple[tuple[Var, Index], ...]  # its variables, those of its reduction too, by the group's
    row: bool  # one element in each row, not one at each point
    depth: int  # how many reductions, one after the other, it takes

    def place(self, operands: Sequence[int] = ()) -> Placement:
        return Placement(operands, dict(self.at))


@dataclass(frozen=True)
class Fit:
    """How a node lies in a group's space, which is cut finer for it."""

    axes: tuple[Var, ...]
    finer: Mapping[Var, Index]  # the axes that were, by those that are
    reduced: frozenset[Var]
    at: Mapping[Var, Index]  # the node's own variables
    row: bool


class Group:
    """Nodes over one space."""

    def __init__(self, order: int) -> None:
        self.order = order
        self.axes: tuple[Var, ...] = ()
        self.reduced: frozenset[Var] = frozenset()
        self.members: dict[int, Member] = {}
        self.reads: dict[int, None] = {}
        self.through: dict[int, None] = {}

    def extent(self, reduced: bool) -> int:
        """The number of rows, or of points in a row."""
        return math.prod(v.extent for v in self.axes if (v in self.reduced) == reduced)

    @property
    def split(self) -> bool:
        """Its rows are too few for several threads: each row is reduced piece by piece."""
        return bool(self.reduced) and is_split(self.axes, self.reduced)

    # --- a node's place -------------------------------------------------------------------

    def fit(self, meaning: Meaning) -> Fit | None:
        """Where a node would lie, if its extents agree with those of the space."""
        body = [v for v in meaning.body if v.extent != 1]
        loops = frozenset(terms.variables(meaning.reduction) if meaning.reduction else ())
        size = math.prod(v.extent for v in body)
        outer = [v for v in self.axes if v not in self.reduced]
        if size == math.prod(v.extent for v in self.axes):
            return self._fit(body, list(self.axes), loops, row=False)
        if not loops and self.reduced and size == math.prod(v.extent for v in outer):
            return self._fit(body, outer, loops, row=True)
        return None

    def _fit(
        self, body: list[Var], axes: list[Var], loops: frozenset[Var], row: bool
    ) -> Fit | None:
        have, want = ([v.extent for v in vs] for vs in (axes, body))
        refined = common(have, want)
        if refined is None:
            return None
        others = {v.name for v in self.axes if v not in axes}  # the rest of a row, which stays
        names = (name for k in itertools.count() if (name := f"v{k}") not in others)
        cut = axes if refined == have else [Var(n, next(names)) for n in refined]
        old = dict(zip(axes, parts(have, cut), strict=True))
        new = dict(zip(body, parts(want, cut), strict=True))
        all_axes = tuple(v for axis in self.axes for v in old.get(axis, (axis,)))
        reduced = frozenset(v for axis in self.reduced for v in old.get(axis, (axis,)))
        if loops:
            mine = frozenset(v for loop in loops for v in new.get(loop, ()))
            if self.reduced and mine != reduced:
                return None
            reduced = mine
        finer = {} if cut is axes else {v: joined(vs) for v, vs in old.items()}
        return Fit(all_axes, finer, reduced, {v: joined(vs) for v, vs in new.items()}, row)

    def admits(self, fit: Fit, meaning: Meaning, needs: Iterable[Need], rules: Rules) -> int | None:
        """The depth of a node with this fit; None where it does not read what its point has."""
        place, finer = Placement((), fit.at), Placement((), fit.finer)
        depth = 0
        for need in needs:
            member = self.members.get(need.position)
            if member is None:
                continue
            theirs, shape = rules.meaning(need.position), rules.shape(need.position)
            assert theirs is not None
            mine = indices.flat(place.indices(need.index), shape)
            there = member.place().indices(theirs.index)
            if mine != finer.index(indices.flat(there, shape)):
                return None
            depth = max(depth, member.depth)
        looped = meaning.reduction is not None
        if depth and is_split(fit.axes, fit.reduced) and (looped or not fit.row):
            return None
        return depth + looped

    def take(self, k: int, meaning: Meaning, fit: Fit, depth: int) -> None:
        """Make node k a member."""
        if fit.finer:
            finer = Placement((), fit.finer)
            for p, m in self.members.items():
                at = tuple((v, finer.index(i)) for v, i in m.at)
                self.members[p] = replace(m, at=at)
        self.axes, self.reduced = fit.axes, fit.reduced
        row = fit.row or meaning.reduction is not None
        self.members[k] = Member(k, tuple(fit.at.items()), row, depth)


def is_split(axes: Sequence[Var], reduced: frozenset[Var]) -> bool:
    """Whether there are so few rows of so many points that rows must be cut."""
    points = math.prod(v.extent for v in axes)
    rows = math.prod(v.extent for v in axes if v not in reduced)
    apart = rows if axes and axes[-1] in reduced else rows // COLUMNS
    return bool(reduced) and points >= MANY and apart < FEW


class Grouping:
    """Puts the nodes of a graph into groups, one after the other."""

    def __init__(self, rules: Rules, inline: Inline) -> None:
        self.rules = rules
        self.needs = Needs(rules, inline.chosen)
        self.steps: list[Group | int] = []  # an int: a node that is a step of its own
        self.order: dict[int, int] = {}  # which step computes a node
        self._touching: dict[int, list[Group]] = {}  # groups by what they compute or read

    def alone(self, k: int) -> None:
        """Node k is a step of its own."""
        self.order[k] = len(self.steps)
        self.steps.append(k)

    def add(self, k: int) -> None:
        """Put node k into a group."""
        meaning = self.rules.meaning(k)
        assert meaning is not None
        if not meaning.type.size:
            self._empty(k)
            return
        needs, through = self.needs.of(k)
        group, fit, depth = self._home(k, meaning, needs)
        group.take(k, meaning, fit, depth)
        self.order[k] = group.order
        reads = {n.position: None for n in needs if n.position not in group.members}
        group.reads |= reads
        group.through |= through
        for p in (k, *reads):
            touching = self._touching.setdefault(p, [])
            if group not in touching:
                touching.append(group)

    def _empty(self, k: int) -> None:
        """Node k has no elements: there is nothing to compute, and nothing to share."""
        group = Group(len(self.steps))
        group.axes, group.members[k] = (Var(0, "v0"),), Member(k, (), False, 0)
        self.order[k] = group.order
        self.steps.append(group)

    def _home(self, k: int, meaning: Meaning, needs: Mapping[Need, None]) -> tuple[Group, Fit, int]:
        earliest = max((self.order.get(n.position, -1) for n in needs), default=-1)
        for group in self._candidates(k, needs):
            if group.order < earliest or len(group.members) >= MEMBERS:
                continue
            fit = group.fit(meaning)
            if fit is None:
                continue
            depth = group.admits(fit, meaning, needs, self.rules)
            if depth is not None:
                return group, fit, depth
        group = Group(len(self.steps))
        self.steps.append(group)
        extents = [v.extent for v in meaning.body if v.extent != 1]
        group.axes = tuple(Var(n, f"v{a}") for a, n in enumerate(extents))
        fit = group.fit(meaning)
        assert fit is not None
        return group, fit, int(meaning.reduction is not None)

    def _candidates(self, k: int, needs: Mapping[Need, None]) -> list[Group]:
        """Groups that compute what node k reads; then such as share with it something as large."""
        least = min(self.rules.size(k), MANY) // 2
        makers = {self.order.get(n.position) for n in needs}
        found: dict[Group, None] = {}
        for p in dict.fromkeys(n.position for n in needs):
            for group in self._touching.get(p, ()):
                if group.order in makers or self.rules.size(p) >= least:
                    found[group] = None
        return sorted(found, key=lambda g: (g.order not in makers, -g.order))[:CANDIDATES]
