"""Functions that apply a function of the user's to parts of an array: it gets tensors, and its steps are recorded."""

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from tensorgrad.backends import getitem
from tensorgrad.op import composite
from tensorgrad.rules.places import composite_as_called


@composite_as_called(
    np.apply_along_axis,
    cases=[
        (((2, 3),), {"func1d": np.sum, "axis": 0}),
        (((2, 3),), {"func1d": np.square, "axis": -1}),
        (((2, 3, 2),), {"func1d": lambda x: np.stack([x, np.square(x)]), "axis": 1}),
        (((2, 2),), {"func1d": np.diag, "axis": 0}),
        (((3,),), {"func1d": lambda x, scale: x * scale, "axis": 0, "scale": 3}),
    ],
)
def apply_along_axis(func1d: Any, axis: int, arr: Any, args: Any = (), kwargs: Any = None) -> Any:
    """Apply a function to each line along an axis, which its result takes the place of."""
    axis = normalize_axis_index(axis, np.ndim(arr))
    lines = np.moveaxis(arr, axis, -1)
    outer = np.shape(lines)[:-1]
    found = [func1d(getitem(lines, index), *args, **(kwargs or {})) for index in np.ndindex(outer)]
    if not found:
        raise ValueError("apply_along_axis: there is no line to apply the function to, as another axis is empty")
    inner = np.shape(found[0])
    out = np.reshape(np.stack(found), (*outer, *inner))
    return np.moveaxis(out, range(len(outer), len(outer) + len(inner)), range(axis, axis + len(inner)))


@composite(
    np.apply_over_axes,
    cases=[
        (((2, 3, 2),), {"func": np.sum, "axes": (0, -1)}),
        (((2, 3),), {"func": lambda a, axis: np.mean(a, axis, keepdims=True), "axes": 1}),
    ],
)
def apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    """Apply a function `func(a, axis)` for one axis after the other; what it removes is put back with length 1."""
    for axis in map(int, np.atleast_1d(axes)):
        axis = normalize_axis_index(axis, np.ndim(a))
        out = func(a, axis)
        out = out if np.ndim(out) == np.ndim(a) else np.expand_dims(out, axis)
        if np.ndim(out) != np.ndim(a):
            raise ValueError("apply_over_axes: the function must keep the axes, or remove the one that it is given")
        a = out
    return a
