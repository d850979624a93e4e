"""From a recorded run to the model: values, gradients, and what every edge contributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from wingbeat.api.running import keep, run_nodes
from wingbeat.api.tracing import Trace
from wingbeat.errors import BadInput, NotDifferentiable, TypeMismatch
from wingbeat.explain._bodies import Body, Shape, body_of
from wingbeat.explain._calls import grouped
from wingbeat.explain._kinks import kinks, resting
from wingbeat.explain._measures import killed, nonfinite, only_ways, share
from wingbeat.explain._numbers import norm, number
from wingbeat.explain._recording import Recording
from wingbeat.explain._steps import Cut
from wingbeat.explain._told import told
from wingbeat.explain.model import Edge, Model, Step, no_texts
from wingbeat.explain.words import say
from wingbeat.ir.node import Node, full, leaf
from wingbeat.ir.walk import depends, toposort
from wingbeat.ops.families import zero_like
from wingbeat.transform import inline, obstacle, sweep

NO_PATH, NOT_ASKED, NOT_COMPUTED = say("no path"), say("not asked for"), say("not computed")


class Builder:
    """Holds what the parts of the model are made of."""

    def __init__(
        self, recording: Recording, steps: Cut, wrt: Sequence[str], cotangent: Any = None
    ) -> None:
        self.recording = recording
        self.steps = steps
        self._inputs = set(recording.inputs.values())
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
        self.known: dict[Node, Any] = {}  # the values, and below the gradients, of a built model
        self.found: dict[Node, Any] = {}
        self.scalar = all(h.shape == () for h in steps.heads)
        self.above = dict.fromkeys(toposort([self.root]))
        self.reached = depends(self.above, [self.new[x] for x in self.wrt])
        taken = set(self.names.values())
        shapes: dict[Node, Shape] = {}
        self.bodies = {
            h: body_of(h, steps.reads[h], self.names, taken, shapes)
            for h in steps.heads
            if self._is_step(h)
        }

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

    def head(self, name: str) -> Node:
        """The node of this name; raises `BadInput` with the names that there are."""
        for node, known in self.names.items():
            if known == name:
                return node
        raise BadInput(f"nothing is called {name}; known are {', '.join(self.names.values())}")

    def _seed(self, cotangent: Any) -> Node:
        if cotangent is None:
            if self.root.shape != ():
                raise TypeMismatch(
                    f"explain: the result is {self.root.type}; make it a scalar, as sum(...) does, "
                    "or in Python give cotangent=g of the result's shape"
                )
            return full(1, self.root.type)
        array = self._numbers(cotangent)
        if array.shape != self.root.shape:
            raise TypeMismatch(
                f"cotangent: the result is {self.root.type}, this has shape {array.shape}"
            )
        return self.recording.trace.slot(array)

    def _numbers(self, cotangent: Any) -> Any:
        """A cotangent as an array of the result's dtype."""
        try:
            array = np.asarray(cotangent)
        except ValueError:  # lists of different lengths
            array = np.asarray(None)
        if array.dtype.kind not in "biuf":
            raise TypeMismatch(
                f"cotangent: {cotangent!r} is no array of numbers; the result is {self.root.type}, "
                "so give one of its shape"
            )
        return array.astype(self.root.type.dtype)

    def _is_step(self, head: Node) -> bool:
        return head.op is not None and head not in self._inputs

    # --- numbers ------------------------------------------------------------------------------

    def values(self) -> dict[Node, Any]:
        """The value of every step; the trace keeps them, so that gradients start from them."""
        if not self.recording.known:
            return {}
        trace, bodies = self.recording.trace, [self.new[h] for h in self.steps.heads]
        found = _run(trace, bodies)
        fresh = {body: value for body, value in found.items() if body not in trace.values}
        keep(trace, tuple(fresh), tuple(fresh.values()))
        return {h: found[self.new[h]] for h in self.steps.heads}

    def gradient_values(self) -> dict[Node, Any]:
        """The gradient of every step that has one."""
        if not self.recording.known:
            return {}
        nodes = {h: self.gradient(h) for h in self.steps.heads}
        found = {h: g for h, g in nodes.items() if g is not None}
        arrays = _run(self.recording.trace, list(found.values()))
        return {h: arrays[g] for h, g in found.items()}

    def gradient(self, head: Node) -> Node | None:
        """The gradient's node; a zero where everything in between is flat, as floor is."""
        node = self.new[head]
        if node in self.gradients or node not in self.reached or node not in self.above:
            return self.gradients.get(node)
        flat = node.type.inexact and obstacle(self.root, node) is None
        return zero_like(node) if flat else None

    def edge_values(
        self, values: Mapping[Node, Any], gradients: Mapping[Node, Any]
    ) -> dict[Node, tuple[Any, ...]]:
        """For each step the partial or contribution behind every edge, where its ends are known."""
        if not self.recording.known:
            return {}
        return {
            head: self.sent(body, values, gradients.get(head))
            for head, body in self.bodies.items()
            if body.shape.one or head in gradients
        }

    def sent(self, body: Body, values: Mapping[Node, Any], g: Any) -> tuple[Any, ...]:
        """What goes back along the edges of one step, given the gradient `g` of the step itself."""
        shape, trace = body.shape, Trace(scoped=True)
        for x, node in zip(shape.leaves, body.reads, strict=True):
            trace.values[x] = values[node]
        if not shape.one:
            trace.values[shape.seed] = g
        wanted = [p for p in shape.partials if p is not None]
        arrays = _run(trace, wanted) if wanted else {}
        return tuple(None if p is None else arrays[p] for p in shape.partials)

    # --- the model ------------------------------------------------------------------------------

    def model(self) -> Model:
        """Everything, computed."""
        values, gradients = self.values(), self.gradient_values()
        self.known, self.found = values, gradients
        partials = self.edge_values(values, gradients)
        steps = tuple(self._step(h, values, gradients) for h in self.steps.heads)
        single = only_ways(self.steps)
        edges = tuple(
            self._edge(h, place, single, partials, gradients)
            for h, body in self.bodies.items()
            for place in range(len(body.reads))
        )
        run, met = self.recording, kinks(self, values)
        tree = grouped(self.steps.heads, self.steps.reads, self.names, run.made, run.given)
        return Model(
            self.names[self.recording.root],
            tuple(self.names[x] for x in self.wrt),
            steps,
            edges,
            met,
            nonfinite(steps, edges),
            self.scalar,
            tree,
            resting(self, met),
        )

    def _step(self, head: Node, values: dict[Node, Any], gradients: dict[Node, Any]) -> Step:
        body = self.bodies.get(head)
        given = head in self._inputs
        kind = "step" if body is not None else "input" if given else "data"
        gradient = gradients.get(head)
        return Step(
            self.names[head],
            kind,
            body.operations() if body is not None else (),
            body.texts if body is not None else no_texts,
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
            return told(f"{node.type} has no derivative")
        if node not in self.reached:
            return NOT_ASKED
        reason = obstacle(self.root, node)
        return NOT_COMPUTED if reason is None else told(str(reason).split("\n")[0])

    def _edge(
        self,
        head: Node,
        place: int,
        single: set[tuple[Node, Node]],
        numbers: dict[Node, tuple[Any, ...]],
        gradients: dict[Node, Any],
    ) -> Edge:
        body = self.bodies[head]
        source, why = body.reads[place], body.shape.whys[place]
        found = None if why else self._number(head, place, numbers)
        contribution = found if head in gradients else None
        if body.shape.one and contribution is not None:
            contribution = killed(gradients[head], contribution)
        return Edge(
            self.names[source],
            self.names[head],
            number(found) if body.shape.one else None,
            partial(body.partial_texts, place),
            contribution,
            None if contribution is None else norm(contribution),
            share(contribution, gradients.get(source)),
            (source, head) in single,
            why,
            partial(body.partial_texts, place, False),
        )

    def _number(self, head: Node, place: int, numbers: dict[Node, tuple[Any, ...]]) -> Any:
        """What was computed along an edge; a zero where the step is flat, as floor is."""
        body = self.bodies[head]
        if body.shape.partials[place] is not None or not self.recording.known:
            return numbers[head][place] if head in numbers else None
        source = body.reads[place]
        return np.zeros(source.shape, source.type.dtype)


def _run(trace: Trace, nodes: list[Node]) -> dict[Node, Any]:
    """The arrays of nodes, in one program."""
    rest = tuple(dict.fromkeys(n for n in nodes if n not in trace.values))
    arrays = dict(zip(rest, run_nodes(trace, rest), strict=True)) if rest else {}
    return {n: arrays[n] if n in arrays else trace.values[n] for n in nodes}
