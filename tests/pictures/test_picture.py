"""The figure itself: SVG that says what it shows, files, languages, fonts."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from string import Formatter

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

import wingbeat as wb
from wingbeat.errors import BadInput
from wingbeat.pictures import _fonts, _svg
from wingbeat.pictures._frame import BLUE, GREEN, GREY, INK, ORANGE, PAPER, PINK, digits
from wingbeat.pictures.words import LANGUAGES, SENTENCES, Words

NAMESPACE = "{http://www.w3.org/2000/svg}"


def sigmoid(language: str = "en") -> wb.pictures.Picture:
    return wb.pictures.activations(["sigmoid"], language=language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_svg_says_what_it_shows(language: str) -> None:
    picture = sigmoid(language)
    root = ET.fromstring(picture.svg())
    title, description = (root.find(NAMESPACE + tag) for tag in ("title", "desc"))
    assert title is not None
    assert description is not None
    assert title.text == picture.title
    assert description.text == picture.description
    assert root.get("role") == "img"
    assert root.get("lang") == {"en": "en", "zh": "zh-CN"}[language]
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_text_stays_text(language: str) -> None:
    picture = sigmoid(language)
    texts = {t.text for t in ET.fromstring(picture.svg()).iter(NAMESPACE + "text")}
    words = Words(language)
    assert {picture.title, words("input"), words("slope"), words("function")} <= texts


def test_svg_has_the_same_bytes_every_time() -> None:
    picture = sigmoid()
    assert picture.svg() == picture.svg() == sigmoid().svg()


def test_names_may_hold_what_svg_and_mathematics_use() -> None:
    picture = wb.pictures.activations({"a$b<c>&$": lambda x: x})
    texts = {t.text for t in ET.fromstring(picture.svg()).iter(NAMESPACE + "text")}
    assert "a$b<c>&$" in texts


def test_dark_pages_swap_ink_and_paper() -> None:
    style = re.findall(r"prefers-color-scheme: dark\) \{(.*)\}</style>", sigmoid().svg())[0]
    assert f'[style*="fill: {INK}"]{{fill:{_svg.DARK_INK} !important}}' in style
    assert f'[style*="fill: {PAPER}"]{{fill:{_svg.DARK_PAPER} !important}}' in style


def contrast(one: str, two: str) -> float:
    """WCAG 2.2: of two colours."""

    def light(colour: str) -> float:
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear))

    low, high = sorted([light(one), light(two)])
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_black_on_white() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21.0)


@pytest.mark.parametrize("colour", [BLUE, ORANGE, GREEN, GREY, PINK])
@pytest.mark.parametrize("paper", [PAPER, _svg.DARK_PAPER])
def test_lines_stand_out(colour: str, paper: str) -> None:
    assert contrast(colour, paper) >= (2.9 if colour == PINK else 3.0)


def test_text_stands_out() -> None:
    assert contrast(INK, PAPER) >= 7
    assert contrast(_svg.DARK_INK, _svg.DARK_PAPER) >= 7


# Files


def test_files(tmp_path: Path) -> None:
    picture = sigmoid()
    picture.save(tmp_path / "a.svg")
    picture.save(tmp_path / "b.PNG", dpi=50)
    assert (tmp_path / "a.svg").read_text(encoding="utf-8") == picture.svg()
    assert (tmp_path / "b.PNG").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    with pytest.raises(BadInput, match=r"'c\.pdf' should end in \.svg or \.png"):
        picture.save(tmp_path / "c.pdf")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.svg", "b.PNG"]


def test_a_picture_is_a_figure_that_pyplot_does_not_know() -> None:
    from matplotlib import _pylab_helpers

    before = len(_pylab_helpers.Gcf.figs)
    picture = sigmoid()
    assert Figure in type(picture).mro()
    assert len(_pylab_helpers.Gcf.figs) == before
    assert picture._repr_svg_() == picture.svg()


def test_settings_of_matplotlib_are_left_alone() -> None:
    before = dict(mpl.rcParams)
    sigmoid().svg()
    assert dict(mpl.rcParams) == before


# Languages


def test_both_languages_have_the_same_blanks() -> None:
    def blanks(text: str) -> set[str]:
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    for key, (en, zh) in SENTENCES.items():
        assert blanks(en) == blanks(zh), key


def test_another_language_is_refused() -> None:
    with pytest.raises(BadInput, match="'en' or 'zh', not 'de'"):
        sigmoid("de")


def test_a_png_in_chinese_needs_the_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = sigmoid("zh")
    monkeypatch.setattr(_fonts, "chinese", lambda: None)
    with pytest.raises(BadInput, match="no font with Chinese characters"):
        picture.png()


def test_svg_in_chinese_needs_no_font(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_fonts, "chinese", lambda: None)
    assert "激活函数及其斜率</text>" in sigmoid("zh").svg()


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0.0, "0"),
        (-1.8, "−1.8"),
        (0.641, "0.641"),
        (12345.0, "1.23·10⁴"),
        (1e-7, "10⁻⁷"),
        (-1e-7, "−10⁻⁷"),
        (-2e-7, "−2·10⁻⁷"),
        (float("inf"), "inf"),
    ],
)
def test_digits(x: float, text: str) -> None:
    assert digits(x) == text
