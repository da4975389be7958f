"""Rules of running sums and products."""

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from tensorgrad.backends import astype, getitem
from tensorgrad.op import Case, composite, register
from tensorgrad.rules.statistics import refuse_out

RUNS: list[Case] = [
    (((2, 3),), {}),
    (((2, 3),), {"axis": 0}),
    (((2, 5, 2),), {"axis": -2}),
    (((0, 3),), {"axis": 0}),
    (((),), {}),
    (((2, 3),), {"axis": 1, "dtype": "float64"}),
]


def along(a: Any, axis: int, start: int | None, stop: int | None, step: int | None = None) -> Any:
    """Return `a[start:stop:step]` along one of its axes."""
    return getitem(a, (*(slice(None),) * (axis % np.ndim(a)), slice(start, stop, step)))


def sums_from_behind(g: Any, x: Any, axis: Any) -> Any:
    """Return what each element of `x` has added to: the sums of `g` from there to the end."""
    axis = 0 if axis is None else axis
    backwards = np.cumsum(along(g, axis, None, None, -1), axis=axis)
    return np.reshape(along(backwards, axis, None, None, -1), np.shape(x))


register(np.cumsum, lambda g, _y, _x, axis=None, dtype=None: sums_from_behind(g, _x, axis), cases=RUNS)


@composite(np.cumprod, cases=RUNS)
def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Multiply each element with that 1, 2, 4, ... places before it (Hillis and Steele 1986).

    Nothing is divided, so zeros are exact at every order.
    """
    refuse_out("cumprod", out)
    x = a if dtype is None else astype(a, dtype)
    if axis is None or not np.ndim(x):
        x, axis = np.reshape(x, (-1,)), normalize_axis_index(axis or 0, 1)
    axis = normalize_axis_index(axis, np.ndim(x))
    far = 1
    while far < np.shape(x)[axis]:
        products = along(x, axis, far, None) * along(x, axis, None, -far)
        x = np.concatenate((along(x, axis, None, far), products), axis=axis)
        far *= 2
    return x


@composite(np.nancumsum, cases=RUNS)
def nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Return running sums that pass over NaN."""
    refuse_out("nancumsum", out)
    return np.cumsum(np.where(np.isnan(a), 0, a), axis=axis, dtype=dtype)


@composite(np.nancumprod, cases=RUNS)
def nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Return running products that pass over NaN."""
    refuse_out("nancumprod", out)
    return np.cumprod(np.where(np.isnan(a), 1, a), axis=axis, dtype=dtype)


def cumulative(fn: Any, x: Any, axis: Any, dtype: Any, out: Any, start: Any) -> Any:
    """Run `fn` along an axis, which a matrix has to name; behind `start`, a function that makes the initial value."""
    refuse_out(fn.__name__, out)
    if axis is None:
        if np.ndim(x) > 1:
            raise ValueError("For arrays which have more than one dimension ``axis`` argument is required.")
        axis = 0
    x = np.reshape(x, (1,)) if np.ndim(x) == 0 else x
    y = fn(x, axis=axis, dtype=dtype)
    if start is None:
        return y
    shape = list(np.shape(y))
    shape[axis] = 1
    return np.concatenate((start(y, shape=tuple(shape)), y), axis=axis)


if hasattr(np, "cumulative_sum"):  # since NumPy 2.1
    INITIAL: list[Case] = [
        (((3,),), {}),
        (((2, 3),), {"axis": -1, "include_initial": True}),
        (((0, 3),), {"axis": 0, "include_initial": True}),
    ]

    @composite(np.cumulative_sum, cases=INITIAL)
    def cumulative_sum(
        x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: bool = False
    ) -> Any:
        """Return running sums, behind a 0 if asked to."""
        return cumulative(np.cumsum, x, axis, dtype, out, np.zeros_like if include_initial else None)

    @composite(np.cumulative_prod, cases=INITIAL)
    def cumulative_prod(
        x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: bool = False
    ) -> Any:
        """Return running products, behind a 1 if asked to."""
        return cumulative(np.cumprod, x, axis, dtype, out, np.ones_like if include_initial else None)
