"""Layers and initial values, against NumPy."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

import wingbeat as wb
from wingbeat import nn
from wingbeat.errors import BadInput, OutOfRange, TypeMismatch

X = np.random.default_rng(1).normal(size=(5, 3)).astype("float32")


def linear(weight: Any, bias: Any) -> nn.Linear:
    out, inner = np.shape(weight)
    layer = nn.Linear(inner, out)
    layer.load_state_dict({"weight": weight, "bias": bias})
    return layer


def test_linear_by_hand() -> None:
    layer = linear([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [0.5, 0.0, -0.5])
    assert layer(np.array([1.0, -1.0], "float32")).tolist() == [-0.5, -1.0, -1.5]
    assert layer(np.array([[1.0, -1.0]], "float32")).tolist() == [[-0.5, -1.0, -1.5]]


@given(st.integers(1, 4), st.integers(1, 4), st.lists(st.integers(0, 3), max_size=3))
def test_linear_of_any_shape(inner: int, out: int, lead: list[int]) -> None:
    layer = nn.Linear(inner, out, dtype="float64")
    x = np.random.default_rng(0).normal(size=(*lead, inner))
    expected = x @ layer.weight.numpy().T + np.asarray(layer.bias)
    assert layer(x).shape == (*lead, out)
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-12, atol=1e-14)


def test_linear_without_bias() -> None:
    layer = nn.Linear(3, 2, bias=False)
    assert layer.bias is None
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    np.testing.assert_allclose(layer(X).numpy(), X @ layer.weight.numpy().T, rtol=1e-6)


def test_linear_begins_uniform_within_one_over_the_root_of_its_inputs() -> None:
    wb.random.seed(5)
    layer = nn.Linear(100, 400)
    w, b = layer.weight.numpy(), np.asarray(layer.bias)
    assert w.dtype == b.dtype == "float32"
    for values in (w, b):
        assert np.abs(values).max() <= 0.1
        assert np.abs(values).max() > 0.099
    # A uniform variable on +-a has variance a^2 / 3; 40,000 samples are within 2 % of it.
    assert w.var() == pytest.approx(0.01 / 3, rel=0.02)
    wb.random.seed(5)
    assert nn.Linear(100, 400).weight.numpy().tobytes() == w.tobytes()
    assert nn.Linear(100, 400).weight.numpy().tobytes() != w.tobytes()
    key = wb.random.key(3)
    one, two = nn.Linear(2, 2, key=key), nn.Linear(2, 2, key=key)
    assert one.weight.tolist() == two.weight.tolist()


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (nn.ReLU(), lambda x: np.maximum(x, 0)),
        (nn.Sigmoid(), special.expit),
        (nn.Tanh(), np.tanh),
        (nn.GELU(), lambda x: x * special.ndtr(x)),
        (nn.SiLU(), lambda x: x * special.expit(x)),
        (nn.Softplus(), lambda x: np.logaddexp(x, 0)),
        (nn.ELU(), lambda x: np.where(x > 0, x, np.expm1(x))),
        (nn.ELU(0.5), lambda x: np.where(x > 0, x, 0.5 * np.expm1(x))),
        (nn.LeakyReLU(), lambda x: np.where(x > 0, x, 0.01 * x)),
        (nn.LeakyReLU(0.2), lambda x: np.where(x > 0, x, 0.2 * x)),
        (nn.Softmax(), lambda x: special.softmax(x, axis=-1)),
        (nn.Softmax(axis=0), lambda x: special.softmax(x, axis=0)),
        (nn.LogSoftmax(), lambda x: special.log_softmax(x, axis=-1)),
        (nn.Identity(), lambda x: x),
    ],
    ids=lambda value: repr(value) if isinstance(value, nn.Module) else "formula",
)
def test_activations(layer: nn.Module, expected: Any) -> None:
    x = X.astype("float64") * 3
    np.testing.assert_allclose(layer(x).numpy(), expected(x), rtol=1e-13, atol=1e-15)
    assert layer(X).dtype.name == "float32"
    assert not list(layer.parameters())


@pytest.mark.parametrize("f", [nn.LeakyReLU(0.1), nn.ELU(2.0)])
def test_kinks_of_leaky_relu_and_elu_are_told(f: Any) -> None:
    """# MISSION A10"""
    assert wb.grad(f)(0.0).item() == 0.0
    with pytest.raises(wb.errors.AtKink):
        wb.grad(f, kinks="raise")(0.0)
    assert wb.grad(nn.functional.elu, kinks="raise")(0.0).item() == 1.0


