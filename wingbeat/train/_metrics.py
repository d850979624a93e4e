"""Metrics: what a batch contributes, within the step's own program, and what that adds up to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wingbeat.api import Tensor, argmax, asarray, astype, mean, stack, sum
from wingbeat.errors import TypeMismatch
from wingbeat.train._confusion import Confusion

Parts = Sequence[NDArray[Any]]
Counts = Sequence[int]


@dataclass(frozen=True)
class Metric:
    """A number about a model's outputs on all samples, gathered batch by batch.

    Attributes:
        name: of its column in histories.
        measure: (outputs, targets) of one batch to its part, a tensor of any shape.
        combine: the parts of all batches and their numbers of samples to the value.
        better: "high" or "low".
        scalar: whether the value is one number; only those can be followed by `fit`.

    >>> import numpy as np
    >>> import wingbeat as wb
    >>> error_rate = wb.train.Metric(
    ...     "error_rate",
    ...     measure=lambda outputs, y: wb.sum(wb.argmax(outputs, axis=-1) != y),
    ...     combine=lambda parts, counts: sum(parts) / sum(counts),
    ...     better="low",
    ... )
    >>> float(error_rate(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1])))
    0.5
    """

    name: str
    measure: Callable[[Tensor, Tensor], Tensor]
    combine: Callable[[Parts, Counts], Any]
    better: str = "high"
    scalar: bool = True

    def __call__(self, outputs: Any, targets: Any) -> Any:
        """The value for one batch, of arrays or tensors."""
        x, y = asarray(outputs), asarray(targets)
        return self.combine([np.asarray(self.measure(x, y))], [len(x)])


def _labels(outputs: Tensor, targets: Tensor, name: str) -> tuple[Tensor, Tensor]:
    """Labels as the model has them, and as they are."""
    fit = targets.dtype.kind in "iu" and outputs.shape[:-1] == targets.shape
    if not (fit and outputs.ndim > 1 and outputs.shape[-1] > 1):
        raise TypeMismatch(
            f"{name}: outputs are scores of shape (n, k) with k > 1 classes, targets whole numbers "
            f"of shape (n,); got {outputs.type} and {targets.type}; for regression write "
            "metrics=(wb.train.r2, wb.train.mae)"
        )
    return argmax(outputs, axis=-1), targets


def _numbers(outputs: Tensor, targets: Tensor, name: str) -> tuple[Tensor, Tensor]:
    if outputs.shape != targets.shape or targets.dtype.kind != "f" or not outputs.ndim:
        raise TypeMismatch(
            f"{name}: outputs and targets are floats of one shape; "
            f"got {outputs.type} and {targets.type}"
        )
    # In float64: the sums of squares of large targets would lose the digits that matter.
    return astype(outputs, "float64"), astype(targets, "float64")


def _hits(outputs: Tensor, targets: Tensor) -> Tensor:
    predicted, actual = _labels(outputs, targets, "accuracy")
    return sum(astype(predicted == actual, "float64")) / (actual.size / len(actual))


def _pairs(outputs: Tensor, targets: Tensor) -> Tensor:
    """Counts of shape (k, k): a row for each actual class, a column for each predicted one."""
    predicted, actual = (t.reshape(-1, 1) for t in _labels(outputs, targets, "confusion"))
    classes = asarray(np.arange(outputs.shape[-1]))
    return astype(actual == classes, "float64").T @ astype(predicted == classes, "float64")


def _absolute(outputs: Tensor, targets: Tensor) -> Tensor:
    z, y = _numbers(outputs, targets, "mae")
    return mean(abs(z - y))


def _spread(outputs: Tensor, targets: Tensor) -> Tensor:
    """Per column: residual sum of squares, mean, and sum of squares around it."""
    z, y = _numbers(outputs, targets, "r2")
    centre = mean(y, axis=0)
    return stack([sum((y - z) ** 2, axis=0), centre, sum((y - centre) ** 2, axis=0)])


def _mean(parts: Parts, counts: Counts) -> float:
    return float(np.average(np.array(parts, np.float64), weights=counts))


def _explained(parts: Parts, counts: Counts) -> float:
    """1 - residual / total, averaged over columns; NaN where the targets do not vary."""
    residual, centre, spread = np.moveaxis(np.array(parts, np.float64), 1, 0)
    weights = np.array(counts, np.float64).reshape(-1, *[1] * (centre.ndim - 1))
    middle = (weights * centre).sum(0) / weights.sum()
    # Chan, Golub, LeVeque 1979: deviations add up around a common mean without cancellation.
    total = spread.sum(0) + (weights * (centre - middle) ** 2).sum(0)
    if not np.all(total > 0):
        return float("nan")
    return float(np.mean(1 - residual.sum(0) / total))


def _share(parts: Parts, counts: Counts) -> float:
    return float(np.sum(parts) / np.sum(counts))


def _table(parts: Parts, counts: Counts) -> Confusion:
    return Confusion(np.sum(parts, axis=0).astype(np.int64))


accuracy = Metric("accuracy", _hits, _share)
confusion = Metric("confusion", _pairs, _table, scalar=False)
mae = Metric("mae", _absolute, _mean, better="low")
r2 = Metric("r2", _spread, _explained)


def mean_loss(loss: Callable[[Tensor, Tensor], Tensor]) -> Metric:
    """A loss, which is a mean over its batch, as a metric.

    >>> import wingbeat as wb
    >>> metric = wb.train.mean_loss(wb.nn.MSELoss())
    >>> metric.name, metric(np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]]))
    ('loss', 2.0)
    """
    return Metric("loss", loss, _mean, better="low")
