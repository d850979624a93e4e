"""Shapes, joining and cutting, in NumPy's forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wingbeat.api import manipulation
from wingbeat.api.applying import apply
from wingbeat.api.axes import one_axis
from wingbeat.api.promotion import expand
from wingbeat.api.tensor import Tensor, asarray
from wingbeat.errors import NotSupported, TypeMismatch
from wingbeat.ir.node import Node, full
from wingbeat.ops import logic as lo
from wingbeat.ops import shape as sh

m = manipulation


def reshaped(a: Any, shape: Any, order: str) -> Tensor:
    """NumPy's reshape; `order` "F" counts the first axis fastest."""
    if order not in "CFA":
        raise NotSupported(f"np.reshape: order={order!r} is not known here; use 'C' or 'F'")
    if order != "F":
        return m.reshape(a, shape)
    # Never a view, as it seldom is one in NumPy.
    sizes = tuple(reversed(shape)) if isinstance(shape, tuple | list) else shape
    return +m.reshape(asarray(a).T, sizes).T


def at_least(n: int) -> Callable[..., Any]:
    """np.atleast_1d, 2d, 3d."""

    def one(x: Any) -> Tensor:
        t = asarray(x)
        if t.ndim >= n:
            return t
        if n == 3 and t.ndim:
            return t[None, :, None] if t.ndim == 1 else t[:, :, None]
        return m.reshape(t, (*(1,) * (n - t.ndim), *t.shape))

    return lambda *arys: one(arys[0]) if len(arys) == 1 else tuple(one(x) for x in arys)


def rot90(m: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Tensor:
    """`k` quarter turns from the first of `axes` towards the second."""
    t = asarray(m)
    a, b = (one_axis(x, t.ndim, "rot90") for x in axes)
    for _ in range(k % 4):
        t = manipulation.flip(manipulation.moveaxis(t, (a, b), (b, a)), axis=a)
    return t


def joined(arrays: Any, axis: int | None, dtype: Any = None) -> Tensor:
    """np.concatenate."""
    return m.concat([asarray(x, dtype) for x in arrays], axis=axis)


def vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Tensor:
    """Joined along the first axis; vectors are rows."""
    return joined([at_least(2)(x) for x in tup], 0, dtype)


def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Tensor:
    """Joined along the second axis; vectors along their only one."""
    rows = [at_least(1)(x) for x in tup]
    return joined(rows, 0 if rows and rows[0].ndim == 1 else 1, dtype)


def column_stack(tup: Any) -> Tensor:
    """Vectors are columns."""
    columns = [asarray(x) for x in tup]
    return joined([c if c.ndim > 1 else m.reshape(c, (c.size, 1)) for c in columns], 1)


def split(
    ary: Any, indices_or_sections: Any, axis: int = 0, *, uneven: bool = False
) -> list[Tensor]:
    """Parts along an axis: a number of them, or the places where to cut."""
    t = asarray(ary)
    k = one_axis(axis, t.ndim, "split")
    n = t.shape[k]
    cuts = indices_or_sections
    if isinstance(cuts, int | np.integer):
        if cuts < 1 or (n % cuts and not uneven):
            raise TypeMismatch(
                f"np.split: {n} elements along axis {k} do not make {cuts} equal parts"
            )
        sizes: list[Any] = [n // cuts + (j < n % cuts) for j in range(cuts)]
        cuts = np.cumsum(sizes)[:-1].tolist()
    ends = [0, *(int(c) for c in cuts), n]
    lead = (slice(None),) * k
    return [t[(*lead, slice(a, b))] for a, b in zip(ends, [*ends[1:-1], None], strict=False)]


def padded(array: Any, pad_width: Any, mode: str = "constant", constant_values: Any = 0) -> Tensor:
    """A constant put around an array."""
    if mode != "constant" or np.ndim(constant_values):
        raise NotSupported(f"np.pad: mode={mode!r}; here only one constant can be put around")
    t = asarray(array)
    try:
        widths = np.broadcast_to(np.asarray(pad_width, dtype=int), (t.ndim, 2)).tolist()
    except (TypeError, ValueError):
        raise TypeMismatch(f"np.pad: {pad_width!r} gives no widths for {t.type}") from None
    before, after = tuple(w[0] for w in widths), tuple(w[1] for w in widths)
    value = asarray(constant_values, t.dtype)
    return apply(_padded, t, value, before=before, after=after)


def _padded(x: Node, c: Node, *, before: tuple[int, ...], after: tuple[int, ...]) -> Node:
    attrs = {"before": before, "after": after, "between": (0,) * len(before)}
    ones = full(1, sh.like(x.type, x.shape)) if x.type.dtype.kind != "b" else None
    z = sh.pad(x, **attrs)
    if ones is None:
        return z
    return lo.where(lo.equal(sh.pad(ones, **attrs), full(1, z.type)), z, expand(c, z.shape))
