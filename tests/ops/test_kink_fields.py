"""What a kink says beside where it is: Lipschitz or not, and the square that has none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tests.ops.cases import Array, run
from tests.ops.test_kinks import CONVENTIONS, KINKED
from wingbeat.ir import PRIMITIVES, Primitive, full, leaf, tensor_type
from wingbeat.ir.node import Kink
from wingbeat.transform import vjp

SHRINKING = (1e-3, 1e-6, 1e-9, 1e-12)
ELEMENTWISE = [p for p in KINKED if p.family == "elementwise"]
SQUARED = [p for p in KINKED if p.kink is not None and p.kink.square is not None]


def steepest(p: Primitive, at: tuple[float, ...], h: float) -> float:
    """The largest difference quotient beside a point, along the axes and the diagonals."""
    found = [0.0]
    with np.errstate(all="ignore"):
        here = p.numpy(*map(np.asarray, at))
        for direction in np.ndindex(*(3,) * len(at)):
            step = h * (np.array(direction) - 1.0)
            there = p.numpy(*(np.asarray(x + d) for x, d in zip(at, step, strict=True)))
            found.append(float(np.abs(there - here)) / h)
    return float(np.nanmax(found))


def is_lipschitz(p: Primitive) -> bool:
    """Whether quotients stay bounded beside every known kink, however small the step."""
    points = [at for at, _ in CONVENTIONS[p.name] if np.isfinite(at).all()]
    return all(steepest(p, at, h) < 10 for at in points for h in SHRINKING)


def check_lipschitz(p: Primitive) -> None:
    assert p.kink is not None
    as_such = p.kink.lipschitz and not p.kink.steep
    assert is_lipschitz(p) == as_such


@pytest.mark.parametrize("p", ELEMENTWISE, ids=str)
def test_lipschitz_is_declared_where_it_is_true(p: Primitive) -> None:
    check_lipschitz(p)


@pytest.mark.parametrize("p", ELEMENTWISE, ids=str)
def test_a_wrong_declaration_is_noticed(p: Primitive) -> None:
    assert p.kink is not None
    wrong = Kink(p.kink.at, p.kink.convention, not (p.kink.lipschitz and not p.kink.steep))
    with pytest.raises(AssertionError):
        check_lipschitz(replace(p, kink=wrong))


def operands(p: Primitive) -> list[Array]:
    low = 0.0 if p.name == "root" else -2.0
    rng = np.random.default_rng(0)
    return [np.append(rng.uniform(low, 2.0, 20), 0.0) for _ in p.samples[0].shapes]


@pytest.mark.parametrize("p", SQUARED, ids=str)
def test_the_square_is_that_of_the_value(p: Primitive) -> None:
    assert p.kink is not None
    assert p.kink.square is not None
    arrays = operands(p)
    xs = [leaf(tensor_type(a.shape), "x", k) for k, a in enumerate(arrays)]
    feed = dict(zip(xs, arrays, strict=True))
    z = p(*xs)
    square, product = run([p.kink.square(*xs), z * z], feed)
    assert_allclose(square, product, rtol=1e-15)


def test_the_squares_by_hand() -> None:
    """(x^2)' = 2x, (root x)^2' = 1 and (x^2 + y^2)' = (2x, 2y), at 0 too."""
    x, y = (leaf(tensor_type((2,)), "x", k) for k in range(2))
    feed = {x: np.array([0.0, 3.0]), y: np.array([0.0, 4.0])}
    for name, xs, want in (
        ("abs", [x], [[0.0, 6.0]]),
        ("root", [x], [[1.0, 1.0]]),
        ("hypot", [x, y], [[0.0, 6.0], [0.0, 8.0]]),
    ):
        kink = PRIMITIVES[name].kink
        assert kink is not None
        assert kink.square is not None
        square = kink.square(*xs)
        slopes = [g for g in vjp([square], xs, [full(1, square.type)]) if g is not None]
        assert_array_equal(run(slopes, feed), want)
