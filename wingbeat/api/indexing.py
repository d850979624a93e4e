"""NumPy's indexing: slices, integers, None, Ellipsis, integer and boolean arrays; and `x[i] = v`.

A key is brought into one form: the plain part (integers, slices, new axes) becomes slice, flip and
reshape; index arrays become one line of positions that gather reads, or that `x[i] = v` writes.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import Any

import numpy as np

from wingbeat.api.axes import one_axis
from wingbeat.api.promotion import common_shape, expand
from wingbeat.api.tensor import Tensor, apply, asarray, cast_to, site
from wingbeat.errors import OutOfRange, TypeMismatch
from wingbeat.ir.node import Node, full, quote
from wingbeat.ir.types import SHORT, as_dtype, tensor_type
from wingbeat.ops import arithmetic as ar
from wingbeat.ops import logic as lo
from wingbeat.ops import shape as sh
from wingbeat.ops.create import iota
from wingbeat.ops.index import gather, last_writer


@dataclass(frozen=True)
class Plain:
    """Slices of every axis, then flips, then a reshape that drops and adds axes."""

    start: tuple[int, ...]
    stop: tuple[int, ...]
    step: tuple[int, ...]
    flips: tuple[int, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Key:
    """What a key does to a tensor of one type; the index arrays themselves are operands.

    After the plain part, `axes` are indexed by arrays that broadcast to `common`, and the axes of
    `common` come to stand at `place`. `lazy` says which arrays are not checked before the graph
    runs.
    """

    plain: Plain
    axes: tuple[int, ...]
    common: tuple[int, ...]
    place: int
    lazy: tuple[bool, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of what is read or written."""
        if not self.axes:
            return self.plain.shape
        rest = sh.drop(self.plain.shape, self.axes)
        return (*rest[: self.place], *self.common, *rest[self.place :])


def get(x: Tensor, key: Any) -> Tensor:
    """`x[key]`."""
    found, arrays = _parsed(x, key)
    z = apply(_read, x, *arrays, key=found)
    if not arrays:
        z._sliced = True
    return z


def put(x: Tensor, key: Any, value: Any) -> Tensor:
    """`x` after `x[key] = value`."""
    found, arrays = _parsed(x, key)
    v = _fitting(x, value, found.shape)
    return apply(_written, x, v, *arrays, key=found)


def _fitting(x: Tensor, value: Any, shape: tuple[int, ...]) -> Tensor:
    """`value` in the dtype of `x`, without leading axes of size 1, which NumPy drops here."""
    if type(value) is int and x.dtype.kind in "iu":
        info = np.iinfo(x.dtype)
        if not info.min <= value <= info.max:
            raise TypeMismatch(_located(f"the number {value} does not fit into {SHORT[x.dtype]}"))
    v = cast_to(asarray(value), x.dtype)
    extra = max(v.ndim - len(shape), 0)
    short = v.shape[extra:]
    pairs = zip(reversed(short), reversed(shape), strict=False)
    if any(n != 1 for n in v.shape[:extra]) or any(a not in (1, b) for a, b in pairs):
        raise TypeMismatch(_located(f"cannot put {v.type} into a place of shape {shape}"))
    return apply(sh.reshape, v, shape=short) if extra else v


def _located(text: str) -> str:
    at = site()
    return f"{text}\n  {quote(at)}" if at else text


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


def _wrapped(i: Node, *, size: int) -> Node:
    """Negative positions count from the end."""
    i = ar.cast(i, dtype="int64")
    return lo.where(lo.less(i, full(0, i.type)), i + size, i)


# --- reading a key
# -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mask:
    """One axis of a boolean index: the positions where it is true."""

    positions: Tensor
    size: int


def _parsed(x: Tensor, key: Any) -> tuple[Key, list[Tensor]]:
    entries = [q for p in (key if isinstance(key, tuple) else (key,)) for q in _entry(p)]
    parts = _expanded(x, entries)
    sizes = iter(x.shape)
    parts = [p if p is None else _checked(p, next(sizes)) for p in parts]
    plain = _plain(x, parts)
    arrays = [p for p in parts if isinstance(p, Tensor)]
    if not arrays:
        return Key(plain, (), (), 0, ()), []
    kept = [p for p in parts if not isinstance(p, int)]
    axes = tuple(k for k, p in enumerate(kept) if isinstance(p, Tensor))
    try:
        common = common_shape("index arrays", [a.type for a in arrays])
    except TypeMismatch as error:
        raise OutOfRange(_located(str(error))) from None
    lazy = tuple(a._value is None or bool(a._flags) for a in arrays)
    return Key(plain, axes, common, 0 if _divided(entries) else axes[0], lazy), arrays


