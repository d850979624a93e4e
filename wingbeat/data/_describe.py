"""A `Dataset` in words: one line, or a few."""

from typing import TYPE_CHECKING

import numpy as np

from wingbeat.data._checks import listed

if TYPE_CHECKING:
    from wingbeat.data._dataset import Dataset

_SHOWN = 6  # features before "and 58 more"


def line(data: "Dataset") -> str:
    """Dataset('digits train', 1437 rows of 64 features, float32, 10 classes, images 8x8)."""
    target = "regression" if data.classes is None else f"{len(data.classes)} classes"
    return f"Dataset({data.name!r}, {_size(data)}, {target}{_images(data)})"


def text(data: "Dataset") -> str:
    """Sizes, classes or targets, features, scaling and notes, each on lines of their own."""
    lines = [
        f"{data.name}: {_size(data)}{_images(data)}",
        f"  {'targets' if data.classes is None else 'classes':<9} {_target(data)}",
        f"  features  {listed(data.features, _SHOWN)}",
        f"  x         {_range(data.x)}",
        *_scaling(data),
        *(f"  note      {note}" for note in data.notes),
    ]
    return "\n".join(lines)


def _size(data: "Dataset") -> str:
    n, width = data.x.shape
    return f"{n} row{'s' * (n != 1)} of {width} feature{'s' * (width != 1)}, {data.x.dtype}"


def _images(data: "Dataset") -> str:
    if data.image_shape is None:
        return ""
    return f", images {'x'.join(str(size) for size in data.image_shape)}"


def _target(data: "Dataset") -> str:
    if data.classes is None:
        return f"{_range(data.y)}, {data.y.dtype}{list(data.y.shape)}"
    counts = np.bincount(data.y, minlength=len(data.classes))
    return listed([f"{name}: {count}" for name, count in zip(data.classes, counts, strict=True)])


def _range(array: np.ndarray) -> str:
    return f"from {array.min():g} to {array.max():g}" if array.size else "empty"


def _scaling(data: "Dataset") -> list[str]:
    if data.means is None or data.scales is None:
        return []
    columns = zip(data.features, data.means, data.scales, strict=True)
    shown = [f"{name}: {mean:.4g} ± {scale:.4g}" for name, mean, scale in columns]
    return [f"  scaling   (raw - mean) / scale, with {listed(shown, _SHOWN)}"]
