"""Kinks of operations: told where a first derivative ends, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wingbeat as wb
from tests.api.test_kinks_of_decisions import messages, told

Function = Callable[[Any], Any]
A = np.array


def bce(z: Any, y: float = 0.25) -> Any:
    return (wb.maximum(z, 0.0) - z * y + wb.log1p(wb.exp(-wb.abs(z)))).sum()


def pooled(x: Any) -> Any:
    return wb.max(wb.reshape(wb.relu(x), (2, 2)), axis=1).sum()


# Functions that have a derivative where operations of theirs are at kinks.
SMOOTH: list[tuple[str, Function, Any]] = [
    ("relu(relu(x))", lambda x: wb.relu(wb.relu(x)), -1.0),
    ("|0 x|", lambda x: wb.abs(x * 0.0) + x, 2.0),
    ("max(x, x)", lambda x: np.maximum(x, x), 1.0),
    ("max of four equal", lambda x: wb.max(wb.stack([x, x, x, x])), 1.0),
    ("clipped after relu", lambda x: np.clip(wb.relu(x), 0, 6), -1.0),
    ("norm after relu", lambda x: wb.norm(wb.relu(x)), A([-1.0, -2.0])),
    ("floor after relu", lambda x: wb.floor(wb.relu(x)) + x, -1.0),
    ("sign after relu", lambda x: wb.sign(wb.relu(x)) + x, -1.0),
    ("pooling of dead units", pooled, A([-1.0, -2.0, -3.0, 4.0])),
    ("sorted squares", lambda x: np.sum(np.sort(x) ** 2), A([1.0, 3.0, 1.0, 1.0])),
    ("sorted, summed", lambda x: np.sort(x).sum(), A([0.0, 0.0])),
    ("max + min", lambda x: wb.max(x) + wb.min(x), A([2.0, 2.0])),
    ("stable bce", lambda z: bce(z, 0.5), 0.0),
    ("|x^2|", lambda x: wb.abs(x * x), 0.0),
    ("|x| - |x|", lambda x: wb.abs(x) - wb.abs(x) + x, 0.0),
    ("|x| - |-x|", lambda x: wb.abs(x) - wb.abs(-x) + x, 0.0),
    ("a truth that is constant", lambda x: x * wb.stop_gradient(x > 0), 0.0),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "f", "x"), SMOOTH)
def test_no_false_alarm(name: str, f: Function, x: Any, dtype: str) -> None:
    assert messages(f, np.asarray(x, dtype)) == []


BROKEN: list[tuple[str, Function, Any, set[str]]] = [
    ("|x|", wb.abs, 0.0, {"abs"}),
    ("relu", wb.relu, 0.0, {"relu"}),
    ("relu(relu(x))", lambda x: wb.relu(wb.relu(x)), 0.0, {"relu"}),
    ("relu(|x|)", lambda x: wb.relu(wb.abs(x)), 0.0, {"relu", "abs"}),
    ("relu(norm)", lambda x: wb.relu(wb.norm(x)), A([0.0, 0.0]), {"relu", "root"}),
    ("of two", lambda x: wb.maximum(x[0], x[1]), A([1.0, 1.0]), {"maximum"}),
    ("of two and two", lambda x: wb.max(wb.concat([x, x])), A([1.0, 1.0]), {"max"}),
    ("sorted, first", lambda x: np.sort(x)[0], A([1.0, 1.0]), {"sort"}),
    ("root", wb.sqrt, 0.0, {"sqrt"}),
    ("root after relu", lambda x: wb.sqrt(wb.relu(x)), -1.0, {"sqrt"}),  # 0 times inf
    ("norm", wb.norm, A([0.0, 0.0]), {"root"}),
    ("hypot", lambda x: wb.hypot(x[0], x[1]), A([0.0, 0.0]), {"hypot"}),
    ("floor", wb.floor, 1.0, {"floor"}),
    ("a line, with a wrong slope", lambda x: wb.relu(x) - wb.relu(-x), 0.0, {"relu"}),
    ("bce with halves apart", lambda z: bce(z) + wb.abs(z), 0.0, {"maximum", "abs"}),
    ("3 |x| - 2 |x|", lambda x: 3 * wb.abs(x) - 2 * wb.abs(x), 0.0, {"abs"}),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "f", "x", "names"), BROKEN)
def test_told(name: str, f: Function, x: Any, names: set[str], dtype: str) -> None:
    assert told(f, np.asarray(x, dtype)) == names


@given(st.lists(st.integers(-1, 1), min_size=2, max_size=6))
def test_elements_that_break_are_counted(weights: list[int]) -> None:
    """|x| - w |x| has a kink for each w that is not 1."""
    w = A(weights, float)
    count = sum(1 for each in weights if each != 1)
    found = messages(lambda x: (wb.relu(x) + wb.relu(-x) - w * wb.abs(x)).sum(), np.zeros(w.size))
    assert bool(found) == bool(count)
    assert all(f"at {count} of {w.size} elements" in m for m in found if "abs" not in m)


# --- lines, bent again and again ------------------------------------------------------------------

STEPS: dict[str, Function] = {
    "relu": lambda xp: wb.relu if xp is wb else lambda v: np.maximum(v, 0),
    "abs": lambda xp: xp.abs,
    "sort": lambda xp: xp.sort,
    "clip": lambda xp: lambda v: xp.clip(v, -1.0, 1.0),
    "maximum": lambda xp: lambda v: xp.maximum(v, v[::-1]),
    "minimum": lambda xp: lambda v: xp.minimum(v, 0.5 * v),
    "differences": lambda xp: lambda v: v - xp.roll(v, 1),
    "max": lambda xp: lambda v: v - xp.max(v),
    "down": lambda xp: lambda v: v - 1.0,
}
SMALL = st.integers(-2, 2)


@given(
    st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=4),
    st.lists(st.tuples(SMALL, SMALL, SMALL), min_size=1, max_size=4),
)
def test_told_if_and_only_if_the_slopes_differ(steps: list[str], lines: list[Any]) -> None:
    """Slopes of polygons with few binary digits: differences are exact."""
    a, b, w = A(lines, float).T

    def f(x: Any, xp: Any = wb) -> Any:
        v = xp.asarray(a) * x + xp.asarray(b)
        for step in steps:
            v = STEPS[step](xp)(v)
        return xp.sum(xp.asarray(w) * v)

    h = 2.0**-20
    right, left = ((f(np.float64(s * h), np) - f(np.float64(0), np)) / (s * h) for s in (1, -1))
    used = wb.grad(f)(0.0).item()
    # Shares of ties, as 1/3 of 1, are rounded.
    differ = not np.allclose([left, right], used, rtol=0, atol=1e-9)
    assert bool(messages(f)) == differ
