"""What NumPy's functions refuse on tensors, and leave to others."""

# NumPy's and Python's stubs do not know that a Tensor answers their protocols, which is tested.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportOperatorIssue=false, reportDeprecated=false

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import special

import wingbeat as wb
from tests.api.numpy_calls import (
    Function,
    M,
    V,
)
from wingbeat.errors import NotSupported, TypeMismatch


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.linalg.cholesky(x),
        lambda x: np.linalg.eigh(x),
        lambda x: np.linalg.svd(x),
        lambda x: np.linalg.norm(x, "nuc"),
        lambda x: np.linalg.norm(x, 2),
        lambda x: np.fft.fft(x),
        lambda x: np.interp(x, [0.0, 1.0], [0.0, 1.0]),
        lambda x: np.percentile(x, 50, method="lower"),
        lambda x: np.quantile(x, 0.5, weights=M),
        lambda x: np.apply_along_axis(np.sum, 0, x),
        lambda x: np.pad(x, 1, mode="edge"),
        lambda x: np.sum(x, where=M > 0),
        lambda x: np.sum(x, initial=3.0),
        lambda x: np.max(x, initial=3.0),
        lambda x: np.sum(x, out=np.zeros(())),
        lambda x: np.add(x, 1, out=np.zeros((3, 4))),
        lambda x: np.add(x, 1, where=M > 0),
        lambda x: np.add.at(x, [0], 1.0),
        lambda x: np.add.reduceat(x, [0, 1]),
        lambda x: np.arctan2.reduce(x),
        lambda x: np.gcd(x, 2),
        lambda x: np.frexp(x),
        lambda x: np.take(x, [5], mode="wrap"),
        lambda x: np.reshape(x, (4, 3), order="K"),
        lambda x: special.gamma(x),
        lambda x: np.unique(x, return_counts=True),
    ],
)
def test_what_is_not_supported_says_so_in_a_sentence(call: Function) -> None:
    with pytest.raises(NotSupported) as caught:
        call(wb.asarray(M))
    text = str(caught.value)
    assert text.startswith("np.")
    assert len(text.split()) > 6


def test_strangers_may_answer_numpys_functions_themselves() -> None:
    class Stranger:
        __array_ufunc__ = None

        def __radd__(self, x: Any) -> str:
            return "stranger"

    assert wb.asarray(1.0) + Stranger() == "stranger"

    class Louder:
        def __array_ufunc__(self, *args: Any, **kwargs: Any) -> str:
            return "louder"

    assert np.add(wb.asarray(1.0), Louder()) == "louder"


def test_shapes_that_do_not_fit_name_the_function() -> None:
    for call in (
        lambda x: np.concatenate([x[None], V[None, :3]]),
        lambda x: np.stack([x, V[:3]]),
        lambda x: np.dot(x, V[:3]),
        lambda x: np.reshape(x, (3, 5)),
        lambda x: np.sum(x, axis=4),
        lambda x: np.split(x, 3),
    ):
        with pytest.raises(TypeMismatch, match=r"^(np\.)?\w+: "):
            call(wb.asarray(V))
