"""Losses and normalisation that are one step each in an explanation; `nn` builds on them."""

from __future__ import annotations

from typing import Any

from wingbeat.api.applying import apply, cast_to
from wingbeat.api.axes import several
from wingbeat.api.tensor import Tensor, asarray
from wingbeat.errors import OutOfRange, TypeMismatch
from wingbeat.ops import composites as co
from wingbeat.ops.shape import reshape


def cross_entropy(logits: Any, targets: Any, /) -> Tensor:
    """-log of the softmax of `logits` at the right class: one loss per row.

    Args:
        logits: floats of shape (N, C), or (C,) for one sample.
        targets: labels 0 ... C - 1, integers of shape (N,) or (); or probabilities, floats of the
            shape of `logits`, for which the loss is -sum t log softmax.

    Returns:
        Losses of shape (N,) or (), in the dtype of the logits.

    Raises:
        TypeMismatch: shapes or dtypes do not fit.
        OutOfRange: a label is no class.

    >>> import wingbeat as wb
    >>> wb.cross_entropy([[0.0, 0.0], [0.0, 100.0]], [0, 1])
    tensor([0.69314718, 0.        ])
    """
    x, t = _floats("cross_entropy", "logits", logits), asarray(targets)
    if x.ndim not in (1, 2):
        raise TypeMismatch(f"cross_entropy: logits have shape (N, C) or (C,), not {x.type}")
    if t.dtype.kind == "f" and t.shape == x.shape:
        return _by_rows(co.cross_entropy_soft, x, cast_to(t, x.dtype))
    _check_labels(x, t)
    return _by_rows(co.cross_entropy, x, t)


def _by_rows(rule: Any, x: Tensor, t: Tensor) -> Tensor:
    """The loss of one sample is that of a batch of one."""
    if x.ndim == 2:
        return apply(rule, x, t)
    rows = [apply(reshape, v, shape=(1, *v.shape)) for v in (x, t)]
    return apply(reshape, apply(rule, *rows), shape=())


def _check_labels(x: Tensor, t: Tensor) -> None:
    if t.dtype.kind not in "iu":
        raise TypeMismatch(
            f"cross_entropy: labels are integers, not {t.type}; write labels.astype('int64'). "
            f"Probabilities have the shape of the logits, {x.shape}"
        )
    if t.shape == x.shape:
        raise TypeMismatch(
            f"cross_entropy: targets {t.type} have the shape of the logits; write "
            "targets.astype('float32') for one-hot rows, or give one label per row"
        )
    if t.shape != x.shape[:-1]:
        raise TypeMismatch(
            f"cross_entropy: logits {x.type} take labels of shape {x.shape[:-1]}, not {t.type}"
        )
    if t.is_leaf and t.size:  # labels that are still to be computed are checked when they are used
        low, high = int(t.numpy().min()), int(t.numpy().max())
        if low < 0 or high >= x.shape[-1]:
            raise OutOfRange(
                f"cross_entropy: label {low if low < 0 else high} among {x.shape[-1]} classes; "
                f"labels are 0 ... {x.shape[-1] - 1}"
            )


def binary_cross_entropy(logits: Any, targets: Any, /) -> Tensor:
    """-t log s(x) - (1 - t) log(1 - s(x)), elementwise, with s the sigmoid; it overflows for no x.

    Args:
        logits: floats of any shape.
        targets: probabilities (floats, integers or booleans) of the same shape.

    Raises:
        TypeMismatch: the shapes differ, or logits are no floats.

    >>> import wingbeat as wb
    >>> wb.binary_cross_entropy([0.0, -1000.0], [1.0, 0.0])
    tensor([0.69314718, 0.        ])
    """
    x, t = _floats("binary_cross_entropy", "logits", logits), asarray(targets)
    if x.shape != t.shape:
        raise TypeMismatch(
            f"binary_cross_entropy: logits {x.type} and targets {t.type} differ in shape"
        )
    return apply(co.binary_cross_entropy, x, cast_to(t, x.dtype))


def layer_norm(x: Any, /, *, axis: Any = -1, eps: float = 1e-5) -> Tensor:
    """(x - mean) / sqrt(variance + eps), with mean and variance over `axis` (one or several).

    Raises:
        TypeMismatch: `x` is no float.
        OutOfRange: there is no such axis.

    >>> import wingbeat as wb
    >>> wb.layer_norm([1.0, 3.0], eps=0.0)
    tensor([-1.,  1.])
    """
    t = _floats("layer_norm", "x", x)
    return apply(co.layer_norm, t, axes=several(axis, t.ndim, "layer_norm"), eps=float(eps))


def _floats(operation: str, name: str, value: Any) -> Tensor:
    t = asarray(value)
    if t.dtype.kind != "f":
        raise TypeMismatch(
            f"{operation}: {name} must be floats, not {t.type}; write .astype('float32')"
        )
    return t


__all__ = ["binary_cross_entropy", "cross_entropy", "layer_norm"]
