"""Programs of which NumPy computes some steps: between native code, to the same bits and errors."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import wingbeat as wb
from tests.backend.llvm.agreement import compiled, graph_of, interpreted, natively
from tests.backend.llvm.test_processes import start
from tests.ir.test_node import in_threads
from tests.support.forked import forked
from wingbeat import nn, optim
from wingbeat.backend import base, llvm
from wingbeat.backend.base import StepFailed, clear_programs, program
from wingbeat.backend.llvm import lowering
from wingbeat.backend.llvm.grouping import NESTED
from wingbeat.backend.llvm.library import Library
from wingbeat.backend.llvm.partition import partition
from wingbeat.errors import Interpreted, OutOfRange
from wingbeat.ir import Node, leaf, tensor_type
from wingbeat.ir.node import PRIMITIVES
from wingbeat.ops.arithmetic import add, mul, neg, sub
from wingbeat.ops.index import gather
from wingbeat.ops.matrix import solve
from wingbeat.ops.shape import reshape, transpose
from wingbeat.ops.shape import slice as cut
from wingbeat.ops.sort import argsort, sort
from wingbeat.ops.transcendental import exp

Array = Any
ROOT = Path(__file__).parents[3]
SHAPE = (20, 30)


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    monkeypatch.setenv("WINGBEAT_CACHE", str(tmp_path))
    clear_programs()
    yield tmp_path
    clear_programs()


def x(number: int = 0, shape: tuple[int, ...] = SHAPE, dtype: str = "float64") -> Node:
    return leaf(tensor_type(shape, dtype), "x", number)


def draw(seed: int = 0, shape: tuple[int, ...] = SHAPE) -> Array:
    return np.random.default_rng(seed).normal(size=shape)


def calling(f: Callable[[Array], Array]) -> Any:
    """A primitive like sort, of which NumPy's part is another."""
    return replace(sort, numpy=lambda x, *, axis: f(x))


def libraries(*roots: Node) -> list[str]:
    _, graph = graph_of(roots)
    steps = (s for s in partition(graph).steps if isinstance(s, Library))
    return [graph.nodes[s.node].name for s in steps]


def same(roots: list[Node], feed: dict[Node, Array]) -> None:
    for got, want in zip(natively(roots, feed), interpreted(roots, feed), strict=True):
        assert_array_equal(got, want)
        assert not got.flags.writeable


# --- values ---------------------------------------------------------------------------------------


def test_by_hand() -> None:
    (z,) = natively(
        [sort(x(shape=(4,)) * 2.0, axis=0) + 1.0], {x(shape=(4,)): [3.0, -1.0, 2.0, 0.5]}
    )
    assert z.tolist() == [-1.0, 2.0, 5.0, 7.0]


CASES: dict[str, Callable[[], list[Node]]] = {
    "first": lambda: [neg(sort(x(), axis=0))],
    "last": lambda: [sort(neg(x()), axis=1)],
    "alone": lambda: [argsort(x(), axis=1)],
    "one after the other": lambda: [sort(sort(x(), axis=0), axis=1) * 2.0],
    "side by side": lambda: [sub(sort(x() * 2.0, axis=0), sort(x(), axis=1))],
    "twice an output": lambda: [z := sort(x(), axis=1), neg(z), z],
    "an output is read": lambda: [z := x() * 3.0, sort(z, axis=1), x()],
    "its result in another order": lambda: [transpose(sort(x(), axis=1), perm=(1, 0)) * 2.0],
    "in another order": lambda: [sort(transpose(x() * 2.0, perm=(1, 0)), axis=0)],
    "a part of a value": lambda: [
        sort(cut(x() * 2.0, start=(3, 0), stop=(9, 30), step=(1, 1)), axis=1)
    ],
    "no neighbours": lambda: [sort(cut(x(), start=(0, 0), stop=SHAPE, step=(2, 2)), axis=1)],
    "another shape": lambda: [sort(reshape(x() * 2.0, shape=(600,)), axis=0)],
    "a part of an input": lambda: [
        argsort(reshape(cut(x(), start=(1, 0), stop=(2, 30), step=(1, 1)), shape=(30,)), axis=0)
    ],
    "integers and bools": lambda: [
        sort(x(dtype="int32"), axis=1),
        sort(x(1, dtype="bool"), axis=0),
        sort(x(2, dtype="float16"), axis=0),
    ],
    "nothing": lambda: [sort(x(shape=(0, 3)), axis=1)],
    "one number": lambda: [sort(reshape(x(shape=()), shape=(1,)), axis=0)],
}


