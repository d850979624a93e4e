"""Metrics on literal values, and on any way of cutting data into batches."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wingbeat as wb
from wingbeat.errors import TypeMismatch
from wingbeat.train import Metric, accuracy, confusion, mae, mean_loss, r2

SCORES = np.array([[3.0, 1, 0], [0, 2, 1], [0, 1, 5], [4, 0, 0]])
LABELS = np.array([0, 1, 1, 2])


def test_accuracy_is_the_share_of_hits() -> None:
    assert accuracy(SCORES, LABELS) == 0.5
    assert accuracy(SCORES[None], LABELS[None]) == 0.5  # one score for each word of a text


def test_confusion_has_a_row_for_each_true_class() -> None:
    assert confusion(SCORES, LABELS).counts.tolist() == [[1, 0, 0], [0, 1, 1], [1, 0, 0]]


def test_regression_on_literal_values() -> None:
    y, z = np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [2.5], [2.5]])
    assert mae(z, y) == pytest.approx(1 / 3, rel=1e-15)
    assert r2(z, y) == 0.75  # 1 - 0.5 / 2
    assert r2(np.full((3, 1), 2.0), y) == 0.0
    assert np.isnan(r2(z, np.ones((3, 1))))


def test_r2_of_several_columns_is_their_mean() -> None:
    y = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
    z = np.array([[1.0, 20.0], [2.5, 20.0], [2.5, 20.0]])
    assert r2(z, y) == (0.75 + 0.0) / 2


def test_r2_survives_a_large_mean() -> None:
    y = (1e6 + np.array([[0.0], [1.0], [2.0], [3.0]])).astype(np.float32)
    assert r2(y, y) == 1.0
    assert r2(y + np.float32(1), y) == pytest.approx(1 - 4 / 5, rel=1e-12)


def combined(metric: Metric, z: np.ndarray, y: np.ndarray, size: int) -> Any:
    """The value from batches of a size, the last one shorter."""
    cuts = range(0, len(y), size)
    parts = [
        np.asarray(metric.measure(wb.asarray(z[k : k + size]), wb.asarray(y[k : k + size])))
        for k in cuts
    ]
    return metric.combine(parts, [len(y[k : k + size]) for k in cuts])


@given(st.integers(1, 30), st.integers(1, 31), st.integers(0, 99))
def test_batches_do_not_matter(n: int, size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, labels = rng.normal(size=(n, 4)), rng.integers(0, 4, n)
    z, y = rng.normal(size=(n, 2)), rng.normal(size=(n, 2))
    assert combined(accuracy, scores, labels, size) == accuracy(scores, labels)
    whole = confusion(scores, labels).counts
    np.testing.assert_array_equal(combined(confusion, scores, labels, size).counts, whole)
    for metric in (mae, r2, mean_loss(lambda a, b: wb.mean((a - b) ** 2))):
        np.testing.assert_allclose(
            combined(metric, z, y, size), metric(z, y), rtol=1e-12, atol=1e-12
        )


@pytest.mark.parametrize(
    ("metric", "z", "y"),
    [
        (accuracy, SCORES, LABELS.astype(float)),
        (accuracy, SCORES[:, :1], LABELS),
        (accuracy, SCORES, LABELS[:3]),
        (confusion, SCORES[:, 0], LABELS),
        (mae, SCORES, LABELS),
        (r2, SCORES, SCORES[:, :1]),
        (r2, np.float64(1), np.float64(1)),
    ],
)
def test_what_does_not_fit_is_said(metric: Metric, z: np.ndarray, y: np.ndarray) -> None:
    with pytest.raises(TypeMismatch, match=f"{metric.name}: outputs"):
        metric(z, y)
