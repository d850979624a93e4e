"""What a computation and its derivatives cost."""

import math

import numpy as np
import pytest

import wingbeat as wb
from wingbeat import nn
from wingbeat.errors import BadInput
from wingbeat.explain import Explanation

TEXT = "x=2*w+b; y=b+1; z=x*y"


@pytest.fixture(scope="module")
def worked() -> Explanation:
    return wb.explain(TEXT, w=3, b=4)


# MISSION E5: the backward pass costs 2 to 3 forward passes
def test_backward_costs_two_forward_passes() -> None:
    model = nn.Sequential(*[f for _ in range(6) for f in (nn.Linear(64, 64), nn.ReLU())])
    x = np.random.default_rng(0).normal(size=(32, 64)).astype("float32")
    costs = wb.explain(lambda model, x: wb.mean(model(x) ** 2))(model, x).cost()
    products = 6 * 2 * 32 * 64 * 64
    assert products < costs.forward.flops < 1.3 * products
    assert 1.8 < costs.ratio < 3
    assert costs.both.flops == costs.forward.flops + costs.backward.flops
    assert costs.forward.joules == pytest.approx(
        2.3e-12 * costs.forward.flops + 160e-12 * costs.forward.bytes
    )


def test_cost_of_a_product_by_hand() -> None:
    e = wb.explain("H=X@W; L=sum(H)", X=np.ones((4, 3)), W=np.ones((3, 5)))
    costs = e.cost()
    (own,) = (row for row in costs.steps if row[0] == "H")
    assert own[1].flops == 2 * 4 * 3 * 5
    assert own[2].flops == 2 * own[1].flops  # one product for X, one for W
    assert own[1].bytes == 8 * (12 + 15 + 20)


def test_measured_times_are_times(worked: Explanation) -> None:
    costs = worked.cost(measure=True)
    assert costs.both.measured
    assert 0 < costs.forward.seconds < 1
    assert math.isclose(
        max(0.0, costs.both.seconds - costs.forward.seconds), costs.backward.seconds, rel_tol=1e-9
    )
    assert "both sweeps were timed" in " ".join(costs.text().split())
    cheap = worked.cost(flop_joules=1.0, byte_joules=0.0)
    assert cheap.both.joules == cheap.both.flops


# MISSION A1, by hand: forward 2*w, +b, b+1, x*y; backward dz/dx*2 for w, and one sum for b
def test_rows_add_up_to_the_total_by_hand(worked: Explanation) -> None:
    costs = worked.cost()
    assert [(row[0], row[1].flops, row[2].flops) for row in costs.steps] == [
        ("x", 2, 1),
        ("y", 1, 0),
        ("z", 1, 0),
    ]
    assert (costs.forward.flops, costs.backward.flops) == (4, 2)
    forward, backward = costs.rest
    assert (forward.flops, backward.flops) == (0, 1)
    assert backward.bytes == costs.backward.bytes - sum(row[2].bytes for row in costs.steps)


def _cells(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if " pass " in line or line.endswith("J")]


@pytest.mark.parametrize("layers", [1, 20])
def test_printed_rows_add_up(layers: int) -> None:
    model = nn.Sequential(*[f for _ in range(layers) for f in (nn.Linear(4, 4), nn.Tanh())])
    x = np.ones((3, 4), "float32")
    costs = wb.explain(lambda model, x: wb.mean(model(x) ** 2))(model, x).cost()
    sweeps, steps = costs.text(120).split("What each step costs")
    for k, name in enumerate(("forward", "backward")):
        (whole,) = (row for row in _cells(sweeps) if row[:2] == [name, "pass"])
        rows = [row[row.index("pass") + 1 :] for row in _cells(steps) if name in row]
        assert len(rows) > 2
        for place in (0, 1):
            numbers = [int(row[place].replace(",", "")) for row in rows]
            assert sum(numbers) == int(whole[2 + place].replace(",", ""))
        total = (costs.forward, costs.backward)[k]
        own = sum(row[1 + k].seconds for row in costs.steps)
        assert own + costs.rest[k].seconds == pytest.approx(total.seconds, abs=1e-15)


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf, "a", None, True])
@pytest.mark.parametrize("name", ["flop_joules", "byte_joules"])
def test_energies_that_are_none(worked: Explanation, name: str, bad: object) -> None:
    with pytest.raises(BadInput, match=f"cost: {name} is an energy in joules"):
        worked.cost(**{name: bad})  # type: ignore[arg-type]
