"""Compares a gradient with the oracles, element by element or along directions."""

import math
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import reduce

import numpy as np

from tensorgrad.rng import Rng
from tensorgrad.testing.judge import RESOLUTION, SAFETY, Comparison
from tensorgrad.testing.manners import changed, changing
from tensorgrad.testing.measure import LONG, Measure
from tensorgrad.testing.oracle import Array, Estimate, dot, merge, rounding
from tensorgrad.testing.subject import Subject, epsilon
from tensorgrad.testing.ways import RANDOM, Way, directions, together, unit

PATIENCE = 1.0  # seconds for a closer look at what is not clear at once
CONFIRMED = 3  # accusations that further measurements confirm are enough
CONFIRMATIONS = (math.pi / 2.5, math.pi / 2)  # factors of the steps of these: at powers of 2 all may be rounded alike
COARSE = 2.0**13  # spacings of a dtype, of the largest element, that a gradient in float64 may be away from it
SHAKES = 4  # roundings of what the rules read, of which the worst is taken


class Check:
    """The comparisons of one subject, at one point."""

    def __init__(self, subject: Subject, rng: Rng) -> None:
        self.subject, self.rng = subject, rng
        self.measure = Measure(subject)
        self.long: Measure | None = None
        self.first = subject.gradient(subject.arrays, subject.cotangent)
        self.claims = flattened(self.first)
        subject.gradient(subject.arrays, -2 * subject.cotangent)  # which may leave its traces
        self.unsteady = changed(self.first, self.claims)
        if not self.unsteady:
            self.unsteady = changing(subject.gradient(subject.arrays, subject.cotangent), self.claims)
        self.doubts = [np.zeros(a.size) for a in self.x]
        self.shaken: list[Array] | None = None
        self.own = own = max(epsilon(a) for a in subject.arrays)
        self.resolution, self.grain = max(RESOLUTION, 64 * own, 64 * subject.epsilon), 2.0**13 * own
        self.tiny = max(float(np.finfo(a.dtype).tiny) for a in subject.arrays)
        self.listen()
        self.fine, self.fine_doubts = self.in_full()
        self.exact = [subject.analytic is not None and self.trusted(k) for k in range(len(self.x))]

    @property
    def x(self) -> list[Array]:
        """The inputs, in float64 or better."""
        return self.measure.x

    def in_full(self) -> tuple[list[Array], list[Array]]:
        """Return claims and doubts, for arrays of less than float64 made in float64: what adds up is not rounded then.

        That the gradient in the dtype itself is the same is seen element by element.
        """
        arrays = self.subject.arrays
        if all(a.dtype == x.dtype for a, x in zip(arrays, self.x, strict=True)):
            return self.claims, self.doubts
        try:
            fine = flattened(self.subject.gradient(self.x, self.subject.cotangent))
        except Exception:  # it insists on the dtype
            return self.claims, self.doubts
        own = self.own
        whole = SAFETY * own * dot(np.abs(self.subject.cotangent), self.measure.natural)
        for k, (a, b, doubt) in enumerate(zip(self.claims, fine, self.uncertainty(), strict=True)):
            slack = SAFETY * doubt + COARSE * own * np.abs(b).max(initial=0) + whole / self.measure.sizes[k]
            if not self.unsteady and not (np.abs(a - b) <= slack).all():
                self.unsteady = f"for input {k} it is another one in {arrays[k].dtype} than in {self.x[k].dtype}"
        return fine, [4 * epsilon(x) * np.abs(g) for x, g in zip(self.x, fine, strict=True)]

    def gradients(self, cotangent: Array) -> list[Array]:
        """Return the gradient under test for another cotangent."""
        return self.subject.gradient(self.subject.arrays, cotangent)

    def listen(self, far: bool = False) -> None:
        """Estimate the rounding of the function and of its gradient; a further time, with more samples."""
        self.listened(self.measure, far)
        arrays, own = self.subject.arrays, self.own
        sizes = self.measure.sizes
        ways = [unit(s, self.rng).reshape(a.shape).astype(a.dtype) for s, a in zip(sizes, arrays, strict=True)]

        def gradient(x: list[Array]) -> Array:
            return np.concatenate(flattened(self.subject.gradient(x, self.subject.cotangent)))

        noise = np.nan_to_num(rounding(gradient, arrays, np.concatenate(self.claims), ways, own, own, far))
        self.doubts = [np.maximum(a, b) for a, b in zip(self.doubts, self.parts(noise), strict=True)]
        self.worst = [float(a.max(initial=0.0)) for a in self.doubts]

    def shake(self) -> list[Array]:
        """Return how much of the gradient is rounding of its cotangent, and of the values that its rules read."""
        if self.shaken is None:
            self.shaken = [np.zeros(a.size) for a in self.x]
            cotangent, own = self.subject.cotangent, self.own
            signs = [np.where(self.rng.random(cotangent.size) < 0.5, -1, 1) for _ in range(SHAKES)]
            pairs = [(self.gradients(cotangent * (1 + own * s)), self.first) for s in signs]
            if (shaken := self.subject.shaken) is not None:
                with suppress(Exception):  # a rule that fails: the pass itself reports it
                    pairs += [(shaken(cotangent, self.rng), shaken(cotangent, None)) for _ in range(SHAKES)]
            for moved, base in pairs:
                for worst, a, b in zip(self.shaken, flattened(moved), flattened(base), strict=True):
                    np.maximum(worst, np.nan_to_num(np.abs(a - b), posinf=0.0), out=worst)
        return self.shaken

    def uncertainty(self) -> list[Array]:
        """Return how much of the gradient may be rounding of any kind."""
        return [a + b for a, b in zip(self.doubts, self.shake(), strict=True)]

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
        if not contradict(found[0], self.measure.differences(way)[0]):
            return True
        return any(not contradict(found[0], other) for other in self.in_long(way))

    # The comparisons
    def run(self, budget: float) -> list[Comparison]:
        """Return the comparisons: in each element of inputs for which there is time, along directions in larger ones.

        budget: seconds, about, for looking at each element. What is not clear at once gets a closer look. Of those that
        accuse, each has been confirmed, or CONFIRMED have.
        """
        found: list[Comparison] = []
        left = budget
        for k in sorted(range(len(self.x)), key=lambda k: self.x[k].size):
            n = self.x[k].size
            begin = time.perf_counter()
            first = [self.compare(self.way(k, int(np.argmax(self.measure.sizes[k]))))] if n else []
            once = time.perf_counter() - begin
            if n * once > left >= n * once / 10:  # the first may have been held up: once more, to know
                again = time.perf_counter()
                self.compare(self.way(k, 0))
                once = min(once, time.perf_counter() - again)
            cost = n * once
            if cost <= left and (k < self.subject.inputs or n <= RANDOM):
                left -= cost
                found += [self.compare(self.way(k, i)) for i in range(n)]
            else:
                found += first
                for i, u in enumerate(directions(self.x[k], self.measure.sizes[k], self.claims[k], self.rng)):
                    if i >= RANDOM and time.perf_counter() - begin > budget:
                        break
                    found.append(self.compare(Way(k, u)))
        if any(c.kinked for c in found) and sum(a.size for a in self.x) > 1:
            found += [self.compare(Way(None, u)) for u in together(self.x, self.measure.sizes, self.rng)]
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
        claims, doubts = (self.fine, self.fine_doubts) if way.element is None else (self.claims, self.doubts)
        doubt = dot(np.abs(u), way.of(doubts))
        if way.array is None or measured.kink:  # nearby, ties break, so that what differs there is not rounding
            doubt = 4 * self.own * dot(np.abs(u), np.abs(way.of(claims)))
        alone = float(np.abs(u).max()) * self.worst[way.array or 0] if way.element is not None else 0.0
        return Comparison(
            way,
            claimed=dot(u, way.of(claims)),
            measured=measured,
            doubt=doubt,
            least=SAFETY * max(doubt, alone),
            size=size,
            resolution=self.resolution,
            grain=self.grain,
            epsilon=self.own,
            tiny=self.tiny,
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
        yield from self.in_long(way)
        for measure in (self.measure, self.long):
            if measure is not None and (found := measure.on_one_piece(way)) is not None:
                yield found

    def in_long(self, way: Way, shift: float = 1.0) -> Iterator[Estimate]:
        """Yield the slope from differences in numbers with more digits, if they can be had."""
        if LONG:
            with suppress(Exception):  # a part of NumPy that has no long double
                self.long = self.long or self.listened(Measure(self.subject, np.longdouble))
                yield self.long.differences(way, shift, thorough=True)[0]

    def listened(self, measure: Measure, far: bool = True) -> Measure:
        """Return a measure that knows the rounding of the results."""
        ways = [unit(s, self.rng).reshape(a.shape) for s, a in zip(measure.sizes, measure.x, strict=True)]
        measure.listen(ways, far)
        return measure

    def excused(self, c: Comparison) -> Comparison:
        """Return a comparison with the doubt that shaking what the rules read gives: it excuses, it proves nothing."""
        return replace(c, excuse=SAFETY * dot(np.abs(c.way.direction), c.way.of(self.shake())))

    def confirm(self, c: Comparison) -> Comparison:
        """Return an accusation with the errors that further measurements show it to have."""
        c = self.excused(c)
        if self.may_step_aside(c.way):
            best = self.finest_aside(c.way)
            others = [self.measure.differences(c.way)[0], *self.in_long(c.way)]
            if best is not None and not all(contradict(best, other) for other in others):
                return self.in_its_dtype(replace(c, measured=best, confirmed=True))
            self.exact = [False] * len(self.x)  # the record does not tell all that the function does
            c = replace(self.compare(c.way), excuse=c.excuse)
        found = [e for shift in CONFIRMATIONS for e in self.in_long(c.way, shift)]
        if found and not any(math.isfinite(e.error) for e in found):
            return replace(c, measured=found[0], confirmed=True)  # seen with more digits, it jumps
        self.listen(far=True)
        usual = [self.measure.differences(c.way, shift, thorough=True)[0] for shift in CONFIRMATIONS]
        if not found or min(e.error for e in found) > max(e.error for e in usual):
            found += usual  # more digits overrule, if they are of use
        for measure in (self.measure, self.long):
            if measure is not None and (piece := measure.on_one_piece(c.way)) is not None:
                found.append(piece)
        measured = reduce(merge, found)
        if (pieces := self.measure.on_two_pieces(c.way)) is not None:
            measured = pieces
        return self.in_its_dtype(replace(self.comparison(c.way, measured, c.size), excuse=c.excuse, confirmed=True))

    def in_its_dtype(self, c: Comparison) -> Comparison:
        """Return the comparison in float64 instead, if it differs by what the rounding of the results hides."""
        if self.fine is self.claims:
            return c
        full = replace(c, claimed=dot(c.way.direction, c.way.of(self.fine)))
        full = replace(full, excuse=max(c.excuse, SAFETY * SAFETY * epsilon(self.measure.y) * c.size))
        hidden = SAFETY * c.epsilon * c.size
        return full if full.verdict == "right" and abs(full.claimed - c.claimed) <= hidden else c

    def finest_aside(self, way: Way) -> Estimate | None:
        """Return the slope by a complex step, with its rounding; in numbers with more digits, if they can be had."""
        rough = self.measure.aside(way, noisy=True)
        if LONG and rough is not None:
            with suppress(Exception):
                self.long = self.long or self.listened(Measure(self.subject, np.longdouble))
                fine = self.long.aside(way, noisy=True)
                return rough[0] if fine is None else fine[0]
        return None if rough is None else rough[0]

    def locate(self, c: Comparison) -> Comparison:
        """Return the comparison in an element that is wrong by itself, by halving a direction; `c` if none is."""
        worst, inside = c, np.flatnonzero(c.way.direction)
        while worst.way.element is None:
            halves = [
                (self.compare(self.part(c.way, half)), half) for half in np.array_split(inside, min(2, inside.size))
            ]
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


def contradict(aside: Estimate, differences: Estimate) -> bool:
    """Whether differences see another slope than a complex step: one that is more than rounding makes of it."""
    apart = abs(aside.value - differences.value)
    return not differences.stuck and apart > SAFETY * (aside.error + differences.error) + RESOLUTION * abs(aside.value)


def flattened(arrays: list[Array]) -> list[Array]:
    """Return copies of arrays as vectors in float64."""
    return [np.array(g, dtype=np.float64).ravel() for g in arrays]
