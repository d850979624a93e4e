"""Rules in a graph: which of its nodes their operands are, and what stands for their variables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wingbeat.backend.llvm import indices
from wingbeat.backend.llvm.indices import Condition, Datum, Index, Var
from wingbeat.backend.llvm.terms import REDUCTIONS, Term, named, terms, variables


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
