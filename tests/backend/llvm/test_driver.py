"""Runs of native programs: any arrays in, fresh ones out, from any thread, and errors as they were.

Steps are written by hand here, so that what is tested is not the kernels.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tests.backend.llvm import by_hand
from tests.ir.test_node import in_threads
from tests.support.forked import forked
from wingbeat.backend import base
from wingbeat.backend.base import clear_programs, program
from wingbeat.backend.llvm import driver
from wingbeat.errors import TypeMismatch
from wingbeat.ir import Node, leaf, tensor_type
from wingbeat.ops.arithmetic import add, mul, neg, sub

Array = Any
SHAPE = (3, 5)


@pytest.fixture(autouse=True)
def steps() -> Generator[None]:
    clear_programs()
    with by_hand.steps():
        yield
    clear_programs()


def x(number: int = 0, shape: tuple[int, ...] = SHAPE, dtype: str = "float64") -> Node:
    return leaf(tensor_type(shape, dtype), "x", number)


def native(*roots: Node, donated: tuple[Node, ...] = ()) -> base.Program:
    made, _ = program(roots, "llvm", donated=donated)
    assert made.attempt is not None  # not the interpreter
    return made


def draw(seed: int = 0, shape: tuple[int, ...] = SHAPE, dtype: str = "float64") -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def test_many_steps() -> None:
    """More of them than fit into one function, and more values than the arena holds at once."""
    z = x()
    for k in range(200):
        z = sub(mul(z, x(1)), neg(x(k % 2)))
    a, b = draw(1), 0.1 * draw(2)
    (got,) = native(z).run([a, b])
    (want,) = program([z], "numpy")[0].run([a, b])
    assert_array_equal(got, want)


def unusual() -> dict[str, Array]:
    """Arrays that native code does not read as they lie; all with the values of `draw()`."""
    a = draw()
    odd = np.zeros(a.nbytes + 1, np.uint8)
    misaligned = odd[1:].view(np.float64).reshape(SHAPE)
    misaligned[...] = a
    wide = np.zeros((3, 10))
    wide[:, ::2] = a
    return {
        "transposed": a.T.copy().T,
        "strided": wide[:, ::2],
        "reversed": a[::-1].copy()[::-1],
        "misaligned": misaligned,
        "big endian": a.astype(">f8"),
        "subclass": a.view(np.memmap),
        "list": a.tolist(),
    }


@pytest.mark.parametrize("kind", unusual())
def test_any_array_goes_in(kind: str) -> None:
    array = unusual()[kind]
    before = np.array(array)
    run = native(mul(x(0), x(1)), x(0)).run
    for arrays in ([array, draw(1)], [draw(), draw(1)], [array, draw(1)]):
        product, same = run(arrays)
        assert_array_equal(product, draw() * draw(1))
        assert_array_equal(same, draw())
    assert_array_equal(np.array(array), before)


def test_an_equal_dtype_that_is_another_object() -> None:
    array = draw().astype(np.dtype("float64", metadata={"from": "a file"}))
    assert_array_equal(native(neg(x())).run([array])[0], -draw())


def test_numbers_go_in_as_arrays_without_axes() -> None:
    run = native(neg(x(shape=()))).run
    for number in (np.array(2.5), np.float64(2.5), 2.5):
        (z,) = run([number])
        assert z.shape == ()
        assert z == -2.5


def test_an_array_of_another_shape_is_an_error() -> None:
    with pytest.raises(
        TypeMismatch, match=r"input 0 is f64\[3,5\], but an array of shape \(5, 3\)"
    ):
        native(neg(x())).run([draw().T])
    with pytest.raises(TypeMismatch, match=r"shape \(15,\)"):
        native(neg(x())).run([draw().ravel()])


def test_a_missing_array_is_an_error() -> None:
    with pytest.raises(ValueError, match="takes 1 arrays, not 0"):
        native(neg(x())).run([])


@pytest.mark.parametrize("shape", [(), (0,), (4, 0, 2), (1,), (1000,)])
def test_shapes(shape: tuple[int, ...]) -> None:
    a = draw(shape=shape)
    (z,) = native(neg(x(shape=shape)) * x(shape=shape)).run([a])
    assert z.shape == shape
    assert_array_equal(z, -a * a)


def test_outputs() -> None:
    """An input, a value twice, a value that another is made of; none can be written to."""
    a = draw()
    double = add(x(), x())
    results = native(x(), double, neg(double), double).run([a])
    for got, want in zip(results, (a, a + a, -a - a, a + a), strict=True):
        assert_array_equal(got, want)
        with pytest.raises(ValueError, match="read-only"):
            got[...] = 0
    assert a.flags.writeable


def test_results_of_several_runs_are_several_arrays() -> None:
    run = native(neg(x())).run
    first = run([draw(1)])[0]
    second = run([draw(2)])[0]
    assert_array_equal(first, -draw(1))
    assert_array_equal(second, -draw(2))


def test_repeats_are_the_same_bits() -> None:
    z = sub(mul(x(0), x(1)), neg(x(1)))
    a, b = draw(1), draw(2)
    want = native(z).run([a, b])[0].tobytes()
    for _ in range(3):
        assert native(z).run([a, b])[0].tobytes() == want
        clear_programs()


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_number_of_threads_changes_nothing(threads: int) -> None:
    before = base.get_num_threads()
    shape = (100, 1001)
    z = sub(mul(x(0, shape), x(1, shape)), neg(x(1, shape)))
    a, b = draw(1, shape), draw(2, shape)
    try:
        base.set_num_threads(threads)
        for _ in range(20):
            assert_array_equal(native(z).run([a, b])[0], a * b + b)
    finally:
        base.set_num_threads(before)


def test_threads_run_one_program_at_once() -> None:
    """Each run has its own arena; short programs and long ones."""
    for shape in ((4,), (50, 1000)):
        z = x(0, shape)
        for _ in range(5):
            z = add(mul(z, x(1, shape)), neg(x(0, shape)))
        made = native(z, neg(z))

        def work(made: base.Program = made, shape: tuple[int, ...] = shape) -> bool:
            arrays = [draw(threading.get_ident() % 1000, shape), draw(7, shape)]
            want = [r.tobytes() for r in made.run(arrays)]
            return all([r.tobytes() for r in made.run(arrays)] == want for _ in range(50))

        assert in_threads(work) == [True] * 8


# Donated inputs


def test_a_donated_array_becomes_the_result() -> None:
    a, b = draw(1), draw(2)
    want = a - b
    (z,) = native(sub(x(0), x(1)), donated=(x(0),)).run([a, b])
    assert_array_equal(z, want)
    assert np.shares_memory(z, a)
    assert_array_equal(b, draw(2))
    assert not z.flags.writeable


def test_an_array_that_cannot_be_overwritten_is_copied() -> None:
    """One that comes twice, that overlaps another, that lies in another way."""
    run = native(sub(x(0), x(1)), donated=(x(0),)).run
    a = draw(1)
    for first, second in ((a, a), (a, a[::-1]), (a.T.copy().T, a), (a, a.view())):
        want = first - second
        (z,) = run([first, second])
        assert_array_equal(z, want)
        assert not np.shares_memory(z, a)
        assert_array_equal(a, draw(1))


def test_overlapping_inputs_that_stay_are_fine() -> None:
    a = draw(1)
    (z,) = native(sub(x(0), x(1))).run([a, a])
    assert_array_equal(z, a - a)


def test_donation_is_another_program() -> None:
    keeps, gives = native(neg(x())), native(neg(x()), donated=(x(),))
    a = draw()
    assert_array_equal(keeps.run([a])[0], -draw())
    assert_array_equal(a, draw())
    assert np.shares_memory(gives.run([a])[0], a)
    assert native(neg(x()), donated=(x(),)) is gives


# Memory


def test_memory_is_reported() -> None:
    n = 15 * 8
    memory = native(add(neg(x(0)), mul(x(0), x(1)))).memory
    assert (memory.inputs, memory.outputs) == (2 * n, n)
    assert memory.live <= memory.arena <= 256
    assert memory.peak == 3 * n + memory.arena
    assert native(neg(x()), donated=(x(),)).memory.outputs == 0


def test_arenas_are_used_again() -> None:
    z = add(mul(neg(x()), neg(neg(x()))), x())
    run = native(z).run
    for _ in range(5):
        run([draw()])
    (arena,) = driver._arenas
    assert arena.ctypes.data % 64 == 0
    clear_programs()
    assert driver._arenas == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_runs_what_its_parent_compiled() -> None:
    shape = (100, 1000)
    made = native(mul(x(shape=shape), x(shape=shape)))
    a = draw(shape=shape)
    want = made.run([a])[0]

    def same() -> bool:
        again = all(np.array_equal(made.run([a])[0], want) for _ in range(20))
        return again and np.array_equal(native(neg(x())).run([draw()])[0], -draw())

    assert forked(same)
