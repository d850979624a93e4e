"""`wingbeat train`: a network for digits, MNIST or a table, trained, saved, and resumed."""

import argparse
import itertools
import os
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import wingbeat as wb
from wingbeat import nn, optim
from wingbeat.cli import INTERRUPTED, _curves, _train_options, _train_report
from wingbeat.cli._interrupt import ends_at_once
from wingbeat.cli._train_plan import Plan, digest, from_checkpoint, from_flags, load
from wingbeat.errors import BadCheckpoint, BadInput, WingbeatError

_KEPT_APART = (
    0.1  # of the training data, for early stopping: the test data must not decide anything
)


@dataclass(frozen=True)
class Parts:
    """Data to train with, to watch while training, and to test with at the end."""

    train: wb.data.Dataset
    watch: wb.data.Dataset
    test: wb.data.Dataset
    unit: float  # of the target, by which it was divided; 1 of classes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `wingbeat train`."""
    _train_options.add_options(parser)


def run(args: argparse.Namespace) -> int:
    """Trains as the flags say; returns the exit status.

    Raises:
        BadInput: a flag, a file or a saved run cannot be used; nothing was written then.
        Diverged: training met a number that is not finite.
    """
    folder: Path | None = None
    try:
        texts = {option.name: getattr(args, option.name) for option in _train_options.OPTIONS}
        if args.resume is not None:
            folder = _resumed_folder(args)
            plan, known = from_checkpoint(args.resume, args.what, texts)
        else:
            plan, known = from_flags(args.what, texts), None
        with ends_at_once():  # scikit-learn is imported for its data
            parts = _parts(plan)
        found = digest(parts.train, parts.test)
        if known is not None and known != found:
            raise BadCheckpoint(
                f"train: the data of the run in {folder} have changed since it began"
            )
        model, fit = _prepared(plan, parts)
        if folder is None:
            folder = _new_folder(args.run, plan.name)
        return _train(plan, parts, model, fit, folder, found, resume=known is not None)
    except KeyboardInterrupt:
        _say_how_to_go_on(folder)
        return INTERRUPTED
    except WingbeatError as error:
        raise type(error)(_train_options.in_flags(error)) from error


def _resumed_folder(args: argparse.Namespace) -> Path:
    if args.run is not None:
        raise BadInput("train: --resume RUN goes on in its own folder; leave --run out")
    folder = Path(args.resume)
    if folder.is_file():
        raise BadCheckpoint(f"train: --resume takes the folder of a run; {folder} is a file")
    return folder


def _new_folder(wanted: str | None, name: str) -> Path:
    """The folder to save in: the one asked for, or the first of its kind that nobody has."""
    if wanted is None:
        numbered = (Path("runs", f"{name}-{n}") for n in itertools.count(1))
        return next(folder for folder in numbered if not folder.exists())
    folder = Path(wanted)
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"train: --run {folder} is a file; give a folder")
    if folder.is_dir() and any(folder.iterdir()):
        raise BadInput(
            f"train: --run {folder} is not empty; give another folder, or --resume {folder}"
        )
    return folder


# --- data, model, optimiser ----------------------------------------------------------------------


def _parts(plan: Plan) -> Parts:
    # Without the file's name: a run whose file was moved can go on.
    train, test = (replace(d, name=n) for d, n in zip(load(plan), ("train", "test"), strict=True))
    unit = 1.0
    if train.classes is None:
        largest = float(np.abs(train.y).max()) or 1.0  # no square of a part of it overflows
        relative = train.y.astype(np.float64) / largest
        centre, unit = float(relative.mean()) * largest, float(relative.std()) * largest or 1.0
        train, test = (
            replace(d, y=((d.y - centre) / unit).astype(d.y.dtype)) for d in (train, test)
        )
    if plan["patience"] is None:
        return Parts(train, test, test, unit)
    train, watch = train.split(_KEPT_APART, seed=0)
    return Parts(train, watch, test, unit)


