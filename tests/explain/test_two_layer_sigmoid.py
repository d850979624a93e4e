"""A two-layer network of sigmoid neurons: closed formulas, the engine, the printed derivation."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wingbeat as wb

FILE = Path(__file__).parents[2] / "examples/two_layer_sigmoid.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("two_layer_sigmoid", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


EXAMPLE = load()


# MISSION B2
@settings(max_examples=15)
@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))
def test_engine_equals_the_closed_formulas(
    seed: int, inputs: int, hidden: int, outputs: int
) -> None:
    sizes = (inputs, hidden, outputs)
    numbers = EXAMPLE.values(seed, *sizes)
    e = wb.explain(EXAMPLE.expression(*sizes), **numbers)
    expected = EXAMPLE.by_hand(numbers, *sizes)
    assert len(expected) == hidden * outputs + outputs + inputs * hidden + hidden
    for name, gradient in expected.items():
        np.testing.assert_allclose(e.gradient(name), gradient, rtol=1e-12, atol=1e-16)
        ways = e.paths(name)
        assert ways.count == (outputs if name[0] in "vg" else 1)
        np.testing.assert_allclose(ways.total, gradient, rtol=1e-12, atol=1e-16)


# MISSION B2: the derivation has these symbols
def test_derivation() -> None:
    numbers = EXAMPLE.values(0, 2, 2, 2)
    e = wb.explain(EXAMPLE.expression(2, 2, 2), **numbers)
    symbols, formulas, *_ = e.derivation("w_11").splitlines()
    assert symbols == "dE/dw_11 = dE/dyhat_1 * dyhat_1/dbeta_1 * dbeta_1/dw_11"
    assert formulas.strip() == "= (yhat_1 - y_1)*yhat_1*(1 - yhat_1)*b_1"  # g_1 b_1
    latex = e.derivation("theta_1", "latex")
    assert r"\mathrm{d} \theta_{1}" in latex
    assert r"\hat{y}_{1}" in latex


# MISSION B2
def test_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    EXAMPLE.main()
    out = capsys.readouterr().out
    assert "dE/dgamma_2" in out
    assert "b_1*(1 - b_1)*x_1" in out
    assert "e_h          = sum_j(g_j * w_hj) * b_h * (1 - b_h)" in out
