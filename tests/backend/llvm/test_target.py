"""Processors that native code is made for: by name, for a while, or by the environment."""

import numpy as np
import pytest

from tests.support.native import MACHINES, machines
from wingbeat.backend.llvm import target as targets
from wingbeat.errors import BadInput


def test_wider_processors_have_more_lanes() -> None:
    lanes = [targets.named(name).lanes(np.dtype(np.float32)) for name in MACHINES]
    assert lanes == [4, 4, 8, 16]


def test_the_host_is_the_current_one_unless_another_is_forced() -> None:
    outside = targets.current()
    with targets.forced("nehalem") as nehalem:
        assert targets.current() == nehalem == targets.named("nehalem")
        with targets.forced("haswell", bits=128) as narrow:
            assert targets.current() == narrow
            assert narrow.bits == 128 and narrow.fma
        assert targets.current() == nehalem
    assert targets.current() == outside


def test_an_error_ends_what_was_forced() -> None:
    outside = targets.current()
    with pytest.raises(ZeroDivisionError), targets.forced("nehalem"):
        _ = 1 // 0
    assert targets.current() == outside


def test_the_environment_names_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(targets.VARIABLE, "haswell")
    assert targets.current() == targets.named("haswell")
    monkeypatch.setenv(targets.VARIABLE, "")
    assert targets.current() == targets.host()


def test_an_unknown_processor_is_refused() -> None:
    with pytest.raises(BadInput, match="no processor named '386'; write one of host, x86-64"):
        targets.named("386")


def test_every_machine_of_the_tests_is_known() -> None:
    assert {name for name, _ in machines()} <= {"host", *MACHINES}
    assert ("host", None) in machines()
