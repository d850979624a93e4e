"""Clipping against NumPy."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wingbeat as wb
from wingbeat import nn, optim
from wingbeat.backend.base import _programs
from wingbeat.errors import BadInput, TypeMismatch


def parameters(*grads: Any, dtype: str = "float64") -> list[nn.Parameter]:
    found: list[nn.Parameter] = []
    for g in grads:
        p = nn.Parameter(np.zeros(np.shape(g), dtype))
        p.grad = wb.asarray(g, dtype=dtype)
        found.append(p)
    return found


@given(st.integers(0, 1000), st.floats(0, 5))
def test_the_norm_of_all_gradients(seed: int, limit: float) -> None:
    rng = np.random.default_rng(seed)
    grads = [rng.normal(size=s) for s in ((3, 2), (4,), ())]
    params = [*parameters(*grads), nn.Parameter([1.0])]
    size = np.sqrt(sum((g**2).sum() for g in grads))
    norm = optim.clip_grad_norm(params, limit)
    assert norm.item() == pytest.approx(size, rel=1e-12)
    factor = min(1.0, limit / (size + 1e-6))
    for p, g in zip(params[:-1], grads, strict=True):
        np.testing.assert_allclose(np.asarray(p.grad), factor * g, rtol=1e-12, atol=1e-15)
    assert params[-1].grad is None


def test_below_the_limit_nothing_changes() -> None:
    (p,) = parameters([3.0, 4.0])
    before = p.grad
    assert optim.clip_grad_norm([p], math.inf).item() == 5.0
    assert p.grad is before
    optim.clip_grad_norm(iter([p]), 5.1)
    assert np.asarray(p.grad).tolist() == [3.0, 4.0]
    assert optim.clip_grad_norm([], 1.0).item() == 0.0


def test_single_precision_does_not_overflow() -> None:
    """The squares of 1e30 are beyond float32; the norm is not."""
    (p,) = parameters([3e30, 4e30], dtype="float32")
    assert optim.clip_grad_norm([p], 1.0).item() == pytest.approx(5e30, rel=1e-6)
    assert p.grad is not None
    assert p.grad.dtype.name == "float32"
    np.testing.assert_allclose(p.grad.numpy(), [0.6, 0.8], rtol=1e-6)


def test_values() -> None:
    params = parameters([3.0, -0.25], [[-9.0]])
    optim.clip_grad_value(params, 1.0)
    assert [np.asarray(p.grad).tolist() for p in params] == [[1.0, -0.25], [[-1.0]]]


def test_clipping_is_part_of_the_steps_program() -> None:
    p = nn.Parameter(np.array([3.0, 4.0]))
    optimizer = optim.SGD([p], lr=1.0)

    def step(limit: float) -> float:
        optimizer.zero_grad()
        (0.5 * (p * p).sum()).backward()
        norm = optim.clip_grad_norm([p], limit)
        optim.clip_grad_value([p], 10 * limit)
        optimizer.step()
        return norm.item()

    norms = [step(1.0)]
    before = len(_programs)
    norms += [step(limit) for limit in (0.5, 0.25)]
    assert norms == pytest.approx([5.0, 4.0, 3.5], rel=1e-5)
    assert len(_programs) == before


@pytest.mark.parametrize("limit", [-1.0, math.nan, "big"])
def test_limits_that_are_refused(limit: Any) -> None:
    with pytest.raises(BadInput, match="max_norm must be"):
        optim.clip_grad_norm(parameters([1.0]), limit)
    with pytest.raises(BadInput, match="limit must be"):
        optim.clip_grad_value(parameters([1.0]), limit)


def test_what_is_no_parameter_is_refused() -> None:
    with pytest.raises(TypeMismatch, match="parameters are tensors, not float"):
        optim.clip_grad_norm([1.0], 1.0)
