"""Where the nodes of a drawing stand: layers from left to right, few crossings, always the same."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from wingbeat.explain.model import Model

Point = tuple[float, float]


@dataclass(frozen=True)
class Layout:
    """Centres of nodes, in units of one node; the bends of every edge; the size of the whole."""

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
    layer = _layers(model)
    depth = max(layer.values(), default=0) + 1
    rows: list[list[object]] = [[] for _ in range(depth)]
    for name, k in layer.items():
        rows[k].append(name)
    links: list[tuple[object, object]] = []
    for e in model.edges:
        chain: list[object] = [e.source]
        for k in range(layer[e.source] + 1, layer[e.target]):
            bend = (e.source, e.target, k)
            rows[k].append(bend)
            chain.append(bend)
        chain.append(e.target)
        links += pairwise(chain)
    place = _ordered(rows, links)
    height = max((len(row) for row in rows), default=1)
    at = {
        v: (float(k), _centred(place[v], len(row), height))
        for k, row in enumerate(rows)
        for v in row
    }
    bends = {
        (e.source, e.target): tuple(
            at[(e.source, e.target, k)] for k in range(layer[e.source] + 1, layer[e.target])
        )
        for e in model.edges
    }
    return Layout({s.name: at[s.name] for s in model.steps}, bends, depth, height)


def _centred(k: int, count: int, height: int) -> float:
    return k + (height - count) / 2


def _layers(model: Model) -> dict[str, int]:
    """One behind all that a step reads; inputs directly before their first reader."""
    layer = {s.name: 0 for s in model.steps}
    reads: dict[str, list[str]] = {s.name: [] for s in model.steps}
    for e in model.edges:
        reads[e.target].append(e.source)
    for s in model.steps:
        layer[s.name] = 1 + max((layer[x] for x in reads[s.name]), default=-1)
    readers: dict[str, list[int]] = {}
    for e in model.edges:
        readers.setdefault(e.source, []).append(layer[e.target])
    for s in model.steps:
        if s.kind != "step" and s.name in readers:
            layer[s.name] = min(readers[s.name]) - 1
    return layer


def _ordered(rows: list[list[object]], links: list[tuple[object, object]]) -> dict[object, int]:
    """Places within the layers: each node goes to the mean place of its neighbours."""
    before: dict[object, list[object]] = {}
    after: dict[object, list[object]] = {}
    for x, y in links:
        after.setdefault(x, []).append(y)
        before.setdefault(y, []).append(x)
    place = {v: k for row in rows for k, v in enumerate(row)}
    for turn in range(6):
        neighbours = before if turn % 2 == 0 else after
        for row in rows if turn % 2 == 0 else reversed(rows):
            wish = {
                v: sum(place[u] for u in found) / len(found)
                if (found := neighbours.get(v))
                else float(place[v])
                for v in row
            }
            row.sort(key=wish.__getitem__)
            place.update((v, k) for k, v in enumerate(row))
    return place
