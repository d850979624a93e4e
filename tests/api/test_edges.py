"""Where programs go wrong: dead branches, no elements, NaN, narrow dtypes, huge shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from wingbeat.errors import TypeMismatch

A = np.array
Function = Callable[..., Any]

# name here, name in NumPy, a point where it is smooth
UNARY = [
    ("exp", "exp", 0.5),
    ("exp2", "exp2", 0.5),
    ("expm1", "expm1", 0.5),
    ("log", "log", 0.5),
    ("log1p", "log1p", 0.5),
    ("log2", "log2", 0.5),
    ("log10", "log10", 0.5),
    ("sqrt", "sqrt", 0.5),
    ("sin", "sin", 0.5),
    ("cos", "cos", 0.5),
    ("tan", "tan", 0.5),
    ("asin", "arcsin", 0.5),
    ("acos", "arccos", 0.5),
    ("atan", "arctan", 0.5),
    ("sinh", "sinh", 0.5),
    ("cosh", "cosh", 0.5),
    ("tanh", "tanh", 0.5),
    ("asinh", "arcsinh", 0.5),
    ("acosh", "arccosh", 1.5),
    ("atanh", "arctanh", 0.5),
    ("abs", "abs", -0.5),
    ("negative", "negative", 0.5),
    ("positive", "positive", 0.5),
    ("sign", "sign", -0.5),
    ("square", "square", 0.5),
    ("reciprocal", "reciprocal", 0.5),
    ("floor", "floor", 0.5),
    ("ceil", "ceil", 0.5),
    ("trunc", "trunc", -0.5),
    ("round", "rint", 0.7),
]
FLOATS = ("float16", "float32", "float64")
SPECIAL = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 0.5, -2.5, 2.5, 1e-3, 300.0]


# --- special values, narrow dtypes ---------------------------------------------------------------


@pytest.mark.parametrize(("name", "theirs", "point"), UNARY, ids=[u[0] for u in UNARY])
@pytest.mark.parametrize("dtype", FLOATS)
def test_special_values_are_numpys(name: str, theirs: str, point: float, dtype: str) -> None:
    a = A(SPECIAL, dtype)
    with np.errstate(all="ignore"):
        expected = getattr(np, theirs)(a)
    found = getattr(wb, name)(a).numpy()
    assert found.dtype == np.dtype(dtype)
    np.testing.assert_array_max_ulp(found, expected, 4)
    assert np.array_equal(np.signbit(found), np.signbit(expected)) or np.isnan(found).any()


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "maximum", "minimum"])
@pytest.mark.parametrize("dtype", FLOATS)
def test_special_pairs_are_numpys(name: str, dtype: str) -> None:
    a = A(SPECIAL, dtype)
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(a[:, None], a)
    np.testing.assert_array_equal(getattr(wb, name)(a[:, None], a).numpy(), expected)


@pytest.mark.parametrize(("name", "theirs", "point"), UNARY, ids=[u[0] for u in UNARY])
def test_scalars_vectors_and_nothing(name: str, theirs: str, point: float) -> None:
    f = getattr(wb, name)
    for shape in ((), (1,), (0,), (2, 0), (1, 1, 1)):
        x = np.full(shape, point)
        assert f(x).shape == shape
        np.testing.assert_allclose(f(x).numpy(), getattr(np, theirs)(x), rtol=1e-15)
        for dtype in FLOATS:
            g = wb.grad(lambda x: f(x).sum())(x.astype(dtype))
            assert (g.shape, g.dtype) == (shape, np.dtype(dtype))
            assert np.isfinite(g.numpy()).all()


def test_float16_overflows_to_infinity_and_back() -> None:
    x = wb.asarray([60000.0, 2.0], "float16")
    assert (x + x).tolist() == [np.inf, 4.0]
    assert wb.exp(x).tolist() == [np.inf, pytest.approx(7.39, rel=1e-3)]
    assert wb.softmax(x).tolist() == [1.0, 0.0]
    assert wb.logsumexp(x).item() == 60000.0
    assert wb.grad(lambda v: wb.logsumexp(v))(x).tolist() == [1.0, 0.0]


# --- dead branches ----------------------------------------


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (lambda x: wb.where(x < 1, x, wb.sqrt(x)), 0.0, 1.0),
        (lambda x: wb.where(x < 1, x, wb.log(x)), 0.0, 1.0),
        (lambda x: wb.where(x < 1, x, 1 / x), 0.0, 1.0),
        (lambda x: wb.where(x < 1, x, x**0.5), 0.0, 1.0),
        (lambda x: wb.where(x < 1, x, wb.log(x) * wb.sqrt(x)), 0.0, 1.0),
        (lambda x: wb.where(x < 1, x, wb.sqrt(wb.log(x))), 0.0, 1.0),
        (lambda x: wb.where(x < 1, 2 * x, wb.asin(x)), -1.0, 2.0),
        (lambda x: wb.where(x < 800, x, wb.exp(x)), 790.0, 1.0),
        (lambda x: wb.where(x > 0, wb.log(x), 0.0 * x), 0.0, 0.0),
        (lambda x: wb.where(x > 0, wb.atan2(x, x), x), 0.0, 1.0),
        (lambda x: wb.maximum(x, 1.0) + wb.where(x > 2, wb.norm(x[None] - x), 0.0), 3.0, 1.0),
        (lambda x: np.where(x > 0, np.power(x, 0.1), x), 0.0, 1.0),
        (lambda x: wb.stack([x, wb.sqrt(x - 1)])[0], 1.0, 1.0),
    ],
)
def test_nan_never_leaks_from_the_branch_not_taken(f: Function, x: float, expected: float) -> None:
    assert wb.grad(f)(x).item() == expected
    assert wb.jvp(f, (x,), (1.0,))[1].item() == expected
    assert wb.vmap(wb.grad(f))(A([x, x])).tolist() == [expected] * 2


def test_a_true_nan_is_a_nan() -> None:
    assert np.isnan(wb.grad(lambda x: wb.sqrt(x) * x)(-1.0).item())
    assert np.isnan(wb.grad(lambda x: x * np.nan)(1.0).item())
    assert wb.grad(lambda x: wb.sqrt(x))(0.0).item() == np.inf


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (lambda x: abs(x).sum(), A([0.0, -1.0]), [0.0, -1.0]),
        (lambda x: wb.relu(x).sum(), A([0.0, -1.0, 2.0]), [0.0, 0.0, 1.0]),
        (lambda x: wb.max(x), A([2.0, 2.0, 1.0]), [0.5, 0.5, 0.0]),
        (lambda x: wb.min(x), A([2.0, 1.0, 1.0, 1.0]), [0.0, 1 / 3, 1 / 3, 1 / 3]),
        (lambda x: wb.maximum(x, 1.0).sum(), A([1.0, 2.0]), [0.5, 1.0]),
        (lambda x: wb.norm(x), A([0.0, 0.0]), [0.0, 0.0]),
        (lambda x: wb.hypot(x[0], x[1]), A([0.0, 0.0]), [0.0, 0.0]),
        (lambda x: wb.sign(x).sum(), A([0.0, 3.0]), [0.0, 0.0]),
        (lambda x: wb.prod(x), A([0.0, 2.0, 0.0]), [0.0, 0.0, 0.0]),
        (lambda x: wb.prod(x), A([0.0, 2.0, 3.0]), [6.0, 0.0, 0.0]),
        (lambda x: wb.std(x), A([2.0, 2.0]), [0.0, 0.0]),
        (lambda x: (x**0).sum(), A([0.0, 2.0]), [0.0, 0.0]),
        (lambda x: (x**1).sum(), A([0.0, 2.0]), [1.0, 1.0]),
        (lambda x: (x**2).sum(), A([0.0, -2.0]), [0.0, -4.0]),
        (lambda x: (2.0**x).sum(), A([0.0]), [np.log(2.0)]),
        (lambda x: (0.0**x).sum(), A([2.0]), [0.0]),
    ],
)
def test_conventions_where_no_derivative_exists(f: Function, x: Any, expected: Any) -> None:
    # MISSION A10
    assert wb.grad(f)(x).tolist() == expected


# --- no elements ----------------------------------------


def test_reductions_of_nothing() -> None:
    e = wb.zeros((0, 3))
    assert wb.sum(e, axis=0).tolist() == [0.0] * 3
    assert wb.prod(e, axis=0).tolist() == [1.0] * 3
    assert np.isnan(wb.mean(e, axis=0).numpy()).all()
    assert np.isnan(wb.var(e, axis=0).numpy()).all()
    assert wb.any(e).item() is False
    assert wb.all(e).item() is True
    assert wb.norm(e).item() == 0.0
    assert wb.count_nonzero(e).item() == 0
    assert wb.cumulative_sum(e, axis=0).shape == (0, 3)
    assert wb.sort(e, axis=0).shape == (0, 3)
    assert wb.softmax(wb.zeros((0, 3))).shape == (0, 3)
    for f in (wb.sum, wb.prod, wb.norm):
        assert wb.grad(lambda x, f=f: f(x))(np.zeros((0, 3))).shape == (0, 3)


def test_products_of_nothing() -> None:
    x, y = np.zeros((2, 0)), np.zeros((0, 3))
    assert (wb.asarray(x) @ y).tolist() == [[0.0] * 3] * 2
    assert wb.einsum("ij,jk->", x, y).item() == 0.0
    assert wb.tensordot(x, y, axes=1).shape == (2, 3)
    gx, gy = wb.grad(lambda a, b: (a @ b).sum(), (0, 1))(x, y)
    assert (gx.shape, gy.shape) == ((2, 0), (0, 3))
    assert wb.jacrev(lambda a: a @ y)(x).shape == (2, 3, 2, 0)
    assert wb.hessian(lambda a: (a * a).sum())(np.zeros(0)).shape == (0, 0)


def test_shapes_of_nothing() -> None:
    e = wb.zeros((2, 0, 3))
    assert e.reshape(0).shape == (0,)
    assert e.T.shape == (3, 0, 2)
    assert e[..., 1].shape == (2, 0)
    assert e[:, []].shape == (2, 0, 3)
    assert wb.concat([wb.zeros(0), wb.ones(2)]).tolist() == [1.0, 1.0]
    assert wb.stack([wb.zeros(0)] * 2).shape == (2, 0)
    assert wb.roll(e, 1, axis=1).shape == e.shape
    assert wb.flip(e).shape == e.shape
    assert wb.repeat(wb.zeros(0), 3).shape == (0,)
    assert wb.tile(wb.zeros(2), (0,)).shape == (0,)
    assert wb.diff(wb.ones(1)).shape == (0,)
    assert wb.unstack(wb.zeros((0, 2))) == ()
    assert wb.broadcast_to(wb.zeros((1, 0)), (5, 0)).shape == (5, 0)
    assert wb.where(wb.zeros(0) > 0, 1.0, 2.0).shape == (0,)


# --- booleans and integers ----------------------------------------


def test_booleans_are_counted_in_int64() -> None:
    b = wb.asarray([[True, False], [True, True]])
    for f, theirs in ((wb.sum, np.sum), (wb.prod, np.prod), (wb.mean, np.mean), (wb.std, np.std)):
        expected = theirs(b.numpy(), axis=0)
        found = f(b, axis=0)
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found.numpy(), expected)
    assert wb.cumulative_sum(b, axis=1).tolist() == [[1, 1], [1, 2]]
    assert wb.argmax(b, axis=1).tolist() == [0, 0]
    assert (wb.max(b).item(), wb.min(b).item()) == (True, False)
    assert wb.sort(b[0]).tolist() == [False, True]
    assert wb.concat([b[0], wb.asarray([2])]).tolist() == [1, 0, 2]
    assert (b.astype("float32") @ wb.ones(2, dtype="float32")).dtype == np.float32


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "uint8", "uint16", "uint32", "bool"])
def test_sums_of_narrow_integers_are_wide(dtype: str) -> None:
    a = np.ones(300, dtype)
    assert wb.sum(a).item() == 300
    assert wb.sum(a).dtype == np.sum(a).dtype
    assert wb.cumulative_sum(a).dtype == np.cumsum(a).dtype
    assert wb.prod(a).dtype == np.prod(a).dtype
    assert wb.sum(a, dtype="float32").dtype == np.float32


def test_integers_become_floats_where_they_must() -> None:
    for name in ("exp", "sin", "sqrt", "tanh", "sigmoid", "mean", "std", "softmax", "logsumexp"):
        assert getattr(wb, name)(A([1, 2], "int32")).dtype == np.float64
    for name in ("abs", "negative", "square", "relu", "floor", "sign"):
        assert getattr(wb, name)(A([1, 2], "int32")).dtype == np.int32


def test_large_integers_are_kept_exactly() -> None:
    big = 2**62 + 1
    x = wb.asarray([big, -big])
    assert (x + 0).tolist() == [big, -big]
    assert x.sum().item() == 0
    assert wb.max(x).item() == big
    assert (x // 1).tolist() == [big, -big]
    assert wb.asarray([2**64 - 1], "uint64").tolist() == [2**64 - 1]


# --- huge shapes ----------------------------------------


def test_types_are_checked_before_anything_is_allocated() -> None:
    huge = wb.broadcast_to(wb.asarray(1.0), (10**6, 10**6))
    assert (huge + 1).shape == (10**6, 10**6)
    assert (huge @ huge).size == 10**12
    with pytest.raises(TypeMismatch, match="inner sizes"):
        _ = huge @ wb.broadcast_to(wb.asarray(1.0), (3, 10**6))
    with pytest.raises(TypeMismatch, match="broadcast"):
        _ = huge + wb.ones(7)
    with pytest.raises(TypeMismatch, match="reshape"):
        huge.reshape(10**6, 10**5)
    with pytest.raises(TypeMismatch, match="outside"):
        huge.sum(axis=2)
    assert huge[5, :3].tolist() == [1.0, 1.0, 1.0]


def test_what_does_not_fit_into_memory_is_refused() -> None:
    with pytest.raises(TypeMismatch, match="no such tensor"):
        wb.ones((10**6, 10**6, 10**3))


# --- in one expression ----------------------------------------


def test_deep_broadcasting_in_gradients() -> None:
    shapes = ((), (1,), (3,), (1, 3), (2, 1), (2, 3), (4, 1, 3), (4, 2, 1))
    rng = np.random.default_rng(0)
    for s in shapes:
        for t in shapes:
            a, b = rng.normal(size=s), rng.normal(size=t)
            ga, gb = wb.grad(lambda x, y: (x * y + x).sum(), (0, 1))(a, b)
            whole = np.broadcast_shapes(s, t)
            da = np.broadcast_to(b + 1, whole)
            db = np.broadcast_to(a, whole)
            np.testing.assert_allclose(ga.numpy(), _summed_to(da, s), rtol=1e-13)
            np.testing.assert_allclose(gb.numpy(), _summed_to(db, t), rtol=1e-13)


def _summed_to(g: Any, shape: tuple[int, ...]) -> Any:
    g = g.sum(tuple(range(g.ndim - len(shape))))
    return g.sum(tuple(k for k, n in enumerate(shape) if n == 1), keepdims=True)
