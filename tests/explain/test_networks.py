"""Whole networks: modules, shares, folding, routes, neurons, matrix form."""

import re
import time
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wingbeat as wb
from tests.explain.latex_reader import read_latex
from tests.explain.networks import Transformer, mean_square, transformer
from wingbeat import nn
from wingbeat.errors import BadInput, NotSupported
from wingbeat.explain.fold import folded, inside, runs
from wingbeat.explain.layout import arranged, layered
from wingbeat.explain.model import Group


@pytest.fixture(scope="module")
def deep() -> wb.explain.Explanation:
    return transformer(12)


def engine(model: Any, x: Any) -> dict[str, Any]:
    """The gradients that `wb.grad` gives, by name."""
    return {f"model.{n}": g.numpy() for n, g in wb.grad(mean_square)(model, x).named_parameters()}


# --- steps, modules, shares ------------------------------------------------------------------


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


# --- folding ---------------------------------------------------------------------------------


def test_repeated_blocks_are_one_box(deep: wb.explain.Explanation) -> None:
    boxes = {box.name: box for box in deep.folded().boxes}
    block = boxes["model.blocks.0 … model.blocks.11"]
    assert (block.kind, block.times) == ("Block", 12)
    assert len(boxes) < 10
    assert "× 12" in deep.svg()
    within = inside(deep.model, block)
    assert {"model.blocks.0.ln1", "model.blocks.0.mlp.0"} <= {b.name for b in within.boxes}
    rows = [" ".join(row.split()) for row in deep.text().splitlines()]
    assert any(row.startswith("blocks.0 … ") for row in rows)
    assert "blocks.11 × 12" in " ".join(rows)


def test_a_loop_without_modules_is_folded_too() -> None:
    def f(x: wb.Tensor) -> wb.Tensor:
        for _ in range(1000):
            x = wb.sin(x) + 0.1 * x
        return x

    begin = time.perf_counter()
    e = wb.explain(f)(0.3)
    svg = e.svg()
    assert len(e.steps) == 3001
    assert "× 1000" in svg
    assert len(e.folded().boxes) == 2
    assert time.perf_counter() - begin < 20  # about 1 s


def test_what_has_no_structure_is_cut_into_stretches() -> None:
    draw = np.random.default_rng(0)
    names, text = ["x"], []
    for k in range(300):
        f = draw.choice(["sin({})", "{}*0.5", "cos({})+1", "tanh({})", "{0}*{0}"])
        text.append(f"v{k}={f.format(draw.choice(names[-5:]))}")
        names.append(f"v{k}")
    e = wb.explain("; ".join(text), x=0.5)
    boxes = e.folded().boxes
    assert len(boxes) <= 61
    assert sorted(name for box in boxes for name in box.steps) == sorted(s.name for s in e.steps)


@given(st.lists(st.integers(0, 2), max_size=40))
def test_runs_are_the_sequence(signs: list[int]) -> None:
    place = 0
    for start, period, times in runs(signs):
        assert start == place
        assert signs[start : start + period * times] == signs[start : start + period] * times
        place += period * times
    assert place == len(signs)


def test_every_edge_between_boxes_is_drawn(deep: wb.explain.Explanation) -> None:
    graph = folded(deep.model, 40)
    home = {name: box.name for box in graph.boxes for name in box.steps}
    expected = {(home[e.source], home[e.target]) for e in deep.edges}
    assert {(k.source, k.target) for k in graph.links} == {p for p in expected if p[0] != p[1]}


# --- layout ----------------------------------------------------------------------------------


def test_layout_is_fast_and_the_same_each_time() -> None:
    draw = np.random.default_rng(0)
    names = [f"n{k}" for k in range(10_000)]
    pairs = [
        (names[max(0, k - int(draw.integers(1, 9)))], names[k])
        for k in range(1, 10_000)
        for _ in range(2)
    ]
    begin = time.perf_counter()
    layout = arranged(names, pairs)
    assert time.perf_counter() - begin < 10  # about 0.5 s
    assert len(set(layout.nodes.values())) == len(names)
    assert arranged(names, pairs) == layout


