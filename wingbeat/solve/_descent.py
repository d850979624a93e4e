"""First-order methods: gradient descent, momentum, Nesterov, Adam, conjugate gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wingbeat.solve._lines import backtrack, wolfe
from wingbeat.solve._search import Search, Stop
from wingbeat.solve.record import Vector

SEVERAL = 4.0 ** np.arange(-6, 3)  # lengths, times the one that the last step suggests


def gradient_descent(s: Search) -> None:
    """Against the gradient; `line` says how far."""
    line = s.options["line"] or ("backtracking" if s.options["rate"] is None else "fixed")
    length = 1 / max(1.0, float(np.linalg.norm(s.here.slope)))
    while not s.over():
        before = s.here
        LINES[line](s, length)
        if s.here is not before and s.ended is None:
            length = _barzilai(before, s.here)


def _barzilai(before: Any, now: Any) -> float:
    """The first length to try: what the last step says about the curvature."""
    moved, changed = (now.x - before.x).astype(np.float64), now.slope - before.slope
    bend = float(moved @ changed)
    return float(moved @ moved) / bend if bend > 0 else 1.0


def _fixed(s: Search, length: float) -> None:
    """The step that the user chose, with what the second-order model says of it."""
    g, rate = s.here.slope, _rate(s)
    gg, ghg = float(g @ g), float(g @ s.product(g))
    predicted = rate * gg - rate * rate * ghg / 2
    reason = f"rate {rate:g}"
    if ghg > 0 and rate > 2 * gg / ghg:
        reason += f" is beyond {2 * gg / ghg:.3g}, so the model goes up; the best is {gg / ghg:.3g}"
    elif ghg > 0:
        reason += f"; best g'g/g'Hg = {gg / ghg:.3g}"
    _go(s, -g, rate, predicted, reason)


def _exact(s: Search, length: float) -> None:
    """To the minimum along the line; on a quadratic g'g/g'Hg, found in one try."""
    g = s.here.slope
    gg, ghg = float(g @ g), float(g @ s.product(g))
    wolfe(s, -g, gg / ghg if ghg > 0 else length, curvature=1e-6)


def _backtracking(s: Search, length: float) -> None:
    backtrack(s, -s.here.slope, length)


def _strong_wolfe(s: Search, length: float) -> None:
    wolfe(s, -s.here.slope, length, curvature=0.1)


def _several(s: Search, length: float) -> None:
    """Several lengths, and the lowest of what they lead to."""
    g = s.here.slope
    tried = [(s.value_at(s.here.x - t * g), t) for t in length * SEVERAL]
    finite = [(p.value, k) for k, (p, _) in enumerate(tried) if np.isfinite(p.value)]
    lowest = min(finite, default=(np.inf, -1))
    best = lowest[1] if lowest[0] < s.here.value else -1
    promised = float(g @ g)
    for k, (point, t) in enumerate(tried):
        if k != best:
            s.reject(point, -g, float(t), float(t) * promised, "another length leads lower")
    if best < 0:
        s.stuck(f"none of {len(tried)} lengths leads lower")
        return
    point, t = tried[best]
    s.take(point, -g, float(t), float(t) * promised, f"the best of {len(tried)} lengths")


LINES: dict[str, Callable[[Search, float], None]] = {
    "fixed": _fixed,
    "exact": _exact,
    "backtracking": _backtracking,
    "wolfe": _strong_wolfe,
    "several": _several,
}


def _rate(s: Search) -> float:
    """The rate of this step: a number, or what a schedule says of the steps taken so far."""
    rate: Any = 0.1 if s.options["rate"] is None else s.options["rate"]
    return rate if isinstance(rate, float) else float(rate(s.number))


def _go(s: Search, direction: Vector, rate: float, predicted: float | None, reason: str) -> None:
    """A step that is taken whatever happens, unless numbers run out."""
    with np.errstate(over="ignore", invalid="ignore"):
        point = s.at(s.here.x + rate * direction)
    if point.finite:
        s.take(point, direction, rate, predicted, reason)
        return
    s.reject(point, direction, rate, predicted, "the value or gradient is not finite")
    s.ended = Stop("diverged", f"with the rate {_rate(s):g} the numbers ran out of range")


def momentum(s: Search) -> None:
    """A heavy ball: the last move goes on, a part of it lost."""
    velocity = np.zeros_like(s.here.slope)
    keep = s.options["momentum"]
    while not s.over():
        velocity = keep * velocity - s.here.slope
        _go(s, velocity, _rate(s), None, f"rate {_rate(s):g}, {keep:g} of the last move kept")


def nesterov(s: Search) -> None:
    """Momentum whose gradient is taken where the last move alone would lead.

    In the form that evaluates where it stands: the points are those looked ahead to.
    """
    velocity = np.zeros_like(s.here.slope)
    keep = s.options["momentum"]
    while not s.over():
        velocity = keep * velocity - s.here.slope
        ahead = keep * velocity - s.here.slope
        _go(s, ahead, _rate(s), None, f"rate {_rate(s):g}, looking {keep:g} of a move ahead")


def adam(s: Search) -> None:
    """Each number with a rate of its own: mean of gradients over root of mean of squares."""
    mean, square = np.zeros_like(s.here.slope), np.zeros_like(s.here.slope)
    b1, b2 = s.options["betas"]
    t = 0
    while not s.over():
        t += 1
        mean = b1 * mean + (1 - b1) * s.here.slope
        square = b2 * square + (1 - b2) * s.here.slope**2
        direction = -(mean / (1 - b1**t)) / (np.sqrt(square / (1 - b2**t)) + 1e-8)
        _go(s, direction, _rate(s), None, f"rate {_rate(s):g}, divided by each gradient's size")


def conjugate_gradients(s: Search) -> None:
    """Nonlinear conjugate gradients, Polak and Ribière's factor, not below 0."""
    d = -s.here.slope
    length = 1 / max(1.0, float(np.linalg.norm(d)))
    while not s.over():
        before, slope = s.here, float(s.here.slope @ d)
        if not wolfe(s, d, length, curvature=0.1):
            return
        last = float(np.linalg.norm((s.here.x - before.x).astype(np.float64)))
        g0, g1 = before.slope, s.here.slope
        if not np.any(g1):
            continue
        factor = max(0.0, float(g1 @ (g1 - g0)) / float(g0 @ g0))
        moved = last / max(float(np.linalg.norm(d)), np.finfo(float).tiny)
        d = -g1 + factor * d
        if not g1 @ d < 0:
            d = -g1
        length = moved * slope / float(g1 @ d)
