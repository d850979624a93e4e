"""Native code among signals, forks, threads and full disks, each in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import wingbeat as wb
from tests.ir.test_node import in_threads

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals, forks and limits of POSIX")


def start(script: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def output(script: str, **variables: str) -> str:
    process = start(script, **variables)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out


LONG = """
import numpy as np
import wingbeat as wb

@wb.jit
def powers(x):
    for _ in range(60):
        x = x @ x
    return x

powers(wb.asarray(np.eye(8)))
x = wb.asarray(np.eye(1200))
program = powers.lower(x)
print("ready", flush=True)
try:
    powers(x)
except KeyboardInterrupt:
    print("stopped")
print(np.array_equal(powers(wb.asarray(2.0 ** (1 / 2**30) * np.eye(2))).numpy().shape, (2, 2)))
print(np.array_equal(wb.jit(lambda x: x + x)(np.ones(100_000)).numpy(), np.full(100_000, 2.0)))
"""


def test_ctrl_c_during_a_long_run() -> None:
    """It arrives when the native call is over; whatever comes after works."""
    process = start(LONG)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert out.split() == ["stopped", "True", "True"]


FORKS = """
import multiprocessing, warnings
import numpy as np
import wingbeat as wb

wb.set_num_threads(2)
f = wb.jit(lambda x: wb.exp(x * 0.5) + wb.tanh(x))
x = np.linspace(-1, 1, 500_000)
want = f(x).numpy()

def same(k):
    again = np.array_equal(f(x).numpy(), want)
    return again and float(wb.jit(lambda v: v + k)(np.ones(3)).numpy()[0]) == 1 + k

warnings.simplefilter("ignore", DeprecationWarning)  # a process with threads forks
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(pool.map(same, range(6)))
print(same(7))
"""


def test_forked_children_have_pools_of_their_own() -> None:
    assert output(FORKS).split("\n")[:2] == [str([True] * 6), "True"]


EARLY = """
import faulthandler, os, sys, threading
import numpy as np
import wingbeat as wb

wb.jit, wb.exp  # what the package imports for itself is not what is tried here
x = wb.ones((8, 8))
x.numpy()
seen = []

def watch(event, args):  # in the other thread, within an import of what makes code
    if event == "import" and args[0].startswith("llvmlite") and not seen:
        seen.append(args[0])
        begun.set()
        go.wait(0.5)  # a fork may wait as long

begun, go = threading.Event(), threading.Event()
sys.addaudithook(watch)
thread = threading.Thread(target=lambda: wb.jit(lambda x: x @ x)(x).numpy())
thread.start()
begun.wait()
child = os.fork()
if not child:
    faulthandler.dump_traceback_later(60, exit=True)
    os._exit(int(wb.jit(lambda x: wb.exp(x) @ x + 1.0)(x).numpy()[0, 0]))
thread.join()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), seen != [])
"""


def test_a_fork_while_another_thread_makes_its_first_program() -> None:
    assert output(EARLY, WINGBEAT_CACHE="").split() == [str(int(8 * np.e + 1)), "True"]


FULL = """
import os, resource, signal, sys
import numpy as np
import wingbeat as wb
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
print(wb.jit(lambda x: wb.exp(x) @ x)(np.zeros((3, 3))).numpy().tolist())
"""


def test_a_full_disk_keeps_nothing_and_stops_nobody(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert output(FULL, WINGBEAT_CACHE=str(tmp_path)).strip() == str([[0.0] * 3] * 3)
    assert list(tmp_path.iterdir()) == []


def test_threads_that_call_a_jitted_function_for_the_first_time() -> None:
    f = wb.jit(lambda x: wb.sin(x) * x - wb.cos(x))
    x = np.linspace(0, 1, 1000)
    results = in_threads(lambda: f(x).numpy().tobytes())
    assert len(set(results)) == 1
    np.testing.assert_allclose(f(x).numpy(), np.sin(x) * x - np.cos(x), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("text", ["0", "two", "-1", "1e3", "4096"])
def test_a_bad_number_of_threads_is_one_sentence(text: str) -> None:
    script = "import wingbeat as wb; wb.jit(lambda x: x + 1)(wb.ones(3))"
    process = start(script, WINGBEAT_NUM_THREADS=text)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 1
    assert err.splitlines()[-1].startswith("wingbeat.errors.BadInput: WINGBEAT_NUM_THREADS")
    assert "use one of 1 ... 1024" in err
