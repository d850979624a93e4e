"""Writing to what NumPy makes a view: refused where NumPy would change another tensor too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wingbeat as wb
from wingbeat.errors import TypeMismatch

Function = Callable[[Any], Any]
A = np.arange(1.0, 7.0).reshape(1, 2, 3)

# For all of these NumPy returns a view of its argument.
METHODS: dict[str, Function] = {
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "transpose": lambda x: x.transpose(2, 0, 1),
    "transpose()": lambda x: x.transpose(),
    "reshape": lambda x: x.reshape(3, 2),
    "ravel": lambda x: x.ravel(),
    "squeeze": lambda x: x.squeeze(),
    "x[0]": lambda x: x[0],
    "x[..., ::-1]": lambda x: x[..., ::-1],
    "x[:, None]": lambda x: x[:, None],
    "a row of many": lambda x: next(iter(x)),
}
NUMPYS: dict[str, Function] = {
    "np.reshape": lambda x: np.reshape(x, (6,)),
    "np.ravel": np.ravel,
    "np.transpose": lambda x: np.transpose(x, (1, 0, 2)),
    "np.transpose()": np.transpose,
    "np.matrix_transpose": np.matrix_transpose,
    "np.swapaxes": lambda x: np.swapaxes(x, 0, 2),
    "np.moveaxis": lambda x: np.moveaxis(x, 0, 1),
    "np.expand_dims": lambda x: np.expand_dims(x, 1),
    "np.squeeze": np.squeeze,
    "np.atleast_3d": lambda x: np.atleast_3d(x[0]),
    "np.flip": lambda x: np.flip(x, 2),
    "np.fliplr": np.fliplr,
    "np.rot90": lambda x: np.rot90(x, 1),
    "np.split": lambda x: np.split(x, 3, axis=2)[1],
    "np.unstack": lambda x: np.unstack(x, axis=1)[1],
    "np.real": np.real,
}
READ_ONLY: dict[str, Function] = {  # in NumPy, so that it refuses to write to them as well
    "np.diagonal": lambda x: np.diagonal(x, axis1=1, axis2=2),
    "np.broadcast_to": lambda x: np.broadcast_to(x, (2, 2, 3)),
    "np.diag": lambda x: np.diag(x[0]),
}
OURS: dict[str, Function] = {
    "wb.reshape": lambda x: wb.reshape(x, (6,)),
    "wb.permute_dims": lambda x: wb.permute_dims(x, (1, 0, 2)),
    "wb.matrix_transpose": wb.matrix_transpose,
    "wb.moveaxis": lambda x: wb.moveaxis(x, 0, 1),
    "wb.expand_dims": lambda x: wb.expand_dims(x, axis=1),
    "wb.squeeze": wb.squeeze,
    "wb.flip": wb.flip,
    "wb.broadcast_to": lambda x: wb.broadcast_to(x, (2, 2, 3)),
    "wb.broadcast_arrays": lambda x: wb.broadcast_arrays(x, 1.0)[0],
    "wb.unstack": lambda x: wb.unstack(x, axis=1)[1],
    "wb.diagonal": wb.diagonal,
    "x.view": lambda x: x.view(-1),
    "x.flip": lambda x: x.flip(axis=0),
    "a view of a view": lambda x: x.T[0].reshape(-1),
}
COPIES: dict[str, Function] = {
    "clone": lambda x: x.T.clone(),
    "+": lambda x: +x.T,
    "flatten": lambda x: x.flatten(),
    "np.copy": lambda x: np.copy(x.T),
    "reshape with copy": lambda x: wb.reshape(x, (6,), copy=True),
    "asarray with copy": lambda x: wb.asarray(x.T, copy=True),
    "arithmetic": lambda x: x.T * 2.0,
    "index arrays": lambda x: x[:, [0, 1]],
    "masks": lambda x: x[x > 2.0],
    "wb.tile": lambda x: wb.tile(x, (1, 1, 1)),
    "wb.repeat": lambda x: wb.repeat(x, 1, axis=1),
    "wb.roll": lambda x: wb.roll(x, 0),
    "wb.full": lambda x: wb.full((2, 2, 3), x),
    "np.reshape in the other order": lambda x: np.reshape(x, (6,), order="F"),
    "np.meshgrid": lambda x: np.meshgrid(x.flatten(), x.flatten())[0],
    "np.concatenate": lambda x: np.concatenate([x]),
    "np.median": lambda x: np.median(x, axis=1, keepdims=True),
}


def write(y: Any) -> None:
    y[(0,) * y.ndim] = 100.0


VIEWS = {**METHODS, **NUMPYS, **OURS, **READ_ONLY}


@pytest.mark.parametrize("f", [*METHODS.values(), *NUMPYS.values()])
def test_numpy_changes_the_whole_through_these(f: Function) -> None:
    """What the table says of NumPy is true."""
    a = A.copy()
    write(f(a))
    assert 100.0 in a


@pytest.mark.parametrize("f", READ_ONLY.values(), ids=READ_ONLY.keys())
def test_numpy_refuses_as_well(f: Function) -> None:
    with pytest.raises(ValueError, match="read-only"):
        write(f(A.copy()))


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("f", VIEWS.values(), ids=VIEWS.keys())
def test_writing_to_a_view_is_refused(f: Function, lazy: bool) -> None:
    x = wb.asarray(A) * 1.0 if lazy else wb.asarray(A)
    y = f(x)
    before = y.tolist()
    with pytest.raises(TypeMismatch, match=r"x\[i, j\] = v.*clone") as raised:
        y[(0,) * y.ndim] = 100.0  # the culprit
    assert str(raised.value).endswith("y[(0,) * y.ndim] = 100.0  # the culprit")
    assert "test_views.py" in str(raised.value)
    assert (x.tolist(), y.tolist()) == (A.tolist(), before)


@pytest.mark.parametrize("f", COPIES.values(), ids=COPIES.keys())
def test_copies_can_be_written_to(f: Function) -> None:
    x = wb.asarray(A) * 1.0
    y = f(x)
    write(y)
    assert 100.0 in y
    assert x.tolist() == A.tolist()


@pytest.mark.parametrize("f", VIEWS.values(), ids=VIEWS.keys())
def test_a_view_of_what_nobody_holds_can_be_written_to(f: Function) -> None:
    """There is no other tensor that NumPy would change: `x = x.reshape(2, 3)` is ordinary code."""
    y = f(wb.asarray(A) * 1.0)
    write(y)
    assert 100.0 in y


def test_the_name_itself_may_become_the_view() -> None:
    x = wb.arange(6.0)
    x = x.reshape(2, 3).T
    x[0, 1] = 100.0
    assert x.tolist() == [[0.0, 100.0], [1.0, 4.0], [2.0, 5.0]]


def test_two_views_of_what_nobody_else_holds_guard_each_other() -> None:
    x = wb.arange(4.0)
    front, back = x[:3], x[1:]
    del x
    with pytest.raises(TypeMismatch, match="view"):
        back[0] = 100.0
    del front
    back[0] = 100.0
    assert back.tolist() == [100.0, 2.0, 3.0]


def test_the_whole_can_be_written_to_and_its_views_keep_their_values() -> None:
    x = wb.zeros((2, 2))
    y = x.T
    x[0, 1] = 5.0
    assert (x.tolist(), y.tolist()) == ([[0.0, 5.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]])
    with pytest.raises(TypeMismatch, match="view"):
        y[0, 0] = 1.0


def test_a_part_written_in_place_goes_to_the_whole() -> None:
    """x[i] += v reads a view, and writes to x."""
    x = wb.zeros((2, 2))
    x[0] += 1.0
    x[:, 1] *= 3.0
    assert x.tolist() == [[1.0, 3.0], [0.0, 0.0]]


def test_updating_a_view_in_place_is_refused_where_numpy_would_change_the_whole() -> None:
    x = wb.asarray(A)
    y = x[0]
    with pytest.raises(TypeMismatch, match=r"y \+= 1.0"):
        y += 1.0
    for row in y:
        with pytest.raises(TypeMismatch, match="view"):
            row *= 2.0
    assert x.tolist() == A.tolist()


def test_updating_parts_and_numbers_in_place_is_ordinary_code() -> None:
    x = wb.zeros((2, 3))
    x[0] += 1.0
    x[:, 1:] -= 2.0
    total = x[0, 0]
    for k in range(1, 3):
        total += x[0, k]
    y = (x * 1.0).reshape(3, 2)  # of a product that nobody else holds
    y += 1.0
    copy = x[0].clone()
    copy *= 2.0
    assert x.tolist() == [[1.0, -1.0, -1.0], [0.0, -2.0, -2.0]]
    assert total.item() == -1.0
    assert (y[0, 0].item(), copy.tolist()) == (2.0, [2.0, -2.0, -2.0])


def test_inside_a_derivative() -> None:
    def careful(x: Any) -> Any:
        y = (x * x).reshape(2, 2)  # of a product that nobody else holds
        y[0, 0] = 0.0
        return y.sum()

    assert wb.grad(careful)(np.array([1.0, 2.0, 3.0, 4.0])).tolist() == [0.0, 4.0, 6.0, 8.0]

    def careless(x: Any) -> Any:
        y = x.reshape(2, 2)
        y[0, 0] = 0.0
        return y.sum() + x.sum()

    with pytest.raises(TypeMismatch, match=r"y\[0, 0\] = 0.0"):
        wb.grad(careless)(np.ones(4))


STEPS: dict[str, Function] = {
    "transpose": lambda x: x.T,
    "backwards": lambda x: x[::-1],
    "reshape": lambda x: x.reshape(-1),
    "all but one": lambda x: x[1:],
    "expand": lambda x: np.expand_dims(x, 0),
    "copy": np.copy,
    "flatten": lambda x: x.flatten(),
    "double": lambda x: x * 2.0,
}


def derived(x: Any, steps: list[tuple[str, bool]]) -> tuple[list[Any], Any]:
    """The results of some steps that are kept, and the last of them."""
    kept: list[Any] = []
    for name, keep in steps:
        if keep:
            kept.append(x)
        x = STEPS[name](x)
    return kept, x


@given(st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.booleans()), min_size=1, max_size=6))
def test_what_is_written_never_differs_silently_from_numpy(steps: list[tuple[str, bool]]) -> None:
    ours, y = derived(wb.asarray(np.arange(24.0).reshape(4, 6)) * 1.0, steps)
    theirs, a = derived(np.arange(24.0).reshape(4, 6) * 1.0, steps)
    if not a.size:
        return
    shared = any(np.shares_memory(a, other) for other in theirs)
    a[(0,) * a.ndim] = -1.0
    try:
        y[(0,) * y.ndim] = -1.0
    except TypeMismatch:
        # Where reshape must copy, as of a transpose, NumPy does so in silence.
        assert shared or "reshape" in dict(steps)
        return
    assert not shared
    assert y.tolist() == a.tolist()
    assert [x.tolist() for x in ours] == [x.tolist() for x in theirs]
