"""Primitives and immutable, shared nodes.

A node is one application of a primitive, or a leaf. Leaves carry no values: which array stands
behind a leaf is known to whoever runs the graph, so that equal programs over different data are the
same nodes.
"""

from __future__ import annotations

import itertools
import math
import threading
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from wingbeat.errors import TypeMismatch
from wingbeat.ir.types import TensorType

Attrs = tuple[tuple[str, Any], ...]
Site = tuple[str, int]  # file name and line number in the user's code

# How tightly a printed formula binds: a + b, a b, a^b, (a).
SUM, PRODUCT, POWER, ATOM = range(4)


@dataclass(frozen=True)
class Absent:
    """Stands where a rule would; `reason` is repeated to the user who asks for the derivative."""

    reason: str


@dataclass(frozen=True)
class Sample:
    """Operands to test a primitive with: a shape each, values uniform in `within`, a dtype each."""

    shapes: tuple[tuple[int, ...], ...]
    within: tuple[float, float] | tuple[tuple[float, float], ...] = (-2.0, 2.0)
    attrs: Attrs = ()
    dtypes: tuple[str, ...] = ()  # default: float64 for every operand

    def ranges(self) -> tuple[tuple[float, float], ...]:
        """The interval of values of each operand."""
        if self.within and isinstance(self.within[0], tuple):
            return self.within  # type: ignore[return-value]
        return (self.within,) * len(self.shapes)  # type: ignore[return-value]


@dataclass(frozen=True)
class Kink:
    """Where a derivative does not exist: `at(z, *xs)` is true; `convention` is what is returned.

    At a Lipschitz kink z moves by no more than a multiple of what xs move, so a cotangent of 0
    leaves nothing to be decided by the convention; at a jump or an infinite slope it may. A steep
    one is Lipschitz only as a whole, like the root of a sum of squares: its own slope is infinite.

    A z of booleans or integers is a decision. It has a kink where it may be taken otherwise when xs
    move ever so little: at a tie. `convention` then says whose derivative is returned.
    """

    at: Callable[..., Node]
    convention: str
    lipschitz: bool = False
    steep: bool = False
    square: Callable[..., Node] | None = None  # (*xs) -> z z, where that has no kink


@dataclass(frozen=True)
class Sweep:
    """A second meaning of a primitive: one visit of each source position, in row-major order.

    It says the same as `element`, which would read many positions again for every element of z.
    z is full of `start` at first. At position k, `z[target]` becomes its old value combined with
    the term by `kind`; in a running form, the value before it on axis `along` takes the place of
    the old one.
    """

    kind: str  # add or max, as in `Scalars.reduce`
    start: float
    extents: Callable[..., tuple[int, ...]]  # (*shapes, **attrs) -> extents of the positions
    target: Callable[..., tuple[Any, ...]]  # (s, read, k, **attrs) -> an index of z
    term: Callable[..., Any]  # (s, read, k, **attrs) -> a scalar
    along: Callable[..., int] | None = None  # (**attrs) -> an axis of z


@dataclass(frozen=True, eq=False)
class Primitive:
    """Everything the system knows about one operation. Declared once, in `wingbeat/ops`.

    `z` is the result, `xs` the operands, `g` the cotangent of `z`, `ts` the tangents of `xs` (None
    is zero).
    """

    name: str
    family: str
    type_rule: Callable[..., TensorType]  # (*types, **attrs) -> type
    numpy: Callable[..., Any]  # (*arrays, **attrs) -> array
    jvp: Callable[..., Node | None] | Absent  # (z, xs, ts) -> t
    vjp: Callable[..., tuple[Node | None, ...]] | Absent  # (g, z, *xs) -> one g per operand
    batch: Callable[..., Node]  # (op, xs, batched, **attrs) -> z with the batch axis in front
    element: Callable[..., Any] | None  # (s, read, i, **attrs) -> the scalar z[i]
    latex: (
        str | Callable[..., str]
    )  # "{0}" is an operand at strength `inner`; "{0:free}", "{0:atom}", ...
    level: int  # how tightly the formula binds as a whole
    inner: int  # how tightly an operand must bind to go without parentheses
    samples: tuple[Sample, ...]
    expand: Callable[..., Node] | None = None  # composites: the sub-graph that this stands for
    kink: Kink | None = None
    sweep: Sweep | None = None  # where `element` would take quadratic time
    # An algorithm over all elements, which takes so many operations: (*types, **attrs) -> int.
    whole: Callable[..., int] | None = None  # `element` then says what it gives, not how

    def __call__(self, *inputs: Node, **attrs: Any) -> Node:
        return build(self, inputs, tuple(sorted(attrs.items())) if attrs else (), here.site)

    def __repr__(self) -> str:
        return self.name


PRIMITIVES: dict[str, Primitive] = {}


def register(p: Primitive) -> Primitive:
    """Enter a primitive into the table that tests, the text form and the explanations read."""
    if p.name in PRIMITIVES:
        raise ValueError(f"primitive {p.name!r} is declared twice")
    if not p.samples:
        raise ValueError(f"primitive {p.name!r} has no samples, so nothing would test it")
    PRIMITIVES[p.name] = p
    return p


