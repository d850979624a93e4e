"""Products as native steps: every pattern of labels, dtype and processor, exact where sums are."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backend.llvm.guarded import Guarded
from tests.backend.llvm.products import TARGETS, Native, Sum, matmul, small, way
from wingbeat.backend.llvm import blas
from wingbeat.backend.llvm.target import Target, host, named

FLOATS = ("float32", "float64")
DTYPES = (*FLOATS, "float16", "int8", "int16", "int32", "int64", "uint8", "uint32", "uint64")
WAYS = ("direct", "tiles", "blas")
KINDS = ("batch", "row", "column", "inner")
SIZES = (0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33)


def usable(sum_: Sum, how: str) -> bool:
    """Whether the product can be computed in this way at all."""
    if how == "direct" or sum_.dtype.name not in FLOATS:
        return how == "direct"
    return how == "tiles" or (sum_.c is None and blas.usable(way(sum_, host()).layout))


# --- literals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_a_product_of_matrices(how: str, dtype: str) -> None:
    x, y = np.array([[1, 2], [3, 4]], dtype), np.array([[5, 6], [7, 8]], dtype)
    z = Native(Sum("ik", "kj", "ij", x, y), way=how)()
    assert z.tolist() == [[19, 22], [43, 50]]


def test_products_of_vectors() -> None:
    x, y = np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])
    assert Native(Sum("k", "k", "", x, y))() == 32.0
    assert Native(Sum("i", "j", "ij", x, y))().tolist() == [[4, 5, 6], [8, 10, 12], [12, 15, 18]]


def test_a_product_is_scaled_and_added() -> None:
    x, y = np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]])
    c = np.array([[100.0]])
    assert Native(Sum("ik", "kj", "ij", x, y, alpha=-2.0, c=c, beta=0.5))() == 28.0


# --- every pattern of labels ---------------------------------------------------------------------


@st.composite
def arrays(draw: st.DrawFn, shape: tuple[int, ...], dtype: str, seed: int) -> Any:
    """An array whose axes lie in some order, some of it left out or reversed."""
    order = draw(st.permutations(range(len(shape))))
    steps = [draw(st.sampled_from((1, 1, 1, 2, -1))) for _ in shape]
    extents = [shape[k] * abs(steps[k]) for k in order]
    base = small(np.random.default_rng(seed), extents, dtype)
    view = base.transpose([order.index(k) for k in range(len(shape))])
    return view[(..., *(slice(None, None, step) for step in steps))]


@st.composite
def sums(draw: st.DrawFn, dtypes: tuple[str, ...] = DTYPES) -> Sum:
    dtype = draw(st.sampled_from(dtypes))
    kinds = dict(zip("abcde", draw(st.lists(st.sampled_from(KINDS), max_size=5)), strict=False))
    sizes = {k: draw(st.sampled_from(SIZES)) for k in kinds}
    while math.prod(max(n, 1) for n in sizes.values()) > 20_000:
        sizes[max(sizes, key=lambda k: sizes[k])] = 2
    lhs, rhs, out = (
        "".join(draw(st.permutations([k for k in kinds if kinds[k] != absent])))
        for absent in ("column", "row", "inner")
    )
    x, y = (
        draw(arrays(tuple(sizes[k] for k in labels), dtype, seed))
        for seed, labels in enumerate((lhs, rhs))
    )
    return Sum(lhs, rhs, out, x, y, guard=draw(st.integers(0, 3)))


@settings(max_examples=150)
@given(sums(), st.sampled_from(TARGETS), st.sampled_from(WAYS))
def test_every_pattern_of_labels(sum_: Sum, target: Target, how: str) -> None:
    chosen = how if usable(sum_, how) else None
    np.testing.assert_array_equal(Native(sum_, target, chosen)(), sum_.expected())


@st.composite
def scaled(draw: st.DrawFn) -> Sum:
    """With a third operand, a number for each factor, and repeated operands."""
    plain = draw(sums((*FLOATS, "float16", "int32")))
    scale = st.sampled_from((1.0, -1.0, 2.0, 0.0))
    alpha, beta = (
        np.array(value, plain.dtype) if draw(st.booleans()) else value
        for value in (draw(scale), draw(scale))
    )
    c = None
    if draw(st.booleans()):
        c = draw(arrays(plain.shape, plain.dtype.name, 3))
        if c.ndim and draw(st.booleans()):
            first = draw(arrays(plain.shape[1:], plain.dtype.name, 4))
            c = np.broadcast_to(first, plain.shape)
    return Sum(
        plain.lhs, plain.rhs, plain.out, plain.x, plain.y, plain.guard, alpha=alpha, c=c, beta=beta
    )


@settings(max_examples=100)
@given(scaled(), st.sampled_from(TARGETS), st.sampled_from(WAYS))
def test_scales_and_a_third_operand(sum_: Sum, target: Target, how: str) -> None:
    chosen = how if usable(sum_, how) else None
    np.testing.assert_array_equal(Native(sum_, target, chosen)(), sum_.expected())


def test_an_operand_that_repeats_along_the_batch() -> None:
    rng = np.random.default_rng(0)
    x = np.broadcast_to(small(rng, (17, 40), "float32"), (3, 17, 40))
    y = small(rng, (3, 40, 20), "float32")
    for how in ("direct", "tiles"):
        sum_ = Sum("bik", "bkj", "bij", x, y)
        np.testing.assert_array_equal(Native(sum_, way=how)(), sum_.expected())


def test_both_operands_may_be_one_buffer() -> None:
    x = small(np.random.default_rng(0), (20, 20), "float64")
    for how in WAYS:
        sum_ = Sum("ik", "jk", "ij", x, x)
        np.testing.assert_array_equal(Native(sum_, way=how)(), x @ x.T)


# --- sizes around the edges of vectors, tiles, panels and blocks ---------------------------------


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: f"{t.bits}")
@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("turned", ["NN", "TN", "NT", "TT"])
def test_sizes_around_the_edges(turned: str, how: str, target: Target) -> None:
    for m, n, k in [(8, 48, 16), (9, 49, 17), (7, 47, 15), (65, 24, 401), (12, 97, 1030)]:
        sum_ = matmul(m, n, k, "float32", turned, c=None)
        np.testing.assert_array_equal(Native(sum_, target, how)(), sum_.expected())


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_in_every_order(dtype: str) -> None:
    for turned, (m, n, k) in itertools.product(
        ("NN", "TN", "NT", "TT"), [(5, 7, 70), (1, 130, 3), (130, 1, 3), (64, 65, 33)]
    ):
        sum_ = matmul(m, n, k, dtype, turned)
        np.testing.assert_array_equal(Native(sum_)(), sum_.expected())


def test_integers_wrap() -> None:
    x = np.full((4, 300), 100, np.int8)
    z = Native(Sum("ik", "kj", "ij", x, x.T.copy()))()
    assert np.all(z == np.int64(300 * 100 * 100).astype(np.int8))


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize(("dtype", "digits"), [("float32", 2e-6), ("float64", 4e-15)])
def test_rounding_stays_small(how: str, dtype: str, digits: float) -> None:
    """Relative to the sum of the terms' sizes, as each addition rounds."""
    rng = np.random.default_rng(0)
    x, y = rng.random((5, 30_000)).astype(dtype), rng.random((30_000, 20)).astype(dtype)
    z, exact = Native(Sum("ik", "kj", "ij", x, y), way=how)(), x.astype("f8") @ y.astype("f8")
    assert np.max(np.abs(z - exact) / exact) < digits


