"""The classes: groups, rates, saving, programs, and what they refuse."""

import copy
import json
import math
import pickle
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from wingbeat import nn, optim
from wingbeat.backend.base import _programs
from wingbeat.errors import BadCheckpoint, BadInput, TypeMismatch

X = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
T = np.random.default_rng(1).normal(size=(8, 2)).astype("float32")
KINDS: list[Any] = [
    lambda p: optim.SGD(p, lr=0.1),
    lambda p: optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.1, weight_decay=0.1),
    lambda p: optim.SGD(p, lr=optim.Cosine(0.1, 10), momentum=0.9, nesterov=True),
    lambda p: optim.Adam(p, lr=0.1, weight_decay=0.1),
    lambda p: optim.AdamW(p, lr=optim.Warmup(0.1, 3)),
]


def network(seed: int = 0) -> nn.Sequential:
    wb.random.seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def train(model: Any, optimizer: Any, count: int) -> Iterator[float]:
    for _ in range(count):
        optimizer.zero_grad()
        loss = nn.MSELoss()(model(X), T)
        loss.backward()
        optimizer.step()
        yield loss.item()


@pytest.mark.parametrize("kind", KINDS)
def test_training_lowers_the_loss_with_one_program(kind: Any) -> None:
    model = network()
    optimizer = kind(model.parameters())
    losses = list(train(model, optimizer, 2))
    before = len(_programs)
    losses += train(model, optimizer, 20)
    assert len(_programs) == before
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("kind", KINDS)
def test_loss_gradients_and_update_run_as_one(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = import_module("wingbeat.api.evaluation")  # wb.trace is a function of that name
    runs: list[int] = []
    run = trace.run_nodes

    def counted(where: Any, roots: Any) -> Any:
        runs.append(len(roots))
        return run(where, roots)

    model = network()
    optimizer = kind(model.parameters())
    list(train(model, optimizer, 1))
    monkeypatch.setattr(trace, "run_nodes", counted)
    list(train(model, optimizer, 1))
    assert all(p.grad is not None and p.grad.numpy().any() for p in model.parameters())
    memory = sum(len(m) - 1 for m in optimizer.state_dict()["memory"])
    # The loss, a gradient and a new value for each of four parameters, and the memory.
    assert len(runs) == 1
    assert runs[0] >= 1 + 4 + 4 + memory


def test_a_second_step_and_another_rate_make_no_program() -> None:
    model = network()
    for optimizer in (
        optim.SGD(model.parameters(), lr=0.1),
        optim.Adam(model.parameters(), lr=0.1),
    ):
        list(train(model, optimizer, 1))
        before = len(_programs)
        for rate in (0.05, 0.01, 0.0):
            optimizer.lr = rate
            list(train(model, optimizer, 1))
        assert len(_programs) == before


def test_many_parameters_are_one_step() -> None:
    """More update nodes than a trace may hold before it is evaluated."""
    params = [nn.Parameter(np.full(2, float(k))) for k in range(400)]
    optimizer = optim.Adam(params, lr=0.5, eps=0.0)
    for _ in range(2):
        optimizer.zero_grad()
        sum(((p * 1.0).sum() for p in params), wb.asarray(0.0)).backward()
        optimizer.step()
    for k, p in enumerate(params):
        np.testing.assert_allclose(p.numpy(), [k - 1.0, k - 1.0], rtol=1e-12, atol=1e-12)


def test_values_computed_before_a_step_keep_theirs() -> None:
    p = nn.Parameter(np.array([2.0]))
    y = p * 3
    p.grad = wb.asarray([1.0])
    optim.SGD([p], lr=1.0).step()
    assert (y.tolist(), p.tolist(), (p * 3).tolist()) == ([6.0], [1.0], [3.0])
    assert p.requires_grad
    assert p.is_leaf


def test_a_parameter_without_a_gradient_stays() -> None:
    a, b = nn.Parameter(np.ones(2)), nn.Parameter(np.ones(2))
    optimizer = optim.Adam([a, b], lr=0.1, weight_decay=0.5)
    a.grad = wb.ones(2)
    optimizer.step()
    assert b.tolist() == [1.0, 1.0]
    assert [m and m["step"] for m in optimizer.state_dict()["memory"]] == [1, None]
    a.grad, b.grad = None, wb.ones(2)
    before = a.tolist()
    optimizer.step()
    assert a.tolist() == before
    # Its own first step: the corrections count the steps of each parameter.
    np.testing.assert_allclose(b.numpy(), [0.9, 0.9], rtol=1e-7)
    optimizer.zero_grad()
    optimizer.step()
    assert optimizer.steps == 3


def test_groups_have_options_of_their_own() -> None:
    a, b = nn.Parameter(np.zeros(1)), nn.Parameter(np.zeros(1))
    optimizer = optim.SGD([{"params": [a], "lr": 1.0}, {"params": [b]}], lr=0.25)
    for p in (a, b):
        p.grad = wb.ones(1)
    optimizer.step()
    assert (a.item(), b.item()) == (-1.0, -0.25)
    assert optimizer.lr == 1.0
    optimizer.param_groups[1]["lr"] = 0.5
    optimizer.step()
    assert (a.item(), b.item()) == (-2.0, -0.75)
    optimizer.lr = 2.0
    assert [g["lr"] for g in optimizer.param_groups] == [2.0, 2.0]


def test_the_rate_follows_a_schedule() -> None:
    p = nn.Parameter(np.zeros(()))
    optimizer = optim.SGD([p], lr=lambda step: 1.0 / (step + 1))
    seen: list[float] = []
    for _ in range(3):
        seen.append(optimizer.lr)
        p.grad = wb.ones(())
        optimizer.step()
    assert seen == [1.0, 1 / 2, 1 / 3]
    assert p.item() == pytest.approx(-sum(seen))


def test_printed_forms() -> None:
    p = [nn.Parameter([1.0]), nn.Parameter([1.0])]
    assert repr(optim.Adam(p[:1])) == (
        "Adam(1 parameters, lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0)"
    )
    groups = optim.SGD([{"params": p[:1]}, {"params": p[1:], "lr": 1.0}], lr=0.5)
    assert repr(groups).count("\n") == 3


# --- saving ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_training_goes_on_to_the_bit_from_a_saved_state(kind: Any) -> None:
    model = network()
    optimizer = kind(model.parameters())
    list(train(model, optimizer, 3))
    weights, state = model.state_dict(), optimizer.state_dict()
    losses = list(train(model, optimizer, 3))

    twin = network(seed=1)
    other = kind(twin.parameters())
    list(train(twin, other, 1))
    twin.load_state_dict(weights)
    other.load_state_dict(state)
    assert list(train(twin, other, 3)) == losses
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        assert p.numpy().tobytes() == q.numpy().tobytes()


@pytest.mark.parametrize("twin_of", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_of_model_and_optimiser_goes_on_by_itself(twin_of: Any) -> None:
    model = network()
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    list(train(model, optimizer, 3))
    twin, other = twin_of((model, optimizer))
    weights = model.state_dict()
    losses = list(train(twin, other, 3))
    assert all(v is weights[k] for k, v in model.state_dict().items())
    assert list(train(model, optimizer, 3)) == losses


def test_a_state_is_made_of_arrays_and_plain_numbers() -> None:
    model = network()
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    list(train(model, optimizer, 2))
    state = optimizer.state_dict()
    assert list(state) == ["step", "groups", "memory"]
    assert state["step"] == 2
    assert state["groups"][0]["params"] == [0, 1, 2, 3]
    for memory in state["memory"]:
        arrays = {k: v for k, v in memory.items() if k != "step"}
        assert set(arrays) == {"mean", "square"}
        assert all(type(v) is np.ndarray and not v.flags.writeable for v in arrays.values())
    json.dumps([state["step"], state["groups"], [m["step"] for m in state["memory"]]])


def test_a_state_through_json_lists_fits() -> None:
    """Tuples become lists there."""
    model = network()
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    state = optimizer.state_dict()
    optimizer.load_state_dict(json.loads(json.dumps(state)))
    assert list(train(model, optimizer, 1))


def broken(change: Any) -> Any:
    def make(state: dict[str, Any]) -> Any:
        change(state)
        return state

    return make


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda s: 3, "a state has step, groups and memory; got int"),
        (lambda s: {"step": 1}, "a state has step, groups and memory; got step"),
        (broken(lambda s: s.update(step=-1)), "step is a count, not -1"),
        (broken(lambda s: s.update(step=1.5)), r"step is a count, not 1\.5"),
        (broken(lambda s: s.update(groups=[])), "does not have 1 groups"),
        (broken(lambda s: s["groups"][0].pop("eps")), "group 0 has lr, betas, eps"),
        (broken(lambda s: s["groups"][0].update(params=[0])), "group 0 has 4 parameters"),
        (broken(lambda s: s["groups"][0].update(lr=None)), "lr of group 0 was a schedule"),
        (broken(lambda s: s["groups"][0].update(lr=-1.0)), r"group 0 cannot be loaded: .*lr must"),
        (broken(lambda s: s["groups"][0].update(betas=3)), "betas are two numbers"),
        (broken(lambda s: s.update(memory=[])), "not that of 4 parameters"),
        (broken(lambda s: s["memory"][1].pop("mean")), "parameter 1: memory has step, mean, sq"),
        (broken(lambda s: s["memory"][1].update(step=True)), "step of parameter 1 is a count"),
        (
            broken(lambda s: s["memory"][1].update(mean=np.zeros(9, "float32"))),
            r"parameter 1: mean is f32\[4\], got float32\(9,\)",
        ),
        (
            broken(lambda s: s["memory"][1].update(mean=np.zeros(4))),
            r"parameter 1: mean is f32\[4\], got float64\(4,\)",
        ),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change: Any, text: str) -> None:
    model = network()
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    list(train(model, optimizer, 2))
    state = optimizer.state_dict()
    copy = {
        "step": state["step"],
        "groups": [dict(g) for g in state["groups"]],
        "memory": [dict(m) for m in state["memory"]],
    }
    with pytest.raises(BadCheckpoint, match=text):
        optimizer.load_state_dict(change(copy))
    after = optimizer.state_dict()
    assert (after["step"], after["groups"]) == (state["step"], state["groups"])
    for a, b in zip(after["memory"], state["memory"], strict=True):
        assert all(a[k] is b[k] for k in a)


