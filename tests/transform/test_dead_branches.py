"""What `where` does not take has no part in a derivative, whatever infinities live there."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import wingbeat as wb
from tests.ops.cases import ALL, Array, Case, cases_of, has_derivative, named, run
from wingbeat.ir import PRIMITIVES, Node, Primitive, full, leaf, tensor_type
from wingbeat.ir.node import Absent
from wingbeat.ops import families
from wingbeat.ops.arithmetic import div, scaled
from wingbeat.ops.logic import where
from wingbeat.ops.reduce import sum as add_up
from wingbeat.ops.transcendental import log, sqrt
from wingbeat.transform import inlined, jvp, simplified, vjp

POINTS = [0.0, -0.0, -1.0, 1.0, 2.0, -3.5, 5e-324, 1e308, -1e308, np.inf, -np.inf, np.nan]
ELEMENTWISE = [
    p
    for p in ALL
    if p.family == "elementwise" and not isinstance(p.jvp, Absent) and p.name != "stop_gradient"
]
UNARY = [p for p in ELEMENTWISE if len(p.samples[0].shapes) == 1]
Function = Callable[..., Node]


def arity(p: Primitive) -> int:
    return len(p.samples[0].shapes)


def grid(n: int) -> list[Array]:
    """All combinations of the points, as n columns."""
    return [np.array(c) for c in zip(*itertools.product(POINTS, repeat=n), strict=True)]


def derivatives(z: Node, xs: Sequence[Node], ts: Mapping[Node, Node]) -> dict[str, list[Node]]:
    """First and second derivatives of the sum of `z`, in every mode."""

    def reverse(y: Node) -> list[Node]:
        found = vjp([y], xs, [full(1, y.type)])
        return [g or full(0, x.type) for g, x in zip(found, xs, strict=True)]

    def forward(y: Node) -> Node:
        return jvp([y], ts)[0] or full(0, y.type)

    gradient, tangent = reverse(z), forward(z)
    return {
        "reverse": gradient,
        "forward": [tangent],
        "forward over reverse": [forward(g) for g in gradient],
        "reverse over reverse": [h for g in gradient for h in reverse(g)],
        "forward over forward": [forward(tangent)],
        "reverse over forward": reverse(tangent),
    }


def check_dead(
    function: Function, arrays: list[Array], constants: Mapping[Node, Array] | None = None
) -> None:
    """Of where(false, function(x, y), 3 x), summed: 3 by x, 0 by y; second derivatives are 0."""
    xs = [leaf(tensor_type(a.shape, a.dtype), "x", k) for k, a in enumerate(arrays)]
    ts = {x: leaf(x.type, "t", k) for k, x in enumerate(xs)}
    dead, live = function(*xs), xs[0] * 3
    if dead.type is not live.type:
        dead, live = (add_up(n, axes=tuple(range(len(n.shape)))) for n in (dead, live))
    flag = leaf(tensor_type(live.shape, "bool"), "c", 0)
    (z,) = inlined([where(flag, dead, live)])
    graphs = derivatives(z, xs, ts)
    feed = {**dict(zip(xs, arrays, strict=True)), **(constants or {})}
    feed |= {flag: np.zeros(flag.shape, bool)} | {t: np.ones(t.shape) for t in ts.values()}
    roots = list(itertools.chain(*graphs.values()))
    names = [name for name, nodes in graphs.items() for _ in nodes]
    size = xs[0].type.size // z.type.size
    for values in (run(roots, feed), run(simplified(roots), feed)):
        for k, (name, value) in enumerate(zip(names, values, strict=True)):
            want = 3 * size if name == "forward" else 3 if k == 0 else 0
            assert_array_equal(value, np.full(value.shape, float(want)), err_msg=f"{name} {k}")


@pytest.mark.parametrize("p", ELEMENTWISE, ids=str)
def test_elementwise(p: Primitive) -> None:
    check_dead(p, grid(arity(p)))


def singular(p: Primitive) -> bool:
    """Whether a partial is infinite or NaN at a small number."""
    arrays = [a[:7] for a in grid(1)] if arity(p) == 1 else [np.zeros(1)] * arity(p)
    xs = [leaf(tensor_type(a.shape), "x", k) for k, a in enumerate(arrays)]
    z = p(*xs)
    found = [g for g in vjp([z], xs, [full(1, z.type)]) if g is not None]
    values = run(found, dict(zip(xs, arrays, strict=True)))
    return not all(np.isfinite(v).all() for v in values)


SINGULAR = [p for p in ELEMENTWISE if singular(p)]


def test_singular_primitives_are_found() -> None:
    assert {"log", "sqrt", "div", "pow", "asin", "atanh"} < {p.name for p in SINGULAR}


@pytest.mark.parametrize("outer", UNARY, ids=str)
def test_elementwise_of_singular(outer: Primitive) -> None:
    """Infinite partials travel through every other function."""
    for inner in SINGULAR:
        check_dead(lambda *xs, inner=inner: outer(inner(*xs)), grid(arity(inner)))


DENSE = [
    case
    for p in ALL
    if p.family != "elementwise"
    for case in cases_of(p)
    if has_derivative(case) and 0 not in itertools.chain(*case.sample.shapes)
]
INNER: dict[str, Function] = {
    "log": log,
    "sqrt": sqrt,
    "reciprocal": lambda x: div(full(1, x.type), x),
    "ratio": lambda x: div(x, x),
}


@pytest.mark.parametrize("inner", INNER.values(), ids=INNER.keys())
@pytest.mark.parametrize("case", named(DENSE))
def test_through_everything_else(case: Case, inner: Function) -> None:
    """Reductions, products, layouts and composites of numbers some of which are infinite or NaN."""
    arrays, leaves = case.draw(), case.leaves()
    fixed = {x: a for x, a in zip(leaves, arrays, strict=True) if not x.type.inexact}
    moved = [a for x, a in zip(leaves, arrays, strict=True) if x.type.inexact]
    for a in moved:
        a.flat[::2] = 0.0

    def function(*xs: Node) -> Node:
        moving = iter(xs)
        return case.apply(*(inner(next(moving)) if x not in fixed else x for x in leaves))

    check_dead(function, moved, fixed)


# The checks can fail.


def test_plain_product_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(families.PRIMITIVES, "scaled", PRIMITIVES["mul"])
    with pytest.raises(AssertionError):
        check_dead(sqrt, grid(1))


def one_sided() -> Primitive:
    """`scaled` whose own derivative is scaled by what arrives, so that only zeros of that kill."""

    def forward(z: Node, xs: Sequence[Node], ts: Sequence[Node | None]) -> Node | None:
        (g, d), (tg, td) = xs, ts
        return families.total([t and p(t, factor) for t, factor in ((tg, d), (td, g))])

    p = replace(scaled, jvp=forward, vjp=lambda t, z, g, d: (p(t, d), p(t, g)))
    return p


def test_product_that_kills_in_first_order_only_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(families.PRIMITIVES, "scaled", one_sided())
    with pytest.raises(AssertionError, match="over"):
        check_dead(sqrt, grid(1))


# In users' words.

GUARDED: list[tuple[str, Callable[[Any], Any], float, float, float]] = [  # name, f, x, f', f''
    ("sqrt", lambda x: wb.where(x < 1, x, wb.sqrt(x)), 0.0, 1.0, 0.0),
    ("log", lambda x: wb.where(x > 0, wb.log(wb.where(x > 0, x, 1.0)), x * x), 0.0, 0.0, 2.0),
    ("x log x", lambda x: wb.where(x > 0, x * wb.log(x), 0.0), 0.0, 0.0, 0.0),
    ("sinc", lambda x: wb.where(x == 0, 1 - x * x / 6, wb.sin(x) / x), 0.0, 0.0, -1 / 3),
    ("pow", lambda x: wb.where(x > 0, x**0.3, x**3), 0.0, 0.0, 0.0),
    ("norm", lambda x: wb.where(x > 0, wb.norm(wb.stack([x, x])), 5 * x), 0.0, 5.0, 0.0),
    ("exp", lambda x: wb.where(x > 700, x, wb.exp(x)), 1000.0, 1.0, 0.0),
]


@pytest.mark.parametrize(("name", "f", "x", "first", "second"), GUARDED)
def test_guarded_formulas(
    name: str, f: Callable[[Any], Any], x: float, first: float, second: float
) -> None:
    at = np.array(x)
    assert float(wb.grad(f)(at)) == first
    assert float(wb.jvp(f, (at,), (np.ones(()),))[1]) == first
    assert float(wb.grad(wb.grad(f))(at)) == pytest.approx(second, rel=1e-14)
    assert float(wb.hessian(f)(at)) == pytest.approx(second, rel=1e-14)


@pytest.mark.parametrize(("name", "f", "x"), [row[:3] for row in GUARDED])
def test_guarded_formulas_in_third_order(name: str, f: Callable[[Any], Any], x: float) -> None:
    want = 6.0 if name == "pow" else 0.0
    for step in (wb.grad, wb.jacfwd):
        assert float(step(step(step(f)))(np.array(x))) == want


def test_rows_with_infinities_do_not_reach_the_weights() -> None:
    """x W with an infinity in a row that is masked out afterwards."""
    x = np.array([[1.0, 2.0], [np.inf, np.nan]])
    keep = np.array([[True], [False]])
    w = np.array([[1.0, -1.0], [0.5, 2.0]])
    f: Any = lambda w: wb.sum(wb.where(keep, wb.asarray(x) @ w, 0.0))  # noqa: E731
    assert_array_equal(np.asarray(wb.grad(f)(w)), [[1.0, 1.0], [2.0, 2.0]])


TRUE_NAN: list[tuple[str, Callable[[Any], Any], float]] = [
    ("root of a negative number", wb.sqrt, -1.0),
    ("0 x inf in the value's own branch", lambda x: wb.log(x * x), 0.0),
    ("0 / 0", lambda x: x / x, 0.0),
    ("inf - inf", lambda x: wb.exp(x) - wb.exp(2 * x) / wb.exp(x), 1000.0),
    ("a taken branch", lambda x: wb.where(x < 1, wb.sqrt(x - 1), x), 0.0),
]


@pytest.mark.parametrize(("name", "f", "x"), TRUE_NAN)
def test_true_nan_stays(name: str, f: Callable[[Any], Any], x: float) -> None:
    assert np.isnan(float(wb.grad(f)(np.array(x))))


@pytest.mark.parametrize("ties", [1, 2, 3, 4])
def test_ties_share_equally(ties: int) -> None:
    x = np.array([5.0] * ties + [1.0] * (4 - ties))
    share = np.where(x == 5.0, 1 / ties, 0.0)
    assert_array_equal(np.asarray(wb.grad(wb.max)(x)), share)
    assert_array_equal(np.asarray(wb.grad(lambda v: -wb.min(-v))(x)), share)
    tangents = np.arange(4.0)
    assert float(wb.jvp(wb.max, (x,), (tangents,))[1]) == pytest.approx(share @ tangents)
