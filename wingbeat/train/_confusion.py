"""Which class is taken for which."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wingbeat.errors import TypeMismatch
from wingbeat.train._history import aligned


@dataclass(frozen=True, eq=False, repr=False)
class Confusion:
    """Counts of samples: `counts[i, j]` of class i were taken for class j.

    Attributes:
        counts: int64 of shape (k, k).
        classes: k names; "0", "1", ... where none are given.

    >>> import numpy as np
    >>> import wingbeat as wb
    >>> wb.train.Confusion(np.array([[8, 2], [1, 9]]), ("cat", "dog"))
    true   cat  dog  recall
     cat     8    2   0.800
     dog     1    9   0.900
    """

    counts: NDArray[np.int64]
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        counts = np.asarray(self.counts, np.int64)
        names = tuple(map(str, self.classes)) or tuple(map(str, range(len(counts))))
        if counts.shape != (len(names), len(names)):
            raise TypeMismatch(
                f"Confusion: counts have shape (k, k) for k classes; "
                f"got {counts.shape} and {len(names)} names"
            )
        object.__setattr__(self, "counts", counts)
        object.__setattr__(self, "classes", names)

    @property
    def accuracy(self) -> float:
        """The share of samples on the diagonal; NaN of none.

        >>> import wingbeat as wb
        >>> wb.train.Confusion([[8, 2], [1, 9]]).accuracy
        0.85
        """
        return _ratio(np.trace(self.counts), self.counts.sum())

    @property
    def recall(self) -> NDArray[np.float64]:
        """Of each class, the share that was recognised; NaN where there is no sample of it.

        >>> import wingbeat as wb
        >>> wb.train.Confusion([[8, 2], [1, 9]]).recall
        array([0.8, 0.9])
        """
        return np.array([_ratio(row[k], row.sum()) for k, row in enumerate(self.counts)])

    def mistakes(self, limit: int = 5) -> list[tuple[str, str, int]]:
        """The most frequent mistakes: (true class, predicted class, count).

        >>> import wingbeat as wb
        >>> wb.train.Confusion([[8, 2], [1, 9]], ("cat", "dog")).mistakes(1)
        [('cat', 'dog', 2)]
        """
        off = self.counts - np.diag(np.diag(self.counts))
        order = np.argsort(-off, axis=None, kind="stable")[:limit]
        pairs = [divmod(int(k), len(off)) for k in order]
        return [(self.classes[i], self.classes[j], int(off[i, j])) for i, j in pairs if off[i, j]]

    def named(self, classes: Sequence[str]) -> "Confusion":
        """The same counts with names of classes.

        >>> import wingbeat as wb
        >>> wb.train.Confusion([[8, 2], [1, 9]]).named(["cat", "dog"]).classes
        ('cat', 'dog')
        """
        return Confusion(self.counts, tuple(classes))

    def __repr__(self) -> str:
        rows: list[Any] = [["true ", *self.classes, "recall"]]
        for name, counts, recall in zip(self.classes, self.counts, self.recall, strict=True):
            rows.append([name, *map(str, counts), f"{recall:.3f}"])
        return aligned(rows)


def _ratio(part: Any, whole: Any) -> float:
    return float(part / whole) if whole else float("nan")