def test_layout_is_stable_under_small_changes(deep: wb.explain.Explanation) -> None:
    names = [s.name for s in deep.steps]
    pairs = [(e.source, e.target) for e in deep.edges]
    before = arranged(names, pairs)
    after = arranged([*names, "one more"], [*pairs, (deep.model.result, "one more")])
    kept = sum(before.nodes[n] == after.nodes[n] for n in names)
    assert kept == len(names)


@pytest.mark.parametrize("left_out", ["blocks.5.ln1.bias", "blocks.0.attention.q.weight"])
def test_layout_without_one_node_is_nearly_the_same(
    deep: wb.explain.Explanation, left_out: str
) -> None:
    before = layered(deep.model)
    names = [s.name for s in deep.steps if s.name != f"model.{left_out}"]
    known = set(names)
    pairs = [(e.source, e.target) for e in deep.edges if {e.source, e.target} <= known]
    after = arranged(names, pairs)
    assert sum(before.nodes[n][0] != after.nodes[n][0] for n in names) <= 1
    rows: dict[float, list[str]] = {}
    for name in names:
        rows.setdefault(before.nodes[name][0], []).append(name)
    orders = [
        (before.nodes[a][1] < before.nodes[b][1]) == (after.nodes[a][1] < after.nodes[b][1])
        for row in rows.values()
        for a, b in combinations(row, 2)
    ]
    assert sum(orders) > 0.98 * len(orders)


def test_an_edge_against_the_order_does_no_harm() -> None:
    layout = arranged(["a", "b"], [("a", "b"), ("b", "a")])
    assert layout.nodes["a"] != layout.nodes["b"]


# --- routes ----------------------------------------------------------------------------------


# MISSION A4: the gradient as a sum over ways, with tensors
@pytest.mark.parametrize("by_count", [False, True])
def test_routes_sum_to_the_gradient(by_count: bool) -> None:
    e = transformer(2)
    routes = e.routes("x", by_count)
    assert len(routes.modules) == 4
    assert len(routes) == (5 if by_count else 16)
    total = sum(route.contribution for route in routes)
    np.testing.assert_allclose(total, e.gradient("x"), rtol=1e-4, atol=1e-6)
    assert sum(route.share or 0.0 for route in routes) == pytest.approx(1.0, abs=1e-5)


def test_the_route_that_crosses_nothing_is_the_head_alone() -> None:
    model, x = Transformer(1), np.random.default_rng(0).normal(size=(1, 2, 8)).astype("float32")
    e = wb.explain(mean_square)(model, x)
    (skipping,) = (route for route in e.routes("x") if not route.crossed)
    head = e.step("model.head").gradient @ np.asarray(model.head.weight.numpy())
    np.testing.assert_allclose(skipping.contribution, head, rtol=1e-5, atol=1e-7)


def test_routes_of_scalars_are_the_paths() -> None:
    class Twice(nn.Module):
        def forward(self, x: Any) -> Any:
            return 2.0 * x

    e = wb.explain(lambda m, x: x + m(x))(Twice(), 3.0)
    assert [(r.crossed, float(r.contribution)) for r in e.routes("x")] == [(("m",), 2.0), ((), 1.0)]
    with pytest.raises(BadInput, match="nothing is called q"):
        e.routes("q")


def test_routes_say_when_nothing_can_be_skipped() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1))
    e = wb.explain(mean_square)(model, np.ones((3, 2), "float32"))
    assert e.routes("x").modules == ()
    assert "no path skips any" in e.routes("x").text()


# --- neurons ---------------------------------------------------------------------------------


