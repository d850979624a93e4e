"""What a person sees while a model trains: a bar in a terminal, a line for each epoch elsewhere."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from time import perf_counter
from typing import Any, Protocol

_EVERY = 0.1  # seconds between two states of the bar
_HIDDEN = {"epoch", "step", "lr", "grad_norm", "seconds", "samples"}  # or shown in another form


class Progress(Protocol):
    """Is told of every step and every epoch."""

    def step(self, row: Mapping[str, float], done: int, rate: float) -> None: ...
    def epoch(self, row: Mapping[str, float]) -> None: ...


class Silent(AbstractContextManager["Silent"]):
    """Shows nothing."""

    def step(self, row: Mapping[str, float], done: int, rate: float) -> None:
        """Nothing."""

    def epoch(self, row: Mapping[str, float]) -> None:
        """Nothing."""

    def __exit__(self, *_: object) -> None:
        return None


class Lines(Silent):
    """A plain line for each epoch."""

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs

    def epoch(self, row: Mapping[str, float]) -> None:
        """Prints it."""
        print(epoch_line(row, self._epochs), flush=True)


class Bar(AbstractContextManager["Bar"]):
    """The same lines, and below them a bar with what is known of the latest step."""

    def __init__(self, console: Any, epochs: int, steps: int) -> None:
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self._epochs, self._shown = epochs, 0.0
        self._bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            expand=True,
        )
        self._task = self._bar.add_task(f"epoch 1/{epochs}", total=steps, state="")

    def __enter__(self) -> "Bar":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def step(self, row: Mapping[str, float], done: int, rate: float) -> None:
        """Moves the bar."""
        if (now := perf_counter()) - self._shown < _EVERY:
            return
        self._shown = now
        self._bar.update(
            self._task,
            completed=done,
            description=f"epoch {int(row['epoch'])}/{self._epochs}",
            state=step_state(row, rate),
        )

    def epoch(self, row: Mapping[str, float]) -> None:
        """Prints the line above the bar."""
        self._bar.console.print(epoch_line(row, self._epochs), highlight=False)


def shown(progress: bool, epochs: int, steps: int) -> Any:
    """The display that fits where the output goes."""
    if not progress:
        return Silent()
    from rich.console import Console

    console = Console()
    return Bar(console, epochs, steps) if console.is_terminal else Lines(epochs)


def epoch_line(row: Mapping[str, float], epochs: int) -> str:
    """epoch 2/20  loss 0.31 val 0.28  accuracy 0.92 val 0.93  1.2 s."""
    number = f"epoch {int(row['epoch']):>{len(str(epochs))}}/{epochs}"
    numbers = [_pair(name, row) for name in row if name not in _HIDDEN and "val_" not in name]
    return "  ".join([number, *numbers, f"{row['seconds']:.1f} s"])


def _pair(name: str, row: Mapping[str, float]) -> str:
    other = f"val_{name}"
    return f"{name} {_short(row[name])}" + (f" val {_short(row[other])}" if other in row else "")


def _short(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:.4g}"


def step_state(row: Mapping[str, float], rate: float) -> str:
    """loss 0.31 accuracy 0.92 12k/s lr 0.001 |g| 0.5."""
    numbers = [f"{n} {v:.3g}" for n, v in row.items() if n not in _HIDDEN]
    rest = [f"{thousands(rate)}/s", f"lr {row['lr']:.3g}", f"|g| {row['grad_norm']:.2g}"]
    return " ".join([*numbers, *rest])


def thousands(rate: float) -> str:
    """12k of 12345.0."""
    return f"{rate / 1000:.3g}k" if rate >= 1000 else f"{rate:.0f}"
