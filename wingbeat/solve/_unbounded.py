"""Does the function keep falling?"""

from __future__ import annotations

import numpy as np

from wingbeat.solve._probe import Probe
from wingbeat.solve.record import Vector
from wingbeat.solve.verdict import Verdict

RAYS = 10.0 ** np.arange(0, 13)
NEAR = 1e-4  # relative to x; where f falls by more than its size over this, it is steep
CLIFF = 1e-3  # how far ahead a pole is looked for
HALVINGS = 12  # of the distance to a pole
ABOVE_ROUNDING = 6  # the last of them is as many above the rounding of x
STEADY = 0.97  # a fall to the one before; those of |x|**p, which is bounded, are 2**-p


def unbounded(probe: Probe) -> Verdict | None:
    """Along the way down the function keeps falling, as far as one can look."""
    s = probe.search
    if probe.ended.kind == "small gradient":
        return None
    downhill = -s.projected(s.here)
    ways = [downhill, (s.here.x - s.first.x).astype(np.float64)]
    for way in ways:
        length = float(np.linalg.norm(way))
        if length > 0 and (found := _falls(probe, way / length)):
            reached, distance = found
            return probe.verdict(
                "unbounded",
                f"f keeps falling: to {reached:.3g} at a distance of {distance:.3g}, so there is "
                "no minimum that way",
                value_reached=reached,
                distance=distance,
                direction=way / length,
            )
    return _pole(probe, downhill)


def _pole(probe: Probe, downhill: Vector) -> Verdict | None:
    """Where f is steep: beside a point right ahead, does it fall again with each halving?"""
    s, slope = probe.search, float(np.linalg.norm(downhill))
    if not NEAR * probe.size * slope > max(1.0, abs(s.here.value)):
        return None
    way = downhill / slope
    pole = _cliff(probe, way)
    halvings = -int(np.log2(probe.eps)) - ABOVE_ROUNDING
    distances = probe.size * 2.0 ** -np.arange(halvings - HALVINGS, halvings + 1)
    points = [s.clip(pole - t * way) for t in distances]
    values = np.array([probe.value(x, "is there a pole?") for x in points])
    falls = -np.diff(values)
    if not (np.all(falls > 0) and np.all(falls[1:] >= STEADY * falls[:-1])):
        return None
    return probe.verdict(
        "unbounded",
        f"f falls without end on the way to a pole right ahead: by {falls[-1]:.3g} when the "
        f"distance of {distances[-2]:.1g} to it is halved, no less than before",
        value_reached=float(values[-1]),
        distance=float(distances[-1]),
        direction=way,
    )


def _cliff(probe: Probe, way: Vector) -> Vector:
    """Right ahead, where f stops falling; by bisection."""
    why = "how far does f fall?"
    low, high, lowest = 0.0, CLIFF * probe.size, probe.search.here.value
    while low < (middle := (low + high) / 2) < high and high - low > probe.eps * probe.size / 2:
        x = probe.search.clip(probe.x + middle * way)
        value = probe.value(x, why)
        if value <= lowest and probe.gradient(x, why) @ way < 0:
            low, lowest = middle, value
        else:
            high = middle
    return probe.x + high * way


def _falls(probe: Probe, way: Vector) -> tuple[float, float] | None:
    last, distance = probe.search.here.value, 0.0
    for t in RAYS * probe.size:
        x = probe.search.clip(probe.x + t * way)
        value = probe.value(x, "does f fall for ever?")
        if value == -np.inf:
            return value, t
        if not value < last:
            return None
        last, distance = value, t
    start = probe.search.here.value
    return (last, distance) if last < start - 1e6 * max(1.0, abs(start)) else None
