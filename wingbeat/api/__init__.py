"""Tensors, the functions of the Array API standard, and transforms of Python functions."""

from wingbeat.api import methods as _methods  # noqa: F401  (gives Tensor its methods)
from wingbeat.api import random, tree
from wingbeat.api.creation import *  # noqa: F403
from wingbeat.api.elementwise import *  # noqa: F403
from wingbeat.api.indexing import nonzero, take, take_along_axis
from wingbeat.api.kinks import KinkWarning
from wingbeat.api.linalg import *  # noqa: F403
from wingbeat.api.losses import binary_cross_entropy, cross_entropy, layer_norm
from wingbeat.api.manipulation import *  # noqa: F403
from wingbeat.api.statistics import *  # noqa: F403
from wingbeat.api.tensor import Tensor, asarray, assign, no_grad
from wingbeat.api.transforms import (
    grad,
    hessian,
    hvp,
    jacfwd,
    jacrev,
    jvp,
    stop_gradient,
    value_and_grad,
    vjp,
    vmap,
)
