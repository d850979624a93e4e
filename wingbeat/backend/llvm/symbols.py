"""What a primitive's `element` says, as data: it is called once, with symbols for its numbers.

The result is a `Term` over loop variables, from which everything else is read: which elements of
which operand are needed, what is reduced along which axes, what is a product of two matrices.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from wingbeat.backend.llvm import indices
from wingbeat.backend.llvm.indices import Condition, Datum, Index, Var
from wingbeat.ir.node import Attrs, Primitive
from wingbeat.ir.types import Shape, TensorType

UNROLLED = 4  # a reduction of so few terms, at places in data, is written out
Source = int  # an operand's number in the rule; in a graph, a position


class Term:
    """A number: `kind` of the numbers `args`. Equal terms of one rule are one object.

    kind       detail
    const      a Python number
    read       (source, index)
    number     an Index
    add sub mul div neg select clear invert: none
    call       the function's name
    compare    the relation
    bits       the operator
    cast       the dtype's name
    branch     a Condition; args are what holds then and otherwise
    reduce     (add, max or min, the variables); args is the body
    argreduce  (max or min, the variable); args is the body
    """

    __slots__ = ("args", "detail", "kind")

    def __init__(self, kind: str, args: tuple[Term, ...], detail: Any) -> None:
        self.kind = kind
        self.args = args
        self.detail = detail

    def __repr__(self) -> str:
        inner = ", ".join(t.kind for t in self.args)  # in full, it might be exponentially long
        return f"{self.kind}[{self.detail}]({inner})"


REDUCTIONS = ("reduce", "argreduce")


def variables(reduction: Term) -> tuple[Var, ...]:
    """What a reduction runs over."""
    return reduction.detail[1] if reduction.kind == "reduce" else (reduction.detail[1],)


class NotSymbolic(Exception):
    """A rule does what symbols cannot: loops whose extents depend on the index."""


class Symbol:
    """An index inside a rule: Python's operators on it build an `Index` or a `Condition`."""

    __slots__ = ("index",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, index: Index) -> None:
        self.index = index

    def __add__(self, other: Symbol | int) -> Symbol:
        return Symbol(self.index.plus(as_index(other)))

    __radd__ = __add__

    def __sub__(self, other: Symbol | int) -> Symbol:
        return Symbol(self.index.plus(as_index(other), -1))

    def __rsub__(self, other: Symbol | int) -> Symbol:
        return Symbol(as_index(other).plus(self.index, -1))

    def __neg__(self) -> Symbol:
        return Symbol(self.index.times(-1))

    def __mul__(self, other: Symbol | int) -> Symbol:
        factor = as_index(other)
        if not factor.terms:
            return Symbol(self.index.times(factor.const))
        if not self.index.terms:
            return Symbol(factor.times(self.index.const))
        raise NotSymbolic("a product of two indices")

    __rmul__ = __mul__

    def __floordiv__(self, other: int) -> Symbol:
        return Symbol(self.index.over(_divisor(other)))

    def __mod__(self, other: int) -> Symbol:
        return Symbol(self.index.modulo(_divisor(other)))

    def __lt__(self, other: Symbol | int) -> Condition | bool:
        return indices.compare((other - self - 1).index, ">=")

    def __le__(self, other: Symbol | int) -> Condition | bool:
        return indices.compare((other - self).index, ">=")

    def __gt__(self, other: Symbol | int) -> Condition | bool:
        return indices.compare((self - other - 1).index, ">=")

    def __ge__(self, other: Symbol | int) -> Condition | bool:
        return indices.compare((self - other).index, ">=")

    def __eq__(self, other: object) -> Any:
        return indices.compare((self - other).index, "==")  # type: ignore[operator]

    def __ne__(self, other: object) -> Any:
        return indices.compare((self - other).index, "!=")  # type: ignore[operator]


def as_index(value: Symbol | int) -> Index:
    return value.index if isinstance(value, Symbol) else indices.number(value)


def _divisor(value: Any) -> int:
    if not isinstance(value, int) or value <= 0:
        raise NotSymbolic("a division of indices by something else than a positive number")
    return value


