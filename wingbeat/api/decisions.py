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
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from wingbeat.api.conventions import Touched, conventions, is_agreed, is_at, kink_of, swept
from wingbeat.api.running import run_nodes
from wingbeat.api.tracing import Trace
from wingbeat.errors import OutOfRange
from wingbeat.ir.node import Absent, Node, leaf
from wingbeat.ir.walk import depends, rebuild, substitute, toposort
from wingbeat.ops import arithmetic as ar
from wingbeat.ops.logic import where
from wingbeat.transform import inlined, simplify

Array = Any
Taken = Mapping[Node, Array]  # decisions, and what is decided

# What is used where more can be said than the convention of the operation says.
LONE = "the side taken (the other one has no finite value or derivative)"
BRANCH = "the branch that Python took (the other one is not known)"

DIRECTIONS = 8
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
    moving, shown = _moving(order, wrt), _shown(order, roots)
    asked = [n for n in order if n in shown and _decides(n, moving)]
    jumps = [n for n in order if n in shown and _may_jump(n, moving)]
    flags = run_nodes(trace, tuple(is_at(n) for n in (*asked, *jumps)))
    met = [n for n, at in zip((*asked, *jumps), flags, strict=True) if at.any()]
    behind = depends(order, met)
    return {n: at for n, at in zip(asked, flags, strict=False) if n in behind}


def _culprits(decisions: Iterable[Node], ties: Mapping[Node, Array]) -> list[Node]:
    """Those of several decisions that are at a tie themselves, where some are."""
    some = list(decisions)
    return [d for d in some if ties[d].any()] or some


def _moving(order: Sequence[Node], wrt: Sequence[Node]) -> set[Node]:
    """What depends on `wrt`, numbers that were made constants aside."""
    return depends([n for n in order if not _is_constant(n)], wrt)


def _is_constant(node: Node) -> bool:
    """Rules make positions constants, too; but which ones they are is decided all the same."""
    return node.op is ar.stop_gradient and node.type.inexact


def _shown(order: Sequence[Node], roots: Sequence[Node]) -> set[Node]:
    """What `roots` read that is no constant, and no formula of a slope that notes a convention.

    Of that, the note tells.
    """
    found = set(roots)
    for node in reversed(order):
        if node in found and not _is_constant(node):
            found.update(node.inputs[1:] if is_agreed(node) else node.inputs)
    return found


def _decides(node: Node, moving: set[Node]) -> bool:
    """Whether numbers that move become a truth or an integer here, which may jump."""
    if node.op is None or node.op.kink is None or node.type.inexact or node not in moving:
        return False
    return any(x.type.inexact and x in moving for x in node.inputs)


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
    new = _moved(list(ties), marks, ties, wrt)
    outputs = tuple(new[d] for d in ties)
    seen: set[bytes] = set()
    for far, near in _around(run_nodes(trace, tuple(wrt))):
        with _given(trace, dict(zip(marks.values(), far, strict=True))):
            there = run_nodes(trace, outputs)
        with _given(trace, dict(zip(marks.values(), near, strict=True))):
            here = run_nodes(trace, outputs)
        # A tie breaks for steps of any size; so the larger one, which cannot round to none.
        found = {d: np.where(ties[d], v, w) for d, v, w in zip(ties, there, here, strict=True)}
        key = b"".join(v.tobytes() for v in found.values())
        if key not in seen:
            seen.add(key)
            yield found


def _moved(
    roots: Sequence[Node],
    marks: Mapping[Node, Node],
    ties: Mapping[Node, Array],
    wrt: Sequence[Node],
) -> dict[Node, Node]:
    """`roots` beside, and all on the way to them."""
    order = toposort(roots, stops=marks)
    moving = _moving(order, wrt)
    new = dict(marks)
    for node in order:
        if node in new:
            continue
        if node not in moving or (_decides(node, moving) and node not in ties):
            new[node] = node
            continue
        same = rebuild(node, [new[x] for x in node.inputs])
        bends = node.type.inexact and node.op and node.op.kink
        new[node] = where(is_at(node), same, _along(node, new)) if bends else same
    return new


def _along(node: Node, new: Mapping[Node, Node]) -> Node:
    """A node beside, on the piece that it is on."""
    assert node.op is not None
    assert not isinstance(node.op.jvp, Absent)
    steps = [new[x] - x if new[x] is not x and x.type.inexact else None for x in node.inputs]
    t = node.op.jvp(node, node.inputs, steps)
    return node if t is None else node + t


