"""The way in from Python: native code, one for all programs, that is called with one tuple.

So a call costs the same for two arrays as for twenty. The code reads where the data of an array is
from the array's header, as every extension module does that uses NumPy's macros, and checks that
each input is what the program was made for.
"""

from __future__ import annotations

from typing import Any

from wingbeat.backend.llvm import headers as h
from wingbeat.backend.llvm import ir
from wingbeat.backend.llvm.flow import LONG, POINTER, VOID, loop

BIT, BYTE, INT = ir.IntType(1), ir.IntType(8), ir.IntType(32)


# Of `headers.PYTHON`, in that order: an int, letting other threads run, and going on.
KINDS = (
    ir.FunctionType(POINTER, [LONG]),
    ir.FunctionType(POINTER, []),
    ir.FunctionType(VOID, [POINTER]),
)


def emit(module: Any) -> None:
    """Add `enter` and `enter_briefly` to `module`, functions of one object as Python calls them.

    The brief one keeps the interpreter's lock.
    """
    _emit_enter(module)
    pairs = zip(h.PYTHON, KINDS, strict=True)
    integer, release, take = (ir.Function(module, kind, name) for name, kind in pairs)
    for name, keeps in (("enter", False), ("enter_briefly", True)):
        function = ir.Function(module, ir.FunctionType(POINTER, [POINTER, POINTER]), name)
        b = ir.IRBuilder(function.append_basic_block())
        thread = None if keeps else b.call(release, [])
        status = b.call(module.globals["entered"], [function.args[1]])
        if thread is not None:
            b.call(take, [thread])
        b.ret(b.call(integer, [b.sext(status, LONG)]))


def _emit_enter(module: Any) -> None:
    """Add `entered(tuple) -> i32`: the program's status, or that it was not run."""
    function = ir.Function(module, ir.FunctionType(INT, [POINTER]), "entered")
    function.linkage = "internal"
    b = ir.IRBuilder(function.append_basic_block())
    items = _field(b, function.args[0], h.ITEMS)
    words = _data(b, _item(b, items, LONG(h.DESCRIPTION), POINTER))
    inputs, count = _word(b, words, h.INPUTS), _word(b, words, h.ALL)
    table = b.alloca(POINTER, count)
    fit = b.alloca(BIT)
    b.store(BIT(1), fit)
    with loop(b, 0, inputs) as k:
        _require_expected(b, fit, _array(b, items, k), words, k)
    with b.if_then(b.load(fit, typ=BIT)):
        with loop(b, 0, count) as k:
            b.store(_data(b, _array(b, items, k)), b.gep(table, [k], source_etype=POINTER))
        _require_own(b, fit, items, words, table)
    with b.if_then(b.not_(b.load(fit, typ=BIT)), likely=False):
        b.ret(INT(h.UNFIT))
    sealed = b.icmp_signed("!=", _word(b, words, h.SEALED), LONG(0))
    with loop(b, b.select(sealed, inputs, count), count) as k:
        flags = _field(b, _array(b, items, k), h.FLAGS)
        b.store(b.and_(b.load(flags, typ=INT), INT(~h.WRITEABLE)), flags)
    arena = _data(b, _item(b, items, LONG(h.ARENA), POINTER))
    signature = ir.FunctionType(INT, [POINTER, POINTER])
    program = b.inttoptr(_word(b, words, h.PROGRAM), signature.as_pointer())
    b.ret(b.call(program, [table, arena]))


def _require_expected(b: Any, fit: Any, array: Any, words: Any, number: Any) -> None:
    """An object is a plain array of the dtype and shape in the record of an input."""
    record = _record(b, words, number)
    _require(b, fit, _is_word(b, _field(b, array, h.CLASS), words, h.CLASS_OF_ARRAYS))
    with b.if_then(b.load(fit, typ=BIT)):  # what is no array has no such fields
        _require(b, fit, _is_word(b, _field(b, array, h.DTYPE), record, h.R_DTYPE))
        flags = b.and_(b.load(_field(b, array, h.FLAGS), typ=INT), INT(h.PLAIN))
        _require(b, fit, b.icmp_signed("==", flags, INT(h.PLAIN)))
        rank = b.zext(b.load(_field(b, array, h.RANK), typ=INT), LONG)
        _require(b, fit, b.icmp_signed("==", rank, _word(b, record, h.R_RANK)))
        with b.if_then(b.load(fit, typ=BIT)):
            have = b.load(_field(b, array, h.EXTENTS), typ=POINTER)
            want = b.inttoptr(_word(b, record, h.R_EXTENTS), POINTER)
            with loop(b, 0, rank) as axis:
                same = b.icmp_signed("==", _item(b, have, axis, LONG), _item(b, want, axis, LONG))
                _require(b, fit, same)


def _require_own(b: Any, fit: Any, items: Any, words: Any, table: Any) -> None:
    """A donated input, which is overwritten, shares no memory with another array.

    Neither with another input, nor with one that it is a part of.
    """
    inputs = _word(b, words, h.INPUTS)
    numbers = _record(b, words, inputs)
    with loop(b, 0, _word(b, words, h.DONATED)) as k:
        mine = _item(b, numbers, k, LONG)
        flags = b.load(_field(b, _array(b, items, mine), h.FLAGS), typ=INT)
        _require(b, fit, b.icmp_signed("!=", b.and_(flags, INT(h.OWN)), INT(0)))
        begin, end = _span(b, words, table, mine)
        with loop(b, 0, inputs) as other:
            first, last = _span(b, words, table, other)
            before = b.icmp_unsigned("<=", end, first)
            after = b.icmp_unsigned("<=", last, begin)
            itself = b.icmp_signed("==", mine, other)
            _require(b, fit, b.or_(itself, b.or_(before, after)))


def _span(b: Any, words: Any, table: Any, number: Any) -> tuple[Any, Any]:
    begin = b.ptrtoint(_item(b, table, number, POINTER), LONG)
    return begin, b.add(begin, _word(b, _record(b, words, number), h.R_BYTES))


def _require(b: Any, flag: Any, condition: Any) -> None:
    b.store(b.and_(b.load(flag, typ=BIT), condition), flag)


def _array(b: Any, items: Any, number: Any) -> Any:
    return _item(b, items, b.add(number, LONG(h.ARRAYS)), POINTER)


def _is_word(b: Any, place: Any, words: Any, number: int) -> Any:
    return b.icmp_signed("==", b.load(place, typ=LONG), _word(b, words, number))


def _record(b: Any, words: Any, number: Any) -> Any:
    at = b.add(b.mul(number, LONG(h.RECORD)), LONG(h.HEAD))
    return b.gep(words, [at], source_etype=LONG)


def _field(b: Any, base: Any, offset: int) -> Any:
    return b.gep(base, [LONG(offset)], source_etype=BYTE)


def _data(b: Any, array: Any) -> Any:
    return b.load(_field(b, array, h.DATA), typ=POINTER)


def _item(b: Any, base: Any, number: Any, type_: Any) -> Any:
    return b.load(b.gep(base, [number], source_etype=type_), typ=type_)


def _word(b: Any, words: Any, number: int) -> Any:
    return _item(b, words, LONG(number), LONG)
