"""Mini-batches."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tensorgrad.graph import raw
from tensorgrad.rng import Rng, as_rng

Pair = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


def batches(
    X: Any,
    y: Any,
    batch_size: int,
    *,
    shuffle: bool = True,
    rng: int | Rng | None = None,
    drop_last: bool = False,
) -> Iterator[Pair]:
    """Return an iterator over (X, y) in batches of `batch_size` rows, every row once.

    The last batch is smaller if `batch_size` does not divide the rows; with `drop_last` it is left out.
    Raises ValueError if X and y differ in length or hold NaN or infinity.

    >>> [len(x) for x, _ in batches(np.zeros((5, 2)), np.zeros(5), 2)]
    [2, 2, 1]
    """
    X, y = checked(X, y)
    return slices(X, y, batch_size, shuffle=shuffle, rng=as_rng(rng), drop_last=drop_last)


def slices(X: Any, y: Any, batch_size: int, *, shuffle: bool, rng: Rng, drop_last: bool = False) -> Iterator[Pair]:
    """Return the iterator of `batches` over data that has been checked."""
    if not isinstance(batch_size, int | np.integer) or batch_size < 1:
        raise ValueError(f"batch_size must be a positive integer, got {batch_size!r}")
    stop = len(X) // batch_size * batch_size if drop_last else len(X)
    order = rng.permutation(len(X)) if shuffle else None
    places = (slice(i, min(i + batch_size, stop)) for i in range(0, stop, batch_size))
    return ((X[p], y[p]) if order is None else (X[order[p]], y[order[p]]) for p in places)


def checked(X: Any, y: Any) -> Pair:
    """Return X and y as arrays. Raise ValueError if they differ in length, are empty, or hold NaN or infinity."""
    X, y = np.asarray(raw(X)), np.asarray(raw(y))
    if X.ndim == 0 or y.ndim == 0 or len(X) != len(y):
        raise ValueError(f"X and y must have one row per example each, got shapes {X.shape} and {y.shape}")
    if not len(X):
        raise ValueError(f"there is no data: X has shape {X.shape}")
    require_finite("X", X)
    require_finite("y", y)
    return X, y


def require_finite(name: str, values: np.ndarray[Any, Any]) -> None:
    """Raise ValueError, with the first place, if there is a NaN or an infinity in the data."""
    if values.dtype.kind not in "biufc":
        raise TypeError(f"{name} must hold numbers, got {values.dtype}")
    with np.errstate(all="ignore"):
        suspicious = values.dtype.kind in "fc" and not np.isfinite(np.sum(values))  # one fast pass
    if suspicious:  # or an overflow of the sum
        bad = ~np.isfinite(values)
        if bad.any():
            place = tuple(map(int, np.unravel_index(np.argmax(bad), values.shape)))
            raise ValueError(
                f"{name} holds {int(bad.sum())} values that are NaN or infinite, "
                f"the first ({values[place]}) at {place}: remove or replace them"
            )
