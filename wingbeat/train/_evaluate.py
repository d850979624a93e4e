"""How good a model is on data that it is not trained with here."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from wingbeat.api import Tensor, no_grad
from wingbeat.api.jit import natively
from wingbeat.train._batch import batches, dtype_of, handed
from wingbeat.train._metrics import Metric, accuracy, mean_loss


def evaluate(
    model: Any,
    loader: Any,
    loss: Callable[[Tensor, Tensor], Tensor] | None = None,
    metrics: Sequence[Metric] = (accuracy,),
) -> dict[str, Any]:
    """The mean loss and the metrics of a model, in evaluation mode and without gradients.

    Args:
        model: an `nn.Module`; its mode (train or eval) is as before afterwards.
        loader: a `DataLoader`, a list of batches (x, y), or a `Dataset`. Floats are handed over in
            the model's dtype.
        loss: (outputs, targets) to the mean over the batch; None leaves it out.
        metrics: what else to compute.

    Returns:
        {"loss": ..., "accuracy": ...}: by name.

    Raises:
        TypeMismatch: batches are no pairs, or a metric does not fit them.
        BadInput: the loader has no batch.

    >>> import wingbeat as wb
    >>> train, test = wb.data.digits()
    >>> model = wb.nn.Linear(64, 10)
    >>> found = wb.train.evaluate(model, test, wb.nn.CrossEntropyLoss())
    >>> list(found)
    ['loss', 'accuracy']
    """
    given = batches(loader, "evaluate")
    wanted = [*([] if loss is None else [mean_loss(loss)]), *metrics]
    counts: list[int] = []
    parts: list[list[Any]] = []
    dtype = dtype_of(model)
    with evaluating(model), no_grad(), natively():
        for batch in given:
            inputs, target = handed(batch, dtype, "evaluate")
            outputs = model(*inputs)
            measured = [metric.measure(outputs, target) for metric in wanted]
            parts.append([np.asarray(part) for part in measured])
            counts.append(len(target))
    columns = zip(*parts, strict=True)
    return {m.name: m.combine(column, counts) for m, column in zip(wanted, columns, strict=True)}


@contextmanager
def evaluating(model: Any) -> Generator[None]:
    """Within this, `model` is in evaluation mode; afterwards every part of it is as it was."""
    before = [(part, part.training) for part in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for part, mode in before:
            part.training = mode