def test_float16_is_added_up_in_float32() -> None:
    x = np.full((1, 4096), 1.0, np.float16)
    assert Native(Sum("ik", "jk", "ij", x, x))() == 4096.0  # float16 stops counting at 2048
    assert Native(Sum("ik", "jk", "ij", 10 * x, 10 * x))() == np.inf


# --- however the work is cut ---------------------------------------------------------------------


def cuts(rng: np.random.Generator) -> Any:
    """Divides units at random, and runs the pieces in any order."""

    def cut(units: int) -> list[tuple[int, int]]:
        ends = np.unique(np.append(rng.integers(0, units + 1, 5), [0, units]))
        pieces = list(itertools.pairwise(map(int, ends)))
        rng.shuffle(pieces)
        return pieces

    return cut


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: f"{t.bits}")
@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("guard", [0, 3])
def test_results_do_not_depend_on_the_cut(how: str, target: Target, guard: int) -> None:
    rng = np.random.default_rng(0)
    normal = lambda shape: rng.normal(size=shape).astype("float32")  # noqa: E731
    for turned, (m, n, k) in itertools.product(
        ("NN", "TN", "NT"), [(70, 300, 450), (300, 5, 33), (3, 600, 20)]
    ):
        native = Native(matmul(m, n, k, "float32", turned, normal, guard=guard), target, how)
        whole = native()
        for _ in range(3):
            np.testing.assert_array_equal(native(cut=cuts(rng)), whole)


def test_large_products_can_be_cut() -> None:
    for shape in [(64, 500, 784), (1, 2000, 2000), (1024, 10, 500), (300, 300, 300)]:
        emitted = Native(matmul(*shape, "float32")).emitted
        assert emitted.calls[-1].units >= 4
        assert sum(call.work for call in emitted.calls) > 10_000


# --- the guard -----------------------------------------------------------------------------------


@st.composite
def spoilt(draw: st.DrawFn) -> Sum:
    """Operands full of zeros, with some infinities and NaN."""
    plain = draw(sums((*FLOATS, "float16")))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    x, y = (
        np.where(rng.random(a.shape) < 0.3, rng.choice([0, 0, 0, np.inf, np.nan], a.shape), a)
        for a in (plain.x, plain.y)
    )
    x, y = (np.ascontiguousarray(a, plain.dtype).reshape(a.shape) for a in (x, y))
    c = small(rng, plain.shape, plain.dtype) if draw(st.booleans()) else None
    guard = draw(st.integers(0, 3))
    return Sum(plain.lhs, plain.rhs, plain.out, x, y, guard, alpha=-1.0, c=c)


