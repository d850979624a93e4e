"""Transforms beside what changes or stays behind: values, no_grad, errors, leaks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from wingbeat.errors import AtKink, NoValue, WingbeatError

A = np.array


# --- control flow ---------------------------------------------------------------------------------


def test_python_control_flow_on_values() -> None:
    def f(x: Any) -> Any:
        y = x
        while y < 10.0:
            y = y * x if y.item() < 5.0 else y + x
        return y if y > 12 else -y

    assert wb.grad(f)(2.0).item() == -13.0  # 2, 4, 8, 10: -(x^3 + x)
    assert wb.grad(f)(3.0).item() == -7.0  # 3, 9, 12: -(x^2 + x)


def test_values_are_readable_inside() -> None:
    seen: list[Any] = []

    def f(x: Any) -> Any:
        y = x * x
        seen.append((y[0].item(), y.numpy().tolist(), repr(y), y.tolist(), bool(y[0] > 0)))
        return y.sum()

    assert wb.grad(f)(A([1.0, 2.0])).tolist() == [2.0, 4.0]
    assert seen == [(1.0, [1.0, 4.0], "tensor([1., 4.])", [1.0, 4.0], True)]


@pytest.mark.parametrize(
    "cut",
    [
        float,
        np.asarray,
        lambda y: np.array([y, y]),
        lambda y: __import__("math").sin(y),
    ],
)
def test_a_history_that_is_cut_by_accident_is_warned_of(cut: Any) -> None:
    """A plain number made of a variable is a constant, which is seldom what was meant."""
    with pytest.warns(wb.errors.GradientCut, match="constant"):
        wb.grad(lambda x: x * x + np.sum(cut(x)))(2.0)
    wb.grad(lambda x: x * x + x.item())(2.0)
    wb.grad(lambda x: x * x * float(wb.asarray(3.0)))(2.0)
    float(wb.asarray(2.0, requires_grad=True) * 3)


# --- requires_grad inside and around transforms ------------------------------------------------


def test_backward_through_the_result_of_grad() -> None:
    w = wb.asarray([2.0, 3.0], requires_grad=True)
    g = wb.grad(lambda x: (w * x**3).sum())(A([1.0, 2.0]))  # 3 w x^2
    assert g.requires_grad
    assert g.tolist() == [6.0, 36.0]
    g.sum().backward()
    assert w.grad is not None
    assert w.grad.tolist() == [3.0, 12.0]


def test_grad_with_respect_to_a_tensor_that_requires_a_gradient() -> None:
    w = wb.asarray(2.0, requires_grad=True)
    g = wb.grad(lambda x: x**3)(w)
    g.backward()
    assert w.grad is not None
    assert (g.item(), w.grad.item()) == (12.0, 12.0)


def test_grad_inside_a_loss_whose_backward_is_taken() -> None:
    """A gradient penalty: the derivative of a derivative by another variable."""
    w = wb.asarray(3.0, requires_grad=True)
    penalty = wb.grad(lambda x: wb.sin(w * x))(2.0) ** 2
    penalty.backward()
    # d/dw (w cos 2w)^2
    expected = 2 * 3 * np.cos(6) * (np.cos(6) - 6 * np.sin(6))
    assert w.grad is not None
    assert w.grad.item() == pytest.approx(expected, rel=1e-14)


def test_transforms_under_no_grad_still_differentiate() -> None:
    w = wb.asarray(3.0, requires_grad=True)
    with wb.no_grad():
        g = wb.grad(lambda x: w * x * x)(2.0)
    assert g.item() == 12.0
    assert not g.requires_grad


def test_parameters_are_variables_of_a_transform_under_no_grad() -> None:
    w = wb.asarray(3.0, requires_grad=True)
    with wb.no_grad():
        for f in (wb.grad(lambda x: x * x), wb.jit(wb.grad(lambda x: x * x))):
            assert f(w).item() == 6.0
            assert not f(w).requires_grad
        assert wb.jvp(lambda x: x * w, (w,), (1.0,))[1].item() == 6.0 - 3.0  # the other w is fixed


def test_no_grad_inside_a_transform_cuts_what_it_encloses() -> None:
    """As in PyTorch: within it, results do not remember what they came from."""

    def f(x: Any) -> Any:
        with wb.no_grad():
            y = x * x
        return x * y

    assert wb.grad(f)(3.0).item() == 9.0
    assert wb.jvp(f, (3.0,), (1.0,))[1].item() == 9.0
    with wb.no_grad():
        assert wb.grad(f)(3.0).item() == 9.0
        assert wb.grad(lambda x: x * x * x)(3.0).item() == 27.0

    def outer(x: Any) -> Any:
        with wb.no_grad():
            slope = wb.grad(lambda v: v**3)(x)
            curve = wb.grad(lambda v: v * v * x)(x) + slope
        return slope * x + 0.0 * curve

    assert wb.grad(outer)(2.0).item() == 12.0
    assert wb.grad(lambda x: x * wb.grad(lambda v: v**3)(x))(2.0).item() == 36.0


# --- errors leave nothing behind -----------------------------------------------------------------


def test_errors_in_the_users_function_leave_the_thread_clean() -> None:
    def broken(x: Any) -> Any:
        y = x * 2
        raise ZeroDivisionError(y)

    for transform in (wb.grad, wb.jacfwd, wb.jacrev, wb.hessian, wb.vmap):
        with pytest.raises(ZeroDivisionError):
            transform(broken)(A([1.0]))
        with pytest.raises(ZeroDivisionError), wb.no_grad():
            transform(broken)(A([1.0]))
    with pytest.raises(ZeroDivisionError):
        wb.vjp(broken, 1.0)
    with pytest.raises(ZeroDivisionError):
        wb.jvp(broken, (1.0,), (1.0,))
    w = wb.asarray(2.0, requires_grad=True)
    (w * w).backward()
    assert w.grad is not None
    assert w.grad.item() == 4.0
    assert wb.grad(lambda x: x * x)(3.0).item() == 6.0


def test_errors_of_the_library_leave_the_thread_clean() -> None:
    for _ in range(2):
        with pytest.raises(WingbeatError):
            wb.grad(lambda x: wb.zeros(3) @ wb.zeros(4) * x)(1.0)
        with pytest.raises(AtKink):
            wb.grad(abs, kinks="raise")(0.0)
        assert wb.grad(lambda x: x * x)(3.0).item() == 6.0
        y = wb.asarray(1.0) + 1.0
        assert y.item() == 2.0


# --- variables that escape ---------------------------------------------------------------------


def test_leaked_variables_have_the_value_that_they_had() -> None:
    kept: list[Any] = []

    def f(x: Any) -> Any:
        kept.append(x)
        kept.append(x * x)
        return x * x * x

    assert wb.grad(f)(2.0).item() == 12.0
    assert wb.grad(f)(3.0).item() == 27.0
    assert [float(v) for v in kept] == [2.0, 4.0, 3.0, 9.0]
    mixed = kept[1] + kept[3] * kept[0]
    assert mixed.item() == 22.0
    assert wb.grad(lambda x: x * kept[1])(5.0).item() == 4.0


def test_leaked_variables_of_vmap_have_no_value_and_say_so() -> None:
    kept: list[Any] = []

    def f(x: Any) -> Any:
        kept.append(x * 2)
        return x

    wb.vmap(f)(A([1.0, 2.0]))
    with pytest.raises(NoValue, match="vmap"):
        kept[0].item()
    with pytest.raises(NoValue, match="vmap"):
        (kept[0] + 1.0).item()
    assert "one of many" in repr(kept[0])
