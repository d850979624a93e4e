"""Orders of rows, each a pure function of its key: epochs of a loader, splits of a data set."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

EPOCH, SPLIT = 0, 1  # what an order is for; the same seed gives unrelated orders


def permutation(n: int, seed: int, *, purpose: int, epoch: int = 0) -> NDArray[np.int64]:
    """The numbers 0 to n - 1 in the order that (seed, purpose, epoch) stands for.

    Philox's stream is fixed for good, and sorting it is too; `Generator.permutation` is allowed to
    change between versions of NumPy, which would break a resumed run.
    """
    bits = np.random.Philox(key=seed + (epoch << 64), counter=purpose << 192)
    return np.argsort(bits.random_raw(n), kind="stable")


def split(
    n: int, share: float, seed: int, labels: NDArray[Any] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row numbers of two parts of `n` rows, ascending; the second holds `share` of them.

    The second part gets one row at least and leaves one at least. With `labels`, every label's
    share of it is its share of the whole, up to one row.
    """
    count = min(max(round(share * n), 1), n - 1)
    order = permutation(n, seed, purpose=SPLIT)
    groups = [order] if labels is None else _by_label(order, labels)
    places = _apportion([len(group) for group in groups], count)
    train = [group[k:] for group, k in zip(groups, places, strict=True)]
    test = [group[:k] for group, k in zip(groups, places, strict=True)]
    return np.sort(np.concatenate(train)), np.sort(np.concatenate(test))


def _by_label(order: NDArray[np.int64], labels: NDArray[Any]) -> list[NDArray[np.int64]]:
    return [order[labels[order] == label] for label in np.unique(labels)]


def _apportion(counts: list[int], total: int) -> list[int]:
    """`total` places in proportion to `counts`: whole parts first, then the largest remainders.

    A group that a further place would empty comes last: a class that is only tested cannot be
    learnt.
    """
    parts = [divmod(count * total, sum(counts)) for count in counts]
    shares = [whole for whole, _ in parts]

    def claim(k: int) -> tuple[bool, int]:
        return counts[k] - shares[k] <= 1, -parts[k][1]

    for k in sorted(range(len(counts)), key=claim)[: total - sum(shares)]:
        shares[k] += 1
    return shares
