"""`vmap`: axes in and out, trees, nesting, and what has no one value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from wingbeat.errors import NoValue, TypeMismatch

A = np.array
X = np.arange(24.0).reshape(2, 3, 4)


def looped(f: Any, x: Any, axis: int, out: int = 0) -> Any:
    """What vmap means."""
    return np.stack([np.asarray(f(part)) for part in np.moveaxis(x, axis, 0)], out)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
@pytest.mark.parametrize("out", [0, 1, -1, -2])
def test_axes_in_and_out(axis: int, out: int) -> None:
    f: Any = lambda x: np.cumsum(x * x[0], axis=0)[:, 0]  # noqa: E731
    found = wb.vmap(f, axis, out)(X)
    assert np.array_equal(found.numpy(), looped(f, X, axis, out))


def test_axes_per_argument() -> None:
    f: Any = lambda x, y, z: x @ y + z  # noqa: E731
    x, y = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    assert np.array_equal(wb.vmap(f, (0, None, None))(x, y, 1.0).numpy(), x @ y + 1)
    assert np.array_equal(wb.vmap(f, [None, 1, 0])(x, y, np.ones(4)).numpy(), (x @ y + 1).T)
    assert np.array_equal(wb.vmap(f, (None, -1, None), -1)(x, y, 1).numpy(), x @ y + 1)


def test_trees_in_and_out() -> None:
    t = {"a": A([1.0, 2.0]), "b": [A([[3.0], [4.0]]), 5.0]}
    axes = ({"b": [0, None], "a": 0},)
    found = wb.vmap(lambda t: {"s": t["a"] + t["b"][1], "v": (t["b"][0], None)}, axes)(t)
    assert found["s"].tolist() == [6.0, 7.0]
    assert found["v"][0].tolist() == [[3.0], [4.0]]
    assert found["v"][1] is None
    placed = wb.vmap(lambda x: {"a": x, "b": (x, x)}, 0, {"a": 1, "b": (0, -1)})(X)
    assert placed["a"].shape == (3, 2, 4)
    assert (placed["b"][0].shape, placed["b"][1].shape) == ((2, 3, 4), (3, 4, 2))


def test_results_that_no_example_changes() -> None:
    two = wb.vmap(lambda x: (x, 7.0), 0, (0, None))(A([1.0, 2.0]))
    assert (two[0].tolist(), two[1].item()) == ([1.0, 2.0], 7.0)
    assert wb.vmap(lambda x: 7.0)(A([1.0, 2.0])).tolist() == [7.0, 7.0]
    assert wb.vmap(lambda x: A([7.0, 8.0]), 0, -1)(A([1.0, 2.0, 3.0])).shape == (2, 3)
    with pytest.raises(TypeMismatch, match="out_axes is None"):
        wb.vmap(lambda x: x, 0, None)(A([1.0, 2.0]))


def test_no_examples() -> None:
    assert wb.vmap(lambda x: x * 2)(np.zeros((0, 3))).shape == (0, 3)
    assert wb.vmap(wb.grad(lambda x: (x * x).sum()))(np.zeros((0, 3))).shape == (0, 3)


def test_nested_vmaps() -> None:
    x, y = A([1.0, 2.0, 3.0]), A([10.0, 20.0])
    table = wb.vmap(lambda a: wb.vmap(lambda b: a * b + a)(y))(x)
    assert np.array_equal(table.numpy(), x[:, None] * y + x[:, None])
    deep = wb.vmap(wb.vmap(wb.vmap(lambda v: v * 2 + 1)))(X)
    assert np.array_equal(deep.numpy(), X * 2 + 1)
    crossed = wb.vmap(wb.vmap(lambda v: v[0] - v.sum(), 1), 0, 1)(X)
    assert np.array_equal(crossed.numpy(), (X[:, 0, :] - X.sum(1)).T)


def test_the_dtypes_of_examples_are_kept() -> None:
    for dtype in ("bool", "int8", "uint32", "float16", "float32"):
        assert wb.vmap(lambda x: x)(np.zeros((2, 3), dtype)).dtype == np.dtype(dtype)


def test_closures_over_tensors_that_require_gradients() -> None:
    w = wb.asarray([1.0, 2.0], requires_grad=True)
    y = wb.vmap(lambda x: (w * x).sum())(A([[1.0, 2.0], [3.0, 4.0]]))
    y.sum().backward()
    assert w.grad is not None
    assert (y.tolist(), w.grad.tolist()) == ([5.0, 11.0], [4.0, 6.0])


def test_random_numbers_for_each_example() -> None:
    keys = wb.stack(wb.random.split(wb.random.key(0), 3))
    found = wb.vmap(lambda k: wb.random.normal(k, (2,)))(keys)
    expected = [wb.random.normal(k, (2,)).tolist() for k in keys]
    assert found.tolist() == expected


@pytest.mark.parametrize(
    "ask",
    [
        float,
        bool,
        int,
        np.asarray,
        lambda x: x.item(),
        lambda x: x.tolist(),
        lambda x: x.numpy(),
        lambda x: x if x > 0 else -x,
        lambda x: f"{x:.2f}",
        lambda x: wb.ones(3)[x > 0] if x.ndim else wb.ones(())[wb.expand_dims(x, axis=0) > 0],
        lambda x: wb.nonzero(wb.expand_dims(x, axis=0)),
        lambda x: list(range(3))[x.astype("int64")],
        lambda x: wb.grad(abs, kinks="raise")(x),
        lambda x: wb.random.permutation(wb.random.key(0), x.astype("int64")),
    ],
)
def test_the_value_of_an_example_cannot_be_asked_for(ask: Any) -> None:
    with pytest.raises(NoValue, match="vmap"):
        wb.vmap(ask)(A([1.0, 2.0]))
    assert wb.vmap(lambda x: x + 1)(A([1.0, 2.0])).tolist() == [2.0, 3.0]


def test_values_that_do_not_differ_may_be_asked_for() -> None:
    shared = wb.asarray(2.0) * 3.0
    found = wb.vmap(lambda x: x * (1.0 if float(shared) > 5 else 0.0))(A([1.0, 2.0]))
    assert found.tolist() == [1.0, 2.0]


def test_an_example_can_be_printed() -> None:
    seen: list[str] = []
    wb.vmap(lambda x: seen.append(repr(x)) or x)(np.ones((2, 3), "float32"))
    assert seen == ["tensor(one of many, f32[3])"]


@pytest.mark.parametrize(
    ("in_axes", "out_axes", "args", "text"),
    [
        (0, 0, (1.0,), "has no axis 0"),
        (1, 0, (np.ones(2),), "has no axis 1"),
        (-2, 0, (np.ones(2),), "has no axis -2"),
        ((0, 0), 0, (np.ones(2),), "in_axes"),
        ((0,), 0, (np.ones(2), np.ones(2)), "in_axes"),
        ("a", 0, (np.ones(2),), "in_axes"),
        (0.5, 0, (np.ones(2),), "in_axes"),
        (True, 0, (np.ones(2),), "in_axes"),
        ({"a": 0}, 0, (np.ones(2),), "in_axes"),
        (None, 0, (np.ones(2),), "no argument carries the axis"),
        (0, 0, (), "no argument carries the axis"),
        ((0, 1), 0, (np.ones(2), np.ones((2, 3))), r"sizes \[2, 3\] differ"),
        (0, 1, (np.ones(2),), "out_axes=1"),
        (0, -2, (np.ones(2),), "out_axes=-2"),
        (0, (0, 0), (np.ones(2),), "out_axes"),
        (0, "a", (np.ones(2),), "out_axes"),
        (0, 0, ("abc",), "vmap: an argument"),
    ],
)
def test_bad_axes(in_axes: Any, out_axes: Any, args: tuple[Any, ...], text: str) -> None:
    with pytest.raises(TypeMismatch, match=text):
        wb.vmap(lambda *xs: xs[0] * 2 if xs else 0.0, in_axes, out_axes)(*args)
