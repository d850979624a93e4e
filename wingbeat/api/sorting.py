"""Order: sorting, searching in sorted numbers, and distinct values.

Which element goes where is found from the values, so these functions evaluate their operands;
inside `vmap`, where a tensor has no one value, they raise `NoValue`. Derivatives follow elements.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from wingbeat.api.axes import one_axis
from wingbeat.api.indexing import take_along_axis
from wingbeat.api.tensor import Tensor, asarray
from wingbeat.errors import TypeMismatch


def argsort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The positions along `axis` that put `x` in order; equal elements keep theirs. NaN goes last.

    >>> import wingbeat as wb
    >>> wb.argsort([3.0, 1.0, 2.0])
    tensor([1, 2, 0])
    """
    t = asarray(x)
    k = one_axis(axis, t.ndim, "argsort")
    value = t.numpy()
    if not descending:
        return asarray(np.argsort(value, axis=k, kind="stable"))
    # Equal elements keep their order too: the reverse is sorted, and its result reversed.
    order = np.argsort(np.flip(value, k), axis=k, kind="stable")
    return asarray(np.flip(t.shape[k] - 1 - order, k))


def sort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The elements of `x` in order along `axis`; their derivatives go where they came from.

    >>> import wingbeat as wb
    >>> wb.sort([3.0, 1.0, 2.0], descending=True)
    tensor([3., 2., 1.])
    >>> wb.grad(lambda x: wb.sort(x)[0])(wb.asarray([3.0, 1.0, 2.0]))
    tensor([0., 1., 0.])
    """
    t = asarray(x)
    k = one_axis(axis, t.ndim, "sort")
    return take_along_axis(t, argsort(t, axis=k, descending=descending), axis=k)


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

    >>> import wingbeat as wb
    >>> wb.unique_all([5, 3, 5]).indices
    tensor([1, 0])
    """
    t = asarray(x)
    _, first, back, counts = np.unique(
        t.numpy().ravel(),
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
