"""The pool of threads as native code: `parallel(f, slots, units, chunk)` runs f over [0, units).

One job runs at a time; who comes while another runs, or where one thread is wanted, does all of the
work alone, in one piece. A job is cut into chunks that threads claim one by one. The ticket holds
the number of the job and of the next chunk, so who comes late cannot claim a chunk of a later job.

The first job hires the threads. Each waits awake for a moment after a job, then sleeps. They know
nothing of Python, and run until the process ends or fewer are wanted.
"""

from __future__ import annotations

import platform
import sys
from typing import Any

from wingbeat.backend.llvm import ir
from wingbeat.backend.llvm.flow import LONG, POINTER, VOID, loop, smaller

AVAILABLE = sys.platform != "win32"  # which has no pthreads: there, all work is done by the caller

BYTE, INT = ir.IntType(8), ir.IntType(32)
STEP = ir.FunctionType(VOID, [POINTER, LONG, LONG])
SPIN = 2000  # looks of an idle thread before it sleeps: some tens of microseconds
LINE = 128  # bytes between counters that threads write, and enough for pthread's objects

# What is called of C's library.
SYSTEM = {
    "pthread_create": (INT, (POINTER, POINTER, POINTER, POINTER)),
    "pthread_detach": (INT, (LONG,)),
    "pthread_mutex_init": (INT, (POINTER, POINTER)),
    "pthread_mutex_lock": (INT, (POINTER,)),
    "pthread_mutex_unlock": (INT, (POINTER,)),
    "pthread_cond_init": (INT, (POINTER, POINTER)),
    "pthread_cond_signal": (INT, (POINTER,)),
    "pthread_cond_broadcast": (INT, (POINTER,)),
    "pthread_cond_wait": (INT, (POINTER, POINTER)),
    "pthread_sigmask": (INT, (INT, POINTER, POINTER)),
    "sigfillset": (INT, (POINTER,)),
    "sched_yield": (INT, ()),
}
SIG_SETMASK = 3 if sys.platform == "darwin" else 2

# A processor's hint that a loop waits for another thread.
_PAUSES: dict[str, tuple[str, list[Any]]] = {
    **dict.fromkeys(("x86_64", "amd64"), ("llvm.x86.sse2.pause", [])),
    **dict.fromkeys(("aarch64", "arm64"), ("llvm.aarch64.hint", [INT(1)])),
}


def emit(module: Any) -> None:
    """Add `parallel`, and for Python `want(threads)` and `restart()`, to `module`."""
    _Pool(module).emit()


