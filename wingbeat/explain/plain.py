"""Graphs as plain text, in the language that `wingbeat explain` reads."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from wingbeat.explain._writer import Formula, Operand, Written, write
from wingbeat.ir.node import ATOM, POWER, PRODUCT, SUM, Node

# Operation -> template, its strength, the strength that an operand needs to go bare.
_INFIX: dict[str, tuple[str, int, int]] = {
    "add": ("{0} + {1}", SUM, SUM),
    "sub": ("{0} - {1:tighter}", SUM, SUM),
    "mul": ("{0}*{1:tighter}", PRODUCT, PRODUCT),
    "scaled": ("{0}*{1:tighter}", PRODUCT, PRODUCT),
    "mutual": ("{0}*{1:tighter}", PRODUCT, PRODUCT),
    "div": ("{0}/{1:tighter}", PRODUCT, PRODUCT),
    "neg": ("-{0}", SUM, PRODUCT),
    "pow": ("{0}**{1:atom}", POWER, ATOM),
    "square": ("{0:atom}**2", POWER, ATOM),
    "floor_divide": ("{0}//{1:atom}", SUM, POWER),
    "remainder": ("{0} % {1:atom}", SUM, POWER),
    "bitwise_and": ("{0} & {1}", SUM, ATOM),
    "bitwise_or": ("{0} | {1}", SUM, ATOM),
    "bitwise_xor": ("{0} ^ {1}", SUM, ATOM),
    "left_shift": ("{0} << {1}", SUM, ATOM),
    "right_shift": ("{0} >> {1}", SUM, ATOM),
    "invert": ("~{0}", PRODUCT, ATOM),
    "logical_and": ("{0:atom} & {1:atom}", SUM, ATOM),
    "logical_or": ("{0:atom} | {1:atom}", SUM, ATOM),
    "logical_xor": ("{0:atom} ^ {1:atom}", SUM, ATOM),
    "logical_not": ("~{0:atom}", PRODUCT, ATOM),
    "equal": ("{0:tighter} == {1:tighter}", SUM, PRODUCT),
    "not_equal": ("{0:tighter} != {1:tighter}", SUM, PRODUCT),
    "less": ("{0:tighter} < {1:tighter}", SUM, PRODUCT),
    "less_equal": ("{0:tighter} <= {1:tighter}", SUM, PRODUCT),
    "greater": ("{0:tighter} > {1:tighter}", SUM, PRODUCT),
    "greater_equal": ("{0:tighter} >= {1:tighter}", SUM, PRODUCT),
}
_CALLED = {
    "maximum": "max",
    "minimum": "min",
    "root": "sqrt",
}  # operations whose function has another name


class Plain:
    """The notation: operators and calls as in Python."""

    def number(self, value: float) -> Written:
        """A number with all its digits; a negative one binds like a sum."""
        if value == math.pi or value == math.e:
            return Written("pi" if value == math.pi else "e", ATOM)
        whole = math.isfinite(value) and value == int(value) and abs(value) < 1e15
        text = repr(int(value)) if whole else repr(value)
        return Written(text, SUM if text.startswith("-") else ATOM)

    def filled(self, value: float, shape: tuple[int, ...]) -> Written:
        """An array of one number."""
        if value == 1:
            return Written(f"ones({shape})", ATOM)
        return Written(f"full({shape}, {self.number(value).text})", ATOM)

    def name(self, name: str) -> str:
        """A name as it is."""
        return name

    def wrap(self, text: str) -> str:
        """The text in parentheses."""
        return f"({text})"

    def cast(self, name: str, operand: Operand) -> Written:
        """A cast as a call."""
        return Written(f"{name}({operand:free})", ATOM)

    def operation(self, node: Node, operands: Sequence[Operand]) -> Written:
        """An operator between its operands, or a call."""
        name = node.name
        if name == "transpose":
            return Written(self.transposed(operands[0]), ATOM)
        if name == "contract":
            return _product(node, [o.piece for o in operands], self)
        if name not in _INFIX:
            arguments = ", ".join(f"{o:free}" for o in operands)
            return Written(f"{_CALLED.get(name, name)}({arguments})", ATOM)
        template, level, inner = _INFIX[name]
        again = [Operand(o.piece, self, level, inner) for o in operands]
        return Written(template.format(*again), level)

    def transposed(self, operand: Operand) -> str:
        """The transpose."""
        return f"transpose({operand:free})"


PLAIN = Plain()


class _Blank:
    """An operand that is left out."""

    def __format__(self, spec: str) -> str:
        return "…"


def outline(operation: str) -> str:
    """An operation without its operands, in signs that every language has.

    >>> outline("div"), outline("contract"), outline("exp")
    ('…/…', '… @ …', 'exp(…)')
    """
    if operation == "contract":
        return "… @ …"
    if operation in _INFIX:
        return _INFIX[operation][0].format(_Blank(), _Blank())
    return f"{_CALLED.get(operation, operation)}(…)"


def _product(node: Node, pieces: Sequence[Written], notation: Plain) -> Written:
    """A contraction as `x @ y` where it is a product of matrices or vectors."""
    left, right = [Operand(p, notation, ATOM, ATOM) for p in pieces]
    a = dict(node.attrs)
    lhs, rhs, out = a["lhs"], a["rhs"], a["out"]
    if not lhs or not rhs:
        x, y = [Operand(p, notation, PRODUCT, PRODUCT) for p in pieces]
        return Written(f"{x}*{y:tighter}", PRODUCT)
    inner = [k for k in lhs if k in rhs and k not in out]
    if not inner and len(lhs) == len(rhs) == 1 and out in ((*lhs, *rhs), (*rhs, *lhs)):
        first, second = (left, right) if out == (*lhs, *rhs) else (right, left)
        return Written(f"outer({first:free}, {second:free})", ATOM)
    if len(inner) != 1 or len(lhs) > 2 or len(rhs) > 2 or set(lhs) & set(rhs) & set(out):
        return Written(f"contract({left:free}, {right:free})", ATOM)
    if out != tuple(k for k in (*lhs, *rhs) if k != inner[0]):  # (x y)' is y' x'
        left, right, lhs, rhs = right, left, rhs, lhs
    x = notation.transposed(left) if len(lhs) == 2 and lhs[0] == inner[0] else f"{left:atom}"
    y = notation.transposed(right) if len(rhs) == 2 and rhs[1] == inner[0] else f"{right:atom}"
    return Written(f"{x} @ {y}", PRODUCT)


def to_plain(node: Node, names: Mapping[Node, str]) -> str:
    """The formula of a graph as text that `wingbeat explain` reads back.

    Parts that are used several times are written once: `t1 = ...; t1*t1`.

    >>> from wingbeat.explain import to_plain
    >>> from wingbeat.ir import leaf, tensor_type
    >>> x = leaf(tensor_type(()), "x")
    >>> to_plain((x + 1.0) * x / 2.0, {})
    '(x + 1)*x/2'
    """
    return plain_lines(write([node], names, PLAIN))


def plain_lines(formula: Formula) -> str:
    """The body of a formula behind the lines that it refers to."""
    return "; ".join([*(f"{name} = {text}" for name, text in formula.lets), formula.texts[0]])
