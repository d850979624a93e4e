"""Numbers in memory: loads and stores of vectors, whole, in part, or spread out.

float16 is loaded as float32, and stored from it. Nothing is assumed of the alignment of buffers but
that of their dtype.
"""

from __future__ import annotations

from typing import Any

from wingbeat.backend.llvm import ir
from wingbeat.backend.llvm.flow import VOID, long
from wingbeat.backend.llvm.lanes import F16, F32, U16, DType, Lanes, Vector, element_type


def computed(dtype: DType) -> DType:
    """What numbers of this dtype are computed in."""
    return F32 if dtype == F16 else dtype


def _stored(dtype: DType) -> DType:
    return U16 if dtype == F16 else dtype


def place(builder: Any, pointer: Any, dtype: DType, *distances: Any) -> Any:
    """The address that lies the sum of these distances, in elements, behind `pointer`."""
    for distance in distances:
        if distance is not None and distance != 0:
            element = element_type(_stored(dtype))
            pointer = builder.gep(pointer, [long(distance)], source_etype=element)
    return pointer


def load(
    lanes: Lanes, pointer: Any, dtype: DType, stride: int = 1, mask: Vector | None = None
) -> Vector:
    """`stride` elements lie between the lanes: 0 is one number in all of them.

    Where the mask does not hold nothing is read, and the lane is 0; it goes with stride 1.
    """
    stored = _stored(dtype)
    if mask is not None:
        value = _masked_load(lanes, pointer, stored, mask)
    elif stride == 1 or lanes.count == 1:
        value = lanes.builder.load(pointer, typ=lanes.type(stored), align=dtype.itemsize)
    else:
        value = _spread_load(lanes, pointer, stored, stride)
    vector = Vector(value, stored)
    return lanes.from_half(vector) if dtype == F16 else vector


def store(
    lanes: Lanes,
    x: Vector,
    pointer: Any,
    dtype: DType,
    stride: int = 1,
    mask: Vector | None = None,
) -> None:
    """The lanes `stride` elements apart; where the mask does not hold nothing is written."""
    b, stored = lanes.builder, _stored(dtype)
    x = lanes.to_half(x) if dtype == F16 else x
    if mask is not None:
        name, align = f"llvm.masked.store.{_suffix(lanes, stored)}", ir.IntType(32)(dtype.itemsize)
        lanes.call(name, VOID, x.value, pointer, align, mask.value)
    elif stride == 1 or lanes.count == 1:
        b.store(x.value, pointer, align=dtype.itemsize)
    else:
        for k in range(lanes.count):
            b.store(lanes.lane(x, k), place(b, pointer, stored, k * stride), align=dtype.itemsize)


def _masked_load(lanes: Lanes, pointer: Any, stored: DType, mask: Vector) -> Any:
    kind, zero = lanes.type(stored), lanes.const(0, stored).value
    name, align = f"llvm.masked.load.{_suffix(lanes, stored)}", ir.IntType(32)(stored.itemsize)
    return lanes.call(name, kind, pointer, align, mask.value, zero)


def _suffix(lanes: Lanes, stored: DType) -> str:
    return f"v{lanes.count}{'f' if stored.kind == 'f' else 'i'}{8 * stored.itemsize}.p0"


def _spread_load(lanes: Lanes, pointer: Any, stored: DType, stride: int) -> Any:
    b, kind = lanes.builder, element_type(stored)
    if stride == 0:
        return lanes.splat(b.load(pointer, typ=kind, align=stored.itemsize), stored).value
    value = ir.Constant(lanes.type(stored), ir.Undefined)
    for k in range(lanes.count):
        number = b.load(place(b, pointer, stored, k * stride), typ=kind, align=stored.itemsize)
        value = b.insert_element(value, number, ir.IntType(32)(k))
    return value
