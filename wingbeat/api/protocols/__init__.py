"""NumPy's protocols: how `np.sin(x)` and `np.mean(x)` come to work on tensors."""

from wingbeat.api.protocols._elementwise import rounded
from wingbeat.api.protocols._functions import FUNCTIONS, array_function
from wingbeat.api.protocols._ufuncs import UFUNCS, array_ufunc

__all__ = ["FUNCTIONS", "UFUNCS", "array_function", "array_ufunc", "rounded"]
