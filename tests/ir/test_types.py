"""Types are interned; promotion is NumPy's."""

import copy
import itertools
import pickle
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wingbeat.errors import TypeMismatch
from wingbeat.ir import TensorType, promote, tensor_type
from wingbeat.ir.types import DTYPES, as_dtype, parse_type

SHAPES = st.lists(st.integers(0, 99), max_size=5).map(tuple)


@given(SHAPES, st.sampled_from(sorted(DTYPES)))
def test_equal_types_are_one_object(shape: tuple[int, ...], dtype: str) -> None:
    made = tensor_type(shape, dtype)
    assert made is tensor_type((*shape,), np.dtype(dtype))
    assert made is parse_type(str(made))
    assert made is pickle.loads(pickle.dumps(made)) is copy.deepcopy(made)
    assert (made.shape, made.dtype.name) == (shape, dtype)
    assert made.size == int(np.prod(shape, dtype=np.int64))
    assert made.ndim == len(shape)
    assert made.inexact == dtype.startswith("float")


def test_numpy_integers_in_a_shape_become_pythons() -> None:
    shape: Any = (np.int64(3), np.uint8(4))
    assert all(type(n) is int for n in tensor_type(shape).shape)
    assert tensor_type(shape) is tensor_type((3, 4))


def test_a_type_cannot_be_made_by_its_class() -> None:
    with pytest.raises(TypeError, match="interned"):
        TensorType()


@pytest.mark.parametrize(
    "text",
    [
        "f64",
        "f64[",
        "f64]3[",
        "f80[3]",
        "f64[3",
        "f64[a]",
        "f64[-1]",
        "f64[3,,4]",
        "f64[,]",
        "f64[3,]",
        "F64[3]",
        "f64[3]x",
        "",
        "[3]",
        "f64[ 3]",
        "f64[٣]",
    ],
)
def test_what_is_no_type_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a type"):
        parse_type(text)


def test_negative_sizes_are_refused() -> None:
    with pytest.raises(TypeMismatch, match="never negative"):
        tensor_type((3, -1))


@pytest.mark.parametrize(
    "dtype", ["complex128", "float128", "S5", "object", "nonsense", np.complex64]
)
def test_unknown_dtypes_are_refused(dtype: object) -> None:
    with pytest.raises(TypeMismatch, match="not supported; use one of bool, int8"):
        as_dtype(dtype)


def test_byte_order_is_not_part_of_a_type() -> None:
    assert as_dtype(">f8") is as_dtype("float64")


# Promotion

WEAK = (bool, int, float)


@pytest.mark.parametrize(("x", "y"), [*itertools.product(DTYPES, repeat=2)])
def test_promotion_of_dtypes(x: str, y: str) -> None:
    assert promote(x, y) == np.result_type(np.dtype(x), np.dtype(y))
    assert promote(x, y) is promote(np.dtype(x), np.dtype(y)) is promote(y, x)


@pytest.mark.parametrize(("x", "weak"), [*itertools.product(DTYPES, WEAK)])
def test_promotion_with_python_scalars(x: str, weak: type) -> None:
    want = (np.zeros(2, x) + weak(1)).dtype if (x, weak) != ("bool", bool) else np.dtype(bool)
    assert promote(x, weak) == promote(weak, x) == want


@pytest.mark.parametrize(
    "chosen", [c for n in (1, 2, 3) for c in itertools.product(WEAK, repeat=n)]
)
def test_promotion_of_python_scalars_alone(chosen: tuple[type, ...]) -> None:
    assert promote(*chosen) == np.result_type(*(t(0) for t in chosen))


def test_promotion_of_three() -> None:
    assert promote("int8", "float16", float) == "float16"
    assert promote("int64", "float32", int) == "float64"


def test_threads_intern_one_type() -> None:
    barrier, made = threading.Barrier(8), []

    def work() -> None:
        barrier.wait()
        made.append([tensor_type((7919, n)) for n in range(500)])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(made) == 8
    assert all(a is b for row in made for a, b in zip(row, made[0], strict=True))
