"""What arguments of optimisers must satisfy."""

from __future__ import annotations

import math
from typing import Any

from wingbeat.api import Tensor
from wingbeat.errors import BadInput, TypeMismatch


def number(
    value: Any, name: str, operation: str, *, low: float = 0.0, below: float = math.inf
) -> float:
    """A number in [low, below); NaN is none."""
    try:
        x = float(value)
    except (TypeError, ValueError):
        raise BadInput(f"{operation}: {name} must be a number, not {value!r}") from None
    if not low <= x < below:
        limit = f"at least {low:g}" + (f" and below {below:g}" if below < math.inf else ", finite")
        raise BadInput(f"{operation}: {name} must be {limit}, not {x:g}")
    return x


def rate(value: Any, operation: str) -> Any:
    """A learning rate: a number of at least 0, or a schedule."""
    return value if callable(value) else number(value, "lr", operation)


def count(value: Any, name: str, operation: str, least: int = 1) -> int:
    """A whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise BadInput(
            f"{operation}: {name} must be a whole number of at least {least}, not {value!r}"
        )
    return value


def listed(params: Any, operation: str) -> list[Any]:
    """Parameters, or groups of them, as a list."""
    if isinstance(params, Tensor):
        raise TypeMismatch(f"{operation}: params is one tensor; write [w] in place of w")
    if hasattr(params, "parameters"):
        raise TypeMismatch(f"{operation}: write model.parameters() in place of the model")
    try:
        found = list(params)
    except TypeError:
        raise TypeMismatch(
            f"{operation}: params must be a list of parameters, not {type(params).__name__}"
        ) from None
    if not found:
        raise BadInput(
            f"{operation}: there are no parameters; an iterator such as model.parameters() gives "
            "them once, so call it again for every use"
        )
    return found


def check_parameters(params: list[Any], operation: str) -> None:
    """Every one can be changed, and none comes twice."""
    seen: dict[int, int] = {}
    for k, p in enumerate(params):
        if not isinstance(p, Tensor):
            raise TypeMismatch(f"{operation}: parameter {k} is no tensor but {type(p).__name__}")
        if not p.requires_grad:
            raise TypeMismatch(
                f"{operation}: parameter {k}, {p.type}, has requires_grad=False and would never "
                "change; pass [p for p in model.parameters() if p.requires_grad]"
            )
        if not p.is_leaf:
            raise TypeMismatch(
                f"{operation}: parameter {k}, {p.type}, is a result; pass what it came from"
            )
        if id(p) in seen:
            raise BadInput(f"{operation}: parameters {seen[id(p)]} and {k} are the same one")
        seen[id(p)] = k
