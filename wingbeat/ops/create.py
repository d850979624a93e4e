"""Tensors out of nothing: a number everywhere, or the positions along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from wingbeat.errors import TypeMismatch
from wingbeat.ir.node import Node, Sample
from wingbeat.ir.types import Shape, TensorType, tensor_type
from wingbeat.ops.families import custom
from wingbeat.ops.shape import check_axes


def _filled(*, value: float, shape: Shape, dtype: str) -> Any:
    one = np.full((), value, dtype)
    one.flags.writeable = False
    return np.broadcast_to(one, shape)


def _never(op: Any, xs: Any, batched: Any, **attrs: Any) -> Node:
    raise AssertionError("a constant has no operand that could be batched")


def _number(value: float) -> str:
    """Every digit that it takes to read the same number back."""
    if value != value:
        return r"\mathrm{NaN}"
    if abs(value) == float("inf"):
        return r"-\infty" if value < 0 else r"\infty"
    text = repr(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
    digits, _, exponent = text.partition("e")
    return rf"{digits} \cdot 10^{{{int(exponent)}}}" if exponent else digits


def _full_type(*, value: float, shape: Shape, dtype: str) -> TensorType:
    z = tensor_type(shape, dtype)
    if z.dtype.kind not in _KINDS.get(type(value), ""):
        raise TypeMismatch(f"{value!r} is no number of dtype {dtype}; use full(value, type)")
    if z.dtype.kind in "iu" and not np.iinfo(z.dtype).min <= value <= np.iinfo(z.dtype).max:
        raise TypeMismatch(f"{value} does not fit {dtype}")
    return z


_KINDS: dict[type, str] = {bool: "b", int: "iu", float: "f"}  # equal constants must look alike

full = custom(
    "full",
    type_rule=_full_type,
    numpy=_filled,
    jvp=lambda z, xs, ts: None,
    vjp=lambda g, z: (),
    batch=_never,
    element=lambda s, read, i, *, value, shape, dtype: s.const(value),
    latex=lambda *, value, shape, dtype: _number(value),
    samples=(
        Sample((), attrs=(("dtype", "float64"), ("shape", (2, 3)), ("value", 1.5))),
        Sample((), attrs=(("dtype", "bool"), ("shape", ()), ("value", True))),
        Sample((), attrs=(("dtype", "int8"), ("shape", (3,)), ("value", -7))),
    ),
)


def _iota_type(*, axis: int, shape: Shape, dtype: str) -> TensorType:
    check_axes((axis,), len(shape))
    if dtype == "bool":
        raise TypeMismatch("positions are numbers, not booleans")
    return tensor_type(shape, dtype)


def _iota(*, axis: int, shape: Shape, dtype: str) -> Any:
    line = np.arange(shape[axis]).astype(dtype)
    return np.broadcast_to(line.reshape([-1 if k == axis else 1 for k in range(len(shape))]), shape)


iota = custom(
    "iota",
    type_rule=_iota_type,
    numpy=_iota,
    jvp=lambda z, xs, ts: None,
    vjp=lambda g, z: (),
    batch=_never,
    element=lambda s, read, i, *, axis, shape, dtype: s.cast(s.number(i[axis]), dtype),
    latex=lambda *, axis, shape, dtype: rf"\iota_{{{axis}}}",
    samples=(Sample((), attrs=(("axis", 1), ("dtype", "int64"), ("shape", (2, 3)))),),
)
"""The position along an axis: 0, 1, 2, ..."""