class _Pool:
    """State in global variables, and the functions over it."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.ticket = self._variable("ticket", LONG)  # number of the job << 32 | next chunk
        self.done = self._variable("done", LONG)  # chunks
        self.generation = self._variable("generation", INT)  # number of the latest job
        self.busy = self._variable("busy", INT)
        self.sleeping = self._variable("sleeping", INT)
        self.hired = self._variable("hired", INT)
        self.wanted = self._variable("wanted", INT)  # threads, the caller's among them
        self.function = self._variable("function", POINTER)
        self.slots = self._variable("slots", POINTER)
        self.units, self.chunk, self.chunks = (
            self._variable(name, LONG) for name in ("units", "chunk", "chunks")
        )
        self.mutex = self._variable("mutex", ir.ArrayType(BYTE, LINE))
        self.awake = self._variable("awake", ir.ArrayType(BYTE, LINE))

    def _variable(self, name: str, type_: Any) -> Any:
        variable = ir.GlobalVariable(self.module, type_, f"pool_{name}")
        variable.linkage, variable.align = "internal", LINE
        variable.initializer = ir.Constant(type_, None)
        return variable

    def _function(self, name: str, result: Any, *kinds: Any, linkage: str = "") -> Any:
        function = ir.Function(self.module, ir.FunctionType(result, kinds), name)
        function.linkage = linkage
        return function, ir.IRBuilder(function.append_basic_block())

    def emit(self) -> None:
        self._restart()
        self._want()
        claim = self._claim()
        hire = self._hire(self._worker(claim))
        self._parallel(claim, hire)

    # --- the system -------------------------------------------------------------------------

    def _call(self, b: Any, name: str, *arguments: Any) -> Any:
        function = self.module.globals.get(name)
        if function is None:
            result, kinds = SYSTEM[name]
            function = ir.Function(self.module, ir.FunctionType(result, kinds), name)
        return b.call(function, arguments)

    def _pause(self, b: Any) -> None:
        if (known := _PAUSES.get(platform.machine().lower())) is None:
            return
        name, arguments = known
        function = self.module.globals.get(name)
        if function is None:
            kind = ir.FunctionType(VOID, [a.type for a in arguments])
            function = ir.Function(self.module, kind, name)
        b.call(function, arguments)

    def _read(self, b: Any, variable: Any) -> Any:
        type_ = variable.value_type
        return b.load_atomic(variable, "seq_cst", type_.width // 8, typ=type_)

    def _write(self, b: Any, variable: Any, value: Any) -> None:
        b.store_atomic(value, variable, "seq_cst", value.type.width // 8)

    # --- for Python -------------------------------------------------------------------------

    def _restart(self) -> None:
        """No job, no threads: at the start, and in a forked child, which has none of them."""
        _, b = self._function("restart", VOID)
        for variable in (self.ticket, self.done, self.chunks):
            self._write(b, variable, LONG(0))
        for variable in (self.generation, self.busy, self.sleeping, self.hired):
            self._write(b, variable, INT(0))
        self._call(b, "pthread_mutex_init", self.mutex, POINTER(None))
        self._call(b, "pthread_cond_init", self.awake, POINTER(None))
        b.ret_void()

    def _want(self) -> None:
        """That many threads work from now on; those that are too many leave."""
        function, b = self._function("want", VOID, INT)
        self._call(b, "pthread_mutex_lock", self.mutex)
        self._write(b, self.wanted, function.args[0])
        self._call(b, "pthread_cond_broadcast", self.awake)
        self._call(b, "pthread_mutex_unlock", self.mutex)
        b.ret_void()

    # --- the threads ------------------------------------------------------------------------

    def _claim(self) -> Any:
        """Do chunks of the job of a number, until none is left."""
        function, b = self._function("claim", VOID, INT, linkage="internal")
        again, check, take, work = (function.append_basic_block() for _ in range(4))
        out = function.append_basic_block()
        b.branch(again)
        b.position_at_end(again)
        ticket = self._read(b, self.ticket)
        job = b.trunc(b.lshr(ticket, LONG(32)), INT)
        b.cbranch(b.icmp_signed("==", job, function.args[0]), check, out)
        b.position_at_end(check)
        number = b.and_(ticket, LONG((1 << 32) - 1))
        b.cbranch(b.icmp_signed("<", number, self._read(b, self.chunks)), take, out)
        b.position_at_end(take)
        outcome = b.cmpxchg(self.ticket, ticket, b.add(ticket, LONG(1)), "seq_cst", "seq_cst")
        b.cbranch(b.extract_value(outcome, 1), work, again)
        b.position_at_end(work)
        chunk, units = _value(b, self.chunk), _value(b, self.units)
        begin = b.mul(number, chunk)
        end = smaller(b, b.add(begin, chunk), units)
        step = _callable(b, _value(b, self.function))
        b.call(step, [_value(b, self.slots), begin, end])
        b.atomic_rmw("add", self.done, LONG(1), "seq_cst")
        b.branch(again)
        b.position_at_end(out)
        b.ret_void()
        return function

    def _too_many(self, b: Any) -> Any:
        hired, wanted = self._read(b, self.hired), self._read(b, self.wanted)
        return b.icmp_signed(">=", hired, wanted)

    def _worker(self, claim: Any) -> Any:
        """A thread: wait awake, then asleep, for a job that it has not seen; help with it."""
        function, b = self._function("worker", POINTER, POINTER, linkage="internal")
        wait, spin, found = (function.append_basic_block() for _ in range(3))
        sleep, check, drowse, wake, leave, stay = (function.append_basic_block() for _ in range(6))
        seen, looks = b.alloca(INT), b.alloca(INT)
        b.store(INT(-1), seen)
        b.branch(wait)

        b.position_at_end(wait)
        b.store(INT(0), looks)
        b.branch(spin)
        b.position_at_end(spin)
        self._pause(b)
        count = b.add(b.load(looks, typ=INT), INT(1))
        b.store(count, looks)
        fresh = b.icmp_signed("!=", self._read(b, self.generation), b.load(seen, typ=INT))
        with b.if_then(fresh):
            b.branch(found)
        b.cbranch(b.icmp_signed("<", count, INT(SPIN)), spin, sleep)

        b.position_at_end(sleep)
        self._call(b, "pthread_mutex_lock", self.mutex)
        b.atomic_rmw("add", self.sleeping, INT(1), "seq_cst")
        b.branch(check)
        b.position_at_end(check)
        fresh = b.icmp_signed("!=", self._read(b, self.generation), b.load(seen, typ=INT))
        b.cbranch(b.or_(fresh, self._too_many(b)), wake, drowse)
        b.position_at_end(drowse)
        self._call(b, "pthread_cond_wait", self.awake, self.mutex)
        b.branch(check)
        b.position_at_end(wake)
        b.atomic_rmw("sub", self.sleeping, INT(1), "seq_cst")
        b.cbranch(self._too_many(b), leave, stay)
        b.position_at_end(leave)
        b.atomic_rmw("sub", self.hired, INT(1), "seq_cst")
        self._call(b, "pthread_mutex_unlock", self.mutex)
        b.ret(POINTER(None))
        b.position_at_end(stay)
        self._call(b, "pthread_mutex_unlock", self.mutex)
        b.branch(found)

        b.position_at_end(found)
        b.store(self._read(b, self.generation), seen)
        b.call(claim, [b.load(seen, typ=INT)])
        b.branch(wait)
        return function

    def _hire(self, worker: Any) -> Any:
        """Start the threads that are missing. They take no signals: those are for Python's own."""
        function, b = self._function("hire", VOID, linkage="internal")
        every, before = (b.alloca(ir.ArrayType(BYTE, LINE)) for _ in range(2))
        thread = b.alloca(LONG)
        more, made, failed, out = (function.append_basic_block() for _ in range(4))
        self._call(b, "sigfillset", every)
        self._call(b, "pthread_sigmask", INT(SIG_SETMASK), every, before)
        self._call(b, "pthread_mutex_lock", self.mutex)
        b.branch(more)
        b.position_at_end(more)
        hired = b.atomic_rmw("add", self.hired, INT(1), "seq_cst")
        enough = b.icmp_signed(">=", b.add(hired, INT(1)), self._read(b, self.wanted))
        with b.if_then(enough):
            b.branch(failed)
        error = self._call(b, "pthread_create", thread, POINTER(None), worker, POINTER(None))
        b.cbranch(b.icmp_signed("==", error, INT(0)), made, failed)
        b.position_at_end(made)
        self._call(b, "pthread_detach", b.load(thread, typ=LONG))
        b.branch(more)
        b.position_at_end(failed)
        b.atomic_rmw("sub", self.hired, INT(1), "seq_cst")
        b.branch(out)
        b.position_at_end(out)
        self._call(b, "pthread_mutex_unlock", self.mutex)
        self._call(b, "pthread_sigmask", INT(SIG_SETMASK), before, POINTER(None))
        b.ret_void()
        return function

    # --- a job ------------------------------------------------------------------------------

    def _parallel(self, claim: Any, hire: Any) -> None:
        function, b = self._function("parallel", VOID, POINTER, POINTER, LONG, LONG)
        step, slots, units, chunk = function.args
        alone, ask, mine = (function.append_basic_block() for _ in range(3))
        several = b.icmp_signed(">", self._read(b, self.wanted), INT(1))
        cut = b.icmp_signed("<", chunk, units)
        b.cbranch(b.and_(several, cut), ask, alone)
        b.position_at_end(alone)
        b.call(_callable(b, step), [slots, LONG(0), units])
        b.ret_void()
        b.position_at_end(ask)
        outcome = b.cmpxchg(self.busy, INT(0), INT(1), "seq_cst", "seq_cst")
        b.cbranch(b.extract_value(outcome, 1), mine, alone)
        b.position_at_end(mine)
        missing = b.icmp_signed(
            "<", b.add(self._read(b, self.hired), INT(1)), self._read(b, self.wanted)
        )
        with b.if_then(missing, likely=False):
            b.call(hire, [])
        b.store(step, self.function)
        b.store(slots, self.slots)
        b.store(units, self.units)
        b.store(chunk, self.chunk)
        count = b.sdiv(b.add(units, b.sub(chunk, LONG(1))), chunk)
        job = b.add(self._read(b, self.generation), INT(1))
        self._write(b, self.done, LONG(0))
        self._write(b, self.ticket, b.shl(b.zext(job, LONG), LONG(32)))
        self._write(b, self.chunks, count)
        self._write(b, self.generation, job)
        self._rouse(b, count)
        b.call(claim, [job])
        self._await(b, function, count)
        self._write(b, self.busy, INT(0))
        b.ret_void()

    def _rouse(self, b: Any, count: Any) -> None:
        """Wake as many sleeping threads as there are chunks for."""
        asleep = self._read(b, self.sleeping)
        with b.if_then(b.icmp_signed(">", asleep, INT(0))):
            self._call(b, "pthread_mutex_lock", self.mutex)
            helpers = smaller(b, b.zext(asleep, LONG), b.sub(count, LONG(1)))
            with loop(b, 0, helpers):
                self._call(b, "pthread_cond_signal", self.awake)
            self._call(b, "pthread_mutex_unlock", self.mutex)

    def _await(self, b: Any, function: Any, count: Any) -> None:
        """Until the last chunk is done; who waits long lets others have the processor."""
        look, wait, out = (function.append_basic_block() for _ in range(3))
        looks = b.alloca(INT)
        b.store(INT(0), looks)
        b.branch(look)
        b.position_at_end(look)
        b.cbranch(b.icmp_signed("==", self._read(b, self.done), count), out, wait)
        b.position_at_end(wait)
        self._pause(b)
        number = b.add(b.load(looks, typ=INT), INT(1))
        b.store(number, looks)
        with b.if_then(b.icmp_signed(">", number, INT(SPIN))):
            self._call(b, "sched_yield")
        b.branch(look)
        b.position_at_end(out)


def _value(b: Any, variable: Any) -> Any:
    return b.load(variable, typ=variable.value_type)


def _callable(b: Any, pointer: Any) -> Any:
    """Pointers have no types; a call wants to know what it calls."""
    return b.inttoptr(b.ptrtoint(pointer, LONG), STEP.as_pointer())
