"""What a computation and its derivatives cost."""

import math

import numpy as np
import pytest

import wingbeat as wb
from wingbeat import nn
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
