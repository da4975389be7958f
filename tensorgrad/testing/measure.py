"""The ladder of oracles: measures a subject's derivative along a way, each time with an error bar.

The complex step is exact where every recorded step is analytic; differences are good for all else, in numbers with
more digits where the platform has them and those of float64 do not suffice.
"""

import math
import warnings

import numpy as np

from tensorgrad.testing.inputs import wide
from tensorgrad.testing.oracle import PROBE, SCALES, STEP, Array, Estimate, Line, dot, rounding, slope
from tensorgrad.testing.subject import Subject, epsilon, sizes, top
from tensorgrad.testing.ways import Way

ASIDE = 2.0**-80  # the imaginary step, relative: its square is nothing, and so is what it adds to any real part
LEAST = 1e-280  # below this, an imaginary part may have lost digits
LONG = np.finfo(np.longdouble).eps < np.finfo(np.float64).eps  # whether this platform has numbers with more digits


class Measure:
    """Measurements of a subject's derivative around one point, in one precision."""

    def __init__(self, subject: Subject, precision: type[np.floating] = np.float64) -> None:
        self.subject = subject
        self.x = wide(subject.arrays, precision)
        self.tops = [top(a) for a in self.x]
        self.sizes = [sizes(a) for a in self.x]
        self.y = subject.value(self.x)
        self.epsilon = epsilon(self.y) if precision is np.longdouble else subject.epsilon
        self.rounding = np.zeros_like(self.y)
        far = subject.value([a + PROBE * s.reshape(a.shape) for a, s in zip(self.x, self.sizes, strict=True)])
        self.natural = np.maximum(np.abs(self.y), subject.natural)  # its size, if terms do not cancel by chance
        self.natural = np.maximum(self.natural, np.where(np.isfinite(far), np.abs(far - self.y), 0.0))

    def listen(self, ways: list[Array], far: bool = False) -> None:
        """Estimate the rounding of the results, along a direction of each input; a further time, with more samples."""
        spacing = max(map(epsilon, self.x))
        noise = rounding(self.subject.value, self.x, self.y, ways, spacing, self.epsilon, far)
        self.rounding = np.maximum(self.rounding, noise)

    def line(self, way: Way, shift: float = 1.0) -> tuple[Line, tuple[float, ...], float]:
        """Return the results along a way, larger steps that are worth a try, and the size of the results it changes."""

        def at(t: float) -> Array:
            return self.subject.value(way.moved(self.x, t))

        length = float(np.abs(way.direction).max())
        stretches = () if way.array is None else (self.tops[way.array] / length, 1 / length)
        far = at(PROBE * shift * max((1.0, *stretches[:1])))
        touched = far != self.y  # rounding is the same, and cancels, in results that do not depend on the element
        if not touched.any():
            touched[...] = True  # they do not depend on it, or its changes drown in their rounding
        line = Line(at, self.y, self.subject.cotangent, np.where(touched, self.rounding, 0.0), self.epsilon)
        change = np.where(np.isfinite(far), np.abs(far - self.y), 0.0)
        return line, stretches, dot(line.weight, np.where(touched, self.natural + change, 0.0))

    def differences(self, way: Way, shift: float = 1.0, thorough: bool = False) -> tuple[Estimate, float]:
        """Return the slope along a way, and the size of the results that it changes. shift, thorough: as in `slope`."""
        line, stretches, size = self.line(way, shift)
        return slope(line, stretches, shift, thorough), size

    def on_one_piece(self, way: Way) -> Estimate | None:
        """Return the slope from the largest steps within which the function decides nothing else; None if not known."""
        if self.subject.pattern is None or not (here := self.subject.pattern(self.x)):
            return None
        line, _, _ = self.line(way)
        for step in reversed(SCALES):
            if all(self.subject.pattern(way.moved(self.x, t)) == here for t in (step, -step)):
                return slope(line, limit=step)
        return None

    def on_two_pieces(self, way: Way) -> Estimate | None:
        """Return the slopes on both sides where the function decides something else at any step; None if not known."""
        if self.subject.pattern is None or not self.subject.pattern(self.x) or self.on_one_piece(way) is not None:
            return None
        found = [self.beside(way, side) for side in (-1.0, 1.0)]
        if None in found:
            return None
        left, right = (estimate for estimate in found if estimate is not None)
        kink = abs(right.value - left.value) / 2
        return Estimate((left.value + right.value) / 2, left.error + right.error, kink, kink)

    def beside(self, way: Way, side: float) -> Estimate | None:
        """Return the slope within the piece that begins on one side of x; None if it is too short to be measured."""
        assert self.subject.pattern is not None
        for step in reversed(SCALES):
            first, *rest = (self.subject.pattern(way.moved(self.x, side * t)) for t in (step, step / 64, step / 4096))
            if first is not None and all(first == other for other in rest):
                near = way.moved(self.x, side * step / 64)
                there = Measure.__new__(Measure)
                there.__dict__.update(self.__dict__, x=near, y=self.subject.value(near))
                line, _, _ = there.line(way)
                low, high = (slope(line, limit=step / n) for n in (128, 256))
                return Estimate(high.value, high.error + 2 * abs(high.value - low.value))
        return None

    def aside(self, way: Way, noisy: bool = False) -> tuple[Estimate, float] | None:
        """Return the slope and the size by a complex step; None if it cannot be taken.   noisy: with its rounding."""
        weight = np.abs(self.subject.cotangent)

        def tangent(points: list[Array], step: float = ASIDE) -> Array:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # a cast that drops the imaginary part
                found: Array = self.subject.analytic(way.moved(points, step * 1j))  # type: ignore[misc]
            return found.imag / step if found.dtype.kind == "c" else np.zeros(found.shape)

        try:
            slopes = tangent(self.x)
        except Exception:
            return None
        large = dot(weight, np.abs(slopes))
        if not math.isfinite(large) or 0 < large < LEAST / ASIDE or (large == 0 and tangent(self.x, STEP).any()):
            return None
        error = 4 * self.epsilon * large
        if noisy:
            still = [np.zeros_like(a) for a in self.x]
            noise = rounding(
                tangent, self.x, slopes, way.moved(still, 1.0), max(map(epsilon, self.x)), self.epsilon, True
            )
            error += dot(weight, np.nan_to_num(noise))
        touched = slopes != 0
        size = dot(weight, np.where(touched if touched.any() else True, self.natural, 0.0)) + large
        return Estimate(dot(self.subject.cotangent, slopes), error), size
