"""Axes as users write them: negative, one or several, None for all."""

from __future__ import annotations

import operator
from typing import Any

from wingbeat.errors import TypeMismatch


def one_axis(axis: Any, ndim: int, name: str) -> int:
    """`axis` counted from the front; raises `TypeMismatch` outside the rank."""
    try:
        k = operator.index(axis)
    except TypeError:
        raise TypeMismatch(f"{name}: axis must be an integer, not {axis!r}") from None
    if not -ndim <= k < ndim:
        raise TypeMismatch(f"{name}: axis {k} is outside a tensor of {ndim} axes")
    return k % ndim


def several(axis: Any, ndim: int, name: str) -> tuple[int, ...]:
    """The axes meant by None (all), an integer or a sequence; ascending, counted from the front."""
    if axis is None:
        return tuple(range(ndim))
    given = axis if isinstance(axis, tuple | list) else (axis,)
    found = sorted(one_axis(a, ndim, name) for a in given)
    if len(set(found)) != len(found):
        raise TypeMismatch(f"{name}: axis {axis} names one twice")
    return tuple(found)
