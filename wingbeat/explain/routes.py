"""Where the gradient of a tensor comes through: exactly, by the modules that it crosses or skips.

With numbers on every edge a path has a product. With tensors it has a chain of Jacobians, and what
comes along it is a tensor of its own: their sum over all paths is the gradient. Paths that cross
the same modules are taken together, and all of them at once: each step keeps one cotangent for each
set of modules crossed on the way from the result, and hands every one of them on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from wingbeat.errors import BadInput
from wingbeat.explain._build import Builder
from wingbeat.explain._measures import killed, share
from wingbeat.explain._numbers import norm, percent, show
from wingbeat.explain.model import Model
from wingbeat.explain.parts import Column, Grid, Paragraph, Part
from wingbeat.explain.paths import flowing
from wingbeat.explain.shown import Shown
from wingbeat.explain.story import NOTABLE
from wingbeat.explain.words import joined, say
from wingbeat.ir.node import Node

MOST_SETS = 128  # of modules; beyond, routes are told apart by how many modules they cross

Key = tuple[str | int | None, ...]


@dataclass(frozen=True)
class Route:
    """All paths that cross the same modules.

    Attributes:
        crossed: the names of these modules, from the variable on; all others are skipped.
        blocks: how many they are.
        contribution: what of the gradient comes along these paths.
        norm: of the contribution.
        share: <c, g> / <g, g>; all routes together give 1.
    """

    crossed: tuple[str, ...]
    blocks: int
    contribution: Any
    norm: float
    share: float | None


@dataclass(frozen=True, repr=False)
class Routes(Shown):
    """The routes from a variable to the result, the largest contribution first.

    Attributes:
        wrt: the variable.
        modules: those that some path crosses and some path skips.
        by_count: whether routes are told apart only by how many modules they cross.
        cancelled: how much of the routes' norms is lost in their sum: 0 none, 1 all.

    >>> import wingbeat as wb
    >>> layer = wb.nn.Linear(3, 3)
    >>> e = wb.explain(lambda layer, x: wb.sum(x + layer(x)))(layer, np.ones((2, 3)))
    >>> sorted(route.crossed for route in e.routes("x"))
    [(), ('layer',)]
    """

    wrt: str
    modules: tuple[str, ...]
    by_count: bool
    routes: tuple[Route, ...]
    cancelled: float | None

    def __iter__(self) -> Iterator[Route]:
        return iter(self.routes)

    def __len__(self) -> int:
        return len(self.routes)

    def parts(self) -> Iterator[Part]:
        """One row for each route; what was told apart, and what cancels."""
        columns = (
            Column(say("through")),
            *([Column(say("crossed"), True)] if self.modules else ()),
            Column(say("norm"), True),
            Column(say("share"), True),
        )
        rows = map(self._row, self.routes)
        yield Grid(say("routes of", x=self.wrt), columns, rows, len(self.routes))
        yield Paragraph(joined(self._split(), self._lost()) or "")

    def _row(self, route: Route) -> tuple[str, ...]:
        size = (show(route.norm, 4), percent(route.share, 1))
        if not self.modules:
            return (say("all paths"), *size)
        through = ", ".join(route.crossed) or say("none of them")
        if self.by_count:
            through = say("this many", n=route.blocks)
        return (through, str(route.blocks), *size)

    def _split(self) -> str:
        """By which modules."""
        shown = self.modules if len(self.modules) <= 8 else (*self.modules[:7], "...")
        if not shown:
            return say("no path skips", x=self.wrt)
        return say("routes split", x=self.wrt, modules=", ".join(shown))

    def _lost(self) -> str:
        """How much cancels, where that is worth a sentence."""
        if self.cancelled is None or self.cancelled <= NOTABLE:
            return ""
        return say("routes cancel", part=percent(self.cancelled))


def routes(builder: Builder, model: Model, wrt: str, by_count: bool | None = None) -> Routes:
    """Split the gradient by `wrt`; `by_count` None leaves the choice to the number of modules."""
    start = builder.head(wrt)
    total = builder.found.get(start)
    if total is None:
        raise BadInput(f"routes: {wrt} has no gradient here")
    groups = crossable(model, wrt)
    modules = tuple(name for name, _ in groups)
    home = {step: name for name, steps in groups for step in steps}
    counted = 2 ** len(modules) > MOST_SETS if by_count is None else by_count
    sums = _spread(builder, start, home, _by_count if counted else _by_set)
    found = [_route(key, c, total, modules) for key, c in _merged(sums, counted).items()]
    found.sort(key=lambda route: -route.norm)
    whole = sum(route.norm for route in found)
    cancelled = 1.0 - norm(total) / whole if whole and np.isfinite(whole) else None
    return Routes(wrt, modules, counted, tuple(found), cancelled)


def _merged(sums: Mapping[Key, Any], counted: bool) -> dict[Key, Any]:
    """By what is told of a route: its modules, or how many."""
    found: dict[Key, Any] = {}
    for key, c in sums.items():
        _add(found, (key[0],) if counted else tuple(sorted(key, key=str)), c)
    return found


def _route(key: Key, c: Any, total: Any, modules: Sequence[str]) -> Route:
    numbers = [k for k in key if isinstance(k, int)]
    crossed = tuple(m for m in modules if m in key)
    return Route(crossed, numbers[0] if numbers else len(crossed), c, norm(c), share(c, total))


class _Ways:
    """Which steps lie on a path from a variable to the result, around some steps."""

    def __init__(self, model: Model, wrt: str) -> None:
        place = {s.name: k for k, s in enumerate(model.steps)}
        self._edges = sorted(flowing(model), key=lambda e: place[e.target])
        self._ends = (wrt, model.result)

    def around(self, without: Set[str]) -> set[str]:
        """The steps on paths that avoid `without`; none where there is no such path."""
        start, end = self._ends
        behind, ahead = {start}, {end}
        for e in self._edges:
            if e.source in behind and e.target not in without:
                behind.add(e.target)
        for e in reversed(self._edges):
            if e.target in ahead and e.source not in without:
                ahead.add(e.source)
        return behind & ahead if end in behind else set()


def crossable(model: Model, wrt: str) -> list[tuple[str, set[str]]]:
    """The outermost modules that some paths cross and some skip, by name and steps.

    Modules in a row that no path crosses one without the other are one.
    """
    ways = _Ways(model, wrt)
    on = ways.around(frozenset())
    found: list[tuple[str, set[str], set[str]]] = []  # name, steps, the steps on paths around it
    stack = list(reversed(model.tree.groups()))
    while stack:
        group = stack.pop()
        inside = on & set(group.steps())
        around = ways.around(inside)
        if not inside:
            continue
        if not around or wrt in inside:
            stack += reversed(group.groups())  # no path goes around it as a whole
        elif found and not found[-1][1] & around and not inside & found[-1][2]:
            name, steps, beside = found[-1]
            found[-1] = (f"{name} + {group.name}", steps | inside, beside)
        else:
            found.append((group.name, inside, around))
    return [(name, steps) for name, steps, _ in found]


def _by_set(key: Key, module: str | None) -> Key:
    """The modules crossed so far, and this one."""
    return key if module is None or module in key else (*key, module)


def _by_count(key: Key, module: str | None) -> Key:
    """How many modules were crossed so far, and the last one; several in a row may be one."""
    count, last = key if key else (0, None)
    assert isinstance(count, int)
    return (count, last) if module in (None, last) else (count + 1, module)


def _spread(
    builder: Builder,
    start: Node,
    home: Mapping[str, str],
    crossing: Callable[[Key, str | None], Key],
) -> dict[Key, Any]:
    """What arrives at `start`, by what was crossed: one walk back with several cotangents."""
    root = builder.recording.root
    held: dict[Node, dict[Key, Any]] = {root: {crossing((), None): builder.found[root]}}
    for head in reversed(builder.steps.heads):
        if head is start or head not in held or head not in builder.bodies:
            continue
        body = builder.bodies[head]
        for key, g in held.pop(head).items():
            inner = crossing(key, home.get(builder.names[head]))
            for x, c in zip(body.reads, builder.sent(body, builder.known, g), strict=True):
                if c is not None and x.type.inexact:
                    _add(held.setdefault(x, {}), inner, killed(g, c) if body.shape.one else c)
    return held.get(start, {})


def _add(sums: dict[Key, Any], key: Key, c: Any) -> None:
    sums[key] = sums[key] + c if key in sums else c
