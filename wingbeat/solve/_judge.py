"""The verdict: questions asked one after the other, the first answer counts."""

from __future__ import annotations

import numpy as np

from wingbeat.solve._consistency import changed, downhill, inconsistent
from wingbeat.solve._kinks import jump_beside, jumps, kink
from wingbeat.solve._probe import Probe
from wingbeat.solve._search import Search
from wingbeat.solve._slopes import jump
from wingbeat.solve._stationary import noise_floor, stationary
from wingbeat.solve._unbounded import unbounded
from wingbeat.solve.verdict import Verdict


def not_finished(probe: Probe) -> Verdict | None:
    """Somebody ended the search."""
    s = probe.search
    if probe.ended.kind != "interrupted":
        return None
    rest = f"the gradient is still {s.optimality(s.here):.3g}"
    return probe.verdict("not finished", f"{probe.ended.text} after {s.number} steps; {rest}")


def not_finite(probe: Probe) -> Verdict | None:
    """The last point has no value or no gradient."""
    here = probe.search.here
    if here.finite:
        return None
    if np.isfinite(here.value) and (verdict := kink(probe)) is not None:
        return verdict
    what = f"f is {here.value:g}" if not np.isfinite(here.value) else "the gradient is not finite"
    where = "the start" if probe.search.number == 0 else "the last point"
    return probe.verdict("undecided", f"{what} at {where}; nothing can be said from there")


BEFORE_MEASURING = (not_finished, not_finite, changed)
QUESTIONS = (*BEFORE_MEASURING, unbounded, kink, inconsistent, stationary, noise_floor)


def judge(s: Search) -> Verdict:
    """What the last point of a search is."""
    probe = Probe(s)
    for question in QUESTIONS:
        if (verdict := question(probe)) is not None:
            return (verdict.is_minimum and jump_beside(probe)) or verdict
    return _without(probe)


def _without(probe: Probe) -> Verdict:
    """None of the questions had an answer."""
    s = probe.search
    norm = f"the gradient is {s.optimality(s.here):.3g}, above the tolerance {s.tolerance:.3g}"
    if probe.ended.kind in ("limit", "diverged", "fell"):
        advice = _advice(probe)
        return probe.verdict("not finished", f"{probe.ended.text}; {norm}{advice}")
    if (u := downhill(s)) and (size := jump(probe, probe.x, u[0][1])) > 0:
        return jumps(probe, size)
    return probe.verdict("undecided", f"{probe.ended.text}; {norm}")


def _advice(probe: Probe) -> str:
    """Of a fixed rate: which rates would have gone down."""
    s = probe.search
    if not isinstance(s.options["rate"], float) or not s.here.value >= s.first.value:
        return ""
    g = s.first.slope
    bend = float(g @ probe.product(s.first.x.astype(np.float64), g))
    if bend <= 0:
        return ""
    limit = 2 * float(g @ g) / bend
    return (
        f"; f went from {s.first.value:.3g} to {s.here.value:.3g}: the rate {s.options['rate']:g} "
        f"is too large, at the start it must be below {limit:.3g}"
    )