@settings(max_examples=150)
@given(spoilt(), st.sampled_from(TARGETS), st.sampled_from(WAYS))
def test_zeros_kill_infinities(sum_: Sum, target: Target, how: str) -> None:
    chosen = how if usable(sum_, how) else None
    np.testing.assert_array_equal(Native(sum_, target, chosen)(), sum_.expected())


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("guard", [1, 2, 3])
def test_a_guarded_product_next_to_an_infinity(how: str, guard: int) -> None:
    """One column of terms is infinite, and zeros of the other factor kill it, or do not."""
    x, y = np.ones((40, 500), np.float32), np.ones((500, 60), np.float32)
    killer, killed = (x[:, 450], y[450]) if guard & 1 else (y[450], x[:, 450])
    killed[:] = np.inf
    killer[::2] = 0
    z = Native(Sum("ik", "kj", "ij", x, y, guard), way=how)()
    alive = z[::2] if guard & 1 else z[:, ::2]
    dead = z[1::2] if guard & 1 else z[:, 1::2]
    assert np.all(alive == 499)
    assert np.all(np.isposinf(dead))


def test_a_sum_that_overflows_is_infinite() -> None:
    x = np.full((3, 50), 1e38, np.float32)
    assert np.all(np.isposinf(Native(Sum("ik", "jk", "ij", x, x, guard=3))()))


# --- in place ------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["direct", "tiles"])
@pytest.mark.parametrize("guard", [0, 1])
@pytest.mark.parametrize("turned", ["NN", "TN", "NT"])
def test_z_may_take_the_place_of_c(how: str, guard: int, turned: str) -> None:
    """W -= rate * X' G, with the rate in a buffer: the update of gradient descent."""
    c, rate = small(np.random.default_rng(3), (33, 70), "float32"), np.array(-0.5, "float32")
    sum_ = matmul(33, 70, 900, "float32", turned, c=c, alpha=rate, guard=guard)
    if guard:
        sum_.x[0, 0], sum_.y[0, 0] = 0, np.inf
    native, expected = Native(sum_, way=how), sum_.expected()
    buffers = native.product.reads + native.product.stored
    assert [(buffers[s], buffers[r]) for s, r in native.emitted.inplace] == [
        (native.product.node, native.product.c.position)  # type: ignore[union-attr]
    ]
    native(z=c)
    np.testing.assert_array_equal(c, expected)


def test_z_does_not_take_the_place_of_what_is_read_again() -> None:
    c = np.ones((6, 6), np.float32)
    row = np.broadcast_to(np.ones(6, np.float32), (6, 6))
    other = np.ones((6, 6), np.float32)
    for x, y, third in [
        (c, other, c),  # also an operand
        (other, c, c),
        (other, other, row),  # repeated
        (other, other, c.T),  # in another order
        (other, other, np.ones((12, 6), np.float32)[6:]),  # a part of a buffer
    ]:
        assert Native(Sum("ik", "kj", "ij", x, y, c=third)).emitted.inplace == ()


# --- memory --------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_end", [True, False])
@pytest.mark.parametrize("target", TARGETS, ids=lambda t: f"{t.bits}")
def test_nothing_is_read_or_written_beyond_a_buffer(target: Target, at_end: bool) -> None:
    """Each buffer touches a page that nobody may touch: reading too far would end this process."""
    shapes = [(1, 1, 1), (3, 5, 7), (9, 49, 33), (1, 40, 50), (67, 10, 21)]
    for turned, (m, n, k), how in itertools.product(("NN", "TN", "NT", "TT"), shapes, WAYS):
        for dtype in ("float32", "float16", "int8") if how == "direct" else ("float32",):
            c = None if how == "blas" else np.ones((m, n), dtype)
            sum_ = matmul(m, n, k, dtype, turned, c=c, guard=3)
            if not usable(sum_, how):
                continue
            with Guarded(at_end) as memory:
                native = Native(sum_, target, how)
                buffers = [memory.copy(a) for a in native.buffers]
                z = memory.copy(native.empty())
                expected = sum_.expected()
                np.testing.assert_array_equal(native(z, buffers=buffers), expected)


# --- the rule ------------------------------------------------------------------------------------


def test_small_and_narrow_products_are_computed_where_they_lie() -> None:
    for target in TARGETS:
        for shape in [(8, 6, 2), (64, 10, 500), (1, 500, 784), (64, 64, 64)]:
            assert way(matmul(*shape, "float32"), target).choice() == "direct"
        assert way(matmul(300, 300, 300, "int32"), target).choice() == "direct"


def test_large_products_are_packed() -> None:
    for bits, how in ((512, "tiles"), (256, "tiles"), (128, "blas")):
        for target in (t for t in TARGETS if t.bits == bits):
            assert way(matmul(300, 300, 300, "float64"), target).choice() == how
            assert way(matmul(64, 500, 784, "float32", "NT"), target).choice() == how
    c = np.ones((300, 300))
    assert way(matmul(300, 300, 300, "float64", c=c), named("nehalem")).choice() == "tiles"


def test_an_empty_product_has_no_code() -> None:
    assert Native(matmul(0, 3, 4, "float32")).emitted.calls == ()
