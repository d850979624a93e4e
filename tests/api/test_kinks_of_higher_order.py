"""Kinks that derivatives of any order pass: none is kept back, and none is made up."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from wingbeat.errors import AtKink, NoValue, TypeMismatch

Function = Callable[[Any], Any]


def derivative(f: Function, order: int, kinks: str) -> Function:
    """The derivative of an order; only the last step is asked about kinks."""
    for _ in range(order - 1):
        f = wb.grad(f)
    return wb.grad(f, kinks=kinks)


def told(f: Function, order: int, x: float = 0.0) -> set[str]:
    """The operations that are named."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        derivative(f, order, "warn")(x)
    return {str(w.message).split()[0] for w in caught}


def max_of_two(x: Any) -> Any:
    return wb.max(wb.stack([x, -x]))


# A function, the first order of derivative that does not exist at 0 (or that a convention gets
# wrong), and what is to blame.
KINKED: list[tuple[str, Function, int, str]] = [
    ("|x|", wb.abs, 1, "abs"),
    ("x |x|", lambda x: x * wb.abs(x), 2, "abs"),
    ("|x|^3", lambda x: wb.abs(x) ** 3, 3, "abs"),
    ("|x|^4 = x^4", lambda x: wb.abs(x) ** 4, 4, "abs"),
    ("x^2 |x|", lambda x: x * x * wb.abs(x), 3, "abs"),
    ("3 |x| |x|, factors apart", lambda x: (3 * wb.abs(x)) * wb.abs(x), 2, "abs"),
    ("|x^2|", lambda x: wb.abs(x * x), 2, "abs"),
    ("relu", wb.relu, 1, "relu"),
    ("relu^2", lambda x: wb.relu(x) ** 2, 2, "relu"),
    ("relu^3", lambda x: wb.relu(x) ** 3, 3, "relu"),
    ("max(x, 0)^2", lambda x: wb.maximum(x, 0.0) ** 2, 2, "maximum"),
    ("min(x, 0)^2", lambda x: wb.minimum(x, 0.0) ** 2, 2, "minimum"),
    ("max of many", lambda x: max_of_two(x) ** 3, 3, "max"),
    ("norm", lambda x: wb.norm(wb.stack([x, x])), 1, "root"),
    ("(2 norm)^2", lambda x: (2 * wb.norm(wb.stack([x, x]))) ** 2, 2, "root"),
    ("(2 hypot)^2", lambda x: (2 * wb.hypot(x, x)) ** 2, 2, "hypot"),
    ("x sign(x) = |x|", lambda x: x * wb.sign(x), 1, "sign"),
    ("x floor(x)", lambda x: x * wb.floor(x), 1, "floor"),
    ("root(x)^2 = x", lambda x: wb.sqrt(x) ** 2, 1, "sqrt"),
    ("huber", lambda x: wb.where(x < 1.0, wb.abs(x) * x, wb.abs(x)), 2, "abs"),
    ("at its edge", lambda x: wb.where(x >= 0, x * x, wb.abs(x) * x), 2, "greater_equal"),
]


@pytest.mark.parametrize(("name", "f", "order", "op"), KINKED)
def test_kinks_are_told_where_derivatives_end(name: str, f: Function, order: int, op: str) -> None:
    for smooth in range(1, order):
        below = told(f, smooth)
        # Of a root, whose slope is infinite, it is not known whether a factor 0 saves it.
        assert not below or (op == "root" and smooth > 1), f"order {smooth}: {below}"
    assert told(f, order) == {op}
    with pytest.raises(AtKink, match=f"^{op} has no derivative; used: "):
        derivative(f, order, "raise")(0.0)
    for beside in (-1.5, 1.5):
        assert told(f, order, beside) == set()


SMOOTH: list[tuple[str, Function]] = [
    ("x^2", lambda x: x**2),
    ("x^3", lambda x: x**3),
    ("|x|^2", lambda x: wb.abs(x) ** 2),
    ("norm^2", lambda x: wb.norm(wb.stack([x, 2 * x])) ** 2),
    ("0 |x|", lambda x: 0.0 * wb.abs(x) ** 3),
    ("not taken", lambda x: wb.where(x < 1, x * x, wb.abs(x) * x + wb.sqrt(x))),
    ("not taken, at its edge", lambda x: wb.where(x >= 0, x**5, wb.abs(x) * x**4)),
    ("huber", lambda x: wb.where(wb.abs(x) < 1, 0.5 * x * x, wb.abs(x) - 0.5)),
    ("a unit that is off", lambda x: wb.relu(wb.abs(x) - 1.0) ** 2),
    ("the smaller", lambda x: wb.maximum(x * wb.abs(x), x + 1.0)),
    ("clipped", lambda x: wb.clip(x * wb.abs(x), 1.0, 2.0)),
    ("logsumexp", lambda x: wb.logsumexp(wb.stack([x, x, -x]))),
    ("exp", wb.exp),
]


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize(("name", "f"), SMOOTH)
def test_no_false_alarm(name: str, f: Function, order: int) -> None:
    assert told(f, order) == set()
    derivative(f, order, "raise")(0.0)