@given(st.floats(-5, 5), st.sampled_from([0.01, 0.3]))
def test_derivatives_of_leaky_relu_and_elu(x: float, a: float) -> None:
    assert wb.grad(nn.LeakyReLU(a))(x).item() == (1.0 if x > 0 else a if x < 0 else 0.0)
    expected = 1.0 if x > 0 else a * math.exp(x) if x < 0 else 0.0
    assert wb.grad(nn.ELU(a))(x).item() == pytest.approx(expected, rel=1e-12)


def test_flatten() -> None:
    x = np.arange(24.0).reshape(2, 3, 4)
    assert nn.Flatten()(x).tolist() == x.reshape(2, 12).tolist()
    assert nn.Flatten(0)(x).shape == (24,)
    assert nn.Flatten(0, 1)(x).shape == (6, 4)
    with pytest.raises(TypeMismatch, match=r"has no axes 1 \.\.\. -1 to join"):
        nn.Flatten()(1.0)


# --- dropout -----------------------------------------------------------------------------------


def test_dropout_in_training_keeps_the_mean_and_is_the_identity_in_use() -> None:
    wb.random.seed(0)
    drop, x = nn.Dropout(0.25), wb.ones(100_000, dtype="float32")
    y = drop(x).numpy()
    assert y.dtype == "float32"
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.75)}
    # The share of zeros has a standard deviation of 0.0014.
    assert (y == 0).mean() == pytest.approx(0.25, abs=0.006)
    assert drop.eval()(x) is x
    assert nn.Dropout(0.0)(x) is x
    assert not nn.Dropout(1.0)(x).numpy().any()


def test_dropout_draws_anew_and_can_be_repeated() -> None:
    drop, x = nn.Dropout(0.5), wb.ones(64)
    wb.random.seed(1)
    first, second = drop(x).tolist(), drop(x).tolist()
    assert first != second
    wb.random.seed(1)
    assert drop(x).tolist() == first


def test_dropout_passes_the_gradient_where_it_passed_the_value() -> None:
    x, key = wb.ones(64), wb.random.key(0)
    y = nn.functional.dropout(x, 0.5, key)
    gradient = wb.grad(lambda v: nn.functional.dropout(v, 0.5, key).sum())(x)
    assert gradient.tolist() == y.tolist()


def test_dropout_adds_no_program_per_call() -> None:
    from wingbeat.backend.base import _programs

    drop, x = nn.Dropout(0.5), wb.ones((3, 7))
    drop(x).numpy()
    before = len(_programs)
    for _ in range(3):
        drop(x).numpy()
    assert len(_programs) == before


# --- layer norm, embedding ---------------------------------------------------------------------


@pytest.mark.parametrize("shape", [3, (5, 3)])
def test_layer_norm(shape: Any) -> None:
    layer, x = nn.LayerNorm(shape, dtype="float64"), X.astype("float64")
    w, b = np.random.default_rng(0).normal(size=(2, *np.atleast_1d(shape)))
    layer.load_state_dict({"weight": w, "bias": b})
    axes = tuple(range(-np.size(shape), 0))
    centred = x - x.mean(axes, keepdims=True)
    expected = centred / np.sqrt(x.var(axes, keepdims=True) + 1e-5) * w + b
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-12)
    assert not list(nn.LayerNorm(3, affine=False).parameters())
    assert len(list(nn.LayerNorm(3, bias=False).parameters())) == 1


def test_embedding() -> None:
    layer = nn.Embedding(4, 2)
    table = layer.weight.numpy()
    positions = np.array([[3, 0], [0, 0]])
    assert layer(positions).tolist() == table[positions].tolist()
    layer(positions).sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.tolist() == [[3, 3], [0, 0], [0, 0], [1, 1]]


# --- initial values ----------------------------------------------------------------------------

INIT = nn.init
SHAPE = (200, 300)


@pytest.mark.parametrize(
    ("make", "variance", "bound"),
    [
        (INIT.xavier_uniform, 2 / 500, math.sqrt(6 / 500)),
        (INIT.xavier_normal, 2 / 500, None),
        (INIT.kaiming_uniform, 2 / 300, math.sqrt(6 / 300)),
        (INIT.kaiming_normal, 2 / 300, None),
        (INIT.normal, 1.0, None),
        (INIT.uniform, 1 / 12, None),
    ],
)
def test_variances_are_those_of_the_papers(make: Any, variance: float, bound: Any) -> None:
    key = wb.random.key(11)
    w = make(key, SHAPE)
    assert w.dtype.name == "float32"
    # 60,000 samples: the standard error of the variance is below 0.6 %.
    assert w.numpy().astype("float64").var() == pytest.approx(variance, rel=0.03)
    if bound is not None:
        assert bound * 0.999 < np.abs(w.numpy()).max() <= bound * (1 + 1e-6)
    assert make(key, SHAPE).numpy().tobytes() == w.numpy().tobytes()
    assert make(wb.random.key(12), SHAPE).numpy().tobytes() != w.numpy().tobytes()


