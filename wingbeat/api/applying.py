"""Primitives and functions of nodes applied to tensors; what was applied before is looked up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wingbeat.api.promotion import Rule, common_shape, expand, united
from wingbeat.api.tensor import Tensor, asarray, lazy
from wingbeat.api.tracing import GRAD, Trace, enter, join, site, state
from wingbeat.errors import TypeMismatch
from wingbeat.ir.node import Node, Primitive, Site, build, here, quote
from wingbeat.ir.types import promote
from wingbeat.ops import arithmetic as ar
from wingbeat.ops import transcendental as tr

REMEMBERED = 1 << 14  # calls whose nodes are kept for the next time


def node_of(t: Tensor, trace: Trace) -> Node:
    """The node of `t` in `trace`; a constant where gradients are not recorded."""
    node = t._node  # before the trace: another thread may be cutting it off
    if t._trace is trace:
        pass
    elif t._trace is None and (slot := t._slot)[0] == trace.number:
        node = slot[1]
    else:
        node = enter(t, trace)
    if not state.enabled and (t._flags & GRAD or state.frozen):
        return build(ar.stop_gradient, (node,), ())  # type: ignore[arg-type]
    return node  # type: ignore[return-value]


def nodes_of(operands: Sequence[Tensor], trace: Trace) -> tuple[tuple[Node, ...], int]:
    """The nodes of operands in a trace, and the flags of what comes of them."""
    flags = 0
    for t in operands:
        flags |= t._flags
    nodes = tuple([node_of(t, trace) for t in operands])
    return nodes, flags if state.enabled else flags & ~GRAD


_known: dict[Any, Node] = {}


def remembered(key: Any, at: Site | None, rule: Callable[[], Node]) -> Node:
    """What `rule` builds for the user's line `at`; looked up when the same is asked again.

    The table is what makes tracing cheap: a call that was made before costs one look-up, however
    many nodes it stands for.
    """
    if (node := _known.get(key)) is not None:
        return node
    outer, here.site = here.site, at
    try:
        node = rule()
    except TypeMismatch as error:
        raise _placed(error) from None
    finally:
        here.site = outer
    if len(_known) >= REMEMBERED:
        _known.clear()
    _known[key] = node
    return node


def _placed(error: TypeMismatch) -> TypeMismatch:
    """The error with the user's line, unless it has one."""
    if here.site is None or "\n" in str(error):
        return error
    return TypeMismatch(f"{error}\n  {quote(here.site)}")


def apply(rule: Rule, *operands: Tensor, **attrs: Any) -> Tensor:
    """A primitive, or a module's function of nodes, on tensors whose types fit it.

    `rule` is remembered by its identity, so it is no lambda made for the call.
    """
    trace = join(operands)
    nodes, flags = nodes_of(operands, trace)
    at = site()
    key = (rule, nodes, at, tuple(attrs.items()))
    return lazy(remembered(key, at, lambda: rule(*nodes, **attrs)), trace, flags)


_SCALARS = (bool, int, float)
_NUMBERS = (float, int)
_FLOATING = {ar.div, tr.atan2, tr.hypot, tr.logaddexp, ar.copysign, ar.nextafter}


def binary(op: Primitive, x: Any, y: Any) -> Tensor:
    """An elementwise primitive on two operands that may need promotion and broadcasting."""
    if isinstance(x, Tensor):
        trace = x._trace
        if isinstance(y, Tensor):
            trace = trace or y._trace
            if trace is not None and (y._trace is trace or y._trace is None):
                return _meet(op, node_of(x, trace), node_of(y, trace), trace, x._flags | y._flags)
        elif trace is not None and type(y) in _NUMBERS and y and x.type.inexact:
            return _meet(op, node_of(x, trace), y, trace, x._flags)
    if not (is_operand(x) and is_operand(y)):
        return NotImplemented  # type: ignore[return-value]
    return elementwise(op, x, y, floating=op in _FLOATING)


def _meet(op: Primitive, a: Node, b: Node | float, trace: Trace, flags: int) -> Tensor:
    at = site()
    node = _known.get((op, a, b, at))
    if node is None:
        node = remembered((op, a, b, at), at, lambda: united(op, op in _FLOATING, (a, b)))
    return lazy(node, trace, flags if state.enabled else flags & ~GRAD)


def is_operand(x: Any) -> bool:
    """Whether an operator takes this beside a tensor."""
    return isinstance(x, Tensor | bool | int | float | np.ndarray | np.generic | list | tuple)


def elementwise(op: Primitive, *operands: Any, floating: bool = False) -> Tensor:
    """An elementwise primitive: operands are promoted, cast and broadcast to one type first.

    Python numbers are weak: they take the dtype of the tensors beside them.
    """
    xs = [x if isinstance(x, Tensor) or type(x) in _SCALARS else asarray(x) for x in operands]
    tensors = [x for x in xs if isinstance(x, Tensor)]
    if not tensors:
        xs = tensors = [asarray(x) for x in xs]
    trace = join(tensors)
    flags = 0
    for t in tensors:
        flags |= t._flags
    at = site()
    parts = tuple([node_of(x, trace) if isinstance(x, Tensor) else x for x in xs])
    # 1, 1.0 and True are equal keys but not equal operands; -0.0 and 0.0 too.
    numbers = tuple([repr(p) for p in parts if not isinstance(p, Node)])
    key = (op, floating, parts, numbers, at)
    node = remembered(key, at, lambda: united(op, floating, parts))
    return lazy(node, trace, flags if state.enabled else flags & ~GRAD)


def fitted(*operands: Any) -> list[Tensor]:
    """The operands as tensors of one dtype and one shape."""
    xs = [x if type(x) in _SCALARS or isinstance(x, Tensor) else asarray(x) for x in operands]
    dtype = promote(*(x.dtype if isinstance(x, Tensor) else type(x) for x in xs))
    tensors = [cast_to(x, dtype) if isinstance(x, Tensor) else asarray(x, dtype) for x in xs]
    shape = broadcast_shapes("broadcast", *tensors)
    return [t if t.shape == shape else apply(expand, t, shape=shape) for t in tensors]


def broadcast_shapes(name: str, *tensors: Tensor) -> tuple[int, ...]:
    """The one shape that all the tensors broadcast to; `name` is the operation in the error."""
    try:
        return common_shape(name, [t.type for t in tensors])
    except TypeMismatch as error:
        at = site()
        raise TypeMismatch(f"{error}\n  {quote(at)}" if at else str(error)) from None


def cast_to(t: Tensor, dtype: Any) -> Tensor:
    """`t` with another dtype, or `t` itself."""
    return t if t.dtype is dtype else apply(ar.cast, t, dtype=dtype.name)
