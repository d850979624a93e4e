"""Modules are trees: gradients, maps and batches of them."""

import numpy as np

import wingbeat as wb
from tests.nn.modules import NAMES, Mixed, Pair, array, loss_of
from wingbeat import nn


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


def test_a_gradient_for_each_sample() -> None:
    model, x = nn.Linear(2, 1, dtype="float64"), np.random.default_rng(0).normal(size=(4, 2))
    each = wb.vmap(wb.grad(loss_of), in_axes=(None, 0))(model, x)
    assert each.weight.shape == (4, 1, 2)
    whole = wb.grad(loss_of)(model, x)
    np.testing.assert_allclose(each.weight.numpy().sum(0), whole.weight.numpy(), rtol=1e-12)
