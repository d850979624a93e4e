"""The chain rule written out: in symbols, in formulas, in numbers, and its result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wingbeat.errors import BadInput
from wingbeat.explain._names import latex_name
from wingbeat.explain._numbers import equals, number
from wingbeat.explain._script import LATEX, PLAIN, Script, binds_loosely, has_lines
from wingbeat.explain.model import Edge, Model
from wingbeat.explain.paths import Paths, flowing

MOST_WAYS = 6  # with more, or with longer ones, the chain rule is written step by step
LONGEST = 8


@dataclass(frozen=True)
class Line:
    """One equation of a derivation.

    Attributes:
        left: what is derived, as `dz/db`.
        relation: "=" or, before a rounded number, "≈".
        right: the right side.
        kind: "symbols", "formulas", "numbers" or "result".
        of: the name of the variable that `left` is the derivative by.
        terms: what `right` is the sum of.
    """

    left: str
    relation: str
    right: str
    kind: str
    of: str
    terms: tuple[str, ...] = ()


def derive(model: Model, wrt: str, form: str = PLAIN, simplified: bool = True) -> list[Line]:
    """The lines from the chain rule to the number.

    Few short ways: one sum over them. Many: one equation for each step in between, from the result
    back.
    """
    script = Script(model, form, simplified)
    names = [s.name for s in model.steps]
    if wrt not in names:
        raise BadInput(f"nothing is called {wrt}; known are {', '.join(names)}")
    if wrt == model.result:
        return [Line(script.d(wrt, wrt), "=", "1", "result", wrt)]
    if not model.scalar:
        return _tensor_lines(model, wrt, script)
    ways = Paths(model, wrt, MOST_WAYS)
    if ways.count == 0:
        return []
    if ways.count <= MOST_WAYS and all(len(p.partials) <= LONGEST for p in ways):
        return _by_ways(model, wrt, script, ways)
    return _by_steps(model, wrt, script)


def _by_ways(model: Model, wrt: str, script: Script, ways: Paths) -> list[Line]:
    between = {(e.source, e.target): e for e in model.edges}
    chains = [
        [between[pair] for pair in zip(p.names, p.names[1:], strict=False)][::-1] for p in ways
    ]
    # As the text goes, not by size: the order in which the steps were computed.
    place = {s.name: k for k, s in enumerate(model.steps)}
    chains.sort(key=lambda chain: [place[e.source] for e in chain])
    left = script.d(model.result, wrt)
    texts = [
        ("symbols", [[script.edge(e) for e in chain] for chain in chains]),
        ("formulas", [[script.formula(e) for e in chain] for chain in chains]),
        ("numbers", [[script.number(e.partial) for e in chain] for chain in chains]),
    ]
    exact = all(
        equals(e.partial) == "=" for chain in chains for e in chain if e.partial is not None
    )
    return _lines(model, wrt, script, left, texts, exact, ways.total)


def _by_steps(model: Model, wrt: str, script: Script) -> list[Line]:
    """dz/du = the sum of dz/dc ∂c/∂u over the readers c of u, for every u in between."""
    values = {s.name: s.gradient for s in model.steps}
    readers: dict[str, list[Edge]] = {s.name: [] for s in model.steps}
    for e in flowing(model):
        readers[e.source].append(e)
    above, below = _reaching(model, readers), _behind(model, wrt)
    lines: list[Line] = []
    for step in reversed(model.steps):
        u = step.name
        if u == model.result or u not in above or u not in below:
            continue
        edges = [e for e in readers[u] if e.target in above]
        whole = lambda e: script.d(model.result, e.target)  # noqa: E731
        first = lambda e: e.target == model.result  # noqa: E731
        known = [number(values[e.target]) for e in edges]
        symbols = [[script.edge(e)] if first(e) else [whole(e), script.edge(e)] for e in edges]
        formulas = [
            [script.formula(e)] if first(e) else [whole(e), script.formula(e)] for e in edges
        ]
        numbers = [
            [script.number(e.partial)] if first(e) else [script.number(g), script.number(e.partial)]
            for g, e in zip(known, edges, strict=True)
        ]
        exact = all(
            equals(v) == "=" for v in [*known, *(e.partial for e in edges)] if v is not None
        )
        texts = [("symbols", symbols), ("formulas", formulas), ("numbers", numbers)]
        total = values[u]
        left = script.d(model.result, u)
        lines += _lines(model, u, script, left, texts, exact, number(total))
    return lines


def _lines(
    model: Model,
    wrt: str,
    script: Script,
    left: str,
    texts: list[tuple[str, list[list[str]]]],
    exact: bool,
    total: float | None,
) -> list[Line]:
    lines: list[Line] = []
    for kind, terms in texts:
        if kind == "numbers" and total is None:
            return lines  # without values there are symbols and formulas only
        products = tuple(script.product(factors, kind) for factors in terms)
        right = " + ".join(products)
        if right == left or (lines and right == lines[-1].right):
            continue
        relation = "=" if kind != "numbers" or exact else "≈"
        lines.append(Line(left, relation, right, kind, wrt, products))
    right = script.result(total)
    if not lines or right != lines[-1].right:
        relation = "=" if total is None or (exact and equals(total) == "=") else "≈"
        lines.append(Line(left, relation, right, "result", wrt))
    return lines


def _reaching(model: Model, readers: dict[str, list[Edge]]) -> set[str]:
    """The steps that the result depends on."""
    found = {model.result}
    for step in reversed(model.steps):
        if any(e.target in found for e in readers[step.name]):
            found.add(step.name)
    return found


def _behind(model: Model, wrt: str) -> set[str]:
    """The steps that depend on `wrt`, itself included."""
    found = {wrt}
    for e in sorted(flowing(model), key=_order(model)):
        if e.source in found:
            found.add(e.target)
    return found


def _order(model: Model) -> Any:
    place = {s.name: k for k, s in enumerate(model.steps)}
    return lambda e: place[e.target]


def between(model: Model, wrt: str | None = None) -> Iterator[tuple[str, list[Edge]]]:
    """From the result outwards: every step that has a gradient, and the edges that it comes by.

    With `wrt` only the steps between that name and the result.
    """
    readers: dict[str, list[Edge]] = {s.name: [] for s in model.steps}
    for e in flowing(model):
        readers[e.source].append(e)
    above = _reaching(model, readers)
    if wrt is None:
        below = {s.name for s in model.steps if s.gradient is not None}
    else:
        below = _behind(model, wrt)
    for step in reversed(model.steps):
        if step.name in above and step.name in below:
            yield step.name, [e for e in readers[step.name] if e.target in above]


def _tensor_lines(model: Model, wrt: str, script: Script) -> list[Line]:
    """The chain rule for tensors: what arrives along every edge, from the gradients above."""
    values = {s.name: s.gradient for s in model.steps}
    lines: list[Line] = []
    for u, edges in between(model, wrt):
        left = _gradient_name(u, script)
        if u == model.result:
            lines.append(Line(left, "=", script.d(u, u) + " = 1", "symbols", u))
            continue
        symbols = [_transposed(e, script) for e in edges]
        lines.append(Line(left, "=", " + ".join(symbols), "symbols", u))
        formulas = [_contribution(e, script) for e in edges]
        if formulas != symbols:
            lines.append(Line(left, "=", " + ".join(formulas), "formulas", u))
        lines.append(Line(left, "=", script.result(values[u]), "result", u))
    return lines


def _gradient_name(name: str, script: Script) -> str:
    return f"g_{{{latex_name(name)}}}" if script.tex else f"g_{name}"


def _transposed(e: Edge, script: Script) -> str:
    """J' g, with J the Jacobian of the edge."""
    jacobian = script.d(e.target, e.source, "∂")
    g = _gradient_name(e.target, script)
    return rf"\left({jacobian}\right)^{{\top}} {g}" if script.tex else f"({jacobian})' {g}"


