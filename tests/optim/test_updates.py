"""Every optimiser against its published formula, and its two ways of use against each other."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wingbeat as wb
from tests.optim import formulas
from wingbeat import nn, optim
from wingbeat.errors import BadInput, TypeMismatch

CASES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.3}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.5, "nesterov": True, "weight_decay": 0.1}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "betas": (0.5, 0.7), "eps": 0.1}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.3}),
    ("AdamW", {"lr": 0.1}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.3, "betas": (0.0, 0.0)}),
]
RNG = np.random.default_rng(0)
START = RNG.normal(size=(3, 2))
GRADS = [RNG.normal(size=(3, 2)) for _ in range(5)]


def expected(name: str, options: dict[str, Any], p: Any = START, grads: Any = GRADS) -> list[Any]:
    if name == "SGD":
        return list(formulas.sgd(p, grads, **options))
    decay = {"weight_decay": 0.01} if name == "AdamW" else {}
    options = {**decay, **options, "decoupled": name == "AdamW"}
    return list(formulas.adam(p, grads, **options))


def steps(optimizer: Any, p: nn.Parameter, grads: list[Any]) -> list[Any]:
    found: list[Any] = []
    for g in grads:
        p.grad = wb.asarray(g, dtype=p.dtype)
        optimizer.step()
        found.append(p.numpy())
    return found


@pytest.mark.parametrize(("name", "options"), CASES)
def test_the_class_follows_the_formula(name: str, options: dict[str, Any]) -> None:
    p = nn.Parameter(START)
    found = steps(getattr(optim, name)([p], **options), p, GRADS)
    # float64; the formulas differ in the order of a dozen roundings.
    np.testing.assert_allclose(found, expected(name, options), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_the_pure_function_is_the_class(name: str, options: dict[str, Any]) -> None:
    p = nn.Parameter(START)
    found = steps(getattr(optim, name)([p], **options), p, GRADS)
    method = getattr(optim, name.lower())(**options)
    params: Any = {"w": START}
    state = method.init(params)
    first = state
    for g, other in zip(GRADS, found, strict=True):
        params, state = method.update({"w": g}, state, params)
        assert params["w"].numpy().tobytes() == other.tobytes()
    assert state.step == 5
    assert not any(t.numpy().any() for t in first.slots[0].values())


@pytest.mark.parametrize(("name", "options"), CASES)
def test_single_precision_stays_single(name: str, options: dict[str, Any]) -> None:
    p = nn.Parameter(START.astype("float32"))
    optimizer = getattr(optim, name)([p], **options)
    found = steps(optimizer, p, GRADS)
    assert p.dtype.name == "float32"
    memory = optimizer.state_dict()["memory"][0]
    assert all(v.dtype == "float32" for k, v in memory.items() if k != "step")
    np.testing.assert_allclose(found, expected(name, options), rtol=2e-5, atol=1e-6)


@settings(max_examples=20)
@given(
    st.sampled_from(["SGD", "Adam", "AdamW"]),
    st.lists(st.integers(0, 3), max_size=3),
    st.integers(0, 1000),
)
def test_parameters_of_any_shape(name: str, shape: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    start, grads = rng.normal(size=shape), [rng.normal(size=shape) for _ in range(2)]
    p = nn.Parameter(start)
    found = steps(getattr(optim, name)([p], lr=0.1), p, grads)
    for a, b in zip(found, expected(name, {"lr": 0.1}, start, grads), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


# MISSION C4
def test_adam_moves_by_the_rate_in_its_first_step_whatever_the_scale() -> None:
    for scale in (1e-3, 1.0, 1e3):
        p = nn.Parameter(np.zeros(2))
        steps(optim.Adam([p], lr=0.5, eps=0.0), p, [np.array([scale, -scale])])
        np.testing.assert_allclose(p.numpy(), [-0.5, 0.5], rtol=1e-15)


# MISSION C4
def test_the_momentum_of_a_constant_slope_is_a_geometric_sum() -> None:
    p = nn.Parameter(0.0)
    found = steps(optim.SGD([p], lr=1.0, momentum=0.5), p, [1.0] * 3)
    assert np.ravel(found).tolist() == [-1.0, -2.5, -4.25]


def test_a_pure_step_of_a_model() -> None:
    model, x = nn.Linear(2, 1), wb.ones((3, 2), dtype="float32")
    loss = lambda m: ((m(x) - 5) ** 2).mean()  # noqa: E731
    method = optim.adam(0.1)
    state, moved = method.init(model), model
    before = model.state_dict()
    for _ in range(60):
        moved, state = method.update(wb.grad(loss)(moved), state, moved)
    assert loss(moved).item() < 0.1 * loss(model).item()
    assert type(moved) is nn.Linear
    assert all(v is before[k] for k, v in model.state_dict().items())


def test_a_chain_of_ones_own() -> None:
    rule = optim.chain(optim.add_decay(0.5), optim.descend())
    method = optim.Method(rule, 0.1)
    params, _ = method.update([np.array(1.0)], method.init([np.array(2.0)]), [np.array(2.0)])
    assert params[0].item() == pytest.approx(2.0 - 0.1 * (1.0 + 0.5 * 2.0))
    with pytest.raises(BadInput, match="two rules share the name of a slot"):
        optim.chain(optim.momentum(0.1), optim.momentum(0.2))


def test_what_a_pure_update_refuses() -> None:
    method = optim.sgd(0.1)
    state = method.init([np.ones(2)])
    with pytest.raises(TypeMismatch, match="1 parameters, 2 gradients and the memory of 1"):
        method.update([np.ones(2), np.ones(2)], state, [np.ones(2)])
    with pytest.raises(TypeMismatch, match=r"gradient 0 is f64.3., its parameter f64.2."):
        method.update([np.ones(3)], state, [np.ones(2)])
