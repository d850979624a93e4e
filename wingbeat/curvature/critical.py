"""Critical points of a function: searched, polished by Newton's method, classified."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wingbeat.curvature._checks import function
from wingbeat.curvature._landscape import Landscape, Local, finite
from wingbeat.curvature._space import Space, Vector
from wingbeat.curvature._text import number, table, vector
from wingbeat.curvature.classify import CriticalPoint, judged
from wingbeat.curvature.region import Region
from wingbeat.errors import BadInput
from wingbeat.nn._checks import whole

_Array = np.ndarray[Any, np.dtype[np.float64]]
ITERATIONS = 100
SLIDES = 40
MOST = 200  # variables: the search works with whole Hessians


@dataclass(frozen=True)
class CriticalPoints:
    """The critical points that a search found, lowest first; prints as a table.

    >>> found = wb.critical_points(lambda x: x**3 - 3.0 * x, (-2.0, 2.0))
    >>> [(p.kind, float(p.x)) for p in found]
    [('minimum', 1.0), ('maximum', -1.0)]
    """

    points: tuple[CriticalPoint, ...]
    starts: int

    def __len__(self) -> int:
        return len(self.points)

    def __iter__(self) -> Iterator[CriticalPoint]:
        return iter(self.points)

    def __getitem__(self, k: int) -> CriticalPoint:
        return self.points[k]

    def of_kind(self, kind: str) -> tuple[CriticalPoint, ...]:
        """Those of one kind."""
        return tuple(p for p in self.points if p.kind == kind)

    def __repr__(self) -> str:
        head = f"{len(self.points)} critical points from {self.starts} starts"
        if not self.points:
            return f"{head}; a search is no proof that there are none"
        rows = [
            (_kind(p), vector(p.flat), number(self._rounded(p.value)), p.pairs(), str(p.count))
            for p in self.points
        ]
        columns = ("kind", "x", "f(x)", "eigenvalues and directions", "starts")
        notes = [
            f"{vector(p.flat)}: the second-derivative test decides nothing; {p.evidence}"
            for p in self.points
            if p.kind == "undecided"
        ]
        last = "A search is no proof that there are no others."
        return "\n".join([head, "", table(columns, rows), "", *notes, last])

    def _rounded(self, value: float) -> float:
        """0 for what is rounding beside the largest value in the list."""
        return value if abs(value) > 1e-15 * max(abs(p.value) for p in self.points) else 0.0


def _kind(p: CriticalPoint) -> str:
    return f"undecided ({p.suggests}?)" if p.kind == "undecided" else p.kind


def critical_points(
    f: Callable[..., Any],
    region: Any = None,
    *,
    starts: Sequence[Any] | None = None,
    count: int = 64,
    seed: int = 0,
) -> CriticalPoints:
    """Points where the gradient of f vanishes, each with the verdict of the second-derivative test.

    From every start Newton's method goes for a zero of the gradient, with steps that make the
    gradient smaller; so it finds minima, maxima and saddles alike. Where the Hessian has an
    eigenvalue 0, to rounding, and no two of opposite signs, the test decides nothing: the point is
    "undecided", and f is looked at along the level directions for evidence.

    Args:
        f: a scalar function of a tree of at most 200 numbers.
        region: a pair (low, high) of trees like f's argument; points outside are left out.
        starts: where to begin, instead of `count` points spread over the region (of which one is
            its centre).
        count: how many starts there are in a region.
        seed: of the starts.

    Raises:
        TypeMismatch: `f` is no function with a scalar result, points that are not made of floats.
        BadInput: neither region nor starts, an empty region, too many variables, f finite at none
            of the starts.

    >>> wb.critical_points(lambda x: x[0] ** 2 - x[1] ** 2, (-np.ones(2), np.ones(2)), count=8)
    1 critical points from 8 starts
    <BLANKLINE>
    kind    x       f(x)  eigenvalues and directions       starts
    ------  ------  ----  -------------------------------  ------
    saddle  (0, 0)  0     -2 along (0, 1), 2 along (1, 0)  8
    <BLANKLINE>
    A search is no proof that there are no others.
    """
    function(f, "critical_points")
    box = None if region is None else Region(region, "critical_points")
    begins, space = _starts(box, starts, whole(count, "count", "critical_points"), seed)
    if space.size > MOST:
        raise BadInput(
            f"critical_points: the search works with whole Hessians, up to {MOST} variables; "
            f"f has {space.size}. wb.minimize finds minima of more"
        )
    land = Landscape(f, space)
    reach = _reach(box, begins)
    ends = [_search(land, x, reach, box) for x in begins]
    if all(end is None for end in ends) and not any(finite(land.local(x)) for x in begins):
        raise BadInput("critical_points: f or its derivatives are not finite at any of the starts")
    found = [x for x in ends if x is not None and (box is None or box.holds(x, 1e-9))]
    return CriticalPoints(_distinct(land, found, reach), len(begins))


def _starts(
    box: Region | None, starts: Sequence[Any] | None, count: int, seed: int
) -> tuple[list[Vector], Space]:
    if starts is not None:
        spaces = [Space(x, "critical_points") for x in starts]
        if not spaces:
            raise BadInput("critical_points: the list of starts is empty")
        return [spaces[0].flat(s.point) for s in spaces], spaces[0]
    if box is None:
        raise BadInput(
            "critical_points: give a region (low, high) or starts=[...]: "
            "wb.critical_points(f, (-np.ones(2), np.ones(2)))"
        )
    return list(box.scattered(count, seed)), box.space


def _reach(box: Region | None, begins: list[Vector]) -> float:
    """The length over which f is looked at."""
    if box is not None:
        return float(box.extent.min()) / 2
    return 1.0 + max(float(np.linalg.norm(x)) for x in begins)


# --- the search ---------------------------------------------------------------------------------


def _search(land: Landscape, x: Vector, reach: float, box: Region | None) -> Vector | None:
    """A zero of the gradient; None where the way leads to none.

    Newton's method with steps that are watched, which go for the next zero; then without, which
    come through where watching is in the way, as at (y - x^2)(y - 2x^2); then from the end of a way
    down, and of one up.
    """
    x = land.rounded(x)

    def plain(x: Vector, step: Vector, at: Local) -> tuple[Vector, Local] | None:
        size = float(np.linalg.norm(step))
        return _try(land, x + step * min(1.0, reach / size)) if size else None

    def watched(x: Vector, step: Vector, at: Local) -> tuple[Vector, Local] | None:
        return _closer(land, x, step, at)

    for move in (watched, plain):
        if (end := _zero(land, x, move, reach, box)) is not None:
            return end
    for sign in (1.0, -1.0):
        there = _slide(land, x, sign, reach, box)
        if there is not None and (end := _zero(land, there, watched, reach, box)) is not None:
            return end
    return None


def _zero(
    land: Landscape,
    x: Vector,
    move: Callable[[Vector, Vector, Local], tuple[Vector, Local] | None],
    reach: float,
    box: Region | None,
) -> Vector | None:
    at = land.local(x)
    if not finite(at):
        return None
    eps = land.space.eps
    first = np.sqrt(eps) * float(np.linalg.norm(at.gradient))
    for _ in range(ITERATIONS):
        step = _newton(at, at.gradient)
        short = np.linalg.norm(step) <= 4 * eps * (np.linalg.norm(x) + 1e-6 * reach)
        if short and _explained(at, step, first, reach):
            return x
        new = move(x, step, at)
        if new is None:
            break
        x, at = new
        if box is not None and not box.holds(x, 1.0):
            return None
    # The gradient cannot be made smaller: by rounding at a zero, or at a least gradient that is
    # none. At a zero the way that is left is short, or flat: the gradient is all rounding.
    step = _newton(at, at.gradient)
    if not _explained(at, step, first, reach):
        return None
    left = float(np.linalg.norm(step))
    flat = np.linalg.norm(at.gradient) <= 100 * eps * float(np.abs(at.hessian).max()) * reach
    return x if left <= np.sqrt(eps) * reach or (flat and left <= 0.01 * reach) else None


def _explained(at: Local, step: Vector, small: float, reach: float) -> bool:
    """Newton's step ends where the linearised gradient is 0: not where the Hessian has no say."""
    rest = float(np.linalg.norm(at.gradient + at.hessian @ step))
    return rest <= max(small, 1e-12 * float(np.abs(at.hessian).max()) * reach)


