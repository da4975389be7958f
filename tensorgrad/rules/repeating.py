"""Repeating arrays, and giving them a common shape: written in np.broadcast_to and np.reshape, which copy little."""

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index
from numpy.lib.stride_tricks import sliding_window_view

from tensorgrad.backends import getitem, scatter_add
from tensorgrad.op import Case, composite, register
from tensorgrad.rules.places import along, composite_as_called, known, picked, places, size


@composite(
    np.tile,
    cases=[
        (((3,),), {"reps": 2}),
        (((2, 3),), {"reps": (2, 1)}),
        (((2, 3),), {"reps": (2, 1, 3)}),
        (((2, 3),), {"reps": [2]}),
        (((),), {"reps": (2, 2)}),
        (((3,),), {"reps": 0}),
    ],
)
def tile(A: Any, reps: Any) -> Any:
    """Lay copies of an array side by side."""
    times = tuple(map(int, np.atleast_1d(reps)))
    axes = max(np.ndim(A), len(times))
    shape = (1,) * (axes - np.ndim(A)) + np.shape(A)
    times = (1,) * (axes - len(times)) + times
    apart = np.reshape(A, tuple(n for length in shape for n in (1, length)))
    many = tuple(n for pair in zip(times, shape, strict=True) for n in pair)
    return filled(apart, many, tuple(n * length for n, length in zip(times, shape, strict=True)))


def filled(a: Any, many: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    """Broadcast to `many`, and give that another shape, in memory of its own: NumPy could show one element as many."""
    return np.reshape(np.copy(np.broadcast_to(a, many), order="C"), shape)


@composite(
    np.repeat,
    cases=[
        (((2, 3),), {"repeats": 2}),
        (((2, 3),), {"repeats": 3, "axis": 0}),
        (((2, 3),), {"repeats": [2], "axis": -1}),
        (((2, 3),), {"repeats": [2, 0, 1], "axis": 1}),
        (((3,),), {"repeats": [1, 2, 3]}),
        (((),), {"repeats": 3}),
        (((0, 2),), {"repeats": 2, "axis": 0}),
    ],
)
def repeat(a: Any, repeats: Any, axis: int | None = None) -> Any:
    """Repeat each element, row or column, all as often or each as often as `repeats` says."""
    if axis is None:
        a, axis = np.reshape(a, (-1,)), 0
    axis, shape, repeats = normalize_axis_index(axis, np.ndim(a)), np.shape(a), known(repeats)
    if size(repeats) != 1:
        return getitem(a, along(axis, np.repeat(np.arange(shape[axis]), repeats)))
    n = np.repeat(0, repeats).size
    before, length, after = shape[:axis], shape[axis], shape[axis + 1 :]
    return filled(np.expand_dims(a, axis + 1), (*before, length, n, *after), (*before, length * n, *after))


@composite(
    np.resize,
    cases=[(((2, 3),), {"new_shape": (2, 4)}), (((2, 3),), {"new_shape": 4}), (((),), {"new_shape": (2, 2)})],
)
def resize(a: Any, new_shape: Any) -> Any:
    """Return an array of another shape, filled with the elements in turn."""
    where = np.resize(places(np.shape(a)), new_shape)
    return picked(a, where) if size(a) else np.zeros_like(a, shape=where.shape)


# At least so many axes
ONE_OR_MORE: list[Case] = [(((),), {}), (((3,),), {}), (((2, 3),), {}), (((2, 2, 2),), {}), (((), (2,), (2, 1)), {})]


def one_or_all(arrays: list[Any]) -> Any:
    """Return what NumPy returns for one array, or for several."""
    return arrays[0] if len(arrays) == 1 else tuple(arrays)


@composite_as_called(np.atleast_1d, cases=ONE_OR_MORE, view=True)
def atleast_1d(arys: tuple[Any, ...]) -> Any:
    """Give numbers an axis."""
    return one_or_all([as_it_is(a) if np.ndim(a) else np.reshape(a, (1,)) for a in arys])


@composite_as_called(np.atleast_2d, cases=ONE_OR_MORE, view=True)
def atleast_2d(arys: tuple[Any, ...]) -> Any:
    """Make rows of numbers and vectors."""
    return one_or_all([as_it_is(a) if np.ndim(a) > 1 else np.reshape(a, (1, -1)) for a in arys])


@composite_as_called(np.atleast_3d, cases=ONE_OR_MORE, view=True)
def atleast_3d(arys: tuple[Any, ...]) -> Any:
    """Make vectors columns of one plane, and matrices planes of depth one."""
    shapes: list[Any] = [(1, 1, 1), (1, -1, 1)]
    return one_or_all(
        [as_it_is(a) if np.ndim(a) > 2 else np.reshape(a, [*shapes, (*np.shape(a), 1)][np.ndim(a)]) for a in arys]
    )


def as_it_is(a: Any) -> Any:
    """Return an array itself, and a list as an array."""
    return a if hasattr(type(a), "__array_function__") else np.asarray(a)


# A common shape
@composite_as_called(
    np.broadcast_arrays, cases=[(((2, 1), (3,)), {}), (((), (2, 2), (1, 2)), {}), (((2,),), {})], view=True
)
def broadcast_arrays(args: tuple[Any, ...], subok: bool = False) -> tuple[Any, ...]:
    """Broadcast arrays against each other; `subok` is about subclasses, which tensors have none of."""
    del subok
    shape = np.broadcast_shapes(*map(np.shape, args))
    return tuple(as_it_is(a) if np.shape(a) == shape else np.broadcast_to(a, shape) for a in args)


@composite_as_called(
    np.meshgrid,
    cases=[
        (((2,), (3,)), {}),
        (((2,), (3,)), {"indexing": "ij", "copy": False}),
        (((2,), (), (3,)), {"sparse": True}),
        (((2,), (3,), (2,)), {}),
        (((3,),), {}),
    ],
    view=True,
)
def meshgrid(xi: tuple[Any, ...], copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Any, ...]:
    """Return the coordinates of the points of a grid, an array for each axis."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing is 'xy' or 'ij', got {indexing!r}")
    axes = list(range(len(xi)))
    if indexing == "xy":
        axes[:2] = axes[1::-1]
    out = [
        np.reshape(x, tuple(-1 if i == axis else 1 for i in range(len(xi)))) for x, axis in zip(xi, axes, strict=True)
    ]
    if not sparse:
        shape = np.broadcast_shapes(*map(np.shape, out))
        out = [np.broadcast_to(x, shape) for x in out]
    return tuple(map(np.copy, out)) if copy else tuple(out)


# Windows
def windows(x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False) -> Any:
    """`sliding_window_view`, which is to be read only: its elements are the same many times over."""
    del subok
    if writeable:
        raise TypeError(
            "sliding_window_view of a tensor cannot be written to: leave out writeable=True, and write to it"
        )
    return sliding_window_view(x, window_shape, axis)


register(
    sliding_window_view,
    lambda g, _y, _x, window_shape, axis=None, subok=False, writeable=False: np.reshape(
        scatter_add(
            np.reshape(g, (-1,)),
            np.ravel(sliding_window_view(places(np.shape(_x)), window_shape, axis)),
            (math.prod(np.shape(_x)),),
        ),
        np.shape(_x),
    ),
    forward=windows,
    cases=[
        (((5,),), {"window_shape": 3}),
        (((3, 4),), {"window_shape": (2, 2)}),
        (((3, 4),), {"window_shape": 2, "axis": -1}),
        (((4,),), {"window_shape": (2, 2), "axis": (0, 0)}),
    ],
    view=True,
)
