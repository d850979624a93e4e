"""Moving numbers about: broadcast, reshape, transpose, slice, pad, concatenate, flip."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from wingbeat.errors import TypeMismatch
from wingbeat.ir.node import POWER, Node, Sample
from wingbeat.ir.types import Shape, TensorType, tensor_type
from wingbeat.ops.families import custom, linear, spread, zero_like

Axes = tuple[int, ...]


def drop(index: Sequence[Any], axes: Axes) -> tuple[Any, ...]:
    """`index` without its entries at `axes`."""
    return tuple(n for i, n in enumerate(index) if i not in axes)


def insert(index: Sequence[Any], axes: Axes, values: Sequence[Any]) -> tuple[Any, ...]:
    """The inverse of `drop`: `values` come to stand at `axes`."""
    rest, new = iter(index), dict(zip(axes, values, strict=True))
    return tuple(new[i] if i in new else next(rest) for i in range(len(index) + len(axes)))


def shift(axes: Axes) -> Axes:
    """The same axes behind a batch axis."""
    return tuple(a + 1 for a in axes)


def check_axes(axes: Axes, ndim: int) -> None:
    """Axes are distinct, sorted and inside the rank."""
    if any(not 0 <= a < ndim for a in axes) or any(a >= b for a, b in pairwise(axes)):
        raise TypeMismatch(f"axes {axes} must be distinct, ascending and below {ndim}")


def like(x: TensorType, shape: Shape) -> TensorType:
    return tensor_type(shape, x.dtype)


def _broadcast_type(x: TensorType, *, axes: Axes, sizes: Shape) -> TensorType:
    check_axes(axes, x.ndim + len(axes))
    if len(sizes) != len(axes):
        raise TypeMismatch(f"one size per new axis; got axes {axes} and sizes {sizes}")
    return like(x, insert(x.shape, axes, sizes))


@lru_cache(maxsize=4096)
def _widths(shape: Shape, axes: Axes, sizes: Shape) -> tuple[Shape, Shape]:
    return insert(shape, axes, (1,) * len(axes)), insert(shape, axes, sizes)


def _broadcast(x: Any, *, axes: Axes, sizes: Shape) -> Any:
    x = np.asarray(x)
    narrow, wide = _widths(x.shape, axes, sizes)
    if not (x.flags.c_contiguous and x.size):
        return np.broadcast_to(x.reshape(narrow), wide)
    # The same view, without broadcast_to's 5 us of Python.
    z = np.ndarray(wide, x.dtype, x, 0, insert(x.strides, axes, (0,) * len(axes)))
    z.flags.writeable = False
    return z


def _broadcast_adjoint(g: Node, x: Node, *, axes: Axes, sizes: Shape) -> Node:
    from wingbeat.ops.reduce import sum

    return sum(g, axes=axes)


broadcast = linear(
    "broadcast",
    type_rule=_broadcast_type,
    numpy=_broadcast,
    adjoint=_broadcast_adjoint,
    batch=lambda op, x, *, axes, sizes: op(x, axes=shift(axes), sizes=sizes),
    element=lambda s, read, i, *, axes, sizes: read[0](drop(i, axes)),
    latex="{0}",
    samples=(
        Sample(((4,),), attrs=(("axes", (0,)), ("sizes", (3,)))),
        Sample(((),), attrs=(("axes", (0, 1)), ("sizes", (2, 3)))),
        Sample(((2, 3),), attrs=(("axes", (1,)), ("sizes", (0,)))),
    ),
)
"""New axes of the given sizes, along which the operand repeats. The only broadcasting there is."""


def _reshape_type(x: TensorType, *, shape: Shape) -> TensorType:
    z = like(x, shape)
    if z.size != x.size:
        raise TypeMismatch(f"{x.size} elements do not fill shape {shape}")
    return z


def _offset(i: Sequence[Any], shape: Shape) -> Any:
    flat: Any = 0
    for k, n in zip(i, shape, strict=True):
        flat = flat * n + k
    return flat


def unravel(flat: Any, shape: Shape) -> tuple[Any, ...]:
    """The index of the element number `flat` in row-major order."""
    index: list[Any] = []
    for n in reversed(shape):
        index.append(flat % n)
        flat = flat // n
    return tuple(reversed(index))


reshape = linear(
    "reshape",
    type_rule=_reshape_type,
    numpy=lambda x, *, shape: np.reshape(x, shape),
    adjoint=lambda g, x, *, shape: reshape(g, shape=x.shape),
    batch=lambda op, x, *, shape: op(x, shape=(x.shape[0], *shape)),
    element=lambda s, read, i, *, shape: read[0](unravel(_offset(i, shape), read[0].shape)),
    latex=r"\operatorname{{vec}}\left({0}\right)",
    samples=(
        Sample(((3, 4),), attrs=(("shape", (2, 6)),)),
        Sample(((3, 4),), attrs=(("shape", (12,)),)),
        Sample(((1,),), attrs=(("shape", ()),)),
        Sample(((0, 3),), attrs=(("shape", (0,)),)),
    ),
)


def _transpose_type(x: TensorType, *, perm: Axes) -> TensorType:
    if sorted(perm) != list(range(x.ndim)):
        raise TypeMismatch(f"{perm} is no permutation of the axes {tuple(range(x.ndim))}")
    return like(x, tuple(x.shape[p] for p in perm))


def inverse(perm: Axes) -> Axes:
    return tuple(perm.index(k) for k in range(len(perm)))


transpose = linear(
    "transpose",
    type_rule=_transpose_type,
    numpy=lambda x, *, perm: np.transpose(x, perm),
    adjoint=lambda g, x, *, perm: transpose(g, perm=inverse(perm)),
    batch=lambda op, x, *, perm: op(x, perm=(0, *shift(perm))),
    element=lambda s, read, i, *, perm: read[0](tuple(i[k] for k in inverse(perm))),
    latex=r"{0}^{{\top}}",
    level=POWER,
    samples=(
        Sample(((2, 3, 4),), attrs=(("perm", (2, 0, 1)),)),
        Sample(((3, 4),), attrs=(("perm", (1, 0)),)),
    ),
)


def _slice_sizes(x: TensorType, start: Axes, stop: Axes, step: Axes) -> Shape:
    if not len(start) == len(stop) == len(step) == x.ndim:
        raise TypeMismatch("start, stop and step name every axis")
    for a, b, k, n in zip(start, stop, step, x.shape, strict=True):
        if not (0 <= a <= n and a <= b <= n and k >= 1):
            raise TypeMismatch(
                f"0 <= {a} <= {b} <= {n} and step {k} >= 1 must hold; flip goes backwards"
            )
    return tuple(-(-(b - a) // k) for a, b, k in zip(start, stop, step, strict=True))


def _slice_adjoint(g: Node, x: Node, *, start: Axes, stop: Axes, step: Axes) -> Node:
    """Zeros between the elements, before them and behind them."""
    last = tuple(
        a + (n - 1) * k + 1 if n else a for a, n, k in zip(start, g.shape, step, strict=True)
    )
    after = tuple(n - end for n, end in zip(x.shape, last, strict=True))
    return pad(g, before=start, after=after, between=tuple(k - 1 for k in step))


def _slice_batch(op: Any, x: Node, *, start: Axes, stop: Axes, step: Axes) -> Node:
    return op(x, start=(0, *start), stop=(x.shape[0], *stop), step=(1, *step))


slice = linear(
    "slice",
    type_rule=lambda x, *, start, stop, step: like(x, _slice_sizes(x, start, stop, step)),
    numpy=lambda x, *, start, stop, step: x[_slices(start, stop, step)],
    adjoint=_slice_adjoint,
    batch=_slice_batch,
    element=lambda s, read, i, *, start, stop, step: read[0](
        tuple(a + n * k for a, n, k in zip(start, i, step, strict=True))
    ),
    latex=r"{0}_{{[\,]}}",
    samples=(
        Sample(((5, 4),), attrs=(("start", (1, 0)), ("step", (2, 1)), ("stop", (5, 3)))),
        Sample(((5,),), attrs=(("start", (2,)), ("step", (3,)), ("stop", (2,)))),
        Sample(((7,),), attrs=(("start", (1,)), ("step", (3,)), ("stop", (7,)))),
    ),
)


def _pad_sizes(x: TensorType, before: Axes, after: Axes, between: Axes) -> Shape:
    if not len(before) == len(after) == len(between) == x.ndim:
        raise TypeMismatch("before, after and between name every axis")
    if min((*before, *after, *between), default=0) < 0:
        raise TypeMismatch(f"padding is never negative: {before}, {after}, {between}")
    each = zip(before, x.shape, between, after, strict=True)
    return tuple(b + n + max(n - 1, 0) * k + a for b, n, k, a in each)


def _pad(x: Any, *, before: Axes, after: Axes, between: Axes) -> Any:
    sizes = _pad_sizes(tensor_type(np.shape(x), x.dtype), before, after, between)
    z = np.zeros(sizes, x.dtype)
    steps = tuple(k + 1 for k in between)
    z[_slices(before, tuple(n - a for n, a in zip(sizes, after, strict=True)), steps)] = x
    return z


def _pad_adjoint(g: Node, x: Node, *, before: Axes, after: Axes, between: Axes) -> Node:
    stop = tuple(max(n - a, b) for n, a, b in zip(g.shape, after, before, strict=True))
    return slice(g, start=before, stop=stop, step=tuple(k + 1 for k in between))


def _pad_element(
    s: Any, read: Any, i: Sequence[Any], *, before: Axes, after: Axes, between: Axes
) -> Any:
    def along(axis: int, found: tuple[Any, ...]) -> Any:
        if axis == len(i):
            return read[0](found)
        k, step = i[axis] - before[axis], between[axis] + 1
        inside = (k >= 0) & (k < read[0].shape[axis] * step - between[axis]) & (k % step == 0)
        return s.branch(inside, lambda: along(axis + 1, (*found, k // step)), lambda: s.const(0))

    return along(0, ())


pad = linear(
    "pad",
    type_rule=lambda x, *, before, after, between: like(x, _pad_sizes(x, before, after, between)),
    numpy=_pad,
    adjoint=_pad_adjoint,
    batch=lambda op, x, *, before, after, between: op(
        x, before=(0, *before), after=(0, *after), between=(0, *between)
    ),
    element=_pad_element,
    latex=r"\operatorname{{pad}}\left({0}\right)",
    samples=(
        Sample(((2, 3),), attrs=(("after", (1, 0)), ("before", (0, 2)), ("between", (0, 1)))),
        Sample(((0,),), attrs=(("after", (1,)), ("before", (1,)), ("between", (2,)))),
    ),
)
"""Zeros before, after and between the elements of each axis."""


def _slices(start: Axes, stop: Axes, step: Axes) -> tuple[Any, ...]:
    return tuple(builtins.slice(*each) for each in zip(start, stop, step, strict=True))


def _check_flip(x: TensorType, *, axes: Axes) -> TensorType:
    check_axes(axes, x.ndim)
    return x


flip = linear(
    "flip",
    type_rule=_check_flip,
    numpy=lambda x, *, axes: np.flip(x, axes),
    adjoint=lambda g, x, *, axes: flip(g, axes=axes),
    batch=lambda op, x, *, axes: op(x, axes=shift(axes)),
    element=lambda s, read, i, *, axes: read[0](
        tuple(read[0].shape[k] - 1 - n if k in axes else n for k, n in enumerate(i))
    ),
    latex=r"\operatorname{{flip}}\left({0}\right)",
    samples=(Sample(((3, 4),), attrs=(("axes", (1,)),)), Sample(((3,),), attrs=(("axes", ()),))),
)


# --- concatenate: linear in each of its operands ----------------------------------------------


def _concatenate_type(*xs: TensorType, axis: int) -> TensorType:
    if not xs:
        raise TypeMismatch("nothing to concatenate; give at least one tensor")
    check_axes((axis,), xs[0].ndim)
    for x in xs[1:]:
        if x.dtype is not xs[0].dtype or x.ndim != xs[0].ndim:
            raise TypeMismatch("operands must have one rank and one dtype")
        if drop(x.shape, (axis,)) != drop(xs[0].shape, (axis,)):
            raise TypeMismatch(f"sizes may differ along axis {axis} only")
    along = builtins.sum(x.shape[axis] for x in xs)
    return like(xs[0], (*xs[0].shape[:axis], along, *xs[0].shape[axis + 1 :]))


def _pieces(g: Node, xs: Sequence[Node], axis: int) -> tuple[Node, ...]:
    """What of `g` belongs to each operand."""
    pieces: list[Node] = []
    begin = 0
    for x in xs:
        end = begin + x.shape[axis]
        start = tuple(begin if k == axis else 0 for k in range(len(g.shape)))
        stop = tuple(end if k == axis else n for k, n in enumerate(g.shape))
        pieces.append(slice(g, start=start, stop=stop, step=(1,) * len(g.shape)))
        begin = end
    return tuple(pieces)


def _concatenate_jvp(z: Node, xs: Sequence[Node], ts: Sequence[Node | None]) -> Node | None:
    if all(t is None for t in ts):
        return None
    parts = [t or zero_like(x) for x, t in zip(xs, ts, strict=True)]
    return concatenate(*parts, axis=dict(z.attrs)["axis"])


def _concatenate_element(s: Any, read: Any, i: Sequence[Any], *, axis: int) -> Any:
    def at(k: int, offset: int) -> Any:
        def here() -> Any:
            return read[k]((*i[:axis], i[axis] - offset, *i[axis + 1 :]))

        end = offset + read[k].shape[axis]
        if k == len(read) - 1:
            return here()
        return s.branch(i[axis] < end, here, lambda: at(k + 1, end))

    return at(0, 0)


concatenate = custom(
    "concatenate",
    type_rule=_concatenate_type,
    numpy=lambda *xs, axis: np.concatenate(xs, axis),
    jvp=_concatenate_jvp,
    vjp=lambda g, z, *xs: _pieces(g, xs, dict(z.attrs)["axis"]),
    batch=lambda op, xs, batched, *, axis: op(*spread(xs, batched), axis=axis + 1),
    element=_concatenate_element,
    latex=lambda *xs, axis: r"\left[" + r"\; ".join(map(str, xs)) + r"\right]",
    samples=(
        Sample(((2, 3), (4, 3)), attrs=(("axis", 0),)),
        Sample(((2, 1), (2, 0)), attrs=(("axis", 1),)),
    ),
)
