"""The loop: what it computes, records, shows and refuses."""

import io
import math
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wingbeat as wb
from wingbeat import nn, optim
from wingbeat.errors import BadInput, Diverged, TypeMismatch
from wingbeat.train import EarlyStopping, confusion, evaluate, fit, load_checkpoint, mae, r2


def line(n: int = 40, dtype: Any = np.float32) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 3)).astype(dtype)
    return x, (x @ np.array([[1.0], [-2.0], [0.5]], dtype) + 3).astype(dtype)


def linear(rate: float = 0.1, **options: Any) -> tuple[Any, Any]:
    wb.random.seed(0)
    model = nn.Linear(3, 1)
    return model, optim.SGD(list(model.parameters()), lr=rate, **options)


def fitted(rate: float = 0.1, data: Any = None, **options: Any) -> tuple[Any, Any]:
    model, optimizer = linear(rate)
    loader = wb.data.DataLoader(data or line(), batch_size=16, seed=5)
    settings: dict[str, Any] = {"epochs": 3, "metrics": (), "progress": False} | options
    return model, fit(model, loader, nn.MSELoss(), optimizer, **settings)


def test_a_step_is_gradient_descent() -> None:
    """Against the formulas in NumPy, float64 so that only rounding differs."""
    x, y = line(dtype=np.float64)
    model = nn.Linear(3, 1).to("float64")
    w, b = (np.array(model.state_dict()[n]) for n in ("weight", "bias"))
    optimizer = optim.SGD(list(model.parameters()), lr=0.1)
    history = fit(model, [(x, y)], nn.MSELoss(), optimizer, epochs=4, metrics=(), progress=False)
    for row in history.steps:
        error = x @ w.T + b - y
        dw, db = 2 * error.T @ x / len(x), 2 * error.mean(0)
        assert row["loss"] == pytest.approx((error**2).mean(), rel=1e-12)
        assert row["grad_norm"] == pytest.approx(np.sqrt((dw**2).sum() + (db**2).sum()), rel=1e-12)
        w, b = w - 0.1 * dw, b - 0.1 * db
    np.testing.assert_allclose(model.state_dict()["weight"], w, rtol=1e-12)


def test_a_step_is_one_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss, metrics, gradient's norm and update: one evaluation, not one each."""
    from wingbeat.api import evaluation

    runs: list[int] = []
    real = evaluation.run_nodes

    def counted(*args: Any) -> Any:
        runs.append(1)
        return real(*args)

    model, optimizer = linear()
    monkeypatch.setattr(evaluation, "run_nodes", counted)
    history = fit(
        model,
        [line()],
        nn.MSELoss(),
        optimizer,
        epochs=5,
        metrics=(mae, r2),
        clip_norm=1.0,
        progress=False,
    )
    assert len(history.steps) == 5
    assert len(runs) == 5


@pytest.mark.parametrize("size", [1e-30, 1e25])
def test_a_norm_whose_square_is_no_float32_is_told(size: float) -> None:
    """A gradient that vanishes has a norm all the same, and a large finite one has not diverged."""
    model, optimizer = linear(rate=0.0)
    x, y = line()
    loss: Any = lambda outputs, target: (outputs * size).sum()  # noqa: E731
    history = fit(model, [(x, y)], loss, optimizer, epochs=1, metrics=(), progress=False)
    expected = size * math.hypot(*x.astype(np.float64).sum(0), len(x))
    np.testing.assert_allclose(history.steps["grad_norm"][0], expected, rtol=1e-5, atol=0)


def test_clipping_shortens_the_step() -> None:
    x, y = line()
    model, optimizer = linear(rate=1.0)
    before = model.state_dict()
    history = fit(
        model,
        [(x, y)],
        nn.MSELoss(),
        optimizer,
        epochs=1,
        metrics=(),
        clip_norm=0.25,
        progress=False,
    )
    moved = [model.state_dict()[name] - before[name] for name in before]
    assert history.steps["grad_norm"][0] > 1
    assert np.sqrt(sum((m.astype(np.float64) ** 2).sum() for m in moved)) == pytest.approx(
        0.25, rel=1e-4
    )


def test_epochs_are_means_over_samples() -> None:
    _, history = fitted()  # batches of 16, 16 and 8
    steps = history.steps
    for k, row in enumerate(history.epochs):
        part = slice(3 * k, 3 * k + 3)
        assert steps["samples"][part].tolist() == [16, 16, 8]
        expected = np.average(steps["loss"][part], weights=[16, 16, 8])
        assert row["loss"] == pytest.approx(expected, rel=1e-15)
    assert steps["step"].tolist() == list(range(1, 10))
    assert history.epochs["step"].tolist() == [3, 6, 9]


