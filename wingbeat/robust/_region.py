"""Where an attack may go: a ball around each example, and the range that data lie in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from wingbeat.api import Tensor
from wingbeat.errors import BadInput
from wingbeat.robust._norms import Array, Norm


class Region:
    """The points within `radius` of x and within bounds, as arrays in the dtype of x.

    Args:
        x: examples (n, ...).
        norm: how far a point is from its example.
        radius: None for no ball.
        bounds: (low, high), or None for no range.
        operation: for messages.

    Raises:
        BadInput: bounds are no range, or x lies outside them.
    """

    def __init__(
        self, x: Array, norm: Norm, radius: float | None, bounds: Any, operation: str
    ) -> None:
        self.x, self.norm, self.radius = x, norm, radius
        self._wide = x.astype(np.float64)
        self.low, self.high = _range(bounds, x, operation)

    def change(self, points: Array) -> Array:
        """points - x as rows, float64."""
        return (points.astype(np.float64) - self._wide).reshape(len(self.x), -1)

    def distance(self, points: Array) -> Array:
        """How far each point is from its example, (n,)."""
        return self.norm.length(self.change(points))

    def at(self, change: Array) -> Array:
        """x + change, brought into the region; change is rows, float64.

        The range contains x, so clipping to it brings no number further from x. Rounding to the
        dtype of x might: what it moved away goes one step of the dtype back.
        """
        if self.radius is not None:
            change = self.norm.inside(change, self.radius)
        wide = np.clip(self._wide + change.reshape(self.x.shape), self.low, self.high)
        points = wide.astype(self.x.dtype)
        far = np.abs(points - self._wide) > np.abs(change).reshape(self.x.shape)
        far |= (points < self.low) | (points > self.high)
        return np.where(far, np.nextafter(points, self.x), points)

    def drawn(self, key: Tensor) -> Array:
        """A random point of each example's ball."""
        assert self.radius is not None
        shape = (len(self.x), self.x[0].size)
        return self.at(self.norm.draw(key, shape) * self.radius)

    def room(self, points: Array, direction: Array) -> Array:
        """How far each number may go in its direction before it meets the range: rows."""
        z = points.astype(np.float64).reshape(len(points), -1)
        return np.where(direction > 0, self.high - z, z - self.low)


def _range(bounds: Any, x: Array, operation: str) -> tuple[float, float]:
    if bounds is None:
        return -np.inf, np.inf
    pair = isinstance(bounds, Sequence) and not isinstance(bounds, str) and len(bounds) == 2
    numbers = pair and all(isinstance(b, int | float) and math.isfinite(b) for b in bounds)
    if not numbers or not bounds[0] < bounds[1]:
        raise BadInput(
            f"{operation}: bounds are (low, high), the range of the data, as (0.0, 1.0), or None; "
            f"not {bounds!r}"
        )
    low, high = float(bounds[0]), float(bounds[1])
    if x.min() < low or x.max() > high:
        raise BadInput(
            f"{operation}: x lies in {x.min():g} ... {x.max():g}, outside bounds ({low:g}, "
            f"{high:g}); give the range of your data, or bounds=None"
        )
    return low, high
