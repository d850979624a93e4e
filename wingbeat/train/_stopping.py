"""When to stop: nothing was gained for some epochs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wingbeat.errors import BadInput


@dataclass(frozen=True)
class EarlyStopping:
    """Stops training when a number has not improved for `patience` epochs.

    It keeps no state: whether to stop is a function of the history, so a resumed run stops where an
    uninterrupted one would.

    Attributes:
        patience: epochs without improvement before training stops.
        monitor: a column of the history's epochs; None: "val_loss" if there is one, else "loss".
        min_delta: improvements of at most this much do not count.
        restore_best: give the model the weights of the best epoch at the end.

    Raises:
        BadInput: `patience` is not a whole number of at least 1, `min_delta` is negative.

    >>> import numpy as np
    >>> import wingbeat as wb
    >>> stopping = wb.train.EarlyStopping(patience=2)
    >>> stopping.best(np.array([0.5, 0.3, 0.4, 0.35]))
    1
    >>> stopping.done(np.array([0.5, 0.3, 0.4, 0.35]))
    True
    """

    patience: int = 5
    monitor: str | None = None
    min_delta: float = 0.0
    restore_best: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.patience, int) or self.patience < 1:
            raise BadInput(
                f"EarlyStopping: patience is a whole number from 1; got {self.patience!r}"
            )
        if not self.min_delta >= 0:
            raise BadInput(f"EarlyStopping: min_delta is at least 0; got {self.min_delta!r}")

    def best(self, values: NDArray[np.float64], better: str = "low") -> int:
        """The epoch, counted from 0, that no later one improved on; -1 of none.

        >>> import numpy as np
        >>> import wingbeat as wb
        >>> wb.train.EarlyStopping().best(np.array([0.7, 0.9, 0.8]), better="high")
        1
        """
        sign = 1.0 if better == "low" else -1.0
        at, lowest = -1, float("inf")
        for k, value in enumerate(values):
            if sign * value < lowest - self.min_delta:
                at, lowest = k, sign * value
        return at

    def done(self, values: NDArray[np.float64], better: str = "low") -> bool:
        """Whether `patience` epochs have passed since the best one.

        >>> import numpy as np
        >>> import wingbeat as wb
        >>> wb.train.EarlyStopping(patience=1).done(np.array([0.5, 0.3]))
        False
        """
        return len(values) - 1 - self.best(values, better) >= self.patience
