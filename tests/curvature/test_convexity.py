"""Convexity: proofs that hold, witnesses that can be checked, and silence where neither is."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wingbeat as wb
from tests.curvature.functions import rosenbrock, with_eigenvalues
from wingbeat import curvature as c
from wingbeat.errors import BadInput, TypeMismatch

rng = np.random.default_rng(0)
A: Any = rng.normal(size=(4, 3))
Y = rng.normal(size=4)
P = with_eigenvalues([0.0, 1.0, 3.0])
Q = with_eigenvalues([-1.0, 1.0, 3.0])
BOX = (-np.ones(3), np.ones(3))
POSITIVE = (0.1 * np.ones(3), np.ones(3))
LABELS = np.array([0, 2, 1])
X = rng.normal(size=(3, 3))

PROVED = [
    # MISSION D9
    ("log-sum-exp", lambda x: wb.logsumexp(A @ x + Y), BOX),
    ("norm", lambda x: wb.norm(A @ x - Y), BOX),
    ("least squares", lambda x: ((A @ x - Y) ** 2).mean(), BOX),
    ("quadratic form", lambda x: x @ P @ x + Y[:3] @ x, BOX),
    ("x'x", lambda x: x @ x, BOX),
    ("sum", lambda x: wb.logsumexp(A @ x) + x @ P @ x + wb.norm(x), BOX),
    ("absolute values", lambda x: abs(A @ x - Y).sum(), BOX),
    ("maximum of affine", lambda x: (A @ x + Y).max(), BOX),
    ("maximum of two", lambda x: wb.maximum(x @ x, wb.exp(x[0])), BOX),
    ("minus minimum", lambda x: -wb.minimum(x[0], x[1]), BOX),
    ("logistic", lambda x: wb.logaddexp(A @ x, 0.0).sum(), BOX),
    ("cross entropy", lambda x: wb.nn.CrossEntropyLoss()(X * x, LABELS), BOX),
    ("-log", lambda x: -wb.log(x).sum(), POSITIVE),
    ("1 / x", lambda x: (1.0 / x).sum(), POSITIVE),
    ("-sqrt", lambda x: -wb.sqrt(x).sum(), POSITIVE),
    ("x^1.5", lambda x: (x**1.5).sum(), POSITIVE),
    ("x^3, right of 0", lambda x: (x**3).sum(), POSITIVE),
    ("x^-2", lambda x: (x**-2.0).sum(), POSITIVE),
    ("-sigmoid, right of 0", lambda x: -wb.sigmoid(x).sum(), POSITIVE),
    ("exp of norm squared", lambda x: wb.exp(wb.norm(x) ** 2), BOX),
    ("where, constant", lambda x: wb.where(Y[:3] > 0, x * x, abs(x)).sum(), BOX),
    ("variance", lambda x: wb.var(x), BOX),
    ("relu", lambda x: (3.0 * wb.relu(A @ x)).sum(), BOX),
    ("elements", lambda x: x[0] ** 2 + 2.0 * abs(x[1:]).sum(), BOX),
]


@pytest.mark.parametrize(("f", "region"), [row[1:] for row in PROVED], ids=[r[0] for r in PROVED])
def test_proved_convex(f: Any, region: Any) -> None:
    found = c.convexity(f, region, samples=20)
    assert found.convex is True
    assert found.proof
    assert found.against_convex is None
    assert "convex, proved: " in str(found)
    # The mirror image is concave by the same proof, and a proof is not refuted by samples.
    mirrored = c.convexity(lambda x: -f(x), region, samples=20)
    assert mirrored.concave is True
    low, high = region
    points = np.random.default_rng(1).uniform(low, high, size=(30, 2, 3))
    for a, b in points:
        ends = (float(f(wb.asarray(a))) + float(f(wb.asarray(b)))) / 2
        assert float(f(wb.asarray((a + b) / 2))) <= ends + 1e-9 * abs(ends)


REFUTED = [
    # MISSION D9
    ("saddle", lambda x: x[0] ** 2 - x[1] ** 2, BOX),
    ("indefinite form", lambda x: x @ Q @ x, BOX),
    ("rosenbrock", rosenbrock, BOX),
    ("x^3 around 0", lambda x: (x**3).sum(), BOX),
    ("tanh", lambda x: wb.tanh(x).sum(), BOX),
    ("product", lambda x: x[0] * x[1], BOX),
    ("-|x|, with a chord", lambda x: -abs(x).sum(), BOX),
    ("minimum of two", lambda x: wb.minimum(x[0], x[1]), BOX),
    ("softmax", lambda x: wb.softmax(x)[0], BOX),
    ("log", lambda x: wb.log(x).sum(), POSITIVE),
]


@pytest.mark.parametrize(("f", "region"), [row[1:] for row in REFUTED], ids=[r[0] for r in REFUTED])
def test_refuted_by_a_witness(f: Any, region: Any) -> None:
    found = c.convexity(f, region)
    assert found.convex is False
    w = found.against_convex
    assert w is not None
    x, d = w.x, w.direction
    assert np.linalg.norm(d) == pytest.approx(1.0)
    if w.second is not None:
        assert w.second < 0
        assert d @ wb.hessian(f)(x).numpy() @ d == pytest.approx(w.second, rel=1e-9)
    else:
        assert w.gap is not None
        assert w.gap > 0
        ends = [float(f(wb.asarray(x + t * d))) for t in (-0.01, 0.01)]
        assert float(f(wb.asarray(x))) >= sum(ends) / 2 - 1e-12
    assert "not convex: at" in str(found)


def test_neither_proved_nor_refuted() -> None:
    """x log x is convex; the rules do not see it."""
    found = c.convexity(lambda x: (x * wb.log(x)).sum(), POSITIVE)
    assert found.convex is None
    assert found.concave is False
    assert "no proof" in str(found)


def test_affine_is_both() -> None:
    found = c.convexity(lambda x: Y[:3] @ x + 1.0, BOX)
    assert (found.convex, found.concave) == (True, True)


def test_the_region_matters() -> None:
    f = lambda x: x**3  # noqa: E731
    kinds = [(r.convex, r.concave) for r in (c.convexity(f, s) for s in ((0.0, 1.0), (-1.0, 0.0)))]
    assert kinds == [(True, False), (False, True)]


# MISSION D9
@settings(max_examples=25)
@given(st.lists(st.floats(-2.0, 2.0), min_size=1, max_size=4), st.integers(0, 99))
def test_quadratic_forms(values: list[float], seed: int) -> None:
    """Convex exactly where the matrix is positive semidefinite."""
    n, size = len(values), max(map(abs, values))
    a = with_eigenvalues(values, seed)
    found = c.convexity(lambda x: x @ a @ x, (-np.ones(n), np.ones(n)), samples=5)
    if min(values) > 1e-12 * size:
        assert found.convex is True
    if min(values) < -1e-12 * size:
        assert found.convex is False


@settings(max_examples=20)
@given(st.integers(0, 999))
def test_no_rule_proves_what_samples_refute(seed: int) -> None:
    """Random compositions: what is claimed is checked along chords."""
    r = np.random.default_rng(seed)
    inner = [lambda x: A @ x, wb.exp, abs, wb.square, wb.tanh, wb.sigmoid, wb.relu, lambda x: -x]
    inner += [lambda x: x**3, lambda x: 1.0 / (x + 3.0), wb.sinh, wb.atan, lambda x: x - x.max()]
    steps = [inner[k] for k in r.integers(1, len(inner), size=3)]

    def f(x: Any) -> Any:
        y = A @ x / 4.0
        for step in steps:
            y = step(wb.maximum(y, -2.5) if step is inner[9] else y)
        return (y * r_weights).sum()

    r_weights = r.choice([-1.0, 1.0], size=4)
    found = c.convexity(f, BOX, samples=5)
    for known, sign in ((found.convex, 1.0), (found.concave, -1.0)):
        if known:
            for a, b in r.uniform(-1.0, 1.0, size=(40, 2, 3)):
                va, vb, middle = (float(f(wb.asarray(p))) for p in (a, b, (a + b) / 2))
                assert sign * middle <= sign * (va + vb) / 2 + 1e-9 * (abs(va) + abs(vb) + 1)


def test_trees_modules_and_functions_that_branch() -> None:
    corners = [{"w": v * np.ones(3), "b": v} for v in (-1.0, 1.0)]
    found = c.convexity(lambda p: ((A @ p["w"] + p["b"] - Y) ** 2).sum(), corners)
    assert found.convex is True
    model = wb.nn.Linear(3, 1)
    low, high = (wb.tree.map(lambda p, k=k: p.detach() + k, model) for k in (-1.0, 1.0))
    x = A.astype("float32")
    assert c.convexity(lambda m: (m(x) ** 2).mean(), (low, high), samples=5).convex is True
    branching = c.convexity(lambda x: x**2 if x > 0 else -(x**2), (-1.0, 1.0))
    assert branching.convex is False


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: c.convexity(A, BOX), TypeMismatch, "function"),
        (lambda: c.convexity(lambda x: x, BOX), TypeMismatch, "scalar"),
        (lambda: c.convexity(rosenbrock, BOX[0]), BadInput, "pair"),
        (lambda: c.convexity(rosenbrock, (BOX[1], BOX[0])), BadInput, "empty"),
        (lambda: c.convexity(rosenbrock, BOX, samples=0), BadInput, "samples"),
        (lambda: c.convexity(lambda x: wb.log(x).sum(), (-2 * BOX[1], BOX[0])), BadInput, "finite"),
    ],
)
def test_bad_input(call: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        call()
