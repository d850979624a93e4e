"""`Module`: what layers and networks are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self, cast

import numpy as np

from wingbeat.api import Tensor, asarray, assign, tree
from wingbeat.errors import BadCheckpoint, NotSupported, TypeMismatch
from wingbeat.nn import _walk
from wingbeat.nn._loading import Difference, fitting, lacking
from wingbeat.nn.parameter import Parameter
from wingbeat.nn.summary import Summary, summarise

_Array = np.ndarray[Any, Any]


class Module(_walk.Branch):
    """Parameters, and the function that they are parameters of. Subclasses define `forward`.

    Attributes that are a `Parameter` or a `Module`, or lists, tuples or dicts of them, are found by
    themselves; calling `super().__init__()` is allowed and not needed. A module is a tree of its
    parameters: `wb.grad(loss)(model, x, y)` returns a module of the same form with gradients in
    their places.

    >>> import wingbeat as wb
    >>> class Line(wb.nn.Module):
    ...     def __init__(self):
    ...         self.slope = wb.nn.Parameter(3.0)
    ...     def forward(self, x):
    ...         return self.slope * x
    >>> line = Line()
    >>> line(2.0)
    tensor(6., requires_grad=True)
    >>> wb.grad(lambda m, x: m(x))(line, 2.0).slope.item()
    2.0
    """

    _buffers: tuple[str, ...] = ()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The function; what a call of the module returns."""
        raise NotSupported(
            f"{type(self).__name__} has no forward; write: def forward(self, x): return ..."
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`forward`."""
        return self.forward(*args, **kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Tensor | np.ndarray) and not isinstance(value, Parameter):
            if isinstance(vars(self).get(name), Parameter):
                raise TypeMismatch(
                    f"{type(self).__name__}.{name} is a Parameter and would no longer be learnt; "
                    "write wb.nn.Parameter(value)"
                )
            if name in self._buffers:
                value = asarray(value)
        object.__setattr__(self, name, value)

    # --- what is inside ------------------------------------------------------------------------

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """This module and all within, each once: dotted name ("" for this one) and module.

        >>> import wingbeat as wb
        >>> [name for name, _ in wb.nn.Sequential(wb.nn.Linear(2, 1)).named_modules()]
        ['', '0']
        """
        return cast("Iterator[tuple[str, Module]]", _walk.modules(self))

    def modules(self) -> Iterator[Module]:
        """This module and all within, each once."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules that this one holds itself: dotted name and module."""
        for path, value, mark in _walk.places(self):
            if mark is value and isinstance(value, Module):
                yield _walk.dotted("", path), value

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Every parameter once: dotted name and parameter.

        >>> import wingbeat as wb
        >>> [(name, p.shape) for name, p in wb.nn.Linear(3, 2).named_parameters()]
        [('weight', (2, 3)), ('bias', (2,))]
        """
        for name, value, _ in _walk.parameters(self):
            yield name, value

    def parameters(self) -> Iterator[Parameter]:
        """Every parameter once, those of a module before those of the modules in it."""
        return (value for _, value in self.named_parameters())

    def register_buffer(self, name: str, value: Any) -> None:
        """Make a tensor an attribute that is saved with the parameters and not learnt.

        >>> import wingbeat as wb
        >>> m = wb.nn.Module()
        >>> m.register_buffer("mean", wb.zeros(2))
        >>> m.state_dict()
        {'mean': array([0., 0.])}
        """
        if not name.isidentifier():
            raise TypeMismatch(f"register_buffer: {name!r} cannot be the name of an attribute")
        if name in vars(self) and name not in self._buffers:
            raise TypeMismatch(f"register_buffer: {type(self).__name__}.{name} exists already")
        object.__setattr__(self, "_buffers", tuple(dict.fromkeys((*self._buffers, name))))
        object.__setattr__(self, name, asarray(value))

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """Every buffer: dotted name and tensor."""
        for name, module in self.named_modules():
            for buffer in module._buffers:
                yield _walk.dotted(name, (buffer,)), getattr(module, buffer)

    def buffers(self) -> Iterator[Tensor]:
        """Every buffer."""
        return (value for _, value in self.named_buffers())

    # --- values --------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, _Array]:
        """The values of parameters and buffers by dotted name, as read-only arrays.

        >>> import wingbeat as wb
        >>> sorted(wb.nn.Linear(3, 2).state_dict())
        ['bias', 'weight']
        """
        found: dict[str, _Array] = {}
        for name, value in (*self.named_parameters(), *self.named_buffers()):
            if name in found:
                raise TypeMismatch(f"state_dict: two places are called {name!r}; rename one")
            found[name] = asarray(value).numpy()
        return found

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> Difference:
        """Take the values of a state dict, or none of them where one does not fit.

        Args:
            state: arrays or tensors by dotted name; they are cast to the dtypes here.
            strict: False lets names be missing or unexpected; both are returned.

        Raises:
            BadCheckpoint: missing or unexpected names, wrong shapes, values that are no numbers.

        >>> import wingbeat as wb
        >>> a, b = wb.nn.Linear(3, 2), wb.nn.Linear(3, 2)
        >>> b.load_state_dict(a.state_dict())
        Difference(missing=[], unexpected=[])
        """
        if not isinstance(state, Mapping):
            raise BadCheckpoint(
                f"load_state_dict: a dict of arrays is needed, not {type(state).__name__}; "
                "write b.load_state_dict(a.state_dict())"
            )
        here = dict((*self.named_parameters(), *self.named_buffers()))
        difference = Difference(
            [n for n in here if n not in state], [n for n in state if n not in here]
        )
        faults = lacking(difference) if strict else []
        new: dict[str, Tensor] = {}
        for name in (n for n in here if n in state):
            value = fitting(name, state[name], here[name])
            if isinstance(value, str):
                faults.append(value)
            else:
                new[name] = value
        if faults:
            raise BadCheckpoint("load_state_dict: " + "; ".join(faults))
        self._take(new)
        return difference

    def _take(self, new: dict[str, Tensor]) -> None:
        parameters = {name: p for name, p in self.named_parameters() if name in new}
        assign(list(parameters.values()), [new[name] for name in parameters])
        for name, module in self.named_modules():
            for buffer in module._buffers:
                if (value := new.get(_walk.dotted(name, (buffer,)))) is not None:
                    object.__setattr__(module, buffer, value)

    # --- modes ---------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Training mode, here and in all modules within: `Dropout` drops.

        >>> import wingbeat as wb
        >>> wb.nn.Dropout(0.5).train().training
        True
        """
        for module in self.modules():
            module.training = bool(mode)
        return self

    def eval(self) -> Self:
        """The mode for use: `Dropout` is the identity.

        >>> import wingbeat as wb
        >>> wb.nn.Dropout(0.5).eval()(wb.ones(2))
        tensor([1., 1.])
        """
        return self.train(False)

    def zero_grad(self) -> None:
        """Forget the gradients: `.grad` of every parameter becomes None."""
        for p in self.parameters():
            p.grad = None

    def requires_grad_(self, wanted: bool = True) -> Self:
        """Freeze (False) or thaw (True) every parameter.

        >>> import wingbeat as wb
        >>> wb.nn.Linear(2, 1).requires_grad_(False)(wb.ones(2)).requires_grad
        False
        """
        for p in self.parameters():
            p.requires_grad = bool(wanted)
        return self

    def to(self, dtype: Any) -> Self:
        """Give parameters and float buffers another float dtype, in place; gradients are forgotten.

        >>> import wingbeat as wb
        >>> wb.nn.Linear(2, 1).to("float64").weight.dtype.name
        'float64'
        """
        kind = asarray(np.zeros(()), dtype).dtype
        if kind.kind != "f":
            raise TypeMismatch(f"to: parameters are floats, and {kind} is not; use float32, ...")
        for p in self.parameters():
            p.renew(p.numpy().astype(kind))
        for module in self.modules():
            for name in module._buffers:
                if (value := getattr(module, name)).dtype.kind == "f":
                    object.__setattr__(module, name, value.astype(kind))
        return self

    astype = to

    # --- text ----------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What stands between the parentheses of the printed form."""
        return ""

    def __repr__(self) -> str:
        lines = [
            f"({name}): {child!r}".replace("\n", "\n  ") for name, child in self.named_children()
        ]
        extra = self.extra_repr()
        if not lines:
            return f"{type(self).__name__}({extra})"
        return "\n  ".join([f"{type(self).__name__}(", *([extra] if extra else []), *lines]) + "\n)"

    def summary(self) -> Summary:
        """Layers with the shapes and numbers of their parameters, as a table.

        >>> import wingbeat as wb
        >>> print(wb.nn.Sequential(wb.nn.Linear(3, 2), wb.nn.ReLU()).summary())
        name   layer   parameters                count
        -----  ------  ------------------------  -----
        0      Linear  weight (2, 3), bias (2,)      8
        1      ReLU                                  0
        total                                        8
        """
        return summarise(self)


def _flatten(module: Module) -> tuple[list[Any], Module]:
    return [value for _, value, _ in _walk.parameters(module)], module


def _unflatten(module: Module, values: list[Any]) -> Module:
    return cast(Module, _walk.rebuilt(module, values))


tree.register(Module, _flatten, _unflatten, _walk.structure)
