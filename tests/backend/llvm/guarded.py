"""Memory with a page on each side that nobody may touch."""

from __future__ import annotations

import ctypes
import mmap
from typing import Any, Self

import numpy as np
import pytest

PAGE = mmap.PAGESIZE


class Guarded:
    """`copy(array)` is a copy that ends, or begins, at the edge of what may be touched."""

    def __init__(self, at_end: bool) -> None:
        if not hasattr(mmap, "MAP_PRIVATE"):
            pytest.skip("needs mprotect, which this system does not have")
        self._at_end, self._maps = at_end, list[tuple[mmap.mmap, int, int]]()
        self._protect = ctypes.CDLL(None, use_errno=True).mprotect
        self._protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Makes the pages touchable again, for who gets them next; arrays may still be alive."""
        for _, address, size in self._maps:
            self._set(address, PAGE, True)
            self._set(address + size - PAGE, PAGE, True)

    def copy(self, array: Any) -> Any:
        """An equal contiguous array."""
        pages = -(-array.nbytes // PAGE) + 2
        memory = mmap.mmap(-1, pages * PAGE)
        whole = np.frombuffer(memory, np.uint8)
        address = whole.ctypes.data
        self._maps.append((memory, address, pages * PAGE))
        start = len(whole) - PAGE - array.nbytes if self._at_end else PAGE
        self._set(address, PAGE, False)
        self._set(address + len(whole) - PAGE, PAGE, False)
        inside = whole[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
        inside[...] = array
        return inside

    def _set(self, address: int, size: int, touchable: bool) -> None:
        rights = mmap.PROT_READ | mmap.PROT_WRITE if touchable else 0
        if self._protect(address, size, rights):
            raise OSError(ctypes.get_errno(), "mprotect failed")
