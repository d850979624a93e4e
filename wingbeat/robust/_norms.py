"""Lengths of changes: what the attacks need to know of a norm, one record for each.

Changes are float64 (n, d), a row for each example.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from wingbeat.api import Tensor, random
from wingbeat.errors import BadInput

Array = np.ndarray[Any, Any]
_WITHIN = 1.0 - 1e-12  # of a radius: rounding of a length does not leave the ball


@dataclass(frozen=True)
class Norm:
    """Args and results of the functions are rows; a row of zeros stays one."""

    name: str
    length: Callable[[Array], Array]  # (n, d) -> (n,)
    dual: Callable[[Array], Array]  # the largest g . v over |v| <= 1: (n, d) -> (n,)
    steepest: Callable[[Array], Array]  # the v where that is
    inside: Callable[[Array, float], Array]  # the nearest row of length <= radius
    draw: Callable[[Tensor, tuple[int, int]], Array]  # uniform in the ball of radius 1


def euclidean(v: Array) -> Array:
    """Lengths of rows that overflow only if they are too large themselves."""
    top = np.abs(v).max(axis=1, keepdims=True)
    safe = np.where(top > 0, top, 1.0)
    return top[:, 0] * np.sqrt(((v / safe) ** 2).sum(axis=1))


def _unit(v: Array) -> Array:
    lengths = euclidean(v)[:, None]
    return v / np.where(lengths > 0, lengths, 1.0)


def _shortened(v: Array, radius: float) -> Array:
    lengths = euclidean(v)[:, None]
    shorter = v * (radius * _WITHIN / np.where(lengths > 0, lengths, 1.0))
    return np.where(lengths > radius, shorter, v)


def _in_euclidean_ball(key: Tensor, shape: tuple[int, int]) -> Array:
    directions, radii = random.split(key)
    u = random.uniform(radii, (shape[0], 1)).numpy()
    return _unit(random.normal(directions, shape).numpy()) * u ** (1.0 / shape[1])


NORMS = {
    2.0: Norm(
        name="L2",
        length=euclidean,
        dual=euclidean,
        steepest=_unit,
        inside=_shortened,
        draw=_in_euclidean_ball,
    ),
    np.inf: Norm(
        name="L-inf",
        length=lambda v: np.abs(v).max(axis=1),
        dual=lambda v: np.abs(v).sum(axis=1),
        steepest=np.sign,
        inside=lambda v, radius: np.clip(v, -radius, radius),
        draw=lambda key, shape: random.uniform(key, shape, -1.0, 1.0).numpy(),
    ),
}


def norm_of(value: Any, operation: str) -> Norm:
    """The record of a norm: 2, inf or "inf".

    Raises:
        BadInput: it is none of these.
    """
    found = np.inf if isinstance(value, str) and value == "inf" else value
    if isinstance(found, bool) or not isinstance(found, int | float) or found not in NORMS:
        raise BadInput(f"{operation}: norm is 2 or np.inf, not {value!r}")
    return NORMS[float(found)]
