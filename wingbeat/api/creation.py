"""Tensors out of nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wingbeat.api.elementwise import where
from wingbeat.api.tensor import Tensor, asarray, own, wrap
from wingbeat.ir.types import as_dtype


def _shape(shape: Any) -> tuple[int, ...]:
    return tuple(int(n) for n in shape) if isinstance(shape, Sequence) else (int(shape),)


def full(shape: Any, fill_value: Any, *, dtype: Any = None) -> Tensor:
    """A tensor of one number.

    >>> import wingbeat as wb
    >>> wb.full((2,), 7.0)
    tensor([7., 7.])
    """
    if isinstance(fill_value, Tensor):
        from wingbeat.api.manipulation import broadcast_to

        return broadcast_to(asarray(fill_value, dtype), _shape(shape))
    kept = as_dtype(dtype) if dtype is not None else as_dtype(np.asarray(fill_value).dtype)
    return wrap(own(np.full(_shape(shape), fill_value, kept)))


def zeros(shape: Any, *, dtype: Any = None) -> Tensor:
    """A tensor of zeros, float64 by default.

    >>> import wingbeat as wb
    >>> wb.zeros((2,))
    tensor([0., 0.])
    """
    return full(shape, 0, dtype=dtype or "float64")


def ones(shape: Any, *, dtype: Any = None) -> Tensor:
    """A tensor of ones, float64 by default.

    >>> import wingbeat as wb
    >>> wb.ones(2)
    tensor([1., 1.])
    """
    return full(shape, 1, dtype=dtype or "float64")


def empty(shape: Any, *, dtype: Any = None) -> Tensor:
    """A tensor to be filled; here it holds zeros, since values are never undefined.

    >>> import wingbeat as wb
    >>> wb.empty(2).shape
    (2,)
    """
    return zeros(shape, dtype=dtype)


def full_like(x: Any, /, fill_value: Any, *, dtype: Any = None) -> Tensor:
    """A tensor of one number with the shape and dtype of `x`.

    >>> import wingbeat as wb
    >>> wb.full_like([1.0, 2.0], 3)
    tensor([3., 3.])
    """
    t = asarray(x)
    return full(t.shape, fill_value, dtype=dtype or t.dtype)


def zeros_like(x: Any, /, *, dtype: Any = None) -> Tensor:
    """Zeros with the shape and dtype of `x`.

    >>> import wingbeat as wb
    >>> wb.zeros_like([1, 2])
    tensor([0, 0])
    """
    return full_like(x, 0, dtype=dtype)


def ones_like(x: Any, /, *, dtype: Any = None) -> Tensor:
    """Ones with the shape and dtype of `x`.

    >>> import wingbeat as wb
    >>> wb.ones_like([1, 2])
    tensor([1, 1])
    """
    return full_like(x, 1, dtype=dtype)


def empty_like(x: Any, /, *, dtype: Any = None) -> Tensor:
    """A tensor to be filled, with the shape and dtype of `x`.

    >>> import wingbeat as wb
    >>> wb.empty_like([1, 2]).shape
    (2,)
    """
    return zeros_like(x, dtype=dtype)


def arange(
    start: float, /, stop: float | None = None, step: float = 1, *, dtype: Any = None
) -> Tensor:
    """Numbers from `start` to before `stop`.

    >>> import wingbeat as wb
    >>> wb.arange(3)
    tensor([0, 1, 2])
    """
    begin, end = (0, start) if stop is None else (start, stop)
    return wrap(own(np.arange(begin, end, step, dtype=None if dtype is None else as_dtype(dtype))))


def linspace(
    start: Any, stop: Any, /, num: int, *, dtype: Any = None, endpoint: bool = True
) -> Tensor:
    """`num` numbers evenly from `start` to `stop`.

    >>> import wingbeat as wb
    >>> wb.linspace(0.0, 1.0, 3)
    tensor([0. , 0.5, 1. ])
    """
    line = np.linspace(float(start), float(stop), num, endpoint=endpoint)
    return wrap(own(line.astype(as_dtype(dtype or "float64"))))


def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None) -> Tensor:
    """Ones on the diagonal number `k`, zeros elsewhere.

    >>> import wingbeat as wb
    >>> wb.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    return wrap(own(np.eye(n_rows, n_cols, k=k, dtype=as_dtype(dtype or "float64"))))


def meshgrid(*arrays: Any, indexing: str = "xy") -> list[Tensor]:
    """The coordinates of a grid, one tensor per axis.

    >>> import wingbeat as wb
    >>> [t.shape for t in wb.meshgrid([1, 2], [3, 4, 5], indexing="ij")]
    [(2, 3), (2, 3)]
    """
    from wingbeat.api.manipulation import broadcast_to, permute_dims, reshape

    ts = [asarray(a) for a in arrays]
    shape = tuple(t.size for t in ts)
    grid = [
        broadcast_to(reshape(t, tuple(-1 if k == j else 1 for k in range(len(ts)))), shape)
        for j, t in enumerate(ts)
    ]
    if indexing == "ij" or len(ts) < 2:
        return grid
    return [permute_dims(t, (1, 0, *range(2, len(ts)))) for t in grid]


def _triangle(x: Any, keep: Any) -> Tensor:
    t = asarray(x)
    return where(wrap(own(keep(np.ones(t.shape[-2:], bool)))), t, zeros_like(t))


def tril(x: Any, /, *, k: int = 0) -> Tensor:
    """The lower triangle of the last two axes; zeros above diagonal `k`.

    >>> import wingbeat as wb
    >>> wb.tril([[1, 2], [3, 4]])
    tensor([[1, 0],
            [3, 4]])
    """
    return _triangle(x, lambda ones: np.tril(ones, k))


def triu(x: Any, /, *, k: int = 0) -> Tensor:
    """The upper triangle of the last two axes; zeros below diagonal `k`.

    >>> import wingbeat as wb
    >>> wb.triu([[1, 2], [3, 4]])
    tensor([[1, 2],
            [0, 4]])
    """
    return _triangle(x, lambda ones: np.triu(ones, k))


__all__ = [
    "arange",
    "empty",
    "empty_like",
    "eye",
    "full",
    "full_like",
    "linspace",
    "meshgrid",
    "ones",
    "ones_like",
    "tril",
    "triu",
    "zeros",
    "zeros_like",
]
