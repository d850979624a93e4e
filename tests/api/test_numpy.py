"""NumPy's own functions on tensors: NumPy's values and dtypes, with exact derivatives."""

# NumPy's and Python's stubs do not know that a Tensor answers their protocols, which is tested.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportOperatorIssue=false, reportDeprecated=false

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from tests.api.numpy_calls import (
    BINARY_UFUNCS,
    BOOLEAN_UFUNCS,
    CALLS,
    COMPARISONS,
    FACTS,
    UNARY_UFUNCS,
    Array,
    Function,
    M,
    check_gradients,
)
from wingbeat.api.protocols import FUNCTIONS, UFUNCS


def _weighted(f: Function) -> Function:
    """A scalar that depends on every element of what `f` returns."""

    def scalar(*xs: Any) -> Any:
        z = f(*xs)
        return (z * np.cos(np.arange(1.0, 1.0 + z.size)).reshape(z.shape)).sum()

    return scalar


def _check(f: Function, operands: tuple[Array, ...], positions: bool = True) -> None:
    expected = np.asarray(f(*operands))
    found = f(*(wb.asarray(x) for x in operands))
    assert isinstance(found, wb.Tensor)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12, atol=1e-14)
    for k in range(len(operands)):  # arrays and tensors beside one another
        mixed = f(*(wb.asarray(x) if j == k else x for j, x in enumerate(operands)))
        np.testing.assert_allclose(mixed.numpy(), expected, rtol=1e-12, atol=1e-14)
    check_gradients(_weighted(f), operands)


@pytest.mark.parametrize(
    ("name", "f", "operands"), CALLS, ids=lambda v: v if isinstance(v, str) else ""
)
def test_functions(name: str, f: Function, operands: tuple[Array, ...]) -> None:
    _check(f, operands)


@pytest.mark.parametrize(("ufunc", "x"), UNARY_UFUNCS, ids=lambda v: getattr(v, "__name__", ""))
def test_unary_ufuncs(ufunc: Any, x: Array) -> None:
    _check(ufunc, (x,))


@pytest.mark.parametrize(
    ("ufunc", "x", "y"), BINARY_UFUNCS, ids=lambda v: getattr(v, "__name__", "")
)
def test_binary_ufuncs(ufunc: Any, x: Array, y: Array) -> None:
    _check(ufunc, (x, y))


@pytest.mark.parametrize(
    ("name", "f", "operands"), FACTS, ids=lambda v: v if isinstance(v, str) else ""
)
def test_facts(name: str, f: Function, operands: tuple[Array, ...]) -> None:
    expected = np.asarray(f(*operands))
    found = np.asarray(f(*(wb.asarray(x) for x in operands)))
    assert found.dtype == expected.dtype
    assert np.array_equal(found, expected)


def test_boolean_ufuncs() -> None:
    a = np.array([0.0, -0.0, 1.5, np.nan, np.inf, -np.inf])
    for ufunc in BOOLEAN_UFUNCS:
        assert np.array_equal(ufunc(wb.asarray(a)).numpy(), ufunc(a))
    for ufunc in COMPARISONS:
        assert np.array_equal(ufunc(wb.asarray(a), 1.5).numpy(), ufunc(a, 1.5))
        assert np.array_equal(ufunc(1.5, wb.asarray(a)).numpy(), ufunc(1.5, a))


def test_fmax_and_fmin_ignore_nan() -> None:
    a, b = np.array([1.0, np.nan, np.nan]), np.array([np.nan, 2.0, np.nan])
    for ufunc in (np.fmax, np.fmin):
        np.testing.assert_array_equal(ufunc(wb.asarray(a), b).numpy(), ufunc(a, b))
    assert wb.grad(lambda x: np.fmax(x, np.nan))(2.0).item() == 1.0


def test_bits() -> None:
    a, b = np.array([6, 1, 255]), np.array([3, 1, 2])
    for f in (np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.left_shift, np.right_shift):
        assert np.array_equal(f(wb.asarray(a), b).numpy(), f(a, b))
        assert np.array_equal(f(a, wb.asarray(b)).numpy(), f(a, b))
    assert np.array_equal(np.invert(wb.asarray(a)).numpy(), np.invert(a))
    assert np.nextafter(wb.asarray(1.0), 2.0).item() == np.nextafter(1.0, 2.0)


def test_heaviside() -> None:
    a = np.array([-1.0, 0.0, 2.0, np.nan])
    assert np.array_equal(np.heaviside(wb.asarray(a), 0.5).numpy(), np.heaviside(a, 0.5), True)
    assert wb.grad(lambda y: np.heaviside(a, y)[:3].sum())(0.5).item() == 1.0


def test_nan_functions() -> None:
    a = np.array([[1.0, np.nan], [3.0, 4.0]])
    assert np.nansum(wb.asarray(a), axis=0).tolist() == [4.0, 4.0]
    assert np.nanmean(wb.asarray(a)).item() == 8.0 / 3.0
    assert wb.grad(lambda x: np.nansum(x * x))(a).tolist() == [[2.0, 0.0], [6.0, 8.0]]
    b = np.array([np.nan, np.inf, -np.inf, 2.0])
    assert np.array_equal(np.nan_to_num(wb.asarray(b)).numpy(), np.nan_to_num(b))
    assert np.nan_to_num(wb.asarray(b), nan=1.0, posinf=2.0, neginf=3.0).tolist() == [1, 2, 3, 2]
    assert np.isnan(np.median(wb.asarray(b)).item())


def test_sinc_and_its_derivatives_at_0() -> None:
    f = wb.hessian(lambda x: np.sinc(x).sum())
    assert wb.grad(lambda x: np.sinc(x))(0.0).item() == 0.0
    assert f(np.array([0.0])).item() == pytest.approx(-(np.pi**2) / 3)


def test_integer_operands_keep_numpys_dtypes() -> None:
    a = np.array([[3, 1, 2]], "int32")
    for f in (np.sum, np.prod, np.max, np.sort, np.cumsum, np.negative, np.square, np.mean, np.std):
        expected = np.asarray(f(a))
        found = f(wb.asarray(a))
        assert found.dtype == expected.dtype, f.__name__
        np.testing.assert_allclose(found.numpy(), expected)


def test_facts_about_tensors() -> None:
    x = wb.asarray(M)
    assert (np.shape(x), np.ndim(x), np.size(x), np.size(x, 0)) == ((3, 4), 2, 12, 3)
    assert np.array_equal(x, M)
    assert np.allclose(x, M + 1e-12)
    assert not np.allclose(x, M + 1)
    assert np.result_type(x, np.float32) == np.float64
    assert (np.array_repr(x), np.array_str(x)) == (repr(x), str(x))
    assert np.empty_like(x).shape == x.shape
    assert np.array_equiv(x, M)
    assert np.can_cast(x, np.float64)
    assert np.may_share_memory(x, M) is False
    assert np.isrealobj(x)
    assert np.array2string(x) == np.array2string(M)
    assert not np.iscomplexobj(x)
    assert not np.shares_memory(x, x)


def test_every_function_in_the_tables_is_tested() -> None:
    files = Path(__file__).parent.glob("*numpy*.py")
    source = "".join(file.read_text(encoding="utf-8") for file in files)
    names = [f"{f.__module__}.{f.__name__}".replace("numpy.", "np.") for f in FUNCTIONS]
    assert [n for n in names if n not in source and n.split(".")[-1] not in source] == []
    assert [n for n in UFUNCS if n not in source] == []
