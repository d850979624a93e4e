"""Convolution: the contraction of two tensors that slide along each other.

Axes carry labels, as in `contract`. The first labels, one for each of `sizes`, stand for axes that
slide: each operand and the result has them, and of its positions i in x, k in y and o in the result
all those meet for which

    base i = stride o + dilation k + offset

So `offset` is minus the padding, and `sizes` are the extents of the result. The three roles are
alike: the adjoint by either operand is a convolution again, with the roles exchanged. Groups of
channels and batches of kernels are batch axes, as in `contract`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from wingbeat.errors import TypeMismatch
from wingbeat.ir.node import POWER, PRODUCT, Node, Sample
from wingbeat.ir.types import Shape, TensorType, tensor_type
from wingbeat.ops.contract import Labels, contract, product
from wingbeat.ops.families import bilinear
from wingbeat.ops.shape import Axes


@dataclass(frozen=True)
class _Slide:
    """The attributes of `convolve`."""

    lhs: Labels
    rhs: Labels
    out: Labels
    base: Axes
    stride: Axes
    dilation: Axes
    offset: Axes
    sizes: Shape
    guard: int = 0

    @property
    def sliding(self) -> range:
        return range(len(self.sizes))

    def still(self, labels: Labels) -> Labels:
        return tuple(k for k in labels if k not in self.sliding)

    def extents(self, shape: Shape, labels: Labels) -> Shape:
        """The sizes of the axes that slide."""
        return tuple(shape[labels.index(k)] for k in self.sliding)

    def by_x(self, x: Shape) -> _Slide:
        """What makes of g and y the cotangent of x: stride o = base i - dilation k - offset."""
        return _upright(
            lhs=self.out,
            rhs=self.rhs,
            out=self.lhs,
            base=self.stride,
            stride=self.base,
            dilation=_minus(self.dilation),
            offset=_minus(self.offset),
            sizes=self.extents(x, self.lhs),
            guard=1 | self.guard & 2,
        )

    def by_y(self, y: Shape) -> _Slide:
        """What makes of x and g the cotangent of y: the kernel is g, the result is that of y."""
        return _upright(
            lhs=self.lhs,
            rhs=self.out,
            out=self.rhs,
            base=self.base,
            stride=self.dilation,
            dilation=self.stride,
            offset=self.offset,
            sizes=self.extents(y, self.rhs),
            guard=2 | self.guard & 1,
        )


def _minus(factors: Axes) -> Axes:
    return tuple(-f for f in factors)


def _upright(base: Axes, **attrs: Any) -> _Slide:
    """With every base positive: a relation may be multiplied by -1."""
    signs = [1 if b > 0 else -1 for b in base]
    for name in ("stride", "dilation", "offset"):
        attrs[name] = tuple(s * f for s, f in zip(signs, attrs[name], strict=True))
    return _Slide(base=tuple(map(abs, base)), **attrs)


def _convolve_type(x: TensorType, y: TensorType, **attrs: Any) -> TensorType:
    a = _Slide(**attrs)
    if len(a.lhs) != x.ndim or len(a.rhs) != y.ndim:
        raise TypeMismatch(f"labels {a.lhs} and {a.rhs} must name every axis")
    if {len(a.sizes)} != {len(each) for each in (a.base, a.stride, a.dilation, a.offset)}:
        raise TypeMismatch("base, stride, dilation, offset and sizes name every axis that slides")
    if any(labels.count(k) != 1 for labels in (a.lhs, a.rhs, a.out) for k in a.sliding):
        raise TypeMismatch("what slides is one axis of each operand and of the result")
    if min((*a.base, 1)) < 1 or 0 in (*a.stride, *a.dilation) or min((*a.sizes, 0)) < 0:
        raise TypeMismatch("bases are positive, strides and dilations not 0, sizes not negative")
    still = [
        tensor_type(tuple(n for k, n in zip(labels, t.shape, strict=True) if k in kept), t.dtype)
        for t, labels in ((x, a.lhs), (y, a.rhs))
        for kept in (a.still(labels),)
    ]
    z = contract.type_rule(*still, lhs=a.still(a.lhs), rhs=a.still(a.rhs), out=a.still(a.out))
    extents = dict(zip((*a.sliding, *a.still(a.out)), (*a.sizes, *z.shape), strict=True))
    return tensor_type(tuple(extents[k] for k in a.out), z.dtype)


# --- values ------------------------------------------------------------------------------------

Picks = tuple[Any, Any, Any]  # of x, of y, of the result: a position, or a slice of positions


@lru_cache(maxsize=4096)
def _meetings(extents: Axes, factors: Axes, offset: int) -> tuple[int, tuple[Picks, ...]]:
    """Which positions of an axis meet: factors[0] i + factors[1] k + factors[2] o = offset.

    The role that has the fewest, and for each of these the slices of the two others.
    """
    role = min((1, 2, 0), key=lambda r: extents[r])
    p, q = (r for r in range(3) if r != role)
    found: list[Picks] = []
    for at in range(extents[role]):
        rest = offset - factors[role] * at
        pairs = [
            (whole, k)
            for k in range(extents[q])
            for whole, left in (divmod(rest - factors[q] * k, factors[p]),)
            if not left and 0 <= whole < extents[p]
        ]
        if pairs:
            first, second = map(_progression, zip(*pairs, strict=True))
            picks = {role: at, p: first, q: second}
            found.append((picks[0], picks[1], picks[2]))
    return role, tuple(found)


def _progression(positions: Sequence[int]) -> slice:
    step = positions[1] - positions[0] if len(positions) > 1 else 1
    stop = positions[-1] + (1 if step > 0 else -1)
    return slice(positions[0], stop if stop >= 0 else None, step)


def _convolve(x: Any, y: Any, **attrs: Any) -> Any:
    """A matrix product for each position in the shortest role, on views of the other two."""
    a, dtype = _Slide(**attrs), x.dtype
    z = np.zeros(_convolve_type(_type(x), _type(y), **attrs).shape, dtype)
    if dtype == np.float16:  # sums of many rounded products; BLAS has no float16 either
        x, y, z = (each.astype(np.float32) for each in (x, y, z))
    labels = (a.lhs, a.rhs, a.out)
    for left, views in _taps(a, labels, (x, y, z)):
        view = views[2]
        view += contract.numpy(*views[:2], lhs=left[0], rhs=left[1], out=left[2], guard=a.guard)
    return z.astype(dtype, copy=False)


def _type(x: Any) -> TensorType:
    return tensor_type(x.shape, x.dtype)


def _taps(
    a: _Slide, labels: Sequence[Labels], arrays: Sequence[Any]
) -> Iterator[tuple[list[Labels], list[Any]]]:
    """For each tap, the views of x, y and z that it joins, and the labels that these have left."""
    extents = [a.extents(t.shape, each) for t, each in zip(arrays, labels, strict=True)]
    axes = [
        _meetings(tuple(e[k] for e in extents), (a.base[k], -a.dilation[k], -a.stride[k]), offset)
        for k, offset in enumerate(a.offset)
    ]
    spent = [{k for k in a.sliding if axes[k][0] == role} for role in range(3)]
    left = [tuple(k for k in labels[r] if k not in spent[r]) for r in range(3)]
    for picks in itertools.product(*(meetings for _, meetings in axes)):
        views: list[Any] = []
        for role, (array, names) in enumerate(zip(arrays, labels, strict=True)):
            index = (picks[k][role] if k in a.sliding else slice(None) for k in names)
            views.append(array[(*index, ...)])  # a view, of a single number too
        yield left, views


# --- the other rules ---------------------------------------------------------------------------


def _convolve_adjoints(g: Node, x: Node, y: Node, **attrs: Any) -> tuple[Node, Node]:
    a = _Slide(**attrs)
    return (
        convolve(g, y, **vars(a.by_x(x.shape))),
        convolve(x, g, **vars(a.by_y(y.shape))),
    )


def _convolve_batch(op: Any, xs: Sequence[Node], batched: Sequence[bool], **attrs: Any) -> Node:
    a = _Slide(**attrs)
    new = max((*a.lhs, *a.rhs), default=-1) + 1
    left, right = ((new,) if flag else () for flag in batched)
    labels = {"lhs": left + a.lhs, "rhs": right + a.rhs, "out": (new, *a.out)}
    return op(*xs, **(attrs | labels))


def _convolve_element(s: Any, read: Any, i: Sequence[Any], **attrs: Any) -> Any:
    a = _Slide(**attrs)
    inner = tuple(k for k in a.lhs if k in a.still(a.rhs) and k not in a.out)
    sizes = dict(zip(a.lhs, read[0].shape, strict=True))
    width, reach = a.extents(read[1].shape, a.rhs), a.extents(read[0].shape, a.lhs)
    o = dict(zip(a.out, i, strict=True))

    def term(ks: Sequence[Any]) -> Any:
        k = {**o, **dict(zip((*a.sliding, *inner), ks, strict=True))}

        def along(axis: int, found: tuple[Any, ...]) -> Any:
            """Positions in x, axis by axis; nothing is read outside of it."""
            if axis == len(a.sizes):
                at = {**k, **dict(enumerate(found))}
                x = read[0](tuple(at[label] for label in a.lhs))
                return product(s, x, read[1](tuple(k[label] for label in a.rhs)), a.guard)
            base, n = a.base[axis], reach[axis]
            at = a.stride[axis] * o[axis] + a.dilation[axis] * k[axis] + a.offset[axis]
            position = at // base if base > 1 else at
            met = _met(a, axis, width[axis], n, at)
            rest = lambda: along(axis + 1, (*found, position))  # noqa: E731
            return rest() if met is None else s.branch(met, rest, lambda: s.const(0))

        return along(0, ())

    return s.reduce("add", (*width, *(sizes[k] for k in inner)), term)


def _met(a: _Slide, axis: int, width: int, n: int, at: Any) -> Any:
    """The condition that `at` is a position of x, times its base; None where it always is."""
    base = a.base[axis]
    ends = [
        a.stride[axis] * o + a.dilation[axis] * k + a.offset[axis]
        for o in (0, a.sizes[axis] - 1)
        for k in (0, width - 1)
    ]
    if base == 1 and min(ends) >= 0 and max(ends) < n:
        return None
    inside = (at >= 0) & (at <= base * (n - 1))
    return inside & (at % base == 0) if base > 1 else inside


def _sample(
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
    labels: tuple[Labels, Labels, Labels],
    sizes: Shape,
    *relation: Axes,
    guard: int = 0,
) -> Sample:
    attrs = dict(zip(("lhs", "rhs", "out"), labels, strict=True))
    attrs |= dict(zip(("base", "stride", "dilation", "offset"), relation, strict=True))
    attrs |= {"sizes": sizes} | ({"guard": guard} if guard else {})  # type: ignore[dict-item]
    return Sample(shapes, attrs=tuple(sorted(attrs.items())))


_LINE = ((1, 0, 2), (0, 2, 3), (1, 0, 3))  # (N, W, C), (W, I, O), (N, W, O)
_PLANE = ((2, 0, 1, 3), (0, 1, 3, 4), (2, 0, 1, 4))
_GROUPS = ((1, 0, 4, 2), (0, 4, 2, 3), (1, 0, 4, 3))

convolve = bilinear(
    "convolve",
    type_rule=_convolve_type,
    numpy=_convolve,
    adjoints=_convolve_adjoints,
    batch=_convolve_batch,
    element=_convolve_element,
    latex=r"{0} \ast {1}",
    level=PRODUCT,
    inner=POWER,
    samples=(
        _sample(((2, 6, 3), (3, 3, 4)), _LINE, (4,), (1,), (1,), (1,), (0,)),
        _sample(((2, 4, 5, 2), (3, 2, 2, 3)), _PLANE, (2, 5), (1, 1), (2, 1), (1, 2), (-1, -1)),
        _sample(((2, 7, 2, 2), (3, 2, 2, 2)), _GROUPS, (4,), (1,), (2,), (1,), (-1,)),
        _sample(((1, 4, 2), (3, 2, 2)), _LINE, (9,), (2,), (1,), (-1,), (2,)),
        _sample(((1, 3, 2), (4, 2, 2)), _LINE, (3,), (3,), (-2,), (1,), (5,)),
        _sample(((2, 3, 1), (2, 1, 2)), _LINE, (0,), (1,), (1,), (1,), (0,)),
        _sample(((6,), (3,)), ((0,), (0,), (0,)), (4,), (1,), (1,), (1,), (0,), guard=1),
    ),
)
