"""Products of vectors and matrices, diagonals and traces, written in `matmul`, reading by index and sums."""

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from tensorgrad.backends import astype, dispatched, getitem, scatter_add
from tensorgrad.op import Case, composite, register, register_plain
from tensorgrad.rules.linalg import conjugated, identity, transposed
from tensorgrad.rules.matrices import separated

register_plain(np.einsum_path)


# Vectors. `vdot`, `vecdot` and `vecmat` conjugate the first.
@composite(np.inner, cases=[(((3,), (3,)), {}), (((2, 3), (4, 3)), {}), (((), (3,)), {}), (((2, 3), (2, 4, 3)), {})])
def inner(a: Any, b: Any) -> Any:
    """Sum products over the last axis of both."""
    return np.tensordot(a, b, axes=(-1, -1)) if np.ndim(a) and np.ndim(b) else np.multiply(a, b)


@composite(np.vdot, cases=[(((3,), (3,)), {}), (((2, 3), (3, 2)), {}), (((), ()), {}), (((0,), (0,)), {})])
def vdot(a: Any, b: Any) -> Any:
    """Multiply all elements of both in their order, and sum."""
    return np.matmul(conjugated(np.reshape(a, (-1,))), np.reshape(b, (-1,)))


VECTORS: list[Case] = [
    (((3,), (3,)), {}),
    (((2, 3), (3,)), {}),
    (((2, 1, 3), (4, 3)), {}),
    (((3, 2), (3, 2)), {"axis": 0}),
    (((2, 0), (2, 0)), {}),
]


@composite(np.vecdot, cases=[*VECTORS, (((3, 2), (3, 1)), {"axis": -2, "keepdims": True})])
def vecdot(x1: Any, x2: Any, *, axis: int = -1, keepdims: bool = False) -> Any:
    """Sum products along one axis; the others broadcast."""
    shapes = np.shape(x1), np.shape(x2)
    if len({shape[axis] for shape in shapes}) > 1:  # these do not
        raise ValueError(f"vecdot: axis {axis} is {' and '.join(str(shape[axis]) for shape in shapes)}")
    x, y = np.moveaxis(conjugated(x1), axis, -1), np.moveaxis(x2, axis, -1)
    total = np.sum(x * y, axis=-1)
    return np.expand_dims(total, axis) if keepdims else total


@composite(np.linalg.vecdot, cases=VECTORS)
def linalg_vecdot(x1: Any, x2: Any, *, axis: int = -1) -> Any:
    """Sum products along one axis."""
    return np.vecdot(x1, x2, axis=axis)  # type: ignore[call-overload]  # which NumPy's stub does not know


def matvec(x1: Any, x2: Any) -> Any:
    """Multiply matrices by vectors."""
    return np.squeeze(np.matmul(x1, np.expand_dims(x2, -1)), -1)


def vecmat(x1: Any, x2: Any) -> Any:
    """Multiply vectors, conjugated, by matrices."""
    return np.squeeze(np.matmul(np.expand_dims(conjugated(x1), -2), x2), -2)


if hasattr(np, "matvec"):  # since NumPy 2.2
    composite(np.matvec, cases=[(((2, 3), (3,)), {}), (((4, 2, 3), (4, 3)), {}), (((2, 3), (4, 3)), {})])(matvec)
    composite(np.vecmat, cases=[(((2,), (2, 3)), {}), (((4, 2), (4, 2, 3)), {}), (((4, 2), (2, 3)), {})])(vecmat)


@composite(
    np.cross,
    cases=[
        (((3,), (3,)), {}),
        (((2, 3), (3,)), {}),
        (((3, 2), (3, 2)), {"axis": 0}),
        (((3, 2), (2, 3)), {"axisa": 0, "axisb": 1, "axisc": 0}),
    ],
)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """Return the vectors orthogonal to those along the given axes, of 3 elements each."""
    axisa, axisb, axisc = (axisa, axisb, axisc) if axis is None else (axis, axis, axis)
    x, y = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
    if (lengths := (np.shape(x)[-1], np.shape(y)[-1])) != (3, 3):
        raise ValueError(f"cross: vectors have 3 elements, got {lengths[0]} and {lengths[1]}; append a 0 to those of 2")
    (x0, x1, x2), (y0, y1, y2) = ([getitem(v, (..., i)) for i in range(3)] for v in (x, y))
    return np.stack([x1 * y2 - x2 * y1, x2 * y0 - x0 * y2, x0 * y1 - x1 * y0], axis=axisc)


