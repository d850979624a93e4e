"""Graphs as LaTeX, from the templates that the primitives carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wingbeat.explain._names import latex_name
from wingbeat.explain._writer import Formula, Operand, Written, is_transparent, write
from wingbeat.ir.node import ATOM, PRODUCT, SUM, Node, full
from wingbeat.ir.types import tensor_type
from wingbeat.ops.families import constant_of


class Latex:
    """The notation: numbers, names and templates as LaTeX."""

    def number(self, value: float) -> Written:
        """A number with all its digits; a negative one binds like a sum."""
        node = full(value, tensor_type((), "bool" if isinstance(value, bool) else "float64"))
        assert node.op is not None
        assert callable(node.op.latex)
        text = node.op.latex(**dict(node.attrs))
        level = SUM if text.startswith("-") else PRODUCT if r"\cdot" in text else ATOM
        return Written(text, level)

    def filled(self, value: float, shape: tuple[int, ...]) -> Written:
        """An array of one number."""
        ones = r"\mathbf{1}_{" + r" \times ".join(map(str, shape)) + "}"
        if value == 1:
            return Written(ones, ATOM)
        number = self.number(value)
        text = number.text if number.level >= PRODUCT else self.wrap(number.text)
        return Written(rf"{text} \cdot {ones}", PRODUCT)

    def name(self, name: str) -> str:
        """A name with its subscripts."""
        return latex_name(name)

    def wrap(self, text: str) -> str:
        """The text in parentheses."""
        return rf"\left({text}\right)"

    def cast(self, name: str, operand: Operand) -> Written:
        """A cast as a function of this name."""
        return Written(rf"\operatorname{{{name}}}{self.wrap(format(operand, 'free'))}", ATOM)

    def operation(self, node: Node, operands: Sequence[Operand]) -> Written:
        """The template of the primitive, filled."""
        assert node.op is not None
        template = node.op.latex
        if callable(template):
            return Written(template(*operands, **dict(node.attrs)), node.op.level)
        numbers = any(_is_number(x) for x in (node, *node.inputs))
        if node.name in ("mul", "scaled", "mutual") and not numbers:
            template = template.replace(r"\cdot", r"\odot")  # element by element
        return Written(template.format(*operands), node.op.level)


def _is_number(node: Node) -> bool:
    """Whether a node is one number, or one number everywhere."""
    while is_transparent(node):
        node = node.inputs[0]
    return node.shape == () or constant_of(node) is not None


LATEX = Latex()


def to_latex(node: Node, names: Mapping[Node, str]) -> str:
    r"""The formula of a graph as LaTeX.

    Parts that are used several times are written once, on lines of their own, so the text grows
    with the number of nodes.

    Args:
        node: the root of a graph, which may contain composites.
        names: names of nodes, as `"beta_1"` (written as \beta_{1}); nothing is searched behind
            them. A leaf that it lacks is written by its own name.

    >>> from wingbeat.explain import to_latex
    >>> from wingbeat.ir import leaf, tensor_type
    >>> x = leaf(tensor_type(()), "x")
    >>> print(to_latex((x + 1.0) * x / 2.0, {}))
    \frac{\left(x + 1\right) \cdot x}{2}
    """
    return latex_lines(write([node], names, LATEX))


def latex_lines(formula: Formula) -> str:
    """The body of a formula; where there are lines that it refers to, all of them aligned."""
    if not formula.lets:
        return formula.texts[0]
    rows = [rf"{name} &= {text} \\" for name, text in formula.lets]
    return "\n".join([r"\begin{aligned}", *rows, f"& {formula.texts[0]}", r"\end{aligned}"])
