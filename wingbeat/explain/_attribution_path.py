"""Attributions from the straight way between a baseline and the examples.

Along x(a) = start + a (x - start) the score changes by the integral over a of its gradient times
x - start. Its parts by input are integrated gradients, its parts by unit of a layer conductance.
The integral is a mean over the midpoints of equal steps; the steps of an example are doubled
until its parts sum to what its score changed by.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wingbeat.api import Tensor, asarray, grad, jvp
from wingbeat.errors import OutOfRange, TypeMismatch
from wingbeat.explain._attribution_gradients import baseline_of, difference
from wingbeat.explain._attribution_record import Array, Attribution, Conductance, flat, share
from wingbeat.nn import Module
from wingbeat.nn._checks import positive, whole
from wingbeat.nn._classifier import MOST_NUMBERS, Classifier, fixed

# (points, the class of each, x - start of each) -> parts, and the score's derivative along the way
Parts = Callable[[Array, Array, Array], tuple[Array, Array]]
_TOGETHER = 128  # examples


def integrated_gradients(
    model: Any,
    x: Any,
    target: Any = None,
    baseline: Any = 0.0,
    *,
    tolerance: float = 1e-3,
    steps: int = 32,
    max_steps: int = 4096,
) -> Attribution:
    """The mean gradient on the way from a baseline to x, times x - baseline.

    Sundararajan et al. (2017). The parts sum to score - baseline's score ("completeness"); how far
    they miss it is checked, and the steps are doubled until they miss it by `tolerance` at most.
    Where `max_steps` do not suffice, `complete` is False and the table says so.

    Args:
        model: as for `gradient`.
        x: as for `gradient`.
        target: as for `gradient`.
        baseline: what x is compared with, an input that says nothing: a number, or an array that
            broadcasts to x.
        tolerance: the largest completeness error, a share of the sizes of all parts together.
        steps: to begin with, rounded up to a power of two.
        max_steps: how many an example may get.

    Raises:
        TypeMismatch: model, x, target and baseline do not fit each other.
        OutOfRange: a target is no class.
        BadInput: a number is not finite or out of range.

    >>> import wingbeat as wb
    >>> f = lambda x: wb.exp(x).sum(axis=1)
    >>> a = wb.attribution.integrated_gradients(f, np.array([[1.0, 2.0]]), tolerance=1e-6)
    >>> bool(np.allclose(a.values, np.exp([[1.0, 2.0]]) - 1, rtol=1e-5)), a.steps
    (True, array([512]))
    """
    c = Classifier(model, x, "integrated_gradients")
    k, start = c.labels(target, "target"), baseline_of(c, baseline)

    def parts(points: Array, classes: Array, way: Array) -> tuple[Array, Array]:
        values = c.slope(points, classes) * way
        return values, flat(values).sum(axis=1)

    found, _ = _refined(c, parts, k, start, tolerance, steps, max_steps)
    return Attribution("integrated gradients", c.x, baseline=start, **found)


def conductance(
    model: Any,
    x: Any,
    layer: str | Module,
    target: Any = None,
    baseline: Any = 0.0,
    *,
    tolerance: float = 1e-3,
    steps: int = 32,
    max_steps: int = 4096,
) -> Conductance:
    """What each unit of a layer contributes to a score: integrated gradients cut at that layer.

    Dhamdhere et al. (2018): unit j gets the integral of dscore/dh_j dh_j along the way from the
    baseline to x. In a chain of layers the units' parts sum to score - baseline's score; what
    goes another way, as in a residual block, is `around`.

    Args:
        model: an `nn.Module`, used in evaluation mode.
        x: floats (n, ...).
        layer: a module within the model, or its dotted name; it must be called once and return
            one tensor (n, ...).
        target: as for `integrated_gradients`.
        baseline: as for `integrated_gradients`.
        tolerance: as for `integrated_gradients`; of the whole change of score, `around` included.
        steps: as for `integrated_gradients`.
        max_steps: as for `integrated_gradients`.

    Raises:
        TypeMismatch: the model is no module, or the layer is not called once.
        OutOfRange: no layer has this name.

    >>> import wingbeat as wb
    >>> model = wb.nn.Sequential(wb.nn.Linear(2, 3), wb.nn.ReLU(), wb.nn.Linear(3, 2))
    >>> wb.attribution.conductance(model, np.ones((4, 2)), model[1], target=0).values.shape
    (4, 3)
    """
    name = _layer_name(model, layer)
    c = Classifier(model, x, "conductance")
    k, start = c.labels(target, "target"), baseline_of(c, baseline)
    tap = _Tap(c, name)

    def at_points(points: Array, classes: Array, way: Array) -> tuple[Tensor, Tensor]:
        x, k, t = asarray(points), asarray(classes), asarray(way)
        (h, _), (dh, ds) = jvp(lambda x: tap.read(x, k), (x,), (t,))
        return grad(lambda h: tap.replaced(x, k, h).sum())(h) * dh, ds

    def parts(points: Array, classes: Array, way: Array) -> tuple[Array, Array]:
        found = c.blocks(at_points, c.typed(points), classes, c.typed(way), share=8)
        return found[0].astype(np.float64), found[1].astype(np.float64)

    found, along = _refined(c, parts, k, start, tolerance, steps, max_steps)
    (activation,) = c.blocks(lambda x, k: tap.read(asarray(x), asarray(k))[:1], c.x, k)
    around = along - flat(found["values"]).sum(axis=1)
    return Conductance(name, activation=activation, around=around, **found)


# --- refinement ---------------------------------------------------------------------------------


def _refined(
    c: Classifier,
    parts: Parts,
    classes: Array,
    start: Array,
    tolerance: float,
    steps: int,
    max_steps: int,
) -> tuple[dict[str, Any], Array]:
    """What a record holds of the mean parts, and the change of score that the steps see.

    An example's steps are doubled where these two changes, of which one is exact, differ.
    """
    limit = positive(tolerance, "tolerance", c.operation)
    n = 1 << (whole(steps, "steps", c.operation) - 1).bit_length()
    most = max(n, whole(max_steps, "max_steps", c.operation))
    score, origin = c.chosen(c.x, classes), c.chosen(start, classes)
    values, along = _means(parts, start, c.x, classes, n)
    used = np.full(len(c.x), n)

    def error() -> Array:
        return share(score - origin - along, score - origin, values)

    while (late := np.flatnonzero(error() > limit)).size and 2 * n <= most:
        n *= 2
        values[late], along[late] = _means(parts, start[late], c.x[late], classes[late], n)
        used[late] = n
    found = {
        "values": values,
        "target": classes,
        "score": score,
        "baseline_score": origin,
        "steps": used,
        "tolerance": limit,
    }
    return found, along


def _means(parts: Parts, start: Array, stop: Array, classes: Array, n: int) -> tuple[Array, Array]:
    """The parts' means over the midpoints of n steps, a power of two, for every example."""
    groups = [slice(k, k + _TOGETHER) for k in range(0, len(stop), _TOGETHER)]
    found = [_group_means(parts, start[g], stop[g], classes[g], n) for g in groups]
    values, along = (np.concatenate(columns) for columns in zip(*found, strict=True))
    return values, along


