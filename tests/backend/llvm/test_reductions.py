"""What native reductions are worth: accuracy, ties, NaN; and programs that are long."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tests.backend.llvm.agreement import compiled, graph_of, interpreted, natively
from tests.ops.cases import Array
from wingbeat.backend import llvm
from wingbeat.ir import Primitive, leaf, tensor_type
from wingbeat.ops.arithmetic import add, mul
from wingbeat.ops.reduce import argmax, argmin, cumsum
from wingbeat.ops.reduce import max as largest
from wingbeat.ops.reduce import min as smallest
from wingbeat.ops.reduce import sum as add_up


def reduced(op: Primitive, array: Array, **attrs: Any) -> Array:
    x = leaf(tensor_type(array.shape, array.dtype.name), "x", 0)
    return natively([op(x, **attrs)], {x: array})[0]


def error(got: Array, want: Array) -> float:
    """The largest relative one."""
    return float(np.max(np.abs(got - want) / np.abs(want)))


SHAPES = [
    ((10_000_000,), (0,)),
    ((10, 1_000_000), (1,)),
    ((1_000_000, 10), (0,)),
    ((10_000, 1000), (0,)),
    ((10, 100_000, 10), (1,)),
    ((100, 1000, 100), (0, 2)),
]


@pytest.mark.parametrize(("shape", "axes"), SHAPES)
def test_sums_of_many_numbers(shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    """About as accurate as NumPy's sum by pairs, which is for numbers that lie side by side."""
    x = np.random.default_rng(0).random(shape, np.float32)
    want = x.sum(axes, dtype=np.float64)
    rows = np.moveaxis(x, axes, range(-len(axes), 0)).reshape(want.size, -1)
    pairs = error(np.ascontiguousarray(rows).sum(1), want.reshape(-1))
    assert error(reduced(add_up, x, axes=axes), want) <= max(4 * pairs, 2 * 2**-23)


def test_narrow_numbers_are_added_in_float32() -> None:
    """In float16 the sum of 0.1s would end at 256."""
    x = np.full(40_000, 0.1, np.float16)
    assert reduced(add_up, x, axes=(0,)) == np.float16(40_000 * float(x[0]))
    rows = np.random.default_rng(0).random((2000, 33)).astype(np.float16)
    want = rows.astype(np.float64)
    assert error(reduced(add_up, rows, axes=(0,)), want.sum(0)) < 2**-11
    assert error(reduced(cumsum, rows, axis=0), want.cumsum(0)) < 2**-11


def test_running_sums() -> None:
    x = np.random.default_rng(0).normal(size=(70, 35))
    assert_array_equal(reduced(cumsum, x, axis=0), x.cumsum(0))
    assert_array_equal(reduced(cumsum, x, axis=1), x.cumsum(1))
    whole = np.arange(100_000) % 7
    assert_array_equal(reduced(cumsum, whole, axis=0), whole.cumsum())


def ties(dtype: str, size: int) -> list[Array]:
    """Few different numbers; floats with NaN, with nothing else, with infinities alone."""
    rng = np.random.default_rng(size)
    plain = rng.integers(0, 3, size).astype(dtype)
    if plain.dtype.kind != "f":
        return [plain]
    some = plain.copy()
    some[rng.integers(0, size, 3)] = np.nan
    return [plain, some, *(np.full(size, x, dtype) for x in (np.nan, np.inf, -np.inf))]


@pytest.mark.parametrize("size", [1, 7, 33, 1000, 70_001])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int8", "uint16", "bool"])
def test_positions_of_extremes(dtype: str, size: int) -> None:
    """The first of equal ones, the first NaN if there is one: as NumPy has it."""
    leaves = [leaf(tensor_type((size, 1), dtype), "x", k) for k in range(2)]
    roots = [op(x, axis=axis) for op in (argmax, argmin) for x in leaves for axis in (0, 1)]
    roots += [op(x, axes=(0,)) for op in (largest, smallest) for x in leaves]
    order, run = compiled(roots)
    for array in ties(dtype, size):
        arrays = [array.reshape(size, 1), array[::-1].reshape(size, 1)]
        feed = dict(zip(leaves, arrays, strict=True))
        for got, want in zip(run([feed[n] for n in order]), interpreted(roots, feed), strict=True):
            assert_array_equal(got, want)


def test_chained_squarings_stay_small() -> None:
    """2^40 paths, and 40 multiplications."""
    x = z = leaf(tensor_type((9,), "float64"), "x", 0)
    for _ in range(40):
        z = mul(z, z)
    _, graph = graph_of([z])
    assert len(llvm.llvm_ir(graph).splitlines()) < 300
    value = 1 + np.arange(9) * 1e-13
    assert_array_equal(natively([z], {x: value}), interpreted([z], {x: value}))


def test_long_chains() -> None:
    """Alike parts are compiled once: ten times the length takes far less than ten times as long."""
    x, y = (leaf(tensor_type((8,), "float64"), "x", k) for k in range(2))
    z, spent = x, time.process_time()
    for _ in range(10_000):
        z = add(mul(z, y), x)
    arrays = {x: np.linspace(0.1, 0.9, 8), y: np.linspace(0.9, 0.1, 8)}
    assert_array_equal(natively([z], arrays), interpreted([z], arrays))
    assert time.process_time() - spent < 30
