"""Convolution and pooling by their definitions: a loop over every window, in NumPy.

Knows nothing of labels, windows or adjoints; arguments are those of the composites.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tests.ops.cases import Array

Axes = tuple[int, ...]


def channels_last(x: Array, layout: str) -> Array:
    return np.moveaxis(x, 1, -1) if layout[1] == "C" else x


def given(z: Array, layout: str) -> Array:
    return np.moveaxis(z, -1, 1) if layout[1] == "C" else z


def bordered(x: Array, low: Axes, high: Axes, value: float) -> Array:
    border = [(0, 0), *zip(low, high, strict=True), (0, 0)]
    return np.pad(x, border, constant_values=value)


def counts(x: Array, sizes: Axes, stride: Axes, dilation: Axes) -> Axes:
    """How many windows there are along each axis: tried one after the other."""
    return tuple(
        sum(start + (k - 1) * d < n for start in range(0, n, s))
        for n, k, s, d in zip(x.shape[1:-1], sizes, stride, dilation, strict=True)
    )


def each_window(
    x: Array, sizes: Axes, stride: Axes, dilation: Axes
) -> Iterator[tuple[Axes, Array]]:
    """The place of every window in the result, and its elements: (N, windows..., C)."""
    for o in np.ndindex(*counts(x, sizes, stride, dilation)):
        window = x
        for axis, (p, k, s, d) in enumerate(zip(o, sizes, stride, dilation, strict=True), 1):
            window = np.take(window, [p * s + j * d for j in range(k)], axis)
        yield o, window


def over_windows(
    x: Array, sizes: Axes, stride: Axes, dilation: Axes, channels: int, f: Callable[[Array], Array]
) -> Array:
    z = np.zeros((len(x), *counts(x, sizes, stride, dilation), channels), x.dtype)
    for o, window in each_window(x, sizes, stride, dilation):
        z[(slice(None), *o)] = f(window)
    return z


def conv(
    x: Array,
    w: Array,
    b: Any = 0.0,
    *,
    stride: Axes,
    low: Axes,
    high: Axes,
    dilation: Axes,
    groups: int,
    layout: str,
) -> Array:
    if layout[1] == "C":  # (O, I, H, W) -> (H, W, I, O)
        w = np.moveaxis(w, (0, 1), (-1, -2))
    x = bordered(channels_last(x, layout), low, high, 0)
    inner, out = w.shape[-2], w.shape[-1]

    def product(window: Array) -> Array:
        columns: list[Array] = []
        for o in range(out):
            group = o // (out // groups)
            part = window[..., group * inner : (group + 1) * inner]
            columns.append((part * w[..., o]).sum(tuple(range(1, part.ndim))))
        return np.stack(columns, -1) + b

    z = over_windows(x, w.shape[:-2], stride, dilation, out, product)
    return given(z, layout)


def max_pool(
    x: Array, *, sizes: Axes, stride: Axes, low: Axes, high: Axes, dilation: Axes, layout: str
) -> Array:
    x = bordered(channels_last(x, layout), low, high, -np.inf)
    axes = tuple(range(1, x.ndim - 1))
    z = over_windows(x, sizes, stride, dilation, x.shape[-1], lambda w: w.max(axes))
    return given(z, layout)


def avg_pool(
    x: Array, *, sizes: Axes, stride: Axes, low: Axes, high: Axes, counted: Axes, layout: str
) -> Array:
    """What does not count is NaN."""
    x, d = channels_last(x, layout), len(sizes)
    x = bordered(x, counted[:d], counted[d:], 0)
    rest = [n - c for n, c in zip((*low, *high), counted, strict=True)]
    x = bordered(x, tuple(rest[:d]), tuple(rest[d:]), np.nan)
    axes = tuple(range(1, x.ndim - 1))
    z = over_windows(x, sizes, stride, (1,) * d, x.shape[-1], lambda w: np.nanmean(w, axes))
    return given(z, layout)
