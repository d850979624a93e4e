"""Optimisers that change parameters in place, with PyTorch's habits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from wingbeat.api import Tensor, assign, no_grad
from wingbeat.errors import BadInput, TypeMismatch
from wingbeat.optim import _checks, _state
from wingbeat.optim._update import Due, updated
from wingbeat.optim.methods import Rate, rate_at
from wingbeat.optim.rules import Rule

Group = dict[str, Any]


class Memory:
    """What an optimiser remembers of one parameter: its steps, and tensors like it."""

    __slots__ = ("slots", "step")

    def __init__(self, slots: dict[str, Tensor]) -> None:
        self.step = 0
        self.slots = slots


class Optimizer:
    """What optimisers share. Subclasses say their options and which rule these make.

    Args:
        params: parameters; or dicts, each with "params" and options of its own.
        options: what a group without options of its own has, `lr` among them.
        rule: makes the rule from a group's options; raises for wrong ones.

    Raises:
        BadInput: no parameters, one twice, or an option out of range.
        TypeMismatch: something is no parameter, or does not require a gradient.

    >>> import wingbeat as wb
    >>> class Descent(wb.optim.Optimizer):
    ...     def __init__(self, params, lr):
    ...         super().__init__(params, {"lr": lr}, lambda options: rule)
    >>> rule = wb.optim.descend()
    >>> w = wb.nn.Parameter([4.0])
    >>> (w * w).sum().backward()
    >>> Descent([w], lr=0.25).step()
    >>> w.tolist()
    [2.0]
    """

    def __init__(self, params: Any, options: Group, rule: Callable[[Group], Rule]) -> None:
        name = type(self).__name__
        self._name, self._rule, self._options = name, rule, options
        self.steps = 0
        self.param_groups: list[Group] = []
        given = _checks.listed(params, name)
        if not any(isinstance(g, Mapping) for g in given):
            given = [{"params": given}]
        for group in given:
            self.param_groups.append(self._group(group))
        _checks.check_parameters(self._parameters(), name)
        self._memory: dict[int, Memory] = {}

    def _group(self, group: Any) -> Group:
        if not isinstance(group, Mapping) or "params" not in group:
            raise TypeMismatch(f"{self._name}: each group is a dict with 'params': [...]")
        unknown = [k for k in group if k not in self._options and k != "params"]
        if unknown:
            raise BadInput(
                f"{self._name}: unknown option {', '.join(map(repr, unknown))}; there are "
                f"{', '.join(self._options)}"
            )
        full = {**self._options, **group, "params": _checks.listed(group["params"], self._name)}
        self._check(full)
        return full

    def _check(self, group: Group) -> Rule:
        group["lr"] = _checks.rate(group["lr"], self._name)
        return self._rule(group)

    def _parameters(self) -> list[Any]:
        return [p for group in self.param_groups for p in group["params"]]

    # --- the rate ------------------------------------------------------------------------------

    @property
    def lr(self) -> float:
        """The learning rate of the next step (of the first group, where there are several).

        It can be set, to a number or to a schedule; then all groups have it.
        """
        return rate_at(self.param_groups[0]["lr"], self.steps, self._name)

    @lr.setter
    def lr(self, value: Rate) -> None:
        checked = _checks.rate(value, self._name)
        for group in self.param_groups:
            group["lr"] = checked

    # --- steps ---------------------------------------------------------------------------------

    def zero_grad(self) -> None:
        """Forget the gradients: `.grad` of every parameter becomes None."""
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = None

    def step(self) -> None:
        """Change every parameter that has a gradient, and the memory with it: all in one program.

        A parameter without a gradient stays as it is, and so does its memory.
        """
        due = [d for group in self.param_groups for d in self._due(group)]
        with no_grad():
            new = [updated(d) for d in due]
        targets = [t for d in due for t in (d.p, *d.slots.values())]
        assign(targets, [t for value, slots in new for t in (value, *slots.values())])
        for d in due:
            self._memory[id(d.p)].step += 1
        self.steps += 1

    def _due(self, group: Group) -> Iterator[Due]:
        """The parameters of a group that have a gradient."""
        rule = self._check(group)
        lr = rate_at(group["lr"], self.steps, self._name)
        known: dict[Any, dict[str, Tensor]] = {}
        for p in group["params"]:
            if p.grad is None:
                continue
            memory = self._memory.get(id(p))
            if memory is None:
                memory = self._memory[id(p)] = Memory(rule.init(p))
            key = (memory.step, p.dtype)
            if key not in known:
                known[key] = rule.at(memory.step + 1, lr, p.dtype)
            yield Due(rule, p, p.grad, memory.slots, known[key])

    # --- saving --------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Steps, options of the groups and memory, as numbers and read-only arrays.

        A parameter is named by its number. A learning rate that is a schedule is not saved: it is a
        function of the number of steps, which is.

        >>> import wingbeat as wb
        >>> w = wb.nn.Parameter([1.0])
        >>> wb.optim.SGD([w], lr=0.1).state_dict()["groups"][0]["lr"]
        0.1
        """
        return _state.saved(self)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state; nothing changes where something does not fit.

        Raises:
            BadCheckpoint: the state is of another optimiser, or of other parameters.

        >>> import wingbeat as wb
        >>> a, b = (wb.optim.SGD([wb.nn.Parameter([1.0])], lr=r) for r in (0.1, 0.2))
        >>> b.load_state_dict(a.state_dict())
        >>> b.lr
        0.1
        """
        _state.load(self, state)

    def __getstate__(self) -> dict[str, Any]:
        """For `copy` and `pickle`: the memory goes with its parameters, which are others there."""
        known = [(p, self._memory[id(p)]) for p in self._parameters() if id(p) in self._memory]
        return {**vars(self), "_memory": known}

    def __setstate__(self, state: dict[str, Any]) -> None:
        memory = {id(p): one for p, one in state["_memory"]}
        vars(self).update(state, _memory=memory)

    def __repr__(self) -> str:
        lines: list[str] = []
        for group in self.param_groups:
            options = ", ".join(f"{k}={v!r}" for k, v in group.items() if k != "params")
            lines.append(f"{len(group['params'])} parameters, {options}")
        if len(lines) == 1:
            return f"{self._name}({lines[0]})"
        return "\n  ".join([f"{self._name}(", *lines]) + "\n)"
