"""What has no derivative, at all or at a kink, says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from tests.api.records import Point
from wingbeat.errors import AtKink, NotDifferentiable, TypeMismatch

A = np.array


# --- what has no derivative --------------------------------------------------------------------


@pytest.mark.parametrize("x", [A([1, 2]), A(True), wb.asarray([1]), True, A([1], "uint8")])
@pytest.mark.parametrize("transform", [wb.grad, wb.jacrev, wb.jacfwd, wb.value_and_grad])
def test_integer_arguments_have_no_derivative(transform: Any, x: Any) -> None:
    with pytest.raises(NotDifferentiable, match="astype"):
        transform(lambda x: (x * 1.5).sum())(x)


def test_a_number_written_without_a_point_counts_as_a_float() -> None:
    cube: Any = lambda x: x**3  # noqa: E731
    assert wb.grad(cube)(2).item() == 12.0
    assert wb.jacrev(cube)(2).item() == wb.jacfwd(cube)(2).item() == 12.0
    assert wb.hessian(cube)(2).item() == wb.hvp(cube, (2,), (1,)).item() == 12.0
    assert wb.jvp(cube, (2,), (1,))[1].item() == 12.0
    assert wb.vjp(cube, 2)[1](1.0)[0].item() == 12.0


INTEGERS_WITHIN: list[tuple[Any, str]] = [
    ({"a": 2.0, "n": 3}, r"\['n'\] is i64\[\]"),
    ([1.0, 2], r"\[1\] is i64\[\]"),
    ({"layers": [(1.0, Point(1.0, A([1, 2])))]}, r"\['layers'\]\[0\]\[1\]\.y is i64\[2\]"),
    (A([1], "int8"), r" is i8\[1\]"),
    ({"flag": True}, r"\['flag'\] is bool\[\]"),
]


@pytest.mark.parametrize(("x", "place"), INTEGERS_WITHIN)
def test_integers_within_a_tree_are_refused_with_their_place(x: Any, place: str) -> None:
    """They do not become floats in silence: a count or an index among parameters is no variable."""
    call: Any = lambda *_: 0.0  # noqa: E731
    for transform in (wb.grad, wb.value_and_grad, wb.jacrev, wb.jacfwd, wb.hessian):
        with pytest.raises(NotDifferentiable, match=r"args\[1\]" + place):
            transform(call, argnums=1)(1.0, x)
    for function in (
        lambda: wb.vjp(call, 1.0, x),
        lambda: wb.jvp(call, (1.0, x), (1.0, x)),
    ):
        with pytest.raises(NotDifferentiable, match=r"primals\[1\]" + place):
            function()


@pytest.mark.parametrize("x", ["a", 1j, A([1j]), object(), A(["a"])])
def test_arguments_that_are_no_numbers_are_refused(x: Any) -> None:
    with pytest.raises(TypeMismatch):
        wb.grad(lambda x: x)(x)


@pytest.mark.parametrize(
    ("f", "reason"),
    [
        (lambda x: wb.argmax(x), "argmax is integer valued"),
        (lambda x: x.sum().astype("int64"), "not a float"),
        (lambda x: (x > 1.0).all(), "only floats"),
        (lambda x: wb.floor(x).astype("int32").sum().astype("float64"), "not a float"),
        (lambda x: 3, "only floats"),
        (lambda x: True, "only floats"),
    ],
)
def test_integer_valued_functions_say_why(f: Any, reason: str) -> None:
    # MISSION A10
    for transform in (wb.grad, wb.value_and_grad, wb.jacrev):
        with pytest.raises(NotDifferentiable, match=reason):
            transform(f)(A([1.0, 2.0]))


def test_an_integer_valued_step_on_the_way_is_named_with_its_line() -> None:
    def f(x: Any) -> Any:
        return wb.argmax(x).astype("float64")  # the culprit

    for transform in (wb.grad, wb.jacrev, wb.jacfwd):
        with pytest.raises(NotDifferentiable, match=r"argmax.*\n.*culprit"):
            transform(f)(A([1.0, 2.0]))


def test_integer_parts_of_a_result_do_not_stop_the_derivatives_of_the_others() -> None:
    def f(x: Any) -> Any:
        return x * x, wb.argmax(x)

    value, moved = wb.jvp(lambda x: x[wb.argmax(x)] ** 2, (A([1.0, 3.0]),), (A([1.0, 1.0]),))
    assert (value.item(), moved.item()) == (9.0, 6.0)
    _, pullback = wb.vjp(lambda x: f(x)[0], A([1.0, 3.0]))
    assert pullback(A([1.0, 1.0]))[0].tolist() == [2.0, 6.0]


@pytest.mark.parametrize("result", ["a", None, {}, [], (1.0, 2.0), A([1.0, 2.0]), object()])
def test_grad_wants_a_scalar(result: Any) -> None:
    with pytest.raises(TypeMismatch, match="grad: the function must return"):
        wb.grad(lambda x: result)(1.0)


# --- kinks ---------------------------------------------------------------------------------------


def test_kinks_are_ignored_warned_of_or_raised() -> None:
    # MISSION A10
    f: Any = lambda x: abs(x).sum()  # noqa: E731
    x = A([1.0, 0.0])
    assert wb.grad(f)(x).tolist() == [1.0, 0.0]
    with pytest.warns(wb.KinkWarning, match="abs has no derivative at 1 of 2 elements") as caught:
        assert wb.grad(f, kinks="warn")(x).tolist() == [1.0, 0.0]
    assert caught[0].filename == __file__
    with pytest.raises(AtKink, match="abs"):
        wb.grad(f, kinks="raise")(x)
    assert wb.value_and_grad(f, kinks="raise")(A([1.0, 2.0]))[1].tolist() == [1.0, 1.0]
    with pytest.raises(AtKink, match="abs"):
        wb.value_and_grad(f, kinks="raise")(x)


def test_a_kink_that_the_gradient_does_not_pass_is_no_kink() -> None:
    f: Any = lambda x: wb.where(x < 1, x, abs(x - 2)).sum()  # noqa: E731
    assert wb.grad(f, kinks="raise")(A([0.0])).tolist() == [1.0]
    assert wb.grad(lambda x: 0.0 * abs(x), kinks="raise")(0.0).item() == 0.0
    with pytest.raises(AtKink):
        wb.grad(lambda x: wb.relu(x) + 1.0, kinks="raise")(0.0)


def test_an_unknown_choice_of_kinks_is_refused_at_once() -> None:
    for transform in (wb.grad, wb.value_and_grad):
        with pytest.raises(TypeMismatch, match="kinks='loud'"):
            transform(lambda x: x, kinks="loud")
