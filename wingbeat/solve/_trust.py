"""Trust regions: the model's minimum within a radius that its own success decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wingbeat.solve._lines import settled
from wingbeat.solve._newton import escape
from wingbeat.solve._search import Point, Search
from wingbeat.solve.record import Vector

Model = Callable[[float], tuple[Vector, float, bool]]  # radius -> step, predicted, at the border
TAKE, POOR, GOOD = 1e-4, 0.25, 0.75
SMALLEST = float(np.sqrt(np.finfo(float).tiny))  # length of a step whose square is a number


def trust_exact(s: Search) -> None:
    """The model with the exact Hessian, its minimum found by eigenvectors (Moré and Sorensen)."""
    _trust(s, _exact_model)


def trust_cg(s: Search) -> None:
    """The same by conjugate gradients (Steihaug), with products only, for many variables."""
    _trust(s, _steihaug_model)


def _trust(s: Search, model_here: Callable[[Search], Model]) -> None:
    radius = s.options["radius"] or max(1.0, float(np.linalg.norm(s.here.x)))
    modelled: Point | None = None
    model: Any = None
    while not s.over() or escape(s):
        if modelled is not s.here:
            modelled, model = s.here, model_here(s)
        step, predicted, border = model(radius)
        length = float(np.linalg.norm(step))
        point = s.value_at(s.here.x + step)
        if np.all(point.x == s.here.x) or length < SMALLEST:  # at x = 0 nothing is below rounding
            s.reject(point, step, 1.0, predicted, "the step is below the rounding of x")
            s.stuck("the trust radius fell below the rounding of x")
            return
        if predicted <= s.noise():
            if not settled(s, point, step, 1.0, predicted):
                return
            continue
        ratio = (s.here.value - point.value) / predicted if np.isfinite(point.value) else -1.0
        before, radius = radius, _resized(radius, ratio, length, border)
        if ratio > TAKE:
            s.take(point, step, 1.0, predicted, _said(ratio, before, radius))
        else:
            s.reject(point, step, 1.0, predicted, _said(ratio, before, radius))


def _resized(radius: float, ratio: float, length: float, border: bool) -> float:
    if ratio < POOR:
        return length / 4
    return max(radius, 2 * length) if ratio > GOOD and border else radius


def _said(ratio: float, before: float, radius: float) -> str:
    if radius == before:
        return f"ratio {ratio:.3g}"
    return (
        f"ratio {ratio:.3g}, trust radius {'cut' if radius < before else 'raised'} to {radius:.3g}"
    )


# --- models -------------------------------------------------------------------------------------


def _exact_model(s: Search) -> Model:
    h, g = s.hessian(), s.here.slope
    values, vectors = np.linalg.eigh(h)
    turned = vectors.T @ g

    newton = _newton_step(h, g)

    def solve(radius: float) -> tuple[Vector, float, bool]:
        if newton is not None and np.linalg.norm(newton) <= radius:
            return newton, -float(g @ newton) / 2, False
        p, border = _within(values, turned, radius)
        return vectors @ p, -float(turned @ p + (values * p) @ p / 2), border

    return solve


def _newton_step(h: Any, g: Vector) -> Vector | None:
    """-H^-1 g where H is positive definite.

    With ones on its diagonal: eigenvectors lose a small curvature beside
    one that is 1e16 times as large, which may only be due to the units of the variables.
    """
    diagonal = np.diag(h)
    if not np.all(diagonal > 0):
        return None
    scale = 1 / np.sqrt(diagonal)
    unit = h * np.outer(scale, scale)
    try:
        np.linalg.cholesky(unit)
    except np.linalg.LinAlgError:
        return None
    return -scale * np.linalg.solve(unit, scale * g)


def _within(values: Vector, g: Vector, radius: float) -> tuple[Vector, bool]:
    """The minimum of g'p + p' diag(values) p / 2 with |p| <= radius, and whether it is on it."""
    small = float(np.finfo(float).eps) * max(float(np.abs(values).max()), 1e-300)
    if values[0] > small:
        p = -g / values
        if np.linalg.norm(p) <= radius:
            return p, False
    shift = max(0.0, -float(values[0]))
    lowest = values + shift <= small
    if not np.any(np.abs(g[lowest]) > small):  # the hard case: g says nothing about the way down
        p = np.where(lowest, 0.0, -g / np.where(lowest, 1.0, values + shift))
        rest = radius**2 - float(p @ p)
        if rest >= 0:
            if values[0] < -small:
                p[int(np.argmax(lowest))] += np.sqrt(rest)
            return p, bool(values[0] < -small)
    return -g / (values + _multiplier(values, g, radius, shift)), True


def _multiplier(values: Vector, g: Vector, radius: float, least: float) -> float:
    """The m > least with |g / (values + m)| = radius: Newton on 1/radius - 1/|p|, bracketed."""
    low, high = least, least + float(np.linalg.norm(g)) / radius
    m = high
    for _ in range(100):
        with np.errstate(divide="ignore", over="ignore"):
            p = g / (values + m)
            size = float(np.linalg.norm(p))
        if abs(size - radius) <= 1e-10 * radius:
            break
        low, high = (m, high) if size > radius else (low, m)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            u = p / size  # p itself may be so short that its square is 0
            new = m + (size / radius - 1) / float(u @ (u / (values + m)))
        m = new if low < new < high else (low + high) / 2
    return m


def _steihaug_model(s: Search) -> Model:
    g = s.here.slope
    size = float(np.linalg.norm(g))
    wanted = min(0.5, size**0.5) * size
    path: list[tuple[Vector, Vector]] = []  # conjugate directions and their products: reused when
    # the radius is cut, so a rejected step costs no further product

    def product(k: int, p: Vector) -> Vector:
        if k == len(path):
            path.append((p, s.product(p)))
        return path[k][1]

    def solve(radius: float) -> tuple[Vector, float, bool]:
        d, hd, r = np.zeros_like(g), np.zeros_like(g), g.copy()
        p = -r
        for k in range(max(2 * len(g), 20)):
            hp = product(k, p)
            bend = float(p @ hp)
            a = float(r @ r) / bend if bend > 0 else np.inf
            if bend <= 0 or np.linalg.norm(d + a * p) >= radius:
                t = _to_border(d, p, radius)
                d, hd = d + t * p, hd + t * hp
                return d, -float(g @ d + d @ hd / 2), True
            d, hd, new = d + a * p, hd + a * hp, r + a * hp
            if np.linalg.norm(new) <= wanted:
                break
            p = -new + (float(new @ new) / float(r @ r)) * p
            r = new
        return d, -float(g @ d + d @ hd / 2), False

    return solve


def _to_border(d: Vector, p: Vector, radius: float) -> float:
    """The t >= 0 with |d + t p| = radius."""
    a, b, c = float(p @ p), float(d @ p), float(d @ d) - radius**2
    root = np.sqrt(max(b * b - a * c, 0.0))
    return float(-c / (b + root)) if b > 0 else float((root - b) / a)
