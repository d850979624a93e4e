"""A box of points: where to look for critical points, convexity, slopes."""

from __future__ import annotations

from typing import Any

import numpy as np

from wingbeat.curvature._space import Space, Vector
from wingbeat.errors import BadInput

_Array = np.ndarray[Any, np.dtype[np.float64]]


class Region:
    """All points between two corners, which are trees like the function's argument.

    >>> wb.curvature.Region((np.array([-1.0, 0.0]), np.array([1.0, 2.0]))).extent
    array([2., 2.])
    """

    def __init__(self, corners: Any, operation: str = "region") -> None:
        if not isinstance(corners, tuple | list) or len(corners) != 2:
            raise BadInput(
                f"{operation}: a region is a pair (low, high) of points like f's argument: "
                "(np.array([-2.0, -2.0]), np.array([2.0, 2.0]))"
            )
        self.space = Space(corners[0], operation)
        self.low = self.space.vector(self.space.leaves)
        self.high = self.space.flat(Space(corners[1], operation).point)
        if not (self.low < self.high).all():
            k = int(np.flatnonzero(~(self.low < self.high))[0])
            raise BadInput(
                f"{operation}: the region is empty: at entry {self.space.place(k) or '0'} "
                f"low is {self.low[k]:g} and high is {self.high[k]:g}"
            )

    @property
    def extent(self) -> Vector:
        """The lengths of the sides."""
        return self.high - self.low

    @property
    def centre(self) -> Vector:
        """The point in the middle."""
        return (self.low + self.high) / 2

    def holds(self, x: Vector, margin: float = 0.0) -> bool:
        """Whether x is inside, or outside by at most `margin` sides."""
        out = margin * self.extent
        return bool(((x >= self.low - out) & (x <= self.high + out)).all())

    def scattered(self, count: int, seed: int) -> _Array:
        """The centre, and points of a Latin hypercube: each in a row and a column of its own."""
        rng = np.random.default_rng(seed)
        n = count - 1
        if n <= 0:
            return self.centre[None]
        cells = np.stack([rng.permutation(n) for _ in self.low], axis=1)
        points = self.low + (cells + rng.random(cells.shape)) / n * self.extent
        return np.concatenate([self.centre[None], points])
