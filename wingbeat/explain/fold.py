"""Large graphs made small: modules as one box, what repeats as one box with its number of times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from wingbeat.explain._given import whole
from wingbeat.explain.model import Edge, Group, Model, Step
from wingbeat.explain.parts import Column, Grid, Part
from wingbeat.explain.shown import Shown
from wingbeat.explain.words import say

MOST = 60  # boxes that can be read at once
LONGEST_PERIOD = 64  # members of what is recognised as one repeated piece
Member = str | Group


@dataclass(frozen=True)
class Box:
    """What is drawn as one: a step, a module, several alike in a row, or a stretch of the program.

    Attributes:
        name: of the step or group; of several the first and the last.
        kind: "input", "data", "step"; a module's class; "" for a stretch.
        times: how often a piece of the same structure stands here.
        members: the steps and groups of which it is made, in order.
        steps: all steps within, in order.
        result: the step whose value leaves the box last.
    """

    name: str
    kind: str
    times: int
    members: tuple[Member, ...]
    steps: tuple[str, ...]
    result: str


@dataclass(frozen=True)
class Link:
    """All edges from one box to another."""

    source: str
    target: str
    edges: tuple[Edge, ...]


@dataclass(frozen=True, repr=False)
class Folded(Shown):
    """A graph of boxes; prints as a table.

    >>> import wingbeat as wb
    >>> layers = [wb.nn.Linear(8, 8) for _ in range(40)]
    >>> def f(layers, x):
    ...     for layer in layers:
    ...         x = wb.tanh(layer(x))
    ...     return wb.sum(x)
    >>> folded = wb.explain(f)(layers, np.ones((2, 8))).folded()
    >>> [(box.name, box.times) for box in folded.boxes if box.times > 1]
    [('layers[0] … x_41', 40)]
    """

    boxes: tuple[Box, ...]
    links: tuple[Link, ...]

    def parts(self) -> Iterator[Part]:
        """One row for each box, with what it reads."""
        columns = (
            Column(say("box")),
            Column(say("class")),
            Column(say("size"), True),
            Column(say("reads")),
        )
        reads: dict[str, list[str]] = {}
        for link in self.links:
            reads.setdefault(link.target, []).append(link.source)
        rows = (_cells(box, reads.get(box.name, [])) for box in self.boxes)
        result = self.boxes[-1].result if self.boxes else ""
        yield Grid(say("boxes", z=result), columns, rows, len(self.boxes))


def _cells(box: Box, reads: Sequence[str]) -> tuple[str, ...]:
    times = f" × {box.times}" if box.times > 1 else ""
    kind = say(box.kind) if box.kind in ("input", "data", "step") else box.kind
    return (box.name + times, kind, str(len(box.steps)), ", ".join(reads))


def folded(model: Model, most: int = MOST) -> Folded:
    """At most about `most` boxes: groups are opened, the largest first, while that leaves room.

    A module without modules inside stays one box. Raises `BadInput` for fewer than 2 boxes.
    """
    most = whole(most, "folded: the number of boxes", 2)
    steps = {s.name: s for s in model.steps}
    if len(steps) <= most:
        return _linked(model, [box_of((name,), 1, steps) for name in steps])
    return _linked(model, _opened(model.tree.members, most, signs_of(model), steps))


def inside(model: Model, box: Box, most: int = MOST) -> Folded:
    """What one piece of a box is made of, and what it reads from outside."""
    steps = {s.name: s for s in model.steps}
    piece = box.members[: len(box.members) // box.times]
    if len(piece) == 1 and isinstance(piece[0], Group):
        piece = piece[0].members
    own = {name for m in piece for name in ([m] if isinstance(m, str) else m.steps())}
    before = dict.fromkeys(e.source for e in model.edges if e.target in own and e.source not in own)
    boxes = _opened(piece, most, signs_of(model), steps)
    return _linked(model, [*(box_of((name,), 1, steps) for name in before), *boxes])


def _opened(
    members: Sequence[Member], most: int, signs: Signs, steps: Mapping[str, Step]
) -> list[Box]:
    boxes = _boxes(members, signs, steps)
    while True:
        room = most - len(boxes)
        within = {
            k: _boxes(box.members[0].members, signs, steps)
            for k, box in enumerate(boxes)
            if len(box.members) == 1
            and isinstance(box.members[0], Group)
            and box.members[0].groups()
        }
        fits = [k for k, found in within.items() if len(found) - 1 <= room]
        if not fits:
            break
        k = max(fits, key=lambda k: len(boxes[k].steps))
        boxes[k : k + 1] = within[k]
    if len(boxes) > most:
        boxes = _stretches(boxes, most, steps)
    return boxes


class Signs:
    """A number for the structure of every step and group: equal for equal ones."""

    def __init__(self, model: Model) -> None:
        self._numbers: dict[object, int] = {}
        self._of = {s.name: self._number((s.kind, s.operations, s.type)) for s in model.steps}

    def _number(self, key: object) -> int:
        return self._numbers.setdefault(key, len(self._numbers))

    def __call__(self, member: Member) -> int:
        """The number of a step or group."""
        if isinstance(member, str):
            return self._of[member]
        if (known := self._of.get(f"[{member.name}]")) is None:
            known = self._number((member.kind, tuple(self(m) for m in member.members)))
            self._of[f"[{member.name}]"] = known
        return known


def signs_of(model: Model) -> Signs:
    """Numbers that are equal for steps and groups of equal structure."""
    return Signs(model)


def runs(signs: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """The sequence as pieces (start, period, times): a piece of `period` comes `times` times.

    >>> list(runs([7, 1, 2, 1, 2, 1, 2, 5]))
    [(0, 1, 1), (1, 2, 3), (7, 1, 1)]
    """
    k, n = 0, len(signs)
    while k < n:
        period, times = 1, 1
        for p in range(1, min(LONGEST_PERIOD, (n - k) // 2) + 1):
            if signs[k] != signs[k + p] or signs[k : k + p] != signs[k + p : k + 2 * p]:
                continue
            count = 2
            while signs[k : k + p] == signs[k + count * p : k + (count + 1) * p]:
                count += 1
            if p * count > period * times:
                period, times = p, count
        yield k, period, times
        k += period * times


def _boxes(members: Sequence[Member], signs: Signs, steps: Mapping[str, Step]) -> list[Box]:
    """A box for each member, and one for several in a row that are alike."""
    found: list[Box] = []
    for start, period, times in runs([signs(m) for m in members]):
        piece = tuple(members[start : start + period * times])
        if times * period > 2:
            found.append(box_of(piece, times, steps))
        else:
            found += [box_of((m,), 1, steps) for m in piece]
    return found


def box_of(members: tuple[Member, ...], times: int, steps: Mapping[str, Step]) -> Box:
    """Several members drawn as one."""
    inside = tuple(name for m in members for name in ([m] if isinstance(m, str) else m.steps()))
    first, last = (m if isinstance(m, str) else m.name for m in (members[0], members[-1]))
    kinds = {steps[m].kind if isinstance(m, str) else m.kind for m in members}
    kind = kinds.pop() if len(kinds) == 1 else ""
    if kind == "step" and len(members) > 1:
        kind = ""
    name = first if len(members) == 1 else f"{first} … {last}"
    done = [s for s in inside if steps[s].kind == "step"] or inside
    return Box(name, kind, times, members, inside, done[-1])


def _stretches(boxes: list[Box], most: int, steps: Mapping[str, Step]) -> list[Box]:
    """Boxes joined, as many in a row as it takes. What is given stays apart from what is done."""
    size = -(-len(boxes) // (most - 1))
    found: list[Box] = []
    for given in (True, False):
        alike = [b for b in boxes if (steps[b.result].kind != "step") == given]
        for k in range(0, len(alike), size):
            piece = tuple(m for box in alike[k : k + size] for m in box.members)
            found.append(box_of(piece, 1, steps))
    return found


def _linked(model: Model, boxes: list[Box]) -> Folded:
    place = {s.name: k for k, s in enumerate(model.steps)}
    boxes.sort(key=lambda box: place[box.result])
    home = {name: box.name for box in boxes for name in box.steps}
    links: dict[tuple[str, str], list[Edge]] = {}
    for e in model.edges:
        pair = (home.get(e.source, ""), home.get(e.target, ""))
        if pair[0] != pair[1] and all(pair):
            links.setdefault(pair, []).append(e)
    return Folded(tuple(boxes), tuple(Link(*pair, tuple(es)) for pair, es in links.items()))
