"""How names are written in formulas."""

from __future__ import annotations

import re
from collections.abc import Container

_GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau "
    "upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
)
_COMMANDS = {name: f"\\{name}" for name in _GREEK.split()}
_ACCENT = re.compile(r"([A-Za-z])(hat|bar|dot|tilde)$")
_PARTS = re.compile(r"([A-Za-z]+?)_?(\d+)$|([A-Za-z]+)_([A-Za-z0-9]+)$")
_ESCAPED = {"_": r"\_", "#": r"\#", "%": r"\%", "&": r"\&", "$": r"\$", "{": r"\{", "}": r"\}"}


def latex_name(name: str) -> str:
    r"""A name as LaTeX: Greek letters, hats and subscripts, anything else upright.

    >>> [latex_name(n) for n in ("b", "yhat_1", "theta_12", "loss", "w.k[0]")]
    ['b', '\\hat{y}_{1}', '\\theta_{12}', '\\mathrm{loss}', '\\mathrm{w.k[0]}']
    """
    head, _, rest = name.partition("_")
    nested = "_" in rest or rest in _COMMANDS or _ACCENT.match(rest)
    if rest and (len(head) == 1 or head in _COMMANDS) and nested:
        return f"{_base(head)}_{{{latex_name(rest)}}}"
    base, index = name, ""
    if match := _PARTS.match(name):
        base, index = (match[1] or match[3]), (match[2] or match[4])
    return _base(base) + (f"_{{{index}}}" if index else "")


def _base(name: str) -> str:
    if name in _COMMANDS:
        return _COMMANDS[name]
    if match := _ACCENT.match(name):
        return f"\\{match[2]}{{{match[1]}}}"
    if len(name) == 1:
        return name
    return rf"\mathrm{{{''.join(_ESCAPED.get(c, c) for c in name)}}}"


def fresh(prefix: str, taken: Container[str], start: int = 1) -> str:
    """`prefix1`, `prefix2`, ...: the first that is not taken.

    >>> fresh("t", {"t1", "t2"})
    't3'
    """
    k = start
    while f"{prefix}{k}" in taken:
        k += 1
    return f"{prefix}{k}"