@composite(np.linalg.cross, cases=[(((3,), (3,)), {}), (((3, 2), (3, 2)), {"axis": 0})])
def linalg_cross(x1: Any, x2: Any, *, axis: int = -1) -> Any:
    """Return the vectors orthogonal to those along the axis."""
    return np.cross(x1, x2, axis=axis)


@composite(np.linalg.outer, cases=[(((2,), (3,)), {}), (((0,), (3,)), {})])
def outer(x1: Any, x2: Any) -> Any:
    """Return all products of an element of one vector and one of the other."""
    if np.ndim(x1) != 1 or np.ndim(x2) != 1:
        raise ValueError(f"outer: takes two vectors, got shapes {np.shape(x1)} and {np.shape(x2)}; np.outer flattens")
    return np.outer(x1, x2)


@composite(np.kron, cases=[(((2, 3), (3, 2)), {}), (((2,), (3, 2)), {}), (((2, 1, 2), (2, 2)), {}), (((), (3,)), {})])
def kron(a: Any, b: Any) -> Any:
    """Put in place of every element of a its product with b."""
    n = max(np.ndim(a), np.ndim(b))
    rows, columns = ((1,) * (n - np.ndim(x)) + np.shape(x) for x in (a, b))
    left = np.reshape(a, tuple(length for m in rows for length in (m, 1)))
    right = np.reshape(b, tuple(length for m in columns for length in (1, m)))
    return np.reshape(left * right, tuple(k * m for k, m in zip(rows, columns, strict=True)))


# Several matrices
@composite(np.linalg.matmul, cases=[(((2, 3), (3, 4)), {}), (((5, 2, 3), (3,)), {})])
def matmul(x1: Any, x2: Any) -> Any:
    """Return `x1 @ x2`."""
    return np.matmul(x1, x2)


@composite(np.linalg.tensordot, cases=[(((2, 3, 4), (3, 4, 2)), {}), (((2, 3), (3, 2)), {"axes": 1})])
def tensordot(x1: Any, x2: Any, *, axes: Any = 2) -> Any:
    """Sum products over the given axes."""
    return np.tensordot(x1, x2, axes=axes)


@composite(
    np.linalg.multi_dot,
    cases=[
        (((2, 3), (3, 4)), {}),
        (((2, 3), (3, 4), (4, 2)), {}),
        (((4,), (4, 3), (3, 2), (2, 3)), {}),
        (((2, 4), (4, 1), (1, 3), (3,)), {}),
        (((3,), (3, 2), (2,)), {}),
    ],
)
def multi_dot(arrays: Any) -> Any:
    """Multiply a chain of matrices in the cheapest order; the first and the last may be vectors."""
    n = len(arrays)
    if n < 2:
        raise ValueError(f"multi_dot: expected at least two arrays, got {n}")
    first, last = np.shape(arrays[0]), np.shape(arrays[-1])
    lengths = [*(first[:1] if len(first) == 2 else (1,)), *(np.shape(a)[0] for a in arrays[1:]), *last[1:], 1]
    if len(first) == 1:
        lengths[1] = first[0]

    return multiplied(arrays, cheapest_cuts(n, lengths), 0, n - 1)


def cheapest_cuts(n: int, lengths: Sequence[int]) -> dict[tuple[int, int], int]:
    """Return after which array to cut the product of arrays i to j in two, for all i < j.   lengths: of their axes."""
    cost, cuts = {(i, i): 0 for i in range(n)}, {}
    for i, j in ((i, i + span) for span in range(1, n) for i in range(n - span)):
        ways = ((cost[i, k] + cost[k + 1, j] + lengths[i] * lengths[k + 1] * lengths[j + 1], k) for k in range(i, j))
        cost[i, j], cuts[i, j] = min(ways)
    return cuts


def multiplied(arrays: Any, cuts: dict[tuple[int, int], int], i: int, j: int) -> Any:
    """Return the product of the arrays i to j. An inner function, which calls itself, would keep the arrays."""
    if i == j:
        return arrays[i]
    cut = cuts[i, j]
    return np.matmul(multiplied(arrays, cuts, i, cut), multiplied(arrays, cuts, cut + 1, j))


