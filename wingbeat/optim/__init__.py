"""Optimisers, learning rates that change, and clipping.

>>> import wingbeat as wb
>>> model = wb.nn.Linear(2, 1)
>>> optimizer = wb.optim.SGD(model.parameters(), lr=0.1)
>>> for _ in range(3):
...     optimizer.zero_grad()
...     loss = wb.nn.MSELoss()(model(wb.ones((4, 2))), wb.zeros((4, 1)))
...     loss.backward()
...     optimizer.step()
"""

from wingbeat.optim._adam import Adam, AdamW
from wingbeat.optim._sgd import SGD
from wingbeat.optim.clip import clip_grad_norm, clip_grad_value
from wingbeat.optim.methods import Method, adam, adamw, sgd
from wingbeat.optim.optimizer import Optimizer
from wingbeat.optim.plateau import ReduceOnPlateau
from wingbeat.optim.rules import Rule, add_decay, chain, descend, momentum, scale_by_adam
from wingbeat.optim.schedules import (
    Constant,
    Cosine,
    Exponential,
    OneCycle,
    StepDecay,
    Warmup,
)

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Constant",
    "Cosine",
    "Exponential",
    "Method",
    "OneCycle",
    "Optimizer",
    "ReduceOnPlateau",
    "Rule",
    "StepDecay",
    "Warmup",
    "adam",
    "adamw",
    "add_decay",
    "chain",
    "clip_grad_norm",
    "clip_grad_value",
    "descend",
    "momentum",
    "scale_by_adam",
    "sgd",
]
