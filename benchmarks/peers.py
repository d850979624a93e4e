"""Workloads against torch, JAX and autograd, in one run, one thread and two: a table of ratios.

Every library does the same work on the same data, a few times each in turn, so that a noisy machine
disturbs all alike; the results must agree. Threads of a library that has had its turn go on waiting
for work for a while, and would take the others' processors: with two threads, turns are apart. A
figure is the median of ours divided by the median of theirs: below 1 ours is the faster.

    python benchmarks/peers.py                          # all workloads, one thread, then two
    python benchmarks/peers.py --only mlp64,chain --threads 1 --json ratios.json

Peers that are not installed (`pip install wingbeat[bench]`) are left out.
"""

# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROUNDS, SECONDS = 25, 0.02  # turns of each library, and about how long one of them takes
REST = 0.25  # seconds before a turn on several threads, after which those of others have gone idle
TOLERANCE = 2e-3


@dataclass(frozen=True)
class Workload:
    """`make(peer)` returns the work for a peer, or None where the peer has no such operation."""

    name: str
    make: Callable[[Any], Callable[[], Any] | None]


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def _weights(*shapes: tuple[int, ...]) -> list[Any]:
    rng = _rng()
    return [
        (rng.normal(size=s) / np.sqrt(np.prod(s[:-1]) if len(s) > 1 else 100)).astype("f4")
        for s in shapes
    ]


def mlp(batch: int) -> Workload:
    def loss(p: Any, ws: Any, x: Any, y: Any) -> Any:
        w1, b1, w2, b2 = ws
        return p.cross_entropy(p.relu(x @ w1 + b1) @ w2 + b2, y)

    x, y = _rng().random((batch, 784), dtype="f4"), _rng().integers(0, 10, batch)
    weights = _weights((784, 500), (500,), (500, 10), (10,))
    return Workload(f"mlp{batch}", lambda p: p.step(loss, weights, x, y))


def tiny() -> Workload:
    def loss(p: Any, ws: Any, x: Any, y: Any) -> Any:
        w1, b1, w2, b2 = ws
        z = p.sigmoid(p.sigmoid(x @ w1 + b1) @ w2 + b2) - y
        return (z * z).sum()

    rng = _rng()
    x, y = rng.random((8, 2)).astype("f4"), rng.random((8, 1)).astype("f4")
    weights = _weights((2, 6), (6,), (6, 1), (1,))
    return Workload("tiny", lambda p: p.step(loss, weights, x, y))


def chain() -> Workload:
    def f(p: Any, v: Any) -> Any:
        t = p.xp.tanh(v)
        return (p.xp.exp(-(t * t)) * v).sum()

    v = _rng().normal(size=1_000_000).astype("f4")
    return Workload("chain", lambda p: p.gradient(f, v))


def softmax() -> Workload:
    def f(p: Any, x: Any, y: Any) -> Any:
        return p.cross_entropy(x, y)

    x, y = _rng().normal(size=(512, 1000)).astype("f4"), _rng().integers(0, 1000, 512)
    return Workload("softmax", lambda p: p.gradient(f, x, y))


def layer_norm() -> Workload:
    def f(p: Any, x: Any, c: Any) -> Any:
        return (p.layer_norm(x) * c).sum()

    x, c = _rng().normal(size=(2, 512, 1024)).astype("f4")
    return Workload("layer_norm", lambda p: p.gradient(f, x, c))


def lstm() -> Workload:
    steps, batch, width = 64, 32, 128

    def loss(p: Any, ws: Any, xs: Any, h: Any, c: Any) -> Any:
        w, u, b = ws
        for t in range(steps):
            gates = xs[t] @ w + h @ u + b
            i, f, o = (p.sigmoid(gates[:, k * width : (k + 1) * width]) for k in range(3))
            c = f * c + i * p.xp.tanh(gates[:, 3 * width :])
            h = o * p.xp.tanh(c)
        return (h * h).sum()

    xs = _rng().normal(size=(steps, batch, width)).astype("f4")
    zero = np.zeros((batch, width), "f4")
    weights = _weights((width, 4 * width), (width, 4 * width), (4 * width,))
    return Workload("lstm", lambda p: p.step(loss, weights, xs, zero, zero))


