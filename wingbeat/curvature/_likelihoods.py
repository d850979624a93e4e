"""What a network's outputs may mean, and the Fisher matrix of one example by its outputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wingbeat.api import Tensor, exp, sigmoid, softmax, sqrt
from wingbeat.api import sum as total

Product = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Likelihood:
    """`metric(z, t)` is F t at the outputs z, `root(z, e)` is S e, where S S' = F."""

    metric: Product
    root: Product


def _softmax_metric(z: Tensor, t: Tensor) -> Tensor:
    p = softmax(z, axis=-1)
    return p * (t - total(p * t, axis=-1, keepdims=True))


def _softmax_root(z: Tensor, e: Tensor) -> Tensor:
    """(diag(s) - p s') e with s = sqrt(p): its square is diag(p) - p p', as s's = 1."""
    p = softmax(z, axis=-1)
    s = sqrt(p)
    return s * e - p * total(s * e, axis=-1, keepdims=True)


def _independent(variance: Callable[[Tensor], Tensor]) -> Likelihood:
    """Outputs that do not know of each other."""
    return Likelihood(lambda z, t: variance(z) * t, lambda z, e: sqrt(variance(z)) * e)


def _bernoulli(z: Tensor) -> Tensor:
    return sigmoid(z) * sigmoid(-z)


# The outputs are logits, logits, the mean (of variance 1), the logarithm of the rate.
LIKELIHOODS: dict[str, Likelihood] = {
    "categorical": Likelihood(_softmax_metric, _softmax_root),
    "bernoulli": _independent(_bernoulli),
    "normal": Likelihood(lambda z, t: t, lambda z, e: e),
    "poisson": _independent(lambda z: exp(z)),
}
