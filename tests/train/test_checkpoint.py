"""Checkpoints: what is written is read, and nothing else is."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import wingbeat as wb
from wingbeat.errors import BadCheckpoint, BadInput, TypeMismatch
from wingbeat.train import Checkpoint, History, Table, load_checkpoint, save_checkpoint, write_file
from wingbeat.train import _container as container

ROOT = Path(__file__).parents[2]


def checkpoint(**fields: Any) -> Checkpoint:
    rng = np.random.default_rng(0)
    history = History(Table({"step": [1, 2], "loss": [0.5, np.nan]}), Table({"epoch": [1]}))
    return Checkpoint(
        model={
            "weight": rng.normal(size=(200, 300)).astype(np.float32),
            "bias": np.float64(rng.normal(size=2)),
            "scalar": np.full((), 2.5, np.float16),
            "none": np.zeros((0, 3)),
            "turned": rng.normal(size=(3, 4)).T,
        },
        optimizer={"lr": 0.1, "state": {0: {"m": wb.ones(3), "t": 7}}, "betas": (0.9, 0.999)},
        random={"seed": 2**64 - 1, "count": 5},
        history=history,
        epoch=3,
        batch=2,
        description={"text": "ünïcode", "nothing": None, "list": [1, 2.5, True, float("inf")]},
        **fields,
    )


def test_everything_comes_back_with_its_bits(tmp_path: Path) -> None:
    saved = checkpoint()
    save_checkpoint(tmp_path, saved)
    found = load_checkpoint(tmp_path)
    for name, array in saved.model.items():
        assert found.model[name].dtype == array.dtype
        assert found.model[name].shape == array.shape
        assert found.model[name].tobytes() == array.tobytes()
    assert found.optimizer["state"][0]["m"].tolist() == [1.0, 1.0, 1.0]
    assert found.optimizer["betas"] == (0.9, 0.999)
    assert (found.random, found.epoch, found.batch) == (saved.random, 3, 2)
    assert found.description == saved.description
    assert found.versions == saved.versions
    assert found.history == saved.history


def test_the_same_checkpoint_is_the_same_file(tmp_path: Path) -> None:
    a, b = (save_checkpoint(tmp_path / name, checkpoint()) for name in "ab")
    assert a.read_bytes() == b.read_bytes()


def test_other_programs_can_read_the_arrays(tmp_path: Path) -> None:
    file = save_checkpoint(tmp_path, checkpoint())
    arrays = safetensors.numpy.load_file(file)
    np.testing.assert_array_equal(arrays["model/weight"], checkpoint().model["weight"])


def test_a_file_or_a_folder_can_be_named(tmp_path: Path) -> None:
    file = save_checkpoint(tmp_path / "a.safetensors", checkpoint())
    assert file == tmp_path / "a.safetensors"
    assert load_checkpoint(file).epoch == 3
    assert save_checkpoint(tmp_path / "run", checkpoint()).name == "checkpoint.safetensors"
    assert {p.name for p in tmp_path.iterdir()} == {"a.safetensors", "run"}


# Damage


def test_cut_anywhere_it_is_refused(tmp_path: Path) -> None:
    file = save_checkpoint(tmp_path, checkpoint())
    data = file.read_bytes()
    cuts = [*range(0, len(data), 1024), *range(40), len(data) - 1]
    assert len(cuts) > 250
    for cut in cuts:
        file.write_bytes(data[:cut])
        with pytest.raises(BadCheckpoint, match=r"cut short|beginning is lost") as caught:
            load_checkpoint(tmp_path)
        assert "\n" not in str(caught.value)


def test_any_changed_bit_is_noticed(tmp_path: Path) -> None:
    file = save_checkpoint(tmp_path, checkpoint())
    data = file.read_bytes()
    rng = np.random.default_rng(1)
    header = int.from_bytes(data[:8], "little") + 8
    places = [*range(0, header, 17), *rng.integers(0, len(data), 200), len(data) - 1]
    for place in places:
        damaged = bytearray(data)
        damaged[place] ^= 1 << int(rng.integers(8))
        file.write_bytes(damaged)
        with pytest.raises(BadCheckpoint) as caught:
            load_checkpoint(tmp_path)
        assert "\n" not in str(caught.value)


def test_more_bytes_are_noticed(tmp_path: Path) -> None:
    file = save_checkpoint(tmp_path, checkpoint())
    file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(BadCheckpoint, match="damaged"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("data", [b"", b"{}", b"\x02" + bytes(7) + b"{}", b"\x80\x04pickle" * 9])
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "checkpoint.safetensors").write_bytes(data)
    with pytest.raises(BadCheckpoint):
        load_checkpoint(tmp_path)


def test_foreign_safetensors_are_refused(tmp_path: Path) -> None:
    safetensors.numpy.save_file({"w": np.zeros(3)}, tmp_path / "w.safetensors", {"by": "others"})
    with pytest.raises(BadCheckpoint, match="that Wingbeat did not write"):
        load_checkpoint(tmp_path / "w.safetensors")


def test_a_newer_format_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "FORMAT", 2)
    save_checkpoint(tmp_path, checkpoint())
    monkeypatch.undo()
    with pytest.raises(BadCheckpoint, match=r"newer Wingbeat \(format 2, this one reads 1\)"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda tree: tree.pop("random"), "lacks random"),
        (lambda tree: tree.update(surprise=1), "unknown fields surprise"),
        (lambda tree: tree.update(epoch=-1), "wrong epoch"),
        (lambda tree: tree.update(epoch="3", model=[]), "wrong model, epoch"),
        (lambda tree: tree.update(history={"steps": {}}), "wrong history"),
        (
            lambda tree: tree["history"]["steps"].update(loss=np.zeros(3)),
            "wrong history",
        ),
        (lambda tree: tree["model"].update(weight=1.0), "wrong model"),
        (lambda tree: tree.update(random={"seed": "x", "count": 0}), "wrong random"),
    ],
)
def test_another_structure_is_said(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    file = save_checkpoint(tmp_path, checkpoint())
    tree = container.read_tree(file)
    change(tree)
    container.write_tree(file, tree)
    with pytest.raises(BadCheckpoint, match=reason):
        load_checkpoint(tmp_path)


def test_a_reference_to_nothing_is_refused(tmp_path: Path) -> None:
    """A header that was edited by hand, with a checksum that is right."""
    meta = {"format": 1, "sha256": "0" * 64, "tree": {"dict": [["model", {"array": "/gone"}]]}}
    blank = safetensors.numpy.save({"w": np.zeros(1)}, {"wingbeat": json.dumps(meta)})
    import hashlib

    digest = hashlib.sha256(blank).hexdigest().encode()
    (tmp_path / "checkpoint.safetensors").write_bytes(blank.replace(b"0" * 64, digest, 1))
    with pytest.raises(BadCheckpoint, match="damaged"):
        load_checkpoint(tmp_path)


def test_no_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match="holds no checkpoint"):
        load_checkpoint(tmp_path)
    with pytest.raises(BadCheckpoint, match="there is no run at"):
        load_checkpoint(tmp_path / "gone")


def test_what_json_cannot_say_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    for odd in ({"f": print}, {"k": {1.5: 1}}, {"s": {1, 2}}):
        with pytest.raises(TypeMismatch, match="checkpoint"):
            save_checkpoint(tmp_path, Checkpoint(model={}, description=odd))
    assert list(tmp_path.iterdir()) == []


# Models


def test_another_model_is_said_and_not_touched(tmp_path: Path) -> None:
    model = wb.nn.Sequential(wb.nn.Linear(3, 2), wb.nn.Linear(2, 1))
    save_checkpoint(tmp_path, Checkpoint(model=model.state_dict()))
    narrow = wb.nn.Sequential(wb.nn.Linear(3, 2), wb.nn.Linear(2, 2))
    before = {k: v.copy() for k, v in narrow.state_dict().items()}
    with pytest.raises(
        BadCheckpoint, match=r"'1.weight' is float32\[1,2\] there and float32\[2,2\]"
    ):
        load_checkpoint(tmp_path, narrow)
    for name, value in narrow.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    with pytest.raises(BadCheckpoint, match=r"it has no '2\.weight'"):
        load_checkpoint(tmp_path, wb.nn.Sequential(*model_layers(), wb.nn.Linear(1, 1)))
    with pytest.raises(BadCheckpoint, match=r"the model here has no '1\.weight'"):
        load_checkpoint(tmp_path, wb.nn.Sequential(wb.nn.Linear(3, 2)))
    with pytest.raises(BadCheckpoint, match=r"float32\[2,3\] there and float64\[2,3\] here"):
        load_checkpoint(tmp_path, wb.nn.Sequential(*model_layers()).to("float64"))


def model_layers() -> list[Any]:
    return [wb.nn.Linear(3, 2), wb.nn.Linear(2, 1)]


def test_a_model_takes_the_best_weights_where_they_were_kept(tmp_path: Path) -> None:
    model = wb.nn.Linear(3, 2)
    best = {name: np.zeros_like(value) for name, value in model.state_dict().items()}
    save_checkpoint(tmp_path, Checkpoint(model=model.state_dict(), best=best))
    load_checkpoint(tmp_path, model)
    assert not any(value.any() for value in model.state_dict().values())


# Writing


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    for folder in (tmp_path, Path("/")):
        with pytest.raises(BadInput, match="it is a folder"):
            write_file(folder, b"x")
    assert list(tmp_path.parent.glob("*.part")) == []


def test_a_folder_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(BadInput, match="cannot write"):
        write_file(tmp_path / "a", b"x")
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_failure_while_writing_leaves_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_file(tmp_path / "a", b"old")

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        write_file(tmp_path / "a", b"new")
    monkeypatch.undo()
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"a": b"old"}


FULL = """
import resource, sys
import numpy as np
from wingbeat.errors import BadInput
from wingbeat.train import Checkpoint, load_checkpoint, save_checkpoint

save_checkpoint(sys.argv[1], Checkpoint(model={"w": np.zeros(1000)}, epoch=1))
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    save_checkpoint(sys.argv[1], Checkpoint(model={"w": np.zeros(10_000)}, epoch=2))
except BadInput as error:
    print(error)
print(load_checkpoint(sys.argv[1]).epoch)
"""


@pytest.mark.skipif(os.name != "posix", reason="limits of the size of files are POSIX's")
def test_a_full_disk_keeps_the_checkpoint_before(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", FULL, tmp_path / "run"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    message, epoch = run.stdout.splitlines()
    assert "File too large; the one written before is kept" in message
    assert epoch == "1"
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["checkpoint.safetensors"]
