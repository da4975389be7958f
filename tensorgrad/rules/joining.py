"""Joining arrays, and cutting them apart: each is written in np.concatenate, or in reading by index."""

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from tensorgrad.backends import astype, dtype_of, getitem
from tensorgrad.op import Case, composite
from tensorgrad.rules.places import along, picked, places, size

Arrays = Any  # a sequence, or an array of arrays


# Side by side
@composite(
    np.stack,
    cases=[
        (((2, 3), (2, 3)), {}),
        (((2, 3), (2, 3)), {"axis": -1}),
        (((), ()), {}),
        (((2, 3), (2, 3)), {"axis": 1, "dtype": "float64"}),
    ],
)
def stack(arrays: Arrays, axis: int = 0, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """Join arrays along a new axis."""
    shapes = [np.shape(a) for a in arrays]
    if len(set(shapes)) > 1:
        raise ValueError(f"stack: all arrays must have one shape, got {', '.join(map(str, shapes))}")
    return np.concatenate([np.expand_dims(a, axis) for a in arrays], axis=axis, **conversion(dtype, casting))


def conversion(dtype: Any, casting: Any) -> dict[str, Any]:
    """Return what to tell np.concatenate; nothing, if nothing is to be converted."""
    return {} if dtype is None and casting == "same_kind" else {"dtype": dtype, "casting": casting}


ROWS: list[Case] = [(((3,), (3,)), {}), (((2, 3), (2, 3)), {})]


@composite(np.hstack, cases=[*ROWS, (((2, 3), (2, 1)), {}), (((), (2,)), {"dtype": "float64"}), (((0,), (2,)), {})])
def hstack(tup: Arrays, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """Join arrays along their second axis, or the only one."""
    arrays = [np.atleast_1d(a) for a in tup]
    axis = 0 if np.ndim(arrays[0]) == 1 else 1
    return np.concatenate(arrays, axis=axis, **conversion(dtype, casting))


@composite(np.vstack, cases=[*ROWS, (((2, 3), (3,)), {}), (((), ()), {"dtype": "float64"})])
def vstack(tup: Arrays, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """Join arrays along their first axis, of which a row has one."""
    return np.concatenate([np.atleast_2d(a) for a in tup], **conversion(dtype, casting))


@composite(np.dstack, cases=[*ROWS, (((2, 3, 1), (2, 3, 2)), {})])
def dstack(tup: Arrays) -> Any:
    """Join arrays along their third axis."""
    return np.concatenate([np.atleast_3d(a) for a in tup], axis=2)


@composite(np.column_stack, cases=[*ROWS, (((2, 3), (2,)), {}), (((), ()), {})])
def column_stack(tup: Arrays) -> Any:
    """Join rows as columns, and matrices beside them."""
    return np.concatenate([a if np.ndim(a) > 1 else np.reshape(a, (-1, 1)) for a in tup], axis=1)


@composite(np.append, cases=[(((2, 3), (2,)), {}), (((2, 3), (1, 3)), {"axis": 0}), (((2, 3), (2, 1)), {"axis": -1})])
def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """Join two arrays along an axis; without one, all elements in one row."""
    return np.concatenate((arr, values), axis=axis)


@composite(np.block, cases=[(((2, 2), (2, 1)), {}), (((3,), ()), {})])
def block(arrays: Any) -> Any:
    """Join nested lists of blocks: the innermost lists along the last axis, those around them along the one before."""
    depth = depth_of(arrays)
    axes = max(depth, *(np.ndim(a) for a in flattened(arrays)))

    def joined(part: Any, level: int) -> Any:
        if level == depth:
            return np.reshape(part, (1,) * (axes - np.ndim(part)) + np.shape(part))
        return np.concatenate([joined(p, level + 1) for p in part], axis=level - depth)

    out = joined(arrays, 0)
    return out if depth else np.copy(out)


def depth_of(arrays: Any) -> int:
    """Return how deep lists are nested. Raises as NumPy does if they are so unevenly, or empty, or tuples."""
    if isinstance(arrays, tuple):
        raise TypeError("block: nest lists, not tuples")
    if not isinstance(arrays, list):
        return 0
    depths = {depth_of(part) for part in arrays}
    if len(depths) != 1:
        how = f"to depths of {' and '.join(map(str, sorted(depths)))}" if depths else "with an empty one inside"
        raise ValueError(f"block: lists must be nested evenly, got lists nested {how}")
    return 1 + depths.pop()


def flattened(arrays: Any) -> list[Any]:
    """Return what nested lists hold in one list."""
    return [a for part in arrays for a in flattened(part)] if isinstance(arrays, list) else [arrays]


@composite(
    np.insert,
    cases=[
        (((4,), ()), {"obj": 1}),
        (((4,), (2,)), {"obj": [1, 3]}),
        (((4,), (2,)), {"obj": slice(0, 4, 2)}),
        (((4,), (3,)), {"obj": 2}),
        (((2, 3), ()), {"obj": -1}),
        (((2, 3), (2,)), {"obj": 1, "axis": 1}),
        (((2, 3), (2, 1)), {"obj": [1], "axis": 1}),
        (((2, 3), (3,)), {"obj": [0, 0, 2], "axis": -2}),
        (((0,), (2,)), {"obj": [0, 0]}),
    ],
)
def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """Put values, in the dtype of `arr`, before the elements, rows or columns that `obj` names."""
    n, kind = size(arr), dtype_of(arr)
    values = values if dtype_of(values) == kind else astype(values, kind)
    where = np.insert(places(np.shape(arr)), obj, places(np.shape(values), n), axis=axis)
    return picked(np.concatenate((arr, values), axis=None), where)


# Apart
@composite(
    np.split,
    cases=[(((4, 3),), {"indices_or_sections": 2}), (((2, 5),), {"indices_or_sections": [1, 3], "axis": 1})],
    view=True,
)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Cut an array into equal parts, or at the given places."""
    n = np.shape(ary)[axis]
    if np.ndim(indices_or_sections) == 0 and n % int(indices_or_sections):
        raise ValueError(
            f"split: an axis of {n} does not divide into {indices_or_sections} equal parts; use np.array_split"
        )
    return array_split(ary, indices_or_sections, axis)


@composite(
    np.array_split,
    cases=[
        (((5, 3),), {"indices_or_sections": 2}),
        (((2, 5),), {"indices_or_sections": [1, 3], "axis": 1}),
        (((5,),), {"indices_or_sections": [-2, 9]}),
    ],
    view=True,
)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Cut an array at the given places, or into parts of which the first are one longer."""
    n = np.shape(ary)[axis]
    if np.ndim(indices_or_sections) == 0:
        sections = int(indices_or_sections)
        if sections <= 0:
            raise ValueError(f"split: the number of parts must be above 0, got {sections}")
        cuts = [n // sections * i + min(i, n % sections) for i in range(1, sections)]
    else:
        cuts = [int(cut) for cut in indices_or_sections]
    axis = axis % np.ndim(ary)
    return [getitem(ary, along(axis, slice(a, b))) for a, b in zip([0, *cuts], [*cuts, n], strict=True)]


@composite(
    np.hsplit, cases=[(((4,),), {"indices_or_sections": 2}), (((2, 5),), {"indices_or_sections": [1, 3]})], view=True
)
def hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Cut an array along its second axis, or the only one."""
    need_axes("hsplit", ary, 1)
    return split(ary, indices_or_sections, axis=1 if np.ndim(ary) > 1 else 0)


@composite(
    np.vsplit, cases=[(((4, 2),), {"indices_or_sections": 2}), (((3, 2),), {"indices_or_sections": [1]})], view=True
)
def vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Cut an array of rows along its first axis."""
    need_axes("vsplit", ary, 2)
    return split(ary, indices_or_sections)


@composite(
    np.dsplit,
    cases=[(((1, 2, 4),), {"indices_or_sections": 2}), (((1, 2, 3),), {"indices_or_sections": [1]})],
    view=True,
)
def dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Cut an array along its third axis."""
    need_axes("dsplit", ary, 3)
    return split(ary, indices_or_sections, axis=2)


def need_axes(name: str, ary: Any, n: int) -> None:
    """Raise ValueError if an array has fewer than `n` axes."""
    if np.ndim(ary) < n:
        raise ValueError(f"{name} cuts arrays of {n} or more axes, got one of {np.ndim(ary)}")


def unstack(x: Any, *, axis: int = 0) -> tuple[Any, ...]:
    """Return the parts of an array along an axis, without that axis."""
    need_axes("unstack", x, 1)
    axis = normalize_axis_index(axis, np.ndim(x))
    return tuple(getitem(x, along(axis, i)) for i in range(np.shape(x)[axis]))


if hasattr(np, "unstack"):  # since NumPy 2.1
    composite(np.unstack, cases=[(((2, 3),), {}), (((2, 3),), {"axis": -1}), (((2, 3, 2),), {"axis": 1})], view=True)(
        unstack
    )


# Without some elements
@composite(
    np.delete,
    cases=[
        (((4,),), {"obj": 1}),
        (((2, 3),), {"obj": [0, -1]}),
        (((2, 3),), {"obj": slice(None, None, 2), "axis": 1}),
        (((3, 2),), {"obj": [True, False, True], "axis": -2}),
        (((3, 2),), {"obj": [], "axis": 0}),
    ],
)
def delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    """Leave out the elements, rows or columns that `obj` names."""
    if axis is None:
        return picked(arr, np.delete(places(np.shape(arr)), obj))
    axis = normalize_axis_index(axis, np.ndim(arr))
    return getitem(arr, along(axis, np.delete(np.arange(np.shape(arr)[axis]), obj)))


@composite(
    np.trim_zeros,
    cases=[(((4,),), {}), (((4,),), {"trim": "f"})],
    prepare=lambda x: x * np.array([0.0, 0.0, 1.0, 0.0]),
)
def trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    """Leave out the zeros at the front and the back; how many these are is constant almost everywhere."""
    if set(trim.lower()) not in ({"f"}, {"b"}, {"f", "b"}):
        raise ValueError(f"trim_zeros: trim is 'f', 'b' or 'fb', got {trim!r}")
    zero = np.equal(filt, 0)
    for ax in range(np.ndim(filt)) if axis is None else np.atleast_1d(axis):
        ax = normalize_axis_index(int(ax), np.ndim(filt))
        empty = np.all(zero, axis=tuple(other for other in range(np.ndim(filt)) if other != ax))
        lost = np.zeros_like(empty)
        if "f" in trim.lower():
            lost = np.logical_or(lost, np.logical_and.accumulate(empty))
        if "b" in trim.lower():
            lost = np.logical_or(lost, np.flip(np.logical_and.accumulate(np.flip(empty))))
        kept = np.logical_not(lost)
        if isinstance(
            kept, np.ndarray
        ):  # whose values can be read: a slice shows the memory of `filt`, as NumPy's does
            kept = slice(np.argmax(kept), np.argmax(kept) + np.count_nonzero(kept))
        filt = getitem(filt, along(ax, kept))
    return filt
