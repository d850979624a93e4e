"""Large graphs made small, and where their boxes stand."""

import time
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wingbeat as wb
from tests.explain.networks import transformer
from wingbeat.explain.fold import folded, inside, runs
from wingbeat.explain.layout import arranged, layered


@pytest.fixture(scope="module")
def deep() -> wb.explain.Explanation:
    return transformer(12)


def test_repeated_blocks_are_one_box(deep: wb.explain.Explanation) -> None:
    boxes = {box.name: box for box in deep.folded().boxes}
    block = boxes["model.blocks.0 … model.blocks.11"]
    assert (block.kind, block.times) == ("Block", 12)
    assert len(boxes) < 10
    assert "× 12" in deep.svg()
    within = inside(deep.model, block)
    assert {"model.blocks.0.ln1", "model.blocks.0.mlp.0"} <= {b.name for b in within.boxes}
    rows = [" ".join(row.split()) for row in deep.text().splitlines()]
    assert any(row.startswith("blocks.0 … ") for row in rows)
    assert "blocks.11 × 12" in " ".join(rows)


def test_a_loop_without_modules_is_folded_too() -> None:
    def f(x: wb.Tensor) -> wb.Tensor:
        for _ in range(1000):
            x = wb.sin(x) + 0.1 * x
        return x

    begin = time.perf_counter()
    e = wb.explain(f)(0.3)
    svg = e.svg()
    assert len(e.steps) == 3001
    assert "× 1000" in svg
    assert len(e.folded().boxes) == 2
    assert time.perf_counter() - begin < 20  # about 1 s


def test_what_has_no_structure_is_cut_into_stretches() -> None:
    draw = np.random.default_rng(0)
    names, text = ["x"], []
    for k in range(300):
        f = draw.choice(["sin({})", "{}*0.5", "cos({})+1", "tanh({})", "{0}*{0}"])
        text.append(f"v{k}={f.format(draw.choice(names[-5:]))}")
        names.append(f"v{k}")
    e = wb.explain("; ".join(text), x=0.5)
    boxes = e.folded().boxes
    assert len(boxes) <= 61
    assert sorted(name for box in boxes for name in box.steps) == sorted(s.name for s in e.steps)


@given(st.lists(st.integers(0, 2), max_size=40))
def test_runs_are_the_sequence(signs: list[int]) -> None:
    place = 0
    for start, period, times in runs(signs):
        assert start == place
        assert signs[start : start + period * times] == signs[start : start + period] * times
        place += period * times
    assert place == len(signs)


def test_every_edge_between_boxes_is_drawn(deep: wb.explain.Explanation) -> None:
    graph = folded(deep.model, 40)
    home = {name: box.name for box in graph.boxes for name in box.steps}
    expected = {(home[e.source], home[e.target]) for e in deep.edges}
    assert {(k.source, k.target) for k in graph.links} == {p for p in expected if p[0] != p[1]}


# --- layout ----------------------------------------------------------------------------------


def test_layout_is_fast_and_the_same_each_time() -> None:
    draw = np.random.default_rng(0)
    names = [f"n{k}" for k in range(10_000)]
    pairs = [
        (names[max(0, k - int(draw.integers(1, 9)))], names[k])
        for k in range(1, 10_000)
        for _ in range(2)
    ]
    begin = time.perf_counter()
    layout = arranged(names, pairs)
    assert time.perf_counter() - begin < 10  # about 0.5 s
    assert len(set(layout.nodes.values())) == len(names)
    assert arranged(names, pairs) == layout


def test_layout_is_stable_under_small_changes(deep: wb.explain.Explanation) -> None:
    names = [s.name for s in deep.steps]
    pairs = [(e.source, e.target) for e in deep.edges]
    before = arranged(names, pairs)
    after = arranged([*names, "one more"], [*pairs, (deep.model.result, "one more")])
    kept = sum(before.nodes[n] == after.nodes[n] for n in names)
    assert kept == len(names)


@pytest.mark.parametrize("left_out", ["blocks.5.ln1.bias", "blocks.0.attention.q.weight"])
def test_layout_without_one_node_is_nearly_the_same(
    deep: wb.explain.Explanation, left_out: str
) -> None:
    before = layered(deep.model)
    names = [s.name for s in deep.steps if s.name != f"model.{left_out}"]
    known = set(names)
    pairs = [(e.source, e.target) for e in deep.edges if {e.source, e.target} <= known]
    after = arranged(names, pairs)
    assert sum(before.nodes[n][0] != after.nodes[n][0] for n in names) <= 1
    rows: dict[float, list[str]] = {}
    for name in names:
        rows.setdefault(before.nodes[name][0], []).append(name)
    orders = [
        (before.nodes[a][1] < before.nodes[b][1]) == (after.nodes[a][1] < after.nodes[b][1])
        for row in rows.values()
        for a, b in combinations(row, 2)
    ]
    assert sum(orders) > 0.98 * len(orders)


def test_an_edge_against_the_order_does_no_harm() -> None:
    layout = arranged(["a", "b"], [("a", "b"), ("b", "a")])
    assert layout.nodes["a"] != layout.nodes["b"]


# --- ten thousand steps ------------------------------------------------------------------------


def test_ten_thousand_steps_in_seconds() -> None:
    def recurrent(w: Any, u: Any, x: Any) -> Any:
        h = wb.zeros((1, 3))
        for _ in range(2500):
            h = wb.tanh(h @ w + x @ u)
        return wb.sum(h)

    w = np.random.default_rng(0).normal(size=(3, 3)) * 0.4
    begin = time.perf_counter()
    e = wb.explain(recurrent, detail="all")(w, w, np.ones((1, 3)))
    assert len(e.steps) > 7500
    assert len(e.svg()) < 20_000
    assert "× " in e.svg()
    assert len(e.html()) < 2_000_000
    assert time.perf_counter() - begin < 60  # about 6 s


def test_a_folded_graph_prints_as_a_table() -> None:
    folded = wb.explain("x=2*w+b; y=b+1; z=x*y", w=3, b=4).folded()
    rows = [line.split() for line in str(folded).splitlines()]
    assert ["x", "step", "1", "w,", "b"] in rows
    assert ["b", "input", "1"] in rows
    assert "Box(" not in repr(folded)
    assert "<th" in folded._repr_html_()
