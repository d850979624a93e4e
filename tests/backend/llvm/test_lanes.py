"""Typed arithmetic of `Lanes`: as NumPy, for all dtypes, on every processor."""

import itertools
import math
import operator
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.backend.llvm.arguments import arguments, special
from tests.support.native import X86_64, Native, machines
from wingbeat.backend.llvm import target as targets
from wingbeat.backend.llvm.lanes import BOOL, F16, F32, U16, Lanes, Vector
from wingbeat.backend.llvm.mathematics import FUNCTIONS

FLOATS = ("float32", "float64")
SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
INTEGERS = SIGNED + UNSIGNED
DTYPES = ("bool", *INTEGERS, *FLOATS)
RELATIONS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
BITS = {"&": np.bitwise_and, "|": np.bitwise_or, "^": np.bitwise_xor}
SHIFTS = {"<<": np.left_shift, ">>": np.right_shift}


def numbers(dtype: Any) -> Any:
    """The ends of the range and their neighbours, small ones, and any bits; NaN and infinities."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return np.array([False, True] * 20)
    if dtype.kind == "f":
        whole = np.array([2.0**k for k in (7, 8, 15, 16, 31, 32, 63, 64)], dtype)
        edges = np.concatenate([whole, whole * 1.5, whole - 1, whole - whole.dtype.type(0.5)])
        return np.concatenate([special(dtype), edges, -edges, arguments(dtype, 100)])
    about, rng = np.iinfo(dtype), np.random.default_rng(7)
    ends = [about.min, about.min + 1, about.max - 1, about.max, about.max // 2]
    small = np.arange(-9, 70).astype(dtype)
    anything = rng.integers(0, 256, 300 * dtype.itemsize, np.uint8).view(dtype)
    return np.concatenate([np.array(ends, dtype), small, anything])


def pairs(dtype: Any) -> tuple[Any, Any]:
    x, rng = numbers(dtype), np.random.default_rng(8)
    some = rng.choice(x, 40)
    grid = np.array(list(itertools.product(x[:40], x[:40]))).astype(dtype).T
    mixed = np.array(list(itertools.product(x, some))).astype(dtype).T
    x, y = np.concatenate([grid, mixed], axis=1)
    return x, y


def same(f: Callable[..., Vector], want: Any, *xs: Any) -> None:
    """`f(lanes, *vectors)` is `want` bit for bit, but for what is a NaN."""
    for machine, count in machines():
        with targets.forced(machine):
            native = Native(f, *(x.dtype for x in xs), count=count)
        z = native(*xs)
        assert native.result == want.dtype
        z = z.astype(want.dtype) if want.dtype.kind == "b" else z
        equal = np.equal(z, want)
        if want.dtype.kind == "f":
            equal = (equal & (np.signbit(z) == np.signbit(want))) | (np.isnan(z) & np.isnan(want))
        wrong = np.flatnonzero(~equal)
        text = [f"{[x[k] for x in xs]}: {z[k]!r}, not {want[k]!r}" for k in wrong[:5]]
        assert not text, f"{machine}, {count or 'all'} lanes: {text}"


# --- conversions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("want", DTYPES)
@pytest.mark.parametrize("have", DTYPES)
def test_casts_are_numpys(have: str, want: str) -> None:
    """Also of floats that do not fit into the integers: as NumPy converts one number.

    Of several at a time it makes other uint32 from what does not fit; and other processors make
    other integers of that, in NumPy, than x86-64.
    """
    x, dtype = numbers(have), np.dtype(want)
    if not X86_64 and x.dtype.kind == "f" and dtype.kind in "iu":
        x = x[(x > np.iinfo(dtype).min) & (x < np.iinfo(dtype).max)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a number does not fit
        z = np.concatenate([x[k : k + 1].astype(dtype) for k in range(x.size)])
    same(lambda s, x: s.cast(x, dtype), z, x)


def test_every_half_becomes_its_float() -> None:
    halves = np.arange(1 << 16).astype(np.uint16)
    same(lambda s, x: s.from_half(x), halves.view(np.float16).astype(np.float32), halves)


@pytest.mark.parametrize("dtype", FLOATS)
def test_floats_become_the_nearest_half(dtype: str) -> None:
    """Every half, what lies in the middle of two of them, and the neighbours of these."""
    halves = np.arange(0x7C00).astype(np.uint16).view(np.float16).astype(dtype)
    middles = (halves[1:] + halves[:-1]) / 2
    middles = np.append(middles, halves.dtype.type(65520.0))  # from here on infinite
    x = np.concatenate([halves, middles])
    x = np.concatenate([x, np.nextafter(x, 0), np.nextafter(x, np.inf), numbers(dtype)])
    x = np.concatenate([x, -x])
    x = x[~np.isnan(x)]
    with np.errstate(all="ignore"):
        want = x.astype(np.float16)
    same(lambda s, x: s.to_half(x), want.view(np.uint16), x)
    same(lambda s, x: s.cast(x, F16), want.astype(np.float32), x)


def test_nan_stays_nan_as_a_half() -> None:
    x = np.array([math.nan, -math.nan] * 20, np.float32)
    for machine, count in machines():
        with targets.forced(machine):
            f = Native(lambda s, x: s.to_half(x), F32, count=count)
        assert np.isnan(f(x).view(np.float16)).all()


# --- integers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("name", ["floor_divide", "remainder"])
def test_division_of_integers_is_numpys(name: str, dtype: str) -> None:
    """By 0 it is 0; of the smallest number by -1, that number."""
    x, y = pairs(dtype)
    with np.errstate(all="ignore"):
        want = getattr(np, name)(x, y)
    same(FUNCTIONS[name], want, x, y)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_powers_of_integers_wrap_as_numpys(dtype: str) -> None:
    x, y = pairs(dtype)
    y = np.maximum(y, 0)
    same(FUNCTIONS["pow"], np.power(x, y), x, y)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_negative_powers_of_integers_are_refused(dtype: str) -> None:
    def refused(s: Lanes, x: Vector, y: Vector) -> Vector:
        masks: list[Vector] = []
        FUNCTIONS["pow"](Lanes(s.builder, s.count, s.target, masks.append), x, y)
        return masks[0] if masks else s.const(False, BOOL)

    x, y = pairs(dtype)
    same(refused, y < 0, x, y)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("name", ["add", "sub", "mul"])
def test_integers_wrap(name: str, dtype: str) -> None:
    x, y = pairs(dtype)
    ufunc = {"add": np.add, "sub": np.subtract, "mul": np.multiply}[name]
    same(getattr(Lanes, name), ufunc(x, y), x, y)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("shift", SHIFTS)
def test_shifts_are_numpys(shift: str, dtype: str) -> None:
    """By any amount: by the width or more, or by less than 0, all bits go."""
    x, y = pairs(dtype)
    same(lambda s, x, y: s.bits(shift, x, y), SHIFTS[shift](x, y), x, y)
    for known in (0, 1, 7, 8, 31, 63, 64):
        if known <= np.iinfo(dtype).max:
            want = SHIFTS[shift](x, np.array(known, dtype))
            same(lambda s, x, known=known: s.bits(shift, x, known), want, x)


@pytest.mark.parametrize("dtype", ["bool", *INTEGERS])
@pytest.mark.parametrize("name", BITS)
def test_bits_are_numpys(name: str, dtype: str) -> None:
    x, y = pairs(dtype)
    same(lambda s, x, y: s.bits(name, x, y), BITS[name](x, y), x, y)
    same(lambda s, x: s.invert(x), np.invert(x), x)


@pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS])
@pytest.mark.parametrize(
    "name", ["abs", "sign", "round", "floor", "ceil", "trunc", "isnan", "isinf", "isfinite"]
)
def test_functions_of_one_number_are_numpys(name: str, dtype: str) -> None:
    x = numbers(dtype)
    same(FUNCTIONS[name], getattr(np, name)(x), x)


# --- comparing and choosing -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("relation", RELATIONS)
def test_comparisons_are_numpys(relation: str, dtype: str) -> None:
    x, y = pairs(dtype)
    same(lambda s, x, y: s.compare(relation, x, y), RELATIONS[relation](x, y), x, y)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["minimum", "maximum"])
def test_extremes_are_numpys(name: str, dtype: str) -> None:
    x, y = pairs(dtype)
    told = (x != 0) | (y != 0)  # which of two zeros it takes, NumPy leaves to the processor
    x, y = x[told], y[told]
    same(FUNCTIONS[name], getattr(np, name)(x, y), x, y)


@pytest.mark.parametrize("dtype", DTYPES)
def test_select_takes_what_it_is_told(dtype: str) -> None:
    x, y = pairs(dtype)
    c = np.arange(x.size) % 3 == 0
    same(lambda s, c, x, y: s.select(c, x, y), np.where(c, x, y), c, x, y)
    same(lambda s, c, x: s.select(c, x, 1), np.where(c, x, np.array(1, dtype)), c, x)


@pytest.mark.parametrize("dtype", FLOATS)
def test_only_nan_is_cleared_and_only_where_it_is_told(dtype: str) -> None:
    x = numbers(dtype)
    signalling = np.array([1, -1], np.dtype(f"i{np.dtype(dtype).itemsize}"))
    bits = x.view(signalling.dtype)
    bits[:2] = np.array([np.inf, -np.inf], dtype).view(bits.dtype) + signalling[0]
    c = np.arange(x.size) % 3 != 0
    same(Lanes.clear, np.where(c & np.isnan(x), np.array(0, dtype), x), c, x)


def test_numbers_are_looked_up_by_their_last_four_bits() -> None:
    table, at = np.arange(100, 116, dtype=np.float32), np.arange(-50, 70, dtype=np.int32)
    with targets.forced("skylake-avx512"):
        if targets.current().bits > targets.host().bits:
            pytest.skip("this processor has no AVX-512")
    for count in (8, 16, 32):
        with targets.forced("skylake-avx512"):
            find = Native(lambda s, at: s.lookup(list(table), at, F32), "int32", count=count)
        np.testing.assert_array_equal(find(at), table[at % 16])


@pytest.mark.parametrize("dtype", FLOATS)
def test_arithmetic_of_floats_is_ieee(dtype: str) -> None:
    x, y = pairs(dtype)
    ufuncs = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.true_divide}
    with np.errstate(all="ignore"):
        for name, ufunc in ufuncs.items():
            same(getattr(Lanes, name), ufunc(x, y), x, y)
        same(Lanes.sqrt, np.sqrt(x), x)
        same(Lanes.neg, -x, x)


# --- helpers of the functions ---------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
def test_normalized_and_scale_undo_each_other(dtype: str) -> None:
    """x = m 2^k for all positive x, the smallest ones too, with m in [3/4, 3/2)."""
    x = np.abs(arguments(dtype, 1000))
    x = x[x > 0]
    for machine, count in machines():
        with targets.forced(machine):
            m = Native(lambda s, x: s.normalized(x)[0], dtype, count=count)(x)
            k = Native(lambda s, x: s.normalized(x)[1], dtype, count=count)(x)
            half = Native(lambda s, m, k: s.scale(m, k), dtype, dtype, count=count)
        assert ((m >= 0.75) & (m < 1.5)).all()
        np.testing.assert_array_equal(np.ldexp(m, k.astype(int)), x)
        small = np.abs(k) < 0.7 * np.finfo(dtype).maxexp
        np.testing.assert_array_equal(half(m[small], k[small]), x[small])


@pytest.mark.parametrize("kind", ["add", "max", "min"])
def test_lanes_are_reduced(kind: str) -> None:
    """Every vector's own number, in all of its lanes."""
    x = np.arange(64, dtype=np.float32) % 7
    ufunc = {"add": np.add, "max": np.maximum, "min": np.minimum}[kind]
    for machine in dict.fromkeys(machine for machine, _ in machines()):
        with targets.forced(machine):

            def reduced(s: Lanes, x: Vector) -> Vector:
                return s.splat(s.reduce(kind, x).value, x.dtype)

            z = Native(reduced, F32, count=8)(x)
        want = np.repeat(ufunc.reduce(x.reshape(8, 8), axis=1), 8)
        np.testing.assert_array_equal(z, want)


def test_operands_of_two_dtypes_are_refused() -> None:
    with pytest.raises(TypeError, match="operands are float32 and uint16; cast one of them"):
        Native(Lanes.add, F32, U16)


def test_a_difference_is_noticed() -> None:
    x = np.array([0.0, 1.0])
    with pytest.raises(AssertionError, match=r"not np\.float64"):
        same(Lanes.neg, x, x)
