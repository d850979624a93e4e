"""The loop's state, and what happens to it at a step, at an epoch's end, and when it is saved."""

import math
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from wingbeat.api import random
from wingbeat.errors import Advice, BadCheckpoint, Diverged
from wingbeat.train._batch import dtype_of, handed
from wingbeat.train._checkpoint import (
    Checkpoint,
    hand,
    load_checkpoint,
    load_weights,
    mismatch,
    save_checkpoint,
)
from wingbeat.train._evaluate import evaluate
from wingbeat.train._history import History
from wingbeat.train._progress import Progress
from wingbeat.train._setup import Setup, numbers
from wingbeat.train._step import step


class Loop:
    """A run in progress."""

    def __init__(
        self, setup: Setup, folder: Path | None, save_every: int | None, description: dict[str, Any]
    ) -> None:
        self.setup, self.folder = setup, folder
        self._save_every, self._description = save_every, description
        self._settings = setup.settings()  # as they are now: a callback may change the rate
        self.history = History()
        self.epoch = self.batch = 0
        self._parts: dict[str, list[Any]] = {m.name: [] for m in setup.metrics}
        self._best: dict[str, Any] | None = None
        self._stopped = False
        self._dtype = dtype_of(setup.model)
        self._seconds, self._since = 0.0, perf_counter()
        self._samples = 0  # in this epoch
        self._saved = 0  # step of the last checkpoint

    @property
    def steps(self) -> int:
        """Steps done since the run began."""
        return len(self.history.steps)

    def run(self, display: Progress, asked: Callable[[], bool]) -> None:
        """Trains until the last epoch, or until something says stop."""
        self._since = perf_counter()
        self.setup.model.train()
        while self.epoch < self.setup.epochs and not self._stopped:
            for batch in self._batches():
                self._step(batch, display)
                if self.batch < len(self.setup.loader):
                    self._pause(asked())
            self._end_epoch(display)
            if asked() and self.epoch < self.setup.epochs and not self._stopped:
                self._interrupted()
        if self._best is not None:
            self.setup.model.load_state_dict(self._best)

    def _batches(self) -> Any:
        """The batches of this epoch that are still to come; a DataLoader knows its own position."""
        loader = self.setup.loader
        return loader if hasattr(loader, "state_dict") else islice(loader, self.batch, None)

    # --- a step ----------------------------------------------------------------------------------

    def _step(self, batch: Any, display: Progress) -> None:
        inputs, target = handed(batch, self._dtype, "fit")
        done = step(self.setup, inputs, target)
        self.batch += 1
        for name, part in done.parts.items():
            self._parts[name].append(part)
        row = {
            "epoch": self.epoch + 1,
            "step": self.steps + 1,
            "loss": done.loss,
            **numbers(self.setup.metrics, {n: [p] for n, p in done.parts.items()}, [done.samples]),
            "lr": done.rate,
            "grad_norm": done.norm,
            "samples": done.samples,
        }
        if not (math.isfinite(done.loss) and math.isfinite(done.norm)):
            raise self._diverged(row)
        self.history.steps.append(row)
        self._samples += done.samples
        display.step(row, self.steps, self._samples / max(self._elapsed(), 1e-9))

    def _pause(self, asked: bool) -> None:
        """Between two steps of an epoch: save where it is time to, stop where that is wanted."""
        if asked:
            self._interrupted()
        due = self._save_every is not None and self.steps % self._save_every == 0
        if due or self.steps == 1:
            self.save()

    def _interrupted(self) -> None:
        self.save()
        where = f"epoch {self.epoch + 1}, after {self.batch} of {len(self.setup.loader)} batches"
        kept = "nothing was saved, as fit had no run="
        if self.folder is not None:
            again = f"fit(..., run={str(self.folder)!r}, resume=True)"
            kept = f"saved in {self.folder}; go on with {again}"
        raise KeyboardInterrupt(f"stopped in {where}; {kept}")

    def _diverged(self, row: dict[str, float]) -> Diverged:
        what = "loss" if not math.isfinite(row["loss"]) else "gradient's norm"
        value = row["loss" if what == "loss" else "grad_norm"]
        advice = f"try a smaller learning rate than {row['lr']:g}, or ", Advice("clip_norm", 1.0)
        if row["step"] == 1:
            advice = ("it is the first step, so look for nan, inf or huge numbers in the data",)
        return Diverged(
            f"fit: the {what} became {value} in epoch {int(row['epoch'])}, step {self.batch} "
            f"(step {int(row['step'])} of the run); ",
            *advice,
            self._kept(),
        )

    def _kept(self) -> str:
        if self.folder is None:
            return ""
        if not self._saved:
            return "; nothing was saved yet"
        return f"; {self.folder} keeps the run as it was after step {self._saved}"

    # --- an epoch --------------------------------------------------------------------------------

    def _in_epoch(self, name: str) -> np.ndarray:
        return self.history.steps.tail(name, self.batch)

    def _elapsed(self) -> float:
        return self._seconds + perf_counter() - self._since

    def _end_epoch(self, display: Progress) -> None:
        setup, counts = self.setup, self._in_epoch("samples")
        row = {
            "epoch": self.epoch + 1,
            "step": self.steps,
            "loss": float(np.average(self._in_epoch("loss"), weights=counts)),
            **numbers(setup.metrics, self._parts, counts),
        }
        if setup.validation is not None:
            found = evaluate(setup.model, setup.validation, setup.loss, setup.metrics)
            row |= {f"val_{name}": value for name, value in found.items()}
        row["lr"] = self.history.steps.last()["lr"]
        row["grad_norm"] = float(self._in_epoch("grad_norm").mean())
        row["seconds"] = self._elapsed()
        self.history.epochs.append(row)
        self.epoch, self.batch = self.epoch + 1, 0
        self._parts = {m.name: [] for m in setup.metrics}
        self._seconds, self._since, self._samples = 0.0, perf_counter(), 0
        self._judge()
        self.save()
        display.epoch(row)

    def _judge(self) -> None:
        setup, stopping = self.setup, self.setup.early_stopping
        if stopping is not None and setup.monitor is not None:
            values = self.history.epochs[setup.monitor]
            self._stopped = stopping.done(values, setup.better)
            latest = stopping.best(values, setup.better) == len(values) - 1
            if stopping.restore_best and latest:
                self._best = _snapshot(setup.model)
        for callback in setup.callbacks:
            self._stopped = bool(callback(self.history)) or self._stopped

    # --- saving and going on ---------------------------------------------------------------------

    def save(self) -> None:
        """Writes the checkpoint, unless a weight is no longer finite: the one before is better."""
        if self.folder is None:
            return
        setup = self.setup
        weights = _snapshot(setup.model)
        for name, value in weights.items():
            if value.dtype.kind == "f" and not np.isfinite(value).all():
                raise Diverged(
                    f"fit: weight {name!r} is not finite after step {self.steps}; try a smaller "
                    f"learning rate than {self.history.steps.last()['lr']:g}{self._kept()}"
                )
        checkpoint = Checkpoint(
            model=weights,
            best=self._best,
            optimizer=setup.optimizer.state_dict(),
            random=random.default.state_dict(),
            loader=_position(setup.loader),
            validation=_position(setup.validation),
            history=self.history,
            epoch=self.epoch,
            batch=self.batch,
            parts={name: np.array(parts) for name, parts in self._parts.items()},
            seconds=self._elapsed() if self.batch else 0.0,
            stopped=self._stopped,
            callbacks=[_position(callback) for callback in setup.callbacks],
            settings=self._settings,
            description=self._description,
        )
        save_checkpoint(self.folder, checkpoint)
        self._saved = self.steps

    def resume(self) -> None:
        """Sets everything to where the saved run was, once all of it is known to fit."""
        assert self.folder is not None
        found, setup, source = load_checkpoint(self.folder), self.setup, str(self.folder)
        if reason := mismatch(setup.model.state_dict(), found.model):
            raise BadCheckpoint(f"checkpoint: {source} belongs to another model: {reason}")
        for name, ours in self._settings.items():
            theirs = found.settings.get(name)
            if ours != theirs:
                raise BadCheckpoint(
                    f"checkpoint: the run in {source} has {name} {theirs}, not {ours}; "
                    "a run goes on with what it began with"
                )
        hand(setup.optimizer, found.optimizer, "optimiser's numbers", source)
        for loader, position in (
            (setup.loader, found.loader),
            (setup.validation, found.validation),
        ):
            if position is not None:
                hand(loader, position, "loader's position", source)
        load_weights(setup.model, found.model, source)
        for callback, state in zip(setup.callbacks, found.callbacks, strict=False):
            if state is not None:
                hand(callback, state, "callback's numbers", source)
        if found.random is not None:
            hand(random.default, found.random, "random state", source)
        self.history, self._best = found.history, found.best
        self.epoch, self.batch = found.epoch, found.batch
        self._parts = {name: list(parts) for name, parts in found.parts.items()}
        self._samples = int(self._in_epoch("samples").sum()) if self.batch else 0
        self._seconds, self._stopped, self._saved = found.seconds, found.stopped, self.steps


def _snapshot(model: Any) -> dict[str, Any]:
    return {name: np.asarray(value) for name, value in model.state_dict().items()}


def _position(loader: Any) -> Any:
    return loader.state_dict() if hasattr(loader, "state_dict") else None