def transformer() -> Workload:
    tokens, width, heads = 128, 256, 4
    size = width // heads

    def loss(p: Any, ws: Any, x: Any) -> Any:
        qkv, out, up, down = ws
        z = (p.layer_norm(x) @ qkv).reshape((tokens, 3, heads, size))
        q, k, v = (p.swap(z[:, n], 0, 1) for n in range(3))
        attention = p.softmax(q @ p.swap(k, 1, 2) / size**0.5)
        x = x + p.swap(attention @ v, 0, 1).reshape((tokens, width)) @ out
        x = x + p.relu(p.layer_norm(x) @ up) @ down
        return (x * x).mean()

    x = _rng().normal(size=(tokens, width)).astype("f4")
    weights = _weights((width, 3 * width), (width, width), (width, 4 * width), (4 * width, width))
    return Workload("transformer", lambda p: p.step(loss, weights, x))


def _filters(*shapes: tuple[int, ...]) -> list[Any]:
    rng = _rng()
    fan = [np.prod(s[1:] if len(s) > 2 else s[:1]) for s in shapes]
    pairs = zip(shapes, fan, strict=True)
    return [(rng.normal(size=s) / np.sqrt(n)).astype("f4") for s, n in pairs]


def lenet() -> Workload:
    def loss(p: Any, ws: Any, x: Any, y: Any) -> Any:
        a, b, c, d = ws
        x = p.pool(p.relu(p.conv(x, a, 2)))
        x = p.pool(p.relu(p.conv(x, b)))
        return p.cross_entropy(p.relu(x.reshape((x.shape[0], -1)) @ c) @ d, y)

    x, y = _rng().random((32, 1, 28, 28), dtype="f4"), _rng().integers(0, 10, 32)
    weights = _filters((6, 1, 5, 5), (16, 6, 5, 5), (400, 120), (120, 10))
    return Workload("lenet", lambda p: p.step(loss, weights, x, y) if hasattr(p, "conv") else None)


def cifar() -> Workload:
    def loss(p: Any, ws: Any, x: Any, y: Any) -> Any:
        a, b, c, d = ws
        x = p.pool(p.relu(p.conv(x, a, 1)))
        x = p.pool(p.relu(p.conv(x, b, 1)))
        x = p.pool(p.relu(p.conv(x, c, 1)))
        return p.cross_entropy(x.reshape((x.shape[0], -1)) @ d, y)

    x, y = _rng().random((16, 3, 32, 32), dtype="f4"), _rng().integers(0, 10, 16)
    weights = _filters((32, 3, 3, 3), (64, 32, 3, 3), (64, 64, 3, 3), (1024, 10))
    return Workload("cifar", lambda p: p.step(loss, weights, x, y) if hasattr(p, "conv") else None)


def rosenbrock() -> Workload:
    def f(p: Any, x: Any) -> Any:
        a, b = x[1:] - x[:-1] * x[:-1], 1 - x[:-1]
        return (100 * a * a + b * b).sum()

    return Workload("rosenbrock", lambda p: p.gradient(f, _rng().normal(size=50)))


WORKLOADS = [
    mlp(64),
    mlp(512),
    tiny(),
    chain(),
    softmax(),
    layer_norm(),
    lstm(),
    transformer(),
    lenet(),
    cifar(),
    rosenbrock(),
]


