"""A whole training step is one native call, with nothing of it left to the interpreter."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from wingbeat import nn, optim
from wingbeat.backend import base
from wingbeat.train import fit

X = np.random.default_rng(0).normal(size=(96, 6)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 3, 96)


class Entries:
    """The operations of each program that ran, by what ran it."""

    def __init__(self) -> None:
        self.llvm: list[int] = []
        self.numpy: list[int] = []

    def clear(self) -> None:
        self.llvm.clear()
        self.numpy.clear()


@pytest.fixture
def entries(monkeypatch: pytest.MonkeyPatch) -> Iterator[Entries]:
    """What runs, while programs go through the default."""
    monkeypatch.delenv("WINGBEAT_BACKEND", raising=False)
    found = Entries()
    for name in ("llvm", "numpy"):
        backend: Any = base.load(name)
        monkeypatch.setattr(backend, "compile", _watched(backend.compile, getattr(found, name)))
    base.clear_programs()
    yield found
    base.clear_programs()


def _watched(compile: Any, runs: list[int]) -> Any:
    def watched(graph: base.Graph, *donated: Collection[int]) -> base.Run:
        run = compile(graph, *donated)
        size = sum(node.op is not None for node in graph.nodes)

        def counted(arrays: Sequence[Any]) -> list[Any]:
            runs.append(size)
            return run(arrays)

        return counted

    return watched


def _trained(steps: int, entries: Entries, **options: Any) -> tuple[int, int]:
    """Native and interpreted runs of `fit` over so many batches of one size."""
    wb.random.seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 3))
    optimizer = optim.Adam(list(model.parameters()), lr=wb.optim.Cosine(1e-2, 100))
    batches = [(X[:32], Y[:32])] * steps
    entries.clear()
    fit(model, batches, nn.CrossEntropyLoss(), optimizer, epochs=1, progress=False, **options)
    return len(entries.llvm), len(entries.numpy)


@pytest.mark.parametrize("options", [{}, {"clip_norm": 0.5}], ids=["plain", "clipped"])
def test_a_step_of_fit_is_one_native_call(entries: Entries, options: dict[str, Any]) -> None:
    """Four more batches are four more calls: loss, metrics, gradient, its norm and the update."""
    native, interpreted = _trained(3, entries, **options)
    more = _trained(7, entries, **options)
    assert more == (native + 4, interpreted)
    assert native >= 3
    assert len(set(entries.llvm[-4:])) == 1


def test_the_first_step_is_native_too(entries: Entries) -> None:
    """So a run that is resumed has the bits of one that was not."""
    wb.random.seed(0)
    model = nn.Linear(6, 3)
    optimizer = optim.SGD(list(model.parameters()), lr=0.1)
    entries.clear()
    nn.CrossEntropyLoss()(model(wb.asarray(X)), wb.asarray(Y)).backward()
    optimizer.step()
    assert (len(entries.llvm), len(entries.numpy)) == (1, 0)


def test_a_step_by_hand_under_jit_is_one_native_call(entries: Entries) -> None:
    w, b = wb.asarray(np.ones((6, 3), np.float32)), wb.asarray(np.zeros(3, np.float32))
    x, y = wb.asarray(X), wb.asarray(Y)

    @wb.jit
    def step(w: Any, b: Any) -> tuple[Any, Any, Any]:
        def loss(w: Any, b: Any) -> Any:
            return nn.functional.cross_entropy(x @ w + b, y)

        value, (dw, db) = wb.value_and_grad(loss, argnums=(0, 1))(w, b)
        return value, w - 0.1 * dw, b - 0.1 * db

    step(w, b)
    entries.clear()
    losses: list[float] = []
    for _ in range(5):
        value, w, b = step(w, b)
        losses.append(value.item())
    assert losses == sorted(losses, reverse=True)
    assert (len(entries.llvm), len(entries.numpy)) == (5, 0)


def test_what_is_evaluated_once_is_interpreted(entries: Entries) -> None:
    """Nobody waits for a compiler who asks for one gradient."""
    wb.grad(lambda v: (wb.sin(v) * v).sum())(wb.asarray([1.0, 2.0])).numpy()
    assert (len(entries.llvm), len(entries.numpy)) == (0, 1)
