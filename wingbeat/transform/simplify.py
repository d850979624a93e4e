"""Local rewrites that never change a value: x * 1, -(-x), x ** 2, a transpose of a transpose.

Transposes move behind what is computed number by number, if that makes the graph smaller because
they meet their inverses there: a network of layers that each want their channels last turns its
images once, and not around every layer. A product of which only the transpose is read is computed
as that: the gradient of W in x W'.

x * 0 stays: it is NaN where x is infinite; only `scaled` and `mutual`, whose zeros kill by
definition, drop it, and with it the sign of the zero. x + 0 of floats stays: it is 0 where x is -0.
`alias`, `agreed` and `stop_gradient` go, which matter to derivatives alone: simplify what has been
derived already.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from wingbeat.ir.node import Node, Primitive, full
from wingbeat.ir.types import as_dtype, tensor_type
from wingbeat.ir.walk import rewrite, toposort
from wingbeat.ops import arithmetic, create, logic, reduce, transcendental
from wingbeat.ops import shape as layout
from wingbeat.ops.contract import contract
from wingbeat.ops.families import constant_of

Rule = Callable[..., Node | None]


def _add(x: Node, y: Node) -> Node | None:
    if not x.type.inexact:
        for a, b in ((x, y), (y, x)):
            if constant_of(a) == 0:
                return b
    # a + (-b) is a - b, to the bit.
    return arithmetic.sub(x, y.inputs[0]) if y.op is arithmetic.neg else None


def _sub(x: Node, y: Node) -> Node | None:
    if constant_of(y) == 0:
        return x
    return arithmetic.add(x, y.inputs[0]) if y.op is arithmetic.neg else None


def _mul(x: Node, y: Node) -> Node | None:
    for a, b in ((x, y), (y, x)):
        if constant_of(a) == 1:
            return b
        if constant_of(a) == -1:
            return -b
    return _folded(arithmetic.mul, x, y)


def _folded(op: Primitive, *xs: Node) -> Node | None:
    """The value of an operation on numbers that the graph says, in their own dtype."""
    constants = [constant_of(x) for x in xs]
    if any(c is None for c in constants):
        return None
    with np.errstate(all="ignore"):
        arrays = [np.asarray(c, x.type.dtype) for c, x in zip(constants, xs, strict=True)]
        return full(op.numpy(*arrays).item(), xs[0].type)


def _scaled(g: Node, d: Node) -> Node | None:
    if constant_of(g) == 0:
        return full(0, g.type)
    c = constant_of(d)
    if c is not None and math.isfinite(c):
        return arithmetic.mul(g, d) if c != 1 else g
    c = constant_of(g)
    return arithmetic.mul(g, d) if c is not None and not math.isnan(c) else None


def _mutual(x: Node, y: Node) -> Node | None:
    constants = [c for c in (constant_of(x), constant_of(y)) if c is not None]
    if 0 in constants:
        return full(0, x.type)
    return arithmetic.mul(x, y) if any(math.isfinite(c) for c in constants) else None


def _div(x: Node, y: Node) -> Node | None:
    return x if constant_of(y) == 1 else None


def _pow(x: Node, y: Node) -> Node | None:
    c = constant_of(y)
    if c == 1:
        return x
    if c == 2:
        return arithmetic.mul(x, x)
    return arithmetic.div(full(1, x.type), x) if c == -1 and x.type.inexact else None


def _neg(x: Node) -> Node | None:
    if x.op is arithmetic.neg:
        return x.inputs[0]
    # -0.0 has no constant of its own: it would be equal to that of 0.0.
    return _folded(arithmetic.neg, x) if constant_of(x) else None


def _same(x: Node, **attrs: Any) -> Node | None:
    return x


def _first(d: Node, z: Node) -> Node | None:
    return d


def _cast(x: Node, *, dtype: str) -> Node | None:
    if x.type.dtype.name == dtype:
        return x
    c, to = constant_of(x), as_dtype(dtype)
    if c is None or (to.kind in "iu" and not np.iinfo(to).min <= c <= np.iinfo(to).max):
        return None  # what does not fit is left to the machine
    with np.errstate(over="ignore"):
        return full(np.asarray(c, x.type.dtype).astype(to).item(), tensor_type(x.shape, dtype))


def _broadcast(x: Node, *, axes: Any, sizes: Any) -> Node | None:
    if not axes:
        return x
    c = constant_of(x)
    if c is None:
        return None
    return create.full(value=c, shape=layout.insert(x.shape, axes, sizes), dtype=x.type.dtype.name)


def _reshape(x: Node, *, shape: Any) -> Node | None:
    if x.shape == shape:
        return x
    if x.op is layout.reshape:
        return layout.reshape(x.inputs[0], shape=shape)
    c = constant_of(x)
    return None if c is None else create.full(value=c, shape=shape, dtype=x.type.dtype.name)


def _transpose(x: Node, *, perm: Any) -> Node | None:
    if perm == tuple(range(len(perm))):
        return x
    if x.op is not layout.transpose:
        return None
    first = dict(x.attrs)["perm"]
    return _transpose_of(x.inputs[0], tuple(first[p] for p in perm))


def _transpose_of(x: Node, perm: Any) -> Node:
    return x if perm == tuple(range(len(perm))) else layout.transpose(x, perm=perm)


_POINTWISE = (arithmetic.cast, logic.where)  # elementwise in all but the types of their operands


def _before_transpose(node: Node) -> Node | None:
    """f(x', y') as f(x, y)'; numbers that the graph says have any shape."""
    assert node.op is not None
    perms = {dict(x.attrs)["perm"] for x in node.inputs if x.op is layout.transpose}
    if len(perms) != 1 or not (node.op.family == "elementwise" or node.op in _POINTWISE):
        return None
    (perm,) = perms
    shape = tuple(node.shape[p] for p in layout.inverse(perm))
    xs: list[Node] = []
    for x in node.inputs:
        c = constant_of(x)
        if x.op is layout.transpose:
            xs.append(x.inputs[0])
        elif c is not None:
            xs.append(create.full(value=c, shape=shape, dtype=x.type.dtype.name))
        else:
            return None
    return layout.transpose(node.op(*xs, **dict(node.attrs)), perm=perm)


