"""Axes, sizes and counts as users write them, checked."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

from wingbeat.errors import TypeMismatch

_ALL = [tuple(range(n)) for n in range(9)]


def one_axis(axis: Any, ndim: int, name: str) -> int:
    """`axis` counted from the front; raises `TypeMismatch` outside the rank."""
    k = integer(axis, name, "axis")
    if not -ndim <= k < ndim:
        raise TypeMismatch(f"{name}: axis {k} is outside a tensor of {ndim} axes")
    return k % ndim


def several(axis: Any, ndim: int, name: str) -> tuple[int, ...]:
    """The axes meant by None (all), an integer or a sequence; ascending, counted from the front."""
    if axis is None:
        return _ALL[ndim] if ndim < len(_ALL) else tuple(range(ndim))
    given = axis if isinstance(axis, tuple | list) else (axis,)
    found = sorted(one_axis(a, ndim, name) for a in given)
    if len(set(found)) != len(found):
        raise TypeMismatch(f"{name}: axis {axis} names one twice")
    return tuple(found)


def integer(value: Any, name: str, what: str) -> int:
    """`value` as an integer; `what` it is in the call of `name`."""
    try:
        return operator.index(value)
    except TypeError:
        raise TypeMismatch(f"{name}: {what} must be an integer, not {value!r}") from None


def count(value: Any, name: str, what: str) -> int:
    """`value` as an integer that is not negative."""
    n = integer(value, name, what)
    if n < 0:
        raise TypeMismatch(f"{name}: {what} cannot be negative, as {n} is")
    return n


def sizes(shape: Any, name: str) -> tuple[int, ...]:
    """A shape: one size or a sequence of them, none of them negative."""
    given = tuple(shape) if isinstance(shape, Iterable) and not _is_scalar(shape) else (shape,)
    return tuple(count(n, name, "a size") for n in given)


def _is_scalar(shape: Any) -> bool:
    return isinstance(shape, str) or getattr(shape, "ndim", 1) == 0
