"""What a check found: a verdict with its numbers, in words, and a test to paste."""

import math
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["right", "wrong", "inconclusive"]


@dataclass(frozen=True)
class Report:
    """The result of a gradient check: about the worst place that was found, or that came nearest to its bound.

    >>> import numpy as np
    >>> from tensorgrad.testing import gradcheck
    >>> print(gradcheck(np.tanh, np.array([0.5, 1.0])))
    right: the gradient of tanh agrees with differences to orders 1 and 2 (6 comparisons)
    """

    verdict: Verdict
    op: str  # the function that was checked
    line: str  # where it is defined or, if the backward pass raised, where it did: 'file.py:12: def f(x):'
    argument: int | None = None  # number of the input; None for the cotangent, which is an input at order 2
    element: tuple[int, ...] | None = None  # index in the input, places in lists first; None: seen along a direction
    order: int = 1
    weighed: bool = False  # whether the numbers are of a sum of several results, each with a random weight
    value: float = 0.0  # the gradient under test there
    expected: float = 0.0  # the gradient measured by differences
    error: float = 0.0  # how far apart they are
    bound: float = 0.0  # how far apart they may be
    diagnosis: str = ""  # what is wrong, or why nothing can be said
    reproducer: str = ""  # Python source of a regression test
    comparisons: int = 0

    def __str__(self) -> str:
        if self.verdict == "right":
            orders = "orders 1 and 2" if self.order == 2 else "order 1"
            numbers = f"agrees with differences to {orders} ({self.comparisons} comparisons)"
            note = f"; {self.diagnosis}" if self.diagnosis else ""
            return f"right: the gradient of {self.op} {numbers}{note}"
        lines = [f"{self.verdict}: the {self.what} of {self.op}{self.place}", *self.diagnosis.splitlines()]
        if self.error:
            of = ", of the results with random weights" if self.weighed else ""
            lines.append(f"got {self.value:.9g}, differences say {self.expected:.9g}{of}")
            if math.isfinite(self.error):
                lines.append(f"they are {self.error:.3g} apart, where rounding explains {self.bound:.2g}")
        return "\n  ".join([*lines, f"at {self.line}"] if self.line else lines)

    @property
    def what(self) -> str:
        """Which derivative it is about."""
        return "gradient" if self.order == 1 else "second derivative"

    @property
    def place(self) -> str:
        """Where the derivative was found to be as reported."""
        if not self.error and self.argument is None:
            return ""
        where = " for the cotangent" if self.argument is None else f" for argument {self.argument}"
        if self.element is None:
            return where
        return where + (f" at {list(self.element)}" if self.element else "")


class GradientError(AssertionError):
    """A gradient is wrong, or under `strict` cannot be told to be right. `report` has the facts."""

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report


class GradientWarning(UserWarning):
    """A check could not tell whether a gradient is right."""
