"""The transforms' arguments and results: argnums, has_aux, keyword arguments, constants."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from wingbeat.errors import NotDifferentiable, TypeMismatch

A = np.array


def _cubic(x: Any, y: Any, z: Any = 1.0) -> Any:
    return x**3 * y**2 * z


# --- argnums ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argnums", "expected"),
    [
        (0, 108.0),
        (1, 48.0),
        (-1, 48.0),
        (-2, 108.0),
        ((0,), (108.0,)),
        ((1, 0), (48.0, 108.0)),
        ((-1, 0), (48.0, 108.0)),
        ([0, 1], (108.0, 48.0)),
        ((), ()),
    ],
)
def test_argnums(argnums: Any, expected: Any) -> None:
    found = wb.grad(_cubic, argnums)(2.0, 3.0)
    as_numbers = tuple(float(g) for g in found) if isinstance(found, tuple) else float(found)
    assert as_numbers == expected
    value, again = wb.value_and_grad(_cubic, argnums)(2.0, 3.0)
    assert float(value) == 72.0
    assert repr(again) == repr(found)


@pytest.mark.parametrize("argnums", [2, -3, (0, 5), "x", 1.5, None, (0, 0), (0, -2), True])
@pytest.mark.parametrize(
    "transform", [wb.grad, wb.value_and_grad, wb.jacrev, wb.jacfwd, wb.hessian]
)
def test_bad_argnums(transform: Any, argnums: Any) -> None:
    with pytest.raises(TypeMismatch, match="argnums"):
        transform(_cubic, argnums)(2.0, 3.0)


def test_keyword_arguments_are_passed_on_and_are_constants() -> None:
    assert wb.grad(_cubic)(2.0, y=3.0, z=10.0).item() == 1080.0
    assert wb.jacfwd(_cubic)(2.0, y=3.0).item() == 108.0
    assert wb.jacrev(_cubic)(2.0, y=3.0).item() == 108.0
    assert wb.hessian(_cubic)(2.0, y=3.0).item() == 108.0
    doubled = wb.vmap(lambda x, k: k * x)(A([1.0, 2.0]), k=A([1.0, 10.0]))
    assert doubled.tolist() == [1.0, 20.0]


def test_a_call_by_keywords_only_says_that_argnums_are_positional() -> None:
    with pytest.raises(TypeMismatch, match="by position"):
        wb.grad(_cubic)(x=2.0, y=3.0)


def test_names_and_documentation_are_the_functions() -> None:
    def distance(x: Any) -> Any:
        """How far."""
        return abs(x)

    for transform in (wb.grad, wb.value_and_grad, wb.jacrev, wb.jacfwd, wb.hessian, wb.vmap):
        assert transform(distance).__name__ == "distance"
        assert transform(distance).__doc__ == "How far."


@pytest.mark.parametrize(
    "transform", [wb.grad, wb.value_and_grad, wb.jacrev, wb.jacfwd, wb.hessian, wb.vmap]
)
def test_what_is_transformed_must_be_callable(transform: Any) -> None:
    with pytest.raises(TypeMismatch, match="function"):
        transform(3.0)


# --- has_aux ----------------------------------------------------------------------------------


def test_has_aux() -> None:
    def f(x: Any) -> Any:
        return (x * x).sum(), {"doubled": 2 * x, "word": "hello", "n": 3}

    x = A([1.0, 2.0])
    gradient, aux = wb.grad(f, has_aux=True)(x)
    assert gradient.tolist() == [2.0, 4.0]
    assert (aux["doubled"].tolist(), aux["word"], aux["n"]) == ([2.0, 4.0], "hello", 3)
    (value, aux), gradient = wb.value_and_grad(f, has_aux=True)(x)
    assert (value.item(), gradient.tolist(), aux["doubled"].tolist()) == (5.0, [2.0, 4.0], [2, 4])
    jacobian, aux = wb.jacrev(f, has_aux=True)(x)
    assert (jacobian.tolist(), aux["word"]) == ([2.0, 4.0], "hello")
    jacobian, aux = wb.jacfwd(f, has_aux=True)(x)
    assert (jacobian.tolist(), aux["doubled"].tolist()) == ([2.0, 4.0], [2.0, 4.0])
    second, aux = wb.hessian(f, has_aux=True)(x)
    assert (second.tolist(), aux["word"]) == ([[2.0, 0.0], [0.0, 2.0]], "hello")
    y, pullback, aux = wb.vjp(f, x, has_aux=True)
    assert (y.item(), pullback(1.0)[0].tolist(), aux["n"]) == (5.0, [2.0, 4.0], 3)
    y, moved, aux = wb.jvp(f, (x,), (A([1.0, 1.0]),), has_aux=True)
    assert (y.item(), moved.item(), aux["word"]) == (5.0, 6.0, "hello")


@pytest.mark.parametrize("transform", [wb.grad, wb.value_and_grad, wb.jacrev, wb.jacfwd])
def test_has_aux_without_aux_is_refused(transform: Any) -> None:
    with pytest.raises(TypeMismatch, match="has_aux"):
        transform(lambda x: x * x, has_aux=True)(1.0)


def test_a_pair_without_has_aux_names_has_aux() -> None:
    with pytest.raises(TypeMismatch, match="has_aux"):
        wb.grad(lambda x: (x, x))(1.0)


# --- constants, unused arguments ------------------------------------------------------------------


@pytest.mark.parametrize("constant", [3.0, 3, np.float32(3), A(3.0), wb.asarray(3.0)])
def test_constant_functions_have_zero_derivatives(constant: Any) -> None:
    x = A([1.0, 2.0])
    f: Any = lambda x: constant  # noqa: E731
    for transform in (wb.grad, wb.jacrev, wb.jacfwd):
        if isinstance(constant, int):
            with pytest.raises(NotDifferentiable, match="only floats"):
                transform(f)(x)
        else:
            assert transform(f)(x).tolist() == [0.0, 0.0]
            assert wb.hessian(f)(x).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    value, moved = wb.jvp(f, (x,), (x,))
    assert (value.item(), moved.item()) == (3.0, 0.0)
    assert wb.vmap(f)(x).tolist() == [3.0, 3.0]


def test_unused_arguments_have_zero_gradients() -> None:
    g = wb.grad(lambda x, y: (x * x).sum(), (0, 1))(A([1.0]), A([[5.0, 6.0]]))
    assert (g[0].tolist(), g[1].tolist()) == ([2.0], [[0.0, 0.0]])
    _, pullback = wb.vjp(lambda x, y: x, 1.0, A([2.0]))
    assert [v.tolist() for v in pullback(1.0)] == [1.0, [0.0]]


# --- cotangents and tangents that do not fit ------------------------------------------------------


def test_tangents_must_fit() -> None:
    x = A([1.0, 2.0])
    for tangents in ((), (x, x), (1.0,), (A([1.0]),), ((x, x),)):
        with pytest.raises(TypeMismatch, match="jvp"):
            wb.jvp(lambda x: x, (x,), tangents)
    with pytest.raises(TypeMismatch, match="sequence"):
        wb.jvp(lambda x: x, 1.0, 1.0)  # type: ignore[arg-type]
    with pytest.raises(TypeMismatch, match="sequence"):
        wb.jvp(lambda x: x, x, x)  # type: ignore[arg-type]


def test_cotangents_must_fit() -> None:
    x = A([1.0, 2.0])
    _, pullback = wb.vjp(lambda x: (x, x.sum()), x)
    for cotangent in ((), (x,), (x, x), (1.0, 1.0), x, {"a": x, "b": 1.0}):
        with pytest.raises(TypeMismatch, match="pullback"):
            pullback(cotangent)
