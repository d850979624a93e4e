"""The flags of `wingbeat train`: how each is read, and what it is where nobody gives it."""

import argparse
import csv
import io
import math
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from wingbeat.errors import Advice, BadInput, WingbeatError

ACTIVATIONS = {"relu": "ReLU", "tanh": "Tanh", "sigmoid": "Sigmoid", "gelu": "GELU", "silu": "SiLU"}
OPTIMIZERS = ("sgd", "adam", "adamw")
DTYPES = ("float32", "float64")
TASKS = ("classification", "regression")
SCHEDULES = "constant, cosine, onecycle, step:EPOCHS or step:EPOCHS:FACTOR"
_WIDEST, _DEEPEST = 100_000, 50


def whole(least: int, most: int = 1_000_000_000) -> Callable[[str], int]:
    """Reads a whole number in a range."""

    def read(text: str) -> int:
        if text.isascii() and text.isdigit() and least <= int(text[:25]) <= most:
            return int(text)
        raise ValueError(f"a whole number from {least} to {most}")

    return read


def real(least: float, most: float, *, open_below: bool = False) -> Callable[[str], float]:
    """Reads a number in a range whose upper end is left out."""

    def read(text: str) -> float:
        number = float(text) if "_" not in text and text.strip() == text else math.nan
        if (least < number if open_below else least <= number) and number < most:
            return number
        raise ValueError

    def named(text: str) -> float:
        try:
            return read(text)
        except ValueError:
            begin = f"above {least:g}" if open_below else f"from {least:g}"
            end = "" if most == math.inf else f", below {most:g}"
            raise ValueError(f"a number {begin}{end}") from None

    return named


def choice(names: Any) -> Callable[[str], str]:
    """Reads one of several words."""

    def read(text: str) -> str:
        if text in names:
            return text
        raise ValueError(f"one of {', '.join(names)}")

    return read


