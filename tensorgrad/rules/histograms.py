"""Histograms: counts are constant almost everywhere, but not sums of weights, nor edges that follow the data."""

from typing import Any

import numpy as np

from tensorgrad.backends import astype, dispatched, getitem, scatter_add
from tensorgrad.op import composite, refuse, register


# What only the values say, never a gradient
@dispatched
def edges_of(a: Any, bins: Any, range: Any = None, weights: Any = None) -> Any:
    """Return NumPy's edges."""
    return np.histogram_bin_edges(a, bins, range, weights)


@dispatched
def edges_of_one(a: Any, bins: Any, range: Any) -> Any:
    """Return the edges of a variable among others, of which NumPy keeps no dtype but that of the samples."""
    return np.histogramdd((a,), [bins], [range])[1][0]


@dispatched
def places_of(*pairs: Any) -> Any:
    """Return the bin of each sample, for edges and samples of one variable after the other, numbered in one row.

    The last bin of each variable has its upper edge. A sample in no bin gets the number of bins.
    """
    total, inside, place = 1, True, 0
    for edges, x in zip(pairs[::2], map(np.ravel, pairs[1::2]), strict=True):
        n = np.shape(edges)[0] - 1
        inside = inside & (x >= edges[0]) & (x <= edges[-1])
        place = place * n + np.where(x == edges[-1], n - 1, np.searchsorted(edges, x, side="right") - 1)
        total *= n
    return np.where(inside, place, total)


@dispatched
def counts_of(*pairs: Any) -> Any:
    """Return how many samples are in each bin."""
    shape = tuple(np.shape(edges)[0] - 1 for edges in pairs[::2])
    size = int(np.prod(shape))
    return np.bincount(places_of(*pairs), minlength=size)[:size].reshape(shape)


register(places_of, cases=[(((2,), (3,)), {})], prepare=lambda edges, x: (np.arange(np.size(edges)), x))
register(edges_of, cases=[(((5,),), {"bins": 3}), (((5,),), {"bins": 2, "range": (0.0, 1.0)})])
register(edges_of_one, cases=[(((5,),), {"bins": 3, "range": (0.0, 1.0)})])
register(counts_of, cases=[(((2,), (3,)), {})], prepare=lambda edges, x: (np.arange(np.size(edges)), x))


def sums(weights: Any, *pairs: Any) -> Any:
    """Return the sum of the weights in each bin."""
    shape = tuple(np.shape(edges)[0] - 1 for edges in pairs[::2])
    size = int(np.prod(shape))
    total = scatter_add(np.reshape(weights, (-1,)), places_of(*pairs), (size + 1,))
    return np.reshape(getitem(total, slice(size)), shape)


INDICES = np.array([2, 0, 2, 1, 4])


@composite(
    np.bincount,
    cases=[(((5,),), {}), (((5,),), {"minlength": 7})],
    prepare=lambda weights: (INDICES[: np.size(weights)], weights),
)
def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    """Return the sum of the weights of each whole number in a row."""
    dtype = np.result_type(x)
    if not np.can_cast(dtype, np.intp, "safe"):
        raise TypeError(f"bincount counts whole numbers, got an array of {dtype}: convert it with .data.astype(int)")
    if not np.can_cast(np.result_type(weights), np.float64, "safe"):
        raise TypeError(f"bincount sums real weights, got {np.result_type(weights)}")
    if np.ndim(x) != 1 or np.shape(weights) != np.shape(x):
        raise ValueError(f"bincount: a weight for each number of a row, got {np.shape(weights)} for {np.shape(x)}")
    if np.any(np.less(x, 0)) or minlength < 0:
        raise ValueError("bincount: neither the numbers nor minlength may be negative")
    if not np.size(x):
        return np.zeros_like(weights, shape=(minlength,), dtype=int)  # NumPy counts these
    return scatter_add(astype(weights, np.float64), x, (max(int(np.max(x)) + 1, minlength),))


@composite(
    np.histogram_bin_edges,
    cases=[(((5,),), {}), (((2, 3),), {"bins": 3}), (((7,),), {"bins": "sqrt"}), (((1,),), {"bins": 2})],
    prepare=np.real,
)
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    """Return equidistant edges from the least to the greatest element, or the given ones."""
    return follow(edges_of(a, bins, range, weights), a, bins, range)


