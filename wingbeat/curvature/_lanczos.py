"""Lanczos' recurrence with full reorthogonalisation."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import eigh_tridiagonal

from wingbeat.curvature._space import Vector
from wingbeat.curvature.operator import Operator

_Array = np.ndarray[Any, np.dtype[np.float64]]


class Ritz(NamedTuple):
    """Eigenvalues of A seen from one start: `values` ascending, `weights` sum to 1.

    `vectors` has the Ritz vectors as columns. The weight of a value is the squared share of its
    vector in the start, which makes value and weight a Gauss quadrature of the spectrum.
    """

    values: Vector
    weights: Vector
    vectors: _Array


def lanczos(a: Operator, start: Vector, steps: int) -> Ritz:
    """At most `steps` products; fewer where the start lies in a smaller invariant space."""
    n = a.shape[0]
    basis = [start / np.linalg.norm(start)]
    alphas: list[float] = []
    betas: list[float] = []
    while True:
        w = a.times(basis[-1])
        scale = float(np.linalg.norm(w))
        alphas.append(float(w @ basis[-1]))
        q = np.stack(basis)
        for _ in range(2):  # once loses what rounding leaves; "twice is enough" (Parlett)
            w = w - q.T @ (q @ w)
        beta = float(np.linalg.norm(w))
        if len(basis) == min(steps, n) or beta <= 1e-12 * scale:
            break
        betas.append(beta)
        basis.append(w / beta)
    found: Any = eigh_tridiagonal(np.array(alphas), np.array(betas))
    values, s = found
    return Ritz(values, s[0] ** 2, np.stack(basis).T @ s)
