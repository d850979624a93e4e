"""Derivatives as formulas: graphs themselves, printed and differentiated again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from wingbeat.errors import BadInput, NotDifferentiable, TypeMismatch
from wingbeat.explain._build import Builder
from wingbeat.explain._given import names
from wingbeat.explain._names import latex_name
from wingbeat.explain._script import PLAIN
from wingbeat.explain._writer import is_transparent, write
from wingbeat.explain.algebra import shortened
from wingbeat.explain.latex import LATEX, latex_lines
from wingbeat.explain.plain import PLAIN as PLAIN_NOTATION
from wingbeat.explain.plain import plain_lines
from wingbeat.ir.node import Node, full
from wingbeat.transform import obstacle, vjp


def derivative(builder: Builder, wrt: Sequence[Node]) -> Node | None:
    """The graph of the derivative by `wrt`, one after the other; None where there is none."""
    node: Node | None = builder.root
    seed = builder.seed
    for k, x in enumerate(wrt):
        assert node is not None
        if k and node.shape != ():
            raise TypeMismatch(
                f"formula: the derivative is {node.type}; only scalars are differentiated again. "
                "Use wb.hessian, or explain a function of scalars"
            )
        x = builder.new[x]
        (found,) = vjp([node], [x], [seed if k == 0 else full(1, node.type)])
        if found is None and (reason := obstacle(node, x)) is not None:
            raise reason
        if found is None:
            return None
        node = found
    return node


def derivative_text(
    builder: Builder, wrt: str | Sequence[str], order: int, form: str, expand: bool
) -> str:
    """`dz/db = x + y`; see `Explanation.formula`."""
    if not isinstance(order, int) or isinstance(order, bool) or order < 1 or not wrt:
        raise BadInput(
            f"formula: order is a whole number from 1 on, not {order!r}; "
            "to differentiate by several names write them in one list: formula(['w', 'b'])"
        )
    chosen = names(wrt, "formula: wrt")
    chosen = chosen * order if isinstance(wrt, str) else chosen
    by_name = {name: node for node, name in builder.names.items()}
    for name in chosen:
        if name not in by_name:
            raise BadInput(f"nothing is called {name}; known are {', '.join(by_name)}")
    result = builder.names[builder.recording.root]
    left = _left(result, chosen, form)
    try:
        node = derivative(builder, [by_name[name] for name in chosen])
    except NotDifferentiable as error:
        return f"{left}: {str(error).splitlines()[0]}"
    if node is None:
        return _none(builder, left, result, chosen)
    known = stand_ins(builder, expand)
    short = shortened([node], known)
    if form == PLAIN:
        *lets, last = plain_lines(write(short, {}, PLAIN_NOTATION)).split("; ")
        return "; ".join([*lets, f"{left} = {last}"])
    return f"{left} = {latex_lines(write(short, {}, LATEX))}"


def _none(builder: Builder, left: str, result: str, names: list[str]) -> str:
    """No derivative arrived: the result does not depend on a name, or a slope is constant."""
    if len(names) > 1 and derivative(builder, [_node(builder, names[0])]) is not None:
        return f"{left} = 0"
    return f"{left}: no path, {result} does not depend on {names[0]}"


def _node(builder: Builder, name: str) -> Node:
    return next(node for node, known in builder.names.items() if known == name)


def stand_ins(builder: Builder, expand: bool = False) -> dict[Node, Node]:
    """Leaves with names in place of the steps, or of the inputs alone."""
    inputs = set(builder.recording.inputs.values())
    known: dict[Node, Node] = {}
    for head in builder.steps.heads:
        node = builder.new[head]
        if head in inputs or head.op is None:
            known.setdefault(node, builder.leaf[head])
        elif not expand:
            # The name of a statement stands for the operation behind it, too.
            while node.op is not None and node not in known:
                known[node] = builder.leaf[head]
                node = node.inputs[0] if is_transparent(node) else node
    return known


def _left(result: str, names: list[str], form: str) -> str:
    """dz/db, d2z/db2, d2z/dwdb."""
    powers = [(name, len(list(same))) for name, same in groupby(names)]
    n = len(names)
    if form == PLAIN:
        below = "".join(f"d{name}{k if k > 1 else ''}" for name, k in powers)
        return f"d{n if n > 1 else ''}{result}/{below}"
    d = r"\mathrm{d}"
    top = f"{d}^{{{n}}}" if n > 1 else d
    below = r" \, ".join(f"{d} {latex_name(x)}" + (f"^{{{k}}}" if k > 1 else "") for x, k in powers)
    return rf"\frac{{{top} {latex_name(result)}}}{{{below}}}"
