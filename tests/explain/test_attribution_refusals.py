"""Attributions: models, examples and options that are refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.explain.attributed import METHODS, X, network
from wingbeat import attribution, errors, nn

# MISSION E4


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda f: f(3, X), errors.TypeMismatch, "takes a model"),
        (lambda f: f(nn.Linear, X), errors.TypeMismatch, "write Linear()"),
        (lambda f: f(network(0), X.astype(int)), errors.TypeMismatch, "astype"),
        (lambda f: f(network(0), X[:0]), errors.BadInput, "one example or more"),
        (lambda f: f(network(0), X * np.nan), errors.BadInput, "not finite in row 0"),
        (lambda f: f(network(0), X[0]), errors.TypeMismatch, r"write x\[None\]"),
        (lambda f: f(lambda x: x[:1], X), errors.TypeMismatch, r"shape \(2, classes\)"),
        (lambda f: f(lambda x: x / 0.0, X), errors.BadInput, "score 0 of example 0 is inf"),
        (lambda f: f(network(0), X, target=3), errors.OutOfRange, r"0 \.\.\. 2"),
        (lambda f: f(network(0), X, target=-1), errors.OutOfRange, "target -1 is no class"),
        (lambda f: f(network(0), X, target=[0]), errors.TypeMismatch, "array of 2 classes"),
        (lambda f: f(network(0), X, target=0.5), errors.TypeMismatch, "target is a class"),
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_bad_models_and_examples(
    method: Callable[..., Any], call: Any, error: type[Exception], message: str
) -> None:
    with np.errstate(all="ignore"), pytest.raises(error, match=message) as caught:
        call(method)
    assert str(caught.value).startswith(f"{method.__name__}: ")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: attribution.integrated_gradients(network(0), X, baseline=np.ones(4)),
            errors.TypeMismatch,
            "broadcasts to",
        ),
        (
            lambda: attribution.integrated_gradients(network(0), X, baseline="black"),
            errors.TypeMismatch,
            "holds numbers",
        ),
        (
            lambda: attribution.gradient_times_input(network(0), X, baseline=np.inf),
            errors.BadInput,
            "baseline is not finite",
        ),
        (
            lambda: attribution.integrated_gradients(network(0), X, tolerance=0),
            errors.BadInput,
            "tolerance",
        ),
        (
            lambda: attribution.integrated_gradients(network(0), X, steps=0),
            errors.BadInput,
            "steps",
        ),
        (lambda: attribution.smooth_grad(network(0), X, samples=1), errors.BadInput, "samples"),
        (lambda: attribution.smooth_grad(network(0), X, noise=-1), errors.BadInput, "noise"),
        (lambda: attribution.occlusion(network(0), X, patch=0), errors.BadInput, "patch"),
        (lambda: attribution.occlusion(network(0), X, patch=(1, 1)), errors.BadInput, "patch"),
        (
            lambda: attribution.occlusion(
                network(0), X, against=attribution.gradient(network(0), X[:1])
            ),
            errors.TypeMismatch,
            "explain the same x",
        ),
        (
            lambda: attribution.conductance(network(0), X, "9"),
            errors.OutOfRange,
            "there are '0', '1', '2', '3'",
        ),
        (
            lambda: attribution.conductance(network(0), X, nn.Linear(1, 1)),
            errors.OutOfRange,
            "no part of the model",
        ),
        (
            lambda: attribution.conductance(lambda x: x, X, "0"),
            errors.TypeMismatch,
            "in an nn.Module",
        ),
    ],
)
def test_bad_options(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
