"""Losses: literal values, against SciPy and NumPy, and what they refuse."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

import wingbeat as wb
from wingbeat import nn
from wingbeat.errors import BadInput, OutOfRange, TypeMismatch

F = nn.functional
Y = np.array([[1.0, 2.0], [3.0, -1.0], [0.0, 0.5]])
T = np.array([[0.0, 4.0], [3.0, 1.0], [2.0, 0.5]])


# MISSION B4
def test_the_quadratic_losses_by_hand() -> None:
    """Squared errors: 1, 4 / 0, 4 / 4, 0; their sums by sample: 5, 4, 4."""
    assert nn.MSELoss()(Y, T).item() == pytest.approx(13 / 6)
    assert nn.MSELoss("sum")(Y, T).item() == 13.0
    assert nn.MSELoss("none")(Y, T).tolist() == [[1, 4], [0, 4], [4, 0]]
    assert nn.HalfMSE()(Y, T).item() == pytest.approx(13 / 6)  # 1/(2*3) * 13
    assert nn.HalfMSE("none")(Y, T).tolist() == [2.5, 2.0, 2.0]
    assert nn.HalfMSE("sum")(Y, T).item() == 6.5


# MISSION B4
def test_one_samples_error_is_not_the_batchs_loss() -> None:
    """The error of a sample is 1/2 ||f(x) - z||^2; the loss is the mean over the batch."""
    loss = nn.HalfMSE()
    each = nn.HalfMSE("none")(Y, T)
    assert each[0].item() == loss(Y[:1], T[:1]).item() == 2.5
    assert loss(Y, T).item() == pytest.approx((2.5 + 2 + 2) / 3)
    # So the batch's gradient is the mean of the samples' gradients: (f - z) / N.
    gradient = wb.grad(lambda y: loss(y, T))(Y)
    np.testing.assert_allclose(gradient.numpy(), (Y - T) / 3, rtol=1e-15)
    assert wb.grad(lambda y: loss(y, T[:1]))(Y[:1]).tolist() == (Y - T)[:1].tolist()


# MISSION B4
def test_cross_entropy_with_softmax_by_hand() -> None:
    """Logits log 1, log 2, log 5: softmax 1/8, 1/4, 5/8; -sum t log y for class 2 is log 8/5."""
    logits = np.log([[1.0, 2.0, 5.0], [1.0, 1.0, 2.0]])
    loss = nn.CrossEntropyLoss()
    assert loss(logits[:1], [2]).item() == pytest.approx(np.log(8 / 5), rel=1e-14)
    assert nn.CrossEntropyLoss("none")(logits, [2, 0]).numpy() == pytest.approx(
        [np.log(8 / 5), np.log(4)], rel=1e-14
    )
    assert loss(logits, [2, 0]).item() == pytest.approx(np.log(32 / 5) / 2, rel=1e-14)
    # y - t, the well-known gradient, over the number of samples.
    gradient = wb.grad(lambda x: loss(x, [2, 0]))(logits)
    expected = np.array([[1 / 8, 1 / 4, 5 / 8 - 1], [1 / 4 - 1, 1 / 4, 1 / 2]]) / 2
    np.testing.assert_allclose(gradient.numpy(), expected, rtol=1e-14)


def test_half_mse_of_vectors_and_scalars() -> None:
    assert F.half_mse([1.0, 3.0], [0.0, 0.0]).item() == 2.5
    assert F.half_mse(3.0, 1.0).item() == 2.0
    x = np.arange(24.0).reshape(2, 3, 4)
    assert F.half_mse(x, 0 * x).item() == pytest.approx((x**2).sum() / 4)


logits = st.integers(0, 10**6).map(lambda s: np.random.default_rng(s).normal(size=(4, 3)) * 5)


@given(logits, st.lists(st.integers(0, 2), min_size=4, max_size=4))
def test_cross_entropy_forms_agree(x: np.ndarray, labels: list[int]) -> None:
    log_p = special.log_softmax(x, axis=1)
    expected = -log_p[np.arange(4), labels]
    one_hot = np.eye(3)[labels]
    for losses in (
        F.cross_entropy(x, labels, "none"),
        F.cross_entropy(x, one_hot, "none"),
        F.nll_loss(wb.log_softmax(x, axis=1), labels, "none"),
        wb.cross_entropy(x, np.array(labels, "uint8")),
        wb.stack([F.cross_entropy(row, k) for row, k in zip(x, labels, strict=True)]),
    ):
        np.testing.assert_allclose(losses.numpy(), expected, rtol=1e-9, atol=1e-12)


@given(logits, st.floats(0, 1))
def test_label_smoothing_is_a_mixture_of_targets(x: np.ndarray, smoothing: float) -> None:
    labels = [0, 1, 2, 1]
    mixed = (1 - smoothing) * np.eye(3)[labels] + smoothing / 3
    expected = -(mixed * special.log_softmax(x, axis=1)).sum(1).mean()
    for targets in (labels, np.eye(3)[labels]):
        loss = nn.CrossEntropyLoss(label_smoothing=smoothing)(x, targets)
        assert loss.item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_cross_entropy_over_places() -> None:
    """(N, C, d1, d2): PyTorch's images, one label per pixel."""
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    labels = np.random.default_rng(1).integers(0, 3, size=(2, 4, 5))
    chosen = np.take_along_axis(special.log_softmax(x, axis=1), labels[:, None], axis=1)[:, 0]
    found = F.cross_entropy(x, labels, "none")
    np.testing.assert_allclose(found.numpy(), -chosen, rtol=1e-12)
    soft = np.moveaxis(np.eye(3)[labels], -1, 1)
    np.testing.assert_allclose(F.cross_entropy(x, soft, "none").numpy(), -chosen, rtol=1e-12)
    assert F.cross_entropy(x, labels).item() == pytest.approx(-chosen.mean())


