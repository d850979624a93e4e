"""The allow-list: what may stand in an expression, and what is said of everything else."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import partial

from wingbeat.explain._statement import Statement, at, fault, nearest, source
from wingbeat.explain._vocabulary import (
    ALLOWED,
    BINARY,
    COMPARISONS,
    CONSTANTS,
    FUNCTIONS,
    UNARY,
)

_INSTEAD: dict[type[ast.AST], str] = {
    ast.Attribute: "attributes",
    ast.Subscript: "indexing",
    ast.IfExp: "if ... else (write where(condition, x, y))",
    ast.BoolOp: "and, or (nest where(...))",
    ast.Compare: "a comparison outside the condition of where(...)",
    ast.List: "a list (give it as the value of a name: x=[1, 2])",
    ast.Tuple: "a pair of values",
    ast.Starred: "an argument with a star",
}


def check(text: str, s: Statement) -> None:
    """Every node is on the allow-list."""
    if s.name in CONSTANTS or s.name in FUNCTIONS:
        what = "a function" if s.name in FUNCTIONS else f"the number {CONSTANTS[s.name]:.6g}"
        raise fault(text, s.start, f"{s.name} is {what}; assign to another name")
    stack: list[tuple[ast.expr, bool]] = [(s.tree, False)]
    while stack:
        node, condition = stack.pop()
        problem = _problem(node, condition, partial(source, s, node))
        if problem:
            raise fault(text, at(s, node), problem)
        stack.extend(children(node))


def children(node: ast.expr) -> list[tuple[ast.expr, bool]]:
    """The operands, and for each whether it is a condition."""
    match node:
        case ast.BinOp():
            return [(node.left, False), (node.right, False)]
        case ast.UnaryOp():
            return [(node.operand, False)]
        case ast.Compare():
            return [(node.left, False), (node.comparators[0], False)]
        case ast.Call(func=ast.Name(id=name)):
            return [(x, name == "where" and k == 0) for k, x in enumerate(node.args)]
        case _:
            return []


def _problem(node: ast.expr, condition: bool, shown: Callable[[], str]) -> str | None:
    match node:
        case ast.Compare() if condition:
            if len(node.ops) == 1 and type(node.ops[0]) in COMPARISONS:
                return None
            return f"a condition is one comparison such as a < b, not {shown()!r}"
        case _ if condition:
            return f"the condition of where is a comparison such as a < b, not {shown()!r}"
        case ast.Name():
            return None
        case ast.Constant():
            return _number_problem(node.value)
        case ast.BinOp() if type(node.op) in BINARY:
            return None
        case ast.UnaryOp() if type(node.op) in UNARY:
            return None
        case ast.Call():
            return _call_problem(node, shown)
        case _:
            what = _INSTEAD.get(type(node))
            return f"not allowed: {shown()!r}{f', {what}' if what else ''}; {ALLOWED}"


def _number_problem(value: object) -> str | None:
    if type(value) not in (int, float):
        return f"{value!r} is no number; {ALLOWED}"
    try:
        infinite = float(value) in (float("inf"), float("-inf"))  # type: ignore[arg-type]
    except OverflowError:
        infinite = True
    return "this number is larger than any float64 (about 1.8e308)" if infinite else None


def _call_problem(node: ast.Call, shown: Callable[[], str]) -> str | None:
    if not isinstance(node.func, ast.Name):
        return (
            f"not allowed: {shown()!r}, a call of something that is no function's name; {ALLOWED}"
        )
    name = node.func.id
    if name not in FUNCTIONS:
        known = ", ".join(FUNCTIONS)
        return f"there is no function {name}{nearest(name, FUNCTIONS)}; known are {known}"
    if node.keywords or any(isinstance(x, ast.Starred) for x in node.args):
        return f"{name} takes values only, such as {name}(x)"
    f = FUNCTIONS[name]
    if not f.least <= len(node.args) <= f.most:
        return f"{name} takes {f.takes()}, not {len(node.args)}"
    return None


def named(tree: ast.expr) -> list[ast.Name]:
    """The names in a checked tree, functions excepted, from left to right."""
    found: list[ast.Name] = []
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Name):
            found.append(node)
        stack.extend(x for x, _ in reversed(children(node)))
    return found
