"""The graph as a Mermaid flowchart."""

from __future__ import annotations

from wingbeat.explain._numbers import show
from wingbeat.explain.model import Edge, Model, Step

_ESCAPED = {
    "&": "#amp;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "#": "#35;", "`": "#96;", "\n": " ",
    "\\": "#92;", "|": "#124;", "[": "#91;", "]": "#93;", "{": "#123;", "}": "#125;", "*": "#42;",
    "_": "#95;", "~": "#126;",
}  # fmt: skip


def escape(text: str) -> str:
    """Text for a quoted label: nothing in it is read as markup.

    >>> escape('a<b & "c"')
    'a#lt;b #amp; #quot;c#quot;'
    """
    return "".join(_ESCAPED.get(c, c) for c in text)


def as_mermaid(model: Model) -> str:
    """A flowchart: values and gradients on nodes, partials on edges."""
    number = {s.name: f"n{k}" for k, s in enumerate(model.steps)}
    lines = ["flowchart LR"]
    lines += [f"    {number[s.name]}{_node(s, model.result)}" for s in model.steps]
    lines += [f"    {number[e.source]} -->|{_edge(e)}| {number[e.target]}" for e in model.edges]
    lines.append("    classDef input fill:#eef4ff,stroke:#4569a8,color:#111")
    lines.append("    classDef result fill:#eafbea,stroke:#3b7d3b,color:#111")
    inputs = ",".join(number[s.name] for s in model.steps if s.kind != "step")
    if inputs:
        lines.append(f"    class {inputs} input")
    lines.append(f"    class {number[model.result]} result")
    return "\n".join(lines) + "\n"


def _node(step: Step, result: str) -> str:
    first = (
        f"{step.name} = {step.formula}" if step.formula and len(step.formula) < 60 else step.name
    )
    gradient = show(step.gradient) if step.gradient is not None else step.why
    rows = [first, f"value {show(step.value)}", f"d{result}/d{step.name} {gradient}"]
    label = "<br/>".join(escape(r) for r in rows)
    return f'(["{label}"])' if step.kind != "step" else f'["{label}"]'


def _edge(edge: Edge) -> str:
    if edge.partial is not None:
        return f'"{escape(show(edge.partial))}"'
    if edge.share is not None:
        return f'"{edge.share:.0%} of the gradient"'
    return f'"{escape(edge.why or show(None))}"'
