"""Norms, written in sums, absolute values and singular values. Where a norm is 0, so is its slope."""

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from tensorgrad.backends import dispatched, foreign, getitem
from tensorgrad.op import composite, register, register_plain
from tensorgrad.rules.linalg import conjugated
from tensorgrad.rules.matrices import OBLONG, oblong, separated
from tensorgrad.rules.reduce import REDUCTIONS, expand

register_plain(np.linalg.matrix_rank)

VECTOR_ORDERS = (None, 0, 1, 2, 3, 2.5, -1, -2, np.inf, -np.inf)
MATRIX_ORDERS = (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)


def root(total: Any, power: Any) -> Any:
    """Return a root, with slope 0 at 0."""
    flat = np.equal(total, 0)
    return np.where(flat, 0, np.where(flat, 1, total) ** (1 / power))


@dispatched
def length(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the root of the sum of squares."""
    squares = np.real(np.conjugate(x) * x) if np.iscomplexobj(x) else x * x
    return np.sqrt(np.sum(squares, axis=axis, keepdims=keepdims))


def of_length(g: Any, y: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return g times the direction of x; where that has no length, 0 at every order."""
    g, y = expand(g, x, axis, keepdims), expand(y, x, axis, keepdims)
    return g * conjugated(x) * np.not_equal(y, 0) / np.where(np.equal(y, 0), 1, y)


register(length, of_length, cases=[*REDUCTIONS, (((2, 0),), {"axis": -1})])


def largest(x: Any, axis: Any, keepdims: bool = False) -> Any:
    """Return the maximum of numbers that are not negative; of none it is 0."""
    return (np.sum if 0 in np.shape(x) else np.max)(x, axis=axis, keepdims=keepdims)


def require_number(ord: Any) -> None:
    """Raise if the order is a tensor: comparisons choose the formula, and its gradient would get lost."""
    if foreign(ord):
        raise TypeError("norm has no derivative in its order: pass a number, as ord.item()")


def norm_of_vectors(x: Any, ord: Any, axis: int, keepdims: bool) -> Any:
    """Return a norm of the vectors along one axis."""
    if isinstance(ord, str):
        raise ValueError(f"norm: order {ord!r} is one of matrices, and these are vectors along axis {axis}")
    if ord is None or ord == 2:
        return length(x, axis, keepdims)
    size = np.abs(x)
    if ord == np.inf:
        return largest(size, axis, keepdims)
    if ord == -np.inf:
        return np.min(size, axis=axis, keepdims=keepdims)
    if ord == 0:
        return np.sum(np.where(np.equal(x, 0), 0, np.ones_like(size)), axis=axis, keepdims=keepdims)
    if ord == 1:
        return np.sum(size, axis=axis, keepdims=keepdims)
    none = np.equal(size, 0)
    if ord < 0:  # an element of 0 makes it 0, and there it is flat
        none = np.any(none, axis=axis, keepdims=True)
        total = np.sum(np.where(none, 1, size) ** ord, axis=axis, keepdims=keepdims)
        return np.where(none if keepdims else np.squeeze(none, axis), 0, total ** (1 / ord))
    powers = np.where(none, 0, np.where(none, 1, size) ** ord)  # each has slope 0 at 0, also below the first power
    return root(np.sum(powers, axis=axis, keepdims=keepdims), ord)


def norm_of_matrices(x: Any, ord: Any, axes: tuple[int, int], keepdims: bool) -> Any:
    """Return a norm of the matrices in two axes: rows, columns."""
    if ord in (None, "fro", "f"):
        return length(x, axes, keepdims)
    if ord in (2, -2, "nuc"):
        s = np.linalg.svdvals(np.moveaxis(x, axes, (-2, -1)))
        y = largest(s, -1) if ord == 2 else (np.min if ord == -2 else np.sum)(s, axis=-1)
        return np.expand_dims(y, axes) if keepdims else y
    if ord not in (1, -1, np.inf, -np.inf):
        raise ValueError(f"norm: invalid order {ord!r} for matrices; use None, 'fro', 'nuc', ±1, ±2 or ±inf")
    summed, other = axes if abs(ord) == 1 else axes[::-1]
    sums = np.sum(np.abs(x), axis=summed, keepdims=True)
    y = largest(sums, other, keepdims=True) if ord > 0 else np.min(sums, axis=other, keepdims=True)
    return y if keepdims else np.squeeze(y, axes)


def stepping(x: Any) -> Any:
    """Return numbers of both signs whose sizes, and the sums of these in rows and columns, are apart: for tests."""
    n = math.prod(np.shape(x))
    return x * 0.1 + np.reshape(np.arange(1, n + 1, dtype=np.int8) * np.resize([1, -1], n).astype(np.int8), np.shape(x))


@composite(
    np.linalg.norm,
    cases=[
        *((((4,),), {"ord": ord}) for ord in VECTOR_ORDERS),
        *((((2, 3),), {"ord": ord}) for ord in MATRIX_ORDERS),
        *((((2, 3),), {"ord": ord, "axis": 0}) for ord in VECTOR_ORDERS),
        *((((2, 3, 2),), {"ord": ord, "axis": (2, 0), "keepdims": True}) for ord in MATRIX_ORDERS),
        (((2, 2, 3),), {}),
        (((2, 3),), {"keepdims": True}),
        (((2, 3),), {"axis": -1, "keepdims": True}),
        (((2, 2, 3),), {"axis": (-2, -1), "ord": 1}),
        (((),), {}),
        (((0,),), {}),
        (((2, 0),), {"axis": -1}),
    ],
    prepare=stepping,
)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Return a norm of vectors or matrices, or the length of all elements."""
    require_number(ord)
    n = np.ndim(x)
    if axis is None and (ord is None or (ord in ("f", "fro") and n == 2) or (ord == 2 and n == 1)):
        return length(x, None, keepdims)
    axes = normalize_axis_tuple(range(n) if axis is None else axis, n)
    if len(axes) == 1:
        return norm_of_vectors(x, ord, axes[0], keepdims)
    if len(axes) == 2:
        return norm_of_matrices(x, ord, axes, keepdims)
    raise ValueError(f"norm: takes one axis, of vectors, or two, of matrices; got {len(axes)}")


@composite(
    np.linalg.vector_norm,
    cases=[
        (((2, 3),), {}),
        (((2, 3),), {"ord": 3, "keepdims": True}),
        (((2, 3, 2),), {"axis": (0, -1), "ord": 1}),
        (((2, 3, 2),), {"axis": (0, 2), "ord": np.inf, "keepdims": True}),
        (((2, 3),), {"axis": -1, "ord": -1}),
        (((),), {}),
    ],
)
def vector_norm(x: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """Return a norm of vectors: all elements along one axis, several or all."""
    require_number(ord)
    n = np.ndim(x)
    axes = normalize_axis_tuple(range(n) if axis is None else axis, n)
    last = np.moveaxis(x, axes, range(-len(axes), 0)) if axes else x
    rest = np.shape(last)[: n - len(axes)]
    vectors = np.reshape(last, (*rest, int(np.prod(np.shape(last)[n - len(axes) :]))))
    y = norm_of_vectors(vectors, ord, -1, False)
    return np.expand_dims(y, axes) if keepdims else y


@composite(
    np.linalg.matrix_norm,
    cases=[(((2, 3),), {}), *((((2, 2, 3),), {"ord": ord, "keepdims": ord == 1}) for ord in MATRIX_ORDERS)],
    prepare=stepping,
)
def matrix_norm(x: Any, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """Return a norm of the matrices in the last two axes."""
    require_number(ord)
    if np.ndim(x) < 2:
        raise ValueError(f"matrix_norm: takes at least two axes, got shape {np.shape(x)}")
    return norm_of_matrices(x, ord, (np.ndim(x) - 2, np.ndim(x) - 1), keepdims)


@composite(
    np.linalg.cond,
    cases=[
        *((shapes, {"p": p}) for shapes, _ in OBLONG for p in (None, 2, -2)),
        *((((2, 3, 3),), {"p": p}) for p in ("fro", "nuc", 1, -1, np.inf, -np.inf)),
    ],
    prepare=lambda x: oblong(x) if np.shape(x)[-1] != np.shape(x)[-2] else separated(x),
)
def cond(x: Any, p: Any = None) -> Any:
    """Return the condition number; that of a singular matrix is infinite, and has no gradient."""
    require_number(p)
    if 0 in np.shape(x):
        raise np.linalg.LinAlgError("cond is not defined on empty arrays")
    if p in (None, 2, -2):
        s = np.linalg.svdvals(x)
        above, below = (getitem(s, (..., i)) for i in ((-1, 0) if p == -2 else (0, -1)))
        with np.errstate(divide="ignore"):
            return (above + np.equal(below, 0)) / below
    try:
        inverse = np.linalg.inv(x)
    except np.linalg.LinAlgError:
        if np.ndim(x) == 2:
            return (np.sum(np.abs(x)) + 1) * np.inf  # with a gradient of inf or nan
        return np.stack([np.linalg.cond(getitem(x, i), p) for i in range(np.shape(x)[0])])
    return np.linalg.matrix_norm(x, ord=p) * np.linalg.matrix_norm(inverse, ord=p)
