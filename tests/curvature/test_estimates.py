"""Traces, diagonals, densities: against the matrix, and within the errors that they claim."""

from typing import Any

import numpy as np
import pytest

from tests.curvature.functions import classifier, with_eigenvalues
from wingbeat import curvature as c
from wingbeat.errors import BadInput

DECAY = 1.0 / np.arange(1.0, 401.0) ** 2


def test_the_trace_is_exact_with_as_many_products_as_rows() -> None:
    a = with_eigenvalues(np.arange(1.0, 9.0))
    t = c.trace(a, 8)
    assert t.value == pytest.approx(36.0)
    assert (t.error, t.products) == (0.0, 8)


def test_traces_lie_within_their_errors() -> None:
    flat = with_eigenvalues(np.linspace(1.0, 2.0, 400))
    estimates = [c.trace(flat, 60, seed=k) for k in range(20)]
    off = [abs(t.value - 600.0) / t.error for t in estimates]
    assert np.median(off) < 1.2
    assert max(off) < 5
    assert all(t.products == 60 for t in estimates)


def test_a_sketch_helps_where_eigenvalues_decay() -> None:
    """Hutch++ against plain Hutchinson with the same number of products."""
    a = with_eigenvalues(DECAY)
    rng = np.random.default_rng(0)
    ours = [abs(c.trace(a, 60, seed=k).value - DECAY.sum()) for k in range(10)]
    v = rng.choice([-1.0, 1.0], size=(10, 400, 60))
    plain = [abs(np.sum(s * (a @ s)) / 60 - DECAY.sum()) for s in v]
    assert np.median(ours) < np.median(plain) / 3


def test_diagonals() -> None:
    a = with_eigenvalues(np.linspace(-1.0, 3.0, 300))
    exact = c.diagonal(a, dense=300)
    np.testing.assert_allclose(exact.value, np.diag(a), atol=1e-14)
    assert not exact.error.any()
    guess = c.diagonal(a, 200, dense=1)
    off = np.abs(guess.value - np.diag(a)) / guess.error
    assert np.median(off) < 1.0
    assert off.max() < 6
    assert guess.products == 200


def test_the_density_of_a_small_matrix_is_its_spectrum() -> None:
    a = with_eigenvalues([1.0, 1.0, 4.0])
    d = c.spectral_density(a)
    np.testing.assert_allclose(d.values, [1.0, 1.0, 4.0])
    assert d.share(0.5, 1.5) == pytest.approx(2 / 3)


def test_the_density_of_a_large_one_is_that_of_numpy() -> None:
    values = np.concatenate([np.linspace(-1.0, 1.0, 900), np.linspace(9.0, 10.0, 100)])
    d = c.spectral_density(with_eigenvalues(values), 40, 10)
    assert d.weights.sum() == pytest.approx(1.0)
    assert d.share(8.0, 11.0) == pytest.approx(0.1, abs=0.02)
    assert d.moment(1) == pytest.approx(values.mean(), abs=0.15)
    assert d.moment(2) == pytest.approx((values**2).mean(), rel=0.1)
    assert d.values.min() == pytest.approx(-1.0, abs=0.01)
    assert d.values.max() == pytest.approx(10.0, abs=0.01)
    grid = np.linspace(-5.0, 15.0, 4000)
    assert np.trapezoid(d.smooth(grid), grid) == pytest.approx(1.0, abs=1e-6)
    assert d.products == 400


def test_densities_are_repeated_by_their_seed() -> None:
    a = with_eigenvalues(DECAY)
    one, two, other = (c.spectral_density(a, 20, 2, seed=k) for k in (1, 1, 2))
    assert np.array_equal(one.weights, two.weights)
    assert not np.array_equal(one.weights, other.weights)


def test_of_a_network() -> None:
    h = c.network(*classifier())
    full = h.dense()
    assert c.trace(h).value == pytest.approx(np.trace(full))
    np.testing.assert_allclose(c.diagonal(h).value, np.diag(full))


@pytest.mark.parametrize(
    "call",
    [
        lambda: c.trace(np.eye(2), 5),
        lambda: c.trace(np.eye(200), 2.5),  # type: ignore[arg-type]
        lambda: c.diagonal(np.eye(2), 1),
        lambda: c.spectral_density(np.eye(2), 0),
        lambda: c.spectral_density(np.eye(2), 5, 0),
        lambda: c.spectral_density(np.eye(2)).smooth(0.0, width=-1.0),
    ],
)
def test_bad_input(call: Any) -> None:
    with pytest.raises(BadInput, match="must"):
        call()
