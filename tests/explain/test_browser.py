"""The page in a real browser: no barriers that axe finds, both languages, keyboard, paper."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from tests.explain.networks import transformer
from wingbeat import nn

FOLDER = Path(__file__).parents[1] / "browser"
CHROMIUM = next(
    (p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None
)
NODE = shutil.which("node")
READY = (FOLDER / "node_modules/axe-core").is_dir()
pytestmark = pytest.mark.skipif(
    CHROMIUM is None or NODE is None or not READY,
    reason="needs Chromium, Node, and `npm ci` in tests/browser (for axe-core, playwright-core)",
)


def look(file: Path) -> dict[str, Any]:
    """What a browser finds on a page."""
    command = [str(NODE), str(FOLDER / "look.mjs"), str(CHROMIUM), str(file)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def mlp() -> wb.explain.Explanation:
    model = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 1))
    x = np.random.default_rng(0).normal(size=(4, 2)).astype("float32")
    return wb.explain(lambda model, x: wb.mean(model(x) ** 2))(model, x)


def residual() -> wb.explain.Explanation:
    layer = nn.Linear(3, 3)
    x = np.random.default_rng(0).normal(size=(4, 3))
    return wb.explain(lambda layer, x: wb.sum(wb.tanh(x + layer(x))))(layer, x)


PAGES = {
    "worked": lambda: wb.explain("x=2*w+b; y=b+1; z=x*y", w=3, b=4),
    "residual": residual,
    "kink": lambda: wb.explain("z=abs(x)*2", x=0),
    "mlp": mlp,
    "transformer": lambda: transformer(3),
}


@pytest.mark.parametrize("name", PAGES)
def test_page_in_a_browser(name: str, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    PAGES[name]().save_html(file)
    seen = look(file)
    for state in ("english", "chinese", "opened"):
        assert seen[state]["violations"] == []
        assert seen[state]["passes"] > 20
    assert (seen["first"], seen["second"]) == ("wb-en", "wb-zh")  # by keyboard
    assert seen["faults"] == []
    assert seen["requests"] == ["file"]
    assert "Graph" in seen["english"]["headings"]
    assert "计算图" in seen["chinese"]["headings"]
    assert not any("计算图" in h for h in seen["english"]["headings"])
    assert not any("Graph" in h for h in seen["chinese"]["headings"])
    assert not seen["print"]["switchShown"]
    assert seen["print"]["widest"] <= seen["print"]["room"]
    assert seen["closed"] > 0
    assert seen["unprinted"] == 0  # what is closed is on paper all the same
    assert all(not stop.endswith(":none") for stop in seen["stops"])  # the focus is seen


# MISSION A2 to A5: what a reader sees of the worked case, in both languages
def test_what_is_seen_of_the_worked_case(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    PAGES["worked"]().save_html(file)
    seen = look(file)
    english, chinese = (seen[k]["text"] for k in ("english", "chinese"))
    assert "Why dz/db = 15" in english
    assert "b reaches z along 2 ways" in english
    assert "z = 51.51" in english
    assert "b matters more than w" in english
    assert "为什么 dz/db = 15" in chinese
    assert "b 通过 2 条路径影响 z" in chinese
    assert "z = 51.51" in chinese
    assert "b 比 w 影响更大" in chinese
    for text in (english, chinese):
        assert "dz/db = dz/dx * dx/db + dz/dy * dy/db" in text


# MISSION A4, B3, E5: routes, neurons and costs are on the page of a network, in both languages
def test_what_is_seen_of_a_network(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    PAGES["residual"]().save_html(file)
    seen = look(file)
    for state, sentences in {
        "english": ("The gradient by x, by what it comes through", "neuron 1", "What both sweeps"),
        "chinese": ("对 x 的梯度，按经过的模块划分", "神经元 1", "两个阶段的代价"),
        "opened": ("逐个步骤的前向与反向代价", "输入 1 → 神经元 2"),
    }.items():
        for sentence in sentences:
            assert sentence in seen[state]["text"]


def test_a_page_with_a_barrier_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    page = PAGES["worked"]().html().replace("<legend>", "<b>").replace("</legend>", "</b>")
    page = page.replace('<html lang="en">', "<html>").replace("::details-content", "")
    file.write_text(page, encoding="utf-8")
    seen = look(file)
    assert any("html-has-lang" in v for v in seen["english"]["violations"])
    assert seen["unprinted"] > 0
