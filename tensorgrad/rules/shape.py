"""Rules of functions that rearrange: reshape, transpose, move and insert axes, flip, roll, broadcast, join."""

from itertools import accumulate
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from tensorgrad.backends import astype, dtype_of, getitem
from tensorgrad.op import Case, composite, register, register_each


def reshape(a: Any, shape: Any, order: str = "C") -> Any:
    """`np.reshape`, under parameter names that do not change with NumPy's version."""
    if order not in ("C", "F"):
        raise TypeError(f"reshape: order {order!r} depends on how the array lies in memory; use 'C' or 'F'")
    if order == "C":
        return np.reshape(a, shape)  # Dask's has no order
    return np.reshape(a, shape, order=order)  # type: ignore[call-overload]  # order is one of the literals


register(
    np.reshape,
    lambda g, _y, _x, shape, order="C": reshape(g, np.shape(_x), order),
    forward=reshape,
    cases=[(((2, 3),), {"shape": (3, 2)}), (((4,),), {"shape": (2, -1), "order": "F"}), (((),), {"shape": (1, 1)})],
    view=True,
)


def ravel(a: Any, order: str = "C") -> Any:
    """`np.ravel`, which unlike reshape copies what does not lie in one piece: it may be no view where reshape is."""
    if order not in ("C", "F"):
        raise TypeError(f"ravel: order {order!r} depends on how the array lies in memory; use 'C' or 'F'")
    return np.ravel(a) if order == "C" else np.ravel(a, order=order)  # type: ignore[call-overload]


register(
    np.ravel,
    lambda g, _y, _x, order="C": reshape(g, np.shape(_x), order),
    forward=ravel,
    cases=[(((2, 3),), {}), (((2, 3),), {"order": "F"}), (((),), {})],
    view=True,
)
register(
    np.transpose,
    lambda g, _y, _x, axes=None: np.transpose(g, None if axes is None else inverse(axes)),
    cases=[(((2, 3, 4),), {}), (((2, 3, 4),), {"axes": (1, 2, 0)}), (((2, 3, 4),), {"axes": (-1, 0, 1)})],
    view=True,
)
register(
    np.swapaxes,
    lambda g, _y, _x, axis1, axis2: np.swapaxes(g, axis1, axis2),
    cases=[(((2, 3, 4),), {"axis1": 0, "axis2": -1})],
    view=True,
)
register(
    np.moveaxis,
    lambda g, _y, _x, source, destination: np.moveaxis(g, destination, source),
    cases=[
        (((2, 3, 4),), {"source": 0, "destination": -1}),
        (((2, 3, 4),), {"source": (0, 1), "destination": (2, 0)}),
    ],
    view=True,
)
register(
    np.broadcast_to,
    lambda g, _y, _x, shape: g,  # the engine un-broadcasts
    cases=[(((3, 1),), {"shape": (2, 3, 4)}), (((),), {"shape": (2, 2)})],
    view=True,
)
register(
    np.expand_dims,
    lambda g, _y, _x, axis: np.reshape(g, np.shape(_x)),
    cases=[(((2, 3),), {"axis": 1}), (((2, 3),), {"axis": (0, -1)})],
    view=True,
)
register(
    np.squeeze,
    lambda g, _y, _x, axis=None: np.reshape(g, np.shape(_x)),
    cases=[(((1, 3, 1),), {}), (((1, 3, 1),), {"axis": 0}), (((1, 1),), {})],
    view=True,
)


def inverse(axes: Any) -> tuple[int, ...]:
    """Return the permutation that undoes `axes`."""
    axes = [axis % len(axes) for axis in axes]
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


@composite(np.rollaxis, cases=[(((2, 3, 4),), {"axis": -1}), (((2, 3, 4),), {"axis": 0, "start": 3})], view=True)
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """Move an axis before that at `start`."""
    axis = normalize_axis_index(axis, np.ndim(a))
    start = normalize_axis_index(start, np.ndim(a) + 1) if start >= 0 else normalize_axis_index(start, np.ndim(a))
    return np.moveaxis(a, axis, start - (axis < start))


