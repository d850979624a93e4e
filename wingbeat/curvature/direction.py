"""Along one direction: slope, second derivative, the second-order model of a step."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from wingbeat.api import value_and_grad
from wingbeat.curvature._checks import function
from wingbeat.curvature._lanczos import lanczos
from wingbeat.curvature._space import Space, Vector, check_finite
from wingbeat.curvature.eigen import DENSE, extremes, spectrum_of
from wingbeat.curvature.operator import Operator, operator
from wingbeat.curvature.second import compiled, hessian
from wingbeat.errors import BadInput
from wingbeat.nn._checks import within

F = Callable[..., Any]


@dataclass(frozen=True)
class Mixture:
    """d'A d for a unit vector d, as the weighted mean of eigenvalues that it is.

    Attributes:
        second: d'A d, from one product.
        eigenvalues: those that d meets (all of them where the matrix is small).
        weights: the squared cosines between d and the eigenvectors; their sum is 1.

    >>> m = wb.curvature.mixture(np.diag([1.0, 3.0]), np.array([3.0, 4.0]))
    >>> m.weights.round(2), round(m.second, 12), round(m.mean, 12)
    (array([0.36, 0.64]), 2.28, 2.28)
    """

    second: float
    eigenvalues: Vector
    weights: Vector

    @property
    def mean(self) -> float:
        """The sum of weight times eigenvalue: equal to `second` but for rounding."""
        return float(self.weights @ self.eigenvalues)


def mixture(a: Any, direction: Any, *, steps: int = 60, dense: int = DENSE) -> Mixture:
    """The second derivative along a direction, and the eigenvalues that it is made of.

    Above `dense` rows, Lanczos from the direction gives at most `steps` values and weights with
    the same mean.

    Raises:
        BadInput: the direction is zero.

    >>> wb.curvature.mixture(np.diag([1.0, 3.0]), np.array([0.0, 2.0])).second
    3.0
    """
    a = operator(a)
    d = _unit(a.space, direction, "mixture")
    second = a.along(d)
    if a.shape[0] > dense:
        ritz = lanczos(a, d, steps)
        return Mixture(second, ritz.values, ritz.weights)
    p = spectrum_of(a)
    return Mixture(second, p.values, (p.vectors.T @ d) ** 2)


def _unit(space: Space, direction: Any, operation: str) -> Vector:
    d = space.flat(direction)
    check_finite(d, space, f"{operation}: the direction")
    size = float(np.linalg.norm(d))
    if size == 0.0:
        raise BadInput(f"{operation}: the direction is zero, so there is no way to go")
    return d / size


@dataclass(frozen=True)
class Step:
    """A step x + e d against its second-order model f + e g'd + e^2/2 d'Hd.

    Attributes:
        value: f(x).
        rate: e.
        slope: g'd; -g'g for the gradient step.
        curvature: d'Hd.
        linear: the change by the slope alone, e g'd.
        predicted: the change by slope and curvature.
        actual: f(x + e d) - f(x).
        best_rate: -g'd / d'Hd, for the gradient step g'g / g'Hg; inf where f does not curve upwards
            along d, 0 where it does not go down.

    >>> s = wb.curvature.step(lambda x: x**2, 3.0, 0.1)
    >>> round(s.predicted, 12), round(s.actual, 12), s.best_rate
    (-3.24, -3.24, 0.5)
    """

    value: float
    rate: float
    slope: float
    curvature: float
    linear: float
    predicted: float
    actual: float
    best_rate: float

    @property
    def goes_up(self) -> bool:
        """f grows, though the slope points down: the step is too long for the curvature."""
        return self.actual > 0.0 > self.slope

    def __str__(self) -> str:
        lines = [
            f"f(x) = {self.value:.6g}, and along the step the slope is {self.slope:.6g}, "
            f"the second derivative {self.curvature:.6g}",
            f"rate {self.rate:.4g}: predicted {self.predicted:+.6g} = {self.linear:+.6g} (slope) "
            f"{self.predicted - self.linear:+.6g} (curvature), actual {self.actual:+.6g}",
            f"best rate by this model: {self.best_rate:.4g}",
        ]
        return "\n".join([*lines, *(["the step goes up: it is too long"] if self.goes_up else [])])


def step(f: F, point: Any, rate: float, direction: Any = None) -> Step:
    """A step against its second-order Taylor model: the gradient step, or one along a direction.

    Args:
        f: a scalar function of a tree.
        point: a tree of floats.
        rate: e, how far to go along the direction; the step is `rate * direction`.
        direction: a tree like the point, or a flat vector, taken as long as it is; minus the
            gradient by default.

    Raises:
        TypeMismatch, BadInput: as for `hessian`; BadInput where f or its gradient is not finite.

    >>> f = lambda x: 0.5 * (x[0] ** 2 + 10.0 * x[1] ** 2)
    >>> print(wb.curvature.step(f, np.array([1.0, 1.0]), 0.25))
    f(x) = 5.5, and along the step the slope is -101, the second derivative 1001
    rate 0.25: predicted +6.03125 = -25.25 (slope) +31.2812 (curvature), actual +6.03125
    best rate by this model: 0.1009
    the step goes up: it is too long
    """
    function(f, "step")
    e = within(rate, -math.inf, math.inf, "rate", "step")
    h = hessian(f, point)
    value, g = value_and_gradient(f, h.space, "step")
    d = -g if direction is None else h.space.flat(direction)
    check_finite(d, h.space, "step: the direction")
    slope, curvature = float(g @ d), h.along(d)
    there = h.space.vector(h.space.leaves) + e * d
    actual = float(compiled(f)(h.space.tree(there))) - value
    linear = e * slope
    predicted = linear + e * e / 2.0 * curvature
    return Step(value, e, slope, curvature, linear, predicted, actual, _best(slope, curvature))


def value_and_gradient(f: F, space: Space, operation: str) -> tuple[float, Vector]:
    """f and its gradient at the space's point, both finite."""
    y, g = compiled(value_and_grad(f))(space.point)
    value, flat = float(y), space.flat(g)
    if not math.isfinite(value):
        raise BadInput(f"{operation}: f is {value} at this point")
    check_finite(flat, space, f"{operation}: the gradient")
    return value, flat


