"""Eigenvalues against dense ones, and the errors that are claimed for them."""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import aslinearoperator

from tests.curvature.functions import classifier, rosenbrock, with_eigenvalues
from wingbeat import curvature as c
from wingbeat.errors import BadInput, TypeMismatch


def check(a: Any, e: c.Extremes) -> None:
    """Both ends are right within what is claimed, and the directions are eigenvectors."""
    values = np.linalg.eigvalsh(a)
    for found, true, error, d in (
        (e.smallest, values[0], e.smallest_error, e.smallest_direction),
        (e.largest, values[-1], e.largest_error, e.largest_direction),
    ):
        assert abs(found - true) <= error
        assert np.linalg.norm(d) == pytest.approx(1.0)
        assert np.linalg.norm(a @ d - found * d) <= 2 * error + 1e-12 * abs(values).max()


# MISSION D2, D6
@given(st.integers(1, 12), st.integers(0, 99))
def test_small_ones_are_exact(n: int, seed: int) -> None:
    a = with_eigenvalues(np.random.default_rng(seed).normal(size=n), seed)
    e = c.extremes(a)
    assert e.method == "dense"
    assert e.error < 1e-12
    check(a, e)


# MISSION D6
@settings(max_examples=12)
@given(st.integers(60, 150), st.integers(0, 99), st.sampled_from(["both", "positive", "flat"]))
def test_lanczos_agrees_with_dense(n: int, seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=n)
    if kind == "positive":
        values = np.exp(2.0 * values)
    if kind == "flat":
        values[: n // 2] = 0.0
    a = with_eigenvalues(values, seed)
    e = c.extremes(a, dense=1, seed=seed)
    assert e.method == "lanczos"
    assert e.error < 1e-3 * np.abs(values).max()
    check(a, e)


def test_a_claim_that_is_too_small_is_noticed() -> None:
    a = with_eigenvalues(np.arange(1.0, 101.0))
    e = c.extremes(a, dense=1)
    shifted = c.Extremes(e.smallest + 0.1, *[getattr(e, k) for k in list(vars(e))[1:]])
    with pytest.raises(AssertionError):
        check(a, shifted)


# MISSION D6
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_rosenbrock_of_500_variables(dtype: str) -> None:
    x = np.ones(500, dtype)
    e = c.extremes(c.hessian(rosenbrock, x))
    true = np.linalg.eigvalsh(c.hessian(rosenbrock, np.ones(500)).dense())
    assert e.smallest == pytest.approx(true[0], rel=1e-4)
    assert e.largest == pytest.approx(true[-1], rel=1e-5)
    assert abs(e.smallest - true[0]) <= e.smallest_error
    assert abs(e.largest - true[-1]) <= e.largest_error
    assert e.signs == (1, 1)
    assert e.products < 2000


@pytest.mark.parametrize("end", ["top", "bottom"])
@pytest.mark.parametrize("dense", [1, 1000])
def test_several_pairs(end: str, dense: int) -> None:
    values = np.linspace(-3.0, 5.0, 120) ** 3
    a = with_eigenvalues(values)
    p = c.eigenpairs(a, 4, end, dense=dense)
    expected = np.sort(values)[::-1][:4] if end == "top" else np.sort(values)[:4]
    assert np.all(np.abs(p.values - expected) <= p.errors)
    np.testing.assert_allclose(p.values, expected, rtol=1e-5)
    np.testing.assert_allclose(a @ p.vectors, p.vectors * p.values, atol=1e-3)
    np.testing.assert_allclose(p.vectors.T @ p.vectors, np.eye(4), atol=1e-8)


def test_the_same_seed_gives_the_same() -> None:
    a = with_eigenvalues(np.random.default_rng(0).normal(size=100))
    first, second = (c.extremes(a, dense=1, seed=3) for _ in range(2))
    assert first.largest == second.largest
    assert np.array_equal(first.largest_direction, second.largest_direction)


def test_signs_are_left_open_by_rounding() -> None:
    """x^2 + 1e-9 y^2 in float32: beside 2, 2e-9 is less than rounding leaves."""

    def f(x: Any) -> Any:
        return x[0] ** 2 + 1e-9 * x[1] ** 2

    assert c.extremes(c.hessian(f, np.ones(2))).signs == (1, 1)
    assert c.extremes(c.hessian(f, np.ones(2, "float32"))).signs == (0, 1)
    assert c.extremes(c.hessian(lambda x: x[0] ** 4, np.zeros(1))).signs == (0, 0)


def test_a_curvature_that_rounding_of_the_point_moves() -> None:
    """sin(1e6 x) in float32: between neighbours of 1 its argument differs by 0.12."""
    narrow, wide = (
        c.extremes(c.hessian(lambda x: (1e6 * x[0]).sin(), np.ones(1, t)))
        for t in ("float32", "float64")
    )
    assert narrow.error > 0.1 * abs(narrow.largest)
    assert wide.error < 1e-8 * abs(wide.largest)


def test_linear_operators_and_networks() -> None:
    a = with_eigenvalues(np.linspace(1.0, 2.0, 300))
    e = c.extremes(aslinearoperator(a))
    check(a, e)
    loss, model, x, y = classifier()
    h = c.network(loss, model, x, y)
    check(h.dense(), c.extremes(h))


def test_products_are_counted() -> None:
    seen: list[int] = []

    def product(x: Any, v: Any) -> Any:
        seen.append(1)
        return v * np.arange(1.0, 1.0 + len(x))

    e = c.extremes(c.Operator(product, np.zeros(300)))
    assert e.products == len(seen)
    seen.clear()
    assert c.extremes(c.Operator(product, np.zeros(2))).products == 4


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: c.extremes(np.ones((2, 2)) * 1j), TypeMismatch, "complex"),
        (lambda: c.extremes(lambda x: x), TypeMismatch, "function"),
        (lambda: c.extremes(np.eye(2), tolerance=-1.0), BadInput, "tolerance"),
        (lambda: c.extremes(np.eye(300), tolerance=-1.0), BadInput, "tolerance"),
        (lambda: c.eigenpairs(np.eye(2), 3), BadInput, "1 ... 2"),
        (lambda: c.eigenpairs(np.eye(2), 1.5), BadInput, "whole"),  # type: ignore[arg-type]
        (lambda: c.eigenpairs(np.eye(2), 1, "middle"), BadInput, "'top' or 'bottom'"),
    ],
)
def test_bad_input(call: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        call()


def test_results_print_as_tables() -> None:
    pairs = c.eigenpairs(np.diag([3.0, -1.0, 2.0]), 2)
    assert repr(pairs).splitlines()[0] == "2 eigenvalues of a matrix with 3 rows"
    assert re.search(r"^ +3 .*\(1, 0, 0\)$", repr(pairs), re.MULTILINE)
    assert "array(" not in repr(pairs)
    ends = c.extremes(np.diag(np.arange(1.0, 31.0)))
    assert re.search(r"^ +30 .*\(0, 0, 0, 0, \.\.\.\)$", str(ends), re.MULTILINE)
    assert "<caption>The smallest and the largest eigenvalue" in ends._repr_html_()
    many = c.eigenpairs(np.diag(np.arange(1.0, 31.0)), 25)
    assert "15 more eigenvalues are not shown." in str(many)
