"""Keys of every kind for arrays of every shape, and what NumPy reads at them."""

# NumPy's and Python's stubs do not know that a Tensor answers their protocols, which is tested.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportOperatorIssue=false, reportDeprecated=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import wingbeat as wb

Array = np.ndarray[Any, Any]
Draw = Callable[[Any], Any]


def numbered(shape: tuple[int, ...]) -> Array:
    return np.arange(1.0, 1.0 + np.prod(shape, dtype=int)).reshape(shape)


@st.composite
def slices(draw: Draw, n: int) -> slice:
    ends = st.one_of(st.none(), st.integers(-n - 2, n + 2))
    step = draw(st.sampled_from([None, 1, 2, 3, -1, -2, -3, n + 1, -n - 1]))
    return slice(draw(ends), draw(ends), step)


@st.composite
def index_arrays(draw: Draw, n: int, common: tuple[int, ...]) -> Any:
    """Positions inside an axis of size n, of a shape that broadcasts to `common`."""
    rank = draw(st.integers(0, len(common)))
    shape = tuple(draw(st.sampled_from([1, k])) for k in common[len(common) - rank :])
    if n == 0:
        shape = (*shape, 0) if 0 not in shape else shape
    dtype = draw(st.sampled_from(["int64", "int32", "int8"]))
    return draw(hnp.arrays(dtype, shape, elements=st.integers(-n, max(n - 1, -n))))


@st.composite
def cases(draw: Draw) -> tuple[Array, tuple[Any, ...]]:
    """An array and a key for it, of any mix of entries."""
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=4)))
    common = tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
    key: list[Any] = []
    axis, covered = 0, draw(st.integers(0, len(shape)))
    while axis < covered:
        n = shape[axis]
        kind = draw(st.sampled_from(["slice", "slice", "int", "array", "list", "mask", "none"]))
        if kind == "none":
            key.append(None)
            continue
        width = draw(st.integers(1, covered - axis)) if kind == "mask" else 1
        if kind == "slice":
            key.append(draw(slices(n)))
        elif kind == "int" and n:
            key.append(draw(st.integers(-n, n - 1)))
        elif kind == "mask":
            key.append(draw(hnp.arrays(bool, shape[axis : axis + width])))
        else:
            entry = draw(index_arrays(n, common))
            key.append(entry.tolist() if kind == "list" and entry.size and entry.ndim else entry)
        axis += width
    if draw(st.booleans()):
        # An Ellipsis stands for axes that the key does not name: behind all entries, or, where
        # the key names every axis, anywhere.
        place = draw(st.integers(0, len(key))) if covered == len(shape) else len(key)
        key.insert(place, Ellipsis)
    return numbered(shape), tuple(key)


def as_tensors(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(wb.asarray(k) if isinstance(k, np.ndarray) and k.ndim else k for k in key)


def numpy_reads(a: Array, key: Any) -> Array | None:
    try:
        return np.asarray(a[key])
    except IndexError:
        return None
