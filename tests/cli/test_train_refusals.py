"""`wingbeat train`: advice on tables that cannot be read as they are, and bad flags."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.cli.training import ROOT, fruit, leftovers, process, run
from wingbeat.cli import _train_options
from wingbeat.errors import Advice, BadInput, Diverged
from wingbeat.train import load_checkpoint

pytestmark = pytest.mark.usefixtures("in_empty_folder")


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
