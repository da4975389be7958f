"""The op of assignment: an array with some of its elements replaced, found by a path of reading functions.

A path is a tuple of steps `(function, parameters)`, as `((np.transpose, {}), (getitem, {"index": 0}))`; it ends in an
index. Writing and reading along a path are closed under differentiation.
"""

import math
from typing import Any

import numpy as np

from tensorgrad.backends import Recorder, astype, dispatched, dtype_of, foreign, getitem
from tensorgrad.op import OPS, register

Path = tuple[tuple[Any, dict[str, Any]], ...]


def read(x: Any, path: Path) -> Any:
    """Return what a path leads to: of an array, a tensor, or a gradient."""
    for fn, params in path:
        x = Recorder.record(fn, (x,), params) if isinstance(x, Recorder) else OPS[fn].forward(x, **params)
    return x


@dispatched
def write(x: Any, value: Any, path: Path, live: Any = None) -> Any:  # live is for the rule
    """Return a copy of x in which what `path` leads to is `value`."""
    if foreign(x):  # it may not take assignments: choose between both, element by element
        taken = positions(np.shape(x), path)
        if not taken.size:
            return x
        source, inside = np.zeros(np.shape(x), int), np.zeros(np.shape(x), bool)
        source.flat[taken.ravel()], inside.flat[taken.ravel()] = np.arange(taken.size), True
        while np.ndim(value) > taken.ndim:  # leading axes of length 1, which assignment ignores
            value = np.reshape(value, np.shape(value)[1:])
        values = np.reshape(np.broadcast_to(value, taken.shape), (-1,))
        values = np.reshape(getitem(values, source.ravel()), np.shape(x))
        return np.where(inside, astype(values, dtype_of(x)), x)
    out = np.array(x, order="K")
    put(out, value, path)
    return out


def put(x: Any, value: Any, path: Path) -> None:
    """Assign into NumPy's own array `x`."""
    spot, index = read(x, path[:-1]), path[-1][1]["index"]
    if len(path) > 1 and not np.may_share_memory(spot, x):  # in another memory layout a reshape copies
        place = positions(x.shape, path)
        values = np.empty(place.shape, x.dtype)
        values[...] = value
        x.flat[place.ravel()] = values.ravel()
    else:
        spot[index] = value


def positions(shape: tuple[int, ...], path: Path) -> Any:
    """Return where, counted along the flat array, each element comes from that a path leads to."""
    return np.asarray(read(np.arange(math.prod(shape)).reshape(shape), path))


def arrived(g: Any, path: Path, live: Any, shape: tuple[int, ...]) -> Any:
    """Return the gradient of a written value of this shape; nothing where a later element took the place."""
    g = read(g, path)
    if any(fn is np.imag for fn, _ in path):  # the gradient for x + iy is on its way as that for x minus i that for y
        g = np.negative(g)
    g = g if live is None else np.where(live, g, 0)
    extra = len(shape) - np.ndim(g)  # leading axes of length 1, which assignment ignores
    return np.reshape(g, (1,) * extra + np.shape(g)) if extra > 0 else g


register(
    write,
    lambda g, _y, _x, _v, path, live=None: write(g, 0.0, path=path),
    lambda g, _y, _x, _v, path, live=None: arrived(g, path, live, np.shape(_v)),
    cases=[
        (((2, 3), ()), {"path": ((getitem, {"index": (0, 1)}),)}),
        (((2, 3), (3,)), {"path": ((getitem, {"index": slice(None)}),)}),
        (((4, 3), (1, 2, 3)), {"path": ((getitem, {"index": [2, 0]}),)}),
        (((2, 3), (2,)), {"path": ((np.transpose, {}), (getitem, {"index": 1}))}),
        (((2, 3), (2,)), {"path": ((np.reshape, {"shape": (6,)}), (getitem, {"index": slice(1, None, 3)}))}),
        (((3,), (3,)), {"path": ((getitem, {"index": [0, 2, 0]}),), "live": np.array([False, True, True])}),
    ],
)