# Turns: undone by the opposite one
register(np.fliplr, lambda g, _y, _x: np.fliplr(g), cases=[(((2, 3),), {})], view=True)
register(np.flipud, lambda g, _y, _x: np.flipud(g), cases=[(((2, 3),), {})], view=True)
register(
    np.flip,
    lambda g, _y, _x, axis=None: np.flip(g, axis),
    cases=[(((2, 3),), {}), (((2, 3),), {"axis": -1}), (((2, 3, 2),), {"axis": (0, 2)}), (((),), {})],
    view=True,
)
register(
    np.rot90,
    lambda g, _y, _x, k=1, axes=(0, 1): np.rot90(g, -k, axes),
    cases=[
        (((2, 3),), {}),
        (((2, 3),), {"k": 2}),
        (((2, 3),), {"k": -1}),
        (((2, 3),), {"k": 4}),
        (((2, 3, 2),), {"k": 3, "axes": (2, 0)}),
    ],
    view=True,
)
register(
    np.roll,
    lambda g, _y, _x, shift, axis=None: np.roll(g, np.negative(shift), axis),
    cases=[
        (((2, 3),), {"shift": 2}),
        (((2, 3),), {"shift": -4, "axis": 1}),
        (((2, 3),), {"shift": (1, 2), "axis": (0, -1)}),
        (((3, 2),), {"shift": (1, 1), "axis": 0}),
        (((0,),), {"shift": 1}),
    ],
)

# Triangles. Of a row they are those of as many copies of it: the engine sums over these.
TRIANGLES: list[Case] = [(((3, 3),), {}), (((2, 2, 3),), {"k": 1}), (((3, 2),), {"k": -1}), (((3,),), {})]
register(np.tril, lambda g, _y, _x, k=0: np.tril(g, k), cases=TRIANGLES)
register(np.triu, lambda g, _y, _x, k=0: np.triu(g, k), cases=TRIANGLES)


def unpack_concatenate(args: tuple[Any, ...], params: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Take the arrays out of their sequence, convert them, and note where each starts; without an axis, flat."""
    params = {**dict(zip(("arrays", "axis", "out"), args, strict=False)), **params}
    arrays, axis = params.pop("arrays"), params.pop("axis", 0)
    dtype, casting = params.pop("dtype", None), params.pop("casting", "same_kind")
    if dtype is not None or casting != "same_kind":
        arrays = converted(arrays, dtype, casting)
    if axis is None:
        arrays, axis = [np.reshape(a, (-1,)) for a in arrays], 0
    lengths = [np.shape(a)[axis] for a in arrays if -np.ndim(a) <= axis < np.ndim(a)]  # NumPy refuses any others
    return tuple(arrays), {**params, "axis": axis, "starts": tuple(accumulate(lengths, initial=0))}


def converted(arrays: Any, dtype: Any, casting: Any) -> list[Any]:
    """Return arrays in one dtype, by default the one they have in common, if `casting` allows for that."""
    arrays = [a if hasattr(type(a), "__array_function__") else np.asarray(a) for a in arrays]
    dtype = np.result_type(*arrays) if dtype is None else np.dtype(dtype)
    for a in arrays:
        if not np.can_cast(dtype_of(a), dtype, casting):
            raise TypeError(f"concatenate: cannot cast {dtype_of(a)} to {dtype} by the rule {casting!r}")
    return [a if dtype_of(a) == dtype else astype(a, dtype) for a in arrays]


def part(i: int, g: Any, _y: Any, *, axis: int, starts: tuple[int, ...]) -> Any:
    """Return what of the gradient of the joined array belongs to the i-th."""
    index = [slice(None)] * np.ndim(g)
    index[axis] = slice(starts[i], starts[i + 1])
    return getitem(g, tuple(index))


register_each(
    np.concatenate,
    part,
    reads=(),
    forward=lambda *arrays, axis, starts: np.concatenate(arrays, axis=axis),
    unpack=unpack_concatenate,
    cases=[
        (((2, 3), (1, 3)), {}),
        (((2, 3), (2, 1), (2, 2)), {"axis": -1}),
        (((2, 3), (2,)), {"axis": None}),
        (((2,), (3,)), {"dtype": "float64", "casting": "safe"}),
    ],
)
