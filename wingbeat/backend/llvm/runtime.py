"""Native code that programs share, in memory: the way in, the pool, libraries of functions."""

from __future__ import annotations

import ctypes
import hashlib
import os
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir

from wingbeat.backend.llvm import compiler, entrance, externals, gemm, pool, threads, windowed
from wingbeat.backend.llvm.compiler import Loaded
from wingbeat.backend.llvm.disk import Binary
from wingbeat.backend.llvm.structure import fingerprint
from wingbeat.backend.llvm.target import Target, host

# What makes the functions whose names begin so, and how the names of those that are called end.
LIBRARIES: dict[str, tuple[Any, tuple[str, ...]]] = {
    "gemm": (gemm, ("_pack", "_run")),
    windowed.FAMILY: (windowed, ("_extend", "_run")),
}
DTYPES = {"f32": np.dtype(np.float32), "f64": np.dtype(np.float64)}


class Runtime:
    """The functions of `entrance` and `pool`."""

    def __init__(self) -> None:
        entrance.check()
        self._code = _library("runtime", host(), _emit, ("enter", "parallel", "restart", "want"))
        address = self._code["enter"]
        self.enter = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.py_object)(address)
        # The same for programs that are over before another thread could use the interpreter.
        self.enter_briefly = ctypes.PYFUNCTYPE(ctypes.c_int32, ctypes.py_object)(address)
        self.parallel = self._code["parallel"]
        restart = ctypes.PYFUNCTYPE(None)(self._code["restart"])
        restart()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=restart)
        threads.listen(ctypes.PYFUNCTYPE(None, ctypes.c_int32)(self._code["want"]))


@cache
def runtime() -> Runtime:
    """The one runtime of this process."""
    return Runtime()


def addresses(names: Iterable[str], target: Target) -> dict[str, int]:
    """Where functions are that native code calls and does not define."""
    return {name: _address(name, target) for name in names}


def _address(name: str, target: Target) -> int:
    if name == "parallel":
        return runtime().parallel
    family, dtype, _ = name.split("_", 2)
    if family == "blas":
        return externals.address(name)
    return _shared(family, dtype, target)[name]


@cache
def _shared(family: str, dtype: str, target: Target) -> Loaded:
    maker, endings = LIBRARIES[family]
    kind = DTYPES[dtype]
    name: str = maker.name_of(kind, target)
    exports = tuple(name + ending for ending in endings)
    return _library(name, target, lambda module: maker.emit(module, kind, target), exports)


def _library(
    name: str, target: Target, emit: Callable[[Any], None], exports: tuple[str, ...]
) -> Loaded:
    """Functions that are the same for all programs; compiled once, then on disk."""

    def make() -> Binary:
        module = ir.Module(name)
        emit(module)
        return Binary(compiler.assemble(str(module), target), {})

    maker = fingerprint()
    key = hashlib.sha256(repr((maker, target, name)).encode()).hexdigest() if maker else None
    return Loaded(compiler.obtain(key, make).code, exports, {})


def _emit(module: Any) -> None:
    pool.emit(module)
    entrance.emit(module)
