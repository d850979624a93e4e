"""A chain of layers: derivatives by hand, the matrix form, what is left without activations."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wingbeat as wb
from wingbeat import nn
from wingbeat.errors import OutOfRange, TypeMismatch


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


RNG = np.random.default_rng(3)
X, T = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 2))


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(3, 5, dtype="float64"),
        nn.Sigmoid(),
        nn.Linear(5, 2, dtype="float64"),
        nn.Sigmoid(),
    )


# MISSION B1
def test_the_chain_by_hand_in_numbers() -> None:
    """x1 = 2 -> x2 = 3 x1 + 1 = 7 -> x3 = x2^2 = 49 -> z = x3 / 7."""
    line = nn.Linear(1, 1, dtype="float64")
    line.load_state_dict({"weight": [[3.0]], "bias": [1.0]})
    r = nn.record([line, wb.square], [[2.0]], lambda y: y.sum() / 7)
    assert (r.z.item(), r.dy.item()) == (7.0, 1 / 7)
    assert (r[1].x.item(), r[1].y.item(), r[1].dx.item()) == (7.0, 49.0, 2.0)  # type: ignore[union-attr]
    assert (r[0].x.item(), r[0].y.item(), r[0].dx.item()) == (2.0, 7.0, 6.0)  # type: ignore[union-attr]
    assert {k: g.tolist() for k, g in r[0].dw.items()} == {"weight": [[4.0]], "bias": [2.0]}


# MISSION B1
def test_the_chain_by_hand_in_matrices() -> None:
    model = network()
    r = nn.record(model, X, nn.HalfMSE(), T)
    w1, b1, w2, b2 = (p.numpy() for p in model.parameters())
    a = X @ w1.T + b1
    h = sigmoid(a)
    e = h @ w2.T + b2
    y = sigmoid(e)
    dy = (y - T) / 4
    de = dy * y * (1 - y)
    dh = de @ w2
    da = dh * h * (1 - h)
    assert [len(r), [one.name for one in r]] == [4, ["0", "1", "2", "3"]]
    for one, x, out, dx in zip(r, (X, a, h, e), (a, h, e, y), (da @ w1, da, dh, de), strict=True):
        np.testing.assert_allclose(one.x.numpy(), x, rtol=1e-12)
        np.testing.assert_allclose(one.y.numpy(), out, rtol=1e-12)
        np.testing.assert_allclose(np.asarray(one.dx), dx, rtol=1e-12)
    np.testing.assert_allclose(r.dy.numpy(), dy, rtol=1e-12)
    np.testing.assert_allclose(r[0].dw["weight"].numpy(), da.T @ X, rtol=1e-12)
    np.testing.assert_allclose(r["2"].dw["weight"].numpy(), de.T @ h, rtol=1e-12)
    np.testing.assert_allclose(r["2"].dw["bias"].numpy(), de.sum(0), rtol=1e-12)
    assert r[1].dw == {}


# MISSION B1
def test_the_record_equals_backward() -> None:
    layers = nn.Flatten(), nn.Linear(6, 4), nn.LayerNorm(4), nn.GELU(), nn.Linear(4, 1)
    model = nn.Sequential(*layers)
    x = wb.asarray(RNG.normal(size=(5, 2, 3)).astype("float32"), requires_grad=True)
    loss = (model(x) ** 2).mean()
    loss.backward()
    r = nn.record(model, x, lambda y: (y**2).mean())
    assert r.z.item() == pytest.approx(loss.item(), rel=1e-6)
    np.testing.assert_allclose(np.asarray(r[0].dx), np.asarray(x.grad), rtol=1e-4, atol=1e-7)
    for k, one in enumerate(r):
        for name, g in one.dw.items():
            expected = getattr(model[k], name).grad.numpy()
            np.testing.assert_allclose(g.numpy(), expected, rtol=1e-4, atol=1e-7)


def test_the_record_asks_each_layer_for_its_derivative_once() -> None:
    calls: list[str] = []

    class Counted(nn.Linear):
        def forward(self, x: Any) -> Any:
            calls.append("forward")
            return super().forward(x)

    nn.record([Counted(2, 2), Counted(2, 1)], np.ones((1, 2)), wb.sum)
    assert calls == ["forward", "forward"]


def test_nothing_comes_back_through_integers() -> None:
    model = nn.ModuleList([nn.Identity(), nn.Embedding(4, 2), nn.Flatten(), nn.Linear(4, 1)])
    r = nn.record(model, [[1, 2], [3, 3]], wb.sum)
    assert [one.dx is None for one in r] == [True, True, False, False]
    assert r[1].dw["weight"].numpy()[0].tolist() == [0, 0]
    assert r[1].dw["weight"].numpy()[1:].any()
    assert r[0].dw == {}


def test_the_record_is_readable() -> None:
    line = nn.Linear(1, 1, dtype="float64")
    line.load_state_dict({"weight": [[3.0]], "bias": [1.0]})
    r = nn.record(nn.Sequential({"line": line, "act": nn.ReLU()}), [[2.0]], wb.sum)
    assert str(r) == "\n".join(
        [
            "name  layer   x         |dz/dx|  |dz/dw|",
            "----  ------  --------  -------  ----------------",
            "line  Linear  f64[1,1]        3  weight 2, bias 1",
            "act   ReLU    f64[1,1]        1",
            "z             7               1",
        ]
    )
    assert r["act"].layer == "ReLU"
    with pytest.raises(OutOfRange, match="no layer is called 'relu'; there are line, act"):
        r["relu"]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: nn.record(nn.Linear(1, 1), [[1.0]]), "a Sequential or a list of layers"),
        (lambda: nn.record([], [[1.0]]), "a Sequential or a list of layers"),
        (lambda: nn.record([wb.exp], [1.0, 2.0]), "z must be a scalar, not f64.2."),
        (lambda: nn.record([wb.exp], 1.0, lambda y: (y, y)), "z must be a scalar, not tuple"),
        (lambda: nn.record([lambda x: (x, x)], 1.0), "layer 0 returned tuple, no tensor"),
    ],
)
def test_what_record_refuses(call: Any, text: str) -> None:
    with pytest.raises(TypeMismatch, match=text):
        call()


# MISSION B5
def test_the_matrix_form_equals_the_sums() -> None:
    """h = s(W1 x + b1), y = s(W2 h + b2): the gradients are outer products, equal to B2's sums."""
    model = network()
    x, t = X[0], T[0]
    (0.5 * ((model(x) - t) ** 2).sum()).backward()
    w1, b1, w2, b2 = (p.numpy() for p in model.parameters())
    h = sigmoid(w1 @ x + b1)
    y = sigmoid(w2 @ h + b2)
    g = y * (1 - y) * (y - t)
    e = h * (1 - h) * (w2.T @ g)
    literal = [
        [[e[i] * x[j] for j in range(3)] for i in range(5)],
        [e[i] for i in range(5)],
        [[g[i] * h[j] for j in range(5)] for i in range(2)],
        [g[i] for i in range(2)],
    ]
    outer = (np.outer(e, x), e, np.outer(g, h), g)
    for p, sums, matrix in zip(model.parameters(), literal, outer, strict=True):
        assert p.grad is not None
        np.testing.assert_allclose(p.grad.numpy(), sums, rtol=1e-12)
        np.testing.assert_allclose(p.grad.numpy(), matrix, rtol=1e-12)
    # Layer by layer: e_h = b_h (1 - b_h) sum_j g_j w_hj.
    loops = [h[k] * (1 - h[k]) * sum(g[j] * w2[j, k] for j in range(2)) for k in range(5)]
    np.testing.assert_allclose(e, loops, rtol=1e-12)


