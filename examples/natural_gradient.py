"""How many steps a network needs: gradient descent against the gradient divided by KFAC's factors.

    python examples/natural_gradient.py

Every step sees the same 256 digits. Gradient descent is held back by the steepest direction, along
which a larger rate diverges; divided by the Fisher matrix, the gradient knows how steep it is in
each direction, and a rate of 1 serves all of them.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

import wingbeat as wb
from wingbeat import curvature, nn

Direction = Callable[[Any, Any, Any], Any]  # (model, images, gradient) -> what is subtracted


def descent(rate: float) -> Direction:
    """Gradient descent."""
    return lambda model, x, g: wb.tree.map(lambda v: rate * v, g)


def natural(damping: float = 1e-2) -> Direction:
    """The gradient divided by the Fisher matrix of the same images."""
    kfac = curvature.KFAC("categorical", damping=damping, decay=0.0)

    def direction(model: Any, x: Any, g: Any) -> Any:
        kfac.observe(model, x)
        return kfac.precondition(g)

    return direction


def steps(direction: Direction, target: float = 0.1, most: int = 300) -> int:
    """Steps until the loss is below the target; `most` where it is not by then."""
    data, _ = wb.data.digits()
    x, y = np.asarray(data.x)[:256], np.asarray(data.y)[:256]
    wb.random.seed(0)
    model = nn.Sequential(nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 10))
    loss = wb.jit(wb.value_and_grad(lambda m: nn.CrossEntropyLoss()(m(x), y)))
    parameters = list(model.parameters())
    with wb.no_grad():
        for k in range(most):
            value, g = loss(model)
            if value.item() < target:
                return k
            moves = wb.tree.leaves(direction(model, x, g))
            wb.assign(parameters, [p - d for p, d in zip(parameters, moves, strict=True)])
    return most


def main() -> None:
    """Prints the steps of each method."""
    for rate in (0.1, 0.3, 1.0, 2.0):
        print(f"gradient descent, rate {rate:<4g} {steps(descent(rate)):4d} steps")
    print(f"KFAC, rate 1               {steps(natural()):4d} steps")


if __name__ == "__main__":
    main()
