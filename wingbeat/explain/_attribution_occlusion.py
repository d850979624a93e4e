"""What an attribution says of a patch, checked by covering it."""

from __future__ import annotations

from typing import Any

import numpy as np

from wingbeat.errors import BadInput, TypeMismatch
from wingbeat.explain._attribution_gradients import baseline_of, difference
from wingbeat.explain._attribution_record import Array, Attribution, Occlusion, flat
from wingbeat.nn._checks import several
from wingbeat.nn._classifier import Classifier


def occlusion(
    model: Any,
    x: Any,
    target: Any = None,
    baseline: Any = 0.0,
    *,
    patch: int | tuple[int, ...] = 1,
    against: Attribution | None = None,
) -> Occlusion:
    """Cover one patch after another with the baseline, and compare with an attribution's claim.

    A gradient says what a tiny change would do; covering a patch is no tiny change. Where the two
    disagree, believe the drop: it was measured.

    Args:
        model: as for `gradient`.
        x: as for `gradient`.
        target: as for `gradient`.
        baseline: what a covered patch holds: a number, or an array that broadcasts to x.
        patch: how large patches are along each axis of an example; those at the end may be smaller.
        against: an attribution of the same x; None for the gradient times x - baseline. Its
            target is taken where `target` is None.

    Raises:
        TypeMismatch: model, x, target, baseline and `against` do not fit each other.
        BadInput: a patch has no size.

    >>> import wingbeat as wb
    >>> f = lambda x: x[:, 0] * x[:, 1]
    >>> o = wb.attribution.occlusion(f, np.array([[2.0, 3.0]]))
    >>> o.drops, o.claims
    (array([[6., 6.]]), array([[6., 6.]]))
    """
    c = Classifier(model, x, "occlusion")
    if against is not None and against.values.shape != c.x.shape:
        raise TypeMismatch(
            f"occlusion: `against` is of examples of shape {against.values.shape}, and x has "
            f"{c.x.shape}; explain the same x"
        )
    if target is None and against is not None:
        target = against.target
    k, start = c.labels(target, "target"), baseline_of(c, baseline)
    sizes = several(patch, c.x.ndim - 1, "patch", "occlusion")
    if not sizes:
        raise BadInput("occlusion: an example is one number, and has no patches")
    values = c.slope(c.x, k) * difference(c.x, start) if against is None else against.values
    patches, number = _patches(c.x.shape[1:], sizes)
    score = c.chosen(c.x, k)
    drops = [
        score - c.chosen(np.where(number == p, start, c.x), k) for p in range(int(np.prod(patches)))
    ]
    claims = [np.where(number == p, values, 0.0) for p in range(len(drops))]
    sums = [flat(claim).sum(axis=1) for claim in claims]
    shape = (len(c.x), *patches)
    return Occlusion(
        "gradient x input" if against is None else against.method,
        k,
        np.stack(drops, axis=1).reshape(shape),
        np.stack(sums, axis=1).reshape(shape),
        sizes,
    )


def _patches(shape: tuple[int, ...], sizes: tuple[int, ...]) -> tuple[tuple[int, ...], Array]:
    """How many patches there are along each axis, and the number of the one each place is in."""
    counts = tuple(-(-n // size) for n, size in zip(shape, sizes, strict=True))
    places = np.indices(shape)
    along = [place // size for place, size in zip(places, sizes, strict=True)]
    return counts, np.asarray(np.ravel_multi_index(tuple(along), counts))
