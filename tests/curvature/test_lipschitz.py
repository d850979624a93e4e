"""Lipschitz constants: lower bounds that are met, upper bounds that hold."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wingbeat as wb
from wingbeat import curvature as c
from wingbeat import nn
from wingbeat.errors import BadInput, NotSupported, TypeMismatch

NO_FUNCTION: Any = 3.0
BOX = (-np.ones(2), np.ones(2))


# MISSION D8
@given(st.integers(0, 99))
def test_of_a_linear_map_it_is_the_norm(seed: int) -> None:
    a = np.random.default_rng(seed).normal(size=(3, 2))
    s = c.lipschitz(lambda x: a @ x, BOX, samples=2)
    assert s.value == pytest.approx(np.linalg.norm(a, 2))


# MISSION D8
def test_known_constants() -> None:
    """sin(3x): slope 3 at 0; its gradient: 9 at pi/6. x^4 on [-1, 2]: 32 and 48 at the corner 2."""
    f = lambda x: wb.sin(3.0 * x)  # noqa: E731
    assert c.lipschitz(f, (-1.0, 1.0)).value == pytest.approx(3.0, rel=1e-4)
    assert c.lipschitz(f, (-1.0, 1.0), of="gradient").value == pytest.approx(9.0, rel=1e-4)
    quartic = [c.lipschitz(lambda x: x**4, (-1.0, 2.0), of=of) for of in ("value", "gradient")]
    assert [s.value for s in quartic] == [32.0, 48.0]
    assert [float(s.x) for s in quartic] == [2.0, 2.0]


# MISSION D8
@settings(max_examples=10)
@given(st.integers(0, 99))
def test_a_sampled_slope_is_never_above_the_constant(seed: int) -> None:
    s = c.lipschitz(lambda x: wb.tanh(x[0] * 2.0) + x[1], BOX, samples=20, seed=seed)
    assert s.value <= np.sqrt(5.0) * (1 + 1e-12)
    assert "at least" in str(s)


def networks() -> list[tuple[Any, tuple[int, ...]]]:
    wb.random.seed(1)
    linear = [nn.Linear(4, 8), nn.Linear(8, 3)]
    return [
        (nn.Sequential(linear[0], nn.ReLU(), linear[1]), (4,)),
        (nn.Sequential(linear[0], nn.Sequential(nn.GELU(), linear[1]), nn.Softmax()), (4,)),
        (nn.Sequential(linear[0], nn.SiLU(), nn.ELU(2.0), nn.LeakyReLU(1.5), nn.Sigmoid()), (4,)),
        (nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.Tanh(), nn.MaxPool2d(2)), (2, 6, 6)),
        (nn.Sequential(nn.Conv2d(2, 4, 3, groups=2), nn.AvgPool2d(3, stride=1)), (2, 6, 6)),
        (nn.Sequential(nn.Conv1d(2, 3, 3, stride=2), nn.MaxPool1d(3, stride=1)), (2, 9)),
    ]


# MISSION D8
@pytest.mark.parametrize("k", range(6))
def test_no_network_changes_faster_than_its_bound(k: int) -> None:
    model, shape = networks()[k]
    model = model.to("float64")
    bound = c.lipschitz_bound(model).value
    f = lambda x: model(x[None])  # noqa: E731
    seen = c.lipschitz(f, (-np.ones(shape), np.ones(shape)), samples=5).value
    assert 0.02 * bound < seen <= bound * (1 + 1e-9)


# MISSION D8
def test_the_bound_of_linear_layers_in_a_row_is_the_product_of_norms() -> None:
    a, b = nn.Linear(3, 4).to("float64"), nn.Linear(4, 2).to("float64")
    norms = [float(np.linalg.norm(layer.weight.numpy(), 2)) for layer in (a, b)]
    bound = c.lipschitz_bound(nn.Sequential(a, nn.Identity(), b))
    assert bound.value == pytest.approx(norms[0] * norms[1])
    assert [name for name, _, _ in bound.layers] == ["0", "1", "2"]
    assert c.lipschitz_bound(a).value == pytest.approx(norms[0])


def test_dropout_stretches_while_training() -> None:
    layer = nn.Dropout(0.5)
    assert [c.lipschitz_bound(layer.train(mode)).value for mode in (True, False)] == [2.0, 1.0]


class Own(nn.Module):
    def forward(self, x: Any) -> Any:
        return x * 5.0


class Twice(nn.Linear):
    def forward(self, x: Any) -> Any:
        return 2.0 * super().forward(x)


@pytest.mark.parametrize("layer", [Own(), Twice(2, 2), nn.LayerNorm(2), nn.LogSoftmax(), "text"])
def test_layers_without_a_bound_say_so(layer: Any) -> None:
    with pytest.raises(NotSupported, match=f"is a {type(layer).__name__}"):
        c.lipschitz_bound(layer)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: c.lipschitz(NO_FUNCTION, BOX), TypeMismatch, "function"),
        (lambda: c.lipschitz(lambda x: x, BOX, of="curl"), BadInput, "'gradient'"),
        (lambda: c.lipschitz(lambda x: x, BOX, of="gradient"), TypeMismatch, "scalar"),
        (lambda: c.lipschitz(lambda x: wb.log(x), (-2.0, -1.0)), BadInput, "finite"),
        (lambda: c.lipschitz(lambda x: x, (1.0, 1.0)), BadInput, "empty"),
    ],
)
def test_bad_input(call: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        call()


def test_weights_that_are_not_finite() -> None:
    layer = nn.Linear(1, 1)
    layer.weight = nn.Parameter(np.array([[np.inf]]))
    with pytest.raises(BadInput, match="not finite"):
        c.lipschitz_bound(layer)
