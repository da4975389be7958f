"""Differences between neighbours and what is made of them: slopes on a grid, the area under a curve."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from tensorgrad.backends import astype, getitem
from tensorgrad.op import OPS, Case, composite

DIFFERENCES: list[Case] = [
    (((4,),), {}),
    (((2, 4),), {"n": 2}),
    (((4, 2),), {"axis": 0}),
    (((2, 3),), {"n": 0}),
    (((2, 3),), {"axis": -2, "prepend": 1.5}),
    (((3,),), {"n": 2, "prepend": [0.5, 1.0], "append": 2.0}),
    (((2, 1),), {}),
]


def along(x: Any, axis: int, start: int | None, stop: int | None) -> Any:
    """Return a slice of one axis."""
    x = np.asarray(x) if isinstance(x, list | tuple) else x
    return getitem(x, (*(slice(None),) * (axis % np.ndim(x)), slice(start, stop)))


def steps(x: Any, axis: int) -> Any:
    """Return each element less the one before it."""
    return along(x, axis, 1, None) - along(x, axis, None, -1)


@composite(np.diff, cases=DIFFERENCES, view=True)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = np._NoValue, append: Any = np._NoValue) -> Any:
    """Take differences n times."""
    if n < 0:
        raise ValueError(f"diff: the order n must be non-negative, got {n}")
    if n == 0:
        return a
    if not np.ndim(a):
        raise ValueError("diff takes an array of at least one axis, got a number")
    axis = normalize_axis_index(axis, np.ndim(a))
    parts = [a]
    for side, place in ((prepend, 0), (append, 2)):
        if side is not np._NoValue:
            thin = tuple(1 if i == axis else length for i, length in enumerate(np.shape(a)))
            parts.insert(place, side if np.ndim(side) else np.broadcast_to(side, thin))
    a = np.concatenate(parts, axis=axis) if len(parts) > 1 else a
    for _ in range(n):
        a = steps(a, axis)
    return a


@composite(
    np.ediff1d,
    cases=[(((2, 3),), {}), (((4,),), {"to_end": [1.5, 2.0], "to_begin": -1.0}), (((1,),), {"to_end": 3.0})],
)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """Take differences of all elements in a row, with others before and behind."""
    flat = np.reshape(ary, (-1,))
    dtype = np.result_type(flat)
    parts = [steps(flat, 0)]
    for name, end, place in (("to_begin", to_begin, 0), ("to_end", to_end, 2)):
        if end is None:
            continue
        end = np.asarray(end) if isinstance(end, list | tuple) else end
        if not np.can_cast(np.result_type(end), dtype, casting="same_kind"):
            raise TypeError(f"ediff1d: {name} of {np.result_type(end)} does not fit an array of {dtype}")
        parts.insert(place, astype(np.reshape(end, (-1,)), dtype))
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


@composite(
    np.trapezoid,
    cases=[
        (((4,),), {}),
        (((2, 4),), {"dx": 0.5}),
        (((4, 2),), {"axis": 0, "dx": 2.0}),
        (((2, 3), (3,)), {}),
        (((3, 2), (3, 2)), {"axis": 0}),
        (((3, 2), (3,)), {"axis": -2}),
        (((1,),), {}),
    ],
)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """Return the area under straight lines between the samples."""
    width = dx if x is None else steps(x, 0 if np.ndim(x) == 1 else axis)
    if x is not None and np.ndim(x) == 1:
        width = np.reshape(width, (-1, *(1,) * (np.ndim(y) - 1 - axis % np.ndim(y))))
    return np.sum(width * (along(y, axis, 1, None) + along(y, axis, None, -1)) / 2, axis=axis)


# Slopes on a grid
def along_axis(x: Any, axis: int, ndim: int) -> Any:
    """Return a row as an array of so many axes that varies along one of them."""
    return np.reshape(x, (-1, *(1,) * (ndim - 1 - axis)))


def ends(dx: Any, dx_last: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return the weights of the first and of the last three samples, for slopes of second order at the ends.

    dx: the first two distances, from the end.   dx_last: the last two.   Parabolas through three samples.
    """
    (a, b), (c, d) = dx, dx_last
    first = (-(2 * a + b) / (a * (a + b)), (a + b) / (a * b), -a / (b * (a + b)))
    last = (d / (c * (c + d)), -(c + d) / (c * d), (2 * d + c) / (d * (c + d)))
    return first, last


