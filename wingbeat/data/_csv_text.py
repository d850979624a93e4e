"""From the bytes of a CSV file to columns of text: encoding, delimiter, header, ragged rows."""

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from wingbeat.data._checks import listed
from wingbeat.data._csv_cells import number
from wingbeat.data._files import open_binary
from wingbeat.errors import Advice, BadData, BadInput

# In this order where several would do: the rarer a character is in text, the likelier it delimits.
_DELIMITERS = "\t|;,"
_LOOK = 50  # rows that the delimiter is judged by


@dataclass(frozen=True)
class Layout:
    """How the text is to be read; None where the file itself is to tell."""

    header: bool | None
    delimiter: str | None
    encoding: str


@dataclass(frozen=True)
class Table:
    """A CSV file as text: a name and a tuple of cells for each column, and the line of each row."""

    path: Path
    columns: dict[str, tuple[str, ...]]
    lines: tuple[int, ...]
    named: bool  # by the file's first row; else the columns are called c0, c1, ...

    def __len__(self) -> int:
        return len(self.lines)

    def rows(self, keep: list[int]) -> "Table":
        """The table with these rows only."""
        columns = {name: tuple(cells[i] for i in keep) for name, cells in self.columns.items()}
        return Table(self.path, columns, tuple(self.lines[i] for i in keep), self.named)

    def without(self, names: set[str]) -> "Table":
        """The table without these columns."""
        columns = {name: cells for name, cells in self.columns.items() if name not in names}
        return Table(self.path, columns, self.lines, self.named)


def read_table(path: Path, target: str, layout: Layout) -> Table:
    """The table in a file; `target` helps to tell names from values in its first row."""
    _insist_on_delimiter(layout.delimiter)
    text = _decode(path, layout.encoding)
    rows = _rows(text, layout.delimiter or _delimiter(text), path)
    if not rows:
        raise BadData(f"csv: {path} holds no rows; a name for each column and a row are the least")
    named = _has_header(rows[0][1], target) if layout.header is None else layout.header
    names = _names(rows[0][1] if named else [""] * len(rows[0][1]), path)
    values = rows[1:] if named else rows
    if not values:
        raise BadData(f"csv: {path} has a header and no rows below it")
    _insist_on_width(values, names, path)
    columns = dict(zip(names, zip(*(cells for _, cells in values), strict=True), strict=True))
    return Table(path, columns, tuple(line for line, _ in values), named)


def _insist_on_delimiter(delimiter: str | None) -> None:
    if delimiter is None:
        return
    if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n\0':
        raise BadInput(f"csv: delimiter is one character, as ';' is; got {delimiter!r}")


def _decode(path: Path, encoding: str) -> str:
    with open_binary(path, "csv") as file:
        data = file.read()
    if not data:
        raise BadData(f"csv: {path} is empty")
    text = _text(data, _marked(data, encoding), path)
    if "\0" in text:
        raise BadData(f"csv: {path} is not text but binary data: it has NUL characters")
    return text


def _marked(data: bytes, encoding: str) -> str:
    """The encoding that a byte order mark tells of, else the one that was asked for."""
    if data.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return encoding


def _text(data: bytes, encoding: str, path: Path) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        where = f"byte {data[error.start]:02x} on line {line}"
        wrong = f"csv: {path} is not {encoding} text ({where}); "
        if b"\0" in data:
            raise BadData(wrong, "it is binary data") from None
        older = Advice("encoding", "cp1252")
        raise BadData(wrong, "write ", older, " for a file from an older Windows program") from None
    except (LookupError, ValueError, TypeError) as error:
        raise BadInput(f"csv: {encoding!r} is no text encoding: {error}") from None


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that hold anything, each with the line that it begins on.

    `strict`: an opening quote without its closing one is an error, where it would otherwise swallow
    the rows that follow.
    """
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    begin = 1
    for cells in reader:
        if len(cells) > 1 or any(cell.strip() for cell in cells):
            yield begin, [cell.strip() for cell in cells]
        begin = reader.line_num + 1


def _rows(text: str, delimiter: str, path: Path) -> list[tuple[int, list[str]]]:
    rows: list[tuple[int, list[str]]] = []
    try:
        rows.extend(_records(text, delimiter))
    except csv.Error as error:
        after = f"after line {rows[-1][0]}" if rows else "in the first row"
        raise BadData(f"csv: {path} is damaged {after}: {error}") from None
    return rows


def _delimiter(text: str) -> str:
    """The candidate that cuts most rows into as many cells, two or more, as the first row."""
    return max(_DELIMITERS, key=lambda candidate: _agreement(text, candidate))


def _agreement(text: str, delimiter: str) -> int:
    widths: list[int] = []
    with suppress(csv.Error):  # the rows before it still tell
        widths.extend(len(cells) for _, cells in islice(_records(text, delimiter), _LOOK))
    return widths.count(widths[0]) if widths and widths[0] > 1 else 0


def _has_header(first: list[str], target: str) -> bool:
    return target in first or all(number(cell) is None for cell in first)


def _names(first: list[str], path: Path) -> list[str]:
    names = [name or f"c{i}" for i, name in enumerate(first)]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise BadData(f"csv: {path} has several columns called {listed(twice)}; rename them")
    return names


def _insist_on_width(rows: list[tuple[int, list[str]]], names: list[str], path: Path) -> None:
    for line, cells in rows:
        if len(cells) != len(names):
            raise BadData(
                f"csv: {path}: line {line} has another number of cells than there are columns: "
                f"{len(cells)}, not {len(names)} ({listed(names)})"
            )
