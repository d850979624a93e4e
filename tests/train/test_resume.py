"""A run that was stopped, however it was stopped, ends with the bits of one that was not."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from tests.train import program
from wingbeat.errors import BadCheckpoint, BadInput
from wingbeat.train import History, load_checkpoint
from wingbeat.train._packed import pack

ROOT = Path(__file__).parents[2]
posix = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")


def content(tree: Any) -> dict[str, bytes]:
    """All of a state: every array's bytes by name, and the rest as text."""
    arrays: dict[str, Any] = {}
    rest = pack(tree, arrays, "")
    return {name: array.tobytes() for name, array in arrays.items()} | {"": repr(rest).encode()}


def assert_same(model: Any, optimizer: Any, history: History, kind: str) -> None:
    reference = uninterrupted(kind)
    assert content(model.state_dict()) == reference[0]
    assert content(optimizer.state_dict()) == reference[1]
    assert history == reference[2]
    assert len(history.steps) == program.EPOCHS * program.BATCHES


_known: dict[str, Any] = {}


def uninterrupted(kind: str) -> Any:
    """Weights, optimiser state and history of a run without a folder, in this process."""
    if kind not in _known:
        model, optimizer, history = program.train(None, kind, save_every=None)
        _known[kind] = content(model.state_dict()), content(optimizer.state_dict()), history
    return _known[kind]


@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_two_runs_are_the_same(kind: str) -> None:
    assert_same(*program.train(None, kind, save_every=None), kind)


class Stop(Exception):
    """Raised in the middle of a run."""


@pytest.mark.parametrize("kind", ["adam", "sgd"])
@pytest.mark.parametrize("step", [1, 2, 3, 9, 10, 11, 12, 79, 80])
def test_stopped_after_any_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, step: int
) -> None:
    """Also after the last step of an epoch, before it is measured."""
    run = str(tmp_path / "run")
    _stop_after(step, monkeypatch)
    with pytest.raises(Stop):
        program.train(run, kind)
    monkeypatch.undo()
    if step == 1:  # before anything was saved
        assert not Path(run).exists()
        assert_same(*program.train(run, kind), kind)
        return
    saved = load_checkpoint(run)
    assert len(saved.history.steps) == max(
        1, (step - 1) // 10 * 10, (step - 1) % 10 and _last_save(step)
    )
    assert_same(*program.train(run, kind, resume=True), kind)


def _last_save(step: int) -> int:
    """Saved after the first step, every third one, and every tenth (the end of an epoch)."""
    return max(n for n in range(1, step) if n == 1 or n % 10 == 0 or n % 3 == 0)


