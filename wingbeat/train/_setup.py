"""What a run consists of, checked before anything happens."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from wingbeat.api import Tensor
from wingbeat.data import DataLoader
from wingbeat.errors import BadInput, TypeMismatch
from wingbeat.train._batch import batches
from wingbeat.train._checkpoint import signature
from wingbeat.train._history import History
from wingbeat.train._metrics import Metric
from wingbeat.train._stopping import EarlyStopping


@dataclass(frozen=True, kw_only=True)
class Setup:
    """The arguments of `fit` that belong to the run itself."""

    model: Any
    loader: Any
    loss: Callable[[Tensor, Tensor], Tensor]
    optimizer: Any
    epochs: int
    validation: Any
    metrics: tuple[Metric, ...]
    clip_norm: float | None
    early_stopping: EarlyStopping | None
    callbacks: tuple[Callable[[History], Any], ...]

    def __post_init__(self) -> None:
        _insist_on_parts(self)
        _insist_on_numbers(self)
        batches(self.loader, "fit")
        if self.validation is not None:
            batches(self.validation, "fit")
        names = [m.name for m in self.metrics]
        if len(set(names)) < len(names) or {"loss", "lr", "grad_norm"} & set(names):
            raise BadInput(f"fit: every metric has a name of its own; got {', '.join(names)}")
        if odd := [m.name for m in self.metrics if not m.scalar]:
            raise BadInput(
                f"fit: {odd[0]} is not one number and has no place in a history; "
                "ask wb.train.evaluate for it"
            )
        monitor = self.monitor
        if monitor is not None and monitor not in self.columns:
            raise BadInput(
                f"fit: early stopping watches {monitor!r}; there are {', '.join(self.columns)}"
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """What an epoch is measured by."""
        own = ("loss", *(m.name for m in self.metrics))
        return own if self.validation is None else (*own, *(f"val_{n}" for n in own))

    @property
    def monitor(self) -> str | None:
        """The column that early stopping watches."""
        if self.early_stopping is None:
            return None
        return self.early_stopping.monitor or ("loss" if self.validation is None else "val_loss")

    @property
    def better(self) -> str:
        """Whether "high" or "low" values of it are good ones."""
        name = (self.monitor or "").removeprefix("val_")
        return next((m.better for m in self.metrics if m.name == name), "low")

    def settings(self) -> dict[str, Any]:
        """What must be the same for a run to go on, so that it goes on as if never stopped."""
        return {
            "model": {name: signature(p) for name, p in self.model.state_dict().items()},
            "optimizer": _text(self.optimizer),
            "loss": _text(self.loss),
            "loader": _described(self.loader),
            "validation": None if self.validation is None else _described(self.validation),
            "metrics": [m.name for m in self.metrics],
            "clip_norm": self.clip_norm,
            "early_stopping": None if self.early_stopping is None else repr(self.early_stopping),
        }


def _text(value: Any) -> str:
    """The printed form, without the addresses that differ from process to process."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def _described(data: Any) -> str:
    known = isinstance(data, DataLoader) or type(data).__name__ == "Dataset"
    return repr(data) if known else f"{len(data)} batches"


def _insist_on_parts(setup: Setup) -> None:
    for value, needs, example in (
        (setup.model, "parameters", "an nn.Module"),
        (setup.optimizer, "step", "an optimiser, as wb.optim.SGD(model.parameters(), lr=0.1)"),
        (setup.loss, "__call__", "a loss, as wb.nn.CrossEntropyLoss()"),
    ):
        if not hasattr(value, needs) or isinstance(value, type):
            got = value.__name__ if isinstance(value, type) else type(value).__name__
            raise TypeMismatch(f"fit: expected {example}; got {got}")


def _insist_on_numbers(setup: Setup) -> None:
    epochs, clip = setup.epochs, setup.clip_norm
    if not isinstance(epochs, int) or isinstance(epochs, bool) or epochs < 1:
        raise BadInput(f"fit: epochs is a whole number from 1; got {epochs!r}")
    if clip is not None and not (isinstance(clip, int | float) and 0 < clip < math.inf):
        raise BadInput(f"fit: clip_norm is a number above 0; got {clip!r}")


def numbers(
    metrics: Sequence[Metric], parts: dict[str, list[Any]], counts: Any
) -> dict[str, float]:
    """The value of every metric."""
    return {m.name: float(m.combine(parts[m.name], counts)) for m in metrics}
