"""Nodes: shared when equal, from all threads, for as long as somebody holds them."""

from __future__ import annotations

import gc
import math
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from wingbeat.errors import TypeMismatch
from wingbeat.ir import PRIMITIVES, Node, full, leaf, tensor_type
from wingbeat.ir import node as nodes
from wingbeat.ir.node import build, here, register
from wingbeat.ops.arithmetic import add, mul
from wingbeat.ops.contract import contract
from wingbeat.ops.reduce import sum as add_up
from wingbeat.ops.transcendental import sin

F = tensor_type((2,))


def test_equal_expressions_are_one_node() -> None:
    x, y = leaf(F, "x"), leaf(F, "y")
    assert x + y is x + y
    assert x + y is not y + x
    assert add_up(x, axes=(0,)) is add_up(x, axes=(0,))
    assert x * 2 is x * 2.0
    assert x * 2 is not x * 3


def test_leaves() -> None:
    assert leaf(F, "x") is not leaf(F, "x")
    assert leaf(F, "x", 0) is leaf(F, "x", 0)
    assert leaf(F, "x", 0) is not leaf(F, "x", 1)
    assert leaf(F, "x", 0) is not leaf(tensor_type((3,)), "x", 0)


def test_nodes_of_different_lines_are_different() -> None:
    x = leaf(F, "x")
    first = build(sin, (x,), (), ("a.py", 1))
    assert first is not build(sin, (x,), (), ("a.py", 2))
    assert first is build(sin, (x,), (), ("a.py", 1))


def test_a_node_cannot_be_made_by_its_class() -> None:
    with pytest.raises(TypeError, match="applying a primitive"):
        Node()


def test_operators_take_numbers_on_both_sides() -> None:
    x = leaf(F, "x")
    two = full(2, F)
    sides: list[tuple[Node, str, tuple[Node, ...]]] = [
        (x + 2, "add", (x, two)),
        (2 + x, "add", (two, x)),
        (x - 2, "sub", (x, two)),
        (2 - x, "sub", (two, x)),
        (x * 2, "mul", (x, two)),
        (2 * x, "mul", (two, x)),
        (x / 2, "div", (x, two)),
        (2 / x, "div", (two, x)),
        (-x, "neg", (x,)),
    ]
    for node, name, inputs in sides:
        assert node is PRIMITIVES[name](*inputs)


def test_both_zeros_are_kept_apart() -> None:
    plus, minus = full(0.0, F), full(-0.0, F)
    assert plus is not minus
    assert minus is -plus


def test_nan_is_one_constant() -> None:
    assert full(math.nan, F) is full(float("nan"), F) is full(math.inf - math.inf, F)


@pytest.mark.parametrize(
    ("value", "dtype", "kept"), [(1, "float32", float), (1.0, "int8", int), (1, "bool", bool)]
)
def test_constants_are_of_their_dtypes_kind(value: float, dtype: str, kept: type) -> None:
    constant = full(value, tensor_type((5,), dtype))
    assert type(dict(constant.attrs)["value"]) is kept


def test_type_errors_name_operation_types_and_line() -> None:
    x, y = leaf(tensor_type((3, 4)), "x"), leaf(tensor_type((5, 2)), "y")
    with pytest.raises(TypeMismatch) as raised:
        contract(x, y, lhs=(0, 1), rhs=(1, 2), out=(0, 2))
    assert str(raised.value) == "contract: inner sizes 4 and 5 differ; got f64[3,4], f64[5,2]"
    line = (__file__, 1)
    with pytest.raises(TypeMismatch, match=r"test_node.py:1   .*Nodes: shared when equal"):
        build(add, (x, y), (), line)


def test_call_site_is_taken_from_here() -> None:
    x = leaf(F, "x")
    here.site = ("user.py", 41)
    try:
        assert sin(x).site == ("user.py", 41)
    finally:
        here.site = None
    assert sin(x).site is None


def test_primitives_are_declared_once_and_with_samples() -> None:
    with pytest.raises(ValueError, match="declared twice"):
        register(sin)
    from dataclasses import replace

    with pytest.raises(ValueError, match="no samples"):
        register(replace(sin, name="untested", samples=()))


# Lifetime


def count() -> int:
    gc.collect()
    return len(nodes._shared)


def test_dead_nodes_leave_the_table() -> None:
    before = count()
    x = leaf(F, "x")
    z = sin(x) * x + 1
    assert count() > before
    del x, z
    assert count() == before


def test_operands_live_as_long_as_results() -> None:
    x = leaf(F, "x", 12345)
    z = sin(x)
    mark = id(x)
    del x
    gc.collect()
    assert id(z.inputs[0]) == mark
    assert z.inputs[0] is leaf(F, "x", 12345)


def test_a_node_that_comes_again_is_a_new_one() -> None:
    before = count()

    def once() -> bool:
        x = leaf(F, "x", 54321)
        return mul(x, sin(x)).inputs[1].inputs == (x,)

    assert all(once() for _ in range(100))
    assert count() == before


# Threads


def in_threads(work: Callable[[], Any], n: int = 8) -> list[Any]:
    barrier = threading.Barrier(n)
    results: list[Any] = []
    failures: list[BaseException] = []

    def body() -> None:
        barrier.wait()
        try:
            results.append(work())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=body) for _ in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures
    return results


@pytest.fixture
def impatient() -> Any:
    """Threads change places as often as possible."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("impatient")
def test_threads_building_one_graph_get_the_same_nodes() -> None:
    x = leaf(F, "x")

    def work() -> list[Node]:
        made = [x]
        for k in range(2000):
            made.append(sin(made[-1]) + k % 7)
        return made

    results = in_threads(work)
    assert len(results) == 8
    assert all(a is b for row in results for a, b in zip(row, results[0], strict=True))


@pytest.mark.usefixtures("impatient")
def test_threads_making_and_dropping_the_same_nodes() -> None:
    """Nodes die in one thread while another asks for them; sharing holds, nothing stays behind."""
    before = count()
    x = leaf(F, "x", 98765)

    def once() -> bool:
        y = sin(x)
        return y is sin(x) and y.inputs == (x,)

    assert in_threads(lambda: all(once() for _ in range(3000))) == [True] * 8
    assert count() == before + 1
