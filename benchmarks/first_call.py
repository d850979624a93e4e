"""What the first call of something new costs, in milliseconds.

    gradient      `wb.grad` of a function that is seen for the first time: it is interpreted
    nothing kept  a jitted training step of an MLP 784-500-10, on a machine that never ran Wingbeat
    new program   the same where the library of matrix products is on disk, but not this program
    on disk       the same once more, in a new process: its code is loaded
    second call   the same step again, in the same process

Each figure is the median of several fresh processes, in wall time and, as other work on the machine
does not count there, in processor time. Imports of Wingbeat and NumPy come before, that of LLVM is
part of it.

    python benchmarks/first_call.py [processes]
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import wingbeat as wb

Times = tuple[float, float]  # of the wall's clock and of the processor's, in ms


def timed(f: Callable[[], Any]) -> Times:
    wall, processor = time.perf_counter(), time.process_time()
    f()
    return 1e3 * (time.perf_counter() - wall), 1e3 * (time.process_time() - processor)


def gradient() -> Times:
    """The first gradient of a function, after that of another one."""
    x = np.linspace(0.1, 1.0, 8)

    def one(v: wb.Tensor) -> wb.Tensor:
        return (v * v).sum()

    def other(v: wb.Tensor) -> wb.Tensor:
        for _ in range(6):
            v = wb.sin(v) * v + wb.exp(-v)
        return v.sum()

    wb.grad(one)(x).numpy()
    return timed(lambda: wb.grad(other)(x).numpy())


def step(width: int) -> tuple[Times, Times]:
    """The first and the second call of a training step."""
    rng = np.random.default_rng(0)
    shapes = ((784, width), (width,), (width, 10), (10,), (64, 784))
    arrays = [wb.asarray(rng.normal(size=s).astype(np.float32) * 0.05) for s in shapes]
    labels = wb.asarray(rng.integers(0, 10, 64))
    cross_entropy = wb.nn.functional.cross_entropy

    @wb.jit
    def trained(*given: wb.Tensor) -> tuple[wb.Tensor, ...]:
        *weights, x, y = given

        def loss(w1: wb.Tensor, b1: wb.Tensor, w2: wb.Tensor, b2: wb.Tensor) -> wb.Tensor:
            return cross_entropy(wb.relu(x @ w1 + b1) @ w2 + b2, y)

        grads = wb.grad(loss, argnums=(0, 1, 2, 3))(*weights)
        return tuple(w - 0.1 * g for w, g in zip(weights, grads, strict=True))

    first = timed(lambda: trained(*arrays, labels))
    return first, timed(lambda: trained(*arrays, labels))


def child(what: str, cache: str) -> Any:
    """What `what` measures, in a process of its own."""
    # Python's own code is compiled once, as after installing.
    environment = os.environ | {"WINGBEAT_CACHE": cache, "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, __file__, "--child", what]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def measure() -> dict[str, Times]:
    """One round: each case in its own process."""
    with tempfile.TemporaryDirectory() as cache:
        cold, _ = child("500", cache)
        new, _ = child("501", cache)
        known, again = child("500", cache)
        return {
            "gradient": child("gradient", cache),
            "nothing kept": cold,
            "new program": new,
            "on disk": known,
            "second call": again,
        }


def main() -> None:
    """Print a table."""
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(gradient() if sys.argv[2] == "gradient" else step(int(sys.argv[2]))))
        return
    rounds = [measure() for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 5)]
    print(f"{'ms':<16}{'wall':>10}{'processor':>12}")
    for name in rounds[0]:
        wall, processor = (statistics.median(r[name][k] for r in rounds) for k in (0, 1))
        print(f"{name:<16}{wall:>10.1f}{processor:>12.1f}")


if __name__ == "__main__":
    main()
