"""Why a derivative is what it is. `wb.explain` is this package, and it can be called.

`wb.explain("x=2*w+b; y=b+1; z=x*y", w=3, b=4)` explains an expression, `wb.explain(f)(*args)` a
function's call; both give an `Explanation`. Its parts are here too: `wb.explain.solve`,
`wb.explain.to_latex`, ...

>>> import wingbeat as wb
>>> print(wb.explain("x=2*w+b; y=b+1; z=x*y", w=3, b=4).derivation("b"))
dz/db = dz/dx * dx/db + dz/dy * dy/db
      = y*1 + x*1
      = 5*1 + 10*1
      = 15
"""

import sys
import types
from typing import Any

from wingbeat.explain._entry import explain, explain_text
from wingbeat.explain._explanation import Explanation
from wingbeat.explain.checking import Checked
from wingbeat.explain.cost import Costs
from wingbeat.explain.expression import parse
from wingbeat.explain.fold import Folded
from wingbeat.explain.function import as_function
from wingbeat.explain.latex import to_latex
from wingbeat.explain.model import Edge, Group, Model, Step
from wingbeat.explain.modes import Modes
from wingbeat.explain.neurons import Neurons
from wingbeat.explain.paths import Path, Paths
from wingbeat.explain.plain import to_plain
from wingbeat.explain.routes import Routes
from wingbeat.explain.solve import Solution, solve
from wingbeat.explain.sweeps import Move
from wingbeat.explain.values import read_value
from wingbeat.explain.what_if import WhatIf

__all__ = [
    "Checked",
    "Costs",
    "Edge",
    "Explanation",
    "Folded",
    "Group",
    "Model",
    "Modes",
    "Move",
    "Neurons",
    "Path",
    "Paths",
    "Routes",
    "Solution",
    "Step",
    "WhatIf",
    "as_function",
    "explain",
    "explain_text",
    "parse",
    "read_value",
    "solve",
    "to_latex",
    "to_plain",
]


class _Callable(types.ModuleType):
    """A module that can be called: `wb.explain` names both the folder and its function."""

    def __call__(self, what: Any, /, **options: Any) -> Any:
        return explain(what, **options)


_Callable.__call__.__doc__ = explain.__doc__
sys.modules[__name__].__class__ = _Callable
