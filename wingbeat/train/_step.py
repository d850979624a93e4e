"""One step of training."""

import math
from dataclasses import dataclass

import numpy as np

from wingbeat.api import Tensor, no_grad
from wingbeat.optim import clip_grad_norm
from wingbeat.train._setup import Setup


@dataclass(frozen=True)
class Done:
    """What a step found."""

    loss: float
    norm: float  # of the gradient, before it was clipped
    rate: float
    samples: int
    parts: dict[str, np.ndarray]  # what the metrics gathered


def step(setup: Setup, inputs: list[Tensor], target: Tensor) -> Done:
    """Loss, metrics, gradient, its norm and the update: lazy until `optimizer.step` runs all."""
    optimizer = setup.optimizer
    optimizer.zero_grad()
    outputs = setup.model(*inputs)
    loss = setup.loss(outputs, target)
    with no_grad():
        parts = {m.name: m.measure(outputs, target) for m in setup.metrics}
    loss.backward()
    limit = math.inf if setup.clip_norm is None else setup.clip_norm
    norm = clip_grad_norm(setup.model.parameters(), limit)
    rate = float(optimizer.lr)
    optimizer.step()
    return Done(
        loss=float(loss.item()),
        norm=float(norm.item()),
        rate=rate,
        samples=len(target),
        parts={name: np.asarray(part) for name, part in parts.items()},
    )
