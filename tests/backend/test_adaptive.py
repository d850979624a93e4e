"""When a program becomes native: at a run that its structure fixes, or when that is asked for."""

from __future__ import annotations

import subprocess
import sys
import threading
import warnings
from collections.abc import Collection, Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tests.ir.test_node import in_threads
from wingbeat.backend import base, cost
from wingbeat.backend.base import Graph, NotCompiled, Run, clear_programs, natively, program
from wingbeat.errors import Interpreted
from wingbeat.ir import Node, leaf, tensor_type
from wingbeat.ops.arithmetic import neg
from wingbeat.ops.contract import contract
from wingbeat.ops.transcendental import cos, sin

Array = Any
ROOT = Path(__file__).parents[2]


class Recorder:
    """A backend that runs as the interpreter does, and notes what it is asked."""

    def __init__(self, *, refuses: str = "") -> None:
        self.compiled: list[tuple[Graph, tuple[int, ...]]] = []
        self.runs = 0
        self._refuses = refuses

    def compile(self, graph: Graph, donated: Collection[int] = ()) -> Run:
        if any(node.op and node.op.name == self._refuses for node in graph.nodes):
            raise NotCompiled(self._refuses, "a test says so")
        self.compiled.append((graph, tuple(donated)))
        inner = base.load("numpy").compile(graph)

        def run(arrays: Sequence[Array]) -> list[Array]:
            self.runs += 1
            return inner(arrays)

        return run


@pytest.fixture
def native(monkeypatch: pytest.MonkeyPatch) -> Generator[Recorder]:
    """What stands in the place of native code; it is the default, and nothing is forced."""
    clear_programs()
    monkeypatch.delenv("WINGBEAT_BACKEND", raising=False)
    monkeypatch.setattr(base, "DEFAULT", "llvm")
    monkeypatch.setattr(base, "_warned", set())
    recorder = Recorder()
    monkeypatch.setitem(base._backends, "llvm", recorder)
    yield recorder
    clear_programs()


@pytest.fixture
def refusing(native: Recorder) -> Recorder:
    native._refuses = "sin"
    return native


def x(number: int = 0, shape: tuple[int, ...] = (3,)) -> Node:
    return leaf(tensor_type(shape), "x", number)


VALUE = np.arange(3.0)


def runs_until_native(root: Node, native: Recorder, arrays: list[Array]) -> int:
    made, _ = program([root])
    for k in range(100_000):
        made.run(arrays)
        if native.runs:
            return k
    raise AssertionError("it never becomes native")


def test_small_programs_are_interpreted_for_long(native: Recorder) -> None:
    """Two evaluations of a few scalars wait for no compiler; in the long run they are native."""
    made, _ = program([neg(x())])
    for _ in range(100):
        made.run([VALUE])
    assert not native.compiled
    assert 500 < 100 + runs_until_native(neg(x()), native, [VALUE]) < 50_000


def test_the_dearer_a_run_the_sooner_it_is_native(native: Recorder) -> None:
    many = np.zeros(1 << 22)
    assert runs_until_native(neg(x(shape=many.shape)), native, [many]) == 1
    native.runs = 0
    square = np.zeros((1500, 1500))
    product = contract(
        x(shape=square.shape), x(shape=square.shape), lhs=(0, 1), rhs=(1, 2), out=(0, 2)
    )
    assert runs_until_native(product, native, [square]) == 1


def test_the_first_run_is_interpreted_however_dear(native: Recorder) -> None:
    many = np.zeros(1 << 24, np.float32)
    root = neg(leaf(tensor_type(many.shape, "float32"), "x", 0))
    assert runs_until_native(root, native, [many]) == 1


def test_the_switch_depends_on_the_structure_alone(native: Recorder) -> None:
    """Not on time: the same number of runs, each time."""
    counts: set[int] = set()
    for _ in range(3):
        clear_programs()
        native.runs = 0
        counts.add(runs_until_native(sin(cos(x(shape=(1 << 14,)))), native, [np.zeros(1 << 14)]))
    assert len(counts) == 1


def test_it_costs_at_most_twice_the_least(native: Recorder) -> None:
    """By estimate, what was interpreted is worth what compiling costs."""
    root = sin(cos(x(shape=(1 << 14,))))
    count = runs_until_native(root, native, [np.zeros(1 << 14)])
    graph = native.compiled[0][0]
    spent, price = cost.interpreting(graph) * count, cost.compiling(graph)
    assert price <= spent <= price + cost.interpreting(graph)


def test_who_asks_gets_native_code_at_once(native: Recorder) -> None:
    made, _ = program([neg(x())], eager=True)
    assert len(native.compiled) == 1
    made.run([VALUE])
    assert native.runs == 1