def _best(slope: float, curvature: float) -> float:
    if slope >= 0.0:
        return 0.0
    return -slope / curvature if curvature > 0.0 else math.inf


@dataclass(frozen=True)
class Rates:
    """The best rate of a gradient step here, g'g / g'Hg, and in the worst case, 1 / largest.

    >>> wb.curvature.best_step(lambda x: 2.0 * x**2, 1.0)
    Rates(best=0.25, worst_case=0.25)
    """

    best: float
    worst_case: float


def best_step(f: F, point: Any) -> Rates:
    """How long a gradient step should be, by the second-order model.

    `best` is g'g / g'Hg: inf where f does not curve upwards along its gradient, and 0 where the
    gradient is zero. `worst_case` is 1 / the largest eigenvalue of the Hessian, which `best` never
    falls below; inf where no eigenvalue is positive.

    Raises:
        As for `step`.

    >>> wb.curvature.best_step(lambda x: x[0] ** 2 + 4.0 * x[1] ** 2, np.array([1.0, 0.0]))
    Rates(best=0.5, worst_case=0.125)
    """
    function(f, "best_step")
    h = hessian(f, point)
    g = value_and_gradient(f, h.space, "best_step")[1]
    largest = extremes(h).largest
    best = _best(-float(g @ g), h.along(g))
    return Rates(best, 1.0 / largest if largest > 0.0 else math.inf)


def along(f: F, point: Any, direction: Any) -> tuple[float, float]:
    """Slope and second derivative of f along a direction, which is taken at length 1.

    The slope is u' grad f; no direction goes down faster than -grad f.

    Raises:
        As for `step`; BadInput for a direction that is zero.

    >>> wb.curvature.along(lambda x: x[0] ** 2 + x[1], np.array([1.0, 0.0]), np.array([2.0, 0.0]))
    (2.0, 2.0)
    """
    function(f, "along")
    h: Operator = hessian(f, point)
    u = _unit(h.space, direction, "along")
    return float(value_and_gradient(f, h.space, "along")[1] @ u), h.along(u)
