"""Laws of whole graphs, on random ones: 500 for each law, the same ones in every run.

A failing graph is shrunk and printed as a recipe.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from tests.ops.cases import Array, run
from tests.ops.laws import close, differences, same
from tests.transform.graphs import Recipe, operands, recipes
from wingbeat.ir import Node, check, full, leaf
from wingbeat.ir.text import from_text, to_text
from wingbeat.ir.walk import toposort
from wingbeat.transform import inlined, jvp, simplified, vjp, vmap

SEEDS = st.integers(0, 2**16)
many = settings(
    max_examples=500,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def feed_of(xs: list[Node], arrays: list[Array]) -> dict[Node, Array]:
    return dict(zip(xs, arrays, strict=True))


REACH = 1e-3  # differences move operands by some 1e-4


def near_a_kink(body: Node, feed: dict[Node, Array]) -> bool:
    """Whether differences could cross a kink: operands of some node are too near to one."""
    nodes = [n for n in toposort([body]) if n.op is not None]
    values = dict(zip(nodes, run(nodes, feed), strict=True)) | feed
    return any(
        bool(np.any(NEAR[n.name](n, *(values[x] for x in n.inputs))))
        for n in nodes
        if n.name in NEAR
    )


def _nearly_tied(node: Node, x: Array) -> Any:
    axes = dict(node.attrs)["axes"]
    behind: Any = np.moveaxis(x, axes, range(-len(axes), 0)).reshape((*node.shape, -1))
    gaps: Any = np.diff(np.sort(behind, axis=-1), axis=-1)
    return gaps < REACH


NEAR: dict[str, Callable[..., Array]] = {
    **dict.fromkeys(("abs", "relu", "root"), lambda n, x: np.abs(x) < REACH),
    **dict.fromkeys(
        ("maximum", "minimum", "less", "greater"), lambda n, x, y: np.abs(x - y) < REACH
    ),
    **dict.fromkeys(("max", "min"), _nearly_tied),
    "hypot": lambda n, x, y: np.hypot(x, y) < 0.05,
    "atan2": lambda n, y, x: (np.hypot(x, y) < 0.05) | (np.abs(y) < REACH),
}


def directional(body: Node, xs: list[Node], feed: dict[Node, Array], ts: list[Array]) -> Array:
    def at(h: float) -> Array:
        return run([body], feed | {x: feed[x] + h * t for x, t in zip(xs, ts, strict=True)})[0]

    return differences(at, 1e-4)


@many
@given(recipes(), SEEDS)
def test_derivatives_against_differences(recipe: Recipe, seed: int) -> None:
    """Forward and reverse mode, in float64."""
    xs = recipe.leaves()
    (body,) = inlined([recipe.build(xs)])
    check([body], xs, lowered=True)
    feed = feed_of(xs, operands(recipe, seed))
    (value,) = run([body], feed)
    assume(np.isfinite(value).all() and np.abs(value).max(initial=0) < 1e4)
    assume(not near_a_kink(body, feed))
    rng = np.random.default_rng(seed + 1)
    ts = [rng.normal(size=x.shape) for x in xs]
    tangents = {x: leaf(x.type, "t", k) for k, x in enumerate(xs)}
    directions = {tangents[x]: t for x, t in zip(xs, ts, strict=True)}
    (dz,) = jvp([body], tangents)
    got = np.zeros(body.shape) if dz is None else run([dz], feed | directions)[0]
    want = directional(body, xs, feed, ts)
    close(got, want, 1e-6, atol=1e-8)

    g = leaf(body.type, "g", 0)
    cotangent = rng.normal(size=body.shape)
    back = vjp([body], xs, [g])
    check([b for b in back if b is not None], [*xs, g], lowered=True)
    right = sum(
        float(np.vdot(run([b], feed | {g: cotangent})[0], t))
        for b, t in zip(back, ts, strict=True)
        if b is not None
    )
    size = float(np.sum(np.abs(cotangent * got)))
    assert_allclose(right, float(np.vdot(cotangent, got)), rtol=1e-9, atol=1e-10 * (1 + size))


@many
@given(recipes(most=6), SEEDS)
def test_second_derivatives(recipe: Recipe, seed: int) -> None:
    """Forward over reverse equals reverse over reverse, and the matrix is symmetric."""
    xs = recipe.leaves()
    (body,) = inlined([recipe.build(xs)])
    first = vjp([body], xs, [full(1, body.type)])
    moving = [(x, g) for x, g in zip(xs, first, strict=True) if g is not None]
    assume(moving)
    wrt, gradients = [x for x, _ in moving], [g for _, g in moving]
    rng = np.random.default_rng(seed)
    ts, us = ({x: leaf(x.type, name, k) for k, x in enumerate(wrt)} for name in "tu")
    feed = feed_of(xs, operands(recipe, seed))
    feed |= {n: rng.normal(size=n.shape) for n in (*ts.values(), *us.values())}

    def product(ds: list[Node | None], with_: dict[Node, Node]) -> float:
        terms = [(run([d], feed)[0], feed[with_[x]]) for d, x in zip(ds, wrt, strict=True) if d]
        return float(sum(np.vdot(a, b) for a, b in terms))

    size = [np.abs(v).max(initial=0) for v in run([d for d in jvp(gradients, ts) if d], feed)]
    assume(np.isfinite(size).all())
    u_h_t = product(jvp(gradients, ts), us)
    t_h_u = product(jvp(gradients, us), ts)
    reverse = product(vjp(gradients, wrt, list(us.values())), ts)
    atol = 1e-9 * (1 + max(size, default=0.0))
    assert_allclose([t_h_u, reverse], u_h_t, rtol=1e-8, atol=atol)


@many
@given(recipes(), SEEDS)
def test_backends_agree_and_text_reads_back(recipe: Recipe, seed: int) -> None:
    xs = recipe.leaves()
    z = recipe.build(xs)
    text = to_text([z])
    again, leaves = from_text(text)
    check(again, leaves)
    assert to_text(again, leaves) == text
    feed = feed_of(xs, operands(recipe, seed))
    (got,), (want,) = run([z], feed, "numpy"), run([z], feed, "reference")
    assume(np.isfinite(want).all())
    close(got, want, 1e-10, atol=1e-12)


@many
@given(recipes(), SEEDS, st.data())
def test_vmap_is_a_loop(recipe: Recipe, seed: int, data: st.DataObject) -> None:
    xs = recipe.leaves()
    (body,) = inlined([recipe.build(xs)])
    flags = data.draw(st.tuples(*(st.booleans() for _ in xs)))
    arrays = operands(recipe, seed, lead=(2,))
    many_xs = {
        x: leaf(b.type, "b", k)
        for k, (x, b) in enumerate(zip(xs, recipe.leaves(lead=(2,)), strict=True))
        if flags[k]
    }
    ((batched, carries),) = vmap([body], many_xs)
    check([batched], [*xs, *many_xs.values()], lowered=True)
    feed = {x: a[0] for x, a in zip(xs, arrays, strict=True)}
    feed |= {many_xs[x]: a for x, a in zip(xs, arrays, strict=True) if x in many_xs}
    (got,) = run([batched], feed)
    for k in range(2):
        one = {x: a[k if flag else 0] for x, a, flag in zip(xs, arrays, flags, strict=True)}
        (want,) = run([body], one)
        assume(np.isfinite(want).all())
        close(got[k] if carries else got, want, 1e-10, atol=1e-12)


@many
@given(recipes(), SEEDS)
def test_simplify_keeps_values_to_the_bit(recipe: Recipe, seed: int) -> None:
    xs = recipe.leaves()
    (body,) = inlined([recipe.build(xs)])
    gradients = [g for g in vjp([body], xs, [full(1, body.type)]) if g is not None]
    roots = [body, *gradients]
    simpler = simplified(roots)
    check(simpler, xs, lowered=True)
    assert len(toposort(simpler)) <= len(toposort(roots))
    assert simplified(simpler) == simpler
    feed = feed_of(xs, operands(recipe, seed))
    got, want = run(simpler, feed), run(roots, feed)
    same(got[0], want[0])
    for a, b in zip(got, want, strict=True):  # of a cotangent, the sign of a zero is left open
        assert_array_equal(a, b)


def test_graphs_are_varied() -> None:
    """Every kind of step, shared nodes, and depth occur among the graphs."""
    seen: set[str] = set()
    shared = deep = 0

    @settings(max_examples=200, derandomize=True, database=None)
    @given(recipes())
    def collect(recipe: Recipe) -> None:
        nonlocal shared, deep
        order = toposort([recipe.build(recipe.leaves())])
        seen.update(n.name for n in order if n.op is not None)
        uses = [x for n in order for x in n.inputs]
        shared += len(uses) > len(set(uses))
        deep += len(order) > 8

    collect()
    assert {"contract", "gather", "where", "slice", "pad", "max", "softmax", "concatenate"} <= seen
    assert shared > 80
    assert deep > 80