def test_gain_scales_the_deviation() -> None:
    key = wb.random.key(0)
    one, two = (INIT.xavier_normal(key, SHAPE, gain=g, dtype="float64") for g in (1.0, 2.0))
    np.testing.assert_allclose(two.numpy(), 2 * one.numpy(), rtol=1e-12)


def test_gains_and_fans() -> None:
    assert [INIT.gain(a) for a in ("linear", "sigmoid", "tanh", "relu", "selu")] == [
        1.0,
        1.0,
        5 / 3,
        math.sqrt(2),
        0.75,
    ]
    assert INIT.gain("leaky_relu", 1.0) == 1.0
    assert INIT.gain("leaky_relu") == INIT.GAINS["leaky_relu"]
    assert INIT.fans((16, 8, 3, 3)) == (72, 144)
    with pytest.raises(BadInput, match="'swish' is unknown"):
        INIT.gain("swish")
    with pytest.raises(TypeMismatch, match=r"has shape \(outputs, inputs, ...\), not \(3,\)"):
        INIT.xavier_normal(wb.random.key(0), (3,))


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4), (2, 3, 2)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    w = INIT.orthogonal(wb.random.key(2), shape, gain=2.0, dtype="float64").numpy()
    assert w.shape == shape
    m = w.reshape(shape[0], -1)
    small = m @ m.T if m.shape[0] <= m.shape[1] else m.T @ m
    np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-13)


def test_constant_and_zeros() -> None:
    assert INIT.constant(None, (2,), 0.5).tolist() == [0.5, 0.5]
    assert INIT.zeros(None, (2,), dtype="float64").dtype.name == "float64"


# --- bad input ---------------------------------------------------------------------------------


HALF: Any = 1.5
TEXT: Any = "half"


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: nn.Linear(0, 2), "Linear: in_features must be at least 1, not 0"),
        (lambda: nn.Linear(2, HALF), "out_features must be a whole number, not 1.5"),
        (lambda: nn.Dropout(1.5), "Dropout: p must lie in 0 ... 1, not be 1.5"),
        (lambda: nn.Dropout(math.nan), "not be nan"),
        (lambda: nn.Dropout(TEXT), "p must be a number, not 'half'"),
        (lambda: nn.LayerNorm(3, eps=-1.0), "eps must lie in 0 ... inf, not be -1"),
        (lambda: nn.LayerNorm((3, 0)), "shape must be at least 1, not 0"),
        (lambda: nn.Embedding(0, 2), "Embedding: count must be at least 1"),
        (lambda: nn.ELU(-1.0), "ELU: alpha must lie in"),
        (lambda: nn.LeakyReLU(math.nan), "LeakyReLU: slope must lie in"),
    ],
)
def test_arguments_out_of_range(make: Any, text: str) -> None:
    with pytest.raises(BadInput, match=text):
        make()


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: nn.Linear(3, 2)(np.zeros((5, 4))), TypeMismatch, "3 elements; got f64.5,4."),
        (lambda: nn.Linear(3, 2)(1.0), TypeMismatch, "3 elements; got f64"),
        (
            lambda: nn.Linear(784, 2)(np.zeros((5, 28, 28))),
            TypeMismatch,
            r"Images go through Flatten\(\) first",
        ),
        (lambda: nn.LayerNorm(3)(np.zeros(4)), TypeMismatch, r"are \(3,\); got f64.4."),
        (lambda: nn.LayerNorm((2, 3))(np.zeros(3)), TypeMismatch, r"are \(2, 3\)"),
        (lambda: nn.LayerNorm(2)([1, 2]), TypeMismatch, "must be floats, not i64"),
        (lambda: nn.Embedding(3, 2)([0.5]), TypeMismatch, "positions are integers, not f64"),
        (lambda: nn.Embedding(3, 2)([3]), OutOfRange, "position 3 is outside 0 ... 2"),
        (lambda: nn.Embedding(3, 2)([-1]), OutOfRange, "position -1 is outside 0 ... 2"),
        (lambda: nn.Dropout(0.5)([1, 2]), TypeMismatch, "x must be floats, not i64"),
    ],
)
def test_inputs_that_do_not_fit(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


def test_positions_that_are_computed_are_checked_when_they_are_used() -> None:
    layer = nn.Embedding(3, 2)
    found = layer(wb.asarray([1, 2]) + 1)
    with pytest.raises(OutOfRange, match="outside"):
        found.numpy()
