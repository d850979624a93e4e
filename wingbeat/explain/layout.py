"""Where the nodes of a drawing stand: layers from left to right, few crossings, always the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from wingbeat.explain.model import Model

Point = tuple[float, float]
SWEEPS = 6  # over all layers, each of which puts nodes near their neighbours
FAR = 40  # layers; an edge that spans more takes no place in those between


@dataclass(frozen=True)
class Layout:
    """Centres of nodes, in units of one node; the bends of every edge; the size of the whole.

    Edges from one node share their bends as far as they go the same way.
    """

    nodes: dict[str, Point]
    bends: dict[tuple[str, str], tuple[Point, ...]]
    width: int
    height: int


def layered(model: Model) -> Layout:
    """A layer for every distance from the inputs; edges that cross a layer bend in it.

    >>> import wingbeat as wb
    >>> layered(wb.explain("x=2*w+b; y=b+1; z=x*y", w=3, b=4).model).width
    3
    """
    return arranged([s.name for s in model.steps], [(e.source, e.target) for e in model.edges])


def arranged(names: Sequence[str], pairs: Sequence[tuple[str, str]]) -> Layout:
    """The layout of any graph, given its nodes in an order of execution, and its edges.

    An edge that runs against that order does not count for the layers.
    """
    pairs = list(dict.fromkeys(pairs))
    layer = _layers(names, pairs)
    depth = max(layer.values(), default=0) + 1
    rows: list[list[Any]] = [[] for _ in range(depth)]
    for name, k in layer.items():
        rows[k].append(name)
    links: dict[tuple[Any, Any], None] = {}
    between: dict[tuple[str, str], list[Any]] = {}
    known: set[Any] = set()
    for source, target in pairs:
        here, there = layer[source], layer[target]
        far = there - here > FAR
        chain = [] if far else [(source, k) for k in range(here + 1, there)]
        for bend in chain:
            if bend not in known:
                known.add(bend)
                rows[bend[1]].append(bend)
        between[source, target] = chain
        if here < there and not far:
            links.update(dict.fromkeys(pairwise([source, *chain, target])))
    place = _ordered(rows, list(links))
    height = max((len(row) for row in rows), default=1)
    at = {
        v: (float(k), place[v] + (height - len(row)) / 2) for k, row in enumerate(rows) for v in row
    }
    bends = {pair: tuple(at[bend] for bend in chain) for pair, chain in between.items()}
    return Layout({name: at[name] for name in names}, bends, depth, height)


def _layers(names: Sequence[str], pairs: Sequence[tuple[str, str]]) -> dict[str, int]:
    """One behind all that a node reads; what reads nothing directly before its first reader."""
    order = {name: k for k, name in enumerate(names)}
    reads: dict[str, list[str]] = {name: [] for name in names}
    for source, target in pairs:
        if order[source] < order[target]:
            reads[target].append(source)
    layer: dict[str, int] = {}
    for name in names:
        layer[name] = 1 + max((layer[x] for x in reads[name]), default=-1)
    first: dict[str, int] = {}
    for source, target in pairs:
        if not reads[source] and order[source] < order[target]:
            first[source] = min(layer[target], first.get(source, layer[target]))
    return {name: first.get(name, layer[name] + 1) - 1 for name in names}


def _ordered(rows: list[list[Any]], links: Sequence[tuple[Any, Any]]) -> Mapping[Any, int]:
    """Places within the layers: each node goes to the mean place of its neighbours."""
    before: dict[Any, list[Any]] = {}
    after: dict[Any, list[Any]] = {}
    for x, y in links:
        after.setdefault(x, []).append(y)
        before.setdefault(y, []).append(x)
    place = {v: k for row in rows for k, v in enumerate(row)}
    for turn in range(SWEEPS):
        neighbours = before if turn % 2 == 0 else after
        for row in rows if turn % 2 == 0 else reversed(rows):
            if len(row) == 1:
                continue
            wish = {
                v: sum([place[u] for u in found]) / len(found)
                if (found := neighbours.get(v))
                else float(place[v])
                for v in row
            }
            row.sort(key=wish.__getitem__)
            place.update((v, k) for k, v in enumerate(row))
    return place
