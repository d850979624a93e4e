"""Modules: what they find, save, load, freeze, print, and that they are trees."""

import copy
import pickle
from collections import OrderedDict
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wingbeat as wb
from wingbeat import nn
from wingbeat.errors import BadCheckpoint, NotDifferentiable, NotSupported, TypeMismatch


class Pair(NamedTuple):
    first: Any
    second: Any


def array(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype("float32")


class Mixed(nn.Module):
    """Parameters and modules in every kind of attribute; __init__ of the base is not called."""

    shift: Any

    def __init__(self) -> None:
        self.scale = nn.Parameter(array(2))
        self.blocks = [nn.Linear(2, 2), nn.Linear(2, 2, bias=False)]
        self.weights = (nn.Parameter(array(2)), "not a parameter", 3)
        self.named = {"last": nn.Sequential(nn.Linear(2, 1), nn.Tanh())}
        self.pair = Pair(nn.Parameter(array(1)), None)
        self.count = 5
        self.register_buffer("shift", np.ones(2, "float32"))

    def forward(self, x: Any) -> Any:
        for block in self.blocks:
            x = wb.tanh(block(x))
        x = x * self.scale * self.weights[0] + self.shift
        return self.named["last"](x) * self.pair.first


class Before(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)


NAMES = [
    "scale",
    "weights.0",
    "pair.0",
    "blocks.0.weight",
    "blocks.0.bias",
    "blocks.1.weight",
    "named.last.0.weight",
    "named.last.0.bias",
]


def test_all_parameters_are_found_by_dotted_name() -> None:
    model = Mixed()
    assert [name for name, _ in model.named_parameters()] == NAMES
    assert [p.shape for p in model.parameters()][:4] == [(2,), (2,), (1,), (2, 2)]
    assert [name for name, _ in model.named_buffers()] == ["shift"]
    assert next(iter(model.buffers())).tolist() == [1.0, 1.0]


def test_modules_come_parents_first_and_once() -> None:
    shared = nn.ReLU()
    model = nn.Sequential(nn.Linear(2, 2), shared, nn.Linear(2, 2), shared)
    assert [name for name, _ in model.named_modules()] == ["", "0", "1", "2"]
    assert len(list(model.modules())) == 4
    assert [name for name, _ in model.named_children()] == ["0", "1", "2", "3"]


def test_calling_the_base_constructor_is_allowed() -> None:
    assert [name for name, _ in Before().named_parameters()] == ["layer.weight", "layer.bias"]


def test_a_module_that_holds_its_parent_ends() -> None:
    child, parent = nn.Linear(1, 1), nn.Module()
    parent.child, child.parent = child, parent  # type: ignore[attr-defined]
    assert [name for name, _ in parent.named_parameters()] == ["child.weight", "child.bias"]


def test_shared_parameters_are_found_once() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    assert [name for name, _ in model.named_parameters()] == ["0.weight", "0.bias", "1.bias"]


# --- trees ---------------------------------------------------------------------------------------


def loss_of(model: Any, x: Any) -> Any:
    return wb.sum(model(x) ** 2)


def test_grad_of_a_module_equals_backward() -> None:
    model, x = Mixed(), array(5, 2)
    gradient = wb.grad(loss_of)(model, x)
    loss_of(model, x).backward()
    assert type(gradient) is Mixed
    assert type(gradient.pair) is Pair
    assert gradient.count == 5
    assert gradient.weights[1:] == ("not a parameter", 3)
    found = dict(gradient.named_parameters())
    assert list(found) == NAMES
    for name, p in model.named_parameters():
        assert p.grad is not None
        np.testing.assert_array_equal(found[name].numpy(), p.grad.numpy(), err_msg=name)
    assert np.abs(found["blocks.0.weight"].numpy()).max() > 0


def test_grad_of_shared_parameters_is_the_sum() -> None:
    model, x = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 2)), array(5, 2)
    model[2].weight = model[0].weight
    gradient = wb.grad(loss_of)(model, x)
    loss_of(model, x).backward()
    np.testing.assert_array_equal(gradient[0].weight.numpy(), model[0].weight.grad.numpy())
    assert gradient[2].weight is gradient[0].weight
    assert len(wb.tree.leaves(gradient)) == 3


