"""An optimiser's state as numbers and arrays, and back, exact to the bit.

{"step": 7,
 "groups": [{"lr": 0.1, ..., "params": [0, 1]}],
 "memory": [{"step": 7, "velocity": array}, None]}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from wingbeat.api import asarray
from wingbeat.errors import BadCheckpoint, WingbeatError

if TYPE_CHECKING:
    from wingbeat.optim.optimizer import Memory, Optimizer


def saved(optimizer: Optimizer) -> dict[str, Any]:
    """The state of an optimiser."""
    groups: list[dict[str, Any]] = []
    memory: list[dict[str, Any] | None] = []
    for group in optimizer.param_groups:
        options = {k: v for k, v in group.items() if k != "params"}
        if callable(options["lr"]):
            options["lr"] = None
        begin = len(memory)
        memory += [_remembered(optimizer._memory.get(id(p))) for p in group["params"]]
        groups.append({**options, "params": list(range(begin, len(memory)))})
    return {"step": optimizer.steps, "groups": groups, "memory": memory}


def _remembered(memory: Memory | None) -> dict[str, Any] | None:
    if memory is None:
        return None
    return {"step": memory.step, **{k: t.numpy() for k, t in memory.slots.items()}}


def load(optimizer: Optimizer, state: Any) -> None:
    """Take a state over, if all of it fits."""
    from wingbeat.optim.optimizer import Memory

    name = type(optimizer).__name__
    if not isinstance(state, Mapping) or set(state) != {"step", "groups", "memory"}:
        raise BadCheckpoint(f"{name}: a state has step, groups and memory; got {_keys(state)}")
    step = _steps(state["step"], f"{name}: step")
    groups = _groups(optimizer, state["groups"], name)
    params = optimizer._parameters()
    if not isinstance(state["memory"], list | tuple) or len(state["memory"]) != len(params):
        raise BadCheckpoint(f"{name}: the state is not that of {len(params)} parameters")
    slots = [optimizer._rule(g).slots for g in groups for _ in g["params"]]
    found: dict[int, Memory] = {}
    for k, (p, names, one) in enumerate(zip(params, slots, state["memory"], strict=True)):
        if one is not None:
            arrays = _arrays(one, names, p, f"{name}: parameter {k}")
            memory = found[id(p)] = Memory(arrays)
            memory.step = _steps(one["step"], f"{name}: step of parameter {k}")
    optimizer.steps = step
    optimizer._memory = found
    for group, new in zip(optimizer.param_groups, groups, strict=True):
        group.update(new)


def _keys(state: Any) -> str:
    return ", ".join(map(str, state)) if isinstance(state, Mapping) else type(state).__name__


def _steps(value: Any, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
        raise BadCheckpoint(f"{what} is a count, not {value!r}")
    return int(value)


def _groups(optimizer: Optimizer, groups: Any, name: str) -> list[dict[str, Any]]:
    """The options to be taken over, with the parameters that are here."""
    here = optimizer.param_groups
    if not isinstance(groups, list | tuple) or len(groups) != len(here):
        raise BadCheckpoint(f"{name}: the state does not have {len(here)} groups")
    found: list[dict[str, Any]] = []
    for k, (group, given) in enumerate(zip(here, groups, strict=True)):
        if not isinstance(given, Mapping) or set(given) != set(group):
            raise BadCheckpoint(f"{name}: group {k} has {', '.join(group)}; got {_keys(given)}")
        if not isinstance(given["params"], list | tuple) or len(given["params"]) != len(
            group["params"]
        ):
            raise BadCheckpoint(f"{name}: group {k} has {len(group['params'])} parameters")
        if (given["lr"] is None) != callable(group["lr"]):
            kind = "a schedule" if given["lr"] is None else "a number"
            raise BadCheckpoint(
                f"{name}: lr of group {k} was {kind} when the state was saved; make the optimiser "
                f"with {kind} too"
            )
        new = {**given, "params": group["params"], "lr": group["lr"] or 0.0}
        if given["lr"] is not None:
            new["lr"] = given["lr"]
        try:
            optimizer._check(new)
        except WingbeatError as error:
            raise BadCheckpoint(f"{name}: group {k} cannot be loaded: {error}") from None
        found.append(new)
    return found


def _arrays(one: Any, names: tuple[str, ...], p: Any, what: str) -> dict[str, Any]:
    if not isinstance(one, Mapping) or set(one) != {"step", *names}:
        raise BadCheckpoint(
            f"{what}: memory has {', '.join(('step', *names))}; got {_keys(one)}, which is another "
            "optimiser's, or the same with other options"
        )
    found: dict[str, Any] = {}
    for name in names:
        array = np.asarray(one[name])
        if array.shape != p.shape or array.dtype != p.dtype:
            raise BadCheckpoint(f"{what}: {name} is {p.type}, got {array.dtype}{array.shape}")
        found[name] = asarray(array)
    return found
