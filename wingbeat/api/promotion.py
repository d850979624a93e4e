"""One type for the operands of an operation: NumPy 2's promotion and broadcasting, on nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from wingbeat.errors import TypeMismatch
from wingbeat.ir.node import Node, Primitive, build, full, here
from wingbeat.ir.types import SHORT, DType, TensorType, as_dtype, promote, tensor_type
from wingbeat.ops import arithmetic as ar
from wingbeat.ops import logic as lo
from wingbeat.ops import shape as sh
from wingbeat.ops import transcendental as tr

Scalar = bool | int | float
Rule = Callable[..., Node]  # of nodes and keyword attributes; a Primitive is one

# What NumPy makes of two booleans: + is "or", * is "and", and some operations count in int8.
_OF_BOOLEANS: dict[Rule, Rule] = {
    ar.add: lo.logical_or,
    ar.mul: lo.logical_and,
    ar.maximum: lo.logical_or,
    ar.minimum: lo.logical_and,
    ar.abs: lambda x: x,
}
_COUNTING = {tr.pow, ar.floor_divide, ar.remainder, ar.left_shift, ar.right_shift}
_COMPARISONS = {
    lo.equal,
    lo.not_equal,
    lo.less,
    lo.less_equal,
    lo.greater,
    lo.greater_equal,
}


def united(op: Rule, floating: bool, parts: Sequence[Node | Scalar]) -> Node:
    """`op` on nodes and Python numbers brought to one type."""
    if op in _COMPARISONS and (exact := _exactly(op, parts)) is not None:
        return exact
    kinds = tuple([p.type if isinstance(p, Node) else type(p) for p in parts])
    target = common_type(op.name if isinstance(op, Primitive) else op.__name__, floating, kinds)
    if target.dtype.kind == "b":
        op = _OF_BOOLEANS.get(op, op)
        target = tensor_type(target.shape, "int8") if op in _COUNTING else target
    return op(*[as_type(p, target) for p in parts])


def as_type(part: Node | Scalar, target: TensorType) -> Node:
    """A node or a Python number, cast and broadcast to a type."""
    return fit(part, target) if isinstance(part, Node) else literal(part, target)


def chosen(parts: Sequence[Node | Scalar]) -> Node:
    """`where` on a node that is true where its elements are not 0, and two of any kind."""
    c, *options = parts
    assert isinstance(c, Node)
    if c.type.dtype.kind != "b":
        c = lo.not_equal(c, full(0, c.type))
    kinds = tuple([p.type if isinstance(p, Node) else type(p) for p in options])
    one = common_type("where", False, kinds)
    target = tensor_type(common_shape("where", [c.type, one]), one.dtype)
    return lo.where(expand(c, target.shape), *[as_type(p, target) for p in options])


def _exactly(op: Rule, parts: Sequence[Node | Scalar]) -> Node | None:
    """Comparisons of integers that no one dtype holds; None where promotion is exact."""
    x, y = parts
    if isinstance(x, Node) and isinstance(y, Node):
        if {x.type.dtype.kind, y.type.dtype.kind} == {"i", "u"}:
            return _of_signs(op, x, y)
        return None
    node, number = (x, y) if isinstance(x, Node) else (y, x)
    if not isinstance(node, Node) or type(number) is not int or node.type.dtype.kind not in "iu":
        return None
    info = np.iinfo(node.type.dtype)
    if info.min <= number <= info.max:
        return None
    answer = op.numpy(*(0 if p is node else (1 if number > 0 else -1) for p in parts))  # type: ignore[attr-defined]
    return full(bool(answer), tensor_type(node.shape, "bool"))


def _of_signs(op: Rule, x: Node, y: Node) -> Node:
    """A signed and an unsigned integer: a negative one is the smaller; two others are unsigned."""
    shape = common_shape(op.name, [x.type, y.type])  # type: ignore[attr-defined]
    signed = x if x.type.dtype.kind == "i" else y
    negative = expand(lo.less(signed, full(0, signed.type)), shape)
    answer = op.numpy(*(-1 if p is signed else 0 for p in (x, y)))  # type: ignore[attr-defined]
    wide = tensor_type(shape, "uint64")
    return lo.where(negative, full(bool(answer), negative.type), op(fit(x, wide), fit(y, wide)))


@lru_cache(maxsize=8192)
def common_type(name: str, floating: bool, kinds: tuple[Any, ...]) -> TensorType:
    """The type to which operands of these types (bool, int, float: Python numbers) are brought."""
    types = [k for k in kinds if isinstance(k, TensorType)]
    dtype = promote(*(k.dtype if isinstance(k, TensorType) else k for k in kinds))
    if floating and dtype.kind != "f":
        dtype = as_dtype("float64")
    return tensor_type(common_shape(name, types), dtype)


def common_shape(name: str, types: Sequence[TensorType]) -> tuple[int, ...]:
    """The one shape that all types broadcast to; `name` is the operation in the error."""
    try:
        return np.broadcast_shapes(*(t.shape for t in types))
    except ValueError:
        got = ", ".join(map(str, types))
        raise TypeMismatch(
            f"{name}: shapes do not broadcast: {got}. Sizes must be equal, or one of them 1"
        ) from None


def literal(value: Scalar, type_: TensorType) -> Node:
    """A Python number as part of the graph."""
    if not isinstance(value, float) and not _holds(type_.dtype, value):
        raise TypeMismatch(f"the number {_short(value)} does not fit into {SHORT[type_.dtype]}")
    return full(value, type_)


def _holds(dtype: np.dtype[Any], value: int) -> bool:
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return info.min <= value <= info.max
    return abs(value) < 1 << 1024  # a larger one is no float, not even an infinite one


def _short(value: int) -> str:
    return str(value) if abs(value) < 10**30 else f"of {value.bit_length()} bits"


def fit(node: Node, target: TensorType) -> Node:
    """`node` cast and broadcast to a type."""
    return node if node.type is target else expand(_cast(node, target.dtype), target.shape)


def of_one_dtype(*nodes: Node) -> list[Node]:
    """The nodes cast to the dtype that they promote to."""
    dtype = promote(*(x.type.dtype for x in nodes))
    return [_cast(x, dtype) for x in nodes]


def _cast(node: Node, dtype: DType) -> Node:
    return node if node.type.dtype is dtype else ar.cast(node, dtype=dtype.name)


def expand(node: Node, shape: tuple[int, ...]) -> Node:
    """NumPy's broadcasting, written out: axes of size 1 and missing axes are repeated."""
    if node.shape == shape:
        return node
    short, attrs = _expansion(node.shape, shape)
    if short is not None:
        node = sh.reshape(node, shape=short)
    return build(sh.broadcast, (node,), attrs, here.site)


@lru_cache(maxsize=8192)
def _expansion(old: tuple[int, ...], new: tuple[int, ...]) -> tuple[Any, Any]:
    """The shape without axes that grow (None where there is none), and what `broadcast` is told."""
    lead = len(new) - len(old)
    growing = tuple(k for k, n in enumerate(old) if n == 1 and new[lead + k] != 1)
    short = tuple(n for k, n in enumerate(old) if k not in growing) if growing else None
    axes = (*range(lead), *(lead + k for k in growing))
    return short, (("axes", axes), ("sizes", tuple(new[k] for k in axes)))
