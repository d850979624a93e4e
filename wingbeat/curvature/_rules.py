"""Disciplined composition: which parts of a graph are convex or concave on a box, by rules.

Every node gets a `Fact`: bounds of its elements, and whether it is convex or concave in the
variables. A rule says how an operation bends and in which direction it is monotone on the interval
that its operand stays in; the facts of its result follow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wingbeat.ir.node import Node
from wingbeat.ir.walk import toposort

_Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Fact:
    """What is known of all elements of a node: bounds, how they bend, the degree of a polynomial.

    Affine is both convex and concave. A degree of 9 stands for more than 2, and for no polynomial.
    """

    low: _Array
    high: _Array
    convex: bool
    concave: bool
    degree: int

    @property
    def affine(self) -> bool:
        return self.convex and self.concave

    @property
    def constant(self) -> bool:
        return self.degree == 0

    @property
    def word(self) -> str:
        """For a reader."""
        if self.constant:
            return "constant"
        if self.affine:
            return "affine"
        if self.convex or self.concave:
            return "convex" if self.convex else "concave"
        return "unknown"


MANY = 9
# On an interval: does it bend up (convex), down (concave); does it rise, does it fall.
Bend = tuple[bool, bool, bool, bool]
UP: Bend = (True, False, True, False)
DOWN: Bend = (False, True, True, False)
NOTHING: Bend = (False, False, False, False)


def _even(low: float, high: float) -> Bend:
    """Like x^2: falls left of 0, rises right of it."""
    return True, False, low >= 0, high <= 0


def _s_shaped(low: float, high: float) -> Bend:
    """Like tanh: bends up left of 0, down right of it, and rises."""
    return high <= 0, low >= 0, True, False


def _cubic(low: float, high: float) -> Bend:
    """Like x^3: bends down left of 0, up right of it, and rises."""
    return low >= 0, high <= 0, True, False


def _above(edge: float, bend: Bend) -> Callable[[float, float], Bend]:
    """Known where the operand stays above the edge of what the function is defined on."""
    return lambda low, high: bend if low >= edge else NOTHING


# Functions of one operand, elementwise or over axes.
BENDS: dict[str, Callable[[float, float], Bend]] = {
    **dict.fromkeys(("exp", "exp2", "expm1", "relu", "logsumexp", "max"), lambda low, high: UP),
    **dict.fromkeys(("log", "log2", "log10", "sqrt", "root"), _above(0.0, DOWN)),
    "log1p": _above(-1.0, DOWN),
    "min": lambda low, high: DOWN,
    **dict.fromkeys(("abs", "norm", "cosh"), _even),
    **dict.fromkeys(("tanh", "sigmoid", "erf", "atan", "asinh"), _s_shaped),
    "sinh": _cubic,
    "log_softmax": lambda low, high: (False, True, False, False),
}
# Of two operands, rising in both.
PAIRS: dict[str, Bend] = {"maximum": UP, "logaddexp": UP, "minimum": DOWN}
# Weighted sums with weights of at least 0.
POSITIVE = {
    "cast", "alias", "broadcast", "reshape", "transpose", "slice", "pad", "flip", "sum", "cumsum",
    "windows", "fold", "concatenate",
}  # fmt: skip


def analysed(
    root: Node, variables: dict[Node, Fact], values: dict[Node, _Array]
) -> dict[Node, Fact]:
    """The facts of all nodes below `root`; `values` are those of leaves that are no variables."""
    facts = dict(variables)
    for node in toposort([root], stops=variables):
        if node not in facts:
            facts[node] = _fact(node, facts, values)
    return facts


def _fact(node: Node, facts: dict[Node, Fact], values: dict[Node, _Array]) -> Fact:
    if node.op is None:
        return known(values[node]) if node in values else _unknown(node)
    xs = [facts[x] for x in node.inputs]
    attrs = dict(node.attrs)
    with np.errstate(all="ignore"):
        constant = all(x.constant for x in xs)
        rule = _RULES.get(node.op.name)
        if node.op.expand is not None and (constant or not (rule or node.op.name in BENDS)):
            body = node.op.expand(*node.inputs, **attrs)
            return analysed(body, facts, values)[body]
        if constant:
            return known(node.op.numpy(*[x.low for x in xs], **attrs))
        if node.type.dtype.kind != "f":
            return _unknown(node)
        if rule is not None:
            return rule(node, xs, attrs)
        if node.op.name in POSITIVE:
            return _positive(node, xs, attrs)
        if node.op.name in PAIRS:
            return _pair(node, xs, PAIRS[node.op.name])
        if node.op.name in BENDS and len(xs) == 1:
            return _function(node, xs[0], attrs)
    return _unknown(node)


def known(value: Any) -> Fact:
    """A constant."""
    array = np.asarray(value)
    return Fact(array, array, True, True, 0)


def _unknown(node: Node) -> Fact:
    wide = np.full(node.shape, np.inf)
    return Fact(-wide, wide, False, False, MANY)


def _made(low: Any, high: Any, convex: bool, concave: bool, degree: int) -> Fact:
    """With bounds that are NaN (inf - inf) as no bounds."""
    low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
    low = np.where(np.isnan(low), -np.inf, low)
    return Fact(low, np.where(np.isnan(high), np.inf, high), convex, concave, min(degree, MANY))


def _positive(node: Node, xs: Sequence[Fact], attrs: dict[str, Any]) -> Fact:
    op: Any = node.op
    return _made(
        op.numpy(*[x.low for x in xs], **attrs),
        op.numpy(*[x.high for x in xs], **attrs),
        all(x.convex for x in xs),
        all(x.concave for x in xs),
        max(x.degree for x in xs),
    )


def _negated(x: Fact) -> Fact:
    return Fact(-x.high, -x.low, x.concave, x.convex, x.degree)


def _sum(x: Fact, y: Fact) -> Fact:
    convex, concave = x.convex and y.convex, x.concave and y.concave
    return _made(x.low + y.low, x.high + y.high, convex, concave, max(x.degree, y.degree))


def _corners(x: Fact, y: Fact) -> tuple[_Array, _Array]:
    """Bounds of a product; 0 x inf is 0, as no element is infinite."""
    products = [
        np.where((a == 0) | (b == 0), 0.0, a * b) for a in (x.low, x.high) for b in (y.low, y.high)
    ]
    return np.minimum.reduce(products), np.maximum.reduce(products)


def _product(node: Node, xs: Sequence[Fact], attrs: dict[str, Any]) -> Fact:
    if node.inputs[0] is node.inputs[1]:
        return _bent(xs[0], _even, lambda x: x * x, 2 * xs[0].degree)
    c, x = xs if xs[0].constant else reversed(xs)
    low, high = _corners(c, x)
    degree = c.degree + x.degree
    if not c.constant:
        return _made(low, high, False, False, degree)
    return _weighted(x, low, high, bool((c.low >= 0).all()), bool((c.low <= 0).all()))


def _weighted(x: Fact, low: Any, high: Any, positive: bool, negative: bool) -> Fact:
    """A sum of x with weights of one sign, or of any."""
    convex = x.affine or (x.convex and positive) or (x.concave and negative)
    concave = x.affine or (x.concave and positive) or (x.convex and negative)
    return _made(low, high, convex, concave, x.degree)


def _quotient(node: Node, xs: Sequence[Fact], attrs: dict[str, Any]) -> Fact:
    x, y = xs
    if y.constant:
        return _product(node, (x, known(1.0 / y.low)), attrs) if x is not y else _unknown(node)
    if not x.constant or not (y.low > 0).all():
        return _unknown(node)
    # 1 / y bends up and falls for positive y.
    inverse = _bent(y, lambda low, high: (True, False, False, True), lambda v: 1.0 / v, MANY)
    low, high = _corners(x, inverse)
    return _weighted(inverse, low, high, bool((x.low >= 0).all()), bool((x.low <= 0).all()))


def _contracted(node: Node, xs: Sequence[Fact], attrs: dict[str, Any]) -> Fact:
    op: Any = node.op
    x, y = xs
    degree = x.degree + y.degree
    if node.inputs[0] is node.inputs[1] and attrs.get("lhs") == attrs.get("rhs") and x.affine:
        return _made(np.zeros(node.shape), _unbounded(node)[1], True, False, degree)
    low, high = np.full(node.shape, -np.inf), np.full(node.shape, np.inf)
    if not (x.constant or y.constant):
        return _made(low, high, False, False, degree)
    c, free = (x, y) if x.constant else (y, x)

    def times(positive: _Array, negative: _Array) -> Any:
        parts = (np.maximum(c.low, 0), positive), (np.minimum(c.low, 0), negative)
        return sum(op.numpy(*(p if x.constant else p[::-1]), **attrs) for p in parts)

    if np.isfinite(free.low).all() and np.isfinite(free.high).all():
        low, high = times(free.low, free.high), times(free.high, free.low)
    return _weighted(free, low, high, bool((c.low >= 0).all()), bool((c.low <= 0).all()))


def _power(node: Node, xs: Sequence[Fact], attrs: dict[str, Any]) -> Fact:
    x, p = xs
    if not p.constant or not p.low.size or not (p.low == p.low.flat[0]).all():
        return _unknown(node)
    k = float(p.low.flat[0])
    degree = x.degree * int(k) if k >= 0 and k.is_integer() else MANY
    if k in (0.0, 1.0):
        return known(np.ones(node.shape)) if k == 0.0 else x
    if k.is_integer() and k > 0 and k % 2 == 0:
        return _bent(x, _even, lambda v: v**k, degree)
    if k.is_integer() and k > 0:
        return _bent(x, _cubic, lambda v: v**k, degree)
    if not (x.low > 0).all() and not (k > 0 and (x.low >= 0).all()):
        return _made(*_unbounded(node), False, False, degree)
    if k < 0:
        bend: Bend = (True, False, False, True)
    else:
        bend = UP if k > 1 else DOWN
    return _bent(x, lambda low, high: bend, lambda v: v**k, degree)


def _unbounded(node: Node) -> tuple[_Array, _Array]:
    return np.full(node.shape, -np.inf), np.full(node.shape, np.inf)


def _bent(
    x: Fact,
    bends: Callable[[float, float], Bend],
    f: Callable[[_Array], Any],
    degree: int,
) -> Fact:
    """An elementwise function of x: its bend on the whole interval, and its bounds."""
    up, down, rises, falls = bends(float(np.min(x.low)), float(np.max(x.high)))
    ends = np.stack(np.broadcast_arrays(f(x.low), f(x.high)))
    low, high = ends.min(axis=0), ends.max(axis=0)
    if not (rises or falls):  # as x^2 around 0: the least value lies between the ends
        inside = (x.low < 0) & (x.high > 0)
        low = np.where(inside, np.minimum(low, f(np.zeros_like(low))), low)
    convex, concave = composed((up, down, rises, falls), x)
    return _made(low, high, convex, concave, degree)


def composed(bend: Bend, *xs: Fact) -> tuple[bool, bool]:
    """Whether f(x) is convex, concave: the rule of composition."""
    up, down, rises, falls = bend
    kept = all(x.affine or (rises and x.convex) or (falls and x.concave) for x in xs)
    turned = all(x.affine or (rises and x.concave) or (falls and x.convex) for x in xs)
    return up and kept, down and turned


def _function(node: Node, x: Fact, attrs: dict[str, Any]) -> Fact:
    op: Any = node.op
    bends = BENDS[op.name]
    if op.family == "elementwise":
        return _bent(x, bends, lambda v: op.numpy(v, **attrs), MANY)
    convex, concave = composed(bends(float(np.min(x.low)), float(np.max(x.high))), x)
    low, high = _unbounded(node)
    if op.name == "norm":
        low = np.zeros(node.shape)
    elif op.name in ("max", "min"):
        low, high = op.numpy(x.low, **attrs), op.numpy(x.high, **attrs)
    return _made(low, high, convex, concave, MANY)


def _pair(node: Node, xs: Sequence[Fact], bend: Bend) -> Fact:
    op: Any = node.op
    convex, concave = composed(bend, *xs)
    low, high = (op.numpy(*[getattr(x, side) for x in xs]) for side in ("low", "high"))
    return _made(low, high, convex, concave, MANY)


def _entropy(node: Node, xs: Sequence[Fact], attrs: dict[str, Any]) -> Fact:
    logits, targets = xs
    convex = logits.affine and targets.constant and bool((targets.low >= 0).all())
    return _made(*_unbounded(node), convex, False, MANY)


def _chosen(node: Node, xs: Sequence[Fact], attrs: dict[str, Any]) -> Fact:
    """`where`, by a condition that does not depend on the variables."""
    condition, x, y = xs
    if not condition.constant:
        return _unknown(node)
    chosen = condition.low
    return _made(
        np.where(chosen, x.low, y.low),
        np.where(chosen, x.high, y.high),
        x.convex and y.convex,
        x.concave and y.concave,
        max(x.degree, y.degree),
    )


def _picked(node: Node, xs: Sequence[Fact], attrs: dict[str, Any]) -> Fact:
    """`gather`, at places that do not depend on the variables."""
    op: Any = node.op
    x, at = xs
    if not at.constant:
        return _unknown(node)
    low, high = (op.numpy(side, at.low, **attrs) for side in (x.low, x.high))
    return _made(low, high, x.convex, x.concave, x.degree)


def _hypot(node: Node, xs: Sequence[Fact], attrs: dict[str, Any]) -> Fact:
    low = min(float(np.min(x.low)) for x in xs)
    convex, _ = composed((True, False, low >= 0, False), *xs)
    return _made(np.zeros(node.shape), _unbounded(node)[1], convex, False, MANY)


_RULES: dict[str, Callable[[Node, Sequence[Fact], dict[str, Any]], Fact]] = {
    "neg": lambda node, xs, attrs: _negated(xs[0]),
    "add": lambda node, xs, attrs: _sum(*xs),
    "sub": lambda node, xs, attrs: _sum(xs[0], _negated(xs[1])),
    **dict.fromkeys(("mul", "scaled", "mutual"), _product),
    "div": _quotient,
    **dict.fromkeys(("contract", "convolve"), _contracted),
    "pow": _power,
    "where": _chosen,
    "gather": _picked,
    "hypot": _hypot,
    **dict.fromkeys(("cross_entropy", "cross_entropy_soft"), _entropy),
}
