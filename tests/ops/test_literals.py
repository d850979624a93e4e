"""Each primitive gives what mathematics says; Threefry, what its authors publish."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests.ops.cases import ALL, Array, Case, every_primitive, run
from tests.ops.literals import LITERALS
from tests.ops.mistakes import PLANT
from wingbeat.ir import Primitive, Sample
from wingbeat.ops.random import threefry


def operand(value: Any) -> Array:
    return np.array(*value) if isinstance(value, tuple) else np.array(value)


def check_literal(p: Primitive, backend: str) -> None:
    values, attrs, want = LITERALS[p.name]
    arrays = [operand(v) for v in values]
    sample = Sample(tuple(a.shape for a in arrays), dtypes=tuple(a.dtype.name for a in arrays))
    case = Case(p, replace(sample, attrs=tuple(sorted(attrs.items()))))
    xs = case.leaves()
    (got,) = run([case.apply(*xs)], dict(zip(xs, arrays, strict=True)), backend)
    assert got.shape == np.shape(want)
    assert_allclose(got, want, rtol=4e-16 * 8, atol=1e-16)


@every_primitive
@pytest.mark.parametrize("backend", ["numpy", "reference"])
def test_literal(backend: str, p: Primitive) -> None:
    check_literal(p, backend)


def test_literals_are_of_primitives() -> None:
    assert set(LITERALS) == {p.name for p in ALL}


@pytest.mark.parametrize("p", [p for p in ALL if p.expand is None], ids=str)
def test_wrong_function_is_noticed(p: Primitive) -> None:
    with pytest.raises(AssertionError):
        check_literal(replace(p, numpy=PLANT["numpy"](p)), "numpy")


# Salmon and others: known-answer vectors of Threefry-2x32-20, as in Random123's kat_vectors.
VECTORS = [
    ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
]
MASK = 0xFFFFFFFF
Words = tuple[int, int]


@pytest.mark.parametrize(("key", "counter", "want"), VECTORS)
def test_threefry_known_answers(key: Words, counter: Words, want: Words) -> None:
    got = threefry(
        key,
        counter,
        rotate=lambda x, r: ((x << r) | (x >> (32 - r))) & MASK,
        add=lambda x, y: (x + y) & MASK,
        xor=lambda x, y: x ^ y,
    )
    assert got == want


@pytest.mark.parametrize("backend", ["numpy", "reference"])
def test_elements_share_blocks_as_documented(backend: str) -> None:
    """Element k is word k mod 2 of the block at counter k // 2, whatever the shape."""
    key = np.array([0x13198A2E, 0x03707344], "uint32")
    words = [
        word
        for block in range(3)
        for word in threefry(
            (0x13198A2E, 0x03707344),
            (block, 0),
            rotate=lambda x, r: ((x << r) | (x >> (32 - r))) & MASK,
            add=lambda x, y: (x + y) & MASK,
            xor=lambda x, y: x ^ y,
        )
    ]
    (p,) = (p for p in ALL if p.name == "random_bits")
    for shape in [(5,), (1, 5), (2, 2), ()]:
        case = Case(p, Sample(((2,),), attrs=(("batch", 0), ("shape", shape)), dtypes=("uint32",)))
        (x,) = case.leaves()
        (got,) = run([case.apply(x)], {x: key}, backend)
        assert got.ravel().tolist() == words[: got.size]