# MISSION B3: the output error sent back along every link, neuron by neuron
@pytest.mark.parametrize("sizes", [(2, 3, 2, 1), (2, 4, 2, 1)])
def test_blame_of_neurons_and_links(sizes: tuple[int, ...]) -> None:
    draw = np.random.default_rng(3).normal
    weights = [draw(size=(m, n)) for n, m in pairwise(sizes)]
    biases = [draw(size=m) for m in sizes[1:]]
    x, z = draw(size=sizes[0]), 0.3

    def network(w: Any, b: Any, x: Any) -> Any:
        y = x
        for wk, bk in zip(w, b, strict=True):
            y = wb.sigmoid(y @ wk.T + bk)
        return wb.sum((y - z) ** 2) / 2

    e = wb.explain(network)(weights, biases, x[None])
    layers = e.neurons().layers
    assert [layer.weight.shape for layer in layers] == list(pairwise(sizes))

    # By hand, as the text says it: forward, then the error back along every link.
    ys: list[Any] = [x]
    es: list[Any] = []
    for w, b in zip(weights, biases, strict=True):
        es.append(
            [sum(w[j, i] * ys[-1][i] for i in range(len(ys[-1]))) + b[j] for j in range(len(b))]
        )
        ys.append([1 / (1 + np.exp(-v)) for v in es[-1]])
    blame = [[ys[-1][0] - z]]
    for w, y in zip(weights[:0:-1], ys[-1:1:-1], strict=True):
        above = [d * v * (1 - v) for d, v in zip(blame[0], y, strict=True)]
        blame.insert(0, [sum(np.multiply(w[:, i], above)) for i in range(w.shape[1])])
    for k, layer in enumerate(layers):
        slope = [v * (1 - v) for v in ys[k + 1]]
        np.testing.assert_allclose(layer.e, es[k], rtol=1e-12)
        np.testing.assert_allclose(layer.y, ys[k + 1], rtol=1e-12)
        np.testing.assert_allclose(layer.slope, slope, rtol=1e-12)
        np.testing.assert_allclose(layer.blame, blame[k], rtol=1e-12)
        gradient = np.outer(ys[k], np.multiply(blame[k], slope))
        np.testing.assert_allclose(layer.weight_gradient, gradient, rtol=1e-12)
        np.testing.assert_allclose(layer.weight_gradient.T, e.gradient(f"w[{k}]"), rtol=1e-12)
        if k:
            np.testing.assert_allclose(layer.sent.sum(axis=1), layers[k - 1].blame, rtol=1e-12)
    text = e.neurons().text()
    assert f"neuron {sizes[1]}" in text
    assert f"{layers[0].blame[0]:.5g}" in text


def test_neurons_of_a_module_and_of_one_sample() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    x = np.random.default_rng(0).normal(size=(5, 2)).astype("float32")
    e = wb.explain(lambda model, x: wb.sum(model(x) ** 2))(model, x)
    total = np.sum([e.neurons(k).layers[0].weight_gradient for k in range(5)], axis=0)
    np.testing.assert_allclose(total.T, e.gradient("model.0.weight"), rtol=1e-5)
    with pytest.raises(BadInput, match="no sample 5 among 5"):
        e.neurons(5)
    with pytest.raises(NotSupported, match="no layer"):
        wb.explain("z=x*x", x=3).neurons()


def _logistic(e: Any) -> Any:
    return 1 / (1 + wb.exp(-e))


# What a neuron puts out is what the next layer takes in, however its function is written.
@pytest.mark.parametrize(
    "f",
    [_logistic, wb.gelu, wb.silu, lambda e: wb.maximum(e, 0.0)],
    ids=["logistic", "gelu", "silu", "maximum"],
)
def test_blame_is_what_links_send_back_for_functions_of_many_operations(f: Any) -> None:
    draw = np.random.default_rng(5).normal
    w, x = [draw(size=s) for s in ((2, 4), (4, 3), (3, 1))], draw(size=(1, 2))
    e = wb.explain(lambda w, x: wb.sum(f(f(x @ w[0]) @ w[1]) @ w[2]))(w, x)
    layers = e.neurons().layers
    for below, above in pairwise(layers):
        np.testing.assert_allclose(below.y, above.x)
        np.testing.assert_allclose(below.y, f(below.e), rtol=1e-12)
        np.testing.assert_allclose(below.blame, above.sent.sum(axis=1), rtol=1e-12)
        np.testing.assert_allclose(below.delta, below.blame * below.slope, rtol=1e-12)
    assert "on other ways too" not in e.neurons().text()


