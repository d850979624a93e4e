"""Wingbeat: exact derivatives of ordinary numerical Python, and why each of them is what it is."""

import importlib
from typing import Any

import numpy as _np

from wingbeat import api
from wingbeat import errors as errors
from wingbeat.api import *  # noqa: F403

__all__: list[str] = []
__all__ += api.__all__
__version__ = "0.1.0"

bool = _np.dtype("bool")
int8, int16, int32, int64 = (_np.dtype(f"int{n}") for n in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (_np.dtype(f"uint{n}") for n in (8, 16, 32, 64))
float16, float32, float64 = (_np.dtype(f"float{n}") for n in (16, 32, 64))
pi, e, inf, nan, newaxis = _np.pi, _np.e, _np.inf, _np.nan, None

_LATER = ("nn", "optim", "data", "train", "explain")


def __getattr__(name: str) -> Any:
    """Submodules are imported when they are first used."""
    if name in _LATER:
        return importlib.import_module(f"wingbeat.{name}")
    raise AttributeError(f"module 'wingbeat' has no attribute {name!r}")
