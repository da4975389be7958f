"""Compares a gradient with the oracles, element by element or along directions."""

import time
from dataclasses import replace

import numpy as np

from tensorgrad.rng import Rng
from tensorgrad.testing.judge import RESOLUTION, SAFETY, Comparison
from tensorgrad.testing.measure import LONG, Measure
from tensorgrad.testing.oracle import Array, Estimate, dot, merge, rounding
from tensorgrad.testing.subject import Subject, epsilon
from tensorgrad.testing.ways import Way, directions, unit

BUDGET = 1.0  # seconds, about, for looking at each element; beyond it, at directions
PATIENCE = 1.0  # seconds for a closer look at what is not clear at once
CONFIRMED = 3  # accusations that further measurements confirm are enough
CONFIRMATIONS = (1.25, 1.546875)  # factors of the steps of these: few bits, so that x + t u is exact
SHAKES = 3  # roundings of what the rules read, of which the worst is taken


class Check:
    """The comparisons of one subject, at one point."""

    def __init__(self, subject: Subject, rng: Rng) -> None:
        self.subject, self.rng = subject, rng
        self.measure = Measure(subject)
        self.long: Measure | None = None
        claims = subject.gradient(subject.arrays, subject.cotangent)
        self.dtypes = [g.dtype for g in claims]
        self.claims = flattened(claims)
        self.doubts = [np.zeros(a.size) for a in self.x]
        self.shaken: list[Array] | None = None
        own = max(epsilon(a) for a in subject.arrays)
        self.resolution, self.grain = max(RESOLUTION, 64 * own, 64 * subject.epsilon), 2.0**13 * own
        self.listen()
        self.exact = [subject.analytic is not None and self.trusted(k) for k in range(len(self.x))]

    @property
    def x(self) -> list[Array]:
        """The inputs, in float64 or better."""
        return self.measure.x

    def gradient(self, factor: float | Array = 1.0) -> list[Array]:
        """Return the gradient under test, each array flat, for a multiple of the subject's cotangent."""
        return flattened(self.subject.gradient(self.subject.arrays, factor * self.subject.cotangent))

    def listen(self) -> None:
        """Estimate the rounding of the function and of its gradient; a further time, with more samples."""
        ways = [unit(s, self.rng).reshape(a.shape) for s, a in zip(self.measure.sizes, self.x, strict=True)]
        self.measure.listen(ways)
        arrays, own = self.subject.arrays, max(map(epsilon, self.subject.arrays))
        ways = [u.astype(a.dtype) for u, a in zip(ways, arrays, strict=True)]

        def gradient(x: list[Array]) -> Array:
            return np.concatenate(flattened(self.subject.gradient(x, self.subject.cotangent)))

        noise = np.nan_to_num(rounding(gradient, arrays, np.concatenate(self.claims), ways, own, own))
        self.doubts = [np.maximum(a, b) for a, b in zip(self.doubts, self.parts(noise), strict=True)]

    def shake(self) -> list[Array]:
        """Return how much of the gradient is rounding of the values that its rules read."""
        if self.shaken is None:
            self.shaken = [np.zeros(a.size) for a in self.x]
            for _ in range(SHAKES if self.subject.shaken is not None else 0):
                try:
                    moved = flattened(self.subject.shaken(self.subject.cotangent, self.rng))  # type: ignore[misc]
                    base = flattened(self.subject.shaken(self.subject.cotangent, None))  # type: ignore[misc]
                except Exception:  # a rule that fails: the pass itself reports it
                    break
                for worst, a, b in zip(self.shaken, moved, base, strict=True):
                    np.maximum(worst, np.nan_to_num(np.abs(a - b), posinf=0.0), out=worst)
        return self.shaken

    def parts(self, flat: Array) -> list[Array]:
        """Return a vector of all elements of all inputs as one for each input."""
        return np.split(flat, np.cumsum([a.size for a in self.x])[:-1])

    def way(self, k: int, element: int) -> Way:
        """Return the way in which one element moves."""
        return Way(k, self.measure.sizes[k][element : element + 1], element)

    def trusted(self, k: int) -> bool:
        """Whether complex steps of input `k` agree with differences: not if a part of f is not what the record says."""
        way = Way(k, unit(self.measure.sizes[k], self.rng))
        if not way.direction.size or (found := self.measure.aside(way)) is None:
            return False
        by_differences, _ = self.measure.differences(way)
        aside, apart = found[0], abs(found[0].value - by_differences.value)
        return not apart > SAFETY * (aside.error + by_differences.error) + 1e-6 * abs(aside.value)

    # The comparisons
    def run(self, budget: float = BUDGET) -> list[Comparison]:
        """Return the comparisons: in each element of inputs for which there is time, along directions in larger ones.

        What is not clear at once gets a closer look. Of those that accuse, each has been confirmed, or CONFIRMED have.
        """
        found: list[Comparison] = []
        left = budget
        for k in sorted(range(len(self.x)), key=lambda k: self.x[k].size):
            n = self.x[k].size
            begin = time.perf_counter()
            first = [self.compare(self.way(k, int(np.argmax(self.measure.sizes[k]))))] if n else []
            cost = n * (time.perf_counter() - begin)
            if cost <= left:
                left -= cost
                found += [self.compare(self.way(k, i)) for i in range(n)]
            else:
                ways = directions(self.x[k], self.measure.sizes[k], self.claims[k], self.rng)
                found += [*first, *(self.compare(Way(k, u)) for u in ways)]
        end = time.perf_counter() + PATIENCE
        for i, c in enumerate(found):
            if c.verdict == "inconclusive" and time.perf_counter() < end:
                found[i] = self.closer(c)
        confirmed = 0
        for i in sorted(range(len(found)), key=lambda i: -found[i].excess):
            if found[i].verdict != "wrong" or confirmed >= CONFIRMED:
                continue
            found[i] = self.confirm(found[i])
            confirmed += found[i].verdict == "wrong"
        return found

    def compare(self, way: Way) -> Comparison:
        """Compare the slopes along one way, by the oracle that is best there and costs least."""
        if self.exact[way.array] and (found := self.measure.aside(way)) is not None:
            return self.comparison(way, *found)
        return self.comparison(way, *self.measure.differences(way))

    def comparison(self, way: Way, measured: Estimate, size: float) -> Comparison:
        """Return a comparison with what was measured."""
        k, u = way.array, way.direction
        doubt = dot(np.abs(u), way.of(self.doubts[k]))
        alone = float(np.abs(u).max() * self.doubts[k].max()) if way.element is not None else 0.0
        return Comparison(
            way,
            claimed=dot(u, way.of(self.claims[k])),
            measured=measured,
            doubt=doubt,
            least=SAFETY * max(doubt, alone),
            size=size,
            resolution=self.resolution,
            grain=self.grain,
        )

    def closer(self, c: Comparison) -> Comparison:
        """Return a comparison that said nothing, measured again in numbers with more digits, if that helps."""
        c = self.excused(c)
        if c.verdict != "inconclusive" or self.exact[c.way.array] or not LONG:
            return c
        try:
            if self.long is None:
                self.long = Measure(self.subject, np.longdouble)
                self.long.listen(
                    [unit(s, self.rng).reshape(a.shape) for s, a in zip(self.long.sizes, self.x, strict=True)]
                )
            measured, _ = self.long.differences(c.way, thorough=True)
        except Exception:  # a part of NumPy that has no long double
            return c
        return replace(c, measured=measured) if measured.error < c.measured.error else c

    def excused(self, c: Comparison) -> Comparison:
        """Return a comparison with the doubt that shaking what the rules read gives: it excuses, it proves nothing."""
        shaken = dot(np.abs(c.way.direction), c.way.of(self.shake()[c.way.array]))
        return replace(c, excuse=SAFETY * shaken)

    def confirm(self, c: Comparison) -> Comparison:
        """Return an accusation with the errors that further measurements show it to have."""
        c = self.excused(c)
        if self.exact[c.way.array]:
            found = self.measure.aside(c.way, noisy=True)
            other, _ = self.measure.differences(c.way)
            if found is not None:
                apart = abs(found[0].value - other.value)
                agree = apart <= SAFETY * (found[0].error + other.error) or not abs(other.error) < apart
                if agree:
                    return replace(c, measured=found[0], confirmed=True)
            self.exact[c.way.array] = False
            c = replace(self.comparison(c.way, *self.measure.differences(c.way)), excuse=c.excuse)
        measured = c.measured
        for shift in CONFIRMATIONS:
            self.listen()
            again = self.comparison(c.way, *self.measure.differences(c.way, shift, thorough=True))
            measured = merge(measured, again.measured)
        return replace(again, measured=measured, excuse=c.excuse, confirmed=True)

    def locate(self, c: Comparison) -> Comparison:
        """Return the comparison in an element that is wrong by itself, by halving a direction; `c` if none is."""
        worst, inside = c, np.flatnonzero(c.way.direction) if c.way.element is None else np.zeros(1, int)
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
