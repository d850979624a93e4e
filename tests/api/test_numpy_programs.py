"""Whole programs in plain NumPy."""

# NumPy's and Python's stubs do not know that a Tensor answers their protocols, which is tested.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportOperatorIssue=false, reportDeprecated=false

from __future__ import annotations

from typing import Any

import numpy as np

from tests.api.numpy_calls import (
    M,
    V,
    check_gradients,
    rng,
)


def test_programs_in_plain_numpy() -> None:
    """What people have on their disks."""

    def softmax_loss(w: Any, x: Any, y: Any) -> Any:
        z = np.dot(x, w)
        z = z - np.max(z, axis=1, keepdims=True)
        p = np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)
        return -np.mean(np.log(p[np.arange(len(y)), y])) + 0.01 * np.linalg.norm(w) ** 2

    x, y, w = rng.normal(size=(5, 4)), np.array([0, 2, 1, 1, 0]), rng.normal(size=(4, 3))
    check_gradients(lambda w: softmax_loss(w, x, y), (w,))

    def gaussian(mean: Any, factor: Any) -> Any:
        d = np.atleast_2d(M - mean)
        return 0.5 * np.einsum("ni,ij,nj->", d, factor @ factor.T, d) - np.log(
            np.abs(np.prod(np.diag(factor)))
        )

    check_gradients(gaussian, (V, rng.normal(size=(4, 4))))

    def heat(u: Any) -> Any:
        for _ in range(5):
            u = u + 0.1 * (np.roll(u, 1) - 2 * u + np.roll(u, -1))
        return np.sum(u**2)

    check_gradients(heat, (V,))

    def filled(x: Any) -> Any:
        table = np.zeros_like(x)
        for k in range(len(x)):
            table[k] = x[k] * (table[k - 1] if k else 1.0)
        return table.sum()

    check_gradients(filled, (V,))