@pytest.mark.parametrize("name", CASES)
def test_as_on_the_interpreter(name: str) -> None:
    roots = CASES[name]()
    leaves, _ = compiled(roots)
    same(roots, {n: draw(k, n.shape).astype(n.type.dtype) for k, n in enumerate(leaves)})


def test_operands_are_read_where_they_lie() -> None:
    """What has its elements side by side in another's memory is not copied."""
    for whole, before in ((x(), []), (sort(x(), axis=1), ["Library"])):
        part = cut(whole, start=(3, 0), stop=(9, 30), step=(1, 1))
        for view in (reshape(whole, shape=(600,)), reshape(part, shape=(180,)), part):
            _, graph = graph_of([sort(view, axis=0)])
            assert [type(s).__name__ for s in partition(graph).steps] == [*before, "Library"]
            same([sort(view, axis=0)], {x(): draw()})


def test_what_reads_a_view_waits_for_what_is_computed_there() -> None:
    """Of so many views the last is no longer looked through."""
    view = sort(x(shape=(600,)), axis=0)
    for k in range(NESTED + 1):
        view = reshape(view, shape=(SHAPE, (600,))[k % 2])
    roots = [exp(x(1)), view, add(view, x(1))]
    feed = {x(shape=(600,)): draw(shape=(600,)), x(1): draw(1)}
    got, want = natively(roots, feed), interpreted(roots, feed)
    assert_array_equal(got[1], want[1])
    assert_array_equal(got[2], want[2])


def test_products_read_and_take_in_what_numpy_computed() -> None:
    a, b, c = (x(k, (64, 64)) for k in range(3))
    ordered = sort(c, axis=0)
    labels: dict[str, Any] = {"lhs": (0, 1), "rhs": (1, 2), "out": (0, 2)}
    z = sub(ordered, PRIMITIVES["contract"](a, sort(b, axis=1), **labels))
    feed = {n: draw(k, n.shape) for k, n in enumerate((a, b, c))}
    assert_allclose(natively([z], feed)[0], interpreted([z], feed)[0], rtol=1e-12, atol=1e-12)


def test_many_steps_of_both_kinds() -> None:
    """More native ones in a row than one function has."""
    z = x()
    for k in range(40):
        z = sort(mul(z, x(1)), axis=k % 2) if k % 3 else neg(sort(z, axis=1))
    for k in range(150):
        z = cut(reshape(add(z, x(k % 2)), shape=(600,)), start=(0,), stop=(600,), step=(1,))
        z = reshape(z, shape=SHAPE)
    same([sort(z, axis=0)], {x(0): draw(1), x(1): draw(2) * 0.5})


def test_any_array_goes_in() -> None:
    a = draw()
    wide = np.zeros((20, 60))
    wide[:, ::2] = a
    _, run = compiled([sort(x(), axis=1)])
    for given in (a, a.T.copy().T, wide[:, ::2], a.astype(">f8"), a.tolist(), a.view(np.memmap)):
        (z,) = run([given])
        assert_array_equal(z, np.sort(a, axis=1))
        assert z.dtype is np.dtype(np.float64)


def test_a_wrong_dtype_is_noticed() -> None:
    with pytest.raises(StepFailed, match="Cannot cast"):
        natively([calling(lambda v: v.astype(np.float32))(x(), axis=0)], {x(): draw()})


