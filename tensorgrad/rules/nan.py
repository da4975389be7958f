"""Reductions that pass over NaN: an element that is NaN has no gradient; of nothing but NaN the result is NaN."""

from typing import Any

import numpy as np

from tensorgrad.op import Case, composite
from tensorgrad.rules.reduce import MASKED, REDUCTIONS
from tensorgrad.rules.statistics import refuse_out, root

SUMS: list[Case] = [*REDUCTIONS, *MASKED, (((2, 3),), {"axis": 0, "dtype": "float64", "initial": 2.5})]


def some_nan(x: Any) -> Any:
    """Return `x` with NaN in place of its least element, for tests."""
    return np.where(np.equal(x, np.min(x)), np.nan, x)


def filled(a: Any, value: float) -> Any:
    """Return `a` with a number in place of each NaN."""
    return np.where(np.isnan(a), value, a)


def present(a: Any, where: Any) -> Any:
    """Return a mask of the elements at `where` that are not NaN."""
    mask = np.logical_not(np.isnan(a))
    return mask if where is True else np.logical_and(mask, np.broadcast_to(where, np.shape(a)))


@composite(np.nansum, cases=SUMS, prepare=some_nan)
def nansum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: bool = False,
    initial: Any = 0,
    where: Any = True,
) -> Any:
    """Return the sum, in which NaN counts as 0."""
    refuse_out("nansum", out)
    return np.sum(filled(a, 0), axis=axis, dtype=dtype, keepdims=keepdims, where=where) + (initial or 0)


@composite(np.nanprod, cases=SUMS, prepare=some_nan)
def nanprod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: bool = False,
    initial: Any = 1,
    where: Any = True,
) -> Any:
    """Return the product, in which NaN counts as 1."""
    refuse_out("nanprod", out)
    return np.prod(filled(a, 1), axis=axis, dtype=dtype, keepdims=keepdims, initial=initial, where=where)


@composite(np.nanmean, cases=[*REDUCTIONS[:-1], *MASKED], prepare=some_nan)
def nanmean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, *, where: Any = True
) -> Any:
    """Return the mean of what is not NaN."""
    refuse_out("nanmean", out)
    return np.mean(filled(a, 0), axis=axis, dtype=dtype, keepdims=keepdims, where=present(a, where))


VARIANCES: list[Case] = [
    *REDUCTIONS[:-2],
    *MASKED,
    (((2, 3),), {"axis": -1, "ddof": 1}),
    (((2, 3),), {"correction": 1, "dtype": "float64"}),
    (((2, 3),), {"axis": 1, "where": MASKED[0][1]["where"], "ddof": 0.5}),
]


@composite(np.nanvar, cases=VARIANCES, prepare=some_nan)
def nanvar(
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
    """Return the variance of what is not NaN; NaN where that is no more than ddof elements."""
    refuse_out("nanvar", out)
    mask = present(a, where)
    how = {"axis": axis, "dtype": dtype, "ddof": ddof, "keepdims": keepdims, "mean": mean, "correction": correction}
    v = np.var(filled(a, 0), where=mask, **{name: value for name, value in how.items() if value is not None})
    few = np.less_equal(np.sum(mask, axis=axis, keepdims=keepdims), correction or ddof)
    return np.where(few, np.nan, v) if np.any(few) else v


@composite(np.nanstd, cases=VARIANCES, prepare=some_nan)
def nanstd(
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
    """Return the root of the variance of what is not NaN; where that is 0, so is the slope."""
    refuse_out("nanstd", out)
    return root(nanvar(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction))


EXTREMA: list[Case] = [*REDUCTIONS[:-1], (((2, 3),), {"axis": 0, "initial": 0.3, "where": MASKED[0][1]["where"]})]


def extremum(fn: Any, worst: float, a: Any, axis: Any, keepdims: bool, initial: Any, where: Any) -> Any:
    """Return an extremum of what is not NaN, by a number in place of NaN that is below, or above, all others."""
    if initial is not None and initial is not np._NoValue:
        return fn(filled(a, worst), axis=axis, keepdims=keepdims, initial=initial, where=where)
    y = fn(filled(a, worst), axis=axis, keepdims=keepdims)
    nothing = np.all(np.isnan(a), axis=axis, keepdims=keepdims)
    return np.where(nothing, np.nan, y) if np.any(nothing) else y


@composite(np.nanmax, cases=EXTREMA, prepare=some_nan)
def nanmax(
    a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    """Return the greatest element that is not NaN; ties share the gradient."""
    refuse_out("nanmax", out)
    return extremum(np.max, -np.inf, a, axis, keepdims, initial, where)


@composite(np.nanmin, cases=EXTREMA, prepare=some_nan)
def nanmin(
    a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    """Return the least element that is not NaN; ties share the gradient."""
    refuse_out("nanmin", out)
    return extremum(np.min, np.inf, a, axis, keepdims, initial, where)
