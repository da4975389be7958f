"""What is told of an array's elements: figures, a histogram, a small map, and what lies idle."""

import math
import sys
from collections.abc import Iterator
from functools import lru_cache, reduce
from typing import Any, NamedTuple

import numpy as np

from tensorgrad.backends import foreign
from tensorgrad.viz.ir import Heat, Stats

BINS = 24  # of a histogram
CELLS = 24  # of a map, at most, along each side
END = 0.01  # of the range between two bounds: what is nearer to one of them is saturated
LARGE = 1 << 20  # elements: from here on figures are made in parts, histogram and map from a sample
PART = 1 << 16  # elements of one part, which fit a processor's cache
SHORT = 1024  # the length of an axis whose parts are averaged by a product
SAFE = 1e150  # squares of numbers between this and its inverse neither overflow nor vanish

Array = np.ndarray[Any, np.dtype[Any]]


def stats(array: Any, bounds: tuple[float, float] | None = None) -> Stats | None:
    """Return what is told of an array's elements; None if they are no numbers, or of an array type that is not NumPy's.

    bounds: of a function that saturates, (-1, 1) or (0, 1): the elements within 1 % of the range of an end are counted.
    The figures are exact, computed in float64, whatever the width. Of more than a million elements, histogram and
    map are those of an even sample, so that the counts add up to fewer. The array is not changed, and nothing warns.

    >>> s = stats(np.array([[0.0, 3.0], [0.0, 4.0]]))
    >>> s.mean, s.norm, s.zeros, s.dead, s.units
    (1.75, 5.0, 2, 1, 2)
    """
    if foreign(array):
        return None
    array = np.asarray(array)
    if array.dtype.kind not in "biufc":
        return None
    with np.errstate(all="ignore"):
        return found(array, bounds)


def found(array: Array, bounds: tuple[float, float] | None) -> Stats:
    """Return the statistics of an array of numbers."""
    classes = different(array) if array.dtype.kind in "biu" else None
    if not array.size:
        return Stats(0, classes=classes)
    sample = floats(array if array.size <= LARGE else thinned(array))
    parts = (part_of(x, bounds) for x in ([sample.reshape(-1)] if array.size <= LARGE else pieces(array)))
    whole = reduce(joined, parts)
    units, dead = idle(array, whole.zeros)
    if not whole.finite:
        return Stats(array.size, nans=whole.nans, infinities=whole.infinities, classes=classes, units=units)
    peak = max(-whole.least, whole.greatest)
    power = 0 if 1 / SAFE < peak < SAFE or not peak else math.frexp(peak)[1]
    if power:
        sample = np.ldexp(sample, -power)
    span = math.ldexp(whole.least, -power), math.ldexp(whole.greatest, -power)
    return Stats(
        size=array.size,
        mean=whole.mean,
        deviation=whole.deviation,
        rms=whole.rms,
        norm=min(whole.rms * math.sqrt(whole.finite), sys.float_info.max),
        least=whole.least,
        greatest=whole.greatest,
        zeros=whole.zeros,
        nans=whole.nans,
        infinities=whole.infinities,
        classes=classes,
        counts=histogram(sample.reshape(-1), *span),
        heat=heat(sample, power, whole.finite < array.size) if array.ndim else None,
        units=units,
        dead=dead,
        saturated=whole.saturated if bounds else None,
    )


class Part(NamedTuple):
    """The figures of a part of the elements; roots, not squares, so that joining parts does not overflow."""

    finite: int  # how many elements are
    mean: float
    deviation: float
    rms: float
    least: float
    greatest: float
    zeros: int
    nans: int
    infinities: int
    saturated: int