def _contribution(e: Edge, script: Script) -> str:
    text = script.partial(e) or "?"
    g = _gradient_name(e.target, script)
    if e.partial is not None and e.contribution is not None:  # a single number: the partial times g
        return script.product([script.factor(text, binds_loosely(text)), g])
    return _transposed(e, script) if has_lines(text) else text


def render(lines: list[Line], form: str, width: int | None = None) -> str:
    """The lines below each other, the left side written once for each variable.

    In the plain form a sum that is wider than `width` has each of its terms on a line.
    """
    if form == LATEX:
        rows = [
            f"{'' if k and lines[k - 1].of == line.of else line.left} "
            f"&{_TEX[line.relation]} {line.right}"
            for k, line in enumerate(lines)
        ]
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"
    rows = []
    for k, line in enumerate(lines):
        again = k > 0 and lines[k - 1].of == line.of
        left = " " * len(line.left) if again else line.left
        row = f"{left} {line.relation} {line.right}"
        if width is not None and len(row) > width and len(line.terms) > 1:
            row = f"\n{' ' * len(line.left)} + ".join(
                [f"{left} {line.relation} {line.terms[0]}", *line.terms[1:]]
            )
        rows.append(row)
    return "\n".join(rows)


_TEX = {"=": "=", "≈": r"\approx"}
