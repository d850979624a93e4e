"""Files that are whole or not there: written beside, flushed, renamed."""

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from wingbeat.errors import BadInput

PART = ".part"  # a killed process may leave one behind; the next write replaces it


def write_file(path: str | os.PathLike[str], data: bytes) -> None:
    """Puts `data` at `path`, creating its folder: all of it, or else what was there stays.

    Raises:
        BadInput: the system refuses: a full disk, a folder without permission, a file in the way.

    >>> import pathlib, tempfile
    >>> import wingbeat as wb
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "new", "a.txt")
    ...     wb.train.write_file(path, b"whole")
    ...     path.read_bytes(), len(list(path.parent.iterdir()))
    (b'whole', 1)
    """
    path = Path(path)
    if path.is_dir():
        raise BadInput(f"cannot write {path}: it is a folder; name a file in it")
    part = path.with_name(path.name + PART)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _removed_on_failure(part):
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        kept = "; the one written before is kept" if path.is_file() else ""
        raise BadInput(f"cannot write {path}: {error.strerror or error}{kept}") from None


@contextmanager
def _removed_on_failure(part: Path) -> Generator[None]:
    try:
        yield
    except BaseException:  # a second Ctrl-C too
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def _flush_folder(folder: Path) -> None:
    """Makes the rename last through a power cut; only POSIX can open a folder for that."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def only_user(folder: Path) -> Generator[None]:
    """Within this, no other process may train into `folder`; its lock ends with the process."""
    if os.name != "posix":
        yield
        return
    import fcntl

    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise BadInput(f"fit: cannot use {folder}: {error.strerror}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise BadInput(f"fit: another process is training into {folder}; wait for it") from None
    try:
        yield
    finally:
        os.close(handle)
