"""Does the function keep falling?"""

from __future__ import annotations

import numpy as np

from wingbeat.solve._probe import Probe
from wingbeat.solve.record import Vector
from wingbeat.solve.verdict import Verdict

RAYS = 10.0 ** np.arange(0, 13)


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
    return None


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
