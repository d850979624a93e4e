"""`wingbeat train`: what it prints, saves, refuses, and goes on with."""

import argparse
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from wingbeat.cli import _train_options, train
from wingbeat.errors import Advice, BadCheckpoint, BadInput, Diverged
from wingbeat.train import load_checkpoint

ROOT = Path(__file__).parents[2]
MAIN = "import sys; from wingbeat.cli import main; sys.exit(main())"
posix = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WINGBEAT_MNIST", raising=False)


def run(*flags: str) -> int:
    """The command in this process, its errors not yet turned into sentences."""
    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    return train.run(parser.parse_args(flags))


def process(*flags: str) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, "train", *flags],
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def fruit(rows: int = 120) -> Path:
    """Classes that differ in weight, and one column of text."""
    rng = np.random.default_rng(0)
    lines = ["weight,colour,kind"]
    for k in range(rows):
        kind = ("apple", "banana", "[cherry]")[k % 3]
        weight = 100 * (k % 3) + rng.normal(0, 10)
        lines.append(f"{weight:.2f},{'red' if k % 2 else 'green'},{kind}")
    return write("fruit.csv", lines)


def prices(rows: int = 150) -> Path:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 10, (rows, 2))
    y = 200_000 + 30_000 * x[:, 0] - 5_000 * x[:, 1]
    return write(
        "prices.csv", ["a,b,price", *(f"{a},{b},{c}" for (a, b), c in zip(x, y, strict=True))]
    )


def write(name: str, lines: list[str]) -> Path:
    path = Path(name)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def leftovers() -> list[str]:
    return sorted(str(p) for p in Path().rglob("*"))


# What it does


def test_digits_with_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    begin = time.perf_counter()
    assert run("digits") == 0
    assert time.perf_counter() - begin < 60
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 80
    assert re.search(r"^0 +Linear +weight \(128, 64\), bias \(128,\) +8,320$", said, re.MULTILINE)
    found = re.search(r"^test accuracy (0\.\d{4}) \(loss", said, re.MULTILINE)
    assert found
    assert float(found[1]) >= 0.96
    assert re.search(r"^ ?8 .*\d\.\d{3}", said, re.MULTILINE)  # a row of the confusion table
    folder = Path("runs/digits-1")
    assert f"Saved in {folder}: checkpoint.safetensors, curves.png" in said
    assert sorted(p.name for p in folder.iterdir()) == ["checkpoint.safetensors", "curves.png"]
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_runs_never_overwrite_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert run("digits", "--epochs", "1", "--hidden", "none") == 0
    assert sorted(p.name for p in Path("runs").iterdir()) == ["digits-1", "digits-2"]
    first, second = (load_checkpoint(f"runs/digits-{n}") for n in (1, 2))
    assert first.history == second.history
    assert first.model["0.weight"].tobytes() == second.model["0.weight"].tobytes()


def test_classes_of_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    path = fruit()
    assert run(str(path), "--target", "kind", "--epochs", "30", "--lr", "0.01") == 0
    said = capsys.readouterr().out
    assert "note: column 'colour' is text" in said
    assert "[cherry]" in said
    assert "test accuracy 1.0000" in said
    assert Path("runs/fruit-1/curves.png").exists()


def test_regression_in_the_units_of_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    path = prices()
    assert (
        run(str(path), "--target", "price", "--epochs", "60", "--lr", "0.01", "--run", "out") == 0
    )
    found = re.search(
        r"test R2 (\S+), mean absolute error (\S+) \(price\)", capsys.readouterr().out
    )
    assert found
    assert float(found[1]) > 0.99
    assert 1 < float(found[2]) < 5000
    assert "val_r2" in load_checkpoint("out").history.epochs


def test_every_flag_takes_part() -> None:
    flags = "--hidden 20,10 --activation tanh --dropout 0.1 --epochs 4 --batch 100 --lr 0.05"
    more = "--optimizer sgd --momentum 0.9 --schedule step:2:0.5 --clip 1 --patience 3 --seed 7"
    assert run("digits", *flags.split(), *more.split(), "--dtype", "float64") == 0
    saved = load_checkpoint("runs/digits-1")
    assert [w.shape for n, w in saved.model.items() if n.endswith("weight")] == [
        (20, 64),
        (10, 20),
        (10, 10),
    ]
    assert {w.dtype.name for w in saved.model.values()} == {"float64"}
    np.testing.assert_allclose(saved.history.epochs["lr"], [0.05, 0.05, 0.025, 0.025])
    assert saved.settings["clip_norm"] == 1.0
    assert "train" in saved.settings["validation"]  # a part of the training data, not of the test's
    assert saved.best is not None


def test_the_seed_decides() -> None:
    for seed in "112":
        assert run("digits", "--epochs", "1", "--hidden", "8", "--seed", seed) == 0
    a, b, c = (load_checkpoint(f"runs/digits-{n}").history for n in (1, 2, 3))
    assert a == b
    assert a != c