def follow(edges: Any, a: Any, bins: Any, range: Any) -> Any:
    """Return edges as a function of what they were made from."""
    if np.iscomplexobj(a):
        raise TypeError("histogram: complex numbers have no order; take np.real or np.abs of them")
    if isinstance(bins, list | tuple):
        return edges if all(map(np.isscalar, bins)) else np.stack(bins)
    if np.ndim(bins):
        return bins
    if np.size(a) == 0 if range is None else all(map(np.isscalar, range)):
        return edges
    low, high = (np.min(a), np.max(a)) if range is None else range
    alike = np.equal(low, high)
    low, high = np.where(alike, low - 0.5, low), np.where(alike, high + 0.5, high)
    n = np.shape(edges)[0] - 1
    return low + (high - low) * (np.arange(n + 1) / n).astype(np.result_type(edges))


@composite(
    np.histogram,
    cases=[
        (((6,),), {"bins": 3}),
        (((6,),), {"bins": 2, "density": True}),
        (((6,),), {"bins": [0.6, 1.0, 1.7], "weights": [1.0, 2.0, 0.5, 1.5, 1.0, 3.0]}),
        (((5,),), {"bins": 2, "weights": [1.0, 2.0, 0.5, 1.5, 1.0], "density": True}),
    ],
    prepare=lambda a: np.exp(0.5 * np.real(a)),  # equidistant data lie on edges
)
def histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> tuple[Any, Any]:
    """Return how many elements are in each bin, or the sum of their weights, or their density; and the edges."""
    if weights is not None and np.shape(weights) != np.shape(a):
        raise ValueError(f"histogram: a weight for each element, got {np.shape(weights)} for {np.shape(a)}")
    exact = edges_of(a, bins, range, weights)  # the least and the greatest are not to fall out by rounding
    edges = follow(exact, a, bins, range)
    counts = counts_of(exact, a) if weights is None else sums(weights, exact, a)
    if density:
        counts = counts / astype(np.diff(edges), np.float64) / np.sum(counts)
    return counts, edges


@composite(
    np.histogram2d,
    cases=[
        (((6,), (6,)), {"bins": 2}),
        (((6,), (6,)), {"bins": [2, [0.2, 1.0, 3.6]], "density": True}),
        (((4,), (4,)), {"bins": [0.2, 1.0, 2.0, 3.6], "weights": [1.0, 2.0, 0.5, 1.5]}),
        (((4,), (4,)), {"bins": 2, "range": [[-2.0, 2.0], [-1.0, 1.0]]}),
    ],
    prepare=lambda x, y: (np.exp(0.5 * np.real(x)), np.exp(0.6 * np.real(y))),
)
def histogram2d(
    x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> tuple[Any, Any, Any]:
    """Return how many points are in each cell, or the sum of their weights, or their density; and the edges."""
    if np.ndim(x) != 1 or np.shape(x) != np.shape(y):
        raise ValueError(f"histogram2d: x and y are rows of one length, got {np.shape(x)} and {np.shape(y)}")
    if isinstance(bins, str):
        raise TypeError(f"histogram2d: bins are numbers or edges, got {bins!r}")
    number = not isinstance(bins, list | tuple) and not np.ndim(bins)
    each = (bins, bins) if number or len(bins) != 2 else bins
    within = (None, None) if range is None else range
    exact = [edges_of_one(a, b, r) for a, b, r in zip((x, y), each, within, strict=True)]
    edges = [follow(e, a, b, r) for e, a, b, r in zip(exact, (x, y), each, within, strict=True)]
    pairs = (exact[0], x, exact[1], y)
    counts = astype(counts_of(*pairs) if weights is None else sums(weights, *pairs), np.float64)
    if density:
        widths = [astype(np.diff(e), np.float64) for e in edges]
        counts = counts / (np.expand_dims(widths[0], 1) * widths[1]) / np.sum(counts)
    return counts, edges[0], edges[1]


refuse("the edges it returns are a list within a tuple; use np.histogram2d, or compute on .data", np.histogramdd)
