"""Composites: an independent formula agrees, none survives inlining, derivatives are exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import special

from tests.ops import sliding
from tests.ops.cases import ALL, Array, Case, cases_of, named, run
from wingbeat.ir import PRIMITIVES, Node, Primitive, check, leaf, tensor_type
from wingbeat.ops.families import composite
from wingbeat.transform import inlined, jvp, vjp

COMPOSITES = [p for p in ALL if p.expand is not None]


def _one_hot(labels: Array, n: int) -> Array:
    return np.eye(n)[labels]


def _bce(x: Array, t: Array) -> Array:
    return -(t * np.log(special.expit(x)) + (1 - t) * np.log(special.expit(-x)))


def _layer_norm(x: Array, axes: Any, eps: float) -> Array:
    spread = np.sqrt(x.var(axis=axes, keepdims=True) + eps)
    return (x - x.mean(axis=axes, keepdims=True)) / spread


FORMULAS: dict[str, Callable[..., Array]] = {
    "mean": lambda x, axes: np.mean(x, axis=axes),
    "var": lambda x, axes, correction: np.var(x, axis=axes, ddof=correction),
    "norm": lambda x, axes: np.sqrt((np.abs(x) ** 2).sum(axis=axes)),
    "logsumexp": lambda x, axes: special.logsumexp(x, axis=axes),
    "softmax": lambda x, axis: special.softmax(x, axis=axis),
    "log_softmax": lambda x, axis: special.log_softmax(x, axis=axis),
    "cross_entropy": lambda x, i: -(_one_hot(i, x.shape[1]) * special.log_softmax(x, 1)).sum(1),
    "cross_entropy_soft": lambda x, t: -(t * special.log_softmax(x, axis=1)).sum(axis=1),
    "binary_cross_entropy": _bce,
    "layer_norm": _layer_norm,
    "gelu": lambda x: x * special.ndtr(x),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "softplus": lambda x: np.log(1 + np.exp(x)),
    "elu": lambda x: np.where(x > 0, x, np.exp(x) - 1),
    "square": lambda x: x**2,
    "clip": np.clip,
    "prod": lambda x, axes: np.prod(x, axis=axes),
    "cumprod": lambda x, axis: np.cumprod(x, axis=axis),
    "conv": sliding.conv,
    "max_pool": sliding.max_pool,
    "avg_pool": sliding.avg_pool,
    "any": lambda x, axes: np.any(x, axis=axes),
    "all": lambda x, axes: np.all(x, axis=axes),
}


def check_formula(case: Case) -> None:
    xs, arrays = case.leaves(), case.draw()
    for backend in ("numpy", "reference"):
        (got,) = run([case.apply(*xs)], dict(zip(xs, arrays, strict=True)), backend)
        want = np.asarray(FORMULAS[case.p.name](*arrays, **case.attrs))
        assert got.shape == want.shape
        assert_allclose(got, want, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("case", named(c for p in COMPOSITES for c in cases_of(p)))
def test_expansion_is_the_formula(case: Case) -> None:
    check_formula(case)


def wrong(p: Primitive) -> Primitive:
    expand: Any = p.expand

    def off(*xs: Node, **attrs: Any) -> Node:
        z = expand(*xs, **attrs)
        return z * 1.001 if z.type.inexact else PRIMITIVES["logical_not"](z)

    return replace(p, expand=off)


@pytest.mark.parametrize("p", COMPOSITES, ids=str)
def test_wrong_expansion_is_noticed(p: Primitive) -> None:
    for case in cases_of(p):
        with pytest.raises(AssertionError):
            check_formula(case.under(wrong(p)))


@pytest.mark.parametrize("case", named(c for p in COMPOSITES for c in cases_of(p)))
def test_inlining_leaves_none(case: Case) -> None:
    xs = case.leaves()
    (body,) = inlined([case.apply(*xs)])
    check([body], xs, lowered=True)


def test_composites_of_composites_are_inlined() -> None:
    """Nested three deep, with an operand that is itself a composite."""
    softplus: Any = PRIMITIVES["softplus"]
    make: Any = lambda name, expand: composite(  # noqa: E731
        name, expand=expand, latex="{0}", samples=softplus.samples
    )
    try:
        twice = make("twice", lambda x: softplus(x) + softplus(x))
        thrice = make("thrice", lambda x: twice(x) + softplus(x))
        x = leaf(tensor_type(()), "x")
        (body,) = inlined([thrice(softplus(x))])
        check([body], [x], lowered=True)
        (value,) = run([body], {x: np.array(0.5)})
        assert value == pytest.approx(3 * np.log1p(np.exp(np.log1p(np.exp(0.5)))), rel=1e-14)
    finally:
        for name in ("twice", "thrice"):
            PRIMITIVES.pop(name, None)


# Smooth functions whose formula has two pieces: derivatives where the pieces meet, and far out.

X = leaf(tensor_type(()), "x", 0)
JOINTS: list[tuple[str, float, float, float]] = [  # name, x, first, second derivative
    ("elu", 0.0, 1.0, 1.0),
    ("elu", -1000.0, 0.0, 0.0),
    ("elu", 1000.0, 1.0, 0.0),
    ("softplus", 0.0, 0.5, 0.25),
    ("softplus", 1000.0, 1.0, 0.0),
    ("softplus", -1000.0, 0.0, 0.0),
    ("silu", 0.0, 0.5, 0.5),
    ("silu", 1000.0, 1.0, 0.0),
    ("gelu", 0.0, 0.5, 2 / np.sqrt(2 * np.pi)),
    ("square", 0.0, 0.0, 2.0),
]


def derivatives(z: Node, x: float) -> tuple[float, float]:
    (body,) = inlined([z])
    t = leaf(X.type, "t", 0)
    (first,) = vjp([body], [X], [leaf(X.type, "g", 0)])
    assert first is not None
    (second,) = jvp([first], {X: t})
    feed = {X: np.array(x), t: np.array(1.0), leaf(X.type, "g", 0): np.array(1.0)}
    return float(run([first], feed)[0]), 0.0 if second is None else float(run([second], feed)[0])


@pytest.mark.parametrize(("name", "x", "first", "second"), JOINTS)
def test_derivatives_at_joints(name: str, x: float, first: float, second: float) -> None:
    assert derivatives(PRIMITIVES[name](X), x) == pytest.approx((first, second), rel=1e-14, abs=0)


@pytest.mark.parametrize("x", [-1000.0, -1.0, 0.0, 1.0, 1000.0])
def test_binary_cross_entropy_is_smooth(x: float) -> None:
    """The derivatives are sigma(x) - t and sigma (1 - sigma), at 0 and where exp overflows."""
    s = float(special.expit(x))
    target = leaf(X.type, "target", 0)
    z = PRIMITIVES["binary_cross_entropy"](X, target)
    (body,) = inlined([z])
    (first,) = vjp([body], [X], [leaf(X.type, "g", 0)])
    assert first is not None
    (second,) = jvp([first], {X: leaf(X.type, "t", 0)})
    assert second is not None
    feed = {
        X: np.array(x),
        target: np.array(0.25),
        leaf(X.type, "g", 0): np.array(1.0),
        leaf(X.type, "t", 0): np.array(1.0),
    }
    assert float(run([first], feed)[0]) == pytest.approx(s - 0.25, rel=1e-14)
    assert float(run([second], feed)[0]) == pytest.approx(s * (1 - s), rel=1e-13, abs=1e-300)


def test_softmax_of_large_numbers() -> None:
    """exp(1000) overflows, the softmax of it does not, nor does its derivative."""
    case = Case(PRIMITIVES["softmax"], PRIMITIVES["softmax"].samples[0])
    (x,) = case.leaves()
    logits = np.array([[1000.0, 1000.0, 0.0, -np.inf]] * 3)
    (z,) = inlined([case.apply(x)])
    (gx,) = vjp([z], [x], [leaf(z.type, "g", 0)])
    assert gx is not None
    feed = {x: logits, leaf(z.type, "g", 0): np.array([[1.0, 0.0, 0.0, 0.0]] * 3)}
    assert_allclose(run([z], feed)[0], [[0.5, 0.5, 0.0, 0.0]] * 3)
    assert_allclose(run([gx], feed)[0], [[0.25, -0.25, 0.0, 0.0]] * 3)


@pytest.mark.parametrize("zeros", [0, 1, 2])
def test_product_is_differentiated_where_factors_are_zero(zeros: int) -> None:
    case = Case(PRIMITIVES["prod"], PRIMITIVES["prod"].samples[0])
    (x,) = case.leaves()
    (z,) = inlined([case.apply(x)])
    (gx,) = vjp([z], [x], [leaf(z.type, "g", 0)])
    assert gx is not None
    factors = np.array([[2.0, 3.0, 5.0, 7.0]] * 3)
    factors[:, :zeros] = 0.0
    others = [[np.prod(np.delete(row, k)) for k in range(4)] for row in factors]
    (got,) = run([gx], {x: factors, leaf(z.type, "g", 0): np.ones(3)})
    assert_allclose(got, others)
