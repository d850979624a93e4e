"""NumPy's indexing: slices, integers, None, Ellipsis, integer and boolean arrays; and `x[i] = v`.

A key is brought into one form: the plain part (integers, slices, new axes) becomes slice, flip and
reshape; index arrays become one line of positions that gather reads, or that `x[i] = v` writes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from wingbeat.api.applying import apply, cast_to
from wingbeat.api.axes import one_axis
from wingbeat.api.keys import Key, Plain, located, parsed
from wingbeat.api.promotion import expand
from wingbeat.api.tensor import Tensor, asarray
from wingbeat.api.tracing import ABSTRACT, branched, state
from wingbeat.api.views import check_writable, rebind, viewing
from wingbeat.errors import NoValue, TypeMismatch
from wingbeat.ir.node import Node, full
from wingbeat.ir.types import SHORT, tensor_type
from wingbeat.ops import arithmetic as ar
from wingbeat.ops import logic as lo
from wingbeat.ops import shape as sh
from wingbeat.ops.create import iota
from wingbeat.ops.index import gather, last_writer


def get(x: Tensor, key: Any) -> Tensor:
    """`x[key]`."""
    found, arrays = parsed(x, key)
    z = apply(_read, x, *arrays, key=found)
    return z if arrays else viewing(z, x)


def put(x: Tensor, key: Any, value: Any) -> None:
    """`x[key] = value`: the name `x` gets another value."""
    check_writable(x)
    found, arrays = parsed(x, key)
    v = _fitting(x, value, found.shape)
    rebind(x, apply(_written, x, v, *arrays, key=found))


def _fitting(x: Tensor, value: Any, shape: tuple[int, ...]) -> Tensor:
    """`value` in the dtype of `x`, without leading axes of size 1, which NumPy drops here."""
    if type(value) is int and x.dtype.kind in "iu":
        info = np.iinfo(x.dtype)
        if not info.min <= value <= info.max:
            raise TypeMismatch(located(f"the number {value} does not fit into {SHORT[x.dtype]}"))
    v = cast_to(asarray(value), x.dtype)
    extra = max(v.ndim - len(shape), 0)
    short = v.shape[extra:]
    pairs = zip(reversed(short), reversed(shape), strict=False)
    if any(n != 1 for n in v.shape[:extra]) or any(a not in (1, b) for a, b in pairs):
        raise TypeMismatch(located(f"cannot put {v.type} into a place of shape {shape}"))
    return apply(sh.reshape, v, shape=short) if extra else v


# --- on nodes
# --------------------------------------------------------------------------------------


def _read(x: Node, *arrays: Node, key: Key) -> Node:
    y = _sliced(x, key.plain)
    return _gathered(y, arrays, key) if arrays else y


def _written(x: Node, v: Node, *arrays: Node, key: Key) -> Node:
    v = expand(v, key.shape)
    if not v.type.size:
        return x
    if not arrays:
        here = _unsliced(full(1, tensor_type(v.shape, "int8")), x, key.plain)
        return lo.where(lo.greater(here, full(0, here.type)), _unsliced(v, x, key.plain), x)
    count, size = v.type.size, x.type.size
    # Which element of x stands at each place of x[key], and which element of v writes it last.
    numbered = sh.reshape(iota(axis=0, shape=(size,), dtype="int64"), shape=x.shape)
    positions = sh.reshape(_read(numbered, *arrays, key=key), shape=(count,))
    writer = last_writer(positions, size=size, batch=0)
    none = full(0, writer.type)
    written = gather(sh.reshape(v, shape=(count,)), ar.maximum(writer, none), batch=0)
    kept = sh.reshape(x, shape=(size,))
    return sh.reshape(lo.where(lo.less(writer, none), kept, written), shape=x.shape)


def _sliced(x: Node, plain: Plain) -> Node:
    if plain.stop != x.shape or any(plain.start) or any(k != 1 for k in plain.step):
        x = sh.slice(x, start=plain.start, stop=plain.stop, step=plain.step)
    if plain.flips:
        x = sh.flip(x, axes=plain.flips)
    return x if x.shape == plain.shape else sh.reshape(x, shape=plain.shape)


def _unsliced(v: Node, x: Node, plain: Plain) -> Node:
    """The elements of `v` where `_sliced` reads them from `x`, and zeros elsewhere."""
    sizes = tuple(len(range(*s)) for s in zip(plain.start, plain.stop, plain.step, strict=True))
    v = sh.reshape(v, shape=sizes)
    if plain.flips:
        v = sh.flip(v, axes=plain.flips)
    after = tuple(n - stop for n, stop in zip(x.shape, plain.stop, strict=True))
    return sh.pad(v, before=plain.start, after=after, between=tuple(k - 1 for k in plain.step))


def _gathered(x: Node, arrays: tuple[Node, ...], key: Key) -> Node:
    """The elements at positions along `axes`, which become axes of `common` at `place`."""
    rest = tuple(k for k in range(len(x.shape)) if k not in key.axes)
    sizes = tuple(x.shape[a] for a in key.axes)
    checks = key.lazy if len(sizes) > 1 else (False,)  # gather itself checks a single axis
    flat: Node | None = None
    for n, i, check in zip(sizes, arrays, checks, strict=True):
        i = expand(_in_range(i, n) if check else i, key.common)
        flat = i if flat is None else flat * n + i
    assert flat is not None
    front = sh.transpose(x, perm=(*key.axes, *rest))
    tail = front.shape[len(sizes) :]
    rows = sh.reshape(front, shape=(math.prod(sizes), *tail))
    z = gather(rows, sh.reshape(flat, shape=(math.prod(key.common),)), batch=0)
    z = sh.reshape(z, shape=(*key.common, *tail))
    k, place = len(key.common), key.place
    return sh.transpose(z, perm=(*range(k, k + place), *range(k), *range(k + place, len(z.shape))))


def _in_range(i: Node, n: int) -> Node:
    """Positions outside 0 ... n - 1 become so negative that gather refuses every sum with them."""
    outside = lo.logical_or(lo.less(i, full(0, i.type)), lo.greater_equal(i, full(n, i.type)))
    return lo.where(outside, full(-(2**62), i.type), i)


# --- functions of the standard
# ----------------------------------------------------------------------------


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
    t = asarray(x)
    if state.active:
        branched(t if t.dtype.kind == "b" else t != 0)
    return tuple(asarray(k) for k in np.nonzero(deciding_shape(t, "nonzero")))


def deciding_shape(t: Tensor, name: str) -> Any:
    """The value of `t`, which decides the shape of what the function `name` returns."""
    if t._flags & ABSTRACT:
        raise NoValue(
            located(
                f"{name}: inside vmap, how many elements are found in {t.type} differs from "
                f"example to example, so the result has no one shape; call {name} outside vmap, "
                "or use wb.sort or wb.where, which keep the shape"
            )
        )
    return t.numpy()
