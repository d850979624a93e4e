"""`fit`: the loop, which can be left and entered again at any step."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import Any

from wingbeat.api import Tensor
from wingbeat.errors import BadCheckpoint, BadInput
from wingbeat.train._checkpoint import NAME
from wingbeat.train._files import only_user
from wingbeat.train._history import History
from wingbeat.train._interrupt import first_interrupt_waits
from wingbeat.train._loop import Loop
from wingbeat.train._metrics import Metric, accuracy
from wingbeat.train._progress import shown
from wingbeat.train._setup import Setup
from wingbeat.train._stopping import EarlyStopping


def fit(
    model: Any,
    loader: Any,
    loss: Callable[[Tensor, Tensor], Tensor],
    optimizer: Any,
    *,
    epochs: int,
    validation: Any = None,
    metrics: Sequence[Metric] = (accuracy,),
    clip_norm: float | None = None,
    early_stopping: EarlyStopping | None = None,
    callbacks: Sequence[Callable[[History], Any]] = (),
    run: str | PathLike[str] | None = None,
    resume: bool = False,
    save_every: int | None = None,
    description: dict[str, Any] | None = None,
    progress: bool = True,
) -> History:
    """Trains a model: for every batch a step against the gradient, all of it one program.

    The model is trained in place and left in training mode. A run that was stopped and resumed ends
    with the same bits as one that was not. Ctrl-C finishes the step, saves, and raises
    `KeyboardInterrupt`; a second one stops at once.

    Args:
        model: an `nn.Module`.
        loader: a `DataLoader`, or a list of batches (x, y). Floats are handed over in the model's
            dtype; a batch (a, b, y) calls `model(a, b)`.
        loss: (outputs, targets) to a scalar, the mean over the batch.
        optimizer: of `wb.optim`, over the model's parameters.
        epochs: how often to go through the data, counted from the beginning of the run.
        validation: a loader or `Dataset` to measure with after each epoch.
        metrics: to compute for every step and epoch beside the loss.
        clip_norm: the largest norm of the gradient of all parameters; longer ones are shortened.
        early_stopping: when to stop before the last epoch.
        callbacks: called with the history after every epoch; a true result ends the run. What one
            with `state_dict` and `load_state_dict` remembers is saved with the run.
        run: a folder to save the run in, after its first step and after each epoch.
        resume: go on with the run that was saved in `run`; without it, a folder that holds a run is
            refused. The other arguments must be those of the run; `epochs` may be larger.
        save_every: save after so many steps too.
        description: kept in the checkpoint for whoever reads it; anything that JSON can say.
        progress: show a bar in a terminal, a line for each epoch elsewhere.

    Returns:
        The history of the whole run.

    Raises:
        Diverged: the loss, the gradient or a weight is no longer finite; what was saved last stays.
        BadCheckpoint: there is no run to resume, or it belongs to other arguments.
        BadInput: an argument is out of range, or the run cannot be written.
        TypeMismatch: an argument is of the wrong kind, or batches do not fit the model.

    >>> import wingbeat as wb
    >>> wb.random.seed(0)
    >>> train, test = wb.data.digits()
    >>> model = wb.nn.Linear(64, 10)
    >>> history = wb.train.fit(
    ...     model,
    ...     wb.data.DataLoader(train, batch_size=64),
    ...     wb.nn.CrossEntropyLoss(),
    ...     wb.optim.SGD(model.parameters(), lr=0.5),
    ...     epochs=2,
    ...     progress=False,
    ... )
    >>> len(history.steps), bool(history.epochs["accuracy"][-1] > 0.8)
    (46, True)
    """
    setup = Setup(
        model=model,
        loader=loader,
        loss=loss,
        optimizer=optimizer,
        epochs=epochs,
        validation=validation,
        metrics=tuple(metrics),
        clip_norm=clip_norm,
        early_stopping=early_stopping,
        callbacks=tuple(callbacks),
    )
    folder = _folder(run, resume, save_every, loader)
    loop = Loop(setup, folder, save_every, description or {})
    if resume:
        loop.resume()
    display = shown(progress, epochs, epochs * len(loader))
    with _claimed(folder), first_interrupt_waits() as asked, display:
        loop.run(display, asked)
    return loop.history


def _folder(run: Any, resume: bool, save_every: int | None, loader: Any) -> Path | None:
    if save_every is not None and (not isinstance(save_every, int) or save_every < 1):
        raise BadInput(f"fit: save_every is a number of steps from 1; got {save_every!r}")
    if run is None:
        if resume or save_every is not None:
            raise BadInput("fit: resume and save_every need run=, the folder of the run")
        return None
    folder = Path(run)
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"fit: {folder} is a file; run= is a folder")
    if not hasattr(loader, "state_dict") and not isinstance(loader, list | tuple):
        raise BadInput("fit: a run is saved with the loader's position; use a wb.data.DataLoader")
    if not resume and (folder / NAME).exists():
        raise BadInput(
            f"fit: {folder} holds a run already; write resume=True to go on with it, "
            "or name another folder"
        )
    if resume and not (folder / NAME).exists():
        raise BadCheckpoint(f"fit: there is no run in {folder} to resume; write resume=False")
    return folder


@contextmanager
def _claimed(folder: Path | None) -> Generator[None]:
    """The run's folder, made and locked; one that was made for nothing is removed again."""
    if folder is None:
        yield
        return
    new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"fit: cannot make the folder {folder}: {error.strerror}") from None
    try:
        with only_user(folder):
            yield
    finally:
        if new:
            with suppress(OSError):  # it holds a run
                folder.rmdir()
