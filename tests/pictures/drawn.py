"""Reading pictures back: lines by the names that they were drawn under."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from wingbeat.pictures import Picture

Array = np.ndarray[Any, np.dtype[np.float64]]


def lines(axes: Axes, name: str) -> list[Line2D]:
    return [line for line in axes.get_lines() if line.get_gid() == name]


def points(line: Line2D) -> Array:
    """The points of a line, one a row."""
    return np.column_stack([np.asarray(v, float) for v in line.get_data()])


def drawn(picture: Picture, name: str, panel: int = 0) -> list[Array]:
    return [points(line) for line in lines(picture.axes[panel], name)]


def labels(picture: Picture) -> list[str]:
    """What the legends say."""
    boxes = [a.get_legend() for a in picture.axes] + list(picture.legends)
    return [text.get_text() for box in boxes if box is not None for text in box.get_texts()]
