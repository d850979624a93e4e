"""Attributions from gradients at the examples themselves, or near them."""

from __future__ import annotations

from typing import Any

import numpy as np

from wingbeat.api import Tensor, random
from wingbeat.errors import BadInput, TypeMismatch
from wingbeat.explain._attribution_record import Array, Attribution, flat
from wingbeat.nn._checks import positive, whole
from wingbeat.nn._classifier import Classifier


def gradient(model: Any, x: Any, target: Any = None) -> Attribution:
    """The gradient of a class's score by the input: how fast the score changes with each number.

    Args:
        model: an `nn.Module`, used in evaluation mode, or a function, from examples (n, ...) to
            scores (n, classes) or (n,); an example's score must not depend on the others. A
            function whose result is one number takes one example, and `x` is one then.
        x: floats (n, ...), an array or a tensor.
        target: a class, or one for each example (n,); None for the classes that the model predicts.

    Raises:
        TypeMismatch: model, x and target do not fit each other.
        OutOfRange: a target is no class.
        BadInput: a number is not finite.

    >>> import wingbeat as wb
    >>> wb.attribution.gradient(lambda x: x[:, 0] * x[:, 1], np.array([[2.0, 3.0]])).values
    array([[3., 2.]])
    """
    c = Classifier(model, x, "gradient")
    k = c.labels(target, "target")
    return Attribution("gradient", c.x, c.slope(c.x, k), k, c.chosen(c.x, k))


def gradient_times_input(
    model: Any, x: Any, target: Any = None, baseline: Any = 0.0
) -> Attribution:
    """The gradient times x - baseline: what a linear model would owe to each number.

    Args:
        model: as for `gradient`.
        x: as for `gradient`.
        target: as for `gradient`.
        baseline: what x is compared with: a number, or an array that broadcasts to x.

    The parts sum to score - baseline's score where the model is linear; `missing` says how far
    they do here.

    >>> import wingbeat as wb
    >>> f = lambda x: x[:, 0] * x[:, 1]
    >>> a = wb.attribution.gradient_times_input(f, np.array([[2.0, 3.0]]))
    >>> a.values, a.missing
    (array([[6., 6.]]), array([-6.]))
    """
    c = Classifier(model, x, "gradient_times_input")
    k, start = c.labels(target, "target"), baseline_of(c, baseline)
    return Attribution(
        "gradient x input",
        c.x,
        c.slope(c.x, k) * difference(c.x, start),
        k,
        c.chosen(c.x, k),
        start,
        c.chosen(start, k),
    )


def smooth_grad(
    model: Any,
    x: Any,
    target: Any = None,
    *,
    noise: float = 0.15,
    samples: int = 64,
    seed: int = 0,
) -> Attribution:
    """The mean gradient near x, which noise of the gradient itself spoils less.

    Smilkov et al. (2017): the gradient of a network jumps from point to point; its mean over
    normal noise is the gradient of the score's own mean over that noise.

    Args:
        model: as for `gradient`.
        x: as for `gradient`.
        target: as for `gradient`; predicted classes are those of x itself.
        noise: the standard deviation, as a share of max(x) - min(x) of each example.
        samples: how many draws, 2 or more; `standard_error` says what they leave open.
        seed: the same seed draws the same noise.

    >>> import wingbeat as wb
    >>> f = lambda x: (x**2).sum(axis=1)
    >>> a = wb.attribution.smooth_grad(f, np.array([[1.0, 3.0]]), samples=256)
    >>> bool((abs(a.values - [[2.0, 6.0]]) < 4 * a.standard_error).all())
    True
    """
    c = Classifier(model, x, "smooth_grad")
    k = c.labels(target, "target")
    count = whole(samples, "samples", "smooth_grad", 2)
    part = positive(noise, "noise", "smooth_grad")
    spread = part * np.ptp(flat(c.x), axis=1).astype(np.float64)
    spread = spread.reshape(-1, *(1 for _ in c.x.shape[1:]))
    key, mean, squares = random.key(seed), np.zeros(c.x.shape), np.zeros(c.x.shape)
    for n in range(count):
        draw = random.normal(random.fold_in(key, n), c.x.shape).numpy()
        g = c.slope(c.x + spread * draw, k)
        off = g - mean  # Welford (1962)
        mean = mean + off / (n + 1)
        squares = squares + off * (g - mean)
    error = np.sqrt(squares / (count * (count - 1)))
    return Attribution("SmoothGrad", c.x, mean, k, c.chosen(c.x, k), standard_error=error)


def baseline_of(c: Classifier, baseline: Any) -> Array:
    """The baseline as an array like the examples."""
    value = baseline.numpy() if isinstance(baseline, Tensor) else np.asarray(baseline)
    if value.dtype.kind not in "iuf":
        raise TypeMismatch(f"{c.operation}: the baseline holds numbers, not {value.dtype}")
    if not np.isfinite(value).all():
        raise BadInput(f"{c.operation}: the baseline is not finite")
    try:
        return np.broadcast_to(value.astype(c.x.dtype), c.x.shape)
    except ValueError:
        raise TypeMismatch(
            f"{c.operation}: the baseline is a number or an array that broadcasts to "
            f"{c.x.shape}, not of shape {value.shape}"
        ) from None


def difference(x: Array, start: Array) -> Array:
    """x - start, float64."""
    return x.astype(np.float64) - start
