"""Where the second-derivative test decides nothing: how f behaves along the level directions."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from wingbeat.curvature._landscape import Landscape, Local
from wingbeat.curvature._space import Vector

_Array = np.ndarray[Any, np.dtype[np.float64]]
RADII = (0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)  # of `reach`
RAYS = 48


class Evidence(NamedTuple):
    """What was seen, in words, and what kind of point that speaks for."""

    text: str
    suggests: str | None


class Ray(NamedTuple):
    """How f changes along a level direction, nearest to the point: its sign, as |t|^order."""

    sign: int
    order: float


def higher(
    land: Landscape, x: Vector, at: Local, vectors: _Array, signs: Any, reach: float
) -> Evidence:
    """f along the level directions, the others adjusted so that f is stationary in them.

    Without the adjustment (y - x^2)(y - 2x^2) would look like a minimum along every straight line.
    """
    level, rest = vectors[:, signs == 0], vectors[:, signs != 0]
    found = [_ray(land, x, at.value, level @ d, rest, reach) for d in _rays(level.shape[1])]
    seen = [r for r in found if r.sign]
    rises, falls = any(r.sign > 0 for r in seen), any(r.sign < 0 for r in seen)
    rises_all, falls_all = rises or 1 in signs, falls or -1 in signs
    if not seen:
        return Evidence("f does not change along the level directions, to rounding", "flat")
    order = _order(seen)
    flat = ", level along some" if len(seen) < len(found) else ""
    if rises_all and falls_all:
        kind = "no extremum" if x.size == 1 else "saddle"
        return Evidence(f"f rises one way and falls another{order}: evidence for {_a(kind)}", kind)
    kind = "minimum" if rises_all else "maximum"
    way = "rises" if rises_all else "falls"
    return Evidence(f"f {way} along the level directions{order}{flat}: evidence for a {kind}", kind)


def _a(kind: str) -> str:
    return kind if kind.startswith("no") else f"a {kind}"


def _rays(n: int) -> _Array:
    """Unit vectors of n entries: both ways, all around, or at random with the axes."""
    if n == 1:
        return np.array([[1.0], [-1.0]])
    if n == 2:
        angles = np.arange(RAYS) * 2 * np.pi / RAYS
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)
    random = np.random.default_rng(0).normal(size=(RAYS, n))
    unit = random / np.linalg.norm(random, axis=1, keepdims=True)
    return np.concatenate([np.eye(n), -np.eye(n), unit])


def _ray(land: Landscape, x: Vector, value: float, d: Vector, rest: _Array, reach: float) -> Ray:
    changes: list[tuple[float, float]] = []
    for r in RADII:
        there = _settled(land, x + r * reach * d, rest)
        change = land.value(there) - value
        if not np.isfinite(change) or abs(change) <= _noise(land, there):
            break
        changes.append((r, change))
    if not changes:
        return Ray(0, 0.0)
    sign = int(np.sign(changes[-1][1]))
    own = [(r, abs(c)) for r, c in changes[-2:] if np.sign(c) == sign]
    if len(own) < 2:
        return Ray(sign, np.nan)
    (r0, c0), (r1, c1) = own
    return Ray(sign, float(np.log(c0 / c1) / np.log(r0 / r1)))


def _noise(land: Landscape, x: Vector) -> float:
    """What rounding of x and of f makes of f(x)."""
    rng = np.random.default_rng(0)
    here = land.value(x)
    shaken = [x * (1.0 + 4 * land.space.eps * rng.choice([-1, 1], x.shape)) for _ in range(4)]
    scatter = max(abs(land.value(near) - here) for near in shaken)
    return 8 * scatter + 64 * land.space.eps * abs(here)


def _settled(land: Landscape, x: Vector, rest: _Array, steps: int = 4) -> Vector:
    """x moved along `rest` to where f is stationary in those directions, by Newton's method."""
    if not rest.size:
        return x
    for _ in range(steps):
        at = land.local(x)
        inner = rest.T @ at.hessian @ rest
        if not np.isfinite(inner).all() or np.linalg.cond(inner) > 1e12:
            return x
        x = x - rest @ np.linalg.solve(inner, rest.T @ at.gradient)
    return x


def _order(seen: list[Ray]) -> str:
    """As |t|^4 or so, where all rays agree with a whole number; order 1 is a kink."""
    orders = np.array([r.order for r in seen if np.isfinite(r.order)])
    if not orders.size:
        return ""
    k = round(float(orders.min()))
    if k < 1 or abs(orders.min() - k) > 0.1:
        return ""
    return f" as |t|^{k}" + (" (a kink)" if k == 1 else "")
