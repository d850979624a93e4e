"""Networks neuron by neuron: blame, links, thresholds."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from tests.explain.test_two_layer_sigmoid import EXAMPLE
from wingbeat import nn
from wingbeat.errors import BadInput, NotSupported


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


WRITTEN: dict[str, tuple[Any, Any]] = {
    "logistic": (lambda e: 1 / (1 + wb.exp(-e)), wb.sigmoid),
    "logistic by a power": (lambda e: (wb.exp(-e) + 1.0) ** -1, wb.sigmoid),
    "logistic of exp": (lambda e: wb.exp(e) / (1 + wb.exp(e)), wb.sigmoid),
    "logistic by tanh": (lambda e: 0.5 * (1 + wb.tanh(e / 2)), wb.sigmoid),
    "tanh": (lambda e: (wb.exp(e) - wb.exp(-e)) / (wb.exp(e) + wb.exp(-e)), wb.tanh),
    "relu": (lambda e: wb.where(e > 0, e, 0.0), wb.relu),
    "silu": (lambda e: e / (1 + wb.exp(-e)), wb.silu),
}


# MISSION B2: the last layer's function is found however it is written
@pytest.mark.parametrize("how", WRITTEN)
@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 1e-4), ("float64", 1e-10)])
def test_the_function_of_the_last_layer_is_known_by_what_it_does(
    how: str, dtype: str, rtol: float
) -> None:
    draw = np.random.default_rng(8).normal
    v, gamma, w, theta = (draw(size=s).astype(dtype) for s in ((3, 4), 4, (4, 2), 2))
    x = np.ones(3, dtype)

    def layers(f: Any) -> Any:
        def error(v: Any, gamma: Any, w: Any, theta: Any) -> Any:
            return wb.sum((f(f(x @ v - gamma) @ w - theta) - 1) ** 2) / 2

        return wb.explain(error)(v, gamma, w, theta).neurons().layers

    written, named = WRITTEN[how]
    for one, other in zip(layers(written), layers(named), strict=True):
        for part in ("x", "weight", "e", "y", "slope", "blame", "delta"):
            found, wanted = getattr(one, part), getattr(other, part)
            np.testing.assert_allclose(found, wanted, rtol=rtol, atol=rtol, err_msg=part)


@pytest.mark.parametrize(
    "f",
    [lambda e: wb.exp(-e) + 1, lambda e: e * 2, lambda e: 1 / (2 + wb.exp(-e)), lambda e: -e],
    ids=["exp", "twice", "another", "minus"],
)
def test_what_is_no_activation_function_stays_with_the_error(f: Any) -> None:
    w, x = np.ones((2, 1)), np.ones((1, 2))
    (layer,) = wb.explain(lambda w: wb.sum(f(x @ w)))(w).neurons().layers
    np.testing.assert_allclose([layer.e, layer.y, layer.slope], [[2.0], [2.0], [1.0]])


def test_what_is_read_past_a_function_is_no_output() -> None:
    w, x = np.ones((2, 1)), np.ones((1, 2))

    def error(w: Any) -> Any:
        e = x @ w
        return wb.sum(1 / (1 + wb.exp(-e)) + 3 * e)

    (layer,) = wb.explain(error)(w).neurons().layers
    np.testing.assert_allclose(layer.y, layer.e)


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


# --- written one by one --------------------------------------------------------------------------


# MISSION B2, B3: neurons of a graph of single numbers
def test_neurons_that_are_written_one_by_one() -> None:
    numbers = EXAMPLE.values(0, 2, 3, 2)
    e = wb.explain(EXAMPLE.expression(2, 3, 2), **numbers)
    first, last = e.neurons().layers
    assert [first.name, first.source, last.name, last.source] == ["v", "input", "w", "neuron"]
    assert (first.weight.shape, last.weight.shape) == ((2, 3), (3, 2))
    assert e.neurons().links_are_all
    for h in range(3):
        for i in range(2):
            g = e.gradient(f"v_{i + 1}{h + 1}")
            assert first.weight_gradient[i, h] == pytest.approx(g, rel=1e-12)
        for j in range(2):
            assert last.weight[h, j] == numbers[f"w_{h + 1}{j + 1}"]
            g = e.gradient(f"w_{h + 1}{j + 1}")
            assert last.weight_gradient[h, j] == pytest.approx(g, rel=1e-12)
        assert first.blame[h] == pytest.approx(e.gradient(f"b_{h + 1}"), rel=1e-12)
        assert first.delta[h] == pytest.approx(-e.gradient(f"gamma_{h + 1}"), rel=1e-12)
    for j in range(2):  # by hand: (yhat - y) yhat (1 - yhat)
        yhat = e.value(f"yhat_{j + 1}")
        g = (yhat - numbers[f"y_{j + 1}"]) * yhat * (1 - yhat)
        assert last.delta[j] == pytest.approx(g, rel=1e-12)
    with pytest.raises(BadInput, match="no sample 1 among 1"):
        e.neurons(1)
    assert "Layer w" in e.html()


def test_functions_that_are_written_out_one_by_one() -> None:
    def layers(f: str) -> Any:
        text = "; ".join(
            f"{y}={f.replace('#', f'({e})')}"
            for y, e in (
                ("b_1", "v_11*x_1+v_21*x_2-g_1"),
                ("b_2", "v_12*x_1+v_22*x_2-g_2"),
                ("y_1", "w_11*b_1+w_21*b_2-h_1"),
            )
        )
        names = [
            "v_11",
            "v_21",
            "v_12",
            "v_22",
            "x_1",
            "x_2",
            "g_1",
            "g_2",
            "w_11",
            "w_21",
            "h_1",
            "t",
        ]
        values = dict(zip(names, np.linspace(-0.5, 0.7, len(names)), strict=True))
        return wb.explain(f"{text}; E=(y_1-t)**2/2", **values).neurons().layers

    written = layers("1/(1+exp(-#))")
    assert [layer.weight.shape for layer in written] == [(2, 2), (2, 1)]
    for one, other in zip(written, layers("sigmoid(#)"), strict=True):
        for part in ("x", "weight", "e", "y", "slope", "blame", "delta"):
            np.testing.assert_allclose(getattr(one, part), getattr(other, part), rtol=1e-10)


def test_one_neuron_by_hand() -> None:
    e = wb.explain("a=w1*x1+w2*x2+b; y=tanh(a); z=3*y", w1=0.5, x1=2, w2=-1, x2=0.25, b=0.1)
    (layer,) = e.neurons().layers
    slope = 1 - np.tanh(0.85) ** 2
    np.testing.assert_allclose(
        [layer.e[0], layer.y[0], layer.slope[0], layer.blame[0], layer.delta[0]],
        [0.85, np.tanh(0.85), slope, 3.0, 3.0 * slope],
    )
    np.testing.assert_allclose(layer.x, [2, 0.25])
    np.testing.assert_allclose(layer.weight[:, 0], [0.5, -1])


@pytest.mark.parametrize(
    "text",
    [
        "x=2*w+b; y=b+1; z=x*y",
        "z=w*x+u*v",  # no function follows
        "z=sin(w*x)",  # one product
        "z=tanh(w*x+w*y)",  # a weight of two links is none
        "z=tanh(w*x-u*y)",
        "z=tanh(w*x+u*y+sin(x))",
        "z=-(w*x+u*y)",
    ],
)
def test_formulas_that_are_no_neurons(text: str) -> None:
    e = wb.explain(text, **dict.fromkeys(wb.explain.parse(text).inputs, 0.5))
    with pytest.raises(NotSupported, match="no neuron"):
        e.neurons()
    assert "blame" not in e.html()
