"""The interpreter: results with one reader left are overwritten in place, and nobody can tell."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.testing import assert_array_equal

from tests.ops.cases import run
from tests.ops.laws import same
from tests.transform.graphs import Recipe, operands, recipes
from wingbeat.backend import numpy as interpreter
from wingbeat.backend.base import program
from wingbeat.ir import Node, full, leaf, tensor_type
from wingbeat.ops.arithmetic import add, mul, neg, sub
from wingbeat.ops.shape import reshape
from wingbeat.ops.transcendental import exp, sin
from wingbeat.transform import inlined, simplified, vjp


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every result of two elements counts as large; one element is no array for NumPy."""
    monkeypatch.setattr(interpreter, "LARGE", 2)


def run_afresh(roots: list[Node], arrays: dict[Node, np.ndarray]) -> list[np.ndarray]:
    executable, order = program(roots)
    fresh = interpreter.compile(executable.graph)
    return fresh([arrays[n] for n in order if n.op is None])


@settings(max_examples=200, derandomize=True, database=None)
@given(recipes())
def test_overwriting_changes_nothing(recipe: Recipe) -> None:
    xs = recipe.leaves()
    (body,) = inlined([recipe.build(xs)])
    gradients = [g for g in vjp([body], xs, [full(1, body.type)]) if g is not None]
    roots = simplified([body, *gradients])
    feed = dict(zip(xs, operands(recipe, 0), strict=True))
    before = {x: a.copy() for x, a in feed.items()}
    want = run(roots, feed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interpreter, "LARGE", 2)
        for got, expected in zip(run_afresh(roots, feed), want, strict=True):
            same(got, expected)
    for x, array in feed.items():
        assert_array_equal(array, before[x])


X = leaf(tensor_type((4,)), "x", 0)


@pytest.mark.usefixtures("eager")
def test_shared_results_are_kept_until_their_last_reader() -> None:
    z = sin(X)
    roots = [add(mul(z, z), exp(z)), reshape(neg(z), shape=(2, 2)), sub(neg(z), z)]
    x = np.linspace(-1, 1, 4)
    s = np.sin(x)
    results = run_afresh(roots, {X: x})
    assert_array_equal(results[0], s * s + np.exp(s))
    assert_array_equal(results[1], -s.reshape(2, 2))
    assert_array_equal(results[2], -s - s)


@pytest.mark.usefixtures("eager")
def test_results_are_not_overwritten() -> None:
    z = sin(X)
    x = np.linspace(-1, 1, 4)
    kept, other = run_afresh([z, neg(z)], {X: x})
    assert_array_equal(kept, np.sin(x))
    assert_array_equal(other, -np.sin(x))
