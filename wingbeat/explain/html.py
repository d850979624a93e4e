"""The explanation as one page: no scripts, no network, readable by keyboard and by ear.

The page has every sentence in both languages; two radio buttons and a rule of style show one of
them, so the switch works where scripts are not run, as in a mail.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING
from zlib import crc32

from wingbeat.errors import BadInput
from wingbeat.explain.markup import Markup
from wingbeat.explain.model import Model
from wingbeat.explain.parts import Part
from wingbeat.explain.whole import on_page
from wingbeat.explain.words import ENGLISH, LANGUAGES, say

if TYPE_CHECKING:
    from wingbeat.explain._explanation import Explanation

_STYLE = """
.wb{font:16px/1.55 system-ui,"Noto Sans CJK SC",sans-serif;color:#111;background:#fff;
max-width:72rem;margin:0 auto;padding:0 1rem 2rem}
.wb h1{font-size:1.6rem}.wb h2{font-size:1.25rem;margin:2rem 0 .3rem}.wb h3{font-size:1.05rem}
.wb table{border-collapse:collapse;margin:.5rem 0 1rem}
.wb caption{text-align:left;font-weight:700;padding:.3rem 0}
.wb th,.wb td{border-bottom:1px solid #ccd;padding:.25rem .8rem .25rem 0;text-align:left;
vertical-align:top;overflow-wrap:anywhere}
.wb .n{text-align:right;font-variant-numeric:tabular-nums;overflow-wrap:normal;white-space:nowrap}
.wb pre{background:#f5f6fa;padding:.6rem;overflow:auto}
.wb .draw,.wb .wide{overflow:auto;margin:.5rem 0 1rem}.wb .draw{border:1px solid #ccd}
.wb .note{border-left:4px solid #b06000;padding-left:.6rem}
.wb ol{padding-left:2.5rem}.wb li{padding:.1rem 0}
.wb summary{cursor:pointer;padding:.2rem 0}
.wb fieldset{border:1px solid #ccd;display:inline-block}
.wb :focus-visible{outline:3px solid #1a5fd0}
@media print{.wb{max-width:none;font-size:11pt}.wb .draw,.wb .wide,.wb pre{overflow:visible}
.wb svg{max-width:100%;height:auto}.wb pre{white-space:pre-wrap}.wb fieldset{display:none}
.wb details::details-content{content-visibility:visible;block-size:auto}
.wb tr,.wb .draw,.wb li{break-inside:avoid}.wb h2,.wb summary{break-after:avoid}}
"""
_SWITCH = """
body:has(#wb-en:checked) [lang=zh-CN].t{display:none}
body:has(#wb-zh:checked) [lang=en].t{display:none}
"""


def page(explanation: Explanation, language: str = ENGLISH) -> str:
    """A whole document in both languages, of which `language` ("en" or "zh") is shown first.

    >>> import wingbeat as wb
    >>> page(wb.explain("z=x*x", x=3)).startswith("<!doctype html>")
    True
    """
    if language not in LANGUAGES:
        raise BadInput(f"html: language={language!r} is unknown; use 'en' or 'zh'")
    write = Markup(tuple(LANGUAGES), "wb", explanation.model)
    title = say("title", z=explanation.model.result)
    radios = "\n".join(
        f'<label lang="{tag}"><input type="radio" name="wb-language" id="wb-{k}"'
        f"{' checked' if k == language else ''}> {name}</label>"
        for (k, tag), name in zip(LANGUAGES.items(), ("English", "简体中文"), strict=True)
    )
    return (
        f'<!doctype html>\n<html lang="{LANGUAGES[language]}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)} · {escape(title.zh)}</title>\n"
        f'<style>{_STYLE}{_SWITCH}</style>\n</head>\n<body>\n<main class="wb">\n'
        f"<h1>{write.said(title)}</h1>\n"
        f"<fieldset><legend>{write.said(say('language'))}</legend>\n{radios}\n</fieldset>\n"
        f"{write.all(on_page(explanation))}\n</main>\n</body>\n</html>\n"
    )


def fragment(parts: Iterable[Part], model: Model | None = None, language: str = ENGLISH) -> str:
    """What a notebook shows: parts with their style, in one language."""
    mark = "§"
    content = Markup((language,), mark, model).all(parts)
    prefix = f"wb{crc32(content.encode()):x}"  # a notebook shows several, whose ids must differ
    content = content.replace(f'"{mark}-', f'"{prefix}-')
    return f'<style>{_STYLE}</style>\n<div class="wb">\n{content}\n</div>'