def part_of(x: Array, bounds: tuple[float, float] | None) -> Part:
    """Return the figures of a vector of float64."""
    size, nans, infinities = x.size, 0, 0
    square = float(x.dot(x))
    if not math.isfinite(square):  # an element is not finite, or its square
        good = np.isfinite(x)
        nans = int(np.count_nonzero(np.isnan(x)))
        x = x[good]
        infinities = size - x.size - nans
        if not x.size:
            return Part(0, 0.0, 0.0, 0.0, math.inf, -math.inf, 0, nans, infinities, 0)
        square = float(x.dot(x))
    least, greatest = float(np.minimum.reduce(x)), float(np.maximum.reduce(x))
    peak, saturated = max(-least, greatest), 0
    if bounds is not None:
        near = END * (bounds[1] - bounds[0])
        saturated = int(np.count_nonzero((x <= bounds[0] + near) | (x >= bounds[1] - near)))
    zeros = x.size - int(np.count_nonzero(x))
    power = 0 if 1 / SAFE < peak < SAFE or not peak else math.frexp(peak)[1]
    if power:
        x = np.ldexp(x, -power)
        square = float(x.dot(x))
    mean = float(np.add.reduce(x)) / x.size
    rest = x - mean
    deviation, rms = math.sqrt(float(rest.dot(rest)) / x.size), math.sqrt(square / x.size)
    return Part(
        x.size,
        min(max(times(mean, power), least), greatest),
        times(deviation, power) if least < greatest else 0.0,
        times(rms, power),
        least,
        greatest,
        zeros,
        nans,
        infinities,
        saturated,
    )


def times(x: float, power: int) -> float:
    """Return x times a power of two; the largest float where there is none so large."""
    try:
        return math.ldexp(x, power)
    except OverflowError:
        return math.copysign(sys.float_info.max, x)


def joined(a: Part, b: Part) -> Part:
    """Return the figures of two parts together (Chan, Golub, LeVeque 1979, with roots in place of squares)."""
    if not a.finite or not b.finite:
        some = a if a.finite else b
        return some._replace(nans=a.nans + b.nans, infinities=a.infinities + b.infinities)
    count = a.finite + b.finite
    share, rest = b.finite / count, a.finite / count
    root, other = math.sqrt(share), math.sqrt(rest)
    apart = b.mean * (root * other) - a.mean * (root * other)
    return Part(
        count,
        a.mean * rest + b.mean * share,
        math.hypot(a.deviation * other, b.deviation * root, apart),
        math.hypot(a.rms * other, b.rms * root),
        min(a.least, b.least),
        max(a.greatest, b.greatest),
        a.zeros + b.zeros,
        a.nans + b.nans,
        a.infinities + b.infinities,
        a.saturated + b.saturated,
    )


def floats(array: Array) -> Array:
    """Return the elements in float64, in C order: complex numbers' sizes, and nothing finite as infinity."""
    kind = array.dtype.kind
    if kind == "c":
        sizes = np.abs(array).astype(np.float64)
    elif array.dtype.itemsize > 8:
        sizes = array.astype(np.float64)
    else:
        return np.ascontiguousarray(array, np.float64).reshape(array.shape)
    over = np.isinf(sizes) & np.isfinite(array)  # finite, and beyond float64
    if over.any():
        sizes[over] = np.copysign(sys.float_info.max, np.real(array[over]) if kind == "f" else 1.0)
    return np.ascontiguousarray(sizes).reshape(array.shape)


def pieces(array: Array) -> Iterator[Array]:
    """Return the elements piece by piece, whatever their order in memory, as vectors of float64."""
    flags: Any = ["external_loop", "buffered"]
    for piece in np.nditer(array, flags, buffersize=PART):
        yield floats(np.asarray(piece))


def matrix(array: Array) -> Array:
    """Return an array as a matrix, whose columns are the last axis; a vector as one row."""
    return array.reshape(-1, array.shape[-1]) if array.ndim > 1 else array.reshape(1, -1)


