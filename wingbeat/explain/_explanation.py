"""An explanation: what was computed, why each derivative is what it is, and its renderings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from wingbeat.errors import BadInput
from wingbeat.explain._build import Builder
from wingbeat.explain._collector import no_collections
from wingbeat.explain._given import names
from wingbeat.explain._recording import Recording
from wingbeat.explain._script import LATEX, PLAIN
from wingbeat.explain._steps import ALL, NAMES, cut
from wingbeat.explain.checking import Checked, check
from wingbeat.explain.closed import Formulas, closed, general
from wingbeat.explain.cost import BYTE_JOULES, FLOP_JOULES, Costs, costs
from wingbeat.explain.derivation import Line, derive, render
from wingbeat.explain.fold import MOST, Folded, folded
from wingbeat.explain.formula import derivative, derivative_text
from wingbeat.explain.layers import Layers, layers
from wingbeat.explain.matrix import matrix_form, render_matrix
from wingbeat.explain.model import Edge, Model, Step
from wingbeat.explain.modes import Modes, modes
from wingbeat.explain.neurons import Neurons, neurons
from wingbeat.explain.paths import Paths
from wingbeat.explain.routes import Routes, routes
from wingbeat.explain.sweeps import Sweeps, sweeps
from wingbeat.explain.symbolic import to_sympy
from wingbeat.explain.what_if import WhatIf, what_if
from wingbeat.ir.node import Node, full

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult


class Explanation:
    """A computation with every value, partial and gradient, and the ways of the gradients.

    Made by `wb.explain`. Printing it, or showing it in a notebook, renders it.

    Attributes:
        model: the same as plain data: steps, edges, notes.

    >>> import wingbeat as wb
    >>> e = wb.explain("x=2*w+b; y=b+1; z=x*y", w=3, b=4)
    >>> e.value("z"), e.gradient("b"), e.partial("b", "x")
    (50.0, 15.0, 1.0)
    >>> print(e.derivation("b"))
    dz/db = dz/dx * dx/db + dz/dy * dy/db
          = y*1 + x*1
          = 5*1 + 10*1
          = 15
    """

    def __init__(
        self,
        recording: Recording,
        wrt: str | Sequence[str] | None = None,
        cotangent: Any = None,
        detail: str | None = None,
    ) -> None:
        if detail not in (None, NAMES, ALL):
            raise BadInput(f"detail={detail!r} is unknown; use 'names' or 'all'")
        self._recording = recording
        if wrt is None:
            wrt = [n for n, node in recording.inputs.items() if node.type.inexact]
        with no_collections():
            self._builder = Builder(
                recording, cut(recording, detail), names(wrt, "explain: wrt"), cotangent
            )
            self.model: Model = self._builder.model()

    @property
    def from_function(self) -> bool:
        """Whether a function's call is explained, rather than an expression."""
        return self._recording.again is not None

    # --- looking things up ----------------------------------------------------------------------

    @property
    def steps(self) -> tuple[Step, ...]:
        """The nodes, in order of computation."""
        return self.model.steps

    @property
    def edges(self) -> tuple[Edge, ...]:
        """Who reads whom, with the partial on each edge."""
        return self.model.edges

    def step(self, name: str) -> Step:
        """The node of this name; raises `BadInput` with the names that there are."""
        for step in self.model.steps:
            if step.name == name:
                return step
        known = ", ".join(s.name for s in self.model.steps)
        raise BadInput(f"nothing is called {name}; known are {known}")

    def edge(self, source: str, target: str) -> Edge:
        """The edge from `source` to the step that reads it."""
        for edge in self.model.edges:
            if (edge.source, edge.target) == (source, target):
                return edge
        raise BadInput(f"{target} does not read {source}; edges: " + self._pairs())

    def _pairs(self) -> str:
        return ", ".join(f"{e.source} -> {e.target}" for e in self.model.edges[:20])

    def value(self, name: str) -> Any:
        """The value of a node: a float, or an array; None where it is not known."""
        return _plain(self.step(name).value)

    def gradient(self, name: str) -> Any:
        """The derivative of the result by a node; None if none, and `step(name).why` says why."""
        return _plain(self.step(name).gradient)

    def partial(self, source: str, target: str) -> float | None:
        """d target / d source along this one edge; None where it is no single number."""
        return self.edge(source, target).partial

    def layers(self) -> Layers:
        """The modules that were called, and the norms of values and gradients at each."""
        return layers(self.model)

    def folded(self, most: int = MOST) -> Folded:
        """The graph with modules, and what repeats, folded into at most about `most` boxes.

        Raises `BadInput` where `most` is no whole number from 2 on.
        """
        return folded(self.model, most)

    # --- why ------------------------------------------------------------------------------------

    def paths(self, wrt: str, k: int = 20) -> Paths:
        """The `k` ways with the largest products from `wrt` to the result.

        Raises `NotSupported` where the graph has tensors, whose edges carry no single number.
        """
        return Paths(self.model, wrt, k)

    def routes(self, wrt: str, by_count: bool | None = None) -> Routes:
        """What of the gradient by `wrt` comes through which modules, exactly, tensors included.

        Args:
            wrt: the name of a node.
            by_count: tell paths apart by how many modules they cross, not by which; by default so
                where there are more than 7 modules that can be crossed or skipped.

        Raises `BadInput` where there is no gradient by `wrt`.
        """
        return routes(self._builder, self.model, wrt, by_count)

    def neurons(self, sample: int = 0) -> Neurons:
        """The blame of each neuron and link, layer by layer, for one sample of the batch.

        Raises `NotSupported` where there is no layer of the form f(x W + b), and among single
        numbers no neuron f(w1*x1 + w2*x2 + ...) with weights that nothing else reads.
        """
        return neurons(self._builder, sample)

    def derivation(self, wrt: str, form: str = PLAIN, simplified: bool = True) -> str:
        """The chain rule for the derivative by `wrt`: symbols, formulas, numbers, result.

        Args:
            wrt: the name of a node.
            form: "plain" or "latex".
            simplified: False leaves every partial as its rule gives it.

        >>> import wingbeat as wb
        >>> e = wb.explain("z=tanh(2*x+1)", x=2, detail="names")
        >>> print(e.derivation("x", simplified=False))
        dz/dx = (1 - z*z)*2
              ≈ 0.000363166
        """
        lines = self.derivation_lines(wrt, form, simplified)
        if not lines:
            return f"{self.model.result} does not depend on {wrt}: no path"
        return render(lines, form)

    def derivation_lines(self, wrt: str, form: str = PLAIN, simplified: bool = True) -> list[Line]:
        """The derivation as data; empty where the result does not depend on `wrt`."""
        return derive(self.model, wrt, form, simplified)

    def matrix_form(self, wrt: str | None = None, form: str = PLAIN) -> str:
        """The gradients in matrix form, from the result outwards, each by those before it.

        Args:
            wrt: only what the gradient by this name needs; by default all gradients.
            form: "plain" or "latex".

        >>> import wingbeat as wb
        >>> e = wb.explain("H=sigmoid(X@W); L=sum(H@V)", X=[[1, 2]], W=[[0, 1], [1, 0]], V=[1, 2])
        >>> print(e.matrix_form("W"))
        dX is short for dL/dX, and X' for the transpose of X.
        dL/dL = 1
        dL/dH = outer(1, V)
        dL/dW = X' @ (dH*H*(1 - H))
        """
        equations = matrix_form(self._builder, self.model, wrt, form)
        return render_matrix(equations, self.model.result, form)

    def formula(
        self, wrt: str | Sequence[str], order: int = 1, form: str = PLAIN, expand: bool = False
    ) -> str:
        """The derivative as one formula.

        Args:
            wrt: a name, or several to differentiate by one after the other.
            order: how many times to differentiate, where `wrt` is one name.
            form: "plain" or "latex".
            expand: write it in the inputs alone, rather than in the named steps.

        >>> import wingbeat as wb
        >>> e = wb.explain("x=2*w+b; y=b+1; z=x*y")
        >>> e.formula("b"), e.formula("b", order=2), e.formula(["w", "b"])
        ('dz/db = x + y', 'd2z/db2 = 2', 'd2z/dwdb = 2')
        """
        if form not in (PLAIN, LATEX):
            raise BadInput(f"form={form!r} is unknown; use 'plain' or 'latex'")
        return derivative_text(self._builder, wrt, order, form, expand)

    def check(self, wrt: str, simplified: bool = True) -> list[Checked]:
        """Every line of the derivation by `wrt`, evaluated from its text, beside the gradient.

        Raises `NotSupported` where the graph has tensors or no values.
        """
        return check(self.model, wrt, simplified)

    def closed(
        self,
        symbols: Mapping[str, str] | None = None,
        wrt: str | Sequence[str] | None = None,
    ) -> Formulas:
        """The derivatives as closed formulas in the steps' names, with names for gradients.

        Args:
            symbols: a name for the gradient of a step: {"g": "beta"} calls dE/dbeta g, and the
                formulas after it are written with g.
            wrt: the name or names to differentiate by; by default those that were asked for.

        >>> import wingbeat as wb
        >>> text = "beta=w*b; yhat=sigmoid(beta-theta); E=(yhat-y)**2/2"
        >>> e = wb.explain(text, wrt=["w", "theta"])
        >>> e.closed({"g": "beta"})
          g         = (yhat - y)*yhat*(1 - yhat)
          dE/dw     = g*b
          dE/dtheta = -g
        """
        return closed(
            self._builder,
            self.model.wrt if wrt is None else wrt,
            {} if symbols is None else symbols,
        )

    def general(
        self,
        indices: Mapping[str, str],
        symbols: Mapping[str, str] | None = None,
        wrt: str | Sequence[str] | None = None,
    ) -> list[tuple[str, str]]:
        """Closed formulas for whole families: w_11, w_12, ... as w_hj, and sums over an index.

        Args:
            indices: the letters of each base name's digits: {"w": "hj", "b": "h"}.
            symbols: as for `closed`.
            wrt: as for `closed`.

        Raises `BadInput` where a base has no letters, or members of a family differ in more.

        >>> import wingbeat as wb
        >>> e = wb.explain("y_1=w_11*x; y_2=w_12*x; E=y_1*y_1+y_2*y_2", wrt=["x", "w_11", "w_12"])
        >>> e.general({"y": "j", "w": "hj", "g": "j"}, {"g_1": "y_1", "g_2": "y_2"})
        [('g_j', '2 * y_j'), ('dE/dx', 'sum_hj(g_j * w_hj)'), ('dE/dw_hj', 'g_j * x')]
        """
        return general(self.closed(symbols, wrt), indices, self.model.result)

    def sympy(self, wrt: str | None = None) -> Any:
        """The result as a SymPy expression of the inputs, or its derivative by `wrt`.

        Raises `NotSupported` without SymPy, for tensors, and for operations that it lacks.
        """
        builder = self._builder
        inputs = {builder.new[x]: n for n, x in self._recording.inputs.items()}
        node: Node | None = builder.root
        if wrt is not None:
            node = derivative(builder, [builder.head(wrt)])
        if node is None:
            node = full(0, builder.root.type)
        return to_sympy([node], inputs)[0]

    def what_if(self, /, **nudges: float) -> WhatIf:
        """What the gradient predicts when nodes are moved by a little, and what really happens.

        Where a function's arguments move, the function is called again, with all that it does
        besides, and what it raises is raised here. A step within it is moved in what was recorded;
        raises `NotSupported` if Python would decide otherwise there.

        >>> import wingbeat as wb
        >>> moved = wb.explain("x=2*w+b; y=b+1; z=x*y", w=3, b=4).what_if(x=0.1)
        >>> f"{moved.predicted:.6g} {moved.actual:.6g} {moved.after:.6g}"
        '0.5 0.5 50.5'
        """
        return what_if(self._builder, self.model, nudges)

    def sweeps(self) -> Sweeps:
        """Every step of the forward sweep, then every step of the backward sweep, with numbers."""
        return sweeps(self._builder, self.model)

    def modes(self) -> Modes:
        """Reverse mode, forward mode and the expansion of every path: counted, run and timed.

        Raises `NotSupported` where the graph has tensors or no values.
        """
        return modes(self._builder)

    def cost(
        self,
        measure: bool = False,
        flop_joules: float = FLOP_JOULES,
        byte_joules: float = BYTE_JOULES,
    ) -> Costs:
        """Operations, bytes, time and energy of every step and of both sweeps.

        Args:
            measure: run both sweeps and time them; else times are the least of one core.
            flop_joules: the energy of one operation.
            byte_joules: the energy of one byte read or written. The defaults are those of
                Horowitz (2014) for 45 nm and values in memory: see `wingbeat.explain.cost`.
        """
        with no_collections():
            return costs(self._builder, measure, flop_joules, byte_joules)

    # --- renderings -------------------------------------------------------------------------------

    def text(self, width: int = 80) -> str:
        """Everything as plain text, at most `width` columns wide (1 or more)."""
        from wingbeat.explain.terminal import as_text
        from wingbeat.explain.whole import in_terminal

        return as_text(in_terminal(self), width)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        steps = f"{len(self.model.steps)} nodes, {len(self.model.edges)} edges"
        return f"<Explanation of {self.model.result}: {steps}>"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from wingbeat.explain.terminal import drawn
        from wingbeat.explain.whole import in_terminal

        yield from drawn(in_terminal(self), options.max_width)

    def latex(self) -> str:
        """The steps, and the derivation for every variable asked about, in `aligned` blocks."""
        from wingbeat.explain.documents import as_latex

        return as_latex(self)

    def mermaid(self) -> str:
        """The graph as a Mermaid flowchart: values and gradients on nodes, partials on edges."""
        from wingbeat.explain.mermaid import as_mermaid

        return as_mermaid(self.model)

    def svg(self) -> str:
        """The drawing alone; modules and what repeats are folded where it would be too large."""
        from wingbeat.explain.svg import drawing

        return drawing(self.model)

    def html(self, language: str = "en") -> str:
        """One page with all of it: drawings, derivations, tables, routes, neurons, costs.

        It has no scripts and needs no network. It is in English and 简体中文, with a switch;
        `language` ("en" or "zh") is shown first.
        """
        from wingbeat.explain.html import page

        return page(self, language)

    def save_html(self, file: str | FilePath, language: str = "en") -> None:
        """Write the page, as a whole or not at all; raises `BadInput` if it cannot be written."""
        from wingbeat.explain._files import write_whole

        if not isinstance(file, str | PathLike):
            raise BadInput(f"save_html: the file is a path, as 'why.html', not {file!r}")
        write_whole(FilePath(file), self.html(language))

    def _repr_html_(self) -> str:
        from wingbeat.explain.html import fragment
        from wingbeat.explain.whole import on_page

        return fragment(on_page(self), self.model)


def _plain(value: Any) -> Any:
    return value.item() if value is not None and value.ndim == 0 else value
