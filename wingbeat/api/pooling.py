"""Pooling along one or two axes, with PyTorch's arguments; layouts as in `windows.py`."""

from __future__ import annotations

from typing import Any

from wingbeat.api.applying import apply
from wingbeat.api.tensor import Tensor, asarray
from wingbeat.api.windows import (
    Several,
    Sizes,
    batched,
    check_fits,
    each,
    extents_of,
    layout_of,
    like,
    times,
)
from wingbeat.errors import TypeMismatch
from wingbeat.ir.node import Node
from wingbeat.ops import sliding
from wingbeat.ops.windows import span

__all__ = ["avg_pool1d", "avg_pool2d", "max_pool1d", "max_pool2d"]


def _pool(
    kind: str,
    axes: int,
    x: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    layout: Any,
    ceil_mode: Any,
    count_include_pad: Any = True,
    dilation: Any = 1,
) -> Tensor:
    name = f"{kind}_pool{axes}d"
    sizes = each(kernel_size, axes, name, "kernel_size")
    return apply(
        _pooling,
        asarray(x),
        kind=kind,
        sizes=sizes,
        stride=sizes if stride is None else each(stride, axes, name, "stride"),
        padding=each(padding, axes, name, "padding"),
        dilation=each(dilation, axes, name, "dilation"),
        layout=layout_of(layout, axes, name),
        ceil_mode=bool(ceil_mode),
        count_include_pad=bool(count_include_pad),
    )


def _pooling(
    x: Node,
    *,
    kind: str,
    sizes: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    layout: str,
    ceil_mode: bool,
    count_include_pad: bool,
) -> Node:
    name = f"{kind}_pool{len(sizes)}d"
    batch = batched(x, name, layout)
    if any(2 * p > span(k, d) for p, k, d in zip(padding, sizes, dilation, strict=True)):
        raise TypeMismatch(
            f"{name}: padding {times(padding)} is more than half of kernel_size {times(sizes)}: "
            "whole windows would lie outside x"
        )
    extents = extents_of(batch, layout)
    check_fits(name, extents, tuple(2 * p for p in padding), sizes, dilation, "a window")
    beyond = [0] * len(sizes)
    if ceil_mode:
        each_axis = zip(extents, sizes, stride, padding, dilation, strict=True)
        beyond = [_beyond(*numbers) for numbers in each_axis]
    high = tuple(p + b for p, b in zip(padding, beyond, strict=True))
    attrs: Any = {"sizes": sizes, "stride": stride, "low": padding, "high": high, "layout": layout}
    if kind == "max":
        return like(sliding.max_pool(batch, dilation=dilation, **attrs), x)
    if not x.type.inexact:
        raise TypeMismatch(f"{name}: takes floats, not {x.type}; convert with .astype")
    counted = padding * 2 if count_include_pad else (0,) * 2 * len(sizes)
    return like(sliding.avg_pool(batch, counted=counted, **attrs), x)


def _beyond(n: int, size: int, stride: int, padding: int, dilation: int) -> int:
    """What the last window lacks if counts are rounded up; it must not begin behind x."""
    over = n + 2 * padding - span(size, dilation)
    count = -(-over // stride)
    if count * stride >= n + padding:
        count -= 1
    return max(0, count * stride - over)


def max_pool1d(
    x: Any,
    kernel_size: Several,
    stride: Several | None = None,
    padding: Several = 0,
    dilation: Several = 1,
    ceil_mode: bool = False,
    *,
    layout: str = "NCW",
) -> Tensor:
    """The largest element of every window along one axis: as `max_pool2d`, without H.

    >>> import wingbeat as wb
    >>> wb.max_pool1d([[1.0, 5.0, 2.0, 4.0]], 2)
    tensor([[5., 4.]])
    """
    return _pool("max", 1, x, kernel_size, stride, padding, layout, ceil_mode, dilation=dilation)


def max_pool2d(
    x: Any,
    kernel_size: Several,
    stride: Several | None = None,
    padding: Several = 0,
    dilation: Several = 1,
    ceil_mode: bool = False,
    *,
    layout: str = "NCHW",
) -> Tensor:
    """The largest element of every window; the derivative goes to it, ties share equally.

    Args:
        x: numbers of shape (N, C, H, W), or (C, H, W) for one image.
        kernel_size: of a window; like all sizes a number, or one for each axis.
        stride: how far one window lies from the next; None for `kernel_size`.
        padding: what is put around x, smaller than any number; at most half a window.
        dilation: how far the elements of a window lie apart.
        ceil_mode: whether a last window that does not fill up counts.
        layout: "NHWC" for x of shape (N, H, W, C).

    Raises:
        TypeMismatch: shapes or options do not fit, or the window is larger than x.

    >>> import wingbeat as wb
    >>> wb.max_pool2d([[[1.0, 2.0, 5.0, 6.0], [3.0, 4.0, 7.0, 9.0]]], 2)
    tensor([[[4., 9.]]])
    """
    return _pool("max", 2, x, kernel_size, stride, padding, layout, ceil_mode, dilation=dilation)


def avg_pool1d(
    x: Any,
    kernel_size: Several,
    stride: Several | None = None,
    padding: Several = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    *,
    layout: str = "NCW",
) -> Tensor:
    """The mean of every window along one axis: as `avg_pool2d`, without H.

    >>> import wingbeat as wb
    >>> wb.avg_pool1d([[1.0, 5.0, 2.0, 4.0]], 2)
    tensor([[3., 3.]])
    """
    return _pool("avg", 1, x, kernel_size, stride, padding, layout, ceil_mode, count_include_pad)


def avg_pool2d(
    x: Any,
    kernel_size: Several,
    stride: Several | None = None,
    padding: Several = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    *,
    layout: str = "NCHW",
) -> Tensor:
    """The mean of every window.

    Args:
        x: floats of shape (N, C, H, W), or (C, H, W) for one image.
        kernel_size: of a window; like all sizes a number, or one for each axis.
        stride: how far one window lies from the next; None for `kernel_size`.
        padding: zeros around x; at most half a window.
        ceil_mode: whether a last window that does not fill up counts; what it lacks does not.
        count_include_pad: whether padding counts as elements with value 0.
        layout: "NHWC" for x of shape (N, H, W, C).

    Raises:
        TypeMismatch: shapes, dtypes or options do not fit, or the window is larger than x.

    >>> import wingbeat as wb
    >>> wb.avg_pool2d([[[1.0, 2.0, 5.0, 6.0], [3.0, 4.0, 7.0, 9.0]]], 2)
    tensor([[[2.5 , 6.75]]])
    """
    return _pool("avg", 2, x, kernel_size, stride, padding, layout, ceil_mode, count_include_pad)