def test_many_classes_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    lines = ["x,kind", *(f"{rng.normal()},species number {k % 30}" for k in range(300))]
    path = write("many.csv", lines)
    assert run(str(path), "--target", "kind", "--epochs", "1") == 0
    said = capsys.readouterr().out
    assert "Most frequent mistakes:" in said
    assert re.search(r"\d x species number \d+ taken for species number \d+", said)
    assert max(map(len, said.splitlines())) <= 80


# Going on


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


# Tables that need to be told about

ROWS = "".join(f"name {k},{k % 2}\n" for k in range(70))
NUMBERS = "".join(f"{k / 4},{k}\n" for k in range(70))


@pytest.mark.parametrize(
    ("text", "target", "flags", "said"),
    [
        ("a,y\n1,0\n2,1\n3,0\n", "y", ["--header", "no"], "if it holds names, write --header yes"),
        ("red,x\nblue,y\nred,x\n", "c1", [], "if it holds values, write --header no and call"),
        ("größe,y\n1,a\n2,b\n", "y", [], "write --encoding cp1252 for a file from an older"),
        ("a;y\n1,5;0\n2,5;1\n", "y", [], "write --decimal , if that is a number"),
        ("id,y,b\n" + ROWS.replace("\n", ",1\n"), "y", [], "write --drop id to leave it out"),
        ('"a, b",y,b\n' + ROWS.replace("\n", ",1\n"), "y", [], "write --drop '\"a, b\"' to leave"),
        ("y,a\n1e300,1\n2,2\n2.5,1\n", "y", [], "too large for float32; write --dtype float64"),
        ("y,a\n" + NUMBERS, "y", ["--task", "classification"], "write --task regression"),
        ("a,y\n1,0.5\n2,x\n3,1\n", "y", ["--task", "regression"], "write --task classification"),
    ],
)  # fmt: skip
def test_advice_can_be_taken(text: str, target: str, flags: list[str], said: str) -> None:
    """The flag that a message names exists, and with it the file is read (and trained on)."""
    Path("table.csv").write_text(text, encoding="cp1252", newline="")
    words = ["table.csv", "--epochs", "1", "--hidden", "none", "--target", target, *flags]
    with pytest.raises(BadInput, match=re.escape(said)) as caught:
        run(*words)
    advised = re.search(r"write (--.*?)( to | if | for | and |$)", str(caught.value))
    assert advised
    assert run(*words, *shlex.split(advised[1])) == 0


def test_every_piece_of_advice_is_a_flag() -> None:
    """Whatever option the loaders and the loop advise."""
    names: set[str] = set()
    for folder in ("data", "train"):
        for file in (ROOT / "wingbeat" / folder).glob("*.py"):
            names |= set(re.findall(r'Advice\(\s*"(\w+)"', file.read_text(encoding="utf-8")))
    assert {"header", "drop", "encoding", "clip_norm"} <= names
    words = {name: _train_options.in_flags(BadInput(Advice(name, 1))).split()[0] for name in names}
    assert set(words.values()) <= {f"--{option.name}" for option in _train_options.OPTIONS}


def test_flags_of_tables_take_part(capsys: pytest.CaptureFixture[str]) -> None:
    text = "1,5\tred\t0\ta\n2,5\tblue\t2\tb\n3,5\tred\t4\tc\n"
    Path("table.csv").write_text(text, encoding="utf-16-le", newline="")
    flags = "--header no --delimiter tab --decimal , --encoding utf-16-le --drop c1,c3"
    words = ["table.csv", "--target", "c2", "--epochs", "1", "--task", "regression", *flags.split()]
    assert run(*words) == 0
    assert "mean absolute error" in capsys.readouterr().out
    assert load_checkpoint("runs/table-1").model["0.weight"].shape == (128, 1)
    assert run("--resume", "runs/table-1", "--epochs", "2", "--drop", "c1,c3") == 0
    with pytest.raises(BadInput, match=r"--drop c1 contradicts the run in .*, which has c1,c3;"):
        run("--resume", "runs/table-1", "--drop", "c1")


# Bad flags and files

FRUIT = ("fruit.csv", "--target", "kind")


