"""Decisions: declared to tie exactly where a small change of the operands turns them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tests.ops.cases import ALL, Array, Case, named, run
from tests.ops.test_kinks import DECISIONS, check_declaration, results_of_floats
from wingbeat.ir import PRIMITIVES, Primitive, full, leaf, tensor_type
from wingbeat.ir.node import Kink
from wingbeat.ops.families import constant_of
from wingbeat.transform import vjp

INF, NAN = np.inf, np.nan
STEP = 1e-9
CASES = [
    case
    for case in named(Case(p, s) for p in DECISIONS for s in p.samples)
    if case.values[0].leaves()[0].type.inexact
]

# By hand: operands, attributes, and where the decision may be another one.
TIES: dict[str, list[tuple[tuple[Any, ...], dict[str, Any], Any]]] = {
    "equal": [(([1.0, 2.0, INF, NAN], [1.0, 3.0, 0.0, NAN]), {}, [True, False, False, False])],
    "not_equal": [(([1.0, 2.0], [1.0, 3.0]), {}, [True, False])],
    "less": [(([0.0, 2.0], [-0.0, 3.0]), {}, [True, False])],
    "less_equal": [(([1.0, 2.0], [1.0, 3.0]), {}, [True, False])],
    "greater": [(([1.0, 2.0], [1.0, 3.0]), {}, [True, False])],
    "greater_equal": [(([1.0, 2.0], [1.0, 3.0]), {}, [True, False])],
    "signbit": [(([0.0, -0.0, 1.0, -1.0],), {}, [True, True, False, False])],
    "argmax": [(([[1.0, 3.0, 3.0], [3.0, 1.0, 1.0]],), {"axis": 1}, [True, False])],
    "argmin": [(([[1.0, 3.0, 3.0], [3.0, 1.0, 1.0]],), {"axis": 1}, [False, True])],
    "argsort": [(([3.0, 1.0, 3.0, 2.0],), {"axis": 0}, [False, False, True, True])],
    "cast": [
        (([-2.0, -1.5, 0.0, 0.5, 1.0],), {"dtype": "int64"}, [True, False, False, False, True]),
        (([-1.0, 0.0, 0.5],), {"dtype": "bool"}, [False, True, False]),
        (([-1.0, 0.0, 0.5],), {"dtype": "float32"}, [False] * 3),
    ],
}


def graph(p: Primitive, arrays: list[Array], attrs: dict[str, Any]) -> tuple[Any, Any, Any]:
    xs = [leaf(tensor_type(a.shape, a.dtype.name), "x", k) for k, a in enumerate(arrays)]
    return p(*xs, **attrs), xs, dict(zip(xs, arrays, strict=True))


def ties(p: Primitive, arrays: list[Array], attrs: dict[str, Any]) -> Array:
    z, xs, feed = graph(p, arrays, attrs)
    assert p.kink is not None
    return run([p.kink.at(z, *xs)], feed)[0]


@pytest.mark.parametrize("p", DECISIONS, ids=str)
def test_ties_by_hand(p: Primitive) -> None:
    for operands, attrs, want in TIES[p.name]:
        assert_array_equal(ties(p, [np.array(x) for x in operands], attrs), want)


def test_floats_become_nothing_else_without_a_tie() -> None:
    """But for tests that no small change turns."""
    silent = {
        p.name
        for p in ALL
        if p.kink is None and p.expand is None and not all(z.inexact for z in results_of_floats(p))
    }
    assert silent == {"isnan", "isinf", "isfinite"}


def turned(p: Primitive, arrays: list[Array], attrs: dict[str, Any]) -> Array:
    """Where some small change of the operands turns the decision."""
    rng = np.random.default_rng(0)
    here = p.numpy(*arrays, **attrs)
    found = np.zeros(here.shape, bool)
    for _ in range(40):
        moved = [
            a + STEP * rng.uniform(1, 2, a.shape) * rng.choice((-1, 1), a.shape) for a in arrays
        ]
        found |= p.numpy(*moved, **attrs) != here
    return found


def check_ties(case: Case) -> None:
    """On a grid, where ties are many."""
    for seed in range(20):
        arrays = [np.round(a) for a in case.draw(seed=seed)]
        if case.apply(*case.leaves()).type.inexact:
            assert not ties(case.p, arrays, case.attrs).any()
            continue
        assert_array_equal(
            ties(case.p, arrays, case.attrs), turned(case.p, arrays, case.attrs), str(arrays)
        )


@pytest.mark.parametrize("case", CASES)
def test_a_decision_ties_where_a_small_change_turns_it(case: Case) -> None:
    check_ties(case)


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_declaration_is_noticed(case: Case) -> None:
    kink = case.p.kink
    assert kink is not None
    for at in (
        lambda z, *xs: PRIMITIVES["logical_not"](kink.at(z, *xs)),
        lambda z, *xs: full(True, tensor_type(z.shape, "bool")),
    ):
        with pytest.raises(AssertionError):
            check_ties(case.under(replace(case.p, kink=Kink(at, "wrong"))))


@pytest.mark.parametrize("p", [p for p in DECISIONS if p.family == "elementwise"], ids=str)
def test_ties_are_where_difference_quotients_break(p: Primitive) -> None:
    check_declaration(p)


@pytest.mark.parametrize("name", ["gather", "scatter_add"])
def test_positions_are_constants_to_derivatives(name: str) -> None:
    """Positions that are computed reach what is derived again through `stop_gradient` alone."""
    x, i = leaf(tensor_type((4,)), "x", 0), leaf(tensor_type((4,)), "i", 0)
    positions = PRIMITIVES["argsort"](i, axis=0)
    z = PRIMITIVES[name](x, positions, batch=0, **({"size": 4} if name == "scatter_add" else {}))
    (gx,) = vjp([z], [x], [leaf(z.type, "g", 0)])
    assert gx is not None
    assert gx.inputs[1].op is PRIMITIVES["stop_gradient"]
    assert constant_of(gx) is None
