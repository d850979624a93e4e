"""The verdict: questions asked one after the other, the first answer counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from wingbeat.api import asarray, value_and_grad
from wingbeat.errors import AtKink
from wingbeat.solve._curvature import (
    DENSE,
    FLAT,
    Curvatures,
    Face,
    curvatures,
    curved_valley,
    flatness,
    polished,
)
from wingbeat.solve._probe import Probe
from wingbeat.solve._search import Point, Search
from wingbeat.solve._slopes import Slope, jump, measured, right_beside
from wingbeat.solve.record import Vector
from wingbeat.solve.verdict import Verdict

NEAR = 1e-2  # a minimum is no further away than this, relative to x
BESIDE = 1e-6  # relative to x: where f is looked at beside a kink or a jump
RAYS = 10.0 ** np.arange(0, 13)


def judge(s: Search) -> Verdict:
    """What the last point of a search is."""
    probe = Probe(s)
    questions = (
        _not_finished, _not_finite, _changed, _unbounded, _kink, _inconsistent, _stationary, _noise
    )  # fmt: skip
    for question in questions:
        if (verdict := question(probe)) is not None:
            return (verdict.is_minimum and _jump_beside(probe)) or verdict
    return _without(probe)


def _verdict(probe: Probe, kind: str, sentence: str, **more: Any) -> Verdict:
    s = probe.search
    evidence: dict[str, Any] = {
        "gradient norm": s.optimality(s.here),
        "tolerance": s.tolerance,
        **{k.replace("_", " "): v for k, v in more.items()},
    }
    return Verdict(kind, evidence, sentence)


def _why(probe: Probe) -> str:
    assert probe.search.ended is not None
    return probe.search.ended.text


# --- before anything is measured ----------------------------------------------------------------


def _not_finished(probe: Probe) -> Verdict | None:
    s = probe.search
    assert s.ended is not None
    if s.ended.kind != "interrupted":
        return None
    return _verdict(
        probe,
        "not finished",
        f"{_why(probe)} after {s.number} steps; the gradient is still {s.optimality(s.here):.3g}",
    )


def _not_finite(probe: Probe) -> Verdict | None:
    here = probe.search.here
    if here.finite:
        return None
    if np.isfinite(here.value) and (kink := _kink(probe)) is not None:
        return kink
    what = f"f is {here.value:g}" if not np.isfinite(here.value) else "the gradient is not finite"
    where = "the start" if probe.search.number == 0 else "the last point"
    return _verdict(probe, "undecided", f"{what} at {where}; nothing can be said from there")


def _changed(probe: Probe) -> Verdict | None:
    """The function, run again, gives other values than those that the search saw."""
    s = probe.search
    scale = max(1.0, abs(s.first.value - s.here.value), abs(s.here.value))
    for point in (s.here, s.first):
        again = probe.anew(point)
        if not abs(again - point.value) <= np.sqrt(probe.eps) * scale:
            return _verdict(
                probe,
                "inconsistent gradient",
                f"f gave {point.value:.6g} and, run again at the same point, {again:.6g}: it reads "
                "something that changes, so its values and gradients do not belong together",
                value_before=point.value,
                value_again=again,
            )
    return None


# --- measured -----------------------------------------------------------------------------------


def _unbounded(probe: Probe) -> Verdict | None:
    """Along the way down the function keeps falling, as far as one can look."""
    s = probe.search
    assert s.ended is not None
    if s.ended.kind == "small gradient":
        return None
    downhill = -s.projected(s.here)
    ways = [downhill, (s.here.x - s.first.x).astype(np.float64)]
    for way in ways:
        length = float(np.linalg.norm(way))
        if length > 0 and (found := _falls(probe, way / length)):
            reached, distance = found
            return _verdict(
                probe,
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


def _kink(probe: Probe) -> Verdict | None:
    """The gradient was taken exactly where there is none."""
    if probe.objective.own_gradient is not None:
        return None
    try:
        probe.search.counts.probes += 1
        value_and_grad(probe.objective.flat, kinks="raise")(asarray(probe.search.here.x))
    except AtKink as kink:
        return _at_kink(probe, str(kink).split("\n")[0], {})
    return None


def _at_kink(probe: Probe, what: str, more: dict[str, Any]) -> Verdict:
    h = BESIDE * probe.size
    changes, lowest = _changes_beside(probe, "does f rise away from the kink?")
    side = _around(changes, lowest, probe.search.noise(probe.search.here), h)
    more = {**more, "lowest_change": lowest, "distance": h}
    return _verdict(probe, "kink", f"f has no gradient there ({what}); {side}", **more)


def _changes_beside(probe: Probe, why: str) -> tuple[list[float], float]:
    """How f changes along a few directions, very near, and the lowest of the changes."""
    n = probe.x.size
    tried = [*np.eye(n)[:10], *(probe.random(k) for k in range(5 if n > 1 else 0))]
    points = [probe.x + sign * BESIDE * probe.size * u for u in tried for sign in (1, -1)]
    here = probe.search.here.value
    changes = [probe.value(probe.search.clip(x), why) - here for x in points]
    return changes, min((c for c in changes if not np.isnan(c)), default=np.nan)


def _jump_beside(probe: Probe) -> Verdict | None:
    """What looks like a minimum by its derivatives, and lies on the edge of a jump down."""
    s = probe.search
    scale = max(1.0, abs(s.first.value - s.here.value), abs(s.here.value))
    _, lowest = _changes_beside(probe, "is there a jump beside it?")
    if not lowest < -np.sqrt(probe.eps) * scale:
        return None
    h = BESIDE * probe.size
    sentence = f"f jumps there: it falls by {-lowest:.3g} within a distance of {h:.1g}, so this is"
    more = {"lowest_change": lowest, "distance": h}
    return _verdict(probe, "kink", f"{sentence} no minimum, whatever derivatives say", **more)


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


def _inconsistent(probe: Probe) -> Verdict | None:
    """Differences of values contradict the gradient, here or at the start."""
    s = probe.search
    at_start = [] if s.first is s.here else [(s.first, probe.random(1))]
    for point, u in [(s.here, probe.random()), *_downhill(s), *at_start]:
        x = point.x.astype(np.float64)
        slope = measured(probe, x, point.slope, u)
        if slope is None or not slope.off(max(s.tolerance, 1e-8)):
            continue
        if right_beside(probe, x, u):
            if point is s.here:
                return _jumps(probe, jump(probe, x, u) or abs(slope.claimed - slope.measured))
            continue
        return _contradicts(probe, slope, "the last point" if point is s.here else "the start")
    return None


def _downhill(s: Search) -> list[tuple[Point, Vector]]:
    way = s.projected(s.here)
    length = float(np.linalg.norm(way))
    return [(s.here, -way / length)] if length > s.tolerance else []


def _contradicts(probe: Probe, slope: Slope, where: str) -> Verdict:
    return _verdict(
        probe,
        "inconsistent gradient",
        f"at {where} the gradient says that f changes by {slope.claimed:.6g} a unit along a "
        f"direction, values measure {slope.measured:.6g}: the gradient is not that of f",
        slope_claimed=slope.claimed,
        slope_measured=slope.measured,
        error_of_measuring=slope.error,
    )


def _jumps(probe: Probe, size: float) -> Verdict:
    what = f"it changes by {size:.3g} within a distance of 1e-8"
    return _at_kink(probe, what, {"jump_of_the_gradient": size})


# --- curvature ----------------------------------------------------------------------------------


def face_of(probe: Probe) -> tuple[Face, int]:
    """The variables that no bound holds, and how many are held."""
    s = probe.search
    held = np.zeros(probe.x.size, bool)
    if s.lower is not None and s.upper is not None:
        held = (s.here.x <= s.lower) | (s.here.x >= s.upper)
    free = np.flatnonzero(~held)

    def full(step: Vector) -> Vector:
        moved = np.zeros(probe.x.size)
        moved[free] = step
        return moved

    def hessian(step: Vector) -> Any:
        x = probe.x + full(step)
        if free.size <= DENSE:
            return probe.hessian(x)[np.ix_(free, free)]
        from wingbeat.curvature.operator import Operator

        point = np.zeros(free.size, probe.objective.dtype)
        return Operator(
            lambda _, v: probe.product(x, full(np.asarray(v)))[free], point, "the Hessian"
        )

    def value(step: Vector) -> float:
        x = s.clip(probe.x + full(step))
        return probe.value(x, "how does f go on where curvature is 0?")

    def moved(step: Vector) -> Face:
        x = probe.x + full(step)
        gradient = probe.gradient(x, "where is the minimum next to here?")[free]
        return Face(gradient, lambda more: hessian(step + more), None, full)

    return Face(s.here.slope[free], hessian, value, full, moved), int(held.sum())


def _stationary(probe: Probe) -> Verdict | None:
    s = probe.search
    if s.optimality(s.here) > s.tolerance:
        return None
    face, held = face_of(probe)
    return classified(probe, face, _held(probe, held), s.optimality(s.here))


def _held(probe: Probe, held: int) -> str:
    return f" with {held} variable{'s' * (held != 1)} at a bound" if held else ""


def classified(probe: Probe, face: Face, held: str, size: float, **more: Any) -> Verdict:
    """The kind of a stationary point, by its curvatures; `size` is that of its gradient."""
    norm = f"the gradient is {size:.2g}{held}"
    if not face.gradient.size:
        return _verdict(probe, "minimum", f"{norm}, and no variable is free to move", **more)
    found = curvatures(face)
    signs, away = found.signs, found.newton
    if signs == (1, 1) and not found.lasts and (there := polished(face, found)) is not None:
        away, found = there
        more = {**more, "Newton steps to the minimum": away}
    if found.lasts and signs == (1, 1) and np.linalg.norm(away) > NEAR * probe.size:
        return _with(probe, "flat valley", f"{norm}, but {_far(found, away)}", found, more)
    if found.lasts and 0 not in signs:
        more = {**more, **_lower(probe, face, found)}
        kind = {(1, 1): "minimum", (-1, 1): "saddle", (-1, -1): "maximum"}[signs]
        sentence = {"minimum": _minimum, "saddle": _saddle, "maximum": _maximum}[kind](found)
        return _with(probe, kind, f"{norm}, and {sentence}", found, more)
    if found.lasts and signs[0] < 0:
        sentence = (
            f"f curves down along one direction ({found.smallest:.3g}) and not at all along "
            "others: no minimum; whether a saddle or a maximum is not decided"
        )
        return _with(probe, "undecided", f"{norm}, and {sentence}", found, more)
    return _flat(probe, face, found, norm, more)


def _lower(probe: Probe, face: Face, found: Curvatures) -> dict[str, Any]:
    """Where f curves down: what it does there, beside what the curvature predicts."""
    if found.signs[0] > 0 or face.value is None:
        return {}
    t = NEAR * probe.size
    changes = [face.value(sign * t * found.direction) - probe.search.here.value for sign in (1, -1)]
    return {"distance": t, "change predicted": found.smallest * t * t / 2, "changes": changes}


def _flat(probe: Probe, face: Face, found: Curvatures, norm: str, more: dict[str, Any]) -> Verdict:
    s = probe.search
    slack = FLAT * max(s.tolerance, s.optimality(s.here))
    kind, evidence, words = flatness(face, found.direction, s.here.value, probe.size, slack)
    curve = None
    if "both" in words:
        level = max(s.tolerance, s.optimality(s.here))
        curve = curved_valley(face, found.direction, s.here.value, probe.size, level)
    if curve is not None:
        kind, (shown, sentence) = "flat valley", curve
        evidence = {**evidence, **shown, "end of the curve": face.full(shown["end of the curve"])}
    elif kind == "flat valley":
        sentence = f"along one direction {words} over a distance of {probe.size:.3g}"
    else:
        why = (
            f"the smallest is 0 ({found.smallest:.2g})"
            if 0 in found.signs
            else f"{found.smallest:.2g} does not last over the Newton step"
        )
        down = found.signs[0] < 0
        sentence = f"curvature decides nothing: {why}; along its direction {words}"
        sentence += "" if down or "both" not in words else ", which speaks for a minimum"
    return _with(probe, kind, f"{norm}, and {sentence}", found, {**more, **evidence})


def _with(
    probe: Probe, kind: str, sentence: str, found: Curvatures, more: dict[str, Any]
) -> Verdict:
    return _verdict(probe, kind, sentence, **found.evidence, **more)


def _minimum(found: Curvatures) -> str:
    condition = found.largest / found.smallest
    ratio = f", condition number {condition:.3g}" if condition > 1 else ""
    return f"f curves up in every direction (at least {found.smallest:.3g}{ratio})"


def _far(found: Curvatures, away: Vector) -> str:
    return (
        f"f is so flat along one direction (curvature {found.smallest:.2g}) that the minimum next "
        f"to here is {np.linalg.norm(away):.2g} away; a smaller tolerance goes on"
    )


def _saddle(found: Curvatures) -> str:
    return (
        f"f curves up along one direction ({found.largest:.3g}) and down along another "
        f"({found.smallest:.3g}): a saddle, no minimum; method='trust-exact' or 'trust-cg' goes on "
        "from here"
    )


def _maximum(found: Curvatures) -> str:
    return f"f curves down in every direction (at least {-found.largest:.3g})"


# --- a gradient that is not small ---------------------------------------------------------------


def _noise(probe: Probe) -> Verdict | None:
    """What is left to gain is less than values, or x, can show."""
    s = probe.search
    assert s.ended is not None
    face, held = face_of(probe)
    if not face.gradient.size:
        return None
    found = curvatures(face)
    up = found.signs[0] > 0 and found.lasts
    length = float(np.linalg.norm(found.newton))
    norm = f"the gradient is {s.optimality(s.here):.2g}{_held(probe, held)}"
    dtype = probe.objective.dtype.name
    if up and length <= np.sqrt(probe.eps) * probe.size:
        sentence = (
            f"{norm}, and Newton's step to where it is 0 is {length:.2g}, as near as {dtype} can "
            f"tell; {_minimum(found)}"
        )
        return _with(probe, "minimum", sentence, found, {})
    if s.ended.kind == "limit":
        return None
    rounding = probe.noise()
    if not up or found.gain > max(10 * rounding, s.noise()):
        return None
    sentence = (
        f"{norm}, which promises a decrease of {found.gain:.2g}; {dtype} values of f are rounded "
        f"by {rounding:.2g}, so they cannot show it"
    )
    return _with(probe, "noise floor", sentence, found, {"rounding of f": rounding})


def _without(probe: Probe) -> Verdict:
    """None of the questions had an answer."""
    s = probe.search
    assert s.ended is not None
    norm = f"the gradient is {s.optimality(s.here):.3g}, above the tolerance {s.tolerance:.3g}"
    if s.ended.kind in ("limit", "diverged", "fell"):
        advice = _advice(probe)
        return _verdict(probe, "not finished", f"{_why(probe)}; {norm}{advice}")
    if (u := _downhill(s)) and (size := jump(probe, probe.x, u[0][1])) > 0:
        return _jumps(probe, size)
    return _verdict(probe, "undecided", f"{_why(probe)}; {norm}")


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
