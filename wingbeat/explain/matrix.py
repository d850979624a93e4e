"""Derivatives of tensors in matrix form: `dL/dW1 = X' @ (dH*(H*(1 - H)))`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wingbeat.explain._bodies import Body
from wingbeat.explain._build import Builder
from wingbeat.explain._names import latex_name
from wingbeat.explain._numbers import show
from wingbeat.explain._script import LATEX, PLAIN, Script, has_lines, tex_value
from wingbeat.explain._writer import Operand, Written, write
from wingbeat.explain.algebra import shortened
from wingbeat.explain.derivation import TEX_RELATION, between
from wingbeat.explain.latex import Latex, latex_lines
from wingbeat.explain.model import Edge, Model
from wingbeat.explain.plain import Plain, plain_lines
from wingbeat.ir.node import ATOM, POWER, Node, full


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
    """Plain text with X' for the transpose."""

    def operation(self, node: Node, operands: Sequence[Operand]) -> Written:
        written = super().operation(node, operands)
        if node.name == "transpose":
            return Written(f"{operands[0]:atom}'", POWER)
        return written

    def transposed(self, operand: Operand) -> str:
        return f"{operand:atom}'"


class _MatrixLatex(Latex):
    """LaTeX in which the gradient of a step, marked by ∂ and its name, is a fraction."""

    def __init__(self, result: str) -> None:
        self.result = latex_name(result)

    def name(self, name: str) -> str:
        if not name.startswith("∂"):
            return super().name(name)
        return rf"\frac{{\partial {self.result}}}{{\partial {latex_name(name[1:])}}}"


def matrix_form(
    builder: Builder, model: Model, wrt: str | None = None, form: str = PLAIN
) -> list[Equation]:
    """The gradients from the result outwards, each in terms of those before it.

    Args:
        builder: what the model was made of.
        model: the graph with numbers.
        wrt: only what the gradient by this name needs.
        form: "plain" or "latex".
    """
    script = Script(model, form)
    found: list[Equation] = []
    names = {name: head for head, name in builder.names.items()}
    notation = _MatrixLatex(model.result) if script.tex else _MatrixPlain()
    for name, edges in between(model, wrt):
        terms = [_term(builder, names, e, model, notation, script) for e in edges]
        left = script.d(model.result, name, "∂" if script.tex else "d")
        value = next(s.gradient for s in model.steps if s.name == name)
        found.append(Equation(name, left, " + ".join(terms) or "1", value))
    return found


def _term(
    builder: Builder,
    names: dict[str, Node],
    e: Edge,
    model: Model,
    notation: _MatrixPlain | _MatrixLatex,
    script: Script,
) -> str:
    """What one edge sends back."""
    body = builder.bodies[names[e.target]]
    place = body.reads.index(names[e.source])
    mark = "∂" if script.tex else "d"
    text = _written(body, place, e.target == model.result, mark, notation, script.tex)
    if has_lines(text) or not text:
        jacobian = script.d(e.target, e.source, "∂")
        g = notation.name(f"{mark}{e.target}")
        return rf"\left({jacobian}\right)^{{\top}} {g}" if script.tex else f"({jacobian})' {g}"
    return text


def _written(
    body: Body,
    place: int,
    last: bool,
    mark: str,
    notation: _MatrixPlain | _MatrixLatex,
    tex: bool,
) -> str:
    partial = body.shape.partials[place]
    if partial is None:
        return "0"
    seed = body.shape.seed
    names = {**body.names, seed: f"{mark}{body.name}"}
    known = body.own()
    if last and not body.shape.one:
        known[seed] = full(1, seed.type)  # dL/dL is not written
    (short,) = shortened([partial if not body.shape.one else partial * seed], known)
    if body.shape.one and not last:
        piece = plain_lines(write([short], names, notation))
        return f"{mark}{body.name}*({piece})" if not tex else rf"{notation.name(mark + body.name)} \cdot {latex_lines(write([short], names, notation))}"
    writer = latex_lines if tex else plain_lines
    return writer(write([short], names, notation))


def render_matrix(equations: Sequence[Equation], result: str, form: str = PLAIN) -> str:
    """The equations below each other, with the numbers of small results behind."""
    if form == LATEX:
        rows = [rf"{q.left} &= {q.right} = {tex_value(q.value)}" for q in equations]
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"
    width = max((len(q.left) for q in equations), default=0)
    lines = [f"dX is short for d{result}/dX, and X' for the transpose of X."]
    lines += [f"{q.left:<{width}} = {q.right}" for q in equations]
    return "\n".join(lines)


__all__ = ["ATOM", "TEX_RELATION", "Equation", "matrix_form", "render_matrix", "show"]
