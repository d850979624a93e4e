"""Convolution and pooling along one or two axes, with PyTorch's arguments.

`layout` names the axes of x: "NCHW", as in PyTorch, or "NHWC" (along one axis "NCW" or "NWC"); x
may lack the axis N. Where channels come first, a weight has PyTorch's shape (O, I, H, W); where
they come last, it is (H, W, I, O).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wingbeat.api.applying import apply
from wingbeat.api.axes import integer
from wingbeat.api.promotion import of_one_dtype
from wingbeat.api.tensor import Tensor, asarray
from wingbeat.errors import TypeMismatch
from wingbeat.ir.node import Node
from wingbeat.ops import sliding
from wingbeat.ops.shape import reshape
from wingbeat.ops.windows import span

__all__ = ["avg_pool1d", "avg_pool2d", "conv1d", "conv2d", "max_pool1d", "max_pool2d"]

Sizes = tuple[int, ...]
Several = int | Sequence[int]
_LAYOUTS = {1: ("NCW", "NWC"), 2: ("NCHW", "NHWC")}
_LEAST = {"padding": 0}  # of all other options the least is 1


def each(value: Any, axes: int, name: str, what: str) -> Sizes:
    """An option as one number for each axis that slides."""
    given = tuple(value) if isinstance(value, tuple | list) else (value,) * axes
    if len(given) != axes:
        raise TypeMismatch(f"{name}: {what} is one number or {axes} of them, not {value!r}")
    numbers = tuple(integer(n, name, what) for n in given)
    if min(numbers) < (least := _LEAST.get(what, 1)):
        raise TypeMismatch(f"{name}: {what} must be at least {least}, not {value!r}")
    return numbers


def _layout(layout: Any, axes: int, name: str) -> str:
    if layout not in _LAYOUTS[axes]:
        choices = " or ".join(map(repr, _LAYOUTS[axes]))
        raise TypeMismatch(f"{name}: layout is {choices}, not {layout!r}")
    return layout


def _times(sizes: Sequence[int]) -> str:
    return "x".join(map(str, sizes))


def _batched(x: Node, name: str, layout: str) -> Node:
    """`x` with the axis N."""
    if len(x.shape) == len(layout):
        return x
    if len(x.shape) == len(layout) - 1:
        return reshape(x, shape=(1, *x.shape))
    one, many = (f"({', '.join(axes)})" for axes in (layout[1:], layout))
    raise TypeMismatch(f"{name}: x has shape {many} or {one}, not {x.type}")


def _like(z: Node, x: Node) -> Node:
    return z if len(z.shape) == len(x.shape) else reshape(z, shape=z.shape[1:])


def _extents(x: Node, layout: str) -> Sizes:
    """The sizes of the axes that slide."""
    return x.shape[2:] if layout[1] == "C" else x.shape[1:-1]


def _check_fits(
    name: str, extents: Sizes, around: Sizes, sizes: Sizes, dilation: Sizes, what: str
) -> None:
    """Whether at least one window lies in x with its border."""
    covered = [span(k, d) for k, d in zip(sizes, dilation, strict=True)]
    padded = [n + a for n, a in zip(extents, around, strict=True)]
    if any(c > n for c, n in zip(covered, padded, strict=True)):
        of = f" with dilation {_times(dilation)}" if max(dilation) > 1 else ""
        border = f", padded to {_times(padded)}" if any(around) else ""
        raise TypeMismatch(
            f"{name}: {what} of {_times(sizes)}{of} does not fit into x of "
            f"{_times(extents)}{border}; use a smaller one or more padding"
        )


# --- convolution -------------------------------------------------------------------------------


def _conv(
    axes: int,
    x: Any,
    weight: Any,
    bias: Any,
    *,
    padding: Any,
    groups: Any,
    layout: Any,
    **steps: Any,
) -> Tensor:
    name, border = f"conv{axes}d", padding
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise TypeMismatch(f"{name}: padding is numbers, 'same' or 'valid', not {padding!r}")
    else:
        border = each(padding, axes, name, "padding")
    operands = [asarray(t) for t in (x, weight, *([] if bias is None else [bias]))]
    return apply(
        _convolution,
        *operands,
        name=name,
        padding=border,
        groups=each(groups, 1, name, "groups")[0],
        layout=_layout(layout, axes, name),
        **{what: each(value, axes, name, what) for what, value in steps.items()},
    )


def _convolution(
    x: Node,
    w: Node,
    *bias: Node,
    name: str,
    padding: Sizes | str,
    stride: Sizes,
    dilation: Sizes,
    groups: int,
    layout: str,
) -> Node:
    x, w, *bias = of_one_dtype(x, w, *bias)  # type: ignore[assignment]
    batch = _batched(x, name, layout)
    kernel = _check_weight(name, batch, w, bias, groups, layout)
    low, high = _border(name, padding, kernel, stride, dilation)
    around = tuple(a + b for a, b in zip(low, high, strict=True))
    _check_fits(name, _extents(batch, layout), around, kernel, dilation, "a kernel")
    z = sliding.conv(
        batch,
        w,
        *bias,
        stride=stride,
        low=low,
        high=high,
        dilation=dilation,
        groups=groups,
        layout=layout,
    )
    return _like(z, x)


def _check_weight(
    name: str, x: Node, w: Node, bias: Sequence[Node], groups: int, layout: str
) -> Sizes:
    """The sizes of the kernel, where weight and bias fit."""
    first, axes = layout[1] == "C", layout.replace("N", "").replace("C", "")
    form = f"(O, I, {', '.join(axes)})" if first else f"({', '.join(axes)}, I, O)"
    if len(w.shape) != len(layout):
        raise TypeMismatch(f"{name}: weight has shape {form}, not {w.type}")
    (out, inner), kernel = (w.shape[:2], w.shape[2:]) if first else (w.shape[:-3:-1], w.shape[:-2])
    channels = x.shape[1 if first else -1]
    if inner * groups != channels:
        of = f" in each of {groups} groups" if groups > 1 else ""
        raise TypeMismatch(
            f"{name}: weight {w.type}, {form}, takes {inner} channels{of}; "
            f"x {x.type} has {channels}"
        )
    if out % groups:
        raise TypeMismatch(f"{name}: {groups} groups do not divide {out} channels of the result")
    if 0 in kernel:
        raise TypeMismatch(f"{name}: the kernel of weight {w.type} is empty")
    if any(b.shape != (out,) for b in bias):
        raise TypeMismatch(
            f"{name}: bias has shape ({out},), a number a channel, not {bias[0].type}"
        )
    return kernel


def _border(
    name: str, padding: Sizes | str, kernel: Sizes, stride: Sizes, dilation: Sizes
) -> tuple[Sizes, Sizes]:
    """What is put before and behind each axis."""
    if not isinstance(padding, str):
        return padding, padding
    if padding == "valid":
        return (0,) * len(kernel), (0,) * len(kernel)
    if max(stride) > 1:
        raise TypeMismatch(
            f"{name}: padding='same' keeps the size, stride {_times(stride)} does not; give numbers"
        )
    all_of_it = [span(k, d) - 1 for k, d in zip(kernel, dilation, strict=True)]
    return tuple(n // 2 for n in all_of_it), tuple(n - n // 2 for n in all_of_it)


def conv1d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Several = 1,
    padding: Several | str = 0,
    dilation: Several = 1,
    groups: int = 1,
    *,
    layout: str = "NCW",
) -> Tensor:
    """Cross-correlation along one axis: as `conv2d`, without H.

    >>> import wingbeat as wb
    >>> wb.conv1d([[1.0, 2.0, 3.0, 5.0]], [[[-1.0, 1.0]]])
    tensor([[1., 1., 2.]])
    """
    options = {"padding": padding, "groups": groups, "layout": layout}
    return _conv(1, x, weight, bias, stride=stride, dilation=dilation, **options)


def conv2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Several = 1,
    padding: Several | str = 0,
    dilation: Several = 1,
    groups: int = 1,
    *,
    layout: str = "NCHW",
) -> Tensor:
    """Cross-correlation of images with kernels: what networks call a convolution.

    z[n, o, y, x] = bias[o] + sum over c, i, j of x[n, c, s y + d i - p, s x + d j - p] weight[o, c,
    i, j], where x is 0 outside its borders.

    Args:
        x: numbers of shape (N, C, H, W), or (C, H, W) for one image.
        weight: shape (O, C / groups, H, W): a kernel for each channel of the result and of x.
        bias: shape (O,), or None.
        stride: how far one window lies from the next; like all sizes a number, or one for each
            axis.
        padding: zeros around x; "valid" is none, "same" as many as keep the size.
        dilation: how far the elements of a window lie apart.
        groups: channels fall into so many groups, which do not see each other.
        layout: "NHWC" for x of shape (N, H, W, C), a weight of (H, W, C / groups, O) and a result
            of (N, H, W, O).

    Returns:
        Shape (N, O, H', W') with H' = (H + 2 padding - dilation (kernel - 1) - 1) // stride + 1.

    Raises:
        TypeMismatch: shapes, dtypes or options do not fit, or the kernel is larger than x.

    >>> import wingbeat as wb
    >>> image, edge = wb.asarray([[[0.0, 0.0, 1.0, 1.0]] * 2]), [[[[-1.0, 1.0]]]]
    >>> wb.conv2d(image, edge)
    tensor([[[0., 1., 0.],
             [0., 1., 0.]]])
    >>> wb.conv2d(wb.ones((8, 3, 32, 32)), wb.ones((16, 3, 5, 5)), padding=2, stride=2).shape
    (8, 16, 16, 16)
    """
    options = {"padding": padding, "groups": groups, "layout": layout}
    return _conv(2, x, weight, bias, stride=stride, dilation=dilation, **options)


# --- pooling -----------------------------------------------------------------------------------


def _pool(
    kind: str,
    axes: int,
    x: Any,
    kernel_size: Any,
    *,
    stride: Any,
    padding: Any,
    dilation: Any = 1,
    layout: Any,
    **options: Any,
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
        layout=_layout(layout, axes, name),
        **{what: bool(value) for what, value in options.items()},
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
    count_include_pad: bool = True,
) -> Node:
    name = f"{kind}_pool{len(sizes)}d"
    batch = _batched(x, name, layout)
    if any(2 * p > span(k, d) for p, k, d in zip(padding, sizes, dilation, strict=True)):
        raise TypeMismatch(
            f"{name}: padding {_times(padding)} is more than half of kernel_size {_times(sizes)}: "
            "whole windows would lie outside x"
        )
    extents = _extents(batch, layout)
    _check_fits(name, extents, tuple(2 * p for p in padding), sizes, dilation, "a window")
    beyond = [0] * len(sizes)
    if ceil_mode:
        each_axis = zip(extents, sizes, stride, padding, dilation, strict=True)
        beyond = [_beyond(*numbers) for numbers in each_axis]
    high = tuple(p + b for p, b in zip(padding, beyond, strict=True))
    attrs: Any = {"sizes": sizes, "stride": stride, "low": padding, "high": high, "layout": layout}
    if kind == "max":
        return _like(sliding.max_pool(batch, dilation=dilation, **attrs), x)
    if not x.type.inexact:
        raise TypeMismatch(f"{name}: takes floats, not {x.type}; convert with .astype")
    counted = padding * 2 if count_include_pad else (0,) * 2 * len(sizes)
    return _like(sliding.avg_pool(batch, counted=counted, **attrs), x)


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
    options = {"padding": padding, "dilation": dilation, "ceil_mode": ceil_mode, "layout": layout}
    return _pool("max", 1, x, kernel_size, stride=stride, **options)


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
    options = {"padding": padding, "dilation": dilation, "ceil_mode": ceil_mode, "layout": layout}
    return _pool("max", 2, x, kernel_size, stride=stride, **options)


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
    options = {"padding": padding, "ceil_mode": ceil_mode, "layout": layout}
    options["count_include_pad"] = count_include_pad
    return _pool("avg", 1, x, kernel_size, stride=stride, **options)


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
    options = {"padding": padding, "ceil_mode": ceil_mode, "layout": layout}
    options["count_include_pad"] = count_include_pad
    return _pool("avg", 2, x, kernel_size, stride=stride, **options)
