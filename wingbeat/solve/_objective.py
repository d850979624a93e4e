"""A function of a tree as one of a flat array, with its derivatives, compiled where it can be."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from wingbeat.api import Tensor, asarray, concat, grad, hessian, hvp, jit, reshape, tree
from wingbeat.api import value_and_grad as both_of
from wingbeat.errors import BadInput, NoValue, TypeMismatch
from wingbeat.solve.record import Vector

Array = np.ndarray[Any, Any]


class Trees:
    """Trees like `x0` as flat arrays of one dtype, and back.

    Raises:
        TypeMismatch: a leaf is no array of floats.
        BadInput: there is no leaf, or a number that is not finite.
    """

    def __init__(self, x0: Any, operation: str) -> None:
        found, self._rebuild = tree.flatten(x0)
        arrays = [_floats(v, operation) for v in found]
        if not sum(a.size for a in arrays):
            raise BadInput(f"{operation}: x0 holds no number; give the point to start from")
        self.shapes = [a.shape for a in arrays]
        self.dtypes = [a.dtype for a in arrays]
        self.dtype = np.result_type(*self.dtypes)
        self.ends = list(itertools.accumulate(a.size for a in arrays))
        self.size = self.ends[-1]
        self.start: Array = self.flat(arrays)
        if not np.isfinite(self.start).all():
            raise BadInput(f"{operation}: x0 has a number that is not finite")

    def flat(self, leaves: list[Any]) -> Array:
        """The numbers of a tree's leaves as one array."""
        return np.concatenate([np.asarray(v).ravel() for v in leaves]).astype(self.dtype)

    def tensors(self, flat: Tensor) -> Any:
        """A flat tensor as a tree."""
        begins = [0, *self.ends[:-1]]
        parts = [flat] if len(self.ends) == 1 else [
            flat[a:b] for a, b in zip(begins, self.ends, strict=True)
        ]  # fmt: skip
        shaped = [
            p if p.shape == s else reshape(p, s) for p, s in zip(parts, self.shapes, strict=True)
        ]
        return self._rebuild(
            [p if p.dtype == d else p.astype(d) for p, d in zip(shaped, self.dtypes, strict=True)]
        )

    def arrays(self, flat: Array) -> Any:
        """A flat array as a tree of arrays; of one number as a float."""
        parts = np.split(np.asarray(flat), self.ends[:-1])
        shaped = [
            p.astype(d).reshape(s)[()] if s == () else p.astype(d).reshape(s)
            for p, s, d in zip(parts, self.shapes, self.dtypes, strict=True)
        ]
        return self._rebuild(shaped)

    def flattened(self) -> Trees:
        """The same numbers as one flat array."""
        return Trees(self.start, "solve")

    def spread(self, choice: Any, name: str) -> Vector:
        """A number, or a tree like x0 of numbers and arrays, as one flat array."""
        if isinstance(choice, int | float):
            return np.full(self.size, choice, np.float64)
        template = self._rebuild(list(range(len(self.shapes))))
        found = tree.matched(template, choice, name)
        try:
            parts = [
                np.broadcast_to(np.asarray(v, np.float64), s).ravel()
                for v, s in zip(found, self.shapes, strict=True)
            ]
        except (TypeError, ValueError) as error:
            raise BadInput(f"{name} does not fit x0: {error}") from None
        return np.concatenate(parts)


def _floats(x: Any, operation: str) -> Array:
    plain = isinstance(x, int | float) and not isinstance(x, bool)
    value = np.asarray(x, np.float64) if plain else asarray(x).numpy()
    if value.dtype.kind != "f":
        raise TypeMismatch(
            f"{operation}: x0 has an array of {value.dtype}, and only floats can move a little; "
            "write x0.astype('float64'), or wb.hill_climb for discrete choices"
        )
    return value


def compiled(f: Callable[..., Any]) -> Callable[..., Any]:
    """`f` under jit; as it is where it needs values while it runs, as Python's `if` does."""
    chosen = jit(f)
    fast = True

    def call(*args: Any) -> Any:
        nonlocal fast
        if fast:
            try:
                return chosen(*args)
            except NoValue:
                fast = False
        return f(*args)

    return call


class Objective:
    """`f` as a function of one flat array: value, gradient, Hessian and products with it."""

    def __init__(self, f: Callable[[Any], Any], trees: Trees, gradient: Any = None) -> None:
        self.trees, self.dtype = trees, trees.dtype
        self.eps = float(np.finfo(trees.dtype).eps)
        self.flat = lambda x: f(trees.tensors(x))
        self.own_gradient = gradient
        self._value = compiled(self.flat)
        self._both = compiled(both_of(self.flat) if gradient is None else self._given)
        self._gradient = compiled(grad(self.flat) if gradient is None else self._given_gradient)
        self._product = compiled(lambda x, v: hvp(self.flat, (x,), (v,)))
        self._hessian = compiled(hessian(self.flat))

    def _given_gradient(self, x: Any) -> Any:
        given = self.own_gradient(self.trees.tensors(asarray(x)))
        found = [asarray(g) for g in tree.leaves(given)]
        if [g.shape for g in found] != self.trees.shapes:
            came, wanted = ([g.shape for g in found], self.trees.shapes)
            raise TypeMismatch(
                f"minimize: gradient returned arrays of the shapes {came}; return a tree like x0, "
                f"whose shapes are {wanted}"
            )
        parts = [reshape(g, (-1,)) for g in found]
        return parts[0] if len(parts) == 1 else concat(parts)

    def _given(self, x: Any) -> Any:
        return self.flat(asarray(x)), self._given_gradient(x)

    def value(self, x: Array) -> float:
        return float(self._value(x))

    def both(self, x: Array) -> tuple[float, Vector]:
        value, gradient = self._both(x)
        return float(value), _wide(gradient)

    def gradient(self, x: Array) -> Vector:
        return _wide(self._gradient(x))

    def product(self, x: Array, v: Vector) -> Vector:
        """The Hessian at x times v; of a float32 function the length of v does not matter."""
        return _wide(self._product(x, v.astype(self.dtype)))

    def hessian(self, x: Array) -> Any:
        h = _wide(self._hessian(x))
        return (h + h.T) / 2

    def anew(self, x: Array) -> float:
        """The value, the user's function being run again, so that what it reads is read now."""
        return float(asarray(self.flat(asarray(x))))


def _wide(t: Any) -> Any:
    return (t.numpy() if isinstance(t, Tensor) else np.asarray(t)).astype(np.float64)
