"""How fast a function, or its gradient, can change: seen in samples, bounded for networks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from wingbeat import nn
from wingbeat.curvature._checks import choice, function
from wingbeat.curvature._landscape import Landscape
from wingbeat.curvature._space import Vector
from wingbeat.curvature._text import number, table, vector
from wingbeat.curvature.region import Region
from wingbeat.errors import BadInput, NotSupported
from wingbeat.nn._checks import whole

F = Callable[..., Any]
CORNERS = 6  # variables up to which the box's corners are samples, too
CLIMBS = 60  # tries to find a larger slope near the largest one


@dataclass(frozen=True)
class Slope:
    """The largest slope that samples showed: a lower bound of the Lipschitz constant.

    Attributes:
        value: the spectral norm of the Jacobian (of the Hessian, for the gradient's constant).
        x: where it was met, a tree like f's argument.
        samples: points that were looked at.

    >>> print(wb.curvature.lipschitz(lambda x: 3.0 * x, (-1.0, 1.0)))
    at least 3, met at (0); 162 samples, so it may be larger elsewhere
    """

    value: float
    x: Any
    flat: Vector
    samples: int

    def __str__(self) -> str:
        return (
            f"at least {number(self.value)}, met at {vector(self.flat)}; {self.samples} samples, "
            "so it may be larger elsewhere"
        )


def lipschitz(f: F, region: Any, *, of: str = "value", samples: int = 100, seed: int = 0) -> Slope:
    """A lower bound of the Lipschitz constant of f, or of its gradient, on a box: from samples.

    Every slope that is met is a lower bound. For a linear map it is the constant itself. An upper
    bound for a network: `lipschitz_bound`.

    Args:
        f: a function of a tree with an array as its result; for the gradient, a scalar.
        region: (low, high), trees like f's argument.
        of: "value" for f, "gradient" for its gradient (the largest |eigenvalue| of the Hessian:
            gradient descent goes down at every rate below 2 / that).
        samples: points spread over the box, besides corners of a box of few dimensions, and tries
            near the largest slope.
        seed: of the points.

    Raises:
        TypeMismatch: `f` is no function, or (for the gradient) its result is no scalar.
        BadInput: an empty region; no finite slope at any of the samples.

    >>> A = np.array([[3.0, 0.0], [4.0, 5.0]])
    >>> s = wb.curvature.lipschitz(lambda x: A @ x, (-np.ones(2), np.ones(2)))
    >>> round(s.value, 6), round(float(np.linalg.norm(A, 2)), 6)
    (6.708204, 6.708204)
    """
    function(f, "lipschitz")
    choice(of, ("value", "gradient"), "of", "lipschitz")
    box = Region(region, "lipschitz")
    points = list(box.scattered(whole(samples, "samples", "lipschitz"), seed))
    if box.space.size <= CORNERS:
        sides = zip(box.low, box.high, strict=True)
        points += [np.array(corner) for corner in itertools.product(*sides)]
    slope = _slopes(f, box, of)
    best, at = max((slope(x), -k) for k, x in enumerate(points))
    x = points[-at]
    rng = np.random.default_rng(seed)
    for k in range(CLIMBS):
        step = rng.normal(size=x.shape) * box.extent * 0.3 * 0.9**k
        near = np.clip(x + step, box.low, box.high)
        if (size := slope(near)) > best:
            best, x = size, near
    if best < 0.0:
        raise BadInput("lipschitz: the derivatives of f are finite at none of the samples")
    return Slope(best, box.space.tree(x), x, len(points) + CLIMBS)


def _slopes(f: F, box: Region, of: str) -> Callable[[Vector], float]:
    """The spectral norm of the derivative at a point; -1 where it is not finite."""
    land = Landscape(f, box.space)

    def slope(x: Vector) -> float:
        matrix = land.jacobian(x) if of == "value" else land.local(x).hessian
        return float(np.linalg.norm(matrix, 2)) if np.isfinite(matrix).all() else -1.0

    return slope


@dataclass(frozen=True)
class Bound:
    """An upper bound of a network's Lipschitz constant, layer by layer; prints as a table.

    Attributes:
        value: the product of the layers' bounds.
        layers: name, layer, and bound of each.

    >>> model = wb.nn.Sequential(wb.nn.Linear(2, 3), wb.nn.Sigmoid())
    >>> [layer for _, layer, _ in wb.curvature.lipschitz_bound(model).layers]
    ['Linear', 'Sigmoid']
    """

    value: float
    layers: tuple[tuple[str, str, float], ...]

    def __repr__(self) -> str:
        rows = [(name, layer, number(bound)) for name, layer, bound in self.layers]
        rows.append(("product", "", number(self.value)))
        return table(("name", "layer", "changes by at most"), rows)


def lipschitz_bound(model: Any) -> Bound:
    """An upper bound of |model(x) - model(y)| / |x - y| over all x and y: a product over layers.

    A linear layer counts its spectral norm, a convolution the root of its largest row sum times its
    largest column sum, an activation its steepest slope. The true constant may be far smaller:
    layers rarely stretch the same direction.

    Args:
        model: a layer, or a `Sequential` of them (which may be nested).

    Raises:
        NotSupported: a module whose forward is the user's own, or which has no such bound.
        BadInput: a weight is not finite.

    >>> layer = wb.nn.Linear(2, 2, bias=False)
    >>> layer.load_state_dict({"weight": np.diag([2.0, 3.0])})
    Difference(missing=[], unexpected=[])
    >>> wb.curvature.lipschitz_bound(wb.nn.Sequential(layer, wb.nn.ReLU(), layer))
    name     layer   changes by at most
    -------  ------  ------------------
    0        Linear  3
    1        ReLU    1
    2        Linear  3
    product          9
    """
    rows = _bounds("", model)
    return Bound(math.prod(bound for _, _, bound in rows), tuple(rows))


def _bounds(name: str, layer: Any) -> list[tuple[str, str, float]]:
    if isinstance(layer, nn.Sequential):
        below = [(f"{name}.{k}".lstrip("."), x) for k, x in layer.named_children()]
        return [row for inner, x in below for row in _bounds(inner, x)]
    kind = type(layer).__name__
    bound = _LAYERS.get(type(layer))
    if bound is None:
        raise NotSupported(
            f"lipschitz_bound: {name or 'the model'} is a {kind}, for which no bound is known; "
            "give a Sequential of linear layers, convolutions, pooling and activations"
        )
    value = float(bound(layer))
    if not math.isfinite(value):
        raise BadInput(f"lipschitz_bound: the weights of {name or 'the model'} are not finite")
    return [(name, kind, value)]


def _matrix(layer: Any) -> float:
    return float(np.linalg.norm(layer.weight.numpy().astype(np.float64), 2))


def _kernels(layer: Any) -> float:
    """sqrt(|K|_1 |K|_inf): the stride leaves out rows, padding columns, and neither adds any."""
    w = np.abs(layer.weight.numpy().astype(np.float64))
    rows = w.reshape(w.shape[0], -1).sum(axis=1).max()
    grouped = w.reshape(layer.groups, -1, *w.shape[1:])
    columns = grouped.sum(axis=(1, *range(3, grouped.ndim))).max()
    return math.sqrt(rows * columns)


def _windows(layer: Any) -> float:
    """The root of how many windows an element is in."""
    dilation = getattr(layer, "dilation", (1,) * len(layer.stride))
    sizes = zip(layer.kernel_size, layer.stride, dilation, strict=True)
    return math.sqrt(math.prod(-(-k // s) if d == 1 else k for k, s, d in sizes))


def _dropped(layer: Any) -> float:
    return 1.0 if not layer.training else (math.inf if layer.p == 1.0 else 1.0 / (1.0 - layer.p))


# The steepest slope of GELU is at sqrt(2), that of SiLU at 2.3994; both rounded up.
_LAYERS: dict[type, Callable[[Any], float]] = {
    nn.Linear: _matrix,
    **dict.fromkeys((nn.Conv1d, nn.Conv2d), _kernels),
    **dict.fromkeys((nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d), _windows),
    **dict.fromkeys((nn.ReLU, nn.Tanh, nn.Softplus, nn.Identity, nn.Flatten), lambda _: 1.0),
    nn.Sigmoid: lambda _: 0.25,
    nn.Softmax: lambda _: 0.5,
    nn.GELU: lambda _: 1.12891,
    nn.SiLU: lambda _: 1.09985,
    nn.ELU: lambda layer: max(1.0, layer.alpha),
    nn.LeakyReLU: lambda layer: max(1.0, abs(layer.slope)),
    nn.Dropout: _dropped,
}
