"""Order: sorting, searching in sorted numbers, and distinct values.

Sorting is lazy, and works inside `vmap`. How many distinct values there are is found from the
values, so those functions evaluate their operand, as `searchsorted` does; inside `vmap`, where a
tensor has no one value, they raise `NoValue`. Derivatives follow elements.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from wingbeat.api.applying import apply
from wingbeat.api.axes import one_axis
from wingbeat.api.indexing import deciding_shape
from wingbeat.api.tensor import Tensor, asarray
from wingbeat.api.tracing import branched, state
from wingbeat.errors import TypeMismatch
from wingbeat.ir.node import Node, full
from wingbeat.ops import sort as so
from wingbeat.ops.shape import flip


def argsort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The positions along `axis` that put `x` in order; equal elements keep theirs. NaN goes last.

    Descending, NaN goes first. The order is always stable, whatever `stable` says.

    Raises:
        TypeMismatch: `x` has no such axis.

    >>> import wingbeat as wb
    >>> wb.argsort([3.0, 1.0, 2.0])
    tensor([1, 2, 0])
    """
    t = asarray(x)
    return apply(_argsort, t, axis=one_axis(axis, t.ndim, "argsort"), descending=bool(descending))


def _argsort(x: Node, *, axis: int, descending: bool) -> Node:
    if not descending:
        return so.argsort(x, axis=axis)
    back = flip(so.argsort(flip(x, axes=(axis,)), axis=axis), axes=(axis,))
    return full(x.shape[axis] - 1, back.type) - back


def sort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The elements of `x` in order along `axis`; their derivatives go where they came from.

    Where elements are equal, sorting has a kink: the derivatives are those of elements that keep
    their order. Whatever is smooth in the end, such as the product of all sorted elements, so has
    the right derivatives there too.

    Raises:
        TypeMismatch: `x` has no such axis.

    >>> import wingbeat as wb
    >>> wb.sort([3.0, 1.0, 2.0], descending=True)
    tensor([3., 2., 1.])
    >>> wb.grad(lambda x: wb.sort(x)[0])(wb.asarray([3.0, 1.0, 2.0]))
    tensor([0., 1., 0.])
    """
    t = asarray(x)
    return apply(_sort, t, axis=one_axis(axis, t.ndim, "sort"), descending=bool(descending))


def _sort(x: Node, *, axis: int, descending: bool) -> Node:
    if not descending:
        return so.sort(x, axis=axis)
    # Equal elements keep their order too: the reverse is sorted, and its result reversed.
    return flip(so.sort(flip(x, axes=(axis,)), axis=axis), axes=(axis,))


def searchsorted(x1: Any, x2: Any, /, *, side: str = "left", sorter: Any = None) -> Tensor:
    """Where the elements of `x2` belong in the sorted vector `x1`.

    >>> import wingbeat as wb
    >>> wb.searchsorted([1.0, 2.0, 4.0], [2.0, 3.0])
    tensor([1, 2])
    """
    line, wanted = asarray(x1), asarray(x2)
    if line.ndim != 1 or side not in ("left", "right"):
        raise TypeMismatch(
            f"searchsorted: the first argument is a sorted vector and side is 'left' or 'right'; "
            f"got {line.type} and {side!r}"
        )
    order = None if sorter is None else asarray(sorter).numpy()
    if state.active:
        branched(wanted[..., None] > line)
    return asarray(np.searchsorted(line.numpy(), wanted.numpy(), side, order))  # type: ignore[call-overload]


class UniqueAll(NamedTuple):
    """What `unique_all` returns."""

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    """What `unique_counts` returns."""

    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    """What `unique_inverse` returns."""

    values: Tensor
    inverse_indices: Tensor


def unique_all(x: Any, /) -> UniqueAll:
    """The distinct elements in order; where each comes first, which is where, and how often.

    Raises:
        NoValue: inside `vmap`, where examples may have different numbers of distinct elements.

    >>> import wingbeat as wb
    >>> wb.unique_all([5, 3, 5]).indices
    tensor([1, 0])
    """
    t = asarray(x)
    if state.active:
        branched(argsort(t.ravel()))
    _, first, back, counts = np.unique(
        deciding_shape(t, "unique").ravel(),
        return_index=True,
        return_inverse=True,
        return_counts=True,
        equal_nan=False,
    )
    values = t.ravel()[asarray(first)]  # by gather, so that derivatives find their way
    return UniqueAll(values, asarray(first), asarray(back.reshape(t.shape)), asarray(counts))


def unique_counts(x: Any, /) -> UniqueCounts:
    """The distinct elements in order, and how often each comes.

    >>> import wingbeat as wb
    >>> wb.unique_counts([5, 3, 5]).counts
    tensor([1, 2])
    """
    found = unique_all(x)
    return UniqueCounts(found.values, found.counts)


def unique_inverse(x: Any, /) -> UniqueInverse:
    """The distinct elements in order, and for each element of `x` which of them it is.

    >>> import wingbeat as wb
    >>> wb.unique_inverse([5, 3, 5]).inverse_indices
    tensor([1, 0, 1])
    """
    found = unique_all(x)
    return UniqueInverse(found.values, found.inverse_indices)


def unique_values(x: Any, /) -> Tensor:
    """The distinct elements, in order.

    >>> import wingbeat as wb
    >>> wb.unique_values([5, 3, 5])
    tensor([3, 5])
    """
    return unique_all(x).values


__all__ = [
    "argsort",
    "searchsorted",
    "sort",
    "unique_all",
    "unique_counts",
    "unique_inverse",
    "unique_values",
]
