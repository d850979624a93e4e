"""Tensors out of nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wingbeat.api.applying import cast_to
from wingbeat.api.arrays import own
from wingbeat.api.axes import count, sizes
from wingbeat.api.elementwise import where
from wingbeat.api.tensor import Tensor, asarray, wrap
from wingbeat.errors import TypeMismatch
from wingbeat.ir.types import as_dtype


def _made(name: str, make: Callable[[], Any]) -> Tensor:
    """A tensor around the array that NumPy makes; what NumPy refuses is refused in our words."""
    try:
        return wrap(own(make()))
    except (ValueError, TypeError, OverflowError, ZeroDivisionError, MemoryError) as error:
        raise TypeMismatch(f"{name}: there is no such tensor: {error}") from None


def _filled(name: str, shape: Any, value: Any, dtype: Any) -> Tensor:
    lengths = sizes(shape, name)
    if isinstance(value, Tensor):
        from wingbeat.api.manipulation import broadcast_to

        return +broadcast_to(asarray(value, dtype), lengths)
    try:
        one = own(value, dtype)
    except TypeMismatch as error:
        raise TypeMismatch(f"{name}: {error}") from None
    return _made(name, lambda: np.full(lengths, one, one.dtype))


def full(shape: Any, fill_value: Any, *, dtype: Any = None) -> Tensor:
    """A tensor of one number.

    >>> import wingbeat as wb
    >>> wb.full((2,), 7.0)
    tensor([7., 7.])
    """
    return _filled("full", shape, fill_value, dtype)


def zeros(shape: Any, *, dtype: Any = None) -> Tensor:
    """A tensor of zeros, float64 by default.

    >>> import wingbeat as wb
    >>> wb.zeros((2,))
    tensor([0., 0.])
    """
    return _filled("zeros", shape, 0, dtype or "float64")


def ones(shape: Any, *, dtype: Any = None) -> Tensor:
    """A tensor of ones, float64 by default.

    >>> import wingbeat as wb
    >>> wb.ones(2)
    tensor([1., 1.])
    """
    return _filled("ones", shape, 1, dtype or "float64")


def empty(shape: Any, *, dtype: Any = None) -> Tensor:
    """A tensor to be filled; here it holds zeros, since values are never undefined.

    >>> import wingbeat as wb
    >>> wb.empty(2).shape
    (2,)
    """
    return _filled("empty", shape, 0, dtype or "float64")


def full_like(x: Any, /, fill_value: Any, *, dtype: Any = None) -> Tensor:
    """A tensor of one number with the shape and dtype of `x`.

    >>> import wingbeat as wb
    >>> wb.full_like([1.0, 2.0], 3)
    tensor([3., 3.])
    """
    t = asarray(x)
    return _filled("full_like", t.shape, fill_value, dtype or t.dtype)


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
    kept = None if dtype is None else as_dtype(dtype)
    return _made("arange", lambda: np.arange(begin, end, step, dtype=kept))


def linspace(
    start: Any, stop: Any, /, num: int, *, dtype: Any = None, endpoint: bool = True
) -> Tensor:
    """`num` numbers evenly from `start` to `stop`.

    >>> import wingbeat as wb
    >>> wb.linspace(0.0, 1.0, 3)
    tensor([0. , 0.5, 1. ])
    """
    kept, n = as_dtype(dtype or "float64"), count(num, "linspace", "the number of points")
    if isinstance(start, Tensor) or isinstance(stop, Tensor):  # a derivative may flow through
        part = asarray(np.arange(n) / max(n - 1 if endpoint else n, 1))
        return cast_to((1.0 - part) * start + part * stop, kept)
    return _made(
        "linspace", lambda: np.linspace(float(start), float(stop), n, endpoint).astype(kept)
    )


def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None) -> Tensor:
    """Ones on the diagonal number `k`, zeros elsewhere.

    >>> import wingbeat as wb
    >>> wb.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    kept, n = as_dtype(dtype or "float64"), count(n_rows, "eye", "the number of rows")
    m = n if n_cols is None else count(n_cols, "eye", "the number of columns")
    return _made("eye", lambda: np.eye(n, m, k=k, dtype=kept))


def meshgrid(*arrays: Any, indexing: str = "xy") -> list[Tensor]:
    """The coordinates of a grid, one tensor per axis.

    >>> import wingbeat as wb
    >>> [t.shape for t in wb.meshgrid([1, 2], [3, 4, 5], indexing="ij")]
    [(2, 3), (2, 3)]
    """
    from wingbeat.api.manipulation import broadcast_to, permute_dims, reshape

    ts = [asarray(a) for a in arrays]
    if indexing not in ("xy", "ij") or any(t.ndim > 1 for t in ts):
        raise TypeMismatch(
            f"meshgrid: takes vectors, and indexing 'xy' or 'ij'; got {indexing!r} and "
            + ", ".join(str(t.type) for t in ts)
        )
    shape = tuple(t.size for t in ts)
    grid = [
        broadcast_to(reshape(t, tuple(-1 if k == j else 1 for k in range(len(ts)))), shape)
        for j, t in enumerate(ts)
    ]
    if indexing == "ij" or len(ts) < 2:
        return [+t for t in grid]
    return [+permute_dims(t, (1, 0, *range(2, len(ts)))) for t in grid]


def _triangle(x: Any, name: str, keep: Any) -> Tensor:
    t = asarray(x)
    if t.ndim < 2:
        raise TypeMismatch(f"{name}: {t.type} is no matrix")
    return where(wrap(own(keep(np.ones(t.shape[-2:], bool)))), t, zeros_like(t))


def tril(x: Any, /, *, k: int = 0) -> Tensor:
    """The lower triangle of the last two axes; zeros above diagonal `k`.

    >>> import wingbeat as wb
    >>> wb.tril([[1, 2], [3, 4]])
    tensor([[1, 0],
            [3, 4]])
    """
    return _triangle(x, "tril", lambda ones: np.tril(ones, k))


def triu(x: Any, /, *, k: int = 0) -> Tensor:
    """The upper triangle of the last two axes; zeros below diagonal `k`.

    >>> import wingbeat as wb
    >>> wb.triu([[1, 2], [3, 4]])
    tensor([[1, 2],
            [0, 4]])
    """
    return _triangle(x, "triu", lambda ones: np.triu(ones, k))


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
