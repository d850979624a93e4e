"""Training against an attack: what is handed out, that it is repeatable, and that it helps."""

import importlib.util
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from wingbeat import data, errors, nn, optim, robust

ROOT = Path(__file__).parents[2]
ATTACK = partial(robust.pgd, radius=0.1, bounds=(0, 1), steps=2)

# MISSION E3


def small() -> tuple[nn.Module, data.DataLoader]:
    wb.random.seed(0)
    train, _ = data.digits()
    model = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 10))
    return model, data.DataLoader(train.take(slice(192)), batch_size=64, seed=0)


def fitted(epochs: int, **options: Any) -> dict[str, np.ndarray]:
    model, loader = small()
    wb.train.fit(
        model,
        robust.adversarial(loader, model, ATTACK, seed=3),
        nn.CrossEntropyLoss(),
        optim.SGD(model.parameters(), lr=0.2),
        epochs=epochs,
        progress=False,
        **options,
    )
    return model.state_dict()


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_share_of_each_batch_is_attacked(share: float) -> None:
    model, loader = small()
    plain = list(small()[1])
    found = list(robust.adversarial(loader, model, ATTACK, share=share))
    assert len(found) == len(plain) == 3
    for (x, y), (clean, labels) in zip(found, plain, strict=True):
        assert np.array_equal(np.asarray(y), np.asarray(labels))
        change = np.abs(np.asarray(x) - np.asarray(clean))
        rows = round(share * 64)
        assert (change[:rows].max(axis=1) > 0).all() if rows else True
        assert not change[rows:].any()
        assert change.max() <= 0.1 + 1e-7
    assert all(m.training for m in model.modules())


def test_the_model_is_attacked_as_it_is_when_a_batch_is_asked_for() -> None:
    model, loader = small()
    seen: list[np.ndarray] = []

    def attack(m: Any, x: Any, y: Any) -> robust.Adversarial:
        seen.append(m[0].weight.numpy().copy())
        return robust.fgsm(m, x, y, radius=0.1)

    optimizer = optim.SGD(model.parameters(), lr=0.5)
    for x, y in robust.adversarial(loader, model, attack):
        optimizer.zero_grad()
        nn.CrossEntropyLoss()(model(x), y).backward()
        optimizer.step()
    assert len(seen) == 3
    assert not np.array_equal(seen[0], seen[1])


def test_training_is_repeatable_and_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    whole, again = fitted(3), fitted(3)
    fitted(1, run=tmp_path / "run")
    resumed = fitted(3, run=tmp_path / "run", resume=True)
    for name, value in whole.items():
        assert np.array_equal(value, again[name])
        assert np.array_equal(value, resumed[name])


def test_a_run_that_was_stopped_within_an_epoch_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def failing(model: Any, x: Any, y: Any, seed: int) -> robust.Adversarial:
        if seed & 0xFFFF == 6:  # the sixth batch
            raise Stop
        return ATTACK(model, x, y, seed=seed)

    model, loader = small()
    parts = (nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.2))
    with pytest.raises(Stop):
        batches = robust.adversarial(loader, model, failing, seed=3)
        wb.train.fit(
            model, batches, *parts, epochs=3, progress=False, run=tmp_path / "r", save_every=1
        )
    whole, resumed = fitted(3), fitted(3, run=tmp_path / "r", resume=True)
    for name, value in whole.items():
        assert np.array_equal(value, resumed[name])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m, d: robust.adversarial(m, d, ATTACK), errors.TypeMismatch, "an nn.Module, not"),
        (lambda m, d: robust.adversarial(3, m, ATTACK), errors.TypeMismatch, "a loader is"),
        (lambda m, d: robust.adversarial(d, m, "pgd"), errors.TypeMismatch, "an attack is"),  # type: ignore[arg-type]
        (lambda m, d: robust.adversarial(d, m, ATTACK, share=2), errors.BadInput, "share"),
        (
            lambda m, d: list(robust.adversarial([(1, 2, 3)], m, ATTACK)),
            errors.TypeMismatch,
            r"batches \(x, y\)",
        ),
        (
            lambda m, d: list(robust.adversarial(d, m, lambda m, x, y: x)),
            errors.TypeMismatch,
            "an attack is a function",
        ),
    ],
)
def test_bad_arguments(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(*small())


def example() -> ModuleType:
    file = ROOT / "examples/digits_explained.py"
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# MISSION E4


def test_the_digits_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = example().main(str(tmp_path))
    plain, trained = found["plain"], found["trained against PGD"]
    assert plain["clean"] > 0.93
    assert trained["clean"] > 0.9
    assert plain["PGD"] <= plain["FGSM"] < 0.65
    for name in ("FGSM", "PGD"):
        assert trained[name] > plain[name] + 0.1
    said = capsys.readouterr().out
    assert "NOT complete" not in said
    assert f"{trained['PGD']:.2%}" in said
    pictures = {"attributions", "units", "occlusion_1", "occlusion_2", "fgsm", "pgd", "minimal"}
    pictures |= {"accuracies", "distances"}
    assert {f.name for f in tmp_path.iterdir()} == {
        f"{p}.{kind}" for p in pictures for kind in ("png", "svg")
    }
    assert (tmp_path / "pgd.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (tmp_path / "pgd.svg").read_bytes()
