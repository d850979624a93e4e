"""Formulas as text: `x=2*w+b; y=b+1; z=x*y`, read with `ast` against an allow-list and never executed."""

from __future__ import annotations

import ast
import unicodedata
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from wingbeat.api.tensor import Tensor
from wingbeat.errors import BadExpression, BadInput, WingbeatError
from wingbeat.explain._vocabulary import (
    ALLOWED,
    BINARY,
    COMPARISONS,
    CONSTANTS,
    FUNCTIONS,
    UNARY,
)

LONGEST = 10_000  # characters of an expression
DEEPEST = 100  # brackets inside brackets
_PUNCTUATION = set("+-*/%@()[],=<>!;._ \t\r\n")
_HINTS = {
    "^": "; powers are written x**2",
    "'": "; there is no text in formulas",
    '"': "; there is no text in formulas",
    ":": "; there are no slices, lambdas or annotations",
    "&": "; conditions stand inside where(a < b, x, y)",
    "|": "; conditions stand inside where(a < b, x, y), absolute values are abs(x)",
    "#": "; there are no comments",
}
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


@dataclass(frozen=True)
class Statement:
    """One assignment: its name, its parsed right side, and where it stands in the text."""

    name: str
    tree: ast.expr
    text: str
    start: int


@dataclass(frozen=True)
class Program:
    """A parsed text: its statements in order, and the names that need values, in order of appearance."""

    text: str
    statements: tuple[Statement, ...]
    inputs: tuple[str, ...]

    @property
    def result(self) -> str:
        """The name assigned last."""
        return self.statements[-1].name

    def until(self, name: str) -> Program:
        """The program that ends with the assignment of `name`."""
        names = [s.name for s in self.statements]
        if name not in names:
            known = ", ".join(names)
            raise BadExpression(f"no statement assigns {name}; assigned are {known}")
        return Program(self.text, self.statements[: names.index(name) + 1], self.inputs)


def fault(text: str, at: int, message: str) -> BadExpression:
    """The error at a position of the text: a sentence, and the line with a caret below the position."""
    at = max(0, min(at, len(text)))
    begin = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    line = text[begin : end if end >= 0 else len(text)]
    column = at - begin
    cut = max(0, column - 40)
    shown = "".join(c if c.isprintable() else " " for c in line[cut : cut + 72])
    return BadExpression(f"{message}\n  {shown}\n  {' ' * (column - cut)}^")


def parse(text: str) -> Program:
    """Read `name = expression; ...`; the last expression may go without a name and is then `result`.

    Raises:
        BadExpression: anything that is not a formula of the allowed numbers, names, operators and
            functions; the message has the place, what stands there and what is allowed.

    >>> program = parse("x=2*w+b; y=b+1; z=x*y")
    >>> program.inputs, program.result
    (('w', 'b'), 'z')
    """
    if len(text) > LONGEST:
        raise BadExpression(
            f"the expression has {len(text)} characters; at most {LONGEST} are read"
        )
    pieces = _pieces(text)
    if not pieces:
        raise BadExpression("the expression is empty; write one such as 'y = 2*x + 1'")
    statements = [
        _statement(text, start, piece, k == len(pieces) - 1)
        for k, (start, piece) in enumerate(pieces)
    ]
    for s in statements:
        _check(text, s)
    return Program(text, tuple(statements), _inputs(text, statements))


def _pieces(text: str) -> list[tuple[int, str]]:
    """The statements and where they begin, split where no bracket is open."""
    found: list[tuple[int, str]] = []
    depth = begin = 0
    for k, c in enumerate(f"{text};"):
        if c not in _PUNCTUATION and not c.isalnum():
            raise fault(text, k, f"{c!r} has no meaning here{_HINTS.get(c, '')}; {ALLOWED}")
        depth += (c in "([") - (c in ")]")
        if depth > DEEPEST:
            raise fault(text, k, f"brackets are nested more than {DEEPEST} deep")
        if depth < 0:
            raise fault(text, k, f"{c!r} closes no bracket")
        if c == ";" or (c == "\n" and depth == 0):
            piece = text[begin:k]
            if piece.strip():
                found.append((begin + len(piece) - len(piece.lstrip()), piece.strip()))
            begin = k + 1
    return found


def _statement(text: str, start: int, piece: str, last: bool) -> Statement:
    body = _parsed(text, start, piece)
    if isinstance(body, ast.Expr) and last:
        return Statement("result", body.value, piece, start)
    if isinstance(body, ast.Assign) and len(body.targets) == 1:
        target = body.targets[0]
        if isinstance(target, ast.Name):
            return Statement(target.id, body.value, piece, start)
    if isinstance(body, ast.Expr):
        raise fault(
            text, start, f"{_short(piece)!r} gives its value no name; write name = {_short(piece)}"
        )
    raise fault(text, start, f"{_short(piece)!r} is no assignment; write name = expression")


def _parsed(text: str, start: int, piece: str) -> ast.stmt:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Python only warns of 1if x else 2
            body = ast.parse(piece).body
    except SyntaxError as error:
        line = piece.split("\n")[: (error.lineno or 1) - 1]
        at = start + sum(len(row) + 1 for row in line) + max(0, (error.offset or 1) - 1)
        raise fault(text, at, f"{_short(piece)!r} cannot be read: {error.msg}; {ALLOWED}") from None
    except (RecursionError, MemoryError):
        raise fault(text, start, f"{_short(piece)!r} is nested too deeply") from None
    except (ValueError, Warning) as error:
        raise fault(text, start, f"{_short(piece)!r} cannot be read: {error}") from None
    if len(body) != 1:
        raise fault(text, start, f"{_short(piece)!r} is no single statement")
    return body[0]


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 40 else f"{text[:37]}..."


