"""Decisions at a tie: would the derivative be another one had they been taken the other way?

A comparison of equal numbers, the position of the largest of equal ones, a number at which rounding
jumps: when the variables move a little, something else is decided. What is found out by moving them
in a few directions, while all else stays on its piece: a decision without a tie stays, and an
operation with a kink elsewhere follows its tangent. Value and derivative are then computed where
the variables are, with what was decided beside; if they are others, the tie is told. So a seam that
is smooth is silent, and so is a tie that no small step breaks, as `x == max(x)` at the largest.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wingbeat.api.beside import (
    apart,
    around,
    decides,
    given,
    is_constant,
    moved,
    moving_nodes,
    rounded,
)
from wingbeat.api.conventions import Touched, conventions
from wingbeat.api.kinked import is_agreed, is_at, kink_of, swept
from wingbeat.api.running import run_nodes
from wingbeat.api.tracing import Trace
from wingbeat.errors import OutOfRange
from wingbeat.ir.node import Node, leaf
from wingbeat.ir.walk import depends, substitute, toposort
from wingbeat.transform import inlined, simplify

Array = Any
Taken = Mapping[Node, Array]  # decisions, and what is decided

# What is used where more can be said than the convention of the operation says.
LONE = "the side taken (the other one has no finite value or derivative)"
BRANCH = "the branch that Python took (the other one is not known)"

TRIALS = 32  # to find out which elements of a decision count; the rest is taken to count


def decisions(trace: Trace, bodies: Sequence[Node], wrt: Sequence[Node]) -> list[Touched]:
    """The decisions at ties that the derivative of `bodies` by `wrt` rests on.

    And those that Python's control flow asked for, of which one branch alone is known.
    """
    branches = inlined(trace.branches)
    ties = _ties(trace, [*bodies, *branches], wrt)
    if not ties:
        return []
    worlds = _Worlds(trace, bodies, branches, wrt, ties)
    found: dict[Node, _Hit] = {}
    asked: dict[Node, _Hit] = {}
    for beside in _sides(trace, ties, wrt):
        flips = {d: v != beside[d] for d, v in worlds.taken.items() if (v != beside[d]).any()}
        for d in _culprits(flips.keys() & toposort(worlds.turned(beside)), ties):
            _add(asked, d, _Hit(flips[d], BRANCH, sure=False))
        if any((f & ~found[d].where).any() if d in found else True for d, f in flips.items()):
            for d, hit in worlds.blamed(beside, flips).items():
                _add(found, d, hit)
    return [hit.touched(d) for d in ties if (hit := found.get(d) or asked.get(d)) is not None]


@dataclass(frozen=True)
class _Hit:
    """The elements of a decision that the derivative rests on, and what was used there."""

    where: Array
    convention: str
    sure: bool

    def touched(self, node: Node) -> Touched:
        return Touched(node, int(np.count_nonzero(self.where)), self.convention, self.sure)


def _add(found: dict[Node, _Hit], node: Node, hit: _Hit) -> None:
    """More elements; of what is said of them, what is surer."""
    if (old := found.get(node)) is not None:
        first = old if old.sure else hit
        hit = _Hit(old.where | hit.where, first.convention, first.sure)
    found[node] = hit


# --- where ties are -------------------------------------------------------------------------------


def _ties(trace: Trace, roots: Sequence[Node], wrt: Sequence[Node]) -> dict[Node, Array]:
    """The decisions that `wrt` may turn, and at which elements.

    At none, where the operands of a decision may jump, since they come from a jump or from another
    decision at a tie.
    """
    order = toposort(roots)
    moving, shown = moving_nodes(order, wrt), _shown(order, roots)
    asked = [n for n in order if n in shown and decides(n, moving)]
    jumps = [n for n in order if n in shown and _may_jump(n, moving)]
    flags = run_nodes(trace, tuple(is_at(n) for n in (*asked, *jumps)))
    met = [n for n, at in zip((*asked, *jumps), flags, strict=True) if at.any()]
    behind = depends(order, met)
    return {n: at for n, at in zip(asked, flags, strict=False) if n in behind}


def _culprits(decisions: Iterable[Node], ties: Mapping[Node, Array]) -> list[Node]:
    """Those of several decisions that are at a tie themselves, where some are."""
    some = list(decisions)
    return [d for d in some if ties[d].any()] or some


def _shown(order: Sequence[Node], roots: Sequence[Node]) -> set[Node]:
    """What `roots` read that is no constant, and no formula of a slope that notes a convention.

    Of that, the note tells.
    """
    found = set(roots)
    for node in reversed(order):
        if node in found and not is_constant(node):
            found.update(node.inputs[1:] if is_agreed(node) else node.inputs)
    return found


def _may_jump(node: Node, moving: set[Node]) -> bool:
    """Whether a number that moves may jump here, or be infinitely steep."""
    if node.op is None or node.op.kink is None or node not in moving:
        return False
    return node.type.inexact and not node.op.kink.lipschitz


# --- what is decided beside -----------------------------------------------------------------------


def _sides(
    trace: Trace, ties: Mapping[Node, Array], wrt: Sequence[Node]
) -> Iterator[dict[Node, Array]]:
    """What is decided where ties break, each outcome once."""
    marks = {x: leaf(x.type, "moved", k) for k, x in enumerate(wrt)}
    new = moved(list(ties), marks, ties, wrt)
    outputs = tuple(new[d] for d in ties)
    seen: set[bytes] = set()
    for far, near in around(run_nodes(trace, tuple(wrt))):
        with given(trace, dict(zip(marks.values(), far, strict=True))):
            there = run_nodes(trace, outputs)
        with given(trace, dict(zip(marks.values(), near, strict=True))):
            here = run_nodes(trace, outputs)
        # A tie breaks for steps of any size; so the larger one, which cannot round to none.
        found = {d: np.where(ties[d], v, w) for d, v, w in zip(ties, there, here, strict=True)}
        key = b"".join(v.tobytes() for v in found.values())
        if key not in seen:
            seen.add(key)
            yield found


# --- what it makes of value and derivative --------------------------------------------------------


@dataclass(frozen=True)
class _Look:
    """Value and derivative where the variables are, and with these moved by some roundings."""

    here: list[Array]
    nearby: list[Array]


class _Worlds:
    """`bodies` and their derivative, with decisions that can be chosen."""

    def __init__(
        self,
        trace: Trace,
        bodies: Sequence[Node],
        branches: Sequence[Node],
        wrt: Sequence[Node],
        ties: Mapping[Node, Array],
    ) -> None:
        ds = tuple(ties)
        self.trace, self.wrt, self.ties = trace, wrt, ties
        self.taken = dict(zip(ds, run_nodes(trace, ds), strict=True))
        self.leaves = {d: leaf(d.type, "decided", k) for k, d in enumerate(ds)}
        variables = [leaf(x.type, "variable", k) for k, x in enumerate(wrt)]
        self.ends = substitute(bodies, {**self.leaves, **dict(zip(wrt, variables, strict=True))})
        g = swept(trace, self.ends, variables)
        self.outputs = (*self.ends, *(g[x] for x in variables if x in g))
        here = run_nodes(trace, tuple(wrt))
        self.here = dict(zip(variables, here, strict=True))
        self.nearby = {x: rounded(v, k) for k, (x, v) in enumerate(self.here.items())}
        self.base = self._look(self.taken)
        self.branches = dict(zip(substitute(branches, self.leaves), branches, strict=True))
        self.truths = run_nodes(trace, tuple(self.branches.values()))

    def turned(self, beside: Taken) -> list[Node]:
        """The branches of Python's that go another way there."""
        with given(self.trace, {self.leaves[d]: v for d, v in beside.items()}):
            found = run_nodes(self.trace, tuple(self.branches))
        pairs = zip(self.branches.values(), self.truths, found, strict=True)
        return [b for b, v, w in pairs if not np.array_equal(v, w)]

    def _look(self, decided: Taken) -> _Look:
        chosen = {self.leaves[d]: v for d, v in decided.items()}
        with given(self.trace, {**chosen, **self.here}):
            here = run_nodes(self.trace, self.outputs)
        with given(self.trace, {**chosen, **self.nearby}):
            return _Look(here, run_nodes(self.trace, self.outputs))

    def _kinks(self, decided: Taken) -> Counter[Any]:
        """How many elements of which operation at a kink the derivative passes."""
        chosen = {self.leaves[d]: v for d, v in decided.items()}
        with given(self.trace, {**chosen, **self.here}):
            met = conventions(self.trace, self.ends, list(self.here))
        return Counter({(t.node.op, t.node.site): t.count for t in met})

    def differs(self, beside: Taken, flips: Mapping[Node, Array]) -> str:
        """What value and derivative are with `flips` as they are `beside`: "", "other", "none"."""
        decided = {
            d: np.where(flips[d], beside[d], v) if d in flips else v for d, v in self.taken.items()
        }
        try:
            look = self._look(decided)
        except OutOfRange:  # an element is asked for that does not exist
            return "none"
        pairs = list(zip(self.base.here, look.here, strict=True))
        if any((np.isfinite(x) & ~np.isfinite(y)).any() for x, y in pairs):
            return "none"
        nearby = zip(self.base.nearby, look.nearby, strict=True)
        if any(apart(x, y, x1, y1).any() for (x, y), (x1, y1) in zip(pairs, nearby, strict=True)):
            return "other"
        return "other" if self._kinks(decided) - self._kinks(self.taken) else ""

    def blamed(self, beside: Taken, flips: Mapping[Node, Array]) -> dict[Node, _Hit]:
        """The decisions whose other side makes a difference."""
        whole = self.differs(beside, flips)
        if not whole:
            return {}
        groups = [{d: flips[d] for d in group} for group in _related(list(flips), self.wrt)]
        some = [g for g in groups if self.differs(beside, g)] if len(groups) > 1 else groups
        found: dict[Node, _Hit] = {}
        for group in some or [dict(flips)]:
            named = _culprits(group, self.ties)
            alone = {d: how for d in named if (how := self.differs(beside, {d: flips[d]}))}
            for d, how in (alone or dict.fromkeys(named, whole)).items():
                found[d] = _Hit(self._counting(beside, d, flips[d]), *_said(d, how))
        return found

    def _counting(self, beside: Taken, d: Node, flips: Array) -> Array:
        """Which elements of one decision make a difference: halves that make none are dropped."""
        counting = np.zeros(flips.size, bool)
        halves, trials = deque([np.flatnonzero(flips)]), TRIALS
        while halves:
            places = halves.popleft()
            if len(places) == 1 or not trials:
                counting[places] = True
                continue
            middle = len(places) // 2
            for part in (places[:middle], places[middle:]):
                some = np.zeros(flips.size, bool)
                some[part] = True
                trials = max(trials - 1, 0)
                if self.differs(beside, {d: some.reshape(flips.shape)}):
                    halves.append(part)
        return counting.reshape(flips.shape) if counting.any() else flips


def _said(d: Node, how: str) -> tuple[str, bool]:
    """The convention that answered at a decision, and whether no derivative exists for sure."""
    return (LONE, False) if how == "none" else (kink_of(d).convention, True)


def _related(nodes: Sequence[Node], wrt: Sequence[Node]) -> list[list[Node]]:
    """Decisions that turn together, in groups: those on the same numbers, and on one another.

    One of a group alone may never be taken otherwise, as a guard is not without what it is for.
    """
    moving = moving_nodes(toposort(nodes), wrt)
    operands = {d: [x for x in d.inputs if x in moving] for d in nodes}
    new = simplify([x for xs in operands.values() for x in xs])  # equal ones of other lines
    groups: list[tuple[set[Node], list[Node]]] = []
    for d, xs in operands.items():
        keys = {new[x] for x in xs}.union(n for n in toposort([d]) if n in operands)
        members = [d]
        others: list[tuple[set[Node], list[Node]]] = []
        for group in groups:
            if group[0] & keys:
                keys, members = group[0] | keys, [*group[1], *members]
            else:
                others.append(group)
        groups = [*others, (keys, members)]
    return [members for _, members in groups]
