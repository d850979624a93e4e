"""Whole networks: the steps of modules, their gradients, the shares of edges."""

from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from tests.explain.networks import Transformer, mean_square, transformer
from wingbeat import nn
from wingbeat.explain.model import Group


@pytest.fixture(scope="module")
def deep() -> wb.explain.Explanation:
    return transformer(12)


def engine(model: Any, x: Any) -> dict[str, Any]:
    """The gradients that `wb.grad` gives, by name."""
    return {f"model.{n}": g.numpy() for n, g in wb.grad(mean_square)(model, x).named_parameters()}


# MISSION A1: the gradients on the nodes are the engine's
def test_gradients_of_a_network_are_the_engines() -> None:
    model, x = Transformer(2), np.random.default_rng(1).normal(size=(2, 3, 8)).astype("float32")
    e = wb.explain(mean_square)(model, x)
    expected = engine(model, x)
    assert len(expected) > 30
    for name, g in expected.items():
        np.testing.assert_allclose(e.gradient(name), g, rtol=2e-5, atol=1e-7)


def test_shares_and_contributions_sum_to_the_gradient(deep: wb.explain.Explanation) -> None:
    sums: dict[str, Any] = {}
    shares: dict[str, float] = {}
    for edge in deep.edges:
        if edge.share is not None:
            sums[edge.source] = sums.get(edge.source, 0.0) + np.asarray(edge.contribution, float)
            shares[edge.source] = shares.get(edge.source, 0.0) + edge.share
    assert len(shares) > 300
    assert max(abs(total - 1.0) for total in shares.values()) < 1e-5
    for name, total in sums.items():
        np.testing.assert_allclose(total, deep.gradient(name), rtol=1e-4, atol=1e-7)


def test_the_tree_holds_every_step_once_in_its_module(deep: wb.explain.Explanation) -> None:
    assert sorted(deep.model.tree.steps()) == sorted(s.name for s in deep.steps)
    (model,) = deep.model.tree.groups()
    assert [g.name for g in model.groups()] == [
        *(f"model.blocks.{k}" for k in range(12)),
        "model.head",
    ]
    assert [g.name.rpartition(".")[2] for g in model.groups()[3].groups()] == [
        "ln1", "attention", "ln2", "mlp"
    ]  # fmt: skip


def test_modules_that_a_function_closes_over_have_their_names() -> None:
    layer, x = nn.Linear(3, 2), np.ones((4, 3), "float32")
    e = wb.explain(lambda x: wb.sum(layer(x) + layer(2 * x)))(x)
    assert [g.name for g in e.model.tree.groups()] == ["layer", "layer(2)"]
    assert {"layer.weight", "layer.bias"} <= {s.name for s in e.steps}
    np.testing.assert_allclose(e.gradient("layer.bias"), [8, 8])


def test_a_module_can_be_what_is_explained() -> None:
    model = nn.Sequential(nn.Linear(2, 1), nn.Flatten(0)) if hasattr(nn, "Flatten") else None
    layer = model if model is not None else nn.Linear(2, 1)
    e = wb.explain(layer, cotangent=np.ones(wb.asarray(layer(np.ones((1, 2)))).shape))(
        np.ones((1, 2), "float32")
    )
    assert any(s.name.startswith("model") for s in e.steps)


def test_a_module_that_raises_leaves_nothing_behind() -> None:
    class Broken(nn.Module):
        def forward(self, x: Any) -> Any:
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        wb.explain(lambda m, x: m(x))(Broken(), 1.0)
    assert wb.explain("z=x*x", x=3).gradient("x") == 6


def test_groups_can_be_walked() -> None:
    tree = Group("", "", ("a", Group("m", "Linear", ("b", "c")), "d"))
    assert tree.steps() == ["a", "b", "c", "d"]
    assert [g.name for g in tree.groups()] == ["m"]


def test_what_a_function_closes_over_may_contain_itself() -> None:
    endless: list[Any] = [nn.Linear(2, 1)]
    endless.append(endless)
    e = wb.explain(lambda x: wb.sum(endless[0](x)))(np.ones((1, 2), "float32"))
    assert e.step("endless[0].weight").gradient is not None
