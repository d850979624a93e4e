"""What arguments must satisfy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wingbeat.errors import BadInput, TypeMismatch


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
