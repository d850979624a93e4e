"""The digits that scikit-learn ships."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from wingbeat.data._checks import float_dtype
from wingbeat.data._dataset import Dataset
from wingbeat.data._fields import frozen
from wingbeat.errors import NotSupported

_BRIGHTEST = 16  # a pixel counts the dark points of a 4x4 square


def digits(*, dtype: DTypeLike = np.float32) -> tuple[Dataset, Dataset]:
    """1,797 handwritten digits of 8x8 pixels, split for good into 1,438 to train and 359 to test.

    They come with scikit-learn: nothing is fetched.

    Args:
        dtype: of `x`: float16, float32 or float64.

    Returns:
        (train, test): `x` of shape (n, 64), from 0 (white) to 1 (black); `y` int64 from 0 to 9;
        classes "0" to "9"; image_shape (8, 8). Both have the classes in equal shares.

    Raises:
        TypeMismatch: `dtype` is not a float dtype.
        NotSupported: scikit-learn is not installed.

    >>> import wingbeat as wb
    >>> train, test = wb.data.digits()
    >>> train
    Dataset('digits train', 1438 rows of 64 features, float32, 10 classes, images 8x8)
    >>> test.x.shape, test.y[:5]
    ((359, 64), array([2, 4, 6, 7, 8]))
    """
    bunch = _load()
    x = np.divide(bunch.data, _BRIGHTEST, dtype=np.float64).astype(float_dtype(dtype, "digits"))
    whole = Dataset(
        frozen(x),
        bunch.target,
        classes=tuple(str(name) for name in bunch.target_names),
        features=tuple(bunch.feature_names),
        name="digits",
        image_shape=(8, 8),
    )
    return whole.split(0.2, seed=0)


def _load() -> Any:
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        if error.name != "sklearn":
            raise
        raise NotSupported("digits: needs scikit-learn; pip install scikit-learn") from None
    return load_digits()