def _divided(entries: list[Any]) -> bool:
    """Whether a slice, a new axis or an Ellipsis stands between arrays (or integers).

    As in NumPy, the axes of the arrays then go to the front.
    """
    kinds = ["a" if isinstance(p, Tensor | Mask | int) else "s" for p in entries]
    return "s" in "".join(kinds).strip("s")


def _expanded(x: Tensor, parts: list[Any]) -> list[Any]:
    """One entry per axis (int, slice, Mask or integer Tensor) and None for each new axis."""
    used = sum(1 for p in parts if p is not None and p is not Ellipsis)
    dots = [k for k, p in enumerate(parts) if p is Ellipsis]
    if len(dots) > 1:
        raise TypeMismatch(_located("an index can hold one Ellipsis only"))
    if used > x.ndim:
        raise OutOfRange(_located(f"{used} indices for {x.type}, which has {x.ndim} axes"))
    rest: list[Any] = [slice(None)] * (x.ndim - used)
    k = dots[0] if dots else len(parts)
    return [*parts[:k], *rest, *parts[k + 1 :]]


def _entry(p: Any) -> list[Any]:
    """The entries that one part of a key stands for: a mask has one per axis of its own."""
    if p is None or p is Ellipsis or isinstance(p, slice):
        return [p]
    if isinstance(p, bool | np.bool_):
        raise TypeMismatch(_located("True and False are no indices; use a boolean array"))
    if isinstance(p, Tensor | np.ndarray | list | tuple | range):
        return _array_entry(p)
    try:
        return [operator.index(p)]
    except TypeError:
        raise TypeMismatch(
            _located(f"an index is an integer, slice, None, ... or array, not {type(p).__name__}")
        ) from None


def _array_entry(p: Any) -> list[Any]:
    empty = isinstance(p, list | tuple | range) and np.size(p) == 0  # NumPy reads [] as float64
    try:
        t = asarray(np.asarray(p, dtype=np.int64) if empty else p)
    except TypeMismatch as error:
        raise TypeMismatch(
            _located(f"an index array holds integers or booleans: {error}")
        ) from None
    if t.dtype.kind not in "biu":
        raise TypeMismatch(_located(f"index arrays hold integers or booleans, not {t.type}"))
    if t.dtype.kind != "b":
        return [t]
    if not t.ndim:
        raise TypeMismatch(_located("True and False are no indices; use a boolean array"))
    # Which elements are true decides the shape of the result, so the mask is evaluated here.
    return [Mask(asarray(k), n) for k, n in zip(np.nonzero(t.numpy()), t.shape, strict=True)]


def _checked(p: Any, n: int) -> Any:
    """An entry that fits an axis of size `n`; positions count from the front."""
    if isinstance(p, Mask):
        if p.size != n:
            raise OutOfRange(_located(f"a mask of size {p.size} does not fit an axis of size {n}"))
        return p.positions
    if isinstance(p, int):
        if not -n <= p < n:
            raise OutOfRange(_located(f"index {p} is outside an axis of size {n}"))
        return p % n
    return _nonnegative(p, n) if isinstance(p, Tensor) else p


def _nonnegative(i: Tensor, n: int) -> Tensor:
    """Positions that are known are checked here; the others when they are used."""
    if i._value is None or i._flags:
        return apply(_wrapped, i, size=n)
    value = i._value
    if not value.size:
        return cast_to(i, as_dtype("int64"))
    low, high = int(value.min()), int(value.max())
    if not -n <= low <= high < n:
        worst = high if high >= n else low
        raise OutOfRange(_located(f"index {worst} is outside an axis of size {n}"))
    value = value.astype(np.int64, copy=False)
    return asarray(np.where(value < 0, value + n, value)) if low < 0 else asarray(value)


# --- the plain part
# ------------------------------------------------------------------------------------


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
    return tuple(asarray(k) for k in np.nonzero(asarray(x).numpy()))
