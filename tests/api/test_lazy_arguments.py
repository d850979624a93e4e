"""Transforms by results that were not evaluated yet give the same derivatives as by values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wingbeat as wb

X = np.random.default_rng(0).normal(size=(4, 3))


def f(x: Any) -> Any:
    return wb.sum(wb.sin(x) * wb.exp(x))


TRANSFORMS = {
    "grad": wb.grad(f),
    "grad of grad": wb.grad(lambda x: wb.sum(wb.grad(f)(x) ** 2)),
    "hessian": wb.hessian(f),
    "jacrev": wb.jacrev(wb.sin),
    "jacfwd": wb.jacfwd(wb.sin),
    "jacfwd of jacrev": wb.jacfwd(wb.jacrev(lambda x: wb.sin(x) * x[0])),
    "hvp": lambda x: wb.hvp(f, (x,), (x,)),
    "jvp": lambda x: wb.jvp(f, (x,), (x,))[1],
    "vjp": lambda x: wb.vjp(f, x)[1](1.0)[0],
    "vmap of grad": lambda x: wb.vmap(wb.grad(wb.sin))(x),
    "grad of vmap": wb.grad(lambda x: wb.sum(wb.vmap(wb.sin)(x))),
}


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("tracked", [False, True])
def test_lazy_arguments(name: str, tracked: bool) -> None:
    transform = TRANSFORMS[name]
    expected = np.asarray(transform(X[1]))
    x = wb.asarray(X, requires_grad=tracked)
    lazy = (x * 1.0)[1]
    assert np.any(expected)
    np.testing.assert_allclose(transform(lazy).numpy(), expected, rtol=1e-12)
    np.testing.assert_allclose((transform(lazy) + lazy[0]).numpy(), expected + X[1, 0])


@pytest.mark.parametrize("name", ["grad", "hessian", "jvp", "vjp", "vmap of grad"])
def test_a_gradient_flows_on_to_what_a_lazy_argument_came_from(name: str) -> None:
    transform = TRANSFORMS[name]
    x = wb.asarray(X[1], requires_grad=True)
    wb.sum(wb.sin(transform(2.0 * x))).backward()
    expected = wb.grad(lambda v: wb.sum(wb.sin(transform(2.0 * v))))(X[1])
    assert x.grad is not None
    np.testing.assert_allclose(x.grad, expected, rtol=1e-12)
