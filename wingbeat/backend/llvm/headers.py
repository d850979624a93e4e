"""How tuples and arrays lie in memory, and what `enter` is told about a program.

These are the headers that extension modules are compiled against (`PyTupleObject`, and NumPy's
`PyArrayObject_fields`); `check` looks whether they are as described here.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import numpy as np

from wingbeat.backend.base import NotCompiled
from wingbeat.ir.types import TensorType

# Offsets in bytes. The class of an object is the last field of what all objects share.
ITEMS, SHARED = tuple.__basicsize__, object.__basicsize__
CLASS, DATA, RANK, EXTENTS = SHARED - 8, SHARED, SHARED + 8, SHARED + 16
DTYPE, FLAGS = SHARED + 40, SHARED + 48
PLAIN = 0x0101  # the flags C-contiguous and aligned
OWN = 0x0004  # its memory is the array's own
WRITEABLE = 0x0400

# Functions of Python's own that `enter` calls.
PYTHON = ("PyLong_FromLong", "PyEval_SaveThread", "PyEval_RestoreThread")

UNFIT = -1  # what `enter` answers where the inputs are not what the program was made for

# What stands where in the tuple that `enter` is called with:
DESCRIPTION, ARENA, ARRAYS = range(3)
# in the description, an array of 64-bit integers:
PROGRAM, CLASS_OF_ARRAYS, INPUTS, ALL, DONATED, SEALED, HEAD = range(7)
# and in its record of an input; records follow the head, the donated inputs' numbers follow them.
R_DTYPE, R_BYTES, R_RANK, R_EXTENTS, RECORD = range(5)


class Description:
    """What `enter` knows about a program: numbers in memory that stays where it is."""

    def __init__(
        self,
        program: int,
        inputs: Sequence[TensorType],
        count: int,
        donated: Sequence[int],
        sealed: bool,
    ) -> None:
        """`count` arrays come in, first the `inputs`; `donated` are numbers of inputs.

        `sealed`: nobody may write to the others any more.
        """
        head = [program, id(np.ndarray), len(inputs), count, len(donated), sealed]
        self._extents = [np.array([*t.shape, 0], np.int64) for t in inputs]
        records: list[int] = []
        for t, extents in zip(inputs, self._extents, strict=True):
            records += [id(t.dtype), t.size * t.dtype.itemsize, t.ndim, extents.ctypes.data]
        self.words = np.array([*head, *records, *donated], np.int64)


def check() -> None:
    """Raise `NotCompiled` where tuples and arrays have other headers than is said above."""
    array = np.zeros((2, 3), np.float32)
    number = ctypes.c_ssize_t.from_address
    found = [number(id(array) + at).value for at in (CLASS, DATA, DTYPE)]
    flags, rank = (ctypes.c_int.from_address(id(array) + at).value for at in (FLAGS, RANK))
    same = found == [id(np.ndarray), array.ctypes.data, id(array.dtype)]
    same = same and rank == 2 and flags & PLAIN == PLAIN and flags & OWN and flags & WRITEABLE
    array.setflags(write=False)
    same = same and ctypes.c_int.from_address(id(array) + FLAGS).value == flags & ~WRITEABLE
    same = same and number(number(id(array) + EXTENTS).value + 8).value == 3
    pair = (None, array)
    if not same or number(id(pair) + ITEMS + 8).value != id(array):
        raise NotCompiled("native code", "this Python lays out its arrays in another way")