def test_programs_are_native_inside_a_context(native: Recorder) -> None:
    """Those that were made before, too; afterwards they stay so, others do not."""
    before, other = program([neg(x())])[0], program([cos(x())])[0]
    before.run([VALUE])
    with natively():
        assert native.runs == 0
        with natively():
            before.run([VALUE])
        assert native.runs == 1
        program([sin(x())])[0].run([VALUE])
        assert native.runs == 2
    before.run([VALUE])
    assert native.runs == 3
    other.run([VALUE])
    assert native.runs == 3


def test_a_context_is_one_threads(native: Recorder) -> None:
    made, _ = program([neg(x())])
    with natively():
        thread = threading.Thread(target=made.run, args=([VALUE],))
        thread.start()
        thread.join()
        assert native.runs == 0


def test_a_structure_is_compiled_once(native: Recorder) -> None:
    """Whoever asks first, and however: at once, inside the context, or by many runs."""
    program([neg(x(0))], eager=True)
    with natively():
        program([neg(x(1))])[0].run([VALUE])
    program([neg(x(2))], "llvm")
    assert len(native.compiled) == 1


def test_threads_that_switch_at_once(native: Recorder) -> None:
    made, _ = program([neg(x())])

    def work() -> bool:
        with natively():
            return bool((made.run([VALUE])[0] == -VALUE).all())

    assert in_threads(work) == [True] * 8


def test_the_environment_forces_native_code(
    native: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WINGBEAT_BACKEND", "llvm")
    program([neg(x())])[0].run([VALUE])
    assert native.runs == 1
    monkeypatch.setenv("WINGBEAT_BACKEND", "numpy")
    with natively():
        program([neg(x())], eager=True)[0].run([VALUE])
    assert native.runs == 1


def test_donated_inputs_are_part_of_the_program(native: Recorder) -> None:
    a, b = x(0), x(1)
    program([a * b], eager=True)
    program([a * b], eager=True, donated=[b])
    program([x(5) * x(6)], eager=True, donated=[x(6)])
    assert [donated for _, donated in native.compiled] == [(), (1,)]


def test_the_interpreter_keeps_what_is_donated() -> None:
    value = VALUE.copy()
    program([neg(x())], "numpy", donated=[x()])[0].run([value])
    assert_array_equal(value, VALUE)


# Without native code


def test_what_has_no_native_code_is_interpreted_with_one_warning(refusing: Recorder) -> None:
    with pytest.warns(Interpreted, match=r"^sin has no native code \(a test says so\)") as caught:
        made, _ = program([sin(x())], eager=True)
    assert len(caught) == 1
    assert_array_equal(made.run([VALUE])[0], np.sin(VALUE))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again, _ = program([sin(x(1))], eager=True)
        assert again is made
        program([cos(sin(x()))], eager=True)[0].run([VALUE])
        program([cos(x())], eager=True)[0].run([VALUE])
    assert refusing.runs == 1


def test_a_program_without_native_code_stays_interpreted(refusing: Recorder) -> None:
    made, _ = program([sin(x())])
    with natively(), pytest.warns(Interpreted):
        made.run([VALUE])
    for _ in range(3):
        assert_array_equal(made.run([VALUE])[0], np.sin(VALUE))
    assert refusing.runs == 0


def test_who_did_not_ask_is_not_told(refusing: Recorder) -> None:
    """A program that would have become native stays as it is; who asks later hears why."""
    many = np.zeros(1 << 22)
    made, _ = program([sin(x(shape=many.shape))])
    for _ in range(3):
        made.run([many])
    assert refusing.runs == 0
    with pytest.warns(Interpreted, match=r"^sin has no native code"):
        program([sin(x(shape=many.shape))], eager=True)


# Memory


def test_memory_of_an_interpreted_program() -> None:
    n = 24
    z = cos(sin(x()))
    memory = program([neg(z), x()], "numpy")[0].memory
    assert (memory.inputs, memory.outputs) == (n, n)
    assert memory.live == memory.arena == 2 * n  # sin and cos, while cos is computed
    assert memory.peak == 4 * n


def test_memory_once_it_is_native(native: Recorder) -> None:
    made, _ = program([neg(x())])
    assert made.memory.peak == 48
    with natively():
        made.run([VALUE])
    assert made.memory.peak == 48


def test_llvm_is_imported_when_it_is_needed() -> None:
    script = """
import sys
from wingbeat.backend import base
from wingbeat.ir import leaf, tensor_type
from wingbeat.ops.arithmetic import neg
base.DEFAULT = "llvm"
base.set_num_threads(1)
base.program([neg(leaf(tensor_type((3,)), "x", 0))])[0].run([[1.0, 2.0, 3.0]])
assert "llvmlite" not in sys.modules
"""
    environment = {"PATH": ""}
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, env=environment)
