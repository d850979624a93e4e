"""`wingbeat minimize`: a minimum of an expression, every step of the search, and a verdict."""

from __future__ import annotations

import argparse
import json
import math
import shutil
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import wingbeat as wb
from wingbeat import explain
from wingbeat.cli import INTERRUPTED
from wingbeat.errors import BadInput

_EXAMPLE = """examples:
  wingbeat minimize "(x-1)**2 + 0.001" x=0.2 --method gradient-descent --rate 0.1 --steps 5
  wingbeat minimize "100*(y-x**2)**2 + (1-x)**2" x=-1.2 y=1
  wingbeat minimize "x**2 - y**2" x=1 y=0.5 --bounds y=-1:1

exit status: 0 for a minimum, 1 for any other verdict, 2 for bad input"""
_NUMBERS = ("rate", "momentum", "tolerance", "radius")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `wingbeat minimize`."""
    parser.epilog = _EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "expression",
        type=str.strip,
        help='statements such as "r=x-1; r*r"; the last one is minimised',
    )
    parser.add_argument(
        "values", nargs="*", type=str.strip, metavar="NAME=VALUE", help="the start: x=3, v=[1,2]"
    )
    parser.add_argument("--method", help=f"one of {', '.join(wb.solve.METHODS)}")
    parser.add_argument("--rate", metavar="R", help="of gradient descent, momentum, Nesterov, Adam")
    parser.add_argument(
        "--line",
        metavar="HOW",
        help="gradient descent: fixed, exact, backtracking, wolfe or several",
    )
    parser.add_argument("--momentum", metavar="M", help="the part of the last move that is kept")
    parser.add_argument("--radius", metavar="R", help="the first trust radius")
    parser.add_argument(
        "--tolerance", metavar="T", help="the largest slope that counts as 0 (1e-5)"
    )
    parser.add_argument("--steps", metavar="N", help="at most so many steps (1000)")
    parser.add_argument(
        "--bounds",
        metavar="NAME=LOW:HIGH",
        action="append",
        default=[],
        help="as x=0:1, x=0: or x=:1; may be repeated",
    )
    parser.add_argument("--rows", metavar="N", help="of the table that are printed (40)")
    parser.add_argument(
        "--picture",
        metavar="FILE",
        help="draw the search as .svg or .png: the curve, the surface, or for more than two "
        "variables its steps",
    )
    parser.add_argument(
        "--language", default="en", help="of the picture's labels: en or zh (简体中文)"
    )
    parser.add_argument("--json", metavar="FILE", help="write everything that was evaluated")


def run(args: argparse.Namespace) -> int:
    """Minimise; returns the exit status.

    Raises:
        BadInput: the expression, a value or a flag cannot be used.
    """
    pairs = [_pair(word) for word in args.values]
    values = {name: explain.read_value(text, name) for name, text in pairs}
    if len(values) != len(pairs):
        raise BadInput("minimize: a name is given two values; give each input one")
    f, start = explain.as_function(args.expression, values)
    if not start:
        raise BadInput("minimize: the expression has no input that could change; write one, as x")
    options: dict[str, Any] = {
        name: _number(f"--{name}", text)
        for name in _NUMBERS
        if (text := getattr(args, name)) is not None
    }
    if args.line is not None:
        options["line"] = args.line
    if args.picture is not None:
        wb.pictures.ending(args.picture)  # before the search
    _check_folders(args)
    result = wb.minimize(
        f,
        start,
        args.method,
        steps=_whole("--steps", args.steps, 1000),
        bounds=_bounds(args.bounds, start),
        **options,
    )
    rows = _whole("--rows", args.rows, 40)
    if args.json is not None:
        text = json.dumps(result.to_dict(), indent=1, allow_nan=False)
        wb.train.write_file(Path(args.json), f"{text}\n".encode())
    if args.picture is not None:
        _draw(f, result, args)
    print(result.text(rows, max(80, shutil.get_terminal_size((100, 24)).columns)))
    if result.verdict.sentence.startswith("it was interrupted"):
        return INTERRUPTED
    return 0 if result.verdict.is_minimum else 1


def _check_folders(args: argparse.Namespace) -> None:
    """Before the search, which may take long."""
    for flag, file in (("--picture", args.picture), ("--json", args.json)):
        if file is not None and not (folder := Path(file).parent).is_dir():
            raise BadInput(
                f"minimize: {flag} {file} cannot be written: there is no folder {folder}"
            )


def _draw(f: Any, result: wb.solve.Result, args: argparse.Namespace) -> None:
    if not any(math.isfinite(step.value) for step in result.record):
        raise BadInput(
            f"minimize: there is nothing to draw for --picture: {result.verdict.sentence}; "
            "start elsewhere"
        )
    wb.pictures.search(f, result, language=args.language).save(args.picture)


def _pair(word: str) -> tuple[str, str]:
    name, sign, text = word.partition("=")
    name = unicodedata.normalize("NFKC", name.strip())  # as Python's parser writes it
    if not sign or not name.isidentifier():
        raise BadInput(f"minimize: {word!r} is not a value; write name=number, as in x=3")
    return name, text


def _number(flag: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or "_" in text:
        raise BadInput(f"minimize: {flag} is a number, not {text!r}")
    return number


def _whole(flag: str, text: str | None, default: int) -> int:
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and 0 < int(text[:10]) <= 1_000_000):
        raise BadInput(f"minimize: {flag} is a whole number from 1 to 1000000, not {text!r}")
    return int(text)


def _bounds(words: Sequence[str], start: dict[str, Any]) -> Any:
    if not words:
        return None
    lower = dict.fromkeys(start, -math.inf)
    upper = dict.fromkeys(start, math.inf)
    for word in words:
        name, text = _pair(word)
        low, colon, high = text.partition(":")
        if not colon or name not in start:
            known = ", ".join(start)
            raise BadInput(f"minimize: --bounds {word!r} is not NAME=LOW:HIGH; inputs: {known}")
        if low.strip():
            lower[name] = _number("--bounds", low)
        if high.strip():
            upper[name] = _number("--bounds", high)
    return lower, upper
