"""Selecting elements: by index, by mask, by choice among arrays; and diagonals."""

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from tensorgrad.backends import astype, dtype_of, getitem, scatter_add
from tensorgrad.op import Case, composite, register_plain
from tensorgrad.rules.places import along, composite_as_called, known, picked, places, size

# Indices
register_plain(np.diag_indices_from, np.tril_indices_from, np.triu_indices_from, np.ix_)


# By index
@composite(
    np.take,
    cases=[
        (((3, 4),), {"indices": [5, 0, 5]}),
        (((3, 4),), {"indices": 2, "axis": 0}),
        (((3, 4),), {"indices": [[0, -1], [1, 1]], "axis": -1}),
        (((3,),), {"indices": [4, -5], "mode": "wrap"}),
        (((3,),), {"indices": [7, -5, 1], "axis": 0, "mode": "clip"}),
    ],
)
def take(a: Any, indices: Any, axis: int | None = None, *, mode: str = "raise") -> Any:
    """Return the elements, rows or columns at these places."""
    if axis is None:
        return picked(a, np.take(places(np.shape(a)), known(indices), mode=mode))  # type: ignore[call-overload]
    axis = normalize_axis_index(axis, np.ndim(a))
    where = np.take(np.arange(np.shape(a)[axis]), known(indices), mode=mode)  # type: ignore[call-overload]
    # by one row of numbers, even if it is one place: that would give a view
    out = getitem(a, along(axis, np.ravel(where)))
    if np.ndim(where) == 1:
        return out
    return np.reshape(out, (*np.shape(a)[:axis], *np.shape(where), *np.shape(a)[axis + 1 :]))


@composite(
    np.take_along_axis,
    cases=[
        (((2, 3),), {"indices": np.array([[2, 0, 2], [1, 1, -1]]), "axis": 1}),
        (((2, 3),), {"indices": np.array([[1, 0, 1]]), "axis": 0}),
        (((1, 3),), {"indices": np.array([[0, 1], [2, 2]]), "axis": -1}),
        (((2, 3),), {"indices": np.array([5, 0]), "axis": None}),
    ],
)
def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Any:
    """Return from each line of an array the elements at the places in the same line of `indices`."""
    indices = known(indices)
    if axis is None:
        arr, axis = np.reshape(arr, (-1,)), 0
    axis, shape = normalize_axis_index(axis, np.ndim(arr)), np.shape(arr)
    if dtype_of(indices).kind not in "iu":
        raise IndexError(f"take_along_axis: indices must be whole numbers, got {dtype_of(indices)}")
    if np.ndim(indices) != len(shape):
        raise ValueError(
            f"take_along_axis: an array of {len(shape)} axes takes as many of indices, got {np.ndim(indices)}"
        )
    lines = np.ogrid[tuple(map(slice, shape))]
    return getitem(arr, (*lines[:axis], indices, *lines[axis + 1 :]))


# By mask
@composite(
    np.compress,
    cases=[
        (((3, 2),), {"condition": [False, True, True], "axis": 0}),
        (((2, 3),), {"condition": [1, 0], "axis": -1}),
        (((2, 2),), {"condition": [True, False, True]}),
    ],
)
def compress(condition: Any, a: Any, axis: int | None = None) -> Any:
    """Return the elements, rows or columns at which a condition holds; it may end early."""
    if axis is None:
        return picked(a, np.compress(known(condition), places(np.shape(a))))
    axis = normalize_axis_index(axis, np.ndim(a))
    return getitem(a, along(axis, np.compress(known(condition), np.arange(np.shape(a)[axis]))))


@composite(
    np.extract, cases=[(((2, 2),), {"condition": [[True, False], [True, True]]}), (((3,),), {"condition": [0, 1, 1]})]
)
def extract(condition: Any, arr: Any) -> Any:
    """Return the elements at which a condition holds."""
    return picked(arr, np.extract(known(condition), places(np.shape(arr))))


# By choice
@composite(
    np.choose,
    cases=[
        (((3,), (3,)), {"a": [0, 1, 1]}),
        (((2, 1), (), (3,)), {"a": [2, 0, 1]}),
        (((3,), (3,)), {"a": [4, -1, 1], "mode": "wrap"}),
        (((2,), (2,)), {"a": [5, -3], "mode": "clip"}),
    ],
)
def choose(a: Any, choices: Any, *, mode: str = "raise") -> Any:
    """Return at each place the element of the array that `a` says there."""
    starts = np.cumsum([0, *(size(c) for c in choices)])
    numbered = [places(np.shape(c), start) for c, start in zip(choices, starts, strict=False)]
    where = np.choose(known(a), numbered, mode=mode)  # type: ignore[call-overload]  # mode is one of the literals
    return picked(np.concatenate(list(choices), axis=None), where)