def test_a_state_of_another_optimiser_is_refused() -> None:
    model = network()
    momentum = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    list(train(model, momentum, 1))
    with pytest.raises(BadCheckpoint, match="Adam: group 0 has"):
        optim.Adam(model.parameters()).load_state_dict(momentum.state_dict())
    scheduled = optim.SGD(model.parameters(), lr=optim.Constant(0.1), momentum=0.9)
    with pytest.raises(BadCheckpoint, match="was a number when the state was saved"):
        scheduled.load_state_dict(momentum.state_dict())


# --- bad input ------------------------------------------------------------------------------------

P = nn.Parameter(np.ones(2))
TEXT: Any = "fast"
ONE: Any = 0.9
FROZEN = nn.Parameter(np.ones(2), requires_grad=False)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: optim.SGD([P], lr=-0.1), BadInput, "SGD: lr must be at least 0, .*not -0.1"),
        (lambda: optim.SGD([P], lr=math.nan), BadInput, "lr must be at least 0, finite, not nan"),
        (lambda: optim.Adam([P], lr=math.inf), BadInput, "Adam: lr must be .*not inf"),
        (lambda: optim.SGD([P], lr=TEXT), BadInput, "lr must be a number, not 'fast'"),
        (lambda: optim.SGD([], lr=0.1), BadInput, "there are no parameters"),
        (lambda: optim.SGD([{"params": []}], lr=0.1), BadInput, "there are no parameters"),
        (lambda: optim.SGD(P, lr=0.1), TypeMismatch, r"params is one tensor; write \[w\]"),
        (lambda: optim.SGD(nn.Linear(1, 1), lr=0.1), TypeMismatch, r"write model.parameters\(\)"),
        (lambda: optim.SGD(3, lr=0.1), TypeMismatch, "must be a list of parameters, not int"),
        (lambda: optim.SGD([np.ones(2)], lr=0.1), TypeMismatch, "parameter 0 is no tensor"),
        (lambda: optim.SGD([P, FROZEN], lr=0.1), TypeMismatch, "parameter 1, f64.2., has requires"),
        (lambda: optim.SGD([P * 1], lr=0.1), TypeMismatch, "parameter 0, f64.2., is a result"),
        (lambda: optim.SGD([P, P], lr=0.1), BadInput, "parameters 0 and 1 are the same one"),
        (
            lambda: optim.SGD([{"params": [P]}, {"params": [P]}], lr=0.1),
            BadInput,
            "parameters 0 and 1 are the same one",
        ),
        (lambda: optim.SGD([{"params": [P]}, P], lr=0.1), TypeMismatch, "each group is a dict"),
        (lambda: optim.SGD([{"lr": 1.0}], lr=0.1), TypeMismatch, "each group is a dict"),
        (
            lambda: optim.SGD([{"params": [P], "rate": 1.0}], lr=0.1),
            BadInput,
            "unknown option 'rate'; there are lr, momentum",
        ),
        (lambda: optim.SGD([P], 0.1, nesterov=True), BadInput, "nesterov needs momentum > 0"),
        (
            lambda: optim.SGD([P], 0.1, 0.9, nesterov=True, dampening=0.1),
            BadInput,
            "and dampening = 0",
        ),
        (lambda: optim.SGD([P], 0.1, momentum=-1), BadInput, "momentum must be at least 0"),
        (lambda: optim.SGD([P], 0.1, weight_decay=-1), BadInput, "weight_decay must be"),
        (lambda: optim.Adam([P], betas=(0.9, 1.0)), BadInput, r"betas\[1\] must be .*below 1"),
        (lambda: optim.Adam([P], betas=ONE), BadInput, "betas are two numbers"),
        (lambda: optim.Adam([P], eps=-1.0), BadInput, "eps must be at least 0"),
        (lambda: optim.AdamW([P], eps=math.nan), BadInput, "AdamW: eps must be"),
        (lambda: optim.adam(-1.0), BadInput, "adam: lr must be at least 0"),
        (lambda: optim.sgd(0.1, nesterov=True), BadInput, "sgd: nesterov needs"),
    ],
)
def test_arguments_that_optimisers_refuse(make: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()


def test_an_exhausted_iterator_is_named() -> None:
    parameters = nn.Linear(1, 1).parameters()
    optim.SGD(parameters, lr=0.1)
    with pytest.raises(BadInput, match="so call it again for every use"):
        optim.SGD(parameters, lr=0.1)


def test_rates_are_checked_later_too() -> None:
    p = nn.Parameter(np.ones(2))
    optimizer = optim.SGD([p], lr=lambda step: math.nan if step else 0.5)
    p.grad = wb.ones(2)
    optimizer.step()
    with pytest.raises(BadInput, match="lr must be at least 0, finite, not nan"):
        optimizer.step()
    assert p.tolist() == [0.5, 0.5]
    with pytest.raises(BadInput, match="not -1"):
        optimizer.lr = -1.0
    optimizer.param_groups[0]["lr"] = -1.0
    with pytest.raises(BadInput, match="not -1"):
        optimizer.step()
