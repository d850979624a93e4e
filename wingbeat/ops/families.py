"""The five ways to declare a primitive. Each derives what its family allows from what is written.

Notation: `x, y` operands, `z` the result, `g` the cotangent of z, `t` a tangent, `s` a scalar
builder.
A batched operand carries its batch axis in front.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, reduce
from typing import Any

from wingbeat.errors import TypeMismatch
from wingbeat.ir.node import (
    ATOM,
    PRIMITIVES,
    SUM,
    Absent,
    Attrs,
    Kink,
    Node,
    Primitive,
    Sample,
    Sweep,
    full,
    leaf,
    register,
)
from wingbeat.ir.types import SHORT, DType, TensorType, tensor_type

Batched = Sequence[bool]

FLOAT, NUMBER, INTEGER, BOOLEAN, ANY, BITS = "f", "iuf", "iu", "b", "biuf", "biu"
_KINDS = {
    FLOAT: "floats",
    NUMBER: "numbers",
    INTEGER: "integers",
    BOOLEAN: "booleans",
    ANY: "any dtype",
    BITS: "integers or booleans",
}


def require_kind(accepts: str, *dtypes: DType) -> None:
    """Raise unless every dtype is of an accepted kind."""
    for dtype in dtypes:
        if dtype.kind not in accepts:
            raise TypeMismatch(f"takes {_KINDS[accepts]}, not {SHORT[dtype]}; convert with .astype")


def constant_of(x: Node) -> float | None:
    """The number that fills `x`, when the graph itself says it."""
    # Asked for often; attributes are sorted: dtype, shape, value.
    return x.attrs[2][1] if x.op is not None and x.op.name == "full" else None


def one_like(x: Node) -> Node:
    return full(1, x.type)


def zero_like(x: Node) -> Node:
    return full(0, x.type)


def pull(g: Node, d: Node | Callable[[Node], Node] | None) -> Node | None:
    """g times the partial d, where a zero cotangent kills what it meets: 0 x inf is 0 here.

    A partial that is more than a factor is a function, and is asked for the product.
    """
    if d is None:
        return None
    if not isinstance(d, Node):
        return d(g)
    if (c := constant_of(d)) == 0:
        return None
    if c == 1:
        return g
    if constant_of(g) == 1:
        return d
    return PRIMITIVES["scaled"](g, d)


def agreed(d: Any, z: Node) -> Any:
    """The partial d of an operation that has kinks; at those of z it is a convention."""
    varies = isinstance(d, Node) and constant_of(d) is None
    return PRIMITIVES["agreed"](d, z) if varies else d


def total(terms: Sequence[Node | None]) -> Node | None:
    """The sum of the terms that are not zero."""
    present = [t for t in terms if t is not None]
    return reduce(PRIMITIVES["add"], present) if present else None


def spread(xs: Sequence[Node], batched: Batched) -> list[Node]:
    """All operands with a batch axis: those without one are broadcast."""
    size = next(x.shape[0] for x, b in zip(xs, batched, strict=True) if b)
    widen = PRIMITIVES["broadcast"]
    return [
        x if b else widen(x, axes=(0,), sizes=(size,)) for x, b in zip(xs, batched, strict=True)
    ]


def elementwise(
    name: str,
    *,
    numpy: Callable[..., Any],
    partials: Callable[..., tuple[Node | Callable[[Node], Node] | None, ...]] | Absent,
    scalar: Callable[..., Any],
    latex: str,
    level: int = ATOM,
    inner: int = SUM,
    samples: tuple[Sample, ...],
    accepts: str = FLOAT,
    result: str | None = None,
    kink: Kink | None = None,
) -> Primitive:
    """z[i] = f(x[i], ...). `partials(z, x, ...)` gives dz/dx, ...; both modes follow from it."""
    arity = len(samples[0].shapes)

    def type_rule(*xs: TensorType) -> TensorType:
        if len(xs) != arity:
            raise TypeMismatch(f"takes {arity} operands, not {len(xs)}")
        if any(x is not xs[0] for x in xs):
            raise TypeMismatch("operands must have equal types; broadcast and cast them first")
        require_kind(accepts, xs[0].dtype)
        return tensor_type(xs[0].shape, result) if result else xs[0]

    jvp: Any = partials
    vjp: Any = partials
    if not isinstance(partials, Absent):
        plain = partials

        def derivatives(z: Node, *xs: Node) -> Any:
            ds = plain(z, *xs)
            return ds if kink is None else tuple(agreed(d, z) for d in ds)

        def forward(z: Node, xs: Sequence[Node], ts: Sequence[Node | None]) -> Node | None:
            pairs = zip(derivatives(z, *xs), ts, strict=True)
            return total([pull(t, d) for d, t in pairs if t is not None])

        def reverse(g: Node, z: Node, *xs: Node) -> tuple[Node | None, ...]:
            return tuple(pull(g, d) for d in derivatives(z, *xs))

        jvp, vjp = forward, reverse
    return register(
        Primitive(
            name,
            "elementwise",
            type_rule,
            numpy,
            jvp,
            vjp,
            batch=lambda op, xs, batched: op(*spread(xs, batched)),
            element=lambda s, read, i: scalar(s, *(r(i) for r in read)),
            latex=latex,
            level=level,
            inner=inner,
            samples=samples,
            kink=kink,
        )
    )


def linear(
    name: str,
    *,
    type_rule: Callable[..., TensorType],
    numpy: Callable[..., Any],
    adjoint: Callable[..., Node],
    batch: Callable[..., Node],
    element: Callable[..., Any],
    latex: str | Callable[..., str],
    level: int = ATOM,
    inner: int = ATOM,
    samples: tuple[Sample, ...],
    kink: Kink | None = None,
    sweep: Sweep | None = None,
) -> Primitive:
    """z = L x. The tangent rule is L itself; only the adjoint is written: `adjoint(g, x, **attrs)`.

    `batch(op, x, **attrs)` sees an operand that carries the batch axis.
    """

    def jvp(z: Node, xs: Sequence[Node], ts: Sequence[Node | None]) -> Node | None:
        assert z.op is not None
        return None if ts[0] is None else z.op(ts[0], **dict(z.attrs))

    def vjp(g: Node, z: Node, x: Node) -> tuple[Node | None, ...]:
        return (adjoint(g, x, **dict(z.attrs)),)

    return register(
        Primitive(
            name,
            "linear",
            type_rule,
            numpy,
            jvp,
            vjp,
            batch=lambda op, xs, batched, **attrs: batch(op, xs[0], **attrs),
            element=element,
            latex=latex,
            level=level,
            inner=inner,
            samples=samples,
            kink=kink,
            sweep=sweep,
        )
    )


def bilinear(
    name: str,
    *,
    type_rule: Callable[..., TensorType],
    numpy: Callable[..., Any],
    adjoints: Callable[..., tuple[Node, Node]],
    batch: Callable[..., Node],
    element: Callable[..., Any],
    latex: str | Callable[..., str],
    level: int,
    inner: int,
    samples: tuple[Sample, ...],
) -> Primitive:
    """z = B(x, y), linear in each operand. `adjoints(g, x, y, **attrs)` gives both cotangents.

    The attribute `guard` says whose zeros kill what they meet (0 x inf is 0), for products with
    cotangents and tangents: 1 the first operand's, 2 the second's, 3 both; by default, neither's.
    """

    def jvp(z: Node, xs: Sequence[Node], ts: Sequence[Node | None]) -> Node | None:
        assert z.op is not None
        (x, y), (tx, ty), attrs = xs, ts, dict(z.attrs)
        guard = attrs.pop("guard", 0)
        left = None if tx is None else z.op(tx, y, guard=guard | 1, **attrs)
        right = None if ty is None else z.op(x, ty, guard=guard | 2, **attrs)
        return total([left, right])

    def vjp(g: Node, z: Node, x: Node, y: Node) -> tuple[Node | None, ...]:
        return adjoints(g, x, y, **dict(z.attrs))

    return register(
        Primitive(
            name,
            "bilinear",
            type_rule,
            numpy,
            jvp,
            vjp,
            batch=batch,
            element=element,
            latex=latex,
            level=level,
            inner=inner,
            samples=samples,
        )
    )


def custom(
    name: str,
    *,
    type_rule: Callable[..., TensorType],
    numpy: Callable[..., Any],
    jvp: Callable[..., Node | None] | Absent,
    vjp: Callable[..., tuple[Node | None, ...]] | Absent,
    batch: Callable[..., Node],
    element: Callable[..., Any],
    latex: str | Callable[..., str],
    level: int = ATOM,
    inner: int = SUM,
    samples: tuple[Sample, ...],
    kink: Kink | None = None,
    sweep: Sweep | None = None,
    whole: Callable[..., int] | None = None,
) -> Primitive:
    """Everything is written out."""
    return register(
        Primitive(
            name,
            "custom",
            type_rule,
            numpy,
            jvp,
            vjp,
            batch,
            element,
            latex,
            level,
            inner,
            samples,
            kink=kink,
            sweep=sweep,
            whole=whole,
        )
    )


def composite(
    name: str,
    *,
    expand: Callable[..., Node],
    latex: str | Callable[..., str],
    level: int = ATOM,
    inner: int = SUM,
    samples: tuple[Sample, ...],
) -> Primitive:
    """A named sub-graph: `expand(*xs, **attrs)` builds it. Inlined before it is run or derived."""

    @cache
    def type_of(types: tuple[TensorType, ...], attrs: Attrs) -> TensorType:
        return expand(*(leaf(t, "x", k) for k, t in enumerate(types)), **dict(attrs)).type

    def type_rule(*types: TensorType, **attrs: Any) -> TensorType:
        return type_of(types, tuple(sorted(attrs.items())))

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError(f"composite {name} reached a pass without being inlined")

    return register(
        Primitive(
            name,
            "composite",
            type_rule,
            never,
            never,
            never,
            never,
            None,
            latex,
            level,
            inner,
            samples,
            expand=expand,
        )
    )
