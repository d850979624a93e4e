"""Quasi-Newton methods: curvature learned from the gradients of the steps taken."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from wingbeat.solve._lines import ARMIJO, MOST, wolfe
from wingbeat.solve._newton import LEAPS
from wingbeat.solve._search import Point, Search
from wingbeat.solve.record import Vector

Pair = tuple[Vector, Vector]


def bfgs(s: Search) -> None:
    """BFGS: an approximation of the inverse Hessian, of full size."""
    inverse: Any = None
    while not s.over():
        before = s.here
        d = -before.slope if inverse is None else -(inverse @ before.slope)
        if not before.slope @ d < 0:  # rounding has spoiled the approximation
            inverse, d = None, -before.slope
        if not wolfe(s, d, _first_length(s, inverse is None), strong=False):
            if inverse is None or not s.may_restart():
                return
            inverse, s.ended = None, None
            continue
        step, change = _pair(before, s.here)
        bend = float(step @ change)
        if bend <= 0:
            continue
        if inverse is None:
            inverse = np.eye(len(step)) * (bend / float(change @ change))
        inverse = _updated(inverse, step, change, bend)


def _updated(h: Any, step: Vector, change: Vector, bend: float) -> Any:
    hy = h @ change
    both = np.outer(step, hy)
    return h - (both + both.T) / bend + np.outer(step, step) * ((bend + change @ hy) / bend**2)


def _pair(before: Point, now: Point) -> Pair:
    return (now.x - before.x).astype(np.float64), now.slope - before.slope


def _first_length(s: Search, first: bool) -> float:
    """1 is Newton's; with nothing known of the curvature, no further than 1."""
    return 1 / max(1.0, float(np.linalg.norm(s.here.slope))) if first else 1.0


def lbfgs(s: Search) -> None:
    """L-BFGS: the same from the last few steps, for many variables."""
    pairs: deque[Pair] = deque(maxlen=s.options["memory"])
    while not s.over():
        before = s.here
        d = -two_loops(before.slope, pairs)
        if wolfe(s, d, _first_length(s, not pairs), strong=False):
            _remember(pairs, _pair(before, s.here))
        elif not _forgotten(s, pairs):
            return


def two_loops(gradient: Vector, pairs: deque[Pair]) -> Vector:
    """The approximate inverse Hessian, which is never formed, times the gradient."""
    if not pairs:
        return gradient
    q, factors = gradient.copy(), []
    for step, change in reversed(pairs):
        a = float(step @ q) / float(step @ change)
        factors.append(a)
        q = q - a * change
    step, change = pairs[-1]
    q = q * (float(step @ change) / float(change @ change))
    for (step, change), a in zip(pairs, reversed(factors), strict=True):
        q = q + (a - float(change @ q) / float(step @ change)) * step
    return q


def _remember(pairs: deque[Pair], pair: Pair) -> None:
    step, change = pair
    if step @ change > np.finfo(float).eps * float(change @ change):
        pairs.append(pair)


def _forgotten(s: Search, pairs: deque[Pair]) -> bool:
    """Go on without what was remembered, where there is something and the search may restart."""
    if not pairs or not s.may_restart():
        return False
    pairs.clear()
    s.ended = None
    return True


def lbfgs_bounded(s: Search) -> None:
    """L-BFGS within bounds: on the variables that are free; steps are bent back into the box.

    Variables at a bound that the gradient pushes against stay there (two-metric projection, after
    Bertsekas), so the rest is a search without bounds. Where the gradient is 0 at bounds, curvature
    may lead off them.
    """
    pairs: deque[Pair] = deque(maxlen=s.options["memory"])
    while not s.over() or _off_bounds(s):
        before = s.here
        free = s.projected(before) != 0
        known = deque(
            (p for step, change in pairs if _bends(p := (step * free, change * free))),
            maxlen=s.options["memory"],
        )
        d = -two_loops(before.slope * free, known)
        if not before.slope @ d < 0:
            d = -before.slope * free
        if _bent(s, d, _first_length(s, not known)):
            _remember(pairs, _pair(before, s.here))
        elif not _forgotten(s, pairs):
            return


def _off_bounds(s: Search) -> bool:
    """Whether a step led off bounds that the gradient does not push against."""
    if s.ended is None or s.ended.kind != "small gradient" or s.number >= s.steps:
        return False
    way = s.options["inside"](s)
    if way is None:
        return False
    for length in max(1.0, float(np.linalg.norm(s.here.x))) * LEAPS:
        point = s.value_at(s.clip(s.here.x + length * way))
        if point.value < s.here.value:
            s.take(point, way, length, None, "off a bound, along negative curvature")
            s.ended = None
            return True
        s.reject(point, way, length, None, "off a bound: not lower")
    return False


def _bends(pair: Pair) -> bool:
    step, change = pair
    return bool(step @ change > np.finfo(float).eps * float(change @ change))


def _bent(s: Search, direction: Vector, length: float) -> bool:
    """Armijo's rule along the path that the box bends."""
    for _ in range(MOST):
        point = s.at(s.clip(s.here.x + length * direction))
        moved = (point.x - s.here.x).astype(np.float64)
        promised = -float(s.here.slope @ moved)
        if not np.any(moved):
            s.reject(point, direction, length, promised, "the step is below the rounding of x")
            break
        if not point.finite:
            s.reject(point, direction, length, promised, "not finite: shorter")
            length *= 0.1
            continue
        fell = s.here.value - point.value
        even = abs(fell) <= s.noise(point) and s.optimality(point) < s.optimality(s.here)
        if fell >= ARMIJO * promised or even:
            bounded = np.any(point.x != s.here.x + length * direction)
            where = ", stopped by a bound" if bounded else ""
            s.take(point, direction, length, promised, f"fell by {fell:.3g}{where}")
            return True
        s.reject(point, direction, length, promised, f"Armijo fails: fell by {fell:.3g}")
        length *= 0.5
    s.stuck("no step along the direction goes down")
    return False
