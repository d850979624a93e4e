"""Programs: planned once per structure, bounded in number, safe for threads, exact in failure."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tests.ir.test_node import in_threads
from tests.ops.cases import CASES, Array, Case, named
from wingbeat.backend import base
from wingbeat.backend.base import BACKENDS, Cache, Graph, Run, StepFailed, clear_programs, program
from wingbeat.errors import BadInput, InvalidGraph, OutOfRange
from wingbeat.ir import Node, leaf, tensor_type
from wingbeat.ir.node import build
from wingbeat.ops.arithmetic import add, mul, neg, sub
from wingbeat.ops.composites import softplus
from wingbeat.ops.index import gather
from wingbeat.ops.reduce import sum as add_up
from wingbeat.ops.shape import broadcast
from wingbeat.ops.transcendental import cos, sin
from wingbeat.transform import inlined

F = tensor_type((3,))


class Counting:
    """A backend that counts how often it is asked to compile."""

    def __init__(self) -> None:
        self.graphs: list[Graph] = []

    def compile(self, graph: Graph) -> Run:
        self.graphs.append(graph)
        return base.load("reference").compile(graph)


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counting]:
    clear_programs()
    backend = Counting()
    monkeypatch.setenv("WINGBEAT_BACKEND", "numpy")
    monkeypatch.setitem(base._backends, "numpy", backend)
    yield backend
    clear_programs()


def x(number: int = 0, shape: tuple[int, ...] = (3,), dtype: str = "float64") -> Node:
    return leaf(tensor_type(shape, dtype), "x", number)


# One program per structure


def test_second_run_of_a_structure_plans_nothing(counting: Counting) -> None:
    first, _ = program([sin(x(0)) * x(1)])
    again, order = program([sin(x(7)) * x(8)])
    assert again is first
    assert len(counting.graphs) == 1
    assert [n for n in order if n.op is None] == [x(7), x(8)]


def test_call_sites_and_names_are_not_structure(counting: Counting) -> None:
    a, b = leaf(F, "a"), leaf(F, "b")
    program([build(sin, (a,), (), ("a.py", 1))])
    program([build(sin, (b,), (), ("b.py", 2))])
    assert len(counting.graphs) == 1


DIFFERENT: list[Callable[[], list[Node]]] = [
    lambda: [sin(x())],
    lambda: [cos(x())],
    lambda: [sin(x(shape=(4,)))],
    lambda: [sin(x(dtype="float32"))],
    lambda: [sin(x()), x()],
    lambda: [x(), sin(x())],
    lambda: [sin(x()), sin(x())],
    lambda: [sin(sin(x()))],
    lambda: [sub(x(0), x(1))],
    lambda: [sub(x(0), x(0))],
    lambda: [add(sin(x(0)), sin(x(0)))],  # one node read twice
    lambda: [add(sin(x(0)), sin(x(1)))],
    lambda: [add(build(sin, (x(0),), (), ("a.py", 1)), build(sin, (x(0),), (), ("a.py", 2)))],
    lambda: [add_up(x(shape=(2, 3)), axes=(0,))],
    lambda: [add_up(x(shape=(2, 3)), axes=(1,))],
    lambda: [x() * 2.0],
    lambda: [x() * 3.0],
    lambda: [x() * 0.0],
    lambda: [x() * -0.0],
    lambda: [x(dtype="int64") * 2],
    lambda: [],
]


def test_different_structures_are_different_programs(counting: Counting) -> None:
    """In sharing, attributes, dtypes, shapes and outputs; asked for twice, in two orders."""
    for make in (*DIFFERENT, *reversed(DIFFERENT)):
        program(make())
    assert len(counting.graphs) == len(DIFFERENT)


def test_nodes_stand_in_the_order_of_the_program() -> None:
    """The order that is returned belongs to the graph asked about, position by position."""
    for make in DIFFERENT:
        executable, order = program(make())
        assert [n.op for n in order] == [n.op for n in executable.graph.nodes]
        assert [n.type for n in order] == [n.type for n in executable.graph.nodes]


def test_composites_do_not_reach_a_backend(counting: Counting) -> None:
    with pytest.raises(InvalidGraph, match="composite softplus reached a backend"):
        program([sin(softplus(x()))])
    assert not counting.graphs


def test_last_use() -> None:
    a = x()
    b = sin(a)
    c = cos(b)
    d = add(c, b)
    (graph,) = [program([d, c])[0].graph]
    assert graph.nodes == (a, b, c, d) or [n.op for n in graph.nodes] == [None, sin, cos, add]
    assert graph.last_use() == [1, 3, 3, 3]


# The cache


def test_cache_forgets_the_oldest() -> None:
    cache: Cache[str, int] = Cache(3)
    for k, key in enumerate("abc"):
        assert cache.put(key, k) == k
    cache.put("d", 3)
    assert [cache.get(key) for key in "abcd"] == [None, 1, 2, 3]
    assert len(cache) == 3
    assert cache.put("b", 9) == 1  # the first of two stays
    cache.clear()
    assert len(cache) == 0


def test_number_of_programs_is_bounded(counting: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_programs", Cache(4))
    for k in range(10):
        program([x() * float(k + 2)])
    assert len(base._programs) == 4
    program([x() * 11.0])
    assert len(counting.graphs) == 10
    program([x() * 2.0])
    assert len(counting.graphs) == 11


def test_threads_get_one_program() -> None:
    clear_programs()
    value = np.arange(3.0)

    def work() -> tuple[Any, Array]:
        executable, _ = program([sin(x()) * 2 + cos(x())])
        return executable, executable.run([value])[0]

    for _ in range(20):
        clear_programs()
        results = in_threads(work)
        assert len({id(executable) for executable, _ in results}) == 1
        for _, got in results:
            assert_array_equal(got, np.sin(value) * 2 + np.cos(value))


def test_threads_share_a_cache() -> None:
    cache: Cache[int, int] = Cache(16)

    def work() -> bool:
        fine = True
        for k in range(3000):
            fine &= cache.put(k % 40, k % 40) == k % 40
            fine &= cache.get((k * 7) % 40) in (None, (k * 7) % 40)
        return fine

    assert in_threads(work) == [True] * 8
    assert len(cache) == 16


# Choice


def test_unknown_backend_is_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINGBEAT_BACKEND", "abacus")
    with pytest.raises(BadInput, match=r"WINGBEAT_BACKEND='abacus' is unknown; use one of llvm"):
        program([sin(x())])


@pytest.mark.parametrize("name", BACKENDS)
def test_backend_is_chosen_by_the_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINGBEAT_BACKEND", name)
    assert base.chosen() == name
    executable, _ = program([sin(x())])
    assert f"{executable.run.__module__}.".startswith(f"wingbeat.backend.{name}.")


# What every backend does


@pytest.mark.parametrize("backend", BACKENDS)
def test_failed_step_is_named(backend: str) -> None:
    a, i = x(), leaf(tensor_type((2,), "int64"), "i", 0)
    executable, order = program([neg(gather(sin(a), i, batch=0))], backend)
    feed = {a: np.arange(3.0), i: np.array([0, 5])}
    with pytest.raises(StepFailed) as failure:
        executable.run([feed[n] for n in order if n.op is None])
    assert order[failure.value.step].op is gather
    assert isinstance(failure.value.cause, OutOfRange)
    assert "5" in str(failure.value)


@pytest.mark.parametrize("backend", BACKENDS)
def test_results_cannot_be_written_to(backend: str) -> None:
    executable, _ = program([sin(x()), broadcast(x(), axes=(0,), sizes=(2,))], backend)
    for result in executable.run([np.arange(3.0)]):
        assert isinstance(result, np.ndarray)
        with pytest.raises(ValueError, match="read-only"):
            result[...] = 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_leaves_its_inputs_alone(backend: str) -> None:
    """Neither their numbers nor whether they can be written to change."""
    a = np.arange(3.0)
    executable, _ = program([x(), neg(x()) + x()], backend)
    for _ in range(2):
        executable.run([a])
    assert a.flags.writeable
    assert_array_equal(a, np.arange(3.0))


@pytest.mark.parametrize("backend", BACKENDS)
def test_wrong_number_of_inputs_is_an_error(backend: str) -> None:
    executable, _ = program([add(x(0), x(1))], backend)
    with pytest.raises(ValueError, match=r"zip|takes 2 arrays, not 1"):
        executable.run([np.zeros(3)])


@pytest.mark.parametrize("backend", BACKENDS)
def test_outputs_repeat_and_may_be_inputs(backend: str) -> None:
    a = np.arange(3.0)
    executable, _ = program([mul(x(), x()), x(), mul(x(), x())], backend)
    squares, same, again = executable.run([a])
    assert_array_equal(squares, a * a)
    assert_array_equal(same, a)
    assert_array_equal(again, squares)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", named(CASES[::4]))
def test_runs_repeat_to_the_bit_in_any_thread(case: Case, backend: str) -> None:
    xs = case.leaves()
    executable, order = program(inlined([case.apply(*xs)]), backend)
    feed = dict(zip(xs, case.draw(), strict=True))
    arrays = [feed[n] for n in order if n.op is None]
    (want,) = executable.run(arrays)
    found: list[Sequence[Array]] = []
    threads = [
        threading.Thread(target=lambda: found.append(executable.run(arrays))) for _ in range(4)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert [got.tobytes() for (got,) in found] == [want.tobytes()] * 4
