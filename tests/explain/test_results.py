"""How every result prints: as text, in a notebook, and as a part of the whole page."""

import copy
import gc
import io
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import wingbeat as wb
from tests.explain.networks import transformer
from wingbeat import nn
from wingbeat.explain import Explanation
from wingbeat.explain._collector import no_collections
from wingbeat.explain._numbers import joules, norm, seconds
from wingbeat.explain.parts import PAGE, TERMINAL, Column, Detail, Grid, Heading, Paragraph
from wingbeat.explain.shown import Shown
from wingbeat.explain.words import Said, joined, say, within


def worked() -> Explanation:
    return wb.explain("x=2*w+b; y=b+1; z=x*y", w=3, b=4)


def residual() -> Explanation:
    layer = nn.Linear(3, 2)
    x = np.random.default_rng(0).normal(size=(4, 3))
    return wb.explain(lambda layer, x: wb.sum(wb.tanh(layer(x) + x[:, :2])))(layer, x)


RESULTS: dict[str, tuple[Callable[[], Any], str]] = {
    "closed": (lambda: worked().closed(), "dz/db = x + y"),
    "cost": (lambda: worked().cost(), "forward pass"),
    "layers": (lambda: residual().layers(), "Linear"),
    "modes": (lambda: worked().modes(), "reverse mode"),
    "neurons": (lambda: residual().neurons(), "neuron 2"),
    "paths": (lambda: worked().paths("b"), "b → x → z"),
    "routes": (lambda: residual().routes("x"), "none of them"),
    "sweeps": (lambda: worked().sweeps(), "dz/dw = dz/dx * dx/dw"),
    "solve": (
        lambda: wb.explain.solve("z=2*x", {"x": 1}, "z", 6, "x"),
        "missing to z = 6",
    ),
}


class Tables(HTMLParser):
    """Tables with their captions and the scopes of their heads."""

    def __init__(self) -> None:
        super().__init__()
        self.tables = self.captions = self.details = 0
        self.bare: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tables += tag == "table"
        self.captions += tag == "caption"
        self.details += tag == "details"
        if tag == "th" and dict(attrs).get("scope") not in ("row", "col"):
            self.bare.append(str(attrs))


def tables_of(html: str) -> Tables:
    reader = Tables()
    reader.feed(html)
    return reader


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_prints(name: str) -> None:
    make, expected = RESULTS[name]
    result = make()
    assert isinstance(result, Shown)
    assert expected in result.text()
    assert expected in repr(result)
    assert result.text().strip() in str(result)
    assert not re.search(r"array\(|\w+\(\w+=", repr(result))  # no fields of Python objects
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(result)
    assert expected in console.export_text()


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_is_shown_in_a_notebook(name: str) -> None:
    make, expected = RESULTS[name]
    html = make()._repr_html_()
    found = tables_of(html)
    assert expected.replace(">", "&gt;") in html
    assert found.tables == found.captions
    assert found.bare == []
    assert "§" not in html  # every id has the prefix of its fragment


def test_results_are_still_sequences() -> None:
    e = worked()
    assert [f.left for f in e.closed()] == ["dz/dw", "dz/db"]
    assert len(e.sweeps()) == 10
    assert e.layers() == ()
    assert repr(e.layers()).startswith("No modules (as those of wingbeat.nn) were called here")
    assert "No modules" not in e.text() + e.html()


# --- whole explanations --------------------------------------------------------------------------


# MISSION A4, B3, E5
def test_the_page_of_a_network_has_routes_neurons_and_costs() -> None:
    page = residual().html()
    for en, zh in (
        ("The gradient by x, by what it comes through", "对 x 的梯度，按经过的模块划分"),
        ("The blame of each neuron: from the result back", "每个神经元的责任：从结果往回"),
        ("The links of layer.weight", "layer.weight 的连接"),
        ("What both sweeps cost", "两个阶段的代价"),
        ("Forward and backward, step by step", "逐个步骤的前向与反向代价"),
    ):
        assert f'<span class="t" lang="en">{en}</span>' in page
        assert f'<span class="t" lang="zh-CN">{zh}</span>' in page
    found = tables_of(page)
    assert found.tables == found.captions
    assert found.bare == []
    assert "<details open>" in page  # few neurons are shown at once
    text = " ".join(residual().text().split())
    for sentence in ("none of them", "input 1 → neuron 2", "forward pass"):
        assert sentence in text


