"""Checks gradients, the engine's or hand-written ones, against differences of the function itself."""

import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tensorgrad.rng import Rng, as_rng
from tensorgrad.testing.compare import Check
from tensorgrad.testing.diagnosis import constant, diagnose, relation
from tensorgrad.testing.inputs import BackwardError, Inputs
from tensorgrad.testing.judge import Comparison
from tensorgrad.testing.report import GradientError, GradientWarning, Report
from tensorgrad.testing.reproducer import reproducer
from tensorgrad.testing.subject import (
    Function,
    Subject,
    forward_pass,
    line_of,
    name_of,
    recorded_by_engine,
    second_order,
    written_by_hand,
)

Array = NDArray[Any]
ELEMENTS = {1: 1000, 2: 30}  # per input and order: up to here each element is checked, beyond random directions
SAMPLE = 32  # elements measured for the diagnosis of an input beyond that


def gradcheck(
    f: Callable[..., Any],
    *inputs: Any,
    order: Literal[1, 2] = 2,
    vjp: Callable[..., Any] | None = None,
    strict: bool = False,
    rng: int | Rng | None = 0,
) -> Report:
    """Check the gradient of `f` at `inputs` against differences of `f`, and report what was found.

    f: a function of tensors that returns one; with `vjp`, of arrays.   inputs: floating arrays, tensors, lists of them.
    order: 2 checks second derivatives too: the gradient as a function of the inputs and of its cotangent.
    vjp: a backward pass written by hand, `vjp(cotangent, out, *inputs)`, which returns one gradient per input, in a
    tuple if there are several; checked to order 1.   strict: raise, not warn, if nothing can be said.

    There is no tolerance to set: the bound is ten times what rounding and the differences' own error come to, both
    measured. Up to 1,000 elements of an input (30 at order 2) each is checked, beyond these 8 random directions: one
    wrong element shows in each of them, unless it is below the rounding of all together, and is then found by halving.
    Float32 inputs are compared with differences taken in float64. At a kink any slope between the one-sided ones is
    right, and order 2 is left out.

    Raises GradientError, which has a `.report`, if the gradient is wrong; also if the backward pass raises, or returns
    the wrong number, shape or dtype of gradients. Whatever `f` raises is passed on with its name and line. TypeError
    and ValueError if `f` is no function to differentiate: it returns nothing, is random, is not finite, or writes into
    its inputs. Warns with GradientWarning if differences cannot tell.

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
    return report


def check(
    f: Function, inputs: Inputs, order: int, vjp: Function | None, rng: Rng
) -> tuple[Report, BaseException | None]:
    """Return the report of a check, and the error that the backward pass raised, if it did."""
    draft = Report("right", name_of(f), line_of(f), order=order)
    found: list[Finding] = []
    subject: Subject | None = None
    for n in range(1, order + 1):
        try:
            with forward_pass(f):
                if subject is None:
                    subject = (
                        recorded_by_engine(f, inputs, rng) if vjp is None else written_by_hand(f, vjp, inputs, rng)
                    )
                else:
                    subject = second_order(f, inputs, subject, rng)
            checked = Check(subject, rng)
            comparisons = checked.run(ELEMENTS[n])
        except BackwardError as error:
            return crashed(replace(draft, order=n), error), error.__cause__
        wrong = [c for c in comparisons if c.verdict == "wrong" and c.confirmed]
        if wrong:
            worst = checked.locate(max(wrong, key=lambda c: c.relative))
            return accusation(replace(draft, order=n), inputs, checked, comparisons, worst), None
        for g, a, (argument, _) in zip(checked.dtypes, subject.arrays, [*inputs.places, (None, ())], strict=False):
            if g != a.dtype:
                words = f"its values are right, its dtype is not: {g} for an input of {a.dtype}"
                return replace(draft, verdict="wrong", order=n, argument=argument, diagnosis=words), None
        if vjp is not None and (words := bent(checked)):
            return replace(draft, verdict="wrong", order=n, diagnosis=words), None
        found += [Finding(n, c, checked) for c in comparisons]
        if any(c.kinked for c in comparisons):
            words = "at a kink, where it is between the slopes of the two sides" if n == 1 else ""
            draft = replace(draft, order=n, diagnosis=words)
            break
    return summary(replace(draft, comparisons=len(found)), inputs, found), None


def bent(checked: Check) -> str:
    """Say in words if a gradient is not linear in the cotangent: one that is right for the cotangent of the check."""
    back = checked.gradient(checked.subject.arrays, -2.0)
    for claim, other in zip(checked.claims, back, strict=True):
        slack = math.sqrt(checked.subject.epsilon) * np.max(np.abs(claim), initial=0)
        if not np.allclose(other, -2 * np.reshape(claim, np.shape(other)), rtol=0, atol=slack, equal_nan=True):
            return "it is not linear in the cotangent: for -2 times the cotangent it is not -2 times as large"
    return ""


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
    if worst.comparison.doubt > worst.comparison.measured.error:
        reason = f"the gradient itself is rounded too much, in {np.result_type(*inputs.arrays)}"
    others = f" (one of {len(unclear)} comparisons like it)" if len(unclear) > 1 else ""
    words = f"differences of {draft.op} cannot tell: {reason}{others}"
    return spot(
        replace(draft, verdict="inconclusive", order=worst.order, diagnosis=words),
        inputs,
        worst.check,
        worst.comparison,
    )


def spot(draft: Report, inputs: Inputs, checked: Check, c: Comparison) -> Report:
    """Return the report with the place and the numbers of a comparison."""
    way = c.way
    argument, path = inputs.places[way.array] if way.array < len(inputs.places) else (None, ())
    unit, element = 1.0, None
    if way.element is not None:
        unit = float(way.direction[0])
        index = np.unravel_index(way.element, checked.x[way.array].shape)
        element = (*path, *(int(i) for i in index))
    weights = checked.subject.cotangent
    sign = 1.0
    if draft.order == 1 and weights.size == 1:  # one number: its own gradient, not that of a multiple
        unit, sign = unit * abs(float(weights[0])), float(np.sign(weights[0]))
    return replace(
        draft,
        argument=argument,
        element=element,
        weighed=weights.size > 1 or draft.order == 2,
        value=sign * c.claimed / unit,
        expected=sign * c.measured.value / unit,
        error=abs(c.claimed - c.measured.value) / unit,
        bound=(c.bound + c.measured.kink) / unit,
    )


def accusation(
    draft: Report, inputs: Inputs, checked: Check, comparisons: list[Comparison], worst: Comparison
) -> Report:
    """Return the report of a wrong gradient, with what can be said about how it is wrong."""
    k = worst.way.array
    words = [
        diagnosis(checked, comparisons, k),
        constant(checked.claims[k], lambda: checked.gradient(checked.subject.arrays, 2.0)[k]),
    ]
    if worst.kinked:
        low, high = (worst.measured.value + side * worst.measured.kink for side in (-1, 1))
        unit = worst.way.direction[0] if worst.way.element is not None else 1.0
        words.append(f"there is a kink, with slopes {low / unit:.6g} and {high / unit:.6g} on its sides")
    if not worst.claimed and draft.order == 1 and not checked.subject.connected:
        words.append("the result is not connected to the inputs: .data, .item() or .detach() drops the gradient")
    if not worst.claimed and draft.order == 2:
        words.append("the rule drops the graph: it computes on .data, or takes for a constant what is none")
    text = "\n".join(word for word in words if word)
    return replace(spot(draft, inputs, checked, worst), verdict="wrong", diagnosis=text)


def diagnosis(checked: Check, comparisons: list[Comparison], k: int) -> str:
    """Return how the gradient of input `k` differs from the right one, in words; "" if that is not known."""
    shape = checked.x[k].shape
    whole = {j: numbers(part) for j in range(len(checked.x)) if (part := elements_of(comparisons, j)) is not None}
    if k in whole:
        others = [
            (f"argument {j}", measured.reshape(checked.x[j].shape)) for j, (_, measured, _) in whole.items() if j != k
        ]
        claimed, measured, bound = (a.reshape(shape) for a in whole[k])
        return diagnose(claimed, measured, bound, checked.x[k], others)
    places = np.unique(np.linspace(0, checked.x[k].size - 1, SAMPLE).astype(int))
    claimed, measured, bound = numbers([checked.compare(checked.way(k, int(i))) for i in places])
    telling = np.abs(measured) > bound
    return relation(claimed, measured, bound) if (np.abs(claimed - measured) > bound)[telling].all() else ""


def elements_of(comparisons: list[Comparison], k: int) -> list[Comparison] | None:
    """Return the comparisons in the elements of input `k`; None if it was not compared element by element."""
    part = [c for c in comparisons if c.way.array == k]
    return part if part and all(c.way.element is not None for c in part) else None


def numbers(comparisons: list[Comparison]) -> tuple[Array, Array, Array]:
    """Return the claimed and the measured derivatives in single elements, and how far apart they may be."""
    unit = np.array([c.way.direction[0] for c in comparisons])
    claimed = np.array([c.claimed for c in comparisons])
    measured = np.array([c.measured.value for c in comparisons])
    return claimed / unit, measured / unit, np.array([c.bound + c.measured.kink for c in comparisons]) / unit
