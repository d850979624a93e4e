"""Zeros, infinities, NaN and the ends of the range: as NumPy, bit for bit, on every processor."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special as scipy_special

from tests.backend.llvm.arguments import arguments, pairs, special
from tests.support.native import Native, machines
from wingbeat.backend.llvm import target as targets
from wingbeat.backend.llvm.mathematics import FUNCTIONS
from wingbeat.backend.llvm.mathematics.bounds import EXACT

DTYPES = ("float32", "float64")
RENAMED: dict[str, Callable[..., Any]] = {
    "acos": np.arccos,
    "acosh": np.arccosh,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "atanh": np.arctanh,
    "div": np.true_divide,
    "erf": scipy_special.erf,
    "erfc": scipy_special.erfc,
    "pow": np.power,
    "round": np.rint,
    "rsqrt": lambda x: x.dtype.type(1) / np.sqrt(x),
    "sigmoid": scipy_special.expit,
}
BINARY = {
    *("atan2", "copysign", "div", "floor_divide", "fmod", "hypot", "logaddexp", "maximum"),
    *("minimum", "nextafter", "pow", "remainder"),
}


def numpys(name: str, *xs: Any) -> Any:
    with np.errstate(all="ignore"):
        return (RENAMED[name] if name in RENAMED else getattr(np, name))(*xs)


def compared(name: str, z: Any, want: Any, where: Any, xs: Any) -> str:
    """The first place where the two differ, or nothing."""
    assert z.dtype == want.dtype
    same = np.equal(z, want)
    if z.dtype.kind == "f":
        same = (same & (np.signbit(z) == np.signbit(want))) | (np.isnan(z) & np.isnan(want))
    wrong = np.flatnonzero(~same & where)
    if not wrong.size:
        return ""
    k = wrong[0]
    return f"{name}({', '.join(repr(x[k]) for x in xs)}) is {z[k]!r}, not {want[k]!r}"


def on_every_machine(name: str, where: Any, *xs: Any) -> None:
    want = numpys(name, *xs)
    for machine, count in machines():
        with targets.forced(machine):
            f = Native(FUNCTIONS[name], *(x.dtype for x in xs), count=count)
        text = compared(name, f(*xs), want, where, xs)
        assert not text, f"{machine}, {count or 'all'} lanes: {text}"


def grid(dtype: Any) -> tuple[Any, Any]:
    return tuple(np.array(list(itertools.product(special(dtype), repeat=2)), dtype).T)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted(EXACT))
def test_what_is_exact_is_numpys(name: str, dtype: str) -> None:
    several = grid(dtype) if name in BINARY else (special(dtype),)
    many = pairs(dtype, 1000) if name in BINARY else (arguments(dtype, 1000),)
    xs = [np.concatenate(x) for x in zip(several, many, strict=True)]
    where = np.True_
    if name in ("minimum", "maximum"):  # which of two zeros, NumPy leaves to the processor
        where = np.any(np.not_equal(xs, 0), axis=0)
    on_every_machine(name, where, *xs)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - EXACT))
def test_special_values_are_numpys(name: str, dtype: str) -> None:
    """Where an operand, or the result, is 0, infinite or NaN; 0 is nothing special to logaddexp."""
    xs = grid(dtype) if name in BINARY else (special(dtype),)
    ends = [numpys(name, *xs), *xs]
    where = np.any(~np.isfinite(ends), axis=0)
    if name != "logaddexp":
        where |= np.any(np.equal(ends, 0), axis=0)
    on_every_machine(name, where, *xs)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["asin", "asinh", "atan", "atanh", "log1p", "sin", "tan"])
def test_the_smallest_numbers_are_their_own_sine(name: str, dtype: str) -> None:
    about = np.finfo(dtype)
    tiny = np.array([about.smallest_subnormal, about.smallest_normal * 0.75], dtype)
    for machine, count in machines():
        with targets.forced(machine):
            f = Native(FUNCTIONS[name], dtype, count=count)
        np.testing.assert_array_equal(f(tiny), tiny, strict=True)
        np.testing.assert_array_equal(f(-tiny), -tiny, strict=True)


def test_powers_by_hand() -> None:
    """Annex F of C: 1 to anything, anything to 0, odd powers of -0, -1 to an infinity."""
    nan, inf = math.nan, math.inf
    rows = [
        (1.0, nan, 1.0),
        (nan, 0.0, 1.0),
        (-0.0, -3.0, -inf),
        (-0.0, 3.0, -0.0),
        (-0.0, 2.0, 0.0),
        (-1.0, -inf, 1.0),
        (-inf, 3.0, -inf),
        (-inf, -3.0, -0.0),
        (-8.0, 1 / 3, nan),
        (-2.0, 3.0, -8.0),
        (0.5, -inf, inf),
    ]
    x, y, want = np.array(rows).T
    for dtype in DTYPES:
        f = Native(FUNCTIONS["pow"], dtype, dtype)
        np.testing.assert_array_equal(f(x, y), want.astype(dtype), strict=True)


def test_an_odd_zero_is_noticed() -> None:
    zero = np.array([0.0])
    assert compared("neg", -zero, zero, np.True_, [zero])
    assert not compared("same", zero, zero, np.True_, [zero])
