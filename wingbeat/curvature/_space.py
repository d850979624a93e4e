"""Trees of arrays as vectors: the space that an operator works on."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from wingbeat.api import Tensor, tree
from wingbeat.errors import BadInput, TypeMismatch

Vector = np.ndarray[Any, np.dtype[np.float64]]
_Array = np.ndarray[Any, Any]


class Space:
    """The trees of one form, and the vectors of all their numbers, which are float64.

    Args:
        point: a tree of floats; Python's numbers count as float64.
        operation: for messages.

    Raises:
        TypeMismatch: a leaf is no array of floats.
        BadInput: there is no number at all, or one is not finite.
    """

    def __init__(self, point: Any, operation: str) -> None:
        found, self.rebuild = tree.flatten(point)
        self.operation = operation
        self.names = names(point)
        self.leaves = [
            _floats(x, name, operation) for x, name in zip(found, self.names, strict=True)
        ]
        sizes = [x.size for x in self.leaves]
        self.ends = list(itertools.accumulate(sizes))
        self.size = sum(sizes)
        if not self.size:
            raise BadInput(f"{operation}: the point holds no number; give what f depends on")
        self.eps = max(float(np.finfo(x.dtype).eps) for x in self.leaves)
        check_finite(self.vector(self.leaves), self, f"{operation}: the point")

    @property
    def point(self) -> Any:
        """The tree that the space was made of, its leaves as arrays."""
        return self.rebuild(self.leaves)

    def vector(self, leaves: Sequence[Any]) -> Vector:
        """All numbers of a tree's leaves, one leaf after the other."""
        return np.concatenate([_numbers(x).ravel().astype(np.float64) for x in leaves])

    def arrays(self, vector: Vector) -> list[_Array]:
        """A vector as leaves, in their shapes and dtypes."""
        parts = np.split(vector, self.ends[:-1])
        return [
            part.reshape(x.shape).astype(x.dtype)
            for part, x in zip(parts, self.leaves, strict=True)
        ]

    def tree(self, vector: Vector) -> Any:
        """A vector as a tree like the point."""
        return self.rebuild(self.arrays(vector))

    def flat(self, x: Any) -> Vector:
        """A vector, or a tree like the point, as a vector.

        Raises:
            TypeMismatch: it is neither.
        """
        if isinstance(x, np.ndarray | Tensor) and x.shape == (self.size,):
            return _numbers(x).astype(np.float64)
        leaves = tree.matched(self.point, x, self.operation)
        for value, own, name in zip(leaves, self.leaves, self.names, strict=True):
            if np.shape(value) != own.shape:
                raise TypeMismatch(
                    f"{self.operation}: a vector has {self.size} numbers, or is a tree like the "
                    f"point; at {name or 'the top'} came shape {np.shape(value)}, not {own.shape}"
                )
        return self.vector(leaves)

    def place(self, number: int) -> str:
        """Where the entry of a vector stands in the tree: `['w'][2, 1]`."""
        k = next(k for k, end in enumerate(self.ends) if number < end)
        own = self.leaves[k]
        index = np.unravel_index(number - (self.ends[k] - own.size), own.shape)
        return self.names[k] + (f"[{', '.join(str(int(i)) for i in index)}]" if index else "")


def names(point: Any) -> list[str]:
    """What the leaves of a tree are called: a module's parameters by their dotted names."""
    named = getattr(point, "named_parameters", None)
    return tree.paths(point) if named is None else [name for name, _ in named()]


def check_finite(vector: Vector, space: Space, what: str) -> None:
    """Raise `BadInput` where an entry is NaN or infinite."""
    if np.isfinite(vector).all():
        return
    k = int(np.flatnonzero(~np.isfinite(vector))[0])
    raise BadInput(f"{what} is not finite: entry {space.place(k) or '0'} is {vector[k]}")


def _numbers(x: Any) -> _Array:
    return x.numpy() if isinstance(x, Tensor) else np.asarray(x)


def _floats(x: Any, name: str, operation: str) -> _Array:
    plain = isinstance(x, int | float) and not isinstance(x, bool)
    value = np.asarray(x, dtype=np.float64) if plain else _numbers(x)
    if value.dtype.kind != "f":
        raise TypeMismatch(
            f"{operation}: a derivative is taken by floats, and the point has {value.dtype} "
            f"{'at ' + name if name else ''}; write x.astype('float64')"
        )
    return value
