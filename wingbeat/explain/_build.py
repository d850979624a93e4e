"""From a recorded run to the model: values, gradients, and what every edge contributes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wingbeat.api.kinks import find_kinks
from wingbeat.api.trace import Trace, run_nodes
from wingbeat.errors import BadInput, NotDifferentiable, TypeMismatch
from wingbeat.explain._measures import killed, nonfinite, only_ways, share
from wingbeat.explain._names import fresh
from wingbeat.explain._numbers import norm, show
from wingbeat.explain._recording import Recording
from wingbeat.explain._steps import Cut
from wingbeat.explain._writer import is_transparent, write
from wingbeat.explain.algebra import shortened
from wingbeat.explain.latex import LATEX, latex_lines
from wingbeat.explain.model import Edge, Model, Step
from wingbeat.explain.plain import PLAIN, plain_lines
from wingbeat.ir.node import Node, full, leaf
from wingbeat.ir.walk import depends, rewrite, toposort
from wingbeat.transform import inline, inlined, obstacle, sweep, vjp

NO_PATH, NOT_ASKED, NOT_COMPUTED = "no path", "not asked for", "not computed"


@dataclass
class Body:
    """One step on its own: its operations over one leaf for each step that it reads."""

    root: Node  # without composites
    shown: Node  # with them
    seed: Node  # the gradient of the result by this step
    reads: tuple[Node, ...]
    partials: tuple[Node | None, ...]  # of the result, along each edge
    why: str


class Builder:
    """Holds what the parts of the model are made of."""

    def __init__(
        self, recording: Recording, steps: Cut, wrt: Sequence[str], cotangent: Any = None
    ) -> None:
        self.recording = recording
        self.steps = steps
        self.wrt = self._chosen(wrt)
        self.names = steps.names
        self.leaf = {h: leaf(h.type, steps.names[h]) for h in steps.heads}
        self.new = inline([*steps.heads, recording.root])
        self.root = self.new[recording.root]
        self.seed = self._seed(cotangent)
        if not self.root.type.inexact:
            reason = obstacle(self.root, self.new[self.wrt[0]]) if self.wrt else None
            raise reason or NotDifferentiable(f"explain: {self.root.type} has no derivative")
        self.gradients = sweep([self.root], [self.new[x] for x in self.wrt], [self.seed])
        self.scalar = all(h.shape == () for h in steps.heads)
        self.above = dict.fromkeys(toposort([self.root]))
        self.reached = depends(self.above, [self.new[x] for x in self.wrt])
        self.bodies = {h: self._body(h) for h in steps.heads if steps.reads[h] or self._is_step(h)}

    def _chosen(self, wrt: Sequence[str]) -> list[Node]:
        by_name = {name: node for node, name in self.steps.names.items()}
        for name in wrt:
            if name not in by_name:
                raise BadInput(f"wrt: nothing is called {name}; known are {', '.join(by_name)}")
            if not by_name[name].type.inexact:
                raise NotDifferentiable(
                    f"wrt: {name} is {by_name[name].type}; only floats have derivatives"
                )
        return [by_name[name] for name in wrt]

    def _seed(self, cotangent: Any) -> Node:
        if cotangent is None:
            if self.root.shape != ():
                raise TypeMismatch(
                    f"explain: the result is {self.root.type}; return a scalar, as with .sum(), "
                    "or give cotangent=g of the result's shape"
                )
            return full(1, self.root.type)
        array = np.asarray(cotangent, dtype=self.root.type.dtype)
        if array.shape != self.root.shape:
            raise TypeMismatch(
                f"cotangent: the result is {self.root.type}, this has shape {array.shape}"
            )
        return self.recording.trace.slot(array)

    def _is_step(self, head: Node) -> bool:
        return head.op is not None and head not in self.recording.inputs.values()

    # --- one step on its own ------------------------------------------------------------------

    def _body(self, head: Node) -> Body:
        reads = self.steps.reads[head]
        known = {h: self.leaf[h] for h in reads}
        shown = rewrite([head], lambda node: None, known)[head]
        root = inlined([shown])[0]
        one = root.shape == () and all(h.shape == () for h in reads)
        taken = set(self.names.values())
        mark = f"g_{self.names[head]}"
        mark = fresh(f"{mark}_", taken) if mark in taken else mark
        seed = full(1, root.type) if one else leaf(root.type, mark)
        partials: tuple[Node | None, ...] = (None,) * len(reads)
        why = ""
        if not root.type.inexact:
            why = f"{root.type} has no derivative"
        else:
            try:
                partials = tuple(vjp([root], [known[h] for h in reads], [seed]))
            except NotDifferentiable as error:
                why = str(error).split("\n")[0]
        return Body(root, shown, seed, reads, partials, why)

    # --- numbers ------------------------------------------------------------------------------

    def values(self) -> dict[Node, Any]:
        """The value of every step."""
        if not self.recording.known:
            return {}
        return _run(self.recording.trace, list(self.steps.heads))

    def gradient_values(self) -> dict[Node, Any]:
        """The gradient of every step that has one."""
        if not self.recording.known:
            return {}
        found = {
            h: self.gradients[self.new[h]]
            for h in self.steps.heads
            if self.new[h] in self.gradients
        }
        arrays = _run(self.recording.trace, list(found.values()))
        return {h: arrays[g] for h, g in found.items()}

    def edge_values(self, values: dict[Node, Any], gradients: dict[Node, Any]) -> dict[Node, Any]:
        """The partial or contribution behind every edge whose ends are known."""
        if not self.recording.known:
            return {}
        trace = Trace(scoped=True)
        for head, node in self.leaf.items():
            trace.values[node] = values[head]
        wanted: list[Node] = []
        for head, body in self.bodies.items():
            if body.seed.op is None:
                if head not in gradients:
                    continue
                trace.values[body.seed] = gradients[head]
            wanted += [p for p in body.partials if p is not None]
        return _run(trace, wanted)

    # --- the model ------------------------------------------------------------------------------

    def model(self) -> Model:
        """Everything, computed."""
        values, gradients = self.values(), self.gradient_values()
        partials = self.edge_values(values, gradients)
        steps = tuple(self._step(h, values, gradients) for h in self.steps.heads)
        single = only_ways(self.steps)
        edges = tuple(
            self._edge(h, x, p, single, partials, gradients)
            for h, body in self.bodies.items()
            for x, p in zip(body.reads, body.partials, strict=True)
        )
        return Model(
            self.names[self.recording.root],
            tuple(self.names[x] for x in self.wrt),
            steps,
            edges,
            self._kinks(values),
            nonfinite(steps, edges),
            self.scalar,
        )

    def _step(self, head: Node, values: dict[Node, Any], gradients: dict[Node, Any]) -> Step:
        body = self.bodies.get(head)
        formula = latex = ""
        operations: tuple[str, ...] = ()
        if body is not None and self._is_step(head):
            formula = plain_lines(write([body.shown], {}, PLAIN))
            latex = latex_lines(write([body.shown], {}, LATEX))
            operations = _operations(body)
        kind = "step" if self._is_step(head) else "input"
        if head.op is None and head not in self.recording.inputs.values():
            kind = "data"
        gradient = gradients.get(head)
        return Step(
            self.names[head],
            kind,
            operations,
            formula,
            latex,
            self.recording.lines.get(head, ""),
            str(head.type),
            values.get(head),
            gradient,
            "" if gradient is not None else self._why(head),
        )

    def _why(self, head: Node) -> str:
        """Why a step has no gradient."""
        node = self.new[head]
        if node in self.gradients:
            return NOT_COMPUTED
        if node not in self.above:
            return NO_PATH
        if not node.type.inexact:
            return f"{node.type} has no derivative"
        if node not in self.reached:
            return NOT_ASKED
        if (reason := obstacle(self.root, node)) is not None:
            return str(reason).split("\n")[0]
        return "no derivative flows through " + self._blocker(node)

    def _blocker(self, node: Node) -> str:
        """The first operation behind `node` that passes nothing on."""
        after = [n for n in self.above if node in n.inputs]
        return " or ".join(dict.fromkeys(n.name for n in after)) or "this step"

    def _edge(
        self,
        head: Node,
        source: Node,
        partial: Node | None,
        single: set[tuple[Node, Node]],
        numbers: dict[Node, Any],
        gradients: dict[Node, Any],
    ) -> Edge:
        body = self.bodies[head]
        one = body.seed.op is not None
        why = body.why or ("" if source.type.inexact else f"{source.type} has no derivative")
        formula, latex = self.partial_texts(head, partial, bool(why))
        number = numbers.get(partial) if partial is not None else None
        if partial is None and not body.why and self.recording.known and source.type.inexact:
            number = np.zeros(
                source.shape, source.type.dtype
            )  # flat: floor, sign, the other branch
        contribution = number
        if one and number is not None:
            g = gradients.get(head)
            contribution = None if g is None else killed(g, number)
        if not one and head not in gradients:
            contribution = None
        total = gradients.get(source)
        return Edge(
            self.names[source],
            self.names[head],
            float(number) if one and number is not None else None,
            formula,
            latex,
            contribution,
            None if contribution is None else norm(contribution),
            share(contribution, total),
            (source, head) in single,
            why,
        )

    def partial_texts(
        self, head: Node, partial: Node | None, nothing: bool = False
    ) -> tuple[str, str]:
        """The partial in plain text and LaTeX; the step itself stands in it by its name."""
        if partial is None:
            return ("", "") if nothing else ("0", "0")
        own = leaf(head.type, self.names[head])
        body = self.bodies[head]
        known: dict[Node, Node] = {}
        node = body.root
        while node.op is not None and node not in known:
            known[node] = own  # the name of a statement stands for the operation behind it, too
            node = node.inputs[0] if is_transparent(node) else node
        short = shortened([partial], known)
        return plain_lines(write(short, {}, PLAIN)), latex_lines(write(short, {}, LATEX))

    def _kinks(self, values: dict[Node, Any]) -> tuple[str, ...]:
        if not values:
            return ()
        wrt = [x for x in self.wrt if self.new[x] in self.gradients]
        touched = find_kinks(self.recording.trace, [self.recording.root], wrt) if wrt else []
        said: list[str] = []
        for t in touched:
            head = self._home(t.node)
            line = self.recording.lines.get(head, "") or self.names[head]
            reads = self.steps.reads[head]
            at = ", ".join(f"{self.names[x]} = {show(values[x])}" for x in reads)
            said.append(f"in {line} at {at}: {str(t).splitlines()[0]}")
        return tuple(said)

    def _home(self, node: Node) -> Node:
        """The step that an operation belongs to."""
        inner = {self.new[h] for h in self.steps.heads}
        for head in self.steps.heads:
            stops = inner - {self.new[head]}
            if node in toposort([self.new[head]], stops=stops):
                return head
        return self.recording.root


def _run(trace: Trace, nodes: list[Node]) -> dict[Node, Any]:
    """The arrays of nodes, in one program."""
    rest = tuple(dict.fromkeys(n for n in nodes if n not in trace.values))
    arrays = dict(zip(rest, run_nodes(trace, rest), strict=True)) if rest else {}
    return {n: arrays[n] if n in arrays else trace.values[n] for n in nodes}


def _operations(body: Body) -> tuple[str, ...]:
    order = toposort([body.shown], stops=set(body.reads))
    hidden = ("alias", "broadcast", "cast", "full", "iota")
    return tuple(n.name for n in order if n.op is not None and n.name not in hidden)
