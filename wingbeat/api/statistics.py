"""Sums, means, extremes, running sums, and the softmax family."""

from __future__ import annotations

from typing import Any

from wingbeat.api.applying import apply, cast_to
from wingbeat.api.axes import one_axis, several
from wingbeat.api.promotion import Rule
from wingbeat.api.tensor import Tensor, asarray
from wingbeat.ir.node import Node, Primitive
from wingbeat.ir.types import as_dtype
from wingbeat.ops import composites as co
from wingbeat.ops import reduce as rd
from wingbeat.ops.shape import reshape
from wingbeat.ops.transcendental import root


def _reduce(rule: Rule, x: Tensor, axis: Any, keepdims: bool, **attrs: Any) -> Tensor:
    axes = several(axis, x.type.ndim, rule.name if isinstance(rule, Primitive) else rule.__name__)
    if keepdims:
        return apply(_keeping, x, reduction=rule, axes=axes, **attrs)
    return apply(rule, x, axes=axes, **attrs)


def _keeping(x: Node, *, reduction: Rule, axes: tuple[int, ...], **attrs: Any) -> Node:
    shape = tuple(1 if k in axes else n for k, n in enumerate(x.shape))
    return reshape(reduction(x, axes=axes, **attrs), shape=shape)


def _floats(x: Any) -> Tensor:
    t = x if isinstance(x, Tensor) else asarray(x)
    return t if t.type.inexact else cast_to(t, as_dtype("float64"))


def _wide(x: Any, dtype: Any) -> Tensor:
    """For sums: booleans and small integers become 64 bits wide, as in NumPy."""
    t = asarray(x)
    if dtype is not None:
        return cast_to(t, as_dtype(dtype))
    if t.dtype.kind in "bi":
        return cast_to(t, as_dtype("int64"))
    return cast_to(t, as_dtype("uint64")) if t.dtype.kind == "u" else t