class Node:
    """One application of a primitive, or a leaf when `op` is None (its `attrs` then name it).

    Immutable. Made by `build` and `leaf` only, so a node without a type cannot exist.
    """

    __slots__ = ("__weakref__", "attrs", "inputs", "op", "site", "type")
    op: Primitive | None
    inputs: tuple[Node, ...]
    attrs: Attrs
    type: TensorType
    site: Site | None

    def __init__(self) -> None:
        raise TypeError("a Node is made by applying a primitive: mul(x, y)")

    @property
    def name(self) -> str:
        """The name of a leaf; of another node, its primitive's."""
        return self.op.name if self.op else str(dict(self.attrs).get("name", ""))

    @property
    def shape(self) -> tuple[int, ...]:
        return self.type.shape

    def __repr__(self) -> str:
        return f"<{self.name}: {self.type}>"

    def __add__(self, other: Node | float) -> Node:
        return PRIMITIVES["add"](self, _node(other, self))

    def __sub__(self, other: Node | float) -> Node:
        return PRIMITIVES["sub"](self, _node(other, self))

    def __mul__(self, other: Node | float) -> Node:
        return PRIMITIVES["mul"](self, _node(other, self))

    def __truediv__(self, other: Node | float) -> Node:
        return PRIMITIVES["div"](self, _node(other, self))

    def __radd__(self, other: float) -> Node:
        return PRIMITIVES["add"](_node(other, self), self)

    def __rsub__(self, other: float) -> Node:
        return PRIMITIVES["sub"](_node(other, self), self)

    def __rmul__(self, other: float) -> Node:
        return PRIMITIVES["mul"](_node(other, self), self)

    def __rtruediv__(self, other: float) -> Node:
        return PRIMITIVES["div"](_node(other, self), self)

    def __neg__(self) -> Node:
        return PRIMITIVES["neg"](self)


def _node(value: Node | float, like: Node) -> Node:
    return value if isinstance(value, Node) else full(value, like.type)


def full(value: float, type_: TensorType) -> Node:
    """A tensor filled with one number, which is part of the graph's structure."""
    if type_.dtype.kind == "f":
        value = float(value)
        if value != value:
            value = math.nan  # one object: NaN equals nothing but itself
        if value == 0.0 and str(value)[0] == "-":  # 0.0 == -0.0 would share one node
            return -full(0.0, type_)
    else:
        value = bool(value) if type_.dtype.kind == "b" else int(value)
    return PRIMITIVES["full"](value=value, shape=type_.shape, dtype=type_.dtype.name)


class _Here(threading.local):
    """The user's line on whose behalf nodes are being built, per thread."""

    site: Site | None = None


here = _Here()


class _Ref(weakref.ref[Node]):
    __slots__ = ("key",)
    key: Any


_shared: dict[Any, _Ref] = {}


# Look-ups need no lock. A node may die, and so call `_forget`, while its own thread holds the lock.
_changing = threading.RLock()


def _forget(ref: _Ref) -> None:
    with _changing:
        if _shared.get(ref.key) is ref:
            del _shared[ref.key]


def _intern(key: Any, node: Node) -> Node:
    ref = _Ref(node, _forget)  # type: ignore[arg-type]
    ref.key = key
    with _changing:
        kept = _shared.get(key)
        if kept is not None and (winner := kept()) is not None:
            return winner
        _shared[key] = ref
        return node


def _make(
    op: Primitive | None,
    inputs: tuple[Node, ...],
    attrs: Attrs,
    type_: TensorType,
    site: Site | None,
) -> Node:
    node = object.__new__(Node)
    node.op = op
    node.inputs = inputs
    node.attrs = attrs
    node.type = type_
    node.site = site
    return node


@lru_cache(maxsize=1 << 14)
def _type_of(op: Primitive, types: tuple[TensorType, ...], attrs: Attrs) -> TensorType:
    return op.type_rule(*types, **dict(attrs))


def build(op: Primitive, inputs: tuple[Node, ...], attrs: Attrs, site: Site | None = None) -> Node:
    """The node that applies `op`; the one that exists already, if there is an equal one."""
    key = (op, inputs, attrs, site)
    ref = _shared.get(key)
    if ref is not None and (known := ref()) is not None:
        return known
    try:
        type_ = _type_of(op, tuple([x.type for x in inputs]), attrs)
    except TypeMismatch as error:
        raise TypeMismatch(_complaint(op, inputs, error, site)) from None
    return _intern(key, _make(op, inputs, attrs, type_, site))


def _complaint(op: Primitive, inputs: Iterable[Node], error: Exception, site: Site | None) -> str:
    got = ", ".join(str(x.type) for x in inputs)
    text = f"{op.name}: {error}" + (f"; got {got}" if got else "")
    return f"{text}\n  {quote(site)}" if site else text


def quote(site: Site) -> str:
    """`train.py:41   logits = h @ w`: the user's line, for messages."""
    import linecache

    file, line = site
    source = linecache.getline(file, line).strip()
    return f"{file}:{line}" + (f"   {source}" if source else "")


_counter = itertools.count()


def leaf(type_: TensorType, name: str = "", number: int | None = None) -> Node:
    """An input of a graph. Leaves with the same type, name and number are one node.

    Without a number the leaf is new, different from all others.
    """
    fresh = number is None
    attrs: Attrs = (("name", name), ("number", f"#{next(_counter)}" if fresh else number))
    key = (None, type_, attrs)
    ref = _shared.get(key)
    if ref is not None and (known := ref()) is not None:
        return known
    return _intern(key, _make(None, (), attrs, type_, None))
