"""Newton's method and its way out of saddles."""

from __future__ import annotations

import numpy as np

from wingbeat.solve._lines import backtrack, wolfe
from wingbeat.solve._search import Search
from wingbeat.solve.record import Vector

LEAPS = np.array([1e-1, 1e-2, 1e-3])  # off a saddle, relative to x


def newton(s: Search) -> None:
    """Full steps to where the second-order model is stationary, be that a minimum or not."""
    while not s.over():
        values, vectors = np.linalg.eigh(s.hessian())
        g = vectors.T @ s.here.slope
        usable = np.abs(values) > _cutoff(s, values)
        d = -(vectors @ np.where(usable, g / np.where(usable, values, 1.0), 0.0))
        if not np.any(d):
            s.stuck("the Hessian is 0 in the direction of the gradient, so there is no Newton step")
            return
        predicted = -float(s.here.slope @ d) / 2
        reason = "Newton's step"
        if values[0] < 0:
            reason += (
                f", which does not tell up from down: the Hessian has the eigenvalue "
                f"{values[0]:.3g}, so a saddle or a maximum attracts"
            )
        length = 1.0
        while not (point := s.at(s.here.x + length * d)).finite and length > 1e-10:
            s.reject(point, d, length, predicted, "not finite: shorter")
            length /= 4
        if np.all(point.x == s.here.x):
            s.reject(point, d, length, predicted, "the step is below the rounding of x")
            s.stuck("Newton's step is below the rounding of x")
            return
        s.take(point, d, length, predicted, reason)


def _cutoff(s: Search, values: Vector) -> float:
    return len(values) * s.objective.eps * float(np.abs(values).max())


def saddle_free(s: Search) -> None:
    """Newton's step with the eigenvalues' absolute values: downhill along every eigenvector.

    At a critical point that is no minimum it goes along the most negative curvature.
    """
    while not s.over() or escape(s):
        values, vectors = np.linalg.eigh(s.hessian())
        sizes = np.maximum(np.abs(values), max(_cutoff(s, values), 1e-12))
        d = -(vectors @ ((vectors.T @ s.here.slope) / sizes))
        if np.any(d) and not backtrack(s, d):
            return


def escape(s: Search) -> bool:
    """Where the search ended on a point that curves down somewhere: whether a step led off it."""
    if s.ended is None or s.ended.kind != "small gradient" or s.number >= s.steps:
        return False
    low, direction = s.options["lowest"](s)
    if low >= 0:
        return False
    before, ended = s.here, s.ended
    leave(s, direction, low)
    s.ended = ended if s.here is before else None
    return s.here is not before


def leave(s: Search, direction: Vector, curvature: float) -> None:
    """A step from a saddle along a direction of negative curvature, to the lower side."""
    side = -1.0 if float(s.here.slope @ direction) > 0 else 1.0
    for length in max(1.0, float(np.linalg.norm(s.here.x))) * LEAPS:
        predicted = -curvature * length * length / 2
        for sign in (side, -side):
            point = s.value_at(s.here.x + sign * length * direction)
            if point.value < s.here.value - min(s.noise(), predicted / 10):
                reason = f"off a saddle, along the curvature {curvature:.3g}"
                s.take(point, sign * direction, length, predicted, reason)
                return
            reason = "off a saddle: not lower on this side"
            s.reject(point, sign * direction, length, predicted, reason)


def newton_cg(s: Search) -> None:
    """Newton's step solved for by conjugate gradients, with products only, then a line search."""
    while not s.over():
        g = s.here.slope
        wanted = min(0.5, float(np.sqrt(np.linalg.norm(g)))) * float(np.linalg.norm(g))
        d, bent = _inner(s, g, wanted)
        if not wolfe(s, d, 1.0 if bent is None else bent, strong=False):
            return


def _inner(s: Search, g: Vector, wanted: float) -> tuple[Vector, float | None]:
    """About -H^-1 g; stops where the curvature is not positive, with a length to try there."""
    d, r = np.zeros_like(g), g.copy()
    p = -r
    for k in range(min(len(g), 200)):
        hp = s.product(p)
        bend = float(p @ hp)
        if bend <= s.objective.eps * float(p @ p):
            return (d, None) if k else (-g, 1 / max(1.0, float(np.linalg.norm(g))))
        a = float(r @ r) / bend
        d = d + a * p
        new = r + a * hp
        if np.linalg.norm(new) <= wanted:
            break
        p = -new + (float(new @ new) / float(r @ r)) * p
        r = new
    return d, None
