"""Compares a gradient with the oracles, element by element or along directions."""

import time
from collections.abc import Iterator
from contextlib import suppress
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
JOINT = 16  # directions of all inputs together, at a kink
SHAKES = 3  # roundings of what the rules read, of which the worst is taken


class Check:
    """The comparisons of one subject, at one point."""

    def __init__(self, subject: Subject, rng: Rng) -> None:
        self.subject, self.rng = subject, rng
        self.measure = Measure(subject)
        self.long: Measure | None = None
        self.first = subject.gradient(subject.arrays, subject.cotangent)
        self.claims = flattened(self.first)
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

    def gradients(self, cotangent: Array) -> list[Array]:
        """Return the gradient under test for another cotangent."""
        return self.subject.gradient(self.subject.arrays, cotangent)

    def listen(self) -> None:
        """Estimate the rounding of the function and of its gradient; a further time, with more samples."""
        self.listened(self.measure)
        arrays, own = self.subject.arrays, max(map(epsilon, self.subject.arrays))
        sizes = self.measure.sizes
        ways = [unit(s, self.rng).reshape(a.shape).astype(a.dtype) for s, a in zip(sizes, arrays, strict=True)]

        def gradient(x: list[Array]) -> Array:
            return np.concatenate(flattened(self.subject.gradient(x, self.subject.cotangent)))

        noise = np.nan_to_num(rounding(gradient, arrays, np.concatenate(self.claims), ways, own, own))
        self.doubts = [np.maximum(a, b) for a, b in zip(self.doubts, self.parts(noise), strict=True)]

    def shake(self) -> list[Array]:
        """Return how much of the gradient is rounding of the values that its rules read."""
        if self.shaken is None:
            self.shaken = [np.zeros(a.size) for a in self.x]
            if (shaken := self.subject.shaken) is not None:
                with suppress(Exception):  # a rule that fails: the pass itself reports it
                    base = flattened(shaken(self.subject.cotangent, None))
                    for _ in range(SHAKES):
                        moved = flattened(shaken(self.subject.cotangent, self.rng))
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
        if any(c.kinked for c in found) and sum(a.size for a in self.x) > 1:
            everywhere = np.concatenate(self.measure.sizes)  # what is right in each element need not be so in all
            found += [self.compare(Way(None, unit(everywhere, self.rng))) for _ in range(JOINT)]
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
        if self.may_step_aside(way) and (found := self.measure.aside(way)) is not None:
            return self.comparison(way, *found)
        return self.comparison(way, *self.measure.differences(way))

    def may_step_aside(self, way: Way) -> bool:
        """Whether complex steps are to be trusted along a way."""
        return all(self.exact) if way.array is None else self.exact[way.array]

    def comparison(self, way: Way, measured: Estimate, size: float) -> Comparison:
        """Return a comparison with what was measured."""
        u = way.direction
        doubt = dot(np.abs(u), way.of(self.doubts))
        alone = float(np.abs(u).max() * self.doubts[way.array or 0].max()) if way.element is not None else 0.0
        return Comparison(
            way,
            claimed=dot(u, way.of(self.claims)),
            measured=measured,
            doubt=doubt,
            least=SAFETY * max(doubt, alone),
            size=size,
            resolution=self.resolution,
            grain=self.grain,
        )

    def closer(self, c: Comparison) -> Comparison:
        """Return a comparison that said nothing, measured in all other ways, of which one may say something."""
        c = self.excused(c)
        if c.verdict != "inconclusive" or self.may_step_aside(c.way):
            return c
        for measured in self.other_measurements(c.way):
            if measured.error < c.measured.error:
                c = replace(c, measured=measured)
        return c

    def other_measurements(self, way: Way) -> Iterator[Estimate]:
        """Yield the slope in numbers with more digits, and within the piece of the function that x is on."""
        scales = [self.measure]
        if LONG:
            with suppress(Exception):  # a part of NumPy that has no long double
                self.long = self.long or self.listened(Measure(self.subject, np.longdouble))
                yield self.long.differences(way, thorough=True)[0]
                scales.append(self.long)
        for measure in scales:
            if (found := measure.on_one_piece(way)) is not None:
                yield found

    def listened(self, measure: Measure) -> Measure:
        """Return a measure that knows the rounding of the results."""
        measure.listen([unit(s, self.rng).reshape(a.shape) for s, a in zip(measure.sizes, measure.x, strict=True)])
        return measure

    def excused(self, c: Comparison) -> Comparison:
        """Return a comparison with the doubt that shaking what the rules read gives: it excuses, it proves nothing."""
        return replace(c, excuse=SAFETY * dot(np.abs(c.way.direction), c.way.of(self.shake())))

    def confirm(self, c: Comparison) -> Comparison:
        """Return an accusation with the errors that further measurements show it to have."""
        c = self.excused(c)
        if self.may_step_aside(c.way):
            found = self.measure.aside(c.way, noisy=True)
            other, _ = self.measure.differences(c.way)
            if found is not None and not abs(found[0].value - other.value) > SAFETY * (found[0].error + other.error):
                return replace(c, measured=found[0], confirmed=True)
            self.exact = [False] * len(self.x)  # the record does not tell all that the function does
            c = replace(self.compare(c.way), excuse=c.excuse)
        measured = c.measured
        for shift in CONFIRMATIONS:
            self.listen()
            measured = merge(measured, self.measure.differences(c.way, shift, thorough=True)[0])
        for other in self.other_measurements(c.way):
            measured = merge(measured, other)
        return replace(c, measured=measured, confirmed=True)

    def locate(self, c: Comparison) -> Comparison:
        """Return the comparison in an element that is wrong by itself, by halving a direction; `c` if none is."""
        worst, inside = c, np.flatnonzero(c.way.direction)
        while worst.way.element is None:
            halves = [(self.compare(self.part(c.way, half)), half) for half in np.array_split(inside, 2)]
            worst, inside = max(halves, key=lambda pair: pair[0].excess)
            if worst.verdict != "wrong":
                return c
        return worst

    def largest(self, way: Way) -> int:
        """Return which input contributes most to the claim along a way of all of them."""
        parts = self.parts(np.abs(way.direction * way.of(self.claims)))
        return int(np.argmax([part.sum() for part in parts]))

    def part(self, way: Way, elements: Array) -> Way:
        """Return the way that moves only these elements."""
        if elements.size == 1:
            starts = np.cumsum([0, *(a.size for a in self.x)])
            k = int(np.searchsorted(starts, elements[0], side="right")) - 1 if way.array is None else way.array
            return self.way(k, int(elements[0] - (starts[k] if way.array is None else 0)))
        u = np.zeros_like(way.direction)
        u[elements] = way.direction[elements]
        return Way(way.array, u)


def flattened(arrays: list[Array]) -> list[Array]:
    """Return copies of arrays as vectors in float64."""
    return [np.array(g, dtype=np.float64).ravel() for g in arrays]
