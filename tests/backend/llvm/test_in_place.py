"""A result takes the place of an operand only after everybody has read the operand."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose

import wingbeat as wb
from wingbeat.backend.base import natively


def test_a_sum_reads_what_is_overwritten_at_the_same_point() -> None:
    # sin(x) is kept from the tangent for the sum; there tanh(x) is stored in its place.
    def f(x: wb.Tensor) -> wb.Tensor:
        return wb.sin(wb.sum(x * 0.97 + wb.sin(x) + wb.abs(x))) * wb.tanh(x)

    x = np.random.default_rng(0).normal(size=3)
    s = np.sum(x * 0.97 + np.sin(x) + np.abs(x))
    slope = 0.97 + np.cos(x) + np.sign(x)
    expected = np.cos(s) * np.outer(np.tanh(x), slope) + np.diag(np.sin(s) / np.cosh(x) ** 2)
    with natively():
        found = wb.jit(wb.jacfwd(f))(x)
    assert_allclose(found.numpy(), expected, rtol=1e-12)
