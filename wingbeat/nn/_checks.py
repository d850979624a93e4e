"""What numbers among arguments must satisfy."""

from __future__ import annotations

import math
import operator
from typing import Any

from wingbeat.errors import BadInput


def whole(value: Any, name: str, operation: str, least: int = 1, most: int | None = None) -> int:
    """An integer of at least `least`, and of at most `most`."""
    try:
        n = operator.index(value)
    except TypeError:
        raise BadInput(f"{operation}: {name} must be a whole number, not {value!r}") from None
    if n < least or (most is not None and n > most):
        limit = f"at least {least}" if most is None else f"{least} ... {most}"
        raise BadInput(f"{operation}: {name} must be {limit}, not {n}")
    return n


def several(value: Any, count: int, name: str, operation: str, least: int = 1) -> tuple[int, ...]:
    """`count` integers of at least `least`; one number stands for equal ones."""
    given = tuple(value) if isinstance(value, tuple | list) else (value,) * count
    if len(given) != count:
        raise BadInput(f"{operation}: {name} is a number or {count} of them, not {value!r}")
    return tuple(whole(n, name, operation, least) for n in given)


def within(value: Any, low: float, high: float, name: str, operation: str) -> float:
    """A number in [low, high]."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise BadInput(f"{operation}: {name} must be a number, not {value!r}") from None
    if not low <= number <= high:
        raise BadInput(f"{operation}: {name} must lie in {low:g} ... {high:g}, not be {number:g}")
    return number


def positive(value: Any, name: str, operation: str) -> float:
    """A finite number above 0."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise BadInput(f"{operation}: {name} must be a number, not {value!r}") from None
    if isinstance(value, bool) or not 0.0 < number < math.inf:
        raise BadInput(f"{operation}: {name} must be a finite number above 0, not {value!r}")
    return number
