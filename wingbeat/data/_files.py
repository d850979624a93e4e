"""Opening a file that a user named, or saying in one sentence why that cannot be done."""

import difflib
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from io import BufferedReader
from os import PathLike
from pathlib import Path

from wingbeat.errors import BadData, BadInput


def user_path(path: str | PathLike[str], operation: str) -> Path:
    """`path` as a `Path`, with a leading `~` expanded."""
    try:
        return Path(path).expanduser()
    except (TypeError, RuntimeError) as error:
        raise BadInput(f"{operation}: {path!r} is not a path: {error}") from None


@contextmanager
def open_binary(path: Path, operation: str) -> Generator[BufferedReader]:
    """An ordinary file, open for reading; whatever the system refuses becomes `BadData`."""
    try:
        _insist_on_ordinary(path, operation)
        with path.open("rb") as file:
            yield file
    except FileNotFoundError:
        raise BadData(f"{operation}: there is no file {path}{_nearest(path)}") from None
    except OSError as error:
        raise BadData(f"{operation}: cannot read {path}: {error.strerror or error}") from None


def _insist_on_ordinary(path: Path, operation: str) -> None:
    # Before opening: a named pipe would wait for its writer for ever.
    try:
        mode = path.stat().st_mode
    except ValueError as error:
        raise BadData(f"{operation}: cannot read {path!r}: {error}") from None
    if stat.S_ISDIR(mode):
        raise BadData(f"{operation}: {path} is a folder; give the path of a file")
    if not stat.S_ISREG(mode):
        raise BadData(f"{operation}: {path} is not an ordinary file (a pipe, a device or a socket)")


def _nearest(path: Path) -> str:
    with suppress(OSError):
        names = [entry.name for entry in path.parent.iterdir()]
        if close := difflib.get_close_matches(path.name, names, n=1):
            return f"; did you mean {close[0]}?"
    return ""
