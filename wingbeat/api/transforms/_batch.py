"""Batching: a function written for one example, for many at once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from wingbeat.api import tree
from wingbeat.api.joining import enter
from wingbeat.api.manipulation import moveaxis
from wingbeat.api.promotion import expand
from wingbeat.api.tensor import Tensor, lazy
from wingbeat.api.tracing import ABSTRACT, Trace, current
from wingbeat.api.transforms._scope import (
    as_tensor,
    checked_function,
    flags_of,
    outermost,
    results,
)
from wingbeat.errors import TypeMismatch
from wingbeat.ir.node import Node, leaf
from wingbeat.ir.types import tensor_type
from wingbeat.ir.walk import toposort
from wingbeat.ops.shape import transpose
from wingbeat.transform import inlined
from wingbeat.transform import vmap as batch


def vmap(f: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Callable[..., Any]:
    """`f` for many examples at once: arguments gain an axis, and so do the results.

    Args:
        f: written for one example.
        in_axes: which axis of each argument counts the examples; None for an argument that all
            share. One for all arguments, or a sequence with one per argument; for a tree, one for
            all its leaves or a tree of them. Keyword arguments are counted along axis 0.
        out_axes: where that axis stands in the results, or None for a result that no example
            changes; one for all results, or a tree of them.

    Raises:
        TypeMismatch: sizes differ, an axis does not exist, or no argument carries the axis.
        NoValue: `f` asks for the value of something that differs between examples.

    >>> import wingbeat as wb
    >>> wb.vmap(lambda x, y: x @ y, in_axes=(0, None))(wb.ones((2, 3)), wb.ones(3))
    tensor([3., 3.])
    """
    checked_function(f, "vmap")

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return outermost(lambda: vmapped(f, in_axes, out_axes, args, kwargs))

    return wrapped


def vmapped(
    f: Any, in_axes: Any, out_axes: Any, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None
) -> Any:
    """`f` of examples that the arguments hold along `in_axes`, in the trace of the caller."""
    given = (args, kwargs or {})
    axes = [
        *tree.prefix(
            tuple(in_axes) if isinstance(in_axes, list) else in_axes, args, "vmap: in_axes"
        ),
        *(0 for _ in tree.leaves(given[1])),
    ]
    flat, rebuild = tree.flatten(given)
    fronted = [x if a is None else _fronted(x, a) for x, a in zip(flat, axes, strict=True)]
    size = _batch_size([t for t, a in zip(fronted, axes, strict=True) if a is not None])
    tensors = [t for t in fronted if isinstance(t, Tensor)]
    trace = current()
    batched: dict[Node, Node] = {}
    singles: list[Any] = []
    for t, a in zip(fronted, axes, strict=True):
        if a is None:
            singles.append(t)
            continue
        node = enter(t, trace)
        one = leaf(tensor_type(node.shape[1:], node.type.dtype), "example", trace.tag())
        batched[one] = node
        singles.append(lazy(one, trace, t._flags | ABSTRACT))
    examples, named = rebuild(singles)
    y = f(*examples, **named)
    outputs, rebuild_out = results(y, "vmap")
    places = tree.prefix(out_axes, y, "vmap: out_axes")
    whole = _unbatched(outputs, batched, trace, size, places, flags_of(tensors))
    return rebuild_out(whole)


def _fronted(x: Any, axis: int) -> Tensor:
    t = as_tensor(x, "vmap: an argument that is mapped over")
    if not -t.ndim <= axis < t.ndim:
        raise TypeMismatch(
            f"vmap: {t.type} has no axis {axis}; in_axes says which axis counts the examples, "
            "None for an argument that all share"
        )
    return t if axis == 0 else moveaxis(t, axis, 0)


def _batch_size(mapped: Sequence[Tensor]) -> int:
    sizes = {t.shape[0] for t in mapped}
    if len(sizes) != 1:
        text = "no argument carries the axis" if not sizes else f"sizes {sorted(sizes)} differ"
        raise TypeMismatch(f"vmap: {text}; in_axes says which axis counts the examples")
    return sizes.pop()


def _unbatched(
    outputs: Sequence[Tensor],
    batched: dict[Node, Node],
    trace: Trace,
    size: int,
    places: Sequence[int | None],
    outer: int,
) -> list[Tensor]:
    bodies = inlined([enter(t, trace) for t in outputs])
    found: list[Tensor] = []
    moved = batch(bodies, batched)
    for t, axis, (node, has) in zip(outputs, places, moved, strict=True):
        whole = _placed(node, has, size, axis)
        flags = (t._flags | outer) & ~ABSTRACT
        if _is_abstract(whole, trace):  # a variable of an enclosing vmap
            flags |= ABSTRACT
        found.append(lazy(whole, trace, flags))
    return found


def _placed(z: Node, has: bool, size: int, axis: int | None) -> Node:
    """A result with the examples' axis at `axis`; in `z`, where it `has` one, it is in front."""
    if axis is None:
        if has:
            raise TypeMismatch("vmap: out_axes is None for a result that differs between examples")
        return z
    if not has:
        z = expand(z, (size, *z.shape))
    n = len(z.shape)
    if not -n <= axis < n:
        raise TypeMismatch(f"vmap: out_axes={axis} is no axis of a result of {n} axes")
    order = list(range(1, n))
    order.insert(axis % n, 0)
    return transpose(z, perm=tuple(order))


def _is_abstract(node: Node, trace: Trace) -> bool:
    return any(n.op is None and n not in trace.values for n in toposort([node], trace.kept))
