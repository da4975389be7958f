"""What a check found: a verdict with its numbers, in words, a test to paste, and a picture."""

import math
from dataclasses import dataclass, field
from typing import Any, Literal

from tensorgrad.graph import Tensor
from tensorgrad.node import Node
from tensorgrad.viz import Graph, picture
from tensorgrad.viz.record.read import read

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
    function: str  # that was checked
    op: str  # the recorded step whose rule is wrong; the function, if that is not known
    line: str  # of the step, or where the backward pass raised, or the function is defined: 'file.py:12: def f(x):'
    argument: int | None = None  # number of the input; None for the cotangent, which is an input at order 2
    element: tuple[Any, ...] | None = None  # index in the input, keys of its tree first; None: seen along a direction
    part: Literal["", "real", "imaginary"] = ""  # of a complex element
    order: int = 1
    weighed: bool = False  # whether the numbers are of a sum of several results, each with a random weight
    value: float = 0.0  # the gradient under test there
    expected: float = 0.0  # the gradient that was measured
    error: float = 0.0  # how far apart they are
    bound: float = 0.0  # how far apart they may be
    diagnosis: str = ""  # what is wrong, or why nothing can be said
    reproducer: str = ""  # Python source of a regression test
    comparisons: int = 0
    unused: tuple[int, ...] = ()  # numbers of the inputs that do not matter to the function
    steps: list[Node] = field(default_factory=list, repr=False, compare=False)  # what was recorded, newest first
    verdicts: dict[Node, str] = field(default_factory=dict, repr=False, compare=False)  # of each step by itself

    def __str__(self) -> str:
        if self.verdict == "right":
            orders = "orders 1 and 2" if self.order == 2 else "order 1"
            numbers = f"agrees with differences to {orders} ({self.comparisons} comparisons)"
            note = f"; {self.diagnosis}" if self.diagnosis else ""
            return f"right: the gradient of {self.function} {numbers}{note}"
        lines = [f"{self.verdict}: the {self.what} of {self.function}{self.place}", *self.diagnosis.splitlines()]
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
        if self.element:
            where += f" at {list(self.element)}"
        return where + (f", {self.part} part" if self.part else "")

    def draw(self) -> Graph:
        """Return the graph of the function, the steps coloured by what the check of each by itself found.

        Red is wrong, green is right, grey could not be told or was not looked at: steps are looked at when the
        whole is wrong. Raises ValueError if nothing was recorded, as of a function that takes no tensors.
        """
        if not self.steps:
            raise ValueError(f"there is no graph of {self.function} to draw: it was not recorded")
        newest, root = self.steps[0], Tensor()
        kept = newest.op is None or newest.op.work is None  # else what its rules read instead of the result
        root.node, root._data = newest, newest.out if kept else None
        return picture(read(root, self.verdicts))


class GradientError(AssertionError):
    """A gradient is wrong, or under `strict` cannot be told to be right. `report` has the facts."""

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report


class GradientWarning(UserWarning):
    """A check could not tell whether a gradient is right."""
