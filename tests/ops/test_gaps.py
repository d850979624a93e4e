"""Where a function has no value it has no derivative; and no slope of 0 where it overflowed."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import wingbeat as wb
from tests.ops.cases import ALL, Array, run
from wingbeat.ir import Node, Primitive, full, leaf, tensor_type
from wingbeat.ir.node import Absent
from wingbeat.ops import arithmetic as ar
from wingbeat.ops import transcendental as tr
from wingbeat.ops.families import one_like, pull
from wingbeat.transform import jvp, simplified, vjp

INF, NAN = np.inf, np.nan
POINTS = [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, -3.5, 0.5, -0.5, 5e-324, -1e-200, 1e-20, 1e308, -1e308]
DIFFERENTIABLE = [
    p
    for p in ALL
    if p.family == "elementwise" and not isinstance(p.jvp, Absent) and p.name != "stop_gradient"
]


def grid(p: Primitive) -> list[Array]:
    """All combinations of the points, a column for each operand."""
    arity = len(p.samples[0].shapes)
    return [np.array(c) for c in zip(*itertools.product(POINTS, repeat=arity), strict=True)]


def derivatives(z: Node, xs: list[Node], ts: list[Node]) -> dict[str, Node]:
    """First and second derivatives of the elements of `z`, operand by operand, in both modes."""
    one = full(1, z.type)
    found: dict[str, Node] = {}
    for (j, x), t in zip(enumerate(xs), ts, strict=True):
        slopes = {
            f"reverse by {j}": vjp([z], [x], [one])[0],
            f"forward by {j}": jvp([z], {x: t})[0],
        }
        for how, slope in slopes.items():
            assert slope is not None, how
            found[how] = slope
            for (k, y), u in zip(enumerate(xs), ts, strict=True):
                again = {
                    f"{how}, reverse by {k}": vjp([slope], [y], [one])[0],
                    f"{how}, forward by {k}": jvp([slope], {y: u})[0],
                }
                found |= {w: s or full(0, z.type) for w, s in again.items()}
    return found


def check_gaps(p: Primitive) -> None:
    arrays = grid(p)
    xs = [leaf(tensor_type(a.shape), "x", k) for k, a in enumerate(arrays)]
    ts = [leaf(x.type, "t", k) for k, x in enumerate(xs)]
    z = p(*xs)
    feed = dict(zip(xs, arrays, strict=True)) | {t: np.ones(t.shape) for t in ts}
    (value,) = run([z], feed)
    gap = np.isnan(value)
    if not gap.any():
        return
    graphs = derivatives(z, xs, ts)
    roots = list(graphs.values())
    for how, slope, short in zip(
        graphs, run(roots, feed), run(simplified(roots), feed), strict=True
    ):
        for found in (slope, short):
            wrong = [(tuple(a[k] for a in arrays), found[k]) for k in np.flatnonzero(gap)]
            wrong = [w for w in wrong if not np.isnan(w[1])]
            assert not wrong, f"{how}: {wrong[:8]}"


@pytest.mark.parametrize("p", DIFFERENTIABLE, ids=str)
def test_no_derivative_without_a_value(p: Primitive) -> None:
    check_gaps(p)


def test_gaps_are_found() -> None:
    gaps = {"log", "log2", "log10", "log1p", "atanh", "acosh", "asin", "acos", "sqrt", "root"}
    with np.errstate(all="ignore"):
        found = {p.name for p in DIFFERENTIABLE if np.isnan(p.numpy(*grid(p))).any()}
    assert found >= gaps | {"pow", "div", "remainder", "floor_divide"}


@pytest.mark.parametrize(
    ("p", "partial"),
    [
        (tr.log, lambda z, x: one_like(x) / x),
        (tr.atanh, lambda z, x: 1 / ((1 - x) * (1 + x))),
    ],
)
def test_a_formula_that_goes_on_is_noticed(p: Primitive, partial: Any) -> None:
    def reverse(g: Node, z: Node, x: Node) -> tuple[Node | None]:
        return (pull(g, partial(z, x)),)

    def forward(z: Node, xs: Any, ts: Any) -> Node | None:
        return pull(ts[0], partial(z, xs[0]))

    wrong = replace(p, vjp=reverse, jvp=forward)
    with pytest.raises(AssertionError):
        check_gaps(wrong)


EDGES: list[tuple[Any, float, float]] = [  # by hand: function, edge of its domain, slope there
    (wb.log, 0.0, INF),
    (wb.log2, 0.0, INF),
    (wb.log10, 0.0, INF),
    (wb.log1p, -1.0, INF),
    (wb.sqrt, 0.0, INF),
    (wb.atanh, 1.0, INF),
    (wb.acosh, 1.0, INF),
]


@pytest.mark.parametrize(("f", "edge", "slope"), EDGES)
def test_the_edge_of_a_domain_keeps_its_slope(f: Any, edge: float, slope: float) -> None:
    assert wb.grad(f)(edge).item() == slope
    assert wb.jvp(f, (edge,), (1.0,))[1].item() == slope


@pytest.mark.parametrize("f", [wb.log, wb.log2, wb.log10, wb.log1p, wb.sqrt, wb.acosh, wb.atanh])
def test_a_branch_that_is_not_taken_has_no_gap(f: Any) -> None:
    def guarded(x: Any) -> Any:
        return wb.where(x > -2.0, f(x), 3.0 * x)

    assert wb.grad(guarded)(-5.0).item() == 3.0
    assert wb.jvp(guarded, (-5.0,), (1.0,))[1].item() == 3.0
    assert wb.hessian(guarded)(-5.0).item() == 0.0
    assert wb.grad(lambda x: 0.0 * f(x))(-5.0).item() == 0.0


def test_powers_of_negative_numbers() -> None:
    assert wb.grad(lambda x: x**3)(-2.0).item() == 12.0
    assert np.isnan(wb.grad(lambda x: x**1e-20)(-2.0).item())
    for y in (2.0, 2.5, 3.0, -2000.0):
        assert np.isnan(wb.grad(wb.pow, argnums=1)(-2.0, y).item())
    assert wb.grad(wb.pow, argnums=1)(0.0, 2.0).item() == 0.0
    assert wb.grad(lambda x: x**0)(0.0).item() == 0.0


# A slope of 0 at infinity would kill the infinite slope of what overflowed on its way there.

OVERFLOWS: list[tuple[str, Any]] = [
    ("log exp", lambda x: wb.log(wb.exp(x))),
    ("log2", lambda x: wb.log2(wb.exp(x))),
    ("log10", lambda x: wb.log10(wb.exp(x))),
    ("naive softplus", lambda x: wb.log(1 + wb.exp(x))),
    ("log1p", lambda x: wb.log1p(wb.exp(x))),
    ("sqrt", lambda x: wb.sqrt(wb.exp(x))),
    ("power", lambda x: wb.exp(x) ** 0.25),
    ("asinh", lambda x: wb.asinh(wb.exp(x))),
    ("acosh", lambda x: wb.acosh(wb.exp(x))),
    ("norm", lambda x: wb.norm(wb.stack([wb.exp(x), x]))),
]


@pytest.mark.parametrize(("name", "f"), OVERFLOWS)
def test_what_overflowed_has_no_slope(name: str, f: Any) -> None:
    """log exp x has the slope 1; in floats it is infinite at 1000, and 0 was returned there."""
    assert np.isnan(wb.grad(f)(1000.0).item())
    assert np.isnan(wb.jvp(f, (1000.0,), (1.0,))[1].item())
    assert np.isfinite(wb.grad(f)(10.0).item())


@pytest.mark.parametrize("f", [wb.tanh, wb.atan, wb.sigmoid, wb.erf, lambda x: 1 / x, wb.exp2])
def test_a_slope_that_vanishes_is_0(f: Any) -> None:
    """These are flat at infinity, and so is f(-exp x) or f(exp x), whatever the slope of exp."""
    sign = -1.0 if f is wb.exp2 else 1.0
    assert wb.grad(lambda x: f(sign * wb.exp(x)))(1000.0).item() == 0.0


def test_defined_keeps_what_exists() -> None:
    d, z = np.array([0.0, 1.0, 2.0, INF]), np.array([1.0, INF, -INF, -INF])
    with np.errstate(invalid="ignore"):
        assert_array_equal(ar.defined.numpy(d, z), d)
        lost = ar.defined.numpy(np.array([0.0, 1.0, 3.0]), np.array([INF, NAN, 1.0]))
    assert_array_equal(lost, [NAN, NAN, 3.0])