@pytest.mark.parametrize(
    ("flags", "match"),
    [
        ([], "say what to train on"),
        (["digit"], "there is no file 'digit'; did you mean digits"),
        (["gone.csv", "--target", "x"], "there is no file gone.csv"),
        (["gone.csv"], "needs --target COLUMN"),
        (["mnist"], "mnist needs --data DIR"),
        (["mnist", "--data", "gone"], "there is no folder gone"),
        (["digits", "--data", "x"], "--data belongs to mnist"),
        (["digits", "--target", "x"], "--target belongs to CSV files, and digits is none"),
        (["mnist", "--data", "x", "--header", "no"], "--header belongs to CSV files"),
        (["digits", "--momentum", "0.9"], "--momentum belongs to --optimizer sgd, not adam"),
        (["digits", "--hidden", "0"], "--hidden: widths from 1"),
        (["digits", "--hidden", "5,,5"], "--hidden: widths"),
        (["digits", "--hidden", "9" * 30], "--hidden: widths"),
        (["digits", "--hidden", ",".join("1" * 51)], "at most 50"),
        (["digits", "--activation", "swoosh"], "--activation: one of relu, tanh"),
        (["digits", "--dropout", "1"], "--dropout: a number from 0, below 1; got '1'"),
        (["digits", "--dropout", "nan"], "--dropout"),
        (["digits", "--epochs", "0"], "--epochs: a whole number from 1"),
        (["digits", "--epochs", "1e3"], "--epochs"),
        (["digits", "--epochs", "9" * 5000], "--epochs"),
        (["digits", "--batch", "-5"], "--batch"),
        (["digits", "--lr", "0"], "--lr: a number above 0"),
        (["digits", "--lr", "inf"], "--lr"),
        (["digits", "--lr", "1_0"], "--lr"),
        (["digits", "--optimizer", "sgdd"], "--optimizer: one of sgd, adam, adamw"),
        (["digits", "--schedule", "cosine:3"], "--schedule: constant, cosine"),
        (["digits", "--schedule", "step:0"], "--schedule"),
        (["digits", "--schedule", "step:1:1"], "--schedule"),
        (["digits", "--clip", "0"], "--clip"),
        (["digits", "--patience", "0"], "--patience"),
        (["digits", "--seed", "-1"], "--seed"),
        (["digits", "--seed", str(2**64)], "--seed"),
        (["digits", "--dtype", "int8"], "--dtype: one of float32, float64"),
        (["digits", "--run", "file"], "--run file is a file"),
        (["digits", "--run", "full"], "--run full is not empty"),
        (["digits", "--run", "file/below"], "cannot make the folder"),
        ([*FRUIT, "--drop", "colour,"], "--drop: names of columns"),
        ([*FRUIT, "--drop", '"colour'], "--drop: names of columns"),
        ([*FRUIT, "--drop", ""], "--drop: names of columns"),
        ([*FRUIT, "--drop", "kind"], "is the target and cannot be dropped"),
        ([*FRUIT, "--drop", "color"], "has no column 'color'"),
        ([*FRUIT, "--task", "auto"], "--task: one of classification, regression; got 'auto'"),
        ([*FRUIT, "--header", "maybe"], "--header: one of yes, no; got 'maybe'"),
        ([*FRUIT, "--delimiter", ""], '--delimiter: one character, as ";" is, or "tab"'),
        ([*FRUIT, "--delimiter", '"'], "--delimiter"),
        ([*FRUIT, "--decimal", ".,"], "--decimal: one of ., ,; got '.,'"),
        ([*FRUIT, "--encoding", "utf-9"], "--encoding: a text encoding, as utf-8"),
        ([*FRUIT, "--encoding", "rot13"], "--encoding: a text encoding"),
        (["fruit.csv", "--target", "knd"], "has no column 'knd', .*; did you mean 'kind'?"),
        (["broken.csv", "--target", "kind"], "broken.csv"),
    ],
)
def test_bad_flags_are_one_sentence_and_leave_nothing(flags: list[str], match: str) -> None:
    fruit()
    Path("file").write_text("")
    Path("full").mkdir()
    Path("full/a").write_text("")
    Path("broken.csv").write_bytes(b"kind,x\n\xff\xfe\x00,1\n")
    before = leftovers()
    with pytest.raises(BadInput, match=re.escape(match).replace(r"\.\*", ".*")) as caught:
        run(*flags)
    assert "\n" not in str(caught.value)
    assert leftovers() == before


def test_a_bad_flag_ends_with_status_2() -> None:
    running = process("digits", "--lr", "fast")
    out, error = running.communicate(timeout=60)
    assert (running.returncode, out) == (2, "")
    assert "--lr: a number above 0; got 'fast'" in error
    assert len(error.splitlines()) == 1
    assert leftovers() == []


def test_divergence_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Diverged, match=r"try a smaller learning rate than 1e\+30, or --clip 1;"):
        run("digits", "--optimizer", "sgd", "--lr", "1e30", "--epochs", "2")


def test_a_missing_folder_of_mnist_is_found_through_the_variable(
    mnist_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wingbeat.cli import _train_plan

    monkeypatch.setenv("WINGBEAT_MNIST", str(mnist_folder))
    plan: Any = _train_plan.from_flags("mnist", {})
    assert (plan["data"], plan["epochs"]) == (str(mnist_folder), 5)
