"""Measures derivatives by differences, and says by how much each may be off.

The oracle looks at a function along a line, t -> f(x + t u), where u is as large as x: t is relative to the input's
scale, so that nothing here has a unit. Central differences at halved steps fill Ridders' tableau (Ridders 1982, as in
Numerical Recipes, section 5.7), which extrapolates them to step 0 and says how well its columns agree. Large steps
suffer from what the function does in between, small ones from rounding; which are good depends on the function, so
that all scales are tried, small ones first, and a larger one is believed only where it agrees with the smaller ones.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

JUMPS = "it seems to jump here"
JUMP = 1e6  # times the rounding: a jump that is none of its steps
STEP = 2.0**-14  # where rounding (1/step) and truncation (step**2) are both small, for most functions
ENOUGH = 1e-7  # relative error below which no other step is tried
SCALES = (2.0**-38, 2.0**-32, 2.0**-26, 2.0**-20, STEP, 2.0**-8, 2.0**-3)
FLAT = 2.0**-8  # a function that does not move with steps of this size is flat
PROBE = 2.0**-2  # a step that shows which results depend on an input at all
ROWS = 6  # of a tableau: steps down to 1/32 of the first
FAR = (math.pi * 2.0**-32, math.pi * 2.0**-22)  # where to look for rounding; at powers of 2 all is rounded alike
LEVEL = 32.0  # rounding is the same at any distance; what is left of a smooth function grows with its fourth power
SLIGHT = 2.0**-16  # what moves a result by more is not called rounding
VAGUE = 0.05  # relative error of an estimate that a function seen to be flat at small scales overrules
AGREE = 5.0  # estimates further apart than this many errors contradict each other
SMOOTH = 0.7  # the gap between one-sided slopes halves with the step, unless there is a kink


@dataclass(frozen=True)
class Estimate:
    """A measured derivative, and how far from it the true one may be."""

    value: float
    error: float
    kink: float = 0.0  # half the distance between the one-sided derivatives, where they differ
    gap: float = 0.0  # the same at the step taken: where there is no kink, the curvature
    reason: str = ""  # what limits the error, in words
    jump: float = 0.0  # how far the function jumps at 0, if it seems to

    @property
    def stuck(self) -> bool:
        """Whether nothing moved: the function is flat here, or the steps were finer than its grain."""
        return self.value == 0 and self.gap == 0


@dataclass(frozen=True)
class Line:
    """A function of one number with arrays for results, which `cotangent` weighs and sums."""

    at: Callable[[float], Array]
    origin: Array  # at(0)
    cotangent: Array
    rounding: Array  # of each result, absolute
    epsilon: float  # of the results' dtype

    @cached_property
    def weight(self) -> Array:
        """The size of the cotangent."""
        return np.abs(self.cotangent)

    @cached_property
    def noise(self) -> float:
        """The rounding of the weighted sum."""
        return dot(self.weight, self.rounding)


class Difference(NamedTuple):
    """What two results, at t and -t, say about the slope at 0."""

    slope: float
    gap: float  # half the distance between the slopes on the two sides, summed over the results
    noise: float  # the part of the slope that may be rounding


def difference(line: Line, t: float, spacing: float = 0.0) -> Difference:
    """Return the central difference at step `t`.   spacing: of the numbers in x, if x + t u is rounded to them."""
    up, down = line.at(t), line.at(-t)
    change = up - down
    slope = dot(line.cotangent, change) / (2 * t)
    gap = dot(line.weight, np.abs(up + down - 2 * line.origin)) / (2 * t)
    noise = (line.noise + (line.epsilon + spacing / t) * dot(line.weight, np.abs(change))) / t
    return Difference(slope, gap, noise)


def dot(a: Array, b: Array) -> float:
    """Return the inner product of two vectors; of long ones, without the threads that BLAS would start for each."""
    return float(a @ b) if a.size < 10_000 else float((a * b).sum())


def tableau(line: Line, step: float, enough: float = 0.0, spacing: float = 0.0) -> Estimate:
    """Return the derivative at 0 extrapolated from differences at `step` and its halves (Ridders).

    enough: stop at this relative error.   spacing: as in `difference`.
    """
    best, best_step, scatter = Estimate(math.nan, math.inf, reason="it is not finite around here"), step, 0.0
    above: list[float] = []  # the row before
    last: Difference | None = None
    change = math.inf
    for i in range(ROWS):
        h = step / 2**i
        d = difference(line, h, spacing)
        if not math.isfinite(d.slope):
            above, last, change = [], None, math.inf
            continue
        row = [d.slope]
        for j, old in enumerate(above, 1):
            row.append(row[-1] + (row[-1] - old) / (4**j - 1))
            error = max(abs(row[j] - row[j - 1]), abs(row[j] - old)) + 2 * d.noise
            if error < best.error:
                best, best_step = Estimate(row[j], error, kink(d, last), d.gap, explain(error, d, last)), h
        if last is not None:
            if best.error <= enough * max(abs(best.value), d.gap):
                return best
            previous, change = change, abs(d.slope - last.slope)
            if change > previous / 2:  # truncation would fall to a quarter: this is noise, whatever the cells agree on
                scatter = max(scatter, change * h)
            if len(row) > 2 and abs(row[-1] - above[-1]) > 2 * best.error:
                break
        above, last = row, d
    jump = last.gap * best_step if best.reason == JUMPS and last is not None else 0.0
    return replace(best, error=max(best.error, scatter / best_step), jump=jump)


def kink(d: Difference, last: Difference | None) -> float:
    """Return half the jump of the derivative at 0, as differences at a step and at its double show it; or 0."""
    persists = last is not None and d.gap > SMOOTH * last.gap and d.gap > 10 * d.noise
    return d.gap if persists else 0.0


def explain(error: float, d: Difference, last: Difference | None) -> str:
    """Say what limits the error of an extrapolated difference."""
    if error < 4 * d.noise:
        return "its rounding hides the derivative"
    if last is not None and abs(d.slope - 2 * last.slope) < 0.1 * abs(d.slope):
        return JUMPS
    return "differences at no step agree: it is not smooth at any scale"


def slope(
    line: Line,
    stretches: Iterable[float] = (),
    shift: float = 1.0,
    thorough: bool = False,
    limit: float = math.inf,
) -> Estimate:
    """Return the derivative of a line at 0.

    stretches: larger scales of the input to try where its own is too small, in units of it.
    shift: a factor between 1 and 2 for all steps, for another, independent answer.   thorough: try all of them.
    limit: the largest step within which the function is known to be smooth, so that it may well be flat.
    """
    spacing = 0.0 if shift == 1 else line.epsilon
    thorough = thorough or limit < STEP
    quick = tableau(line, STEP * shift, ENOUGH, spacing)
    if (
        not thorough
        and limit == math.inf
        and quick.kink == 0
        and quick.error <= ENOUGH * max(abs(quick.value), quick.gap)
    ):
        return quick
    steps = [*SCALES, *(s * scale for s in stretches for scale in SCALES[-2:] if s * scale > SCALES[-1])]
    best = flat = Estimate(math.nan, math.inf, reason=quick.reason)
    for step in sorted(step for step in steps if step <= limit):
        found = quick if step == STEP and not thorough else tableau(line, step * shift, spacing=spacing)
        if found.jump > JUMP * line.noise:
            return best if math.isfinite(best.error) else replace(best, reason=JUMPS)
        if not math.isfinite(found.error):
            continue
        if found.stuck and step < FLAT:
            flat = found
            continue
        if abs(found.value - best.value) > AGREE * (found.error + best.error) + best.kink:
            break  # it sees something that is not here: another kink, another period
        if found.error < best.error:
            best = found
    vague = not best.error <= VAGUE * abs(best.value)
    return flat if flat.error < best.error and vague else best


def merge(a: Estimate, b: Estimate) -> Estimate:
    """Return what two independent estimates say together: no more than they agree on."""
    apart = abs(a.value - b.value)
    better = a if a.error <= b.error else b
    return replace(better, error=better.error + (apart if math.isfinite(apart) else 0.0), kink=max(a.kink, b.kink))


def rounding(
    f: Callable[[list[Array]], Array],
    x: list[Array],
    y: Array,
    u: list[Array],
    spacing: float,
    epsilon: float,
    far: bool = False,
) -> Array:
    """Return an estimate of the rounding error of each result `y` of `f` at `x`, from results nearby.

    The fourth difference of five close points leaves nothing of a smooth function but its rounding (as in Moré and
    Wild, Estimating computational noise, 2011).   u: the direction in which they lie, as large as x.
    spacing, epsilon: the relative spacing of the numbers in x and in y.
    far: look further away too, where also values show rounding that are all rounded alike nearby, as 1 - cos(x) near 0.
    """

    def noise(distance: float) -> Array:
        points = (f([a + m * distance * b for a, b in zip(x, u, strict=True)]) for m in (1, 2, 3, 4, 5))
        fourth = sum(c * p for c, p in zip((1, -4, 6, -4, 1), points, strict=True))
        return np.abs(fourth) / math.sqrt(70)

    sigma: Array = epsilon * np.abs(y)
    for distance in (4 * spacing, 64 * spacing):
        if distance < 2.0**-6:  # else half precision: nothing is close
            sigma = np.fmax(sigma, noise(distance))  # not a number: beyond the edge of where f is defined
    for distance in FAR if far else ():
        if distance > 256 * spacing:
            near, there = noise(distance / 4), noise(distance)
            level = (there < LEVEL * near) & (there < SLIGHT * np.abs(y))  # else it is the function that changes
            sigma = np.where(level, np.fmax(sigma, there), sigma)
    return sigma
