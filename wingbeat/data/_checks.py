"""Arguments that several loaders take, checked once: whole numbers, fractions, float dtypes."""

import operator
from typing import Any

import numpy as np

from wingbeat.errors import BadInput, TypeMismatch

_FLOATS = (np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64))
_LARGEST = 2**64 - 1  # what one word of a Philox key holds


def whole(value: Any, name: str, operation: str, *, least: int = 0) -> int:
    """`value` as an int from `least` to 2**64 - 1."""
    try:
        number = None if isinstance(value, bool | np.bool_) else operator.index(value)
    except TypeError:
        number = None
    if number is None or not least <= number <= _LARGEST:
        rule = f"{name} is a whole number from {least} to 2**64 - 1"
        raise BadInput(f"{operation}: {rule}; got {value!r}")
    return number


def fraction(value: Any, name: str, operation: str) -> float:
    """`value` as a float strictly between 0 and 1."""
    number = isinstance(value, float | int | np.floating) and not isinstance(value, bool)
    if not (number and 0 < value < 1):
        raise BadInput(f"{operation}: {name} lies between 0 and 1, as 0.2 does; got {value!r}")
    return float(value)


def float_dtype(value: Any, operation: str) -> np.dtype[np.floating[Any]]:
    """`value` as one of the dtypes float16, float32 and float64."""
    try:
        dtype = None if value is None else np.dtype(value)
    except TypeError:
        dtype = None
    if dtype is None or dtype not in _FLOATS:
        got = repr(value) if dtype is None else dtype
        raise TypeMismatch(f"{operation}: dtype is float16, float32 or float64; got {got}")
    return dtype


def listed(names: list[str] | tuple[str, ...], limit: int = 12) -> str:
    """Names for a message: all of them, or the first ones and how many follow."""
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
