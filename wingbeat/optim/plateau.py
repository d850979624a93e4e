"""A rate that falls when training stands still; unlike schedules, it has a memory."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from wingbeat.errors import BadCheckpoint, BadInput
from wingbeat.optim import _checks
from wingbeat.optim.optimizer import Optimizer


class ReduceOnPlateau:
    """Multiply an optimiser's rates by `factor` when a loss has not become better for a while.

    Args:
        optimizer: one whose rates are numbers, not schedules.
        factor: below 1.
        patience: reports without improvement that are waited for.
        threshold: a loss is better when it is below (1 - threshold) times the best one before.
        least: no rate falls below this.

    Raises:
        BadInput: an argument out of range, or a rate is a schedule.

    >>> import wingbeat as wb
    >>> optimizer = wb.optim.SGD([wb.nn.Parameter([1.0])], lr=1.0)
    >>> plateau = wb.optim.ReduceOnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in (3.0, 3.0, 3.0):
    ...     plateau.step(loss)
    >>> optimizer.lr
    0.5
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        least: float = 0.0,
    ) -> None:
        name = "ReduceOnPlateau"
        self.optimizer = optimizer
        self.factor = _checks.number(factor, "factor", name, below=1.0)
        self.patience = _checks.count(patience, "patience", name, least=0)
        self.threshold = _checks.number(threshold, "threshold", name, below=1.0)
        self.least = _checks.number(least, "least", name)
        if any(callable(group["lr"]) for group in optimizer.param_groups):
            raise BadInput(f"{name}: the optimiser's lr is a schedule; give it a number")
        self._best, self._waited = math.inf, 0

    def step(self, loss: Any) -> None:
        """Report a loss (a number or a 0-d tensor), as after each epoch."""
        value = float(loss)
        if value < self._best - self.threshold * abs(self._best) or self._best == math.inf > value:
            self._best, self._waited = value, 0
            return
        self._waited += 1
        if self._waited > self.patience:
            self._waited = 0
            for group in self.optimizer.param_groups:
                lowered = max(group["lr"] * self.factor, self.least)
                group["lr"] = min(group["lr"], lowered)

    def state_dict(self) -> dict[str, Any]:
        """The best loss, and how many reports have not been better.

        >>> import wingbeat as wb
        >>> optimizer = wb.optim.SGD([wb.nn.Parameter([1.0])], lr=1.0)
        >>> wb.optim.ReduceOnPlateau(optimizer).state_dict()
        {'best': inf, 'waited': 0}
        """
        return {"best": self._best, "waited": self._waited}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state.

        Raises:
            BadCheckpoint: it is not what `state_dict` returns.
        """
        if not isinstance(state, Mapping) or set(state) != {"best", "waited"}:
            raise BadCheckpoint(f"ReduceOnPlateau: a state has best and waited; got {state!r}")
        self._best, self._waited = float(state["best"]), int(state["waited"])
