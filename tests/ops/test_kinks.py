"""Points without a derivative: declared where they are, not elsewhere; the convention answers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests.ops.cases import ALL, Array, Case, named, run
from tests.ops.test_special_values import ELEMENTWISE
from wingbeat.ir import PRIMITIVES, Primitive, Sample, leaf
from wingbeat.ir.node import Absent, Kink
from wingbeat.ir.types import TensorType
from wingbeat.transform import inlined, jvp, vjp


def results_of_floats(p: Primitive) -> Iterator[TensorType]:
    """The types that a primitive makes of operands of which one is a float."""
    for sample in p.samples:
        case = Case(p, sample)
        xs = case.leaves()
        if any(x.type.inexact for x in xs):
            yield case.apply(*xs).type


# Floats that become a truth or an integer: their ties are in test_decisions.py.
DECISIONS = [
    p for p in ALL if p.kink is not None and not all(z.inexact for z in results_of_floats(p))
]
KINKED = [p for p in ALL if p.kink is not None and p not in DECISIONS]
INF, NAN = np.inf, np.nan

# By hand: a point without a derivative, and the partials that the convention returns there (of the
# first element of the result, where that has several).
CONVENTIONS: dict[str, list[tuple[tuple[Any, ...], tuple[Any, ...]]]] = {
    "abs": [((0.0,), (0.0,)), ((-0.0,), (0.0,))],
    "sign": [((0.0,), (0.0,))],
    "relu": [((0.0,), (0.0,)), ((-0.0,), (0.0,))],
    "floor": [((2.0,), (0.0,)), ((0.0,), (0.0,)), ((-1.0,), (0.0,))],
    "ceil": [((2.0,), (0.0,)), ((0.0,), (0.0,))],
    "trunc": [((2.0,), (0.0,)), ((-3.0,), (0.0,))],
    "round": [((0.5,), (0.0,)), ((-1.5,), (0.0,))],
    "floor_divide": [((6.0, 2.0), (0.0, 0.0)), ((0.0, 2.0), (0.0, 0.0)), ((-3.0, 1.5), (0.0, 0.0))],
    "remainder": [((6.0, 2.0), (1.0, -3.0)), ((-3.0, 1.5), (1.0, 2.0))],
    "maximum": [((1.5, 1.5), (0.5, 0.5)), ((0.0, -0.0), (0.5, 0.5)), ((INF, INF), (0.5, 0.5))],
    "minimum": [((1.5, 1.5), (0.5, 0.5)), ((0.0, -0.0), (0.5, 0.5))],
    "copysign": [
        ((0.0, 1.0), (1.0, 0.0)),
        ((-0.0, 1.0), (-1.0, 0.0)),
        ((2.0, 0.0), (1.0, 0.0)),
        ((2.0, -0.0), (-1.0, 0.0)),
    ],
    "sqrt": [((0.0,), (INF,))],
    "root": [((0.0,), (0.0,))],
    "pow": [((0.0, 0.5), (INF, 0.0)), ((0.0, 0.0), (0.0, -INF))],
    "asin": [((1.0,), (INF,)), ((-1.0,), (INF,))],
    "acos": [((1.0,), (-INF,)), ((-1.0,), (-INF,))],
    "acosh": [((1.0,), (INF,))],
    "atan2": [((0.0, 0.0), (NAN, NAN)), ((0.0, -2.0), (-0.5, 0.0))],
    "hypot": [((0.0, 0.0), (0.0, 0.0)), ((-0.0, 0.0), (0.0, 0.0))],
    "max": [(([1.0, 3.0, 3.0],), ([0.0, 0.5, 0.5],)), (([2.0, 2.0, 2.0],), ([1 / 3] * 3,))],
    "min": [(([1.0, 1.0, 3.0],), ([0.5, 0.5, 0.0],))],
    "sort": [(([2.0, 2.0],), ([1.0, 0.0],))],
    "det_sign": [(([[1.0, 2.0], [2.0, 4.0]],), ([[0.0, 0.0], [0.0, 0.0]],))],
}
# What a sample has to say about a primitive that is not elementwise.
ATTRS = {"max": (("axes", (0,)),), "min": (("axes", (0,)),), "sort": (("axis", 0),)}


@dataclass(frozen=True)
class Point:
    """Where, and what is returned there."""

    p: Primitive
    xs: tuple[Any, ...]
    partials: tuple[Any, ...]

    def __str__(self) -> str:
        return f"{self.p.name}{self.xs}"


POINTS = [Point(PRIMITIVES[n], *each) for n, table in CONVENTIONS.items() for each in table]


def graph(p: Primitive, arrays: list[Array]) -> tuple[Any, ...]:
    sample = Sample(tuple(a.shape for a in arrays), attrs=ATTRS.get(p.name, ()))
    case = Case(p, sample)
    xs = case.leaves()
    return xs, case.apply(*xs), dict(zip(xs, arrays, strict=True))


def at_kink(p: Primitive, arrays: list[Array]) -> Array:
    xs, z, feed = graph(p, arrays)
    assert p.kink is not None
    return run([p.kink.at(z, *xs)], feed)[0]


def check_convention(point: Point) -> None:
    arrays = [np.asarray(x, float) for x in point.xs]
    assert at_kink(point.p, arrays).all()
    xs, z, feed = graph(point.p, arrays)
    for x, want in zip(xs, point.partials, strict=True):
        g, t = leaf(z.type, "g", 0), leaf(x.type, "t", 0)
        first = np.zeros(z.shape)
        first.flat[0] = 1.0
        seeds = {g: first, t: np.ones(x.shape)}
        (gx,), (dz,) = vjp([z], [x], [g]), jvp([z], {x: t})
        got = np.zeros(x.shape) if gx is None else run([gx], feed | seeds)[0]
        along = np.zeros(z.shape) if dz is None else run([dz], feed | seeds)[0]
        assert_allclose(got, want, rtol=1e-15, atol=0)
        assert_allclose(along.flat[0], np.sum(want), rtol=1e-15, atol=0)


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_convention_answers(point: Point) -> None:
    check_convention(point)


@pytest.mark.parametrize("p", KINKED, ids=str)
def test_every_kink_has_a_point_here(p: Primitive) -> None:
    assert p.name in CONVENTIONS


@pytest.mark.parametrize("case", named(Case(p, s) for p in KINKED for s in p.samples))
def test_no_kink_elsewhere(case: Case) -> None:
    """At random points there is none."""
    xs = case.leaves()
    z = case.apply(*xs)
    if z.type.inexact:
        assert case.p.kink is not None
        (flags,) = run([case.p.kink.at(z, *xs)], dict(zip(xs, case.draw(), strict=True)))
        assert not flags.any()


# On a grid, the declaration is compared with difference quotients from both sides.

GRID = [-3.0, -2.0, -1.5, -1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0]
STEP = 1e-7


def broken(p: Primitive, at: tuple[float, ...]) -> bool:
    """Whether some partial derivative fails to exist: quotients disagree, or there is a jump.

    A side where the function is undefined (NaN), and a pole, say nothing.
    """
    with np.errstate(all="ignore"):
        here = float(p.numpy(*map(np.asarray, at)))
        if not np.isfinite(here):
            return False
        for k in range(len(at)):
            sides: list[float] = []
            for h in (-STEP, STEP):
                moved = [np.asarray(x + h * (j == k)) for j, x in enumerate(at)]
                quotient = (float(p.numpy(*moved)) - here) / h
                sides += [] if np.isnan(quotient) else [quotient]
            size = max(np.abs(sides), default=0.0)
            if size > 1000 or (sides and max(sides) - min(sides) > 1e-4 * (1 + size)):
                return True
    return False


def differentiable(p: Primitive) -> bool:
    """Whether rules exist; and that stop_gradient denies its derivative is no kink."""
    return not isinstance(p.jvp, Absent) and p.name != "stop_gradient"


def check_declaration(p: Primitive) -> None:
    points = list(itertools.product(GRID, repeat=len(p.samples[0].shapes)))
    declared = np.zeros(len(points), bool)
    if p.kink is not None:
        declared = at_kink(p, [np.array(column) for column in zip(*points, strict=True)])
    with np.errstate(all="ignore"):
        value = p.numpy(*(np.array(column) for column in zip(*points, strict=True)))
    wrong = [
        (at, bool(flag))
        for at, flag, z in zip(points, declared, value, strict=True)
        if np.isfinite(z) and broken(p, at) != flag
    ]
    assert not wrong, f"points, and whether a kink is declared there: {wrong[:12]}"


@pytest.mark.parametrize("p", [p for p in ELEMENTWISE if differentiable(p)], ids=str)
def test_kinks_are_where_they_are_declared(p: Primitive) -> None:
    check_declaration(p)


@pytest.mark.parametrize("p", [p for p in KINKED if p.family == "elementwise"], ids=str)
def test_wrong_declaration_is_noticed(p: Primitive) -> None:
    assert p.kink is not None
    at = p.kink.at
    elsewhere = Kink(lambda z, *xs: PRIMITIVES["logical_not"](at(z, *xs)), "wrong")
    with pytest.raises(AssertionError):
        check_declaration(replace(p, kink=elsewhere))
    with pytest.raises(AssertionError):
        check_declaration(replace(p, kink=None))


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_wrong_convention_is_noticed(point: Point) -> None:
    shifted = tuple(np.asarray(d) + 0.25 for d in point.partials)
    same = [
        np.array_equal(a, b, equal_nan=True) for a, b in zip(shifted, point.partials, strict=True)
    ]
    if not all(same):
        with pytest.raises(AssertionError):
            check_convention(replace(point, partials=shifted))


def test_composites_pass_kinks_on() -> None:
    """A norm is made of parts, one of which says that there is no derivative at the origin."""
    norm = PRIMITIVES["norm"]
    case = Case(norm, norm.samples[0])
    (body,) = inlined([case.apply(*case.leaves())])
    assert body.op is PRIMITIVES["root"]
    assert PRIMITIVES["root"].kink is not None
