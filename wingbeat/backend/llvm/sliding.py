"""Sums of products in which one factor slides: convolutions and their adjoints, as data.

A factor slides where an axis of it is read at a sum of two loop variables, as x in
`sum over k of x[2 o + k - 1] * y[k]`. Where that is no position of x, there is no term. So forward
and both adjoints are one thing, in which only the kinds of the variables differ.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from wingbeat.backend.llvm import indices, terms
from wingbeat.backend.llvm.grouping import Rules
from wingbeat.backend.llvm.indices import Condition, Index, Quotient, Var
from wingbeat.backend.llvm.meaning import Meaning
from wingbeat.backend.llvm.terms import Read, Term
from wingbeat.ir.types import Shape

TINY = 2048  # multiplications: fewer are computed by a kernel, where they can be fused
NARROW = 3  # columns that a register is worth filling for

BATCH, ROW, COLUMN, INNER = "batch", "row", "column", "inner"
# Whether a variable is in x, in y, in z.
_KINDS = {
    (True, True, True): BATCH,
    (True, True, False): INNER,
    (True, False, True): ROW,
    (False, True, True): COLUMN,
}


@dataclass(frozen=True)
class Axis:
    """An axis of x, read at (sum of factor * variable + const) / base, if that is a position."""

    extent: int
    stride: int  # in its buffer, in elements
    terms: tuple[tuple[int, int], ...]  # (the number of a loop variable, factor)
    const: int
    base: int


@dataclass(frozen=True)
class Loop:
    """A variable: of what kind it is, and how far y and z move with it, in elements."""

    extent: int
    kind: str
    y: int
    z: int


@dataclass(frozen=True)
class Slid:
    """A factor, and where it begins in its buffer."""

    position: int
    offset: int


@dataclass(frozen=True)
class Sliding:
    """z = the sum over inner variables of x * y."""

    node: int
    x: Slid
    y: Slid
    axes: tuple[Axis, ...]  # of x
    loops: tuple[Loop, ...]
    guard: int  # bit 1: a zero of x kills what it meets (0 x inf is 0); bit 2: a zero of y

    @property
    def reads(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys((self.x.position, self.y.position)))

    @property
    def stored(self) -> tuple[int, ...]:
        return (self.node,)


# --- recognition ---------------------------------------------------------------------------------


def sliding(rules: Rules, k: int, meaning: Meaning) -> Sliding | None:
    """Node k as such a sum of products, if it is one that is worth it."""
    found = _windowed(meaning.term)
    if found is None or meaning.type.dtype.name not in ("float32", "float64"):
        return None
    x, y, guard, conditions = found
    variables = [v for v in (*meaning.axes, *terms.variables(meaning.term)) if v.extent != 1]
    if math.prod(v.extent for v in variables) < TINY:
        return None
    shape = rules.shape(rules.graph.operands[k][x.detail[0]])
    solved = _solved(shape, x.detail[1], conditions)
    left, right = (_place(rules, k, factor) for factor in (x, y))
    if solved is None or left is None or right is None or not _plain(y):
        return None
    number = {v: n for n, v in enumerate(variables)}
    axes = tuple(
        Axis(extent, stride, _terms(at, number), at.const, base)
        for extent, stride, (at, base) in zip(shape, left.strides, solved, strict=True)
    )
    strides = [
        _by_variable(y.detail[1], right.strides),
        _by_variable(meaning.index, contiguous(rules.shape(k))),
    ]
    loops = tuple(_loops(number, axes, *strides))
    if not _fit(axes, loops):
        return None
    factors = Slid(left.position, left.offset), Slid(right.position, right.offset)
    return Sliding(k, *factors, axes, loops, guard)


def _loops(
    number: dict[Var, int], axes: Sequence[Axis], y: dict[Var, int], z: dict[Var, int]
) -> Iterator[Loop]:
    in_x = {n for axis in axes for n, _ in axis.terms}
    for v, n in number.items():
        kind = _KINDS.get((n in in_x, v in y, v in z), "")
        yield Loop(v.extent, kind, y.get(v, 0), z.get(v, 0))


def _windowed(term: Term) -> tuple[Term, Term, int, frozenset[Condition]] | None:
    """The factors, whose zeros kill, and what must hold for a term."""
    if term.kind != "reduce" or term.detail[0] != "add":
        return None
    body, conditions = term.args[0], set[Condition]()
    while body.kind == "branch":
        then, other = body.args
        if other.kind != "const" or other.detail != 0 or isinstance(body.detail, bool):
            return None
        conditions |= set(indices.conjuncts(body.detail))
        body = then
    if (factors := terms.factors(body)) is None:
        return None
    x, y, guard = factors
    if _plain(x):
        x, y, guard = y, x, (guard & 1) << 1 | guard >> 1
    return x, y, guard, frozenset(conditions)


def _plain(read: Term) -> bool:
    """Each axis is read at one variable, or at one place."""
    return all(
        not i.terms or (len(i.terms) == 1 and not i.const and _only_variables(i) == {1})
        for i in read.detail[1]
    )


def _only_variables(i: Index) -> set[int]:
    """The factors of a sum of variables; 0 among them where it is none."""
    return {c if isinstance(atom, Var) else 0 for atom, c in i.terms.items()}


def _solved(
    shape: Shape, index: Sequence[Index], conditions: frozenset[Condition]
) -> list[tuple[Index, int]] | None:
    """(base * i, base) for each axis, if the conditions say that i is a position, and no more."""
    found: list[tuple[Index, int]] = []
    wanted: list[Condition | bool] = []
    for i, extent in zip(index, shape, strict=True):
        at, base = i, 1
        if quotients := [atom for atom in i.terms if isinstance(atom, Quotient)]:
            base = quotients[0].divisor
            rests = (c.index for c in conditions if isinstance(c, indices.Compare))
            # `at % base == 0` is a condition on at - base * (at // base).
            sums = (i.times(base).plus(rest) for rest in rests)
            at = next((s for s in sums if 0 not in _only_variables(s)), i)
            wanted.append(indices.compare(at.modulo(base), "=="))
        if 0 in _only_variables(at):
            return None
        wanted.append(indices.compare(at, ">="))
        wanted.append(indices.compare(indices.number(base * (extent - 1)).plus(at, -1), ">="))
        found.append((at, base))
    needed = frozenset(c for c in wanted if not isinstance(c, bool))
    return found if False not in wanted and needed == conditions else None


class _Place(NamedTuple):
    """Where an operand lies in a buffer."""

    position: int
    offset: int
    strides: tuple[int, ...]  # of its axes


def _place(rules: Rules, k: int, read: Term) -> _Place | None:
    """As far back as it lies in a buffer as an array does."""
    source = read.detail[0]
    axes = [Var(n, f"p{a}") for a, n in enumerate(rules.shape(rules.graph.operands[k][source]))]
    index = tuple(indices.of(v) for v in axes)
    found = None
    for position, at in rules.sources(k, Read(source, index, looped=True, guarded=True)):
        whole = indices.flat(at, rules.shape(position))
        if 0 not in _only_variables(whole):
            strides = tuple(whole.terms.get(v, 0) for v in axes)
            found = _Place(position, whole.const, strides)
    return found


def _terms(at: Index, number: dict[Var, int]) -> tuple[tuple[int, int], ...]:
    return tuple((number[v], c) for v, c in at.terms.items() if isinstance(v, Var))


def _by_variable(index: Iterable[Index], strides: Iterable[int]) -> dict[Var, int]:
    """How far one moves with each variable; each axis is read at one, or at one place."""
    return {
        v: stride
        for i, stride in zip(index, strides, strict=True)
        for v in i.terms
        if isinstance(v, Var)
    }


def contiguous(shape: Shape) -> tuple[int, ...]:
    return tuple(math.prod(shape[a + 1 :]) for a in range(len(shape)))


def _fit(axes: Sequence[Axis], loops: Sequence[Loop]) -> bool:
    """Whether z has columns side by side, and what divides the axes of x can be told apart."""
    kinds = [loop.kind for loop in loops]
    enough = any(v.kind == COLUMN and v.z == 1 and v.extent >= NARROW for v in loops)
    if "" in kinds or not enough or ROW not in kinds or INNER not in kinds:
        return False
    places = [n for axis in axes for n, _ in axis.terms]
    sums = [[kinds[n] for n, _ in axis.terms] for axis in axes]
    return len(places) == len(set(places)) and all(
        axis.base == 1 or sum(kind == INNER for kind in mine) <= 1
        for axis, mine in zip(axes, sums, strict=True)
    )


# --- phases --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """A variable of a phase: its extent, its kind, and how far each buffer moves with it."""

    extent: int
    kind: str
    x: int
    y: int
    z: int


@dataclass(frozen=True)
class Phase:
    """A part of the rows, in which x is read at sums of strides; where the buffers begin."""

    steps: tuple[Step, ...]
    x: int
    y: int
    z: int


@dataclass(frozen=True)
class Copied:
    """A copy of x: along each axis the positions low ... high - 1, those outside x among them."""

    low: tuple[int, ...]
    high: tuple[int, ...]

    @property
    def shape(self) -> Shape:
        return tuple(h - low for low, h in zip(self.low, self.high, strict=True))

    def reaches_out(self, axes: Sequence[Axis]) -> bool:
        """Whether some of the positions are outside x."""
        bounds = zip(axes, self.low, self.high, strict=True)
        return any(low < 0 or high > axis.extent for axis, low, high in bounds)


def copied(s: Sliding) -> Copied | None:
    """What has to be copied: all that is read, if some lies outside x or neighbours lie apart."""
    low, high = zip(*(_range(axis, s.loops) for axis in s.axes), strict=True)
    found = Copied(low, high)
    last = next((axis for axis in reversed(s.axes) if axis.extent > 1), None)
    in_order = last is None or last.stride == 1
    return None if in_order and not found.reaches_out(s.axes) else found


def _range(axis: Axis, loops: Sequence[Loop]) -> tuple[int, int]:
    """The first position that is read, and the one behind the last."""
    ends = [(c * (loops[n].extent - 1)) for n, c in axis.terms]
    least = axis.const + sum(e for e in ends if e < 0)
    most = axis.const + sum(e for e in ends if e > 0)
    return -(-least // axis.base), most // axis.base + 1


def phases(s: Sliding, copy: Copied | None) -> Iterator[Phase]:
    """Rows cut such that every base is 1: those of one remainder meet the same inner ones."""
    cuts = _cuts(s)
    rows = [n for n in cuts if s.loops[n].kind != INNER]
    for remainders in itertools.product(*(range(cuts[n]) for n in rows)):
        chosen = dict(zip(rows, remainders, strict=True))
        if all(r < s.loops[n].extent for n, r in chosen.items()):
            yield _phase(s, copy, cuts, chosen | _matching(s, cuts, chosen))


def _cuts(s: Sliding) -> dict[int, int]:
    """Variables whose factor a base does not divide, and into how many parts each is cut."""
    return {
        n: axis.base // math.gcd(c, axis.base)
        for axis in s.axes
        for n, c in axis.terms
        if c % axis.base
    }


def _matching(s: Sliding, cuts: dict[int, int], chosen: dict[int, int]) -> dict[int, int]:
    """The remainders of inner variables that give positions; -1 where there are none."""
    found: dict[int, int] = {}
    for axis in s.axes:
        rest = axis.const + sum(c * chosen.get(n, 0) for n, c in axis.terms)
        inner = [(n, c) for n, c in axis.terms if n in cuts and n not in chosen]
        for n, c in inner:
            fits = (r for r in range(cuts[n]) if (rest + c * r) % axis.base == 0)
            found[n] = next(fits, -1)
        if not inner and rest % axis.base:  # nothing meets these rows
            found |= {n: -1 for n, v in enumerate(s.loops) if v.kind == INNER}
    return found


def _phase(
    s: Sliding, copy: Copied | None, cuts: dict[int, int], remainders: dict[int, int]
) -> Phase:
    strides, low = [axis.stride for axis in s.axes], [0] * len(s.axes)
    if copy is not None:
        strides, low = list(contiguous(copy.shape)), list(copy.low)
    x, factors = (0 if copy else s.x.offset), dict[int, int]()
    for axis, stride, first in zip(s.axes, strides, low, strict=True):
        at = axis.const + sum(c * max(remainders.get(n, 0), 0) for n, c in axis.terms)
        x += stride * (at // axis.base - first)
        factors |= {n: stride * (c * cuts.get(n, 1) // axis.base) for n, c in axis.terms}
    steps: list[Step] = []
    y, z = s.y.offset, 0
    for n, v in enumerate(s.loops):
        r, parts = remainders.get(n, 0), cuts.get(n, 1)
        extent = len(range(r, v.extent, parts)) if r >= 0 else 0
        y, z = y + v.y * max(r, 0), z + v.z * max(r, 0)
        steps.append(Step(extent, v.kind, factors.get(n, 0), v.y * parts, v.z * parts))
    return Phase(tuple(steps), x, y, z)


def one_lane(phase: Phase) -> Phase:
    """With one column; other ones, along which x repeats, are a batch."""
    widest = max(
        (n for n, v in enumerate(phase.steps) if v.kind == COLUMN and v.z == 1),
        key=lambda n: phase.steps[n].extent,
    )
    steps = (
        replace(v, kind=BATCH) if v.kind == COLUMN and n != widest else v
        for n, v in enumerate(phase.steps)
    )
    return replace(phase, steps=tuple(steps))