class Symbols:
    """The scalars of this reading: every operation makes a `Term`."""

    def __init__(self) -> None:
        self._made: dict[Any, Term] = {}
        self._loops = 0

    def term(self, kind: str, *args: Term, detail: Any = None) -> Term:
        # -0.0 equals 0.0, True equals 1: constants are told apart by their text and type.
        key = (
            kind,
            tuple(map(id, args)),
            repr(detail) if kind == "const" else detail,
            type(detail),
        )
        return self._made.setdefault(key, Term(kind, args, detail))

    def const(self, value: Any) -> Term:
        return self.term("const", detail=value)

    def add(self, x: Term, y: Term) -> Term:
        return self.term("add", x, y)

    def sub(self, x: Term, y: Term) -> Term:
        return self.term("sub", x, y)

    def mul(self, x: Term, y: Term) -> Term:
        return self.term("mul", x, y)

    def div(self, x: Term, y: Term) -> Term:
        return self.term("div", x, y)

    def neg(self, x: Term) -> Term:
        return self.term("neg", x)

    def call(self, name: str, *xs: Term) -> Term:
        return self.term("call", *xs, detail=name)

    def compare(self, relation: str, x: Term, y: Term) -> Term:
        return self.term("compare", x, y, detail=relation)

    def select(self, c: Term, x: Term, y: Term) -> Term:
        return self.term("select", c, x, y)

    def clear(self, c: Term, x: Term) -> Term:
        return self.term("clear", c, x)

    def bits(self, operator: str, x: Term, y: Term) -> Term:
        return self.term("bits", x, y, detail=operator)

    def invert(self, x: Term) -> Term:
        return self.term("invert", x)

    def cast(self, x: Term, dtype: str) -> Term:
        return self.term("cast", x, detail=dtype)

    def index(self, x: Term) -> Symbol:
        return Symbol(x.detail if x.kind == "number" else indices.of(Datum(x)))

    def number(self, i: Any) -> Term:
        index = as_index(i)
        if len(index.terms) == 1 and not index.const:
            ((atom, c),) = index.terms.items()
            if c == 1 and isinstance(atom, Datum):
                return atom.term
        return self.term("number", detail=index)

    def branch(self, c: Any, then: Callable[[], Term], other: Callable[[], Term]) -> Term:
        if isinstance(c, bool):
            return then() if c else other()
        x, y = then(), other()
        return x if x is y else self.term("branch", x, y, detail=c)

    def reduce(self, kind: str, extents: Sequence[Any], body: Callable[[Any], Term]) -> Term:
        loops = tuple(self._loop(n) for n in extents)
        turns = math.prod(v.extent for v in loops)
        if turns == 0 and kind == "add":
            return self.const(0)
        if turns == 0:
            raise NotSymbolic("the largest of no numbers")
        inner = body(tuple(Symbol(indices.of(v)) for v in loops))
        if turns == 1:
            return inner
        if turns <= UNROLLED and cost(inner).lookups:
            each = itertools.product(*(range(v.extent) for v in loops))
            bodies = [body(tuple(Symbol(indices.number(k)) for k in ks)) for ks in each]
            return functools.reduce(lambda x, y: self._joined(kind, x, y), bodies)
        return self.term("reduce", inner, detail=(kind, loops))

    def _loop(self, extent: Any) -> Var:
        index = as_index(extent)
        if index.terms:
            raise NotSymbolic("a loop whose extent depends on the index")
        self._loops += 1
        return Var(index.const, f"k{self._loops}")

    def _joined(self, kind: str, x: Term, y: Term) -> Term:
        return self.add(x, y) if kind == "add" else self.call(f"{kind}imum", x, y)

    def argreduce(self, kind: str, extent: Any, body: Callable[[Any], Term]) -> Symbol:
        loop = self._loop(extent)
        if loop.extent == 1:
            return Symbol(indices.ZERO)
        inner = body(Symbol(indices.of(loop)))
        return Symbol(indices.of(Datum(self.term("argreduce", inner, detail=(kind, loop)))))


