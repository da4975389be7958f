"""Products, ranges, variances and weighted means. A variance of none is NaN; the slope of std is 0 where it is 0."""

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from tensorgrad.backends import astype, foreign, getitem
from tensorgrad.op import Case, composite
from tensorgrad.rules.reduce import MASKED, REDUCTIONS, SOME


def refuse_out(name: str, out: Any) -> None:
    """Raise if a function that is written in others is to write its result into an array."""
    if out is not None:
        raise TypeError(f"{name} with out= has no derivative: leave it out, and assign the result")


def axes_of(a: Any, axis: Any) -> tuple[int, ...]:
    """Return the axes that `axis` means, as numbers from 0 on; a number by itself has none, and may be said to."""
    if axis is None or (np.ndim(a) == 0 and axis in (0, -1)):
        return tuple(range(np.ndim(a)))
    return normalize_axis_tuple(axis, np.ndim(a))


def in_front(a: Any, axis: Any) -> Any:
    """Return `a` with what is to be reduced as its first axis, and the other axes behind it."""
    axes = axes_of(a, axis)
    rest = tuple(n for i, n in enumerate(np.shape(a)) if i not in axes)
    count = math.prod(np.shape(a)[i] for i in axes)
    return np.reshape(np.moveaxis(a, axes, range(len(axes))), (count, *rest))


def kept(a: Any, axis: Any, keepdims: bool) -> tuple[int, ...]:
    """Return the shape of a reduction of `a`."""
    axes = axes_of(a, axis)
    if keepdims:
        return tuple(1 if i in axes else n for i, n in enumerate(np.shape(a)))
    return tuple(n for i, n in enumerate(np.shape(a)) if i not in axes)


@composite(np.prod, cases=[*REDUCTIONS, *MASKED, (((2, 3),), {"axis": 0, "dtype": "float64", "initial": 2.5})])
def prod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: bool = False,
    initial: Any = np._NoValue,
    where: Any = True,
) -> Any:
    """Multiply pairs, then pairs of these, and so on: no division, so zeros are exact at every order."""
    refuse_out("prod", out)
    a = a if dtype is None else astype(a, dtype)
    x = in_front(a if where is True else np.where(np.broadcast_to(where, np.shape(a)), a, 1), axis)
    n = np.shape(x)[0]
    if n == 0:
        x = np.ones_like(a, shape=(1, *np.shape(x)[1:]))
    while n > 1:
        half = n // 2
        pairs = getitem(x, slice(half)) * getitem(x, slice(half, 2 * half))
        x = np.concatenate((pairs, getitem(x, slice(2 * half, n)))) if n % 2 else pairs
        n -= half
    x = np.reshape(x, kept(a, axis, keepdims))
    return x if initial is np._NoValue or initial is None else x * initial


VARIANCES: list[Case] = [
    *REDUCTIONS[:-2],
    *MASKED,
    (((2, 3),), {"axis": 0, "ddof": 1}),
    (((2, 3),), {"correction": 1, "dtype": "float64"}),
    (((2, 3),), {"axis": 1, "where": SOME, "ddof": 0.5}),
]


@composite(np.var, cases=VARIANCES)
def var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: Any = True,
    mean: Any = None,
    correction: Any = None,
) -> Any:
    """Return the mean square distance from the mean, over n - ddof; a given `mean` is another variable."""
    refuse_out("var", out)
    if correction is not None:
        if ddof:
            raise ValueError("ddof and correction can't be provided simultaneously.")
        ddof = correction
    if dtype is not None:
        a = astype(a, dtype)
    centred = a - (np.mean(a, axis=axis, keepdims=True, where=where) if mean is None else mean)
    squares = np.real(centred * np.conjugate(centred)) if np.iscomplexobj(centred) else np.square(centred)
    if np.iscomplexobj(a) and dtype is not None:
        squares = astype(squares, dtype)
    if not ddof:
        return np.mean(squares, axis=axis, keepdims=keepdims, where=where)
    total = np.sum(squares, axis=axis, keepdims=keepdims, where=where)
    if where is True:
        return total / max(np.size(a) / max(np.size(total), 1) - ddof, 0.0)
    mask = np.broadcast_to(where, np.shape(a))
    return total / np.maximum(np.sum(mask, axis=axis, keepdims=keepdims, dtype=np.result_type(total)) - ddof, 0)


@composite(np.std, cases=VARIANCES)
def std(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: Any = True,
    mean: Any = None,
    correction: Any = None,
) -> Any:
    """Return the root of the variance; where that is 0, so is the slope, not infinite."""
    refuse_out("std", out)
    return root(var(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction))


def root(v: Any) -> Any:
    """Return the root of a variance, with slope 0 where it is 0."""
    flat = np.equal(v, 0)
    return np.where(flat, 0, np.sqrt(np.where(flat, 1, v)))


@composite(np.ptp, cases=REDUCTIONS[:-1])
def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
    """Return the greatest minus the least; ties share as they do there."""
    refuse_out("ptp", out)
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


def aligned(weights: Any, a: Any, axis: Any) -> Any:
    """Return weights of the elements of `a`: of its shape, or of the axes that are reduced, in the order given."""
    if np.shape(weights) == np.shape(a):
        return weights
    if axis is None:
        raise TypeError("Axis must be specified when shapes of a and weights differ.")
    axes = normalize_axis_tuple(axis, np.ndim(a))
    if np.shape(weights) != tuple(np.shape(a)[i] for i in axes):
        raise ValueError(
            f"weights of shape {np.shape(weights)} fit neither an array of shape {np.shape(a)} nor its axes {axis}"
        )
    weights = np.transpose(weights, tuple(np.argsort(axes).tolist()))
    return np.reshape(weights, tuple(n if i in axes else 1 for i, n in enumerate(np.shape(a))))


@composite(
    np.average,
    cases=[
        (((2, 3),), {}),
        (((2, 3),), {"axis": (0, 1), "keepdims": True}),
        (((2, 3), (2, 3)), {}),
        (((2, 3),), {"axis": 1, "returned": True}),
        (((2, 3),), {"axis": -1, "weights": [1.0, 2.0, 4.0], "returned": True, "keepdims": True}),
        (((2, 3, 2),), {"axis": (2, 0), "weights": [[1.0, 2.0], [4.0, 8.0]]}),
    ],
    prepare=lambda a, *weights: (a, None, np.exp(weights[0])) if weights else a,
)
def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    """Return the mean, of elements times weights over the sum of weights; with `returned`, that sum as well."""
    if weights is None:
        mean = np.mean(a, axis=axis, keepdims=keepdims)
        return (mean, np.full_like(mean, np.size(a) / max(np.size(mean), 1))) if returned else mean
    weights = aligned(weights if foreign(weights) else np.asarray(weights), a, axis)
    total = np.sum(weights, axis=axis, keepdims=keepdims)
    if not np.all(np.not_equal(total, 0)):  # of an array type that cannot tell yet, True
        raise ZeroDivisionError("Weights sum to zero, can't be normalized")
    mean = np.sum(a * weights, axis=axis, keepdims=keepdims) / total
    return (mean, np.zeros_like(mean) + total) if returned else mean