# MISSION B2: thresholds are taken off what a neuron gathers
def test_neurons_with_thresholds() -> None:
    draw = np.random.default_rng(6).normal
    v, gamma, w, theta = draw(size=(3, 4)), draw(size=4), draw(size=(4, 2)), draw(size=2)

    def error(v: Any, gamma: Any, w: Any, theta: Any) -> Any:
        yhat = wb.sigmoid(wb.sigmoid(np.ones(3) @ v - gamma) @ w - theta)
        return wb.sum((yhat - 1.0) ** 2) / 2

    first, last = wb.explain(error)(v, gamma, w, theta).neurons().layers
    b = 1 / (1 + np.exp(gamma - v.sum(axis=0)))
    yhat = 1 / (1 + np.exp(theta - b @ w))
    np.testing.assert_allclose(last.y, yhat)
    np.testing.assert_allclose(last.blame, yhat - 1)
    np.testing.assert_allclose(first.blame, w @ ((yhat - 1) * yhat * (1 - yhat)))
    np.testing.assert_allclose(first.slope, b * (1 - b))


def test_an_error_is_no_threshold() -> None:
    w, x, z = np.ones((2, 1)), np.ones((1, 2)), np.full((1, 1), 0.5)
    (layer,) = wb.explain(lambda w: wb.sum((x @ w - z) ** 2))(w).neurons().layers
    np.testing.assert_allclose([layer.e, layer.y, layer.blame], [[2.0], [2.0], [3.0]])


def test_neurons_whose_blame_comes_on_other_ways_too_are_told() -> None:
    def network(w: Any, x: Any) -> Any:
        h = wb.tanh(x @ w[0])
        return wb.sum((h + wb.tanh(h @ w[1])) @ w[2])

    draw = np.random.default_rng(7).normal
    w = [draw(size=s) for s in ((2, 3), (3, 3), (3, 1))]
    neurons = wb.explain(network)(w, draw(size=(1, 2))).neurons()
    assert not neurons.links_are_all
    assert "on other ways too" in neurons.text()


# --- matrix form -----------------------------------------------------------------------------


def two_layers(W1: Any, b1: Any, W2: Any, X: Any, y: Any) -> Any:
    H = wb.sigmoid(X @ W1 + b1)
    Yhat = H @ W2
    L = wb.mean((Yhat - y) ** 2)
    return L


def values(seed: int) -> tuple[Any, ...]:
    draw = np.random.default_rng(seed).normal
    return tuple(draw(size=s) for s in ((2, 3), (3,), (3, 2), (4, 2), (4, 2)))


# MISSION B5: matrix form, equal to the engine's gradients
@settings(max_examples=10)
@given(st.integers(0, 1000))
def test_matrix_form_is_read_back(seed: int) -> None:
    given_ = values(seed)
    e = wb.explain(two_layers, wrt=["W1", "b1", "W2"])(*given_)
    names: dict[str, Any] = {s.name: s.value for s in e.steps if s.value is not None}
    names |= {f"d{s.name}": s.gradient for s in e.steps if s.gradient is not None}
    names |= {"sum": lambda v: v.sum(axis=0)}
    lines = e.matrix_form().splitlines()[1:]
    assert [line.split("=")[0].strip() for line in lines] == [
        "dL/dL", "dL/dYhat", "dL/dH", "dL/dW2", "dL/db1", "dL/dW1"
    ]  # fmt: skip
    for line in lines:
        left, right = line.split(" = ")
        found = eval(re.sub(r"([\w)]+)'", r"\1.T", right), {}, names)
        np.testing.assert_allclose(found, e.gradient(left.strip().split("/d")[1]), rtol=1e-9)


