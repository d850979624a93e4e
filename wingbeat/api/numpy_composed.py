"""Functions that NumPy has and the Array API standard has not, or has in another form."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

from wingbeat.api import creation, elementwise, linalg, manipulation, sorting, statistics
from wingbeat.api.axes import one_axis, several
from wingbeat.api.promotion import expand
from wingbeat.api.tensor import Tensor, apply, asarray
from wingbeat.errors import NotSupported, TypeMismatch
from wingbeat.ir.node import Node, full
from wingbeat.ops import logic as lo
from wingbeat.ops import shape as sh

m, e, s = manipulation, elementwise, statistics


# --- reductions ----------------------------------------------------------------------------------


def ptp(a: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The largest element less the smallest."""
    return s.max(a, axis=axis, keepdims=keepdims) - s.min(a, axis=axis, keepdims=keepdims)


def nansum(a: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The sum of what is not NaN."""
    t = asarray(a)
    return s.sum(e.where(e.isnan(t), 0, t), axis=axis, keepdims=keepdims)


def nanmean(a: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The mean of what is not NaN."""
    count = s.sum(~e.isnan(a), axis=axis, keepdims=keepdims)
    return nansum(a, axis, keepdims) / e.astype(count, asarray(a).dtype)


def average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False
) -> Any:
    """The mean, with weights where they are given."""
    t = asarray(a)
    w = creation.ones_like(t) if weights is None else asarray(weights)
    if w.shape != t.shape:
        k = one_axis(axis, t.ndim, "average")
        w = m.reshape(w, tuple(t.shape[k] if j == k else 1 for j in range(t.ndim)))
        w = m.broadcast_to(w, t.shape)
    total = s.sum(w, axis=axis, keepdims=keepdims)
    result = s.sum(t * w, axis=axis, keepdims=keepdims) / total
    return (result, total) if returned else result


def median(a: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The middle element, or the mean of the two in the middle; NaN where there is one."""
    t = asarray(a)
    axes = several(axis, t.ndim, "median")
    rest = [k for k in range(t.ndim) if k not in axes]
    n = math.prod(t.shape[k] for k in axes)
    if not n:
        raise TypeMismatch(f"median: no element of {t.type} is in the middle; the axis is empty")
    line = m.reshape(m.permute_dims(t, (*rest, *axes)), (*(t.shape[k] for k in rest), n))
    ordered = sorting.sort(line)
    middle = s.mean(ordered[..., (n - 1) // 2 : n // 2 + 1], axis=-1)
    middle = e.where(e.isnan(ordered[..., -1]), np.nan, middle)
    return m.expand_dims(middle, axis=axes) if keepdims else middle


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Tensor:
    """The integral of samples by trapezoids."""
    t = m.moveaxis(y, axis, -1)
    if x is None:
        return s.sum((t[..., 1:] + t[..., :-1]) * (asarray(dx) / 2.0), axis=-1)
    line = asarray(x)
    line = line if line.ndim == 1 else m.moveaxis(line, axis, -1)
    return s.sum((t[..., 1:] + t[..., :-1]) * m.diff(line) / 2.0, axis=-1)


# --- elementwise ------------------------------------------------------------------------------


def clip(
    a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None
) -> Tensor:
    """At least `min` and at most `max`."""
    return e.clip(a, a_min if min is None else min, a_max if max is None else max)


def rounded(a: Any, decimals: int = 0) -> Tensor:
    """The nearest number with so many decimals."""
    t = asarray(a)
    if not decimals or t.dtype.kind != "f":
        return +e.round(t) if decimals >= 0 else asarray(np.round(t.numpy(), decimals))
    return e.round(t * 10.0**decimals) / 10.0**decimals


def nan_to_num(
    x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None
) -> Tensor:
    """NaN and infinities replaced by numbers."""
    t = asarray(x)
    if t.dtype.kind != "f":
        return +t
    info = np.finfo(t.dtype)
    high, low = (float(v) for v in (info.max, info.min))
    t = e.where(e.isnan(t), nan, t)
    t = e.where(t == np.inf, high if posinf is None else posinf, t)
    return e.where(t == -np.inf, low if neginf is None else neginf, t)


def sinc(x: Any) -> Tensor:
    """sin(pi x) / (pi x), and 1 at 0."""
    t = asarray(x) * math.pi
    safe = e.where(t == 0, 1.0, t)
    # The series, to the order that second derivatives at 0 need.
    return e.where(t == 0, 1.0 - t * t / 6.0, e.sin(safe) / safe)


def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Tensor:
    """For each element the choice of the first condition that holds."""
    if len(condlist) != len(choicelist):
        raise TypeMismatch(f"np.select: {len(condlist)} conditions, {len(choicelist)} choices")
    pairs = reversed(list(zip(condlist, choicelist, strict=True)))
    return reduce(lambda rest, pair: e.where(pair[0], pair[1], rest), pairs, asarray(default))


def isclose(a: Any, b: Any, rtol: float, atol: float, equal_nan: bool) -> Tensor:
    """Whether |a - b| <= atol + rtol |b|."""
    return asarray(np.isclose(np.asarray(a), np.asarray(b), rtol, atol, equal_nan))


def polyval(p: Any, x: Any) -> Tensor:
    """The polynomial with coefficients `p`, the highest power first."""
    coefficients, t = asarray(p), asarray(x)
    return reduce(lambda y, k: y * t + coefficients[k], range(coefficients.size), t * 0)


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """`num` numbers evenly from `start` to `stop`, which may be arrays."""
    first, last = asarray(start), asarray(stop)
    steps = max(num - 1 if endpoint else num, 1)
    width = (last - first) / float(steps)
    count = creation.arange(num, dtype=width.dtype)
    lines = first + width * m.reshape(count, (num, *(1,) * width.ndim))
    lines = m.moveaxis(lines, 0, axis) if axis else lines
    lines = lines if dtype is None else e.astype(lines, dtype)
    return (lines, width) if retstep else lines


# --- shape --------------------------------------------------------------------------------------


def reshaped(a: Any, shape: Any, order: str) -> Tensor:
    """NumPy's reshape; `order` "F" counts the first axis fastest."""
    if order not in "CFA":
        raise NotSupported(f"np.reshape: order={order!r} is not known here; use 'C' or 'F'")
    if order != "F":
        return m.reshape(a, shape)
    sizes = tuple(reversed(shape)) if isinstance(shape, tuple | list) else shape
    return m.reshape(asarray(a).T, sizes).T


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


# --- matrices ----------------------------------------------------------------------------------


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
    """A matrix times itself, n >= 0 times."""
    t = asarray(a)
    if t.ndim < 2 or t.shape[-1] != t.shape[-2] or n < 0:
        raise NotSupported(
            f"np.linalg.matrix_power: {t.type} to the power {n}; take square matrices and n >= 0"
        )
    if n == 0:
        return m.broadcast_to(creation.eye(t.shape[-1], dtype=t.dtype), t.shape)
    half = matrix_power(t, n // 2) if n > 1 else None
    if half is None:
        return +t
    return half @ half @ t if n % 2 else half @ half


def multi_dot(arrays: Sequence[Any]) -> Tensor:
    """The product of several matrices."""
    return reduce(linalg.matmul, (asarray(a) for a in arrays))
