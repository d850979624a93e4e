"""`wingbeat train --resume`: an interrupted run goes on, or it is said why it cannot."""

import re
import signal
import time
from pathlib import Path

import pytest

import wingbeat as wb
from tests.cli.training import fruit, leftovers, posix, process, run
from wingbeat.errors import BadCheckpoint, BadInput
from wingbeat.train import load_checkpoint

pytestmark = pytest.mark.usefixtures("in_empty_folder")


def assert_same_run(a: str, b: str) -> None:
    one, two = load_checkpoint(a), load_checkpoint(b)
    assert one.history == two.history
    for name, value in one.model.items():
        assert value.tobytes() == two.model[name].tobytes()
    assert repr(one.optimizer) == repr(two.optimizer)


SMALL = ("digits", "--hidden", "16", "--dropout", "0.2", "--epochs", "6")


@posix
def test_ctrl_c_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    running = process("digits", "--hidden", "300", "--dropout", "0.1", "--epochs", "60")
    file = Path("runs/digits-1/checkpoint.safetensors")
    while not file.exists():
        assert running.poll() is None, running.stderr and running.stderr.read()
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    out, error = running.communicate(timeout=60)
    assert running.returncode == 130, error
    assert error == ""
    assert re.search(r"Stopped\. The run is saved as it was after epoch \d+", out)
    assert "\n  wingbeat train --resume runs/digits-1\n" in out
    assert sorted(p.name for p in file.parent.iterdir()) == [file.name]
    steps = len(load_checkpoint(file).history.steps)
    assert steps < 60 * 23


@posix
def test_a_killed_run_goes_on_as_if_nothing_had_happened() -> None:
    flags = ("--hidden", "64", "--dropout", "0.2", "--epochs", "12")
    running = process("digits", *flags)
    file = Path("runs/digits-1/checkpoint.safetensors")
    while not file.exists():
        assert running.poll() is None, running.stderr and running.stderr.read()
        time.sleep(0.01)
    time.sleep(0.3)
    running.kill()
    running.communicate()
    assert run("--resume", "runs/digits-1") == 0
    assert run("digits", *flags, "--run", "whole") == 0
    assert_same_run("runs/digits-1", "whole")


def test_more_epochs() -> None:
    assert run("digits", "--hidden", "16", "--epochs", "2", "--run", "a") == 0
    assert run("--resume", "a", "--epochs", "4") == 0
    assert run("digits", "--hidden", "16", "--epochs", "4", "--run", "b") == 0
    assert_same_run("a", "b")
    assert run("--resume", "a") == 0  # the new number is what the run has now
    assert len(load_checkpoint("a").history.epochs) == 4


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A finished run of two epochs, with a cosine schedule."""
    folder = str(tmp_path_factory.mktemp("runs") / "saved")
    assert (
        run("digits", "--hidden", "8", "--epochs", "2", "--schedule", "cosine", "--run", folder)
        == 0
    )
    return folder


def test_flags_that_repeat_the_run_are_fine(saved: str) -> None:
    assert run("digits", "--resume", saved, "--hidden", "8", "--epochs", "2", "--lr", "0.001") == 0


@pytest.mark.parametrize(
    ("flags", "match"),
    [
        (["mnist"], "mnist contradicts the run in .*, which trains on digits"),
        (["--lr", "0.5"], "--lr 0.5 contradicts the run in .*, which has 0.001"),
        (["--hidden", "9"], "--hidden 9 contradicts the run in .*, which has 8"),
        (["--hidden", "none"], "--hidden none contradicts"),
        (["--patience", "3"], "--patience 3 contradicts the run in .*, which has no patience"),
        (["--epochs", "1"], "--epochs 1 contradicts .* which has 2: fewer"),
        (["--epochs", "9"], "--epochs 9 contradicts .* its cosine schedule ends there"),
        (["--target", "x"], "--target x contradicts .* has no target"),
        (["--data", "x"], "--data belongs to mnist"),
        (["--run", "x"], "leave --run out"),
        (["--lr", "x"], "--lr: a number above 0; got 'x'"),
    ],
)
def test_flags_that_contradict_the_run(saved: str, flags: list[str], match: str) -> None:
    before = Path(saved, "checkpoint.safetensors").read_bytes()
    with pytest.raises(BadInput, match=match):
        run("--resume", saved, *flags)
    assert Path(saved, "checkpoint.safetensors").read_bytes() == before
    assert leftovers() == []


def test_runs_that_cannot_be_resumed(tmp_path: Path) -> None:
    Path("empty").mkdir()
    Path("file").write_text("")
    model = wb.nn.Linear(2, 1)
    wb.train.save_checkpoint("other", wb.train.Checkpoint(model=model.state_dict()))
    for name, match in (
        ("gone", "there is no run at gone"),
        ("empty", "holds no checkpoint.safetensors"),
        ("file", "file is a file"),
        ("other", "was not made by `wingbeat train`"),
    ):
        with pytest.raises(BadCheckpoint, match=match):
            run("--resume", name)
    assert leftovers() == ["empty", "file", "other", "other/checkpoint.safetensors"]


def test_data_that_changed_are_noticed() -> None:
    path = fruit()
    assert run(str(path), "--target", "kind", "--epochs", "1", "--run", "a") == 0
    path.write_text(path.read_text().replace("green", "blue", 1))
    with pytest.raises(BadCheckpoint, match="have changed since it began"):
        run("--resume", "a", "--epochs", "2")
    fruit().rename("moved.csv")
    assert run("moved.csv", "--resume", "a", "--epochs", "2") == 0


def test_a_saved_plan_that_makes_no_sense(tmp_path: Path) -> None:
    for description in (
        {"command": "wingbeat train", "what": "digits", "flags": {"lr": "x"}, "data": ""},
        {"command": "wingbeat train", "what": "digits", "flags": {"lr": 5}, "data": ""},
        {"command": "wingbeat train", "flags": {}},
    ):
        saved = wb.train.Checkpoint(model={}, description=description)
        wb.train.save_checkpoint("a", saved)
        with pytest.raises(BadCheckpoint, match="flags that cannot be read"):
            run("--resume", "a")