def sum(x: Any, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """The sum over `axis` (None: all; an integer; a tuple).

    >>> import wingbeat as wb
    >>> wb.sum([[1.0, 2.0], [3.0, 4.0]], axis=0)
    tensor([4., 6.])
    """
    return _reduce(rd.sum, _wide(x, dtype), axis, keepdims)


def prod(x: Any, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """The product over `axis`; its derivative is right where factors are 0 too.

    >>> import wingbeat as wb
    >>> wb.grad(wb.prod)(wb.asarray([0.0, 2.0, 3.0]))
    tensor([6., 0., 0.])
    """
    return _reduce(co.prod, _wide(x, dtype), axis, keepdims)


def mean(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The mean over `axis`; NaN for no elements.

    >>> import wingbeat as wb
    >>> wb.mean([1.0, 2.0, 6.0])
    tensor(3.)
    """
    return _reduce(co.mean, _floats(x), axis, keepdims)


def var(x: Any, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """The variance over `axis`: squared deviations summed, over n - `correction`.

    >>> import wingbeat as wb
    >>> wb.var([1.0, 2.0, 3.0], correction=1)
    tensor(1.)
    """
    return _reduce(co.var, _floats(x), axis, keepdims, correction=float(correction))


def std(x: Any, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """The standard deviation over `axis`, the root of `var`; its derivative is 0 where it is 0.

    >>> import wingbeat as wb
    >>> wb.std([1.0, 2.0, 3.0], correction=1)
    tensor(1.)
    """
    return apply(root, var(x, axis=axis, correction=correction, keepdims=keepdims))


def max(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The largest element over `axis`; ties share the derivative equally.

    >>> import wingbeat as wb
    >>> wb.max([1.0, 3.0, 2.0])
    tensor(3.)
    """
    return _reduce(rd.max, asarray(x), axis, keepdims)


def min(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The smallest element over `axis`; ties share the derivative equally.

    >>> import wingbeat as wb
    >>> wb.min([1.0, 3.0, 2.0])
    tensor(1.)
    """
    return _reduce(rd.min, asarray(x), axis, keepdims)


def all(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Whether all elements over `axis` are true.

    >>> import wingbeat as wb
    >>> wb.all([True, False])
    tensor(False)
    """
    return _reduce(co.all, truth(x), axis, keepdims)


def any(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Whether some element over `axis` is true.

    >>> import wingbeat as wb
    >>> wb.any([True, False])
    tensor(True)
    """
    return _reduce(co.any, truth(x), axis, keepdims)


def truth(x: Any) -> Tensor:
    """Whether elements are not 0; booleans stay."""
    t = asarray(x)
    return t if t.dtype.kind == "b" else t != 0


def norm(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The Euclidean length over `axis`; its derivative at 0 is 0.

    >>> import wingbeat as wb
    >>> wb.norm([3.0, 4.0])
    tensor(5.)
    """
    return _reduce(co.norm, _floats(x), axis, keepdims)


def logsumexp(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """log of the sum of e^x over `axis`, without overflow.

    >>> import wingbeat as wb
    >>> wb.logsumexp([1000.0, 1000.0]).item()
    1000.6931471805599
    """
    return _reduce(co.logsumexp, _floats(x), axis, keepdims)


def softmax(x: Any, /, *, axis: int = -1) -> Tensor:
    """e^x over its sum along `axis`.

    >>> import wingbeat as wb
    >>> wb.softmax([0.0, 0.0])
    tensor([0.5, 0.5])
    """
    t = _floats(x)
    k = one_axis(axis, t.ndim, "softmax")
    return apply(co.softmax, t, axis=k)


def log_softmax(x: Any, /, *, axis: int = -1) -> Tensor:
    """The logarithm of `softmax`, without overflow.

    >>> import wingbeat as wb
    >>> wb.log_softmax([0.0, 1000.0])
    tensor([-1000.,     0.])
    """
    t = _floats(x)
    k = one_axis(axis, t.ndim, "log_softmax")
    return apply(co.log_softmax, t, axis=k)


def _running(
    x: Tensor, axis: int | None, name: str, initial: bool, rule: Any, first: Any
) -> Tensor:
    from wingbeat.api.manipulation import concat, reshape

    if axis is None:
        x, axis = (x if x.ndim == 1 else reshape(x, (x.size,))), 0
    k = one_axis(axis, x.ndim, name)
    z = apply(rule, x, axis=k)
    if not initial:
        return z
    from wingbeat.api.creation import full

    shape = tuple(1 if j == k else n for j, n in enumerate(x.shape))
    return concat([full(shape, first, dtype=z.dtype), z], axis=k)


def cumulative_sum(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """The running sum along `axis`, which a vector need not name.

    >>> import wingbeat as wb
    >>> wb.cumulative_sum([1.0, 2.0, 3.0])
    tensor([1., 3., 6.])
    """
    return _running(_wide(x, dtype), axis, "cumulative_sum", include_initial, rd.cumsum, 0)


def cumulative_prod(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """The running product along `axis`, which a vector need not name.

    >>> import wingbeat as wb
    >>> wb.cumulative_prod([1.0, 2.0, 3.0])
    tensor([1., 2., 6.])
    """
    return _running(_wide(x, dtype), axis, "cumulative_prod", include_initial, co.cumprod, 1)


def _position(op: Any, x: Any, axis: Any, keepdims: bool) -> Tensor:
    from wingbeat.api.manipulation import reshape as reshaped

    t = asarray(x)
    shape = t.shape
    if axis is None:
        t = reshaped(t, (t.size,))
    k = 0 if axis is None else one_axis(axis, t.ndim, op.name)
    z = apply(op, t, axis=k)
    if not keepdims:
        return z
    ones = tuple(1 if axis is None or j == k else n for j, n in enumerate(shape))
    return reshaped(z, ones)


def argmax(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The position of the largest element along `axis`, the first of several.

    >>> import wingbeat as wb
    >>> wb.argmax([1.0, 3.0, 2.0])
    tensor(1)
    """
    return _position(rd.argmax, x, axis, keepdims)


def argmin(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The position of the smallest element along `axis`, the first of several.

    >>> import wingbeat as wb
    >>> wb.argmin([1.0, 3.0, 2.0])
    tensor(0)
    """
    return _position(rd.argmin, x, axis, keepdims)


def count_nonzero(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """How many elements over `axis` are not 0.

    >>> import wingbeat as wb
    >>> wb.count_nonzero([0, 2, 3])
    tensor(2)
    """
    return sum(asarray(x) != 0, axis=axis, keepdims=keepdims)


__all__ = [
    "all",
    "any",
    "argmax",
    "argmin",
    "count_nonzero",
    "cumulative_prod",
    "cumulative_sum",
    "log_softmax",
    "logsumexp",
    "max",
    "mean",
    "min",
    "norm",
    "prod",
    "softmax",
    "std",
    "sum",
    "var",
]