class _Operand:
    """`read[k]` of a rule."""

    def __init__(self, symbols: Symbols, source: Source, shape: Shape) -> None:
        self.shape = shape
        self._symbols = symbols
        self._source = source

    def __call__(self, index: Iterable[Symbol | int]) -> Term:
        at = tuple(as_index(i) for i in index)
        return self._symbols.term("read", detail=(self._source, at))


@dataclass(frozen=True, eq=False)
class Meaning:
    """A rule as a term: element `axes` of the result is `term`."""

    type: TensorType
    axes: tuple[Var, ...]  # one variable for each axis of the result
    term: Term

    @cached_property
    def index(self) -> tuple[Index, ...]:
        return tuple(indices.of(v) for v in self.axes)

    @cached_property
    def reads(self) -> tuple[Read, ...]:
        return tuple(_reads(self.term))

    @cached_property
    def pointwise(self) -> bool:
        """Every operand is read at the index of the result, unconditionally, and nothing else."""
        return all(r.index == self.index and not (r.looped or r.guarded) for r in self.reads)

    @cached_property
    def moves(self) -> Read | None:
        """The one element that is passed on unchanged, where that is all."""
        term = self.term
        return self.reads[0] if term.kind == "read" and not any(self.reads[0].data()) else None

    @cached_property
    def cost(self) -> Cost:
        return cost(self.term)

    @cached_property
    def turn(self) -> Cost:
        """Its cost, with one turn of its reduction."""
        return cost(self.term, self.reduction)

    @cached_property
    def looped(self) -> bool:
        """There is a reduction somewhere in it."""
        return any(t.kind in REDUCTIONS for t in terms(self.term))

    @cached_property
    def reduction(self) -> Term | None:
        """The one reduction in it, if there is one and it is in no branch or other reduction."""
        found = [t for t in terms(self.term) if t.kind in REDUCTIONS]
        top = [t for t in terms(self.term, closed=("branch", *REDUCTIONS)) if t.kind in REDUCTIONS]
        return top[0] if len(found) == len(top) == 1 else None

    @cached_property
    def body(self) -> tuple[Var, ...]:
        """The variables of the result and of its reduction.

        In the order of an operand that has them all, so that it is read in the order of memory.
        """
        if self.reduction is None:
            return self.axes
        loops = variables(self.reduction)
        every = {indices.of(v): v for v in (*self.axes, *loops) if v.extent != 1}
        for read in self.reads:
            if {i for i in read.index if i.terms} == every.keys():
                return tuple(every[i] for i in read.index if i.terms)
        return (*self.axes, *loops)

    @cached_property
    def product(self) -> Factors | None:
        """The factors whose products are summed, where that is all."""
        term = self.term
        if term.kind != "reduce" or term.detail[0] != "add":
            return None
        return factors(term.args[0])


class Factors(NamedTuple):
    """Two reads that are multiplied; bit 1 of `guard`: a zero of x kills, bit 2: one of y."""

    x: Term
    y: Term
    guard: int


def factors(term: Term) -> Factors | None:
    """The factors of a product of two reads; None where it is none."""
    guarded: list[Term] = []
    while term.kind == "select" and (operand := _zero_test(term)) is not None:
        guarded.append(operand)
        term = term.args[2]
    if term.kind != "mul" or any(t.kind != "read" for t in term.args):
        return None
    x, y = term.args
    if any(t is not x and t is not y for t in guarded):
        return None
    return Factors(x, y, (x in guarded) + 2 * (y in guarded))


def _zero_test(term: Term) -> Term | None:
    """x, of `select(x == 0, 0, ...)`."""
    condition, zero, _ = term.args
    if condition.kind != "compare" or condition.detail != "==":
        return None
    x, y = condition.args
    zeros = all(t.kind == "const" and t.detail == 0 for t in (y, zero))
    return x if zeros else None