def test_validation_is_measured_in_evaluation_mode() -> None:
    wb.random.seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.9), nn.Linear(8, 1))
    optimizer = optim.SGD(list(model.parameters()), lr=0.01)
    x, y = line()
    history = fit(
        model,
        [(x, y)],
        nn.MSELoss(),
        optimizer,
        epochs=1,
        validation=[(x, y)],
        metrics=(r2,),
        progress=False,
    )
    model.eval()
    expected = nn.MSELoss()(model(wb.asarray(x)), wb.asarray(y)).item()
    assert history.epochs["val_loss"][0] == pytest.approx(expected, rel=1e-6)
    assert "val_r2" in history.epochs


def test_evaluate_leaves_the_modes_as_they_were() -> None:
    model = nn.Sequential(nn.Linear(3, 1), nn.Dropout(0.5)).train()
    list(model.modules())[1].training = False
    modes = [part.training for part in model.modules()]
    result = evaluate(model, [line()], nn.MSELoss(), (mae,))
    assert [part.training for part in model.modules()] == modes
    assert set(result) == {"loss", "mae"}


def test_evaluate_takes_a_data_set() -> None:
    _, test = wb.data.digits()
    wb.random.seed(0)
    found = evaluate(nn.Linear(64, 10), test, metrics=(wb.train.accuracy, confusion))
    assert found["confusion"].accuracy == found["accuracy"]
    assert found["confusion"].counts.sum() == len(test)


def test_data_are_handed_over_in_the_models_dtype() -> None:
    model = nn.Linear(3, 1).to("float64")
    optimizer = optim.SGD(list(model.parameters()), lr=0.1)
    seen: list[str] = []

    def loss(z: Any, y: Any) -> Any:
        seen.append(f"{z.dtype} {y.dtype}")
        return ((z - y) ** 2).mean()

    fit(model, [line()], loss, optimizer, epochs=1, metrics=(), progress=False)
    assert seen == ["float64 float64"]


def test_training_learns() -> None:
    model, history = fitted(epochs=60)
    assert history.epochs["loss"][-1] < 1e-4
    np.testing.assert_allclose(model.state_dict()["weight"], [[1, -2, 0.5]], atol=0.02)


def test_early_stopping_restores_the_best_weights(tmp_path: Path) -> None:
    """A rate that makes the loss grow: the first epoch is the best."""
    x, y = line()
    model, optimizer = linear(rate=0.6)
    seen: list[Any] = []
    history = fit(
        model,
        [(x, y)],
        nn.MSELoss(),
        optimizer,
        epochs=50,
        metrics=(),
        validation=[(x, y)],
        early_stopping=EarlyStopping(patience=3),
        callbacks=[lambda _: seen.append(model.state_dict())],
        run=tmp_path,
        progress=False,
    )
    best = int(history.epochs["val_loss"].argmin())
    assert len(history.epochs) == best + 1 + 3 < 50
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, seen[best][name])
        np.testing.assert_array_equal(load_checkpoint(tmp_path).weights[name], value)


def test_a_callback_can_end_a_run(tmp_path: Path) -> None:
    _, history = fitted(epochs=9, callbacks=[lambda h: len(h.epochs) == 2], run=tmp_path)
    assert len(history.epochs) == 2
    _, again = fitted(epochs=9, run=tmp_path, resume=True)
    assert again == history


# Divergence


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(Diverged, match="became") as caught:
        fitted(rate=50.0, epochs=50, run=run)
    message = str(caught.value)
    found = re.search(
        r"the (?:loss|gradient's norm) became (?:nan|inf) in epoch (\d+), step (\d) "
        r"\(step (\d+) of the run\); try a smaller learning rate than 50, or clip_norm=1.0; "
        r".* keeps the run as it was after step (\d+)",
        message,
    )
    assert found, message
    epoch, step, total, saved = map(int, found.groups())
    assert total == 3 * (epoch - 1) + step > saved >= 1
    checkpoint = load_checkpoint(run)
    assert len(checkpoint.history.steps) == saved
    assert np.isfinite(checkpoint.history.steps["loss"]).all()
    assert all(np.isfinite(w).all() for w in checkpoint.model.values())


