"""Names of native code: the same for the same code, and for no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wingbeat.backend.base import Graph, program
from wingbeat.backend.llvm import structure, target
from wingbeat.backend.llvm.lowering import lower
from wingbeat.backend.llvm.partition import partition
from wingbeat.backend.llvm.repeats import step_key
from wingbeat.backend.llvm.structure import graph_key
from wingbeat.ir import Node, Sample, full, leaf, tensor_type
from wingbeat.ir.node import PRIMITIVES, build
from wingbeat.ops.arithmetic import add, mul, sub
from wingbeat.ops.contract import contract
from wingbeat.ops.families import elementwise
from wingbeat.ops.reduce import sum as add_up
from wingbeat.ops.shape import reshape
from wingbeat.ops.shape import slice as cut

HOST = target.host()


def x(number: int = 0, shape: tuple[int, ...] = (3, 3), dtype: str = "float64") -> Node:
    return leaf(tensor_type(shape, dtype), "x", number)


def graph(*roots: Node) -> Graph:
    return program(roots, "numpy")[0].graph


def key(*roots: Node) -> str | None:
    return graph_key(graph(*roots), (), HOST)


DIFFERENT: list[Callable[[], list[Node]]] = [
    lambda: [add(x(0), x(1))],
    lambda: [add(x(0), x(0))],
    lambda: [sub(x(0), x(1))],
    lambda: [sub(x(0), x(1)), x(0)],
    lambda: [x(0), sub(x(0), x(1))],
    lambda: [add(x(0, (3, 4)), x(1, (3, 4)))],
    lambda: [add(x(0, dtype="float32"), x(1, dtype="float32"))],
    lambda: [add_up(x(0), axes=(0,))],
    lambda: [add_up(x(0), axes=(1,))],
    lambda: [x(0) * 2.0],
    lambda: [x(0) * 0.0],
    lambda: [x(0) * -0.0],
    lambda: [x(0) * float("nan")],
    lambda: [x(0) * np.nextafter(2.0, 3.0)],
]


def test_different_graphs_have_different_names() -> None:
    assert len({key(*make()) for make in DIFFERENT}) == len(DIFFERENT)


def test_names_of_leaves_and_call_sites_do_not_matter() -> None:
    a, b = leaf(tensor_type((3, 3)), "a"), leaf(tensor_type((3, 3)), "b")
    there = build(add, (a, b), (), ("there.py", 7))
    assert key(there) == key(add(x(0), x(1)))


def test_processors_and_donated_inputs_matter() -> None:
    g = graph(add(x(0), x(1)))
    names = {
        graph_key(g, (), HOST),
        graph_key(g, (0,), HOST),
        graph_key(g, (1,), HOST),
        graph_key(g, (), target.named("haswell")),
        graph_key(g, (), replace(HOST, bits=128)),
    }
    assert len(names) == 5


def test_the_code_generators_source_matters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte of each file; where there are no files, nothing is kept on disk."""
    monkeypatch.setattr(structure, "__file__", str(tmp_path / "backend" / "llvm" / "structure.py"))
    read = structure.fingerprint.__wrapped__
    assert read() is None
    found: set[str | None] = {None}
    for name, text in (("ir/a.py", "1"), ("ir/a.py", "2"), ("ops/b.py", ""), ("ops/c/b.py", "")):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        assert read() not in found
        found.add(read())
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "a.py").write_text("")
    assert read() in found