def widths(text: str) -> list[int]:
    """Reads "500,200"; "none" is no hidden layer."""
    if text == "none":
        return []
    rule = f'widths from 1 to {_WIDEST}, at most {_DEEPEST}, as 500 or 500,200, or "none"'
    try:
        found = [whole(1, _WIDEST)(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(rule) from None
    if len(found) > _DEEPEST:
        raise ValueError(rule)
    return found


def schedule(text: str) -> str:
    """Reads the name of a schedule, and checks its numbers."""
    name, *numbers = text.split(":")
    try:
        if name in ("constant", "cosine", "onecycle") and not numbers:
            return text
        if name == "step" and len(numbers) in (1, 2):
            whole(1)(numbers[0])
            real(0, 1, open_below=True)([*numbers, "0.1"][1])
            return text
    except ValueError:
        pass
    raise ValueError(f"{SCHEDULES}, with a factor between 0 and 1")


def yes_or_no(text: str) -> bool:
    """Reads "yes" or "no"."""
    return choice(("yes", "no"))(text) == "yes"


def columns(text: str) -> list[str]:
    """Reads names with commas between them; a name with a comma of its own stands in quotes."""
    try:
        found = next(csv.reader([text], strict=True, skipinitialspace=True), [])
    except csv.Error:
        found = []
    if not found or not all(found):
        raise ValueError('names of columns, as id or id,name or "one, of two",other')
    return found


def delimiter(text: str) -> str:
    """Reads one character; "tab" is easier to write than the character is."""
    if text == "tab":
        return "\t"
    if len(text) != 1 or text in '"\r\n\0':
        raise ValueError('one character, as ";" is, or "tab"')
    return text


def encoding(text: str) -> str:
    """Reads the name of a text encoding."""
    try:
        io.TextIOWrapper(io.BytesIO(), encoding=text)
    except (LookupError, ValueError):
        raise ValueError("a text encoding, as utf-8, cp1252 or latin-1") from None
    return text


@dataclass(frozen=True)
class Option:
    """A flag."""

    name: str
    metavar: str
    read: Callable[[str], Any]
    help: str
    default: Any = None


CSV = (
    Option("target", "COLUMN", str, "CSV: column to predict"),
    Option("drop", "COLUMN[,COLUMN]", columns, "CSV: columns to leave out (none)"),
    Option("task", "NAME", choice(TASKS), f"CSV: {' or '.join(TASKS)} (by the look of the target)"),
    Option("header", "yes|no", yes_or_no, "CSV: whether the first row holds names (by its look)"),
    Option("delimiter", "CHAR", delimiter, 'CSV: between cells; "tab" for one (by its look)'),
    Option("decimal", "CHAR", choice((".", ",")), "CSV: . or , in numbers (.)"),
    Option("encoding", "NAME", encoding, "CSV: of the text (utf-8)"),
)
OPTIONS = (
    Option("data", "DIR", str, "folder with the four MNIST files (else $WINGBEAT_MNIST)"),
    *CSV,
    Option("hidden", "N[,N]", widths, 'widths of the hidden layers, or "none" (128)', [128]),
    Option("activation", "NAME", choice(ACTIVATIONS), f"{', '.join(ACTIVATIONS)} (relu)", "relu"),
    Option("dropout", "P", real(0, 1), "share of units silenced at each step (0)", 0.0),
    Option("epochs", "N", whole(1, 1_000_000), "times through the data (20; mnist: 5)"),
    Option("batch", "N", whole(1, 1_000_000), "samples in a step (32; mnist: 64)"),
    Option(
        "lr",
        "X",
        real(0, math.inf, open_below=True),
        "learning rate (adam, adamw: 0.001; sgd: 0.1)",
    ),
    Option("momentum", "X", real(0, 1), "of sgd (0)"),
    Option("optimizer", "NAME", choice(OPTIMIZERS), f"{', '.join(OPTIMIZERS)} (adam)", "adam"),
    Option("schedule", "NAME", schedule, f"{SCHEDULES} (constant)", "constant"),
    Option(
        "clip",
        "X",
        real(0, math.inf, open_below=True),
        "longest gradient; longer ones are shortened (no limit)",
    ),
    Option(
        "patience",
        "N",
        whole(1, 1_000_000),
        "stop after N epochs without gain on a tenth of the training data kept apart (never)",
    ),
    Option("seed", "N", whole(0, 2**64 - 1), "of weights, dropout and order (0)", 0),
    Option("dtype", "NAME", choice(DTYPES), f"{', '.join(DTYPES)} (float32)", "float32"),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the flags; their values stay texts, which `read_options` checks."""
    parser.add_argument("what", nargs="?", metavar="DATA", help="digits, mnist, or FILE.csv")
    for option in OPTIONS:
        parser.add_argument(f"--{option.name}", metavar=option.metavar, help=option.help)
    parser.add_argument("--run", metavar="FOLDER", help="where to save the run (runs/DATA-1)")
    parser.add_argument("--resume", metavar="RUN", help="go on with the run in this folder")


def read_options(texts: Mapping[str, str | None]) -> dict[str, Any]:
    """The flags that were given, by name, each as the value that it means.

    Raises:
        BadInput: a value cannot be read; the message names the flag, the rule and what arrived.
    """
    found: dict[str, Any] = {}
    for option in OPTIONS:
        text = texts.get(option.name)
        if text is None:
            continue
        try:
            found[option.name] = option.read(text)
        except ValueError as rule:
            raise BadInput(f"--{option.name}: {rule}; got {text!r}") from None
    return found


def in_flags(error: WingbeatError) -> str:
    """An error's message, with the flag of this command wherever it advises an option."""
    return "".join(_flag(part) if isinstance(part, Advice) else str(part) for part in error.args)


def _flag(advice: Advice) -> str:
    name = {"clip_norm": "clip"}.get(advice.name, advice.name)
    return f"--{name} {_word(advice.value)}"


def _word(value: Any) -> str:
    """A value as a word for the shell, which the flag reads as this value."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        text = io.StringIO()
        csv.writer(text, lineterminator="").writerow(value)
        return shlex.quote(text.getvalue())
    return shlex.quote(f"{value:g}" if isinstance(value, float) else str(value))
