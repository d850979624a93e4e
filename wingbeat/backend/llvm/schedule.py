"""How a kernel's loops run: which axes are one loop, which one the lanes lie along, and how many.

Pure data: kernel -> Schedule. The kernel's axes are cut where an index wants it (`v // 64` becomes
a variable of its own) and joined where every index allows it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from wingbeat.backend.llvm import indices, placement, terms
from wingbeat.backend.llvm.grouping import Member, Rules
from wingbeat.backend.llvm.indices import Index, Var
from wingbeat.backend.llvm.lanes import DType
from wingbeat.backend.llvm.meaning import Meaning
from wingbeat.backend.llvm.partition import Kernel
from wingbeat.backend.llvm.placement import Placement
from wingbeat.backend.llvm.target import Target

NARROW = 16  # a cut-off part of an axis has at least so many elements
GATHER = 1.5  # what a number costs that is loaded alone, where one in a vector costs 1 / lanes
ACROSS = 12  # what it costs to join the lanes of a reduction
HEAVY = 60  # operations from which on one vector at a time is enough
FEW = 64  # vectors up to which the code is better short than fast: writing it takes longer


@dataclass(frozen=True)
class Use:
    """An index that a kernel computes with, by its own variables."""

    index: Index  # for memory, an offset
    kind: str  # load, store or value
    position: int  # of the node in memory, or of the node that uses the value
    member: int  # for which


@dataclass(frozen=True)
class Schedule:
    """A kernel with its loops settled."""

    axes: tuple[Var, ...]
    reduced: tuple[Var, ...]
    members: tuple[Member, ...]
    lane: Var | None  # the variable that lanes lie along; None: everything is a scalar
    count: int  # lanes
    unroll: int  # vectors that are computed side by side
    uses: tuple[Use, ...]

    @property
    def outer(self) -> tuple[Var, ...]:
        return tuple(v for v in self.axes if v not in self.reduced)

    @property
    def small(self) -> bool:
        """There is little to compute."""
        return math.prod(v.extent for v in self.axes) <= FEW * self.count

    def in_order(self, offset: Index) -> bool:
        """Whether lanes read or write neighbours, or all the same element."""
        return self.lane is None or _load(self.lane, offset, self.count) < GATHER

    @property
    def across(self) -> bool:
        """Lanes lie along a row, and are joined at its end."""
        return self.lane in self.reduced


def scheduled(rules: Rules, kernel: Kernel, target: Target) -> Schedule:
    """The schedule of a kernel."""
    axes, members = list(kernel.axes), kernel.members
    reduced, uses = set(kernel.reduced), list(uses_of(rules, kernel))
    for step in (_cut, _join):
        new, by = step(axes, reduced, uses)
        if by:
            moved = Placement((), by)
            members = tuple(_moved(m, moved) for m in members)
            uses = [replace(use, index=moved.index(use.index)) for use in uses]
            reduced = {v for v in new if any(v in axis_of(by, old) for old in reduced)}
            axes = new
    itemsize = _itemsize(rules, kernel, members)
    lane = _lane(rules, axes, reduced, uses, target.bits // (8 * itemsize))
    count = 1
    if lane is not None:
        count = min(target.bits // (8 * itemsize), 1 << (lane.extent - 1).bit_length())
    ordered = tuple(v for v in axes if v in reduced)
    schedule = Schedule(tuple(axes), ordered, members, lane, count, 1, tuple(uses))
    return replace(schedule, unroll=_unroll(rules, kernel, schedule))


def axis_of(by: Mapping[Var, Index], old: Var) -> set[Var]:
    """What an axis has become."""
    return {a for a in by[old].atoms() if isinstance(a, Var)} if old in by else {old}


def _moved(member: Member, moved: Placement) -> Member:
    return replace(member, at=tuple((v, moved.index(i)) for v, i in member.at))


# --- which indices there are ------------------------------------------------------------------


def uses_of(rules: Rules, kernel: Kernel) -> Iterator[Use]:
    """Every index that members, and the nodes that they read inline, compute with."""
    inside, in_memory = {m.node for m in kernel.members}, set(kernel.reads)
    operands = rules.graph.operands
    for m in kernel.members:
        meaning = _meaning(rules, m.node)
        if m.node in kernel.stored:
            offset = indices.flat(m.place().indices(meaning.index), rules.shape(m.node))
            yield Use(offset, "store", m.node, m.node)
        todo = [(m.node, m.place(operands[m.node]))]
        seen = set[tuple[int, tuple[Index, ...]]]()
        while todo:
            node, place = todo.pop()
            for term in terms.every_term(_meaning(rules, node).term):
                if term.kind != "read":
                    yield from (
                        Use(place.index(i), "value", node, m.node) for i in terms.named(term)
                    )
                    continue
                source, index = term.detail
                at = (place.sources[source], place.indices(index))
                if at in seen or at[0] in inside:
                    continue
                seen.add(at)
                if at[0] in in_memory:
                    yield Use(indices.flat(at[1], rules.shape(at[0])), "load", at[0], m.node)
                else:
                    axes = _meaning(rules, at[0]).axes
                    below = Placement(operands[at[0]], dict(zip(axes, at[1], strict=True)))
                    todo.append((at[0], below))


def _meaning(rules: Rules, k: int) -> Meaning:
    meaning = rules.meaning(k)
    assert meaning is not None
    return meaning


# --- axes ----------------------------------------------------------------------------------------

Axes = tuple[list[Var], dict[Var, Index]]  # the new ones, and the old ones by them


def _cut(axes: list[Var], reduced: set[Var], uses: Sequence[Use]) -> Axes:
    """Cut an axis where an index is a quotient of it, or changes sides in the middle of it."""
    new: list[Var] = []
    by: dict[Var, Index] = {}
    wanted: dict[Var, set[int]] = {v: set() for v in axes}
    for use in uses:
        for q in use.index.quotients():
            found = _single(q.index)
            if found is not None and found[0] in wanted and found[1] == 1 and not q.index.const:
                wanted[found[0]].add(q.divisor)
        if use.kind == "value":
            _wanted_by_value(use.index, wanted)
    for v in axes:
        cuts = _chain(v.extent, wanted[v])
        if not cuts:
            new.append(v)
            continue
        parts = [Var(n, f"{v.name}_{k}") for k, n in enumerate(cuts)]
        new.extend(parts)
        by[v] = indices.flat([indices.of(p) for p in parts], tuple(cuts))
    return new, by


def _single(index: Index) -> tuple[Var, int] | None:
    """The variable of an index that has but one, and its coefficient."""
    if len(index.terms) != 1:
        return None
    ((atom, c),) = index.terms.items()
    return (atom, c) if isinstance(atom, Var) else None


def _wanted_by_value(index: Index, wanted: dict[Var, set[int]]) -> None:
    """`v - 64 >= 0` changes sides at 64, so that v is cut into pieces of 64."""
    if (found := _single(index)) is None or abs(found[1]) != 1 or found[0] not in wanted:
        return
    v, sign = found
    side = -index.const if sign == 1 else index.const + 1
    piece = math.gcd(side, v.extent)
    if NARROW <= piece < v.extent:
        wanted[v].add(piece)


def _chain(extent: int, divisors: Iterable[int]) -> list[int]:
    """The extents of an axis that is cut at the divisors that divide it and one another."""
    below, cuts = 1, list[int]()
    for d in sorted(divisors):
        if extent % d == 0 and d % below == 0 and d < extent:
            cuts.append(d // below)
            below = d
    return [extent // below, *reversed(cuts)] if cuts else []


def _join(axes: list[Var], reduced: set[Var], uses: Sequence[Use]) -> Axes:
    """Make one axis of neighbours that every index treats as one."""
    runs: list[list[Var]] = []
    for v in axes:
        together = runs and (runs[-1][-1] in reduced) == (v in reduced)
        if together and all(_joint(use.index, runs[-1][-1], v) for use in uses):
            runs[-1].append(v)
        else:
            runs.append([v])
    new: list[Var] = []
    by: dict[Var, Index] = {}
    for run in runs:
        if len(run) == 1:
            new.append(run[0])
            continue
        whole = Var(math.prod(v.extent for v in run), "".join(v.name for v in run))
        new.append(whole)
        shape = tuple(v.extent for v in run)
        by |= zip(run, indices.unravelled(indices.of(whole), shape), strict=True)
    return new, by


def _joint(index: Index, x: Var, y: Var) -> bool:
    if any(v in (x, y) for q in index.quotients() for v in q.index.atoms()):
        return False
    return index.terms.get(x, 0) == index.terms.get(y, 0) * y.extent


# --- lanes ---------------------------------------------------------------------------------------


def _itemsize(rules: Rules, kernel: Kernel, members: Sequence[Member]) -> int:
    """Bytes of the numbers that there are most of: floats if there are any."""
    points = max((v.extent for v in kernel.axes), default=1)
    large = [m.node for m in members if not m.row] + [m.node for m in members if m.row]
    large += [k for k in kernel.reads if rules.size(k) >= points]
    dtypes: list[DType] = [rules.graph.nodes[k].type.dtype for k in large]
    floats = [max(d.itemsize, 4) for d in dtypes if d.kind == "f"]
    return max(floats or [d.itemsize for d in dtypes], default=8)


def _lane(
    rules: Rules, axes: Sequence[Var], reduced: set[Var], uses: Sequence[Use], lanes: int
) -> Var | None:
    """The axis along which a point costs least."""
    if not axes:
        return None
    return min(reversed(axes), key=lambda v: _price(v, reduced, uses, lanes))


def _price(v: Var, reduced: set[Var], uses: Sequence[Use], lanes: int) -> float:
    count = min(lanes, 1 << (v.extent - 1).bit_length())
    used = v.extent / (-(-v.extent // count) * count)
    price = 1.0 / count
    for use in uses:
        if use.kind != "value":
            price += _load(v, use.index, count)
    if v in reduced:
        price += ACROSS / v.extent
    return price / used


def _load(v: Var, offset: Index, count: int) -> float:
    c = offset.terms.get(v, 0)
    rest = Index({a: n for a, n in offset.terms.items() if a != v}, 0)
    if c in (0, 1) and v not in placement.variables_of(rest):
        return (1.5 - 0.5 * c) / count
    return GATHER


def _unroll(rules: Rules, kernel: Kernel, schedule: Schedule) -> int:
    """Short bodies are computed several at a time, so that one need not wait for another."""
    lane, members = schedule.lane, schedule.members
    if lane is None or schedule.small:
        return 1
    most = lane.extent // schedule.count
    inside = [m.node for m in members if not m.row or _meaning(rules, m.node).reduction]
    points = math.prod(kernel.space)
    inside += [k for k in {*kernel.nodes} - {m.node for m in members} if rules.size(k) == points]
    costs = [_meaning(rules, k).turn for k in inside]
    calls, operations = sum(c.calls for c in costs), sum(c.operations for c in costs)
    wanted = 1 if operations + 8 * calls > HEAVY else 2 if calls else 4
    return max(1, min(wanted, 1 << (most.bit_length() - 1))) if most else 1
