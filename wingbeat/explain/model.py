"""What an explanation says, as plain data. A number that is not known is None, never 0."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

Array = Any  # a NumPy array
Texts = Callable[[], tuple[str, str]]  # writes plain text and LaTeX when first asked


def no_texts() -> tuple[str, str]:
    """Of what has no formula, as an input has none."""
    return "", ""


class _Written:
    """Something with a formula, written when it is first read: of 10,000 steps few ever are."""

    texts: Texts

    @cached_property
    def _both(self) -> tuple[str, str]:
        return self.texts()

    @property
    def formula(self) -> str:
        """The formula as plain text."""
        return self._both[0]

    @property
    def latex(self) -> str:
        """The formula as LaTeX."""
        return self._both[1]


@dataclass(frozen=True)
class Step(_Written):
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
        why: "no path", "not asked for", "not computed", or why the derivative does not exist; as
            every sentence of a model it is a `Said`, English text with its Chinese in `zh`.

    >>> import wingbeat as wb
    >>> step = wb.explain("x=2*w+b; z=x*x", w=3, b=4).step("x")
    >>> step.formula, float(step.value), float(step.gradient)
    ('2*w + b', 10.0, 20.0)
    """

    name: str
    kind: str
    operations: tuple[str, ...]
    texts: Texts = field(repr=False, compare=False)
    line: str
    type: str
    value: Array | None
    gradient: Array | None
    why: str = ""


@dataclass(frozen=True)
class Edge(_Written):
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
    texts: Texts = field(repr=False, compare=False)
    contribution: Array | None
    norm: float | None
    share: float | None
    alone: bool
    why: str = ""
    raw: Texts = field(default=no_texts, repr=False, compare=False)  # as derived, not simplified


@dataclass(frozen=True)
class Group:
    """The steps of one call of a module, or (without a name) all of them.

    Attributes:
        name: the module's dotted name; a second call of it has `(2)` behind.
        kind: its class; empty for the whole.
        members: names of steps, and groups, in the order of execution.

    >>> import wingbeat as wb
    >>> model = wb.nn.Sequential(wb.nn.Linear(2, 3), wb.nn.Tanh(), wb.nn.Linear(3, 1))
    >>> e = wb.explain(lambda model, x: wb.sum(model(x)))(model, np.ones((4, 2)))
    >>> [group.name for group in e.model.tree.groups()]
    ['model']
    >>> [group.kind for group in e.model.tree.groups()[0].groups()]
    ['Linear', 'Tanh', 'Linear']
    """

    name: str = ""
    kind: str = ""
    members: tuple[str | Group, ...] = ()

    def groups(self) -> tuple[Group, ...]:
        """The groups directly within."""
        return tuple(m for m in self.members if isinstance(m, Group))

    def steps(self) -> list[str]:
        """All names of steps within, in order."""
        found: list[str] = []
        stack: list[str | Group] = [self]
        while stack:
            member = stack.pop()
            if isinstance(member, str):
                found.append(member)
            else:
                stack += reversed(member.members)
        return found


@dataclass(frozen=True)
class Model:
    """A whole graph with numbers: the steps in order of computation, and the edges between them.

    `tree` sorts the steps by the calls of modules that they belong to; `by_convention` names what
    has a derivative, in a graph of scalars, that rests on what is agreed on at a kink or a jump.

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
    tree: Group = field(default_factory=Group)
    by_convention: tuple[str, ...] = ()
