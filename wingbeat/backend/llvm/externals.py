"""The matrix products of a BLAS library, found when code that calls them is loaded.

    address("blas_f32_gemm")    sgemm of the package `scipy-openblas32` where it is installed, else
                                of SciPy: 32-bit integers, all by reference, as Fortran has it

Code refers to them by these names, so object code on disk holds no addresses.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

PLAIN = {"blas_f32_gemm": "sgemm", "blas_f64_gemm": "dgemm"}
# How libraries spell `sgemm`, and how the number of their threads is read and set.
SPELLINGS = ("scipy_{}_", "{}_")
CONTROLS = (
    ("scipy_openblas_get_num_threads", "scipy_openblas_set_num_threads"),
    ("openblas_get_num_threads", "openblas_set_num_threads"),
    ("MKL_Get_Max_Threads", "MKL_Set_Num_Threads"),
    ("bli_thread_get_num_threads", "bli_thread_set_num_threads"),
)
# Files of packages that are, or bring, a BLAS.
OPENBLAS = [f"lib/libscipy_openblas.{ending}" for ending in ("so", "dylib", "dll")]
CYTHON = [f"linalg/cython_blas{suffix}" for suffix in EXTENSION_SUFFIXES]


@cache
def address(name: str) -> int:
    """Where the function is; raises `LookupError` for a name that is not known."""
    if name not in PLAIN:
        raise LookupError(f"no library function is called {name!r}; use one of {', '.join(PLAIN)}")
    plain = PLAIN[name]
    spelled = (_symbol(s.format(plain)) for s in SPELLINGS)
    found = next(filter(None, spelled), 0) or _exported(plain)
    set_blas_threads(1)  # native code calls BLAS from the threads of its own pool
    return found


def get_blas_threads() -> int | None:
    """How many threads the library uses for one call; None where it cannot be asked."""
    found = _controls()
    return ctypes.CFUNCTYPE(ctypes.c_int)(found[0])() if found else None


def set_blas_threads(number: int) -> bool:
    """Let the library use so many threads, for whoever calls it; False where it cannot be told."""
    if (found := _controls()) is None:
        return False
    ctypes.CFUNCTYPE(None, ctypes.c_int)(found[1])(number)
    return True


def _controls() -> tuple[int, int] | None:
    pairs = ([_symbol(name) for name in names] for names in CONTROLS)
    found = next((pair for pair in pairs if all(pair)), None)
    return (found[0], found[1]) if found else None


@cache
def _library() -> Any:
    """A BLAS, or the extension module that exports SciPy's, opened as a library: BLAS is with it.

    Importing that would run all of `scipy.linalg`, which takes longer than compiling a program.
    """
    for package, names in (("scipy_openblas32", OPENBLAS), ("scipy", CYTHON)):
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            for path in (Path(folder) / name for name in names):
                if path.is_file():
                    return ctypes.CDLL(str(path))
    return None


def _symbol(name: str) -> int:
    function = getattr(_library(), name, None)
    return ctypes.cast(function, ctypes.c_void_p).value or 0 if function else 0


def _exported(name: str) -> int:
    """What SciPy exports to Cython: the same functions, in every build of it."""
    table: dict[str, Any] = importlib.import_module("scipy.linalg.cython_blas").__pyx_capi__
    capsule = table[name]
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype = ctypes.c_char_p
    api.PyCapsule_GetName.argtypes = [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    return api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule))
