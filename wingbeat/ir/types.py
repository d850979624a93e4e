"""Shapes, dtypes and NumPy 2 promotion.

Types are interned: two equal types are one object, so `is` compares them.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

import numpy as np

from wingbeat.errors import TypeMismatch

Shape = tuple[int, ...]
DType = np.dtype[Any]

_FLOATS = ("float16", "float32", "float64")
_INTS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
DTYPES: Final[dict[str, DType]] = {n: np.dtype(n) for n in ("bool", *_INTS, *_FLOATS)}
SHORT: Final[dict[DType, str]] = {
    d: "bool" if d.kind == "b" else f"{d.kind}{d.itemsize * 8}" for d in DTYPES.values()
}
_LONG = {short: dtype for dtype, short in SHORT.items()}


class TensorType:
    """The shape and dtype of a tensor; written `f64[3,4]`."""

    __slots__ = ("dtype", "inexact", "shape")
    shape: Shape
    dtype: DType
    inexact: bool  # a float: the only kind of value that has derivatives

    def __init__(self) -> None:
        raise TypeError("TensorType is interned; use tensor_type(shape, dtype)")

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        n = 1
        for extent in self.shape:
            n *= extent
        return n

    def __str__(self) -> str:
        return f"{SHORT[self.dtype]}[{','.join(map(str, self.shape))}]"

    __repr__ = __str__

    def __reduce__(self) -> tuple[Any, ...]:
        return tensor_type, (self.shape, self.dtype.name)


@cache
def as_dtype(dtype: object) -> DType:
    """The one `np.dtype` object for `dtype`; raises `TypeMismatch` for an unknown one."""
    try:
        name = np.dtype(dtype).name  # type: ignore[call-overload]
    except TypeError:
        name = str(dtype)
    if name not in DTYPES:
        raise TypeMismatch(
            f"dtype {name!r} is not supported; use one of {', '.join(DTYPES)}, "
            "or convert with .astype"
        )
    return DTYPES[name]


_types: dict[tuple[Shape, DType], TensorType] = {}


def tensor_type(shape: Shape, dtype: object = "float64") -> TensorType:
    """The interned type with this shape and dtype."""
    key = (shape, as_dtype(dtype))
    if (known := _types.get(key)) is not None:
        return known
    if any(n < 0 for n in shape):
        raise TypeMismatch(f"sizes are never negative; got shape {shape}")
    made = object.__new__(TensorType)
    made.shape = tuple(int(n) for n in shape)
    made.dtype = key[1]
    made.inexact = key[1].kind == "f"
    return _types.setdefault(key, made)


_TYPE = re.compile(r"([a-z]+\d*)\[((?:\d+(?:,\d+)*)?)\]", re.ASCII)


def parse_type(text: str) -> TensorType:
    """Read `f64[3,4]` back; raises `ValueError` for anything else."""
    match = _TYPE.fullmatch(text)
    if not match or match[1] not in _LONG:
        raise ValueError(f"{text!r} is not a type such as f64[3,4]")
    return tensor_type(tuple(int(n) for n in match[2].split(",") if n), _LONG[match[1]])


@cache
def promote(*dtypes: object) -> DType:
    """The dtype of a result, by NumPy 2's rules. Python's `bool`, `int` and `float` are weak.

    >>> promote("float32", float).name, promote("int8", "float32").name, promote("bool", int).name
    ('float32', 'float32', 'int64')
    """
    # `is`: a NumPy dtype equals the Python type that it belongs to.
    weak = [d(0) for d in dtypes if d is bool or d is int or d is float]
    strong = [as_dtype(d) for d in dtypes if not (d is bool or d is int or d is float)]
    result = np.result_type(*strong, *weak)
    if result.kind in "iufb" and result.name in DTYPES:
        return DTYPES[result.name]
    names = ", ".join(str(d) for d in dtypes)
    raise TypeMismatch(f"no dtype holds all of {names}")
