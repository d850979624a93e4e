"""What it costs to trace a training step again: everything but the running of its program.

A step is written as a user would write it: forward, backward, update of the parameters. The second
time its nodes, derivatives and program are all known; what is left is Python calling the operators.
The time inside the program's own run is measured and taken off. The last column is the whole step,
its program run as native code.

    python benchmarks/retrace.py
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import wingbeat as wb
from wingbeat.api import running
from wingbeat.api.gradient import assign
from wingbeat.backend import base

STEPS = 2000


class Clock:
    """Time spent in programs, and the nodes that they ran."""

    def __init__(self) -> None:
        self.inside = 0.0
        self.nodes = 0

    def compile(self, graph: base.Graph) -> base.Run:
        run = base.load("numpy").compile(graph)
        count = sum(1 for node in graph.nodes if node.op is not None)

        def timed(arrays: Any) -> Any:
            begin = time.perf_counter()
            result = run(arrays)
            self.inside += time.perf_counter() - begin
            self.nodes += count
            return result

        return timed


def network() -> Callable[[], None]:
    """One step of a 2-6-1 network with sigmoids: forward, backward, gradient descent."""
    rng = np.random.default_rng(0)
    sizes = ((2, 6), (6,), (6, 1), (1,))
    parameters = [wb.asarray(rng.normal(size=s), requires_grad=True) for s in sizes]
    w1, b1, w2, b2 = parameters
    rate = wb.asarray(0.1)
    x, y = wb.asarray(rng.normal(size=(8, 2))), wb.asarray(rng.normal(size=(8, 1)))

    def step() -> None:
        hidden = wb.sigmoid(x @ w1 + b1)
        loss = wb.mean((wb.sigmoid(hidden @ w2 + b2) - y) ** 2)
        loss.backward()
        with wb.no_grad():
            assign(parameters, [p - rate * p.grad for p in parameters])
        for p in parameters:
            p.grad = None

    return step


def gradient() -> Callable[[], None]:
    """`wb.grad` of a function of twenty operations."""
    x = np.linspace(0.1, 1.0, 8)

    def f(v: wb.Tensor) -> wb.Tensor:
        for _ in range(6):
            v = wb.sin(v) * v + v
        return v.sum()

    slope = wb.grad(f)
    return lambda: slope(x)


def measure(make: Callable[[], Callable[[], None]]) -> tuple[int, float]:
    """Nodes per step, and the median microseconds around them."""
    clock = Clock()
    forget()
    base._backends["clock"] = clock
    chosen, base.chosen = base.chosen, lambda: "clock"
    try:
        step = make()
        for _ in range(20):
            step()
        times: list[float] = []
        clock.nodes = 0
        for _ in range(STEPS):
            clock.inside = 0.0
            begin = time.perf_counter()
            step()
            times.append(time.perf_counter() - begin - clock.inside)
    finally:
        base.chosen = chosen
        del base._backends["clock"]
    return clock.nodes // STEPS, statistics.median(times) * 1e6


def forget() -> None:
    """What was prepared for one backend is not run by another."""
    base.clear_programs()
    running._prepared.clear()


def whole(make: Callable[[], Callable[[], None]]) -> float:
    """The median microseconds of a step, tracing and native code together."""
    forget()
    step = make()
    times: list[float] = []
    with base.natively():
        for _ in range(STEPS):
            begin = time.perf_counter()
            step()
            times.append(time.perf_counter() - begin)
    return statistics.median(times) * 1e6


def main() -> None:
    """Print a table."""
    print(f"{'step':<34}{'nodes':>6}{'us a step':>12}{'us for 60 nodes':>18}{'us in all':>12}")
    for make in (network, gradient):
        nodes, us = measure(make)
        name = (make.__doc__ or "").split(":")[0].strip(".")[:33]
        figures = f"{us:>12.0f}{us * 60 / nodes:>18.0f}{whole(make):>12.0f}"
        print(f"{name:<34}{nodes:>6}{figures}")


if __name__ == "__main__":
    main()
