"""LLVM's assembly language -> object code -> functions in memory."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Generator, Iterable, Mapping
from functools import cache
from typing import Any

from llvmlite import binding

from wingbeat.backend.base import NotCompiled
from wingbeat.backend.llvm import disk
from wingbeat.backend.llvm.disk import Binary
from wingbeat.backend.llvm.target import Target, host

_names = itertools.count()


def assemble(text: str, target: Target) -> bytes:
    """Object code of a module. No optimiser runs: emitters write what is to be executed."""
    try:
        module = binding.parse_assembly(text)
        module.verify()
        with _in_short(target):
            return target.machine().emit_object(module)
    except RuntimeError as error:  # LLVM's own words help whoever mends the emitter
        raise NotCompiled("the code generator", "was given code that is not valid") from error


@contextlib.contextmanager
def _in_short(target: Target) -> Generator[None]:
    """Without reducing the strength of loops, which takes a third of the time.

    Loops are written with the addresses that they need. With AVX-512 nothing is lost; with fewer
    registers products lose up to a tenth, so there the pass stays. The option is the whole
    library's, which others in this process may use too, so it is put back. A version of LLVM that
    does not know an option would end the process: it is given to those that are known to have it.
    """
    short = target.bits == 512 and binding.llvm_version_info < (23,)
    if short:
        binding.set_option("wingbeat", "-disable-lsr")
    try:
        yield
    finally:
        if short:
            binding.set_option("wingbeat", "-disable-lsr=false")


def obtain(key: str | None, make: Callable[[], Binary]) -> Binary:
    """What is on disk under a key; else what `make` makes, which is put there. No key: no disk."""
    if key is None:
        return make()
    if (known := disk.read(key)) is not None:
        return known
    made = make()
    disk.write(key, made)
    return made


class Loaded:
    """Functions in memory. They are there as long as this object is."""

    def __init__(self, code: bytes, exports: Iterable[str], imports: Mapping[str, int]) -> None:
        """`imports` are addresses of functions that the code calls and does not define."""
        library = binding.JITLibraryBuilder().add_object_img(code).add_current_process()
        for name, address in imports.items():
            library.import_symbol(name, address)
        for name in exports:
            library.export_symbol(name)
        try:
            self._tracker = library.link(_linker(), f"program{next(_names)}")
        except RuntimeError as error:  # no memory that can be executed, or a function is missing
            raise NotCompiled("the linker", "cannot load native code here") from error

    def __getitem__(self, name: str) -> int:
        """The address of an exported function."""
        return self._tracker[name]


@cache
def _linker() -> Any:
    return binding.create_lljit_compiler(host().machine(), suppress_errors=True)
