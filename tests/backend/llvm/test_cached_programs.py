"""Programs whose code is on disk: loaded instead of made, by any process, to the same bits."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wingbeat.backend import llvm
from wingbeat.backend.base import Graph, clear_programs, program
from wingbeat.backend.llvm import lowering
from wingbeat.ir import leaf, tensor_type
from wingbeat.ops.arithmetic import mul, sub
from wingbeat.ops.reduce import sum as add_up

ROOT = Path(__file__).parents[3]
Array = Any


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    monkeypatch.setenv("WINGBEAT_CACHE", str(tmp_path))
    clear_programs()
    yield tmp_path
    clear_programs()


@pytest.fixture
def lowered(monkeypatch: pytest.MonkeyPatch) -> list[Graph]:
    """The graphs for which code is written."""
    made: list[Graph] = []
    right = lowering.lower

    def lower(graph: Graph, *rest: Any) -> Any:
        made.append(graph)
        return right(graph, *rest)

    monkeypatch.setattr(lowering, "lower", lower)
    return made


def graph(factor: float = 2.0) -> Graph:
    x, y = (leaf(tensor_type((40, 50)), "x", k) for k in range(2))
    z = sub(mul(x, y), x * factor)
    return program([z, add_up(z, axes=(0,))], "numpy")[0].graph


def run(factor: float = 2.0) -> bytes:
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(40, 50)) for _ in range(2)]
    want = program([graph(factor).nodes[k] for k in graph(factor).outputs], "numpy")[0].run(arrays)
    got = llvm.compile(graph(factor))(arrays)
    for mine, theirs in zip(got, want, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)
    return b"".join(z.tobytes() for z in got)


def codes(home: Path) -> list[Path]:
    return [file for file in home.iterdir() if file.suffix == ".code"]


def test_code_is_written_once(lowered: list[Graph]) -> None:
    want = run()
    assert [run() for _ in range(3)] == [want] * 3
    assert len(lowered) == 1
    run(3.0)
    assert len(lowered) == 2


def test_damaged_code_is_made_again(home: Path, lowered: list[Graph]) -> None:
    want = run()
    for damage in (b"", b"nonsense", codes(home)[0].read_bytes()[:-1]):
        for file in codes(home):
            file.write_bytes(damage)
        assert run() == want
    assert len(lowered) == 4
    assert run() == want
    assert len(lowered) == 4


def test_without_a_folder_code_is_made_each_time(
    home: Path, lowered: list[Graph], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WINGBEAT_CACHE", str(home / "file" / "below"))
    (home / "file").write_text("")
    assert run() == run()
    assert len(lowered) == 2


PROCESS = """
from tests.backend.llvm.test_cached_programs import run
import sys
sys.stdout.write(run().hex())
"""


def test_processes_that_compile_one_program_at_once(home: Path) -> None:
    """All get the same bits, whoever compiled; and so does one that comes later."""
    command = [sys.executable, "-c", PROCESS]
    processes = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    results = {p.communicate()[0] for p in processes}
    assert [p.returncode for p in processes] == [0, 0, 0]
    assert results == {run().hex()}
    assert not [file for file in home.iterdir() if file.suffix != ".code"]
