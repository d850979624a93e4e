"""Test problems with published starts and minima, as a table.

Most are of Moré, Garbow and Hillstrom, "Testing Unconstrained Optimization Software", ACM TOMS 7
(1981), numbered as there; a function is the sum of the squares of its residuals. `values` are the
published values at its local minima (rounded to six digits there). `kinds` are the verdicts that
mathematics allows at them: where the Hessian is singular, curvature cannot decide.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import wingbeat as wb

Array = Any
MINIMUM = ("minimum",)
SINGULAR = ("undecided", "flat valley")
FLAT = ("minimum", "flat valley")  # so flat that a gradient of 1e-6 may leave the minimum far away


FLATTER = (*FLAT, "undecided")  # and curved, so that Newton's steps do not settle it


@dataclass(frozen=True)
class Problem:
    name: str
    residuals: Callable[[Any], Any] | None
    x0: Array
    values: tuple[float, ...]
    kinds: tuple[str, ...] = MINIMUM
    function: Callable[[Any], Any] | None = None  # where it is no sum of squares

    def f(self, x: Any) -> Any:
        if self.function is not None:
            return self.function(x)
        assert self.residuals is not None
        r = self.residuals(x)
        return wb.sum(r * r)

    def solved(self, value: float) -> bool:
        """Whether the value is that of a known minimum: to 1e-4 of it, and to 1e-7 absolutely."""
        return any(
            value <= v + 1e-7 + 1e-4 * abs(v) and value >= v * 0.9 - 1e-7 for v in self.values
        )


def table(text: str) -> Array:
    return np.array([float(v) for v in text.split()])


def rosenbrock(x: Any) -> Any:
    return wb.concat([10.0 * (x[1:] - x[:-1] ** 2), 1.0 - x[:-1]])


def extended_rosenbrock(x: Any) -> Any:
    return wb.concat([10.0 * (x[1::2] - x[::2] ** 2), 1.0 - x[::2]])


def freudenstein_roth(x: Any) -> Any:
    a, b = x[0], x[1]
    return wb.stack([-13.0 + a + ((5.0 - b) * b - 2.0) * b, -29.0 + a + ((b + 1.0) * b - 14.0) * b])


def powell_badly_scaled(x: Any) -> Any:
    return wb.stack([1e4 * x[0] * x[1] - 1.0, wb.exp(-x[0]) + wb.exp(-x[1]) - 1.0001])


def brown_badly_scaled(x: Any) -> Any:
    return wb.stack([x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2.0])


def beale(x: Any) -> Any:
    return wb.stack([y - x[0] * (1.0 - x[1] ** k) for k, y in ((1, 1.5), (2, 2.25), (3, 2.625))])


def himmelblau(x: Any) -> Any:
    return wb.stack([x[0] ** 2 + x[1] - 11.0, x[0] + x[1] ** 2 - 7.0])


def jennrich_sampson(x: Any) -> Any:
    i = np.arange(1.0, 11.0)
    return 2.0 + 2.0 * i - (wb.exp(i * x[0]) + wb.exp(i * x[1]))


def helical_valley(x: Any) -> Any:
    angle = wb.atan2(x[1], x[0]) / (2 * np.pi)
    angle = wb.where(angle < -0.25, angle + 1.0, angle)
    radius = wb.sqrt(x[0] ** 2 + x[1] ** 2)
    return wb.stack([10.0 * (x[2] - 10.0 * angle), 10.0 * (radius - 1.0), x[2]])


BARD = table("0.14 0.18 0.22 0.25 0.29 0.32 0.35 0.39 0.37 0.58 0.73 0.96 1.34 2.10 4.39")


def bard(x: Any) -> Any:
    u = np.arange(1.0, 16.0)
    v = 16.0 - u
    return BARD - (x[0] + u / (v * x[1] + np.minimum(u, v) * x[2]))


GAUSS = table(
    "0.0009 0.0044 0.0175 0.0540 0.1295 0.2420 0.3521 0.3989 0.3521 0.2420 0.1295 0.0540 0.0175 "
    "0.0044 0.0009"
)


def gaussian(x: Any) -> Any:
    t = (8.0 - np.arange(1.0, 16.0)) / 2
    return x[0] * wb.exp(-x[1] * (t - x[2]) ** 2 / 2) - GAUSS


MEYER = table(
    "34780 28610 23650 19630 16370 13720 11540 9744 8261 7030 6005 5147 4427 3820 3307 2872"
)


def meyer(x: Any) -> Any:
    t = 45.0 + 5.0 * np.arange(1.0, 17.0)
    return x[0] * wb.exp(x[1] / (t + x[2])) - MEYER


def gulf(x: Any) -> Any:
    t = np.arange(1.0, 100.0) / 100
    y = 25.0 + (-50.0 * np.log(t)) ** (2 / 3)
    return wb.exp(-(wb.abs(y - x[1]) ** x[2]) / x[0]) - t


def box(x: Any) -> Any:
    t = 0.1 * np.arange(1.0, 11.0)
    return wb.exp(-t * x[0]) - wb.exp(-t * x[1]) - x[2] * (np.exp(-t) - np.exp(-10 * t))


def powell_singular(x: Any) -> Any:
    a, b, c, d = x[::4], x[1::4], x[2::4], x[3::4]
    return wb.concat(
        [
            a + 10.0 * b,
            np.sqrt(5.0) * (c - d),
            (b - 2.0 * c) ** 2,
            np.sqrt(10.0) * (a - d) ** 2,
        ]
    )


def wood(x: Any) -> Any:
    return wb.stack(
        [
            10.0 * (x[1] - x[0] ** 2),
            1.0 - x[0],
            np.sqrt(90.0) * (x[3] - x[2] ** 2),
            1.0 - x[2],
            np.sqrt(10.0) * (x[1] + x[3] - 2.0),
            (x[1] - x[3]) / np.sqrt(10.0),
        ]
    )


KOWALIK = table("0.1957 0.1947 0.1735 0.1600 0.0844 0.0627 0.0456 0.0342 0.0323 0.0235 0.0246")
KOWALIK_U = table("4 2 1 0.5 0.25 0.167 0.125 0.1 0.0833 0.0714 0.0625")


def kowalik_osborne(x: Any) -> Any:
    u = KOWALIK_U
    return KOWALIK - x[0] * (u**2 + u * x[1]) / (u**2 + u * x[2] + x[3])


def brown_dennis(x: Any) -> Any:
    t = np.arange(1.0, 21.0) / 5
    return (x[0] + t * x[1] - np.exp(t)) ** 2 + (x[2] + x[3] * np.sin(t) - np.cos(t)) ** 2


OSBORNE_1 = table(
    "0.844 0.908 0.932 0.936 0.925 0.908 0.881 0.850 0.818 0.784 0.751 0.718 0.685 0.658 0.628 "
    "0.603 0.580 0.558 0.538 0.522 0.506 0.490 0.478 0.467 0.457 0.448 0.438 0.431 0.424 0.420 "
    "0.414 0.411 0.406"
)


def osborne_1(x: Any) -> Any:
    t = 10.0 * np.arange(33.0)
    return OSBORNE_1 - (x[0] + x[1] * wb.exp(-t * x[3]) + x[2] * wb.exp(-t * x[4]))


def biggs(x: Any) -> Any:
    t = 0.1 * np.arange(1.0, 14.0)
    y = np.exp(-t) - 5 * np.exp(-10 * t) + 3 * np.exp(-4 * t)
    return x[2] * wb.exp(-t * x[0]) - x[3] * wb.exp(-t * x[1]) + x[5] * wb.exp(-t * x[4]) - y


OSBORNE_2 = table(
    "1.366 1.191 1.112 1.013 0.991 0.885 0.831 0.847 0.786 0.725 0.746 0.679 0.608 0.655 0.616 "
    "0.606 0.602 0.626 0.651 0.724 0.649 0.649 0.694 0.644 0.624 0.661 0.612 0.558 0.533 0.495 "
    "0.500 0.423 0.395 0.375 0.372 0.391 0.396 0.405 0.428 0.429 0.523 0.562 0.607 0.653 0.672 "
    "0.708 0.633 0.668 0.645 0.632 0.591 0.559 0.597 0.625 0.739 0.710 0.729 0.720 0.636 0.581 "
    "0.428 0.292 0.162 0.098 0.054"
)


def osborne_2(x: Any) -> Any:
    t = np.arange(65.0) / 10
    return OSBORNE_2 - (
        x[0] * wb.exp(-t * x[4])
        + x[1] * wb.exp(-((t - x[8]) ** 2) * x[5])
        + x[2] * wb.exp(-((t - x[9]) ** 2) * x[6])
        + x[3] * wb.exp(-((t - x[10]) ** 2) * x[7])
    )


def watson(x: Any) -> Any:
    n = x.shape[0]
    t = np.arange(1.0, 30.0) / 29
    powers = t[:, None] ** np.arange(n)
    slopes = np.concatenate([np.zeros((29, 1)), powers[:, :-1] * np.arange(1.0, n)], axis=1)
    r = slopes @ x - (powers @ x) ** 2 - 1.0
    return wb.concat([r, wb.stack([x[0], x[1] - x[0] ** 2 - 1.0])])


def penalty_1(x: Any) -> Any:
    return wb.concat([np.sqrt(1e-5) * (x - 1.0), wb.reshape(wb.sum(x * x) - 0.25, (1,))])


def penalty_2(x: Any) -> Any:
    n = x.shape[0]
    a = np.sqrt(1e-5)
    i = np.arange(2.0, n + 1)
    y = np.exp(i / 10) + np.exp((i - 1) / 10)
    return wb.concat(
        [
            wb.reshape(x[0] - 0.2, (1,)),
            a * (wb.exp(x[1:] / 10) + wb.exp(x[:-1] / 10) - y),
            a * (wb.exp(x[1:] / 10) - np.exp(-0.1)),
            wb.reshape(wb.sum(np.arange(float(n), 0.0, -1.0) * x * x) - 1.0, (1,)),
        ]
    )


def variably_dimensioned(x: Any) -> Any:
    s = wb.sum(np.arange(1.0, x.shape[0] + 1) * (x - 1.0))
    return wb.concat([x - 1.0, wb.stack([s, s * s])])


def trigonometric(x: Any) -> Any:
    n = x.shape[0]
    i = np.arange(1.0, n + 1)
    return n - wb.sum(wb.cos(x)) + i * (1.0 - wb.cos(x)) - wb.sin(x)


def brown_almost_linear(x: Any) -> Any:
    n = x.shape[0]
    product = x[0]
    for k in range(1, n):
        product = product * x[k]
    return wb.concat([x[:-1] + wb.sum(x) - (n + 1.0), wb.reshape(product - 1.0, (1,))])


def boundary_value(x: Any) -> Any:
    n = x.shape[0]
    h = 1 / (n + 1)
    t = h * np.arange(1.0, n + 1)
    before = wb.concat([np.zeros(1), x[:-1]])
    after = wb.concat([x[1:], np.zeros(1)])
    return 2.0 * x - before - after + h * h * (x + t + 1.0) ** 3 / 2


def integral_equation(x: Any) -> Any:
    n = x.shape[0]
    h = 1 / (n + 1)
    t = h * np.arange(1.0, n + 1)
    cubes = (x + t + 1.0) ** 3
    lower = np.tril(np.outer(1 - t, t))
    upper = np.triu(np.outer(t, 1 - t), 1)
    return x + h / 2 * ((lower + upper) @ cubes)


def broyden_tridiagonal(x: Any) -> Any:
    before = wb.concat([np.zeros(1), x[:-1]])
    after = wb.concat([x[1:], np.zeros(1)])
    return (3.0 - 2.0 * x) * x - before - 2.0 * after + 1.0


def broyden_banded(x: Any) -> Any:
    n = x.shape[0]
    i, j = np.indices((n, n))
    band = ((j != i) & (j >= i - 5) & (j <= i + 1)).astype(float)
    return x * (2.0 + 5.0 * x * x) + 1.0 - band @ (x * (1.0 + x))


def linear_full_rank(x: Any) -> Any:
    n, m = x.shape[0], 2 * x.shape[0]
    s = 2.0 / m * wb.sum(x) + 1.0
    return wb.concat([x - s, wb.broadcast_to(-s, (m - n,))])


def linear_rank_1(x: Any) -> Any:
    s = wb.sum(np.arange(1.0, x.shape[0] + 1) * x)
    return np.arange(1.0, 2 * x.shape[0] + 1) * s - 1.0


def chebyquad(x: Any) -> Any:
    n = x.shape[0]
    before, now = 0.0 * x + 1.0, 2.0 * x - 1.0
    rows = []
    for i in range(1, n + 1):
        integral = 0.0 if i % 2 else -1.0 / (i * i - 1)
        rows.append(wb.mean(now) - integral)
        before, now = now, 2.0 * (2.0 * x - 1.0) * now - before
    return wb.stack(rows)


def _grid(n: int) -> Array:
    t = np.arange(1.0, n + 1) / (n + 1)
    return t * (t - 1)


def _rank_1(n: int) -> float:
    m = 2 * n
    return m * (m - 1) / (2 * (2 * m + 1))


def _problem(
    name: str, r: Any, x0: Any, *values: float, kinds: tuple[str, ...] = MINIMUM
) -> Problem:
    return Problem(name, r, np.asarray(x0, float), values or (0.0,), kinds)


def _powell(times: int) -> Array:
    return np.tile([3.0, -1.0, 0.0, 1.0], times)


def _pairs(n: int) -> Array:
    return np.tile([-1.2, 1.0], n // 2)


PROBLEMS: tuple[Problem, ...] = (
    _problem("Rosenbrock (1)", rosenbrock, [-1.2, 1.0]),
    _problem("Freudenstein and Roth (2)", freudenstein_roth, [0.5, -2.0], 0.0, 48.9842),
    _problem("Powell badly scaled (3)", powell_badly_scaled, [0.0, 1.0], kinds=FLATTER),
    _problem("Brown badly scaled (4)", brown_badly_scaled, [1.0, 1.0]),
    _problem("Beale (5)", beale, [1.0, 1.0]),
    _problem("Jennrich and Sampson (6)", jennrich_sampson, [0.3, 0.4], 124.362),
    _problem("helical valley (7)", helical_valley, [-1.0, 0.0, 0.0]),
    _problem("Bard (8)", bard, [1.0, 1.0, 1.0], 8.21487e-3),
    _problem("Gaussian (9)", gaussian, [0.4, 1.0, 0.0], 1.12793e-8),
    _problem("Meyer (10)", meyer, [0.02, 4000.0, 250.0], 87.9458),
    _problem("Gulf research (11)", gulf, [5.0, 2.5, 0.15]),
    # The lines x1 = x2, x3 = 0 are minima too, and (10, 1, -1) is one by itself.
    _problem("Box (12)", box, [0.0, 10.0, 20.0]),
    _problem("Powell singular (13)", powell_singular, [3.0, -1.0, 0.0, 1.0], kinds=SINGULAR),
    _problem("Wood (14)", wood, [-3.0, -1.0, -3.0, -1.0]),
    _problem("Kowalik and Osborne (15)", kowalik_osborne, [0.25, 0.39, 0.415, 0.39], 3.07505e-4),
    _problem("Brown and Dennis (16)", brown_dennis, [25.0, 5.0, -5.0, -1.0], 85822.2),
    _problem("Osborne 1 (17)", osborne_1, [0.5, 1.5, -1.0, 0.01, 0.02], 5.46489e-5),
    # The value 5.65565e-3, published too, is that of a saddle: a curvature is -0.0098 there, and f
    # falls by 4e-5 over a distance of 0.1 along it.
    _problem("Biggs EXP6 (18)", biggs, [1.0, 2.0, 1.0, 1.0, 1.0, 1.0]),
    _problem(
        "Osborne 2 (19)", osborne_2, [1.3, 0.65, 0.65, 0.7, 0.6, 3, 5, 7, 2, 4.5, 5.5], 4.01377e-2
    ),
    _problem("Watson, 6 (20)", watson, np.zeros(6), 2.28767e-3),
    _problem("Watson, 9 (20)", watson, np.zeros(9), 1.39976e-6, kinds=FLAT),
    _problem("extended Rosenbrock, 10 (21)", extended_rosenbrock, _pairs(10)),
    _problem("extended Powell, 12 (22)", powell_singular, _powell(3), kinds=SINGULAR),
    _problem("penalty I, 4 (23)", penalty_1, [1.0, 2.0, 3.0, 4.0], 2.24997e-5, kinds=FLAT),
    _problem("penalty I, 10 (23)", penalty_1, np.arange(1.0, 11.0), 7.08765e-5, kinds=FLAT),
    _problem("penalty II, 4 (24)", penalty_2, np.full(4, 0.5), 9.37629e-6, kinds=FLATTER),
    _problem("penalty II, 10 (24)", penalty_2, np.full(10, 0.5), 2.93660e-4, kinds=FLAT),
    _problem("variably dimensioned, 10 (25)", variably_dimensioned, 1 - np.arange(1.0, 11) / 10),
    _problem("trigonometric, 10 (26)", trigonometric, np.full(10, 0.1), 0.0, 2.79506e-5),
    _problem("Brown almost linear, 10 (27)", brown_almost_linear, np.full(10, 0.5), 0.0, 1.0),
    _problem("boundary value, 10 (28)", boundary_value, _grid(10)),
    _problem("integral equation, 10 (29)", integral_equation, _grid(10)),
    _problem("Broyden tridiagonal, 10 (30)", broyden_tridiagonal, np.full(10, -1.0)),
    _problem("Broyden banded, 10 (31)", broyden_banded, np.full(10, -1.0)),
    _problem("linear, full rank, 10 (32)", linear_full_rank, np.ones(10), 10.0),
    _problem("linear, rank 1, 10 (33)", linear_rank_1, np.ones(10), _rank_1(10), kinds=SINGULAR),
    _problem("Chebyquad, 8 (35)", chebyquad, np.arange(1.0, 9) / 9, 3.51687e-3),
    _problem("Himmelblau", himmelblau, [0.0, 0.0]),
    # The start of SciPy's tutorial.
    _problem("Rosenbrock, chained, 5", rosenbrock, [1.3, 0.7, 0.8, 1.9, 1.2]),
    _problem("Rosenbrock, chained, 50", rosenbrock, np.tile([1.3, 0.7, 0.8, 1.9, 1.2], 10)),
    _problem("extended Rosenbrock, 1000 (21)", extended_rosenbrock, _pairs(1000)),
)  # fmt: skip
LARGE = 200  # variables above which methods with dense matrices of n x n are left out
