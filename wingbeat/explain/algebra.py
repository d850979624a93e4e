"""Formulas made short for readers: constants folded, x + x as 2 x, -(-x) as x.

What is run is simplified by `transform.simplify`, which never changes a value. Here equal as real
numbers is enough (x * 0 is 0 although x might be infinite), so these graphs are printed and never
evaluated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from wingbeat.ir.node import Node, Primitive, full
from wingbeat.ir.types import tensor_type
from wingbeat.ir.walk import rewrite
from wingbeat.ops import arithmetic as ar
from wingbeat.ops import logic
from wingbeat.ops import transcendental as tr
from wingbeat.ops.families import constant_of
from wingbeat.transform.simplify import RULES as EXACT

Rule = Callable[..., Node | None]
MOST_TERMS = 40  # of a sum that is searched for like terms


def _fold(x: Node, y: Node, f: Callable[[float, float], float]) -> Node | None:
    a, b = constant_of(x), constant_of(y)
    if a is None or b is None or not x.type.inexact:
        return None
    try:
        value = f(a, b)
    except (ArithmeticError, ValueError):
        return None
    return full(value, x.type) if math.isfinite(value) else None


def _coefficient(x: Node) -> tuple[float, Node]:
    """`x` as a number times something."""
    if x.op is ar.neg:
        c, rest = _coefficient(x.inputs[0])
        return -c, rest
    if x.op is ar.mul and (c := constant_of(x.inputs[0])) is not None:
        return c, x.inputs[1]
    return 1.0, x


def _times(c: float, x: Node) -> Node:
    if c == 1:
        return x
    return -x if c == -1 else full(c, x.type) * x


def _terms(x: Node, sign: float = 1.0) -> list[tuple[float, Node | None]]:
    """`x` as a sum of numbers times nodes; None stands for 1."""
    found: list[tuple[float, Node | None]] = []
    stack = [(sign, x)]
    while stack and len(found) + len(stack) <= MOST_TERMS:
        c, node = stack.pop()
        if node.op is ar.add:
            stack += [(c, node.inputs[1]), (c, node.inputs[0])]
        elif node.op is ar.sub:
            stack += [(-c, node.inputs[1]), (c, node.inputs[0])]
        elif (value := constant_of(node)) is not None:
            found.append((c * value, None))
        else:
            d, rest = _coefficient(node)
            found.append((c * d, rest))
    return [*found, *reversed(stack)]


def _sum(x: Node, y: Node, sign: float) -> Node | None:
    """x + y or x - y with like terms joined; None where there are none, and no sign to turn."""
    terms = [*_terms(x), *_terms(y, sign)]
    joined: dict[Node | None, float] = {}
    for c, node in terms:
        joined[node] = joined.get(node, 0.0) + c
    if not all(math.isfinite(c) for c in joined.values()):
        return None
    kept = [(c, node) for node, c in joined.items() if c]
    awkward = constant_of(x) == 0 or _is_negative(x) or _is_negative(y)
    if len(kept) == len(terms) and not awkward:
        return None
    kept.sort(key=lambda term: term[0] < 0)  # -a + b is b - a
    result: Node | None = None
    for c, node in kept:
        part = full(abs(c), x.type) if node is None else _times(abs(c), node)
        if result is None:
            result = part if c > 0 else -part
        else:
            result = result + part if c > 0 else result - part
    return result or full(0, x.type)


def _is_negative(x: Node) -> bool:
    value = constant_of(x)
    return _coefficient(x)[0] < 0 if value is None else value < 0


def _add(x: Node, y: Node) -> Node | None:
    return _sum(x, y, 1.0)


def _sub(x: Node, y: Node) -> Node | None:
    return _sum(x, y, -1.0)


def _mul(x: Node, y: Node) -> Node | None:
    if (folded := _fold(x, y, lambda a, b: a * b)) is not None:
        return folded
    if constant_of(x) == 0 or constant_of(y) == 0:
        return full(0, x.type)
    if constant_of(y) is not None:
        return y * x  # numbers stand in front
    (c, u), (d, v) = _coefficient(x), _coefficient(y)
    if constant_of(x) is not None:
        return _times(constant_of(x) * d, v) if d != 1 else None  # type: ignore[operator]
    if c != 1 or d != 1:
        return _times(c * d, u * v)
    if y.op is ar.div and constant_of(y.inputs[0]) == 1:
        return x / y.inputs[1]
    if x.op is ar.div and constant_of(x.inputs[0]) == 1:
        return y / x.inputs[1]
    if y.op is ar.mul:
        return (x * y.inputs[0]) * y.inputs[1]  # a product of three needs no parentheses
    return None


def _div(x: Node, y: Node) -> Node | None:
    if constant_of(x) == 0:
        return full(0, x.type)
    c, u = _coefficient(x)
    if c == -1:
        return -(u / y)
    a, b = constant_of(x), constant_of(y)
    if a is not None and b and len(repr(a / b)) <= 6:  # 1/2 is 0.5, but 1/3 stays
        return full(a / b, x.type)
    return None


def _neg(x: Node) -> Node | None:
    if x.op is ar.sub:
        return x.inputs[1] - x.inputs[0]
    c, u = _coefficient(x)
    return _times(-c, u) if c != 1 else None


def _pow(x: Node, y: Node) -> Node | None:
    if constant_of(y) == 1:
        return x
    if constant_of(y) == 0:
        return full(1, x.type)
    return 1 / x if constant_of(y) == -1 and x.type.inexact else None


def _where(c: Node, x: Node, y: Node) -> Node | None:
    known = constant_of(c)
    if known is not None:
        return x if known else y
    return x if x is y else None


def _known(op: Primitive) -> Rule:
    """A comparison of two numbers, or logic of two known truths."""

    def rule(x: Node, y: Node) -> Node | None:
        a, b = constant_of(x), constant_of(y)
        if a is None or b is None:
            return None
        return full(bool(op.numpy(a, b)), tensor_type(x.shape, "bool"))

    return rule


_TRUTHS = (
    logic.equal,
    logic.not_equal,
    logic.less,
    logic.less_equal,
    logic.greater,
    logic.greater_equal,
    logic.logical_and,
    logic.logical_or,
)
_EXACT = {op: rule for op, rule in EXACT.items() if op is not tr.pow}  # x**2 is read as a power
_LOOSE: dict[Primitive, Rule] = {
    ar.add: _add,
    ar.sub: _sub,
    ar.mul: _mul,
    ar.div: _div,
    ar.neg: _neg,
    tr.pow: _pow,
    logic.where: _where,
    ar.scaled: lambda g, d: g * d,
    ar.mutual: lambda x, y: x * y,
    ar.defined: lambda d, z: d,
    **{op: _known(op) for op in _TRUTHS},
}


def shortened(roots: Iterable[Node], known: dict[Node, Node] | None = None) -> list[Node]:
    """`roots` as shorter formulas; `known` gives stand-ins beforehand.

    >>> from wingbeat.ir import leaf, tensor_type
    >>> from wingbeat.explain.plain import to_plain
    >>> x = leaf(tensor_type(()), "x")
    >>> to_plain(shortened([x * 1.0 * 3.0 + x])[0], {})
    '4*x'
    """
    first: dict[Any, Node] = {}
    roots = list(roots)

    def change(node: Node) -> Node:
        for _ in range(64):  # every rule shortens or sorts; this only bounds a mistake in one
            simpler = _one(node)
            if simpler is None or simpler is node:
                break
            node = simpler
        return first.setdefault((node.op, node.inputs, node.attrs), node)

    new = rewrite(roots, change, known)
    return [new[root] for root in roots]


def _one(node: Node) -> Node | None:
    if node.op is None:
        return None
    for rules in (_EXACT, _LOOSE):
        rule = rules.get(node.op)
        found = rule(*node.inputs, **dict(node.attrs)) if rule else None
        if found is not None and found is not node:
            return found
    return None