def test_infinities_are_no_warnings() -> None:
    """As on the interpreter."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (z,) = natively([calling(lambda v: v / 0.0)(x(), axis=0) * 1.0], {x(): draw()})
    assert np.isinf(z).all()


def test_derivatives_of_a_likelihood() -> None:
    """solve and log |det|: of a Gaussian process, with its gradient."""
    rng = np.random.default_rng(0)
    place, y = rng.normal(size=(30, 2)), rng.normal(size=(30, 1))

    def loss(scale: Any, noise: Any) -> Any:
        d = wb.sum((place[:, None, :] - place[None, :, :]) ** 2, axis=-1)
        k = wb.exp(-d * scale) + noise * np.eye(30)
        return wb.sum(y * wb.linalg.solve(k, y)) + wb.linalg.slogdet(k)[1]

    step = wb.jit(wb.value_and_grad(loss, argnums=(0, 1)))
    assert "solve: by NumPy" in step.lower(0.7, 0.3).plan()
    value, slopes = step(0.7, 0.3)
    want, plain = wb.value_and_grad(loss, argnums=(0, 1))(0.7, 0.3)
    assert_allclose(float(value), float(want), rtol=1e-12)
    assert_allclose([float(s) for s in slopes], [float(s) for s in plain], rtol=1e-10)
    bits = [step(0.7, 0.3)[0].numpy().tobytes() for _ in range(5)]
    assert bits == [value.numpy().tobytes()] * 5


# --- memory ---------------------------------------------------------------------------------------


def test_donated_arrays_are_overwritten_behind_the_last_step_of_numpys() -> None:
    """Before, the program may still fail, and must then leave them as they were."""
    first = program([sort(neg(x()), axis=1)], "llvm", donated=[x()])[0]
    a = draw()
    (z,) = first.run([a])
    assert_array_equal(z, np.sort(-draw(), axis=1))
    assert_array_equal(a, draw())
    behind = program([sub(x(), sort(x(1), axis=1))], "llvm", donated=[x()])[0]
    a.setflags(write=False)  # as the arrays of tensors are
    (z,) = behind.run([a, draw(1)])
    assert np.shares_memory(z, a)
    assert_array_equal(z, draw() - np.sort(draw(1), axis=1))


def test_memory_is_planned_as_for_other_steps() -> None:
    n = 600 * 8
    z = x()
    for k in range(10):
        z = sort(z * 2.0, axis=k % 2)
    memory = program([z], "llvm")[0].memory
    assert (memory.inputs, memory.outputs) == (n, n)
    assert memory.arena == 2 * n  # a product, and what is sorted of the one before


# --- errors ---------------------------------------------------------------------------------------


def refuse(v: Array) -> Array:
    if v.min() < 0:
        raise OutOfRange(f"negative: {v.min():.1f}")
    return np.sqrt(v)


def failure(run: base.Run, arrays: list[Array]) -> tuple[Any, ...]:
    with pytest.raises(StepFailed) as caught:
        run(arrays)
    cause = caught.value.cause
    return caught.value.step, type(cause), str(cause), caught.value.__cause__ is cause


def test_errors_are_the_interpreters() -> None:
    """Of the step that comes first in the graph, whichever native code comes to first."""
    i = leaf(tensor_type((2,), "int64"), "i", 0)
    root = calling(refuse)(x(), axis=0)
    picked = gather(x(), i, batch=0)
    top = cut(root, start=(0, 0), stop=(2, 30), step=(1, 1))
    for roots in ([neg(root), picked], [picked, neg(root)], [mul(picked, top)]):
        leaves, native = compiled(roots)
        plain = base.load("numpy").compile(graph_of(roots)[1])
        for a in (draw(), np.abs(draw())):
            for places in ([0, 19], [0, 20]):
                feed = {x(): a, i: np.array(places)}
                arrays = [feed[n] for n in leaves]
                if a.min() >= 0 and places[1] < 20:
                    for got, want in zip(native(arrays), plain(arrays), strict=True):
                        assert_array_equal(got, want)
                else:
                    assert failure(native, arrays) == failure(plain, arrays)


def test_after_an_error_nothing_is_half_done() -> None:
    made = program([neg(calling(refuse)(x() * 2.0, axis=0)), x() + 1.0], "llvm", donated=[x()])[0]
    for _ in range(3):
        bad, good = draw(), np.abs(draw())
        assert failure(made.run, [bad])[1] is OutOfRange
        assert_array_equal(bad, draw())
        assert_array_equal(made.run([good])[0], -np.sqrt(np.abs(draw()) * 2.0))


def test_an_error_that_does_not_come_again_is_told() -> None:
    left = [MemoryError("short of it")]

    def once(v: Array) -> Array:
        if left:
            raise left.pop()
        return v

    _, run = compiled([calling(once)(x(), axis=0)])
    assert failure(run, [draw()]) == (1, MemoryError, "short of it", True)
    assert_array_equal(run([draw()])[0], draw())


def test_who_is_interrupted_hears_of_nothing_else(capfd: pytest.CaptureFixture[str]) -> None:
    left = [KeyboardInterrupt()]

    def once(v: Array) -> Array:
        if left:
            raise left.pop()
        return v

    _, run = compiled([neg(calling(once)(x(), axis=0))])
    with pytest.raises(KeyboardInterrupt):
        run([draw()])
    assert_array_equal(run([draw()])[0], -draw())
    assert capfd.readouterr() == ("", "")


LONG = """
import numpy as np
import wingbeat as wb

@wb.jit
def f(x):
    for _ in range(400):
        x = wb.sort(wb.sin(x * 9.0), axis=0)
    return x

small, large = np.ones(3), wb.asarray(np.linspace(0, 1, {size}))
print("ready" if f(large[:3]).shape == (3,) else "", flush=True)
try:
    f(large)
