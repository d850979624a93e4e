"""Elementwise primitives at infinities, NaN, both zeros, the largest and the smallest numbers."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tests.ops.cases import ALL, INTEGERS, Array, Case, accepted, run
from tests.ops.laws import tolerance
from wingbeat.ir import Primitive, Sample

ELEMENTWISE = [p for p in ALL if p.family == "elementwise"]

# Whether they return 0.0 or -0.0 where these are equal, NumPy and IEEE 754 of 2008 leave open.
PICKS = ("maximum", "minimum", "relu")


def floats(dtype: str) -> list[Any]:
    info: Any = np.finfo(dtype)  # pyright: ignore[reportArgumentType]
    tiny, least = info.smallest_normal, info.smallest_subnormal
    positive = [0.0, least, tiny / 2, tiny, 0.5, 1.0, 1.5, 2.0, 3.0, 88.7, info.max, np.inf]
    return [*positive, *(-v for v in positive), np.nan]


def integers(dtype: str) -> list[int]:
    info = np.iinfo(dtype)
    return sorted({v for v in (info.min, -7, -1, 0, 1, 2, 3, 7, info.max) if info.min <= v})


def grid(p: Primitive, dtype: str, values: list[Any]) -> tuple[Case, list[Array]]:
    """A case whose operands take all combinations of the values."""
    arity = len(p.samples[0].shapes)
    columns = zip(*itertools.product(values, repeat=arity), strict=True)
    with np.errstate(over="ignore"):
        arrays = [np.array(column, dtype) for column in columns]
    sample = Sample((arrays[0].shape,) * arity, dtypes=(dtype,) * arity)
    return Case(p, sample), arrays


def both_backends(case: Case, arrays: list[Array]) -> tuple[Array, Array]:
    xs = case.leaves()
    feed = dict(zip(xs, arrays, strict=True))
    return run([case.apply(*xs)], feed, "numpy")[0], run([case.apply(*xs)], feed, "reference")[0]


def check_special(p: Primitive, dtype: str) -> None:
    case, arrays = grid(p, dtype, floats(dtype))
    if not accepted(case):
        return
    got, want = both_backends(case, arrays)
    assert got.dtype == want.dtype
    if got.dtype.kind != "f":
        assert_array_equal(got, want)
        return
    with np.errstate(all="ignore"):
        error = np.abs(got.astype(np.float64) - want.astype(np.float64))
        allowed = tolerance(got) * np.abs(want) + 2 * np.finfo(got.dtype).smallest_subnormal
    agree = (got == want) | (np.isnan(got) & np.isnan(want)) | (error <= allowed)
    either = (want == 0) & (p.name in PICKS)
    agree &= np.isnan(want) | either | (np.signbit(got) == np.signbit(want))
    wrong = [(*(a[k] for a in arrays), got[k], want[k]) for k in np.flatnonzero(~agree)]
    assert not wrong, f"operands, numpy, reference: {wrong[:12]}"


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("p", ELEMENTWISE, ids=str)
def test_floats(p: Primitive, dtype: str) -> None:
    check_special(p, dtype)


def check_extreme_integers(p: Primitive, dtype: str) -> None:
    """What does not fit wraps around; shifts by too much shift everything out."""
    values = integers(dtype)
    case, arrays = grid(p, dtype, values if p.name != "pow" else [v for v in values if 0 <= v < 8])
    if accepted(case):
        got, want = both_backends(case, arrays)
        assert got.dtype == want.dtype
        assert_array_equal(got, want)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("p", ELEMENTWISE, ids=str)
def test_integers(p: Primitive, dtype: str) -> None:
    check_extreme_integers(p, dtype)


SIGN = next(p for p in ALL if p.name == "sign")


def test_wrong_sign_of_zero_is_noticed() -> None:
    with pytest.raises(AssertionError):
        check_special(replace(SIGN, numpy=lambda x: np.where(x == 0, -0.0, np.sign(x))), "float64")


def test_missing_nan_is_noticed() -> None:
    with pytest.raises(AssertionError):
        check_special(replace(SIGN, numpy=lambda x: np.nan_to_num(np.sign(x))), "float64")