def compare(workload: Workload, peers: list[Any], threads: int) -> dict[str, Any]:
    """Medians and first calls in seconds, per peer; raises where results differ."""
    works: dict[str, Any] = {}
    first: dict[str, float] = {}
    results: dict[str, Any] = {}
    for peer in peers:
        begin = time.perf_counter()
        work = workload.make(peer)
        if not work:
            continue
        results[peer.name] = np.asarray(peer.number(work()), np.float64)
        first[peer.name] = time.perf_counter() - begin
        works[peer.name] = work
    ours = results["wingbeat"]
    for name, value in results.items():
        scale = max(1e-6, float(np.abs(value).max()))
        if not np.allclose(ours / scale, value / scale, atol=TOLERANCE):
            raise SystemExit(f"{workload.name}: wingbeat and {name} disagree")
    times: dict[str, list[float]] = {name: [] for name in works}
    repeats = {name: _repeats(work) for name, work in works.items()}
    alone: list[float] = []  # ours with one thread all the same, in turns with that of several
    for turn in range(ROUNDS if threads == 1 else ROUNDS // 2):
        for name, work in works.items():
            if threads == 1:
                times[name].append(_turn(work, repeats[name]))
                continue
            time.sleep(REST)
            _turn(work, repeats[name])
            each = [(threads, times[name])]
            if name == "wingbeat":
                each.insert(turn % 2, (1, alone))
            for number, into in each:
                peers[0].wb.set_num_threads(number)
                into.append(_turn(work, repeats[name]))
    medians = {name: statistics.median(t) for name, t in times.items()}
    gain = {"alone": statistics.median(alone)} if alone else {}
    return {"first": first, "median": medians, **gain}


def _turn(work: Any, repeats: int) -> float:
    begin = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - begin) / repeats


def _repeats(work: Any) -> int:
    for _ in range(3):
        work()
    begin = time.perf_counter()
    work()
    return max(1, min(1000, int(SECONDS / (time.perf_counter() - begin + 1e-9))))


def run(names: list[str], threads: int) -> dict[str, Any]:
    """The chosen workloads in this process."""
    if threads == 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # JAX knows no other way
    from benchmarks._peers import present

    peers = present()
    for peer in peers:
        if peer.name == "torch":
            peer.torch.set_num_threads(threads)
    chosen = [w for w in WORKLOADS if not names or w.name in names]
    others = [p.name for p in peers[1:]]
    print(f"\n{threads} thread{'s' if threads > 1 else ''}: ours / theirs (first call / theirs)")
    heads = [*others, "ours, one thread"] if threads > 1 else others
    print(f"{'workload':<14}{'ours':>11}" + "".join(f"{name:>20}" for name in heads), flush=True)
    found: dict[str, Any] = {}
    for workload in chosen:
        found[workload.name] = result = compare(workload, peers, threads)
        median, first = result["median"], result["first"]
        mine, begun = median["wingbeat"], first["wingbeat"]
        cells = [
            f"{mine / median[n]:8.3f} ({begun / first[n]:6.2f})" if n in median else "-"
            for n in others
        ]
        if "alone" in result:
            cells.append(f"{mine / result['alone']:8.3f}")
        line = "".join(f"{cell:>20}" for cell in cells)
        print(f"{workload.name:<14}{mine * 1e6:>8.1f} us{line}", flush=True)
    return found


def main() -> None:
    """Each number of threads in a process of its own: libraries read it when they start."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", default="", help="names of workloads, with commas")
    parser.add_argument("--threads", type=int, choices=(1, 2), help="default: 1, then 2")
    parser.add_argument("--json", type=Path, help="write medians and first calls, in seconds")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    names = [n for n in options.only.split(",") if n]
    if unknown := set(names) - {w.name for w in WORKLOADS}:
        parser.error(f"no workload {', '.join(sorted(unknown))}")
    if options.here:
        options.json.write_text(json.dumps(run(names, options.threads)))
        return
    results: dict[str, Any] = {}
    for threads in [options.threads] if options.threads else [1, 2]:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "result.json"
            arguments = ["--here", "--threads", str(threads), "--json", str(file)]
            limit = {f"{x}_NUM_THREADS": str(threads) for x in ("OMP", "OPENBLAS", "WINGBEAT")}
            subprocess.run(
                [sys.executable, __file__, "--only", options.only, *arguments],
                env={**os.environ, **limit},
                check=True,
            )
            results[f"threads={threads}"] = json.loads(file.read_text())
    if options.json:
        options.json.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