def test_logits_of_any_size_overflow_in_no_loss() -> None:
    x = np.array([[1000.0, -1000.0], [0.0, 1e30]])
    assert F.cross_entropy(x, [0, 1], "none").tolist() == [0.0, 0.0]
    assert F.cross_entropy(x, [1, 0], "none").tolist() == [2000.0, 1e30]
    b = nn.BCEWithLogitsLoss("none")
    assert b([1000.0, -1000.0], [0.0, 1.0]).tolist() == [1000.0, 1000.0]
    assert np.isfinite(wb.grad(lambda v: F.cross_entropy(v, [1, 0]))(x).numpy()).all()


@given(st.lists(st.floats(-8, 8), min_size=1, max_size=6))
def test_binary_losses_agree(x: list[float]) -> None:
    t = np.linspace(0, 1, len(x))
    p = special.expit(x)
    expected = -(t * np.log(p) + (1 - t) * np.log1p(-p))
    for losses in (
        nn.BCEWithLogitsLoss("none")(x, t),
        nn.BCELoss("none")(p, t),
        wb.binary_cross_entropy(x, t),
    ):
        np.testing.assert_allclose(losses.numpy(), expected, rtol=1e-9)
    gradient = wb.grad(lambda v: nn.BCEWithLogitsLoss("sum")(v, t))(np.array(x))
    np.testing.assert_allclose(gradient.numpy(), p - t, rtol=1e-9, atol=1e-12)


def test_certain_probabilities_have_a_loss_of_at_most_100() -> None:
    y, t = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0, 0.0])
    assert nn.BCELoss("none")(y, t).tolist() == [0.0, 0.0, 100.0, 100.0]
    gradient = wb.grad(lambda v: nn.BCELoss("sum")(v, t))(y)
    assert gradient.tolist() == [1.0, -1.0, 0.0, 0.0]


def test_l1() -> None:
    assert nn.L1Loss()(Y, T).item() == pytest.approx(7 / 6)
    assert wb.grad(lambda y: nn.L1Loss("sum")(y, T))(Y).tolist() == np.sign(Y - T).tolist()


