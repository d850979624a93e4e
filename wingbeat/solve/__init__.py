"""Minimisation, least squares, roots and discrete search, with a verdict at the end.

>>> import wingbeat as wb
>>> result = wb.minimize(lambda x: (x - 2.0) ** 2 + 1.0, 0.0)
>>> float(result.x), result.verdict.kind
(2.0, 'minimum')
"""

from wingbeat.solve._climb import flip_one, hill_climb
from wingbeat.solve._entry import METHODS, minimize
from wingbeat.solve._least import Root, least_squares, root
from wingbeat.solve._reach import Correction, Reached, reach
from wingbeat.solve.record import Counts, Result, Step
from wingbeat.solve.verdict import Verdict

__all__ = [
    "METHODS",
    "Correction",
    "Counts",
    "Reached",
    "Result",
    "Root",
    "Step",
    "Verdict",
    "flip_one",
    "hill_climb",
    "least_squares",
    "minimize",
    "reach",
    "root",
]
