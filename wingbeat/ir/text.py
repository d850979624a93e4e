"""Graphs as text, and back.

graph(x: f64[3], y: f64[3]) {
  %0 = mul(x, y) : f64[3]
  %1 = sum(%0, axes=(0,)) : f64[]
  return %1
}
"""

from __future__ import annotations

import ast
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from keyword import iskeyword
from typing import Any

from wingbeat.errors import InvalidGraph
from wingbeat.ir.node import PRIMITIVES, Node, Primitive, leaf
from wingbeat.ir.types import TensorType, parse_type
from wingbeat.ir.walk import toposort

_LINE = re.compile(r"\s*(%\d+) = (\w+)\((.*)\) : (\w+\[[\d,]*\])\s*(?:#.*)?", re.ASCII)
_HEAD = re.compile(r"\s*graph\((.*)\) \{\s*")
_LEAF = re.compile(r"(\w+): (\w+\[[\d,]*\])")
_RETURN = re.compile(r"\s*return (.+?)\s*")
# A name that Python reads back as it was written, and that cannot be taken for a node's: those are
# %0, %1, ..., which Python reads as _0, _1, ...
_NAME = re.compile(r"[^\W\d_]\w*")
_MALFORMED = (
    *(LookupError, SyntaxError, ValueError, TypeError, ArithmeticError),
    *(RecursionError, MemoryError),  # of the parser, for text that nests too deeply
)


def names(nodes: Iterable[Node]) -> dict[Node, str]:
    """A distinct name for every leaf: its own, numbered where two share one."""
    taken: dict[Node, str] = {}
    used: set[str] = set()
    for node in nodes:
        if node.op is not None or node in taken:
            continue
        base = node.name if _readable(node.name) else "x"
        name, k = base, 0
        while name in used:
            name, k = f"{base}_{k}", k + 1
        used.add(name)
        taken[node] = name
    return taken


def _readable(name: str) -> bool:
    normal = unicodedata.normalize("NFKC", name) == name
    return normal and bool(_NAME.fullmatch(name)) and name.isidentifier() and not iskeyword(name)


def to_text(roots: Sequence[Node], leaves: Sequence[Node] = (), *, sites: bool = False) -> str:
    """The graph of `roots`, one node a line; `leaves` fixes the order of its inputs."""
    order = toposort([*leaves, *roots])
    name = names(order)
    head = ", ".join(f"{name[n]}: {n.type}" for n in order if n.op is None)
    lines: list[str] = []
    for node in order:
        if node.op is None:
            continue
        name[node] = f"%{len(lines)}"
        operands = [name[x] for x in node.inputs] + [f"{k}={v!r}" for k, v in node.attrs]
        line = f"  {name[node]} = {node.op.name}({', '.join(operands)}) : {node.type}"
        at = f"  # {node.site[0]}:{node.site[1]}" if sites and node.site else ""
        lines.append(line + at)
    body = "\n".join([*lines, f"  return {', '.join(name[r] for r in roots)}"])
    return f"graph({head}) {{\n{body}\n}}\n"


def from_text(text: str) -> tuple[list[Node], list[Node]]:
    """Read `to_text`'s output back as (roots, leaves).

    Raises `InvalidGraph`, with the line that is wrong.
    """
    rows = [row for row in text.splitlines() if row.strip()]
    if len(rows) < 3 or not (head := _HEAD.fullmatch(rows[0])) or rows[-1].strip() != "}":
        raise InvalidGraph("a graph's text opens with 'graph(...) {' and ends with '}'")
    env = _read_leaves(head[1], rows[0])
    leaves = list(env.values())
    for row in rows[1:-2]:
        _read_line(row, env)
    last = _RETURN.fullmatch(rows[-2])
    if not last or any(r not in env for r in last[1].split(", ")):
        raise InvalidGraph(f"expected 'return' and known names; got {rows[-2].strip()!r}")
    return [env[r] for r in last[1].split(", ")], leaves


def _read_leaves(head: str, row: str) -> dict[str, Node]:
    env: dict[str, Node] = {}
    for part in head.split(", ") if head else ():
        match = _LEAF.fullmatch(part)
        if not match or match[1] in env:
            raise InvalidGraph(f"{part!r} is no new name with a type, in {row.strip()!r}")
        env[match[1]] = leaf(_type(match[2], row), match[1])
    return env


def _type(text: str, row: str) -> TensorType:
    try:
        return parse_type(text)
    except ValueError as error:
        raise InvalidGraph(f"{error}, in {row.strip()!r}") from None


def _read_line(row: str, env: dict[str, Node]) -> None:
    match = _LINE.fullmatch(row)
    if not match:
        raise InvalidGraph(
            f"cannot read {row.strip()!r}; a line looks like '%0 = mul(x, y) : f64[3]'"
        )
    name, op, arguments, type_ = match.groups()
    if op not in PRIMITIVES:
        raise InvalidGraph(f"no primitive is called {op!r}, in {row.strip()!r}")
    if name in env:
        raise InvalidGraph(f"{name} is computed twice, in {row.strip()!r}")
    try:
        node = _applied(PRIMITIVES[op], arguments, env)
    except _MALFORMED as error:
        raise InvalidGraph(f"{error}, in {row.strip()!r}") from None
    if node.type is not _type(type_, row):
        raise InvalidGraph(f"{op} gives {node.type}, not {type_}, in {row.strip()!r}")
    env[name] = node


def _applied(op: Primitive, arguments: str, env: dict[str, Node]) -> Node:
    call = ast.parse(f"f({arguments.replace('%', '_')})", mode="eval").body
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise ValueError("parentheses do not match")
    inputs = [env[_operand(a)] for a in call.args]
    attrs = {k.arg or "**": _literal(k.value) for k in call.keywords}
    for name, value in attrs.items():
        examples = [dict(s.attrs)[name] for s in op.samples if name in dict(s.attrs)]
        if not any(_alike(value, example) for example in examples):
            raise ValueError(f"{name}={value!r} is no attribute of {op.name}")
    if len(attrs) < len(call.keywords):
        raise ValueError("an attribute is given twice")
    op.type_rule(*(x.type for x in inputs), **attrs)  # `build` may know an equal one: 1 == 1.0
    return op(*inputs, **attrs)


def _alike(value: Any, example: Any) -> bool:
    """Whether an attribute is of the kind that a sample shows: True == 1 == 1.0 are three kinds."""
    if isinstance(value, tuple):
        return isinstance(example, tuple) and all(type(v) is int for v in value)
    return type(value) is type(example)


def _operand(node: ast.expr) -> str:
    if not isinstance(node, ast.Name):
        raise ValueError("operands are names")
    return re.sub(r"^_(\d+)$", r"%\1", node.id)


def _literal(node: ast.expr) -> Any:
    """A literal; `inf` and `nan` too, which `repr` writes but Python does not read."""
    if isinstance(node, ast.Name) and node.id in ("inf", "nan"):
        return math.nan if node.id == "nan" else math.inf
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_literal(node.operand)
    return ast.literal_eval(node)
