"""Adversarial examples: how little it takes to change what a classifier says, and training against.

>>> import wingbeat as wb
>>> model = lambda x: x @ np.array([[1.0, 0.0], [0.0, 1.0]])  # class 0 where x[0] > x[1]
>>> a = wb.robust.minimal(model, np.array([[3.0, 1.0]]), [0])
>>> f"{a.distance[0]:.2f}"  # the boundary is sqrt(2) away
'1.41'
"""

from wingbeat.robust._accuracy import Robustness, accuracy
from wingbeat.robust._gradient import fgsm, pgd
from wingbeat.robust._minimal import minimal
from wingbeat.robust._record import Adversarial
from wingbeat.robust._training import AdversarialLoader, adversarial

__all__ = [
    "Adversarial",
    "AdversarialLoader",
    "Robustness",
    "accuracy",
    "adversarial",
    "fgsm",
    "minimal",
    "pgd",
]
