"""Derivatives and batching of Python functions, with JAX's names and arguments."""

from wingbeat.api.transforms._batch import vmap
from wingbeat.api.transforms._forward import jvp
from wingbeat.api.transforms._jacobian import hessian, hvp, jacfwd, jacrev
from wingbeat.api.transforms._reverse import grad, stop_gradient, value_and_grad, vjp

__all__ = [
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacrev",
    "jvp",
    "stop_gradient",
    "value_and_grad",
    "vjp",
    "vmap",
]
