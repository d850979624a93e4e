"""Closed formulas: gradients with names of their own, and indices in place of numbers.

Of a network whose steps are called `w_12`, `beta_2`, ..., the gradient by `beta_j` may be called
`g_j`; then dE/dw_hj = g_j*b_h comes out for all h and j at once.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from wingbeat.errors import BadInput
from wingbeat.explain._build import Builder
from wingbeat.explain._given import by_name, names
from wingbeat.explain._writer import write
from wingbeat.explain.algebra import shortened
from wingbeat.explain.formula import stand_ins
from wingbeat.explain.latex import LATEX, latex_lines
from wingbeat.explain.parts import Code, Part
from wingbeat.explain.plain import PLAIN, plain_lines
from wingbeat.explain.shown import Shown
from wingbeat.ir.node import Node, leaf

_INDEXED = re.compile(r"\b([A-Za-z]+)_(\d+)\b")


@dataclass(frozen=True)
class Closed:
    """One formula: `left` is `g_1` or `dE/dw_11`, `right` holds names of steps and of gradients.

    `name` is the step that the derivative is taken by.
    """

    name: str
    left: str
    right: str
    latex: str

    def __str__(self) -> str:
        return f"{self.left} = {self.right}"


class Formulas(Shown, tuple[Closed, ...]):
    """Closed formulas, each of which may use the names of those before it; prints as lines."""

    __slots__ = ()

    def parts(self) -> Iterator[Part]:
        """The formulas below each other."""
        width = max((len(formula.left) for formula in self), default=0)
        yield Code("\n".join(f"{formula.left:<{width}} = {formula.right}" for formula in self))


def closed(builder: Builder, wrt: str | Sequence[str], symbols: Mapping[str, str]) -> Formulas:
    """The derivatives by `wrt`; `symbols` says which step's gradient has which name."""
    symbols = by_name(symbols, "closed: symbols", '{"g": "beta"}, names for gradients of steps')
    wrt = names(wrt, "closed: wrt")
    heads = {name: head for head, name in builder.names.items()}
    for name in (*wrt, *symbols.values()):
        if name not in heads:
            raise BadInput(f"closed: nothing is called {name}; known are {', '.join(heads)}")
    for symbol in symbols:
        if symbol in heads:
            raise BadInput(f"closed: {symbol} is the name of a step; call the gradient otherwise")
    result = builder.names[builder.recording.root]
    order = {name: k for k, name in enumerate(builder.names.values())}
    named = sorted(symbols.items(), key=lambda item: -order[item[1]])
    known = stand_ins(builder)
    found: list[Closed] = []
    called: dict[Node, Node] = {}  # gradients that have names
    for left, name in [*named, *((f"d{result}/d{name}", name) for name in wrt)]:
        gradient = builder.gradient(heads[name])
        if gradient is None:
            raise BadInput(f"closed: {result} has no derivative by {name} here; is it in wrt?")
        direct = gradient in called and left not in symbols
        (short,) = [called[gradient]] if direct else shortened([gradient], known | called)
        plain = plain_lines(write([short], {}, PLAIN))
        found.append(Closed(name, left, plain, latex_lines(write([short], {}, LATEX))))
        if left in symbols:
            called[gradient] = leaf(gradient.type, left)
    return Formulas(found)


def general(
    formulas: Sequence[Closed], indices: Mapping[str, str], result: str
) -> list[tuple[str, str]]:
    """One formula for each family that differs by indices only, with sums written as sums.

    Args:
        formulas: what `closed` returned.
        indices: for every base name the letters of its indices: w: "hj" makes w_12 w_hj.
        result: the name of the result.

    Raises `BadInput` where a base has no letters, or two members of a family have different forms.
    """
    indices = by_name(indices, "general: indices", '{"w": "hj"}, letters for digits')
    found: dict[str, str] = {}
    for formula in formulas:
        left, right = _lettered(formula.left, indices), _lettered(formula.right, indices)
        bound = set("".join(m[1] for m in re.finditer(r"_([a-z]+)\b", left)))
        text = _summed(right, bound)
        if found.setdefault(left, text) != text:
            raise BadInput(f"general: {left} is both {found[left]} and {text}")
    return list(found.items())


def _lettered(text: str, indices: Mapping[str, str]) -> str:
    def letters(match: re.Match[str]) -> str:
        base, digits = match[1], match[2]
        own = indices.get(base, indices.get(base.removeprefix("d")))
        if own is None or len(own) != len(digits):
            raise BadInput(
                f"general: say which {len(digits)} letters stand for the digits of {match[0]}, "
                f"as in indices={{{base!r}: {'ijkl'[: len(digits)]!r}}}"
            )
        return f"{base}_{own}"

    return _INDEXED.sub(letters, text)


def _summed(text: str, bound: set[str]) -> str:
    """Sums of equal terms that run over a free index, as `sum_j(...)`."""
    return ast.unparse(_Sums(bound).visit(ast.parse(text, mode="eval")))


class _Sums(ast.NodeTransformer):
    def __init__(self, bound: set[str]) -> None:
        self.bound = bound

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        terms = _terms(node)
        if len(terms) == 1:
            return self.generic_visit(node)
        terms = [self.visit(t) for t in terms]
        total = self._sum(terms[0]) if len({ast.dump(t) for t in terms}) == 1 else None
        return total or reduce(lambda x, y: ast.BinOp(x, ast.Add(), y), terms)

    def _sum(self, term: ast.expr) -> ast.AST | None:
        names = {n.id for n in ast.walk(term) if isinstance(n, ast.Name)}
        letters = {c for name in names for c in name.partition("_")[2]}
        free = "".join(sorted(letters - self.bound))
        if not free:
            return None
        return ast.Call(ast.Name(f"sum_{free}", ast.Load()), [term], [])


def _terms(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [*_terms(node.left), *_terms(node.right)]
    return [node]
