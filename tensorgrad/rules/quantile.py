"""Medians, quantiles and percentiles: read from the sorted array, at the ranks that the methods of NumPy name.

The methods are those of Hyndman and Fan, Sample Quantiles in Statistical Packages (1996), and four older ones. A tie
follows the permutation that sorts. Of q, a quantile is piecewise linear, and constant beyond the first and last rank.
"""

from typing import Any

import numpy as np

from tensorgrad.backends import astype, dispatched, foreign, getitem
from tensorgrad.op import Case, composite, register_plain
from tensorgrad.rules.nan import some_nan
from tensorgrad.rules.sorting import held
from tensorgrad.rules.statistics import aligned, in_front, kept, refuse_out

# Where the rank, from 0, between two elements is n q + alpha + q (1 - alpha - beta) - 1
CONTINUOUS = {
    "linear": (1.0, 1.0),
    "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
}
METHODS = ("lower", "higher", "midpoint", "nearest", "inverted_cdf", "averaged_inverted_cdf", "closest_observation")


def whole(x: Any) -> Any:
    """Return the values of `x`, rounded down, as numbers to index with."""
    return astype(np.floor(held(x)), np.intp)


def place(n: Any, q: Any, method: str) -> tuple[Any, Any]:
    """Return the rank of the element below a quantile of `n` elements, and the weight of the next one, if any."""
    if method == "linear" and np.result_type(q).kind in "iu":
        return whole((n - 1) * q), None  # the least or the greatest
    if method in CONTINUOUS:
        alpha, beta = CONTINUOUS[method]
        rank = (n - 1) * q if method == "linear" else n * q + (alpha + q * (1 - alpha - beta)) - 1
        below = whole(rank)
        return below, rank - below
    if method not in METHODS:
        raise ValueError(f"{method!r} is not a valid method. Use one of: {', '.join((*CONTINUOUS, *METHODS))}")
    q = held(q)
    if method == "averaged_inverted_cdf":
        below = whole(n * q - 1)
        return below, np.where(np.equal(n * q - 1, below), 0.5, 1.0)
    if method == "midpoint":
        below = whole((n - 1) * q)
        return below, np.where(np.equal((n - 1) * q, below), 0.0, 0.5)
    if method == "lower":
        rank = np.floor((n - 1) * q)
    elif method == "higher":
        rank = np.ceil((n - 1) * q)
    elif method == "nearest":
        rank = np.rint((n - 1) * q)
    elif method == "inverted_cdf":
        rank = np.ceil(n * q - 1)
    else:
        below = np.floor(n * q - 1.5)  # the even order statistic, which is an odd rank from 0
        rank = below + np.logical_not(np.logical_and(np.equal(n * q - 1.5, below), np.equal(below % 2, 1)))
    return whole(rank), None


def read(ordered: Any, ranks: Any, n: Any) -> Any:
    """Return the elements of these ranks, of the first n in each column, along the first axis."""
    last = np.maximum(n - 1, 0)
    rest = np.shape(ordered)[1:]
    return getitem(ordered, (np.clip(ranks, 0, last), *np.indices(rest, sparse=True)))


def between(low: Any, high: Any, weight: Any) -> Any:
    """Return low + (high - low) * weight, reckoned as NumPy does from the end that is nearer."""
    far = high - low
    return np.where(np.greater_equal(weight, 0.5), high - far * (1 - weight), low + far * weight)


@dispatched
def weighted_ranks(x: Any, weights: Any = 1.0, q: Any = 0.5) -> Any:
    """Return the rank in each column of `x` at which the sum of sorted weights reaches the part q of all weights."""
    order = np.argsort(x, axis=0, kind="stable")
    sums = np.cumsum(np.take_along_axis(np.broadcast_to(weights, np.shape(x)), order, 0), axis=0, dtype=float)
    parts = sums / sums[-1:]
    if np.isnan(parts).any():
        raise ValueError("Weights included NaN, inf or were all zero.")
    parts = np.where(np.equal(parts, 0), -1.0, parts)  # what weighs nothing is not even the least
    q = np.reshape(q, (*np.shape(q), *(1,) * np.ndim(x)))
    return np.minimum(np.sum(np.less(parts, q), axis=np.ndim(q) - np.ndim(x)), len(x) - 1)


register_plain(weighted_ranks)


