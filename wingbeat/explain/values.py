"""Values as text: `3`, `-1e-3`, `[[1, 2], [3, 4]]`."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np

from wingbeat.errors import BadInput

LONGEST = 100_000
_ALLOWED = set("0123456789+-.eE_[], \t\n")
_WORDS = ("inf", "+inf", "-inf", "nan")


def read_value(text: str, name: str = "value") -> Any:
    """A float64 array out of a number or of nested lists of numbers.

    Raises `BadInput` for anything else; `name` stands in the message.

    >>> from wingbeat.explain import read_value
    >>> read_value("[1, 2.5]")
    array([1. , 2.5])
    """
    if text.strip().lower() in _WORDS:
        return np.asarray(float(text))
    if len(text) > LONGEST:
        raise BadInput(f"{name}: {len(text)} characters are no value; at most {LONGEST} are read")
    if not text.strip() or not set(text) <= _ALLOWED or text.count("[") > 10_000:
        raise _unreadable(name, text)
    try:
        value = ast.literal_eval(text.strip())
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        raise _unreadable(name, text) from None
    if not isinstance(value, int | float | list):
        raise _unreadable(name, text)
    return as_value(value, name)


def as_value(value: Any, name: str) -> Any:
    """A float64 array of numbers, lists and arrays; raises `BadInput` for others."""
    try:
        array = np.asarray(value)
        huge = array.dtype == object and all(type(v) is int for v in array.flat)
        if array.dtype.kind not in "biuf" and not huge:
            raise _unreadable(name, value)
        return array.astype(np.float64)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise _unreadable(name, value) from None


def _unreadable(name: str, value: object) -> BadInput:
    shown = value if isinstance(value, str) else repr(value)
    shown = shown if len(shown) <= 40 else f"{shown[:37]}..."
    return BadInput(
        f"{name}: {shown!r} is no value; write a number such as 0.5, or lists of equal length "
        "such as [[1, 2], [3, 4]]"
    )
