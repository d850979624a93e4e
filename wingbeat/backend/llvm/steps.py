"""What those who emit native code hand to the driver, and how native functions are called.

A native function of a step is `void f(ptr slots, i64 begin, i64 end)`. `slots` is a table of
pointers, one table for each step; `buffers` stands for `step.reads + step.stored`:

    slots[0]                  an i32 that is 0. A function that meets bad data (an index outside its
                              axis) stores 1 there and may leave anything in its results, but writes
                              nowhere else: the program stops after the step, and runs on the
                              interpreter to raise the very error
    slots[1 + k]              the buffer of `buffers[k]`, contiguous
    slots[1 + len(buffers)]   `Emitted.scratch` bytes for the calls of this step, aligned to 64;
                              only where `scratch` is not 0

Buffers of one step are distinct, except for the pairs in `Emitted.inplace`: those may be one
buffer, or may not. So loads and stores are not marked `noalias` there. Buffers are aligned to their
dtype only: they may be parts of arrays of the caller's.

`begin` and `end` cut the work into chunks [begin, end) of `units`; chunks begin at multiples of
`grain`, run in any order, on any thread, at the same time. The numbers that come out may not depend
on the cut. A call without units (an empty space) is left out.

The driver asks for a step's code by

    kernel.emit(module, name, graph, step, target) -> Emitted        Kernel and Sweep
    contraction.emit(module, name, graph, step, target) -> Emitted   Product

which adds functions whose names begin with `name` to `module`, an `ir.Module` that all
steps share, or raises `NotCompiled`. Steps of equal structure are asked for once: the code may
depend on types, operations, attributes and wiring, not on positions. A `Library` has no code: NumPy
computes it, when a native function has ended and before the next one begins.

Functions of the library of matrix products are declared by the names that `gemm` gives them, and
called; where they are is filled in when code is loaded, so that object code can be kept on disk.
"""

from __future__ import annotations

from dataclasses import dataclass

from wingbeat.backend.base import NotCompiled

__all__ = ["Call", "Emitted", "NotCompiled"]


@dataclass(frozen=True)
class Call:
    """A native function, run over [0, units) before the next one of its step begins."""

    function: str  # its name in the module
    units: int  # what is cut into chunks; 1: it cannot be cut
    work: float  # a rough estimate of all units' time on one thread, in ns
    grain: int = 1  # chunks begin at multiples of this


@dataclass(frozen=True)
class Emitted:
    """The code of one step."""

    calls: tuple[Call, ...]  # in order
    scratch: int = 0  # bytes
    fails: bool = False  # it may set the status
    # Numbers k of `buffers`, (stored, read), that may be one: every element is read where, and
    # before, the element that takes its place is stored.
    inplace: tuple[tuple[int, int], ...] = ()