def _at(s: Statement, node: ast.expr) -> int:
    """The position of a node in the whole text; `ast` counts bytes."""
    lines = s.text.split("\n")
    before = sum(len(row) + 1 for row in lines[: node.lineno - 1])
    return s.start + before + len(lines[node.lineno - 1].encode()[: node.col_offset].decode())


def _source(s: Statement, node: ast.expr) -> str:
    """What the user wrote for a node, shortened."""
    begin = _at(s, node) - s.start
    lines = s.text.split("\n")[: node.end_lineno]
    lines[-1] = lines[-1].encode()[: node.end_col_offset].decode()
    return _short("\n".join(lines)[begin:])


def _check(text: str, s: Statement) -> None:
    """Every node is on the allow-list."""
    if s.name in CONSTANTS or s.name in FUNCTIONS:
        what = "a function" if s.name in FUNCTIONS else f"the number {CONSTANTS[s.name]:.6g}"
        raise fault(text, s.start, f"{s.name} is {what}; assign to another name")
    stack: list[tuple[ast.expr, bool]] = [(s.tree, False)]
    while stack:
        node, condition = stack.pop()
        problem = _problem(node, condition, _source(s, node))
        if problem:
            raise fault(text, _at(s, node), problem)
        stack.extend(_children(node))


def _children(node: ast.expr) -> list[tuple[ast.expr, bool]]:
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


def _problem(node: ast.expr, condition: bool, shown: str) -> str | None:
    match node:
        case ast.Compare() if condition:
            if len(node.ops) == 1 and type(node.ops[0]) in COMPARISONS:
                return None
            return f"a condition is one comparison such as a < b, not {shown!r}"
        case _ if condition:
            return f"the condition of where is a comparison such as a < b, not {shown!r}"
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
            return f"not allowed: {shown!r}{f', {what}' if what else ''}; {ALLOWED}"


def _number_problem(value: object) -> str | None:
    if type(value) not in (int, float):
        return f"{value!r} is no number; {ALLOWED}"
    try:
        infinite = float(value) in (float("inf"), float("-inf"))  # type: ignore[arg-type]
    except OverflowError:
        infinite = True
    return "this number is larger than any float64 (about 1.8e308)" if infinite else None


def _call_problem(node: ast.Call, shown: str) -> str | None:
    if not isinstance(node.func, ast.Name):
        return f"not allowed: {shown!r}, a call of something that is no function's name; {ALLOWED}"
    name = node.func.id
    if name not in FUNCTIONS:
        return f"there is no function {name}{_nearest(name, FUNCTIONS)}; known are {', '.join(FUNCTIONS)}"
    if node.keywords or any(isinstance(x, ast.Starred) for x in node.args):
        return f"{name} takes values only, such as {name}(x)"
    f = FUNCTIONS[name]
    if not f.least <= len(node.args) <= f.most:
        return f"{name} takes {f.takes()}, not {len(node.args)}"
    return None


def _nearest(name: str, known: Any) -> str:
    close = get_close_matches(name, list(known), 1)
    return f" (did you mean {close[0]}?)" if close else ""


def _inputs(text: str, statements: list[Statement]) -> tuple[str, ...]:
    """The names that need values; also checks that names are assigned once and before they are used."""
    later = {s.name for s in statements}
    inputs: dict[str, None] = {}
    done: set[str] = set()
    for s in statements:
        if s.name in done:
            raise fault(
                text, s.start, f"{s.name} is assigned twice; use a new name for the new value"
            )
        for node in _named(s.tree):
            name = node.id
            if name in done or name in CONSTANTS:
                continue
            if name == s.name:
                raise fault(text, _at(s, node), f"{name} refers to itself")
            if name in later:
                raise fault(text, _at(s, node), f"{name} is used before it is assigned")
            if name in FUNCTIONS:
                raise fault(text, _at(s, node), f"{name} is a function; write {name}(x)")
            inputs[name] = None
        done.add(s.name)
    return tuple(inputs)


def _named(tree: ast.expr) -> list[ast.Name]:
    """The names in a checked tree, functions excepted, from left to right."""
    found: list[ast.Name] = []
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Name):
            found.append(node)
        stack.extend(x for x, _ in reversed(_children(node)))
    return found


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
    """Operands first, with a stack of our own: sums of thousands of terms are nested thousands deep."""
    values: list[Tensor] = []
    stack: list[tuple[ast.expr, bool]] = [(s.tree, False)]
    while stack:
        node, ready = stack.pop()
        children = [x for x, _ in _children(node)]
        if children and not ready:
            stack.append((node, True))
            stack.extend((x, False) for x in reversed(children))
            continue
        operands = values[len(values) - len(children) :]
        del values[len(values) - len(children) :]
        try:
            values.append(_apply(node, operands, env, constant))
        except WingbeatError as error:
            raise fault(text, _at(s, node), str(error).split("\n")[0]) from None
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
            raise BadInput(f"{name} {why}{_nearest(name, program.inputs)}; inputs: {known}")
    missing = [name for name in program.inputs if name not in values]
    if not missing:
        return
    have = "has no value" if len(missing) == 1 else "have no value"
    add = " ".join(f"{name}=..." for name in missing)
    unknown = f"{', '.join(missing)} {have}; add {add}"
    raise BadInput(unknown)