def weigh(weights: tuple[Any, ...], samples: list[Any]) -> Any:
    """Return a weighted sum."""
    terms = [w * f for w, f in zip(weights, samples, strict=True)]
    return terms[0] + terms[1] + terms[2]


def slopes(f: Any, spacing: Any, axis: int, edge_order: int) -> Any:
    """Return the slopes along an axis; spacing is a distance, or the coordinates of the samples."""
    n = np.shape(f)[axis]
    if n < edge_order + 1:
        raise ValueError(f"gradient: axis {axis} has {n} samples, where edge_order={edge_order} takes {edge_order + 1}")
    f_at = [along(f, axis, k, k + 1) for k in range(min(n, 3))]
    f_end = [along(f, axis, n - k, n - k + 1) for k in range(min(n, 3), 0, -1)]
    before, here, after = along(f, axis, None, -2), along(f, axis, 1, -1), along(f, axis, 2, None)
    if np.ndim(spacing) == 0:
        inner = (after - before) / (2 * spacing)
        h = h_last = (spacing, spacing)
    else:
        dx = along_axis(steps(spacing, 0), axis, np.ndim(f))
        a, b = along(dx, 0, None, -1), along(dx, 0, 1, None)
        inner = weigh((-b / (a * (a + b)), (b - a) / (a * b), a / (b * (a + b))), [before, here, after])
        h = (along(dx, 0, 0, 1), along(dx, 0, 1, 2))
        h_last = (along(dx, 0, n - 3, n - 2) if n > 2 else None, along(dx, 0, n - 2, n - 1))
    if edge_order == 2:
        first, last = (weigh(w, x) for w, x in zip(ends(h, h_last), (f_at, f_end), strict=True))
    else:
        first, last = (f_at[1] - f_at[0]) / h[0], (f_end[-1] - f_end[-2]) / h_last[1]
    whole = np.concatenate((first, inner, last), axis=axis)
    dtype = np.result_type(f)
    return astype(whole, dtype) if dtype.kind in "fc" and np.result_type(whole) != dtype else whole


@composite(
    np.gradient,
    cases=[
        (((4,),), {}),
        (((3, 4),), {}),
        (((2, 4),), {"axis": 1, "edge_order": 2}),
        (((3, 2, 3),), {"axis": (0, -1)}),
        (((4,), ()), {}),
        (((2, 3), (), ()), {}),
        (((2, 4), (4,)), {"axis": -1}),
        (((3, 4), (), (4,)), {"edge_order": 2}),
        (((2,), (2,)), {}),
    ],
    prepare=lambda f, *spacings: (
        f,
        *(h * 0.2 + (2.0 * np.arange(np.size(h)) if np.ndim(h) else 1.0) for h in spacings),
    ),
)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Return the slopes along each axis: central differences, exact for parabolas also on uneven grids."""
    axes = normalize_axis_tuple(range(np.ndim(f)) if axis is None else axis, np.ndim(f))
    spacings = varargs or (1.0,)
    if len(spacings) == 1 and np.ndim(spacings[0]) == 0:
        spacings = spacings * len(axes)
    if len(spacings) != len(axes):
        raise TypeError(f"gradient takes one spacing, or one for each of {len(axes)} axes, got {len(spacings)}")
    if edge_order not in (1, 2):
        raise ValueError(f"gradient: edge_order is 1 or 2, got {edge_order!r}")
    for h, i in zip(spacings, axes, strict=True):
        if np.ndim(h) and np.shape(h) != (np.shape(f)[i],):
            raise ValueError(f"gradient: coordinates of {np.shape(h)} for an axis of {np.shape(f)[i]}")
    if np.result_type(f).kind in "iu":
        f = astype(f, np.float64)
    found = [slopes(f, h, i, edge_order) for h, i in zip(spacings, axes, strict=True)]
    return found[0] if len(found) == 1 else tuple(found)


# Any number of spacings follows the array, which the names of parameters do not say
OPS[np.gradient] = replace(OPS[np.gradient], unpack=lambda args, params: (args, params))
