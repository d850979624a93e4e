"""Arguments and results that are trees."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from tests.api.records import Line, Point

A = np.array


@pytest.mark.parametrize(
    "tree",
    [
        {"a": 1.0, "b": 2.0},
        OrderedDict(b=1.0, a=2.0),
        [1.0, 2.0],
        (1.0, 2.0),
        Point(1.0, 2.0),
        Line(1.0, 2.0),
        {"a": (1.0, [2.0]), "empty": [], "none": None},
        [None, 1.0, (), 2.0],
        A([1.0, 2.0]),
    ],
    ids=lambda t: type(t).__name__,
)
def test_gradients_have_the_form_of_their_argument(tree: Any) -> None:
    def f(t: Any) -> Any:
        return sum((v * v).sum() for v in wb.tree.leaves(t))

    found = wb.grad(f)(tree)
    expected = wb.tree.map(lambda v: wb.asarray(2 * np.asarray(v)), tree)
    assert type(found) is (wb.Tensor if isinstance(tree, np.ndarray) else type(tree))
    assert repr(found) == repr(expected)
    value, pullback = wb.vjp(f, tree)
    assert repr(pullback(1.0)) == repr((expected,))
    assert value.item() == 5.0
    ones = wb.tree.map(np.ones_like, tree)
    assert wb.jvp(f, (tree,), (ones,))[1].item() == 6.0
    assert repr(wb.hvp(f, (tree,), (ones,))) == repr(wb.tree.map(lambda v: v * 0 + 2.0, expected))


def test_jacobians_of_trees_are_trees_of_jacobians() -> None:
    def f(t: Any) -> Any:
        return {"u": t["a"] * t["b"], "v": t["a"].sum()}

    t = {"a": A([1.0, 2.0]), "b": A(3.0)}
    for method in (wb.jacrev, wb.jacfwd):
        j = method(f)(t)
        assert j["u"]["a"].tolist() == [[3.0, 0.0], [0.0, 3.0]]
        assert j["u"]["b"].tolist() == [1.0, 2.0]
        assert j["v"]["a"].tolist() == [1.0, 1.0]
        assert j["v"]["b"].tolist() == 0.0
    h = wb.hessian(lambda t: f(t)["u"].sum())(t)
    assert h["a"]["b"].tolist() == [1.0, 1.0]
    assert h["b"]["b"].tolist() == 0.0


def test_jacobians_with_several_argnums() -> None:
    def f(x: Any, y: Any) -> Any:
        return x * y

    for method in (wb.jacrev, wb.jacfwd):
        jx, jy = method(f, (0, 1))(A([1.0, 2.0]), A([3.0, 4.0]))
        assert jx.tolist() == [[3.0, 0.0], [0.0, 4.0]]
        assert jy.tolist() == [[1.0, 0.0], [0.0, 2.0]]
    h = wb.hessian(lambda x, y: x * x * y, (0, 1))(2.0, 3.0)
    assert [[float(v) for v in row] for row in h] == [[6.0, 4.0], [4.0, 0.0]]


def test_results_may_be_trees_of_any_kind() -> None:
    y, moved = wb.jvp(lambda x: Point(x, [x * x, None]), (3.0,), (1.0,))
    assert (y.x.item(), y.y[0].item(), y.y[1]) == (3.0, 9.0, None)
    assert (moved.x.item(), moved.y[0].item(), moved.y[1]) == (1.0, 6.0, None)
    y, pullback = wb.vjp(lambda x: Point(x, [x * x, None]), 3.0)
    assert pullback(Point(1.0, [10.0, None]))[0].item() == 61.0


def test_gradients_keep_shape_and_dtype() -> None:
    for dtype in ("float16", "float32", "float64"):
        for shape in ((), (0,), (3,), (2, 0), (2, 3)):
            g = wb.grad(lambda x: (x * x).sum())(np.ones(shape, dtype))
            assert (g.shape, g.dtype) == (shape, np.dtype(dtype))


def test_cotangents_and_tangents_take_the_dtype_of_what_they_belong_to() -> None:
    _, pullback = wb.vjp(lambda x: x * 2, A([1.0], "float32"))
    assert pullback(A([1.0]))[0].dtype == np.float32
    assert wb.jvp(lambda x: x * 2, (A([1.0], "float32"),), (A([1.0]),))[1].dtype == np.float32
