"""What an explanation says, as plain data. A number that is not known is None, never 0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Array = Any  # a NumPy array


@dataclass(frozen=True)
class Step:
    """A node of the graph that is shown: an input, or a named step of the computation.

    Attributes:
        name: the user's name, or `t1`, `t2`, ... where there is none.
        kind: "input", "data" (an array that the function brought itself) or "step".
        operations: the names of the operations, in order of execution; empty for inputs.
        formula: the step in terms of its inputs, as plain text; empty for inputs.
        latex: the same as LaTeX.
        line: what the user wrote: a statement, or file and line with the source; empty if unknown.
        type: shape and dtype, as `f64[3,4]`.
        value: the array, or None where the inputs have no values.
        gradient: the derivative of the result by this step, of the shape of `value`; None where
            there is none, with the reason in `why`.
        why: "no path", "not asked for", "not computed", or why the derivative does not exist.

    >>> import wingbeat as wb
    >>> step = wb.explain("x=2*w+b; z=x*x", w=3, b=4).step("x")
    >>> step.formula, float(step.value), float(step.gradient)
    ('2*w + b', 10.0, 20.0)
    """

    name: str
    kind: str
    operations: tuple[str, ...]
    formula: str
    latex: str
    line: str
    type: str
    value: Array | None
    gradient: Array | None
    why: str = ""


@dataclass(frozen=True)
class Edge:
    """One step reads another.

    Attributes:
        source: the name of what is read.
        target: the name of the step that reads it.
        partial: d target / d source, all else held fixed, where both are scalars; else None.
        formula: that partial as plain text; where it is no single number, what flows back along
            the edge, in terms of `g_<target>`, the gradient of the target.
        latex: the same as LaTeX.
        contribution: what of the source's gradient arrives along this edge; None if nothing is
            known.
        norm: the Euclidean norm of the contribution.
        share: the signed part <c, g> / <g, g> of the source's gradient g; all edges together give
            1.
        alone: whether this edge is the only way from source to target, so that the partial is the
            whole derivative.
        why: why there is no partial or contribution.

    >>> import wingbeat as wb
    >>> edge = wb.explain("x=2*w+b; z=x*x", w=3, b=4).edge("x", "z")
    >>> edge.partial, edge.formula, edge.share
    (20.0, '2*x', 1.0)
    """

    source: str
    target: str
    partial: float | None
    formula: str
    latex: str
    contribution: Array | None
    norm: float | None
    share: float | None
    alone: bool
    why: str = ""


@dataclass(frozen=True)
class Model:
    """A whole graph with numbers: the steps in order of computation, and the edges between them.

    >>> import wingbeat as wb
    >>> wb.explain("z=abs(x)", x=0).model.kinks
    ('in z=abs(x) at x = 0: abs has no derivative; used: 0',)
    """

    result: str
    wrt: tuple[str, ...]
    steps: tuple[Step, ...]
    edges: tuple[Edge, ...]
    kinks: tuple[str, ...]
    nonfinite: tuple[str, ...]
    scalar: bool  # every step is one number