def test_data_that_are_not_finite_are_suspected(tmp_path: Path) -> None:
    x, y = line()
    x[:, 1] = np.nan
    with pytest.raises(Diverged, match=r"became nan in epoch 1, step 1 .*look for nan, inf"):
        fitted(data=(x, y), run=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path) -> None:
    """The loss before an update may be finite where the weights after it are not."""
    with pytest.raises(Diverged, match="weight 'weight' is not finite after step 1"):
        fitted(rate=3e38, run=tmp_path / "run")
    assert not (tmp_path / "run").exists()


# Arguments


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"epochs": 0}, BadInput, "epochs is a whole number from 1; got 0"),
        ({"epochs": 1.5}, BadInput, "epochs"),
        ({"epochs": True}, BadInput, "epochs"),
        ({"clip_norm": 0}, BadInput, "clip_norm is a number above 0"),
        ({"clip_norm": float("nan")}, BadInput, "clip_norm"),
        ({"metrics": (confusion,)}, BadInput, "confusion is not one number"),
        ({"metrics": (mae, mae)}, BadInput, "a name of its own"),
        ({"metrics": (wb.train.accuracy,)}, TypeMismatch, "for regression write metrics="),
        ({"early_stopping": EarlyStopping(monitor="val_loss")}, BadInput, "there are loss"),
        ({"save_every": 0}, BadInput, "save_every"),
        ({"save_every": 5}, BadInput, "need run="),
        ({"validation": 5}, TypeMismatch, "a loader is a wb.data.DataLoader"),
        ({"validation": []}, BadInput, "no batch"),
    ],
)
def test_arguments_are_checked(options: dict[str, Any], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        fitted(**options)


def test_parts_are_checked(tmp_path: Path) -> None:
    model, optimizer = linear()
    x, y = line()
    good: dict[str, Any] = {
        "model": model,
        "loader": [(x, y)],
        "loss": nn.MSELoss(),
        "optimizer": optimizer,
    }
    changes: list[tuple[dict[str, Any], str]] = [
        ({"model": nn.Linear}, "expected an nn.Module"),
        ({"optimizer": optim.SGD}, "expected an optimiser"),
        ({"loss": "mse"}, "expected a loss"),
        ({"loader": iter([(x, y)])}, "a loader is a wb.data.DataLoader"),
        ({"loader": [x]}, r"gives batches \(x, y\)"),
        ({"loader": [(x,)]}, "a batch of 1"),
        ({"loader": [(x, np.float32(1))]}, "one row per sample"),
    ]
    for change, match in changes:
        with pytest.raises(TypeMismatch, match=match):
            fit(**{**good, **change}, epochs=1, metrics=(), progress=False, run=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_file_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(BadInput, match="is a file; run= is a folder"):
        fitted(run=tmp_path / "a")
    with pytest.raises(BadInput, match="cannot make the folder"):
        fitted(run=tmp_path / "a" / "b")


def test_an_empty_folder_of_the_user_stays_when_nothing_was_saved(tmp_path: Path) -> None:
    x, y = line()
    with pytest.raises(Diverged):
        fitted(data=(x * np.nan, y), run=tmp_path)
    assert tmp_path.is_dir()


# Display


def test_a_line_for_each_epoch_where_there_is_no_terminal() -> None:
    out = io.StringIO()
    with redirect_stdout(out):
        fitted(epochs=2, metrics=(r2,), validation=[line()], progress=True)
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    number = r"-?\d+\.\d{4}"
    pattern = f"epoch 2/2  loss {number} val {number}  r2 {number} val {number}  \\d+\\.\\d s"
    assert re.fullmatch(pattern, lines[1]), lines[1]


def test_silence() -> None:
    out = io.StringIO()
    with redirect_stdout(out):
        fitted(progress=False)
    assert out.getvalue() == ""


def test_a_bar_in_a_terminal() -> None:
    from rich.console import Console

    from wingbeat.train._progress import Bar

    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=80, color_system=None)
    row = {"epoch": 2, "step": 7, "loss": 0.25, "accuracy": 0.5, "lr": 0.01, "grad_norm": 1.5}
    with Bar(console, epochs=3, steps=12) as bar:
        bar.step(row, 7, 12_345.0)
        bar.epoch({**row, "seconds": 1.0})
    text = out.getvalue()
    assert "epoch 2/3" in text
    assert "loss 0.25 accuracy 0.5 12.3k/s lr 0.01 |g| 1.5" in text
    assert "epoch 2/3  loss 0.2500  accuracy 0.5000  1.0 s" in text
    assert (
        max(len(re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "", x)) for x in re.split(r"[\r\n]", text))
        <= 80
    )
