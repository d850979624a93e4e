"""What a state dict must satisfy before any of it is taken over."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from wingbeat.api import Tensor, asarray


class Difference(NamedTuple):
    """The names that a model and a state dict do not share."""

    missing: list[str]
    unexpected: list[str]


def lacking(difference: Difference) -> list[str]:
    """The same as words of an error."""
    return [
        f"{what} {', '.join(names)}"
        for what, names in zip(("missing", "unexpected"), difference, strict=True)
        if names
    ]


def fitting(name: str, value: Any, target: Tensor) -> Tensor | str:
    """`value` in the dtype of `target`, or what is wrong with it."""
    array = np.asarray(value)
    if array.shape != target.shape:
        return f"{name} has shape {target.shape}, got {array.shape}"
    if not np.can_cast(array.dtype, target.dtype, "same_kind"):
        return f"{name} is {target.type}, got {array.dtype}"
    return asarray(array.astype(target.dtype))