def quantiles(
    a: Any, q: Any, axis: Any, method: str, keepdims: bool, weights: Any, skip_nan: bool = False, pair: bool = False
) -> Any:
    """Return quantiles, in all cases.   pair: weigh two elements evenly, whatever their distance, for a median."""
    if skip_nan and not np.size(a):
        return np.nanmean(a, axis=axis, keepdims=keepdims)
    x = in_front(a, axis)  # (n, ...)
    weak = type(q) in (int, float)
    q = q if foreign(q) else np.asarray(q)
    if not np.all(np.greater_equal(q, 0) & np.less_equal(q, 1)):
        raise ValueError("Quantiles must be in the range [0, 1]")
    n: Any = np.shape(x)[0]
    if skip_nan:
        missing = np.isnan(x)
        x = np.where(missing, np.nan, x)  # no gradient to these
        n = n - np.count_nonzero(missing, axis=0)
    ordered = np.sort(x, axis=0)
    if weights is not None:
        if method != "inverted_cdf":
            raise ValueError(f"Only method 'inverted_cdf' supports weights. Got: {method}.")
        weights = np.broadcast_to(aligned(held(weights), a, axis), np.shape(a))
        if not np.all(np.greater_equal(weights, 0)):
            raise ValueError("Weights must be non-negative.")
        weights = in_front(weights, axis)
        y = read(ordered, weighted_ranks(x, np.where(np.isnan(x), 0, weights) if skip_nan else weights, q), n)
    else:
        below, weight = place(n, np.reshape(q, (*np.shape(q), *(1,) * (np.ndim(x) - 1))), method)
        y = read(ordered, below, n)
        if weight is not None:
            weight = astype(weight, np.result_type(a, np.float16)) if weak else weight
            above = read(ordered, below + np.not_equal(weight, 0) if pair else below + 1, n)
            y = 0.5 * y + 0.5 * above if pair else between(y, above, weight)
    if not skip_nan:
        last = getitem(ordered, -1)
        y = np.where(np.isnan(last), last, y)
    return np.reshape(y, (*np.shape(q), *kept(a, axis, keepdims)))


QUANTILES: list[Case] = [
    (((2, 4),), {"q": 0.3}),
    (((2, 4),), {"q": [0.0, 0.35, 0.5, 1.0], "axis": 0}),
    (((2, 4, 2),), {"q": 0.6, "axis": (0, -2), "keepdims": True}),
    (((5,),), {"q": [0.4]}),
    *((((2, 5),), {"q": [0.02, 0.3, 0.4, 0.97], "axis": 1, "method": name}) for name in (*CONTINUOUS, *METHODS)),
    (((2, 3),), {"q": [0.2, 0.7], "axis": 1, "weights": [[1.0, 3, 2], [0, 4, 1]], "method": "inverted_cdf"}),
]
WEIGHTED: Case = (((2, 3),), {"q": 1, "axis": -1, "weights": [1.0, 3.0, 2.0], "method": "inverted_cdf"})
PERCENTILES = [(shapes, {**params, "q": np.multiply(params["q"], 100).tolist()}) for shapes, params in QUANTILES]


@composite(np.quantile, cases=[*QUANTILES, WEIGHTED])
def quantile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Any = None,
) -> Any:
    """Return the value below which lies the part q of the elements; with several q, along a new first axis."""
    refuse_out("quantile", out)
    refuse_complex(a)
    return quantiles(a, q, axis, method, keepdims, weights)


@composite(np.percentile, cases=PERCENTILES)
def percentile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Any = None,
) -> Any:
    """Return the quantile of q percent."""
    refuse_out("percentile", out)
    refuse_complex(a)
    return quantiles(a, of_hundred(q), axis, method, keepdims, weights)


@composite(np.nanquantile, cases=QUANTILES, prepare=some_nan)
def nanquantile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Any = None,
) -> Any:
    """Return the quantile of what is not NaN."""
    refuse_out("nanquantile", out)
    refuse_complex(a)
    return quantiles(a, q, axis, method, keepdims, weights, skip_nan=True)


@composite(np.nanpercentile, cases=PERCENTILES, prepare=some_nan)
def nanpercentile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Any = None,
) -> Any:
    """Return the quantile of q percent of what is not NaN."""
    refuse_out("nanpercentile", out)
    refuse_complex(a)
    return quantiles(a, of_hundred(q), axis, method, keepdims, weights, skip_nan=True)


MEDIANS: list[Case] = [
    (((2, 3),), {}),
    (((2, 4),), {"axis": 0}),
    (((2, 4, 2),), {"axis": (0, -2), "keepdims": True}),
    (((5,),), {"axis": -1}),
]


@composite(np.median, cases=MEDIANS)
def median(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    """Return the element in the middle, or the mean of the two there."""
    refuse_out("median", out)
    if not np.size(a):
        return np.mean(a, axis=axis, keepdims=keepdims)
    return quantiles(a, 0.5, axis, "linear", keepdims, None, pair=True)


@composite(np.nanmedian, cases=MEDIANS, prepare=some_nan)
def nanmedian(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    """Return the median of what is not NaN."""
    refuse_out("nanmedian", out)
    return quantiles(a, 0.5, axis, "linear", keepdims, None, skip_nan=True, pair=True)


def refuse_complex(a: Any) -> None:
    """Raise for complex numbers, between which no line lies that keeps their order."""
    if np.iscomplexobj(a):
        raise TypeError("a must be an array of real numbers")


def of_hundred(q: Any) -> Any:
    """Return percents as parts of 1; a Python number stays one."""
    return q / 100 if foreign(q) or type(q) in (int, float) else np.true_divide(q, 100)
