"""Reductions and running sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wingbeat.errors import TypeMismatch
from wingbeat.ir.node import PRODUCT, SUM, Absent, Kink, Node, Sample, Sweep
from wingbeat.ir.types import TensorType, tensor_type
from wingbeat.ops.arithmetic import cast
from wingbeat.ops.families import ANY, NUMBER, agreed, custom, full, linear, pull, require_kind
from wingbeat.ops.logic import equal, greater
from wingbeat.ops.shape import Axes, broadcast, check_axes, drop, flip, insert, like, shift

_SAMPLES = (
    Sample(((3, 4),), attrs=(("axes", (0,)),)),
    Sample(((2, 3, 4),), attrs=(("axes", (0, 2)),)),
    Sample(((3,),), attrs=(("axes", (0,)),)),
)


def _reduced(x: TensorType, axes: Axes) -> TensorType:
    check_axes(axes, x.ndim)
    return like(x, drop(x.shape, axes))


def _sum_type(x: TensorType, *, axes: Axes) -> TensorType:
    require_kind(NUMBER, x.dtype)
    return _reduced(x, axes)


def back(g: Node, x: Node, axes: Axes) -> Node:
    """`g` repeated along the axes of `x` that were reduced."""
    return broadcast(g, axes=axes, sizes=tuple(x.shape[a] for a in axes))


sum = linear(
    "sum",
    type_rule=_sum_type,
    numpy=lambda x, *, axes: np.sum(x, axis=axes, dtype=x.dtype) if axes else x,
    adjoint=lambda g, x, *, axes: back(g, x, axes),
    batch=lambda op, x, *, axes: op(x, axes=shift(axes)),
    element=lambda s, read, i, *, axes: s.reduce(
        "add", tuple(read[0].shape[a] for a in axes), lambda k: read[0](insert(i, axes, k))
    ),
    latex=r"\sum {0}",
    level=SUM,
    inner=PRODUCT,
    samples=(*_SAMPLES, Sample(((0, 2),), attrs=(("axes", (0,)),))),
)


def _extreme_type(x: TensorType, *, axes: Axes) -> TensorType:
    if any(x.shape[a] == 0 for a in axes if a < x.ndim):
        raise TypeMismatch("no element has a largest or smallest; the reduced axis is empty")
    require_kind(ANY, x.dtype)
    return _reduced(x, axes)


def _ties(z: Node, x: Node) -> tuple[Node, Node]:
    """Which elements attain the extreme value, and how many do, as floats."""
    axes = dict(z.attrs)["axes"]
    winners = cast(equal(x, back(z, x, axes)), dtype=x.type.dtype.name)
    return winners, sum(winners, axes=axes)


def _weights(z: Node, x: Node) -> Node:
    """1 / number of winners at each winner: ties share equally."""
    (winners, count), axes = _ties(z, x), dict(z.attrs)["axes"]
    return agreed(winners / back(count, x, axes), back(z, x, axes))


def _extreme_jvp(z: Node, xs: Sequence[Node], ts: Sequence[Node | None]) -> Node | None:
    t = None if ts[0] is None else pull(ts[0], _weights(z, xs[0]))
    return None if t is None else sum(t, axes=dict(z.attrs)["axes"])


def _tied(z: Node, x: Node) -> Node:
    count = _ties(z, x)[1]
    return greater(count, full(1, count.type))


def _extreme(name: str, numpy: Any) -> Any:
    return custom(
        name,
        type_rule=_extreme_type,
        numpy=lambda x, *, axes: numpy(x, axis=axes),
        jvp=_extreme_jvp,
        vjp=lambda g, z, x: (pull(back(g, x, dict(z.attrs)["axes"]), _weights(z, x)),),
        batch=lambda op, xs, batched, *, axes: op(xs[0], axes=shift(axes)),
        element=lambda s, read, i, *, axes: s.reduce(
            name, tuple(read[0].shape[a] for a in axes), lambda k: read[0](insert(i, axes, k))
        ),
        latex=rf"\{name}\left({{0}}\right)",
        samples=_SAMPLES,
        kink=Kink(_tied, "ties share equally", lipschitz=True),
    )


max = _extreme("max", np.max)
min = _extreme("min", np.min)


def _position_type(x: TensorType, *, axis: int) -> TensorType:
    require_kind(ANY, x.dtype)
    check_axes((axis,), x.ndim)
    if x.shape[axis] == 0:
        raise TypeMismatch(f"axis {axis} is empty, so nothing in it is largest or smallest")
    return tensor_type(drop(x.shape, (axis,)), "int64")


def _position(name: str, numpy: Any, extreme: Any) -> Any:
    kind = extreme.name

    def several(z: Node, x: Node) -> Node:
        return _tied(extreme(x, axes=(dict(z.attrs)["axis"],)), x)

    return custom(
        name,
        type_rule=_position_type,
        numpy=lambda x, *, axis: numpy(x, axis=axis),
        jvp=Absent(f"{name} is integer valued"),
        vjp=Absent(f"{name} is integer valued"),
        batch=lambda op, xs, batched, *, axis: op(xs[0], axis=axis + 1),
        element=lambda s, read, i, *, axis: s.number(
            s.argreduce(kind, read[0].shape[axis], lambda k: read[0](insert(i, (axis,), (k,))))
        ),
        latex=rf"\operatorname{{{{{name}}}}}\left({{0}}\right)",
        samples=(
            Sample(((3, 4),), attrs=(("axis", 0),)),
            Sample(((5,),), within=(0, 2), attrs=(("axis", 0),), dtypes=("int64",)),
        ),
        kink=Kink(several, "the first of the equal ones"),
    )


argmax = _position("argmax", np.argmax, max)
argmin = _position("argmin", np.argmin, min)


def _cumsum_type(x: TensorType, *, axis: int) -> TensorType:
    require_kind(NUMBER, x.dtype)
    check_axes((axis,), x.ndim)
    return x


def _cumsum_adjoint(g: Node, x: Node, *, axis: int) -> Node:
    return flip(cumsum(flip(g, axes=(axis,)), axis=axis), axes=(axis,))


cumsum = linear(
    "cumsum",
    type_rule=_cumsum_type,
    numpy=lambda x, *, axis: np.cumsum(x, axis=axis, dtype=x.dtype),
    adjoint=_cumsum_adjoint,
    batch=lambda op, x, *, axis: op(x, axis=axis + 1),
    element=lambda s, read, i, *, axis: s.reduce(
        "add", (i[axis] + 1,), lambda k: read[0]((*i[:axis], k[0], *i[axis + 1 :]))
    ),
    latex=r"\operatorname{{cumsum}}\left({0}\right)",
    samples=(Sample(((3, 4),), attrs=(("axis", 1),)), Sample(((0,),), attrs=(("axis", 0),))),
    sweep=Sweep(
        kind="add",
        start=0,
        extents=lambda x, *, axis: x,
        target=lambda s, read, k, *, axis: tuple(k),
        term=lambda s, read, k, *, axis: read[0](tuple(k)),
        along=lambda *, axis: axis,
    ),
)
