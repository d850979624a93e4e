"""What `wingbeat train` is to do: from flags or from a saved run, checked as a whole."""

import difflib
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import wingbeat as wb
from wingbeat.cli._train_options import CSV, OPTIONS, read_options
from wingbeat.errors import BadCheckpoint, BadInput

_BUILT_IN = ("digits", "mnist")
_COMMAND = "wingbeat train"
_SIZES = ({"epochs": 20, "batch": 32}, {"epochs": 5, "batch": 64})  # of small data, and of MNIST


@dataclass(frozen=True)
class Plan:
    """A run to be: its data, and its flags as texts and as values."""

    what: str
    texts: dict[str, str]
    values: dict[str, Any]

    def __getitem__(self, flag: str) -> Any:
        return self.values[flag]

    @property
    def name(self) -> str:
        """What to call the data in titles and folders."""
        return self.what if self.what in _BUILT_IN else Path(self.what).stem

    def description(self, digest: str) -> dict[str, Any]:
        """What `from_checkpoint` reads."""
        what = self.what if self.what in _BUILT_IN else str(Path(self.what).resolve())
        texts = dict(self.texts)
        if "data" in texts:
            texts["data"] = str(Path(texts["data"]).resolve())
        return {"command": _COMMAND, "what": what, "flags": texts, "data": digest}


def from_flags(what: str | None, texts: Mapping[str, str | None]) -> Plan:
    """The plan of a new run; `BadInput` for flags that are wrong or contradict each other."""
    values = {option.name: option.default for option in OPTIONS} | read_options(texts)
    given = {name: text for name, text in texts.items() if text is not None}
    if what is None:
        raise BadInput("train: say what to train on: digits, mnist, FILE.csv, or --resume RUN")
    if what not in _BUILT_IN and not Path(what).suffix and not Path(what).exists():
        close = difflib.get_close_matches(what, _BUILT_IN, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise BadInput(
            f"train: DATA is digits, mnist or a CSV file; there is no file {what!r}{hint}"
        )
    _insist_on_agreement(what, given, values)
    if what == "mnist" and "data" not in given:
        if not (folder := os.environ.get("WINGBEAT_MNIST")):
            raise BadInput("train: mnist needs --data DIR, the folder with its four files")
        values["data"] = given["data"] = folder
    usual = {"lr": 0.1 if values["optimizer"] == "sgd" else 0.001, **_SIZES[what == "mnist"]}
    for name, value in usual.items():
        if values[name] is None:
            values[name] = value
    return Plan(what, given, values)


def _insist_on_agreement(what: str, given: Mapping[str, str], values: dict[str, Any]) -> None:
    csv = what not in _BUILT_IN
    if csv and "target" not in given:
        raise BadInput(f"train: {what} needs --target COLUMN, the column to predict")
    for name in (option.name for option in CSV if option.name in given and not csv):
        raise BadInput(f"train: --{name} belongs to CSV files, and {what} is none")
    if what != "mnist" and "data" in given:
        raise BadInput(f"train: --data belongs to mnist; {what} needs no folder")
    if "momentum" in given and values["optimizer"] != "sgd":
        raise BadInput(f"train: --momentum belongs to --optimizer sgd, not {values['optimizer']}")


def from_checkpoint(
    run: str, what: str | None, texts: Mapping[str, str | None]
) -> tuple[Plan, str]:
    """The plan of a saved run and the digest of its data; flags may repeat what it has."""
    saved = wb.train.load_checkpoint(run).description
    flags = saved.get("flags")
    if saved.get("command") != _COMMAND or not isinstance(flags, dict):
        raise BadCheckpoint(
            f"train: the run in {run} was not made by `wingbeat train`; go on with it where it was "
            "made, by wb.train.fit(..., resume=True)"
        )
    try:
        plan = from_flags(saved["what"], flags)
        digest = str(saved["data"])
    except (BadInput, KeyError, TypeError) as error:
        raise BadCheckpoint(
            f"train: the run in {run} has flags that cannot be read: {error}"
        ) from None
    return _agreed(plan, run, what, texts), digest


def _agreed(plan: Plan, run: str, what: str | None, texts: Mapping[str, str | None]) -> Plan:
    if what is not None and (what in _BUILT_IN or plan.what in _BUILT_IN) and what != plan.what:
        raise BadInput(f"train: {what} contradicts the run in {run}, which trains on {plan.what}")
    given = read_options(texts)
    moved = {name: given.pop(name) for name in ("data",) if name in given}
    epochs = given.pop("epochs", plan["epochs"])
    for name, value in given.items():
        if value != plan[name]:
            raise BadInput(
                f"train: --{name} {texts[name]} contradicts the run in {run}, "
                f"{_has(name, plan)}; a run goes on with what it began with"
            )
    if epochs < plan["epochs"] or (
        epochs != plan["epochs"] and plan["schedule"] in ("cosine", "onecycle")
    ):
        why = "fewer" if epochs < plan["epochs"] else f"its {plan['schedule']} schedule ends there"
        raise BadInput(
            f"train: --epochs {epochs} contradicts the run in {run}, "
            f"which has {plan['epochs']}: {why}"
        )
    if moved and plan.what != "mnist":
        raise BadInput(f"train: --data belongs to mnist; {plan.what} needs no folder")
    new = {**moved, "epochs": epochs}
    changed = replace(
        plan,
        texts=plan.texts | {name: str(value) for name, value in new.items() if name in texts},
        values=plan.values | new,
    )
    return changed if what is None else replace(changed, what=what)


def _has(name: str, plan: Plan) -> str:
    value = plan[name]
    if value is None:
        return f"which has no {name}"
    return f"which has {','.join(map(str, value)) or 'none' if isinstance(value, list) else value}"


def load(plan: Plan) -> "tuple[wb.data.Dataset, wb.data.Dataset]":
    """Training and test data of a plan."""
    if plan.what == "digits":
        return wb.data.digits(dtype=plan["dtype"])
    if plan.what == "mnist":
        return wb.data.mnist(plan["data"], dtype=plan["dtype"])
    given = {o.name: plan[o.name] for o in CSV if plan[o.name] is not None}
    return wb.data.csv(plan.what, dtype=plan["dtype"], **given)


def digest(*parts: "wb.data.Dataset") -> str:
    """A checksum of data: the same numbers, the same text."""
    found = hashlib.sha256()
    for part in parts:
        for array in (part.x, part.y):
            found.update(f"{array.dtype}{array.shape}".encode())
            found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()
