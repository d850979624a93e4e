"""A scalar function of a tree as one of flat vectors, with its derivatives, compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from wingbeat.api import Tensor, asarray, grad, jacrev, reshape, value_and_grad
from wingbeat.api import hessian as second
from wingbeat.curvature._space import Space, Vector
from wingbeat.curvature.second import compiled

F = Callable[..., Any]
_Array = np.ndarray[Any, np.dtype[np.float64]]


class Local(NamedTuple):
    """What f is like at a point."""

    value: float
    gradient: Vector
    hessian: _Array


def flattened(f: F, space: Space) -> F:
    """f as a function of a vector."""
    begins = [0, *space.ends]

    def flat(v: Tensor) -> Any:
        parts = [
            reshape(v[begin : begin + x.size], x.shape).astype(x.dtype)
            for begin, x in zip(begins, space.leaves, strict=False)
        ]
        return f(space.rebuild(parts))

    return flat


class Landscape:
    """f on vectors of the form of a space; results are float64, computed in the point's dtype."""

    def __init__(self, f: F, space: Space) -> None:
        self.space = space
        self.dtype = np.result_type(*[x.dtype for x in space.leaves])
        flat = flattened(f, space)
        self._value = compiled(flat)
        self._slope = compiled(value_and_grad(flat))
        self._whole = compiled(lambda v: (flat(v), grad(flat)(v), second(flat)(v)))
        self._jacobian = compiled(jacrev(lambda v: reshape(asarray(flat(v)), (-1,))))

    def _given(self, x: Vector) -> Tensor:
        return asarray(x, dtype=self.dtype)

    def rounded(self, x: Vector) -> Vector:
        """The point that the function sees in place of x."""
        return x.astype(self.dtype).astype(np.float64)

    def value(self, x: Vector) -> float:
        """f(x)."""
        return float(self._value(self._given(x)))

    def slope(self, x: Vector) -> tuple[float, Vector]:
        """f(x) and its gradient."""
        y, g = self._slope(self._given(x))
        return float(y), np.asarray(g, dtype=np.float64)

    def local(self, x: Vector) -> Local:
        """f(x), gradient and Hessian."""
        y, g, h = self._whole(self._given(x))
        matrix = np.asarray(h, dtype=np.float64)
        return Local(float(y), np.asarray(g, dtype=np.float64), (matrix + matrix.T) / 2)

    def jacobian(self, x: Vector) -> _Array:
        """The Jacobian, of shape (outputs, n), of an f with an array as its result."""
        return np.asarray(self._jacobian(self._given(x)), dtype=np.float64)


def finite(at: Local) -> bool:
    """Whether value, gradient and Hessian are numbers."""
    return bool(
        np.isfinite(at.value) and np.isfinite(at.gradient).all() and np.isfinite(at.hessian).all()
    )
