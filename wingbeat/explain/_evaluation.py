"""A parsed expression on tensors, and the values that it needs."""

from __future__ import annotations

import ast
import unicodedata
from collections.abc import Callable, Mapping

from wingbeat.api.tensor import Tensor
from wingbeat.errors import BadExpression, BadInput, WingbeatError
from wingbeat.explain._grammar import children
from wingbeat.explain._statement import Statement, at, fault, nearest
from wingbeat.explain._vocabulary import BINARY, COMPARISONS, CONSTANTS, FUNCTIONS, UNARY
from wingbeat.explain.expression import Program


def run(
    program: Program,
    values: Mapping[str, Tensor],
    constant: Callable[[float], Tensor],
    rename: Callable[[str, Tensor], Tensor] = lambda name, t: t,
) -> dict[str, Tensor]:
    """The tensor of every assigned name; `constant` makes a number a tensor.

    `rename` may replace the tensor of a statement, so that it is known by its name afterwards.
    """
    env = dict(values)
    for s in program.statements:
        env[s.name] = rename(s.name, _evaluate(program.text, s, env, constant))
    return {s.name: env[s.name] for s in program.statements}


def _evaluate(
    text: str, s: Statement, env: Mapping[str, Tensor], constant: Callable[[float], Tensor]
) -> Tensor:
    """Operands first, with a stack of our own: long sums are nested thousands deep."""
    values: list[Tensor] = []
    stack: list[tuple[ast.expr, bool]] = [(s.tree, False)]
    while stack:
        node, ready = stack.pop()
        operations = [x for x, _ in children(node)]
        if operations and not ready:
            stack.append((node, True))
            stack.extend((x, False) for x in reversed(operations))
            continue
        operands = values[len(values) - len(operations) :]
        del values[len(values) - len(operations) :]
        try:
            values.append(_apply(node, operands, env, constant))
        except WingbeatError as error:
            raise fault(text, at(s, node), str(error).split("\n")[0]) from None
    return values[0]


def _apply(
    node: ast.expr,
    xs: list[Tensor],
    env: Mapping[str, Tensor],
    constant: Callable[[float], Tensor],
) -> Tensor:
    match node:
        case ast.Constant():
            return constant(float(node.value))  # type: ignore[arg-type]
        case ast.Name():
            return env[node.id] if node.id in env else constant(CONSTANTS[node.id])
        case ast.BinOp():
            return BINARY[type(node.op)](*xs)
        case ast.UnaryOp():
            return UNARY[type(node.op)](*xs)
        case ast.Compare():
            return COMPARISONS[type(node.ops[0])](*xs)
        case ast.Call(func=ast.Name(id=name)):
            return FUNCTIONS[name].call(*xs)
        case _:
            raise BadExpression(f"not allowed: {ast.dump(node)[:60]}")


def canonical(name: str) -> str:
    """A name as Python's parser writes it, so that values find their names."""
    return unicodedata.normalize("NFKC", name)


def check_values(program: Program, values: Mapping[str, object]) -> None:
    """Every input has a value, and every value an input; raises `BadInput` with what to add."""
    known = ", ".join(program.inputs) or "none"
    for name in values:
        if name not in program.inputs:
            assigned = name in {s.name for s in program.statements}
            why = (
                "is computed by the expression, so it takes no value"
                if assigned
                else "is not in the expression"
            )
            raise BadInput(f"{name} {why}{nearest(name, program.inputs)}; inputs: {known}")
    missing = [name for name in program.inputs if name not in values]
    if not missing:
        return
    have = "has no value" if len(missing) == 1 else "have no value"
    add = " ".join(f"{name}=..." for name in missing)
    unknown = f"{', '.join(missing)} {have}; add {add}"
    raise BadInput(unknown)
