"""The ways in which the inputs are moved: one element, or all or some elements of one input, or of all inputs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tensorgrad.rng import Rng

Array = NDArray[Any]

RANDOM = 8  # directions of all elements
BIN = 10  # powers of 2 that elements of one group may differ by


@dataclass(frozen=True)
class Way:
    """A direction in which the inputs move."""

    array: int | None  # number of the input; None for all
    direction: Array  # of all elements of the input, or of all inputs one after the other; of one element by itself
    element: int | None = None  # flat index; None for several

    def of(self, values: Sequence[Array]) -> Array:
        """Return those of the values, a flat array of them for each input, that belong to the elements that move."""
        if self.array is None:
            return np.concatenate(values)
        mine = values[self.array]
        return mine if self.element is None else mine[self.element : self.element + 1]

    def moved(self, xs: Sequence[Array], t: complex) -> list[Array]:
        """Return the inputs, `t` along the way."""
        new = list(xs)
        if self.array is None:
            parts = np.split(self.direction, np.cumsum([x.size for x in xs])[:-1])
            return [x + (t * part).reshape(x.shape) for x, part in zip(xs, parts, strict=True)]
        x = xs[self.array]
        if self.element is None:
            new[self.array] = x + (t * self.direction).reshape(x.shape)
        else:
            x = x.astype(np.result_type(x, np.complex128)) if isinstance(t, complex) else x.copy()
            x.reshape(-1)[self.element] += t * self.direction[0]
            new[self.array] = x
        return new


def unit(sizes: Array, rng: Rng) -> Array:
    """Return a random direction: each element moves by 1, 9/8, ... or 15/8 of its size, up or down.

    Of these 16 lengths of an element, at most one makes its error cancel those of all others: a wrong gradient
    escapes a direction with probability 1/16 or less, unless its error is below the rounding of the whole.
    """
    lengths = (1 + np.floor(8 * rng.random(sizes.size)) / 8) * sizes
    return np.where(rng.random(sizes.size) < 0.5, -lengths, lengths)


def directions(x: Array, sizes: Array, claim: Array, rng: Rng) -> Iterator[Array]:
    """Yield directions for an input with too many elements to look at each: of all elements, and of groups of them.

    A group has in common where bugs are: the sign of the input, its place at an edge, its size, the size of its
    gradient. Small gradients are seen in groups of their own, which the rounding of large ones does not hide.
    x: the input.   sizes, claim: of each of its elements, flat; the size of a step, and the gradient under test.
    """
    for _ in range(RANDOM):
        yield unit(sizes, rng)
    for group in groups(x, np.abs(claim) * sizes):
        if 0 < np.count_nonzero(group) < group.size:
            yield np.where(group, unit(sizes, rng), 0.0)


def together(xs: Sequence[Array], sizes: Sequence[Array], rng: Rng) -> Iterator[Array]:
    """Yield directions of all inputs for a point at a kink: what is right in each element need not be so in several.

    In every second one, elements of one size move together, away from 0 or towards it. Ties stay ties on such a way,
    so that the function has no kink along it that would leave room for a tie counted twice.
    """
    everywhere = np.concatenate(sizes)
    values = np.concatenate([x.ravel() for x in xs])
    _, place = np.unique(np.abs(values), return_inverse=True)
    first = np.unique(place, return_index=True)[1]
    for _ in range(RANDOM):
        yield unit(everywhere, rng)
        yield unit(everywhere[first], rng)[place] * np.where(values < 0, -1, 1)


def groups(x: Array, effect: Array) -> Iterator[Array]:
    """Yield masks of the elements of x, flat, that have something in common.   effect: of each, on the result."""
    yield x.ravel() < 0
    yield x.ravel() > 0
    for values in (np.abs(x).ravel(), effect):
        yield values == 0
        known = np.isfinite(values) & (values > 0)
        bins = np.where(known, np.floor(np.log2(np.where(known, values, 1.0)) / BIN), np.nan)
        for kind in np.unique(bins[known])[:8]:
            yield bins == kind
    place = np.arange(x.size).reshape(x.shape)
    for axis, n in enumerate(x.shape):
        for edge in (0, n - 1):
            yield np.isin(place.ravel(), place.take(edge, axis=axis))
