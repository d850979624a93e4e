"""What the passes answer besides numbers: zeros, intermediate nodes, refusals, call sites."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.ops.cases import run
from wingbeat.errors import NotDifferentiable
from wingbeat.ir import Node, TensorType, check, full, leaf, tensor_type, toposort
from wingbeat.ir.node import build, here
from wingbeat.ops.arithmetic import add, alias, cast, floor, mul, nextafter, stop_gradient
from wingbeat.ops.composites import softplus, square
from wingbeat.ops.logic import greater
from wingbeat.ops.reduce import argmax
from wingbeat.ops.reduce import sum as add_up
from wingbeat.ops.transcendental import exp, sin
from wingbeat.transform import inline, inlined, jvp, obstacle, sweep, vjp, vmap

S = tensor_type(())


def scalar(name: str) -> Node:
    return leaf(S, name, 0)


W, B, G = scalar("w"), scalar("b"), scalar("g")
FEED = {W: np.array(3.0), B: np.array(4.0), G: np.array(1.0)}


def value(node: Node | None) -> float:
    assert node is not None
    return float(run([node], FEED)[0])


def example() -> tuple[Node, Node, Node]:
    """z = x y, x = 2 w + b, y = b + 1."""
    x, y = 2 * W + B, B + 1
    return x, y, x * y


# MISSION A2, A3, A4
def test_one_pass_gives_every_partial() -> None:
    x, y, z = example()
    assert [value(n) for n in (x, y, z)] == [10.0, 5.0, 50.0]
    found = vjp([z], [x, y, B, W], [full(1, S)])
    assert [value(g) for g in found] == [5.0, 10.0, 15.0, 10.0]
    everything = sweep([z], [W, B], [full(1, S)])
    assert {value(everything[n]) for n in (x, y, z)} == {5.0, 10.0, 1.0}


# MISSION A7
def test_derivatives_are_graphs() -> None:
    _, _, z = example()
    first = vjp([z], [W, B], [full(1, S)])
    gw, gb = (g for g in first if g is not None)
    check([gw, gb], [W, B], lowered=True)
    assert value(vjp([gb], [B], [full(1, S)])[0]) == 2.0
    assert value(vjp([gb], [W], [full(1, S)])[0]) == 2.0
    assert value(vjp([gw], [B], [full(1, S)])[0]) == 2.0
    assert vjp([gw], [W], [full(1, S)]) == [None]


def test_zero_is_none() -> None:
    z = sin(W)
    assert vjp([z], [B], [G]) == [None]
    assert vjp([floor(z)], [W], [G]) == [None]
    assert vjp([stop_gradient(z)], [W], [G]) == [None]
    assert jvp([z, floor(W), B], {W: G})[1:] == [None, None]
    assert jvp([z], {B: G}) == [None]


def test_several_outputs_add_up() -> None:
    outputs = [sin(W), mul(W, W), B]
    (gw,) = vjp(outputs, [W], [G, full(2, S), full(5, S)])
    assert value(gw) == pytest.approx(np.cos(3.0) + 2 * 6.0, rel=1e-15)


def test_an_output_may_be_what_is_derived_by() -> None:
    assert vjp([W], [W], [G]) == [G]
    assert jvp([W], {W: G}) == [G]
    assert vjp([W, W], [W], [G, G]) == [G + G]


def test_derivative_by_an_intermediate_node_forward() -> None:
    x = 2 * W
    (t,) = jvp([x * x], {x: G})
    assert value(t) == 2 * 6.0


def test_variables_of_transforms_are_kept_apart() -> None:
    """d/dx (x d/dy (x + y)) at y = x: perturbations are not confused."""
    x = alias(W, tag=1)
    y = alias(W, tag=2)
    inner = vjp([x + y], [y], [full(1, S)])[0]
    assert inner is not None
    assert value(vjp([x * inner], [x], [full(1, S)])[0]) == 1.0


def test_integers_do_not_move() -> None:
    """Whatever cotangent is given to an integer, none comes back from it."""
    k = cast(W, dtype="int64")
    cotangent: Any = leaf(k.type, "g", 0)
    assert vjp([k], [W], [cotangent]) == [None]
    assert jvp([k, cast(k, dtype="float64")], {W: G}) == [None, None]


# Refusals


def test_refusals_name_the_reason_and_the_line() -> None:
    z = build(nextafter, (W, B), (), (__file__, 1))
    for attempt in (lambda: vjp([z], [W], [G]), lambda: jvp([z], {W: G})):
        with pytest.raises(NotDifferentiable, match=r"nextafter steps.*\n  .*test_modes.py:1   "):
            attempt()


def test_obstacles() -> None:
    line = leaf(tensor_type((3,)), "line", 0)
    by = {
        n: str(obstacle(n, line))
        for n in (
            argmax(line, axis=0),
            greater(line, line),
            cast(cast(line, dtype="int32"), dtype="float64"),
        )
    }
    assert list(by.values()) == [
        "no derivative: argmax is integer valued",
        "no derivative: greater is boolean valued",
        "no derivative: cast gives i32[3], which is not a float",
    ]
    # A slope made of conditions, as relu's, is piecewise constant.
    assert obstacle(cast(greater(line, line), dtype="float64"), line) is None
    assert obstacle(sin(W), B) is None
    assert obstacle(sin(W), W) is None


# Batching


def test_what_is_not_batched_is_shared() -> None:
    many = leaf(tensor_type((5,)), "many", 0)
    shared, mixed = exp(B), add(exp(B), W)
    (first, second) = vmap([shared, mixed], {W: many})
    assert first == (shared, False)
    assert second[1]
    assert shared in toposort([second[0]])


def test_a_batch_may_be_empty_or_of_one() -> None:
    for n in (0, 1):
        many = leaf(tensor_type((n,)), "many", 0)
        ((z, carries),) = vmap([sin(W) * B], {W: many})
        assert carries
        assert run([z], {many: np.ones(n), B: np.array(2.0)})[0].shape == (n,)


# Inlining


def test_inlining_maps_every_node() -> None:
    z = softplus(square(W))
    new = inline([z])
    assert set(new) >= {z, z.inputs[0], W}
    assert new[W] is W
    check(new.values(), [W], lowered=True)


def test_shared_composites_stay_shared() -> None:
    s = softplus(W)
    (z,) = inlined([s + sin(s)])
    assert z.inputs[1].inputs[0] is z.inputs[0]


# Call sites


@pytest.mark.parametrize("name", ["vjp", "jvp", "vmap", "inlined"])
def test_passes_put_new_nodes_on_the_line_of_the_old(name: str) -> None:
    site = ("user.py", 7)
    z = build(softplus, (W,), (), site)
    (body,) = inlined([z])
    many = leaf(tensor_type((2,)), "many", 0)
    made: dict[str, Any] = {
        "vjp": lambda: vjp([body], [W], [G]),
        "jvp": lambda: jvp([body], {W: G}),
        "vmap": lambda: [vmap([body], {W: many})[0][0]],
        "inlined": lambda: [body],
    }
    roots: list[Node] = made[name]()
    new = [n for n in toposort(roots) if n.op is not None]
    assert {n.site for n in new} == {site}
    assert here.site is None


def test_a_refusal_restores_the_line() -> None:
    z = build(nextafter, (W, B), (), ("user.py", 1))
    with pytest.raises(NotDifferentiable):
        vjp([z], [W], [G])
    assert here.site is None


TYPES: list[TensorType] = [tensor_type((2, 3)), tensor_type((0, 3)), tensor_type((2, 3), "float16")]


@pytest.mark.parametrize("type_", TYPES, ids=str)
def test_cotangents_have_the_type_of_their_node(type_: TensorType) -> None:
    x = leaf(type_, "x", 0)
    z = add_up(exp(x) * x, axes=(0,))
    found = sweep([z], [x], [leaf(z.type, "g", 0)])
    assert all(g.type is n.type for n, g in found.items())