def test_rules_that_others_wrote_are_not_kept_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next program may declare another rule under the same name."""
    monkeypatch.setattr("wingbeat.ir.node.PRIMITIVES", dict(PRIMITIVES))
    mine = elementwise(
        "twice",
        numpy=lambda v: v + v,
        partials=lambda z, v: (full(2, v.type),),
        scalar=lambda s, v: s.add(v, v),
        latex="2 {0}",
        samples=(Sample(((2,),)),),
    )
    try:
        assert key(mine(x())) is None
        assert key(add(x(), mine(x()))) is None
    finally:
        PRIMITIVES.pop("twice", None)


def test_shipped_rules_are_kept_on_disk() -> None:
    types = {name: p for name, p in PRIMITIVES.items() if p.element is not None}
    assert all(structure._is_shipped(p) for p in types.values())


# Steps


def functions(*roots: Node) -> int:
    """How many different steps code is written for."""
    lowered = lower(graph(*roots), HOST)
    return len({emitted.calls[0].function for emitted in lowered.emitted})


def cell(h: Node, v: Node, w: Node) -> Node:
    z = add(contract(h, w, lhs=(0, 1), rhs=(1, 2), out=(0, 2)), v)
    return sub(mul(z, z), v)


def test_repeated_steps_are_written_once() -> None:
    h, w = x(0, (16, 16)), x(1, (16, 16))
    once = functions(cell(h, x(2, (16, 16)), w))
    for k in range(2, 12):
        h = cell(h, x(k, (16, 16)), w)
    assert functions(h) == once


SUMS: list[Callable[[Node, Node], list[Node]]] = [
    lambda a, b: [add_up(mul(a, b), axes=(0,))],
    lambda a, b: [add_up(mul(a, b), axes=(1,))],
    lambda a, b: [add_up(mul(a, a), axes=(0,))],
    lambda a, b: [add_up(mul(a, b) * 2.0, axes=(0,))],
    lambda a, b: [add_up(mul(a, b) * 3.0, axes=(0,))],
    lambda a, b: [add_up(sub(a, b), axes=(0,))],
    lambda a, b: [mul(a, b)],
    lambda a, b: [mul(a, b), sub(a, b)],
    lambda a, b: [contract(a, b, lhs=(0, 1), rhs=(1, 2), out=(0, 2))],
    lambda a, b: [contract(a, b, lhs=(0, 1), rhs=(1, 2), out=(2, 0))],
    lambda a, b: [contract(a, b, lhs=(1, 0), rhs=(1, 2), out=(0, 2))],
    lambda a, b: [contract(a, b, lhs=(0, 1), rhs=(1, 2), out=(0, 2), guard=1)],
]


def keys(*roots: Node) -> tuple[object, ...]:
    g = graph(*roots)
    return tuple(step_key(g, step) for step in partition(g).steps)


def test_steps_of_other_meaning_are_others() -> None:
    a, b = x(0, (50, 50)), x(1, (50, 50))
    assert len({keys(*make(a, b)) for make in SUMS}) == len(SUMS)


def test_where_a_step_stands_does_not_matter() -> None:
    """Nor which leaves it reads."""
    a, b, c, d = (x(k, (50, 50)) for k in range(4))
    for make in SUMS:
        assert keys(*make(a, b)) == keys(*make(c, d))
        before = keys(a * 7.0)
        assert set(keys(*make(a, b))) <= {*keys(a * 7.0, *make(b, c)), *before}


def pairs(parts: list[Node], w: Node) -> list[tuple[Node, Node]]:
    return [*((part, w) for part in parts), (parts[3], parts[3]), (parts[3], parts[4])]


def test_products_of_parts_share_their_code() -> None:
    """Where a part begins is in the table of pointers, as of a recurrent network's steps."""
    a, w = x(0, (8, 16, 16)), x(1, (16, 16))
    rows = [cut(a, start=(k, 0, 0), stop=(k + 1, 16, 16), step=(1, 1, 1)) for k in range(8)]
    parts = [reshape(row, shape=(16, 16)) for row in rows]
    products = [contract(a, b, lhs=(0, 1), rhs=(1, 2), out=(0, 2)) for a, b in pairs(parts, w)]
    graph_ = graph(*products)
    text = lower(graph_, HOST).text
    assert text.count("define") < 8  # one for the first, one for the others, one for the square
    xs = [np.random.default_rng(k).normal(size=s) for k, s in enumerate([(8, 16, 16), (16, 16)])]
    roots = [graph_.nodes[k] for k in graph_.outputs]
    for got, want in zip(
        program(roots, "llvm")[0].run(xs), program(roots, "numpy")[0].run(xs), strict=True
    ):
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)
