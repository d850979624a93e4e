"""Eigenvalues of operators: the two ends of the spectrum, and the k pairs at either end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from scipy.sparse.linalg import ArpackError, eigsh

from wingbeat.curvature._lanczos import lanczos
from wingbeat.curvature._space import Vector
from wingbeat.curvature._text import number, vector
from wingbeat.curvature.operator import Operator, asymmetry, operator, scipy_operator
from wingbeat.errors import BadInput
from wingbeat.nn._checks import whole, within
from wingbeat.nn._report import MOST_ROWS, Report, left_out, many
from wingbeat.nn._table import Rows

DENSE = 200  # rows up to which all eigenvalues are computed; above, Lanczos
BASIS, LEAN = 64, 20  # vectors that ARPACK keeps; fewer where one is long
HUGE = 100_000
RESTARTS = 60
GUARDS = 1
STEPS = 200  # of plain Lanczos, where ARPACK gives up
_Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, repr=False)
class Pairs(Report):
    """Eigenvalues from one end inwards, unit eigenvectors (flat, as columns), and their error.

    Attributes:
        values: of shape (k,).
        vectors: of shape (n, k).
        errors: of shape (k,): a true eigenvalue lies within this distance of each value; residual
            and rounding together.
        products: products with a vector that were computed.
        method: "dense" or "lanczos". The dense one sees every eigenvalue. Lanczos may pass over one
            whose eigenvector is at right angles to its random start: then the values are
            eigenvalues, and not the outermost.

    >>> wb.curvature.eigenpairs(np.diag([3.0, -1.0, 2.0]), 2).values
    array([3., 2.])
    """

    values: Vector
    vectors: _Array
    errors: Vector
    products: int
    method: str

    @property
    def title(self) -> str:
        """How many there are."""
        count, n = len(self.values), len(self.vectors)
        return f"{many(count, 'eigenvalue')} of a matrix with {many(n, 'row')}"

    def columns(self) -> tuple[Sequence[str], Rows, Sequence[int], Sequence[str]]:
        """The first pairs."""
        pairs = zip(self.values, self.errors, self.vectors.T, strict=True)
        return _HEAD, [_row(*pair) for pair in islice(pairs, MOST_ROWS)], (0, 1), ()

    @property
    def notes(self) -> Sequence[str]:
        """What is left out, and how they were found."""
        return [*left_out(len(self.values), "eigenvalues"), _found(self.method, self.products)]


@dataclass(frozen=True, repr=False)
class Extremes(Report):
    """The smallest and the largest eigenvalue, with their unit directions (flat vectors).

    Attributes:
        smallest, largest: of the matrix.
        smallest_direction, largest_direction: of shape (n,).
        smallest_error, largest_error: a true eigenvalue lies within this distance of the value:
            residual and rounding together. A value nearer to 0 than its error has no known sign.
        products: products with a vector that were computed.
        method: "dense" or "lanczos", as in `Pairs`: Lanczos may miss the outermost eigenvalue.

    >>> wb.curvature.extremes(np.diag([3.0, -1.0, 2.0])).signs
    (-1, 1)
    """

    smallest: float
    largest: float
    smallest_direction: Vector
    largest_direction: Vector
    smallest_error: float
    largest_error: float
    products: int
    method: str

    @property
    def error(self) -> float:
        """The larger one of both errors."""
        return max(self.smallest_error, self.largest_error)

    @property
    def signs(self) -> tuple[int, int]:
        """-1, 0 or 1 for smallest and largest; 0 where the error leaves the sign open."""
        return sign(self.smallest, self.smallest_error), sign(self.largest, self.largest_error)

    @property
    def title(self) -> str:
        """What they are of."""
        n = len(self.smallest_direction)
        return f"The smallest and the largest eigenvalue of a matrix with {many(n, 'row')}"

    def columns(self) -> tuple[Sequence[str], Rows, Sequence[int], Sequence[str]]:
        """Both."""
        smallest = _row(self.smallest, self.smallest_error, self.smallest_direction)
        return (
            _HEAD,
            [smallest, _row(self.largest, self.largest_error, self.largest_direction)],
            (0, 1),
            (),
        )

    @property
    def notes(self) -> Sequence[str]:
        """How they were found."""
        return [_found(self.method, self.products)]


_HEAD = ("eigenvalue", "known to within", "eigenvector")


def _row(value: float, error: float, direction: Vector) -> tuple[str, ...]:
    return (number(float(value)), f"{float(error):.2g}", vector(direction))


def _found(method: str, products: int) -> str:
    seen = "; others may be further out" if method == "lanczos" else ""
    return f"Found by the {method} method in {many(products, 'product')}{seen}."


def sign(value: float, error: float) -> int:
    """-1 or 1; 0 where the error leaves it open."""
    return 0 if abs(value) <= error else int(np.sign(value))


def extremes(a: Any, *, tolerance: float = 1e-6, seed: int = 0, dense: int = DENSE) -> Extremes:
    """The smallest and the largest eigenvalue of a symmetric operator.

    Args:
        a: an `Operator`, a symmetric matrix, or SciPy's `LinearOperator`.
        tolerance: of Lanczos, relative to the largest absolute eigenvalue; made coarser where the
            function's dtype allows no better. 1e-3 is far quicker where eigenvalues crowd, as near
            0 in large networks.
        seed: of the random start.
        dense: rows up to which the matrix is formed and all its eigenvalues are computed.

    Raises:
        TypeMismatch: `a` is none of these.
        BadInput: a product is not finite, or the matrix is not symmetric.

    >>> H = wb.curvature.hessian(lambda x: x[0] ** 2 - x[1] ** 2, np.zeros(2))
    >>> e = wb.curvature.extremes(H)
    >>> e.smallest, e.largest, e.signs
    (-2.0, 2.0, (-1, 1))
    """
    a = operator(a)
    fine = _tolerance(tolerance, a)
    before = a.products
    if a.shape[0] <= dense:
        every = spectrum_of(a)
        top, bottom = _cut(every, [-1]), _cut(every, [0])
    else:
        top, bottom = _ends(a, 1, fine, seed, "top", "bottom")
    return Extremes(
        float(bottom.values[0]),
        float(top.values[0]),
        bottom.vectors[:, 0],
        top.vectors[:, 0],
        float(bottom.errors[0]),
        float(top.errors[0]),
        a.products - before + 1,  # `noise` has one beside this point
        top.method,
    )


def eigenpairs(
    a: Any,
    count: int = 1,
    end: str = "top",
    *,
    tolerance: float = 1e-6,
    seed: int = 0,
    dense: int = DENSE,
) -> Pairs:
    """The `count` largest (`end="top"`) or smallest ("bottom") eigenvalues, the outermost first.

    Arguments and errors as for `extremes`.

    >>> p = wb.curvature.eigenpairs(np.diag([3.0, -1.0, 2.0]), 2, "bottom")
    >>> p.values, abs(p.vectors[:, 0])
    (array([-1.,  2.]), array([0., 1., 0.]))
    """
    a = operator(a)
    n = a.shape[0]
    whole(count, "count", "eigenpairs", 1, n)
    if end not in ("top", "bottom"):
        raise BadInput(f"eigenpairs: end is 'top' or 'bottom', not {end!r}")
    if n <= dense or count >= n - 1:
        every = spectrum_of(a)
        order = range(n - 1, n - 1 - count, -1) if end == "top" else range(count)
        return _cut(every, list(order))
    return _ends(a, count, _tolerance(tolerance, a), seed, end)[0]


def spectrum_of(a: Operator) -> Pairs:
    """All eigenvalues, ascending, from the whole matrix."""
    before = a.products
    matrix = a.dense()
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    skew = float(np.linalg.norm(matrix - matrix.T)) / 2
    size = float(np.abs(values).max())
    error = skew + noise(a, size)
    return Pairs(values, vectors, np.full(len(values), error), a.products - before + 1, "dense")


def noise(a: Operator, size: float, seed: int = 1) -> float:
    """How far rounding may move eigenvalues of A, whose largest one is about `size`.

    The point itself is rounded: how far A moves when every number of it moves within its rounding
    is measured along a random direction.
    """
    rng = np.random.default_rng(seed)
    v = rng.choice([-1.0, 1.0], size=a.shape[0])
    leaves = a.space.leaves
    nearby = [x * (1 + np.finfo(x.dtype).eps * rng.choice([-1, 1], x.shape)) for x in leaves]
    cast = [np.asarray(y, x.dtype) for x, y in zip(leaves, nearby, strict=True)]
    moved = a.at(a.space.rebuild(cast)).times(v) - a.times(v)
    solver = 4 * np.sqrt(a.shape[0]) * np.finfo(np.float64).eps  # eigh and Lanczos run in float64
    return (8 * a.eps + solver) * size + float(np.linalg.norm(moved))


def _cut(p: Pairs, order: list[int]) -> Pairs:
    return Pairs(p.values[order], p.vectors[:, order], p.errors[order], p.products, p.method)


def _tolerance(tolerance: float, a: Operator) -> float:
    return max(within(tolerance, 0.0, 0.1, "tolerance", "eigenvalues"), 32 * a.eps)


def _ends(a: Operator, count: int, tolerance: float, seed: int, *ends: str) -> list[Pairs]:
    """The k pairs at each of the ends.

    ARPACK's tolerance is relative to each eigenvalue, which an eigenvalue near 0 never meets.
    Shifted by the largest absolute one, both ends of the spectrum are far from 0.
    """
    before = a.products
    start = np.random.default_rng(seed).normal(size=a.shape[0])
    size = float(np.abs(_arpack(a, 0.0, "LM", 1, start, max(tolerance, 0.01))[0]).max())
    gap, _ = asymmetry(a)
    rounding = noise(a, size) + gap * np.sqrt(a.shape[0])
    made: list[Pairs] = []
    for end in ends:
        which, order = ("LA", -1) if end == "top" else ("SA", 1)
        values, vectors = _arpack(a, -order * size, which, count, start, tolerance)
        values, vectors = values[::order], vectors[:, ::order]
        residuals = np.linalg.norm(a @ vectors - vectors * values, axis=0)
        spent = a.products - before + 1
        made.append(Pairs(values, vectors, residuals + rounding, spent, "lanczos"))
    return made


def _arpack(
    a: Operator, shift: float, which: str, count: int, start: Vector, tolerance: float
) -> tuple[Vector, _Array]:
    """Eigenvalues of A, ascending, that A + shift I has at one end.

    Some more than wanted must converge, too: alone, one near the end may pass for the outermost.
    """
    n = a.shape[0]
    wanted, count = count, min(count + GUARDS, n - 1)
    shifted = scipy_operator(n, lambda v: a.times(v) + shift * v)
    kept = min(n, max(2 * count + 1, BASIS if n <= HUGE else LEAN))
    solve: Any = eigsh  # its stub takes whole numbers for `tol`
    try:
        values, vectors = solve(
            shifted, k=count, which=which, v0=start, tol=tolerance, ncv=kept, maxiter=RESTARTS
        )
    except ArpackError:  # it has not converged, or A + shift I is 0, as where A is 2 I
        ritz = lanczos(a, start, max(STEPS, 4 * count))
        return _outermost(ritz.values, ritz.vectors, which, wanted)
    return _outermost(values - shift, vectors, which, wanted)


def _outermost(values: Vector, vectors: _Array, which: str, count: int) -> tuple[Vector, _Array]:
    """The wanted ones, ascending; how good they are, the residuals tell."""
    ranks = {"LA": -values, "SA": values, "LM": -np.abs(values)}
    chosen = np.argsort(ranks[which])[:count]
    chosen = chosen[np.argsort(values[chosen])]
    return values[chosen], vectors[:, chosen]
