"""Numbers for readers. What is not known is `?`, never 0."""

from __future__ import annotations

from typing import Any

import numpy as np

UNKNOWN = "?"


def show(value: Any, digits: int = 6) -> str:
    """A number in `digits` digits; a small array with its elements, a large one by its norm.

    >>> show(0.1 + 0.2), show(None), show(np.eye(2)), show(np.zeros((9, 9)))
    ('0.3', '?', '[[1, 0], [0, 1]]', '9x9, norm 0')
    """
    if value is None:
        return UNKNOWN
    array = np.asarray(value)
    if array.ndim == 0:
        return _one(array.item(), digits)
    if array.size <= 6:
        return _nested(array.tolist(), digits)
    shape = "x".join(map(str, array.shape))
    if array.dtype.kind not in "f":
        return f"{shape} {array.dtype}"
    return f"{shape}, norm {_one(norm(array), digits)}"


def number(value: Any) -> float | None:
    """An array of one element as a float; None stays None."""
    return None if value is None else float(value)


def norm(array: Any) -> float:
    """The Euclidean norm over all elements, which overflows only if it is itself too large."""
    flat = np.abs(np.asarray(array, dtype=np.float64)).ravel()
    top = flat.max(initial=0.0)
    if top == 0 or not np.isfinite(top):
        return float(top)
    with np.errstate(over="ignore", under="ignore"):
        return float(top * np.sqrt(np.sum((flat / top) ** 2)))


def _one(value: Any, digits: int) -> str:
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        return str(value)
    if value == 0:
        return "0"
    return format(value, f".{digits}g")


def _nested(value: Any, digits: int) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_nested(v, digits) for v in value)}]"
    return _one(value, digits)


def equals(value: float, digits: int = 6) -> str:
    """The sign between a formula and its printed number: rounded numbers are only about equal."""
    shown = show(value, digits)
    return "=" if shown == UNKNOWN or float(shown) == float(value) or value != value else "≈"