except KeyboardInterrupt:
    print("stopped")
print(f(wb.asarray(small)).shape)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("size", [30_000, 1_000_000])
def test_ctrl_c(size: int) -> None:
    """Whether it comes in native code or in NumPy, it is heard before the next step of NumPy's."""
    process = start(LONG.format(size=size))
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.4)
    begin = time.perf_counter()
    process.send_signal(2)
    out, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (0, "")
    assert out.split("\n")[:-1] in (["stopped", "(3,)"], ["(3,)"])
    if size == 1_000_000:
        assert out.startswith("stopped")
        assert time.perf_counter() - begin < 60  # not when all 400 steps are done


# --- threads and processes ------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4,), (30_000,)])
def test_threads_run_one_program_at_once(shape: tuple[int, ...]) -> None:
    """Short, and long enough to be shared among the pool's threads."""
    z = add(exp(sort(neg(x(shape=shape)), axis=0)), argsort_as_float(x(1, shape)))
    run = program([z, sort(z, axis=0)], "llvm")[0].run

    def work() -> bool:
        arrays = [draw(threading.get_ident() % 1000 + k, shape) for k in range(2)]
        want = [r.tobytes() for r in run(arrays)]
        return all([r.tobytes() for r in run(arrays)] == want for _ in range(20))

    assert in_threads(work) == [True] * 8


def argsort_as_float(v: Node) -> Node:
    return PRIMITIVES["cast"](argsort(v, axis=0), dtype="float64")


def test_a_step_may_run_programs_itself() -> None:
    """NumPy's part is plain Python: it holds no lock that other programs wait for."""
    inner = program([sort(x() * 2.0, axis=0)], "llvm")[0].run

    def other(v: Array) -> Array:
        found: list[Array] = []
        thread = threading.Thread(target=lambda: found.append(natively([neg(x())], {x(): v})[0]))
        thread.start()
        thread.join(60)
        return found[0] + inner([v])[0]

    (z,) = natively([neg(calling(other)(x() * 1.0, axis=0))], {x(): draw()})
    assert_array_equal(z, draw() - np.sort(draw() * 2.0, axis=0))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_runs_what_its_parent_compiled() -> None:
    run = program([neg(sort(x() * 2.0, axis=0))], "llvm")[0].run
    want = run([draw()])[0]
    assert forked(lambda: bool((run([draw()])[0] == want).all()))


def test_code_of_equal_structure_is_shared_and_calls_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From disk, too: what NumPy computes is the node's, not the code's."""
    lowered: list[Any] = []
    right = lowering.lower
    monkeypatch.setattr(lowering, "lower", lambda *a: (lowered.append(a), right(*a))[1])
    functions = [np.sort, np.sqrt, np.negative]
    found: list[Array] = []
    for f in (*functions, *functions):
        _, graph = graph_of([calling(f)(exp(x()), axis=0) * 2.0])
        found += llvm.compile(graph)([draw()])
    assert len(lowered) == 1
    assert_array_equal(found[0], np.sort(found[5] / -2.0, axis=-1) * 2.0)
    assert_array_equal(found[1], np.sqrt(found[5] / -2.0) * 2.0)
    for first, again in zip(found[:3], found[3:], strict=True):
        assert_array_equal(first, again)


PROCESS = """
import sys
import numpy as np
import wingbeat as wb
f = wb.jit(wb.grad(lambda v, w: wb.sum(wb.linalg.solve(wb.sort(v, axis=0), wb.exp(w)) ** 2)))
rng = np.random.default_rng(0)
z = f(rng.normal(size=(5, 5)), rng.normal(size=(5, 2))).numpy()
written = "wingbeat.backend.llvm.lowering" in sys.modules
print(z.tobytes().hex(), written)
"""


def test_another_process_loads_it() -> None:
    runs = [
        subprocess.run(
            [sys.executable, "-W", "error", "-c", PROCESS],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        for _ in range(2)
    ]
    (first, wrote), (second, again) = (r.stdout.split() for r in runs)
    assert (wrote, again) == ("True", "False")
    assert first == second


# --- where it pays, and what is shown -------------------------------------------------------------


def test_what_is_numpys_alone_stays_interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is warned: there would be nothing to gain."""
    monkeypatch.delenv("WINGBEAT_BACKEND", raising=False)
    monkeypatch.setattr(base, "DEFAULT", "llvm")
    quiet, _ = program([sort(x(), axis=0)])
    value = draw()
    for _ in range(20_000):
        quiet.run([value])
    asked, _ = program([solve(x(0, (3, 3)), x(1, (3, 3)))], eager=True)
    with base.natively():
        assert_array_equal(quiet.run([draw()])[0], np.sort(draw(), axis=0))
    assert asked.attempt is None
    assert quiet.run.memory is None  # type: ignore[attr-defined]
    mixed, _ = program([neg(sort(x(), axis=0))], eager=True)
    assert mixed.attempt is not None


