"""Pictures of networks and matrices: numbers read back from what is drawn."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from tests.pictures.drawn import drawn, labels, lines, points
from wingbeat import nn
from wingbeat.errors import BadInput, TypeMismatch


def network(*sizes: int) -> nn.Sequential:
    keys = wb.random.split(wb.random.key(1), len(sizes))
    pairs = pairwise(sizes)
    return nn.Sequential(
        *(nn.Linear(a, b, dtype="float64", key=keys[k]) for k, (a, b) in enumerate(pairs))
    )


# MISSION B6


def test_one_matrix_is_the_product_of_the_layers() -> None:
    model = network(6, 8, 5, 3)
    picture = wb.pictures.linear_map(model)
    drawn_matrices: list[Any] = [
        np.asarray(mesh.get_array())
        for axes in picture.axes
        for mesh in axes.collections
        if axes.get_title()
    ]
    *factors, whole = drawn_matrices
    assert [f.shape for f in drawn_matrices] == [(3, 5), (5, 8), (8, 6), (3, 6)]
    np.testing.assert_allclose(factors[0] @ factors[1] @ factors[2], whole, rtol=1e-12)
    scatter = next(a for a in picture.axes if lines(a, "outputs"))
    both = points(lines(scatter, "outputs")[0])
    np.testing.assert_allclose(both[:, 0], both[:, 1], rtol=1e-9, atol=1e-12)
    assert "3 layers with 103 weights" in picture.description
    assert "one matrix with 18" in picture.description


def test_a_network_with_an_activation_is_no_linear_map() -> None:
    with pytest.raises(TypeMismatch, match="ReLU"):
        wb.pictures.linear_map(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)))


def test_slopes_of_activations() -> None:
    """s' = s (1 - s), tanh' = 1 - tanh²."""
    picture = wb.pictures.activations(["sigmoid", "tanh"])
    for panel, slope in enumerate([lambda y: y * (1 - y), lambda y: 1 - y * y]):
        (function,), (derivative,) = (drawn(picture, n, panel) for n in ("function", "slope"))
        np.testing.assert_allclose(derivative[:, 1], slope(function[:, 1]), atol=1e-12)
    assert picture.axes[0].get_title() == "sigmoid\nsteepest slope 0.25"


def test_a_kink_breaks_the_line_of_slopes() -> None:
    picture = wb.pictures.activations(["relu", "leaky relu", "gelu"])
    kinks = [drawn(picture, "kink", k) for k in range(3)]
    assert [len(k) for k in kinks] == [1, 1, 0]
    np.testing.assert_array_equal(kinks[0][0], [[0.0, 0.0]])  # relu' = 0 at 0, by convention
    slope = drawn(picture, "slope", 0)[0]
    assert np.isnan(slope[200, 1])
    assert set(slope[:200, 1]) == {0.0}
    assert set(slope[201:, 1]) == {1.0}


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(BadInput, match="'sigmoit' is none of sigmoid, tanh"):
        wb.pictures.activations(["sigmoit"])
    with pytest.raises(BadInput, match="at least one"):
        wb.pictures.activations([])


# MISSION E1


def chain(activation: nn.Module, spread: float, layers: int = 20) -> nn.Record:
    rng = np.random.default_rng(0)
    modules: list[nn.Module] = []
    for _ in range(layers):
        layer = nn.Linear(8, 8, bias=False)
        layer.weight = nn.Parameter(rng.normal(size=(8, 8)) * spread)
        modules += [layer, activation]
    x, y = rng.normal(size=(16, 8)), rng.normal(size=(16, 8))
    return nn.record(modules, x, nn.MSELoss(), y)


def test_gradients_by_layer_are_the_records() -> None:
    records = {"sigmoid": chain(nn.Sigmoid(), 0.3), "linear": chain(nn.Identity(), 0.6)}
    picture = wb.pictures.gradient_flow(records)
    for name, record in records.items():
        layers = [r for r in record if r.dw]
        (by_input,), (by_weights,) = (drawn(picture, name, k) for k in range(2))
        expected = [np.linalg.norm(np.asarray(r.dx)) for r in layers]
        np.testing.assert_allclose(by_input[:, 1], expected, rtol=1e-12)
        expected = [np.linalg.norm(np.asarray(r.dw["weight"])) for r in layers]
        np.testing.assert_allclose(by_weights[:, 1], expected, rtol=1e-12)
        assert list(by_input[:, 0]) == list(range(1, 21))


def test_the_factor_per_layer() -> None:
    """Weights 2 I double the gradient on its way through each layer."""
    modules: list[nn.Module] = [nn.Linear(3, 3, bias=False) for _ in range(5)]
    for layer in modules:
        assert isinstance(layer, nn.Linear)
        layer.weight = nn.Parameter(2.0 * np.eye(3))
    record = nn.record(modules, np.ones((1, 3)), wb.sum)
    assert labels(wb.pictures.gradient_flow({"a": record})) == ["a: × 2 per layer"]


def test_a_gradient_that_does_not_arrive() -> None:
    class Zero(nn.Module):
        def forward(self, x: Any) -> Any:
            return 0.0 * x

    record = nn.record([nn.Linear(2, 2), Zero(), nn.Linear(2, 1)], np.ones((1, 2), "f4"), wb.sum)
    assert labels(wb.pictures.gradient_flow({"a": record})) == ["a: 0 at the first layer"]


def test_flow_needs_layers_with_weights() -> None:
    with pytest.raises(BadInput, match="no layer of this record has weights"):
        wb.pictures.gradient_flow(nn.record([wb.square], 3.0))
    with pytest.raises(BadInput, match="hand over a record"):
        wb.pictures.gradient_flow({})


# Loss landscapes


def squared(model: Any) -> Any:
    return sum(wb.sum(w * w) for w in model.parameters())


def test_a_direction_is_as_long_as_each_filter() -> None:
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Linear(4, 5))
    flat = wb.pictures.direction(model, seed=3)
    at = 0
    for p in model.parameters():
        w, part = p.numpy(), flat[at : at + p.size].reshape(p.shape)
        at += p.size
        if w.ndim < 2:
            np.testing.assert_array_equal(part, 0.0)
            continue
        lengths = [np.linalg.norm(v.reshape(len(v), -1), axis=1) for v in (w, part)]
        np.testing.assert_allclose(*lengths, rtol=1e-5)
    assert at == flat.size


def test_slices_are_the_loss_along_the_directions() -> None:
    model = network(2, 3, 1)
    picture = wb.pictures.landscape(squared, model, dimensions=1, points=5, span=0.5)
    here = np.concatenate([p.numpy().ravel() for p in model.parameters()])
    slices = drawn(picture, "slice")
    assert len(slices) == 3
    for k, line in enumerate(slices):
        way = wb.pictures.direction(model, seed=k)
        np.testing.assert_array_equal(line[:, 0], [-0.5, -0.25, 0.0, 0.25, 0.5])
        expected = [np.sum((here + a * way) ** 2) for a in line[:, 0]]
        np.testing.assert_allclose(line[:, 1], expected, rtol=1e-12)


def test_the_plane_has_the_weights_in_its_middle() -> None:
    model = network(2, 3, 1)
    picture = wb.pictures.landscape(squared, model, points=5)
    (here,) = drawn(picture, "here")
    np.testing.assert_array_equal(here, [[0.0, 0.0]])
    value = float(squared(model))
    assert labels(picture) == [f"these weights: loss {value:.3g}"]


@pytest.mark.parametrize("bad", [{"dimensions": 3}, {"points": 2}, {"span": 0.0}])
def test_landscape_refuses(bad: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="dimensions is 1 or 2"):
        wb.pictures.landscape(squared, network(2, 3), **bad)


def test_a_landscape_needs_filters() -> None:
    with pytest.raises(BadInput, match="no weight has rows"):
        wb.pictures.landscape(wb.sum, np.ones(3))


# Spectra


def test_eigenvalues_are_numpys() -> None:
    a = np.random.default_rng(0).normal(size=(12, 12))
    a = a + a.T
    picture = wb.pictures.spectrum(a)
    values = np.linalg.eigvalsh(a)
    (ticks,) = drawn(picture, "eigenvalues", 0)
    np.testing.assert_allclose(np.sort(ticks[:, 0]), values, rtol=1e-9)
    (up,), (down,) = (drawn(picture, name, 1) for name in ("positive", "negative"))
    np.testing.assert_allclose(np.sort(up[:, 1]), values[values > 0], rtol=1e-9)
    np.testing.assert_allclose(np.sort(-down[:, 1]), values[values < 0], rtol=1e-9)
    assert sorted([*up[:, 0], *down[:, 0]]) == list(range(1, 13))


def test_the_density_has_area_one() -> None:
    a = np.diag(np.linspace(1.0, 2.0, 300))
    picture = wb.pictures.spectrum(a)
    assert len(picture.axes) == 1  # no list of all eigenvalues to rank
    (curve,) = drawn(picture, "density")
    area = np.sum((curve[1:, 1] + curve[:-1, 1]) / 2 * np.diff(curve[:, 0]))
    assert area == pytest.approx(1.0, abs=0.02)
    assert picture.description.startswith("300 eigenvalues between")


def test_equal_and_zero_eigenvalues_are_drawn() -> None:
    assert wb.pictures.spectrum(np.zeros((2, 2))).svg()
    assert "between 3 and 3" in wb.pictures.spectrum(3.0 * np.eye(2)).description
