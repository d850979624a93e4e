"""Each rewrite happens, and changes no value to the last bit, the signs of zeros included."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tests.ops.cases import Array, run
from tests.ops.laws import same
from wingbeat.ir import PRIMITIVES, Node, check, full, leaf, tensor_type, toposort
from wingbeat.ir.node import build
from wingbeat.ops.arithmetic import (
    add,
    agreed,
    alias,
    cast,
    div,
    mul,
    mutual,
    neg,
    scaled,
    stop_gradient,
    sub,
)
from wingbeat.ops.contract import contract
from wingbeat.ops.reduce import max as largest
from wingbeat.ops.reduce import sum as add_up
from wingbeat.ops.shape import broadcast, concatenate, flip, pad, reshape, slice, transpose
from wingbeat.ops.transcendental import pow as power
from wingbeat.ops.transcendental import sin
from wingbeat.transform import simplified
from wingbeat.transform.simplify import RULES

F, I8, U8 = (tensor_type((2, 3), d) for d in ("float64", "int8", "uint8"))
X, Y = leaf(F, "x", 0), leaf(F, "y", 0)
K, U = leaf(I8, "k", 0), leaf(U8, "u", 0)
S = sin(X)
INF, NAN = np.inf, np.nan
REWRITES: list[tuple[Node, Node]] = [
    (K + 0, K),
    (0 + K, K),
    (X + -Y, X - Y),
    (X - 0, X),
    (X - (-Y), X + Y),
    (X * 1, X),
    (1 * X, X),
    (X * -1, -X),
    (full(3, F) * full(0.1, F), full(3 * 0.1, F)),
    (full(100, I8) * full(2, I8), full(-56, I8)),
    (X / 1, X),
    (power(X, full(1, F)), X),
    (power(X, full(2, F)), X * X),
    (power(K, full(2, I8)), K * K),
    (power(X, full(-1, F)), 1 / X),
    (neg(neg(X)), X),
    (neg(full(2, F)), full(-2, F)),
    (neg(full(1, U8)), full(255, U8)),
    (neg(full(-128, I8)), full(-128, I8)),
    (scaled(X, full(1, F)), X),
    (scaled(X, full(2, F)), X * 2),
    (scaled(X, full(0, F)), X * 0),
    (scaled(full(2, F), X), 2 * X),
    (mutual(X, full(2, F)), X * 2),
    (mutual(full(0, F), full(INF, F)), full(0, F)),
    (alias(X, tag=3), X),
    (stop_gradient(X), X),
    (cast(X, dtype="float64"), X),
    (cast(full(2, F), dtype="int8"), full(2, I8)),
    (cast(full(2.7, F), dtype="int8"), full(2, I8)),
    (cast(full(NAN, F), dtype="bool"), full(True, tensor_type((2, 3), "bool"))),
    (broadcast(X, axes=(), sizes=()), X),
    (broadcast(full(2, tensor_type(())), axes=(0, 1), sizes=(2, 3)), full(2, F)),
    (reshape(X, shape=(2, 3)), X),
    (reshape(reshape(S, shape=(6,)), shape=(3, 2)), reshape(S, shape=(3, 2))),
    (reshape(full(2, F), shape=(6,)), full(2, tensor_type((6,)))),
    (transpose(X, perm=(0, 1)), X),
    (agreed(X, Y), X),
    (transpose(transpose(S, perm=(1, 0)), perm=(1, 0)), S),
    (slice(X, start=(0, 0), stop=(2, 3), step=(1, 1)), X),
    (pad(X, before=(0, 0), after=(0, 0), between=(0, 0)), X),
    (flip(X, axes=()), X),
    (concatenate(X, axis=0), X),
    (add_up(X, axes=()), X),
    (largest(X, axes=()), X),
    (PRIMITIVES["min"](X, axes=()), X),
]
# These look alike and are not: a value would change.
KEPT: list[Node] = [
    X + 0.0,  # -0.0 + 0.0 is 0.0
    0.0 + X,
    X * 0,  # NaN where x is infinite
    power(X, full(3, F)),  # x * x * x rounds twice
    power(X, full(0.5, F)),  # the root of -0.0 is -0.0
    X / 2,  # not x * 0.5 for every number but 2
    scaled(X, full(INF, F)),
    scaled(full(NAN, F), X),
    mutual(X, full(INF, F)),
    mutual(full(NAN, F), X),
    neg(full(0, F)),  # -0.0 has no constant
    cast(full(300.0, F), dtype="int8"),
    cast(full(-1, I8), dtype="uint8"),
    cast(full(NAN, F), dtype="int8"),
    transpose(X, perm=(1, 0)),
    slice(X, start=(0, 0), stop=(2, 3), step=(1, 2)),
    slice(X, start=(1, 0), stop=(2, 3), step=(1, 1)),
    pad(X, before=(0, 1), after=(0, 0), between=(0, 0)),
    pad(X, before=(0, 0), after=(0, 0), between=(0, 1)),
    flip(X, axes=(1,)),
    concatenate(X, X, axis=0),
    add_up(X, axes=(0,)),
]
HARD = np.array([[0.0, -0.0, INF], [-INF, NAN, -1e308]])


def feed() -> dict[Node, Array]:
    k = np.array([[-128, 127, 0], [1, -1, 100]], "int8")
    return {X: HARD, Y: HARD[::-1, ::-1], K: k, U: k.astype("uint8")}


@pytest.mark.parametrize(("before", "after"), REWRITES)
def test_rewrite(before: Node, after: Node) -> None:
    (found,) = simplified([before])
    assert found is after
    for got, want in zip(run([after], feed()), run([before], feed()), strict=True):
        same(got, want)


def turned(x: Node) -> Node:
    return transpose(x, perm=(1, 0))


TURNED: list[tuple[Node, Node]] = [
    (turned(sin(turned(X))), S),
    (turned(turned(X) + turned(Y)), X + Y),
    (turned(turned(X) * 3.0), X * 3.0),
    (turned(cast(turned(X), dtype="bool")), cast(X, dtype="bool")),
    (turned(sin(sin(turned(X)))) + Y, sin(S) + Y),
]


@pytest.mark.parametrize(("before", "after"), TURNED)
def test_transposes_with_elementwise_operations_between_them_meet(
    before: Node, after: Node
) -> None:
    assert simplified([before]) == [after]
    same(run([after], feed())[0], run([before], feed())[0])


def product(x: Node, y: Node, out: tuple[int, int] = (0, 2)) -> Node:
    return contract(x, y, lhs=(0, 1), rhs=(2, 1), out=out)


def test_a_product_that_is_only_read_turned_is_computed_turned() -> None:
    once, there = turned(product(X, S)), product(X, S, (2, 0))
    assert simplified([once]) == [there]
    assert simplified([sin(once), S]) == [sin(there), S]
    assert simplified([turned(product(once, there))]) == [product(there, there, (2, 0))]
    same(run([there], feed())[0], run([once], feed())[0])


def test_a_product_that_is_read_as_it_is_too_is_computed_once() -> None:
    p = product(X, S)
    for roots in ([turned(p), p], [turned(p), sin(p)], [turned(p) + p]):
        assert simplified(roots) == roots


def test_transposes_that_would_not_meet_stay() -> None:
    square = leaf(tensor_type((2, 2)), "q", 0)
    for node in (sin(turned(X)), turned(square + turned(square)), add_up(turned(X), axes=(0,))):
        assert simplified([node]) == [node]


@pytest.mark.parametrize("node", KEPT)
def test_what_would_change_a_value_is_kept(node: Node) -> None:
    assert simplified([node]) == [node]


def test_a_zero_cotangent_kills() -> None:
    """What it meets does not matter, not even for the sign of the zero."""
    before = scaled(full(0, F), X)
    assert simplified([before]) == [full(0, F)]
    assert_array_equal(run([before], feed())[0], np.zeros((2, 3)))


def test_every_rule_has_a_rewrite_here() -> None:
    assert {before.op for before, _ in REWRITES} == set(RULES)


def rounded(op: Callable[..., Node], *values: float) -> Node:
    return op(*(full(v, tensor_type((), "float32")) for v in values))


def test_constants_are_folded_in_their_own_dtype() -> None:
    """0.1 of float32, through float64 and back, keeps float32's digits."""
    there = cast(full(0.1, tensor_type((), "float32")), dtype="float64")
    (value,) = run(simplified([there]), {})
    assert float(value) == float(np.float32(0.1)) != 0.1
    (product,) = run(simplified([rounded(mul, 0.1, 0.1)]), {})
    assert product == np.float32(0.1) * np.float32(0.1)
    (half,) = run(simplified([cast(full(1e300, tensor_type(())), dtype="float16")]), {})
    assert half == np.float16(INF)


def test_equal_nodes_of_different_lines_become_one() -> None:
    first, second = (build(sin, (X,), (), ("a.py", line)) for line in (1, 2))
    (z,) = simplified([add(first, second)])
    assert z.inputs[0] is z.inputs[1]


def test_rules_apply_to_what_rules_made() -> None:
    z = neg(neg(X * 1)) - neg(Y / 1)
    assert simplified([z]) == [X + Y]


def test_call_sites_survive() -> None:
    """A node that is rebuilt stays on its line."""
    inner = build(div, (build(mul, (X, full(1, F)), (), ("a.py", 1)), Y), (), ("a.py", 2))
    (z,) = simplified([sub(inner, Y)])
    assert [n.site for n in toposort([z]) if n.op is div] == [("a.py", 2)]
    check([z], [X, Y])
