"""Compares a gradient with the oracle, element by element or along random directions."""

from dataclasses import replace

import numpy as np

from tensorgrad.rng import Rng
from tensorgrad.testing.judge import RESOLUTION, SAFETY, Comparison, Way
from tensorgrad.testing.oracle import PROBE, Array, Line, dot, merge, rounding, slope
from tensorgrad.testing.subject import Subject, epsilon, sizes, top, wide

DIRECTIONS = 8  # random ones, for an input with too many elements to look at each
CONFIRMED = 3  # accusations that further measurements confirm are enough
CONFIRMATIONS = (1.25, 1.546875)  # factors of the steps of these: few bits, so that x + t u is exact


class Check:
    """The comparisons of one subject, at one point."""

    def __init__(self, subject: Subject, rng: Rng) -> None:
        self.subject, self.rng = subject, rng
        self.x = wide(subject.arrays)
        self.tops = [top(a) for a in self.x]
        self.sizes = [sizes(a) for a in self.x]
        self.y = subject.value(self.x)
        claims = subject.gradient(subject.arrays, subject.cotangent)
        self.dtypes = [g.dtype for g in claims]
        self.claims = flattened(claims)
        self.rounding = np.zeros_like(self.y)
        self.doubts = [np.zeros(a.size) for a in self.x]
        own = max(epsilon(a) for a in subject.arrays)
        self.resolution, self.grain = max(RESOLUTION, 64 * own, 64 * subject.epsilon), 2.0**13 * own
        self.listen()

    def gradient(self, arrays: list[Array], factor: float = 1.0) -> list[Array]:
        """Return the gradient under test, each array flat, for a multiple of the subject's cotangent."""
        return flattened(self.subject.gradient(arrays, factor * self.subject.cotangent))

    def listen(self) -> None:
        """Estimate the rounding of the function and of its gradient; a further time, with more samples."""
        ways = [self.direction(k).reshape(a.shape) for k, a in enumerate(self.x)]
        spacing = max(map(epsilon, self.x))
        noise = rounding(self.subject.value, self.x, self.y, ways, spacing, self.subject.epsilon)
        self.rounding = np.maximum(self.rounding, noise)
        arrays, own = self.subject.arrays, max(map(epsilon, self.subject.arrays))
        ways = [u.astype(a.dtype) for u, a in zip(ways, arrays, strict=True)]
        noise = rounding(
            lambda x: np.concatenate(self.gradient(x)), arrays, np.concatenate(self.claims), ways, own, own
        )
        parts = np.split(np.nan_to_num(noise), np.cumsum([a.size for a in self.x])[:-1])
        self.doubts = [np.maximum(a, b) for a, b in zip(self.doubts, parts, strict=True)]

    def direction(self, k: int) -> Array:
        """Return a random direction of input `k`: each element moves by about its own size."""
        n = self.x[k].size
        lengths = (1 + np.floor(8 * self.rng.random(n)) / 8) * self.sizes[k]
        return np.where(self.rng.random(n) < 0.5, -lengths, lengths)

    def run(self, elements: int) -> list[Comparison]:
        """Return the comparisons: in each element of inputs of up to `elements`, along directions in larger ones.

        Of those that accuse, each has been confirmed, or CONFIRMED have.
        """
        found = [self.compare(way) for k in range(len(self.x)) for way in self.ways(k, elements)]
        accused = [i for i, c in enumerate(found) if c.verdict == "wrong"]
        confirmed = 0
        for i in sorted(accused, key=lambda i: -found[i].excess):
            found[i] = self.confirm(found[i])
            confirmed += found[i].verdict == "wrong"
            if confirmed >= CONFIRMED:
                break
        return found

    def ways(self, k: int, elements: int) -> list[Way]:
        """Return the ways in which to move input `k`."""
        if self.x[k].size <= elements:
            return [self.way(k, i) for i in range(self.x[k].size)]
        return [Way(k, self.direction(k)) for _ in range(DIRECTIONS)]

    def way(self, k: int, element: int) -> Way:
        """Return the way in which one element moves."""
        return Way(k, self.sizes[k][element : element + 1], element)

    def compare(self, way: Way, shift: float = 1.0, thorough: bool = False) -> Comparison:
        """Compare the slopes along one way. shift, thorough: as in `slope`."""
        k, u = way.array, way.direction
        x = list(self.x)

        def at(t: float) -> Array:
            x[k] = way.moved(self.x[k], t)
            return self.subject.value(x)

        length = float(np.abs(u).max())
        stretches = (self.tops[k] / length, 1 / length)
        far = at(PROBE * shift * max(1.0, stretches[0]))
        touched = far != self.y  # rounding is the same, and cancels, in results that do not depend on the element
        if not touched.any():
            touched[...] = True  # they do not depend on it, or its changes drown in their rounding
        line = Line(at, self.y, self.subject.cotangent, np.where(touched, self.rounding, 0.0), self.subject.epsilon)
        change = np.where(np.isfinite(far), np.abs(far - self.y), 0.0)
        doubt = dot(np.abs(u), way.of(self.doubts[k]))
        return Comparison(
            way,
            claimed=dot(u, way.of(self.claims[k])),
            measured=slope(line, stretches, shift, thorough),
            doubt=doubt,
            least=SAFETY * max(doubt, length * float(self.doubts[k].max()) if way.element is not None else 0.0),
            size=dot(line.weight, np.where(touched, np.maximum(np.abs(self.y), self.subject.natural) + change, 0.0)),
            resolution=self.resolution,
            grain=self.grain,
        )

    def confirm(self, c: Comparison) -> Comparison:
        """Return a comparison with the errors that further measurements, at all steps, show it to have."""
        measured = c.measured
        for shift in CONFIRMATIONS:
            self.listen()
            c = self.compare(c.way, shift, thorough=True)
            measured = merge(measured, c.measured)
        return replace(c, measured=measured, confirmed=True)

    def locate(self, c: Comparison) -> Comparison:
        """Return the comparison in an element that is wrong by itself, by halving a direction; `c` if none is."""
        worst, inside = c, np.arange(self.x[c.way.array].size)
        while worst.way.element is None:
            halves = [(self.compare(self.part(c.way, half)), half) for half in np.array_split(inside, 2)]
            worst, inside = max(halves, key=lambda pair: pair[0].excess)
            if worst.verdict != "wrong":
                return c
        return worst

    def part(self, way: Way, elements: Array) -> Way:
        """Return the way that moves only these elements."""
        if elements.size == 1:
            return self.way(way.array, int(elements[0]))
        u = np.zeros_like(way.direction)
        u[elements] = way.direction[elements]
        return Way(way.array, u)


def flattened(arrays: list[Array]) -> list[Array]:
    """Return the arrays as vectors in float64."""
    return [np.asarray(g, dtype=np.float64).ravel() for g in arrays]