# MISSION B6
def test_three_linear_layers_are_one_by_hand() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 1)).to("float64")
    state = {
        "0.weight": [[1, 2], [3, 4]],
        "0.bias": [1, -1],
        "1.weight": [[0, 1], [2, 0]],
        "1.bias": [5, 0],
        "2.weight": [[1, -1]],
        "2.bias": [10],
    }
    model.load_state_dict(state)
    w, b = nn.collapse(model)
    # W3 W2 W1 = [1 -1][[3 4] [2 4]] = [1 0]; b: (1,-1) -> (4, 2) -> 2 + 10.
    assert w.tolist() == [[1.0, 0.0]]
    assert b.tolist() == [12.0]
    assert not w.requires_grad


# MISSION B6
@given(st.lists(st.integers(1, 5), min_size=2, max_size=5), st.booleans())
def test_the_collapsed_map_is_the_network(sizes: list[int], bias: bool) -> None:
    model = nn.Sequential(*(nn.Linear(i, o, bias, dtype="float64") for i, o in pairwise(sizes)))
    w, b = nn.collapse(nn.Sequential(model, nn.Identity()))
    x = np.random.default_rng(0).normal(size=(3, sizes[0]))
    np.testing.assert_allclose(
        (wb.asarray(x) @ w.T + b).numpy(), model(x).numpy(), rtol=1e-9, atol=1e-12
    )
    assert (w.shape, b.shape) == ((sizes[-1], sizes[0]), (sizes[-1],))


# MISSION B6
def test_with_an_activation_there_is_no_one_map() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2), nn.ReLU()))
    with pytest.raises(TypeMismatch, match=r"collapse: layer 1.1, ReLU\(\), is not linear"):
        nn.collapse(model)
    with pytest.raises(TypeMismatch, match=r"collapse: Tanh\(\), is not linear"):
        nn.collapse(nn.Tanh())
    with pytest.raises(TypeMismatch, match="no Linear layer"):
        nn.collapse(nn.Sequential())
    with pytest.raises(TypeMismatch, match="cannot follow a layer with 2 outputs"):
        nn.collapse([nn.Linear(3, 2), nn.Linear(4, 1)])
