"""Axes of a kernel: each has a name of its own, however often a space is cut finer."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose

import wingbeat as wb
from wingbeat.backend.base import natively


def test_rows_are_cut_beside_axes_that_are_reduced() -> None:
    # A kernel over (4 rows, 2, 2) takes in tanh(x), whose shape is that of its rows in two axes.
    def f(x: wb.Tensor) -> wb.Tensor:
        return wb.sin(wb.sum(x / (x**2 + 1.0) * 0.72)) * wb.tanh(x)

    x = np.random.default_rng(0).normal(size=(2, 2))
    s = 0.72 * np.sum(x / (x**2 + 1.0))
    slope = 0.72 * (1.0 - x**2) / (x**2 + 1.0) ** 2
    own = np.diag((np.sin(s) / np.cosh(x) ** 2).ravel()).reshape(2, 2, 2, 2)
    expected = np.cos(s) * np.tensordot(np.tanh(x), slope, axes=0) + own
    with natively():
        found = wb.jit(wb.jacfwd(f))(x)
    assert_allclose(found.numpy(), expected, rtol=1e-12)
