"""Keys of `x[key]`: what users write, brought into one form and checked."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np

from wingbeat.api.applying import apply, cast_to
from wingbeat.api.promotion import common_shape
from wingbeat.api.sites import site
from wingbeat.api.tensor import Tensor, asarray
from wingbeat.api.tracing import branched
from wingbeat.errors import OutOfRange, TypeMismatch
from wingbeat.ir.node import Node, full, quote
from wingbeat.ir.types import as_dtype
from wingbeat.ops import arithmetic as ar
from wingbeat.ops import logic as lo
from wingbeat.ops.shape import drop


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
        rest = drop(self.plain.shape, self.axes)
        return (*rest[: self.place], *self.common, *rest[self.place :])


# -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mask:
    """One axis of a boolean index: the positions where it is true."""

    positions: Tensor
    size: int


def parsed(x: Tensor, key: Any) -> tuple[Key, list[Tensor]]:
    """The key in one form, and the arrays that it needs."""
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
        raise OutOfRange(located(str(error))) from None
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
        raise TypeMismatch(located("an index can hold one Ellipsis only"))
    if used > x.ndim:
        raise OutOfRange(located(f"{used} indices for {x.type}, which has {x.ndim} axes"))
    rest: list[Any] = [slice(None)] * (x.ndim - used)
    k = dots[0] if dots else len(parts)
    return [*parts[:k], *rest, *parts[k + 1 :]]


def _entry(p: Any) -> list[Any]:
    """The entries that one part of a key stands for: a mask has one per axis of its own."""
    if p is None or p is Ellipsis or isinstance(p, slice):
        return [p]
    if isinstance(p, bool | np.bool_):
        raise TypeMismatch(located("True and False are no indices; use a boolean array"))
    if isinstance(p, Tensor | np.ndarray | list | tuple | range):
        return _array_entry(p)
    try:
        return [operator.index(p)]
    except TypeError:
        raise TypeMismatch(
            located(f"an index is an integer, slice, None, ... or array, not {type(p).__name__}")
        ) from None


def _array_entry(p: Any) -> list[Any]:
    empty = isinstance(p, list | tuple | range) and np.size(p) == 0  # NumPy reads [] as float64
    try:
        t = asarray(np.asarray(p, dtype=np.int64) if empty else p)
    except TypeMismatch as error:
        raise TypeMismatch(located(f"an index array holds integers or booleans: {error}")) from None
    if t.dtype.kind not in "biu":
        raise TypeMismatch(located(f"index arrays hold integers or booleans, not {t.type}"))
    if t.dtype.kind != "b":
        return [t]
    if not t.ndim:
        raise TypeMismatch(located("True and False are no indices; use a boolean array"))
    # Which elements are true decides the shape of the result, so the mask is evaluated here.
    branched(t)
    return [Mask(asarray(k), n) for k, n in zip(np.nonzero(t.numpy()), t.shape, strict=True)]


def _checked(p: Any, n: int) -> Any:
    """An entry that fits an axis of size `n`; positions count from the front."""
    if isinstance(p, Mask):
        if p.size != n:
            raise OutOfRange(located(f"a mask of size {p.size} does not fit an axis of size {n}"))
        return p.positions
    if isinstance(p, int):
        if not -n <= p < n:
            raise OutOfRange(located(f"index {p} is outside an axis of size {n}"))
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
        raise OutOfRange(located(f"index {worst} is outside an axis of size {n}"))
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
        raise TypeMismatch(located(f"{p} is no slice of an axis of size {n}: {error}")) from None
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


def _wrapped(i: Node, *, size: int) -> Node:
    """Negative positions count from the end."""
    i = ar.cast(i, dtype="int64")
    return lo.where(lo.less(i, full(0, i.type)), i + size, i)


def located(text: str) -> str:
    """An error's text with the user's line."""
    at = site()
    return f"{text}\n  {quote(at)}" if at else text
