"""Primitives with one wrong rule, to see that the laws notice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tests.ops.cases import ALL, Case, cases_of
from tests.ops.laws import LAWS
from wingbeat.ir import PRIMITIVES, Node, Primitive, full, tensor_type
from wingbeat.ir.node import Absent

FACTOR = 1.001


@dataclass(frozen=True)
class Mistake:
    """A primitive, one of its fields made slightly wrong, and the law that has to notice."""

    p: Primitive
    field: str
    law: str

    def cases(self) -> list[Case]:
        wrong = replace(self.p, **{self.field: PLANT[self.field](self.p)})
        return [case.under(wrong) for case in cases_of(self.p)]

    def __str__(self) -> str:
        return f"{self.p.name}.{self.field}"


def _off(value: Any) -> Any:
    """A number of Python, or an array, that is slightly wrong."""
    if isinstance(value, np.ndarray | np.generic):
        value = np.asarray(value)
        wrong = ~value if value.dtype.kind == "b" else value * FACTOR
        return (value + 1 if value.dtype.kind in "iu" else wrong).astype(value.dtype)
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else value * FACTOR


def _off_node(z: Node | None, like: Node) -> Node | None:
    """The same for a node; where the rule says zero, or its value is, something that is not."""
    if not like.type.inexact:
        return z
    return full(FACTOR - 1, like.type) if z is None else z * FACTOR + (FACTOR - 1)


def _off_batch(z: Node) -> Node:
    kind = z.type.dtype.kind
    return PRIMITIVES["logical_not"](z) if kind == "b" else z + 1 if kind in "iu" else z * FACTOR


def _jvp(p: Primitive) -> Callable[..., Any]:
    rule: Any = p.jvp

    def wrong(z: Node, xs: Sequence[Node], ts: Sequence[Node | None]) -> Node | None:
        return _off_node(rule(z, xs, ts), z)

    return wrong


def _vjp(p: Primitive) -> Callable[..., Any]:
    rule: Any = p.vjp

    def wrong(g: Node, z: Node, *xs: Node) -> tuple[Node | None, ...]:
        return tuple(_off_node(gx, x) for gx, x in zip(rule(g, z, *xs), xs, strict=True))

    return wrong


def _type_rule(p: Primitive) -> Callable[..., Any]:
    def wrong(*types: Any, **attrs: Any) -> Any:
        z = p.type_rule(*types, **attrs)
        return tensor_type((*z.shape, 1), z.dtype)

    return wrong


def _element(p: Primitive) -> Callable[..., Any]:
    rule: Any = p.element
    return lambda s, read, i, **attrs: _off(rule(s, read, i, **attrs))


def _sweep(p: Primitive) -> Any:
    assert p.sweep is not None
    rule = p.sweep.term
    return replace(p.sweep, term=lambda s, read, k, **attrs: _off(rule(s, read, k, **attrs)))


PLANT: dict[str, Callable[[Primitive], Any]] = {
    "numpy": lambda p: lambda *xs, **attrs: _off(p.numpy(*xs, **attrs)),
    "element": _element,
    "batch": lambda p: lambda *args, **attrs: _off_batch(p.batch(*args, **attrs)),
    "jvp": _jvp,
    "vjp": _vjp,
    "type_rule": _type_rule,
    "sweep": _sweep,
}
NOTICED_BY = {
    "numpy": "backends_agree",
    "element": "backends_agree",
    "batch": "vmap_is_a_loop",
    "jvp": "jvp_is_the_derivative",
    "vjp": "vjp_is_the_adjoint",
    "type_rule": "type_rule_is_numpys",
    "sweep": "sweep_is_element",
}


def mistakes() -> Iterator[Mistake]:
    """One for every rule of every primitive that any case could reach."""
    for p in ALL:
        if p.expand is not None:  # its one rule has a law of its own: see test_composites.py
            continue
        for field, law in NOTICED_BY.items():
            constant = not p.samples[0].shapes and field in ("jvp", "vjp", "batch")
            if not constant and not isinstance(getattr(p, field), Absent | None):
                yield Mistake(p, field, law)


def noticed(mistake: Mistake) -> bool:
    """Whether the law fails for at least one case of the wrong primitive."""
    for case in mistake.cases():
        try:
            LAWS[mistake.law](case)
        except AssertionError:
            return True
    return False
