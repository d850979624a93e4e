"""Line searches: how far to go along a direction."""

from __future__ import annotations

import math

import numpy as np

from wingbeat.solve._search import Point, Search, Stop
from wingbeat.solve.record import Vector

ARMIJO, CURVATURE = 1e-4, 0.9
MOST = 40  # tries
Place = tuple[float, float, float]  # length, value, slope along the direction


def backtrack(
    s: Search, direction: Vector, length: float = 1.0, slope: float | None = None
) -> bool:
    """Shorten until the function falls by a fair part of what the slope promises.

    `slope` is the derivative along the direction, which bounds may have bent.
    """
    slope = float(s.here.slope @ direction) if slope is None else slope
    if -length * slope <= s.noise():
        return _shrinks(s, direction, length, slope)
    for _ in range(MOST):
        point = s.value_at(s.clip(s.here.x + length * direction))
        promised = -length * slope
        if not math.isfinite(point.value):
            s.reject(point, direction, length, promised, "the value is not finite: shorter")
            length *= 0.1
            continue
        fell = s.here.value - point.value
        if fell >= ARMIJO * promised and (fell > 0 or np.any(point.x != s.here.x)):
            s.take(point, direction, length, promised, _kept(fell, promised))
            return True
        s.reject(point, direction, length, promised, _short(fell, promised))
        length = _parabola(length, slope, -fell)
    s.stuck(f"no shorter step along the direction goes down ({MOST} tries)")
    return False


def _kept(fell: float, promised: float) -> str:
    return f"Armijo holds: fell by {fell:.3g}, the slope promised {promised:.3g}"


def _short(fell: float, promised: float) -> str:
    if fell < 0:
        return f"Armijo fails: rose by {-fell:.3g}"
    return f"Armijo fails: fell by {fell:.3g} < {ARMIJO:g} * {promised:.3g}"


def _parabola(length: float, slope: float, rise: float) -> float:
    """The minimum of the parabola through the slope here and the value there, kept in bounds."""
    bend = 2 * (rise - slope * length)
    best = -slope * length * length / bend if bend > 0 else length / 2
    return min(max(best, 0.1 * length), 0.5 * length)


def wolfe(
    s: Search,
    direction: Vector,
    length: float = 1.0,
    *,
    curvature: float = CURVATURE,
    strong: bool = True,
) -> bool:
    """A step that goes down enough and after which the slope has flattened enough (Wolfe).

    Keeps a bracket: `low` goes down enough and still falls, `high` is too far. New lengths are the
    minima of cubics through both. Where differences of values are rounding, slopes decide alone
    (Hager and Zhang's approximate conditions).
    """
    slope = float(s.here.slope @ direction)
    if not slope < 0:
        s.stuck(f"the direction does not go down: its slope is {slope:.3g}")
        return False
    if -slope * length <= s.noise():
        return _shrinks(s, direction, length, slope)
    low: Place = (0.0, s.here.value, slope)
    high: Place | None = None
    fallback: tuple[float, Point] | None = None
    for _ in range(MOST):
        point = s.at(s.here.x + length * direction)
        promised = -length * slope
        if np.all(point.x == s.here.x):
            s.reject(point, direction, length, promised, "the step is below the rounding of x")
            break
        verdict, bad = _judge(s, point, direction, (length, slope, curvature), low, strong)
        if not bad:
            s.take(point, direction, length, promised, verdict)
            return True
        s.reject(point, direction, length, promised, verdict)
        there = (length, point.value, float(point.slope @ direction))
        if not (point.finite and math.isfinite(there[2])):
            high, length = (length, math.inf, math.inf), low[0] + 0.1 * (length - low[0])
            continue
        tried = length
        if bad == "far":
            high, length = there, _between(low, there)
        else:
            length = _beyond(low, there) if high is None else _between(there, high)
            low, fallback = there, (tried, point)
    if fallback is not None:
        length, point = fallback
        s.take(point, direction, length, -length * slope, "the lowest of the tries before")
        return True
    s.stuck("no step along the direction goes down")
    return False


def _shrinks(s: Search, direction: Vector, length: float, slope: float) -> bool:
    """Where values can differ by rounding only: go on as long as the gradient shrinks."""
    point = s.at(s.here.x + length * direction)
    return settled(s, point, direction, length, -length * slope)


def settled(s: Search, point: Point, direction: Vector, length: float, promised: float) -> bool:
    """Takes a step that values cannot judge if it halves the gradient; else the search ends."""
    now = s.optimality(s.complete(point))
    said = f"f would fall by {promised:.2g}, less than its rounding; the gradient goes to {now:.2g}"
    if now <= s.optimality(s.here) / 2:
        s.take(point, direction, length, promised, said)
        return True
    s.reject(point, direction, length, promised, said)
    s.ended = Stop("rounding", "what a step promises is less than the rounding of f")
    return False


def _judge(
    s: Search,
    point: Point,
    direction: Vector,
    line: Place,
    low: Place,
    strong: bool,
) -> tuple[str, str]:
    """What to write, and "" for a good step, "far" or "near" for one that is too long or short."""
    length, slope, curvature = line
    fell, promised = s.here.value - point.value, -length * slope
    new = float(point.slope @ direction)
    if not (point.finite and math.isfinite(new)):
        return "not finite: shorter", "far"
    rounding = s.noise(point) / 100
    if abs(fell) <= rounding and abs(new) <= curvature * abs(slope):
        return f"values differ by rounding only; the slope went from {slope:.3g} to {new:.3g}", ""
    if fell < ARMIJO * promised - rounding:
        return _short(fell, promised), "far"
    if point.value > low[1] + rounding:
        return f"higher than a shorter try: {point.value:.6g} > {low[1]:.6g}", "far"
    if new < curvature * slope:
        return f"still steep: slope {new:.3g}, at the start {slope:.3g}: longer", "near"
    if strong and new > -curvature * slope:
        return f"beyond the minimum: slope {new:.3g}, at the start {slope:.3g}: shorter", "far"
    return f"fell by {fell:.3g}, the slope went from {slope:.3g} to {new:.3g}", ""


def _between(low: Place, high: Place) -> float:
    """The cubic's minimum inside the bracket, not too near to its ends."""
    width = high[0] - low[0]
    best = _cubic(low, high)
    best = low[0] + width / 2 if best is None else best
    return min(max(best, low[0] + 0.05 * width), high[0] - 0.05 * width)


def _beyond(before: Place, low: Place) -> float:
    """The cubic's minimum further on, at least as far again; without one, four times as far."""
    best = _cubic(before, low)
    width = low[0] - before[0]
    farthest = low[0] + 999 * width
    return (
        min(max(best, low[0] + width), farthest) if best and best > low[0] else low[0] + 4 * width
    )


def _cubic(one: Place, two: Place) -> float | None:
    """The minimum of the cubic with the values and slopes at two places."""
    (a, fa, ga), (b, fb, gb) = one, two
    if not (math.isfinite(fb) and math.isfinite(gb)):
        return None
    d1 = ga + gb - 3 * (fb - fa) / (b - a)
    root = d1 * d1 - ga * gb
    bottom = gb - ga + 2 * math.sqrt(max(root, 0.0))
    if root < 0 or bottom == 0:
        return None
    return b - (b - a) * (gb + math.sqrt(root) - d1) / bottom
