"""Changing the shape of tensors, joining and repeating them.

What NumPy makes a view of its argument is one for `views.viewing` too: writing to it is refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from wingbeat.api.applying import apply, broadcast_shapes, cast_to
from wingbeat.api.axes import count, integer, one_axis, several, sizes
from wingbeat.api.promotion import expand
from wingbeat.api.tensor import Tensor, asarray
from wingbeat.api.views import viewing
from wingbeat.errors import TypeMismatch
from wingbeat.ir.types import promote
from wingbeat.ops import shape as sh


def reshape(x: Any, /, shape: Any, *, copy: bool | None = None) -> Tensor:
    """The same elements, in row-major order, in another shape; one size may be -1.

    The result is a view, unless `copy` is True.

    >>> import wingbeat as wb
    >>> wb.reshape([1, 2, 3, 4], (2, -1))
    tensor([[1, 2],
            [3, 4]])
    """
    t = asarray(x)
    given = shape if isinstance(shape, tuple | list) else (shape,)
    lengths = [integer(n, "reshape", "a size") for n in given]
    if lengths.count(-1) == 1:
        known = math.prod(n for n in lengths if n != -1)
        if not known or t.size % known:
            raise TypeMismatch(
                f"reshape: {t.size} elements of {t.type} do not fill shape {tuple(lengths)}"
            )
        lengths[lengths.index(-1)] = t.size // known
    if math.prod(lengths) != t.size or min(lengths, default=0) < 0:
        raise TypeMismatch(
            f"reshape: {t.size} elements of {t.type} do not fill shape {tuple(lengths)}"
        )
    z = apply(sh.reshape, t, shape=tuple(lengths))
    return z if copy else viewing(z, t)


def permute_dims(x: Any, /, axes: Sequence[int]) -> Tensor:
    """The axes in another order.

    >>> import wingbeat as wb
    >>> wb.permute_dims(wb.zeros((2, 3)), (1, 0)).shape
    (3, 2)
    """
    t = asarray(x)
    if not isinstance(axes, tuple | list):
        raise TypeMismatch(f"permute_dims: axes are a sequence of integers, not {axes!r}")
    perm = tuple(one_axis(a, t.ndim, "permute_dims") for a in axes)
    if sorted(perm) != list(range(t.ndim)):
        raise TypeMismatch(f"permute_dims: {tuple(axes)} names not every axis of {t.type} once")
    return viewing(apply(sh.transpose, t, perm=perm), t)


def moveaxis(x: Any, source: Any, destination: Any, /) -> Tensor:
    """Axes moved to other places.

    >>> import wingbeat as wb
    >>> wb.moveaxis(wb.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    t = asarray(x)
    pair = [v if isinstance(v, tuple | list) else (v,) for v in (source, destination)]
    a, b = ([one_axis(k, t.ndim, "moveaxis") for k in part] for part in pair)
    if len(a) != len(b) or len(set(a)) != len(a) or len(set(b)) != len(b):
        raise TypeMismatch(f"moveaxis: {source} and {destination} must name as many distinct axes")
    order = [k for k in range(t.ndim) if k not in a]
    for place, axis in sorted(zip(b, a, strict=True)):
        order.insert(place, axis)
    return viewing(apply(sh.transpose, t, perm=tuple(order)), t)


def expand_dims(x: Any, /, *, axis: Any = 0) -> Tensor:
    """A new axis of size 1 (or several).

    >>> import wingbeat as wb
    >>> wb.expand_dims([1, 2], axis=1).shape
    (2, 1)
    """
    t = asarray(x)
    count = len(axis) if isinstance(axis, tuple | list) else 1
    axes = several(axis, t.ndim + count, "expand_dims")
    return viewing(apply(sh.reshape, t, shape=sh.insert(t.shape, axes, (1,) * count)), t)


def squeeze(x: Any, /, axis: Any = None) -> Tensor:
    """Without axes of size 1: all of them, or those named.

    >>> import wingbeat as wb
    >>> wb.squeeze([[1, 2]], 0)
    tensor([1, 2])
    """
    t = asarray(x)
    axes = (
        tuple(k for k, n in enumerate(t.shape) if n == 1)
        if axis is None
        else several(axis, t.ndim, "squeeze")
    )
    if any(t.shape[k] != 1 for k in axes):
        raise TypeMismatch(f"squeeze: axis {axis} of {t.type} is not of size 1")
    return viewing(apply(sh.reshape, t, shape=sh.drop(t.shape, axes)), t)


def broadcast_to(x: Any, /, shape: Sequence[int]) -> Tensor:
    """`x` repeated along missing axes and axes of size 1.

    >>> import wingbeat as wb
    >>> wb.broadcast_to([1, 2], (2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    t, wanted = asarray(x), sizes(shape, "broadcast_to")
    fits = len(wanted) >= t.ndim and all(
        a in (1, b) for a, b in zip(reversed(t.shape), reversed(wanted), strict=False)
    )
    if not fits:
        raise TypeMismatch(f"broadcast_to: {t.type} does not broadcast to shape {wanted}")
    return viewing(apply(expand, t, shape=wanted), t)


def broadcast_arrays(*arrays: Any) -> list[Tensor]:
    """All arguments in their common shape, each with its dtype.

    >>> import wingbeat as wb
    >>> [t.shape for t in wb.broadcast_arrays([1, 2], [[3]])]
    [(1, 2), (1, 2)]
    """
    tensors = [asarray(x) for x in arrays]
    shape = broadcast_shapes("broadcast_arrays", *tensors) if tensors else ()
    return [broadcast_to(t, shape) for t in tensors]


def concat(arrays: Sequence[Any], /, *, axis: int | None = 0) -> Tensor:
    """Tensors joined along an existing axis; None flattens them first.

    >>> import wingbeat as wb
    >>> wb.concat([[1, 2], [3]])
    tensor([1, 2, 3])
    """
    tensors = _listed(arrays, "concat")
    dtype = promote(*(t.dtype for t in tensors))
    tensors = [cast_to(t, dtype) for t in tensors]
    if axis is None:
        tensors, axis = [reshape(t, (-1,)) if t.size else reshape(t, (0,)) for t in tensors], 0
    return apply(sh.concatenate, *tensors, axis=one_axis(axis, tensors[0].ndim, "concat"))


def stack(arrays: Sequence[Any], /, *, axis: int = 0) -> Tensor:
    """Tensors of one shape joined along a new axis.

    >>> import wingbeat as wb
    >>> wb.stack([[1, 2], [3, 4]], axis=1)
    tensor([[1, 3],
            [2, 4]])
    """
    tensors = _listed(arrays, "stack")
    if len({t.shape for t in tensors}) > 1:
        raise TypeMismatch(
            f"stack: shapes must be equal: {', '.join(str(t.type) for t in tensors)}"
        )
    k = one_axis(axis, tensors[0].ndim + 1, "stack")
    return concat([expand_dims(t, axis=k) for t in tensors], axis=k)


def _listed(arrays: Any, name: str) -> list[Tensor]:
    """What is to be joined."""
    if not isinstance(arrays, Iterable) or not (tensors := [asarray(x) for x in arrays]):
        raise TypeMismatch(f"{name}: give a sequence of at least one tensor, not {arrays!r}")
    return tensors


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices along an axis, without it.

    >>> import wingbeat as wb
    >>> wb.unstack([[1, 2], [3, 4]])
    (tensor([1, 2]), tensor([3, 4]))
    """
    t = asarray(x)
    t = moveaxis(t, one_axis(axis, t.ndim, "unstack"), 0)
    return tuple(t[k] for k in range(t.shape[0]))


def flip(x: Any, /, *, axis: Any = None) -> Tensor:
    """The order of elements reversed along all axes, or those named.

    >>> import wingbeat as wb
    >>> wb.flip([1, 2, 3])
    tensor([3, 2, 1])
    """
    t = asarray(x)
    return viewing(apply(sh.flip, t, axes=several(axis, t.ndim, "flip")), t)


def roll(x: Any, /, shift: Any, *, axis: Any = None) -> Tensor:
    """Elements moved on by `shift` places, those at the end to the front.

    >>> import wingbeat as wb
    >>> wb.roll([1, 2, 3], 1)
    tensor([3, 1, 2])
    """
    t = asarray(x)
    if axis is None:
        return reshape(roll(reshape(t, (t.size,)), shift, axis=0), t.shape)
    t = +t
    axes = axis if isinstance(axis, tuple | list) else (axis,)
    shifts = shift if isinstance(shift, tuple | list) else (shift,) * len(axes)
    if len(shifts) != len(axes):
        raise TypeMismatch(f"roll: {len(shifts)} shifts cannot be made along {len(axes)} axes")
    for k, by in zip(axes, shifts, strict=True):
        k, by = one_axis(k, t.ndim, "roll"), integer(by, "roll", "a shift")
        n = t.shape[k]
        if n and by % n:
            cut = n - by % n
            lead = (slice(None),) * k
            t = concat([t[(*lead, slice(cut, None))], t[(*lead, slice(0, cut))]], axis=k)
    return t


def tile(x: Any, repetitions: Sequence[int], /) -> Tensor:
    """`x` repeated as a whole along each axis.

    >>> import wingbeat as wb
    >>> wb.tile([1, 2], (2,))
    tensor([1, 2, 1, 2])
    """
    t = asarray(x)
    times = [count(r, "tile", "a number of repetitions") for r in repetitions]
    n = max(t.ndim, len(times))
    counts = (*(1,) * (n - len(times)), *times)
    shape = (*(1,) * (n - t.ndim), *t.shape)
    pairs = [k for r, s in zip(counts, shape, strict=True) for k in (r, s)]
    spread = [k for s in shape for k in (1, s)]
    whole = [r * s for r, s in zip(counts, shape, strict=True)]
    return reshape(broadcast_to(reshape(t, spread), pairs), whole, copy=True)


def repeat(x: Any, repeats: Any, /, *, axis: int | None = None) -> Tensor:
    """Every element repeated `repeats` times along an axis: a number, or one for each element.

    >>> import wingbeat as wb
    >>> wb.repeat([1, 2], 2)
    tensor([1, 1, 2, 2])
    """
    t = asarray(x)
    if axis is None:
        t, axis = reshape(t, (t.size,)), 0
    k = one_axis(axis, t.ndim, "repeat")
    counts = asarray(repeats)
    if counts.dtype.kind not in "iu" or counts.shape not in ((), (1,), (t.shape[k],)):
        raise TypeMismatch(
            f"repeat: an integer, or one for each of {t.shape[k]} elements, not {counts.type}"
        )
    if counts.size and counts.numpy().min() < 0:
        raise TypeMismatch(f"repeat: nothing can be repeated {counts.numpy().min()} times")
    if counts.size != 1:
        places = np.repeat(np.arange(t.shape[k]), counts.numpy())
        return t[(*(slice(None),) * k, places)]
    repeats = int(counts)
    wide = (*t.shape[: k + 1], repeats, *t.shape[k + 1 :])
    joined = (*t.shape[:k], t.shape[k] * repeats, *t.shape[k + 1 :])
    return reshape(broadcast_to(expand_dims(t, axis=k + 1), wide), joined, copy=True)


def diff(
    x: Any, /, *, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None
) -> Tensor:
    """The differences of neighbours along `axis`, `n` times over.

    >>> import wingbeat as wb
    >>> wb.diff([1.0, 4.0, 9.0])
    tensor([3., 5.])
    """
    t = asarray(x)
    k = one_axis(axis, t.ndim, "diff")
    if n < 0:
        raise TypeMismatch(f"diff: n counts how often differences are taken; it cannot be {n}")
    ends = [None if e is None else _edge(asarray(e), t, k) for e in (prepend, append)]
    parts = [p for p in (ends[0], t, ends[1]) if p is not None]
    t = concat(parts, axis=k) if len(parts) > 1 else +t
    lead = (slice(None),) * k
    for _ in range(n):
        after, before = t[(*lead, slice(1, None))], t[(*lead, slice(None, -1))]
        t = after != before if t.dtype.kind == "b" else after - before
    return t


def _edge(e: Tensor, t: Tensor, axis: int) -> Tensor:
    """What `diff` puts before or behind: a number stands for one slice of it."""
    if e.ndim:
        return e
    return broadcast_to(e, tuple(1 if k == axis else n for k, n in enumerate(t.shape)))


__all__ = [
    "broadcast_arrays",
    "broadcast_to",
    "concat",
    "diff",
    "expand_dims",
    "flip",
    "moveaxis",
    "permute_dims",
    "repeat",
    "reshape",
    "roll",
    "squeeze",
    "stack",
    "tile",
    "unstack",
]
