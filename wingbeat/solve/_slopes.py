"""Is the gradient the function's? Differences of values against it, and jumps of it."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from wingbeat.solve._probe import Probe
from wingbeat.solve.record import Vector

LENGTHS = 10.0 ** -np.arange(1, 10)
BESIDE = 1e-3
SEEN = 1e-2  # the error of a difference, to what it has to decide
JUMPS = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8)


class Slope(NamedTuple):
    """The derivative along a direction, computed twice."""

    claimed: float  # by the gradient
    measured: float  # by differences of values
    error: float  # of what was measured

    def off(self, small: float) -> bool:
        """Whether they differ by more than measuring explains, and by more than `small`."""
        larger = max(abs(self.claimed), abs(self.measured))
        return abs(self.claimed - self.measured) > 10 * self.error + 1e-3 * larger + small


def measured(probe: Probe, x: Vector, gradient: Vector, u: Vector) -> Slope | None:
    """Central differences of shrinking length: the best of them is where two in a row agree.

    Shorter ones count more where they agree with the gradient: f may have waves so short that only
    these see them.
    """
    size = max(1.0, float(np.abs(x).max()))
    found: list[tuple[float, float]] = []
    for h in LENGTHS * size:
        why = "is the gradient the function's?"
        ahead, behind = probe.value(x + h * u, why), probe.value(x - h * u, why)
        rounding = 4 * probe.eps * max(abs(ahead), abs(behind)) / h
        found.append(((ahead - behind) / (2 * h), rounding))
    pairs = [
        (abs(b[0] - a[0]) + a[1] + b[1], b[0])
        for a, b in itertools.pairwise(found)
        if np.isfinite(a[0]) and np.isfinite(b[0])
    ]
    if not pairs:
        return None
    claimed = float(gradient @ u)
    best = min(range(len(pairs)), key=lambda k: pairs[k])
    for error, slope in pairs[best + 1 :]:
        if abs(slope - claimed) <= 3 * error < SEEN * abs(pairs[best][1] - claimed):
            return Slope(claimed, slope, error)
    return Slope(claimed, pairs[best][1], pairs[best][0])


def right_beside(probe: Probe, x: Vector, u: Vector) -> bool:
    """Whether a little further, to both sides, gradient and differences of values agree.

    Then the gradient is the function's, and only here it cannot be: there is a kink or a cusp.
    """
    step = BESIDE * max(1.0, float(np.abs(x).max())) * u
    for beside in (x + step, x - step):
        gradient = probe.gradient(beside, "is the gradient right beside?")
        slope = measured(probe, beside, gradient, u)
        if slope is not None and np.isfinite(gradient).all() and slope.off(1e-8):
            return False
    return True


def jump(probe: Probe, x: Vector, u: Vector) -> float:
    """By how much the gradient changes over 1e-8 at x; 0 where this shrinks with the distance."""
    size = max(1.0, float(np.abs(x).max()))
    found: list[float] = []
    for h in JUMPS:
        why = "does the gradient jump?"
        ahead = probe.gradient(x + h * size * u, why)
        behind = probe.gradient(x - h * size * u, why)
        found.append(float(np.linalg.norm(ahead - behind)))
    large = 1e-4 * max(1.0, float(np.linalg.norm(probe.search.here.slope)))
    steady = np.isfinite(found).all() and found[-1] > 0.5 * found[0] and found[0] > large
    return found[-1] if steady else 0.0
