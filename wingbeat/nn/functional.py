"""Activations and losses as functions; the modules of the same names are these.

Predictions are floats; targets take their dtype. `reduction` is "mean", "sum" or "none".

>>> import wingbeat as wb
>>> wb.nn.functional.mse_loss(wb.asarray([1.0, 2.0]), [0.0, 0.0])
tensor(2.5)
"""

from __future__ import annotations

from typing import Any

from wingbeat import api
from wingbeat.api import Tensor, asarray, random
from wingbeat.errors import BadInput, OutOfRange, TypeMismatch
from wingbeat.nn._checks import within

REDUCTIONS = ("mean", "sum", "none")


def reduce(losses: Tensor, reduction: str) -> Tensor:
    """The mean, the sum, or all of them.

    >>> import wingbeat as wb
    >>> wb.nn.functional.reduce(wb.asarray([1.0, 2.0]), "sum")
    tensor(3.)
    """
    check_reduction(reduction)
    if reduction == "none":
        return losses
    return losses.mean() if reduction == "mean" else losses.sum()


def check_reduction(reduction: Any) -> str:
    """The reduction, if it is one."""
    if reduction not in REDUCTIONS:
        raise BadInput(f"reduction must be 'mean', 'sum' or 'none', not {reduction!r}")
    return reduction


# --- activations -----------------------------------------------------------------------------


def leaky_relu(x: Any, slope: float = 0.01) -> Tensor:
    """x where positive, else slope x, elementwise; like relu, it has derivative 0 at its kink.

    >>> import wingbeat as wb
    >>> wb.nn.functional.leaky_relu(-2.0, 0.5)
    tensor(-1.)
    """
    t = asarray(x)
    return api.relu(t) - slope * api.relu(-t)


def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """x where positive, else alpha (e^x - 1), elementwise.

    Unless alpha is 1 there is a kink at 0, where the derivative is 0, as that of relu.

    >>> import wingbeat as wb
    >>> wb.nn.functional.elu(2.0)
    tensor(2.)
    """
    t = asarray(x)
    if alpha == 1.0:
        return api.elu(t)
    return api.relu(t) + alpha * api.expm1(-api.relu(-t))


def dropout(x: Any, p: float, key: Tensor) -> Tensor:
    """Zero with probability `p`, else x / (1 - p), which keeps the mean: Srivastava et al. (2014).

    The key decides which; the same key drops the same elements.

    >>> import wingbeat as wb
    >>> bool(wb.nn.functional.dropout(wb.ones(1000), 0.5, wb.random.key(0)).max() == 2.0)
    True
    """
    t = asarray(x)
    p = within(p, 0.0, 1.0, "p", "dropout")
    if t.dtype.kind != "f":
        raise TypeMismatch(f"dropout: x must be floats, not {t.type}; write .astype('float32')")
    if p == 0.0:
        return t
    if p == 1.0:
        return t * 0.0
    kept = random.uniform(key, t.shape, dtype="float32") >= p
    return api.where(kept, t * (1.0 / (1.0 - p)), 0.0)


# --- losses ----------------------------------------------------------------------------------


def _pair(name: str, predictions: Any, targets: Any) -> tuple[Tensor, Tensor]:
    """Both of one shape: broadcasting (N, 1) against (N,) would silently compare all with all."""
    y, t = asarray(predictions), asarray(targets)
    if y.dtype.kind != "f":
        raise TypeMismatch(f"{name}: predictions must be floats, not {y.type}")
    if y.shape != t.shape:
        hint = "; write targets.reshape(predictions.shape)" if y.size == t.size else ""
        raise TypeMismatch(f"{name}: predictions {y.type} and targets {t.type} differ{hint}")
    return y, t.astype(y.dtype)


def mse_loss(predictions: Any, targets: Any, reduction: str = "mean") -> Tensor:
    """(y - t)^2; the mean is over all elements.

    >>> import wingbeat as wb
    >>> wb.nn.functional.mse_loss([[1.0, 2.0]], [[0.0, 0.0]], "none")
    tensor([[1., 4.]])
    """
    y, t = _pair("mse_loss", predictions, targets)
    return reduce((y - t).square(), reduction)


def half_mse(predictions: Any, targets: Any, reduction: str = "mean") -> Tensor:
    """1/(2N) sum ||f(x) - z||^2, with N the size of the first axis, which counts the samples.

    With "none" it is each sample's own error, 1/2 ||f(x) - z||^2, of shape (N,); the batch's loss
    is the mean of these. A scalar is one sample, a vector is N samples of one number each.

    >>> import wingbeat as wb
    >>> wb.nn.functional.half_mse([[1.0, 2.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 2.0]])
    tensor(2.25)
    >>> wb.nn.functional.half_mse([[1.0, 2.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 2.0]], "none")
    tensor([2.5, 2. ])
    """
    y, t = _pair("half_mse", predictions, targets)
    squares = (y - t).square()
    if y.ndim > 1:
        squares = squares.sum(axis=tuple(range(1, y.ndim)))
    return reduce(squares * 0.5, reduction)


def l1_loss(predictions: Any, targets: Any, reduction: str = "mean") -> Tensor:
    """|y - t|; the derivative where they are equal is 0.

    >>> import wingbeat as wb
    >>> wb.nn.functional.l1_loss([1.0, -3.0], [0.0, 0.0])
    tensor(2.)
    """
    y, t = _pair("l1_loss", predictions, targets)
    return reduce(abs(y - t), reduction)


