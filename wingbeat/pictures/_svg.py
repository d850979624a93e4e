"""matplotlib's SVG made smaller, the same on every run, accessible, and fit for dark pages."""

from __future__ import annotations

import re
import warnings
from html import escape
from io import StringIO
from threading import Lock
from typing import TYPE_CHECKING

import matplotlib as mpl

from wingbeat.pictures._fonts import STACK

if TYPE_CHECKING:
    from wingbeat.pictures._frame import Picture

INK, PAPER = "#22252a", "#fdfdfc"
DARK_INK, DARK_PAPER = "#e6e6e3", "#16181c"
_LANGUAGE = {"en": "en", "zh": "zh-CN"}
_SETTINGS = {"svg.fonttype": "none", "svg.hashsalt": "wingbeat"}
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
_FAMILY = re.compile(r"font(-family)?:([^;\"]*?)'DejaVu Sans'(?:, ?(?:'[^']*'|[\w-]+))*")


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
    stack = ", ".join(f"'{name}'" if " " in name else name for name in STACK)
    text = _FAMILY.sub(lambda m: f"font{m[1] or ''}:{m[2]}{stack}", text)
    head, _, rest = text.partition(">")
    language = _LANGUAGE[picture.language]
    head += f' role="img" lang="{language}" aria-labelledby="title description"'
    about = (
        f'<title id="title">{escape(picture.title)}</title>\n'
        f'<desc id="description">{escape(picture.description)}</desc>\n<style>{_DARK}</style>'
    )
    lines = (line.rstrip() for line in f"{head}>\n{about}{rest}".splitlines())
    return "\n".join(line for line in lines if line) + "\n"


def _rounded(match: re.Match[str]) -> str:
    """Hundredths of a point: no eye and no screen shows more."""
    return f'{match[1]}="{_LONG.sub(lambda n: _short(float(n[0])), match[2])}"'


def _short(x: float) -> str:
    text = f"{x:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
