"""What kind of point a critical point is: minimum, maximum, saddle, or not decided by the test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from wingbeat.curvature._checks import function
from wingbeat.curvature._higher import Evidence, higher
from wingbeat.curvature._landscape import Landscape, Local, finite
from wingbeat.curvature._space import Space, Vector
from wingbeat.curvature._text import number, vector
from wingbeat.errors import BadInput

_Array = np.ndarray[Any, np.dtype[np.float64]]

# (a negative eigenvalue, one of no known sign, a positive one) -> what the second-derivative test
# says. Eigenvalues of both signs are a saddle, whatever the others are.
_TEST = {
    (False, False, True): "minimum",
    (True, False, False): "maximum",
    (True, False, True): "saddle",
    (True, True, True): "saddle",
}


@dataclass(frozen=True)
class CriticalPoint:
    """A point where the gradient vanishes, and what the second-derivative test says of it.

    Attributes:
        x: the point, a tree like f's argument.
        flat: the same as a flat vector.
        value: f there.
        gradient_norm: |grad f| there.
        kind: "minimum", "maximum", "saddle"; "undecided" where an eigenvalue is 0, as far as
            rounding lets anybody see, and the others are of one sign: then the test decides
            nothing; "not critical" where the gradient is not 0.
        eigenvalues: of the Hessian, ascending.
        vectors: unit eigenvectors, as columns.
        signs: -1, 0 or 1 for each; 0 where rounding leaves it open.
        evidence: for an undecided point, how f behaves around it: evidence, no proof.
        suggests: what that speaks for: "minimum", "maximum", "saddle", "no extremum", "flat".
        count: starts of a search that ended here.

    >>> print(wb.curvature.classify(lambda x: x[0] ** 2 - x[1] ** 2, np.zeros(2)))
    saddle at (0, 0), f = 0: eigenvalues -2 along (0, 1), 2 along (1, 0)
    """

    x: Any
    flat: Vector
    value: float
    gradient_norm: float
    kind: str
    eigenvalues: Vector
    vectors: _Array
    signs: tuple[int, ...]
    evidence: str = ""
    suggests: str | None = None
    count: int = 1

    @property
    def down(self) -> _Array:
        """The directions, as columns, in which f curves downwards."""
        return self.vectors[:, np.array(self.signs) < 0]

    @property
    def up(self) -> _Array:
        """The directions, as columns, in which f curves upwards."""
        return self.vectors[:, np.array(self.signs) > 0]

    @property
    def level(self) -> _Array:
        """The directions, as columns, in which the second derivative is 0 to rounding."""
        return self.vectors[:, np.array(self.signs) == 0]

    def pairs(self, most: int = 4) -> str:
        """Eigenvalues with their directions, in words."""
        shown = [
            f"{number(value) if s else '0'} along {vector(_turned(self.vectors[:, k]))}"
            for k, (value, s) in enumerate(zip(self.eigenvalues, self.signs, strict=True))
        ]
        return ", ".join([*shown[:most], *(["..."] if len(shown) > most else [])])

    def __str__(self) -> str:
        said = f"; {self.evidence}" if self.evidence else ""
        return (
            f"{self.kind} at {vector(self.flat)}, f = {number(self.value)}: eigenvalues "
            f"{self.pairs()}{said}"
        )


def _turned(v: Vector) -> Vector:
    """An eigenvector's sign is arbitrary; shown, its largest entry is positive."""
    return v * np.sign(v[np.argmax(np.abs(v))])


def classify(f: Callable[..., Any], point: Any) -> CriticalPoint:
    """What the second-derivative test says of a point, and what is seen where it is silent.

    The gradient counts as 0 up to sqrt(eps) times the size of f's derivatives here.

    Raises:
        TypeMismatch: `f` is no function with a scalar result, the point is not made of floats.
        BadInput: f or a derivative is not finite at the point.

    >>> p = wb.curvature.classify(lambda x: x**4, 0.0)
    >>> p.kind, p.suggests
    ('undecided', 'minimum')
    >>> wb.curvature.classify(lambda x: x**3, 0.0).suggests
    'no extremum'
    """
    function(f, "classify")
    space = Space(point, "classify")
    x = space.vector(space.leaves)
    land = Landscape(f, space)
    at = land.local(x)
    if not finite(at):
        raise BadInput("classify: f, its gradient or its Hessian is not finite at this point")
    size = max(1.0, abs(at.value), float(np.abs(at.hessian).max()))
    reach = 1.0 + float(np.linalg.norm(x))
    critical = np.linalg.norm(at.gradient) <= np.sqrt(space.eps) * size * reach
    return judged(land, x, reach, critical=bool(critical))


def judged(land: Landscape, x: Vector, reach: float, *, critical: bool = True) -> CriticalPoint:
    """The verdict on a point; `reach` is the length over which f is looked at."""
    at = land.local(x)
    values, vectors = np.linalg.eigh(at.hessian)
    signs = _signs(land, x, at, values, vectors, reach)
    kind = _TEST.get((-1 in signs, 0 in signs, 1 in signs), "undecided")
    evidence = Evidence("", None)
    if not critical:
        kind = "not critical"
    elif kind == "undecided":
        evidence = higher(land, x, at, vectors, np.array(signs), reach)
    return CriticalPoint(
        land.space.tree(x),
        x,
        at.value,
        float(np.linalg.norm(at.gradient)),
        kind,
        values,
        vectors,
        signs,
        *evidence,
    )


def _signs(
    land: Landscape, x: Vector, at: Local, values: Vector, vectors: _Array, reach: float
) -> tuple[int, ...]:
    """The sign of each eigenvalue that is the same wherever the critical point may be.

    The point is known as well as the gradient is: along an eigenvector v, the gradient's own error
    leaves |g'v| / |eigenvalue| open. At x^4 that is as long as the way to 0, where the curvature
    is another; at x^2 it is rounding.
    """
    blur, bent = _scatter(land, x, at)
    error = 8 * land.space.eps * float(np.abs(values).max()) + 4 * bent

    def keeps(value: float, v: Vector) -> bool:
        r = min(10.0 * (abs(float(at.gradient @ v)) + blur) / abs(value), 0.05 * reach)
        there = [float(v @ land.local(x + t * v).hessian @ v) for t in (-r, r)]
        return all(abs(c - value) <= 0.5 * abs(value) + error for c in there)

    return tuple(
        int(np.sign(value)) if abs(value) > error and keeps(value, v) else 0
        for value, v in zip(values, vectors.T, strict=True)
    )


def _scatter(land: Landscape, x: Vector, at: Local) -> tuple[float, float]:
    """How far gradient and Hessian scatter between neighbours by rounding.

    What the Hessian explains of the gradient's change is taken off; of the Hessian's change nothing
    is, so that it counts how far the point's own rounding moves it, too.
    """
    rng = np.random.default_rng(0)
    here = land.rounded(x)
    gaps: list[tuple[float, float]] = []
    for _ in range(4):
        near = land.rounded(x * (1.0 + 4.0 * land.space.eps * rng.uniform(-1.0, 1.0, x.shape)))
        there = land.local(near)
        gap = there.gradient - at.gradient - at.hessian @ (near - here)
        change = np.abs(there.hessian - at.hessian).max()
        gaps.append((float(np.linalg.norm(gap)), float(change)))
    return max(g for g, _ in gaps), max(h for _, h in gaps)