def test_what_does_not_apply_is_not_on_the_page() -> None:
    page = worked().html()
    assert "What both sweeps cost" in page
    assert "neuron" not in page
    assert "by what it comes through" not in page
    plain = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
    assert (
        "by what it comes through"
        not in wb.explain(lambda m, x: wb.sum(m(x)))(plain, np.ones((1, 2))).html()
    )


def test_a_wide_layer_is_counted_and_closed() -> None:
    wide = nn.Linear(30, 40)
    e = wb.explain(lambda wide, x: wb.sum(wb.relu(wide(x))))(wide, np.ones((2, 30)))
    page = e.html()
    assert "... and 1140 more" in page
    assert "<details open>" not in page
    assert len(page) < 400_000
    assert "neuron 40" not in e.text()  # in a terminal it is asked for
    assert "neuron 40" in e.neurons().text()


def test_a_network_without_values_has_costs_and_no_neurons() -> None:
    page = wb.explain("x=2*w+b; z=x*x").html()
    assert "What both sweeps cost" in page


def test_the_page_of_a_deep_network_stays_small() -> None:
    page = transformer(12).html()
    assert len(page) < 1_000_000
    assert "by what it comes through" in page
    assert "Forward and backward: the 30 dearest of " in page


# --- texts, numbers ------------------------------------------------------------------------------


def test_sentences_in_both_languages() -> None:
    said = say("met", line="a", at="b", told=Said("it", "它"))
    assert (said, said.zh) == ("in a at b: it", "在 a 处，b：它")
    assert copy.copy(said).zh == said.zh
    both = joined(said, None, "2*x")
    assert both == "in a at b: it 2*x"
    assert both is not None
    assert within(both, "zh").endswith("它2*x")
    assert joined(None, "") is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [(2.0, "2 s"), (0.5e-3, "500 us"), (3e-9, "3 ns"), (0.0, "0 ns"), (4e-12, "0.004 ns")],
)
def test_times(value: float, shown: str) -> None:
    assert seconds(value) == shown


def test_energies() -> None:
    assert joules(2.5e-9) == "2.5 nJ"
    assert joules(0.0) == "0 pJ"


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1.0, 1e160, 1e300])
def test_norms_neither_overflow_nor_vanish(scale: float) -> None:
    assert norm(np.array([3.0, 4.0]) * scale) == pytest.approx(5.0 * scale, rel=1e-15)


def test_norms_of_what_is_not_finite() -> None:
    assert norm(np.array([1.0, -np.inf])) == np.inf
    assert np.isnan(norm(np.array([1.0, np.nan])))
    assert norm(np.zeros((0, 3))) == 0.0


def test_columns_and_sentences_of_one_medium() -> None:
    class Sample(Shown):
        def parts(self) -> Any:
            columns = (Column("a"), Column("wide", only=PAGE), Column("narrow", only=TERMINAL))
            yield Heading("head", 3)
            yield Detail("more", [Grid("table", columns, iter([("1", "2", "3")] * 5), 5, most=2)])
            yield Paragraph("on paper", PAGE)

    text, html = Sample().text(), Sample()._repr_html_()
    assert "narrow" in text
    assert "wide" not in text
    assert "on paper" not in text
    assert "... and 3 more" in " ".join(text.split())
    for piece in ("wide", "on paper", "<h3>head</h3>", "<details><summary>more</summary>"):
        assert piece in html
    assert "narrow" not in html


def test_collections_rest_and_go_on() -> None:
    with pytest.raises(ZeroDivisionError), no_collections():
        assert not gc.isenabled()
        _ = 1 / 0
    assert gc.isenabled()
    gc.disable()
    try:
        with no_collections():
            pass
        assert not gc.isenabled()  # as it was
    finally:
        gc.enable()
