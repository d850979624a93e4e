"""Attributions: what they sum to, what they equal where that is known, how they are shown."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wingbeat as wb
from tests.explain.attributed import METHODS, network, points
from wingbeat import attribution, nn
from wingbeat.nn._classifier import Classifier

# MISSION E4


# --- values -------------------------------------------------------------------------------------


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.sampled_from([1, 7, 32]))
def test_a_linear_function_owes_to_each_input_what_gradient_times_input_says(
    seed: int, steps: int
) -> None:
    """Exactly, to the last bit."""
    rng = np.random.default_rng(seed)
    w, x, start = rng.normal(size=5), rng.normal(size=(3, 5)), rng.normal(size=5)
    ig = attribution.integrated_gradients(lambda x: x @ w, x, baseline=start, steps=steps)
    gx = attribution.gradient_times_input(lambda x: x @ w, x, baseline=start)
    assert np.array_equal(ig.values, gx.values)
    np.testing.assert_allclose(ig.values, w * (x - start), rtol=1e-15)
    np.testing.assert_allclose(gx.missing, 0.0, atol=1e-13)
    assert ig.complete.all()


def test_integrated_gradients_of_a_product() -> None:
    """f = u v^2 from 0 to (2, 3): u is owed the integral of 9 a^2 times 2, v of 12 a^2 times 3."""
    found = attribution.integrated_gradients(
        lambda x: x[:, 0] * x[:, 1] ** 2, np.array([[2.0, 3.0]]), tolerance=1e-6
    )
    np.testing.assert_allclose(found.values, [[6.0, 12.0]], rtol=1e-6)
    np.testing.assert_allclose(found.total, [18.0], rtol=1e-6)


@settings(max_examples=10)
@given(st.integers(0, 1000), st.sampled_from([nn.ReLU, nn.Tanh]), st.sampled_from([1e-2, 1e-4]))
def test_parts_sum_to_the_change_of_the_score(
    seed: int, activation: type[nn.Module], tolerance: float
) -> None:
    model, x = network(seed, activation), points(seed)
    found = attribution.integrated_gradients(
        model, x, target=1, baseline=0.3, tolerance=tolerance, max_steps=1 << 16
    )
    model.eval()
    scores, origin = (np.asarray(model(v))[:, 1] for v in (x, np.full_like(x, 0.3)))
    size = np.abs(found.values).sum(axis=1)
    assert found.complete.all()
    assert (np.abs(found.values.sum(axis=1) - (scores - origin)) <= 1.01 * tolerance * size).all()
    np.testing.assert_allclose(
        found.missing, scores - origin - found.values.sum(axis=1), atol=1e-12
    )


def test_what_is_not_complete_says_so() -> None:
    found = attribution.integrated_gradients(
        lambda x: wb.sin(20 * x[:, 0]), np.array([[3.0]]), steps=2, max_steps=4, tolerance=1e-6
    )
    assert not found.complete.any()
    assert found.steps is not None
    assert found.steps.tolist() == [4]
    assert "NOT complete for 1 of 1 examples" in str(found)


def test_completeness_notices_a_wrong_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Classifier.slope
    monkeypatch.setattr(Classifier, "slope", lambda *args: right(*args) * 1.01)
    found = attribution.integrated_gradients(network(0), points(0), max_steps=64)
    assert not found.complete.any()


@pytest.mark.parametrize("n", [1, 3, 700])
def test_gradients_are_those_of_each_example_alone(n: int) -> None:
    model, x = network(1, nn.Tanh).eval(), points(1, n)
    found = attribution.gradient(model, x, target=2).values
    one = wb.grad(lambda x: model(x)[2])
    for k in range(0, n, 97):
        np.testing.assert_allclose(found[k], one(x[k]), rtol=1e-12)


def test_blocks_do_not_change_what_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = network(1), points(1, 50)
    whole = attribution.integrated_gradients(model, x)
    monkeypatch.setattr("wingbeat.nn._classifier.MOST_ROWS", 8)
    monkeypatch.setattr("wingbeat.explain._attribution_path.MOST_NUMBERS", 1000)
    parts = attribution.integrated_gradients(model, x)
    np.testing.assert_allclose(parts.values, whole.values, rtol=1e-10, atol=1e-13)


def test_smooth_grad_is_the_mean_gradient() -> None:
    """Of a quadratic the gradient at x; of a linear function w; with an honest standard error."""
    x = np.array([[1.0, -2.0, 4.0], [0.0, 1.0, 2.0]])
    found = attribution.smooth_grad(lambda x: (x**2).sum(axis=1), x, samples=400, seed=3)
    assert found.standard_error is not None
    # noise 0.15 of max - min on a slope of 2: 2 * 0.15 * 6 / sqrt(400) and 2 * 0.15 * 2 / 20
    np.testing.assert_allclose(found.standard_error, [[0.09] * 3, [0.03] * 3], rtol=0.2)
    assert (np.abs(found.values - 2 * x) < 5 * found.standard_error).all()
    flat = attribution.smooth_grad(lambda x: x @ np.array([1.0, 2.0, 3.0]), x, samples=8)
    assert np.array_equal(flat.values, [[1.0, 2.0, 3.0]] * 2)


def test_the_seed_decides_on_the_noise() -> None:
    model, x = network(2), points(2)
    one, same, other = (attribution.smooth_grad(model, x, samples=4, seed=s) for s in (5, 5, 6))
    assert np.array_equal(one.values, same.values)
    assert not np.array_equal(one.values, other.values)


def test_occlusion_measures_what_a_linear_function_claims() -> None:
    rng = np.random.default_rng(0)
    w, x = rng.normal(size=(5, 7)), rng.normal(size=(2, 5, 7))
    found = attribution.occlusion(lambda x: (x * w).sum(axis=(1, 2)), x, patch=(2, 3), baseline=0.5)
    assert found.drops.shape == (2, 3, 3)
    np.testing.assert_allclose(found.drops, found.claims, atol=1e-12)
    np.testing.assert_allclose(found.correlation, 1.0)
    np.testing.assert_allclose(found.drops[:, 0, 0], ((x - 0.5) * w)[:, :2, :3].sum(axis=(1, 2)))
    np.testing.assert_allclose(found.drops[:, 2, 2], ((x - 0.5) * w)[:, 4:, 6:].sum(axis=(1, 2)))


def test_occlusion_disagrees_where_the_gradient_is_wrong_about_it() -> None:
    """sin(u) at 2 pi: the slope claims 2 pi, covering u changes nothing."""
    found = attribution.occlusion(
        lambda x: wb.sin(x[:, 0]) + 2 * x[:, 1], np.array([[2 * np.pi, 1.0]])
    )
    np.testing.assert_allclose(found.drops, [[0.0, 2.0]], atol=1e-12)
    np.testing.assert_allclose(found.claims, [[2 * np.pi, 2.0]])
    np.testing.assert_allclose(found.correlation, [-1.0])


def test_occlusion_takes_the_classes_of_what_it_checks() -> None:
    model, x = network(0), points(0)
    parts = attribution.integrated_gradients(model, x, target=[0, 1, 2, 0])
    found = attribution.occlusion(model, x, against=parts)
    assert found.method == "integrated gradients"
    assert np.array_equal(found.target, [0, 1, 2, 0])
    assert np.array_equal(found.claims, parts.values)


# --- models, examples, classes ------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_a_model_is_used_in_evaluation_mode_and_left_as_it_was(method: Callable[..., Any]) -> None:
    model, x = network(6), points(6)  # has dropout, and is in training mode
    found, again = method(model, x), method(model, wb.asarray(x))
    values = [r.drops if method is attribution.occlusion else r.values for r in (found, again)]
    assert np.array_equal(*values)
    assert all(m.training for m in model.modules())
    assert all(p.grad is None for p in model.parameters())


def test_classes_are_predicted_or_given() -> None:
    model, x = network(7), points(7)
    predicted = np.asarray(model.eval()(x)).argmax(axis=1)
    assert np.array_equal(attribution.gradient(model, x).target, predicted)
    each = attribution.gradient(model, x, target=[2, 1, 0, 2])
    for k, target in enumerate([2, 1, 0, 2]):
        one = attribution.gradient(model, x, target=target)
        np.testing.assert_allclose(each.values[k], one.values[k], rtol=1e-12)


def test_examples_are_taken_in_the_dtype_of_the_model() -> None:
    found = attribution.integrated_gradients(network(8, dtype="float32"), points(8))
    assert found.x.dtype == np.float32
    assert found.values.dtype == np.float64
    assert found.complete.all()


def test_a_function_with_one_number_is_one_of_one_example() -> None:
    found = attribution.integrated_gradients(lambda x: x @ x, np.array([1.0, 2.0]), tolerance=1e-9)
    np.testing.assert_allclose(found.values, [[1.0, 4.0]])
    np.testing.assert_allclose(attribution.gradient(np.sum, np.ones((2, 3))).values, 1.0)


# --- text ---------------------------------------------------------------------------------------


def test_the_table_shows_the_numbers() -> None:
    found = attribution.integrated_gradients(network(9), points(9, 12))
    rows = [line.split() for line in str(found).splitlines()[4:14]]
    assert [int(row[0]) for row in rows] == list(range(10))
    np.testing.assert_allclose([float(r[2]) for r in rows], found.score[:10], rtol=1e-3)
    np.testing.assert_allclose([float(r[4]) for r in rows], found.total[:10], rtol=1e-3)
    strongest = [int(re.findall(r"\[(\d+)\]", " ".join(r))[0]) for r in rows]
    assert strongest == np.abs(found.values[:10]).argmax(axis=1).tolist()
    assert "2 more examples are not shown" in str(found)


@pytest.mark.parametrize("method", METHODS)
def test_a_notebook_shows_a_table(method: Callable[..., Any]) -> None:
    page = method(network(9), points(9))._repr_html_()
    assert page.count("<tr>") == 5
    assert "<caption>" in page
    page = attribution.conductance(network(9), points(9), "1")._repr_html_()
    assert "strongest units" in page
