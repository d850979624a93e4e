"""Second derivatives of functions and networks: operators, eigenvalues, critical points.

>>> H = wb.curvature.hessian(lambda x: x[0] ** 2 - x[1] ** 2, np.zeros(2))
>>> wb.curvature.extremes(H).smallest
-2.0
"""

from wingbeat.curvature.eigen import Extremes, Pairs, eigenpairs, extremes
from wingbeat.curvature.operator import Operator, operator
from wingbeat.curvature.second import hessian

__all__ = [
    "Extremes",
    "Operator",
    "Pairs",
    "eigenpairs",
    "extremes",
    "hessian",
    "operator",
]
