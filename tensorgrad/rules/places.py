"""Where the elements of a result come from: what NumPy's own function does to an array of places tells.

A function that only moves elements does to numbered places what it does to the elements. So its shapes, its modes and
its errors are NumPy's, and its derivative is that of reading by index.
"""

import inspect
import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from tensorgrad.backends import Recorder, foreign, getitem
from tensorgrad.op import OPS, Case, Function, composite

F = TypeVar("F", bound=Function)


def places(shape: tuple[int, ...], first: int = 0) -> Any:
    """Return the places of an array's elements in its row of all elements, in the array's shape.

    >>> places((2, 3))
    array([[0, 1, 2],
           [3, 4, 5]])
    """
    return np.arange(first, first + math.prod(shape)).reshape(shape)


def size(a: Any) -> int:
    """Return the number of elements, which np.size does not know of every array type."""
    return math.prod(np.shape(a))


def picked(a: Any, where: Any) -> Any:
    """Return the elements of `a` at these places."""
    out = getitem(np.reshape(a, (-1,)), np.ravel(where))  # by one row of numbers, which is fastest both ways
    return out if np.ndim(where) == 1 else np.reshape(out, np.shape(where))


def along(axis: int, part: Any) -> tuple[Any, ...]:
    """Return the index that reads a part of one axis, which is not counted from the end, and the others whole."""
    return (*(slice(None),) * axis, part)


def known(x: Any) -> Any:
    """Return numbers that say where to read, as an array. No gradient flows to them: TypeError if one is to."""
    return x if foreign(x) and not isinstance(x, Recorder) else np.asarray(x)


def composite_as_called(fn: Function, *, cases: Iterable[Case] = (), view: bool = False) -> Callable[[F], F]:
    """Express a function of any number of arguments, as `composite` does the others.

    The body takes NumPy's parameters by name: `*args` as one tuple, and `**kwargs` as one dictionary.
    """
    signature = inspect.signature(fn)

    def unpack(args: tuple[Any, ...], params: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (), dict(signature.bind(*args, **params).arguments)

    def decorate(body: F) -> F:
        composite(fn, cases=cases, view=view)(body)
        OPS[fn] = replace(OPS[fn], unpack=unpack)
        return body

    return decorate
