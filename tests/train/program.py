"""A run for tests, in a process of its own: `python -m tests.train.program FOLDER [--resume]`.

Everything that has a state takes part: dropout, Adam or momentum, a schedule, shuffling, clipping,
a validation loader, early stopping that keeps the best weights, checkpoints within epochs.
"""

import sys
from typing import Any

import numpy as np

import wingbeat as wb
from wingbeat import nn, optim
from wingbeat.train import EarlyStopping, History, fit

EPOCHS, BATCHES = 8, 10


def parts(kind: str = "adam") -> tuple[Any, Any, Any, Any]:
    """Model, loaders and optimiser, the same in every process."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 6))
    y = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
    wb.random.seed(3)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 2))
    train = wb.data.DataLoader((x[:150], y[:150]), batch_size=15, seed=1)
    test = wb.data.DataLoader((x[150:], y[150:]), batch_size=20, seed=2)
    rate = optim.Cosine(0.02, EPOCHS * BATCHES)
    parameters = list(model.parameters())
    if kind == "sgd":
        return model, train, test, optim.SGD(parameters, lr=rate, momentum=0.9)
    return model, train, test, optim.Adam(parameters, lr=rate)


def train(folder: str | None, kind: str = "adam", **options: Any) -> tuple[Any, Any, History]:
    """Model, optimiser and history at the end of the run."""
    model, loader, validation, optimizer = parts(kind)
    defaults: dict[str, Any] = {"epochs": EPOCHS, "save_every": 3, "progress": False}
    history = fit(
        model,
        loader,
        nn.CrossEntropyLoss(),
        optimizer,
        validation=validation,
        clip_norm=0.5,
        early_stopping=EarlyStopping(patience=EPOCHS),
        run=folder,
        **defaults | options,
    )
    return model, optimizer, history


if __name__ == "__main__":
    train(sys.argv[1], sys.argv[2], resume="--resume" in sys.argv)
