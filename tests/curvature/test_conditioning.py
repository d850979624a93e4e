"""Condition numbers, and gradient descent that runs as they say."""

import math
from typing import Any

import numpy as np
import pytest

from tests.curvature.functions import classifier, with_eigenvalues
from wingbeat import curvature as c
from wingbeat.errors import BadInput


# MISSION D6
@pytest.mark.parametrize("kappa", [5.0, 1e4])
def test_gradient_descent_needs_the_steps_that_are_foretold(kappa: float) -> None:
    a = with_eigenvalues(np.linspace(1.0, kappa, 6))
    found = c.conditioning(a)
    assert found.number == pytest.approx(kappa, rel=1e-6)
    # The worst start has equal parts of both outermost eigenvectors.
    x = found.extremes.smallest_direction + found.extremes.largest_direction
    steps = math.ceil(3 * found.steps_per_digit)
    size = np.linalg.norm(x)
    for _ in range(steps):
        x = x - found.best_rate * (a @ x)
    assert np.linalg.norm(x) / size == pytest.approx(found.contraction**steps, rel=1e-3)
    assert np.linalg.norm(x) / size == pytest.approx(1e-3, rel=0.35)


# MISSION D6
def test_above_the_largest_rate_it_diverges() -> None:
    a = with_eigenvalues([1.0, 3.0, 5.0])
    found = c.conditioning(a)
    for factor, grows in ((0.99, False), (1.01, True)):
        x = np.ones(3)
        for _ in range(2000):
            x = x - factor * found.largest_rate * (a @ x)
        assert (np.linalg.norm(x) > 1.0) == grows
    assert found.safe_rate == pytest.approx(0.2)


# MISSION D6
def test_large_ones_by_lanczos() -> None:
    a = with_eigenvalues(np.linspace(1.0, 1e3, 400))
    assert c.conditioning(a).number == pytest.approx(1e3, rel=1e-4)
    assert c.condition_number(a) == pytest.approx(1e3, rel=1e-4)
    assert c.condition_number(-a) == pytest.approx(1e3, rel=1e-4)


def test_the_number_of_numpy() -> None:
    a = with_eigenvalues([-3.0, 0.5, 2.0])
    assert c.condition_number(a) == pytest.approx(np.linalg.cond(a))
    assert c.condition_number(with_eigenvalues([0.0, 1.0, 2.0])) == math.inf


def test_sharpness_is_the_largest_eigenvalue() -> None:
    h = c.network(*classifier())
    assert c.sharpness(h) == pytest.approx(np.linalg.eigvalsh(h.dense())[-1])
    blocks = [c.sharpness(b) for b in h.layers().values()]
    assert max(blocks) <= c.sharpness(h) + 1e-12  # Cauchy: a block's eigenvalues lie within


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: c.conditioning(np.diag([1.0, -1.0])), "smallest eigenvalue is -1"),
        (lambda: c.conditioning(np.diag([1.0, 0.0])), "smallest eigenvalue is 0"),
        (lambda: c.condition_number(np.diag(np.linspace(-1.0, 1.0, 300))), "nearest to 0"),
    ],
)
def test_bad_input(call: Any, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        call()
