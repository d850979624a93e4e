"""Programs of which NumPy computes a part: as native code, on the interpreter, and against JAX.

The same functions, with their gradients, under `jit` on one thread; JAX, where it is installed,
in float64 as well. Everybody takes a turn of a few runs; the figures are medians, and the results
must agree. At last: what one step of NumPy's costs beyond NumPy's own time.

    python benchmarks/library_steps.py
"""

# JAX is optional.
# pyright: reportMissingImports=false, reportUnusedImport=false

from __future__ import annotations

import benchmarks._one_thread  # noqa: F401

# isort: split
import importlib.util
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import wingbeat as wb

ROUNDS, PER_ROUND = 60, 5
Work = Callable[[], Any]
GOAL = np.linspace(-1.0, 1.0, 10_000)
PLACE = np.random.default_rng(1).normal(size=(100, 3))
SEEN = np.sin(PLACE.sum(1, keepdims=True))


def ordered(xp: Any, x: Any) -> Any:
    """A sort of 10,000 numbers between elementwise work."""
    z = xp.sort(xp.tanh(x) * xp.exp(-(x**2)) + 0.1 * x)
    return xp.mean(xp.log1p((z - GOAL) ** 2))


def likelihood(xp: Any, x: Any) -> Any:
    """Of a Gaussian process at 100 points: its equations and its determinant."""
    d = xp.sum((PLACE[:, None, :] - PLACE[None, :, :]) ** 2 * xp.exp(x[:3]), axis=-1)
    k = xp.exp(x[3] - 0.5 * d) + xp.exp(x[4]) * np.eye(100)
    return 0.5 * xp.sum(SEEN * xp.linalg.solve(k, SEEN)) + 0.5 * xp.linalg.slogdet(k)[1]


CASES: dict[str, tuple[Callable[[Any, Any], Any], Any]] = {
    "gradient with a sort of 10,000": (ordered, np.random.default_rng(0).normal(size=10_000)),
    "gradient of a Gaussian process, 100 points": (likelihood, np.zeros(5)),
}


def ours(f: Callable[[Any, Any], Any], x: Any, backend: str = "llvm") -> Work:
    """Made for a backend at its first call."""
    step, given = wb.jit(wb.value_and_grad(lambda v: f(wb, v))), wb.asarray(x)
    before = os.environ.get("WINGBEAT_BACKEND")
    os.environ["WINGBEAT_BACKEND"] = backend
    try:
        step(given)
    finally:
        if before is None:
            del os.environ["WINGBEAT_BACKEND"]
        else:
            os.environ["WINGBEAT_BACKEND"] = before
    return lambda: [np.asarray(z) for z in step(given)]


def with_jax(f: Callable[[Any, Any], Any], x: Any) -> Work:
    import jax

    jax.config.update("jax_enable_x64", True)
    step, given = jax.jit(jax.value_and_grad(lambda v: f(jax.numpy, v))), jax.numpy.asarray(x)
    return lambda: [np.asarray(z) for z in step(given)]


def medians(works: dict[str, Work]) -> dict[str, float]:
    """Seconds of a run of each."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            begin = time.perf_counter()
            for _ in range(PER_ROUND):
                work()
            times[name].append((time.perf_counter() - begin) / PER_ROUND)
    return {name: statistics.median(t) for name, t in times.items()}


def race(name: str) -> None:
    f, x = CASES[name]
    works = {"wingbeat": ours(f, x), "interpreted": ours(f, x, "numpy")}
    if importlib.util.find_spec("jax"):
        works["jax"] = with_jax(f, x)
    want = works["wingbeat"]()
    for work in works.values():
        for mine, theirs in zip(want, work(), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-7, atol=1e-9)
    found = medians(works)
    print(name)
    for who, t in found.items():
        print(f"  {who:<12}{t * 1e6:>9.1f} us   ours / theirs {found['wingbeat'] / t:>5.2f}")


def overhead(steps: int = 20) -> None:
    """What a sort of 8 numbers costs between kernels, beyond what it costs alone."""

    def made(sorts: bool) -> Work:
        def f(x: Any) -> Any:
            for _ in range(steps):
                x = wb.sin(wb.sort(x) if sorts else x)
            return x

        step, given = wb.jit(f), wb.asarray(np.arange(8.0))
        return lambda: step(given)

    x = np.arange(8.0)
    alone = lambda: [np.sort(x, axis=0, kind="stable") for _ in range(steps)]  # noqa: E731
    found = medians({"with": made(True), "without": made(False), "alone": alone})
    whole = found["with"] - found["without"]
    print(f"a step of NumPy's: {whole / steps * 1e6:.2f} us, of which NumPy alone takes", end=" ")
    print(f"{found['alone'] / steps * 1e6:.2f} us")


def main() -> None:
    for name in CASES:
        race(name)
    overhead()


if __name__ == "__main__":
    main()
