"""What a convolution and a pool share: windows that slide along one or two axes of x.

`layout` names the axes of x: "NCHW", as in PyTorch, or "NHWC" (along one axis "NCW" or "NWC"); x
may lack the axis N.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wingbeat.api.axes import integer
from wingbeat.errors import TypeMismatch
from wingbeat.ir.node import Node
from wingbeat.ops.shape import reshape
from wingbeat.ops.windows import span

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


def layout_of(layout: Any, axes: int, name: str) -> str:
    """`layout`, where it is one for so many axes."""
    if layout not in _LAYOUTS[axes]:
        choices = " or ".join(map(repr, _LAYOUTS[axes]))
        raise TypeMismatch(f"{name}: layout is {choices}, not {layout!r}")
    return layout


def times(sizes: Sequence[int]) -> str:
    """Sizes as users read them: 3x3."""
    return "x".join(map(str, sizes))


def batched(x: Node, name: str, layout: str) -> Node:
    """`x` with the axis N."""
    if len(x.shape) == len(layout):
        return x
    if len(x.shape) == len(layout) - 1:
        return reshape(x, shape=(1, *x.shape))
    one, many = (f"({', '.join(axes)})" for axes in (layout[1:], layout))
    raise TypeMismatch(f"{name}: x has shape {many} or {one}, not {x.type}")


def like(z: Node, x: Node) -> Node:
    """`z` without the axis N where `x` came without it."""
    return z if len(z.shape) == len(x.shape) else reshape(z, shape=z.shape[1:])


def extents_of(x: Node, layout: str) -> Sizes:
    """The sizes of the axes that slide."""
    return x.shape[2:] if layout[1] == "C" else x.shape[1:-1]


def check_fits(
    name: str, extents: Sizes, around: Sizes, sizes: Sizes, dilation: Sizes, what: str
) -> None:
    """Whether at least one window lies in x with its border."""
    covered = [span(k, d) for k, d in zip(sizes, dilation, strict=True)]
    padded = [n + a for n, a in zip(extents, around, strict=True)]
    if any(c > n for c, n in zip(covered, padded, strict=True)):
        of = f" with dilation {times(dilation)}" if max(dilation) > 1 else ""
        border = f", padded to {times(padded)}" if any(around) else ""
        raise TypeMismatch(
            f"{name}: {what} of {times(sizes)}{of} does not fit into x of "
            f"{times(extents)}{border}; use a smaller one or more padding"
        )