@dataclass(frozen=True)
class Read:
    """One place where a term reads: in `looped` a reduction, in `guarded` a branch."""

    source: Source
    index: tuple[Index, ...]
    looped: bool
    guarded: bool

    def data(self) -> Iterator[Datum]:
        for i in self.index:
            yield from (a for a in i.atoms() if isinstance(a, Datum))


def terms(root: Term, closed: Sequence[str] = (), known: Collection[Term] = ()) -> list[Term]:
    """`root` and all terms below it, each once, those in indices left out; operands come first.

    Nothing is looked for inside terms of the `closed` kinds; what is `known` is left out.
    """
    order: dict[Term, None] = {}
    stack = [(root, False)]
    while stack:
        term, ready = stack.pop()
        if term in order or term in known:
            continue
        if ready or not term.args or term.kind in closed:
            order[term] = None
            continue
        stack.append((term, True))
        stack.extend((t, False) for t in reversed(term.args))
    return list(order)


def every_term(root: Term) -> list[Term]:
    """The terms of a rule, those inside its indices too."""
    found: dict[Term, None] = {}
    todo = [root]
    while todo:
        for term in terms(todo.pop(), known=found):
            found[term] = None
            data = (a for i in named(term) for a in i.atoms() if isinstance(a, Datum))
            todo.extend(a.term for a in data)
    return list(found)


def named(term: Term) -> Iterator[Index]:
    """The indices that a term itself names."""
    match term.kind:
        case "read":
            yield from term.detail[1]
        case "number":
            yield term.detail
        case "branch":
            yield from indices.indices_in(term.detail)
        case _:
            pass


def _reads(root: Term, looped: bool = False, guarded: bool = False) -> Iterator[Read]:
    """Each read once per kind of place, what indices are made of too."""
    seen: set[tuple[Term, bool, bool]] = set()
    stack = [(root, looped, guarded)]
    while stack:
        place = stack.pop()
        if place in seen:
            continue
        seen.add(place)
        term, looped, guarded = place
        if term.kind == "read":
            source, index = term.detail
            yield Read(source, index, looped, guarded)
        for i in named(term):
            stack.extend((a.term, looped, guarded) for a in i.atoms() if isinstance(a, Datum))
        inner = (looped or term.kind in REDUCTIONS, guarded or term.kind == "branch")
        stack.extend((t, *inner) for t in reversed(term.args))


@dataclass(frozen=True)
class Cost:
    """What one element takes: cheap operations, calls of functions, reads at places in data."""

    operations: int
    calls: int
    lookups: int


CHEAP = {
    "abs",
    "maximum",
    "minimum",
    "sign",
    "copysign",
    "floor",
    "ceil",
    "trunc",
    "round",
    "isnan",
    "isinf",
    "isfinite",
    "signbit",
}
FREE = {"read", "const", "number"}
DIVISION = 4  # operations that a division or a root is worth


def cost(root: Term, once: Term | None = None) -> Cost:
    """An estimate; the body of a reduction counts as often as it is repeated, but of `once`."""
    operations = calls = lookups = 0
    for term in terms(root, closed=REDUCTIONS):
        if term.kind in REDUCTIONS:
            repeats = 1 if term is once else math.prod(v.extent for v in variables(term))
            inner = cost(term.args[0])
            operations += repeats * (inner.operations + 1)
            calls, lookups = calls + repeats * inner.calls, lookups + repeats * inner.lookups
        elif term.kind == "call" and term.detail not in CHEAP:
            calls += term.detail != "sqrt"
            operations += DIVISION if term.detail == "sqrt" else 0
        elif term.kind not in FREE:
            operations += DIVISION if term.kind == "div" else 1
        lookups += any(isinstance(a, Datum) for i in named(term) for a in i.atoms())
    return Cost(operations, calls, lookups)


# --- rules -> terms ------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def meaning(op: Primitive, attrs: Attrs, z: TensorType, xs: tuple[TensorType, ...]) -> Meaning:
    """The rule of `op` as a term. Raises `NotSymbolic` where that cannot be."""
    if op.element is None:
        raise NotSymbolic("it has no rule for one element")
    if op.whole:
        raise NotSymbolic("it is computed by an algorithm over all elements")
    symbols, axes = Symbols(), tuple(Var(n, f"i{k}") for k, n in enumerate(z.shape))
    read = [_Operand(symbols, k, x.shape) for k, x in enumerate(xs)]
    index = tuple(Symbol(indices.of(v)) for v in axes)
    return Meaning(z, axes, op.element(symbols, read, index, **dict(attrs)))


