"""What the eigenvalues of a Hessian mean for gradient descent."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from wingbeat.curvature.eigen import Extremes, extremes, spectrum_of
from wingbeat.curvature.operator import operator
from wingbeat.errors import BadInput


@dataclass(frozen=True)
class Conditioning:
    """The condition number of a positive definite Hessian, and what it does to gradient descent.

    Attributes:
        number: largest / smallest eigenvalue.
        largest_rate: above this rate, 2 / largest, the steepest direction diverges.
        safe_rate: 1 / largest: the best step in the worst case.
        best_rate: 2 / (smallest + largest), at which the worst direction shrinks fastest.
        contraction: the factor by which the error shrinks at least in a step at the best rate,
            (number - 1) / (number + 1).
        steps_per_digit: steps for one more decimal digit at the best rate.
        extremes: the eigenvalues that all this is computed from.

    >>> c = wb.curvature.conditioning(np.diag([1.0, 5.0]))
    >>> c.number, round(c.contraction, 4), round(c.steps_per_digit, 2)
    (5.0, 0.6667, 5.68)
    """

    number: float
    largest_rate: float
    safe_rate: float
    best_rate: float
    contraction: float
    steps_per_digit: float
    extremes: Extremes


def conditioning(a: Any, *, seed: int = 0) -> Conditioning:
    """The condition number of a positive definite operator, and what it does to gradient descent.

    Raises:
        BadInput: an eigenvalue is negative, or not told apart from 0.

    >>> wb.curvature.conditioning(np.diag([1.0, 1e4])).number
    10000.0
    """
    e = extremes(operator(a), seed=seed)
    if e.signs[0] != 1:
        raise BadInput(
            f"conditioning: the smallest eigenvalue is {e.smallest:.4g} +- {e.smallest_error:.2g}; "
            "gradient descent has a rate of convergence where all are positive"
        )
    number = e.largest / e.smallest
    shrink = (number - 1.0) / (number + 1.0)
    digit = 0.0 if shrink == 0.0 else math.log(10.0) / -math.log(shrink)
    return Conditioning(
        number,
        2.0 / e.largest,
        1.0 / e.largest,
        2.0 / (e.smallest + e.largest),
        shrink,
        digit,
        e,
    )


def condition_number(a: Any, *, seed: int = 0) -> float:
    """max |eigenvalue| / min |eigenvalue|; inf where the smallest cannot be told from 0.

    Raises:
        BadInput: eigenvalues of both signs in a matrix too large to be formed: the one nearest to 0
            is inside the spectrum, where products with vectors do not show it.

    >>> wb.curvature.condition_number(np.diag([1.0, -5.0]))
    5.0
    """
    a = operator(a)
    e = extremes(a, seed=seed)
    if e.method == "dense":
        p = spectrum_of(a)
        sizes = np.abs(p.values)
        low, error = float(sizes.min()), float(p.errors[0])
    elif e.signs[0] * e.signs[1] < 0:
        raise BadInput(
            f"condition_number: eigenvalues reach from {e.smallest:.4g} to {e.largest:.4g}, and "
            f"the one nearest to 0 of {a.shape[0]} is not found by products; use A.dense()"
        )
    else:
        low, error = sorted(
            [(abs(e.smallest), e.smallest_error), (abs(e.largest), e.largest_error)]
        )[0]
    return math.inf if low <= error else max(abs(e.smallest), abs(e.largest)) / low


def sharpness(a: Any, *, seed: int = 0) -> float:
    """The largest eigenvalue; gradient descent at a rate above 2 / sharpness leaves this valley.

    >>> wb.curvature.sharpness(wb.curvature.hessian(lambda x: (x**2).sum(), np.ones(3)))
    2.0
    """
    return extremes(a, seed=seed).largest
