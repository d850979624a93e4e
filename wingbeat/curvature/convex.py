"""Is a function convex on a box? Proved by rules on its graph, or refuted by a witness."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wingbeat.api import Tensor, tree
from wingbeat.api.joining import enter
from wingbeat.api.tensor import asarray, lazy
from wingbeat.api.tracing import staging
from wingbeat.curvature._checks import function
from wingbeat.curvature._landscape import Landscape, finite
from wingbeat.curvature._rules import BENDS, Fact, analysed
from wingbeat.curvature._space import Vector
from wingbeat.curvature._text import number, vector
from wingbeat.curvature.region import Region
from wingbeat.errors import BadInput, NoValue, TypeMismatch
from wingbeat.ir.node import Node, leaf
from wingbeat.ir.types import tensor_type
from wingbeat.ir.walk import toposort
from wingbeat.nn._checks import whole

F = Callable[..., Any]


@dataclass(frozen=True)
class Witness:
    """A place that shows a function not to be convex (or not to be concave).

    Attributes:
        x: the point, a tree like f's argument.
        direction: a flat unit vector.
        second: the second derivative along it: negative against convexity, positive against
            concavity. None where a chord is the witness, as at a kink.
        gap: f at `x`, the middle of a chord along the direction, minus the mean of f at its ends:
            positive against convexity. None where a second derivative is the witness.

    >>> w = wb.curvature.convexity(lambda x: x**3, (-1.0, 1.0)).against_convex
    >>> w.second < 0
    True
    """

    x: Any
    direction: Vector
    second: float | None = None
    gap: float | None = None

    def __str__(self) -> str:
        where = vector(np.concatenate([np.ravel(x) for x in tree.leaves(self.x)]))
        along = f"along {vector(self.direction)}"
        if self.second is not None:
            return f"at {where} the second derivative {along} is {number(self.second)}"
        gap = self.gap or 0.0
        side = "above" if gap > 0 else "below"
        return f"at {where} f is {number(abs(gap))} {side} the middle of a chord {along}"


@dataclass(frozen=True)
class Convexity:
    """What is known of a function's convexity on a box.

    Attributes:
        convex: True: proved by `proof`. False: refuted by `against_convex`. None: neither; samples
            show nothing against it, and samples are no proof.
        concave: the same.
        proof: the rules, step by step; empty where nothing is proved.
        against_convex, against_concave: witnesses, or None.
        samples: points that were looked at.

    >>> print(wb.curvature.convexity(lambda x: wb.logsumexp(wb.stack([x, -x])), (-2.0, 2.0)))
    convex, proved: logsumexp of affine is convex
    not concave: at (0) the second derivative along (1) is 1
    """

    convex: bool | None
    concave: bool | None
    proof: tuple[str, ...]
    against_convex: Witness | None
    against_concave: Witness | None
    samples: int

    def __str__(self) -> str:
        return "\n".join(
            self._said(word, known, witness)
            for word, known, witness in (
                ("convex", self.convex, self.against_convex),
                ("concave", self.concave, self.against_concave),
            )
        )

    def _said(self, word: str, known: bool | None, witness: Witness | None) -> str:
        if known:
            return f"{word}, proved: {'; '.join(self.proof)}"
        if witness is not None:
            return f"not {word}: {witness}"
        return f"nothing found against {word} in {self.samples} samples, which is no proof"


def convexity(f: F, region: Any, *, samples: int = 100, seed: int = 0) -> Convexity:
    """Whether f is convex or concave on a box: proved by rules, refuted by a witness, or open.

    The rules are those of disciplined composition, read off the graph of f: sums, affine maps,
    log-sum-exp, norms, maxima, exp, powers ..., and any part that is a quadratic polynomial with a
    Hessian that is semidefinite, to rounding. Where they do not get through, and for the other half
    of the question, the Hessian is looked at in samples, and chords between samples.

    Args:
        f: a scalar function of a tree.
        region: (low, high), trees like f's argument.
        samples: how many points are looked at.
        seed: of the points.

    Raises:
        TypeMismatch: `f` is no function with a scalar result.
        BadInput: an empty region; f finite at none of the samples.

    >>> c = wb.curvature.convexity(lambda x: x[0] ** 2 - x[1] ** 2, (-np.ones(2), np.ones(2)))
    >>> c.convex, c.concave
    (False, False)
    >>> print(c.against_convex)
    at (0, 0) the second derivative along (0, 1) is -2
    """
    function(f, "convexity")
    box = Region(region, "convexity")
    points = box.scattered(whole(samples, "samples", "convexity"), seed)
    land = Landscape(f, box.space)
    found, proof = _proved(f, box)
    witnesses = _witnesses(land, box, points)
    verdicts: list[bool | None] = []
    for known, witness in zip(found, witnesses, strict=True):
        verdicts.append(True if known else (None if witness is None else False))
    kept = [None if known else w for known, w in zip(found, witnesses, strict=True)]
    return Convexity(verdicts[0], verdicts[1], proof, kept[0], kept[1], len(points))


# --- by rules -----------------------------------------------------------------------------------


def _proved(f: F, box: Region) -> tuple[tuple[bool, bool], tuple[str, ...]]:
    """Whether f is proved to be convex, concave, and by which steps."""
    try:
        root, variables, values = _graph(f, box)
    except NoValue:  # f reads values while it runs: it has no one graph
        return (False, False), ()
    steps: list[str] = []
    facts = analysed(root, variables, values)
    leaves = tuple(variables)
    for node, fact in facts.items():
        if fact.degree == 2 and node.shape == () and not (fact.convex or fact.concave):
            bent = _quadratic(f, box, root, leaves, node)
            if bent is not None:
                variables[node] = Fact(fact.low, fact.high, bent >= 0, bent <= 0, 2)
                steps.append(f"a quadratic with a {_DEFINITE[bent]} Hessian is {_WORDS[bent]}")
    facts = analysed(root, variables, values)
    fact = facts[root]
    if not (fact.convex or fact.concave):
        return (False, False), ()
    steps += _steps(root, facts, variables)
    return (fact.convex, fact.concave), tuple(dict.fromkeys(steps)) or (f"f is {fact.word}",)


_DEFINITE = {1: "positive semidefinite", -1: "negative semidefinite", 0: "zero"}
_WORDS = {1: "convex", -1: "concave", 0: "affine"}


def _steps(root: Node, facts: dict[Node, Fact], stops: Collection[Node]) -> list[str]:
    """What bends, in the order of the graph; what adds and moves numbers goes without saying."""
    found: list[str] = []
    for node in toposort([root], stops=stops):
        own = facts[node]
        below = [facts[x].word for x in node.inputs if x in facts and not facts[x].constant]
        bends = node.name in BENDS or node.name == "pow"
        if node not in stops and below and not own.constant and (bends or own.word not in below):
            found.append(f"{node.name} of {' and '.join(dict.fromkeys(below))} is {own.word}")
    return found


def _graph(f: F, box: Region) -> tuple[Node, dict[Node, Fact], dict[Node, Any]]:
    """f as a graph, the facts of its variables, the arrays that it closes over."""
    space = box.space
    with staging() as trace:
        types = [tensor_type(x.shape, x.dtype) for x in space.leaves]
        nodes = [leaf(t, "x", k) for k, t in enumerate(types)]
        y = f(space.rebuild([lazy(n, trace, 0) for n in nodes]))
        root = enter(asarray(y), trace)
    if root.shape != ():
        raise TypeMismatch(f"convexity: the function must return a scalar; it returned {root.type}")
    ends = zip(nodes, space.arrays(box.low), space.arrays(box.high), strict=True)
    variables = {n: Fact(low, high, True, True, 1) for n, low, high in ends}
    closed = {n: t.numpy() for n, t in {**trace.sources, **trace.captured}.items()}
    return root, variables, {**trace.values, **closed}


def _quadratic(f: F, box: Region, root: Node, variables: Sequence[Node], part: Node) -> int | None:
    """1, -1, 0: a polynomial of degree 2 is convex, concave, affine; its Hessian is constant."""
    number = toposort([root], stops=set(variables)).index(part)

    def value(x: Any) -> Tensor:
        """The same part of f at x: the graph is walked in the same order."""
        y = asarray(f(x))
        trace: Any = y._trace
        begins = {enter(t, trace) for t in tree.leaves(x)}
        found = toposort([enter(y, trace)], stops=begins)[number]
        return lazy(found, trace, y._flags)

    land = Landscape(value, box.space)
    values = np.linalg.eigvalsh(land.local(box.centre).hessian)
    error = 16 * box.space.eps * len(values) * float(np.abs(values).max())
    up, down = bool((values >= -error).all()), bool((values <= error).all())
    return int(up) - int(down) if up or down else None


# --- by samples ---------------------------------------------------------------------------------


def _witnesses(land: Landscape, box: Region, points: Any) -> tuple[Witness | None, Witness | None]:
    """The strongest witnesses against convexity and against concavity."""
    best: list[tuple[float, Witness] | None] = [None, None]
    seen: list[tuple[Vector, float]] = []
    for x in points:
        at = land.local(x)
        if not finite(at):
            continue
        seen.append((x, at.value))
        values, vectors = np.linalg.eigh(at.hessian)
        error = 32 * land.space.eps * float(np.abs(values).max())
        for k, sign in ((0, -1.0), (-1, 1.0)):
            size = sign * float(values[k])
            known = best[k]
            if size > error and (known is None or size > known[0]):
                d = vectors[:, k]
                best[k] = size, Witness(land.space.tree(x), d, second=float(values[k]))
    if not seen:
        raise BadInput("convexity: f or its derivatives are not finite at any of the samples")
    chords = _chords(land, seen)
    first, last = (None if b is None else b[1] for b in best)
    return first or chords[0], last or chords[1]


def _chords(
    land: Landscape, seen: list[tuple[Vector, float]]
) -> tuple[Witness | None, Witness | None]:
    """The chords that lie furthest below and above the function: they see kinks, too."""
    gaps: list[tuple[float, Vector, Vector]] = []
    for (a, fa), (b, fb) in itertools.pairwise(seen):
        middle = land.value((a + b) / 2)
        noise = 64 * land.space.eps * max(abs(middle), abs(fa), abs(fb))
        gap = middle - (fa + fb) / 2
        if np.isfinite(gap) and abs(gap) > noise:
            gaps.append((gap, (a + b) / 2, (b - a) / np.linalg.norm(b - a)))
    found: list[Witness | None] = []
    for sign in (1.0, -1.0):
        own = [g for g in gaps if sign * g[0] > 0]
        if not own:
            found.append(None)
            continue
        gap, x, d = max(own, key=lambda g: abs(g[0]))
        found.append(Witness(land.space.tree(x), d, gap=gap))
    return found[0], found[1]
