"""Second derivatives of functions and networks: operators, eigenvalues, critical points.

>>> H = wb.curvature.hessian(lambda x: x[0] ** 2 - x[1] ** 2, np.zeros(2))
>>> wb.curvature.extremes(H).smallest
-2.0
"""

from wingbeat.curvature.classify import CriticalPoint, classify
from wingbeat.curvature.conditioning import (
    Conditioning,
    condition_number,
    conditioning,
    sharpness,
)
from wingbeat.curvature.convex import Convexity, Witness, convexity
from wingbeat.curvature.critical import CriticalPoints, critical_points
from wingbeat.curvature.direction import Mixture, Rates, Step, along, best_step, mixture, step
from wingbeat.curvature.eigen import Extremes, Pairs, eigenpairs, extremes
from wingbeat.curvature.estimate import Density, Estimate, diagonal, spectral_density, trace
from wingbeat.curvature.kfac import KFAC, Factors
from wingbeat.curvature.lipschitz import Bound, Slope, lipschitz, lipschitz_bound
from wingbeat.curvature.operator import Operator, operator
from wingbeat.curvature.region import Region
from wingbeat.curvature.second import (
    empirical_fisher,
    fisher,
    gauss_newton,
    hessian,
    network,
)

__all__ = [
    "KFAC",
    "Bound",
    "Conditioning",
    "Convexity",
    "CriticalPoint",
    "CriticalPoints",
    "Density",
    "Estimate",
    "Extremes",
    "Factors",
    "Mixture",
    "Operator",
    "Pairs",
    "Rates",
    "Region",
    "Slope",
    "Step",
    "Witness",
    "along",
    "best_step",
    "classify",
    "condition_number",
    "conditioning",
    "convexity",
    "critical_points",
    "diagonal",
    "eigenpairs",
    "empirical_fisher",
    "extremes",
    "fisher",
    "gauss_newton",
    "hessian",
    "lipschitz",
    "lipschitz_bound",
    "mixture",
    "network",
    "operator",
    "sharpness",
    "spectral_density",
    "step",
    "trace",
]