def test_a_plan_says_what_is_numpys() -> None:
    f = wb.jit(lambda v: wb.exp(wb.sort(wb.reshape(v * 2.0, (-1,)))))
    lowered = f.lower(draw())
    plan = lowered.plan().splitlines()
    assert "step 1: library, reads %2" in plan
    assert "    sort: by NumPy, between kernels" in plan
    (line,) = [line for line in plan if line.startswith("    %2 = reshape")]
    assert "as it lies, 4800 bytes at 0 of the " in line
    assert any(line.startswith("    %1 = mul") and "stored for step 1" in line for line in plan)
    text = lowered.llvm_ir()
    assert "define i32 @program(" in text
    assert "define i32 @program1(" in text
    memory = wb.debug.memory(lowered)
    assert memory.arena <= 4800 < memory.peak


def test_costs_are_those_of_the_algorithm() -> None:
    """Not of its definition, which would take a hundred years for these."""
    cost = wb.jit(lambda v: wb.sort(v)).lower(draw(shape=(1 << 20,))).cost()
    assert cost.flops == 20 << 20
    a, b = draw(shape=(300, 300)), draw(shape=(300, 7))
    assert wb.jit(wb.linalg.solve).lower(a, b).cost().flops == 2 * 300**3 // 3 + 2 * 300**2 * 7


def test_a_function_that_has_no_native_code_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule of somebody's that calls what is in no table: the whole program is interpreted."""
    mine = replace(
        PRIMITIVES["tanh"],
        name="mine",
        numpy=np.cbrt,
        element=lambda s, read, i: s.call("root of three", read[0](i)),
    )
    monkeypatch.setattr(base, "_warned", set())
    with pytest.warns(Interpreted, match=r"^mine has no native code \(.*'root of three'\)") as told:
        made, _ = program([sort(mine(x()), axis=0) * 2.0], "llvm")
        program([mine(x()) * 3.0], "llvm")
    assert len(told) == 1
    assert_array_equal(made.run([draw()])[0], np.sort(np.cbrt(draw()), axis=0) * 2.0)


WITHOUT = """
import sys, warnings
sys.modules["llvmlite"] = None
import wingbeat as wb
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    print(wb.jit(lambda v: wb.sort(v) * 2.0)(wb.asarray([3.0, 1.0])).tolist())
    print(wb.jit(lambda v: wb.sort(v))(wb.asarray([3.0, 1.0])).tolist())
    print(wb.jit(lambda v: v * 4.0)(wb.asarray([3.0, 1.0])).tolist())
print([str(w.message)[:31] for w in told])
"""


def test_without_a_compiler_everything_is_interpreted_and_said_once() -> None:
    command = [sys.executable, "-c", WITHOUT]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    told = "['this machine has no native code']"
    assert run.stdout.split("\n")[:-1] == ["[2.0, 6.0]", "[1.0, 3.0]", "[12.0, 4.0]", told]


# --- in use ---------------------------------------------------------------------------------------


def test_training_with_a_sort_in_the_loss() -> None:
    """A step is native and warns of nothing; the loss goes down as on the interpreter."""

    def trained(backend: str) -> list[float]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("WINGBEAT_BACKEND", backend)
            rng = np.random.default_rng(0)
            keys = [wb.random.key(k) for k in range(2)]
            model = nn.Sequential(
                nn.Linear(3, 8, key=keys[0]), nn.Tanh(), nn.Linear(8, 1, key=keys[1])
            )
            optimizer = optim.SGD(model.parameters(), lr=0.05)
            data = rng.normal(size=(64, 3)).astype("float32")
            goal = wb.asarray(np.linspace(-1, 1, 64, dtype="float32"))
            losses: list[float] = []
            for _ in range(20):
                optimizer.zero_grad()
                loss = wb.mean((wb.sort(model(data)[:, 0]) - goal) ** 2)
                loss.backward()
                optimizer.step()
                losses.append(float(loss))
            return losses

    native, plain = trained("llvm"), trained("numpy")
    assert native[-1] < 0.5 * native[0]
    assert_allclose(native, plain, rtol=1e-4)
