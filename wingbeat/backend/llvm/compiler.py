"""LLVM's assembly language -> object code -> functions in memory."""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
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


class Assembly:
    """Object code of modules, made in a thread of its own while the next ones are written.

        with Assembly(target) as assembly:
            assembly.take(text)
            ...
            objects = assembly.finish(last)

    LLVM lets go of the interpreter's lock. Whoever leaves waits for the thread.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._texts: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._objects: list[bytes] = []
        self._error: Exception | None = None
        self._thread: threading.Thread | None = None
        self._left = False

    def take(self, text: str) -> None:
        self._texts.put(text)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="wingbeat-assembly")
            self._thread.start()

    def finish(self, text: str) -> tuple[bytes, ...]:
        """All objects, that of the last module last. Raises `NotCompiled`."""
        self._join()
        if self._error is not None:
            raise self._error
        return (*self._objects, assemble(text, self._target))

    def _work(self) -> None:
        while (text := self._texts.get()) is not None:
            if self._left or self._error is not None:
                continue
            try:
                self._objects.append(assemble(text, self._target))
            except Exception as error:
                self._error = error

    def _join(self) -> None:
        if self._thread is not None:
            self._texts.put(None)
            self._thread.join()
            self._thread = None

    def __enter__(self) -> Assembly:
        return self

    def __exit__(self, *exception: object) -> None:
        self._left = True
        self._join()


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

    def __init__(
        self, code: Iterable[bytes], exports: Iterable[str], imports: Mapping[str, int]
    ) -> None:
        """`imports` are addresses of functions that the code calls and does not define."""
        library = binding.JITLibraryBuilder().add_current_process()
        for image in code:
            library.add_object_img(image)
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
