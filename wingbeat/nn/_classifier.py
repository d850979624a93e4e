"""A model as a fixed function from examples to scores: what attributions and attacks look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wingbeat.api import Tensor, asarray, grad, no_grad, take_along_axis, tree, vmap
from wingbeat.api.jit import natively
from wingbeat.errors import BadInput, OutOfRange, TypeMismatch
from wingbeat.nn.module import Module

Array = np.ndarray[Any, Any]
MOST_ROWS = 4096  # of a block
MOST_NUMBERS = 1 << 21  # of a block's rows together
_FIRST = "the first axis of x counts examples: for a single one write x[None]"


class Classifier:
    """A model, and the examples it is asked about. The score of an example depends on it alone.

    Args:
        model: an `nn.Module`, taken as it is now and in evaluation mode; or a function.
        x: floats (n, ...), n examples; a module gets them in its own dtype.
        operation: for messages.

    The model returns scores (n, classes), or (n,) for a single one. A function whose result is one
    number is a function of one example: `x` is that example then.

    Raises:
        TypeMismatch: the model cannot be called, `x` holds no floats, or the scores do not fit it.
        BadInput: there is no example, or an example or a score is not finite.
    """

    def __init__(self, model: Any, x: Any, operation: str) -> None:
        self.operation = operation
        self.model: Any = fixed(model, operation)
        self.x = _examples(x, _dtype(model), operation)
        found = self._tried()
        if found.ndim == 0 and not isinstance(model, Module):
            self.model, self.x = vmap(self.model), self.x[None]
        elif found.ndim not in (1, 2) or found.shape[0] != len(self.x) or not found.size:
            raise TypeMismatch(
                f"{operation}: for {len(self.x)} examples the model returns {found.type}, where "
                f"scores are of shape ({len(self.x)}, classes); {_FIRST}"
            )
        scores = self.scores(self.x)
        self.classes, self.predicted = scores.shape[1], scores.argmax(axis=1)

    def _tried(self) -> Tensor:
        """What the model returns for all examples; only its type is needed."""
        try:
            return asarray(self.model(asarray(self.x)))
        except TypeMismatch as error:
            raise TypeMismatch(
                f"{self.operation}: the model does not take x of shape {self.x.shape}: {error}; "
                f"{_FIRST}"
            ) from error

    def score_of(self, x: Tensor) -> Tensor:
        """Scores (n, classes) of rows, as a tensor that can be differentiated."""
        scores = asarray(self.model(x))
        return scores.reshape((-1, 1)) if scores.ndim == 1 else scores

    def blocks(self, f: Callable[..., Any], *arrays: Array, share: int = 1) -> tuple[Array, ...]:
        """The arrays that `f` returns, of rows, a block at a time.

        Blocks are filled up to a power of two, so that a few programs serve all; these are native
        from the first run, so that a seed gives the same bits again. `share` is how many times more
        a row needs than its own numbers.
        """
        n = len(arrays[0])
        most = min(MOST_ROWS, MOST_NUMBERS // max(1, share * arrays[0][:1].size))
        block = min(1 << max(0, most.bit_length() - 1), 1 << (n - 1).bit_length())
        parts: list[tuple[Array, ...]] = []
        with no_grad(), natively():
            for k in range(0, n, block):
                rows = [a[k : k + block] for a in arrays]
                count = len(rows[0])
                full = [np.concatenate([a, a[:1].repeat(block - count, axis=0)]) for a in rows]
                parts.append(tuple(np.asarray(z)[:count] for z in f(*full)))
        return tuple(np.concatenate(part) for part in zip(*parts, strict=True))

    def scores(self, rows: Array) -> Array:
        """Scores (n, classes), float64.

        Raises:
            BadInput: one is not finite.
        """
        (found,) = self.blocks(lambda r: (self.score_of(asarray(r)),), self.typed(rows))
        if not np.isfinite(found).all():
            row, k = np.argwhere(~np.isfinite(found))[0]
            raise BadInput(
                f"{self.operation}: score {k} of example {row} is {found[row, k]}; "
                "wb.debug.find_nonfinite says where it arose"
            )
        return found.astype(np.float64)

    def chosen(self, rows: Array, classes: Array) -> Array:
        """The score (n,) of one class each, float64."""
        return np.take_along_axis(self.scores(rows), classes[:, None], axis=1)[:, 0]

    def pick(self, x: Tensor, classes: Tensor) -> Tensor:
        """The score of one class each, as a tensor."""
        return take_along_axis(self.score_of(x), classes.reshape((-1, 1)), axis=1)[:, 0]

    def slope(self, rows: Array, classes: Array) -> Array:
        """The gradient of the score of one class each by its example: float64, like `rows`."""
        derivative = grad(lambda x, k: self.pick(x, asarray(k)).sum())
        (g,) = self.blocks(lambda r, k: (derivative(r, k),), self.typed(rows), classes)
        return g.astype(np.float64)

    def typed(self, rows: Array) -> Array:
        """Rows in the dtype that the model takes."""
        return rows.astype(self.x.dtype, copy=False)

    def labels(self, given: Any, what: str) -> Array:
        """One class for each example, int64: as given, the same for all, or the predicted ones."""
        if given is None:
            return self.predicted
        y = given.numpy() if isinstance(given, Tensor) else np.asarray(given)
        n = len(self.x)
        if y.dtype.kind not in "iu" or y.shape not in ((), (n,)):
            raise TypeMismatch(
                f"{self.operation}: {what} is a class, or an array of {n} classes, one for each "
                f"example; got {y.dtype} of shape {y.shape}"
            )
        if y.size and (y.min() < 0 or y.max() >= self.classes):
            worst = y.min() if y.min() < 0 else y.max()
            raise OutOfRange(
                f"{self.operation}: {what} {worst} is no class; there are 0 ... {self.classes - 1}"
            )
        return np.broadcast_to(y, (n,)).astype(np.int64)


def fixed(model: Any, operation: str) -> Any:
    """A module as a copy in evaluation mode around the same parameters; a function as it is."""
    if isinstance(model, type):
        raise TypeMismatch(f"{operation}: {model.__name__} is a class; write {model.__name__}()")
    if not callable(model):
        raise TypeMismatch(
            f"{operation}: takes a model, an nn.Module or a function from examples to scores, "
            f"not {type(model).__name__}"
        )
    if not isinstance(model, Module):
        return model
    leaves, rebuild = tree.flatten(model)
    return rebuild(leaves).eval()


def _dtype(model: Any) -> Any:
    if not isinstance(model, Module):
        return None
    return next((p.dtype for p in model.parameters() if p.dtype.kind == "f"), None)


def _examples(x: Any, dtype: Any, operation: str) -> Array:
    found = x.numpy() if isinstance(x, Tensor) else np.asarray(x)
    if found.dtype.kind != "f":
        raise TypeMismatch(
            f"{operation}: derivatives are taken by floats, and x has dtype {found.dtype}; "
            "write x.astype('float64')"
        )
    if not found.ndim or not found.size:
        raise BadInput(f"{operation}: x needs one example or more, (n, ...); got {found.shape}")
    if not np.isfinite(found).all():
        row = int(np.argwhere(~np.isfinite(found))[0][0])
        raise BadInput(f"{operation}: x is not finite in row {row}")
    return found if dtype is None else found.astype(dtype, copy=False)
