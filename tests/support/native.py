"""One function of `Lanes` as a native loop over arrays, for tests and benchmarks."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import binding

from wingbeat.backend.llvm import ir
from wingbeat.backend.llvm import target as targets
from wingbeat.backend.llvm.lanes import BOOL, I64, DType, Lanes, Vector, element_type

Function = Callable[..., Vector]
POINTER, LONG = ir.PointerType(), ir.IntType(64)
BYTE = np.dtype(np.uint8)

X86_64 = platform.machine() in ("x86_64", "AMD64")
MACHINES = ("x86-64", "nehalem", "haswell", "skylake-avx512")  # from the oldest on


def machines() -> list[tuple[str, int | None]]:
    """This processor and older ones, with numbers of lanes: None is a whole register."""
    host = _abilities(targets.host())
    known = MACHINES if X86_64 else ()
    older = [
        name
        for name in known
        if (its := _abilities(targets.named(name))) != host
        and all(a <= b for a, b in zip(its, host, strict=True))
    ]
    return [("host", None), ("host", 1), ("host", 32), *((name, None) for name in older)]


def _abilities(x: targets.Target) -> tuple[int, ...]:
    """What code depends on; two processors that agree in all of it are one for tests."""
    return x.bits, x.fma, x.half, x.rounding, x.scaling


class Native:
    """`f(lanes, *xs)` over arrays of the given dtypes: whole vectors, then a masked tail.

    `count` is the number of lanes (the register's by default), `unroll` how many vectors one turn
    of the loop computes.
    """

    def __init__(
        self, f: Function, *dtypes: Any, count: int | None = None, unroll: int = 1
    ) -> None:
        self.target = targets.current()
        self.dtypes = [np.dtype(d) for d in dtypes]
        self.count = count or min(self.target.lanes(d) for d in self.dtypes)
        self._f, self._unroll = f, unroll
        self.result = BOOL
        self.text = str(self._module())
        module = binding.parse_assembly(self.text)
        self._engine = binding.create_mcjit_compiler(module, self.target.machine())
        self._engine.finalize_object()
        address = self._engine.get_function_address("loop")
        pointers = [ctypes.c_void_p] * (len(self.dtypes) + 1)
        self._call = ctypes.CFUNCTYPE(None, *pointers, ctypes.c_int64)(address)

    def __call__(self, *xs: Any) -> Any:
        arrays = [np.ascontiguousarray(x, d) for x, d in zip(xs, self.dtypes, strict=True)]
        z = np.empty(arrays[0].shape, self.result)
        self.into(z, *arrays)
        return z

    def into(self, z: Any, *arrays: Any) -> None:
        """The same without a new array and without conversions."""
        self._call(*(x.ctypes.data for x in (*arrays, z)), z.size)

    def _module(self) -> Any:
        module = ir.Module()
        module.triple = binding.get_process_triple()
        kind = ir.FunctionType(ir.VoidType(), [POINTER] * (len(self.dtypes) + 1) + [LONG])
        function = ir.Function(module, kind, "loop")
        *xs, z, n = function.args
        builder = ir.IRBuilder(function.append_basic_block())
        lanes = Lanes(builder, self.count, self.target)
        step = self.count * self._unroll
        end = builder.sub(n, builder.urem(n, LONG(step)))
        with _loop(builder, LONG(0), end, step) as i:
            for k in range(self._unroll):
                self._turn(lanes, xs, z, builder.add(i, LONG(k * self.count)), None)
        with _loop(builder, end, n, self.count) as i:
            mask = lanes.first(builder.sub(n, i)) if self.count > 1 else None
            self._turn(lanes, xs, z, i, mask)
        builder.ret_void()
        return module

    def _turn(self, lanes: Lanes, xs: Any, z: Any, i: Any, mask: Vector | None) -> None:
        operands = [_load(lanes, x, i, d, mask) for x, d in zip(xs, self.dtypes, strict=True)]
        value = self._f(lanes, *operands)
        self.result = value.dtype
        _store(lanes, value, z, i, mask)


class _loop:
    """`with _loop(builder, start, end, step) as i`: the loop's body; after it, what follows."""

    def __init__(self, builder: Any, start: Any, end: Any, step: int) -> None:
        self._builder, self._start, self._end, self._step = builder, start, end, step

    def __enter__(self) -> Any:
        b, before = self._builder, self._builder.block
        self._head, self._after = b.append_basic_block(), b.append_basic_block()
        body = b.append_basic_block()
        b.branch(self._head)
        b.position_at_end(self._head)
        self._i = b.phi(LONG)
        self._i.add_incoming(self._start, before)
        b.cbranch(b.icmp_signed("<", self._i, self._end), body, self._after)
        b.position_at_end(body)
        return self._i

    def __exit__(self, *exception: object) -> None:
        b = self._builder
        self._i.add_incoming(b.add(self._i, LONG(self._step)), b.block)
        b.branch(self._head)
        b.position_at_end(self._after)


def _stored(dtype: DType) -> DType:
    return BYTE if dtype == BOOL else dtype


def _place(lanes: Lanes, pointer: Any, i: Any, dtype: DType) -> Any:
    return lanes.builder.gep(pointer, [i], source_etype=element_type(dtype))


def _masked(lanes: Lanes, dtype: DType) -> str:
    return f"v{lanes.count}{'f' if dtype.kind == 'f' else 'i'}{8 * dtype.itemsize}.p0"


def _load(lanes: Lanes, pointer: Any, i: Any, dtype: DType, mask: Vector | None) -> Vector:
    stored = _stored(dtype)
    kind, place = lanes.type(stored), _place(lanes, pointer, i, stored)
    if mask is None:
        value = lanes.builder.load(place, typ=kind, align=dtype.itemsize)
    else:
        name, zero = f"llvm.masked.load.{_masked(lanes, stored)}", lanes.const(0, stored).value
        align = ir.IntType(32)(dtype.itemsize)
        value = lanes.call(name, kind, place, align, mask.value, zero)
    x = Vector(value, stored)
    return lanes.compare("!=", x, 0) if dtype == BOOL else x


def _store(lanes: Lanes, x: Vector, pointer: Any, i: Any, mask: Vector | None) -> None:
    value = lanes.cast(x, _stored(x.dtype))
    place = _place(lanes, pointer, i, value.dtype)
    if mask is None:
        lanes.builder.store(value.value, place, align=value.dtype.itemsize)
        return
    align = ir.IntType(32)(value.dtype.itemsize)
    name = f"llvm.masked.store.{_masked(lanes, value.dtype)}"
    lanes.call(name, ir.VoidType(), value.value, place, align, mask.value)


__all__ = ["I64", "X86_64", "Native", "machines"]
