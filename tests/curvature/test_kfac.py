"""KFAC: exact where the Fisher matrix is a Kronecker product, and of use in training."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from tests.curvature.functions import classifier
from wingbeat import curvature as c
from wingbeat import nn
from wingbeat.errors import BadInput, TypeMismatch

EXAMPLE = Path(__file__).parents[2] / "examples/natural_gradient.py"
ROWS = [0, 1, 2, 4, 5, 6, 3, 7]  # [weight, bias] of each output -> all weights, then all biases


def kronecker(f: c.Factors) -> Any:
    return np.kron(f.gradients, f.inputs)[np.ix_(ROWS, ROWS)]


def test_of_one_linear_layer_with_normal_targets_it_is_the_fisher_matrix() -> None:
    model, x = nn.Linear(3, 2).to("float64"), np.random.default_rng(0).normal(size=(5, 3))
    kfac = c.KFAC("normal")
    kfac.observe(model, x)
    exact = c.fisher(lambda m: m(x), model, "normal").dense()
    np.testing.assert_allclose(kronecker(kfac.factors[""]), exact, atol=1e-14)


@pytest.mark.parametrize("likelihood", ["categorical", "bernoulli", "poisson", "normal"])
def test_of_one_example_it_is_the_fisher_matrix(likelihood: str) -> None:
    model, x = nn.Linear(3, 2).to("float64"), np.random.default_rng(0).normal(size=(1, 3))
    kfac = c.KFAC(likelihood)
    kfac.observe(model, x)
    exact = c.fisher(lambda m: m(x), model, likelihood).dense()
    np.testing.assert_allclose(kronecker(kfac.factors[""]), exact, atol=1e-14)


def test_draws_are_right_on_average() -> None:
    _, model, x, _ = classifier()
    exact, drawn = c.KFAC("categorical"), c.KFAC("categorical", draws=3000)
    for kfac in (exact, drawn):
        kfac.observe(model, x)
    for name in ("0", "2"):
        a, b = exact.factors[name], drawn.factors[name]
        np.testing.assert_allclose(a.inputs, b.inputs)
        np.testing.assert_allclose(a.gradients, b.gradients, atol=0.06 * np.abs(a.gradients).max())


def test_preconditioning_divides_by_the_damped_matrix() -> None:
    loss, model, x, y = classifier()
    model = nn.Linear(3, 2).to("float64")
    kfac = c.KFAC("categorical", damping=0.01)
    kfac.observe(model, x)
    f = kfac.factors[""]
    ratio = np.sqrt(np.trace(f.inputs) / 4 / (np.trace(f.gradients) / 2))
    damped = c.Factors(f.inputs + ratio * 0.1 * np.eye(4), f.gradients + 0.1 / ratio * np.eye(2))
    g = wb.grad(lambda m: loss(m(x), y))(model)
    flat = np.concatenate([np.asarray(v).ravel() for v in wb.tree.leaves(g)])
    step = kfac.precondition(g)
    found = np.concatenate([np.asarray(v).ravel() for v in wb.tree.leaves(step)])
    np.testing.assert_allclose(found, np.linalg.solve(kronecker(damped), flat), rtol=1e-10)


def test_a_layer_that_is_called_twice_and_other_parameters() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            self.shared = nn.Linear(3, 3, bias=False)
            self.scale = nn.Parameter(np.ones(3, "float32"))

        def forward(self, x: Any) -> Any:
            return self.shared(self.shared(x).tanh()) * self.scale

    wb.random.seed(0)
    model, x = Net(), np.ones((2, 3), "float32")
    kfac = c.KFAC("normal")
    kfac.observe(model, x)
    assert kfac.factors["shared"].inputs.shape == (3, 3)
    g = wb.grad(lambda m: (m(x) ** 2).sum())(model)
    step = kfac.precondition(g)
    np.testing.assert_allclose(step.scale, g.scale)
    assert not np.allclose(step.shared.weight, g.shared.weight)
    assert model.shared.weight.grad is None
    assert "forward" not in vars(model.shared)  # the model itself was left alone


def test_old_factors_fade() -> None:
    model, kfac = nn.Linear(1, 1, bias=False), c.KFAC("normal", decay=0.75)
    for value in (2.0, 4.0):
        kfac.observe(model, np.full((1, 1), value, "float32"))
    assert kfac.factors[""].inputs.item() == pytest.approx(0.75 * 4.0 + 0.25 * 16.0)


def test_training_takes_fewer_steps_than_gradient_descent_at_its_best_rate() -> None:
    spec = spec_from_file_location("natural_gradient", EXAMPLE)
    assert spec
    assert spec.loader
    example = module_from_spec(spec)
    spec.loader.exec_module(example)
    ours = example.steps(example.natural())
    plain = min(example.steps(example.descent(rate)) for rate in (0.3, 1.0, 2.0))
    assert ours <= 20
    assert ours < plain / 4


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: c.KFAC("cauchy"), BadInput, "'normal'"),
        (lambda: c.KFAC("normal", damping=0.0), BadInput, "damping"),
        (lambda: c.KFAC("normal", decay=1.5), BadInput, "decay"),
        (lambda: c.KFAC("normal", draws=0), BadInput, "draws"),
        (lambda: c.KFAC("normal").observe(3.0, 1.0), TypeMismatch, "float"),
        (lambda: c.KFAC("normal").observe(nn.ReLU(), np.ones((1, 1))), TypeMismatch, "nn.Linear"),
        (lambda: c.KFAC("normal").precondition(nn.Linear(1, 1)), BadInput, "observe"),
    ],
)
def test_bad_input(call: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        call()


def test_gradients_of_another_form() -> None:
    kfac = c.KFAC("normal")
    kfac.observe(nn.Linear(2, 3), np.ones((1, 2), "float32"))
    with pytest.raises(TypeMismatch, match="module"):
        kfac.precondition([np.ones((3, 2))])
    with pytest.raises(TypeMismatch, match=r"\(3, 3\)"):
        kfac.precondition(nn.Linear(3, 3))
    with pytest.raises(BadInput, match="not finite"):
        kfac.observe(nn.Linear(2, 3), np.full((1, 2), np.nan, "float32"))
