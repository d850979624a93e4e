"""What is measured of a graph with numbers: shares, lonely edges, what is not finite."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from wingbeat.explain._numbers import norm
from wingbeat.explain._steps import Cut
from wingbeat.explain.model import Edge, Step
from wingbeat.explain.words import say
from wingbeat.ir.node import Node


def killed(g: Any, d: Any) -> Any:
    """g d, where a gradient of 0 kills what it meets, as in the reverse walk."""
    with np.errstate(all="ignore"):
        return np.where(np.equal(g, 0), np.zeros_like(g), np.multiply(g, d))


def share(contribution: Any, total: Any) -> float | None:
    """<c, g> / <g, g>."""
    if contribution is None or total is None:
        return None
    scale = norm(total)
    if scale == 0 or not math.isfinite(scale):
        return None
    with np.errstate(all="ignore"):
        c, g = (np.asarray(v, np.float64).ravel() / scale for v in (contribution, total))
        share = float(np.dot(c, g))
    return share if math.isfinite(share) else None


def only_ways(steps: Cut) -> set[tuple[Node, Node]]:
    """The edges (source, target) beside which no other way leads from source to target."""
    bit = {head: 1 << k for k, head in enumerate(steps.heads)}
    above: dict[Node, int] = {}  # a bit for everything that a step is computed from
    found: set[tuple[Node, Node]] = set()
    for head in steps.heads:
        behind = direct = 0
        for x in steps.reads[head]:
            behind |= above[x]
            direct |= bit[x]
        above[head] = behind | direct
        found.update((x, head) for x in steps.reads[head] if not bit[x] & behind)
    return found


def nonfinite(steps: tuple[Step, ...], edges: tuple[Edge, ...]) -> tuple[str, ...]:
    """Where infinities and NaN arise, and where they merely pass."""
    bad = {s.name for s in steps if s.value is not None and not np.all(np.isfinite(s.value))}
    reads: dict[str, list[str]] = {}
    for e in edges:
        reads.setdefault(e.target, []).append(e.source)
    said: list[str] = []
    for s in steps:
        if s.name not in bad:
            continue
        operands = reads.get(s.name, [])
        born = s.kind == "step" and operands and not bad.intersection(operands)
        key = "arises here" if born else "value not finite"
        said.append(say(key, x=s.name, operands=", ".join(operands)))
    said += [
        say("gradient not finite", x=s.name)
        for s in steps
        if s.gradient is not None and not np.all(np.isfinite(s.gradient))
    ]
    return tuple(said)