def test_elements_are_counted() -> None:
    x = np.array([0.0, 1.0, 0.0, -2.0])
    slope: Function = lambda x: wb.grad(lambda v: (v * wb.abs(v)).sum())(x).sum()  # noqa: E731
    with pytest.raises(AtKink, match="abs has no derivative at 2 of 4 elements"):
        wb.grad(slope, kinks="raise")(x)
    rows = np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 2.0]])
    with pytest.raises(AtKink, match="max has no derivative at 1 of 2 elements"):
        wb.grad(lambda v: wb.max(v, axis=1).sum(), kinks="raise")(rows)


# --- every transform that takes derivatives takes `kinks` -----------------------------------------

X = np.array([0.0, 1.0])
T = np.ones(2)
FIRST: list[Callable[[Function, str], Any]] = [
    lambda f, kinks: wb.grad(f, kinks=kinks)(X),
    lambda f, kinks: wb.value_and_grad(f, kinks=kinks)(X),
    lambda f, kinks: wb.jacrev(f, kinks=kinks)(X),
    lambda f, kinks: wb.jacfwd(f, kinks=kinks)(X),
    lambda f, kinks: wb.jvp(f, (X,), (T,), kinks=kinks),
]
SECOND: list[Callable[[Function, str], Any]] = [
    lambda f, kinks: wb.hessian(f, kinks=kinks)(X),
    lambda f, kinks: wb.hvp(f, (X,), (T,), kinks=kinks),
    lambda f, kinks: wb.jacfwd(wb.grad(f), kinks=kinks)(X),
    lambda f, kinks: wb.jacrev(wb.jacfwd(f), kinks=kinks)(X),
    lambda f, kinks: wb.jvp(wb.grad(f), (X,), (T,), kinks=kinks),
    lambda f, kinks: wb.grad(lambda x: wb.jvp(f, (x,), (T,))[1], kinks=kinks)(X),
]


@pytest.mark.parametrize("k", range(len(FIRST)))
def test_first_derivatives(k: int) -> None:
    with pytest.raises(AtKink, match="relu has no derivative at 1 of 2 elements"):
        FIRST[k](lambda x: wb.relu(x).sum(), "raise")
    with pytest.warns(wb.KinkWarning, match="relu"):
        FIRST[k](lambda x: wb.relu(x).sum(), "warn")
    FIRST[k](lambda x: (wb.relu(x) ** 2).sum(), "raise")
    FIRST[k](lambda x: wb.relu(x).sum(), "ignore")


@pytest.mark.parametrize("k", range(len(SECOND)))
def test_second_derivatives(k: int) -> None:
    with pytest.raises(AtKink, match="relu has no derivative at 1 of 2 elements"):
        SECOND[k](lambda x: (wb.relu(x) ** 2).sum(), "raise")
    SECOND[k](lambda x: (wb.relu(x) ** 3).sum(), "raise")
    SECOND[k](lambda x: wb.norm(x) ** 2, "raise")
    SECOND[k](lambda x: (wb.relu(x) ** 2).sum(), "ignore")


def test_a_kink_of_the_gradient_alone_counts_in_a_hessian() -> None:
    """floor has the derivative 0 by convention, and so nothing that is derived again."""
    f: Function = lambda x: (wb.floor(x) + x * x).sum()  # noqa: E731
    with pytest.raises(AtKink, match="floor"):
        wb.hessian(f, kinks="raise")(X)


def test_several_outputs_do_not_cancel() -> None:
    def f(x: Any) -> Any:
        a = wb.abs(x)
        return wb.concat([a, -a])

    with pytest.raises(AtKink, match="abs"):
        wb.jacrev(f, kinks="raise")(X)


def test_an_unknown_choice_is_refused_at_once() -> None:
    for transform in (wb.jacrev, wb.jacfwd, wb.hessian):
        with pytest.raises(TypeMismatch, match="kinks='loud'"):
            transform(wb.abs, kinks="loud")
    with pytest.raises(TypeMismatch, match="kinks='loud'"):
        wb.jvp(wb.abs, (X,), (T,), kinks="loud")
    with pytest.raises(TypeMismatch, match="kinks='loud'"):
        wb.hvp(wb.abs, (X,), (T,), kinks="loud")


def test_inside_vmap_kinks_cannot_be_looked_for() -> None:
    with pytest.raises(NoValue, match="vmap"):
        wb.vmap(lambda x: wb.hessian(lambda v: wb.abs(v) ** 3, kinks="raise")(x))(X)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_in_every_dtype_and_size(dtype: str, scale: float) -> None:
    """A kink away from 0, where numbers nearby differ little."""
    at = np.asarray(scale, dtype)
    f: Function = lambda x: wb.maximum(x, at) * (x - at)  # noqa: E731
    with pytest.raises(AtKink, match="maximum"):
        wb.grad(wb.grad(f), kinks="raise")(at)
    g: Function = lambda x: wb.sqrt(wb.abs(x - at)) * (x - at)  # noqa: E731
    with pytest.raises(AtKink, match="sqrt"):
        wb.grad(g, kinks="raise")(at)
