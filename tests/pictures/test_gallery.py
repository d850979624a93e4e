"""The gallery: its page runs, and page and pictures are what the examples draw today."""

import os
import re
from pathlib import Path

import matplotlib as mpl
import pytest

from tests.test_documents import run_document
from wingbeat.cli._gallery import EXAMPLES, gallery

DOCS = Path(__file__).parents[2] / "docs"
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
MATPLOTLIB = "3.11"  # drew the files; another one places marks and texts a little elsewhere


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return dict(gallery())


def test_the_page_is_up_to_date(made: dict[str, str]) -> None:
    if os.environ.get("WINGBEAT_ACCEPT") == "1":
        for name, text in made.items():
            (DOCS / name).write_text(text, encoding="utf-8", newline="\n")
    kept = (DOCS / "gallery.md").read_text(encoding="utf-8")
    assert words(kept) == words(made["gallery.md"]), "scripts/test --accept writes it anew"


@pytest.mark.parametrize("name", [*EXAMPLES, "activations.zh"])
def test_pictures_are_up_to_date(made: dict[str, str], name: str) -> None:
    file = f"images/gallery/{name}.svg"
    kept = (DOCS / file).read_text(encoding="utf-8")
    assert same(kept, made[file]), f"{file} changed; if that is right: scripts/test --accept"


def test_there_are_no_other_pictures(made: dict[str, str]) -> None:
    files = {f"images/gallery/{p.name}" for p in (DOCS / "images/gallery").iterdir()}
    assert files == made.keys() - {"gallery.md"}


def test_pictures_are_small(made: dict[str, str]) -> None:
    assert {k: len(v) for k, v in made.items() if len(v) > 200_000} == {}


def test_the_page_runs(tmp_path: Path) -> None:
    """Its lines are cut out of the examples; a reader who pastes them gets the picture."""
    run_document(DOCS / "gallery.md", tmp_path)


# How pictures are compared: what is written in them always; where it stands with one matplotlib
# only, and as far as other processors round alike.


def same(kept: str, made: str) -> bool:
    if texts(kept) != texts(made):
        return False
    if not mpl.__version__.startswith(MATPLOTLIB) or 'lang="zh-CN"' in kept:
        return True  # Chinese is measured in whatever font there is
    kept, made = bare(kept), bare(made)
    if NUMBER.sub("#", kept) != NUMBER.sub("#", made):
        return False
    pairs = zip(NUMBER.findall(kept), NUMBER.findall(made), strict=True)
    return all(abs(float(a) - float(b)) <= 0.3 for a, b in pairs)


def bare(svg: str) -> str:
    """Without names, colours and texts, so that all numbers are places."""
    return re.sub(r'#\w+|\bid="[^"]*"|aria-labelledby="[^"]*"|>[^<]*<', "", svg)


def texts(svg: str) -> list[str]:
    found = re.findall(r"<(?:text|title|desc)[^>]*>([^<]*)", svg)
    return [words(text) for text in found]


def words(text: str) -> str:
    """Numbers to two digits: the last ones may differ between processors."""
    return re.sub(r"\d+\.\d+", lambda m: f"{float(m[0]):.2g}", text)


def test_a_change_is_noticed(made: dict[str, str]) -> None:
    svg = made["images/gallery/descent.svg"]
    assert same(svg, svg)
    assert not same(svg, svg.replace("tangent", "secant"))
    assert not same(svg, svg.replace("slope −1.6", "slope −1.7"))
    place = re.search(r'<use [^>]*x="([\d.]+)"', svg)
    assert place is not None
    moved = svg.replace(f'x="{place[1]}"', f'x="{float(place[1]) + 5}"')
    assert not same(svg, moved) or not mpl.__version__.startswith(MATPLOTLIB)
    assert words("0.4106 and 12") != words("0.42 and 12")