def _newton(at: Local, gradient: Vector) -> Vector:
    """The shortest step to a zero of a gradient that changes as `at` tells."""
    values, vectors = np.linalg.eigh(at.hessian)
    kept = np.abs(values) > 1e-14 * np.abs(values).max()
    return -vectors[:, kept] @ ((vectors[:, kept].T @ gradient) / values[kept])


def _closer(land: Landscape, x: Vector, step: Vector, at: Local) -> tuple[Vector, Local] | None:
    """A part of Newton's step, or of a step against the gradient of |g|^2, that leads closer."""
    g = float(np.linalg.norm(at.gradient))
    if g == 0.0:
        return None
    length = float(np.linalg.norm(step))

    def smaller(t: float, there: Local) -> bool:
        return float(np.linalg.norm(there.gradient)) < (1.0 - 1e-3 * t) * g

    def nearer(t: float, there: Local) -> bool:
        """Deuflhard's natural test: by the Hessian here, less of the way is left."""
        left = float(np.linalg.norm(_newton(at, there.gradient)))
        return left < (1.0 - t / 4.0) * length

    found = _part(land, x, step, 0.1, smaller)
    if found is not None:
        return _multiple(land, x, step, g, found)
    found = _part(land, x, step, 1e-2, nearer)
    if found is not None:
        return found
    slope = at.hessian @ at.gradient
    scale = float(slope @ slope)
    if scale == 0.0:
        return None
    bent = at.hessian @ slope
    best = scale / max(float(bent @ bent), 1e-300)  # the least |g|^2 of the linearised gradient
    return _part(land, x, -best * slope, 1e-3, smaller)


