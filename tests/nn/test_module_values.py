"""A module's values: saved, loaded, copied, exact to the bit."""

import copy
import pickle
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wingbeat as wb
from tests.nn.modules import NAMES, Mixed, array, loss_of
from wingbeat import nn
from wingbeat.errors import BadCheckpoint, TypeMismatch


def test_state_dict_round_trip_is_exact() -> None:
    a, b = Mixed(), Mixed()
    a.shift = np.array([0.1, -7.0], "float32")
    state = a.state_dict()
    assert list(state) == [*NAMES, "shift"]
    assert not any(v.flags.writeable for v in state.values())
    ids = [id(p) for p in b.parameters()]
    assert b.load_state_dict(state) == ([], [])
    assert [id(p) for p in b.parameters()] == ids
    for name, value in b.state_dict().items():
        assert value.tobytes() == state[name].tobytes()
        assert value.dtype == state[name].dtype
    assert all(p.requires_grad for p in b.parameters())
    x = array(5, 2)
    assert a(x).numpy().tobytes() == b(x).numpy().tobytes()


@given(st.lists(st.integers(1, 6), min_size=2, max_size=4), st.sampled_from(["float32", "float64"]))
def test_round_trips_of_any_sizes(sizes: list[int], dtype: str) -> None:
    def make() -> nn.Sequential:
        return nn.Sequential(*(nn.Linear(i, o, dtype=dtype) for i, o in pairwise(sizes)))

    a, b = make(), make()
    b.load_state_dict({k: v.copy() for k, v in a.state_dict().items()})
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        assert p.numpy().tobytes() == q.numpy().tobytes()
    assert a.summary().total == sum(i * o + o for i, o in pairwise(sizes))


def test_loading_changes_what_is_computed_next_and_not_what_was() -> None:
    model, x = nn.Linear(2, 1), array(3, 2)
    before = model(x)
    state = {name: np.zeros_like(v) for name, v in model.state_dict().items()}
    expected = x @ model.weight.numpy().T + model.bias.numpy()  # type: ignore[union-attr]
    model.load_state_dict(state)
    np.testing.assert_allclose(before.numpy(), expected, rtol=1e-6)
    assert not model(x).numpy().any()


def test_values_are_cast_to_the_dtype_here() -> None:
    model = nn.Linear(2, 1)
    model.load_state_dict({"weight": wb.asarray([[1.0, 2.0]]), "bias": [3]})
    assert model.weight.numpy().dtype == "float32"
    assert model.bias.tolist() == [3.0]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"weight": None}, "missing weight"),
        ({"more": np.zeros(2)}, "unexpected more"),
        ({"bias": np.zeros(3)}, r"bias has shape \(1,\), got \(3,\)"),
        ({"bias": np.zeros(1, complex)}, "bias is f32.1., got complex128"),
        ({"bias": np.array(["a"])}, "bias is f32.1., got <U1"),
        ({"weight": None, "bias": np.zeros(3)}, r"missing weight; bias has shape"),
    ],
)
def test_what_does_not_fit_changes_nothing(change: dict[str, Any], text: str) -> None:
    model = nn.Linear(2, 1)
    before = model.state_dict()
    state = {k: v + 1 for k, v in before.items()} | change
    with pytest.raises(BadCheckpoint, match=text):
        model.load_state_dict({k: v for k, v in state.items() if v is not None})
    for name, value in model.state_dict().items():
        assert value is before[name]


def test_a_part_can_be_loaded() -> None:
    model = nn.Linear(2, 1)
    found = model.load_state_dict({"bias": [7.0], "extra": 1}, strict=False)
    assert found.missing == ["weight"]
    assert found.unexpected == ["extra"]
    assert model.bias.tolist() == [7.0]  # type: ignore[union-attr]
    with pytest.raises(BadCheckpoint, match=r"bias has shape"):
        model.load_state_dict({"bias": [7.0, 8.0]}, strict=False)
    with pytest.raises(BadCheckpoint, match="a dict of arrays is needed, not Linear"):
        model.load_state_dict(nn.Linear(2, 1))  # type: ignore[arg-type]


def test_two_places_of_one_name_are_noticed() -> None:
    model = nn.Module()
    model.parts = {"a.b": nn.Parameter([1.0]), "a": {"b": nn.Parameter([2.0])}}  # type: ignore[attr-defined]
    with pytest.raises(TypeMismatch, match=r"two places are called 'parts.a.b'"):
        model.state_dict()


def test_copies_and_pickles_are_independent() -> None:
    model, x = Mixed(), array(5, 2)
    loss_of(model, x).backward()
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(nn.Linear(2, 3)))):
        assert all(p.grad is None and p.requires_grad for p in twin.parameters())
    twin = copy.deepcopy(model)
    assert twin(x).numpy().tobytes() == model(x).numpy().tobytes()
    twin.load_state_dict({k: v * 0 for k, v in twin.state_dict().items()})
    assert model.scale.numpy().any()


def test_a_copied_buffer_is_a_tensor_of_its_own() -> None:
    model = nn.Module()
    model.register_buffer("shift", np.ones(3))
    before = model.shift * 2  # type: ignore[attr-defined]
    twin: Any = copy.deepcopy(model)
    assert (twin.shift * 3 + model.shift).tolist() == [4.0, 4.0, 4.0]  # type: ignore[attr-defined]
    assert before.tolist() == [2.0, 2.0, 2.0]
    result = nn.Linear(1, 1)(np.ones(1))
    with pytest.raises(TypeMismatch, match=r"copy: f64\[1\] is a result that has a gradient"):
        copy.deepcopy(result)
