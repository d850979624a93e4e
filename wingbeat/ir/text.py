"""Graphs as text, and back.

graph(x: f64[3], y: f64[3]) {
  %0 = mul(x, y) : f64[3]
  %1 = sum(%0, axes=(0,)) : f64[]
  return %1
}
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from typing import Any

from wingbeat.errors import InvalidGraph, TypeMismatch
from wingbeat.ir.node import PRIMITIVES, Node, leaf
from wingbeat.ir.types import parse_type
from wingbeat.ir.walk import toposort

_LINE = re.compile(r"\s*(%\d+) = (\w+)\((.*)\) : (\w+\[[\d,]*\])\s*(?:#.*)?$")
_HEAD = re.compile(r"\s*graph\((.*)\) \{\s*$")
_RETURN = re.compile(r"\s*return (.+?)\s*$")


def names(nodes: Iterable[Node]) -> dict[Node, str]:
    """A distinct name for every leaf: its own, numbered where two share one."""
    taken: dict[Node, str] = {}
    used: set[str] = set()
    for node in nodes:
        if node.op is not None or node in taken:
            continue
        base = node.name if node.name.isidentifier() else "x"
        name, k = base, 0
        while name in used:
            name, k = f"{base}_{k}", k + 1
        used.add(name)
        taken[node] = name
    return taken


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
    """Read `to_text`'s output back as (roots, leaves); raises `InvalidGraph` with the line that is wrong."""
    rows = [row for row in text.splitlines() if row.strip()]
    if len(rows) < 3 or not (head := _HEAD.match(rows[0])) or rows[-1].strip() != "}":
        raise InvalidGraph("a graph's text opens with 'graph(...) {' and ends with '}'")
    env: dict[str, Node] = {}
    for part in re.findall(r"(\w+): (\w+\[[\d,]*\])", head[1]):
        env[part[0]] = leaf(_type(part[1], rows[0]), part[0])
    leaves = list(env.values())
    for row in rows[1:-2]:
        _read_line(row, env)
    last = _RETURN.match(rows[-2])
    if not last or any(r not in env for r in last[1].split(", ")):
        raise InvalidGraph(f"expected 'return' and known names; got {rows[-2].strip()!r}")
    return [env[r] for r in last[1].split(", ")], leaves


def _type(text: str, row: str) -> Any:
    try:
        return parse_type(text)
    except ValueError as error:
        raise InvalidGraph(f"{error}, in {row.strip()!r}") from None


def _read_line(row: str, env: dict[str, Node]) -> None:
    match = _LINE.match(row)
    if not match:
        raise InvalidGraph(
            f"cannot read {row.strip()!r}; a line looks like '%0 = mul(x, y) : f64[3]'"
        )
    name, op, arguments, type_ = match.groups()
    if op not in PRIMITIVES:
        raise InvalidGraph(f"no primitive is called {op!r}, in {row.strip()!r}")
    try:
        call = ast.parse(f"f({arguments.replace('%', '_')})", mode="eval").body
        assert isinstance(call, ast.Call)
        inputs = [env[_operand(a)] for a in call.args]
        node = PRIMITIVES[op](*inputs, **{k.arg or "": _literal(k.value) for k in call.keywords})
    except (KeyError, SyntaxError, ValueError, TypeError, TypeMismatch) as error:
        raise InvalidGraph(f"{error}, in {row.strip()!r}") from None
    if node.type is not _type(type_, row):
        raise InvalidGraph(f"{op} gives {node.type}, not {type_}, in {row.strip()!r}")
    env[name] = node


def _operand(node: ast.expr) -> str:
    if not isinstance(node, ast.Name):
        raise ValueError("operands are names")
    return re.sub(r"^_(\d+)$", r"%\1", node.id)


def _literal(node: ast.expr) -> Any:
    """A literal; `inf` and `nan` too, which `repr` writes but Python does not read."""
    if isinstance(node, ast.Name) and node.id in ("inf", "nan"):
        return float(node.id)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_literal(node.operand)
    return ast.literal_eval(node)
