"""Arrays that nobody can write to: what stands behind tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from wingbeat.errors import TypeMismatch
from wingbeat.ir.types import as_dtype


def own(value: Any, dtype: Any = None) -> np.ndarray[Any, Any]:
    """An array that nobody can write to: a read-only one as it is, another one copied."""
    if type(value) is not np.ndarray and _is_masked(value):
        raise TypeMismatch(
            "asarray: elements of this array are masked and have no value; "
            "write x.filled(0.0), or wb.where with x.mask"
        )
    try:
        array = np.asarray(value, dtype=as_dtype(dtype) if dtype is not None else None)
        kept = as_dtype(array.dtype)  # raises for strings, objects, complex numbers
    except (ValueError, TypeError, OverflowError) as error:
        raise TypeMismatch(f"asarray: {_refused(value, error)}") from None
    if array.dtype is not kept:  # another byte order
        array = array.astype(kept)
    elif _writeable(array) and not _is_new(array, value):
        array = array.copy()
    if array.flags.writeable:
        array.flags.writeable = False
    return array


def _is_masked(value: Any) -> bool:
    return isinstance(value, np.ndarray) and bool(np.any(getattr(value, "mask", False)))


def _is_new(array: np.ndarray[Any, Any], value: Any) -> bool:
    """Whether NumPy has just made `array` of `value`; any other one may be somebody's."""
    if isinstance(value, np.ndarray):
        return array is not value and array.base is None
    return isinstance(value, list | tuple | int | float | np.generic)


def _writeable(array: Any) -> bool:
    """Whether somebody can write to an array: a view may be read-only while its base is not."""
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return True
        array = array.base
    return False


def _refused(value: Any, error: Exception) -> str:
    if "inhomogeneous" in str(error):
        return f"rows of different lengths do not make a tensor ({error})"
    return f"{type(value).__name__} cannot become a tensor: {error}"
