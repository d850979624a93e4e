"""Pictures of attributions and attacks: what is drawn is what was computed."""

from functools import partial
from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from wingbeat import attribution, errors, nn, robust
from wingbeat.pictures import attribution as pictures

# MISSION E3, E4


def model() -> nn.Module:
    wb.random.seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 6), nn.ReLU(), nn.Linear(6, 3))


X = np.random.default_rng(0).uniform(size=(5, 3, 4))


def drawn(axes: Any) -> np.ndarray:
    """The numbers of the image on an axes."""
    return np.asarray(axes.images[0].get_array())


def test_maps_are_the_values() -> None:
    parts = [attribution.gradient(model(), X), attribution.integrated_gradients(model(), X)]
    figure = pictures.maps(parts, count=2)
    assert len(figure.axes) == 2 * 3
    for k in range(2):
        image, *maps = figure.axes[3 * k : 3 * k + 3]
        np.testing.assert_allclose(drawn(image), X[k], rtol=1e-6)
        for axes, a in zip(maps, parts, strict=True):
            np.testing.assert_allclose(drawn(axes), a.values[k])
            low, high = axes.images[0].get_clim()  # 0 is white
            assert low == -high == -np.abs(a.values[k]).max()
    assert [axes.get_title() for axes in figure.axes[1:3]] == ["gradient", "integrated gradients"]


def test_flat_examples_are_drawn_in_the_shape_that_is_given() -> None:
    flat = attribution.gradient(model(), X.reshape(5, 12))
    assert drawn(pictures.maps([flat], 1, shape=(3, 4)).axes[0]).shape == (3, 4)
    with pytest.raises(errors.TypeMismatch, match="shape="):
        pictures.maps([flat])
    with pytest.raises(errors.TypeMismatch, match="whose product is 12"):
        pictures.maps([flat], shape=(5, 5))
    with pytest.raises(errors.BadInput, match="one attribution or more"):
        pictures.maps([])


def test_occlusion_is_drawn_beside_what_was_claimed() -> None:
    found = attribution.occlusion(model(), X, patch=(1, 2))
    figure = pictures.occlusion(found, 3)
    assert len(figure.axes) == 9
    np.testing.assert_allclose(drawn(figure.axes[3]), found.drops[1])
    np.testing.assert_allclose(drawn(figure.axes[4]), found.claims[1])
    line = figure.axes[5].lines[-1]
    np.testing.assert_allclose(np.asarray(line.get_xdata()), found.claims[1].ravel())
    np.testing.assert_allclose(np.asarray(line.get_ydata()), found.drops[1].ravel())


def test_bars_are_the_units() -> None:
    found = attribution.conductance(model(), X, "2")
    figure = pictures.units(found, 2, most=4)
    heights = [bar.get_height() for bar in figure.axes[1].patches]  # type: ignore[attr-defined]
    order = np.argsort(-np.abs(found.values[1]))[:4]
    np.testing.assert_allclose(heights, found.values[1][order])
    labels = [label.get_text() for label in figure.axes[1].get_xticklabels()]
    assert labels == [str(k) for k in order]


def test_attacks_are_drawn_before_and_after() -> None:
    found = robust.pgd(model(), X, radius=0.3, bounds=(0, 1))
    first = int(np.argmax(found.fooled)) if found.fooled.any() else 0
    figure = pictures.attack(found, 2)
    for axes, values in zip(
        figure.axes[:3], (found.x, found.change, found.adversarial), strict=True
    ):
        np.testing.assert_allclose(drawn(axes), values[first])
    assert figure.axes[2].get_xlabel() == f"said {found.after[first]}"


def test_accuracies_and_distances() -> None:
    m, y = model(), 0
    attacks = {"FGSM": partial(robust.fgsm, radius=0.05)}
    result = robust.accuracy(m, X, y, attacks)
    figure = pictures.accuracies({"one": result, "two": result})
    heights = [bar.get_height() for bar in figure.axes[0].patches]  # type: ignore[attr-defined]
    assert heights == [*result.accuracy.values()] * 2
    nearest = robust.minimal(m, X)
    line = pictures.distances({"one": nearest}).axes[0].lines[0]
    np.testing.assert_allclose(np.asarray(line.get_xdata()), [0, *np.sort(nearest.distance)])
    np.testing.assert_allclose(np.asarray(line.get_ydata()), [1, 0.8, 0.6, 0.4, 0.2, 0], atol=1e-12)
    for draw in (pictures.accuracies, pictures.distances):
        with pytest.raises(errors.BadInput, match="by name"):
            draw({})


@pytest.mark.parametrize("language", ["en", "zh"])
def test_pictures_say_what_they_show(language: str) -> None:
    m = model()
    result = robust.accuracy(m, X, 0, {"FGSM": partial(robust.fgsm, radius=0.05)})
    nearest = robust.minimal(m, X)
    drawn = [
        pictures.maps([attribution.gradient(m, X)], language=language),
        pictures.occlusion(attribution.occlusion(m, X), language=language),
        pictures.units(attribution.conductance(m, X, "2"), language=language),
        pictures.attack(nearest, language=language),
        pictures.accuracies({"m": result}, language=language),
        pictures.distances({"m": nearest}, language=language),
    ]
    for made in drawn:
        assert made.language == language
        assert made.description in made.svg().replace("&gt;", ">")
    assert f"{result.accuracy['FGSM']:.1%}" in drawn[4].description
    assert f"{np.median(nearest.distance):.3g}" in drawn[5].description
    with pytest.raises(errors.BadInput, match="language"):
        pictures.distances({"m": nearest}, language="fr")
