"""No program touches memory beside its arrays: there, pages are that cannot be touched."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs mprotect")


def guarded(sample: str) -> int:
    command = [sys.executable, "-m", "tests.backend.llvm.guarded", sample]
    return subprocess.run(command, cwd=ROOT, check=False, stderr=sys.stderr.fileno()).returncode


@pytest.mark.parametrize("sample", ["networks", "primitives", "random"])
def test_no_program_leaves_its_arrays(sample: str, capfd: pytest.CaptureFixture[str]) -> None:
    status = guarded(sample)
    assert status == 0, capfd.readouterr().err[-2000:]


def test_guards_kill() -> None:
    assert guarded("overrun") == -signal.SIGSEGV
