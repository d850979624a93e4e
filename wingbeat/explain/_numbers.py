"""Numbers for readers. What is not known is `?`, never 0."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

UNKNOWN = "?"
_SMALL = 1e-250  # a sum of squares below may have lost some of them


def show(value: Any, digits: int = 6) -> str:
    """A number in `digits` digits; a small array with its elements, a large one by its norm.

    >>> show(0.1 + 0.2), show(None), show(np.eye(2)), show(np.zeros((9, 9)))
    ('0.3', '?', '[[1, 0], [0, 1]]', '9x9, |·| 0')
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
    return f"{shape}, |·| {_one(norm(array), digits)}"


def number(value: Any) -> float | None:
    """An array of one element as a float; None stays None."""
    return None if value is None else float(value)


def norm(array: Any) -> float:
    """The Euclidean norm over all elements, which overflows only if it is itself too large."""
    flat = np.asarray(array, dtype=np.float64).ravel()
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        square = float(np.dot(flat, flat))
    if _SMALL < square < math.inf:
        return math.sqrt(square)
    flat = np.abs(flat)
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


def percent(share: float | None, digits: int = 0) -> str:
    """A share as a percentage.

    >>> percent(0.125), percent(0.125, 1), percent(None)
    ('12%', '12.5%', '?')
    """
    return UNKNOWN if share is None else f"{share:.{digits}%}"


def equal(value: float | None) -> str:
    """A printed number behind the sign that is right for it: `= 15`, `≈ 0.333333`."""
    return f"{'=' if value is None else equals(value)} {show(value)}"


_TIMES = ((1.0, "s"), (1e3, "ms"), (1e6, "us"), (1e9, "ns"))
_ENERGIES = ((1.0, "J"), (1e3, "mJ"), (1e6, "uJ"), (1e9, "nJ"), (1e12, "pJ"))


def seconds(value: float) -> str:
    """A time with its unit.

    >>> seconds(0.0012), seconds(3e-10)
    ('1.2 ms', '0.3 ns')
    """
    return _scaled(value, _TIMES)


def joules(value: float) -> str:
    """An energy with its unit."""
    return _scaled(value, _ENERGIES)


def _scaled(value: float, units: Sequence[tuple[float, str]]) -> str:
    """In the largest unit of which there is at least one."""
    scale, unit = next((u for u in units if abs(value) * u[0] >= 1), units[-1])
    return f"{value * scale:.3g} {unit}"
