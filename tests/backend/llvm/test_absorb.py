"""Products take in what follows them: which do, which do not, and that the numbers stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import wingbeat as wb
from wingbeat.backend.base import Graph, program
from wingbeat.backend.llvm.partition import partition
from wingbeat.backend.llvm.products import Product, Scale

M, K, N = 24, 40, 32
SHAPES = {
    **{"x": (M, K), "y": (K, N), "c": (M, N), "d": (N, M)},
    **{"row": (N,), "column": (M, 1), "s": ()},
}


def arrays(dtype: str = "float64", scale: int = 1) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    larger = {n: tuple(scale * k if k > 1 else 1 for k in shape) for n, shape in SHAPES.items()}
    return {n: rng.normal(size=shape).astype(dtype) for n, shape in larger.items()}


def lowered(f: Callable[..., Any], given: dict[str, Any]) -> Graph:
    return wb.jit(f).lower(*given.values())._program.graph  # type: ignore[attr-defined]


# What is taken in whole: alpha, whether there is a c, and beta.
TAKEN: dict[str, tuple[Callable[..., Any], Scale, Scale | None]] = {
    "descent": (lambda x, y, c: c - 0.1 * (x @ y), Scale(-0.1), Scale()),
    "ascent": (lambda x, y, c: c + (x @ y) * 0.1, Scale(0.1), Scale()),
    "difference": (lambda x, y, c: (x @ y) - c, Scale(), Scale(-1.0)),
    "negated": (lambda x, y: -(x @ y), Scale(-1.0), None),
    "negated sum": (lambda x, y, c: -(x @ y + c), Scale(-1.0), Scale(-1.0)),
    "bias": (lambda x, y, row: x @ y + row, Scale(), Scale()),
    "momentum": (lambda x, y, c: 0.9 * c + x @ y, Scale(), Scale(0.9)),
}


def wholes(graph: Graph) -> list[Product]:
    return [s for s in partition(graph).steps if isinstance(s, Product)]


def named(f: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
    return {n: given[n] for n in f.__code__.co_varnames[: f.__code__.co_argcount]}


@pytest.mark.parametrize("name", TAKEN)
def test_taken_in(name: str) -> None:
    f, alpha, beta = TAKEN[name]
    graph = lowered(f, named(f, arrays()))
    plan = partition(graph)
    (step,) = plan.steps
    assert isinstance(step, Product)
    assert (step.node, step.alpha) == (graph.outputs[0], alpha)
    assert step.c is not None if beta else step.c is None
    assert beta is None or step.beta == beta


def test_a_rate_in_memory() -> None:
    f = lambda x, y, c, s: c - s * (x @ y)  # noqa: E731
    (step,) = wholes(lowered(f, named(f, arrays())))
    assert step.alpha.number == -1.0
    assert len(step.alpha.positions) == 1
    assert step.c is not None


def test_products_that_are_added() -> None:
    f = lambda x, y, c: x @ y + c @ (y.T @ y)  # noqa: E731
    steps = wholes(lowered(f, named(f, arrays())))
    assert [s.c is not None for s in steps].count(True) == 1
    assert len(steps) == 3


def test_a_product_that_another_one_adds_takes_in_nothing_more() -> None:
    """0.1 * q is read through, so q has to lie in memory itself, whichever product comes first."""
    f = lambda x, y, u, v: -0.5 * (x @ y) + 0.1 * (u @ v)  # noqa: E731
    xs = [arrays()[n] for n in ("x", "y")]
    xs += [-x for x in xs]
    (first, second) = wholes(lowered(f, dict(zip("xyuv", xs, strict=True))))
    assert second.c is not None
    assert (second.c.position, second.beta) == (first.node, Scale(0.1))
    assert_allclose(wb.jit(f)(*map(wb.asarray, xs)), f(*xs), rtol=1e-12, atol=1e-12)


APART: dict[str, Callable[..., Any]] = {
    "read twice": lambda x, y, c: ((p := x @ y) + c, p * c),
    "wanted itself": lambda x, y, c: ((p := x @ y), p + c),
    "no linear function": lambda x, y: wb.exp(x @ y),
    "of another order": lambda x, y, d: x @ y + d.T,
    "along the columns": lambda x, y, column: x @ y + column,
    "computed beside it": lambda x, y, c: x @ y + wb.exp(c),
    "another dtype": lambda x, y: (x @ y).astype("float32"),
    "another shape": lambda x, y, c: (x @ y)[None] + c[None],
    "by itself": lambda x, y: (p := x @ y) * p,
}


@pytest.mark.parametrize("name", APART)
def test_left_apart(name: str) -> None:
    f = APART[name]
    (step,) = wholes(lowered(f, named(f, arrays())))
    assert (step.c, step.alpha, step.through) == (None, Scale(), ())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [1, 8])  # by direct code, and by tiles
@pytest.mark.parametrize("name", [*TAKEN, *APART])
def test_numbers(name: str, scale: int, dtype: str) -> None:
    f = TAKEN[name][0] if name in TAKEN else APART[name]
    given = named(f, arrays(dtype, scale))
    graph = lowered(f, given)
    order = list(given.values())
    xs = [order[dict(graph.nodes[k].attrs)["number"]] for k in graph.inputs]
    native, _ = program([graph.nodes[k] for k in graph.outputs], "llvm")
    plain, _ = program([graph.nodes[k] for k in graph.outputs], "numpy")
    error = float(20 * np.finfo(dtype).eps * K * scale)
    for got, want in zip(native.run(xs), plain.run(xs), strict=True):
        assert_allclose(got, want, rtol=error, atol=error)


def test_what_is_added_may_be_infinite() -> None:
    given = arrays()
    given["c"][0, :2] = np.inf, np.nan
    f = TAKEN["descent"][0]
    got = wb.jit(f)(given["x"], given["y"], given["c"]).numpy()
    assert got[0, 0] == np.inf
    assert np.isnan(got[0, 1])
    assert np.isfinite(got.ravel()[2:]).all()


def test_in_place_where_it_is_donated() -> None:
    """The same bits as elsewhere."""
    given = {n: wb.asarray(v) for n, v in arrays("float32", 8).items() if n in "xyc"}
    step = TAKEN["descent"][0]
    apart = wb.jit(step)(given["x"], given["y"], given["c"])
    held = wb.asarray(given["c"].numpy().copy())
    where = held.numpy().ctypes.data
    there = wb.jit(step, donate_argnums=2)(given["x"], given["y"], held)
    assert there.numpy().tobytes() == apart.numpy().tobytes()
    assert there.numpy().ctypes.data == where