def test_targets_take_the_dtype_of_the_predictions() -> None:
    y = Y.astype("float32")
    for loss, t in (
        (nn.MSELoss(), T),
        (nn.L1Loss(), T.astype(int)),
        (nn.BCEWithLogitsLoss(), T > 1),
        (nn.CrossEntropyLoss(), T),
    ):
        assert loss(y, t).dtype.name == "float32"


def test_layer_norm_is_a_public_function() -> None:
    x = np.random.default_rng(0).normal(size=(3, 4))
    expected = (x - x.mean()) / np.sqrt(x.var() + 1e-5)
    np.testing.assert_allclose(wb.layer_norm(x, axis=None).numpy(), expected, rtol=1e-12)


def test_printed_forms() -> None:
    assert repr(nn.MSELoss()) == "MSELoss()"
    assert repr(nn.NLLLoss("sum")) == "NLLLoss(reduction='sum')"


CE, X = nn.CrossEntropyLoss(), np.zeros((2, 3))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: CE(X, [0, 3]), OutOfRange, "label 3 among 3 classes; labels are 0 ... 2"),
        (lambda: CE(X, [-1, 0]), OutOfRange, "label -1 among 3 classes"),
        (lambda: CE(X, [0.0, 1.0]), TypeMismatch, r"write labels.astype\('int64'\)"),
        (lambda: CE(X, [True, False]), TypeMismatch, "labels are integers, not bool"),
        (lambda: CE(X, [0, 1, 2]), TypeMismatch, r"take labels of shape \(2,\), not i64.3."),
        (lambda: CE(X, [[0], [1]]), TypeMismatch, r"shape \(2,\), not i64.2,1."),
        (lambda: CE(X, X.astype(int)), TypeMismatch, "for one-hot rows"),
        (lambda: CE(X.astype(int), [0, 1]), TypeMismatch, "logits must be floats, not i64"),
        (lambda: CE(1.0, 0), TypeMismatch, r"logits have shape \(N, C\) or \(C,\)"),
        (lambda: CE(np.zeros((2, 3, 4)), [0, 1]), TypeMismatch, r"labels of shape \(2, 4\)"),
        (lambda: nn.MSELoss()(Y, T[:, 0]), TypeMismatch, "f64.3,2. and targets f64.3."),
        (lambda: nn.MSELoss()(Y[:, :1], T[:, 0]), TypeMismatch, r"targets.reshape\(predictions"),
        (lambda: nn.HalfMSE()([1], [1]), TypeMismatch, "predictions must be floats, not i64"),
        (lambda: nn.NLLLoss()(X, [0.0, 1.0]), TypeMismatch, r"write labels.astype\('int64'\)"),
        (lambda: nn.NLLLoss()(X, [0, 5]), OutOfRange, "label 5 is outside 0 ... 2"),
        (lambda: nn.NLLLoss()(np.zeros((1, 1, 1)), [0]), TypeMismatch, r"floats \(N, C\)"),
        (lambda: nn.BCEWithLogitsLoss()(X, [1.0]), TypeMismatch, "differ in shape"),
        (lambda: nn.BCELoss()([0.5], [1.0, 0.0]), TypeMismatch, "differ"),
        (lambda: nn.MSELoss("avg"), BadInput, "must be 'mean', 'sum' or 'none', not 'avg'"),
        (lambda: F.mse_loss(Y, T, "avg"), BadInput, "not 'avg'"),
        (lambda: nn.CrossEntropyLoss(label_smoothing=2.0), BadInput, "lie in 0 ... 1, not be 2"),
        (lambda: wb.layer_norm([1, 2]), TypeMismatch, "must be floats"),
        (lambda: wb.layer_norm([1.0], axis=3), TypeMismatch, "axis 3 is outside"),
    ],
)
def test_what_losses_refuse(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


def test_labels_that_are_computed_are_checked_when_they_are_used() -> None:
    loss = CE(X, wb.asarray([0, 2]) + 1)
    with pytest.raises(OutOfRange, match="outside"):
        loss.numpy()
