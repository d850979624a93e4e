"""Index arithmetic as data: sums of loop variables, quotients of them, and conditions on them.

Everything is brought to one form when it is made, with the extents of the variables in view: with
0 <= j < 4, `(4 * i + j) // 4` is `i` and `(4 * i + j) % 4` is `j`. So that the layout of an operand
can be read off, equal indices are equal objects.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from wingbeat.ir.types import Shape

Range = tuple[float, float]  # both ends included; infinite where nothing is known


class Var:
    """A loop variable, 0 <= v < extent; its name is unique where it occurs."""

    __slots__ = ("_hash", "extent", "name")

    def __init__(self, extent: int, name: str) -> None:
        self.extent = extent
        self.name = name
        self._hash = hash((extent, name))

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Var) and (self.extent, self.name) == (other.extent, other.name)
        )

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return self.name

    def range(self) -> Range:
        return 0, max(self.extent - 1, 0)


@dataclass(frozen=True)
class Quotient:
    """`index // divisor`, of an index that is in lowest terms."""

    index: Index
    divisor: int

    def __repr__(self) -> str:
        return f"({self.index!r})//{self.divisor}"

    def range(self) -> Range:
        low, high = self.index.range
        return _over(low, self.divisor), _over(high, self.divisor)


@dataclass(frozen=True)
class Datum:
    """A number that is read or computed; `term` belongs to who made it, and may be anything."""

    term: Any

    def range(self) -> Range:
        return -math.inf, math.inf


Atom = Var | Quotient | Datum


class Index:
    """The sum of `const` and coefficient * atom. Immutable, and in one form only."""

    __slots__ = ("_hash", "_range", "const", "terms")
    terms: Mapping[Atom, int]
    const: int

    def __init__(self, terms: Mapping[Atom, int], const: int) -> None:
        self.terms = terms
        self.const = const
        self._hash = hash((frozenset(terms.items()), const))
        self._range: Range | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Index):
            return False
        return self is other or (self.const == other.const and self.terms == other.terms)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        parts = [f"{c}*{a!r}" if c != 1 else repr(a) for a, c in self.terms.items()]
        return " + ".join([*parts, *([str(self.const)] if self.const or not parts else [])])

    @property
    def range(self) -> Range:
        """Bounds of its values."""
        if self._range is None:
            self._range = _bounds(self)
        return self._range

    def plus(self, other: Index, times: int = 1) -> Index:
        if not other.terms:
            return Index(self.terms, self.const + times * other.const) if other.const else self
        terms = dict(self.terms)
        for atom, c in other.terms.items():
            if (total := terms.get(atom, 0) + times * c) == 0:
                del terms[atom]
            else:
                terms[atom] = total
        return Index(terms, self.const + times * other.const)

    def times(self, factor: int) -> Index:
        if factor == 0:
            return ZERO
        return Index({a: c * factor for a, c in self.terms.items()}, self.const * factor)

    def over(self, divisor: int) -> Index:
        """`self // divisor`, rounded down."""
        if divisor == 1:
            return self
        whole, rest = _split(self, divisor)
        return whole if rest is None else whole.plus(_quotient(rest, divisor))

    def modulo(self, divisor: int) -> Index:
        return self.plus(self.over(divisor), -divisor)

    def replaced(self, new: Callable[[Atom], Index | None]) -> Index:
        """With other indices in place of its variables and data; None keeps one."""
        z = Index({}, self.const)
        for atom, c in self.terms.items():
            if isinstance(atom, Quotient):
                z = z.plus(atom.index.replaced(new).over(atom.divisor), c)
            else:
                put = new(atom)
                z = z.plus(of(atom) if put is None else put, c)
        return z

    def atoms(self) -> Iterator[Var | Datum]:
        """Its variables and data, inside quotients too."""
        for atom in self.terms:
            if isinstance(atom, Quotient):
                yield from atom.index.atoms()
            else:
                yield atom

    def quotients(self) -> Iterator[Quotient]:
        for atom in self.terms:
            if isinstance(atom, Quotient):
                yield atom
                yield from atom.index.quotients()


def _over(end: float, divisor: int) -> float:
    return end // divisor if math.isfinite(end) else end


ZERO = Index({}, 0)


def number(value: int) -> Index:
    return Index({}, value) if value else ZERO


def of(atom: Atom) -> Index:
    """An atom as an index; a variable that can only be 0 is 0."""
    return ZERO if isinstance(atom, Var) and atom.extent == 1 else Index({atom: 1}, 0)


def flat(index: Iterable[Index], shape: Shape) -> Index:
    """The position of an element in row-major order."""
    z = ZERO
    for i, n in zip(index, shape, strict=True):
        z = z.times(n).plus(i)
    return z


def unravelled(position: Index, shape: Shape) -> tuple[Index, ...]:
    """The index of the element at a position in row-major order."""
    found: list[Index] = []
    for n in reversed(shape[1:]):
        found.append(position.modulo(n) if n else ZERO)
        position = position.over(n) if n else ZERO
    return (position, *reversed(found)) if shape else ()


def _bounds(x: Index) -> Range:
    low = high = x.const
    for atom, c in x.terms.items():
        if isinstance(atom, Quotient) and c % atom.divisor == 0:
            # n * (a - d * (a // d)) is in [0, n * (d - 1)], which its two terms do not tell.
            n = -(c // atom.divisor)
            rest = x.plus(atom.index, -n).plus(of(atom), n * atom.divisor)
            if len(rest.terms) < len(x.terms):
                ends = sorted((0, n * (atom.divisor - 1)))
                return rest.range[0] + ends[0], rest.range[1] + ends[1]
        ends = sorted(c * end for end in atom.range())
        low, high = low + ends[0], high + ends[1]
    return low, high


def _split(x: Index, d: int) -> tuple[Index, Index | None]:
    """x = d * whole + rest, with as much as can be seen in `whole`; None: rest // d is 0."""
    whole = Index({a: c // d for a, c in x.terms.items() if c % d == 0}, 0)
    rest = Index({a: c for a, c in x.terms.items() if c % d}, x.const)
    low, high = rest.range
    shift = low // d if math.isfinite(low) else rest.const // d
    if shift:
        whole, rest = whole.plus(number(int(shift))), rest.plus(number(int(-shift * d)))
        low, high = low - shift * d, high - shift * d
    return whole, None if low >= 0 and high < d else rest


def _quotient(x: Index, d: int) -> Index:
    common = reduce(math.gcd, x.terms.values(), d)
    if common > 1:  # (g * a + r) // (g * b) is (a + r // g) // b
        x = Index({a: c // common for a, c in x.terms.items()}, x.const // common)
        return x.over(d // common)
    if len(x.terms) == 1 and x.const == 0:
        ((atom, c),) = x.terms.items()
        if c == 1 and isinstance(atom, Quotient):
            return atom.index.over(atom.divisor * d)
    return Index({Quotient(x, d): 1}, 0)


# --- conditions --------------------------------------------------------------------------------


class Condition:
    """A statement about indices; Python's & | ~ join conditions and bools."""

    __slots__ = ()

    def __and__(self, other: Condition | bool) -> Condition | bool:
        if isinstance(other, bool):
            return self if other else False
        return Both(self, other)

    __rand__ = __and__

    def __or__(self, other: Condition | bool) -> Condition | bool:
        if isinstance(other, bool):
            return True if other else self
        return Negated(Both(Negated(self), Negated(other)))

    __ror__ = __or__

    def __invert__(self) -> Condition:
        return Negated(self)

    def __bool__(self) -> bool:
        raise TypeError("a condition on indices has no truth value here; use s.branch")


@dataclass(frozen=True)
class Compare(Condition):
    """`index` against 0; `relation` is one of >= == !=."""

    index: Index
    relation: str


@dataclass(frozen=True)
class Both(Condition):
    """x and y."""

    x: Condition
    y: Condition


@dataclass(frozen=True)
class Negated(Condition):
    """not x."""

    x: Condition


def compare(index: Index, relation: str) -> Condition | bool:
    """The condition, or its value where the ranges decide it."""
    low, high = index.range
    if relation == ">=":
        known = True if low >= 0 else False if high < 0 else None
    else:
        equal = True if low == high == 0 else False if low > 0 or high < 0 else None
        known = equal if equal is None or relation == "==" else not equal
    return Compare(index, relation) if known is None else known


def rewritten(c: Condition | bool, new: Callable[[Index], Index]) -> Condition | bool:
    """The same condition on other indices; decided where it can be."""
    match c:
        case Compare(index, relation):
            return compare(new(index), relation)
        case Both(x, y):
            left, right = rewritten(x, new), rewritten(y, new)
            if isinstance(left, bool):
                return right if left else False
            return left & right
        case Negated(x):
            inner = rewritten(x, new)
            return (not inner) if isinstance(inner, bool) else ~inner
        case _:
            return c


def indices_in(c: Condition | bool) -> Iterator[Index]:
    """Every index that the condition is about."""
    match c:
        case Compare(index, _):
            yield index
        case Both(x, y):
            yield from indices_in(x)
            yield from indices_in(y)
        case Negated(x):
            yield from indices_in(x)
        case _:
            pass


def conjuncts(c: Condition) -> Iterator[Condition]:
    """What must hold all at once."""
    if isinstance(c, Both):
        yield from conjuncts(c.x)
        yield from conjuncts(c.y)
    else:
        yield c
