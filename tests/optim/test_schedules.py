"""Learning rates against their formulas, and the one that watches a loss."""

import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wingbeat as wb
from wingbeat import nn, optim
from wingbeat.errors import BadCheckpoint, BadInput


@given(st.integers(0, 50))
def test_formulas(k: int) -> None:
    assert optim.Constant(0.3)(k) == 0.3
    assert optim.StepDecay(1.0, every=7, factor=0.5)(k) == 0.5 ** (k // 7)
    assert optim.Exponential(2.0, factor=0.9)(k) == 2.0 * 0.9**k
    part = min(k / 20, 1.0)
    wave = 0.1 + 0.9 / 2 * (1 + math.cos(math.pi * part))
    assert optim.Cosine(1.0, steps=20, end=0.1)(k) == pytest.approx(wave, rel=1e-14)


def test_warmup_by_hand() -> None:
    schedule = optim.Warmup(optim.StepDecay(0.8, every=2, factor=0.5), steps=4)
    assert [schedule(k) for k in range(8)] == pytest.approx(
        [0.2, 0.4, 0.6, 0.8, 0.8, 0.8, 0.4, 0.4]
    )
    assert optim.Warmup(0.5, steps=0)(0) == 0.5


def test_one_cycle_meets_its_corners() -> None:
    """PyTorch's OneCycleLR: steps 0, 0.3 n - 1 and n - 1."""
    cycle = optim.OneCycle(0.5, steps=100)
    assert cycle(0) == pytest.approx(0.02)
    assert cycle(29) == pytest.approx(0.5)
    assert cycle(99) == pytest.approx(0.02 / 1e4)
    assert cycle(150) == cycle(99)
    rates = [cycle(k) for k in range(100)]
    assert rates[:30] == sorted(rates[:30])
    assert rates[29:] == sorted(rates[29:], reverse=True)
    assert optim.OneCycle(0.5, steps=2, up=0.0)(0) < 0.5


@pytest.mark.parametrize(
    "schedule",
    [
        optim.Constant(0.3),
        optim.StepDecay(1.0, 3),
        optim.Exponential(1.0, 0.5),
        optim.Cosine(1.0, 10),
        optim.Warmup(optim.Cosine(1.0, 10), 3),
        optim.OneCycle(1.0, 10),
    ],
)
def test_schedules_are_values(schedule: Any) -> None:
    twin = pickle.loads(pickle.dumps(schedule))
    assert twin == schedule
    assert [twin(k) for k in range(12)] == [schedule(k) for k in range(12)]
    with pytest.raises(AttributeError):
        schedule.lr = 1.0
    optim.SGD([nn.Parameter([1.0])], lr=schedule)


FRACTION: Any = 2.5


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: optim.Constant(-1.0), "Constant: lr must be at least 0"),
        (lambda: optim.StepDecay(1.0, every=0), "every must be a whole number of at least 1"),
        (lambda: optim.StepDecay(1.0, every=2, factor=math.nan), "factor must be"),
        (lambda: optim.Exponential(math.inf, 0.5), "Exponential: lr must be"),
        (lambda: optim.Cosine(1.0, steps=FRACTION), "steps must be a whole number"),
        (lambda: optim.Cosine(1.0, steps=2, end=-1.0), "end must be at least 0"),
        (lambda: optim.Warmup(-1.0, 2), "Warmup: lr must be at least 0"),
        (lambda: optim.Warmup(1.0, -2), "steps must be a whole number of at least 0"),
        (lambda: optim.OneCycle(1.0, 1), "steps must be a whole number of at least 2"),
        (lambda: optim.OneCycle(1.0, 10, up=1.0), "up must be at least 0 and below 1"),
        (lambda: optim.OneCycle(1.0, 10, start=0.0), "start divides the rate"),
    ],
)
def test_what_schedules_refuse(make: Any, text: str) -> None:
    with pytest.raises(BadInput, match=text):
        make()


# --- plateau -------------------------------------------------------------------------------------


def optimizer(lr: Any = 1.0) -> optim.SGD:
    return optim.SGD([nn.Parameter([1.0])], lr=lr)


def test_plateau_by_hand() -> None:
    sgd = optimizer()
    plateau = optim.ReduceOnPlateau(sgd, factor=0.5, patience=1, threshold=0.1, least=0.2)
    rates: list[float] = []
    for loss in (1.0, 0.95, 0.8, 0.8, 0.8, 0.1, 0.1, 0.1, 0.1, 0.1, math.nan, math.nan):
        plateau.step(loss)
        rates.append(sgd.lr)
    # 0.95 is not better by a tenth; 0.8 is; then two reports without progress halve the rate, down
    # to 0.2.
    assert rates == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2, 0.2]


def test_plateau_goes_on_from_a_saved_state() -> None:
    first, second = optimizer(), optimizer()
    a, b = (optim.ReduceOnPlateau(o, factor=0.5, patience=2) for o in (first, second))
    for loss in (1.0, 1.0, 1.0):
        a.step(wb.asarray(loss))
    b.load_state_dict(a.state_dict())
    a.step(1.0)
    b.step(np.float32(1.0))
    assert first.lr == second.lr == 0.5
    with pytest.raises(BadCheckpoint, match="a state has best and waited"):
        b.load_state_dict({"best": 1.0})


def test_what_plateau_refuses() -> None:
    with pytest.raises(BadInput, match="lr is a schedule"):
        optim.ReduceOnPlateau(optimizer(optim.Constant(0.1)))
    with pytest.raises(BadInput, match="factor must be at least 0 and below 1"):
        optim.ReduceOnPlateau(optimizer(), factor=1.5)
    with pytest.raises(BadInput, match="patience must be a whole number"):
        optim.ReduceOnPlateau(optimizer(), patience=-1)