@composite(
    np.linalg.matrix_power,
    cases=[(((2, 2),), {"n": n}) for n in (0, 1, 2, 3, 5, -1, -2)] + [(((2, 3, 3),), {"n": 6}), (((0, 0),), {"n": 2})],
    prepare=separated,
)
def matrix_power(a: Any, n: int) -> Any:
    """Multiply a matrix by itself, squaring where that saves products; a negative power is one of the inverse."""
    n, shape = index(n), np.shape(a)
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise np.linalg.LinAlgError(f"matrix_power: the last two axes must be square, got shape {shape}")
    if n == 0:
        return np.zeros_like(a) + identity(shape[-1], a)
    if n < 0:
        return np.linalg.matrix_power(np.linalg.inv(a), -n)
    if n == 3:
        return np.matmul(np.matmul(a, a), a)
    square, result = a, None
    while n:
        n, bit = divmod(n, 2)
        if bit:
            result = square if result is None else np.matmul(result, square)
        if n:
            square = np.matmul(square, square)
    return np.copy(result) if result is a else result


# Diagonals. Reading one is a view, in NumPy one that cannot be written to.
def diagonal_index(shape: tuple[int, ...], offset: int) -> tuple[Any, ...]:
    """Return the index of a diagonal of the last two axes."""
    rows, columns = shape[-2:]
    start, n = (-offset, min(rows + offset, columns)) if offset < 0 else (0, min(rows, columns - offset))
    places = start + np.arange(max(n, 0))
    return ..., places, places + offset


@dispatched
def on_diagonal(x: Any, shape: tuple[int, ...], offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Return zeros of `shape`, with `x` on a diagonal: the transpose of reading it."""
    axes = [normalize_axis_index(axis, len(shape)) for axis in (axis1, axis2)]
    rest = tuple(n for axis, n in enumerate(shape) if axis not in axes)
    moved = (*rest, shape[axes[0]], shape[axes[1]])
    return np.moveaxis(scatter_add(x, diagonal_index(moved, offset), moved), (-2, -1), axes)


DIAGONALS: list[Case] = [
    (((3, 3),), {}),
    (((2, 4),), {"offset": 1}),
    (((4, 2),), {"offset": -1}),
    (((2, 3, 4),), {"axis1": -1, "axis2": 0}),
    (((2, 3),), {"offset": 5}),
]
LAST: list[Case] = [(((3, 3),), {}), (((2, 3, 4),), {"offset": -1})]
register(
    np.diagonal,
    lambda g, _y, _x, offset=0, axis1=0, axis2=1: on_diagonal(g, np.shape(_x), offset, axis1, axis2),
    cases=DIAGONALS,
    view=True,
)
register(
    on_diagonal,
    lambda g, _y, _x, shape, offset=0, axis1=0, axis2=1: np.diagonal(g, offset, axis1, axis2),
    cases=[
        (((3,),), {"shape": (3, 3)}),
        (((4, 2),), {"shape": (2, 4, 3), "offset": -1, "axis1": -1, "axis2": 0}),
    ],
)


@composite(np.trace, cases=[*DIAGONALS, (((3, 3),), {"dtype": "float64"})])
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Any:
    """Sum a diagonal."""
    diagonal = np.diagonal(a, offset=offset, axis1=axis1, axis2=axis2)
    return np.sum(diagonal if dtype is None else astype(diagonal, dtype), axis=-1)


@composite(np.linalg.diagonal, cases=LAST, view=True)
def linalg_diagonal(x: Any, *, offset: int = 0) -> Any:
    """Return a diagonal of the last two axes."""
    return np.diagonal(x, offset=offset, axis1=-2, axis2=-1)


@composite(np.linalg.trace, cases=[*LAST, (((3, 3),), {"dtype": "float64"})])
def linalg_trace(x: Any, *, offset: int = 0, dtype: Any = None) -> Any:
    """Sum a diagonal of the last two axes."""
    return np.trace(x, offset=offset, axis1=-2, axis2=-1, dtype=dtype)


def matrix_transpose(x: Any) -> Any:
    """Swap the last two axes."""
    if np.ndim(x) < 2:
        raise ValueError(f"matrix_transpose: takes at least two axes, got shape {np.shape(x)}")
    return transposed(x)


for fn in (np.matrix_transpose, np.linalg.matrix_transpose):
    composite(fn, cases=[(((2, 3),), {}), (((4, 2, 3),), {})], view=True)(matrix_transpose)
