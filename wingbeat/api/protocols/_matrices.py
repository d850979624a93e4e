"""Products, diagonals and norms, in NumPy's forms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from wingbeat.api import creation, elementwise, linalg, manipulation, statistics
from wingbeat.api.axes import one_axis
from wingbeat.api.tensor import Tensor, asarray
from wingbeat.errors import NotSupported, TypeMismatch

m, e, s = manipulation, elementwise, statistics


def dot(a: Any, b: Any) -> Tensor:
    """Scalars multiply; otherwise the last axis of a meets the last but one of b."""
    x, y = asarray(a), asarray(b)
    if not (x.ndim and y.ndim):
        return x * y
    if x.ndim <= 2 and y.ndim <= 2:
        return linalg.matmul(x, y)
    return linalg.tensordot(x, y, axes=((-1,), (-2 if y.ndim > 1 else -1,)))


def inner(a: Any, b: Any, /) -> Tensor:
    """The sum over the last axes."""
    x, y = asarray(a), asarray(b)
    return x * y if not (x.ndim and y.ndim) else linalg.tensordot(x, y, axes=((-1,), (-1,)))


def kron(a: Any, b: Any) -> Tensor:
    """Every element of a times the whole of b, put together."""
    x, y = asarray(a), asarray(b)
    n = max(x.ndim, y.ndim)
    left, right = ((*(1,) * (n - t.ndim), *t.shape) for t in (x, y))
    wide = m.reshape(x, tuple(k for size in left for k in (size, 1)))
    narrow = m.reshape(y, tuple(k for size in right for k in (1, size)))
    return m.reshape(wide * narrow, tuple(p * q for p, q in zip(left, right, strict=True)))


def cross(a: Any, b: Any, axisa: int, axisb: int, axisc: int, axis: int | None) -> Tensor:
    """np.cross, of vectors of three elements."""
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = m.moveaxis(a, axisa, -1), m.moveaxis(b, axisb, -1)
    return m.moveaxis(linalg.cross(x, y), -1, axisc)


def diag(v: Any, k: int = 0) -> Tensor:
    """The diagonal of a matrix, or the matrix with a vector as its diagonal."""
    t = asarray(v)
    if t.ndim == 2:
        return linalg.diagonal(t, offset=k)
    if t.ndim != 1:
        raise TypeMismatch(f"np.diag: {t.type} is neither a vector nor a matrix")
    n = t.size + abs(k)
    matrix = creation.zeros((n, n), dtype=t.dtype)
    line = np.arange(t.size)
    matrix[line + max(-k, 0), line + max(k, 0)] = t
    return matrix


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    """np.linalg.norm, except the spectral and the nuclear norm."""
    t = asarray(x)
    if ord is None or ord == "fro":
        return s.norm(t, axis=axis, keepdims=keepdims)
    matrix = t.ndim == 2 if axis is None else isinstance(axis, tuple | list) and len(axis) == 2
    if not matrix:
        return vector_norm(t, ord, axis, keepdims)
    rows, columns = (one_axis(k, t.ndim, "norm") for k in (axis or (0, 1)))
    if ord not in (1, -1, np.inf, -np.inf):
        raise NotSupported(f"np.linalg.norm: ord={ord!r} of matrices has no derivative rule here")
    inner, outer = (rows, columns) if abs(ord) == 1 else (columns, rows)
    extreme = s.max if ord > 0 else s.min
    sums = s.sum(e.abs(t), axis=inner, keepdims=True)
    found = extreme(sums, axis=outer, keepdims=True)
    return found if keepdims else m.squeeze(found, (rows, columns))


def vector_norm(x: Any, ord: Any, axis: Any, keepdims: bool) -> Tensor:
    """The p-norm: (sum |x|^p)^(1/p), its limits, and the count of what is not 0 for p = 0."""
    t = asarray(x)
    if not isinstance(ord, int | float):
        raise NotSupported(f"np.linalg.norm: ord={ord!r} is no norm of a vector")
    if ord == 2:
        return s.norm(t, axis=axis, keepdims=keepdims)
    if ord == 0:
        return e.astype(s.count_nonzero(t, axis=axis, keepdims=keepdims), "float64")
    size = e.abs(t)
    if math.isinf(ord):
        return (s.max if ord > 0 else s.min)(size, axis=axis, keepdims=keepdims)
    if ord == 1:
        return s.sum(size, axis=axis, keepdims=keepdims)
    return s.sum(size ** float(ord), axis=axis, keepdims=keepdims) ** (1.0 / ord)


def matrix_power(a: Any, n: int) -> Tensor:
    """A matrix times itself, `n` times; its inverse, for n < 0."""
    t = asarray(a)
    if t.ndim < 2 or t.shape[-1] != t.shape[-2]:
        raise TypeMismatch(f"np.linalg.matrix_power: takes square matrices, not {t.type}")
    if n < 0:
        return matrix_power(linalg.inv(t), -n)
    if n == 0:
        return m.broadcast_to(creation.eye(t.shape[-1], dtype=t.dtype), t.shape)
    half = matrix_power(t, n // 2) if n > 1 else None
    if half is None:
        return +t
    return half @ half @ t if n % 2 else half @ half


def multi_dot(arrays: Sequence[Any]) -> Tensor:
    """The product of several matrices."""
    return reduce(linalg.matmul, (asarray(a) for a in arrays))
