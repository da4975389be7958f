"""A function at one point, as the laws look at it: its results, its gradients, and how closely two of these must agree.

Two computations of one gradient differ by rounding, and cancellation makes that large beside what is left. So they
agree if they differ by no more than half the digits of the largest element, or by some roundings of what cancelled.
"""

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tensorgrad.backends import dtype_of
from tensorgrad.creation import tensor
from tensorgrad.graph import Tensor, raw
from tensorgrad.node import enable_grad
from tensorgrad.rng import Rng, as_rng
from tensorgrad.testing import record
from tensorgrad.testing.gradcheck import gradcheck
from tensorgrad.testing.inputs import Inputs
from tensorgrad.testing.report import GradientError, Report
from tensorgrad.trees import leaves

Array = NDArray[Any]

ROUNDINGS = 1024  # of the terms that a gradient is a sum of, which may be left where they cancel


class BrokenError(Exception):
    """A law does not hold: what was found and expected, with numbers, and what to do."""

    def __init__(self, words: str, report: Report | None = None) -> None:
        super().__init__(words)
        self.report = report


class SkippedError(Exception):
    """A law says nothing here: why."""


class Trial:
    """A function and the inputs at which its laws are checked."""

    def __init__(self, f: Callable[..., Any], given: tuple[Any, ...], order: int, rng: int | Rng) -> None:
        self.f, self.given, self.order, self.seed = f, given, order, rng
        self.inputs, self.rng = Inputs(given), as_rng(rng)

    # Results and gradients
    def outs(self, arrays: Sequence[Any]) -> list[Any]:
        """Return the floating results of the function, in one list, of arrays or of tensors."""
        with enable_grad():
            return floating(self.f(*self.inputs.nest(list(arrays))))

    def record(self, arrays: Sequence[Array]) -> tuple[list[Any], list[Tensor]]:
        """Return the results of the function on leaves that hold copies of arrays, and the leaves."""
        xs = [tensor(a, requires_grad=True) for a in arrays]
        return self.outs(xs), xs

    def pull(self, arrays: Sequence[Array], seeds: Sequence[Array]) -> list[Array]:
        """Return the gradient of <seeds, results> for each array."""
        outs, xs = self.record(arrays)
        return pulled(outs, xs, seeds)

    def seeds(self, outs: Sequence[Any]) -> list[Array]:
        """Return a random cotangent for each result, of elements between 1 and 2 of either sign that float32 holds."""
        return [self.random(np.shape(y), dtype_of(raw(y)).kind == "c") for y in outs]

    def random(self, shape: tuple[int, ...], both: bool) -> Array:
        """Return such numbers; both: complex ones."""
        sizes = 1 + np.floor(64 * self.rng.random(shape)) / 64
        numbers = np.asarray(np.where(self.rng.random(shape) < 0.5, -sizes, sizes))
        return numbers + 1j * self.random(shape, False) if both else numbers

    @cached_property
    def report(self) -> Report:
        """What the gradient check says."""
        try:
            return gradcheck(self.f, *self.given, order=self.order, rng=self.seed)  # type: ignore[arg-type]  # 1 or 2
        except GradientError as error:
            return error.report

    # Agreement
    def bounds(self, found: Sequence[Array], arrays: Sequence[Array], outs: Sequence[Any]) -> list[float]:
        """Return how far two computations of each of these gradients may be apart."""
        eps = coarsest([*outs, *arrays])
        moved = ROUNDINGS * eps * sum(float(np.abs(raw(y)).sum()) for y in outs)
        return [math.sqrt(eps) * top(g) + moved / (top(a) or 1.0) for g, a in zip(found, arrays, strict=True)]

    def compare(
        self, got: Sequence[Array], want: Sequence[Array], bounds: Sequence[float], what: str, cure: str
    ) -> None:
        """Raise BrokenError if gradients differ by more than their bounds. what: says of `got` what it is."""
        for k, (g, e, bound) in enumerate(zip(got, want, bounds, strict=True)):
            if place := worst(g, e, np.full(np.shape(e), bound)):
                raise BrokenError(f"{what}, for {self.where(k, place[0])}, is {place[1]}. {cure}")

    def where(self, k: int, element: tuple[int, ...] = ()) -> str:
        """Return what a text calls an array of the inputs, or an element of it."""
        argument, path = self.inputs.places[k]
        inside = "".join(f"[{key!r}]" for key in path)
        return f"argument {argument}{inside}" + (f" at {list(element)}" if element else "")


def floating(y: Any) -> list[Any]:
    """Return the floating arrays and tensors in a result of any nesting."""
    return [part for _, part in leaves(y) if dtype_of(raw(part)).kind in "fc"]


def pulled(outs: Sequence[Any], xs: Sequence[Tensor], seeds: Sequence[Array]) -> list[Array]:
    """Return the gradient of <seeds, outs> for each leaf, from copies of the seeds, which a rule may write into."""
    return record.pulled(outs, xs, [np.array(seed) for seed in seeds])


def coarsest(arrays: Sequence[Any]) -> float:
    """Return the relative spacing of the numbers in the array that has the fewest digits, or in float64."""
    return max(float(np.finfo(dtype).eps) for dtype in {np.dtype(np.float64), *(dtype_of(raw(a)) for a in arrays)})


def top(a: Any) -> float:
    """Return the size of the largest element."""
    return float(np.abs(a).max(initial=0.0))


def worst(got: Any, want: Any, bound: Array) -> tuple[tuple[int, ...], str] | None:
    """Return where two arrays of one shape are furthest beyond their bound, and the numbers there; None if nowhere."""
    got, want = np.asarray(got), np.asarray(want)
    apart = np.where(np.isnan(got) & np.isnan(want) | (got == want), 0.0, np.abs(got - want))
    off = ~(apart <= bound)
    if not off.any():
        return None
    place = np.unravel_index(np.argmax(np.where(off, np.nan_to_num(apart, nan=np.inf), -1.0)), off.shape)
    far = f"they are {apart[place]:.2g} apart, where rounding explains {bound[place]:.2g}"
    numbers = f"{got[place]:.9g}, expected {want[place]:.9g}: {far}"
    return tuple(map(int, place)), numbers
