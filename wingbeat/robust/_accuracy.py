"""Accuracy of a classifier as the data are, and under attacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wingbeat.errors import TypeMismatch
from wingbeat.nn._classifier import Classifier
from wingbeat.nn._report import Report, many
from wingbeat.nn._table import Rows
from wingbeat.robust._record import Adversarial

Attack = Callable[..., Adversarial]


@dataclass(frozen=True, eq=False, repr=False)
class Robustness(Report):
    """Accuracies by attack; "clean" and "any of them" beside those that were named.

    Attributes:
        size: how many examples.
        accuracy: by name, from 0 to 1; "any of them" counts what no attack changes.
        attacks: by name, what each found.

    >>> import wingbeat as wb
    >>> from functools import partial
    >>> model = lambda x: wb.stack([x[:, 0], -x[:, 0]], axis=1)
    >>> attacks = {"FGSM": partial(wb.robust.fgsm, radius=0.5)}
    >>> wb.robust.accuracy(model, np.array([[0.1], [2.0]]), [0, 0], attacks).accuracy
    {'clean': 1.0, 'FGSM': 0.5}
    """

    size: int
    accuracy: dict[str, float]
    attacks: dict[str, Adversarial]

    @property
    def title(self) -> str:
        """What was measured."""
        return f"accuracy on {many(self.size, 'example')}"

    def columns(self) -> tuple[Sequence[str], Rows, Sequence[int], Sequence[str]]:
        """A row for each attack."""
        rows = [(name, f"{value:.2%}") for name, value in self.accuracy.items()]
        return ("attack", "accuracy"), rows, (1,), ()

    @property
    def notes(self) -> Sequence[str]:
        """What such numbers do not say."""
        return ("An attack shows how low accuracy is at most; a better one may show less.",)


def accuracy(model: Any, x: Any, y: Any, attacks: Mapping[str, Attack]) -> Robustness:
    """How many examples are classified right, as they are and after each attack.

    Args:
        model: as for `fgsm`.
        x: floats (n, ...).
        y: the true classes, (n,).
        attacks: by name, functions as `functools.partial(wb.robust.pgd, radius=0.1)`: called with
            the model, x and y.

    Raises:
        TypeMismatch: the attacks are no such functions; the rest as for `fgsm`.

    >>> import wingbeat as wb
    >>> model = lambda x: wb.stack([x[:, 0], -x[:, 0]], axis=1)
    >>> print(wb.robust.accuracy(model, np.array([[0.1], [-2.0]]), [0, 1], {}))
    accuracy on 2 examples
    <BLANKLINE>
    attack  accuracy
    ------  --------
    clean    100.00%
    <BLANKLINE>
    An attack shows how low accuracy is at most; a better one may show less.
    """
    c = Classifier(model, x, "accuracy")
    labels = c.labels(y, "y")
    if not isinstance(attacks, Mapping):
        raise TypeMismatch(
            "accuracy: attacks are a dict of functions by name, as "
            f"{{'FGSM': partial(wb.robust.fgsm, radius=0.1)}}, not {type(attacks).__name__}"
        )
    found = {name: attacked(attack, model, x, labels) for name, attack in attacks.items()}
    shares = {"clean": float((c.predicted == labels).mean())}
    shares |= {name: a.accuracy for name, a in found.items()}
    if len(found) > 1:
        right = np.all([a.after == labels for a in found.values()], axis=0)
        shares["any of them"] = float(right.mean())
    return Robustness(len(labels), shares, found)


def attacked(attack: Attack, model: Any, x: Any, y: Any, **options: Any) -> Adversarial:
    """What an attack finds.

    Raises:
        TypeMismatch: it is no attack.
    """
    found = attack(model, x, y, **options) if callable(attack) else attack
    if not isinstance(found, Adversarial):
        raise TypeMismatch(
            "an attack is a function of model, x and y, as functools.partial(wb.robust.pgd, "
            f"radius=0.1); got {type(found).__name__}"
        )
    return found
