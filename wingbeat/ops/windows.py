"""Windows that slide along axes, and their adjoint.

`windows` reads every window as axes of its own, in front; `fold` adds the windows up again. So the
largest element of every window is `max` over these axes, and their mean a `sum`: ties, kinks and
second derivatives are those of `max` and `sum`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from wingbeat.errors import TypeMismatch
from wingbeat.ir.node import Node, Sample
from wingbeat.ir.types import Shape, TensorType, tensor_type
from wingbeat.ops.families import linear
from wingbeat.ops.shape import Axes, check_axes, like, shift, transpose


def span(size: int, dilation: int) -> int:
    """How many positions a window covers, those between its elements included."""
    return dilation * (size - 1) + 1


def _replaced(index: Sequence[Any], axes: Axes, values: Sequence[Any]) -> tuple[Any, ...]:
    at = dict(zip(axes, values, strict=True))
    return tuple(at.get(k, n) for k, n in enumerate(index))


def _windows_type(
    x: TensorType, *, axes: Axes, sizes: Shape, stride: Axes, dilation: Axes
) -> TensorType:
    check_axes(axes, x.ndim)
    if not len(sizes) == len(stride) == len(dilation) == len(axes):
        raise TypeMismatch("one size, stride and dilation for each axis")
    if min((*sizes, *stride, *dilation), default=1) < 1:
        raise TypeMismatch("sizes, strides and dilations are at least 1")
    counts: list[int] = []
    for axis, size, step, d in zip(axes, sizes, stride, dilation, strict=True):
        if span(size, d) > x.shape[axis]:
            raise TypeMismatch(
                f"a window of {span(size, d)} does not fit into axis {axis} of {x.shape[axis]}"
            )
        counts.append((x.shape[axis] - span(size, d)) // step + 1)
    return like(x, (*sizes, *_replaced(x.shape, axes, counts)))


def _taps(shape: Shape, axes: Axes, stride: Axes, dilation: Axes) -> Iterator[tuple[Any, Any]]:
    """Each position in a window, and the slices of the operand that it reads in all windows."""
    n = len(axes)
    counts = [shape[n + axis] for axis in axes]
    for k in itertools.product(*map(range, shape[:n])):
        reads = [
            slice(d * p, d * p + step * (count - 1) + 1, step)
            for p, d, step, count in zip(k, dilation, stride, counts, strict=True)
        ]
        yield k, _replaced([slice(None)] * (len(shape) - n), axes, reads)


def _windows(x: Any, *, axes: Axes, sizes: Shape, stride: Axes, dilation: Axes) -> Any:
    type_ = tensor_type(x.shape, x.dtype)
    shape = _windows_type(type_, axes=axes, sizes=sizes, stride=stride, dilation=dilation).shape
    z = np.empty(shape, x.dtype)
    for k, reads in _taps(shape, axes, stride, dilation):
        z[k] = x[reads]
    return z


def _windows_element(
    s: Any, read: Any, i: Sequence[Any], *, axes: Axes, sizes: Shape, stride: Axes, dilation: Axes
) -> Any:
    k, rest = i[: len(axes)], i[len(axes) :]
    at = [
        step * rest[axis] + d * p
        for axis, p, step, d in zip(axes, k, stride, dilation, strict=True)
    ]
    return read[0](_replaced(rest, axes, at))


def _front(x: Node, count: int) -> Node:
    """The first axis moved behind the next `count`."""
    return transpose(x, perm=(*range(1, count + 1), 0, *range(count + 1, len(x.shape))))


def _back(x: Node, count: int) -> Node:
    """The axis behind the first `count` moved to the front."""
    return transpose(x, perm=(count, *range(count), *range(count + 1, len(x.shape))))


windows = linear(
    "windows",
    type_rule=_windows_type,
    numpy=_windows,
    adjoint=lambda g, x, *, axes, sizes, stride, dilation: fold(
        g, axes=axes, extents=tuple(x.shape[a] for a in axes), stride=stride, dilation=dilation
    ),
    batch=lambda op, x, *, axes, **attrs: _back(op(x, axes=shift(axes), **attrs), len(axes)),
    element=_windows_element,
    latex=r"\operatorname{{windows}}\left({0}\right)",
    samples=(
        Sample(
            ((2, 5, 6, 3),),
            attrs=(("axes", (1, 2)), ("dilation", (1, 2)), ("sizes", (2, 3)), ("stride", (2, 1))),
        ),
        Sample(
            ((7,),), attrs=(("axes", (0,)), ("dilation", (1,)), ("sizes", (2,)), ("stride", (3,)))
        ),
    ),
)
"""z[k, i] = x[stride i + dilation k] along each of `axes`; k runs through a window's `sizes`."""


