"""Array types that a tensor may hold: NumPy's, and any that speaks NEP 13 and NEP 18; and the holes in these protocols.

A foreign array needs `__array_ufunc__` and `__array_function__`, and Python's operators in terms of the first
(`numpy.lib.mixins.NDArrayOperatorsMixin` gives them). No attribute of it is used: `np.shape` asks for its shape.
"""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, TypeVar, cast

import numpy as np

F = TypeVar("F", bound=Callable[..., Any])


def foreign(x: object) -> bool:
    """Whether `x` is an array of a type other than NumPy's, which takes NumPy's functions over (NEP 18)."""
    return hasattr(type(x), "__array_function__") and not isinstance(x, np.ndarray)


def dispatched(function: F) -> F:
    """Make a function of ours a NumPy function: any type with `__array_function__` may take it over (NEP 18)."""

    def call(*args: Any, **params: Any) -> Any:
        takers = [a for a in args if type(a) is not np.ndarray and foreign(a)]
        types = tuple({type(a) for a in takers})
        for a in takers:
            if (out := a.__array_function__(call, types, args, params)) is not NotImplemented:
                return out
        return function(*args, **params)

    return cast(F, update_wrapper(call, function))


def owned(data: Any, dtype: Any = None) -> Any:
    """Return a copy of `data`, of its own array type, that nobody else holds."""
    if foreign(data):
        return np.copy(data) if dtype is None else astype(data, dtype)
    return np.array(data, dtype=dtype)


def dtype_of(x: Any) -> np.dtype[Any]:
    """Return the dtype of any array, or of a Python number."""
    return x.dtype if isinstance(x, np.ndarray | np.generic) else np.result_type(x)


@dispatched
def astype(x: Any, dtype: Any) -> Any:
    """Return `x` converted to `dtype`: np.astype, which NumPy 2.0 does not have yet."""
    return np.asarray(x).astype(dtype)


@dispatched
def getitem(x: Any, index: Any) -> Any:
    """Return `x[index]`."""
    return x[index]


@dispatched
def scatter_add(g: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Return zeros of `shape`, with `g` added at `index`, as often as it names a place: the transpose of reading."""
    out = np.zeros(shape, dtype=g.dtype)
    if names_places_once(index):
        out[index] = g
    else:
        np.add.at(out, index, g)
    return out


def names_places_once(index: Any) -> bool:
    """Whether an index can be told, by its types, to name no place twice: slices, numbers and masks."""
    parts = index if isinstance(index, tuple) else (index,)
    arrays = [np.asarray(part) for part in parts if isinstance(part, list | np.ndarray)]
    return all(part.dtype == bool or part.ndim == 0 for part in arrays)
