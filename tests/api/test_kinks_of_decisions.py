"""Decisions at ties: told where their other side has another derivative, and nowhere else."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import wingbeat as wb
from tests.api.test_kinks_of_higher_order import derivative
from wingbeat import nn
from wingbeat.api.decisions import BRANCH, LONE
from wingbeat.errors import AtKink, NoValue

Function = Callable[[Any], Any]
A = np.array


def messages(f: Function, x: Any = 0.0, order: int = 1) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        derivative(f, order, "warn")(x)
    assert all(w.category is wb.KinkWarning for w in caught)
    return [str(w.message) for w in caught]


def told(f: Function, x: Any = 0.0, order: int = 1) -> set[str]:
    """The operations that are named."""
    return {m.split()[0] for m in messages(f, x, order)}


TABLE = wb.asarray([1.0, 3.0, 9.0])

# A function, the order of derivative that its decision breaks at 0, and what decides.
BROKEN: list[tuple[str, Function, int, set[str]]] = [
    ("|x|", lambda x: wb.where(x > 0, x, -x), 1, {"greater"}),
    ("-|x|", lambda x: wb.where(x >= 0, -x, x), 1, {"greater_equal"}),
    ("step x", lambda x: wb.where(x > 0, 1.0, 0.0) * x, 1, {"greater"}),
    ("a truth as a number", lambda x: x * (x > 0), 1, {"greater"}),
    ("step", lambda x: wb.where(x < 0, 1.0, 2.0) + x, 1, {"less"}),
    ("heaviside", lambda x: np.heaviside(x, 0.5) + x, 1, {"less", "equal"}),
    ("select", lambda x: np.select([x < 0, x > 0], [-x, x], 0.0), 1, {"less", "greater"}),
    ("sign bit", lambda x: wb.where(wb.signbit(x), -x, x), 1, {"signbit"}),
    ("x relu(x), halved", lambda x: wb.where(x > 0, x * x, 0.0), 2, {"greater"}),
    ("cubic seam", lambda x: wb.where(x > 0, x * x * x, 0.0), 3, {"greater"}),
    ("elu", nn.functional.elu, 2, {"greater"}),
    ("a kink behind it", lambda x: wb.where(x > 0, wb.relu(x), 0.0), 1, {"greater"}),
    ("a jump behind it", lambda x: wb.where(x > 0, wb.relu(x) ** 2, 0.0), 2, {"greater"}),
    ("floor", lambda x: TABLE[wb.astype(x + 1, "int64")] * x + x, 1, {"cast"}),
    ("floor twice", lambda x: TABLE[wb.astype(wb.floor(x) + 1, "int64")] * x, 1, {"cast"}),
    ("all of several", lambda x: wb.where((x >= 0) & (x < 5), x, 0.0), 1, {"greater_equal"}),
    ("both sides differ", lambda x: wb.where(x == 0, 5 * x, x), 1, {"equal"}),
    ("of two numbers", lambda x: wb.where(2 * x > 3 * x, x, 0.0), 1, {"greater"}),
    ("the first", lambda x: wb.stack([x, -x])[wb.argmax(wb.stack([x, -x]))], 1, {"argmax"}),
    (
        "in order",
        lambda x: wb.take(wb.stack([x, -x]), wb.argsort(wb.stack([x, -x]))[1]),
        1,
        {"argsort"},
    ),
    ("behind another", lambda x: wb.where(wb.where(x > 0, 2.0, 1.0) > 1.5, x, -x), 1, {"greater"}),
    ("behind a jump", lambda x: wb.where(wb.floor(x) > -0.5, x, -x), 1, {"greater"}),
    ("square wave", lambda x: wb.where(x % 1 < 0.5, x, -x), 1, {"less"}),
    ("quantile's q", lambda x: np.quantile(A([1.0, 2.0, 5.0]), x + 0.5), 1, {"cast"}),
]


@pytest.mark.parametrize(("name", "f", "order", "names"), BROKEN)
def test_told_where_a_derivative_ends(name: str, f: Function, order: int, names: set[str]) -> None:
    for below in range(1, order):
        assert told(f, order=below) == set()
    assert told(f, order=order) == names
    with pytest.raises(AtKink, match="has no derivative"):
        derivative(f, order, "raise")(0.0)
    for beside in (-0.25, 1e-3, 0.25):
        assert told(f, beside, order) == set()


def in_order(x: Any) -> Any:
    return wb.take(x, wb.argsort(x))


def identity(x: Any) -> Any:
    below = wb.where(x <= 0, x, 0.0)
    return wb.where(x > 0, x, 0.0) + below


SMOOTH: list[tuple[str, Function]] = [
    ("two halves", identity),
    ("equal sides", lambda x: wb.where(x > 0, 2 * x, x + x)),
    ("always true", lambda x: wb.where(x * x >= 0, x, 5.0)),
    ("always true, with a kink", lambda x: wb.where(wb.abs(x) >= 0, x, 5.0)),
    ("never true", lambda x: wb.where(wb.norm(wb.stack([x, x])) < 0, 5.0, x)),
    ("elsewhere", lambda x: wb.where(x > 0.5, 5.0, x)),
    ("not read", lambda x: 0.0 * wb.where(x > 0, x, -x) + x),
    ("behind one not taken", lambda x: wb.where(x < 1, x, wb.where(x > 0, 5.0, x))),
    ("made constant", lambda x: wb.where(wb.stop_gradient(x) > 0, x, -x)),
    ("a constant branch", lambda x: x + wb.stop_gradient(wb.where(x > 0, 1.0, 0.0))),
    ("of constants", lambda x: wb.where(wb.asarray(0.0) > 0, 5.0, x)),
    ("of integers", lambda x: wb.where(wb.asarray([0]) > 0, 5.0, x).sum()),
    ("sinc", np.sinc),
    ("elu's lower half", lambda x: nn.functional.elu(x - 1.0)),
    ("softmax", lambda x: wb.softmax(wb.stack([x, 2 * x]))[0]),
    ("log_softmax", lambda x: wb.log_softmax(wb.stack([x, 2 * x]))[0]),
    ("logsumexp", lambda x: wb.logsumexp(wb.stack([x, 2 * x]))),
    ("gelu", nn.GELU()),
    ("sorted by hand", lambda x: in_order(wb.stack([x, 2 * x])).sum()),
    ("quantile of a line", lambda x: np.quantile(A([1.0, 2.0, 3.0]), x + 0.5)),
    ("quantile's halves meet", lambda x: np.quantile(A([1.0, 2.3, 5.0]), x + 0.25)),
]  # fmt: skip


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(("name", "f"), SMOOTH)
def test_no_false_alarm(name: str, f: Function, order: int) -> None:
    assert messages(f, order=order) == []
    derivative(f, order, "raise")(0.0)


def test_the_largest_is_no_tie_with_itself() -> None:
    f: Function = lambda x: wb.where(x == wb.max(x), x * x, 0.0).sum()  # noqa: E731
    assert messages(f, A([1.0, 3.0, 2.0])) == []
    assert messages(f, A([1.0, 3.0, 3.0 - 1e-9])) == []  # near a tie is no tie
    assert told(f, A([1.0, 3.0, 3.0])) == {"equal"}


# --- pieces with known derivatives ----------------------------------------------------------------

POLYNOMIALS = st.lists(st.integers(-2, 2), min_size=3, max_size=3)


def polynomial(coefficients: list[int], t: Any) -> Any:
    return sum((c * t**k for k, c in enumerate(coefficients) if k), float(coefficients[0]) + 0 * t)


COMPARISONS: dict[str, Function] = {
    "<": lambda p: p[0] < p[1],
    "<=": lambda p: p[0] <= p[1],
    ">": lambda p: p[0] > p[1],
    ">=": lambda p: p[0] >= p[1],
    "==": lambda p: p[0] == p[1],
    "!=": lambda p: p[0] != p[1],
}


@given(
    POLYNOMIALS,
    POLYNOMIALS,
    st.sampled_from(sorted(COMPARISONS)),
    st.sampled_from([0.0, 1.0, -3.0, 1000.0]),
    st.sampled_from(["float16", "float32", "float64"]),
    st.integers(1, 2),
)
def test_of_two_pieces(
    p: list[int], q: list[int], relation: str, at: float, dtype: str, order: int
) -> None:
    """Told if and only if derivative of this order, or what it is derived from, jumps."""
    c = np.asarray(at, dtype)

    def f(x: Any) -> Any:
        t = x - c
        return wb.where(COMPARISONS[relation]((x, c)), polynomial(p, t), polynomial(q, t))

    assume(dtype != "float16" or abs(at) < 10)  # else one rounding of x moves t by more than 1
    jumps = p[order - 1] != q[order - 1] or p[order] != q[order]
    assert bool(messages(f, c, order)) == jumps


@given(POLYNOMIALS, POLYNOMIALS, POLYNOMIALS)
def test_of_three_pieces(left: list[int], middle: list[int], right: list[int]) -> None:
    """The point itself is a piece, and its derivative is what is returned."""

    def f(x: Any) -> Any:
        pieces = [polynomial(each, x) for each in (left, middle)]
        return np.select([x < 0, x == 0], pieces, polynomial(right, x))

    assert bool(messages(f)) == any(middle[:2] != each[:2] for each in (left, right))
    assert wb.grad(f)(0.0).item() == middle[1]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2)), min_size=1, max_size=6))
def test_elements_are_counted(kinds: list[tuple[bool, int]]) -> None:
    """Those that tie and have weight."""
    x = A([0.0 if tied else 1.0 for tied, _ in kinds])
    weights = A([float(w) for _, w in kinds])
    count = sum(1 for tied, w in kinds if tied and w)
    found = messages(lambda v: (weights * wb.where(v > 0, v, 0.0)).sum(), x)
    assert len(found) == (count > 0)
    if count and len(x) > 1:
        assert f"greater has no derivative at {count} of {len(x)} elements" in found[0]


@given(st.integers(2, 40), st.data())
def test_jumps_that_cancel_are_told(n: int, data: Any) -> None:
    """Two elements that jump alike, and count with opposite signs."""
    j, k = data.draw(st.lists(st.integers(0, n - 1), min_size=2, max_size=2, unique=True))
    f: Function = lambda x: (x >= 0).astype(x.dtype)[j] - (x >= 0).astype(x.dtype)[k]  # noqa: E731
    assert told(f, np.zeros(n)) == {"greater_equal"}


# --- what is said ---------------------------------------------------------------------------------


def test_the_line_is_named() -> None:
    (message,) = messages(lambda x: wb.where(x > 0, x, -x))
    assert message.startswith(
        "greater has no derivative; used: the side that the comparison took\n"
    )
    assert "test_kinks_of_decisions.py" in message
    assert "wb.where(x > 0, x, -x)" in message


def test_the_larger_of_unrelated_decisions_is_named() -> None:
    def f(x: Any) -> Any:
        smooth = wb.where(x[0] >= 0, x[0] ** 3, 0.0)
        return smooth + wb.where(x[1] > 0, x[1], 0.0)

    assert told(f, np.zeros(2)) == {"greater"}


@pytest.mark.parametrize(
    "f",
    [
        lambda x: wb.where(x == 0, 1.0, wb.sin(x) / x),
        lambda x: wb.where(x == 0, 0.0, wb.sqrt(wb.where(x == 0, 1.0, x))),
        lambda x: wb.where(x > 0, x * wb.log(x), 0.0),
        lambda x: wb.where(x >= 0, x, wb.log(x)),
        lambda x: wb.asarray([5.0])[wb.astype(wb.ceil(x), "int64")] * x,  # the next is outside
    ],
)
def test_a_side_without_a_derivative_is_told_and_not_waited_for(f: Function) -> None:
    (message,) = messages(f)
    assert f"may have no derivative; used: {LONE}" in message
    assert np.isfinite(wb.grad(f)(0.0).item())


@pytest.mark.parametrize("x", [np.nan, np.inf, -np.inf])
def test_what_does_not_move_does_not_turn(x: float) -> None:
    assert messages(lambda v: wb.where(v == x, 1.0, 0.0) + v, x) == []
    assert messages(lambda v: wb.where(v > 0, v, 0.0) + v, x) == []


# --- Python's own branches ------------------------------------------------------------------------


def by_if(x: Any) -> Any:
    if x > 0:
        return x
    return -x


def by_truth(x: Any) -> Any:
    return 2 * x if x else x


def by_loop(x: Any) -> Any:
    while x < 4:
        x = 2 * x
    return x


@pytest.mark.parametrize(
    ("f", "at", "name"),
    [
        (by_if, 0.0, "greater"),
        (by_truth, 0.0, "not_equal"),
        (by_loop, 1.0, "less"),
        (lambda x: max(x, 2 * x), 0.0, "greater"),
        (lambda x: [x, 2 * x][wb.argmax(wb.stack([x, 2 * x]))], 0.0, "argmax"),
        (lambda x: [x, 2 * x][int(x)], 1.0, "cast"),
        (lambda x: x if wb.any(wb.stack([x, -x]) > 0) else -x, 0.0, "greater"),
        (lambda x: wb.stack([x, x])[wb.stack([x, x]) > 0].sum(), 0.0, "greater"),
        (lambda x: wb.unique_values(wb.stack([x, -x])).sum(), 0.0, "argsort"),
        (lambda x: x * wb.searchsorted([0.0, 1.0], wb.reshape(x, (1,))).sum(), 1.0, "greater"),
        (lambda x: x * len(wb.nonzero(wb.reshape(x, (1,)))[0]), 0.0, "not_equal"),
    ],
)
def test_a_branch_that_python_took_at_a_tie(f: Function, at: float, name: str) -> None:
    found = messages(f, at)
    assert {m.split()[0] for m in found} == {name}
    assert all("may have no derivative" in m and BRANCH in m for m in found)
    with pytest.raises(AtKink, match="may have no derivative"):
        wb.grad(f, kinks="raise")(at)
    assert messages(f, at + 0.25) == []


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x if wb.stop_gradient(x) > 0 else -x,
        lambda x: x if (x > 0).item() else -x,
        lambda x: x if x * x >= 0 else -x,
        lambda x: x if wb.asarray(0.0) > 0 else -x,
    ],
)
def test_a_branch_that_nothing_turns(f: Function) -> None:
    assert messages(f) == []


def test_a_sure_kink_is_told_as_that() -> None:
    """Where Python and the graph ask the same."""

    def f(x: Any) -> Any:
        c = x > 0
        return (2 if c else 3) * wb.where(c, x, -x)

    (message,) = messages(f)
    assert "greater has no derivative" in message


# --- with the other transforms --------------------------------------------------------------------

X = A([0.0, 1.0])


@pytest.mark.parametrize(
    "transform",
    [
        lambda f: wb.value_and_grad(f, kinks="raise")(X),
        lambda f: wb.jacrev(f, kinks="raise")(X),
        lambda f: wb.jacfwd(f, kinks="raise")(X),
        lambda f: wb.jvp(f, (X,), (X,), kinks="raise"),
        lambda f: wb.hessian(f, kinks="raise")(X),
        lambda f: wb.hvp(f, (X,), (X,), kinks="raise"),
    ],
)
def test_every_transform_tells(transform: Function) -> None:
    with pytest.raises(AtKink, match="greater has no derivative at 1 of 2 elements"):
        transform(lambda x: wb.where(x > 0, x, 0.0).sum())
    transform(lambda x: wb.where(x > 0, x**3, 0.0).sum())


def test_a_tie_of_two_arguments() -> None:
    f = lambda x, y: wb.where(x > y, x, y)  # noqa: E731
    for argnums in (0, 1, (0, 1)):
        with pytest.raises(AtKink, match=r"greater|less"):  # a number's > is its operand's <
            wb.grad(f, argnums=argnums, kinks="raise")(1.0, 1.0)
    with pytest.raises(AtKink, match="greater"):
        wb.grad(lambda d: wb.where(d["a"] > d["b"], d["a"], 0.0), kinks="raise")(
            {"a": 2.0, "b": 2.0}
        )


def test_several_results_do_not_cancel() -> None:
    def f(x: Any) -> Any:
        z = wb.where(x > 0, x, -x)
        return z, -z

    with pytest.raises(AtKink, match="greater"):
        wb.jacrev(f, kinks="raise")(0.0)


def test_inside_vmap_and_jit_as_for_other_kinks() -> None:
    f: Function = lambda x: wb.where(x > 0, x, -x)  # noqa: E731
    with pytest.raises(NoValue, match="vmap"):
        wb.vmap(wb.grad(f, kinks="raise"))(X)
    with pytest.raises(AtKink):  # which needs values, so it is run and not compiled
        wb.jit(wb.grad(f, kinks="raise"))(0.0)
    many = lambda x: wb.vmap(f)(x).sum()  # noqa: E731
    with pytest.raises(AtKink, match="greater has no derivative at 1 of 2 elements"):
        wb.grad(many, kinks="raise")(X)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x[wb.argmax(x)],
        lambda x: wb.take(x, wb.argsort(x)[1]),
        lambda x: x[wb.astype(x[0], "int64")],
    ],
)
def test_second_derivatives_through_positions(f: Function) -> None:
    """A position is a constant to derivatives; its tie is told at the order that meets it."""
    x = A([1.5, 4.0, 2.0])
    assert_array_equal(wb.hessian(f, kinks="raise")(x), np.zeros((3, 3)))
    cubes = wb.hessian(lambda v: f(v) ** 3, kinks="raise")(x).numpy()
    chosen = int(np.argmax(wb.grad(f)(x).numpy()))
    assert cubes[chosen, chosen] == 6 * f(wb.asarray(x)).item()
    assert np.count_nonzero(cubes) == 1


def test_a_choice_of_constants_alone_is_refused_as_before() -> None:
    with pytest.raises(wb.errors.NotDifferentiable, match="argmax is integer valued"):
        wb.grad(lambda x: TABLE[wb.argmax(x)])(A([1.0, 2.0]))


def test_many_ties_cost_a_bounded_number_of_evaluations(monkeypatch: pytest.MonkeyPatch) -> None:
    from wingbeat.api import decisions

    looks: list[int] = []
    look = decisions._Worlds._look
    monkeypatch.setattr(
        decisions._Worlds, "_look", lambda self, decided: looks.append(1) or look(self, decided)
    )
    (message,) = messages(lambda x: wb.where(x > 0, x, 0.0).sum(), np.zeros(5000))
    assert "greater has no derivative at 5000 of 5000 elements" in message
    assert len(looks) < 60
