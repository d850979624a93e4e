"""The fields of a `Dataset`, checked and made read-only."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wingbeat.data._checks import float_dtype
from wingbeat.errors import BadInput, OutOfRange, TypeMismatch


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """A fresh array or a view of a read-only one, read-only from here on."""
    array.flags.writeable = False
    return array


def kept(array: NDArray[Any]) -> NDArray[Any]:
    return frozen(array.copy()) if array.flags.writeable else array


def statistics(values: Any) -> NDArray[np.float64] | None:
    return None if values is None else kept(np.asarray(values, np.float64))


def names(given: Any) -> tuple[str, ...]:
    if isinstance(given, str):
        raise BadInput(f"Dataset: names are given as a tuple; write ({given!r},)")
    return tuple(str(name) for name in given)


def samples(x: Any) -> NDArray[Any]:
    array = np.asarray(x)
    if array.ndim != 2:
        raise TypeMismatch(
            f"Dataset: x has one row per sample, shape (n, f); got shape {array.shape}; "
            "write x.reshape(len(x), -1)"
        )
    float_dtype(array.dtype, "Dataset: x")
    return kept(array)


def labels(y: Any, n: int, classes: tuple[str, ...]) -> NDArray[np.int64]:
    array = np.asarray(y)
    if array.dtype.kind not in "iu" or array.shape != (n,):
        raise TypeMismatch(
            f"Dataset: labels of {len(classes)} classes are whole numbers of shape ({n},); "
            f"got {array.dtype}{list(array.shape)}"
        )
    if n and (array.min() < 0 or array.max() >= len(classes)):
        raise BadInput(
            f"Dataset: labels of {len(classes)} classes lie between 0 and {len(classes) - 1}; "
            f"got {array.min()} to {array.max()}"
        )
    return kept(array.astype(np.int64, copy=False))


def targets(y: Any, n: int) -> NDArray[Any]:
    array = np.asarray(y)
    if array.dtype.kind in "biu":
        raise TypeMismatch(
            f"Dataset: without classes, targets are floats; got {array.dtype}; write "
            'classes=("a", "b") for labels, or y.astype(float) for numbers'
        )
    if array.ndim not in (1, 2) or len(array) != n:
        raise TypeMismatch(f"Dataset: {n} samples need {n} targets; got y of shape {array.shape}")
    float_dtype(array.dtype, "Dataset: y")
    return kept(array)


def row_numbers(rows: Any, n: int) -> NDArray[Any]:
    index = np.asarray(rows)
    index = index.astype(np.int64) if index.size == 0 and index.dtype.kind != "b" else index
    if index.ndim != 1 or index.dtype.kind not in "biu":
        raise TypeMismatch(
            f"take: rows are a slice, a list of row numbers or a mask, as [3] is; got {rows!r}"
        )
    if index.dtype.kind == "b" and len(index) != n:
        raise TypeMismatch(f"take: a mask over {n} rows has {n} entries; got {len(index)}")
    if index.dtype.kind != "b" and index.size and not -n <= index.min() <= index.max() < n:
        raise OutOfRange(f"take: rows {index.min()} to {index.max()} of {n} rows")
    return index
