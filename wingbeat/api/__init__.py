"""Tensors, the functions of the Array API standard, and transforms of Python functions."""

from wingbeat.api import (
    convolution,
    creation,
    debug,
    elementwise,
    inspection,
    linalg,
    losses,
    manipulation,
    methods,
    pooling,
    random,
    sorting,
    statistics,
    transforms,
    tree,
)
from wingbeat.api.convolution import *  # noqa: F403
from wingbeat.api.creation import *  # noqa: F403
from wingbeat.api.elementwise import *  # noqa: F403
from wingbeat.api.gradient import assign, no_grad
from wingbeat.api.indexing import nonzero, take, take_along_axis
from wingbeat.api.inspection import *  # noqa: F403
from wingbeat.api.inspection import __array_namespace_info__ as __array_namespace_info__
from wingbeat.api.jit import jit
from wingbeat.api.kinks import KinkWarning
from wingbeat.api.linalg import *  # noqa: F403
from wingbeat.api.losses import *  # noqa: F403
from wingbeat.api.manipulation import *  # noqa: F403
from wingbeat.api.pooling import *  # noqa: F403
from wingbeat.api.sorting import *  # noqa: F403
from wingbeat.api.statistics import *  # noqa: F403
from wingbeat.api.tensor import Tensor, asarray
from wingbeat.api.transforms import *  # noqa: F403
from wingbeat.backend.base import get_num_threads, set_num_threads

methods.install()

__all__ = [
    "KinkWarning",
    "Tensor",
    "asarray",
    "assign",
    "debug",
    "get_num_threads",
    "jit",
    "linalg",
    "no_grad",
    "nonzero",
    "random",
    "set_num_threads",
    "take",
    "take_along_axis",
    "tree",
]
__all__ += convolution.__all__
__all__ += creation.__all__
__all__ += elementwise.__all__
__all__ += inspection.__all__
__all__ += linalg.__all__
__all__ += losses.__all__
__all__ += manipulation.__all__
__all__ += pooling.__all__
__all__ += sorting.__all__
__all__ += statistics.__all__
__all__ += transforms.__all__
