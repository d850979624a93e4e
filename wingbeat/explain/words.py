"""What is said to readers, in English and in Chinese."""

from __future__ import annotations

from typing import Any

from wingbeat.explain._sentences import SENTENCES

ENGLISH, CHINESE = "en", "zh"
LANGUAGES = {ENGLISH: "en", CHINESE: "zh-CN"}  # and how HTML calls them


class Said(str):
    """One sentence: English text that knows its Chinese.

    >>> said = say("one way", x="w", z="z", way="w → x → z")
    >>> print(said)
    w reaches z along one way: w → x → z.
    >>> print(said.zh)
    w 通过一条路径影响 z：w → x → z。
    """

    __slots__ = ("zh",)

    zh: str

    def __new__(cls, en: str, zh: str) -> Said:
        """A sentence from its two versions."""
        said = super().__new__(cls, en)
        said.zh = zh
        return said

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]
        return str(self), self.zh


def within(text: str, language: str) -> str:
    """A text in one language; what is no sentence, as a name or a formula, is the same in all.

    >>> within(say("graph"), "zh"), within("2*x", "zh")
    ('计算图', '2*x')
    """
    return text.zh if language == CHINESE and isinstance(text, Said) else str(text)


def say(key: str, **parts: object) -> Said:
    """The sentence of this key with its blanks filled; a sentence in a blank is so in both."""
    en, zh = SENTENCES[key]
    return Said(en.format(**parts), zh.format(**{k: _chinese(v) for k, v in parts.items()}))


def joined(*texts: str | None) -> Said | None:
    """Sentences one behind the other; None where there is none.

    >>> joined(say("graph"), None, say("cost"))
    'Graph What it costs'
    """
    found = [text for text in texts if text]
    if not found:
        return None
    return Said(" ".join(found), "".join(within(text, CHINESE) for text in found))


def _chinese(part: object) -> Any:
    return within(part, CHINESE) if isinstance(part, str) else part
