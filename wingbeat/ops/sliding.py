"""The layers that slide: convolution with channels and bias, and pooling.

Inside, channels come last: windows of neighbours are then contiguous. `layout` says where they are
outside: "NCHW" or "NHWC" for two axes that slide, "NCW" or "NWC" for one. `low` and `high` are what
is put around x along these axes; `sizes`, `stride` and `dilation` belong to the windows.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from wingbeat.ir.node import PRODUCT, SUM, Node, Sample, full
from wingbeat.ir.types import Shape, tensor_type
from wingbeat.ops.convolution import convolve
from wingbeat.ops.families import NUMBER, composite, require_kind
from wingbeat.ops.reduce import max, sum
from wingbeat.ops.shape import Axes, broadcast, concatenate, inverse, like, reshape, transpose
from wingbeat.ops.windows import span, windows


def _perm(ndim: int, layout: str) -> Axes:
    """What brings the channels of `layout` behind the other axes."""
    return (0, *range(2, ndim), 1) if layout[1] == "C" else tuple(range(ndim))


def _last(x: Node, layout: str) -> Node:
    return transpose(x, perm=_perm(len(x.shape), layout))


def _given(z: Node, layout: str) -> Node:
    return transpose(z, perm=inverse(_perm(len(z.shape), layout)))


# --- convolution -------------------------------------------------------------------------------


def _conv(
    x: Node,
    w: Node,
    *bias: Node,
    stride: Axes,
    low: Axes,
    high: Axes,
    dilation: Axes,
    groups: int,
    layout: str,
) -> Node:
    """`w` is (O, I, H, W) where channels come first, else (H, W, I, O); I is that of a group."""
    d = len(stride)
    if layout[1] == "C":
        w = transpose(w, perm=(*range(2, d + 2), 1, 0))
    x = _last(x, layout)
    kernel, i, o = w.shape[:d], w.shape[d], w.shape[d + 1]
    sizes = tuple(
        (n + a + b - span(k, step)) // s + 1
        for n, a, b, k, step, s in zip(
            x.shape[1:], low, high, kernel, dilation, stride, strict=False
        )
    )
    slide, image, group, inner, out = range(d), d, (d + 1,), d + 2, d + 3
    if groups == 1:
        group = ()
    else:
        x = reshape(x, shape=(*x.shape[:-1], groups, i))
        w = reshape(w, shape=(*kernel, i, groups, o // groups))
    z = convolve(
        x,
        w,
        lhs=(image, *slide, *group, inner),
        rhs=(*slide, inner, *group, out),
        out=(image, *slide, *group, out),
        base=(1,) * d,
        stride=stride,
        dilation=dilation,
        offset=tuple(-a for a in low),
        sizes=sizes,
    )
    if group:
        z = reshape(z, shape=(*z.shape[: d + 1], o))
    for b in bias:
        z = z + broadcast(b, axes=tuple(range(d + 1)), sizes=z.shape[: d + 1])
    return _given(z, layout)


def _conv_latex(x: Any, w: Any, *bias: Any, **attrs: Any) -> str:
    return " + ".join([rf"{w:atom} \ast {x:atom}", *map(str, bias)])


def _attrs(**attrs: Any) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(attrs.items()))


conv = composite(
    "conv",
    expand=_conv,
    latex=_conv_latex,
    level=SUM,
    inner=PRODUCT,
    samples=(
        Sample(
            ((2, 2, 4, 5), (3, 2, 3, 2), (3,)),
            attrs=_attrs(
                stride=(1, 2), low=(1, 0), high=(1, 1), dilation=(1, 2), groups=1, layout="NCHW"
            ),
        ),
        Sample(
            ((2, 6, 4), (3, 2, 6)),
            attrs=_attrs(stride=(1,), low=(1,), high=(1,), dilation=(1,), groups=2, layout="NWC"),
        ),
    ),
)


# --- pooling -----------------------------------------------------------------------------------


def _bordered(x: Node, value: float, axes: Axes, low: Axes, high: Axes) -> Node:
    """`x` with a border of one number."""
    for axis, before, after in zip(axes, low, high, strict=True):
        borders = [
            full(value, like(x.type, (*x.shape[:axis], n, *x.shape[axis + 1 :])))
            for n in (before, after)
        ]
        if before or after:
            x = concatenate(borders[0], x, borders[1], axis=axis)
    return x


def _reduced(z: Node, reduction: Any, axes: Axes, **attrs: Any) -> Node:
    return reduction(windows(z, axes=axes, **attrs), axes=tuple(range(len(axes))))


def _max_pool(
    x: Node, *, sizes: Shape, stride: Axes, low: Axes, high: Axes, dilation: Axes, layout: str
) -> Node:
    require_kind(NUMBER, x.type.dtype)
    x, axes = _last(x, layout), tuple(range(1, len(sizes) + 1))
    least = -math.inf if x.type.inexact else int(np.iinfo(x.type.dtype).min)
    x = _bordered(x, least, axes, low, high)
    z = _reduced(x, max, axes, sizes=sizes, stride=stride, dilation=dilation)
    return _given(z, layout)


max_pool = composite(
    "max_pool",
    expand=_max_pool,
    latex=r"\operatorname{{maxpool}}\left({0}\right)",
    samples=(
        Sample(
            ((2, 3, 4, 5),),
            attrs=_attrs(
                sizes=(2, 2), stride=(2, 1), low=(0, 1), high=(0, 2), dilation=(1, 2), layout="NCHW"
            ),
        ),
        Sample(
            ((2, 7, 3),),
            attrs=_attrs(sizes=(3,), stride=(2,), low=(0,), high=(0,), dilation=(1,), layout="NWC"),
        ),
    ),
)
"""The largest element of every window; what is put around x is smaller than everything."""


def _avg_pool(
    x: Node,
    *,
    sizes: Shape,
    stride: Axes,
    low: Axes,
    high: Axes,
    counted: Axes,
    layout: str,
) -> Node:
    x, axes, one = _last(x, layout), tuple(range(1, len(sizes) + 1)), (1,) * len(sizes)
    attrs: Any = {"sizes": sizes, "stride": stride, "dilation": one}
    z = _reduced(_bordered(x, 0, axes, low, high), sum, axes, **attrs)
    if counted == (*low, *high):
        return _given(z / float(math.prod(sizes)), layout)
    d = len(sizes)
    slide, extents = tuple(range(d)), x.shape[1 : d + 1]
    beyond = tuple(n - c for n, c in zip((*low, *high), counted, strict=True))
    ones = full(1, tensor_type(extents, x.type.dtype))
    ones = _bordered(ones, 1, slide, counted[:d], counted[d:])
    ones = _bordered(ones, 0, slide, beyond[:d], beyond[d:])
    count = _reduced(ones, sum, slide, **attrs)
    ends = (z.shape[0], z.shape[-1])
    return _given(z / broadcast(count, axes=(0, d + 1), sizes=ends), layout)


avg_pool = composite(
    "avg_pool",
    expand=_avg_pool,
    latex=r"\operatorname{{avgpool}}\left({0}\right)",
    samples=(
        Sample(
            ((2, 3, 4, 5),),
            attrs=_attrs(
                sizes=(2, 2),
                stride=(2, 1),
                low=(0, 1),
                high=(0, 1),
                counted=(0, 0, 0, 0),
                layout="NCHW",
            ),
        ),
        Sample(
            ((2, 7, 3),),
            attrs=_attrs(
                sizes=(3,), stride=(2,), low=(1,), high=(1,), counted=(1, 1), layout="NWC"
            ),
        ),
    ),
)
"""The mean of every window. Around x are zeros, of which those in `counted` (all low ones, then all
high ones) count as elements."""
