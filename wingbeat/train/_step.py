"""One step of training."""

from dataclasses import dataclass

import numpy as np

from wingbeat.api import Tensor, asarray, no_grad, sqrt
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
    norm = _norm(setup)
    rate = float(optimizer.lr)
    optimizer.step()
    return Done(
        loss=float(loss.item()),
        norm=float(norm.item()),
        rate=rate,
        samples=len(target),
        parts={name: np.asarray(part) for name, part in parts.items()},
    )


def _norm(setup: Setup) -> Tensor:
    """The norm of the whole gradient, which is clipped where that is asked for."""
    parameters = list(setup.model.parameters())
    if setup.clip_norm is not None:
        return clip_grad_norm(parameters, setup.clip_norm)
    total = asarray(0.0)
    with no_grad():
        for g in (p.grad for p in parameters if p.grad is not None):
            # As a product of vectors: squares written out would cost as much as the whole step.
            flat = g.reshape(-1) if g.dtype.name != "float16" else g.reshape(-1).astype("float32")
            total = total + (flat @ flat).astype("float64")
        return sqrt(total)