def _prepared(plan: Plan, parts: Parts) -> tuple[Any, dict[str, Any]]:
    """The model, and the arguments of `fit` that the plan decides."""
    wb.random.seed(plan["seed"])
    model = _model(plan, parts.train)
    loader = wb.data.DataLoader(parts.train, batch_size=plan["batch"], seed=plan["seed"])
    regression = parts.train.classes is None
    return model, {
        "loader": loader,
        "loss": nn.MSELoss() if regression else nn.CrossEntropyLoss(),
        "optimizer": _optimizer(plan, model, len(loader)),
        "epochs": plan["epochs"],
        "validation": parts.watch,
        "metrics": (wb.train.r2,) if regression else (wb.train.accuracy,),
        "clip_norm": plan["clip"],
        "early_stopping": plan["patience"] and wb.train.EarlyStopping(plan["patience"]),
    }


def _model(plan: Plan, data: wb.data.Dataset) -> Any:
    out = data.y.shape[1] if data.classes is None else len(data.classes)
    sizes = [data.x.shape[1], *plan["hidden"]]
    layers: list[Any] = []
    for n, m in itertools.pairwise(sizes):
        layers += [nn.Linear(n, m), getattr(nn, _train_options.ACTIVATIONS[plan["activation"]])()]
        if plan["dropout"]:
            layers.append(nn.Dropout(plan["dropout"]))
    model = nn.Sequential(*layers, nn.Linear(sizes[-1], out))
    return model.to(plan["dtype"])


def _optimizer(plan: Plan, model: Any, batches: int) -> Any:
    rate = _schedule(plan, batches)
    parameters = list(model.parameters())
    if plan["optimizer"] == "sgd":
        return optim.SGD(parameters, lr=rate, momentum=plan["momentum"] or 0.0)
    kind = optim.Adam if plan["optimizer"] == "adam" else optim.AdamW
    return kind(parameters, lr=rate)


def _schedule(plan: Plan, batches: int) -> Any:
    rate, steps = plan["lr"], plan["epochs"] * batches
    name, *numbers = plan["schedule"].split(":")
    if name == "cosine":
        return optim.Cosine(rate, steps)
    if name == "onecycle":
        return optim.OneCycle(rate, steps)
    if name == "step":
        every, factor = int(numbers[0]), float([*numbers, "0.1"][1])
        return optim.StepDecay(rate, every * batches, factor)
    return rate


# --- training -------------------------------------------------------------------------------------


def _train(
    plan: Plan,
    parts: Parts,
    model: Any,
    fit: dict[str, Any],
    folder: Path,
    found: str,
    *,
    resume: bool,
) -> int:
    print(_train_report.opening(plan.name, parts.train, parts.test, model), flush=True)
    history = wb.train.fit(
        model, run=folder, resume=resume, description=plan.description(found), **fit
    )
    more = wb.train.mae if parts.test.classes is None else wb.train.confusion
    result = wb.train.evaluate(model, parts.test, fit["loss"], (*fit["metrics"], more))
    other = "test" if plan["patience"] is None else "validation"
    _curves.draw(history, folder / "curves.png", f"{plan.name}: {folder.name}", other)
    _train_report.closing(result, parts.test, parts.unit, plan, history)
    print(f"\nSaved in {folder}: checkpoint.safetensors, curves.png")
    return 0


def _say_how_to_go_on(folder: Path | None) -> None:
    if folder is None or not folder.is_dir():
        print("\nStopped before the first step; nothing was saved.", flush=True)
        return
    saved = wb.train.load_checkpoint(folder)
    where = (
        f"epoch {saved.epoch + 1}, batch {saved.batch}" if saved.batch else f"epoch {saved.epoch}"
    )
    print(
        f"\nStopped. The run is saved as it was after {where}. To go on:\n"
        f"  wingbeat train --resume {shlex.quote(os.fspath(folder))}",
        flush=True,
    )
