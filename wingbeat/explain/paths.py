"""All ways along which a derivative comes, with the product of the partials on each."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, reduce
from heapq import nlargest

from wingbeat.errors import BadInput, NotSupported
from wingbeat.explain._given import whole
from wingbeat.explain._numbers import equal, show
from wingbeat.explain.model import Edge, Model
from wingbeat.explain.parts import Column, Grid, Paragraph, Part
from wingbeat.explain.shown import Shown
from wingbeat.explain.story import chain, many, reaching
from wingbeat.explain.words import joined, say

# A product as exponent and mantissa, which neither overflows nor vanishes; sorts by magnitude.
Size = tuple[float, float]
_DEAD: Size = (-math.inf, 0.0)
_ENDLESS: Size = (math.inf, math.inf)  # infinite or NaN


@dataclass(frozen=True)
class Path:
    """One way from a variable to the result.

    Attributes:
        names: from the variable to the result.
        partials: one for each edge, in the same order.
        product: of the partials, None where one is not known.

    >>> import wingbeat as wb
    >>> wb.explain("z=x*x*y", x=3, y=2).paths("x")[0].product
    12.0
    """

    names: tuple[str, ...]
    partials: tuple[float | None, ...]
    product: float | None


def flowing(model: Model) -> list[Edge]:
    """The edges that a derivative can come along: both ends are floats."""
    floats = {s.name for s in model.steps if s.type.startswith("f")}
    return [e for e in model.edges if e.source in floats and e.target in floats]


class Paths(Shown):
    """The ways from a variable to the result, the largest products (in magnitude) first.

    Attributes:
        count: how many there are, of which at most `k` are held.
        total: the sum of the products of all of them: the gradient.
        rest: what those that are not held add; 0 where all are held.

    >>> import wingbeat as wb
    >>> ways = wb.explain("x=2*w+b; y=b+1; z=x*y", w=3, b=4).paths("b")
    >>> [(p.names, p.product) for p in ways], ways.total
    ([(('b', 'y', 'z'), 10.0), (('b', 'x', 'z'), 5.0)], 15.0)
    """

    def __init__(self, model: Model, wrt: str, k: int = 20) -> None:
        if not model.scalar:
            raise NotSupported(
                "paths with products need a graph of single numbers; this one has tensors, whose "
                "edges carry matrices. Look at the edges' contributions, or explain scalars"
            )
        k = whole(k, "paths: k", 1)
        self.model, self.wrt, self.k = model, wrt, k
        self._readers: dict[str, list[Edge]] = {s.name: [] for s in model.steps}
        if wrt not in self._readers:
            raise BadInput(f"nothing is called {wrt}; known are {', '.join(self._readers)}")
        for edge in flowing(model):
            self._readers[edge.source].append(edge)
        self.count = self._count()
        self._best = self._search() if self.count else []

    def __len__(self) -> int:
        return len(self._best)

    def __getitem__(self, index: int) -> Path:
        return self._best[index]

    def parts(self) -> Iterator[Part]:
        """The ways with their slopes, and their sum."""
        said = reaching(self.model.result, self) if self.count else ()
        z = self.model.result
        yield Paragraph(joined(*said) or say("does not reach", x=self.wrt, z=z))
        yield from ways_grid(self)

    def __iter__(self) -> Iterator[Path]:
        return iter(self._best)

    @cached_property
    def total(self) -> float | None:
        """The sum over all paths, by one sweep backwards; None where a partial is not known."""
        sums: dict[str, float | None] = {self.model.result: 1.0}
        for step in reversed(self.model.steps):
            edges = [e for e in self._readers[step.name] if e.target in sums]
            if edges:
                sums[step.name] = _sum([_times(sums[e.target], e.partial) for e in edges])
        return sums.get(self.wrt)

    @cached_property
    def magnitude(self) -> float | None:
        """The sum of the products' absolute values, over all paths; None where one is unknown."""
        sums: dict[str, float | None] = {self.model.result: 1.0}
        for step in reversed(self.model.steps):
            edges = [e for e in self._readers[step.name] if e.target in sums]
            if edges:
                sizes = [(sums[e.target], e.partial) for e in edges]
                sums[step.name] = _sum([_times(g, d if d is None else abs(d)) for g, d in sizes])
        return sums.get(self.wrt)

    @property
    def cancelled(self) -> float | None:
        """How much of what the paths bring cancels: 0 where all have one sign, 1 where all does.

        >>> import wingbeat as wb
        >>> wb.explain("p=3*x; q=-2*x; z=p+q", x=1).paths("x").cancelled
        0.8
        """
        if self.total is None or not self.magnitude or not math.isfinite(self.magnitude):
            return None
        return 1.0 - abs(self.total) / self.magnitude

    @property
    def rest(self) -> float | None:
        """What the paths that are not held add to the total."""
        if self.count == len(self._best):
            return 0.0
        shown = [p.product for p in self._best]
        if self.total is None or None in shown:
            return None
        return self.total - math.fsum(p for p in shown if p is not None)

    def _count(self) -> int:
        ways = {self.model.result: 1}
        for step in reversed(self.model.steps):
            if step.name != self.model.result:
                ways[step.name] = sum(ways[e.target] for e in self._readers[step.name])
        return ways[self.wrt]

    def _search(self) -> list[Path]:
        """The k largest, exactly: each step keeps the k largest ways from the result down to it.

        Multiplying by one more partial keeps the order of magnitudes, so nothing that is dropped
        could come back.
        """
        # Each entry: its size, the edge taken, and the place among the reader's entries.
        kept: dict[str, list[tuple[Size, Edge | None, int]]] = {
            self.model.result: [((0.0, 1.0), None, 0)]
        }
        for step in reversed(self.model.steps):
            if step.name == self.model.result:
                continue
            found = [
                (_extend(size, e.partial), e, place)
                for e in self._readers[step.name]
                for place, (size, _, _) in enumerate(kept.get(e.target, []))
            ]
            kept[step.name] = nlargest(self.k, found, key=lambda entry: entry[0])
        return [self._path(kept, self.wrt, place) for place in range(len(kept[self.wrt]))]

    def _path(
        self, kept: dict[str, list[tuple[Size, Edge | None, int]]], name: str, place: int
    ) -> Path:
        names: list[str] = [name]
        partials: list[float | None] = []
        _, edge, place = kept[name][place]
        while edge is not None:
            names.append(edge.target)
            partials.append(edge.partial)
            _, edge, place = kept[edge.target][place]
        return Path(tuple(names), tuple(partials), _product(partials[::-1]))