def thinned(array: Array) -> Array:
    """Return every so manieth row and column, at even distances, of a large array seen as a matrix."""
    columns = array.shape[-1]
    rows = array.size // columns
    step = max(1, math.isqrt(array.size // PART)) if rows > 1 else array.size // PART
    across = min(step, -(-columns // CELLS))
    down = -(-array.size // (PART * across)) if rows > 1 else 1
    if array.ndim < 2:
        return array[None, ::across]
    places: Any = np.unravel_index(np.arange(0, rows, down), array.shape[:-1])
    return np.asarray(array[..., ::across][places])


def different(array: Array) -> int:
    """Return the number of different values of integers or truth values."""
    if not array.size:
        return 0
    least, greatest = int(array.min()), int(array.max())
    if greatest - least < 4 * array.size and greatest < 1 << 62:
        flat = array.reshape(-1).astype(np.int64)
        return int(np.count_nonzero(np.bincount(flat - least if least else flat)))
    return int(np.unique(array).size)


def idle(array: Array, zeros: int) -> tuple[int | None, int]:
    """Return the number of positions of the last axis, and of those that are 0 in all of several rows."""
    if array.ndim < 2 or array.size == array.shape[-1]:
        return None, 0
    units = array.shape[-1]
    if zeros < array.size // units:
        return units, 0
    alive = np.logical_or.reduce(array, axis=tuple(range(array.ndim - 1)))
    return units, units - int(np.count_nonzero(alive))


def histogram(x: Array, least: float, greatest: float) -> tuple[int, ...]:
    """Return how many elements of a vector lie in each of the equal parts; what is all the same, in the middle one."""
    if not least < greatest:
        counts = [0] * BINS
        counts[BINS // 2] = int(np.count_nonzero(np.isfinite(x)))
        return tuple(counts)
    places = (x - least) * (BINS / (greatest - least))
    if not np.isfinite(places.dot(places)):
        places = places[np.isfinite(x)]
    return tuple(np.bincount(np.minimum(places.astype(np.intp), BINS - 1), minlength=BINS).tolist())


def heat(x: Array, power: int, gaps: bool) -> Heat:
    """Return the map of an array, which was divided by a power of two; gaps: whether some elements are not finite."""
    x = matrix(x)
    rows, columns = min(CELLS, x.shape[0]), min(CELLS, x.shape[1])
    if gaps:
        good = np.isfinite(x)
        there = means(good.astype(np.float64), rows, columns)
        found = means(np.where(good, x, 0.0), rows, columns) / np.where(there == 0, 1, there)
    else:
        found = means(x, rows, columns)
    scale = max(float(found.max()), -float(found.min()))
    shades = np.rint(found * (127 / scale)) if scale else np.zeros_like(found)
    return Heat(rows, columns, times(scale, power), tuple(shades.astype(np.int8).ravel().tolist()))


def means(x: Array, rows: int, columns: int) -> Array:
    """Return the means of a matrix over a grid."""
    if rows < x.shape[0]:
        x = averaging(x.shape[0], rows) @ x if x.shape[0] <= SHORT else averaged(x, rows, 0)
    if columns < x.shape[1]:
        x = x @ averaging(x.shape[1], columns).T if x.shape[1] <= SHORT else averaged(x, columns, 1)
    return x


@lru_cache(maxsize=32)
def averaging(size: int, parts: int) -> Array:
    """Return the matrix that takes the means of parts: of short axes a product is the fastest way to them."""
    part = np.arange(size) * parts // size
    chosen = part == np.arange(parts)[:, None]
    return np.asarray(chosen / chosen.sum(axis=1, keepdims=True))


def averaged(x: Array, parts: int, axis: int) -> Array:
    """Return the means of parts of a long axis."""
    starts = -(-np.arange(parts) * x.shape[axis] // parts)
    sizes = np.diff(starts, append=x.shape[axis])
    return np.asarray(np.add.reduceat(x, starts, axis=axis) / (sizes[:, None] if axis == 0 else sizes))
