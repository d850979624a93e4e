"""Files that are written as a whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from wingbeat.errors import BadInput


def write_whole(file: Path, text: str) -> None:
    """Write beside, fsync, rename; raises `BadInput` where that is not possible."""
    folder = file.parent
    beside: Path | None = None
    try:
        if not folder.is_dir():
            raise BadInput(f"{file} cannot be written: there is no folder {folder}")
        if file.is_dir():
            raise BadInput(f"{file} cannot be written: it is a folder")
        handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=folder)
        beside = Path(name)
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        beside.chmod(file.stat().st_mode & 0o777 if file.exists() else 0o666 & ~_mask())
        beside.replace(file)
    except OSError as error:
        raise BadInput(f"{file} cannot be written: {error.strerror or error}") from None
    finally:
        if beside is not None:
            beside.unlink(missing_ok=True)


def _mask() -> int:
    """The process's file mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
