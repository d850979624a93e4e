"""Checkpoints: everything that a run needs to go on, in one file."""

import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from wingbeat.api import Tensor
from wingbeat.errors import BadCheckpoint, WingbeatError
from wingbeat.train._container import read_tree, write_tree
from wingbeat.train._history import History, Table

NAME = "checkpoint.safetensors"


def _versions() -> dict[str, str]:
    wingbeat = sys.modules[__name__.partition(".")[0]].__version__
    return {"wingbeat": wingbeat, "numpy": np.__version__, "python": platform.python_version()}


@dataclass(frozen=True, kw_only=True, repr=False)
class Checkpoint:
    """A run at one moment.

    Attributes:
        model: what `model.state_dict()` gave after the last step.
        best: the same after the best epoch, where early stopping keeps it.
        optimizer: what `optimizer.state_dict()` gave.
        random: the state of `wb.random.default`.
        loader, validation: positions of the loaders, where they have one.
        history: of all steps and epochs so far.
        epoch: epochs finished.
        batch: batches done of the next one.
        parts: what the metrics gathered in these batches.
        seconds: time spent in these batches.
        callbacks: the states of those that have one.
        stopped: the run is over, whatever the number of epochs.
        settings: what must be the same for the run to go on.
        description: what the caller wants to know of the run; anything that JSON can say.
        versions: of Wingbeat, NumPy and Python.

    >>> import wingbeat as wb
    >>> model = wb.nn.Linear(2, 1)
    >>> checkpoint = wb.train.Checkpoint(model=model.state_dict(), epoch=3)
    >>> checkpoint
    Checkpoint(epoch 3, batch 0, 2 weights)
    """

    model: dict[str, Any]
    best: dict[str, Any] | None = None
    optimizer: Any = None
    random: dict[str, int] | None = None
    loader: Any = None
    validation: Any = None
    history: History = field(default_factory=History)
    epoch: int = 0
    batch: int = 0
    parts: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    callbacks: list[Any] = field(default_factory=list)
    stopped: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    description: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=_versions)

    @property
    def weights(self) -> dict[str, Any]:
        """What `fit` left in the model: the best weights where they were kept, else the last ones.

        >>> import wingbeat as wb
        >>> wb.train.Checkpoint(model={"w": wb.ones(2)}).weights
        {'w': tensor([1., 1.])}
        """
        return self.model if self.best is None else self.best

    def __repr__(self) -> str:
        return f"Checkpoint(epoch {self.epoch}, batch {self.batch}, {len(self.model)} weights)"


def _columns(table: Table) -> dict[str, Any]:
    return {name: table[name] for name in table.columns}


def save_checkpoint(path: str | PathLike[str], checkpoint: Checkpoint) -> Path:
    """Writes a checkpoint: all of it, or else what was there stays.

    Args:
        path: a file ending in .safetensors, or a folder, in which it is checkpoint.safetensors.
        checkpoint: what to write.

    Returns:
        The file.

    Raises:
        BadInput: the system refuses to write: no permission, a full disk.

    >>> import tempfile
    >>> import wingbeat as wb
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = wb.train.save_checkpoint(folder, wb.train.Checkpoint(model={"w": wb.ones(2)}))
    ...     wb.train.load_checkpoint(folder).model
    {'w': tensor([1., 1.])}
    """
    tree = {name: getattr(checkpoint, name) for name in FIELDS}
    history = checkpoint.history
    tree["history"] = {"steps": _columns(history.steps), "epochs": _columns(history.epochs)}
    file = checkpoint_file(path)
    write_tree(file, tree)
    return file


