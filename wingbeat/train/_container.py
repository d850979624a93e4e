"""One file for arrays and a JSON tree: safetensors, with the tree and a checksum in its header."""

import hashlib
import json
import math
from pathlib import Path
from typing import Any

from wingbeat.errors import BadCheckpoint
from wingbeat.train._files import write_file
from wingbeat.train._packed import Arrays, pack, unpack

FORMAT = 1  # raised when an older Wingbeat could not read what this one writes
_KEY = "wingbeat"  # a single entry: the order of several would differ from file to file
_BLANK = "0" * 64
_LONGEST = 100_000_000  # bytes of a header, as safetensors itself has it


def write_tree(path: Path, tree: dict[str, Any]) -> None:
    """Writes `tree` to `path`, atomically."""
    import safetensors.numpy

    arrays: Arrays = {}
    packed = pack(tree, arrays, "")
    named = {name.removeprefix("/"): array for name, array in arrays.items()}
    meta = {"format": FORMAT, "sha256": _BLANK, "tree": packed}
    blank = safetensors.numpy.save(named, {_KEY: json.dumps(meta)})
    digest = hashlib.sha256(blank).hexdigest()
    at = blank.index(_BLANK.encode())
    write_file(path, blank[:at] + digest.encode() + blank[at + 64 :])


def read_tree(path: Path) -> dict[str, Any]:
    """The tree in a file that `write_tree` wrote; raises `BadCheckpoint` for any other."""
    data = _bytes(path)
    meta = _header(data, path)
    _insist_on_format(meta, path)
    digest = meta.get("sha256")
    if not isinstance(digest, str) or len(digest) != 64:
        raise _damaged(path)
    blank = data.replace(digest.encode(), _BLANK.encode(), 1)
    if hashlib.sha256(blank).hexdigest() != digest:
        raise _damaged(path)
    import safetensors.numpy

    try:
        arrays = {f"/{name}": array for name, array in safetensors.numpy.load(data).items()}
        tree = unpack(meta["tree"], arrays)
    except (safetensors.SafetensorError, KeyError, ValueError, TypeError):
        raise _damaged(path) from None
    return tree


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BadCheckpoint(f"checkpoint: there is no file {path}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadCheckpoint(f"checkpoint: cannot read {path}: {reason}") from None


def _header(data: bytes, path: Path) -> dict[str, Any]:
    """What the header says of the file, before the checksum tells whether that is true."""
    size = int.from_bytes(data[:8], "little")
    if len(data) < 10 or size > _LONGEST or data[8:9] != b"{":
        raise BadCheckpoint(f"checkpoint: {path} is no safetensors file, or its beginning is lost")
    if len(data) < 8 + size:
        raise BadCheckpoint(
            f"checkpoint: {path} is cut short: {len(data)} bytes of {8 + size} or more"
        )
    try:
        header = json.loads(data[8 : 8 + size])
    except (ValueError, RecursionError):
        raise _damaged(path) from None
    _insist_on_length(header, data, 8 + size, path)
    meta = header.get("__metadata__")
    if not isinstance(meta, dict) or _KEY not in meta:
        raise BadCheckpoint(
            f"checkpoint: {path} is a safetensors file that Wingbeat did not write; "
            "it may hold weights, but no run to go on with"
        )
    try:
        found = json.loads(meta[_KEY])
    except (ValueError, RecursionError, TypeError):
        raise _damaged(path) from None
    if not isinstance(found, dict):
        raise _damaged(path)
    return found


def _insist_on_length(header: Any, data: bytes, start: int, path: Path) -> None:
    try:
        ends = [entry["data_offsets"][1] for n, entry in header.items() if n != "__metadata__"]
        end = start + max(map(int, ends), default=0)
    except (AttributeError, KeyError, IndexError, TypeError, ValueError):
        raise _damaged(path) from None
    if len(data) < end:
        raise BadCheckpoint(f"checkpoint: {path} is cut short: {len(data)} bytes of {end}")


def _insist_on_format(meta: dict[str, Any], path: Path) -> None:
    number = meta.get("format")
    if not isinstance(number, int | float) or not math.isfinite(number):
        raise _damaged(path)
    if number > FORMAT:
        raise BadCheckpoint(
            f"checkpoint: {path} was written by a newer Wingbeat (format {number}, "
            f"this one reads {FORMAT}); install a newer version"
        )


def _damaged(path: Path) -> BadCheckpoint:
    return BadCheckpoint(
        f"checkpoint: {path} is damaged: its content and its checksum do not agree; "
        "use another copy, or start the run again"
    )