def _fold_type(
    x: TensorType, *, axes: Axes, extents: Shape, stride: Axes, dilation: Axes
) -> TensorType:
    rest = x.shape[len(axes) :]
    if len(extents) != len(axes) or len(rest) < len(axes):
        raise TypeMismatch(f"one size in front and one extent for each of the axes {axes}")
    check_axes(axes, len(rest))
    z = like(x, _replaced(rest, axes, extents))
    sizes = x.shape[: len(axes)]
    if _windows_type(z, axes=axes, sizes=sizes, stride=stride, dilation=dilation) is not x:
        raise TypeMismatch(f"these are not the windows of {z}")
    return z


def _fold(x: Any, *, axes: Axes, extents: Shape, stride: Axes, dilation: Axes) -> Any:
    z = np.zeros(_replaced(x.shape[len(axes) :], axes, extents), x.dtype)
    for k, reads in _taps(x.shape, axes, stride, dilation):
        z[reads] += x[k]
    return z


def _fold_element(
    s: Any, read: Any, i: Sequence[Any], *, axes: Axes, extents: Shape, stride: Axes, dilation: Axes
) -> Any:
    """The windows that cover i begin at most a span before it."""
    n = len(axes)
    sizes, counts = read[0].shape[:n], [read[0].shape[n + axis] for axis in axes]
    spans = [span(size, d) for size, d in zip(sizes, dilation, strict=True)]

    def term(back: Sequence[Any]) -> Any:
        def along(j: int, ks: tuple[Any, ...], os: tuple[Any, ...]) -> Any:
            if j == n:
                return read[0]((*ks, *_replaced(i, axes, os)))
            at, step, d = i[axes[j]], stride[j], dilation[j]
            o, r = at // step - back[j], at % step + step * back[j]
            covers = (o >= 0) & (o < counts[j]) & (r < spans[j])
            covers = covers & (r % d == 0) if d > 1 else covers
            k = r // d if d > 1 else r
            return s.branch(covers, lambda: along(j + 1, (*ks, k), (*os, o)), lambda: s.const(0))

        return along(0, (), ())

    most = tuple(-(-reach // step) for reach, step in zip(spans, stride, strict=True))
    return s.reduce("add", most, term)


fold = linear(
    "fold",
    type_rule=_fold_type,
    numpy=_fold,
    adjoint=lambda g, x, *, axes, extents, stride, dilation: windows(
        g, axes=axes, sizes=x.shape[: len(axes)], stride=stride, dilation=dilation
    ),
    batch=lambda op, x, *, axes, **attrs: op(_front(x, len(axes)), axes=shift(axes), **attrs),
    element=_fold_element,
    latex=r"\operatorname{{fold}}\left({0}\right)",
    samples=(
        Sample(
            ((2, 3, 2, 2, 2, 3),),
            attrs=(("axes", (1, 2)), ("dilation", (1, 2)), ("extents", (5, 6)), ("stride", (2, 1))),
        ),
        Sample(
            ((3, 3),),
            attrs=(("axes", (0,)), ("dilation", (1,)), ("extents", (5,)), ("stride", (1,))),
        ),
    ),
)
"""The sum of all windows, each element where it came from; between and behind them are zeros."""
