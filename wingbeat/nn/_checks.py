"""What arguments of layers must satisfy."""

from __future__ import annotations

import operator
from typing import Any

from wingbeat.errors import BadInput


def whole(value: Any, name: str, operation: str, least: int = 1) -> int:
    """An integer of at least `least`."""
    try:
        n = operator.index(value)
    except TypeError:
        raise BadInput(f"{operation}: {name} must be a whole number, not {value!r}") from None
    if n < least:
        raise BadInput(f"{operation}: {name} must be at least {least}, not {n}")
    return n


def within(value: Any, low: float, high: float, name: str, operation: str) -> float:
    """A number in [low, high]."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise BadInput(f"{operation}: {name} must be a number, not {value!r}") from None
    if not low <= number <= high:
        raise BadInput(f"{operation}: {name} must lie in {low:g} ... {high:g}, not be {number:g}")
    return number
