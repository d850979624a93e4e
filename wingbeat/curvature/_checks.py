"""What arguments must satisfy."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

from wingbeat.errors import BadInput, TypeMismatch


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


def within(value: Any, low: float, high: float, name: str, operation: str) -> float:
    """A number in [low, high]."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise BadInput(f"{operation}: {name} must be a number, not {value!r}") from None
    if not low <= number <= high:
        raise BadInput(f"{operation}: {name} must lie in {low:g} ... {high:g}, not be {number:g}")
    return number


def function(f: Any, operation: str) -> None:
    """Raise `TypeMismatch` where `f` cannot be called."""
    if not callable(f):
        raise TypeMismatch(
            f"{operation}: takes a function, not {type(f).__name__}; "
            f"write wb.curvature.{operation}(f, x)"
        )


def choice(value: Any, allowed: Iterable[str], name: str, operation: str) -> str:
    """One of the names in `allowed`."""
    names = list(allowed)
    if not isinstance(value, str) or value not in names:
        listed = ", ".join(repr(n) for n in names)
        raise BadInput(f"{operation}: {name} is one of {listed}, not {value!r}")
    return value
