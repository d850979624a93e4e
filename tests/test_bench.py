"""`scripts/bench`: it runs every benchmark, and says which peers take no part."""

import os
import subprocess
from pathlib import Path

import pytest

from benchmarks._missing import peers, sentence

ROOT = Path(__file__).parents[1]
BENCHMARKS = [f"benchmarks/{p.name}" for p in sorted((ROOT / "benchmarks").glob("[!_]*.py"))]


@pytest.fixture
def python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The words of each call of `python`, of which those of the second benchmark fail."""
    called = tmp_path / "called"
    fake = tmp_path / "python"
    fake.write_text(f'#!/bin/sh\necho "$*" >> {called}\n[ "$1" != {BENCHMARKS[1]} ]\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return called


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ROOT / "scripts/bench", *words], capture_output=True, text=True)


def test_every_benchmark_runs_though_one_fails(python: Path) -> None:
    assert len(BENCHMARKS) >= 3
    assert bench().returncode == 1
    assert python.read_text().splitlines() == ["benchmarks/_missing.py", *BENCHMARKS]


def test_one_benchmark_runs_with_its_arguments(python: Path) -> None:
    assert bench(Path(BENCHMARKS[0]).stem, "--only", "a b").returncode == 0
    assert python.read_text().splitlines()[1:] == [f"{BENCHMARKS[0]} --only a b"]


def test_an_unknown_benchmark_is_said(python: Path) -> None:
    run = bench("nope")
    assert (run.returncode, run.stderr) == (2, "no benchmark benchmarks/nope.py\n")
    assert not python.exists()


def test_missing_peers_are_said() -> None:
    assert {"torch", "jax", "autograd"} <= set(peers())
    assert sentence(["os", "sys"]) == ""
    assert sentence(["os", "no_peer"]) == (
        "no_peer is not installed and takes no part; pip install '.[bench]' installs all peers."
    )
    assert sentence(["no_peer", "no_friend"]).startswith("no_peer, no_friend are not installed")
