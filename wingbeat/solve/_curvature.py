"""What kind of point a small gradient belongs to: the curvatures, and whether they last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from wingbeat.solve.record import Vector

LASTS = (2 / 3, 3 / 2)  # a curvature that changes by more over the Newton step is not trusted
REACHES = (1e-2, 1e-1, 1.0)  # how far values along a flat direction are looked at
POLISHING = 5  # Newton steps
DENSE = 200  # variables up to which the whole Hessian is formed
STRIDES = 10  # in which the floor of a curved valley is followed
WAYS = 20  # directions, and as many axes, in which f is tried where bounds touch the point
FLAT = 100  # times the tolerance: the slope that still counts as flat


@dataclass(frozen=True)
class Face:
    """The directions in which a point may move, in coordinates of their own.

    They are all, those of free variables, or those along constraints.

    Attributes:
        gradient: along them.
        hessian: a step in these coordinates -> the Hessian after it, as a matrix or an `Operator`.
        value: a step -> the function after it; None where a straight step breaks a constraint.
        full: a step -> the same in all variables.
        moved: a step -> the face there; None where a straight step breaks a constraint.
        inward: rows that hold of a step which keeps to the bounds and inequalities that touch the
            point without holding it, `inward @ step >= 0`; None where there are none.
    """

    gradient: Vector
    hessian: Callable[[Vector], Any]
    value: Callable[[Vector], float] | None
    full: Callable[[Vector], Vector]
    moved: Callable[[Vector], Face] | None = None
    inward: Any = None

    def allows(self, step: Vector) -> bool:
        """Whether a step in this direction keeps to what `inward` asks."""
        if self.inward is None:
            return True
        return bool(np.all(self.inward @ step >= -1e-12 * np.linalg.norm(step)))


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
    """The extremes of the Hessian, and whether they are the same a Newton step further.

    Signs are those of the Hessian in units that make its diagonal 1, where it can have such: they
    are the same (Sylvester's law of inertia), and rounding hides fewer of them.
    """
    from wingbeat.curvature.eigen import extremes

    zero = np.zeros_like(face.gradient)
    h = face.hessian(zero)
    raw = extremes(h)
    unit = _units(h)
    e = raw if unit is None else extremes(h * np.outer(unit, unit))
    newton = _newton(h, face.gradient, e.error, unit)
    after = e
    if np.any(newton):
        there = face.hessian(newton)
        after = extremes(there if unit is None else there * np.outer(unit, unit))
    ends = ((e.smallest, after.smallest), (e.largest, after.largest))
    changes = [now / before for before, now in ends if abs(before) > e.error]
    gain = -float(face.gradient @ newton) / 2
    evidence: dict[str, Any] = {
        "smallest eigenvalue": raw.smallest,
        "largest eigenvalue": raw.largest,
        "error of the eigenvalues": raw.error,
        "direction of the smallest": face.full(raw.smallest_direction),
        "direction of the largest": face.full(raw.largest_direction),
        "length of the Newton step": float(np.linalg.norm(newton)),
        "predicted decrease": gain,
        "curvature after the Newton step": changes,
    }
    if raw.smallest > raw.error:
        evidence["condition number"] = raw.largest / raw.smallest
    lasts = all(LASTS[0] <= c <= LASTS[1] for c in changes)
    flattest = raw.smallest_direction if unit is None else unit * e.smallest_direction
    flattest = flattest / np.linalg.norm(flattest)
    return Curvatures(raw.smallest, raw.largest, flattest, e.signs, newton, gain, lasts, evidence)


def way_down(face: Face, found: Curvatures) -> Vector | None:
    """A unit direction that the bounds allow and along which f curves down, of those tried.

    Without bounds the eigenvector is one. With them the question whether there is any is NP-hard,
    so None proves nothing.
    """
    if face.inward is None:
        return found.direction if found.signs[0] < 0 else None
    h = face.hessian(np.zeros_like(face.gradient))
    rng = np.random.default_rng(0)
    n = len(face.gradient)
    tried = [found.direction, -found.direction, *np.eye(n)[:WAYS], *rng.normal(size=(WAYS, n))]
    back = np.linalg.pinv(face.inward)
    error = found.evidence["error of the eigenvalues"]
    for d in tried:
        outward = face.inward @ d
        inside = d + back @ (np.abs(outward) - outward)  # mirrored at the bounds
        size = float(np.linalg.norm(inside))
        if size > 0 and face.allows(u := inside / size) and u @ (h @ u) < -error:
            return u
    return None


def polished(face: Face, found: Curvatures) -> tuple[Vector, Curvatures] | None:
    """Newton steps from here to where curvatures last: how far that is, and what they are there.

    None where the steps do not get there, as at a minimum like that of x**4, whose curvature is 0.
    """
    if face.moved is None:
        return None
    gone = np.zeros_like(face.gradient)
    for _ in range(POLISHING):
        gone = gone + found.newton
        found = curvatures(face.moved(gone))
        if found.signs[0] <= 0:
            return None
        if found.lasts:
            return gone + found.newton, found
    return None


def _units(h: Any) -> Vector | None:
    """Units of the variables that make the diagonal 1; None where it is not positive."""
    if not isinstance(h, np.ndarray):
        return None
    diagonal = np.diag(h)
    return 1 / np.sqrt(diagonal) if np.all(diagonal > 0) else None


def _newton(h: Any, g: Vector, error: float, unit: Vector | None) -> Vector:
    """-H^-1 g, without the directions in which the Hessian is 0."""
    if not isinstance(h, np.ndarray):
        from scipy.sparse.linalg import minres

        return -minres(h.to_linear_operator(), g, rtol=1e-8, maxiter=300)[0]
    unit = np.ones_like(g) if unit is None else unit
    values, vectors = np.linalg.eigh(h * np.outer(unit, unit))
    usable = np.abs(values) > error
    turned = vectors.T @ (unit * g)
    return -unit * (vectors @ np.where(usable, turned / np.where(usable, values, 1.0), 0.0))


def flatness(face: Face, direction: Vector, here: float, size: float, slack: float) -> Any:
    """How the function changes along a flat direction: (kind, evidence, words)."""
    if face.value is None:
        return "undecided", {}, "higher derivatives would decide"
    allowed = [sign for sign in (1.0, -1.0) if face.allows(sign * direction)]
    if not allowed:
        return "undecided", {}, "the bounds allow no step"
    sides = [[face.value(sign * t * size * direction) - here for t in REACHES] for sign in allowed]
    names = {1.0: "change along it", -1.0: "change against it"}
    evidence = {names[sign]: side for sign, side in zip(allowed, sides, strict=True)}
    reach = np.array(REACHES) * size
    for side in sides:
        if np.all(np.abs(side) <= slack * reach):
            return "flat valley", evidence, _level(side)
    lowest = min(v for side in sides for v in side)
    if lowest < -slack * reach[0]:
        return "undecided", evidence, f"f falls by {-lowest:.3g} on one side"
    where = "both sides" if len(sides) == 2 else "the side that the bounds allow"
    return "undecided", evidence, f"f rises on {where}"


def _level(changes: list[float]) -> str:
    most = max(map(abs, changes))
    return f"f changes by only {most:.2g}" if most else "f does not change"


def curved_valley(face: Face, direction: Vector, here: float, size: float, slack: float) -> Any:
    """Whether the function stays level along a curve that starts in a flat direction.

    Returns (evidence, words), or None where no such curve was found. A circle of minima is one.
    """
    for length in (size, size / 10):
        reach = length * np.arange(1, STRIDES + 1) / STRIDES
        for sign in (1.0, -1.0):
            path = _floor(face, sign * direction, length / STRIDES)
            if path is None or face.value is None:
                continue
            changes = [face.value(step) - here for step in path]
            if np.all(np.abs(changes) <= slack * reach):
                words = f"along a curve of length {length:.3g} {_level(changes)}"
                return {"change along a curve": changes, "end of the curve": path[-1]}, words
    return None


def _floor(face: Face, direction: Vector, stride: float) -> list[Vector] | None:
    """Strides along the floor of a valley; None where it is lost.

    Each goes straight on, then across to where the gradient across is 0. What it goes across is
    less than half of what it goes on, so it comes forward.
    """
    if face.moved is None or not 2 <= len(direction) <= DENSE:
        return None
    from scipy.linalg import null_space

    at, path = np.zeros_like(direction), []
    for _ in range(STRIDES):
        across, moved = null_space(direction[None]), np.zeros(len(direction) - 1)
        for _ in range(POLISHING):
            there = face.moved(at + stride * direction + across @ moved)
            hessian = across.T @ there.hessian(np.zeros_like(at)) @ across
            step = np.linalg.lstsq(hessian, -across.T @ there.gradient, rcond=1e-6)[0]
            moved = moved + step
            if not np.linalg.norm(moved) < stride / 2:  # nor where it is no number
                return None
            if np.linalg.norm(step) <= 1e-6 * stride:
                break
        forward = stride * direction + across @ moved
        at, direction = at + forward, forward / np.linalg.norm(forward)
        path.append(at)
    return path
