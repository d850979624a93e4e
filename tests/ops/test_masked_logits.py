"""Logits of -inf, as alternatives are masked: they count for nothing and spoil nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import wingbeat as wb

INF = np.inf
ROWS = np.array([[-INF, 1.0, 2.0], [0.5, -INF, -INF], [0.1, 0.2, 0.3]])
KEPT = np.isfinite(ROWS)
WEIGHTS = np.array([[1.0, -2.0, 3.0], [0.5, 1.0, 2.0], [-1.0, 2.0, 0.7]])
LABELS = np.array([2, 0, 1])
SOFT = np.array([[0.0, 0.25, 0.75], [1.0, 0.0, 0.0], [0.2, 0.3, 0.5]])


@pytest.mark.parametrize("k", range(3))
@pytest.mark.parametrize("name", ["logsumexp", "softmax"])
def test_a_masked_row_is_the_row_without(name: str, k: int) -> None:
    """Values, gradients and second derivatives, by both modes; masked elements get 0."""
    mask, size = KEPT[k], int(KEPT[k].sum())
    w = WEIGHTS[k]
    if name == "logsumexp":
        whole: Any = wb.logsumexp
        part: Any = wb.logsumexp
    else:
        whole = lambda x: (wb.softmax(x) * w).sum()  # noqa: E731
        part = lambda x: (wb.softmax(x) * w[mask]).sum()  # noqa: E731
    row, short = ROWS[k], ROWS[k][mask]
    assert_allclose(whole(row), part(short), rtol=1e-15)
    gradient, hessian = np.zeros(3), np.zeros((3, 3))
    gradient[mask] = wb.grad(part)(short)
    hessian[np.ix_(mask, mask)] = np.asarray(wb.hessian(part)(short)).reshape(size, size)
    assert_allclose(wb.grad(whole)(row), gradient, atol=1e-15)
    assert_allclose(wb.jacfwd(whole)(row), gradient, atol=1e-15)
    assert_allclose(wb.hessian(whole)(row), hessian, atol=1e-15)
    assert_allclose(wb.jacrev(wb.jacrev(whole))(row), hessian, atol=1e-15)


def test_log_softmax_of_masked_logits() -> None:
    value = wb.log_softmax(ROWS[0])
    assert_allclose(value, [-INF, 1 - np.logaddexp(1, 2), 2 - np.logaddexp(1, 2)])
    slope = wb.grad(lambda x: wb.log_softmax(x)[2])(ROWS[0])
    p = 1 / (1 + np.exp(-1.0))
    assert_allclose(slope, [0.0, p - 1, 1 - p], atol=1e-15)


def test_cross_entropy_of_masked_logits() -> None:
    loss: Any = lambda x: wb.cross_entropy(x, LABELS).sum()  # noqa: E731
    p = np.exp(ROWS) / np.exp(ROWS).sum(1, keepdims=True)
    assert_allclose(loss(ROWS), -np.log(p[np.arange(3), LABELS]).sum())
    assert_allclose(wb.grad(loss)(ROWS), p - np.eye(3)[LABELS], atol=1e-15)
    assert np.isfinite(wb.hessian(loss)(ROWS)).all()


def test_cross_entropy_with_soft_targets_of_masked_logits() -> None:
    """A target of 0 adds nothing, where the logit is -inf too: 0 log 0 is 0."""
    loss: Any = lambda x: wb.cross_entropy(x, SOFT).sum()  # noqa: E731
    p = np.exp(ROWS) / np.exp(ROWS).sum(1, keepdims=True)
    used = SOFT > 0
    assert_allclose(loss(ROWS), -(SOFT[used] * np.log(p[used])).sum())
    assert_allclose(wb.grad(loss)(ROWS), p - SOFT, atol=1e-15)
    assert np.isfinite(wb.hessian(loss)(ROWS)).all()
    wrong = np.array([[0.5, 0.25, 0.25]])  # a target that the mask excludes
    assert float(wb.cross_entropy(ROWS[:1], wrong).sum()) == INF


def test_a_row_without_any_alternative() -> None:
    """The sum of nothing is 0, its log -inf, which nothing moves; probabilities there are none."""
    row = np.full(3, -INF)
    assert wb.logsumexp(row).item() == -INF
    assert_array_equal(wb.grad(wb.logsumexp)(row), np.zeros(3))
    assert_array_equal(wb.jacfwd(wb.logsumexp)(row), np.zeros(3))
    assert_array_equal(wb.hessian(wb.logsumexp)(row), np.zeros((3, 3)))
    both = np.array([row, ROWS[2]])
    slopes = np.asarray(wb.grad(lambda x: wb.logsumexp(x, axis=1)[1])(both))
    assert_array_equal(slopes[0], np.zeros(3))
    assert np.isnan(np.asarray(wb.softmax(row))).all()
    assert np.isnan(np.asarray(wb.cross_entropy(row[None], np.array([1])))).all()
    assert np.isnan(np.asarray(wb.grad(lambda x: wb.cross_entropy(x, [1]).sum())(row[None]))).all()


def test_logaddexp_is_logsumexp_of_two() -> None:
    for pair in ([-INF, -INF], [-INF, 1.0], [2.0, -INF], [0.5, 1.0]):
        want = np.asarray(wb.grad(wb.logsumexp)(np.array(pair)))
        got = wb.grad(wb.logaddexp, argnums=(0, 1))(*pair)
        assert_allclose([float(g) for g in got], want, rtol=1e-15)
        assert np.isfinite(
            np.asarray(wb.hessian(lambda x: wb.logaddexp(x[0], x[1]))(np.array(pair)))
        ).all()


@pytest.mark.parametrize("row", [[1.0, INF], [INF, INF], [-INF, INF]])
def test_an_infinite_logit_has_no_slope_and_says_so(row: list[float]) -> None:
    """It was 0, which no limit gives: the weight of what is infinite is 1, or there is none."""
    x = np.array(row)
    assert wb.logsumexp(x).item() == INF
    for slope in (wb.grad(wb.logsumexp)(x), wb.jacfwd(wb.logsumexp)(x)):
        assert np.isnan(np.asarray(slope)[x == INF]).all()
    assert np.isnan(np.asarray(wb.hessian(wb.logsumexp)(x))[x == INF][:, x == INF]).all()
    masked = wb.grad(lambda v: wb.where(wb.isfinite(wb.logsumexp(v)), wb.logsumexp(v), 0.0))(x)
    assert_array_equal(masked, np.zeros(2))
