"""Primitives and functions of nodes applied to tensors; what was applied before is looked up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wingbeat.api.joining import enter, join
from wingbeat.api.promotion import Rule, common_shape, united
from wingbeat.api.sites import site
from wingbeat.api.tensor import Tensor, asarray, lazy
from wingbeat.api.tracing import GRAD, Trace, current, state
from wingbeat.errors import TypeMismatch
from wingbeat.ir.node import Node, Primitive, Site, build, here, quote
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
        return _constant(node)  # type: ignore[arg-type]
    return node  # type: ignore[return-value]


def _constant(node: Node) -> Node:
    known = _known.get(node)
    return known or remembered(node, None, lambda: build(ar.stop_gradient, (node,), ()))


def operands_in(operands: Sequence[Tensor]) -> tuple[Trace, tuple[Node, ...], int]:
    """The trace in which operands meet, their nodes there, and the flags of what comes of them."""
    trace = join(operands)
    flags = 0
    nodes: list[Node] = []
    for t in operands:
        flags |= t._flags
        nodes.append(node_of(t, trace))
    return trace, tuple(nodes), flags if state.enabled else flags & ~GRAD


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
    trace, nodes, flags = operands_in(operands)
    at = site(2)
    key = (rule, nodes, at, *attrs.items()) if attrs else (rule, nodes, at)
    node = _known.get(key)
    if node is None:
        node = remembered(key, at, lambda: rule(*nodes, **attrs))
    return lazy(node, trace, flags)


_SCALARS = (bool, int, float)
_NUMBERS = (float, int)
_FLOATING = {ar.div, tr.atan2, tr.hypot, tr.logaddexp, ar.copysign, ar.nextafter}


def unary(op: Rule, floating: bool, x: Any) -> Tensor:
    """An elementwise primitive on one operand, for a function that users call."""
    if not isinstance(x, Tensor):
        return elementwise(op, x, floating=floating)
    trace = x._trace or current()
    a = node_of(x, trace)
    at = site(3)
    node = _known.get((op, a, at))
    if node is None:
        node = remembered((op, a, at), at, lambda: united(op, floating, (a,)))
    return lazy(node, trace, x._flags if state.enabled else x._flags & ~GRAD)


def binary(op: Primitive, x: Any, y: Any) -> Tensor:
    """An elementwise primitive on two operands of an operator; they may need promotion.

    One function without calls that could be spared: half of what users write are operators.
    """
    if not isinstance(x, Tensor):
        return _general(op, x, y)
    if isinstance(y, Tensor):
        trace = x._trace or y._trace or current()
        if y._trace is not None and y._trace is not trace:
            return _general(op, x, y)
        a, b, flags = node_of(x, trace), node_of(y, trace), x._flags | y._flags
    elif type(y) in _NUMBERS and y and x.type.inexact:  # then 1 and 1.0 are the same operand
        trace = x._trace or current()
        a, b, flags = node_of(x, trace), y, x._flags
    else:
        return _general(op, x, y)
    at = site(3)
    node = _known.get((op, a, b, at))
    if node is None:
        node = remembered((op, a, b, at), at, lambda: united(op, op in _FLOATING, (a, b)))
    return lazy(node, trace, flags if state.enabled else flags & ~GRAD)


def _general(op: Primitive, x: Any, y: Any) -> Tensor:
    if not (is_operand(x) and is_operand(y)):
        return NotImplemented  # type: ignore[return-value]
    return elementwise(op, x, y, floating=op in _FLOATING)


def is_operand(x: Any) -> bool:
    """Whether an operator takes this beside a tensor."""
    return isinstance(x, Tensor | bool | int | float | np.ndarray | np.generic | list | tuple)


def elementwise(op: Rule, *operands: Any, floating: bool = False) -> Tensor:
    """An elementwise primitive: operands are promoted, cast and broadcast to one type first.

    Python numbers are weak: they take the dtype of the tensors beside them.
    """
    return mixed((op, floating), lambda parts: united(op, floating, parts), operands)


def mixed(
    name: Any, rule: Callable[[tuple[Node | float, ...]], Node], operands: Sequence[Any]
) -> Tensor:
    """A function of nodes and Python numbers, on tensors and whatever else users write.

    `name` is what the result is remembered by: the same rule has the same name.
    """
    xs = [x if isinstance(x, Tensor) or type(x) in _SCALARS else asarray(x) for x in operands]
    tensors = [x for x in xs if isinstance(x, Tensor)]
    if not tensors:
        xs = tensors = [asarray(x) for x in xs]
    trace = join(tensors)
    flags = 0
    for t in tensors:
        flags |= t._flags
    parts = tuple([node_of(x, trace) if isinstance(x, Tensor) else x for x in xs])
    # 1, 1.0 and True are equal keys but not equal operands; -0.0 and 0.0 too.
    numbers = tuple([repr(p) for p in parts if not isinstance(p, Node)])
    at = site(3)
    key = (name, parts, numbers, at)
    node = _known.get(key) or remembered(key, at, lambda: rule(parts))
    return lazy(node, trace, flags if state.enabled else flags & ~GRAD)


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
