"""Conductance: what the units of a layer contribute."""

from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from tests.explain.attributed import X, network, points
from wingbeat import attribution, errors, nn

# MISSION E4


def test_units_of_a_layer_without_thresholds() -> None:
    """Through relu(W x) with weights v and x from 0, unit j gives v_j relu(W x)_j."""
    wb.random.seed(0)
    model = nn.Sequential(nn.Linear(5, 4, bias=False), nn.ReLU(), nn.Linear(4, 2)).to("float64")
    x = points(3)
    found = attribution.conductance(model, x, "1", target=1)
    hidden = np.maximum(x @ model[0].weight.numpy().T, 0.0)
    np.testing.assert_allclose(found.activation, hidden, rtol=1e-12)
    np.testing.assert_allclose(found.values, hidden * model[2].weight.numpy()[1], atol=1e-12)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
@pytest.mark.parametrize("layer", ["0", "1", "2"])
def test_units_sum_to_the_change_of_the_score(layer: str, activation: type[nn.Module]) -> None:
    model, x = network(4, activation), points(4)
    found = attribution.conductance(model, x, layer, tolerance=1e-4, max_steps=1 << 15)
    assert found.complete.all()
    np.testing.assert_allclose(found.around, 0.0, atol=1e-12)
    whole = found.score - found.baseline_score
    np.testing.assert_allclose(found.values.sum(axis=1) + found.missing, whole, atol=1e-12)


def test_units_that_are_the_inputs_have_integrated_gradients() -> None:
    wb.random.seed(1)
    model = nn.Sequential(nn.Identity(), nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 2)).to("float64")
    units = attribution.conductance(model, points(5), model[0])
    inputs = attribution.integrated_gradients(model, points(5))
    np.testing.assert_allclose(units.values, inputs.values, rtol=1e-10)


class Residual(nn.Module):
    def __init__(self) -> None:
        self.inner = nn.Linear(3, 3)

    def forward(self, x: Any) -> Any:
        return x + self.inner(x)


def test_what_goes_around_a_layer_is_counted_apart() -> None:
    model, x = Residual().to("float64"), np.array([[1.0, 2.0, 3.0]])
    found = attribution.conductance(model, x, "inner", target=1)
    np.testing.assert_allclose(found.around, [2.0], rtol=1e-12)
    np.testing.assert_allclose(found.missing, 0.0, atol=1e-12)


class Twice(nn.Module):
    def __init__(self) -> None:
        self.inner = nn.Linear(5, 5)

    def forward(self, x: Any) -> Any:
        return self.inner(self.inner(x))


def test_a_layer_that_is_called_twice_has_no_one_result() -> None:
    with pytest.raises(errors.TypeMismatch, match="called 2 times"):
        attribution.conductance(Twice(), X, "inner")
