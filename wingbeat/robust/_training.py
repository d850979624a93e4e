"""Training against an attack: batches that are attacked as they are handed out."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np

from wingbeat.api import Tensor
from wingbeat.errors import TypeMismatch
from wingbeat.nn import Module
from wingbeat.nn._checks import within
from wingbeat.robust._accuracy import Attack, attacked


def adversarial(
    loader: Any, model: Any, attack: Attack, *, share: float = 1.0, seed: int = 0
) -> AdversarialLoader:
    """A loader whose batches the model as it is at that moment errs on: for adversarial training.

    Madry et al. (2018): train on what an attack makes of each batch. Give the result to
    `wb.train.fit` in place of the loader, or go through it in a loop of your own; in both the
    model is attacked in evaluation mode, and left in its own.

    Args:
        loader: a `wb.data.DataLoader`, or a list of batches (x, y).
        model: the `nn.Module` that is trained.
        attack: as `functools.partial(wb.robust.pgd, radius=0.1, steps=7)`; it is called with the
            model, x and y, and with a new seed each time if it has an argument `seed`.
        share: which part of each batch is attacked, from 0 to 1; its first rows.
        seed: the same seed gives the same batches.

    Raises:
        TypeMismatch: an argument is of the wrong kind.
        BadInput: `share` is out of range.

    >>> import wingbeat as wb
    >>> from functools import partial
    >>> train, test = wb.data.digits()
    >>> model = wb.nn.Linear(64, 10)
    >>> loader = wb.data.DataLoader(train.take(slice(256)), batch_size=64, seed=0)
    >>> attack = partial(wb.robust.fgsm, radius=0.1, bounds=(0, 1))
    >>> history = wb.train.fit(
    ...     model,
    ...     wb.robust.adversarial(loader, model, attack),
    ...     wb.nn.CrossEntropyLoss(),
    ...     wb.optim.SGD(model.parameters(), lr=0.1),
    ...     epochs=1,
    ...     progress=False,
    ... )
    >>> len(history.steps)
    4
    """
    return AdversarialLoader(loader, model, attack, share, seed)


class AdversarialLoader:
    """What `adversarial` returns: iterate over it for batches (x, y); x are arrays.

    Its position is saved in checkpoints with that of the loader within.

    >>> import wingbeat as wb
    >>> model = lambda x: wb.stack([x[:, 0], -x[:, 0]], axis=1)
    >>> attack = lambda m, x, y: wb.robust.fgsm(model, x, y, radius=0.5)
    >>> batches = [(np.array([[1.0], [2.0]]), np.array([0, 0]))]
    >>> loader = wb.robust.AdversarialLoader(batches, wb.nn.Linear(1, 2), attack)
    >>> [x.tolist() for x, y in loader]
    [[[0.5], [1.5]]]
    """

    def __init__(
        self, loader: Any, model: Any, attack: Attack, share: float = 1.0, seed: int = 0
    ) -> None:
        if not isinstance(model, Module):
            raise TypeMismatch(
                f"adversarial: the model is an nn.Module, not {type(model).__name__}; write "
                "wb.robust.adversarial(loader, model, attack)"
            )
        if not hasattr(loader, "__iter__") or not hasattr(loader, "__len__"):
            raise TypeMismatch(
                "adversarial: a loader is a wb.data.DataLoader, or a list of batches (x, y), not "
                f"{type(loader).__name__}"
            )
        if not callable(attack):
            raise TypeMismatch(
                "adversarial: an attack is a function of model, x and y, as functools.partial("
                f"wb.robust.pgd, radius=0.1), not {type(attack).__name__}"
            )
        self._loader, self._model, self._attack = loader, model, attack
        self._share = within(share, 0.0, 1.0, "share", "adversarial")
        self._seed, self._count = seed, 0
        self._seeded = "seed" in inspect.signature(attack).parameters
        if hasattr(loader, "state_dict"):
            self.state_dict, self.load_state_dict = self._state, self._load

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        for batch in self._loader:
            if not isinstance(batch, tuple | list) or len(batch) != 2:
                raise TypeMismatch("adversarial: a loader gives batches (x, y), two of them")
            # Before the batch is handed out: a checkpoint that is saved with it must count it.
            self._count += 1
            yield self._attacked(*batch), batch[1]

    def _attacked(self, x: Any, y: Any) -> Any:
        rows = round(self._share * len(x))
        if not rows:
            return x
        # Two seeds share no batch's: a seed's batches are its own block of numbers.
        options = {"seed": (self._seed << 32) + self._count} if self._seeded else {}
        found = attacked(self._attack, self._model, x[:rows], y[:rows], **options).adversarial
        rest = x.numpy() if isinstance(x, Tensor) else np.asarray(x)
        return np.concatenate([found, rest[rows:].astype(found.dtype)])

    def _state(self) -> dict[str, Any]:
        return {"loader": self._loader.state_dict(), "count": self._count}

    def _load(self, state: dict[str, Any]) -> None:
        self._loader.load_state_dict(state["loader"])
        self._count = int(state["count"])
