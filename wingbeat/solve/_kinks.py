"""Does the function have a gradient where the search ended, and is it continuous there?"""

from __future__ import annotations

from typing import Any

import numpy as np

from wingbeat.api import asarray, value_and_grad
from wingbeat.errors import AtKink
from wingbeat.solve._probe import Probe
from wingbeat.solve.record import Vector
from wingbeat.solve.verdict import Verdict

JUMP = 0.9  # of all changes of values in a row: what one of them is where f jumps
BESIDE = 1e-6  # relative to x: where f is looked at beside a kink or a jump


def kink(probe: Probe) -> Verdict | None:
    """The gradient was taken exactly where there is none."""
    if probe.objective.own_gradient is not None:
        return None
    try:
        probe.search.counts.probes += 1
        value_and_grad(probe.objective.flat, kinks="raise")(asarray(probe.search.here.x))
    except AtKink as kink:
        return _at_kink(probe, str(kink).split("\n")[0], {})
    return None


def jumps(probe: Probe, size: float) -> Verdict:
    """The gradient jumps there, by `size`."""
    what = f"it changes by {size:.3g} within a distance of 1e-8"
    return _at_kink(probe, what, {"jump_of_the_gradient": size})


def _at_kink(probe: Probe, what: str, more: dict[str, Any]) -> Verdict:
    h = BESIDE * probe.size
    changes, lowest = _changes_beside(probe, "does f rise away from the kink?")
    side = _around(changes, lowest, probe.search.noise(probe.search.here), h)
    more = {**more, "lowest_change": lowest, "distance": h}
    has = "may have" if "may have no derivative" in what else "has"
    return probe.verdict("kink", f"f {has} no gradient there ({what}); {side}", **more)


def _changes_beside(probe: Probe, why: str) -> tuple[list[float], float]:
    """How f changes along a few directions, very near, and the lowest of the changes."""
    points = _beside(probe)
    here = probe.search.here.value
    changes = [probe.value(x, why) - here for x in points]
    return changes, min((c for c in changes if not np.isnan(c)), default=np.nan)


def _beside(probe: Probe) -> list[Vector]:
    n = probe.x.size
    tried = [*np.eye(n)[:10], *(probe.random(k) for k in range(5 if n > 1 else 0))]
    steps = [sign * BESIDE * probe.size * u for u in tried for sign in (1, -1)]
    return [probe.search.clip(probe.x + step) for step in steps]


def jump_beside(probe: Probe) -> Verdict | None:
    """What looks like a minimum by its derivatives, and lies on the edge of a jump down."""
    s = probe.search
    scale = max(1.0, abs(s.first.value - s.here.value), abs(s.here.value))
    why = "is there a jump beside it?"
    changes, lowest = _changes_beside(probe, why)
    if not lowest < -np.sqrt(probe.eps) * scale:
        return None
    if not _jumps_between(probe, probe.x, _beside(probe)[int(np.nanargmin(changes))], lowest):
        return None
    h = BESIDE * probe.size
    sentence = f"f jumps there: it falls by {-lowest:.3g} within a distance of {h:.1g}, so this is"
    more = {"lowest_change": lowest, "distance": h}
    return probe.verdict("kink", f"{sentence} no minimum, whatever derivatives say", **more)


def _jumps_between(probe: Probe, a: Vector, b: Vector, change: float) -> bool:
    """Whether most of the change from a to b happens at one place, found by bisection."""
    low, high = probe.search.here.value, probe.search.here.value + change
    while True:
        middle = ((a + b) / 2).astype(probe.objective.dtype).astype(np.float64)
        if np.array_equal(middle, a) or np.array_equal(middle, b):
            return abs(high - low) > abs(change) / 2
        value = probe.value(middle, "is there a jump beside it?")
        if abs(value - low) >= abs(high - value):
            b, high = middle, value
        else:
            a, low = middle, value


def jump_across(probe: Probe, values: Vector) -> Verdict | None:
    """A jump among values in a row, very near to one another; rounding is spread over all."""
    changes = np.abs(np.diff(values))
    size = float(changes.max())
    scale = max(1.0, abs(probe.search.first.value - probe.search.here.value), abs(values[0]))
    if not (size > np.sqrt(probe.eps) * scale and size > JUMP * changes.sum()):
        return None
    what = f"it jumps by {size:.3g} within a distance of {probe.reach:.1g}"
    return _at_kink(probe, what, {"jump": size})


def _around(changes: list[float], lowest: float, noise: float, h: float) -> str:
    """What f does beside a kink, where it was tried at a distance of `h`."""
    if lowest < -noise:
        return (
            f"f falls by {-lowest:.3g} on one side at a distance of {h:.1g}, so this is no minimum"
        )
    if unknown := int(np.isnan(changes).sum()):
        return (
            f"f does not exist in {unknown} of {len(changes)} directions tried, and falls in none"
        )
    if lowest > noise:
        return (
            f"f rises in all {len(changes)} directions tried, which speaks for a minimum at the "
            "kink"
        )
    return f"f falls in none of {len(changes)} directions tried, but does not rise in all of them"