@composite(
    np.select,
    cases=[
        (((3,), (3,)), {"condlist": [np.array([True, False, True]), np.array([True, True, False])]}),
        (((3,), ()), {"condlist": [np.array([True, False, False]), np.array([[True], [False]])], "default": 1.5}),
        (((2,), (2,)), {"condlist": [np.array([True, False])]}),
    ],
)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """Return at each place the element of the first array whose condition holds there, or the default."""
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ValueError(f"select: each condition has its choice, got {len(condlist)} and {len(choicelist)}")
    out = default
    for place in reversed(range(len(condlist))):
        condition = known(condlist[place])
        if dtype_of(condition).kind != "b":
            raise TypeError(f"select: condition {place} is no array of booleans, but of {dtype_of(condition)}")
        out = np.where(condition, choicelist[place], out)
    return out


MASKS = np.array([[True, False, False, True], [False, True, False, True]])


@composite_as_called(
    np.piecewise,
    cases=[
        (((4,),), {"condlist": MASKS, "funclist": [np.sin, np.exp]}),
        (((4,),), {"condlist": list(MASKS), "funclist": [np.sin, 2.5, np.square]}),
        (((4,),), {"condlist": MASKS[0], "funclist": [lambda x, power: x**power], "power": 3}),
        (((),), {"condlist": [True], "funclist": [np.exp]}),
        (((2, 2),), {"condlist": MASKS.reshape(2, 2, 2), "funclist": [np.sin, np.exp]}),
    ],
)
def piecewise(x: Any, condlist: Any, funclist: Any, args: Any = (), kw: Any = None) -> Any:
    """Apply to the elements of `x` the function of the last condition that holds for them; 0 where none does."""
    if np.ndim(condlist) == 0 or (np.ndim(condlist[0]) == 0 and np.ndim(x)):
        condlist = [condlist]  # one condition
    conditions = [np.asarray(known(c), dtype=bool) for c in condlist]
    if len(conditions) == len(funclist) - 1:
        conditions.append(np.logical_not(np.any(conditions, axis=0)))
    if len(conditions) != len(funclist):
        n = len(conditions)
        raise ValueError(f"piecewise: {n} conditions take {n} or {n + 1} functions, got {len(funclist)}")
    out = np.zeros_like(x)
    for condition, function in zip(conditions, funclist, strict=True):
        part = getitem(x, condition)
        if np.any(condition):
            value = function(part, *args, **(kw or {})) if callable(function) else function
            value = value if dtype_of(value) == dtype_of(x) else astype(value, dtype_of(x))
            if np.ndim(value) < np.ndim(part):
                value = np.broadcast_to(value, np.shape(part))
            spread = scatter_add(value, condition, np.shape(x))
            out = np.where(condition, spread, out)
    return out


# Diagonals
DIAGONALS: list[Case] = [(((3,),), {}), (((2,),), {"k": 1}), (((2,),), {"k": -2}), (((0,),), {"k": 1})]


@composite(
    np.diag,
    cases=[*DIAGONALS, (((3, 3),), {}), (((2, 3),), {"k": 1}), (((2, 3),), {"k": -1}), (((2, 2),), {"k": 3})],
    view=True,
)
def diag(v: Any, k: int = 0) -> Any:
    """Make a matrix with a row on its k-th diagonal, or read that diagonal of a matrix."""
    if np.ndim(v) == 1:
        n = np.shape(v)[0] + abs(k)
        start = k if k >= 0 else -k * n
        line = slice(start, start + np.shape(v)[0] * (n + 1), n + 1)  # in the row of all elements
        return np.reshape(scatter_add(v, line, (n * n,)), (n, n))
    if np.ndim(v) != 2:
        raise ValueError(f"diag takes arrays of one or two axes, got {np.ndim(v)}")
    return np.diagonal(v, k)


@composite(np.diagflat, cases=[*DIAGONALS, (((2, 2),), {}), (((),), {"k": 1})])
def diagflat(v: Any, k: int = 0) -> Any:
    """Make a matrix with all elements of `v` on its k-th diagonal."""
    return np.diag(np.reshape(v, (-1,)), k)
