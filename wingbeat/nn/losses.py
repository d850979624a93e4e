"""Losses as modules: functions of predictions and targets that remember how to reduce."""

from __future__ import annotations

from typing import Any

from wingbeat.api import Tensor
from wingbeat.nn import functional as f
from wingbeat.nn._checks import within
from wingbeat.nn.module import Module


class Loss(Module):
    """What the losses share: `reduction`, which is "mean", "sum" or "none"."""

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = f.check_reduction(reduction)

    def extra_repr(self) -> str:
        """The reduction, where it is not the mean."""
        return "" if self.reduction == "mean" else f"reduction={self.reduction!r}"


class MSELoss(Loss):
    """(y - t)^2; the mean is over all elements.

    >>> import wingbeat as wb
    >>> wb.nn.MSELoss()([1.0, 2.0], [0.0, 0.0])
    tensor(2.5)
    """

    def forward(self, predictions: Any, targets: Any) -> Tensor:
        """Two of one shape -> a scalar, or their shape."""
        return f.mse_loss(predictions, targets, self.reduction)


class HalfMSE(Loss):
    """1/(2N) sum ||f(x) - z||^2 over N samples, which the first axis counts.

    `HalfMSE("none")` gives every sample's own error, 1/2 ||f(x) - z||^2; their mean is the loss.

    >>> import wingbeat as wb
    >>> wb.nn.HalfMSE()([[1.0, 2.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 2.0]])
    tensor(2.25)
    """

    def forward(self, predictions: Any, targets: Any) -> Tensor:
        """Two of shape (N, ...) -> a scalar, or (N,)."""
        return f.half_mse(predictions, targets, self.reduction)


class L1Loss(Loss):
    """|y - t|; the mean is over all elements.

    >>> import wingbeat as wb
    >>> wb.nn.L1Loss()([1.0, -3.0], [0.0, 0.0])
    tensor(2.)
    """

    def forward(self, predictions: Any, targets: Any) -> Tensor:
        """Two of one shape -> a scalar, or their shape."""
        return f.l1_loss(predictions, targets, self.reduction)


class CrossEntropyLoss(Loss):
    """-log softmax(logits) at the label; labels are integers, or a probability for each class.

    >>> import wingbeat as wb
    >>> wb.nn.CrossEntropyLoss()([[0.0, 0.0]], [1])
    tensor(0.69314718)
    """

    def __init__(self, reduction: str = "mean", label_smoothing: float = 0.0) -> None:
        super().__init__(reduction)
        self.label_smoothing = within(
            label_smoothing, 0.0, 1.0, "label_smoothing", "CrossEntropyLoss"
        )

    def forward(self, logits: Any, targets: Any) -> Tensor:
        """Logits (N, C) and labels (N,) -> a scalar, or (N,)."""
        return f.cross_entropy(logits, targets, self.reduction, self.label_smoothing)


class NLLLoss(Loss):
    """Minus the log-probability of the label.

    >>> import wingbeat as wb
    >>> wb.nn.NLLLoss()([[-1.0, -2.0], [-3.0, -4.0]], [0, 1])
    tensor(2.5)
    """

    def forward(self, log_probabilities: Any, labels: Any) -> Tensor:
        """Log-probabilities (N, C) and labels (N,) -> a scalar, or (N,)."""
        return f.nll_loss(log_probabilities, labels, self.reduction)


class BCELoss(Loss):
    """-t log y - (1 - t) log(1 - y) of probabilities y.

    >>> import wingbeat as wb
    >>> wb.nn.BCELoss()([0.5], [1.0])
    tensor(0.69314718)
    """

    def forward(self, probabilities: Any, targets: Any) -> Tensor:
        """Two of one shape -> a scalar, or their shape."""
        return f.binary_cross_entropy(probabilities, targets, self.reduction)


class BCEWithLogitsLoss(Loss):
    """-t log s(x) - (1 - t) log(1 - s(x)) of logits x, s the sigmoid.

    >>> import wingbeat as wb
    >>> wb.nn.BCEWithLogitsLoss()([0.0], [1.0])
    tensor(0.69314718)
    """

    def forward(self, logits: Any, targets: Any) -> Tensor:
        """Two of one shape -> a scalar, or their shape."""
        return f.binary_cross_entropy_with_logits(logits, targets, self.reduction)
