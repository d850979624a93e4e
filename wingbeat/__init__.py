"""Wingbeat: exact derivatives of ordinary numerical Python, and why each of them is what it is."""

TYPE_CHECKING = False  # as a type checker has it; `typing` would be an import, and here is none
if TYPE_CHECKING:
    from math import e as e
    from math import inf as inf
    from math import nan as nan
    from math import pi as pi
    from typing import Any

    from numpy import dtype

    from wingbeat import api as api
    from wingbeat import errors as errors
    from wingbeat.api import *  # noqa: F403
    from wingbeat.curvature import critical_points as critical_points
    from wingbeat.explain import attribution as attribution
    from wingbeat.solve import hill_climb as hill_climb
    from wingbeat.solve import least_squares as least_squares
    from wingbeat.solve import minimize as minimize
    from wingbeat.solve import reach as reach
    from wingbeat.solve import root as root

    __all__: list[str]
    bool: dtype[Any]
    int8: dtype[Any]
    int16: dtype[Any]
    int32: dtype[Any]
    int64: dtype[Any]
    uint8: dtype[Any]
    uint16: dtype[Any]
    uint32: dtype[Any]
    uint64: dtype[Any]
    float16: dtype[Any]
    float32: dtype[Any]
    float64: dtype[Any]

__version__ = "0.1.0"
newaxis = None

_TRAINING = ("nn", "optim", "data", "train", "robust")
_FOLDERS = ("api", "errors", *_TRAINING, "curvature", "solve", "explain", "pictures")
_CURVATURE = ("critical_points",)
_SOLVE = ("hill_climb", "least_squares", "minimize", "reach", "root")
_NUMBERS = ("e", "inf", "nan", "pi")
_INTS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_DTYPES = ("bool", *_INTS, "float16", "float32", "float64")


def __getattr__(name: str) -> "Any":
    """Everything is imported when it is first used, and stays (decision 16)."""
    from importlib import import_module

    if name in _FOLDERS:
        return import_module(f"wingbeat.{name}")
    if name in _NUMBERS:
        value = getattr(import_module("math"), name)
    elif name in _DTYPES:
        value = import_module("numpy").dtype(name)
    elif name == "attribution":
        value = import_module("wingbeat.explain.attribution")
    elif name in _CURVATURE:
        value = getattr(import_module("wingbeat.curvature"), name)
    elif name in _SOLVE:
        value = getattr(import_module("wingbeat.solve"), name)
    else:
        api = import_module("wingbeat.api")
        if name != "__all__" and name not in api.__all__:
            raise AttributeError(f"module 'wingbeat' has no attribute {name!r}")
        value = getattr(api, name)
    return globals().setdefault(name, value)


def __dir__() -> list[str]:
    names = __getattr__("__all__")
    ours = {"attribution", *_FOLDERS, *_CURVATURE, *_SOLVE, *_NUMBERS, *_DTYPES}
    return sorted({*globals(), *ours, *names})
