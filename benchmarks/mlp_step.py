"""One training step of the 784-500-10 network against peers, on one thread.

Wingbeat and PyTorch run modules, `loss.backward()` and an optimiser, as their users write it; JAX
a function under `jit`, NumPy a backward pass written by hand.

Everybody takes the same number of steps from the same weights on the same data, a few steps each in
turn, so that a noisy machine disturbs all alike. The figures are medians, and ratios of medians;
the losses must agree.

    python benchmarks/mlp_step.py        # torch, jax and autograd take part where they are
    installed
"""

# The peers are optional, and some of them come without types.
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportUntypedFunctionDecorator=false, reportUnusedImport=false

from __future__ import annotations

import benchmarks._one_thread  # noqa: F401

# isort: split
import importlib.util
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

Step = Callable[[], float]
RATE, ROUNDS, PER_ROUND = 0.01, 30, 5


def data(batch: int) -> tuple[list[Any], Any, Any]:
    """Weights, images and labels."""
    rng = np.random.default_rng(0)
    shapes = ((784, 500), (500,), (500, 10), (10,))
    weights = [(rng.normal(size=s) * 0.03).astype("f4") for s in shapes]
    return weights, rng.random((batch, 784), dtype="f4"), rng.integers(0, 10, batch)


def with_wingbeat(batch: int) -> Step:
    import wingbeat as wb
    from wingbeat import nn, optim

    weights, x, y = data(batch)
    first, second = nn.Linear(784, 500), nn.Linear(500, 10)
    model = nn.Sequential(first, nn.ReLU(), second)
    w1, b1, w2, b2 = weights
    model.load_state_dict({"0.weight": w1.T, "0.bias": b1, "2.weight": w2.T, "2.bias": b2})
    optimizer = optim.SGD(model.parameters(), lr=RATE)
    loss_function = nn.CrossEntropyLoss()
    images, labels = wb.asarray(x), wb.asarray(y)

    def step() -> float:
        optimizer.zero_grad()
        loss = loss_function(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def with_numpy(batch: int) -> Step:
    (w1, b1, w2, b2), x, y = data(batch)
    rows = np.arange(batch)

    def step() -> float:
        a = x @ w1 + b1
        h = np.maximum(a, 0)
        o = h @ w2 + b2
        o -= o.max(1, keepdims=True)
        e = np.exp(o)
        total = e.sum(1, keepdims=True)
        loss = (np.log(total[:, 0]) - o[rows, y]).mean()
        g = e / total
        g[rows, y] -= 1
        g /= batch
        gh = (g @ w2.T) * (a > 0)
        for w, d in ((w2, h.T @ g), (b2, g.sum(0)), (w1, x.T @ gh), (b1, gh.sum(0))):
            w -= np.float32(RATE) * d
        return float(loss)

    return step


def with_torch(batch: int) -> Step:
    import torch

    (w1, b1, w2, b2), x, y = data(batch)
    model = torch.nn.Sequential(
        torch.nn.Linear(784, 500), torch.nn.ReLU(), torch.nn.Linear(500, 10)
    )
    with torch.no_grad():
        for p, w in zip(model.parameters(), (w1.T, b1, w2.T, b2), strict=True):
            p.copy_(torch.tensor(w))
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    loss_function = torch.nn.CrossEntropyLoss()
    images, labels = torch.tensor(x), torch.tensor(y)

    def step() -> float:
        optimizer.zero_grad()
        loss = loss_function(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def with_jax(batch: int) -> Step:
    import jax
    import jax.numpy as jnp

    weights, x, y = data(batch)

    def loss_of(weights: Any, x: Any, y: Any) -> Any:
        w1, b1, w2, b2 = weights
        o = jnp.maximum(x @ w1 + b1, 0) @ w2 + b2
        return (jax.nn.logsumexp(o, 1) - o[jnp.arange(batch), y]).mean()

    @jax.jit
    def update(weights: Any, x: Any, y: Any) -> Any:
        loss, grads = jax.value_and_grad(loss_of)(weights, x, y)
        return loss, [w - RATE * g for w, g in zip(weights, grads, strict=True)]

    held = [[jnp.asarray(w) for w in weights]]
    images, labels = jnp.asarray(x), jnp.asarray(y)

    def step() -> float:
        loss, held[0] = update(held[0], images, labels)
        return float(loss)

    return step


def with_autograd(batch: int) -> Step:
    import autograd
    import autograd.numpy as anp

    held, x, y = data(batch)
    rows = np.arange(batch)

    def loss_of(weights: Any) -> Any:
        w1, b1, w2, b2 = weights
        o = anp.dot(anp.maximum(anp.dot(x, w1) + b1, 0), w2) + b2
        top = (
            o.max(1, keepdims=True) if not hasattr(o, "_value") else o._value.max(1, keepdims=True)
        )
        o = o - top
        return anp.mean(anp.log(anp.sum(anp.exp(o), 1)) - o[rows, y])

    both = autograd.value_and_grad(loss_of)

    def step() -> float:
        nonlocal held
        loss, grads = both(held)
        held = [w - np.float32(RATE) * g for w, g in zip(held, grads, strict=True)]
        return float(loss)

    return step


PEERS: dict[str, Callable[[int], Step]] = {
    "numpy": with_numpy,
    "torch": with_torch,
    "jax": with_jax,
    "autograd": with_autograd,
}


def race(batch: int) -> None:
    """Print a table for one batch size."""
    present = {n: f for n, f in PEERS.items() if importlib.util.find_spec(n)}
    steps = {"wingbeat": with_wingbeat(batch), **{n: f(batch) for n, f in present.items()}}
    losses = {name: step() for name, step in steps.items()}
    for step in steps.values():
        step()
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            begin = time.perf_counter()
            for _ in range(PER_ROUND):
                step()
            times[name].append((time.perf_counter() - begin) / PER_ROUND)
    ours = statistics.median(times["wingbeat"])
    print(f"batch {batch}")
    for name, t in times.items():
        median = statistics.median(t)
        print(f"  {name:<10}{median * 1e3:>8.2f} ms   ours / theirs {ours / median:>6.2f}")
        np.testing.assert_allclose(losses[name], losses["wingbeat"], rtol=1e-5)


def main() -> None:
    for batch in (64, 512):
        race(batch)


if __name__ == "__main__":
    main()
