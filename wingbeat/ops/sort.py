"""Order along an axis. Equal elements keep theirs (the sort is stable); NaN goes last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wingbeat.ir.node import Absent, Kink, Node, Sample
from wingbeat.ir.types import TensorType, tensor_type
from wingbeat.ops.arithmetic import stop_gradient
from wingbeat.ops.families import ANY, custom, require_kind
from wingbeat.ops.index import gather, scatter_add
from wingbeat.ops.logic import equal, logical_or
from wingbeat.ops.shape import check_axes, inverse, pad, slice, transpose

_KEPT = "equal elements keep their order"
_SAMPLES = (
    Sample(((3, 4),), attrs=(("axis", 1),)),
    Sample(((4, 2),), attrs=(("axis", 0),)),
    Sample(((6,),), within=(0, 2), attrs=(("axis", 0),), dtypes=("int64",)),
)


def _sorted_type(x: TensorType, *, axis: int) -> TensorType:
    require_kind(ANY, x.dtype)
    check_axes((axis,), x.ndim)
    return x


def _comparisons(x: TensorType, *, axis: int) -> int:
    """Of a merge sort: n log2(n) for each line."""
    return x.size * max(x.shape[axis] - 1, 0).bit_length()


def _order_element(s: Any, read: Any, i: Sequence[Any], *, axis: int) -> Any:
    """The one position k that as many elements go before as there are before i."""
    n = read[0].shape[axis]

    def at(k: Any) -> Any:
        return read[0]((*i[:axis], k, *i[axis + 1 :]))

    def smaller(x: Any, y: Any) -> Any:
        only_y_is_nan = s.bits("&", s.compare("!=", y, y), s.compare("==", x, x))
        return s.bits("|", s.compare("<", x, y), only_y_is_nan)

    def before(j: Any, k: Any) -> Any:
        """1 where element j goes before element k, else 0."""
        earlier = s.compare("<", s.number(j), s.number(k))
        same = s.invert(smaller(at(k), at(j)))
        goes = s.bits("|", smaller(at(j), at(k)), s.bits("&", same, earlier))
        return s.select(goes, s.const(1), s.const(0))

    def candidate(ks: Any) -> Any:
        (k,) = ks
        rank = s.index(s.reduce("add", (n,), lambda js: before(js[0], k)))
        return s.branch(rank == i[axis], lambda: s.number(k), lambda: s.const(0))

    return s.reduce("add", (n,), candidate)


argsort = custom(
    "argsort",
    type_rule=lambda x, *, axis: tensor_type(_sorted_type(x, axis=axis).shape, "int64"),
    numpy=lambda x, *, axis: np.argsort(x, axis=axis, kind="stable"),
    jvp=Absent("argsort is integer valued"),
    vjp=Absent("argsort is integer valued"),
    batch=lambda op, xs, batched, *, axis: op(xs[0], axis=axis + 1),
    element=_order_element,
    latex=r"\operatorname{{argsort}}\left({0}\right)",
    samples=_SAMPLES,
    whole=_comparisons,
    kink=Kink(lambda z, x: _tied(sort(x, **dict(z.attrs)), x), _KEPT),
)
"""The positions along an axis in the order of what stands there."""


def _along(op: Any, x: Node, i: Node, axis: int, **attrs: int) -> Node:
    """`gather` or `scatter_add` along one axis, where every line has positions of its own."""
    n = len(x.shape)
    to_end = (*(k for k in range(n) if k != axis), axis)
    z = op(transpose(x, perm=to_end), transpose(i, perm=to_end), batch=n - 1, **attrs)
    return transpose(z, perm=inverse(to_end))


def _order(z: Node, x: Node) -> Node:
    """Constant for further derivatives: where no elements are equal, a small step changes none."""
    return argsort(stop_gradient(x), **dict(z.attrs))


def _sort_jvp(z: Node, xs: Sequence[Node], ts: Sequence[Node | None]) -> Node | None:
    return None if ts[0] is None else _along(gather, ts[0], _order(z, xs[0]), **dict(z.attrs))


def _sort_vjp(g: Node, z: Node, x: Node) -> tuple[Node | None, ...]:
    axis = dict(z.attrs)["axis"]
    return (_along(scatter_add, g, _order(z, x), axis, size=x.shape[axis]),)


def _tied(z: Node, x: Node) -> Node:
    """Which elements of z equal a neighbour."""
    axis, n = dict(z.attrs)["axis"], len(z.shape)
    size = z.shape[axis]

    def at_axis(value: int, other: Sequence[int]) -> tuple[int, ...]:
        return tuple(value if k == axis else m for k, m in enumerate(other))

    none, one = (0,) * n, at_axis(min(size, 1), (0,) * n)
    front = at_axis(max(size - 1, 0), z.shape)
    left = slice(z, start=none, stop=front, step=(1,) * n)
    right = slice(z, start=one, stop=z.shape, step=(1,) * n)
    same = equal(left, right)
    return logical_or(
        pad(same, before=none, after=one, between=none),
        pad(same, before=one, after=none, between=none),
    )


sort = custom(
    "sort",
    type_rule=_sorted_type,
    numpy=lambda x, *, axis: np.sort(x, axis=axis, kind="stable"),
    jvp=_sort_jvp,
    vjp=_sort_vjp,
    batch=lambda op, xs, batched, *, axis: op(xs[0], axis=axis + 1),
    element=lambda s, read, i, *, axis: read[0](
        (*i[:axis], s.index(_order_element(s, read, i, axis=axis)), *i[axis + 1 :])
    ),
    latex=r"\operatorname{{sort}}\left({0}\right)",
    samples=_SAMPLES,
    whole=_comparisons,
    # Ties of max share equally; here a permutation is kept even at ties: it is one of the pieces
    # that sort is made of, so whatever is smooth in the end has right derivatives of every order.
    kink=Kink(_tied, _KEPT, lipschitz=True),
)
"""The elements along an axis in order; derivatives go where the elements came from."""
