"""Methods of attribution, and models and points to try them on."""

from collections.abc import Callable
from typing import Any

import numpy as np

import wingbeat as wb
from wingbeat import attribution, nn

METHODS: list[Callable[..., Any]] = [
    attribution.gradient,
    attribution.gradient_times_input,
    attribution.integrated_gradients,
    attribution.smooth_grad,
    attribution.occlusion,
]
X = np.ones((2, 5))


def network(seed: int, activation: type[nn.Module] = nn.ReLU, dtype: str = "float64") -> nn.Module:
    wb.random.seed(seed)
    layers = (nn.Linear(5, 7), activation(), nn.Dropout(0.5), nn.Linear(7, 3))
    return nn.Sequential(*layers).to(dtype)


def points(seed: int, n: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 5))
