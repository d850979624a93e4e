"""What a point is by its curvatures, where the gradient is small or cannot become smaller."""

from __future__ import annotations

from typing import Any

import numpy as np

from wingbeat.solve._curvature import (
    DENSE,
    FLAT,
    Curvatures,
    Face,
    curvatures,
    curved_valley,
    flatness,
    polished,
    way_down,
)
from wingbeat.solve._kinks import jump_across
from wingbeat.solve._probe import Probe
from wingbeat.solve._search import Search
from wingbeat.solve.record import Vector
from wingbeat.solve.verdict import Verdict

NEAR = 1e-2  # a minimum is no further away than this, relative to x


def stationary(probe: Probe) -> Verdict | None:
    """The gradient is small; what the point is, curvature says."""
    s = probe.search
    if s.optimality(s.here) > s.tolerance:
        return None
    face, held = face_of(probe)
    return classified(probe, face, _held(held), s.optimality(s.here))


def noise_floor(probe: Probe) -> Verdict | None:
    """What is left to gain is less than values, or x, can show."""
    s = probe.search
    face, held = face_of(probe)
    if not face.gradient.size:
        return None
    found = curvatures(face)
    up = found.signs[0] > 0 and found.lasts
    length = float(np.linalg.norm(found.newton))
    norm = f"the gradient is {s.optimality(s.here):.2g}{_held(held)}"
    dtype = probe.objective.dtype.name
    if up and length <= np.sqrt(probe.eps) * probe.size:
        sentence = (
            f"{norm}, and Newton's step to where it is 0 is {length:.2g}, as near as {dtype} can "
            f"tell; {_minimum(found)}"
        )
        return probe.verdict("minimum", sentence, **found.evidence)
    if probe.ended.kind == "limit":
        return None
    values = probe.in_a_row()
    rounding = probe.noise(values)
    if (jump := jump_across(probe, values)) is not None:
        return jump
    if not up or found.gain > max(10 * rounding, s.noise()):
        return None
    sentence = (
        f"{norm}, which promises a decrease of {found.gain:.2g}; {dtype} values of f are rounded "
        f"by {rounding:.2g}, so they cannot show it"
    )
    return probe.verdict("noise floor", sentence, **found.evidence, rounding_of_f=rounding)


def face_of(probe: Probe) -> tuple[Face, int]:
    """The variables that no bound holds, and how many are held.

    A bound holds where f rises inside by more than the tolerance; else it may be left.
    """
    s = probe.search
    inward = np.zeros(probe.x.size)
    fixed = np.zeros(probe.x.size, bool)
    if s.lower is not None and s.upper is not None:
        inward = 1.0 * (s.here.x <= s.lower) - 1.0 * (s.here.x >= s.upper)
        fixed = s.lower == s.upper
    held = fixed | ((inward != 0) & (inward * s.here.slope > s.tolerance))
    free = np.flatnonzero(~held)
    rows = np.diag(inward)[:, free][free]
    rows = rows[np.any(rows, axis=1)]

    def full(step: Vector) -> Vector:
        moved = np.zeros(probe.x.size)
        moved[free] = step
        return moved

    def hessian(step: Vector) -> Any:
        x = s.clip(probe.x + full(step))
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
        x = s.clip(probe.x + full(step))
        gradient = probe.gradient(x, "where is the minimum next to here?")[free]
        return Face(gradient, lambda more: hessian(step + more), None, full)

    inside = rows if len(rows) else None
    return Face(s.here.slope[free], hessian, value, full, moved, inside), int(held.sum())


def inside(s: Search) -> Vector | None:
    """A direction in which f curves down, off bounds that do not hold; None where none is known."""
    probe = Probe(s)
    face, _ = face_of(probe)
    if face.inward is None:
        return None
    way = way_down(face, curvatures(face))
    return None if way is None else face.full(way)


def _held(count: int) -> str:
    return f" with {count} variable{'s' * (count != 1)} at a bound" if count else ""


def classified(probe: Probe, face: Face, held: str, size: float, **more: Any) -> Verdict:
    """The kind of a stationary point, by its curvatures; `size` is that of its gradient."""
    norm = f"the gradient is {size:.2g}{held}"
    if not face.gradient.size:
        return probe.verdict("minimum", f"{norm}, and no variable is free to move", **more)
    found = curvatures(face)
    signs, away = found.signs, found.newton
    if signs == (1, 1) and not found.lasts and (there := polished(face, found)) is not None:
        away, found = there
        more = {**more, "Newton steps to the minimum": away}
    if found.lasts and signs == (1, 1) and np.linalg.norm(away) > NEAR * probe.size:
        return probe.verdict(
            "flat valley", f"{norm}, but {_far(found, away)}", **found.evidence, **more
        )
    if found.lasts and signs[0] < 0 and face.inward is not None:
        if (way := way_down(face, found)) is None:
            sentence = (
                f"f curves down ({found.smallest:.3g}) along a direction that leaves the bounds; "
                "no way down inside them was found, which proves no minimum"
            )
            return probe.verdict("undecided", f"{norm}, and {sentence}", **found.evidence, **more)
        more = {**more, "way down inside the bounds": face.full(way)}
    if found.lasts and 0 not in signs:
        more = {**more, **_lower(probe, face, found)}
        kind = {(1, 1): "minimum", (-1, 1): "saddle", (-1, -1): "maximum"}[signs]
        sentence = {"minimum": _minimum, "saddle": _saddle, "maximum": _maximum}[kind](found)
        if kind == "saddle" and face.value is not None and probe.search.lower is None:
            sentence += "; method='trust-exact' or 'trust-cg' goes on from here"
        return probe.verdict(kind, f"{norm}, and {sentence}", **found.evidence, **more)
    if found.lasts and signs[0] < 0:
        sentence = (
            f"f curves down along one direction ({found.smallest:.3g}) and not at all along "
            "others: no minimum; whether a saddle or a maximum is not decided"
        )
        return probe.verdict("undecided", f"{norm}, and {sentence}", **found.evidence, **more)
    return _flat(probe, face, found, norm, more)


def _lower(probe: Probe, face: Face, found: Curvatures) -> dict[str, Any]:
    """Where f curves down: what it does there, beside what the curvature predicts."""
    if found.signs[0] > 0 or face.value is None or face.inward is not None:
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
    return probe.verdict(kind, f"{norm}, and {sentence}", **found.evidence, **{**more, **evidence})


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
        f"({found.smallest:.3g}): a saddle, no minimum"
    )


def _maximum(found: Curvatures) -> str:
    return f"f curves down in every direction (at least {-found.largest:.3g})"