def _slice(x: Node, *, start: Any, stop: Any, step: Any) -> Node | None:
    whole = not any(start) and stop == x.shape and all(k == 1 for k in step)
    return x if whole else None


def _pad(x: Node, *, before: Any, after: Any, between: Any) -> Node | None:
    return None if any((*before, *after, *between)) else x


def _over_no_axis(x: Node, *, axes: Any) -> Node | None:
    return None if axes else x


def _concatenate(*xs: Node, axis: int) -> Node | None:
    return xs[0] if len(xs) == 1 else None


RULES: Mapping[Primitive, Rule] = {
    arithmetic.add: _add,
    arithmetic.sub: _sub,
    arithmetic.mul: _mul,
    arithmetic.scaled: _scaled,
    arithmetic.mutual: _mutual,
    arithmetic.div: _div,
    arithmetic.neg: _neg,
    transcendental.pow: _pow,
    arithmetic.alias: _same,
    arithmetic.stop_gradient: _same,
    arithmetic.agreed: _first,
    arithmetic.cast: _cast,
    layout.broadcast: _broadcast,
    layout.reshape: _reshape,
    layout.transpose: _transpose,
    layout.slice: _slice,
    layout.pad: _pad,
    layout.flip: _over_no_axis,
    layout.concatenate: _concatenate,
    reduce.sum: _over_no_axis,
    reduce.max: _over_no_axis,
    reduce.min: _over_no_axis,
}


def simplify(roots: Iterable[Node], known: dict[Node, Node] | None = None) -> dict[Node, Node]:
    """Map every node that `roots` reach to a simpler one of equal value; equal nodes become one."""
    roots = list(roots)
    plain = rewrite(roots, _change(turns=False), dict(known or {}))
    order = toposort([plain[root] for root in roots])
    if not any(node.op is layout.transpose for node in order):
        return plain
    turned = rewrite(roots, _change(turns=True), dict(known or {}))
    fewer = len(toposort([turned[root] for root in roots])) < len(order)
    return _with_products_turned(roots, turned if fewer else plain)


def _with_products_turned(roots: list[Node], new: dict[Node, Node]) -> dict[Node, Node]:
    """A product that is read as its transpose, and in no other way, is computed as that."""
    ends = [new[root] for root in roots]
    order = toposort(ends)
    readers = Counter([*ends, *(x for node in order for x in node.inputs)])
    single = {
        node
        for node in order
        if node.op is layout.transpose
        and node.inputs[0].op is contract
        and readers[node.inputs[0]] == 1
    }
    if not single:
        return new
    visited = iter(order)  # as `rewrite` goes

    def change(node: Node) -> Node | None:
        if next(visited) not in single:
            return None
        (x,), perm = node.inputs, dict(node.attrs)["perm"]
        attrs: dict[str, Any] = dict(x.attrs)
        return contract(*x.inputs, **{**attrs, "out": tuple(attrs["out"][p] for p in perm)})

    last = rewrite(ends, change)
    return {node: last.get(found, found) for node, found in new.items()}


def _change(turns: bool) -> Callable[[Node], Node | None]:
    first: dict[Any, Node] = {}

    def change(node: Node) -> Node | None:
        while node.op is not None:
            rule = RULES.get(node.op)
            simpler = rule(*node.inputs, **dict(node.attrs)) if rule else None
            if simpler is None and turns:
                simpler = _before_transpose(node)
            if simpler is None or simpler is node:
                # Call sites keep equal nodes of different lines apart; what is run need not.
                return first.setdefault((node.op, node.inputs, node.attrs), node)
            node = simpler
        return node

    return change


def simplified(roots: Iterable[Node]) -> list[Node]:
    """`roots`, simpler."""
    roots = list(roots)
    new = simplify(roots)
    return [new[root] for root in roots]