def _stop_after(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the loop fail after the `step`-th update, before it knows of it."""
    from wingbeat.train import _loop

    steps, real = iter(range(1, 1000)), _loop.step

    def failing(*args: Any) -> Any:
        done = real(*args)
        if next(steps) == step:
            raise Stop
        return done

    monkeypatch.setattr(_loop, "step", failing)


# Processes


def start(folder: Path, kind: str, *flags: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.train.program", str(folder), kind, *flags]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> bool:
    """Whether the condition came true before the process ended."""
    end = time.monotonic() + 60
    while process.poll() is None:
        if condition():
            return True
        assert time.monotonic() < end
        time.sleep(0.002)
    return False


@posix
@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_killed_at_random_moments(tmp_path: Path, kind: str) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    rng, folder = random.Random(seed), tmp_path / "run"
    file = folder / "checkpoint.safetensors"
    kills = 0
    for _ in range(4):
        before = file.stat().st_mtime_ns if file.exists() else 0
        process = start(folder, kind, *(["--resume"] if file.exists() else []))
        # A tenth of a second is most of the run; the moments lie between and within saves.
        if wait_for(lambda b=before: file.exists() and file.stat().st_mtime_ns > b, process):
            time.sleep(rng.uniform(0, 0.05))
        process.kill()
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
        assert load_checkpoint(folder).history.steps.last()["step"] > 0
    assert kills >= 1
    assert_same(*program.train(str(folder), kind, resume=True), kind)
    assert {p.name for p in folder.iterdir()} <= {file.name, f"{file.name}.part"}


@posix
def test_ctrl_c_finishes_the_step_and_saves(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = start(folder, "adam")
    assert wait_for((folder / "checkpoint.safetensors").exists, process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert "KeyboardInterrupt: stopped in epoch" in said
    assert f"go on with fit(..., run={str(folder)!r}, resume=True)" in said
    assert "During handling" not in said
    assert_same(*program.train(str(folder), "adam", resume=True), "adam")


@posix
def test_a_second_ctrl_c_stops_at_once(tmp_path: Path) -> None:
    """In the middle of a save too: the checkpoint before it stays whole."""
    folder = tmp_path / "run"
    slow = (
        "import os, sys, time; from tests.train import program; real = os.fsync\n"
        "def fsync(handle):\n"
        "    if time.sleep(0.3) is None: real(handle)\n"
        "os.fsync = fsync; program.train(sys.argv[1])\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", slow, str(folder)], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    part = folder / "checkpoint.safetensors.part"
    assert wait_for((folder / "checkpoint.safetensors").exists, process)
    process.send_signal(signal.SIGINT)
    assert wait_for(part.exists, process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert "KeyboardInterrupt: stopped at once" in said
    assert [p.name for p in folder.iterdir()] == ["checkpoint.safetensors"]
    assert_same(*program.train(str(folder), resume=True), "adam")


# What does not belong together


def test_a_folder_that_holds_a_run_is_not_overwritten(tmp_path: Path) -> None:
    program.train(str(tmp_path), epochs=1)
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    with pytest.raises(BadInput, match=r"holds a run already; write resume=True"):
        program.train(str(tmp_path), epochs=1)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before


def test_nothing_to_resume_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match="there is no run in"):
        program.train(str(tmp_path / "gone"), resume=True)
    with pytest.raises(BadInput, match="resume and save_every need run="):
        program.train(None, resume=True)
    assert list(tmp_path.iterdir()) == []


def test_a_run_goes_on_with_what_it_began_with(tmp_path: Path) -> None:
    program.train(str(tmp_path), "adam", epochs=1)
    with pytest.raises(BadCheckpoint, match=r"has optimizer Adam\(.*, not SGD\("):
        program.train(str(tmp_path), "sgd", epochs=2, resume=True)
    with pytest.raises(BadCheckpoint, match=r"has metrics \['accuracy'\], not \[\]"):
        program.train(str(tmp_path), "adam", epochs=2, resume=True, metrics=())


class Halving:
    """A callback that remembers something: it halves the rate after its second and fourth call."""

    def __init__(self, optimizer: Any) -> None:
        self.optimizer, self.calls = optimizer, 0

    def __call__(self, history: History) -> None:
        self.calls += 1
        if self.calls in (2, 4):
            self.optimizer.lr = self.optimizer.lr / 2

    def state_dict(self) -> dict[str, int]:
        return {"calls": self.calls}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.calls = state["calls"]


def test_a_callback_goes_on_with_what_it_remembers(tmp_path: Path) -> None:
    def trained(epochs: int, folder: Path | None = None, resume: bool = False) -> History:
        model, loader, _, _ = program.parts()
        optimizer = wb.optim.Adam(model.parameters(), lr=0.08)
        return wb.train.fit(
            model,
            loader,
            wb.nn.CrossEntropyLoss(),
            optimizer,
            epochs=epochs,
            callbacks=[Halving(optimizer)],
            run=folder,
            resume=resume,
            progress=False,
        )

    trained(3, tmp_path)
    history = trained(6, tmp_path, resume=True)
    assert history == trained(6)
    assert history.epochs["lr"].tolist() == [0.08, 0.08, 0.04, 0.04, 0.02, 0.02]


def test_more_epochs_may_be_asked_for(tmp_path: Path) -> None:
    program.train(str(tmp_path), epochs=3)
    assert_same(*program.train(str(tmp_path), resume=True), "adam")


def test_a_finished_run_is_returned_as_it_was(tmp_path: Path) -> None:
    _, _, history = program.train(str(tmp_path))
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    model, optimizer, again = program.train(str(tmp_path), resume=True)
    assert again == history
    assert_same(model, optimizer, again, "adam")
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before


@posix
def test_two_processes_do_not_share_a_folder(tmp_path: Path) -> None:
    import fcntl

    program.train(str(tmp_path), epochs=1)
    handle = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        with pytest.raises(BadInput, match="another process is training into"):
            program.train(str(tmp_path), resume=True)
    finally:
        os.close(handle)


def test_a_difference_is_noticed() -> None:
    """The comparison of these tests itself."""
    model, optimizer, history = program.train(None, "adam", save_every=None)
    weights = {name: value.copy() for name, value in model.state_dict().items()}
    weights["0.bias"] = np.nextafter(weights["0.bias"], np.float32(1))
    assert content(weights) != content(model.state_dict())
    history.steps.append(history.steps.last())
    with pytest.raises(AssertionError):
        assert_same(model, optimizer, history, "adam")
