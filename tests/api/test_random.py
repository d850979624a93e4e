"""Random numbers: reproducible from keys, independent between keys, distributed as they say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import wingbeat as wb

Draw = Callable[[Any, Any], Any]
DRAWS: dict[str, Draw] = {
    "bits": wb.random.bits,
    "uniform": wb.random.uniform,
    "normal": wb.random.normal,
    "bernoulli": lambda key, shape: wb.random.bernoulli(key, 0.5, shape),
}
N = 20_000


def test_known_bits() -> None:
    """Threefry-2x32, 20 rounds: the known answers of the Random123 library (kat_vectors)."""
    assert [hex(w) for w in wb.random.bits(wb.random.key(0), (2,)).tolist()] == [
        "0x6b200159",
        "0x99ba4efe",
    ]


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_a_key_gives_the_same_numbers_every_time(draw: Draw) -> None:
    first = draw(wb.random.key(5), (3, 4)).tolist()
    assert draw(wb.random.key(5), (3, 4)).tolist() == first
    assert draw(wb.random.key(6), (3, 4)).tolist() != first
    inside: list[Any] = []
    wb.grad(lambda x: inside.append(draw(wb.random.key(5), (3, 4)).tolist()) or x)(1.0)
    assert inside == [first]


@settings(max_examples=30)
@given(st.integers(0, 2**64 - 1))
def test_every_seed_is_a_key(seed: int) -> None:
    key = wb.random.key(seed)
    assert key.tolist() == [seed % 2**32, seed // 2**32]
    assert 0 <= wb.random.uniform(key).item() < 1


def test_the_shape_of_an_earlier_axis_does_not_change_the_first_numbers() -> None:
    key = wb.random.key(1)
    assert wb.random.bits(key, (10,)).tolist() == wb.random.bits(key, (2, 5)).flatten().tolist()
    assert wb.random.bits(key, (10,)).tolist()[:4] == wb.random.bits(key, (4,)).tolist()
    assert wb.random.bits(key).shape == ()
    assert wb.random.bits(key, (0, 3)).shape == (0, 3)


def test_keys_of_a_key_are_distinct_and_independent() -> None:
    keys = [
        *wb.random.split(wb.random.key(0), 50),
        *(wb.random.fold_in(wb.random.key(0), k) for k in range(50)),
        *wb.random.split(wb.random.key(1), 50),
    ]
    assert len({tuple(k.tolist()) for k in keys}) == 150
    streams = np.stack([wb.random.normal(k, (400,)).numpy() for k in keys])
    off = np.corrcoef(streams)[np.triu_indices(150, 1)]
    # 11,175 correlations of 400 numbers: standard deviation 0.05, so 5.5 of them bound all.
    assert np.abs(off).max() < 0.275
    assert abs(off.mean()) < 0.05 / np.sqrt(len(off)) * 5


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_uniform_numbers(dtype: str) -> None:
    x = wb.random.uniform(wb.random.key(3), (N,), dtype=dtype).numpy()
    assert x.dtype == np.dtype(dtype)
    assert x.min() >= 0
    assert x.max() < 1
    wide = x.astype("float64")
    assert stats.kstest(wide, "uniform").pvalue > 1e-3
    assert abs(wide.mean() - 0.5) < 5 / np.sqrt(12 * N)
    assert abs(wide.var() - 1 / 12) < 0.005
    assert abs(np.corrcoef(wide[1:], wide[:-1])[0, 1]) < 5 / np.sqrt(N)


def test_uniform_numbers_of_an_interval_never_reach_its_end() -> None:
    for dtype in ("float16", "float32", "float64"):
        for low, high in ((1.0, 2.0), (-3.0, 0.5), (100.0, 100.5)):
            x = wb.random.uniform(wb.random.key(4), (N,), low, high, dtype=dtype).numpy()
            assert low <= x.min()
            assert x.max() < high
    assert wb.random.uniform(wb.random.key(4), (3,), 2.0, 2.0).tolist() == [2.0] * 3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normal_numbers(dtype: str) -> None:
    x = wb.random.normal(wb.random.key(3), (N,), dtype=dtype).numpy()
    assert x.dtype == np.dtype(dtype)
    assert np.isfinite(x).all()
    wide = x.astype("float64")
    assert stats.kstest(wide, "norm").pvalue > 1e-3
    moments = [wide.mean(), wide.var(), (wide**3).mean(), (wide**4).mean()]
    sigmas = np.sqrt(np.array([1, 2, 15, 96]) / N)
    assert (np.abs(np.array(moments) - [0, 1, 0, 3]) < 5 * sigmas).all()


def test_the_tests_of_distributions_can_fail() -> None:
    x = wb.random.normal(wb.random.key(3), (N,)).numpy()
    assert stats.kstest(x * 1.05, "norm").pvalue < 1e-3
    assert stats.kstest(x + 0.05, "norm").pvalue < 1e-3


def test_normal_numbers_in_half_precision_are_finite() -> None:
    x = wb.random.normal(wb.random.key(9), (N,), dtype="float16").numpy()
    assert x.dtype == np.float16
    assert np.isfinite(x).all()
    assert abs(x.astype("float64").std() - 1) < 0.02


def test_bernoulli() -> None:
    for p in (0.0, 0.1, 0.5, 1.0):
        hits = wb.random.bernoulli(wb.random.key(2), p, (N,)).numpy()
        assert abs(hits.mean() - p) <= 5 * np.sqrt(p * (1 - p) / N)


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.integers(0, 200))
def test_permutations(seed: int, n: int) -> None:
    order = wb.random.permutation(wb.random.key(seed), n)
    assert sorted(order.tolist()) == list(range(n))
    assert order.tolist() == wb.random.permutation(wb.random.key(seed), n).tolist()


def test_permutations_are_equally_likely() -> None:
    seen: dict[tuple[int, ...], int] = {}
    for key in wb.random.split(wb.random.key(8), 1200):
        order = tuple(wb.random.permutation(key, 3).tolist())
        seen[order] = seen.get(order, 0) + 1
    assert len(seen) == 6
    assert stats.chisquare(list(seen.values())).pvalue > 1e-3


def test_gradient_through_a_reparameterised_normal() -> None:
    """d/ds E[(m + s z)^2] = 2 s; for the numbers drawn it is the mean of 2 (m + s z) z."""
    key = wb.random.key(7)

    def f(m: Any, s: Any) -> Any:
        return ((m + s * wb.random.normal(key, (N,))) ** 2).mean()

    z = wb.random.normal(key, (N,)).numpy()
    gm, gs = wb.grad(f, (0, 1))(0.5, 2.0)
    assert gm.item() == pytest.approx((2 * (0.5 + 2 * z)).mean(), rel=1e-12)
    assert gs.item() == pytest.approx((2 * (0.5 + 2 * z) * z).mean(), rel=1e-12)
    assert gs.item() == pytest.approx(4.0, abs=0.2)


def test_gradients_by_the_ends_of_an_interval() -> None:
    key = wb.random.key(7)
    u = wb.random.uniform(key, (5,)).numpy()
    f = wb.grad(lambda a, b: wb.random.uniform(key, (5,), a, b).sum(), (0, 1))
    ga, gb = f(1.0, 3.0)
    assert ga.item() == pytest.approx((1 - u).sum())
    assert gb.item() == pytest.approx(u.sum())


def test_random_bits_have_no_derivative() -> None:
    with pytest.raises(wb.errors.NotDifferentiable):
        wb.grad(lambda x: wb.random.bits(x.astype("uint32"), ()).astype("float64"))(np.ones(2))


def test_generators_of_neighbouring_seeds_share_no_keys() -> None:
    keys: set[tuple[int, ...]] = set()
    for seed in range(20):
        generator = wb.random.Generator(seed)
        keys |= {tuple(generator.next().tolist()) for _ in range(20)}
    assert len(keys) == 400


def test_the_default_generator_is_replayable() -> None:
    before = wb.random.default.state_dict()
    try:
        wb.random.seed(11)
        first = [wb.random.default.next().tolist() for _ in range(3)]
        state = wb.random.default.state_dict()
        later = wb.random.default.next().tolist()
        assert len({tuple(k) for k in [*first, later]}) == 4
        wb.random.seed(11)
        assert [wb.random.default.next().tolist() for _ in range(3)] == first
        wb.random.default.load_state_dict(state)
        assert wb.random.default.next().tolist() == later
        assert state == {"seed": 11, "count": 3}
    finally:
        wb.random.default.load_state_dict(before)
