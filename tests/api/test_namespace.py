"""The public names: those of the Array API standard, and what the library says about itself."""

from __future__ import annotations

from inspect import isfunction

import numpy as np
import pytest

import wingbeat as wb
from wingbeat.api.declared import Declared
from wingbeat.api.methods import METHODS
from wingbeat.api.operators import OPERATORS
from wingbeat.errors import NotSupported

# The standard's names (2024.12), but for complex numbers: there are none here.
STANDARD = """
e inf nan newaxis pi arange asarray empty empty_like eye from_dlpack full full_like linspace
meshgrid ones ones_like tril triu zeros zeros_like astype broadcast_arrays broadcast_to can_cast
finfo iinfo isdtype result_type bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32
float64 abs acos acosh add asin asinh atan atan2 atanh bitwise_and bitwise_left_shift bitwise_invert
bitwise_or bitwise_right_shift bitwise_xor ceil clip copysign cos cosh divide equal exp expm1 floor
floor_divide greater greater_equal hypot isfinite isinf isnan less less_equal log log1p log2 log10
logaddexp logical_and logical_not logical_or logical_xor maximum minimum multiply negative nextafter
not_equal positive pow reciprocal remainder round sign signbit sin sinh square sqrt subtract tan
tanh trunc take take_along_axis __array_namespace_info__ matmul matrix_transpose tensordot vecdot
concat expand_dims flip moveaxis permute_dims repeat reshape roll squeeze stack tile unstack argmax
argmin count_nonzero nonzero searchsorted where unique_all unique_counts unique_inverse
unique_values argsort sort cumulative_prod cumulative_sum max mean min prod std sum var all any diff
"""
ATTRIBUTES = """
__abs__ __add__ __and__ __array_namespace__ __bool__ __dlpack__ __dlpack_device__ __eq__ __float__
__floordiv__ __ge__ __getitem__ __gt__ __index__ __int__ __invert__ __le__ __lshift__ __lt__
__matmul__ __mod__ __mul__ __ne__ __neg__ __or__ __pos__ __pow__ __rshift__ __setitem__ __sub__
__truediv__ __xor__ to_device dtype device mT ndim shape size T
"""


def test_the_names_of_the_standard() -> None:
    assert [name for name in STANDARD.split() if not hasattr(wb, name)] == []
    assert [name for name in ATTRIBUTES.split() if not hasattr(wb.Tensor, name)] == []


def test_type_checkers_are_told_of_what_a_tensor_is_given() -> None:
    functions = {name for name, value in vars(Declared).items() if isfunction(value)}
    told = {n for n in functions | set(Declared.__annotations__) if n[0] != "_" or n[:2] == "__"}
    given = {n for n in OPERATORS | METHODS if not n.startswith(("__array_", "__dlpack_"))}
    assert told == given
    assert told <= set(vars(wb.Tensor))


def test_public_names_exist_and_come_once() -> None:
    assert len(set(wb.__all__)) == len(wb.__all__)
    assert [name for name in wb.__all__ if not hasattr(wb, name)] == []


def test_what_the_namespace_says_of_itself() -> None:
    info = wb.__array_namespace_info__()
    assert (info.default_device(), info.devices()) == ("cpu", ["cpu"])
    assert info.default_dtypes()["real floating"] == np.float64
    assert set(info.dtypes(kind="real floating")) == {"float16", "float32", "float64"}
    assert set(info.dtypes(kind=("bool", "unsigned integer"))) == {
        "bool",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
    }
    assert info.capabilities()["boolean indexing"]
    x = wb.zeros(2)
    assert x.to_device("cpu") is x
    with pytest.raises(NotSupported, match="cpu"):
        x.to_device("cuda")


def test_dtypes_are_inspected_as_in_numpy() -> None:
    dtypes = list(wb.__array_namespace_info__().dtypes().values())
    for a in dtypes:
        for b in dtypes:
            assert wb.result_type(a, b) == np.result_type(a, b)
            assert wb.can_cast(a, b) == np.can_cast(a, b)
        for kind in ("bool", "integral", "real floating", "numeric", "signed integer"):
            assert wb.isdtype(a, kind) == np.isdtype(a, kind)
    assert wb.result_type(wb.zeros(2, dtype="float32"), 1.0) == np.float32
    assert wb.result_type("int8", 1) == np.int8
    assert wb.finfo("float32").eps == np.finfo(np.float32).eps
    assert wb.iinfo(wb.asarray([1], "int8")).max == 127


def test_sorting_and_distinct_values() -> None:
    x = wb.asarray([3.0, 1.0, 3.0, 2.0])
    assert wb.sort(x, descending=True).tolist() == [3.0, 3.0, 2.0, 1.0]
    assert wb.argsort(x, descending=True).tolist() == [0, 2, 3, 1]
    assert wb.argsort(x).tolist() == [1, 3, 0, 2]
    found = wb.unique_all(x)
    assert found.values.tolist() == [1.0, 2.0, 3.0]
    assert found.values[found.inverse_indices].tolist() == x.tolist()
    assert x[found.indices].tolist() == found.values.tolist()
    assert found.counts.tolist() == [1, 1, 2]
    assert wb.unique_counts([np.nan, np.nan]).counts.tolist() == [1, 1]
    assert wb.searchsorted([3.0, 1.0, 2.0], [2.5], sorter=[1, 2, 0]).tolist() == [2]
    g = wb.grad(lambda v: (wb.sort(v) * wb.asarray([1.0, 10.0, 100.0, 1000.0])).sum())(x)
    assert g.tolist() == [100.0, 1.0, 1000.0, 10.0]