def test_the_model_itself_is_left_alone_by_grad() -> None:
    model = Mixed()
    before = model.state_dict()
    wb.grad(loss_of)(model, array(5, 2))
    assert all(isinstance(p, nn.Parameter) and p.grad is None for p in model.parameters())
    for name, value in model.state_dict().items():
        assert value is before[name]


def test_tree_functions_keep_what_is_shared_apart_from_what_is_equal() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    sizes = wb.tree.map(lambda p: p.size, model)
    assert wb.tree.leaves(sizes) == [4, 2, 4, 2]
    assert (sizes[0].weight, sizes[1].bias) == (4, 2)
    total = wb.tree.map(lambda p, n: n + p.ndim, model, sizes)
    assert wb.tree.leaves(total) == [6, 3, 6, 3]


def test_a_step_without_mutation() -> None:
    model, x = Mixed(), array(5, 2)
    gradient = wb.grad(loss_of)(model, x)
    moved = wb.tree.map(lambda p, g: p.detach() - 0.01 * g.detach(), model, gradient)
    assert loss_of(moved, x).item() < loss_of(model, x).item()
    again = wb.grad(loss_of)(moved, x)
    assert [name for name, _ in again.named_parameters()] == NAMES


def test_second_derivatives_through_a_module() -> None:
    line = nn.Linear(1, 1, bias=False, dtype="float64")
    hessian = wb.hessian(lambda m: wb.sum(m(wb.asarray([[3.0]])) ** 2))(line)
    assert wb.tree.leaves(hessian)[0].numpy().ravel().tolist() == [18.0]


def test_vmap_over_a_module_argument_that_all_share() -> None:
    model, x = nn.Linear(2, 3), array(4, 2)
    rows = wb.vmap(lambda m, v: m(v), in_axes=(None, 0))(model, x)
    np.testing.assert_allclose(rows.numpy(), model(x).numpy(), rtol=1e-6)


# --- values --------------------------------------------------------------------------------------


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


# --- modes ---------------------------------------------------------------------------------------


def test_modes_reach_every_module() -> None:
    model = Mixed()
    assert model.eval() is model
    assert not any(m.training for m in model.modules())
    model.train()
    assert all(m.training for m in model.modules())


def test_zero_grad_and_freezing() -> None:
    model, x = Mixed(), array(5, 2)
    loss_of(model, x).backward()
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())
    model.blocks[0].requires_grad_(False)
    loss_of(model, x).backward()
    assert model.blocks[0].weight.grad is None
    assert model.blocks[1].weight.grad is not None
    model.requires_grad_(False)
    assert not loss_of(model, x).requires_grad


def test_another_dtype_keeps_parameters_and_sharing() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    model.register_buffer("mean", np.zeros(2, "float32"))
    model.register_buffer("steps", np.zeros((), "int64"))
    first = model[0].weight
    loss_of(model, array(3, 2)).backward()
    assert model.to("float64") is model
    assert model[0].weight is first is model[1].weight
    assert {p.dtype.name for p in model.parameters()} == {"float64"}
    assert [b.dtype.name for b in model.buffers()] == ["float64", "int64"]
    assert first.grad is None
    assert first.requires_grad
    loss_of(model, array(3, 2).astype("float64")).backward()
    assert first.grad is not None
    assert first.grad.dtype.name == "float64"
    assert model.astype("float32")[0].weight.dtype.name == "float32"
    with pytest.raises(TypeMismatch, match="parameters are floats, and int32 is not"):
        model.to("int32")


# --- text ----------------------------------------------------------------------------------------


def test_printed_form() -> None:
    model = nn.Sequential(OrderedDict(hidden=nn.Linear(2, 3), act=nn.LeakyReLU(0.1)))
    model.append(nn.Sequential(nn.Dropout(0.25)))
    assert repr(model) == (
        "Sequential(\n"
        "  (hidden): Linear(in_features=2, out_features=3, bias=True)\n"
        "  (act): LeakyReLU(slope=0.1)\n"
        "  (2): Sequential(\n"
        "    (0): Dropout(p=0.25)\n"
        "  )\n"
        ")"
    )


def test_summary() -> None:
    model = nn.Sequential(nn.Linear(784, 500), nn.ReLU(), nn.Linear(500, 10))
    model[0].requires_grad_(False)
    summary = model.summary()
    assert (summary.total, summary.trainable) == (397_510, 5_010)
    assert [(s.name, s.layer, s.count) for s in summary.layers] == [
        ("0", "Linear", 392_500),
        ("1", "ReLU", 0),
        ("2", "Linear", 5_010),
    ]
    assert str(summary).splitlines()[-1].split() == [
        "total",
        "392,500",
        "of",
        "them",
        "frozen",
        "397,510",
    ]