def _group_means(
    parts: Parts, start: Array, stop: Array, classes: Array, n: int
) -> tuple[Array, Array]:
    way = difference(stop, start)
    together = min(n, 1 << max(0, (MOST_NUMBERS // stop.size).bit_length() - 1))
    sums: list[tuple[Array, Array]] = []
    for first in range(0, n, together):
        at = (first + np.arange(together) + 0.5) / n
        points = start + at.reshape(-1, *(1 for _ in stop.shape)) * way
        rows = (
            points.reshape(-1, *stop.shape[1:]),
            np.tile(classes, together),
            np.tile(way, (together, *(1 for _ in stop.shape[1:]))),
        )
        values, along = parts(*rows)
        sums.append((_summed(values, together), _summed(along, together)))
    values, along = (np.stack(column) for column in zip(*sums, strict=True))
    return _halved(values) / n, _halved(along) / n


def _summed(rows: Array, count: int) -> Array:
    return _halved(rows.reshape(count, -1, *rows.shape[1:]))


def _halved(terms: Array) -> Array:
    """The sum of 2^m terms in pairs, which is exact where all are equal."""
    while len(terms) > 1:
        terms = terms[0::2] + terms[1::2]
    return terms[0]


# --- a layer within a model ---------------------------------------------------------------------


class _Tap:
    """A model whose layer can be read, and replaced by what it might have returned."""

    def __init__(self, c: Classifier, name: str) -> None:
        self._c, self._name = c, name
        self._seen: list[Any] = []
        self._instead: Tensor | None = None
        inner = dict(c.model.named_modules())[name]  # of a copy that nobody else holds
        self._forward = inner.forward
        object.__setattr__(inner, "forward", self._tapped)

    def _tapped(self, *args: Any, **kwargs: Any) -> Any:
        found = self._forward(*args, **kwargs) if self._instead is None else self._instead
        self._seen.append(found)
        return found

    def read(self, x: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        """What the layer returns, and the score of one class each."""
        self._seen, self._instead = [], None
        score = self._c.pick(x, classes)
        if len(self._seen) != 1 or not isinstance(self._seen[0], Tensor):
            raise TypeMismatch(
                f"conductance: layer {self._name!r} must be called once by the model's forward, "
                f"and return one tensor; it was called {len(self._seen)} times"
            )
        h = self._seen[0]
        if h.ndim < 1 or h.shape[0] != x.shape[0]:
            raise TypeMismatch(
                f"conductance: layer {self._name!r} returns {h.type}, whose first axis does not "
                f"count the {x.shape[0]} examples"
            )
        return h, score

    def replaced(self, x: Tensor, classes: Tensor, h: Tensor) -> Tensor:
        """The score of one class each, had the layer returned `h`."""
        self._instead = h
        try:
            return self._c.pick(x, classes)
        finally:
            self._instead = None


def _layer_name(model: Any, layer: Any) -> str:
    if not isinstance(model, Module):
        fixed(model, "conductance")
        raise TypeMismatch(
            "conductance: a layer is looked for in an nn.Module, and the model is a "
            f"{type(model).__name__}; write it as a Module or Sequential"
        )
    names = {id(module): name for name, module in model.named_modules() if name}
    if isinstance(layer, Module):
        if id(layer) not in names:
            raise OutOfRange(
                "conductance: the layer is no part of the model; give one of "
                + ", ".join(map(repr, names.values()))
            )
        return names[id(layer)]
    if layer not in names.values():
        known = ", ".join(map(repr, names.values())) or "none"
        raise OutOfRange(f"conductance: no layer is called {layer!r}; there are {known}")
    return layer
