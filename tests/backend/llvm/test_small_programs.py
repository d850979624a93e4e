"""Programs of a few nodes that say what a step must not get wrong; random ones found them."""

from __future__ import annotations

import numpy as np
import pytest
from llvmlite import binding
from numpy.testing import assert_array_equal

from tests.backend.llvm.agreement import agree, graph_of, natively
from tests.backend.llvm.test_primitives import usable
from tests.ops.cases import Array
from wingbeat.backend.llvm import lowering, target
from wingbeat.backend.llvm.lanes import Lanes
from wingbeat.ir import Node, leaf, tensor_type
from wingbeat.ops.arithmetic import mul
from wingbeat.ops.index import gather, scatter_add
from wingbeat.ops.logic import where
from wingbeat.ops.shape import concatenate, flip, pad, slice, transpose
from wingbeat.ops.transcendental import asinh


def x(shape: tuple[int, ...], dtype: str = "float64", number: int = 0) -> Node:
    return leaf(tensor_type(shape, dtype), "x", number)


def test_the_sum_of_two_bools_is_one() -> None:
    values, places = x((2,), "bool"), x((2,), "int64", 1)
    feed = {values: np.array([True, True]), places: np.array([1, 1])}
    (got,) = natively([scatter_add(values, places, size=3, batch=0)], feed)
    assert_array_equal(got, [False, True, False])


def test_a_step_may_not_read_what_only_empty_nodes_read() -> None:
    c, a = x((3, 4), "bool"), x((3, 4), "uint8", 1)
    turned = flip(a, axes=(0,))
    none = slice(where(c, a, turned), start=(1, 2), stop=(1, 2), step=(1, 1))
    feed = {c: np.eye(3, 4) > 0, a: np.arange(12, dtype=np.uint8).reshape(3, 4)}
    agree([none, turned], feed)


def test_positions_without_anything_to_find_there() -> None:
    a, i = x((2, 0)), x((2, 0), "int64", 1)
    agree([gather(a, i, batch=1)], {a: np.zeros((2, 0)), i: np.zeros((2, 0), np.int64)})


def test_single_numbers_of_float16() -> None:
    """Rounded twice, through float32; LLVM would call a function that no library here has."""
    agree([asinh(asinh(x((), "float16")))], {x((), "float16"): np.array(0.3, np.float16)})


def joined() -> tuple[list[Node], dict[Node, Array]]:
    """Two lanes, float16, sides of a concatenation that differ from lane to lane."""
    a, b, g = x((3, 15), "float16"), x((8, 3), "float16", 1), x((3,), "float16", 2)
    rows = transpose(a, perm=(1, 0))
    part = lambda n, first, last: slice(n, start=(first, 0), stop=(last, 3), step=(1, 1))  # noqa: E731
    products = concatenate(mul(part(rows, 0, 7), part(rows, 7, 14)), part(rows, 14, 15), axis=0)
    upper, lower = (
        mul(part(b, 0, 4), part(products, 4, 8)),
        mul(part(b, 4, 8), part(products, 0, 4)),
    )
    ends = [mul(part(n, 0, 2), part(n, 2, 4)) for n in (upper, lower)]
    ends.append(pad(part(ends[0], 1, 2), before=(1, 0), after=(0, 0), between=(0, 0)))
    rng = np.random.default_rng(0)
    return ends, {n: rng.normal(size=n.shape).astype(np.float16) for n in (a, b, g)}


def test_choices_by_lane() -> None:
    agree(*joined())


def assembly() -> str:
    _, graph = graph_of(joined()[0])
    processor = target.named("skylake-avx512")
    module = binding.parse_assembly(lowering.lower(graph, processor).text)
    return processor.machine().emit_assembly(module)


@pytest.mark.skipif(len(usable()) == 1, reason="for x86 only")
def test_no_mask_is_made_of_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    """LLVM 22 makes of it an instruction that cannot name every register, see `Lanes`."""
    assert "vmovmskp" not in assembly()
    monkeypatch.setattr(Lanes, "_disguised", Lanes.const)
    assert "vmovmskp" in assembly()  # else, LLVM does so no longer, and nothing need be disguised