# MISSION B5
def test_matrix_form_of_a_layer() -> None:
    e = wb.explain(two_layers, wrt=["W1"])(*values(0))
    assert e.matrix_form("W1").splitlines()[-1].split(" = ")[1] == "X' @ (dH*H*(1 - H))"
    latex = e.matrix_form("W1", "latex")
    assert r"X^{\top} \, \left(\frac{\partial L}{\partial H} \odot H" in latex


def python_of(latex: str) -> str:
    """The LaTeX of a product of matrices as Python: what the notation says, and no more."""
    if latex.startswith(r"\sum "):
        return f"({python_of(latex.removeprefix(chr(92) + 'sum '))}).sum(axis=0)"
    for pattern, instead in (
        (r"\\hat\{(\w)\}", r"\1hat"),
        (r"(\w)_\{(\d)\}", r"\1\2"),
        (r"\\frac\{\\partial L\}\{\\partial (\w+)\}", r"d\1"),
        (r"\^\{\\top\}", ".T"),
        (r"\\,", "@"),
        (r"\\odot|\\cdot", "*"),
        (r"\\left|\\right", ""),
    ):
        latex = re.sub(pattern, instead, latex)
    assert "\\" not in latex, latex
    return latex


def test_matrix_form_of_numbers_of_two_dtypes() -> None:
    e = wb.explain(lambda x: x.astype("float32") * 2)(wb.asarray(1.5))
    assert e.matrix_form().splitlines()[-1].endswith("= 2")


# MISSION B5
def test_matrix_form_in_latex_is_read_back() -> None:
    e = wb.explain(two_layers, wrt=["W1", "b1", "W2"])(*values(1))
    names = {s.name: s.value for s in e.steps if s.value is not None}
    names |= {f"d{s.name}": s.gradient for s in e.steps if s.gradient is not None}
    lines = e.matrix_form(form="latex").splitlines()[1:-1]
    assert len(lines) == 6
    for line in lines:
        left, right = line.removesuffix(r" \\").split(" &= ")
        found = eval(python_of(right.rpartition(" = ")[0]), {}, names)
        expected = names[python_of(left).removeprefix("dL/")]
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_latex_of_a_step_is_read_back() -> None:
    e = wb.explain("y=sigmoid(x)*w; z=y*y", x=0.3, w=2)
    step = e.step("y")
    found = read_latex(step.latex, {"x": 0.3, "w": 2.0})
    assert float(found) == pytest.approx(e.value("y"), rel=1e-12)


def test_groups_can_be_walked() -> None:
    tree = Group("", "", ("a", Group("m", "Linear", ("b", "c")), "d"))
    assert tree.steps() == ["a", "b", "c", "d"]
    assert [g.name for g in tree.groups()] == ["m"]


def test_what_a_function_closes_over_may_contain_itself() -> None:
    endless: list[Any] = [nn.Linear(2, 1)]
    endless.append(endless)
    e = wb.explain(lambda x: wb.sum(endless[0](x)))(np.ones((1, 2), "float32"))
    assert e.step("endless[0].weight").gradient is not None


def test_ten_thousand_steps_in_seconds() -> None:
    def recurrent(w: Any, u: Any, x: Any) -> Any:
        h = wb.zeros((1, 3))
        for _ in range(2500):
            h = wb.tanh(h @ w + x @ u)
        return wb.sum(h)

    w = np.random.default_rng(0).normal(size=(3, 3)) * 0.4
    begin = time.perf_counter()
    e = wb.explain(recurrent, detail="all")(w, w, np.ones((1, 3)))
    assert len(e.steps) > 7500
    assert len(e.svg()) < 20_000
    assert "× " in e.svg()
    assert len(e.html()) < 3_000_000
    assert time.perf_counter() - begin < 60  # about 6 s
