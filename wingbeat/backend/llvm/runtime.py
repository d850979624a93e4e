"""Native code that programs share, in memory: the way in, the pool, libraries of functions."""

from __future__ import annotations

import ctypes
import hashlib
import importlib
import os
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np

from wingbeat.backend.llvm import compiler, exclusive, headers, threads
from wingbeat.backend.llvm.compiler import Loaded
from wingbeat.backend.llvm.disk import Binary
from wingbeat.backend.llvm.structure import fingerprint
from wingbeat.backend.llvm.target import Target, host

# Families of functions: the module that makes them, and how their names end. They begin with the
# family and the dtype, and say for which processor they are: gemm_f32_1a2b3c4d_run.
LIBRARIES = {"gemm": ("gemm", ("pack", "run")), "slide": ("windowed", ("extend", "run"))}
ONE_OBJECT = 0x0008  # METH_O: how a built-in function takes its operand
DTYPES = {"f32": np.dtype(np.float32), "f64": np.dtype(np.float64)}


class Runtime:
    """The functions of `entrance` and `pool`."""

    def __init__(self) -> None:
        headers.check()
        names = ("enter", "enter_briefly", "parallel", "restart", "want")
        python = {name: _python(name) for name in headers.PYTHON}
        self._code = _library("runtime", host(), _emit, names, python)
        self._enter = _Method(b"enter", self._code["enter"])
        # The same for programs that are over before another thread could use the interpreter.
        self._briefly = _Method(b"enter_briefly", self._code["enter_briefly"])
        self.enter, self.enter_briefly = self._enter.function, self._briefly.function
        self.parallel = self._code["parallel"]
        restart = ctypes.PYFUNCTYPE(None)(self._code["restart"])
        restart()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=restart)
        threads.listen(ctypes.PYFUNCTYPE(None, ctypes.c_int32)(self._code["want"]))


class _Definition(ctypes.Structure):
    """`PyMethodDef`."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


class _Method:
    """Native code as a built-in function of one object: `ctypes` takes ten times as long."""

    def __init__(self, name: bytes, address: int) -> None:
        self._definition = _Definition(name, address, ONE_OBJECT, None)
        new = ctypes.pythonapi.PyCFunction_NewEx
        new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p] * 3
        where = ctypes.addressof(self._definition)
        self.function: Callable[[tuple[Any, ...]], int] = new(where, None, None)


def _python(name: str) -> int:
    """Where a function of Python's own is."""
    return ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0


def runtime() -> Runtime:
    """The one runtime of this process."""
    with exclusive:  # a second one, made at the same time, would vanish under its users
        return _runtime()


@cache
def _runtime() -> Runtime:
    return Runtime()


def addresses(names: Iterable[str], target: Target) -> dict[str, int]:
    """Where functions are that native code calls and does not define."""
    return {name: _address(name, target) for name in names}


def _address(name: str, target: Target) -> int:
    if name == "parallel":
        return runtime().parallel
    if name.startswith("blas_"):
        from wingbeat.backend.llvm import externals

        return externals.address(name)
    return _shared(name.rpartition("_")[0], target)[name]


@cache
def _shared(name: str, target: Target) -> Loaded:
    """The library whose functions' names begin so."""
    family, dtype, _ = name.split("_")
    maker, endings = LIBRARIES[family]

    def emit(module: Any) -> None:
        _module(maker).emit(module, DTYPES[dtype], target)

    return _library(name, target, emit, tuple(f"{name}_{ending}" for ending in endings))


def _library(
    name: str,
    target: Target,
    emit: Callable[[Any], None],
    exports: tuple[str, ...],
    imports: Mapping[str, int] | None = None,
) -> Loaded:
    """Functions that are the same for all programs; compiled once, then on disk."""

    def make() -> Binary:
        from wingbeat.backend.llvm import ir

        module = ir.Module(name)
        emit(module)
        return Binary(compiler.assemble(str(module), target), {})

    maker = fingerprint()
    key = hashlib.sha256(repr((maker, target, name)).encode()).hexdigest() if maker else None
    return Loaded(compiler.obtain(key, make).code, exports, imports or {})


def _emit(module: Any) -> None:
    for name in ("pool", "entrance"):
        _module(name).emit(module)


def _module(name: str) -> Any:
    """A module that writes code: it takes long to import, and is not needed to load code."""
    return importlib.import_module(f"{__package__}.{name}")
