"""The transforms' arguments and results: argnums, has_aux, trees, keyword arguments, errors."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

import wingbeat as wb
from wingbeat.errors import AtKink, NotDifferentiable, NoValue, TypeMismatch, WingbeatError


class Point(NamedTuple):
    x: Any
    y: Any


@dataclass
class Line:
    slope: Any
    offset: Any


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


# --- trees -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tree",
    [
        {"a": 1.0, "b": 2.0},
        OrderedDict(b=1.0, a=2.0),
        [1.0, 2.0],
        (1.0, 2.0),
        Point(1.0, 2.0),
        Line(1.0, 2.0),
        {"a": (1.0, [2.0]), "empty": [], "none": None},
        [None, 1.0, (), 2.0],
        A([1.0, 2.0]),
    ],
    ids=lambda t: type(t).__name__,
)
def test_gradients_have_the_form_of_their_argument(tree: Any) -> None:
    def f(t: Any) -> Any:
        return sum((v * v).sum() for v in wb.tree.leaves(t))

    found = wb.grad(f)(tree)
    expected = wb.tree.map(lambda v: wb.asarray(2 * np.asarray(v)), tree)
    assert type(found) is (wb.Tensor if isinstance(tree, np.ndarray) else type(tree))
    assert repr(found) == repr(expected)
    value, pullback = wb.vjp(f, tree)
    assert repr(pullback(1.0)) == repr((expected,))
    assert value.item() == 5.0
    ones = wb.tree.map(np.ones_like, tree)
    assert wb.jvp(f, (tree,), (ones,))[1].item() == 6.0
    assert repr(wb.hvp(f, (tree,), (ones,))) == repr(wb.tree.map(lambda v: v * 0 + 2.0, expected))


def test_jacobians_of_trees_are_trees_of_jacobians() -> None:
    def f(t: Any) -> Any:
        return {"u": t["a"] * t["b"], "v": t["a"].sum()}

    t = {"a": A([1.0, 2.0]), "b": A(3.0)}
    for method in (wb.jacrev, wb.jacfwd):
        j = method(f)(t)
        assert j["u"]["a"].tolist() == [[3.0, 0.0], [0.0, 3.0]]
        assert j["u"]["b"].tolist() == [1.0, 2.0]
        assert j["v"]["a"].tolist() == [1.0, 1.0]
        assert j["v"]["b"].tolist() == 0.0
    h = wb.hessian(lambda t: f(t)["u"].sum())(t)
    assert h["a"]["b"].tolist() == [1.0, 1.0]
    assert h["b"]["b"].tolist() == 0.0


def test_jacobians_with_several_argnums() -> None:
    def f(x: Any, y: Any) -> Any:
        return x * y

    for method in (wb.jacrev, wb.jacfwd):
        jx, jy = method(f, (0, 1))(A([1.0, 2.0]), A([3.0, 4.0]))
        assert jx.tolist() == [[3.0, 0.0], [0.0, 4.0]]
        assert jy.tolist() == [[1.0, 0.0], [0.0, 2.0]]
    h = wb.hessian(lambda x, y: x * x * y, (0, 1))(2.0, 3.0)
    assert [[float(v) for v in row] for row in h] == [[6.0, 4.0], [4.0, 0.0]]


def test_results_may_be_trees_of_any_kind() -> None:
    y, moved = wb.jvp(lambda x: Point(x, [x * x, None]), (3.0,), (1.0,))
    assert (y.x.item(), y.y[0].item(), y.y[1]) == (3.0, 9.0, None)
    assert (moved.x.item(), moved.y[0].item(), moved.y[1]) == (1.0, 6.0, None)
    y, pullback = wb.vjp(lambda x: Point(x, [x * x, None]), 3.0)
    assert pullback(Point(1.0, [10.0, None]))[0].item() == 61.0


def test_gradients_keep_shape_and_dtype() -> None:
    for dtype in ("float16", "float32", "float64"):
        for shape in ((), (0,), (3,), (2, 0), (2, 3)):
            g = wb.grad(lambda x: (x * x).sum())(np.ones(shape, dtype))
            assert (g.shape, g.dtype) == (shape, np.dtype(dtype))


def test_cotangents_and_tangents_take_the_dtype_of_what_they_belong_to() -> None:
    _, pullback = wb.vjp(lambda x: x * 2, A([1.0], "float32"))
    assert pullback(A([1.0]))[0].dtype == np.float32
    assert wb.jvp(lambda x: x * 2, (A([1.0], "float32"),), (A([1.0]),))[1].dtype == np.float32


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
