"""Numbers of a kernel on their way: in registers, in memory, and the rule that makes them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from wingbeat.backend.llvm.lanes import BOOL, F16, F32, F64, I64, U16, U64, DType, Vector
from wingbeat.backend.llvm.placement import Placement
from wingbeat.backend.llvm.scope import Scope
from wingbeat.ir.types import Shape

BYTE = np.dtype(np.uint8)


class Value(NamedTuple):
    """Numbers of one dtype: one in each lane, or (not `wide`) one for all lanes."""

    vector: Vector
    wide: bool
    home: Scope  # where it was computed

    @property
    def dtype(self) -> DType:
        return self.vector.dtype


Number = Value | int | float | bool  # a Python number adopts the dtype of what stands beside it


class Buffer(NamedTuple):
    """Memory in which elements lie in row-major order."""

    pointer: Any
    dtype: DType
    shape: Shape


@dataclass(frozen=True, eq=False)
class Frame:
    """A rule at work: where its operands and variables are, and what it makes."""

    place: Placement
    dtype: DType
    checked: bool  # positions in data must lie in the result
    name: str


def stored_as(dtype: DType) -> DType:
    """How numbers lie in memory: bools as bytes, float16 as its bits."""
    return BYTE if dtype == BOOL else U16 if dtype == F16 else dtype


def computed_as(dtype: DType) -> DType:
    return F32 if dtype == F16 else dtype


def common(xs: Sequence[Number], default: DType) -> DType:
    """The dtype in which an operation on these numbers is done."""
    dtypes = {x.dtype for x in xs if isinstance(x, Value)}
    if not dtypes:
        return default
    dtype = functools.reduce(_promoted, dtypes)
    for x in xs:
        if isinstance(x, Value) or dtype.kind == "f":
            continue
        if isinstance(x, float):
            return F64
        if dtype.kind in "iu" and not np.iinfo(dtype).min <= x <= np.iinfo(dtype).max:
            dtype = I64
    return dtype


def _promoted(x: DType, y: DType) -> DType:
    """NumPy's rules, but uint64 stays an integer beside a signed one."""
    return U64 if {x.kind, y.kind} == {"i", "u"} and U64 in (x, y) else np.promote_types(x, y)
