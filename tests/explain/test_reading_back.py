"""Every number that a rendering shows is read back from it and compared with the engine's."""

import re
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wingbeat as wb
from tests.explain.test_story import programs
from wingbeat.explain import Explanation


class Tables(HTMLParser):
    """The cells of all tables, in the language that the page shows first."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.inside = self.hidden = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.hidden = self.hidden or (tag == "span" and ("lang", "zh-CN") in attrs)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self.inside = True

    def handle_endtag(self, tag: str) -> None:
        self.hidden = self.hidden and tag != "span"
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.inside and not self.hidden:
            self.tables[-1][-1][-1] += data


def tables(page: str) -> dict[str, list[list[str]]]:
    """Each table by the first word of its head."""
    reader = Tables()
    reader.feed(page)
    return {rows[0][0]: rows[1:] for rows in reader.tables}


def close(text: str, expected: float | None) -> bool:
    number = float(text == "True") if text in ("True", "False") else float(text)
    return expected is not None and number == pytest.approx(float(expected), rel=1e-5, abs=1e-300)


def explained(text: str, x: float, y: float) -> Explanation:
    inputs = wb.explain.parse(text).inputs
    return wb.explain(text, **{n: v for n, v in (("x", x), ("y", y)) if n in inputs})


@settings(max_examples=25)
@given(programs(), st.floats(-2, 2), st.floats(-2, 2))
def test_tables_of_the_page(text: str, x: float, y: float) -> None:
    e = explained(text, x, y)
    found = tables(e.html())
    assert [row[0] for row in found["node"]] == [s.name for s in e.steps]
    for name, _, value, gradient, _ in found["node"]:
        assert close(value, e.value(name))
        if e.step(name).gradient is not None:
            assert close(gradient, e.gradient(name))
    for arrow, _, partial, norm, share in found.get("arrow", []):
        edge = e.edge(*arrow.split(" → "))
        assert edge.partial is None or close(partial, edge.partial)
        assert edge.norm is None or close(norm, edge.norm)
        if edge.share is not None:
            assert float(share.rstrip("%")) / 100 == pytest.approx(edge.share, abs=6e-4)


@settings(max_examples=25)
@given(programs(), st.floats(-2, 2), st.floats(-2, 2))
def test_drawing_and_terminal(text: str, x: float, y: float) -> None:
    e = explained(text, x, y)
    boxes = ElementTree.fromstring(e.svg()).iter("{http://www.w3.org/2000/svg}g")
    shown = [[t.text or "" for t in box if t.tag.endswith("text")] for box in boxes]
    assert len(shown) == len(e.steps)
    for head, value, gradient in shown:
        name = head.split(" = ")[0].split(":")[0]
        printed = value.split()[1].replace("True", "1").replace("False", "0")
        assert float(printed) == pytest.approx(float(e.value(name)), rel=1e-4, abs=1e-300)
        if e.step(name).gradient is not None:
            g = e.gradient(name)
            assert float(gradient.split()[1]) == pytest.approx(g, rel=1e-4, abs=1e-300)
    for name in e.model.wrt:
        if e.gradient(name) is not None:
            (said,) = re.findall(
                rf"Why d{e.model.result}/d{name} (?:=|is given as) ([^\s,]+)", e.text(200)
            )
            assert close(said, e.gradient(name))


# MISSION A5: what is said of a small change is what happens
@settings(max_examples=25)
@given(programs(), st.floats(-2, 2), st.floats(-2, 2))
def test_what_is_said_of_small_changes(text: str, x: float, y: float) -> None:
    e = explained(text, x, y)
    z = e.model.result
    said = " ".join(e.text(300).split())
    pattern = (
        rf"If (\w+) grows by (\S+), from \S+ to \S+: .*? {z} ≈ (\S+)\. "
        rf"Computed anew, {z} = ([^,; ]+)"
    )
    for name, step, predicted, actual in re.findall(pattern, said):
        at = {s.name: float(s.value) for s in e.steps if s.kind == "input" and s.value is not None}
        moved: Any = wb.explain(text, **(at | {name: at[name] + float(step)})).value(z)
        assert float(actual.rstrip(".")) == pytest.approx(moved, rel=2e-5, abs=1e-9)
        first = e.value(z) + e.gradient(name) * float(step)
        assert float(predicted) == pytest.approx(first, rel=2e-5, abs=1e-9)


def test_shares_sum_to_one_over_the_edges_of_a_node() -> None:
    draw = np.random.default_rng(0)
    text = "H=tanh(X@W); K=H*H+X@V; L=sum(K*H)-sum(H)"
    e = wb.explain(text, **{n: draw.normal(size=(3, 3)) for n in "XWV"})
    sums: dict[str, float] = {}
    for row in tables(e.html())["arrow"]:
        source = row[0].split(" → ")[0]
        sums[source] = sums.get(source, 0.0) + float(row[4].rstrip("%"))
    assert sums == {name: pytest.approx(100, abs=0.3) for name in sums}
    assert {"X", "W", "V", "H", "K"} <= set(sums)
