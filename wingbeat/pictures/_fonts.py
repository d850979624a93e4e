"""Fonts: matplotlib brings DejaVu Sans, which has no Chinese characters."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from matplotlib import font_manager

LATIN = "DejaVu Sans"
# In the order that looks best; readers' machines have one of them, whatever this one has.
CHINESE = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "PingFang SC",
    "Microsoft YaHei",
    "Noto Sans CJK JP",  # what matplotlib calls the collection file with all of them
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "SimHei",
    "Heiti SC",
    "Arial Unicode MS",
)
FILES = ("notosanscjk", "notosanssc", "sourcehansans", "pingfang", "msyh", "wqy-", "simhei")
STACK = (LATIN, "Verdana", *(name for name in CHINESE if not name.endswith("JP")), "sans-serif")


@cache
def chinese() -> str | None:
    """The name of a font of this machine that has Chinese characters; None where there is none."""
    known = _installed()
    if known is None:
        # matplotlib's list of fonts is cached, and may be older than the font.
        for file in sorted(font_manager.findSystemFonts()):
            if Path(file).stem.lower().startswith(FILES):
                font_manager.fontManager.addfont(file)
        known = _installed()
    return known


def _installed() -> str | None:
    names = {font.name for font in font_manager.fontManager.ttflist}
    return next((name for name in CHINESE if name in names), None)


def family(language: str) -> list[str]:
    """The fonts that matplotlib measures and draws with."""
    other = chinese() if language == "zh" else None
    return [LATIN] if other is None else [LATIN, other]
