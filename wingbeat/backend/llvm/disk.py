"""Object code on disk, in the user's cache folder; a program that was compiled once is loaded.

The folder is `$WINGBEAT_CACHE`, else `wingbeat` in `$XDG_CACHE_HOME`, else `~/.cache/wingbeat`; an
empty `WINGBEAT_CACHE` keeps nothing. A file is written beside its place and renamed, so that
readers and other writers meet whole files only. Whatever is wrong with the folder or a file only
means that code is compiled again; a folder that others may write to is not used at all, for
what lies in it is executed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VARIABLE = "WINGBEAT_CACHE"
LIMIT = 1 << 28  # bytes in the folder; the files that were not used for longest go first
EVERY = 64  # files written between two looks at the folder's size
MAGIC = b"wingbeat code 1\n"
DIGEST = hashlib.sha256().digest_size
SUFFIX = ".code"

_written = 0


@dataclass(frozen=True)
class Binary:
    """Object code, and what its maker wants to know again when it is loaded."""

    code: bytes
    facts: dict[str, Any]  # what JSON can hold


def folder() -> Path | None:
    """Where the files are, made if need be; None where nothing is kept."""
    chosen = os.environ.get(VARIABLE)
    if chosen == "":
        return None
    home = os.environ.get("XDG_CACHE_HOME")
    try:
        path = Path(chosen or Path(home or Path.home() / ".cache") / "wingbeat")
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path if _trusted(path) else None
    except (OSError, RuntimeError):  # RuntimeError: there is no home
        return None


def _trusted(path: Path) -> bool:
    if os.name != "posix":
        return True
    status = path.stat()
    return status.st_uid in (0, os.getuid()) and not status.st_mode & 0o022


def read(key: str) -> Binary | None:
    """What was written under a key, if it is there and whole."""
    if (home := folder()) is None:
        return None
    path = home / (key + SUFFIX)
    try:
        content = path.read_bytes()
    except OSError:
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # it is in use
    return _unpacked(content)


def write(key: str, binary: Binary) -> None:
    """Keep `binary` under a key; where that cannot be, nothing happens."""
    if (home := folder()) is None:
        return
    with contextlib.suppress(OSError):
        _replace(home / (key + SUFFIX), _packed(binary))
        _tidy(home)


def _packed(binary: Binary) -> bytes:
    facts = json.dumps(binary.facts).encode()
    content = len(facts).to_bytes(8, "little") + facts + binary.code
    return MAGIC + hashlib.sha256(content).digest() + content


def _unpacked(content: bytes) -> Binary | None:
    head = len(MAGIC) + DIGEST
    body = content[head:]
    if content[:head] != MAGIC + hashlib.sha256(body).digest():
        return None
    end = 8 + int.from_bytes(body[:8], "little")
    return Binary(body[end:], json.loads(body[8:end]))


def _replace(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _tidy(home: Path) -> None:
    """Now and then: forget what was not used for longest, if the folder is too large."""
    global _written
    _written += 1
    if (_written - 1) % EVERY:
        return
    found: list[tuple[float, int, str]] = []
    with os.scandir(home) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):  # another process tidies, too
                status = entry.stat()
                found.append((status.st_mtime, status.st_size, entry.path))
    excess = sum(size for _, size, _ in found) - LIMIT
    for _, size, path in sorted(found):
        if excess <= 0:
            return
        with contextlib.suppress(OSError):
            Path(path).unlink()
        excess -= size
