"""`wingbeat explain`: why the derivative of an expression is what it is."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from wingbeat import explain
from wingbeat.errors import BadInput

_EXAMPLE = """example:
  wingbeat explain "x=2*w+b; y=b+1; z=x*y" w=3 b=4 --wrt b
  wingbeat explain "x=2*w+b; y=b+1; z=x*y" w=3 b=4 --steps
  wingbeat explain "x=2*w+b; y=b+1; z=x*y" w=3 b=4 --solve z=60 --vary b"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `wingbeat explain`."""
    parser.epilog = _EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "expression",
        type=str.strip,
        help='statements such as "x=2*w+b; z=x*x"; the last one counts',
    )
    parser.add_argument(
        "values", nargs="*", type=str.strip, metavar="NAME=VALUE", help="w=3 or x=[1,2,3]"
    )
    parser.add_argument(
        "--wrt", metavar="NAMES", action="append", help="differentiate by these only: b or w,b"
    )
    parser.add_argument("--all-steps", action="store_true", help="show every operation as a step")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--latex", action="store_true", help="print LaTeX")
    form.add_argument("--mermaid", action="store_true", help="print a Mermaid flowchart")
    form.add_argument("--html", metavar="FILE", help="write a page that needs no network")
    form.add_argument(
        "--steps", action="store_true", help="every step forward, then every step backward"
    )
    form.add_argument(
        "--modes", action="store_true", help="count forward mode, reverse mode and every path"
    )
    form.add_argument(
        "--cost", action="store_true", help="operations, bytes, time and energy of both sweeps"
    )
    form.add_argument(
        "--matrix", action="store_true", help="the gradients in matrix form, as X' @ dH"
    )
    form.add_argument(
        "--sympy", metavar="NAME", help="print the derivative by NAME as a SymPy expression"
    )
    form.add_argument(
        "--formula", metavar="NAMES", help="print the derivative as a formula; b,b: twice"
    )
    form.add_argument(
        "--nudge",
        metavar="NAME=CHANGE",
        action="append",
        help="compare predicted and actual change, as x=0.1; may be repeated",
    )
    form.add_argument(
        "--solve", metavar="NAME=GOAL", help="correct inputs until NAME has this value"
    )
    parser.add_argument(
        "--language", choices=("en", "zh"), help="with --html: what the page shows first (en)"
    )
    parser.add_argument(
        "--vary",
        metavar="NAMES",
        action="append",
        help="with --solve: the inputs that may change: b or w,b (the only one there is)",
    )
    parser.add_argument(
        "--keep-slope", action="store_true", help="with --solve: do not compute the slope again"
    )
    parser.add_argument("--max-steps", metavar="N", help="with --solve: give up after N steps (50)")


def run(args: argparse.Namespace) -> int:
    """Explain, or solve; returns the exit status.

    Raises:
        BadInput: the expression, a value or a flag cannot be used.
    """
    values = dict(_pair(word, "a value") for word in args.values)
    if len(values) != len(args.values):
        raise BadInput("explain: a name is given two values; give each input one")
    if args.solve is not None:
        return _solve(args, values)
    for flag, given in (
        ("--vary", args.vary), ("--keep-slope", args.keep_slope), ("--max-steps", args.max_steps)
    ):  # fmt: skip
        if given:
            raise BadInput(f"explain: {flag} belongs to --solve; add --solve NAME=GOAL")
    if args.language is not None and args.html is None:
        raise BadInput("explain: --language belongs to --html; add --html FILE")
    explanation = explain.explain_text(
        args.expression,
        _complete(args.expression, values),
        wrt=_names(*args.wrt) if args.wrt is not None else None,
        detail="all" if args.all_steps else None,
    )
    _show(args, explanation)
    return 0


def _complete(expression: str, values: dict[str, Any]) -> dict[str, Any]:
    """The values; without any the command does not show formulas alone, as the library does."""
    inputs = explain.parse(expression).inputs
    if inputs and not values:
        have = "has no value" if len(inputs) == 1 else "have no value"
        raise BadInput(f"{', '.join(inputs)} {have}; add {' '.join(f'{n}=...' for n in inputs)}")
    return values


def _show(args: argparse.Namespace, explanation: Any) -> None:
    """What the flags ask for; each of them is a rendering of the same explanation."""
    if args.html is not None:
        explanation.save_html(args.html, args.language or "en")
        print(f"wrote {args.html}")
    elif args.nudge:
        pairs = [_pair(word, "a change") for word in args.nudge]
        print(explanation.what_if(**{name: _number(name, v) for name, v in pairs}))
    elif args.formula is not None:
        print(explanation.formula(_names(args.formula)))
    elif args.sympy is not None:
        print(explanation.sympy(args.sympy))
    elif args.latex or args.mermaid:
        print(explanation.latex() if args.latex else explanation.mermaid(), end="")
    elif args.matrix:
        print(explanation.matrix_form())
    else:
        _print(_tables(args, explanation))


def _tables(args: argparse.Namespace, explanation: Any) -> Any:
    """What is printed with colours on a terminal."""
    if args.steps:
        return explanation.sweeps()
    if args.modes:
        return explanation.modes()
    return explanation.cost() if args.cost else explanation


def _pair(word: str, what: str) -> tuple[str, Any]:
    name, sign, text = word.partition("=")
    name = name.strip()
    if not sign or not name.isidentifier():
        raise BadInput(f"explain: {word!r} is not {what}; write name=number, as in w=3")
    return name, explain.read_value(text, name)


def _number(name: str, value: Any) -> float:
    if value.ndim:
        raise BadInput(f"explain: {name} must be a single number here")
    return float(value)


def _names(*texts: str) -> list[str]:
    """The names in lists; a flag may be repeated."""
    names = [name.strip() for text in texts for name in text.split(",")]
    if not all(names):
        raise BadInput(f"explain: {', '.join(texts)!r} is no list of names; write b or w,b")
    return names


def _solve(args: argparse.Namespace, values: dict[str, Any]) -> int:
    target, goal = _pair(args.solve, "a goal")
    vary = _names(*args.vary) if args.vary is not None else list(values)
    if args.vary is None and len(vary) != 1:
        raise BadInput(
            "explain: --solve needs --vary with the inputs that may change, as in --vary b"
        )
    steps = args.max_steps if args.max_steps is not None else "50"
    if not (steps.isascii() and steps.isdigit() and 0 < int(steps) <= 100_000):
        raise BadInput(
            f"explain: --max-steps must be a whole number from 1 to 100000, not {steps!r}"
        )
    found = explain.solve(
        args.expression,
        values,
        target,
        _number(target, goal),
        vary,
        keep_slope=args.keep_slope,
        max_steps=int(steps),
    )
    _print(found)
    if found.reached:
        print(found.verdict)
        return 0
    print(f"wingbeat: {found.verdict}", file=sys.stderr)
    return 1


def _print(what: Any) -> None:
    """In colour on a terminal; elsewhere as wide as COLUMNS says."""
    if sys.stdout.isatty():
        from rich.console import Console

        Console().print(what)
        return
    columns = os.environ.get("COLUMNS", "")
    width = int(columns) if columns.isascii() and columns.isdigit() else 80
    print(what.text(max(40, width)), end="")
