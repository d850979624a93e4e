"""Text, LaTeX, Mermaid, HTML and SVG of an explanation."""

import io
import os
import re
import stat
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from rich.console import Console

import wingbeat as wb
from tests.support.golden import assert_golden
from wingbeat.errors import BadInput
from wingbeat.explain import Explanation
from wingbeat.explain.layout import layered

VOID = {"meta", "br", "path", "rect", "marker", "input"}


@pytest.fixture(scope="module")
def worked() -> Explanation:
    return wb.explain("x=2*w+b; y=b+1; z=x*y", w=3, b=4)


# MISSION A1: printed, drawn, and A2 to A4 in one text
def test_golden_text(worked: Explanation) -> None:
    assert_golden("explain/worked.txt", worked.text())


# MISSION A1
def test_golden_latex(worked: Explanation) -> None:
    assert_golden("explain/worked.tex", worked.latex())


# MISSION A1
def test_golden_mermaid(worked: Explanation) -> None:
    assert_golden("explain/worked.mmd", worked.mermaid())


# MISSION A1
def test_golden_svg(worked: Explanation) -> None:
    assert_golden("explain/worked.svg", worked.svg())


def test_text_fits_its_width(worked: Explanation) -> None:
    for width in (60, 80, 120):
        assert max(map(len, worked.text(width).splitlines())) <= width
    assert str(worked) == worked.text()
    assert repr(worked) == "<Explanation of z: 5 nodes, 5 edges>"


def test_text_says_why(worked: Explanation) -> None:
    text = worked.text()
    assert "Why dz/db = 15" in text
    assert "b reaches z along 2 ways" in text
    for row in ("b → x → z", "b → y → z", "sum over all ways"):
        assert row in text


def test_terminal(worked: Explanation) -> None:
    console = Console(file=io.StringIO(), width=80, record=True)
    console.print(worked)
    lines = [line.rstrip() for line in console.export_text().splitlines()]
    assert "\n".join(lines).strip() == worked.text().strip()


def test_long_explanations_stay_readable() -> None:
    def chain(x: wb.Tensor) -> wb.Tensor:
        for _ in range(100):
            x = wb.sin(x) + x
        return x

    text = wb.explain(chain)(0.1).text()
    assert len(text.splitlines()) < 300
    assert re.search(r"\.\.\. and \d+ more", text)
    assert "≈1.27e+30 ways" in text


# --- markup ------------------------------------------------------------------------------------


class Checker(HTMLParser):
    """Every tag is closed in order; collects what must not or must be there."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.text = ""
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def checked(html: str) -> Checker:
    checker = Checker()
    checker.feed(html)
    checker.close()
    assert checker.open == []
    return checker


def test_page(worked: Explanation) -> None:
    page = checked(worked.html())
    assert ("lang", "en") in page.attributes
    assert {"title", "main", "h1", "h2", "table", "caption", "svg", "th"} <= page.tags
    assert "script" not in page.tags
    assert not any(k.startswith("on") or k in ("src", "href") for k, _ in page.attributes)
    assert "http" not in worked.html().replace("http://www.w3.org/2000/svg", "")
    for word in ("2*w + b", "dz/db = dz/dx * dx/db", "15", "33.3%"):
        assert word in page.text


def test_notebook(worked: Explanation) -> None:
    fragment = worked._repr_html_()
    assert checked(fragment).tags >= {"style", "svg", "table"}
    assert "<html" not in fragment
    assert "<script" not in fragment
    other = wb.explain("z=x*x", x=3)._repr_html_()
    ids = [
        set(re.findall(r'id="([^"]*-(?:graph|table)-[^"]*)"', text)) for text in (fragment, other)
    ]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_names_and_lines_are_escaped() -> None:
    def f(p: dict[str, wb.Tensor]) -> wb.Tensor:
        total = wb.where(p['<b>"&'] < 3, p['<b>"&'], 1.0)  # a < b & "c"
        return total * 2

    e = wb.explain(f)({'<b>"&': 2.0})
    page = checked(e.html())
    assert "b" not in page.tags
    assert '<b>"&' in page.text
    assert "<b>" not in e.mermaid()
    ElementTree.fromstring(e.svg())


def test_drawing(worked: Explanation) -> None:
    svg = ElementTree.fromstring(worked.svg())
    texts = [t.text for t in svg.iter("{http://www.w3.org/2000/svg}text")]
    for text in ("w", "x = 2*w + b", "value 3", "gradient 15", "5", "10"):
        assert text in texts
    assert worked.svg() == wb.explain("x=2*w+b; y=b+1; z=x*y", w=3, b=4).svg()


def test_layout() -> None:
    e = wb.explain("a=x*x; b=a*a; c=b*x; d=c*a; k=y+1; z=d*k*x", x=1, y=2)
    layout = layered(e.model)
    assert len(set(layout.nodes.values())) == len(e.steps)  # nothing on top of something else
    sources: dict[tuple[float, float], str] = {}
    for edge in e.edges:
        bends = layout.bends[edge.source, edge.target]
        for bend in bends:
            assert bend not in layout.nodes.values()
            assert sources.setdefault(bend, edge.source) == edge.source  # shared with its own only
        xs = [layout.nodes[edge.source], *bends, layout.nodes[edge.target]]
        assert all(b[0] == a[0] + 1 for a, b in pairwise(xs))


def test_mermaid_is_well_formed(worked: Explanation) -> None:
    e = wb.explain("y=where(a<b, a, b)*2; z=y**2", a=[1, 2], b=[3, -4], cotangent=[1, 1])
    for text in (worked.mermaid(), e.mermaid()):
        first, *lines = text.splitlines()
        assert first == "flowchart LR"
        for line in lines:
            assert line.strip().startswith(("n", "classDef", "class"))
            assert line.count('"') % 2 == 0
        inside = "".join(part for line in lines for part in line.split('"')[1::2])
        assert not set(inside.replace("<br/>", "")) & set('"[]{}|`*_<>')


# --- files -------------------------------------------------------------------------------------


def test_saving(worked: Explanation, tmp_path: Path) -> None:
    file = tmp_path / "z.html"
    file.write_text("old")
    worked.save_html(file)
    assert file.read_text(encoding="utf-8") == worked.html()
    assert os.listdir(tmp_path) == ["z.html"]  # noqa: PTH208
    worked.save_html(str(tmp_path / "new.html"))
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((tmp_path / "new.html").stat().st_mode) == 0o666 & ~mask


def test_saving_where_it_cannot_be(worked: Explanation, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no folder"):
        worked.save_html(tmp_path / "missing" / "z.html")
    with pytest.raises(BadInput, match="it is a folder"):
        worked.save_html(tmp_path)
    with pytest.raises(BadInput, match="cannot be written"):
        worked.save_html(tmp_path / ("x" * 300))


def test_a_failed_write_leaves_the_old_file(
    worked: Explanation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "z.html"
    file.write_text("old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BadInput, match="No space left"):
        worked.save_html(file)
    assert file.read_text() == "old"
    assert os.listdir(tmp_path) == ["z.html"]  # noqa: PTH208


def test_tensors_in_every_form() -> None:
    e = wb.explain("u=sum(x*x); v=softmax(x); z=u*sum(v*x)", x=np.arange(8.0))
    checked(e.html())
    assert "norm" in e.text()
    assert e.latex().count(r"\begin{aligned}") == e.latex().count(r"\end{aligned}")
    assert "%" in e.mermaid()
