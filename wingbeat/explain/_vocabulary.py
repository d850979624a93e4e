"""The functions, constants and operators that an expression may use, and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from wingbeat.api import elementwise as el
from wingbeat.api import linalg as li
from wingbeat.api import statistics as st
from wingbeat.api.tensor import Tensor

ANY_NUMBER = 1_000_000


@dataclass(frozen=True)
class Function:
    """A function of an expression, with the numbers of arguments that it takes."""

    call: Callable[..., Tensor]
    least: int = 1
    most: int = 1

    def takes(self) -> str:
        """The number of arguments, as words."""
        if self.most == ANY_NUMBER:
            return f"{self.least} or more arguments"
        if self.least != self.most:
            return f"{self.least} to {self.most} arguments"
        return "1 argument" if self.least == 1 else f"{self.least} arguments"


def _extreme(of_one: Any, of_two: Any) -> Callable[..., Tensor]:
    """max(x) over all elements of a tensor, max(x, y, ...) elementwise."""
    return lambda *xs: of_one(xs[0]) if len(xs) == 1 else reduce(of_two, xs)


_ELEMENTWISE = (
    "exp exp2 expm1 log log1p log2 log10 sqrt sin cos tan asin acos atan sinh cosh tanh asinh "
    "acosh atanh erf erfc sigmoid gelu silu softplus elu relu abs sign square floor ceil trunc "
    "round"
)
_PAIRS = "atan2 hypot logaddexp copysign"
_WHOLE = "sum mean prod norm logsumexp softmax log_softmax"

FUNCTIONS: dict[str, Function] = {
    **{name: Function(getattr(el, name)) for name in _ELEMENTWISE.split()},
    **{name: Function(getattr(el, name), 2, 2) for name in _PAIRS.split()},
    **{name: Function(getattr(st, name)) for name in _WHOLE.split()},
    "max": Function(_extreme(st.max, el.maximum), 1, ANY_NUMBER),
    "min": Function(_extreme(st.min, el.minimum), 1, ANY_NUMBER),
    "where": Function(el.where, 3, 3),
    "int": Function(lambda x: x.astype("int64")),
    "bool": Function(lambda x: x.astype("bool")),
    "transpose": Function(li.matrix_transpose),
    "outer": Function(li.outer, 2, 2),
}
CONSTANTS: dict[str, float] = {"pi": float(np.pi), "e": float(np.e)}

BINARY: dict[type[ast.operator], Callable[[Any, Any], Tensor]] = {
    ast.Add: lambda x, y: x + y,
    ast.Sub: lambda x, y: x - y,
    ast.Mult: lambda x, y: x * y,
    ast.Div: lambda x, y: x / y,
    ast.FloorDiv: lambda x, y: x // y,
    ast.Mod: lambda x, y: x % y,
    ast.Pow: lambda x, y: x**y,
    ast.MatMult: lambda x, y: x @ y,
}
UNARY: dict[type[ast.unaryop], Callable[[Any], Tensor]] = {
    ast.USub: lambda x: -x,
    ast.UAdd: lambda x: x,
}
COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Tensor]] = {
    ast.Lt: lambda x, y: x < y,
    ast.LtE: lambda x, y: x <= y,
    ast.Gt: lambda x, y: x > y,
    ast.GtE: lambda x, y: x >= y,
    ast.Eq: lambda x, y: x == y,
    ast.NotEq: lambda x, y: x != y,
}
ALLOWED = (
    "allowed are numbers, names, + - * / // % ** @, parentheses, "
    "comparisons inside where(...), and functions such as exp, log, sin, sigmoid, max"
)
