"""From the words of a command line to an exit status."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import re
import sys
from typing import Any, NoReturn

from wingbeat.cli import COMMANDS
from wingbeat.cli._interrupt import ends_at_once
from wingbeat.errors import BadInput, WingbeatError

_BAD, _PIPE = 2, 141
_FORMULA = ("explain", "minimize")  # take one, and have no options of one letter but -h
_MINUS = re.compile(r"-(?!-|\d+$|\d*\.\d+$)")  # argparse knows that those are numbers
_OVERVIEW = "\n".join(f"  {name:<9} {about}" for name, about in COMMANDS.items())


class _Parser(argparse.ArgumentParser):
    """Raises instead of printing a page of usage."""

    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{self.prog}: {message}; see {self.prog} --help")


def obey(words: list[str]) -> int:
    """Run the command; what went wrong becomes a sentence and a status, but for an interrupt."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot write ∂ shows ? there
    try:
        status = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader is gone, as in `... | head`; Python must not flush into the pipe again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE
    except BadInput as error:
        return _complain(str(error))
    except WingbeatError as error:
        return _complain(str(error).split("\n")[0])  # below it are lines of source
    except OSError as error:
        return _complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    return status


def _complain(sentence: str) -> int:
    print(sentence if sentence.startswith("wingbeat") else f"wingbeat: {sentence}", file=sys.stderr)
    return _BAD


def _run(words: list[str]) -> int:
    if words and words[0] in COMMANDS:
        with ends_at_once():
            command: Any = importlib.import_module(f"wingbeat.cli.{words[0]}")
        parser = _Parser(prog=f"wingbeat {words[0]}", description=COMMANDS[words[0]])
        command.add_arguments(parser)
        try:
            rest = [_shielded(w) for w in words[1:]] if words[0] in _FORMULA else words[1:]
            args = parser.parse_intermixed_args(rest)
        except SystemExit as end:  # --help
            return _status(end)
        return command.run(args)
    return _top(words)


def _shielded(word: str) -> str:
    """With a space before it where it would be taken for an option, as the formula -x*x."""
    return f" {word}" if _MINUS.match(word) and word != "-h" else word


def _top(words: list[str]) -> int:
    """--help, --version, and everything that is no command."""
    parser = _Parser(
        prog="wingbeat",
        usage="wingbeat COMMAND ...",
        description="Backpropagation you can see.",
        epilog=f"commands:\n{_OVERVIEW}\n\nwingbeat COMMAND --help says more about one of them",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    parser.add_argument("command", nargs="?", help=argparse.SUPPRESS)
    try:
        args, rest = parser.parse_known_args(words)
    except SystemExit as end:
        return _status(end)
    if args.version and not args.command and not rest:
        import wingbeat

        print(f"wingbeat {wingbeat.__version__}")
        return 0
    known = ", ".join(COMMANDS)
    if rest or args.command:
        raise BadInput(
            f"there is no command {(rest or [args.command])[0]!r}; the commands are {known}"
        )
    raise BadInput(f"which command? The commands are {known}; see wingbeat --help")


def _status(end: SystemExit) -> int:
    return end.code if isinstance(end.code, int) else 0
