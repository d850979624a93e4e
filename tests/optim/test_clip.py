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


@given(
    dtype=st.sampled_from(["float16", "float32", "float64"]),
    data=st.data(),
    limit=st.sampled_from([math.inf, 1.0]),
)
def test_the_norm_of_numbers_of_any_size(dtype: str, data: Any, limit: float) -> None:
    """3:4:12 is 13 however large or small, though the squares are no numbers of the dtype."""
    info = np.finfo(dtype)
    exponent = data.draw(st.integers(info.minexp - info.nmant, info.maxexp - 4))
    unit = np.ldexp(np.ones((), dtype), exponent)
    params = parameters([[3 * unit], [-4 * unit]], 12 * unit, dtype=dtype)
    found = optim.clip_grad_norm(params, limit)
    assert found.dtype.name == "float64"
    np.testing.assert_allclose(
        found.item(), 13 * np.float64(unit), rtol=2 * float(info.eps), atol=0
    )
    assert all(p.grad is not None and p.grad.dtype.name == dtype for p in params)


def test_single_precision_is_clipped_beyond_its_squares() -> None:
    (p,) = parameters([3e30, -4e30], dtype="float32")
    assert optim.clip_grad_norm([p], 1.0).item() == pytest.approx(5e30, rel=1e-6)
    np.testing.assert_allclose(np.asarray(p.grad), [0.6, -0.8], rtol=1e-6)


def test_the_norm_of_many_equal_numbers() -> None:
    """Two thousand squares added one by one in single precision are wrong in the fifth digit."""
    params = parameters(np.full((1000, 999), 0.1), dtype="float32")
    exact = math.sqrt(999_000) * float(np.float32(0.1))
    assert optim.clip_grad_norm(params, math.inf).item() == pytest.approx(exact, rel=1.2e-7)


def test_gradients_of_several_dtypes() -> None:
    """Each dtype has units of its own: 1e300 is no float32, and 1e-40 not beside it in float64."""
    for size in (1e300, 1e-300, 0.0):
        params = parameters([2.0, 1.0], dtype="float32") + parameters([size])
        params += parameters([[2.0]], dtype="float16")
        found = optim.clip_grad_norm(params, math.inf).item()
        np.testing.assert_allclose(found, math.hypot(3.0, size), rtol=1e-7, atol=0)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(("odd", "size"), [(0.0, 0.0), (-math.inf, math.inf), (math.nan, math.nan)])
def test_the_norm_of_what_has_no_unit(dtype: str, odd: float, size: float) -> None:
    params = [*parameters([odd, 0.0], dtype=dtype), *parameters(np.zeros((0, 3)), dtype=dtype)]
    found = optim.clip_grad_norm(params, 1.0).item()
    np.testing.assert_equal(found, size)
    if odd == 0.0:
        assert np.asarray(params[0].grad).tolist() == [0.0, 0.0]
    assert optim.clip_grad_norm(params[1:], 1.0).item() == 0.0


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