def load_checkpoint(path: str | PathLike[str], model: Any = None) -> Checkpoint:
    """Reads a checkpoint and, where a model is given, gives it the weights that its run ended with.

    Args:
        path: a run's folder, or a file.
        model: an `nn.Module` with the same weights by name, shape and dtype; it changes only when
            everything fits.

    Returns:
        The checkpoint.

    Raises:
        BadCheckpoint: the file is missing, cut short, damaged, of another program or of a newer
            version, or belongs to another model.

    >>> import wingbeat as wb
    >>> wb.train.load_checkpoint("no/such/run")
    Traceback (most recent call last):
        ...
    wingbeat.errors.BadCheckpoint: checkpoint: there is no run at no/such/run
    """
    file = checkpoint_file(path)
    if not Path(path).exists():
        raise BadCheckpoint(f"checkpoint: there is no run at {path}")
    if not file.exists():
        raise BadCheckpoint(f"checkpoint: the folder {path} holds no {NAME}; no step was saved yet")
    tree = read_tree(file)
    if reason := _complaint(tree):
        raise BadCheckpoint(f"checkpoint: {file} is no saved run: {reason}")
    tables = {name: Table(columns) for name, columns in tree["history"].items()}
    fields: dict[str, Any] = {**tree, "history": History(**tables)}
    checkpoint = Checkpoint(**fields)
    if model is not None:
        load_weights(model, checkpoint.weights, str(file))
    return checkpoint


def checkpoint_file(path: str | PathLike[str]) -> Path:
    """The file that `path` means: itself, or the one in the folder that it names."""
    found = Path(path)
    if found.is_dir() or (found.suffix != ".safetensors" and not found.exists()):
        return found / NAME
    return found


# --- what a tree has to look like ----------------------------------------------------------------


def _arrays(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(k, str) and isinstance(v, Tensor | np.ndarray) for k, v in value.items()
    )


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is(*kinds: Any) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


def _tables(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == {"steps", "epochs"}
        and all(_arrays(v) and all(c.ndim == 1 for c in v.values()) for v in value.values())
        and all(len({len(c) for c in v.values()}) <= 1 for v in value.values())
    )


def _state(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and all(map(_count, value.values())))


FIELDS: dict[str, Callable[[Any], bool]] = {
    "model": _arrays,
    "best": lambda value: value is None or _arrays(value),
    "optimizer": _is(dict, type(None)),
    "random": _state,
    "loader": _is(dict, type(None)),
    "validation": _is(dict, type(None)),
    "history": _tables,
    "epoch": _count,
    "batch": _count,
    "parts": _arrays,
    "seconds": _is(int, float),
    "callbacks": _is(list),
    "stopped": _is(bool),
    "settings": _is(dict),
    "description": _is(dict),
    "versions": _is(dict),
}


def _complaint(tree: Any) -> str | None:
    if not isinstance(tree, dict):
        return "it holds no fields"
    if missing := [name for name in FIELDS if name not in tree]:
        return f"it lacks {', '.join(missing)}"
    if extra := [str(name) for name in tree if name not in FIELDS]:
        return f"it has the unknown fields {', '.join(extra)}"
    wrong = [name for name, fits in FIELDS.items() if not fits(tree[name])]
    return f"it has a wrong {', '.join(wrong)}" if wrong else None


# --- giving them back ----------------------------------------------------------------------------


def load_weights(model: Any, weights: Mapping[str, Any], source: str) -> None:
    """Gives `model` its weights, or says in one sentence why they are another model's."""
    if reason := mismatch(model.state_dict(), weights):
        raise BadCheckpoint(f"checkpoint: {source} belongs to another model: {reason}")
    hand(model, weights, "weights", source)


def hand(receiver: Any, state: Any, what: str, source: str) -> None:
    """`receiver.load_state_dict(state)`; a state that it refuses is the checkpoint's fault."""
    try:
        receiver.load_state_dict(state)
    except (WingbeatError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadCheckpoint(
            f"checkpoint: the {what} in {source} do not fit: {str(error).splitlines()[0]}"
        ) from error


def mismatch(own: Mapping[str, Any], saved: Mapping[str, Any]) -> str | None:
    """The first difference of two sets of arrays in names, shapes and dtypes."""
    for name, array in own.items():
        if name not in saved:
            return f"it has no {name!r}"
        ours, theirs = signature(array), signature(saved[name])
        if ours != theirs:
            return f"{name!r} is {theirs} there and {ours} here"
    extra = next((name for name in saved if name not in own), None)
    return None if extra is None else f"the model here has no {extra!r}"


def signature(array: Any) -> str:
    """float32[3,4]."""
    return f"{array.dtype}[{','.join(map(str, array.shape))}]"