def cross_entropy(
    logits: Any, targets: Any, reduction: str = "mean", label_smoothing: float = 0.0
) -> Tensor:
    """-log softmax(logits) at the label: -sum t log y with y the softmax.

    Args:
        logits: floats of shape (C,), (N, C) or (N, C, d1, ...): class axis second, as in PyTorch.
        targets: integer labels 0 ... C - 1 of the shape without the class axis; or floats of the
            shape of the logits, a probability for each class.
        reduction: the mean is over samples (and d1, ...).
        label_smoothing: the part of each target that is spread over all classes: Szegedy et al.
            (2016).

    Raises:
        OutOfRange: a label is no class.
        TypeMismatch: shapes or dtypes do not fit.
        BadInput: label_smoothing is outside 0 ... 1.

    >>> import wingbeat as wb
    >>> wb.nn.functional.cross_entropy([[0.0, 0.0]], [1])
    tensor(0.69314718)
    """
    smoothing = within(label_smoothing, 0.0, 1.0, "label_smoothing", "cross_entropy")
    x, t = asarray(logits), asarray(targets)
    losses = _smoothed(x, t, smoothing) if x.ndim <= 2 else _over_places(x, t, smoothing)
    return reduce(losses, reduction)


def _over_places(x: Tensor, t: Tensor, smoothing: float) -> Tensor:
    """(N, C, d1, ...): every place of every sample is a row."""
    shape = (x.shape[0], *x.shape[2:])
    if t.shape not in (shape, x.shape):
        raise TypeMismatch(f"cross_entropy: logits {x.type} take labels of shape {shape}: {t.type}")
    rows = api.moveaxis(x, 1, -1).reshape((-1, x.shape[1]))
    t = api.moveaxis(t, 1, -1).reshape(rows.shape) if t.shape == x.shape else t.reshape((-1,))
    return _smoothed(rows, t, smoothing).reshape(shape)


def _smoothed(x: Tensor, t: Tensor, smoothing: float) -> Tensor:
    losses = api.cross_entropy(x, t)
    if not smoothing:
        return losses
    even = -api.log_softmax(x, axis=-1).mean(axis=-1)
    return losses * (1.0 - smoothing) + even * smoothing


def nll_loss(log_probabilities: Any, labels: Any, reduction: str = "mean") -> Tensor:
    """Minus the log-probability of the label.

    Args:
        log_probabilities: floats of shape (N, C) or (C,), as `log_softmax` returns.
        labels: integers 0 ... C - 1 of shape (N,) or ().
        reduction: the mean is over samples.

    >>> import wingbeat as wb
    >>> wb.nn.functional.nll_loss([[-1.0, -2.0], [-3.0, -4.0]], [0, 1])
    tensor(2.5)
    """
    x, t = asarray(log_probabilities), asarray(labels)
    if x.dtype.kind != "f" or x.ndim not in (1, 2):
        raise TypeMismatch(f"nll_loss: log-probabilities are floats (N, C), not {x.type}")
    if t.dtype.kind not in "iu" or t.shape != x.shape[:-1]:
        raise TypeMismatch(
            f"nll_loss: labels are integers of shape {x.shape[:-1]}, not {t.type}; "
            "write labels.astype('int64') for whole floats"
        )
    if t.is_leaf and t.size:
        check_range("nll_loss", "label", t, x.shape[-1])
    chosen = api.take_along_axis(x, t.reshape((*t.shape, 1)), axis=-1)
    return reduce(-chosen.reshape(t.shape), reduction)


def check_range(operation: str, what: str, t: Tensor, count: int) -> None:
    """Positions that are known already must lie in 0 ... count - 1."""
    low, high = int(t.numpy().min()), int(t.numpy().max())
    if low < 0 or high >= count:
        worst = low if low < 0 else high
        raise OutOfRange(f"{operation}: {what} {worst} is outside 0 ... {count - 1}")


def binary_cross_entropy(probabilities: Any, targets: Any, reduction: str = "mean") -> Tensor:
    """-t log y - (1 - t) log(1 - y), with logarithms of at least -100, as in PyTorch.

    Where y is exactly 0 or 1 and wrong, the loss is 100 and its derivative 0: prefer logits and
    `binary_cross_entropy_with_logits`, which has no such place.

    >>> import wingbeat as wb
    >>> wb.nn.functional.binary_cross_entropy([0.5, 0.0], [1.0, 0.0], "none")
    tensor([0.69314718, 0.        ])
    """
    y, t = _pair("binary_cross_entropy", probabilities, targets)
    yes, no = (api.maximum(v, -100.0) for v in (api.log(y), api.log1p(-y)))
    return reduce(-(t * yes + (1.0 - t) * no), reduction)


def binary_cross_entropy_with_logits(logits: Any, targets: Any, reduction: str = "mean") -> Tensor:
    """The same with y = sigmoid(logits), which overflows for no logit.

    >>> import wingbeat as wb
    >>> wb.nn.functional.binary_cross_entropy_with_logits([0.0, -1000.0], [1.0, 0.0], "none")
    tensor([0.69314718, 0.        ])
    """
    return reduce(api.binary_cross_entropy(logits, targets), reduction)