def empty(z: TensorType) -> Meaning:
    """The rule of a tensor without elements, which nobody will ever follow."""
    return Meaning(z, tuple(Var(n, f"i{k}") for k, n in enumerate(z.shape)), Term("const", (), 0))


@dataclass(frozen=True, eq=False)
class Visit:
    """A sweep as terms: at position `axes`, `z[target]` takes `term`."""

    axes: tuple[Var, ...]
    target: tuple[Index, ...]
    term: Term
    along: int | None

    @cached_property
    def reads(self) -> tuple[Read, ...]:
        data = [a.term for i in self.target for a in i.atoms() if isinstance(a, Datum)]
        return tuple(read for term in (*data, self.term) for read in _reads(term))


@lru_cache(maxsize=1024)
def visit(op: Primitive, attrs: Attrs, xs: tuple[TensorType, ...]) -> Visit:
    """The sequential form of `op`."""
    sweep, symbols, named = op.sweep, Symbols(), dict(attrs)
    assert sweep is not None
    extents = sweep.extents(*(x.shape for x in xs), **named)
    axes = tuple(Var(n, f"i{a}") for a, n in enumerate(extents))
    read = [_Operand(symbols, k, x.shape) for k, x in enumerate(xs)]
    index = tuple(Symbol(indices.of(v)) for v in axes)
    target = tuple(as_index(i) for i in sweep.target(symbols, read, index, **named))
    term = sweep.term(symbols, read, index, **named)
    return Visit(axes, target, term, None if sweep.along is None else sweep.along(**named))


# --- terms in a graph ----------------------------------------------------------------------------


class Placement:
    """Where a rule stands in a larger whole: translates its indices.

    `sources` are the positions of the operands, `at` what stands for each variable.
    """

    __slots__ = ("_known", "at", "sources")

    def __init__(self, sources: Sequence[int], at: Mapping[Var, Index]) -> None:
        self.sources = sources
        self.at = at
        self._known: dict[Index, Index] = {}

    def index(self, i: Index) -> Index:
        if not i.terms:
            return i
        if (known := self._known.get(i)) is None:
            known = self._known[i] = i.replaced(self._atom)
        return known

    def indices(self, index: Iterable[Index]) -> tuple[Index, ...]:
        return tuple(self.index(i) for i in index)

    def condition(self, c: Condition | bool) -> Condition | bool:
        return indices.rewritten(c, self.index)

    def _atom(self, atom: Any) -> Index | None:
        if isinstance(atom, Datum):
            return indices.of(Datum(Placed(atom.term, self)))
        return self.at.get(atom)


@dataclass(frozen=True)
class Placed:
    """A term of a rule, in a place; or what is in a place already, in a larger one."""

    term: Any  # Term | Placed
    place: Placement


def variables_of(index: Index) -> frozenset[Var]:
    """The variables that an index changes with, through the data in it too."""
    found = frozenset[Var]()
    for atom in index.atoms():
        found |= {atom} if isinstance(atom, Var) else _behind(atom.term)
    return found


def _behind(term: Placed | Term) -> frozenset[Var]:
    """The variables of a number that is used as an index."""
    placed = term if isinstance(term, Placed) else Placed(term, Placement((), {}))
    found, own = frozenset[Var](), frozenset[Var]()
    if isinstance(placed.term, Placed):  # a whole that was put into a larger one
        inside = (placed.place.index(indices.of(v)) for v in _behind(placed.term))
        return found.union(*map(variables_of, inside))
    for inner in terms(placed.term):
        for index in named(inner):
            found |= variables_of(placed.place.index(index))
        if inner.kind in REDUCTIONS:
            own |= frozenset(variables(inner))
    return found - own
