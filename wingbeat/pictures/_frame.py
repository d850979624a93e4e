"""What all pictures share: the figure with its description, colours, axes."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import cycle
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from wingbeat.errors import BadInput
from wingbeat.pictures import _fonts, _svg
from wingbeat.pictures.words import Words
from wingbeat.train import write_file

# Okabe and Ito's colours that stand out from white and from black alike, told apart by people who
# see red and green alike. Markers and dashes tell the series apart without any colour.
BLUE, ORANGE, GREEN, PINK, GREY = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#7f7f7f"
INK, PAPER = _svg.INK, _svg.PAPER
GRID = "#8c8c8c"


@dataclass(frozen=True)
class Look:
    """How one series is drawn."""

    color: str
    marker: str
    dashes: Any


LOOKS = (
    Look(BLUE, "o", "-"),
    Look(ORANGE, "s", (0, (5, 2))),
    Look(GREEN, "^", (0, (1, 1.2))),
    Look(PINK, "D", (0, (5, 1, 1, 1))),
    Look(GREY, "v", (0, (3, 1, 1, 1, 1, 1))),
)


def looks() -> Iterator[Look]:
    """One after the other, from the start again where there are more series."""
    return cycle(LOOKS)


class Picture(Figure):
    """A matplotlib figure with a title and, for who cannot see it, a description.

    Attributes:
        description: what the picture shows, with its main numbers; part of the SVG.
        language: "en" or "zh".

    >>> picture = wb.pictures.activations(["sigmoid"])
    >>> picture.description
    'Activation functions (solid) and their slopes (dashed). The steepest slopes: sigmoid 0.25.'
    >>> picture.svg()[:4], len(picture.axes)
    ('<svg', 1)
    """

    title: str
    description: str
    language: str

    def svg(self) -> str:
        """The picture as an SVG element: text as text, the title and description within.

        Fonts are those of the reader's machine; in a dark page that asks for dark colours, ink and
        paper change places.
        """
        return _svg.of(self)

    def save(self, path: str | os.PathLike[str], dpi: float = 150) -> None:
        """Writes an SVG or PNG, as the name ends: all of it, or else what was there stays.

        Raises:
            BadInput: another ending; a PNG in Chinese on a machine without Chinese characters.
        """
        write_file(path, self.svg().encode() if ending(path) == ".svg" else self.png(dpi))

    def png(self, dpi: float = 150) -> bytes:
        """The picture as a PNG file.

        Raises:
            BadInput: it is in Chinese and no font of this machine has the characters.
        """
        if self.language == "zh" and _fonts.chinese() is None:
            raise BadInput(
                "picture: this machine has no font with Chinese characters, which a PNG needs; "
                "save an SVG, or install one such as Noto Sans CJK"
            )
        file = BytesIO()
        about = {"Software": None, "Title": self.title, "Description": self.description}
        self.savefig(file, format="png", dpi=dpi, metadata=about)
        return file.getvalue()

    def _repr_svg_(self) -> str:
        return self.svg()

    def __repr__(self) -> str:
        return f"<Picture: {self.title}>"


def ending(path: str | os.PathLike[str]) -> str:
    """How the name of a picture's file ends: ".svg" or ".png".

    Raises:
        BadInput: the name ends otherwise.

    >>> wb.pictures.ending("a/Descent.SVG")
    '.svg'
    """
    kind = Path(path).suffix.lower()
    if kind not in (".svg", ".png"):
        raise BadInput(f"picture: {Path(path).name!r} should end in .svg or .png")
    return kind


def picture(words: Words, width: float, height: float) -> Picture:
    """An empty picture of so many inches; `finish` completes it."""
    made = Picture(figsize=(width, height), layout="constrained", facecolor=PAPER)
    made.language = words.language
    engine = made.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)
    engine.set(w_pad=0.09, h_pad=0.09)
    FigureCanvasAgg(made)
    return made


def finish(made: Picture, title: str, description: str) -> Picture:
    """Title, description, and the same ink and fonts for every text."""
    made.title, made.description = title, description
    made.suptitle(title, fontsize=13, fontweight="bold")
    for text in made.findobj(Text):
        assert isinstance(text, Text)
        text.set_parse_math(False)  # a name may hold a dollar
        text.set_fontfamily(_fonts.family(made.language))
        if text.get_color() == "black":
            text.set_color(INK)
    return made


def plain(axes: Axes, x: str, y: str, title: str = "") -> Axes:
    """Labels, a grid that stays behind, and no box."""
    axes.set_xlabel(x, color=INK)
    axes.set_ylabel(y, color=INK)
    axes.set_title(title, fontsize=10.5, color=INK)
    axes.set_facecolor(PAPER)
    axes.set_axisbelow(True)
    axes.grid(color=GRID, alpha=0.3, linewidth=0.6)
    axes.tick_params(colors=INK, labelsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
    return axes


def legend(axes: Axes, **where: Any) -> None:
    """A legend that hides little of what is behind it."""
    made = axes.legend(fontsize=9, facecolor=PAPER, framealpha=0.85, edgecolor="none", **where)
    for text in made.get_texts():
        text.set_color(INK)


def logarithmic(axes: Axes, *which: str) -> None:
    """Scales by powers of ten, their labels as plain text like all others."""
    for name in which:
        getattr(axes, f"set_{name}scale")("log")
        axis = getattr(axes, f"{name}axis")
        axis.set_major_formatter(FuncFormatter(lambda v, _: digits(v)))
        axis.set_minor_formatter(NullFormatter())


def both_sides(axes: Axes, name: str, low: float, high: float, below: bool) -> None:
    """Powers of ten to both sides of 0, linear below `low`; at most five labels on a side."""
    getattr(axes, f"set_{name}scale")("symlog", linthresh=low)
    first, last = math.floor(math.log10(low)) + 1, math.ceil(math.log10(high))
    powers = [10.0**k for k in range(last, first - 1, -(1 + (last - first) // 5))]
    axis = getattr(axes, f"{name}axis")
    axis.set_major_locator(FixedLocator([*(-p for p in powers if below), 0.0, *powers]))
    axis.set_major_formatter(FuncFormatter(lambda v, _: digits(v)))
    axis.set_minor_locator(NullLocator())


def window(numbers: Sequence[float] | Any, share: float = 0.15) -> tuple[float, float]:
    """From the least to the greatest and a share of that more; never empty."""
    low, high = float(min(numbers)), float(max(numbers))
    more = (high - low) * share or max(1.0, abs(low)) * share
    return low - more, high + more


def digits(x: float, count: int = 3) -> str:
    """A number with sensible digits, the minus sign as printers write it."""
    text = f"{x:.{count}g}"
    if "e" in text:
        mantissa, power = text.split("e")
        power = str(int(power)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        text = (
            f"{mantissa}·10{power}" if mantissa.lstrip("-") != "1" else f"{mantissa[:-1]}10{power}"
        )
    return text.replace("-", "−")
