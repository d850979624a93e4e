"""Layers that slide: initial values, names, options, and a network of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wingbeat
from wingbeat import nn, optim
from wingbeat.errors import BadInput, NotSupported, TypeMismatch

wb: Any = wingbeat
X = np.random.default_rng(1).normal(size=(2, 4, 9, 8)).astype("float32")


def test_the_layer_is_the_function() -> None:
    layer = nn.Conv2d(4, 6, (3, 2), stride=2, padding=(1, 0), dilation=(1, 2), groups=2)
    want = wb.conv2d(X, layer.weight, layer.bias, 2, (1, 0), (1, 2), 2)
    np.testing.assert_array_equal(layer(X).numpy(), want.numpy())
    line = nn.Conv1d(4, 3, 3, padding="same", bias=False)
    want = wb.conv1d(X[:, :, 0], line.weight, padding="same")
    np.testing.assert_array_equal(line(X[:, :, 0]).numpy(), want.numpy())


def test_names_and_shapes_are_pytorchs() -> None:
    layer = nn.Conv2d(4, 6, (3, 2), groups=2)
    assert {k: v.shape for k, v in layer.state_dict().items()} == {
        "weight": (6, 2, 3, 2),
        "bias": (6,),
    }
    assert [name for name, _ in nn.Conv1d(2, 3, 5, bias=False).named_parameters()] == ["weight"]
    assert nn.Conv1d(2, 3, 5).weight.shape == (3, 2, 5)


def test_it_begins_uniform_within_one_over_the_root_of_its_inputs() -> None:
    layer = nn.Conv2d(8, 64, 5, groups=2, key=wb.random.key(3))
    bound = 1 / np.sqrt(4 * 25)
    for values in (layer.weight.numpy(), np.asarray(layer.bias)):
        assert values.dtype == "float32"
        assert np.abs(values).max() <= bound
        assert np.abs(values).max() > 0.95 * bound
    assert layer.weight.numpy().var() == pytest.approx(bound**2 / 3, rel=0.05)
    again = nn.Conv2d(8, 64, 5, groups=2, key=wb.random.key(3))
    np.testing.assert_array_equal(layer.weight.numpy(), again.weight.numpy())


def test_pools_are_the_functions() -> None:
    for ours, want in [
        (nn.MaxPool2d(3, 2, 1), wb.max_pool2d(X, 3, 2, 1)),
        (nn.MaxPool2d(2, 1, dilation=2), wb.max_pool2d(X, 2, 1, 0, 2)),
        (nn.MaxPool2d(4, ceil_mode=True), wb.max_pool2d(X, 4, ceil_mode=True)),
        (
            nn.AvgPool2d((3, 2), 2, (1, 1), count_include_pad=False),
            wb.avg_pool2d(X, (3, 2), 2, (1, 1), count_include_pad=False),
        ),
        (nn.AvgPool2d(2), wb.avg_pool2d(X, 2)),
    ]:
        np.testing.assert_array_equal(ours(X).numpy(), want.numpy())
    line = X[:, :, 0]
    np.testing.assert_array_equal(nn.MaxPool1d(2)(line).numpy(), wb.max_pool1d(line, 2).numpy())
    np.testing.assert_array_equal(nn.AvgPool1d(3)(line).numpy(), wb.avg_pool1d(line, 3).numpy())


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (nn.Conv2d(4, 6, 3), "Conv2d(4, 6, kernel_size=(3, 3))"),
        (
            nn.Conv1d(4, 6, 3, 2, "valid", 2, 2, bias=False),
            "Conv1d(4, 6, kernel_size=(3,), stride=(2,), padding='valid', dilation=(2,), "
            "groups=2, bias=False)",
        ),
        (
            nn.MaxPool2d(3, 2, 1, ceil_mode=True),
            "MaxPool2d(kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), ceil_mode=True)",
        ),
        (nn.AvgPool1d(2), "AvgPool1d(kernel_size=(2,))"),
    ],
    ids=repr,
)
def test_it_prints_what_is_not_the_default(layer: nn.Module, text: str) -> None:
    assert repr(layer) == text


def test_the_table_shows_shapes() -> None:
    table = str(nn.Sequential(nn.Conv2d(1, 6, 5), nn.MaxPool2d(2)).summary())
    assert "weight (6, 1, 5, 5), bias (6,)" in table
    assert "MaxPool2d" in table


BAD: list[tuple[type[Exception], str, Callable[[], Any]]] = [
    (BadInput, "in_channels must be at least 1, not 0", lambda: nn.Conv2d(0, 1, 1)),
    (BadInput, "3 groups must divide in_channels=4", lambda: nn.Conv2d(4, 6, 3, groups=3)),
    (BadInput, "kernel_size is a number or 2 of them", lambda: nn.Conv2d(1, 1, (3, 3, 3))),
    (BadInput, "stride must be at least 1", lambda: nn.Conv1d(1, 1, 3, stride=0)),
    (BadInput, "padding must be at least 0", lambda: nn.Conv1d(1, 1, 3, padding=-1)),
    (BadInput, "'same' or 'valid', not 'full'", lambda: nn.Conv1d(1, 1, 3, padding="full")),
    (BadInput, "keeps the size", lambda: nn.Conv1d(1, 1, 3, 2, padding="same")),
    (NotSupported, "only 'zeros'", lambda: nn.Conv2d(1, 1, 3, padding_mode="reflect")),
    (NotSupported, "return_indices", lambda: nn.MaxPool2d(2, return_indices=True)),
    (BadInput, "more than half of a window", lambda: nn.MaxPool2d(2, padding=2)),
    (BadInput, "kernel_size must be a whole number", lambda: nn.AvgPool2d(2.5)),  # type: ignore[arg-type]
    (TypeMismatch, "takes 3 channels; x f32[2,4,9,8] has 4", lambda: nn.Conv2d(3, 6, 3)(X)),
    (TypeMismatch, "does not fit into x of 9x8", lambda: nn.MaxPool2d(10)(X)),
]


@pytest.mark.parametrize(("kind", "message", "call"), BAD, ids=[message for _, message, _ in BAD])
def test_what_is_refused(kind: type[Exception], message: str, call: Callable[[], Any]) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert message in str(caught.value)


def lenet() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(256, 120),
        nn.ReLU(),
        nn.Linear(120, 10),
    )


def test_a_step_of_lenet_goes_down_as_its_gradient_says() -> None:
    """f(w - r g) = f - r g'g to first order, for all parameters of all layers at once."""
    wb.random.seed(0)
    model = lenet().to("float64")
    x = np.random.default_rng(0).normal(size=(8, 1, 28, 28))
    y = np.arange(8)
    loss_function, rate = nn.CrossEntropyLoss(), 1e-6
    before = loss_function(model(x), y)
    before.backward()
    squares = sum(float((p.grad * p.grad).sum()) for p in model.parameters() if p.grad is not None)
    assert all(p.grad is not None and bool(wb.any(p.grad != 0)) for p in model.parameters())
    optim.SGD(model.parameters(), lr=rate).step()
    after = loss_function(model(x), y)
    assert (before.item() - after.item()) / rate == pytest.approx(squares, rel=1e-3)