def _around(points: Sequence[Array]) -> Iterator[tuple[list[Array], list[Array]]]:
    """Points beside, farther and nearer: all coordinates go either way, and any two both ways.

    Of more than 2^DIRECTIONS coordinates, nearly any two.
    """
    rng = np.random.default_rng(0)
    size = sum(x.size for x in points)
    code = 2 * rng.permutation(size)  # bit k says which way coordinates go along direction k
    for k in range(1 + min((size - 1).bit_length(), DIRECTIONS)):
        steps = (1 - 2 * (code >> k & 1)) * rng.uniform(1, 2, size)
        each = np.split(steps, np.cumsum([x.size for x in points])[:-1])
        for side in (1, -1):
            pairs = [
                _stepped(x, side * s.reshape(x.shape)) for x, s in zip(points, each, strict=True)
            ]
            yield [far for far, _ in pairs], [near for _, near in pairs]


def _stepped(x: Array, step: Array) -> tuple[Array, Array]:
    """`x` and a step so large that its square is visible beside 1, and one of a few roundings."""
    eps, wide = float(np.finfo(x.dtype).eps), np.asarray(x, np.float64)
    with np.errstate(all="ignore"):
        there = [wide + size * (1 + abs(wide)) * step for size in (min(1 / 64, eps**0.4), 4 * eps)]
        far, near = (np.asarray(np.where(np.isfinite(wide), v, wide), x.dtype) for v in there)
    return far, near


@contextmanager
def _given(trace: Trace, values: Mapping[Node, Array]) -> Generator[None]:
    """Leaves that have values for a while."""
    trace.values.update(values)
    try:
        yield
    finally:
        for node in values:
            del trace.values[node]


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
        self.nearby = {x: _rounded(v, k) for k, (x, v) in enumerate(self.here.items())}
        self.base = self._look(self.taken)
        self.branches = dict(zip(substitute(branches, self.leaves), branches, strict=True))
        self.truths = run_nodes(trace, tuple(self.branches.values()))

    def turned(self, beside: Taken) -> list[Node]:
        """The branches of Python's that go another way there."""
        with _given(self.trace, {self.leaves[d]: v for d, v in beside.items()}):
            found = run_nodes(self.trace, tuple(self.branches))
        pairs = zip(self.branches.values(), self.truths, found, strict=True)
        return [b for b, v, w in pairs if not np.array_equal(v, w)]

    def _look(self, decided: Taken) -> _Look:
        chosen = {self.leaves[d]: v for d, v in decided.items()}
        with _given(self.trace, {**chosen, **self.here}):
            here = run_nodes(self.trace, self.outputs)
        with _given(self.trace, {**chosen, **self.nearby}):
            return _Look(here, run_nodes(self.trace, self.outputs))

    def _kinks(self, decided: Taken) -> Counter[Any]:
        """How many elements of which operation at a kink the derivative passes."""
        chosen = {self.leaves[d]: v for d, v in decided.items()}
        with _given(self.trace, {**chosen, **self.here}):
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
        if any(_apart(x, y, x1, y1) for (x, y), (x1, y1) in zip(pairs, nearby, strict=True)):
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


def _rounded(x: Array, number: int) -> Array:
    """`x`, moved by a few units of its last place."""
    rng = np.random.default_rng((x.size, number))
    units = rng.uniform(1, 2, x.shape) * np.finfo(x.dtype).eps
    with np.errstate(all="ignore"):
        return np.asarray(x + x * units.astype(x.dtype), x.dtype)


def _apart(x: Array, y: Array, x1: Array, y1: Array) -> bool:
    """Whether some elements differ by more than rounding: than what x1 and y1 nearby tell of it."""
    with np.errstate(all="ignore"):
        # Sums may have cancelled, of terms as large as what they are elsewhere.
        largest = np.max(abs(x), initial=0, where=np.isfinite(x))
        noise = 8 * np.finfo(x.dtype).eps * largest + 4 * (abs(x - x1) + abs(y - y1))
        same = (x == y) | (np.isnan(x) & np.isnan(y)) | (abs(x - y) <= noise)
    return not same.all()


def _related(nodes: Sequence[Node], wrt: Sequence[Node]) -> list[list[Node]]:
    """Decisions that turn together, in groups: those on the same numbers, and on one another.

    One of a group alone may never be taken otherwise, as a guard is not without what it is for.
    """
    moving = _moving(toposort(nodes), wrt)
    operands = {d: [x for x in d.inputs if x in moving] for d in nodes}
    new = simplify([x for xs in operands.values() for x in xs])  # equal ones of other lines
    groups: list[tuple[set[Node], list[Node]]] = []
    for d, xs in operands.items():
        keys = {new[x] for x in xs}.union(n for n in toposort([d]) if n in operands)
        members = [d]
        apart: list[tuple[set[Node], list[Node]]] = []
        for group in groups:
            if group[0] & keys:
                keys, members = group[0] | keys, [*group[1], *members]
            else:
                apart.append(group)
        groups = [*apart, (keys, members)]
    return [members for _, members in groups]
