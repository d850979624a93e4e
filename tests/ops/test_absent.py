"""Where a rule is absent, its reason is what the user reads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from tests.ops.cases import ALL, Case
from wingbeat.api.applying import apply
from wingbeat.errors import NotDifferentiable
from wingbeat.ir import PRIMITIVES, Node, Primitive
from wingbeat.ir.node import Absent

LACKING = [p for p in ALL if isinstance(p.jvp, Absent) or isinstance(p.vjp, Absent)]


def total(case: Case) -> Any:
    """x -> the sum of the primitive's result, everything in float64 outside."""
    cast, add_up = PRIMITIVES["cast"], PRIMITIVES["sum"]

    def nodes(*xs: Node) -> Node:
        inner = [cast(x, dtype=d) for x, d in zip(xs, case.dtypes, strict=True)]
        z = case.apply(*inner)
        if z.type.dtype.kind == "b":  # a float made of conditions is piecewise constant
            return PRIMITIVES["all"](z, axes=tuple(range(len(z.shape))))
        z = cast(z, dtype="float64")
        return add_up(z, axes=tuple(range(len(z.shape))))

    return lambda *xs: apply(nodes, *map(wb.asarray, xs))


def check_reason(p: Primitive) -> None:
    case = Case(p, p.samples[0])
    xs = [np.asarray(a, float) for a in case.draw()]
    with pytest.raises(NotDifferentiable) as raised:
        wb.grad(total(case))(*xs)
    assert isinstance(p.vjp, Absent)
    assert p.vjp.reason in str(raised.value)


@pytest.mark.parametrize("p", LACKING, ids=str)
def test_reason_is_repeated(p: Primitive) -> None:
    check_reason(p)


def test_what_depends_by_conditions_only_has_derivative_zero() -> None:
    assert wb.grad(lambda x: wb.astype(x > 0, "float64").sum())(np.ones(2)).tolist() == [0, 0]


@pytest.mark.parametrize("p", LACKING, ids=str)
def test_both_modes_lack_it_for_one_reason(p: Primitive) -> None:
    assert p.jvp == p.vjp
    assert isinstance(p.jvp, Absent)
    assert p.name in p.jvp.reason.replace(" ", "_")


def test_forward_mode_refuses_too() -> None:
    p = PRIMITIVES["nextafter"]
    case = Case(p, p.samples[0])
    x, y = (np.asarray(a, float) for a in case.draw())
    with pytest.raises(NotDifferentiable, match="nextafter steps through"):
        wb.jvp(total(case), (x, y), (np.ones_like(x), np.ones_like(y)))


def test_lost_reason_is_noticed() -> None:
    """A rule that answers, where none exists, is found."""
    p = replace(PRIMITIVES["nextafter"], vjp=lambda g, z, *xs: (g, None))
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        check_reason(p)
