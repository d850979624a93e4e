"""Numbers to try functions on: all magnitudes, and closely around where functions change."""

import math
from typing import Any

import numpy as np

# Where some function overflows, underflows, saturates, or takes another formula.
TURNS = (
    *(0.25, 0.5, 0.55, 0.75, 1.0, 1.5, 2.0, 3.0, 10.0, 1 / 3),
    *(math.pi / 4, math.pi / 2, math.pi, math.e, math.log(2), math.log(2) / 2),
    *(9.2, 10.0, 10.1, 10.5, 17.0, 18.0, 20.0, 26.6, 27.3, 28.0, 37.0, 38.0),
    *(87.4, 88.8, 89.5, 91.0, 103.3, 104.0, 126.0, 128.0, 149.0, 150.0, 151.0),
    *(704.0, 708.4, 709.8, 710.5, 712.0, 745.2, 746.0, 1022.0, 1024.0, 1074.0, 1076.0),
    *(2.0**k for k in (16, 20, 23, 24, 28, 31, 32, 52, 53, 63, 64, 80, 500, -500)),
    *(1e5, 1e10, 1e22, 1e30, 1e38, 1e100, 1e300),
)
SPANS = (1.0, 4.0, 30.0, 120.0, 800.0, 1e5)
SPECIAL = (0.0, 1.0, 0.5, 2.0, 3.0, 1e-30, 1e30, math.inf)


def special(dtype: Any) -> Any:
    """Zeros, ones, infinities, the smallest and largest numbers, of both signs; and NaN."""
    about = np.finfo(dtype)
    ends = (about.smallest_subnormal, about.smallest_normal, about.max, about.eps)
    numbers = np.array([*SPECIAL, *ends], dtype)
    return np.concatenate([numbers, -numbers, np.array([math.nan], dtype)])


def near(numbers: Any, steps: int = 3) -> Any:
    """The numbers (positive) and as many neighbours of them on each side; finite ones."""
    bits = np.asarray(numbers).view(np.dtype(f"i{numbers.dtype.itemsize}"))
    around = (bits[:, None] + np.arange(-steps, steps + 1)).ravel()
    found = around[around >= 0].view(numbers.dtype)
    return found[np.isfinite(found)]


def arguments(dtype: Any, count: int, seed: int = 0) -> Any:
    """About ten times `count` finite numbers of all sizes, many near 0, 1 and TURNS; no -0."""
    dtype, rng = np.dtype(dtype), np.random.default_rng(seed)
    largest = float(np.finfo(dtype).max)
    turns = np.array([t for t in TURNS if t <= largest], dtype)
    edges = near(np.concatenate([np.abs(special(dtype)[:-1]), turns]))
    tiny = float(np.log(np.finfo(dtype).eps)) * 1.5
    parts = [
        edges,
        -edges,
        rng.integers(0, 256, count * dtype.itemsize, np.uint8).view(dtype),
        *(rng.uniform(-span, span, count) for span in SPANS),
        rng.choice([-1.0, 1.0], count) * np.exp(rng.uniform(tiny, 5.0, count)),
        1.0 + rng.choice([-1.0, 1.0], count) * np.exp(rng.uniform(tiny, 0.0, count)),
    ]
    numbers = np.concatenate([part.astype(dtype) for part in parts])
    return numbers[np.isfinite(numbers)] + dtype.type(0)


def pairs(dtype: Any, count: int) -> tuple[Any, Any]:
    """Independent ones; and some whose ratio is neither large nor small."""
    rng = np.random.default_rng(2)
    x, y = (arguments(dtype, count, seed) for seed in (3, 4))
    n = min(x.size, y.size)
    x, y = rng.permutation(x)[:n], rng.permutation(y)[:n]
    with np.errstate(over="ignore"):
        similar = (x * rng.uniform(-2.0, 2.0, n) + 0.0).astype(dtype)
    known = np.isfinite(similar)
    return np.concatenate([x, x[known]]), np.concatenate([y, similar[known]])


def bases_and_exponents(dtype: Any, count: int) -> tuple[Any, Any]:
    """`pairs`, and such whose power is anywhere in the dtype's range, also with a base near 1."""
    dtype, rng, about = np.dtype(dtype), np.random.default_rng(5), np.finfo(dtype)
    x = np.abs(arguments(dtype, count, 6))
    x = x[(x > 0) & (x != 1)]
    low, high = math.log(about.smallest_subnormal) - 2, math.log(about.max) + 2
    with np.errstate(over="ignore"):
        y = (rng.uniform(low, high, x.size) / np.log(x.astype(np.float64))).astype(dtype)
    x, y = x[np.isfinite(y)], y[np.isfinite(y)]
    more = pairs(dtype, count)
    return np.concatenate([more[0], x, -x]), np.concatenate(
        [more[1], y, np.rint(y) + dtype.type(0)]
    )
