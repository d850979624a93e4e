"""The pool: each unit of each job is done once, by as many threads as are wanted."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.ir.test_node import in_threads
from tests.support.forked import forked
from wingbeat.backend.llvm import compiler, ir, pool, target
from wingbeat.backend.llvm.compiler import Loaded
from wingbeat.backend.llvm.flow import LONG, POINTER, VOID, loop
from wingbeat.backend.llvm.runtime import runtime
from wingbeat.backend.llvm.threads import get_num_threads, set_num_threads

pytestmark = pytest.mark.skipif(not pool.AVAILABLE, reason="needs pthreads")
TASKS = Path("/proc/self/task")


@pytest.fixture(autouse=True)
def number() -> Iterator[int]:
    _counting()  # before there are threads: each of them would make its own
    before = get_num_threads()
    yield before
    set_num_threads(before)


@cache
def _counting() -> Loaded:
    """A step that adds 1 to each of its units, slowly; its code stays where it is."""
    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(VOID, [POINTER, LONG, LONG]), "count")
    b = ir.IRBuilder(function.append_basic_block())
    table, begin, end = function.args
    counts = b.load(table, typ=POINTER)
    with loop(b, begin, end) as i:
        place = b.gep(counts, [i], source_etype=LONG)
        with loop(b, 0, 20):
            b.fence("seq_cst")
        b.store(b.add(b.load(place, typ=LONG), LONG(1)), place)
    b.ret_void()
    return Loaded(compiler.assemble(str(module), target.host()), ["count"], {})


class Counter:
    """Runs of the counting step over an array."""

    def __init__(self, units: int) -> None:
        self.counts = np.zeros(units, np.int64)
        self._table = (ctypes.c_void_p * 1)(self.counts.ctypes.data)
        kinds = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64]
        self._parallel = ctypes.CFUNCTYPE(None, *kinds)(runtime().parallel)

    def run(self, chunk: int, times: int = 1) -> None:
        step = _counting()["count"]
        for _ in range(times):
            self._parallel(step, ctypes.addressof(self._table), self.counts.size, chunk)


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_each_unit_is_done_once(threads: int) -> None:
    set_num_threads(threads)
    for units, chunk in ((1, 1), (2, 1), (7, 2), (1000, 1), (1000, 999), (1000, 1001)):
        counter = Counter(units)
        counter.run(chunk, times=50)
        assert (counter.counts == 50).all()


def test_jobs_of_many_threads_at_once() -> None:
    """One has the pool, the others work alone; none waits for another."""
    set_num_threads(3)

    def work() -> bool:
        counter = Counter(500)
        counter.run(7, times=200)
        return bool((counter.counts == 200).all())

    assert in_threads(work) == [True] * 8


def test_the_number_changes_while_jobs_run() -> None:
    over = threading.Event()

    def change() -> None:
        for k in range(10**6):
            if over.is_set():
                return
            set_num_threads(1 + k % 4)

    thread = threading.Thread(target=change)
    thread.start()
    counter = Counter(300)
    try:
        counter.run(1, times=2000)
    finally:
        over.set()
        thread.join()
    assert (counter.counts == 2000).all()


def _tasks() -> int:
    return len(list(TASKS.iterdir()))


def _reaches(number: int) -> bool:
    end = time.monotonic() + 10
    while _tasks() != number and time.monotonic() < end:
        time.sleep(0.01)
    return _tasks() == number


@pytest.mark.skipif(not TASKS.is_dir(), reason="needs /proc")
def test_threads_are_hired_by_the_first_job_and_leave_when_fewer_are_wanted() -> None:
    set_num_threads(1)
    Counter(100).run(1)
    time.sleep(0.05)  # those of other tests leave
    alone = _tasks()
    set_num_threads(4)
    assert _reaches(alone)
    Counter(100).run(1)
    assert _reaches(alone + 3)
    set_num_threads(2)
    assert _reaches(alone + 1)
    set_num_threads(1)
    assert _reaches(alone)


def test_idle_threads_take_no_time() -> None:
    set_num_threads(4)
    Counter(1000).run(1, times=10)
    time.sleep(0.05)
    before = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - before < 0.05


def test_several_threads_do_the_work() -> None:
    """Of jobs that take long enough, the caller does a part only."""
    set_num_threads(2)
    counter = Counter(100_000)
    counter.run(1000)
    mine = time.thread_time()
    all_ = time.process_time()
    counter.run(1000, times=20)
    mine, all_ = time.thread_time() - mine, time.process_time() - all_
    assert mine < 0.95 * all_


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_has_a_pool_of_its_own() -> None:
    """Its threads do its own jobs, and nothing of what was left over at its birth."""
    set_num_threads(3)
    parents = Counter(100)
    parents.run(1)

    def counts() -> bool:
        counter = Counter(100)
        counter.run(1, times=100)
        return bool((counter.counts == 100).all() and (parents.counts == 1).all())

    for _ in range(5):
        assert forked(counts)
    parents.run(1, times=99)
    assert (parents.counts == 100).all()
