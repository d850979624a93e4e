"""Code on disk: whole or not at all, whatever happens to the files and whoever writes beside us."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.ir.test_node import in_threads
from wingbeat.backend.llvm import disk
from wingbeat.backend.llvm.disk import Binary, read, write

CODE = Binary(bytes(range(256)) * 20, {"arena": 64, "results": [[1, 0]], "name": "Ω"})
ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WINGBEAT_CACHE", str(tmp_path))
    monkeypatch.setattr(disk, "_written", 0)
    return tmp_path


def only(home: Path) -> Path:
    (file,) = home.iterdir()
    return file


def test_what_was_written_is_read() -> None:
    assert read("a") is None
    write("a", CODE)
    write("b", Binary(b"", {}))
    assert read("a") == CODE
    assert read("b") == Binary(b"", {})


def test_a_damaged_file_is_not_read_and_is_replaced(home: Path) -> None:
    write("a", CODE)
    whole = only(home).read_bytes()
    damaged = [whole[:k] for k in (0, 1, 15, 40, 60, len(whole) - 1)]
    damaged += [
        whole[:k] + bytes([whole[k] ^ 1]) + whole[k + 1 :] for k in range(0, len(whole), 97)
    ]
    damaged.append(whole + b"x")
    for content in damaged:
        only(home).write_bytes(content)
        assert read("a") is None
    write("a", CODE)
    assert read("a") == CODE


def test_a_file_without_a_reader_is_no_code(home: Path) -> None:
    (home / "a.code").mkdir()
    assert read("a") is None
    write("a", CODE)  # cannot replace a folder: nothing happens
    assert read("a") is None
    assert [p.name for p in home.iterdir()] == ["a.code"]


def test_the_folder_is_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert disk.folder() == tmp_path
    monkeypatch.setenv("WINGBEAT_CACHE", "")
    assert disk.folder() is None
    monkeypatch.delenv("WINGBEAT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert disk.folder() == tmp_path / "x" / "wingbeat"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert disk.folder() == tmp_path / "home" / ".cache" / "wingbeat"
    assert (tmp_path / "home" / ".cache" / "wingbeat").stat().st_mode & 0o777 == 0o700


def test_an_unusable_folder_means_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in its place, a file in the place of a folder above it, a disk that is full."""
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        monkeypatch.setenv("WINGBEAT_CACHE", str(place))
        write("a", CODE)
        assert read("a") is None
    monkeypatch.setenv("WINGBEAT_CACHE", str(tmp_path / "fine"))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fdopen", full)
    write("a", CODE)
    assert list((tmp_path / "fine").iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="needs permissions")
def test_code_of_others_is_not_run(home: Path) -> None:
    """Who may write to the folder may choose what is executed."""
    write("a", CODE)
    for mode in (0o777, 0o720, 0o702):
        home.chmod(mode)
        assert read("a") is None
    home.chmod(0o755)
    assert read("a") == CODE


@pytest.mark.skipif(os.name != "posix", reason="needs permissions")
def test_a_folder_that_cannot_be_written_to_can_be_read(home: Path) -> None:
    write("a", CODE)
    home.chmod(0o500)
    try:
        assert read("a") == CODE
        if os.getuid():  # root may write anywhere
            write("b", CODE)
            assert read("b") is None
    finally:
        home.chmod(0o700)


def test_the_folder_is_bounded(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not used for longest goes."""
    write("0", CODE)
    size = only(home).stat().st_size
    monkeypatch.setattr(disk, "LIMIT", 3 * size)
    monkeypatch.setattr(disk, "EVERY", 1)
    old = time.time() - 1000
    for k in range(1, 6):
        os.utime(home / f"{k - 1}.code", (old + k, old + k))
        write(str(k), CODE)
        assert read("0") == CODE  # and so it is the one used last
        os.utime(home / "0.code", (old + 100, old + 100))
        assert sum(f.stat().st_size for f in home.iterdir()) <= 3 * size
    assert {f.stem for f in home.iterdir()} == {"0", "4", "5"}


def test_threads_write_and_read_one_key() -> None:
    def work() -> bool:
        for _ in range(50):
            write("a", CODE)
            if read("a") != CODE:
                return False
        return True

    assert in_threads(work) == [True] * 8


PROCESS = """
from wingbeat.backend.llvm.disk import Binary, read, write
import sys
mine = Binary(sys.argv[1].encode() * 50_000, {})
for _ in range(100):
    write("a", mine)
    found = read("a")
    assert found is not None and len(set(found.code)) == 1 and len(found.code) == 50_000
"""


def test_processes_write_one_key(home: Path) -> None:
    """Each reads whole files only, its own or another's."""
    command = [sys.executable, "-c", PROCESS]
    processes = [subprocess.Popen([*command, letter], cwd=ROOT) for letter in "xyz"]
    assert [p.wait() for p in processes] == [0, 0, 0]
    assert [f.name for f in home.iterdir()] == ["a.code"]