def test_summary_counts_shared_parameters_once_and_own_ones_with_their_module() -> None:
    model = Mixed()
    model.blocks[1].weight = model.blocks[0].weight
    counts = {s.name: s.count for s in model.summary().layers}
    assert counts == {
        "(itself)": 5,
        "blocks.0": 6,
        "blocks.1": 0,
        "named.last.0": 3,
        "named.last.1": 0,
    }


def test_summary_is_drawn_by_rich(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    console = Console(width=80, force_terminal=True, color_system=None)
    console.print(nn.Linear(2, 3).summary())
    drawn = capsys.readouterr().out
    assert "Linear" in drawn
    assert "─" in drawn
    nn.Linear(2, 3).summary().show()
    assert capsys.readouterr().out == str(nn.Linear(2, 3).summary()) + "\n"


# --- bad input ---------------------------------------------------------------------------------


def test_a_parameter_is_not_replaced_by_a_plain_tensor() -> None:
    model = nn.Linear(2, 1)
    for value in (wb.zeros((1, 2)), np.zeros((1, 2))):
        with pytest.raises(TypeMismatch, match=r"Linear.weight is a Parameter"):
            model.weight = value  # type: ignore[assignment]
    model.weight = nn.Parameter(np.zeros((1, 2)))
    assert model.weight.dtype.name == "float64"


def test_what_modules_refuse() -> None:
    with pytest.raises(NotSupported, match="Module has no forward"):
        nn.Module()(1.0)
    with pytest.raises(NotDifferentiable, match=r"only floats are learnt, not int64"):
        nn.Parameter([1, 2])
    model = nn.Linear(2, 1)
    with pytest.raises(TypeMismatch, match=r"Linear.weight exists already"):
        model.register_buffer("weight", np.zeros(1))
    with pytest.raises(TypeMismatch, match="cannot be the name"):
        model.register_buffer("a.b", np.zeros(1))


def test_what_containers_refuse() -> None:
    with pytest.raises(TypeMismatch, match=r"ReLU is a class; write ReLU\(\)"):
        nn.Sequential(nn.ReLU)
    with pytest.raises(TypeMismatch, match="layers are modules, not function"):
        nn.Sequential(wb.relu)
    with pytest.raises(TypeMismatch, match="with a star"):
        nn.Sequential([nn.ReLU()])
    with pytest.raises(TypeMismatch, match="a layer cannot be called 'train'"):
        nn.Sequential({"train": nn.ReLU()})
    with pytest.raises(TypeMismatch, match=r"a layer cannot be called 'a\.b'"):
        nn.Sequential({"a.b": nn.ReLU()})
    with pytest.raises(wb.errors.OutOfRange, match="layer 2 of 1"):
        nn.ModuleList([nn.ReLU()])[2]
    with pytest.raises(TypeMismatch, match="layers are modules"):
        nn.Sequential(nn.ReLU())[0] = 3  # type: ignore[assignment]


def test_containers_are_lists() -> None:
    layers = [nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)]
    model = nn.Sequential(*layers)
    assert list(model) == layers
    assert model[-1] is layers[2]
    assert list(model[:2]) == layers[:2]
    assert list(nn.ModuleList(layers)[1:]) == layers[1:]
    assert len(nn.ModuleList(layers).extend([nn.ReLU()])) == 4
    model[1] = nn.Tanh()
    assert isinstance(model[1], nn.Tanh)
    named: Any = nn.Sequential({"a": layers[0], "b": layers[1]})
    assert named.a is layers[0]
    assert named[1:].b is layers[1]


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


def test_a_gradient_for_each_sample() -> None:
    model, x = nn.Linear(2, 1, dtype="float64"), np.random.default_rng(0).normal(size=(4, 2))
    each = wb.vmap(wb.grad(loss_of), in_axes=(None, 0))(model, x)
    assert each.weight.shape == (4, 1, 2)
    whole = wb.grad(loss_of)(model, x)
    np.testing.assert_allclose(each.weight.numpy().sum(0), whole.weight.numpy(), rtol=1e-12)
