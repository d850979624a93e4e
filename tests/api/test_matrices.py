"""Linear equations, inverses and determinants: laws of algebra, derivatives, singular matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wingbeat as wb
from wingbeat.errors import AtKink, TypeMismatch

la: Any = wb.linalg
A = np.array
SINGULAR = A([[1.0, 2.0], [2.0, 4.0]])


def matrices(seed: int, *shape: int) -> Any:
    """Far from singular."""
    n = shape[-1]
    return np.random.default_rng(seed).uniform(-1, 1, shape) + 2 * n * np.eye(n)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((3, 3), (3,)),
        ((3, 3), (3, 2)),
        ((4, 3, 3), (3,)),
        ((4, 3, 3), (3, 2)),
        ((3, 3), (5, 4, 3, 2)),
        ((2, 1, 3, 3), (4, 3, 2)),
        ((1, 1), (1, 1)),
        ((0, 0), (0,)),
        ((0, 0), (0, 2)),
        ((0, 3, 3), (0, 3, 1)),
        ((3, 3), (3, 0)),
    ],
)
def test_solutions_solve(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    a, b = matrices(0, *left), np.random.default_rng(1).normal(size=right)
    z = la.solve(a, b)
    want = np.linalg.solve(a, b)
    assert z.shape == want.shape
    np.testing.assert_allclose(z.numpy(), want, rtol=1e-12)
    product = (a @ z.numpy()[..., None])[..., 0] if len(right) == 1 else a @ z.numpy()
    np.testing.assert_allclose(product, np.broadcast_to(b, product.shape), rtol=1e-12, atol=1e-14)


@given(st.integers(0, 1000), st.integers(1, 5))
def test_laws_of_determinants(seed: int, n: int) -> None:
    a, b = matrices(seed, 2, n, n)
    product = la.det(a @ b).item()
    assert product == pytest.approx(la.det(a).item() * la.det(b).item(), rel=1e-10)
    assert la.det(la.inv(a)).item() == pytest.approx(1 / la.det(a).item(), rel=1e-10)
    sign, size = la.slogdet(a)
    assert (sign * wb.exp(size)).item() == pytest.approx(la.det(a).item(), rel=1e-10)
    np.testing.assert_allclose((a @ la.inv(a).numpy()), np.eye(n), atol=1e-12)


def test_by_hand() -> None:
    """(a b; c d): d det = (d -c; -b a); an inverse moves by -inv t inv."""
    x = A([[2.0, 1.0], [4.0, 3.0]])
    np.testing.assert_allclose(wb.grad(la.det)(x).numpy(), [[3.0, -4.0], [-1.0, 2.0]], rtol=1e-14)
    logarithm = wb.grad(lambda x: la.slogdet(x).logabsdet)(x)
    np.testing.assert_allclose(logarithm.numpy(), [[1.5, -2.0], [-0.5, 1.0]], rtol=1e-14)
    moved = wb.jvp(la.inv, (x,), (A([[1.0, 0.0], [0.0, 0.0]]),))[1]
    np.testing.assert_allclose(moved.numpy(), [[-2.25, 0.75], [3.0, -1.0]], rtol=1e-14)
    by_a, by_b = wb.grad(lambda a, b: la.solve(a, b)[0], (0, 1))(x, A([2.0, 2.0]))
    np.testing.assert_allclose(by_b.numpy(), [1.5, -0.5], rtol=1e-14)  # a row of the inverse
    np.testing.assert_allclose(by_a.numpy(), np.outer([-1.5, 0.5], [2.0, -2.0]), rtol=1e-14)


def test_second_derivatives() -> None:
    """Jacobi: d log det along t is tr(inv t), and the second one is -tr(inv t inv t)."""
    x, t = matrices(0, 4, 4), np.random.default_rng(1).normal(size=(4, 4))
    found = wb.hvp(lambda x: la.slogdet(x)[1], (x,), (t,))
    inverse = np.linalg.inv(x)
    np.testing.assert_allclose(found.numpy(), -(inverse @ t @ inverse).T, rtol=1e-10)
    hessian = wb.hessian(la.det)(A([[1.0, 2.0], [3.0, 4.0]])).numpy().reshape(4, 4)
    np.testing.assert_allclose(hessian, np.fliplr(np.diag([1.0, -1.0, -1.0, 1.0])), atol=1e-13)
    third = wb.jacfwd(wb.hessian(lambda a: la.inv(a * wb.eye(1))[0, 0]))(2.0)
    assert third.item() == pytest.approx(-6 / 2**4)


def test_a_singular_matrix_spoils_no_other() -> None:
    stack = np.stack([SINGULAR, np.eye(2)])
    found = la.inv(stack).numpy()
    assert np.isnan(found[0]).all()
    assert found[1].tolist() == np.eye(2).tolist()
    solved = wb.vmap(la.solve)(stack, A([[1.0, 1.0], [2.0, 3.0]])).numpy()
    assert np.isnan(solved[0]).all()
    assert solved[1].tolist() == [2.0, 3.0]
    assert la.det(SINGULAR).item() == 0.0
    assert [x.item() for x in la.slogdet(SINGULAR)] == [0.0, -np.inf]


def test_where_chooses_around_a_singular_matrix() -> None:
    """MISSION A10, and no NaN out of the branch that is not taken, to second order."""

    def f(x: Any) -> Any:
        return wb.where(la.det(x) != 0, la.inv(x)[0, 0], x[0, 0] ** 2)

    assert f(wb.asarray(SINGULAR)).item() == 1.0
    assert wb.grad(f)(SINGULAR).tolist() == [[2.0, 0.0], [0.0, 0.0]]
    assert (
        wb.hessian(f)(SINGULAR).numpy().reshape(4, 4).tolist() == np.diag([2.0, 0, 0, 0]).tolist()
    )


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_a_determinant_has_its_derivative_at_singular_matrices(rank: int) -> None:
    """Minors by hand, for matrices of every rank."""
    rng = np.random.default_rng(rank)
    x = rng.normal(size=(3, rank)) @ rng.normal(size=(rank, 3))
    minors = [
        [(-1) ** (i + j) * np.linalg.det(np.delete(np.delete(x, i, 0), j, 1)) for j in range(3)]
        for i in range(3)
    ]
    np.testing.assert_allclose(wb.grad(la.det)(x).numpy(), minors, rtol=1e-12, atol=1e-14)


def test_the_sign_jumps_where_the_determinant_vanishes() -> None:
    f: Any = lambda x: la.slogdet(x).sign  # noqa: E731
    assert wb.grad(f, kinks="raise")(A([[1.0, 2.0], [3.0, 4.0]])).tolist() == [[0.0] * 2] * 2
    with pytest.raises(AtKink, match="det_sign"):
        wb.grad(f, kinks="raise")(SINGULAR)


def test_one_matrix_for_many_right_sides_is_divided_up_once(monkeypatch: Any) -> None:
    """Under vmap over the right sides, and for a Jacobian by them."""
    calls: list[tuple[int, ...]] = []
    plain = np.linalg.solve

    def counted(a: Any, b: Any) -> Any:
        calls.append(a.shape)
        return plain(a, b)

    from wingbeat.ops import matrix

    monkeypatch.setattr(matrix, "_solved", matrix._total(counted))
    a, b = matrices(0, 3, 3), np.random.default_rng(1).normal(size=(7, 3))
    found = wb.vmap(lambda b: la.solve(a, b))(b)
    np.testing.assert_allclose(found.numpy(), np.linalg.solve(a, b.T).T, rtol=1e-12)
    jacobian = wb.jacrev(lambda b: la.solve(a, b))(b[0])
    np.testing.assert_allclose(jacobian.numpy(), np.linalg.inv(a), rtol=1e-12)
    assert set(calls) == {(3, 3)}


def test_dtypes() -> None:
    assert la.inv(wb.eye(2, dtype="float32")).dtype == np.float32
    assert la.det(A([[1, 2], [3, 4]])).dtype == np.float64
    assert la.solve(wb.eye(2, dtype="float32"), A([1, 2], "int8")).dtype == np.float64  # as NumPy
    assert la.inv(wb.eye(2, dtype="float16")).dtype == np.float16
    assert la.solve(wb.eye(2, dtype="float32"), np.ones(2)).dtype == np.float64


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: la.inv(np.ones((2, 3))), r"inv: takes square matrices .* not f64\[2,3\]"),
        (lambda: la.det(np.ones(3)), r"det: takes square matrices .* not f64\[3\]"),
        (lambda: la.slogdet(1.0), r"slogdet: takes square matrices .* not f64\[\]"),
        (lambda: la.solve(np.ones((2, 3)), np.ones(2)), "solve: takes square"),
        (lambda: la.solve(np.eye(3), np.ones(2)), r"a vector \(3,\) or matrices \(..., 3, k\)"),
        (lambda: la.solve(np.eye(3), np.ones((2, 3))), r"not f64\[2,3\]"),
        (lambda: la.solve(np.eye(3), 1.0), r"not f64\[\]"),
        (lambda: la.solve(np.ones((2, 3, 3)), np.ones((4, 3, 1))), "leading axes of .* broadcast"),
        (lambda: np.linalg.matrix_power(wb.ones((2, 3)), 2), "square matrices"),
    ],
)
def test_bad_shapes(call: Any, text: str) -> None:
    with pytest.raises(TypeMismatch, match=text):
        call()


def test_errors_quote_the_users_line() -> None:
    with pytest.raises(TypeMismatch, match=r"test_matrices\.py.*la\.inv"):
        la.inv(wb.ones((2, 3)))
