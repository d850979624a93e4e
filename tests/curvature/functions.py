"""Functions that several tests look at."""

from typing import Any

import numpy as np

import wingbeat as wb
from wingbeat import nn


def rosenbrock(x: Any) -> Any:
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()


def with_eigenvalues(values: Any, seed: int = 0) -> Any:
    """A symmetric matrix with given eigenvalues and random eigenvectors."""
    n = len(values)
    q = np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]
    a = (q * values) @ q.T
    return (a + a.T) / 2


def classifier(dtype: str = "float64") -> tuple[Any, Any, Any, Any]:
    """A small network with data: loss, model, x, y."""
    wb.random.seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).to(dtype)
    x = np.random.default_rng(1).normal(size=(6, 3)).astype(dtype)
    return nn.CrossEntropyLoss(), model, x, np.array([0, 1, 1, 0, 1, 0])


def gradients_of_examples(loss: Any, model: Any, x: Any, y: Any) -> Any:
    """The gradient of each example's own loss, as the rows of a matrix, by plain `wb.grad`."""
    rows: list[Any] = []
    for k in range(len(x)):
        g = wb.grad(lambda m, k=k: loss(m(x[k : k + 1]), y[k : k + 1]))(model)
        rows.append(np.concatenate([np.asarray(v).ravel() for v in wb.tree.leaves(g)]))
    return np.stack(rows)
