"""Functions that need no rule, because they are written in functions that have one."""

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from tensorgrad.backends import getitem
from tensorgrad.op import Case, composite
from tensorgrad.rules.reduce import REDUCTIONS


@composite(np.var, cases=[*REDUCTIONS[:-1], (((2, 3),), {"axis": 0, "ddof": 1})])
def var(a: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    """Return the mean square distance from the mean, over n - ddof."""
    centred = a - np.mean(a, axis=axis, keepdims=True)
    squares = np.real(centred * np.conjugate(centred)) if np.iscomplexobj(a) else np.square(centred)
    mean = np.mean(squares, axis=axis, keepdims=keepdims)
    if not ddof:
        return mean
    n = math.prod(np.shape(a)) / max(math.prod(np.shape(mean)), 1)
    return mean * (n / max(n - ddof, 0.0)) if n > ddof else mean * np.nan


@composite(np.std, cases=[*REDUCTIONS[:-2], (((2, 3),), {"axis": 0, "ddof": 1})])
def std(a: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    """Return the root of the variance; where that is 0, so is the slope, not infinite."""
    v = np.var(a, axis=axis, ddof=ddof, keepdims=keepdims)
    flat = np.equal(v, 0)
    return np.where(flat, 0, np.sqrt(np.where(flat, 1, v)))


@composite(np.prod, cases=REDUCTIONS)
def prod(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """Multiply pairs, then pairs of these, and so on: no division, so zeros are exact at every order."""
    axes = normalize_axis_tuple(range(np.ndim(a)) if axis is None else axis, np.ndim(a)) if np.ndim(a) else ()
    shape = np.shape(a)
    rest = tuple(n for i, n in enumerate(shape) if i not in axes)
    x = np.reshape(np.moveaxis(a, axes, range(len(axes))), (-1 if 0 not in rest else 1, *rest))
    while (n := np.shape(x)[0]) > 1:
        half = n // 2
        pairs = getitem(x, slice(half)) * getitem(x, slice(half, 2 * half))
        x = np.concatenate((pairs, getitem(x, slice(2 * half, n)))) if n % 2 else pairs
    if n == 0:
        x = np.ones_like(a, shape=(1, *rest))
    return np.reshape(x, tuple(1 if i in axes else n for i, n in enumerate(shape)) if keepdims else rest)


@composite(np.stack, cases=[(((2, 3), (2, 3)), {}), (((2, 3), (2, 3)), {"axis": -1})])
def stack(arrays: Any, axis: int = 0) -> Any:
    """Join arrays along a new axis."""
    shapes = [np.shape(a) for a in arrays]
    if len(set(shapes)) > 1:
        raise ValueError(f"stack: all arrays must have one shape, got {', '.join(map(str, shapes))}")
    return np.concatenate([np.expand_dims(a, axis) for a in arrays], axis=axis)


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
    cases=[(((5, 3),), {"indices_or_sections": 2}), (((2, 5),), {"indices_or_sections": [1, 3], "axis": 1})],
    view=True,
)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Cut an array at the given places, or into parts of which the first are one longer."""
    n = np.shape(ary)[axis]
    if np.ndim(indices_or_sections) == 0:
        sections = int(indices_or_sections)
        cuts = [n // sections * i + min(i, n % sections) for i in range(1, sections)]
    else:
        cuts = [int(cut) for cut in indices_or_sections]
    before = (slice(None),) * (axis % np.ndim(ary))
    return [getitem(ary, (*before, slice(a, b))) for a, b in zip([0, *cuts], [*cuts, n], strict=True)]


@composite(np.divmod, cases=[(((3,), (3,)), {})], domain=((2.1, 2.3), (0.8, 1.0)))
def divmod_(x1: Any, x2: Any) -> tuple[Any, Any]:
    """Return the quotient, which is constant almost everywhere, and the remainder."""
    return np.floor_divide(x1, x2), np.remainder(x1, x2)


@composite(np.modf, cases=[(((3,),), {})], domain=(0.1, 0.9))
def modf(x: Any) -> tuple[Any, Any]:
    """Return the fractional part, and the whole part, which is constant almost everywhere."""
    return x - np.trunc(x), np.trunc(x)


# Products
PRODUCTS: list[Case] = [
    (((2, 3), (3, 4)), {}),
    (((3,), (3,)), {}),
    (((2, 3), (3,)), {}),
    (((), (3,)), {}),
    (((2, 2, 3), (4, 3, 2)), {}),
]


@composite(np.dot, cases=PRODUCTS)
def dot(a: Any, b: Any) -> Any:
    """Multiply numbers, vectors and matrices; of more axes, sum over the last of a and the second last of b."""
    if not (np.ndim(a) and np.ndim(b)):
        return np.multiply(a, b)
    if np.ndim(b) <= 2:
        return np.matmul(a, b)
    return np.tensordot(a, b, axes=(-1, -2))


@composite(np.outer, cases=[(((2,), (3,)), {}), (((2, 2), (3,)), {})])
def outer(a: Any, b: Any) -> Any:
    """Return all products of an element of a and one of b."""
    return np.reshape(a, (-1, 1)) * np.reshape(b, (1, -1))


@composite(
    np.tensordot,
    cases=[
        (((2, 3, 4), (3, 4, 2)), {}),
        (((2, 3), (3, 2)), {"axes": 1}),
        (((2, 3), (4,)), {"axes": 0}),
        (((2, 3, 4), (4, 5, 2)), {"axes": ((0, 2), (2, 0))}),
        (((2, 3), (3, 4)), {"axes": (1, 0)}),
    ],
)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Sum products over the given axes: a matrix product of the reshaped arrays."""
    if np.ndim(axes) == 0:
        axes = range(np.ndim(a) - axes, np.ndim(a)), range(axes)
    over_a, over_b = (normalize_axis_tuple(n, np.ndim(x)) for n, x in zip(axes, (a, b), strict=True))
    summed, other = [np.shape(a)[n] for n in over_a], [np.shape(b)[n] for n in over_b]
    if summed != other:
        raise ValueError(
            f"tensordot: the summed axes have lengths {summed} in the first array and {other} in the second"
        )
    free_a = [n for n in range(np.ndim(a)) if n not in over_a]
    free_b = [n for n in range(np.ndim(b)) if n not in over_b]
    rows, columns = [np.shape(a)[n] for n in free_a], [np.shape(b)[n] for n in free_b]
    k = int(np.prod(summed))
    left = np.reshape(np.transpose(a, (*free_a, *over_a)), (int(np.prod(rows)), k))
    right = np.reshape(np.transpose(b, (*over_b, *free_b)), (k, int(np.prod(columns))))
    return np.reshape(left @ right, (*rows, *columns))
