"""Formulas as SymPy's expressions, where SymPy is installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wingbeat.errors import NotSupported
from wingbeat.explain._writer import narrowed
from wingbeat.ir.node import Node
from wingbeat.ir.walk import toposort
from wingbeat.ops.families import constant_of

_SAME = (
    *("exp", "log", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh"),
    *("asinh", "acosh", "atanh", "erf", "erfc", "sign", "floor"),
)


def to_sympy(roots: list[Node], names: Mapping[Node, str]) -> list[Any]:
    """The roots, which are free of composites and made of single numbers, as expressions.

    Raises `NotSupported` without SymPy, and for operations that it has no word for here.
    """
    try:
        import sympy
    except ImportError:
        raise NotSupported("sympy: this needs SymPy; install it with pip install sympy") from None
    table = _table(sympy)
    done: dict[Node, Any] = {}
    for node in toposort(roots, stops=names):
        if node.shape != ():
            called = names.get(node, node.name)
            raise NotSupported(f"sympy: {called} is {node.type}; only scalars are exported")
        if node in names:
            done[node] = sympy.Symbol(names[node], real=True)
        elif (value := constant_of(node)) is not None:
            whole = float(value).is_integer()
            done[node] = sympy.Integer(int(value)) if whole else sympy.Float(value)
        elif node.name == "cast":
            done[node] = _cast(sympy, node, done[node.inputs[0]])
        else:
            if node.op is None or node.name not in table:
                known = ", ".join(sorted(table))
                raise NotSupported(f"sympy: {node.name} has no counterpart; known are {known}")
            done[node] = table[node.name](*(done[x] for x in node.inputs))
    return [done[root] for root in roots]


def _cast(sympy: Any, node: Node, x: Any) -> Any:
    """A number as another kind of number; raises `NotSupported` where integers would wrap."""
    match narrowed(node):
        case "":
            return x
        case "int":
            return sympy.sign(x) * sympy.floor(sympy.Abs(x))
        case "bool":
            return sympy.Ne(x, 0)
        case other:
            raise NotSupported(f"sympy: a cast to {other} has no counterpart; cast to int or float")


def _table(sympy: Any) -> dict[str, Callable[..., Any]]:
    """Operation -> what it is in SymPy."""
    first = lambda x, *_: x  # noqa: E731
    return {
        **{name: getattr(sympy, name) for name in _SAME},
        **dict.fromkeys(("alias", "broadcast", "stop_gradient", "defined", "agreed"), first),
        "add": lambda x, y: x + y,
        "sub": lambda x, y: x - y,
        "mul": lambda x, y: x * y,
        "scaled": lambda x, y: x * y,
        "mutual": lambda x, y: x * y,
        "div": lambda x, y: x / y,
        "neg": lambda x: -x,
        "pow": lambda x, y: x**y,
        "square": lambda x: x**2,
        "sqrt": sympy.sqrt,
        "root": sympy.sqrt,
        "abs": sympy.Abs,
        "atan2": sympy.atan2,
        "ceil": sympy.ceiling,
        "expm1": lambda x: sympy.exp(x) - 1,
        "log1p": lambda x: sympy.log(1 + x),
        "log2": lambda x: sympy.log(x, 2),
        "log10": lambda x: sympy.log(x, 10),
        "exp2": lambda x: 2**x,
        "sigmoid": lambda x: 1 / (1 + sympy.exp(-x)),
        "relu": lambda x: sympy.Max(x, 0),
        "hypot": lambda x, y: sympy.sqrt(x**2 + y**2),
        "logaddexp": lambda x, y: sympy.log(sympy.exp(x) + sympy.exp(y)),
        "maximum": sympy.Max,
        "minimum": sympy.Min,
        "where": lambda c, x, y: sympy.Piecewise((x, c), (y, True)),
        "less": lambda x, y: x < y,
        "less_equal": lambda x, y: x <= y,
        "greater": lambda x, y: x > y,
        "greater_equal": lambda x, y: x >= y,
        "equal": sympy.Eq,
        "not_equal": sympy.Ne,
    }
