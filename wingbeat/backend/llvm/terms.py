"""Numbers as data: what a rule computes, term by term, and what can be read off a term.

Which elements of which operand are needed, what is reduced along which axes, what it costs, what is
a product of two matrices.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from wingbeat.backend.llvm import indices
from wingbeat.backend.llvm.indices import Datum, Index, Var

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


# --- reads ---------------------------------------------------------------------------------------


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


def reads_of(root: Term, looped: bool = False, guarded: bool = False) -> Iterator[Read]:
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


# --- costs ---------------------------------------------------------------------------------------


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


# --- products ------------------------------------------------------------------------------------


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
