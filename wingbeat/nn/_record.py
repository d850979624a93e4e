"""A chain of layers, x1 -> x2 -> ... -> z, with the derivatives that come back along it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from wingbeat.api import Tensor, asarray, norm, vjp
from wingbeat.errors import OutOfRange, TypeMismatch
from wingbeat.nn._table import Printed, Rows
from wingbeat.nn.containers import ModuleList, Sequential
from wingbeat.nn.module import Module

Pullback = Callable[[Tensor], tuple[dict[str, Tensor], Tensor | None]]


@dataclass(frozen=True, repr=False)
class LayerRecord:
    """One layer: what went in and out, and dz by what went in and by each of its weights."""

    name: str
    layer: str
    x: Tensor
    y: Tensor
    dx: Tensor | None  # None where x is no float
    dw: dict[str, Tensor] = field(default_factory=dict[str, Tensor])


@dataclass(frozen=True, repr=False)
class Record(Printed):
    """The layers from the first to the last, and z. Prints as a table of norms.

    >>> import wingbeat as wb
    >>> r = wb.nn.record([wb.square, wb.square], 3.0)
    >>> r.z, r[1].dx, r[0].dx  # z = x^4: dz/dx2 = 2 x2 = 18, dz/dx1 = 18 * 2 x1 = 108
    (tensor(81.), tensor(18.), tensor(108.))
    """

    layers: tuple[LayerRecord, ...]
    z: Tensor
    dy: Tensor  # dz by the last layer's result

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[LayerRecord]:
        return iter(self.layers)

    def __getitem__(self, k: int | str) -> LayerRecord:
        """A layer by number or name."""
        found = [r for r in self.layers if r.name == k]
        if not found and isinstance(k, str):
            names = ", ".join(r.name for r in self.layers)
            raise OutOfRange(f"record: no layer is called {k!r}; there are {names}")
        return found[0] if found else self.layers[k]  # type: ignore[index]

    def columns(self) -> tuple[Sequence[str], Rows, Sequence[int], Sequence[str]]:
        """Head, rows, the columns aligned to the right, and the last row."""
        rows = [
            (
                r.name,
                r.layer,
                str(r.x.type),
                "" if r.dx is None else _size(r.dx),
                ", ".join(f"{name} {_size(g)}" for name, g in r.dw.items()),
            )
            for r in self.layers
        ]
        last = ("z", "", f"{self.z.item():.6g}", _size(self.dy), "")
        return ("name", "layer", "x", "|dz/dx|", "|dz/dw|"), rows, (3,), last


def _size(t: Tensor) -> str:
    return f"{norm(t).item():.4g}"


def record(model: Any, x: Any, loss: Any = None, *targets: Any) -> Record:
    """Run a chain of layers forward, then once backward, and keep x, y, dz/dx and dz/dw of each.

    From the last layer to the first, each is asked once: given dz by its result, what is dz by its
    input and by its weights? The answer for the input is the question to the layer before.

    Args:
        model: a `Sequential`, a `ModuleList`, or a list of modules and functions of one argument.
        x: what goes into the first layer.
        loss: a function of the last layer's result (and of `targets`) with a scalar result z; by
            default z is the result itself, which must be a scalar then.
        targets: handed to `loss`.

    Raises:
        TypeMismatch: the model is no chain of layers, or z is no scalar.

    >>> import wingbeat as wb
    >>> model = wb.nn.Sequential(wb.nn.Linear(2, 3), wb.nn.Sigmoid(), wb.nn.Linear(3, 1))
    >>> r = wb.nn.record(model, wb.ones((4, 2)), wb.nn.HalfMSE(), wb.zeros((4, 1)))
    >>> r[0].dw["weight"].shape, r["2"].dx.shape
    ((3, 2), (4, 3))
    """
    steps: list[tuple[str, Any, Tensor, Tensor, Pullback]] = []
    y = _value(asarray(x))
    for name, layer in _chain(model):
        result, pullback = _step(layer, y)
        if not isinstance(result, Tensor):
            raise TypeMismatch(f"record: layer {name} returned {type(result).__name__}, no tensor")
        steps.append((name, layer, y, _value(result), pullback))
        y = steps[-1][3]
    z, back = vjp((lambda v: v) if loss is None else (lambda v: loss(v, *targets)), y)
    if not isinstance(z, Tensor) or z.shape != ():
        got = z.type if isinstance(z, Tensor) else type(z).__name__
        raise TypeMismatch(f"record: z must be a scalar, not {got}; give a loss that reduces")
    last = g = _value(back(asarray(1.0, z.dtype))[0])
    records: list[LayerRecord] = []
    for name, layer, before, after, pullback in reversed(steps):
        dw, dx = pullback(g)
        label = type(layer).__name__ if isinstance(layer, Module) else _label(layer)
        records.append(LayerRecord(name, label, before, after, dx, dw))
        if dx is None:
            break  # what stands before a choice by integers has no derivative
        g = dx
    for name, layer, before, after, _ in reversed(steps[: len(steps) - len(records)]):
        records.append(LayerRecord(name, _label(layer), before, after, None))
    return Record(tuple(reversed(records)), _value(z), last)


def _value(t: Tensor) -> Tensor:
    """The value without its history: each layer's derivative is taken by itself."""
    return asarray(t.numpy())


def _label(layer: Any) -> str:
    if isinstance(layer, Module):
        return type(layer).__name__
    return getattr(layer, "__name__", type(layer).__name__)


def _chain(model: Any) -> list[tuple[str, Any]]:
    if isinstance(model, Sequential | ModuleList):
        return list(model.named_children())
    if isinstance(model, list | tuple) and model and all(map(callable, model)):
        return [(str(k), layer) for k, layer in enumerate(model)]
    raise TypeMismatch(
        f"record: a Sequential or a list of layers is needed, not {type(model).__name__}; "
        "write [model.first, wb.relu, model.second]"
    )


def _step(layer: Any, x: Tensor) -> tuple[Any, Pullback]:
    """A layer's result, and the function from dz by the result to dz by the weights and by x."""
    weights = layer if isinstance(layer, Module) else None
    if x.dtype.kind == "f":
        y, back = vjp(lambda w, v: (layer if w is None else w)(v), weights, x)
        return y, lambda g: _parts(*back(g))
    y, back = vjp(lambda w: (layer if w is None else w)(x), weights)
    return y, lambda g: _parts(back(g)[0], None)


def _parts(dw: Any, dx: Tensor | None) -> tuple[dict[str, Tensor], Tensor | None]:
    named = {} if dw is None else {name: _value(g) for name, g in dw.named_parameters()}
    return named, None if dx is None else _value(dx)
