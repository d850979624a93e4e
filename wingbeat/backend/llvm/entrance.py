"""The way in from Python: native code, one for all programs, that is called with one tuple.

So a call costs the same for two arrays as for twenty. The code reads where the data of an array is
from the array's header, as every extension module does that uses NumPy's macros, and checks that
each input is what the program was made for.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from wingbeat.backend.base import NotCompiled
from wingbeat.backend.llvm.flow import LONG, POINTER, loop
from wingbeat.ir.types import TensorType

BIT, BYTE, INT = ir.IntType(1), ir.IntType(8), ir.IntType(32)

# Offsets in the headers `PyTupleObject` and `PyArrayObject_fields`. The class of an object is the
# last field of what all objects share.
ITEMS, SHARED = tuple.__basicsize__, object.__basicsize__
CLASS, DATA, RANK, EXTENTS = SHARED - 8, SHARED, SHARED + 8, SHARED + 16
DTYPE, FLAGS = SHARED + 40, SHARED + 48
PLAIN = 0x0101  # the flags C-contiguous and aligned

ALIGNMENT = 64  # of the arena
UNFIT = -1  # what `enter` answers where the inputs are not what the program was made for

# What stands where in the tuple:
DESCRIPTION, ARENA, ARRAYS = range(3)
# in the description, an array of 64-bit integers:
PROGRAM, CLASS_OF_ARRAYS, INPUTS, ALL, DONATED, HEAD = range(6)
# and in its record of an input; records follow the head, the donated inputs' numbers follow them.
R_DTYPE, R_BYTES, R_RANK, R_EXTENTS, RECORD = range(5)


class Description:
    """What `enter` knows about a program: numbers in memory that stays where it is."""

    def __init__(
        self, program: int, inputs: Sequence[TensorType], count: int, donated: Sequence[int]
    ) -> None:
        """`count` arrays come in, first the `inputs`; `donated` are numbers of inputs."""
        head = [program, id(np.ndarray), len(inputs), count, len(donated)]
        self._extents = [np.array([*t.shape, 0], np.int64) for t in inputs]
        records: list[int] = []
        for t, extents in zip(inputs, self._extents, strict=True):
            records += [id(t.dtype), t.size * t.dtype.itemsize, t.ndim, extents.ctypes.data]
        self.words = np.array([*head, *records, *donated], np.int64)


def check() -> None:
    """Raise `NotCompiled` where tuples and arrays have other headers than is assumed here."""
    array = np.zeros((2, 3), np.float32)
    number = ctypes.c_ssize_t.from_address
    found = [number(id(array) + at).value for at in (CLASS, DATA, DTYPE)]
    flags, rank = (ctypes.c_int.from_address(id(array) + at).value for at in (FLAGS, RANK))
    same = found == [id(np.ndarray), array.ctypes.data, id(array.dtype)]
    same = same and rank == 2 and flags & PLAIN == PLAIN
    same = same and number(number(id(array) + EXTENTS).value + 8).value == 3
    pair = (None, array)
    if not same or number(id(pair) + ITEMS + 8).value != id(array):
        raise NotCompiled("native code", "this Python lays out its arrays in another way")


def emit(module: Any) -> None:
    """Add `enter(tuple) -> i32` to `module`."""
    function = ir.Function(module, ir.FunctionType(INT, [POINTER]), "enter")
    b = ir.IRBuilder(function.append_basic_block())
    items = _field(b, function.args[0], ITEMS)
    words = _data(b, _item(b, items, LONG(DESCRIPTION), POINTER))
    inputs, count = _word(b, words, INPUTS), _word(b, words, ALL)
    table = b.alloca(POINTER, count)
    fit = b.alloca(BIT)
    b.store(BIT(1), fit)
    with loop(b, 0, inputs) as k:
        _require_expected(b, fit, _array(b, items, k), words, k)
    with b.if_then(b.load(fit, typ=BIT)):
        with loop(b, 0, count) as k:
            b.store(_data(b, _array(b, items, k)), b.gep(table, [k], source_etype=POINTER))
        _require_own(b, fit, words, table)
    with b.if_then(b.not_(b.load(fit, typ=BIT)), likely=False):
        b.ret(INT(UNFIT))
    start = b.ptrtoint(_data(b, _item(b, items, LONG(ARENA), POINTER)), LONG)
    arena = b.and_(b.add(start, LONG(ALIGNMENT - 1)), LONG(-ALIGNMENT))
    signature = ir.FunctionType(INT, [POINTER, POINTER])
    program = b.inttoptr(_word(b, words, PROGRAM), signature.as_pointer())
    b.ret(b.call(program, [table, b.inttoptr(arena, POINTER)]))


def _require_expected(b: Any, fit: Any, array: Any, words: Any, number: Any) -> None:
    """An object is a plain array of the dtype and shape in the record of an input."""
    record = _record(b, words, number)
    _require(b, fit, _is_word(b, _field(b, array, CLASS), words, CLASS_OF_ARRAYS))
    with b.if_then(b.load(fit, typ=BIT)):  # what is no array has no such fields
        _require(b, fit, _is_word(b, _field(b, array, DTYPE), record, R_DTYPE))
        flags = b.and_(b.load(_field(b, array, FLAGS), typ=INT), INT(PLAIN))
        _require(b, fit, b.icmp_signed("==", flags, INT(PLAIN)))
        rank = b.zext(b.load(_field(b, array, RANK), typ=INT), LONG)
        _require(b, fit, b.icmp_signed("==", rank, _word(b, record, R_RANK)))
        with b.if_then(b.load(fit, typ=BIT)):
            have = b.load(_field(b, array, EXTENTS), typ=POINTER)
            want = b.inttoptr(_word(b, record, R_EXTENTS), POINTER)
            with loop(b, 0, rank) as axis:
                same = b.icmp_signed("==", _item(b, have, axis, LONG), _item(b, want, axis, LONG))
                _require(b, fit, same)


def _require_own(b: Any, fit: Any, words: Any, table: Any) -> None:
    """A donated input, which is overwritten, shares no memory with another input."""
    inputs = _word(b, words, INPUTS)
    numbers = _record(b, words, inputs)
    with loop(b, 0, _word(b, words, DONATED)) as k:
        mine = _item(b, numbers, k, LONG)
        begin, end = _span(b, words, table, mine)
        with loop(b, 0, inputs) as other:
            first, last = _span(b, words, table, other)
            before = b.icmp_unsigned("<=", end, first)
            after = b.icmp_unsigned("<=", last, begin)
            itself = b.icmp_signed("==", mine, other)
            _require(b, fit, b.or_(itself, b.or_(before, after)))


def _span(b: Any, words: Any, table: Any, number: Any) -> tuple[Any, Any]:
    begin = b.ptrtoint(_item(b, table, number, POINTER), LONG)
    return begin, b.add(begin, _word(b, _record(b, words, number), R_BYTES))


def _require(b: Any, flag: Any, condition: Any) -> None:
    b.store(b.and_(b.load(flag, typ=BIT), condition), flag)


def _array(b: Any, items: Any, number: Any) -> Any:
    return _item(b, items, b.add(number, LONG(ARRAYS)), POINTER)


def _is_word(b: Any, place: Any, words: Any, number: int) -> Any:
    return b.icmp_signed("==", b.load(place, typ=LONG), _word(b, words, number))


def _record(b: Any, words: Any, number: Any) -> Any:
    at = b.add(b.mul(number, LONG(RECORD)), LONG(HEAD))
    return b.gep(words, [at], source_etype=LONG)


def _field(b: Any, base: Any, offset: int) -> Any:
    return b.gep(base, [LONG(offset)], source_etype=BYTE)


def _data(b: Any, array: Any) -> Any:
    return b.load(_field(b, array, DATA), typ=POINTER)


def _item(b: Any, base: Any, number: Any, type_: Any) -> Any:
    return b.load(b.gep(base, [number], source_etype=type_), typ=type_)


def _word(b: Any, words: Any, number: int) -> Any:
    return _item(b, words, LONG(number), LONG)
