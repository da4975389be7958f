"""Checks gradients, the engine's or hand-written ones, against other ways to find them, each with its own error bar."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tensorgrad.rng import Rng, as_rng
from tensorgrad.testing.blame import accusation, spot
from tensorgrad.testing.compare import Check
from tensorgrad.testing.inputs import BackwardError, Inputs
from tensorgrad.testing.judge import Comparison
from tensorgrad.testing.manners import bent, forward_pass, line_of, name_of
from tensorgrad.testing.oracle import PROBE
from tensorgrad.testing.record import nodes_of
from tensorgrad.testing.report import GradientError, GradientWarning, Report
from tensorgrad.testing.reproducer import reproducer
from tensorgrad.testing.subject import Function, Subject, recorded_by_engine, second_order, sizes, written_by_hand

Array = NDArray[Any]
SECONDS = {1: 0.6, 2: 0.4}  # about, per order, for looking at each element; beyond it, at directions


def gradcheck(
    f: Callable[..., Any],
    *inputs: Any,
    order: Literal[1, 2] = 2,
    vjp: Callable[..., Any] | None = None,
    strict: bool = False,
    rng: int | Rng | None = 0,
) -> Report:
    """Check the gradient of `f` at `inputs` against other ways to find it, and report what was found.

    f: a function of tensors or plain NumPy; with `vjp`, of arrays. It returns floats, real or complex, in any nesting.
    inputs: floating arrays, tensors or numbers, real or complex, or trees of them: dicts, lists, dataclasses, modules.
    order: 2 checks second derivatives too: the gradient as a function of the inputs and of its cotangent.
    vjp: a backward pass written by hand, `vjp(cotangent, out, *inputs)`, which returns one gradient per input, in a
    tuple if there are several; checked to order 1.   strict: raise, not warn, if nothing can be said.

    The gradient is measured by complex steps where every recorded step is analytic, else by extrapolated differences
    (Ridders 1982), in extended precision where float64 does not suffice. There is no tolerance to set: the bound is
    ten times what rounding and the measurement's own error come to, both estimated. Each element is looked at as far
    as that takes about a second; of larger inputs, 8 random directions of all elements and some of groups of them.
    An error that is above the rounding of the whole escapes one random direction with probability 1/16 at most, and
    all with 2**-32. Float32 inputs are compared with float64. At a kink any slope between the one-sided ones is right,
    and order 2 is left out.

    Raises GradientError, which has a `.report`, if the gradient is wrong; also if the backward pass raises, or returns
    the wrong number, shape or dtype of gradients. Whatever `f` raises is passed on with its name and line. TypeError
    and ValueError if `f` is no function to differentiate: it returns nothing, is random, is not finite, or writes into
    its inputs. Warns with GradientWarning if nothing can be told, and if `f` does not depend on an input.

    >>> x = np.array([[1.0, -2.0], [0.5, 3.0]])
    >>> print(gradcheck(lambda x: np.tanh(x) @ x, x))
    right: the gradient of <lambda> agrees with differences to orders 1 and 2 (12 comparisons)
    >>> def backward(cotangent, out, x):  # of x**2
    ...     return cotangent * x
    >>> try:
    ...     gradcheck(lambda x: x**2, x, vjp=backward)
    ... except GradientError as error:
    ...     print(error.report.diagnosis)
    it is 2 times too small
    """
    __tracebackhide__ = True  # pytest shows the user's lines and the report
    if order not in (1, 2):
        raise ValueError(f"order is 1 or 2, got {order!r}")
    held, source = Inputs(inputs), as_rng(rng)
    with np.errstate(all="ignore"):
        report, cause = check(f, held, order if vjp is None else 1, vjp, source)
    if report.verdict != "right":
        seed = int(rng) if isinstance(rng, int) else 0
        report = replace(report, reproducer=reproducer(f, inputs, vjp, order, seed))
    if report.verdict == "wrong" or (strict and report.verdict == "inconclusive"):
        raise GradientError(report) from cause
    if report.verdict == "inconclusive":
        warnings.warn(str(report), GradientWarning, stacklevel=2)
    for argument in report.unused:
        words = f"{report.function} does not depend on argument {argument}: moving it changes no result"
        warnings.warn(f"{words}. Leave it out of the check, or look where it gets lost", GradientWarning, stacklevel=2)
    return report


def check(
    f: Function, inputs: Inputs, order: int, vjp: Function | None, rng: Rng
) -> tuple[Report, BaseException | None]:
    """Return the report of a check, and the error that the backward pass raised, if it did."""
    __tracebackhide__ = True
    draft = Report("right", name_of(f), name_of(f), line_of(f if vjp is None else vjp), order=order)
    found: list[Finding] = []
    first: Subject | None = None
    for n in range(1, order + 1):
        try:
            with forward_pass(f):
                if first is None:
                    first = subject = (
                        recorded_by_engine(f, inputs, rng) if vjp is None else written_by_hand(f, vjp, inputs, rng)
                    )
                    draft = replace(draft, steps=first.steps)
                else:
                    subject = second_order(f, inputs, first, rng)
                checked = Check(subject, rng)
                words = checked.unsteady
                if n == 1 and not words:
                    words = bent(checked.gradients, subject.cotangent, checked.uncertainty, rng)
                comparisons = checked.run(SECONDS[n])
        except BackwardError as error:
            return crashed(replace(draft, order=n), error), error.__cause__
        if any(c.verdict == "wrong" and c.confirmed for c in comparisons):
            return accusation(replace(draft, order=n), inputs, checked, comparisons, first, vjp, rng), None
        for g, a, (argument, _) in zip(checked.first, subject.arrays, [*inputs.places, (None, ())], strict=False):
            if g.dtype != a.dtype:
                words = f"its values are right, its dtype is not: {g.dtype} for an input of {a.dtype}"
                return replace(draft, verdict="wrong", order=n, argument=argument, diagnosis=words), None
        if words:
            return replace(draft, verdict="wrong", order=n, diagnosis=words), None
        found += [Finding(n, c, checked) for c in comparisons]
        if any(c.kinked for c in comparisons):
            words = "at a kink, where it is between the slopes of the two sides" if n == 1 else ""
            draft = replace(draft, order=n, diagnosis=words)
            break
    assert first is not None
    return replace(summary(replace(draft, comparisons=len(found)), inputs, found), unused=unused(first, inputs)), None


def unused(subject: Subject, inputs: Inputs) -> tuple[int, ...]:
    """Return the numbers of the inputs of which no array matters to the function, in any way that can be seen."""
    y, reached = subject.value(subject.arrays), set[int]()
    if subject.again is not None:
        ys, leaves, _ = subject.again()
        sources = {source for node in nodes_of(ys) for source in node.inputs}
        reached = {k for k, x in enumerate(leaves) if x.node in sources or any(x is part for part in ys)}
    used = set[int]()
    for k, (argument, _) in enumerate(inputs.places):
        for step in (PROBE, 1.0):
            moved = list(subject.arrays)
            moved[k] = moved[k] + step * sizes(moved[k]).reshape(moved[k].shape)
            if k in reached or not np.array_equal(subject.value(moved), y):
                used.add(argument)
    return tuple(sorted({argument for argument, _ in inputs.places} - used))


class Finding(NamedTuple):
    """A comparison, and the check that it is part of."""

    order: int
    comparison: Comparison
    check: Check


def crashed(draft: Report, error: BackwardError) -> Report:
    """Return the report of a backward pass that failed by itself."""
    line = error.line or draft.line
    return replace(draft, verdict="wrong", line=line, argument=error.argument, diagnosis=str(error))


def summary(draft: Report, inputs: Inputs, found: list[Finding]) -> Report:
    """Return the report of a check that accuses nothing: about what came nearest to its bound, or cannot be told."""
    if not found:
        return draft
    unclear = [finding for finding in found if finding.comparison.verdict == "inconclusive"]
    if not unclear:
        nearest = max(found, key=lambda finding: finding.comparison.excess)
        return spot(draft, inputs, nearest.check, nearest.comparison)
    first = min(finding.order for finding in unclear)
    unclear = [finding for finding in unclear if finding.order == first]
    worst = max(unclear, key=lambda finding: np.nan_to_num(finding.comparison.large, nan=np.inf))
    reason = worst.comparison.measured.reason
    if not reason or worst.comparison.doubt > worst.comparison.measured.error:
        reason = f"the gradient itself is rounded too much, in {np.result_type(*inputs.arrays)}"
    others = f" (one of {len(unclear)} comparisons like it)" if len(unclear) > 1 else ""
    words = f"differences of {draft.function} cannot tell: {reason}{others}"
    return spot(
        replace(draft, verdict="inconclusive", order=worst.order, diagnosis=words),
        inputs,
        worst.check,
        worst.comparison,
    )
