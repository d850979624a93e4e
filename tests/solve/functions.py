"""Methods, and functions that several files of tests minimise."""

from typing import Any

import numpy as np

from wingbeat.solve import METHODS

FREE = [name for name, m in METHODS.items() if not m.constraints]


def rosenbrock(x: Any) -> Any:
    return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2


def quadratic(eigenvalues: Any) -> tuple[Any, Any]:
    """x'Ax/2 with these eigenvalues, and A."""
    n = len(eigenvalues)
    q = np.linalg.qr(np.random.default_rng(0).normal(size=(n, n)))[0]
    a = q @ np.diag(eigenvalues) @ q.T
    a = (a + a.T) / 2
    return (lambda x: x @ (a @ x) / 2.0), a
