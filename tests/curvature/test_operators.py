"""Operators against the matrices that they stand for."""

from typing import Any

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator, cg

import wingbeat as wb
from tests.curvature.functions import classifier, gradients_of_examples, rosenbrock
from wingbeat import curvature as c
from wingbeat.errors import BadInput, NotDifferentiable, TypeMismatch, WingbeatError


# MISSION D1
@pytest.mark.parametrize("n", [2, 7])
def test_the_hessian_is_that_of_the_engine(n: int) -> None:
    x = np.linspace(-1.0, 1.0, n)
    a = c.hessian(rosenbrock, x).dense()
    np.testing.assert_allclose(a, wb.hessian(rosenbrock)(x), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(a, a.T, rtol=1e-12, atol=1e-12)


# MISSION D1
def test_a_hessian_from_a_book() -> None:
    """x^2 y + y^3 at (1, 2): [[2y, 2x], [2x, 6y]]."""
    a = c.hessian(lambda x: x[0] ** 2 * x[1] + x[1] ** 3, np.array([1.0, 2.0]))
    assert a.dense().tolist() == [[4.0, 2.0], [2.0, 12.0]]


def test_vectors_matrices_and_trees() -> None:
    a = c.hessian(lambda p: (p["w"] ** 3).sum() * p["b"], {"w": np.ones((2, 2)), "b": 2.0})
    assert a.shape == (5, 5)
    full = a.dense()
    v = np.arange(5.0)
    np.testing.assert_allclose(a @ v, full @ v)
    np.testing.assert_allclose(a @ np.eye(5)[:, :2], full[:, :2])
    moved = a @ {"w": v[:4].reshape(2, 2), "b": v[4]}
    assert isinstance(moved["w"], wb.Tensor)
    np.testing.assert_allclose(moved["w"].numpy().ravel(), (full @ v)[:4])
    np.testing.assert_allclose(moved["b"].item(), (full @ v)[4])
    assert a.along(v) == pytest.approx(v @ full @ v)


def test_scipy_solves_with_it() -> None:
    x = np.ones(6)
    a = c.hessian(rosenbrock, x)
    operator = a.to_linear_operator()
    assert isinstance(operator, LinearOperator)
    b = np.arange(6.0)
    found, status = cg(operator, b, rtol=1e-12)
    assert status == 0
    np.testing.assert_allclose(found, np.linalg.solve(a.dense(), b), rtol=1e-8)


def test_another_point_and_the_count_of_products() -> None:
    a = c.hessian(lambda x: x**3, 1.0)
    b = a.at(2.0)
    assert (a.dense().item(), b.dense().item()) == (6.0, 12.0)
    assert (a.products, b.products) == (1, 1)


def test_data_is_an_argument() -> None:
    a = c.hessian(lambda w, x: ((x @ w) ** 2).sum(), np.zeros(2), np.array([[1.0, 2.0]]))
    assert a.dense().tolist() == [[2.0, 4.0], [4.0, 8.0]]


def test_a_function_that_reads_values_runs_as_it_is() -> None:
    def f(x: Any) -> Any:
        return x[0] ** 2 if x[1] > 0 else 5.0 * x[0] ** 2

    assert c.hessian(f, np.array([1.0, 1.0])).dense()[0, 0] == 2.0
    assert c.hessian(f, np.array([1.0, -1.0])).dense()[0, 0] == 10.0


def test_layers_are_diagonal_blocks() -> None:
    loss, model, x, y = classifier()
    a = c.network(loss, model, x, y)
    full, blocks = a.dense(), a.layers()
    assert {name: b.shape[0] for name, b in blocks.items()} == {"0": 16, "2": 10}
    np.testing.assert_allclose(blocks["0"].dense(), full[:16, :16], atol=1e-14)
    np.testing.assert_allclose(blocks["2"].dense(), full[16:, 16:], atol=1e-14)


# --- Gauss-Newton and Fisher ----------------------------------------------------------------------


def test_gauss_newton_is_jacobian_hessian_jacobian() -> None:
    x = np.linspace(0.0, 1.0, 4)

    def predict(w: Any) -> Any:
        return w[0] * wb.exp(w[1] * x)

    def loss(z: Any) -> Any:
        return (z**4).sum()

    w = np.array([1.5, -0.5])
    j = wb.jacrev(predict)(w).numpy()
    h = wb.hessian(loss)(predict(w)).numpy()
    np.testing.assert_allclose(c.gauss_newton(predict, loss, w).dense(), j.T @ h @ j, rtol=1e-12)


def test_gauss_newton_of_a_linear_model_is_the_hessian() -> None:
    loss, _, x, y = classifier()
    model = wb.nn.Linear(3, 2).to("float64")
    h, g = (c.network(loss, model, x, y, kind).dense() for kind in ("hessian", "gauss-newton"))
    np.testing.assert_allclose(h, g, atol=1e-15)


def test_the_true_fisher_matrix_of_cross_entropy_is_gauss_newton() -> None:
    loss, model, x, y = classifier()
    g = c.network(loss, model, x, y, "gauss-newton").dense()
    f = c.network(loss, model, x, y, "fisher", "categorical").dense()
    np.testing.assert_allclose(f, g, atol=1e-15)
    assert np.linalg.eigvalsh(f).min() > -1e-14


@pytest.mark.parametrize(
    ("likelihood", "metric"),
    [
        ("normal", lambda z: np.ones_like(z)),
        ("bernoulli", lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2),
        ("poisson", np.exp),
    ],
)
def test_fisher_matrices_of_a_linear_map(likelihood: str, metric: Any) -> None:
    x, w = np.random.default_rng(0).normal(size=(5, 3)), np.array([[0.3], [-0.2], [0.1]])
    expected = (x * metric(x @ w)).T @ x / 5
    found = c.fisher(lambda p: x @ p, w, likelihood).dense()
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_empirical_fisher_matrix_is_the_mean_of_outer_products() -> None:
    loss, model, x, y = classifier()
    rows = gradients_of_examples(loss, model, x, y)
    found = c.network(loss, model, x, y, "empirical fisher").dense()
    np.testing.assert_allclose(found, rows.T @ rows / len(rows), atol=1e-14)


def test_a_network_in_float32() -> None:
    wide, narrow = (c.network(*classifier(t)).dense() for t in ("float64", "float32"))
    assert np.abs(wide - narrow).max() < 1e-6
    assert c.network(*classifier("float32")).eps == np.finfo("float32").eps


# --- bad input ------------------------------------------------------------------------------------


A: Any = np.eye(2)


def f(x: Any) -> Any:
    return (x * x).sum()


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: c.hessian(A, np.ones(2)), TypeMismatch, "takes a function, not ndarray"),
        (lambda: c.hessian(f, np.ones(2, int)), TypeMismatch, "int64"),
        (lambda: c.hessian(f, np.ones(0)), BadInput, "holds no number"),
        (lambda: c.hessian(f, {}), BadInput, "holds no number"),
        (lambda: c.hessian(f, np.array([1.0, np.nan])), BadInput, r"entry \[1\] is nan"),
        (lambda: c.hessian(lambda x: x, np.ones(2)).dense(), TypeMismatch, "scalar"),
        (lambda: c.hessian(lambda x: wb.sqrt(x).sum(), np.zeros(2)).dense(), BadInput, "finite"),
        (lambda: c.hessian(f, np.ones(2)) @ np.ones(3), TypeMismatch, "2 numbers"),
        (lambda: c.hessian(f, {"a": 1.0}) @ {"b": 1.0}, TypeMismatch, "hessian"),
        (lambda: c.hessian(f, np.ones(9)).dense(8), BadInput, "9 rows"),
        (lambda: c.operator("text"), TypeMismatch, "not str"),
        (lambda: c.operator(np.ones(3)), TypeMismatch, "not ndarray"),
        (lambda: c.operator(np.ones((2, 3))), TypeMismatch, "2 x 3"),
        (lambda: c.operator(np.array([[0.0, 1.0], [0.0, 0.0]])), BadInput, "not symmetric"),
        (lambda: c.operator(np.array([[np.inf, 0.0], [0.0, 1.0]])), BadInput, "not finite"),
        (lambda: c.fisher(lambda w: w, np.ones((2, 1)), "uniform"), BadInput, "'categorical'"),
        (lambda: c.fisher(lambda w: w, np.ones(2), np.ones(2)), BadInput, "'categorical'"),  # type: ignore[arg-type]
        (lambda: c.fisher(lambda w: w.sum(), np.ones(2), "normal").dense(), TypeMismatch, "row"),
        (lambda: c.empirical_fisher(f, np.ones(2)).dense(), TypeMismatch, "one loss per example"),
        (lambda: c.network(f, f, 1, 1, "laplacian"), BadInput, "'hessian'"),
        (lambda: c.network(*classifier(), "fisher"), BadInput, "likelihood"),
        (lambda: c.network(f, 3, 1, 1), TypeMismatch, "function"),
    ],
)
def test_bad_input(call: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said) as caught:
        call()
    assert isinstance(caught.value, WingbeatError)


def test_what_has_no_derivative_says_so() -> None:
    with pytest.raises((NotDifferentiable, TypeMismatch)):
        c.hessian(lambda x: wb.argmax(x), np.ones(2)).dense()
