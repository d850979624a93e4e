"""Critical points of a function: searched, polished by Newton's method, classified."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wingbeat.curvature._checks import function, whole
from wingbeat.curvature._landscape import Landscape, Local, finite
from wingbeat.curvature._space import Space, Vector
from wingbeat.curvature._text import number, table, vector
from wingbeat.curvature.classify import CriticalPoint, judged
from wingbeat.curvature.region import Region
from wingbeat.errors import BadInput

_Array = np.ndarray[Any, np.dtype[np.float64]]
ITERATIONS = 200
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
            (_kind(p), vector(p.flat), number(p.value), p.pairs(), str(p.count))
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
    kind    x       f(x)  eigenvalues and directions     starts
    ------  ------  ----  -----------------------------  ------
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
    """A zero of the gradient; None where the way leads to none."""
    x = land.rounded(x)
    first = at = land.local(x)
    if not finite(at):
        return None
    for _ in range(ITERATIONS):
        step = _newton(at)
        if np.linalg.norm(step) <= 4 * land.space.eps * (np.linalg.norm(x) + 1e-6 * reach):
            break
        new = _shorter(land, x, step, at) or _shorter(land, x, -at.hessian @ at.gradient, at)
        if new is None:
            break
        x, at = new
        if box is not None and not box.holds(x, 10.0):
            return None
    # A stop where the gradient cannot be made smaller is a zero of it only where it is small, and
    # the next step would be short.
    small = np.sqrt(land.space.eps)
    size = max(float(np.linalg.norm(first.gradient)), float(np.abs(at.hessian).max()) * reach)
    near = np.linalg.norm(_newton(at)) <= 1e-2 * reach
    return x if near and np.linalg.norm(at.gradient) <= small * size else None


def _newton(at: Local) -> Vector:
    """The shortest step to a zero of the linearised gradient."""
    values, vectors = np.linalg.eigh(at.hessian)
    kept = np.abs(values) > 1e-14 * np.abs(values).max()
    return -vectors[:, kept] @ ((vectors[:, kept].T @ at.gradient) / values[kept])


def _shorter(
    land: Landscape, x: Vector, step: Vector, at: Local
) -> tuple[Vector, Local] | None:
    """A part of the step after which the gradient is smaller, or None.

    Where a zero is multiple, as of x^4, the whole step is too short by a constant factor; then
    multiples of it are tried.
    """
    g = float(np.linalg.norm(at.gradient))
    if not np.isfinite(step).all() or g == 0.0:
        return None
    tried = _try(land, x + step)
    if tried is not None and 0.01 * g < tried[2] < g:
        for k in range(2, 9):
            further = _try(land, x + k * step)
            if further is None or further[2] >= tried[2]:
                break
            tried = further
    t = 1.0
    while tried is None or tried[2] >= (1.0 - 1e-4 * t) * g:
        t /= 2.0
        if t < 1e-9:
            return None
        tried = _try(land, x + t * step)
    return tried[0], tried[1]


def _try(land: Landscape, x: Vector) -> tuple[Vector, Local, float] | None:
    x = land.rounded(x)
    at = land.local(x)
    return (x, at, float(np.linalg.norm(at.gradient))) if finite(at) else None


# --- what was found -----------------------------------------------------------------------------


def _distinct(
    land: Landscape, found: list[Vector], reach: float
) -> tuple[CriticalPoint, ...]:
    """Each point once; of points that hang together, the one with the smallest gradient.

    Points where the test decides nothing are known less well than others: their gradient is 0 over
    a longer way. So those with the same f and nothing but such points between them are one.
    """
    points: list[CriticalPoint] = []
    groups: dict[int, int] = {}
    close = np.sqrt(land.space.eps) * reach
    ordered = sorted(found, key=lambda x: float(np.linalg.norm(land.slope(x)[1])))
    for x in ordered:
        k = next((k for k, p in enumerate(points) if np.linalg.norm(p.flat - x) <= close), None)
        if k is None:
            p = judged(land, x, reach)
            k = next((k for k, q in enumerate(points) if _joined(land, p, q, reach)), None)
            if k is None:
                k = len(points)
                points.append(p)
        groups[k] = groups.get(k, 0) + 1
    counted = [replace(p, count=groups[k]) for k, p in enumerate(points)]
    return tuple(sorted(counted, key=lambda p: (p.value, *p.flat)))


def _joined(land: Landscape, p: CriticalPoint, q: CriticalPoint, reach: float) -> bool:
    """Both are undecided, and the gradient is 0, as far as at their ends, half way between them."""
    if "undecided" not in (p.kind, q.kind) or p.level.shape != q.level.shape:
        return False
    g = float(np.linalg.norm(land.slope((p.flat + q.flat) / 2)[1]))
    size = max(float(np.abs(p.eigenvalues).max()), float(np.abs(q.eigenvalues).max()))
    limit = max(p.gradient_norm, q.gradient_norm, land.space.eps * (1.0 + size * reach))
    return g <= 10 * limit