def _part(
    land: Landscape,
    x: Vector,
    step: Vector,
    least: float,
    good: Callable[[float, Local], bool],
) -> tuple[Vector, Local] | None:
    """The step, halved until it is good; None below the least part of it."""
    t = 1.0
    while t >= least:
        new = _try(land, x + t * step)
        if new is not None and good(t, new[1]):
            return new
        t /= 2.0
    return None


def _multiple(
    land: Landscape, x: Vector, step: Vector, g: float, found: tuple[Vector, Local]
) -> tuple[Vector, Local]:
    """Multiples of Newton's step: at a multiple zero, as of x^4, it is too short by a factor."""
    best = float(np.linalg.norm(found[1].gradient))
    if best < 0.01 * g:
        return found
    for k in range(2, 9):
        further = _try(land, x + k * step)
        if further is None or (size := float(np.linalg.norm(further[1].gradient))) >= best:
            break
        found, best = further, size
    return found


def _slide(
    land: Landscape, x: Vector, sign: float, reach: float, box: Region | None
) -> Vector | None:
    """Down (or up, with -1) by short steps that no negative curvature turns round."""
    at = land.local(x)
    if not finite(at):
        return None
    for _ in range(SLIDES):
        values, vectors = np.linalg.eigh(at.hessian)
        slope = float(np.linalg.norm(at.gradient))
        if slope == 0.0:
            return x
        size = np.maximum(np.abs(values), max(1e-8 * np.abs(values).max(), slope / reach))
        step = -sign * vectors @ ((vectors.T @ at.gradient) / size)
        step *= min(1.0, 0.2 * reach / max(float(np.linalg.norm(step)), 1e-300))
        value = at.value
        new = _part(land, x, step, 0.01, lambda _, there: sign * (there.value - value) < 0.0)  # noqa: B023
        if new is None:
            return x
        if box is not None and not box.holds(new[0]):
            return None
        x, at = new
    return x


def _try(land: Landscape, x: Vector) -> tuple[Vector, Local] | None:
    x = land.rounded(x)
    at = land.local(x)
    return (x, at) if finite(at) else None


# --- what was found -----------------------------------------------------------------------------


def _distinct(land: Landscape, found: list[Vector], reach: float) -> tuple[CriticalPoint, ...]:
    """Each point once; of points that hang together, the one with the smallest gradient."""
    points: list[CriticalPoint] = []
    counts: list[int] = []
    close = np.sqrt(land.space.eps) * reach
    for x in sorted(found, key=lambda x: float(np.linalg.norm(land.slope(x)[1]))):
        k = next((k for k, p in enumerate(points) if np.linalg.norm(p.flat - x) <= close), None)
        if k is None:
            p = judged(land, x, reach)
            k = next((k for k, q in enumerate(points) if _joined(land, p, q, reach)), None)
            if k is None:
                k = len(points)
                points.append(p)
                counts.append(0)
        counts[k] += 1
    counted = [replace(p, count=n) for p, n in zip(points, counts, strict=True)]
    return tuple(sorted(counted, key=lambda p: (p.value, *p.flat)))


def _joined(land: Landscape, p: CriticalPoint, q: CriticalPoint, reach: float) -> bool:
    """Two undecided points that are one, or of one level set.

    Such a point is known less well than others: the gradient is 0 to rounding over a longer way,
    and so it is half way between two finds. Points of a valley have the same f.
    """
    if (p.kind, p.signs) != ("undecided", q.signs):
        return False
    size = max(float(np.abs(p.eigenvalues).max()), float(np.abs(q.eigenvalues).max()))
    tiny = 10 * land.space.eps * (1.0 + size * reach)
    if p.suggests == q.suggests == "flat":
        return abs(p.value - q.value) <= tiny * reach + tiny * abs(q.value)
    g = float(np.linalg.norm(land.slope((p.flat + q.flat) / 2)[1]))
    return g <= max(10 * p.gradient_norm, 10 * q.gradient_norm, tiny)
