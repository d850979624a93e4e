"""NumPy's indexing: slices, integers, None, Ellipsis, integer and boolean arrays; and `x[i] = v`.

A key is brought into one form: the plain part (integers, slices, new axes) becomes slice, flip and reshape;
index arrays become one line of positions that gather reads, or that `x[i] = v` writes.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from wingbeat.api.axes import one_axis
from wingbeat.api.tensor import (
    Tensor,
    asarray,
    broadcast_shapes,
    cast_to,
    apply,
    expand,
    site,
)
from wingbeat.errors import OutOfRange, TypeMismatch
from wingbeat.ir.node import Node, full, quote
from wingbeat.ir.types import as_dtype, tensor_type
from wingbeat.ops import arithmetic as ar
from wingbeat.ops import logic as lo
from wingbeat.ops import shape as sh
from wingbeat.ops.index import gather, last_writer


@dataclass(frozen=True)
class Plain:
    """Slices of every axis, then flips, then a reshape that drops and adds axes."""

    start: tuple[int, ...]
    stop: tuple[int, ...]
    step: tuple[int, ...]
    flips: tuple[int, ...]
    shape: tuple[int, ...]


def get(x: Tensor, key: Any) -> Tensor:
    """`x[key]`."""
    parts = _expanded(x, key)
    arrays = [p for p in parts if isinstance(p, Tensor)]
    plain = _plain(x, parts)
    y = x if _is_whole(plain, x) else apply(_take, x, plain=plain)
    if not arrays:
        return y
    axes, lead = _array_axes(parts)
    return _gather(y, axes, arrays, lead)


def put(x: Tensor, key: Any, value: Tensor) -> Tensor:
    """`x` after `x[key] = value`."""
    value = cast_to(value, x.dtype)
    target = get(_numbered(x), key)  # which element of x stands at each place of x[key]
    if value.shape != target.shape:
        wanted = target.shape
        try:
            fits = np.broadcast_shapes(value.shape, wanted) == wanted
        except ValueError:
            fits = False
        if not fits:
            raise TypeMismatch(_located(f"cannot put {value.type} into a place of shape {wanted}"))
        value = apply(expand, value, shape=wanted)
    return apply(_written, x, target, value)


def _written(x: Node, i: Node, v: Node) -> Node:
    count, size = v.type.size, x.type.size
    if not count:
        return x
    positions = sh.reshape(i, shape=(count,))
    writer = last_writer(positions, size=size, batch=0)
    taken = lo.less(writer, full(0, writer.type))
    source = ar.maximum(writer, full(0, writer.type))
    written = gather(sh.reshape(v, shape=(count,)), source, batch=0)
    return sh.reshape(lo.where(taken, sh.reshape(x, shape=(size,)), written), shape=x.shape)


def _numbered(x: Tensor) -> Tensor:
    """The position of each element of `x` in row-major order."""
    line = np.arange(x.size)
    line.flags.writeable = False
    return asarray(line.reshape(x.shape))


# --- reading a key -----------------------------------------------------------------------------------


def _located(text: str) -> str:
    at = site()
    return f"{text}\n  {quote(at)}" if at else text


def _expanded(x: Tensor, key: Any) -> list[Any]:
    """One entry per axis (int, slice or integer Tensor) and None for each new axis."""
    parts = list(key) if isinstance(key, tuple) else [key]
    parts = [q for p in parts for q in _entry(p)]
    used = sum(1 for p in parts if p is not None and p is not Ellipsis)
    dots = [k for k, p in enumerate(parts) if p is Ellipsis]
    if len(dots) > 1:
        raise TypeMismatch(_located("an index can hold one Ellipsis only"))
    if used > x.ndim:
        raise OutOfRange(_located(f"{used} indices for {x.type}, which has {x.ndim} axes"))
    rest: list[Any] = [slice(None)] * (x.ndim - used)
    k = dots[0] if dots else len(parts)
    parts = [*parts[:k], *rest, *parts[k + 1 :]]
    sizes = iter(x.shape)
    masks = [p for p in parts if isinstance(p, _Mask)]
    if masks:
        axis = 0
        for p in parts:
            if isinstance(p, _Mask) and p.size not in (x.shape[axis], None):
                raise OutOfRange(
                    _located(f"a mask of size {p.size} does not fit axis {axis} of {x.type}")
                )
            axis += p is not None
    return [p if p is None else _checked(p, next(sizes)) for p in parts]


@dataclass(frozen=True)
class _Mask:
    """One axis of a boolean index: the positions where it is true."""

    positions: Tensor
    size: int | None


def _entry(p: Any) -> list[Any]:
    if p is None or p is Ellipsis or isinstance(p, slice):
        return [p]
    if isinstance(p, bool | np.bool_):
        raise TypeMismatch(_located("True and False are no indices; use a boolean array"))
    if isinstance(p, int | np.integer):
        return [int(p)]
    if not isinstance(p, Tensor | np.ndarray | list | tuple | range):
        raise TypeMismatch(
            _located(f"an index is an integer, slice, None, ... or array, not {type(p).__name__}")
        )
    t = asarray(
        np.asarray(p, dtype=np.int64) if isinstance(p, list | tuple | range) and not len(p) else p
    )
    if t.dtype.kind == "b":
        # Which elements are true decides the shape of the result, so the mask is evaluated here.
        found = np.nonzero(np.atleast_1d(t.numpy()))
        return [_Mask(asarray(k), n) for k, n in zip(found, t.shape or (1,), strict=True)]
    if t.dtype.kind not in "iu":
        raise TypeMismatch(_located(f"index arrays hold integers or booleans, not {t.type}"))
    return [t]


def _checked(p: Any, n: int) -> Any:
    if isinstance(p, _Mask):
        return p.positions
    if isinstance(p, int):
        if not -n <= p < n:
            raise OutOfRange(_located(f"index {p} is outside an axis of size {n}"))
        return p % n
    if isinstance(p, Tensor):
        return _nonnegative(p, n)
    return p


def _nonnegative(i: Tensor, n: int) -> Tensor:
    """Negative positions count from the end; positions outside the axis are found when they are used."""
    if i._value is not None and not i._flags:
        value = np.asarray(i._value).astype(np.int64)
        if value.size and not (-n <= value.min() and value.max() < n):
            worst = value.max() if value.max() >= n else value.min()
            raise OutOfRange(_located(f"index {worst} is outside an axis of size {n}"))
        return asarray(np.where(value < 0, value + n, value))
    i = cast_to(i, as_dtype("int64"))
    return apply(_wrapped, i, size=n)


def _wrapped(i: Node, *, size: int) -> Node:
    return lo.where(lo.less(i, full(0, i.type)), i + size, i)


# --- the plain part ------------------------------------------------------------------------------------


def _bounds(p: Any, n: int) -> tuple[int, int, int, bool]:
    """start, stop, step > 0 and whether to flip, for one axis."""
    if isinstance(p, int):
        return p, p + 1, 1, False
    if not isinstance(p, slice):
        return 0, n, 1, False
    try:
        begin, end, step = p.indices(n)
    except (TypeError, ValueError) as error:
        raise TypeMismatch(_located(f"{p} is no slice of an axis of size {n}: {error}")) from None
    count = len(range(begin, end, step))
    if step > 0:
        return (begin, begin + (count - 1) * step + 1, step, False) if count else (0, 0, 1, False)
    return (begin + (count - 1) * step, begin + 1, -step, True) if count else (0, 0, 1, False)


def _plain(x: Tensor, parts: list[Any]) -> Plain:
    axes = [p for p in parts if p is not None]
    bounds = [_bounds(p, n) for p, n in zip(axes, x.shape, strict=True)]
    sizes = iter([-(-(b - a) // s) for a, b, s, _ in bounds])
    shape: list[int] = []
    for p in parts:
        n = 1 if p is None else next(sizes)
        if not isinstance(p, int):
            shape.append(n)
    return Plain(
        tuple(b[0] for b in bounds),
        tuple(b[1] for b in bounds),
        tuple(b[2] for b in bounds),
        tuple(k for k, b in enumerate(bounds) if b[3]),
        tuple(shape),
    )


def _is_whole(plain: Plain, x: Tensor) -> bool:
    whole = plain.stop == x.shape and not any(plain.start) and set(plain.step) <= {1}
    return whole and not plain.flips and plain.shape == x.shape


def _take(x: Node, plain: Plain) -> Node:
    x = sh.slice(x, start=plain.start, stop=plain.stop, step=plain.step)
    if plain.flips:
        x = sh.flip(x, axes=plain.flips)
    return sh.reshape(x, shape=plain.shape)


# --- index arrays -----------------------------------------------------------------------------------------


def _array_axes(parts: list[Any]) -> tuple[tuple[int, ...], bool]:
    """Which axes (integers already dropped) carry arrays, and whether their result goes to the front.

    As in NumPy: it does where a slice or a new axis stands between them, integers counting as arrays.
    """
    kinds = ["a" if isinstance(p, Tensor | int) else "s" for p in parts]
    inside = "".join(kinds).strip("s")
    kept = [p for p in parts if not isinstance(p, int)]
    return tuple(k for k, p in enumerate(kept) if isinstance(p, Tensor)), "s" in inside


def _gather(x: Tensor, axes: tuple[int, ...], arrays: list[Tensor], lead: bool) -> Tensor:
    try:
        shape = broadcast_shapes("indexing", *arrays)
    except TypeMismatch:
        got = ", ".join(str(a.shape) for a in arrays)
        raise OutOfRange(_located(f"index arrays of shapes {got} do not broadcast")) from None
    place = 0 if lead else axes[0]
    return apply(_gathered, x, *arrays, axes=axes, shape=shape, place=place)


def _gathered(
    x: Node, *arrays: Node, axes: tuple[int, ...], shape: tuple[int, ...], place: int
) -> Node:
    """The elements at positions along `axes`, which come to stand as axes of `shape` at `place`."""
    rest = tuple(k for k in range(len(x.shape)) if k not in axes)
    sizes = tuple(x.shape[a] for a in axes)
    flat = full(0, tensor_type(shape, "int64"))
    # Range checks happen per axis: a flat position alone could hide one that is too large.
    for n, array in zip(sizes, arrays, strict=True):
        flat = flat * n + _in_range(expand(array, shape), n)
    front = sh.transpose(x, perm=(*axes, *rest))
    tail = front.shape[len(axes) :]
    rows = sh.reshape(front, shape=(math.prod(sizes), *tail))
    z = gather(rows, sh.reshape(flat, shape=(math.prod(shape),)), batch=0)
    z = sh.reshape(z, shape=(*shape, *tail))
    k = len(shape)
    return sh.transpose(z, perm=(*range(k, k + place), *range(k), *range(k + place, len(z.shape))))


def _in_range(i: Node, n: int) -> Node:
    """Positions outside 0 ... n - 1 become -1 ... below every axis, which gather refuses."""
    outside = lo.logical_or(lo.less(i, full(0, i.type)), lo.greater_equal(i, full(n, i.type)))
    return lo.where(outside, full(-(2**40), i.type), i)


# --- functions of the standard ----------------------------------------------------------------------------


def take(x: Any, indices: Any, /, *, axis: int | None = None) -> Tensor:
    """The elements of `x` at `indices` along an axis, which a vector need not name.

    >>> import wingbeat as wb
    >>> wb.take([10.0, 20.0, 30.0], [2, 0])
    tensor([30., 10.])
    """
    t = asarray(x)
    if axis is None and t.ndim != 1:
        raise TypeMismatch(f"take: name the axis of {t.type}")
    k = one_axis(axis or 0, t.ndim, "take")
    return t[(*(slice(None),) * k, asarray(indices))]


def take_along_axis(x: Any, indices: Any, /, *, axis: int = -1) -> Tensor:
    """z[..., k, ...] = x[..., indices[..., k, ...], ...]: one position per element.

    >>> import wingbeat as wb
    >>> wb.take_along_axis([[1.0, 2.0], [3.0, 4.0]], [[1], [0]], axis=1)
    tensor([[2.],
            [3.]])
    """
    t, i = asarray(x), asarray(indices)
    k = one_axis(axis, t.ndim, "take_along_axis")
    if i.ndim != t.ndim:
        raise TypeMismatch(f"take_along_axis: {i.type} must have the rank of {t.type}")
    key = [
        i if j == k else asarray(np.arange(n).reshape([-1 if m == j else 1 for m in range(t.ndim)]))
        for j, n in enumerate(t.shape)
    ]
    return t[tuple(key)]


def nonzero(x: Any, /) -> tuple[Tensor, ...]:
    """The positions of the elements that are not 0, one tensor per axis; evaluates `x`.

    >>> import wingbeat as wb
    >>> wb.nonzero([0, 5, 6])
    (tensor([1, 2]),)
    """
    return tuple(asarray(k) for k in np.nonzero(asarray(x).numpy()))