def _product(partials: list[float | None]) -> float | None:
    """From the result downwards, as the gradient goes, but too small or large only at the end."""
    known = [p for p in partials if p is not None]
    if len(known) < len(partials):
        return None
    if not all(math.isfinite(p) for p in known):
        return reduce(lambda g, d: 0.0 if g == 0.0 else g * d, known, 1.0)
    if 0.0 in known:
        return 0.0
    mantissa, exponent = 1.0, 0
    for p in known:
        part, size = math.frexp(p)
        mantissa, more = math.frexp(mantissa * part)
        exponent += size + more
    try:
        return math.ldexp(mantissa, exponent)
    except OverflowError:
        return math.copysign(math.inf, mantissa)


def _times(g: float | None, d: float | None) -> float | None:
    """g d, where a gradient of 0 kills what it meets, as in the reverse walk."""
    if g is None or d is None:
        return None
    return 0.0 if g == 0.0 else g * d


def _sum(terms: list[float | None]) -> float | None:
    known = [t for t in terms if t is not None]
    return sum(known) if len(known) == len(terms) else None


def _extend(size: Size, partial: float | None) -> Size:
    if size == _DEAD:
        return _DEAD
    if partial is None or not math.isfinite(partial) or size == _ENDLESS:
        return _ENDLESS
    if partial == 0:
        return _DEAD
    mantissa, exponent = math.frexp(abs(partial))
    mantissa, more = math.frexp(size[1] * mantissa)
    return (size[0] + exponent + more, mantissa)


def ways_grid(ways: Paths) -> Iterator[Part]:
    """The table of ways; none where there is no way."""
    if not ways.count:
        return
    rows = [
        (
            chain(list(way.names), " → "),
            chain([show(d) for d in way.partials], " * "),
            equal(way.product),
        )
        for way in ways
    ]
    if ways.count > len(ways):
        more = say("more ways", n=many(ways.count - len(ways)))
        rows.append((more, "", equal(ways.rest)))
    if ways.count > 1:
        rows.append((say("sum"), "", equal(ways.total)))
    columns = (Column(say("way")), Column(say("product")), Column(say("brings"), True))
    caption = say("table of ways", x=ways.wrt, z=ways.model.result)
    yield Grid(caption, columns, rows, len(rows), light=True)
