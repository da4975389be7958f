"""Judges one comparison of a gradient with the oracle: right, wrong, or not to be told."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tensorgrad.testing.oracle import Estimate
from tensorgrad.testing.report import Verdict
from tensorgrad.testing.ways import Way

SAFETY = 10.0  # times the estimated errors: they are estimates
RESOLUTION = 1e-3  # relative error below which a comparison says something: wrong by 1 % is seen
CLEAR = 0.1  # relative error below which a difference is an accusation
ULPS = 64  # relative error, in spacings of the gradient's dtype, that is never held against it
NEGLIGIBLE = 1e-60  # part of the function's size below which products underflow in one way or another
NOTHING = 1e-6  # a slope below this part of the function's size may pass for 0


@dataclass(frozen=True)
class Comparison:
    """The slope under test and the measured one, along one way. All numbers are for a step as long as its direction."""

    way: Way
    claimed: float
    measured: Estimate
    doubt: float  # rounding of the claim
    least: float  # a claim below this may be rounding alone
    size: float  # of the function, and of its change when the input changes as a whole
    resolution: float  # RESOLUTION, or what the dtype allows
    grain: float  # relative, of gradients after cancellation in the dtype
    epsilon: float  # of the dtype of the gradient
    tiny: float  # the smallest normal number of it
    excuse: float = 0.0  # what rounding of the values that the rules read may explain, if the two are apart
    confirmed: bool = False  # by further measurements

    @property
    def bound(self) -> float:
        """How far apart the two may be."""
        return SAFETY * (self.measured.error + self.doubt)

    @cached_property
    def length(self) -> float:
        """How far the elements move, the farthest."""
        return float(np.abs(self.way.direction).max())

    @cached_property
    def apart(self) -> float:
        """How far apart they are; at a kink, any slope between the one-sided ones is right."""
        return max(abs(self.claimed - self.measured.value) - self.measured.kink, 0.0)

    @cached_property
    def large(self) -> float:
        """The larger of the two."""
        claimed = abs(self.claimed) if math.isfinite(self.claimed) else 0.0
        return max(claimed, abs(self.measured.value), self.measured.kink)

    @property
    def excess(self) -> float:
        """How far apart they are, as a multiple of the bound."""
        if not self.apart:
            return 0.0
        return self.apart / self.bound if self.bound and math.isfinite(self.claimed) else math.inf

    @property
    def relative(self) -> float:
        """How far apart they are, relative to the larger."""
        return math.inf if not math.isfinite(self.claimed) else self.apart / self.large if self.apart else 0.0

    @property
    def kinked(self) -> bool:
        """Whether the function has no derivative here, but one on each side."""
        return self.measured.kink > RESOLUTION * self.large

    @cached_property
    def verdict(self) -> Verdict:
        """What the comparison says."""
        error, doubt = SAFETY * self.measured.error, SAFETY * self.doubt
        nothing = max(NOTHING, self.grain) * self.size
        if not math.isfinite(self.claimed):
            if not math.isfinite(self.measured.value / self.length) and error <= self.resolution * self.large:
                return "right"  # it is too large for the dtype
            known = math.isfinite(self.measured.value) and error <= max(self.resolution * self.large, nothing)
            return "wrong" if known or self.kinked else "inconclusive"
        if not math.isfinite(self.bound):
            return "inconclusive"
        if self.apart > max(self.bound + self.excuse, ULPS * self.epsilon * self.large):
            flushed = self.tiny if self.measured.value else self.tiny / self.epsilon
            if self.large < max(flushed * self.length, NEGLIGIBLE * self.size):
                return "right"  # it is too small for the dtype, or was on the way to the measurement
            if not self.claimed and self.large < self.tiny / self.epsilon * self.length:
                return "inconclusive"  # a product on the way may be
            return "wrong" if self.bound + self.excuse <= CLEAR * self.large else "inconclusive"
        if self.apart > self.bound and self.excuse <= max(self.resolution * self.large, nothing):
            return "right" if error <= max(self.resolution * self.large, nothing) else "inconclusive"
        if error <= self.resolution * self.large and doubt <= max(self.resolution * self.large, nothing):
            return "right"
        zero = abs(self.claimed) <= max(self.least, NEGLIGIBLE * self.size) and abs(self.measured.value) <= self.bound
        return "right" if zero and self.bound <= nothing else "inconclusive"
