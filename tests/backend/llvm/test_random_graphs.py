"""Random programs: natively and on the interpreter; on several threads and in any chunks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests.backend.llvm.agreement import agree, check, compiled
from tests.backend.llvm.random_graphs import ORDERED, STEPS, Graph
from tests.backend.llvm.test_primitives import usable
from wingbeat.backend.base import get_num_threads, set_num_threads
from wingbeat.backend.llvm import lowering, target
from wingbeat.ir.walk import toposort

BATCH = 10  # graphs of one test


@pytest.fixture
def threads() -> Iterator[None]:
    before = get_num_threads()
    yield
    set_num_threads(before)


@pytest.mark.parametrize("name", usable())
@pytest.mark.parametrize("batch", range(8))
def test_backends_agree(batch: int, name: str) -> None:
    first = 10_000 * (1 + usable().index(name)) + BATCH * batch
    with target.forced(name):
        for seed in range(first, first + BATCH):
            graph = Graph(seed)
            agree(graph.roots, graph.feed)


@pytest.mark.parametrize("batch", range(6))
def test_backends_agree_on_what_numpy_has_a_part_in(batch: int) -> None:
    found = 0
    for seed in range(300_000 + BATCH * batch, 300_000 + BATCH * (batch + 1)):
        graph = Graph(seed, steps=ORDERED)
        found += sum(n.name in ("sort", "argsort") for n in toposort(graph.roots))
        agree(graph.roots, graph.feed)
    assert found > BATCH


def test_a_wrong_result_is_noticed() -> None:
    """Of an exact operation in the last bit, of others above what rounding explains."""
    x = np.arange(1.0, 9.0)
    with pytest.raises(AssertionError):
        check(np.nextafter(x, 9), x, None)
    check(x + 1e-9, x, np.full(8, 1e-9))
    with pytest.raises(AssertionError):
        check(x + 3e-9, x, np.full(8, 1e-9))


def test_graphs_are_of_many_kinds() -> None:
    """The generator itself: the same again for the same seed, and most operations occur."""
    graphs = [Graph(seed) for seed in range(150)]
    found = {n.name for g in graphs for n in g.nodes if n.op}
    assert len(found) > 70
    assert {n.type.dtype.name for g in graphs for n in g.nodes} >= {"float16", "int8", "uint64"}
    again = Graph(7)
    assert [str(n) for n in again.nodes] == [str(n) for n in graphs[7].nodes]


@pytest.mark.parametrize("seed", range(12))
def test_threads_and_chunks_are_immaterial(
    seed: int, threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same bits from 1, 2 and 3 threads, and where every step is cut as small as it may be."""
    graph = Graph(200_000 + seed, most=300_000, steps=(STEPS, ORDERED)[seed % 4 == 3])
    leaves, run = compiled(graph.roots)
    arrays = [graph.feed[n] for n in leaves]
    set_num_threads(1)
    want = [z.tobytes() for z in run(arrays)]
    monkeypatch.setattr(lowering, "WORTH", 0.0)
    monkeypatch.setattr(lowering, "CHUNK", 1.0)
    monkeypatch.setattr(lowering, "CHUNKS", 1 << 40)
    _, cut = compiled(graph.roots)
    for count in (1, 2, 3):
        set_num_threads(count)
        for made in (run, cut):
            assert [z.tobytes() for z in made(arrays)] == want
