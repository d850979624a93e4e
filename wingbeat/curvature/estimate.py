"""What random vectors tell about a matrix: its trace, its diagonal, its spectral density."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from wingbeat.curvature._lanczos import lanczos
from wingbeat.curvature._space import Vector
from wingbeat.curvature.eigen import DENSE
from wingbeat.curvature.operator import operator
from wingbeat.nn._checks import whole, within

_Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Estimate:
    """A number, or an array of them, with its standard error (0 where it is exact).

    >>> wb.curvature.trace(np.diag([1.0, 2.0]))
    Estimate(value=3.0, error=0.0, products=2)
    """

    value: Any
    error: Any
    products: int


def trace(a: Any, products: int = 90, *, seed: int = 0) -> Estimate:
    """The sum of the eigenvalues, by Hutch++: exact on a sketched range, random on the rest.

    Args:
        a: an `Operator`, a symmetric matrix, or SciPy's `LinearOperator`.
        products: how many may be computed, at least 6; with as many as rows the trace is exact.
        seed: of the random signs.

    Raises:
        BadInput: fewer than 6 products, a product that is not finite, a matrix that is not
            symmetric.

    >>> rng = np.random.default_rng(0)
    >>> Q = np.linalg.qr(rng.normal(size=(300, 300)))[0]
    >>> t = wb.curvature.trace(Q @ np.diag(1.0 / np.arange(1, 301) ** 2) @ Q.T)
    >>> abs(t.value - 1.6416) < 0.01, t.products
    (True, 90)
    """
    a = operator(a)
    whole(products, "products", "trace", 6)
    n = a.shape[0]
    if n <= products:
        return Estimate(float(np.trace(a.dense())), 0.0, n)
    third = products // 3
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(n, 2 * third))
    q = np.linalg.qr(a @ signs[:, :third])[0]
    rest = signs[:, third:]
    rest = rest - q @ (q.T @ rest)
    known = float(np.sum(q * (a @ q)))
    samples = np.sum(rest * (a @ rest), axis=0)
    return Estimate(known + float(samples.mean()), _standard_error(samples), 3 * third)


def diagonal(a: Any, products: int = 100, *, seed: int = 0, dense: int = DENSE) -> Estimate:
    """The diagonal, as a flat vector with the standard error of every entry.

    Up to `dense` rows it is exact; above, the mean of v * (A v) over random signs v (Bekas,
    Kokiopoulou, Saad), whose error falls with the root of `products`.

    >>> wb.curvature.diagonal(np.array([[2.0, 1.0], [1.0, 3.0]])).value
    array([2., 3.])
    """
    a = operator(a)
    whole(products, "products", "diagonal", 2)
    n = a.shape[0]
    if n <= max(dense, products):
        return Estimate(np.diagonal(a.dense(n)).copy(), np.zeros(n), n)
    rng = np.random.default_rng(seed)
    mean, squares = np.zeros(n), np.zeros(n)
    for k in range(1, products + 1):  # Welford's recurrence: no n x products array
        v = rng.choice([-1.0, 1.0], size=n)
        step = v * a.times(v) - mean
        mean += step / k
        squares += step * step * (k - 1) / k
    return Estimate(mean, np.sqrt(squares / (products - 1) / products), products)


def _standard_error(samples: Vector) -> float:
    return float(samples.std(ddof=1) / np.sqrt(len(samples)))


@dataclass(frozen=True)
class Density:
    """The spectrum of a matrix as weighted points: which share of eigenvalues lies where.

    Attributes:
        values: of shape (m,), ascending.
        weights: of shape (m,), their sum is 1.
        products: products with a vector that were computed.

    >>> wb.curvature.spectral_density(np.diag([1.0, 1.0, 1.0, 5.0])).share(4.0, 6.0)
    0.25
    """

    values: Vector
    weights: Vector
    products: int

    def share(self, low: float, high: float) -> float:
        """The share of eigenvalues in [low, high]."""
        return float(self.weights[(self.values >= low) & (self.values <= high)].sum())

    def moment(self, k: int) -> float:
        """The mean of the eigenvalues' k-th powers; k = 1 is trace / n."""
        return float(self.weights @ self.values**k)

    def smooth(self, points: Any, width: float | None = None) -> Vector:
        """The density at `points`, every value widened to a normal curve.

        `width` is the curve's standard deviation, by default 1 % of the spectrum's extent.
        """
        grid = np.asarray(points, dtype=np.float64)
        extent = float(np.ptp(self.values)) or max(abs(float(self.values[0])), 1.0)
        w = 0.01 * extent if width is None else within(width, 1e-300, np.inf, "width", "smooth")
        z = (grid[..., None] - self.values) / w
        return np.exp(-z * z / 2) @ self.weights / (w * np.sqrt(2 * np.pi))


def spectral_density(
    a: Any, steps: int = 60, starts: int = 8, *, seed: int = 0, dense: int = DENSE
) -> Density:
    """How the eigenvalues are spread, by stochastic Lanczos quadrature; exact up to `dense` rows.

    Args:
        a: an `Operator`, a symmetric matrix, or SciPy's `LinearOperator`.
        steps: of Lanczos from each start: how finely the ends of the spectrum are resolved.
        starts: random vectors: how finely the shares are known.
        seed: of the starts; the same seed gives the same result.
        dense: rows up to which all eigenvalues are computed.

    >>> d = wb.curvature.spectral_density(np.diag(np.arange(1.0, 1001.0)), 30)
    >>> abs(d.moment(1) - 500.5) < 25, d.products
    (True, 240)
    """
    a = operator(a)
    whole(steps, "steps", "spectral_density")
    whole(starts, "starts", "spectral_density")
    before = a.products
    n = a.shape[0]
    if n <= dense:
        matrix = a.dense(n)
        values: Vector = np.linalg.eigh((matrix + matrix.T) / 2)[0]
        return Density(values, np.full(n, 1.0 / n), n)
    rng = np.random.default_rng(seed)
    runs = [lanczos(a, rng.choice([-1.0, 1.0], size=n), steps) for _ in range(starts)]
    values = np.concatenate([r.values for r in runs])
    weights = np.concatenate([r.weights for r in runs]) / starts
    order = np.argsort(values)
    return Density(values[order], weights[order], a.products - before)
