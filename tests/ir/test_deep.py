"""A chain of 100,000 nodes goes through everything: no pass recurses."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import numpy as np
import pytest

from tests.ops.cases import run
from wingbeat.backend.base import clear_programs
from wingbeat.ir import Node, check, full, leaf, tensor_type
from wingbeat.ir import node as nodes
from wingbeat.ir.text import from_text, to_text
from wingbeat.ir.walk import rewrite, substitute, toposort
from wingbeat.ops.arithmetic import neg
from wingbeat.ops.composites import softplus
from wingbeat.ops.transcendental import sin
from wingbeat.transform import inlined, jvp, simplified, vjp, vmap

DEPTH = 100_000
SCALAR = tensor_type(())


@pytest.fixture(autouse=True)
def _no_programs_stay() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    yield
    clear_programs()
    gc.collect()


def chain(x: Node) -> Node:
    """x + x + x + ..."""
    z = x
    for _ in range(DEPTH):
        z = z + x
    return z


@pytest.fixture
def x() -> Node:
    return leaf(SCALAR, "x")


def test_walks(x: Node) -> None:
    z = chain(x)
    assert len(toposort([z])) == DEPTH + 1
    check([z], [x], lowered=True)
    new = rewrite([z], lambda node: neg(node) if node is x else None, {})
    assert new[z] is not z
    assert substitute([z], {x: x}) == [z]


def test_inline(x: Node) -> None:
    z = x
    for _ in range(2_000):
        z = softplus(z)
    check(inlined([z]), [x], lowered=True)
    deep = chain(x)
    assert inlined([deep]) == [deep]


def test_simplify(x: Node) -> None:
    z = x
    for _ in range(DEPTH // 4):
        z = -(sin(-z) * 1)
    (simpler,) = simplified([z])
    assert len(toposort([simpler])) == DEPTH // 4 + 3  # inside, two minus signs meet


def test_derivatives_and_both_backends(x: Node) -> None:
    z = chain(x)
    t = leaf(SCALAR, "t")
    (gx,) = vjp([z], [x], [full(1, SCALAR)])
    (dz,) = jvp([z], {x: t})
    assert gx is not None
    assert dz is not None
    feed = {x: np.array(3.0), t: np.array(1.0)}
    value, slope, tangent = run([z, gx, dz], feed)
    assert (float(value), float(slope), float(tangent)) == (3e5 + 3, 1e5 + 1, 1e5 + 1)
    assert float(run([z], feed, "reference")[0]) == 3e5 + 3


def test_vmap(x: Node) -> None:
    many = leaf(tensor_type((3,)), "many")
    ((z, carries),) = vmap([chain(x)], {x: many})
    assert carries
    (value,) = run([z], {many: np.arange(3.0)})
    assert value.tolist() == [0.0, 100_001.0, 200_002.0]


def test_text(x: Node) -> None:
    text = to_text([chain(x)])
    (again,), _ = from_text(text)
    assert to_text([again]) == text


def test_deletion() -> None:
    gc.collect()
    before = len(nodes._shared)
    x = leaf(SCALAR, "x")
    z = chain(x)
    del x
    assert len(nodes._shared) > DEPTH
    del z
    gc.collect()
    assert len(nodes._shared) <= before
