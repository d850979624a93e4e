"""`Dataset`: rows, what is to be learnt of them, and the names of both."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wingbeat.data import _describe, _fields, _order
from wingbeat.data._checks import fraction, whole
from wingbeat.errors import BadInput, TypeMismatch


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Samples and their targets, immutable.

    An array that can still be written to is copied; a read-only one is kept as it is.

    Attributes:
        x: float16, float32 or float64 of shape (n, f): one row per sample.
        y: class labels, int64 of shape (n,), counting from 0; or float targets of shape (n,) or
            (n, k), as they were given.
        classes: the name of each class, or None where the targets are numbers (regression).
        features: f names; x0, x1, ... where none were given.
        name: what to call the data in tables and titles.
        image_shape: (height, width) or any other shape that a row was flattened from, or None.
        means, scales: float64 of shape (f,), where x = (raw - means) / scales; None for raw data.
        notes: sentences on what a loader did to the data, as `describe` prints them.

    Raises:
        TypeMismatch: x or y has the wrong rank, dtype or length.
        BadInput: a label names no class; names, image_shape, means or scales do not fit x.

    >>> import numpy as np
    >>> import wingbeat as wb
    >>> x = np.array([[5.1, 3.5], [4.9, 3.0], [6.2, 2.9], [6.7, 3.1]])
    >>> flowers = wb.data.Dataset(x, [0, 0, 1, 1], classes=("setosa", "virginica"), name="flowers")
    >>> flowers
    Dataset('flowers', 4 rows of 2 features, float64, 2 classes)
    >>> train, test = flowers.split(0.5)
    >>> len(train), len(test)
    (2, 2)
    """

    x: NDArray[Any]
    y: NDArray[Any]
    classes: tuple[str, ...] | None = None
    features: tuple[str, ...] = ()
    name: str = "data"
    image_shape: tuple[int, ...] | None = None
    means: NDArray[np.float64] | None = None
    scales: NDArray[np.float64] | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        x = _fields.samples(self.x)
        classes = None if self.classes is None else _fields.names(self.classes)
        self._set(
            x=x,
            y=_fields.targets(self.y, len(x))
            if classes is None
            else _fields.labels(self.y, len(x), classes),
            classes=classes,
            features=_fields.names(self.features) or tuple(f"x{i}" for i in range(x.shape[1])),
            image_shape=None if self.image_shape is None else tuple(self.image_shape),
            notes=tuple(self.notes),
        )
        self._set(means=_fields.statistics(self.means), scales=_fields.statistics(self.scales))
        self._insist_on_fitting_sizes()

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        return _describe.line(self)

    @property
    def images(self) -> NDArray[Any]:
        """The rows in the shape that they were flattened from: (n, *image_shape), a view of `x`.

        Raises:
            TypeMismatch: the rows are no images.

        >>> import wingbeat as wb
        >>> wb.data.digits()[0].images.shape
        (1438, 8, 8)
        """
        if self.image_shape is None:
            raise TypeMismatch(f"images: the rows of {self.name!r} have no image_shape; use x")
        return self.x.reshape(len(self), *self.image_shape)

    def take(self, rows: slice | Sequence[int] | NDArray[Any]) -> "Dataset":
        """Some of the rows, in the order asked for.

        Args:
            rows: a slice, row numbers (negative ones count from the end), or a boolean mask of
                shape (n,).

        Raises:
            TypeMismatch: `rows` is none of these.
            OutOfRange: there is no such row.

        >>> import wingbeat as wb
        >>> train, test = wb.data.digits()
        >>> train.take([3, 0, 3]).x.shape, len(train.take(slice(100)))
        ((3, 64), 100)
        >>> train.take(train.y == 7)
        Dataset('digits train', 143 rows of 64 features, float32, 10 classes, images 8x8)
        """
        index = rows if isinstance(rows, slice) else _fields.row_numbers(rows, len(self))
        return replace(self, x=_fields.frozen(self.x[index]), y=_fields.frozen(self.y[index]))

    def split(
        self, test_fraction: float = 0.2, seed: int = 0, *, stratify: bool = True
    ) -> tuple["Dataset", "Dataset"]:
        """A part to train with and a part to test with; the same seed gives the same rows.

        Args:
            test_fraction: the share of rows in the second part, which gets at least one row and
                leaves at least one.
            seed: any whole number from 0 to 2**64 - 1.
            stratify: keep the shares of the classes in both parts, up to one row a class; float
                targets have no classes, and their rows are drawn without regard to the target.

        Raises:
            BadInput: there are fewer than two rows, or an argument is out of range.

        >>> import numpy as np
        >>> import wingbeat as wb
        >>> whole = wb.data.Dataset(np.zeros((9, 1)), [0] * 6 + [1] * 3, classes=("no", "yes"))
        >>> train, test = whole.split(1 / 3)
        >>> np.bincount(train.y), np.bincount(test.y)
        (array([4, 2]), array([2, 1]))
        """
        share = fraction(test_fraction, "test_fraction", "split")
        if len(self) < 2:
            raise BadInput(f"split: two parts need two rows or more; got {len(self)}")
        labels = self.y if stratify and self.classes is not None else None
        train, test = _order.split(len(self), share, whole(seed, "seed", "split"), labels)
        return (
            replace(self.take(train), name=f"{self.name} train"),
            replace(self.take(test), name=f"{self.name} test"),
        )

    def standardise(self, raw: ArrayLike) -> NDArray[Any]:
        """New raw rows, in the units of `x`: (raw - means) / scales, in the dtype of `x`.

        Args:
            raw: numbers of shape (..., f).

        Raises:
            TypeMismatch: the data were never standardised, or `raw` has another number of columns.

        >>> import numpy as np
        >>> import wingbeat as wb
        >>> x = np.array([[-1.0], [1.0]])
        >>> lengths = wb.data.Dataset(x, [1.0, 2.0], means=[170], scales=[10])
        >>> lengths.standardise([[175]]), lengths.unstandardise([[0.5]])
        (array([[0.5]]), array([[175.]]))
        """
        means, scales, rows = self._scaling(raw, "standardise")
        return ((rows - means) / scales).astype(self.x.dtype)

    def unstandardise(self, rows: ArrayLike) -> NDArray[Any]:
        """Rows of `x`, in the units of the raw data: rows * scales + means, float64.

        Shapes and errors as for `standardise`.

        >>> import wingbeat as wb
        >>> lengths = wb.data.Dataset([[-1.0], [1.0]], [1.0, 2.0], means=[170], scales=[10])
        >>> lengths.unstandardise(lengths.x)
        array([[160.],
               [180.]])
        """
        means, scales, given = self._scaling(rows, "unstandardise")
        return given * scales + means

    def describe(self) -> str:
        """A few lines for people: sizes, classes or targets, features, scaling, and the notes.

        >>> import wingbeat as wb
        >>> print(wb.data.digits()[1].describe())
        digits test: 359 rows of 64 features, float32, images 8x8
          classes   0: 36, 1: 36, 2: 35, 3: 37, 4: 36, 5: 36, 6: 36, 7: 36, 8: 35, 9: 36
          features  pixel_0_0, pixel_0_1, pixel_0_2, pixel_0_3, pixel_0_4, pixel_0_5 and 58 more
          x         from 0 to 1
        """
        return _describe.text(self)

    def _set(self, **fields: Any) -> None:
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def _insist_on_fitting_sizes(self) -> None:
        width = self.x.shape[1]
        if len(self.features) != width:
            raise BadInput(f"Dataset: {len(self.features)} features for {width} columns of x")
        if self.image_shape is not None and prod(self.image_shape) != width:
            raise BadInput(f"Dataset: image_shape {self.image_shape} does not hold {width} columns")
        if (self.means is None) != (self.scales is None):
            raise BadInput("Dataset: means and scales belong together; give both or neither")
        for row in (self.means, self.scales):
            if row is not None and row.shape != (width,):
                raise BadInput(
                    f"Dataset: means and scales of shape {row.shape}; x has {width} columns"
                )

    def _scaling(self, rows: ArrayLike, operation: str) -> tuple[Any, Any, NDArray[np.float64]]:
        if self.means is None:
            raise TypeMismatch(
                f"{operation}: {self.name!r} holds raw data, with no means and scales"
            )
        given = np.asarray(rows, np.float64)
        if given.shape[-1:] != self.means.shape:
            raise TypeMismatch(
                f"{operation}: rows have {len(self.means)} columns; got shape {given.shape}"
            )
        return self.means, self.scales, given
