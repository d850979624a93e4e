"""Rules as terms: what one element of a result is, and what a sequential form does in each turn."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

from wingbeat.backend.llvm import indices
from wingbeat.backend.llvm.indices import Datum, Index, Var
from wingbeat.backend.llvm.symbols import NotSymbolic, Operand, Symbol, Symbols, as_index
from wingbeat.backend.llvm.terms import (
    REDUCTIONS,
    Cost,
    Factors,
    Read,
    Term,
    cost,
    factors,
    reads_of,
    terms,
    variables,
)
from wingbeat.ir.node import Attrs, Primitive
from wingbeat.ir.types import TensorType


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
        return tuple(reads_of(self.term))

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


@lru_cache(maxsize=4096)
def meaning(op: Primitive, attrs: Attrs, z: TensorType, xs: tuple[TensorType, ...]) -> Meaning:
    """The rule of `op` as a term. Raises `NotSymbolic` where that cannot be."""
    if op.element is None:
        raise NotSymbolic("it has no rule for one element")
    if op.whole:
        raise NotSymbolic("it is computed by an algorithm over all elements")
    symbols, axes = Symbols(), tuple(Var(n, f"i{k}") for k, n in enumerate(z.shape))
    read = [Operand(symbols, k, x.shape) for k, x in enumerate(xs)]
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
        return tuple(read for term in (*data, self.term) for read in reads_of(term))


@lru_cache(maxsize=1024)
def visit(op: Primitive, attrs: Attrs, xs: tuple[TensorType, ...]) -> Visit:
    """The sequential form of `op`."""
    sweep, symbols, named = op.sweep, Symbols(), dict(attrs)
    assert sweep is not None
    extents = sweep.extents(*(x.shape for x in xs), **named)
    axes = tuple(Var(n, f"i{a}") for a, n in enumerate(extents))
    read = [Operand(symbols, k, x.shape) for k, x in enumerate(xs)]
    index = tuple(Symbol(indices.of(v)) for v in axes)
    target = tuple(as_index(i) for i in sweep.target(symbols, read, index, **named))
    term = sweep.term(symbols, read, index, **named)
    return Visit(axes, target, term, None if sweep.along is None else sweep.along(**named))
