"""What `jit(f).lower(...)` shows: read by people, so kept as golden files."""

from __future__ import annotations

import platform
import re
from typing import Any

import pytest

import wingbeat as wb
from tests.support.golden import assert_golden
from wingbeat.backend.llvm import target
from wingbeat.errors import NotSupported

x86 = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="plans depend on the processor"
)


@pytest.fixture
def lowered(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The gradient step of a small network with softmax, as it is made by default."""
    monkeypatch.delenv("WINGBEAT_BACKEND", raising=False)

    def loss(w: Any, b: Any, x: Any, y: Any) -> Any:
        return wb.nn.functional.cross_entropy(wb.tanh(x @ w + b), y)

    def step(w: Any, b: Any, x: Any, y: Any) -> Any:
        dw, db = wb.grad(loss, argnums=(0, 1))(w, b, x, y)
        return w - 0.5 * dw, b - 0.5 * db

    arguments = wb.ones((6, 5)), wb.ones(5), wb.ones((4, 6)), wb.asarray([0, 1, 2, 3])
    return wb.jit(step).lower(*arguments)


def test_the_graph(lowered: Any) -> None:
    assert_golden("lowered/graph.txt", lowered.graph())


@x86
def test_the_plan(lowered: Any) -> None:
    """Each operation is in one step: in registers, or stored for those that read it."""
    with target.forced("haswell"):
        text = lowered.plan()
    assert_golden("lowered/plan.txt", re.sub(r"about \S+ us", "about ... us", text))
    operations = [line for line in lowered.graph().splitlines() if line.startswith("  %")]
    for line in operations:
        name = line.split()[0]
        assert f"    {name} = " in text, f"{name} is nowhere"


@x86
def test_the_code(lowered: Any) -> None:
    """One function calls all steps; that of another processor has its vectors."""
    for name, vector in (("haswell", "<4 x double>"), ("nehalem", "<2 x double>")):
        with target.forced(name):
            text = lowered.llvm_ir()
        assert text.count("define i32 @program(") == 1
        assert vector in text


def test_what_it_costs_and_takes(lowered: Any) -> None:
    assert str(lowered.cost()).startswith(f"{lowered.cost().flops:,} operations, ")
    memory = lowered.memory()
    assert memory == wb.debug.memory(lowered)
    assert memory.inputs == 8 * (30 + 5 + 24 + 4)
    assert memory.outputs == 8 * (30 + 5)
    assert memory.live <= memory.arena
    assert str(memory) == (
        f"{memory.peak:,} bytes: 504 of inputs, 280 of outputs, "
        f"{memory.arena:,} between ({memory.live:,} in use at once)"
    )


def test_the_interpreter_plans_nothing(lowered: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINGBEAT_BACKEND", "numpy")
    with pytest.raises(NotSupported, match="plan: the backend 'numpy' has none"):
        lowered.plan()


def test_the_plan_of_a_program_with_donated_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the one that runs: the result lies where the argument was."""
    monkeypatch.delenv("WINGBEAT_BACKEND", raising=False)
    f, xs = lambda w, g: w - 0.5 * g, (wb.ones(100), wb.ones(100))
    assert "of the array of x\n" in wb.jit(f, donate_argnums=0).lower(*xs).plan()
    assert "of the new array 0\n" in wb.jit(f).lower(*xs).plan()
