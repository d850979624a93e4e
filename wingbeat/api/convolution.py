"""Convolution along one or two axes, with PyTorch's arguments.

Layouts are as in `windows.py`. Where channels come first, a weight has PyTorch's shape
(O, I, H, W); where they come last, it is (H, W, I, O).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wingbeat.api.applying import apply
from wingbeat.api.promotion import of_one_dtype
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

__all__ = ["conv1d", "conv2d"]


def _conv(
    axes: int,
    x: Any,
    weight: Any,
    bias: Any,
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
        layout=layout_of(layout, axes, name),
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
    batch = batched(x, name, layout)
    kernel = _check_weight(name, batch, w, bias, groups, layout)
    low, high = _border(name, padding, kernel, stride, dilation)
    around = tuple(a + b for a, b in zip(low, high, strict=True))
    check_fits(name, extents_of(batch, layout), around, kernel, dilation, "a kernel")
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
    return like(z, x)


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
            f"{name}: padding='same' keeps the size, stride {times(stride)} does not; give numbers"
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
    return _conv(1, x, weight, bias, padding, groups, layout, stride=stride, dilation=dilation)


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
    return _conv(2, x, weight, bias, padding, groups, layout, stride=stride, dilation=dilation)
