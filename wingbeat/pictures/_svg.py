"""matplotlib's SVG made smaller, the same on every run, accessible, and fit for dark pages."""

from __future__ import annotations

import re
import warnings
from html import escape
from io import StringIO
from threading import Lock
from typing import TYPE_CHECKING, Any
from zlib import crc32

import matplotlib as mpl

from wingbeat.pictures._fonts import STACK

if TYPE_CHECKING:
    from wingbeat.pictures._frame import Picture

INK, PAPER = "#22252a", "#fdfdfc"
DARK_INK, DARK_PAPER = "#e6e6e3", "#16181c"
_LANGUAGE = {"en": "en", "zh": "zh-CN"}
_STACK = ", ".join(f"'{name}'" if " " in name else name for name in STACK)
_SETTINGS: Any = {"svg.fonttype": "none", "svg.hashsalt": "wingbeat"}
_saving = Lock()  # settings of matplotlib belong to the process

# Ink and paper change places together, so text never stands on a page of its own colour.
_DARK = (
    "@media (prefers-color-scheme: dark) {"
    + "".join(
        f'[style*="{kind}: {old}"]{{{kind}:{new} !important}}'
        for old, new in ((INK, DARK_INK), (PAPER, DARK_PAPER))
        for kind in ("fill", "stroke")
    )
    + "}"
)
_COORDINATES = re.compile(r'\b(d|x|y|x1|x2|y1|y2|points|transform|width|height)="([^"]*)"')
_LONG = re.compile(r"-?\d+\.\d{3,}(?:e-?\d+)?")
_FAMILY = re.compile(r" ?font-family: [^;\"]*;")
_SHORTHAND = re.compile(r"font: ([^;\"]*?)([\d.]+px) [^;\"]*;")


def of(picture: Picture) -> str:
    """The picture as one `svg` element."""
    file = StringIO()
    with _saving, mpl.rc_context(_SETTINGS), warnings.catch_warnings():
        # Characters are the reader's fonts' business: here they are only measured.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        picture.savefig(file, format="svg", metadata=nothing)
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = _COORDINATES.sub(_rounded, text)
    text = re.sub(r" ?\n(?=[LMCQz])", "", text)  # a path on one line
    text = _FAMILY.sub("", text)
    text = _SHORTHAND.sub(r"font-size: \2;", text)
    head, _, rest = text.partition(">")
    name = f"p{crc32(picture.description.encode()):08x}"  # as a page may hold several pictures
    language = _LANGUAGE[picture.language]
    head += f' class="wingbeat-picture" role="img" lang="{language}"'
    head += f' aria-labelledby="{name}-title {name}-description"'
    about = (
        f'<title id="{name}-title">{escape(picture.title)}</title>\n'
        f'<desc id="{name}-description">{escape(picture.description)}</desc>\n'
        f"<style>.wingbeat-picture text{{font-family:{_STACK}}}{_DARK}</style>"
    )
    lines = (line.rstrip() for line in f"{head}>\n{about}{rest}".splitlines())
    return "\n".join(line for line in lines if line) + "\n"


def _rounded(match: re.Match[str]) -> str:
    """Tenths of a point along lines, hundredths elsewhere: no eye sees more."""
    places = 1 if match[1] == "d" else 2
    return f'{match[1]}="{_LONG.sub(lambda n: _short(float(n[0]), places), match[2])}"'


def _short(x: float, places: int) -> str:
    text = f"{x:.{places}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
