"""`wingbeat train`: what it prints and saves."""

import re
import time
from pathlib import Path

import numpy as np
import pytest

from tests.cli.training import fruit, prices, run, write
from wingbeat.train import load_checkpoint

pytestmark = pytest.mark.usefixtures("in_empty_folder")


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
