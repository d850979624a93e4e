"""Which processor native code is made for: its name, its features, the width of its vectors.

target.current()             the host, or what WINGBEAT_CPU or `forced` name
target.named("haswell")      a processor of the table below: any x86-64 host can emit its code
with target.forced("nehalem"): ...   `current()` inside; for tests
"""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from llvmlite import binding

from wingbeat.errors import BadInput

VARIABLE = "WINGBEAT_CPU"
EFFORT = 2  # of the code generator; below 2 the code is about an eighth slower, 3 changes nothing


@dataclass(frozen=True)
class Target:
    """A processor as the code generator needs to know it; equal targets make equal code."""

    cpu: str
    features: str  # as LLVM writes them: "+avx2,-avx512f"
    bits: int  # of one vector register
    fma: bool  # x * y + z with one rounding
    half: bool  # conversions between float16 and float32
    rounding: bool  # floor, ceil, trunc and rint of a vector
    scaling: bool  # x * 2^n of a vector, denormals included: AVX-512's vscalef

    def lanes(self, dtype: np.dtype[Any]) -> int:
        """Numbers of `dtype` in one register."""
        return self.bits // (8 * dtype.itemsize)

    def machine(self) -> Any:
        """A new LLVM TargetMachine: an execution engine takes the one it is given for its own."""
        _initialize()
        triple = binding.Target.from_triple(binding.get_process_triple())
        return triple.create_target_machine(
            cpu=self.cpu, features=self.features, opt=EFFORT, jit=True
        )


def _x86(cpu: str, bits: int) -> Target:
    """What the levels of x86-64 have: SSE2, then SSE4, then AVX2 with FMA, then AVX-512."""
    wide, whole = bits >= 256, bits == 512
    # Without this LLVM halves the vectors of some AVX-512 processors on its own account.
    features = "-prefer-256-bit" if whole else ""
    return Target(cpu, features, bits, fma=wide, half=wide, rounding=cpu != "x86-64", scaling=whole)


X86 = {
    "x86-64": _x86("x86-64", 128),
    "nehalem": _x86("nehalem", 128),
    "haswell": _x86("haswell", 256),
    "skylake-avx512": _x86("skylake-avx512", 512),
}
WHOLE = ("avx512f", "avx512vl", "avx512bw", "avx512dq")


@cache
def host() -> Target:
    """The processor that this program runs on, with every feature that it has."""
    _initialize()
    has: dict[str, bool] = binding.get_host_cpu_features()
    cpu, features = binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()
    if platform.machine().lower() in ("arm64", "aarch64"):
        return Target(cpu, features, 128, fma=True, half=True, rounding=True, scaling=False)
    whole = all(has.get(f) for f in WHOLE)
    return Target(
        cpu,
        f"{features},-prefer-256-bit" if whole else features,
        512 if whole else 256 if has.get("avx2") else 128,
        fma=bool(has.get("fma")),
        half=bool(has.get("f16c")),
        rounding=bool(has.get("sse4.1")),
        scaling=whole,
    )


def named(name: str) -> Target:
    """The processor of that name; "host" is this one.

    Raises:
        BadInput: no processor of the table has that name.
    """
    if name == "host":
        return host()
    if name not in X86:
        known = ", ".join(["host", *X86])
        raise BadInput(f"{VARIABLE}: no processor named {name!r}; write one of {known}")
    return X86[name]


_forced: list[Target] = []


def current() -> Target:
    """What code is made for now: the host, unless `forced` or WINGBEAT_CPU say otherwise."""
    return _forced[-1] if _forced else named(os.environ.get(VARIABLE) or "host")


@contextlib.contextmanager
def forced(name: str, bits: int | None = None) -> Generator[Target]:
    """`current()` is the named processor inside, for all threads; `bits` narrows its vectors."""
    target = named(name)
    _forced.append(target if bits is None else replace(target, bits=bits))
    try:
        yield _forced[-1]
    finally:
        _forced.pop()


@cache
def _initialize() -> None:
    binding.initialize_native_target()
    binding.initialize_native_asmparser()
    binding.initialize_native_asmprinter()
