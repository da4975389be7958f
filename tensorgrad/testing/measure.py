"""The ladder of oracles: measures a subject's derivative along a way, each time with an error bar.

The complex step is exact where every recorded step is analytic; differences are good for all else, in numbers with
more digits where the platform has them and those of float64 do not suffice.
"""

import math
import warnings
from collections.abc import Callable

import numpy as np

from tensorgrad.testing.inputs import wide
from tensorgrad.testing.oracle import PROBE, Array, Estimate, Line, dot, rounding, slope
from tensorgrad.testing.subject import Subject, epsilon, sizes, top
from tensorgrad.testing.ways import Way

ASIDE = 2.0**-80  # the imaginary step, relative: its square is nothing, and so is what it adds to any real part
LEAST = 1e-280  # below this, an imaginary part may have lost digits
LONG = np.finfo(np.longdouble).eps < np.finfo(np.float64).eps  # whether this platform has numbers with more digits
DISTANCES = (8, 64)  # of the points that show rounding, in spacings of x


class Measure:
    """Differences of a subject around one point, in one precision."""

    def __init__(self, subject: Subject, precision: type[np.floating] = np.float64) -> None:
        self.subject = subject
        self.x = wide(subject.arrays, precision)
        self.tops = [top(a) for a in self.x]
        self.sizes = [sizes(a) for a in self.x]
        self.y = subject.value(self.x)
        self.epsilon = max(subject.epsilon, epsilon(self.y)) if precision is np.float64 else epsilon(self.y)
        self.rounding = np.zeros_like(self.y)

    def listen(self, ways: list[Array]) -> None:
        """Estimate the rounding of the results, along a direction of each input; a further time, with more samples."""
        spacing = max(map(epsilon, self.x))
        noise = rounding(self.subject.value, self.x, self.y, ways, spacing, self.epsilon)
        self.rounding = np.maximum(self.rounding, noise)

    def along(self, way: Way) -> Callable[[float], Array]:
        """Return the results as a function of how far the input is moved."""
        x = list(self.x)

        def at(t: float) -> Array:
            x[way.array] = way.moved(self.x[way.array], t)
            return self.subject.value(x)

        return at

    def differences(self, way: Way, shift: float = 1.0, thorough: bool = False) -> tuple[Estimate, float]:
        """Return the slope along a way, and the size of the results that it changes. shift, thorough: as in `slope`."""
        at = self.along(way)
        length = float(np.abs(way.direction).max())
        stretches = (self.tops[way.array] / length, 1 / length)
        far = at(PROBE * shift * max(1.0, stretches[0]))
        touched = far != self.y  # rounding is the same, and cancels, in results that do not depend on the element
        if not touched.any():
            touched[...] = True  # they do not depend on it, or its changes drown in their rounding
        line = Line(at, self.y, self.subject.cotangent, np.where(touched, self.rounding, 0.0), self.epsilon)
        change = np.where(np.isfinite(far), np.abs(far - self.y), 0.0)
        size = np.where(touched, np.maximum(np.abs(self.y), self.subject.natural) + change, 0.0)
        return slope(line, stretches, shift, thorough), dot(line.weight, size)

    def aside(self, way: Way, noisy: bool = False) -> tuple[Estimate, float] | None:
        """Return the same by a complex step; None if it cannot be taken.   noisy: estimate its rounding as well."""
        assert self.subject.analytic is not None
        cotangent = self.subject.cotangent
        x: list[Array] = list(self.x)
        k = way.array

        def tangent(point: list[Array]) -> Array:
            x[k] = way.moved(point[0], ASIDE * 1j)
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # a cast that drops the imaginary part
                found: Array = self.subject.analytic(x)  # type: ignore[misc]
            return found.imag / ASIDE if found.dtype.kind == "c" else np.zeros(found.shape)

        try:
            slopes = tangent([self.x[k]])
        except Exception:
            return None
        weight = np.abs(cotangent)
        large = dot(weight, np.abs(slopes))
        if not math.isfinite(large) or 0 < large < LEAST / ASIDE * 1e-10:
            return None
        error = 4 * self.epsilon * large
        if noisy:
            u = way.moved(np.zeros_like(self.x[k]), 1.0)
            error += dot(weight, rounding(tangent, [self.x[k]], slopes, [u], epsilon(self.x[k]), self.epsilon))
        touched = slopes != 0
        size = (
            dot(
                weight,
                np.where(touched if touched.any() else True, np.maximum(np.abs(self.y), self.subject.natural), 0.0),
            )
            + large
        )
        return Estimate(dot(cotangent, slopes), error), size
