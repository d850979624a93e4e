"""Derivatives of tensors in matrix form: `dL/dW1 = X' @ (dH*(H*(1 - H)))`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wingbeat.explain._build import Builder
from wingbeat.explain._names import latex_name
from wingbeat.explain._script import LATEX, PLAIN, Script, tex_value
from wingbeat.explain._writer import Operand
from wingbeat.explain.derivation import between
from wingbeat.explain.latex import Latex
from wingbeat.explain.model import Edge, Model
from wingbeat.explain.plain import Plain
from wingbeat.ir.node import Node

_MARK = "∂"  # before the name of a step: its gradient


@dataclass(frozen=True)
class Equation:
    """One line: the gradient of a step as a formula of gradients nearer to the result.

    Attributes:
        name: the step.
        left: `dL/dW1`.
        right: the formula, in which `dH` is short for dL/dH and X' is the transpose of X.
        value: the gradient.
    """

    name: str
    left: str
    right: str
    value: Any


class _MatrixPlain(Plain):
    """Plain text with X' for the transpose of X and dX for its gradient."""

    def name(self, name: str) -> str:
        return name.replace(_MARK, "d", 1)

    def transposed(self, operand: Operand) -> str:
        return f"{operand:atom}'"


class _MatrixLatex(Latex):
    """LaTeX in which the gradient of a step is a fraction."""

    def __init__(self, result: str) -> None:
        self.result = latex_name(result)

    def name(self, name: str) -> str:
        if not name.startswith(_MARK):
            return super().name(name)
        return rf"\frac{{\partial {self.result}}}{{\partial {latex_name(name[1:])}}}"


def matrix_form(
    builder: Builder, model: Model, wrt: str | None = None, form: str = PLAIN
) -> list[Equation]:
    """The gradients from the result outwards, each in terms of those before it."""
    script = Script(model, form)
    heads = {name: head for head, name in builder.names.items()}
    notation = _MatrixLatex(model.result) if script.tex else _MatrixPlain()
    values = {s.name: s.gradient for s in model.steps}
    found: list[Equation] = []
    for name, edges in between(model, wrt):
        terms = [_term(builder, heads, e, script, notation) for e in edges]
        left = script.d(model.result, name, "∂" if script.tex else "d")
        found.append(Equation(name, left, " + ".join(terms) or "1", values[name]))
    return found


def _term(
    builder: Builder,
    heads: dict[str, Node],
    e: Edge,
    script: Script,
    notation: _MatrixPlain | _MatrixLatex,
) -> str:
    """What one edge sends back; what takes several lines is written by its Jacobian."""
    body = builder.bodies[heads[e.target]]
    g = "" if e.target == script.model.result else f"{_MARK}{e.target}"
    formula = body.sent_texts(body.reads.index(heads[e.source]), g, notation)
    if formula is None:
        return "0"
    if not formula.lets:
        return formula.texts[0]
    jacobian, g = script.d(e.target, e.source, "∂"), notation.name(f"{_MARK}{e.target}")
    return rf"\left({jacobian}\right)^{{\top}} {g}" if script.tex else f"({jacobian})' {g}"


def render_matrix(equations: Sequence[Equation], result: str, form: str = PLAIN) -> str:
    """The equations below each other."""
    if form == LATEX:
        rows = [rf"{q.left} &= {q.right} = {tex_value(q.value)}" for q in equations]
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"
    width = max((len(q.left) for q in equations), default=0)
    lines = [f"dX is short for d{result}/dX, and X' for the transpose of X."]
    return "\n".join([*lines, *(f"{q.left:<{width}} = {q.right}" for q in equations)])
