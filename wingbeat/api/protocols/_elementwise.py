"""Reductions and elementwise functions that NumPy has and the Array API standard has not."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

from wingbeat.api import creation, elementwise, manipulation, sorting, statistics
from wingbeat.api.applying import cast_to
from wingbeat.api.axes import one_axis, several
from wingbeat.api.tensor import Tensor, asarray
from wingbeat.api.tracing import ABSTRACT
from wingbeat.api.transforms import stop_gradient
from wingbeat.errors import NotSupported, TypeMismatch
from wingbeat.ir.types import promote

m, e, s = manipulation, elementwise, statistics


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


def _ordered(a: Any, axis: Any, name: str) -> tuple[Tensor, tuple[int, ...]]:
    """The elements over `axis` in order, as the last axis; and the axes that it stands for."""
    t = asarray(a)
    axes = several(axis, t.ndim, name)
    rest = [k for k in range(t.ndim) if k not in axes]
    n = math.prod(t.shape[k] for k in axes)
    if not n:
        raise TypeMismatch(f"{name}: there is no element of {t.type} to choose; the axis is empty")
    line = m.reshape(m.permute_dims(t, (*rest, *axes)), (*(t.shape[k] for k in rest), n))
    return sorting.sort(line), axes


def median(a: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The middle element, or the mean of the two in the middle; NaN where there is one."""
    ordered, axes = _ordered(a, axis, "median")
    n = ordered.shape[-1]
    middle = s.mean(ordered[..., (n - 1) // 2 : n // 2 + 1], axis=-1)
    middle = e.where(e.isnan(ordered[..., -1]), np.nan, middle)
    return m.expand_dims(middle, axis=axes) if keepdims else middle


def quantile(name: str, whole: float) -> Callable[..., Tensor]:
    """np.quantile, and np.percentile, where the largest element stands at 100 in place of 1.

    Between two elements it is linear: in them, and in `q`, which may be a tensor too.
    """

    def function(
        a: Any,
        q: Any,
        axis: Any = None,
        out: Any = None,
        overwrite_input: bool = False,
        method: str = "linear",
        keepdims: bool = False,
    ) -> Tensor:
        if method != "linear":
            raise NotSupported(f"np.{name}: method={method!r}; here it is linear between elements")
        share = asarray(q)
        if not share._flags & ABSTRACT and not np.all(
            (share.numpy() >= 0) & (share.numpy() <= whole)
        ):
            raise TypeMismatch(f"{name}: q lies in 0 ... {whole:g}, not {share.tolist()}")
        ordered, axes = _ordered(a, axis, name)
        of_q = float if isinstance(q, int | float) else share.dtype  # Python's numbers are weak
        ordered = cast_to(ordered, promote(ordered.dtype, of_q, float))
        found = _between(ordered, share / whole)
        return m.expand_dims(found, axis=tuple(share.ndim + k for k in axes)) if keepdims else found

    return function


def _between(ordered: Tensor, share: Tensor) -> Tensor:
    """What stands at `share` of the way from the first to the last of elements in order."""
    last = ordered.shape[-1] - 1
    place = share * float(last)
    left = stop_gradient(e.astype(e.floor(place), "int64"))
    part = m.reshape(place - left, (*share.shape, *(1,) * (ordered.ndim - 1)))
    front = m.moveaxis(ordered, -1, 0)
    a, b = front[left], front[e.minimum(left + 1, last)]
    # From the nearer end, as NumPy does: exact at both.
    found = e.where(part < 0.5, a + (b - a) * part, b - (b - a) * (1.0 - part))
    return e.astype(e.where(e.isnan(front[-1]), np.nan, found), ordered.dtype)


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Tensor:
    """The integral of samples by trapezoids."""
    t = m.moveaxis(y, axis, -1)
    if x is None:
        return s.sum((t[..., 1:] + t[..., :-1]) * (asarray(dx) / 2.0), axis=-1)
    line = asarray(x)
    line = line if line.ndim == 1 else m.moveaxis(line, axis, -1)
    return s.sum((t[..., 1:] + t[..., :-1]) * m.diff(line) / 2.0, axis=-1)


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
    # A constant to derivatives: both sides are one function, so this is no kink to be told.
    at_zero = stop_gradient(t) == 0
    safe = e.where(at_zero, 1.0, t)
    # The series, to the order that second derivatives at 0 need.
    return e.where(at_zero, 1.0 - t * t / 6.0, e.sin(safe) / safe)


def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Tensor:
    """For each element the choice of the first condition that holds."""
    if len(condlist) != len(choicelist):
        raise TypeMismatch(f"np.select: {len(condlist)} conditions, {len(choicelist)} choices")
    pairs = reversed(list(zip(condlist, choicelist, strict=True)))
    return reduce(lambda rest, pair: e.where(pair[0], pair[1], rest), pairs, asarray(default))


def isclose(a: Any, b: Any, rtol: float, atol: float, equal_nan: bool) -> Tensor:
    """Whether |a - b| <= atol + rtol |b|."""
    x, y = asarray(a).numpy(), asarray(b).numpy()
    return asarray(np.isclose(x, y, rtol, atol, equal_nan))


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
