"""Array types that a tensor may hold: NumPy's, and any that speaks NEP 13 and NEP 18; and the holes in these protocols.

A foreign array needs `__array_ufunc__` and `__array_function__`, and Python's operators in terms of the first
(`numpy.lib.mixins.NDArrayOperatorsMixin` gives them). No attribute of it is used: `np.shape` asks for its shape.
"""

import math
from collections.abc import Callable
from functools import update_wrapper
from typing import Any, ClassVar, TypeVar, cast

import numpy as np

F = TypeVar("F", bound=Callable[..., Any])

NUMPY = (np.ndarray, np.generic)
PLAIN = frozenset({np.ndarray, np.float64, np.float32, np.bool_, float, int, bool})  # told apart by a look at the type


class Recorder:
    """The base of arrays that remember what is done to them (graph.Tensor): functions of ours are theirs to record."""

    __slots__ = ()

    record: ClassVar[Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]]  # from graph.py, the layer above
    view_of: ClassVar[Callable[[Any, Any, Any, tuple[Any, dict[str, Any]]], Any]]  # from views.py
    written: ClassVar[Callable[[Any, str, tuple[Any, ...], dict[str, Any]], Any]]  # from writes.py


def foreign(x: object) -> bool:
    """Whether `x` is an array of a type other than NumPy's, which takes NumPy's functions over (NEP 18)."""
    return hasattr(type(x), "__array_function__") and not isinstance(x, np.ndarray)


def dispatched(function: F, public: Callable[..., Any] | None = None) -> F:
    """Make a function of ours a NumPy function: tensors record it, and a minimal array type takes it over (NEP 18).

    Both know it as `public`, or as what is returned.

    A type that can be indexed is a whole array: the function runs on it, in whatever NumPy calls it consists of.
    Dask, if asked, would compute the array to run a function that is not NumPy's own.
    """

    def call(*args: Any, **params: Any) -> Any:
        for a in (*args, *params.values()) if params else args:
            if type(a) not in PLAIN:
                if isinstance(a, Recorder):
                    return Recorder.record(public or call, args, params)
                if foreign(a) and not hasattr(type(a), "__getitem__"):
                    types = tuple({type(b) for b in (*args, *params.values()) if foreign(b)})
                    if (out := a.__array_function__(public or call, types, args, params)) is not NotImplemented:
                        return out
        return function(*args, **params)

    return cast(F, update_wrapper(call, function))


def owned(data: Any, dtype: Any = None) -> Any:
    """Return a copy of `data`, of its own array type, that nobody else holds."""
    if foreign(data):
        data = data.copy() if hasattr(data, "copy") else np.copy(data)
        return data if dtype is None else astype(data, dtype)
    return np.array(data, dtype=dtype)


def dtype_of(x: Any) -> np.dtype[Any]:
    """Return the dtype of any array, or of a Python number."""
    return x.dtype if isinstance(x, NUMPY) else np.result_type(x)


def constant(value: float, x: Any) -> Any:
    """Return a number as an array of x's dtype, made once, which NumPy takes twice as fast; in doubt the number."""
    known = constants.get(x.dtype) if type(x) is np.ndarray else None
    if known is None:
        return value
    found = known.get(value)
    if found is None:
        if not -1e38 < value < 1e38 or len(known) > 999:
            return value
        found = known[value] = np.array(value, x.dtype)
        found.flags.writeable = False
    return found if value or math.copysign(1, value) > 0 else value  # 0.0 and -0.0 are one key


constants: dict[Any, dict[float, Any]] = {np.dtype(t): {0.0: np.zeros((), t)} for t in (np.float32, np.float64)}


def zero(x: Any) -> Any:
    """Return 0 as an array of x's dtype, likewise."""
    return zeros.get(x.dtype, 0) if type(x) is np.ndarray else 0


zeros = {dtype: known[0.0] for dtype, known in constants.items()}


@dispatched
def astype(x: Any, dtype: Any) -> Any:
    """Return `x` converted to `dtype`: np.astype, which NumPy 2.0 does not have yet."""
    return x.astype(dtype) if foreign(x) else np.asarray(x).astype(dtype)


@dispatched
def getitem(x: Any, index: Any) -> Any:
    """Return `x[index]`."""
    return x[index]


@dispatched
def scatter_add(g: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Return zeros of `shape`, with `g` added at `index`, as often as it names a place: the transpose of reading."""
    if foreign(g):
        return gather_sums(g, index, shape)
    out = np.zeros(shape, dtype=g.dtype)
    if names_places_once(index):
        out[index] = g
    else:
        np.add.at(out, index, g)
    return out


def gather_sums(g: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Do what `scatter_add` does by reading only, for arrays that cannot be written to: each place adds up its own."""
    n, size = math.prod(np.shape(g)), math.prod(shape)
    places = np.arange(size).reshape(shape)[index].ravel()  # where each element of g goes
    order = np.argsort(places, kind="stable")
    turn = np.arange(n) - np.searchsorted(places[order], places[order])  # as the how manieth of those that go there
    sources = np.full((turn.max(initial=0) + 1, size), n)  # n: a zero, put behind g
    sources[turn, places[order]] = order
    padded = np.concatenate((np.reshape(g, (-1,)), np.zeros_like(g, shape=(1,))))
    return np.reshape(np.sum(np.reshape(getitem(padded, sources.ravel()), sources.shape), axis=0), shape)


def names_places_once(index: Any) -> bool:
    """Whether an index can be told, by its types, to name no place twice: slices, numbers and masks."""
    parts = index if isinstance(index, tuple) else (index,)
    arrays = [np.asarray(part) for part in parts if isinstance(part, list | tuple | np.ndarray)]
    return all(part.dtype == bool or part.ndim == 0 for part in arrays)
