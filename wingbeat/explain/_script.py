"""How derivatives, products and numbers are written, in plain text and in LaTeX."""

from __future__ import annotations

from typing import Any

from wingbeat.errors import BadInput
from wingbeat.explain._names import latex_name
from wingbeat.explain._numbers import UNKNOWN, show
from wingbeat.explain.model import Edge, Model

PLAIN, LATEX = "plain", "latex"


class Script:
    """How derivatives, products and numbers are written in one of the two forms."""

    def __init__(self, model: Model, form: str, simplified: bool = True) -> None:
        if form not in (PLAIN, LATEX):
            raise BadInput(f"form={form!r} is unknown; use 'plain' or 'latex'")
        self.model, self.tex, self.simplified = model, form == LATEX, simplified
        self.dot = r" \cdot " if self.tex else "*"

    def d(self, top: str, by: str, sign: str = "d") -> str:
        """A derivative, whole (d) or along one edge (∂)."""
        if self.tex:
            sign = r"\partial " if sign == "∂" else r"\mathrm{d}"
            gap = "" if sign.endswith(" ") else " "
            return rf"\frac{{{sign}{gap}{latex_name(top)}}}{{{sign}{gap}{latex_name(by)}}}"
        return f"{sign}{top}/{sign}{by}"

    def edge(self, e: Edge) -> str:
        """The partial of an edge as a symbol; `d` where the edge is the only way."""
        return self.d(e.target, e.source, "d" if e.alone else "∂")

    def partial(self, e: Edge) -> str:
        """The partial of an edge; where there are tensors, what flows back."""
        if not self.simplified:
            return e.raw()[1 if self.tex else 0]
        return e.latex if self.tex else e.formula

    def formula(self, e: Edge) -> str:
        """The partial of an edge as a factor; one that takes several lines stays a symbol."""
        text = self.partial(e) or "?"
        if has_lines(text):
            return self.edge(e)
        return self.factor(text, binds_loosely(text))

    def number(self, value: Any) -> str:
        """A number as a factor."""
        text = show(value)
        if self.tex:
            text = tex_number(text)
        return self.factor(text, text.startswith("-"))

    def result(self, value: Any) -> str:
        """A number, or what is shown of an array, as the end of a derivation."""
        return tex_value(value) if self.tex else show(value)

    def factor(self, text: str, loose: bool) -> str:
        """`text` as part of a product."""
        if not loose:
            return text
        return rf"\left({text}\right)" if self.tex else f"({text})"

    def product(self, factors: list[str], kind: str = "") -> str:
        """Factors with a sign between them; in plain symbols there are spaces around it."""
        return (" * " if kind == "symbols" and not self.tex else self.dot).join(factors)


def tex_value(value: Any) -> str:
    """A number as LaTeX; an array, which is shown by its elements or its norm, as text."""
    text = show(value)
    if text == UNKNOWN:
        return text
    return tex_number(text) if getattr(value, "ndim", 0) == 0 else rf"\text{{{text}}}"


def tex_number(text: str) -> str:
    """A printed number as LaTeX."""
    if text == "inf" or text == "-inf":
        return text.replace("inf", r"\infty")
    if text == "nan":
        return r"\mathrm{NaN}"
    digits, e, exponent = text.partition("e")
    return rf"{digits} \cdot 10^{{{int(exponent)}}}" if e else text


def binds_loosely(text: str) -> bool:
    """Whether a formula needs parentheses in a product: it has a sign outside brackets."""
    depth = 0
    for k, c in enumerate(text):
        depth += (c in "([{") - (c in ")]}")
        if depth == 0 and c in "+-<>=&|;%":
            exponent = c in "+-" and k > 1 and text[k - 1] == "e" and text[k - 2].isdigit()
            power = c == "-" and text[:k].endswith("**")
            if not exponent and not power:
                return True
    return text.startswith(r"\sum") or r"\bmod" in text or "//" in text


def has_lines(text: str) -> bool:
    """Whether a formula refers to lines of its own."""
    return ";" in text or r"\begin{aligned}" in text
