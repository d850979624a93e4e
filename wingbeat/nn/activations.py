"""Activations, and what else has no parameters and always does the same."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from wingbeat import api
from wingbeat.api import Tensor, asarray
from wingbeat.errors import TypeMismatch
from wingbeat.nn import functional
from wingbeat.nn._checks import within
from wingbeat.nn.module import Module


def _activation(name: str, function: Callable[[Any], Tensor], formula: str) -> type[Module]:
    """A module without arguments around a function of the public interface."""

    def forward(self: Module, x: Any) -> Tensor:
        return function(x)

    forward.__doc__ = f"{formula}, elementwise."
    call = f">>> wb.nn.{name}()(1.0).item() == wb.{function.__name__}(1.0).item()"
    text = f"{formula}, elementwise.\n\n>>> import wingbeat as wb\n{call}\nTrue\n"
    return type(name, (Module,), {"forward": forward, "__doc__": text, "__module__": __name__})


ReLU = _activation("ReLU", api.relu, "max(x, 0); the derivative at 0 is 0")
Sigmoid = _activation("Sigmoid", api.sigmoid, "1 / (1 + e^-x)")
Tanh = _activation("Tanh", api.tanh, "The hyperbolic tangent")
GELU = _activation("GELU", api.gelu, "x Phi(x), Phi the normal distribution function")
SiLU = _activation("SiLU", api.silu, "x sigmoid(x)")
Softplus = _activation("Softplus", api.softplus, "log(1 + e^x)")


class ELU(Module):
    """x where positive, else alpha (e^x - 1), elementwise: Clevert et al. (2016).

    >>> import wingbeat as wb
    >>> wb.nn.ELU()(wb.asarray([-1.0, 2.0]))
    tensor([-0.63212056,  2.        ])
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = within(alpha, 0.0, math.inf, "alpha", "ELU")

    def forward(self, x: Any) -> Tensor:
        """Shape and dtype are kept."""
        return functional.elu(x, self.alpha)

    def extra_repr(self) -> str:
        """The factor of the negative part."""
        return f"alpha={self.alpha:g}"


class LeakyReLU(Module):
    """x where positive, else slope x, elementwise; the derivative at 0 is the slope.

    >>> import wingbeat as wb
    >>> wb.nn.LeakyReLU(0.1)(wb.asarray([-1.0, 2.0]))
    tensor([-0.1,  2. ])
    """

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = within(slope, -math.inf, math.inf, "slope", "LeakyReLU")

    def forward(self, x: Any) -> Tensor:
        """Shape and dtype are kept."""
        return functional.leaky_relu(x, self.slope)

    def extra_repr(self) -> str:
        """The slope of the negative part."""
        return f"slope={self.slope:g}"


class _Along(Module):
    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def extra_repr(self) -> str:
        """The axis of the classes."""
        return f"axis={self.axis}"


class Softmax(_Along):
    """e^x / sum e^x along an axis.

    >>> import wingbeat as wb
    >>> wb.nn.Softmax()(wb.asarray([0.0, 0.0]))
    tensor([0.5, 0.5])
    """

    def forward(self, x: Any) -> Tensor:
        """Shape and dtype are kept."""
        return api.softmax(x, axis=self.axis)


class LogSoftmax(_Along):
    """x - log sum e^x along an axis.

    >>> import wingbeat as wb
    >>> wb.nn.LogSoftmax()(wb.asarray([0.0, 0.0]))
    tensor([-0.69314718, -0.69314718])
    """

    def forward(self, x: Any) -> Tensor:
        """Shape and dtype are kept."""
        return api.log_softmax(x, axis=self.axis)


class Identity(Module):
    """What came in.

    >>> import wingbeat as wb
    >>> wb.nn.Identity()(1.0)
    tensor(1.)
    """

    def forward(self, x: Any) -> Tensor:
        """The tensor itself."""
        return asarray(x)


class Flatten(Module):
    """Axes `start` ... `end` as one: by default all but the first, which counts the samples.

    >>> import wingbeat as wb
    >>> wb.nn.Flatten()(wb.zeros((5, 28, 28))).shape
    (5, 784)
    """

    def __init__(self, start: int = 1, end: int = -1) -> None:
        self.start, self.end = start, end

    def forward(self, x: Any) -> Tensor:
        """(N, A, B, ...) -> (N, A B ...)."""
        t = asarray(x)
        n = t.ndim
        first, last = (k + n if k < 0 else k for k in (self.start, self.end))
        if not (0 <= first <= last < n):
            raise TypeMismatch(f"Flatten: {t.type} has no axes {self.start} ... {self.end} to join")
        joined = math.prod(t.shape[first : last + 1])
        return t.reshape((*t.shape[:first], joined, *t.shape[last + 1 :]))

    def extra_repr(self) -> str:
        """The first and the last axis."""
        return f"start={self.start}, end={self.end}"
