"""What kind of point a small gradient belongs to: the curvatures, and whether they last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator, minres

from wingbeat.solve.record import Vector

LASTS = (2 / 3, 3 / 2)  # a curvature that changes by more over the Newton step is not trusted
REACHES = (1e-2, 1e-1, 1.0)  # how far values along a flat direction are looked at
FLAT = 100  # times the tolerance: the slope that still counts as flat


@dataclass(frozen=True)
class Face:
    """The directions in which a point may move: all, those of free variables, those along
    constraints; in coordinates of their own.

    Attributes:
        gradient: along them.
        hessian: a step in these coordinates -> the Hessian after it, as a matrix or an `Operator`.
        value: a step -> the function after it; None where a straight step breaks a constraint.
        full: a step -> the same in all variables.
    """

    gradient: Vector
    hessian: Callable[[Vector], Any]
    value: Callable[[Vector], float] | None
    full: Callable[[Vector], Vector]


@dataclass(frozen=True)
class Curvatures:
    """The outermost curvatures, the Newton step, and how they change over it."""

    smallest: float
    largest: float
    direction: Vector  # of the smallest
    signs: tuple[int, int]
    newton: Vector
    gain: float  # what the model says that the Newton step wins
    lasts: bool
    evidence: dict[str, Any]


def curvatures(face: Face) -> Curvatures:
    """The extremes of the Hessian, and whether they are the same a Newton step further."""
    from wingbeat.curvature.eigen import extremes

    zero = np.zeros_like(face.gradient)
    h = face.hessian(zero)
    e = extremes(h)
    newton = _newton(h, face.gradient, e.error)
    after = face.hessian(newton) if np.any(newton) else h
    ends = [(e.smallest, e.smallest_direction), (e.largest, e.largest_direction)]
    changes = [_along(after, v) / value for value, v in ends if abs(value) > e.error]
    gain = -float(face.gradient @ newton) / 2
    evidence: dict[str, Any] = {
        "smallest eigenvalue": e.smallest,
        "largest eigenvalue": e.largest,
        "error of the eigenvalues": e.error,
        "direction of the smallest": face.full(e.smallest_direction),
        "direction of the largest": face.full(e.largest_direction),
        "length of the Newton step": float(np.linalg.norm(newton)),
        "predicted decrease": gain,
        "curvature after the Newton step": changes,
    }
    if e.smallest > e.error:
        evidence["condition number"] = e.largest / e.smallest
    lasts = all(LASTS[0] <= c <= LASTS[1] for c in changes)
    return Curvatures(
        e.smallest, e.largest, e.smallest_direction, e.signs, newton, gain, lasts, evidence
    )


def _newton(h: Any, g: Vector, error: float) -> Vector:
    """-H^-1 g, without the directions in which the Hessian is 0."""
    if isinstance(h, np.ndarray):
        values, vectors = np.linalg.eigh(h)
        usable = np.abs(values) > error
        return -(vectors @ np.where(usable, vectors.T @ g / np.where(usable, values, 1.0), 0.0))
    linear = LinearOperator(h.shape, matvec=h.times, dtype=np.float64)
    return -minres(linear, g, rtol=1e-8, maxiter=300)[0]


def _along(h: Any, v: Vector) -> float:
    return float(v @ h @ v) if isinstance(h, np.ndarray) else float(v @ h.times(v))


def flatness(face: Face, direction: Vector, here: float, size: float, slack: float) -> Any:
    """How the function changes along a flat direction: (kind, evidence, words)."""
    if face.value is None:
        return "undecided", {}, "higher derivatives would decide"
    sides = [
        [face.value(sign * t * size * direction) - here for t in REACHES] for sign in (1.0, -1.0)
    ]
    evidence = {"change along it": sides[0], "change against it": sides[1]}
    reach = np.array(REACHES) * size
    for side in sides:
        if np.all(np.abs(side) <= slack * reach):
            return "flat valley", evidence, f"f changes by less than {max(map(abs, side)):.1g}"
    lowest = min(v for side in sides for v in side)
    if lowest < -slack * reach[0]:
        return "undecided", evidence, f"f falls by {-lowest:.3g} on one side"
    return "undecided", evidence, "f rises on both sides, which speaks for a minimum"
