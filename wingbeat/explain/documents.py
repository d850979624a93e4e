"""The explanation as LaTeX."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wingbeat.explain._names import latex_name
from wingbeat.explain._script import LATEX, tex_value

if TYPE_CHECKING:
    from wingbeat.explain._explanation import Explanation


def as_latex(explanation: Explanation) -> str:
    """Aligned blocks: the steps with their values, then a derivation for each variable."""
    model = explanation.model
    rows: list[str] = []
    for step in model.steps:
        text = f"{latex_name(step.name)} &="
        text += f" {step.latex} =" if step.latex and "aligned" not in step.latex else ""
        rows.append(f"{text} {tex_value(step.value)}")
    blocks = ["\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"]
    blocks += [
        explanation.derivation(name, LATEX)
        for name in model.wrt
        if explanation.derivation_lines(name, LATEX)
    ]
    return "\n\n".join(f"\\[\n{block}\n\\]" for block in blocks) + "\n"
