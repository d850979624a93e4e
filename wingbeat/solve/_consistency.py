"""Do values and gradients belong to one function?"""

from __future__ import annotations

import numpy as np

from wingbeat.solve._kinks import jumps
from wingbeat.solve._probe import Probe
from wingbeat.solve._search import Point, Search
from wingbeat.solve._slopes import Slope, jump, measured, right_beside
from wingbeat.solve.record import Vector
from wingbeat.solve.verdict import Verdict


def changed(probe: Probe) -> Verdict | None:
    """The function, run again, gives other values than those that the search saw."""
    s = probe.search
    scale = max(1.0, abs(s.first.value - s.here.value), abs(s.here.value))
    for point in (s.here, s.first):
        again = probe.anew(point)
        if not abs(again - point.value) <= np.sqrt(probe.eps) * scale:
            return probe.verdict(
                "inconsistent gradient",
                f"f gave {point.value:.6g} and, run again at the same point, {again:.6g}: it reads "
                "something that changes, so its values and gradients do not belong together",
                value_before=point.value,
                value_again=again,
            )
    return None


def inconsistent(probe: Probe) -> Verdict | None:
    """Differences of values contradict the gradient, here or at the start."""
    s = probe.search
    at_start = [] if s.first is s.here else [(s.first, probe.random(1))]
    for point, u in [(s.here, probe.random()), *downhill(s), *at_start]:
        x = point.x.astype(np.float64)
        slope = measured(probe, x, point.slope, u)
        if slope is None or not slope.off(max(s.tolerance, 1e-8)):
            continue
        if right_beside(probe, x, u):
            if point is s.here:
                return jumps(probe, jump(probe, x, u) or abs(slope.claimed - slope.measured))
            continue
        return _contradicts(probe, slope, "the last point" if point is s.here else "the start")
    return None


def downhill(s: Search) -> list[tuple[Point, Vector]]:
    """The last point and the direction straight down there, where there is one."""
    way = s.projected(s.here)
    length = float(np.linalg.norm(way))
    return [(s.here, -way / length)] if length > s.tolerance else []


def _contradicts(probe: Probe, slope: Slope, where: str) -> Verdict:
    return probe.verdict(
        "inconsistent gradient",
        f"at {where} the gradient says that f changes by {slope.claimed:.6g} a unit along a "
        f"direction, values measure {slope.measured:.6g}: the gradient is not that of f",
        slope_claimed=slope.claimed,
        slope_measured=slope.measured,
        error_of_measuring=slope.error,
    )
