"""Says what is wrong with a gradient: where, how, and which recorded step is to blame."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tensorgrad.graph import Tensor, connect, raw
from tensorgrad.node import Node
from tensorgrad.op import Op
from tensorgrad.rng import Rng
from tensorgrad.testing.compare import Check
from tensorgrad.testing.diagnosis import constant, diagnose, relation
from tensorgrad.testing.inputs import BackwardError, Inputs
from tensorgrad.testing.judge import Comparison
from tensorgrad.testing.report import Report
from tensorgrad.testing.subject import Function, Subject, recorded_by_engine, second_order
from tensorgrad.testing.suspects import explanation

Array = NDArray[Any]
EACH = 0.1  # seconds, about, for the elements of one step
ALL = 3.0  # seconds for all steps
SAMPLE = 32  # elements measured for the diagnosis of an input that was not compared element by element


def accusation(
    draft: Report,
    inputs: Inputs,
    checked: Check,
    comparisons: list[Comparison],
    first: Subject,
    vjp: Function | None,
    rng: Rng,
) -> Report:
    """Return the report of a wrong gradient, with what can be said about how it is wrong, and who is to blame."""
    accused = [c for c in comparisons if c.verdict == "wrong" and c.confirmed]
    worst = checked.locate(max(accused, key=lambda c: c.relative))
    report = replace(spot(draft, inputs, checked, worst), verdict="wrong")
    words = described(checked, comparisons, worst, draft.order)
    if vjp is None and first.steps:
        looked = list(findings(first.steps, draft.order, rng))
        report = replace(report, verdicts={finding.node: finding.verdict for finding in looked})
        guilty = [finding for finding in looked if finding.verdict == "wrong"]
        if guilty and len(first.steps) > 1:
            return blamed(report, guilty, first)
        if len(looked) == len(first.steps) and all(finding.verdict == "right" for finding in looked):
            words.append("each recorded step is right by itself: a value left the graph between them")
    if vjp is not None and first.again is not None and all(word.startswith("it is wrong") for word in words):
        cotangents = first.results.split(first.cotangent) if first.results is not None else []
        words += filter(None, [explanation(first.again, cotangents, checked.claims)])
    if draft.order == 1 and not worst.claimed and not first.connected:
        words.append("the result is not connected to the inputs: .data, .item() or .detach() drops the gradient")
    if draft.order == 2 and not worst.claimed:
        words.append("the rule drops the graph: it computes on .data, or takes for a constant what is none")
    return replace(report, diagnosis="\n".join(words))


def blamed(report: Report, guilty: list["Finding"], first: Subject) -> Report:
    """Return the report with the step whose rule is wrong by itself: of several, the one computed first."""
    finding = guilty[-1]
    op = finding.node.op
    assert op is not None
    which = "" if finding.argument is None else f" for its argument {finding.argument}"
    words = [f"the rule of {op.name}{which} is wrong by itself"]
    if finding.error is not None:
        words.append(str(finding.error))
    elif finding.check is not None:
        wrong = [c for c in finding.comparisons if c.verdict == "wrong" and c.confirmed]
        worst = finding.check.locate(max(wrong, key=lambda c: c.relative))
        words += described(finding.check, list(finding.comparisons), worst, report.order)
    others = len({other.node.op for other in guilty} - {op})
    if others:
        words.append(f"so {'is that' if others == 1 else 'are those'} of {others} more op{'s' * (others > 1)}")
    return replace(report, op=op.name, line=first.trace.line(finding.node) or report.line, diagnosis="\n".join(words))


# Each step by itself
class Finding(NamedTuple):
    """What the check of one step by itself found."""

    node: Node
    verdict: str  # "right", "wrong", or "inconclusive" where it could not be told
    argument: int | None = None  # of the op, whose rule is wrong
    check: Check | None = None
    comparisons: tuple[Comparison, ...] = ()
    error: BackwardError | None = None  # if the rule itself failed


def findings(steps: list[Node], order: int, rng: Rng) -> Iterator[Finding]:
    """Yield what is found about each recorded step, newest first, as long as there is time."""
    end = time.perf_counter() + ALL
    for node in steps:
        if time.perf_counter() > end:
            return
        yield examine(node, order, rng)


def examine(node: Node, order: int, rng: Rng) -> Finding:
    """Check the rules of one recorded step, at the arguments that it met."""
    live = [j for j, source in enumerate(node.inputs) if source is not None]
    args = node.args or ()
    if any(isinstance(a, Node) for a in args) or not live:
        return Finding(node, "inconclusive")

    def step(*xs: Any) -> Any:
        values = list(args)
        for j, x in zip(live, xs, strict=True):
            values[j] = x
        return repeated(node.op, values, node.params)

    try:
        inputs = Inputs(tuple(args[j] for j in live))
        subject = recorded_by_engine(step, inputs, rng)
        if order == 2:
            subject = second_order(step, inputs, subject, rng)
        check = Check(subject, rng)
        found = check.run(EACH)
    except BackwardError as error:
        return Finding(node, "wrong", error.argument, error=error)
    except Exception:  # it cannot be taken by itself
        return Finding(node, "inconclusive")
    wrong = [c for c in found if c.verdict == "wrong" and c.confirmed]
    if wrong:
        worst = max(wrong, key=lambda c: c.relative)
        moved = check.largest(worst.way) if worst.way.array is None else worst.way.array
        argument = live[moved] if moved < len(live) else None
        return Finding(node, "wrong", argument, check, tuple(found))
    told = all(c.verdict == "right" for c in found)
    return Finding(node, "right" if told else "inconclusive")


def repeated(op: Op | None, args: list[Any], params: dict[str, Any]) -> Any:
    """Take a recorded step again with other arguments, and record it if one of these is a tensor."""
    assert op is not None
    values = tuple(map(raw, args))
    out = op.forward(*values, **params)
    out, work = (out, out) if op.work is None else out
    if not any(isinstance(a, Tensor) for a in args):
        return out
    inputs = tuple(a.node if isinstance(a, Tensor) else None for a in args)
    return connect(op, values, inputs, params, out, work)


# Where and how
def spot(draft: Report, inputs: Inputs, checked: Check, c: Comparison) -> Report:
    """Return the report with the place and the numbers of a comparison."""
    way, n = c.way, len(inputs.places)
    moved = checked.largest(way) if way.array is None else way.array
    argument, path = inputs.places[moved] if moved < n else (None, ())
    unit, element = 1.0, None
    part: Literal["", "real", "imaginary"] = ""
    if way.element is not None:
        unit = float(way.direction[0])
        index = tuple(int(i) for i in np.unravel_index(way.element, checked.x[moved].shape))
        if moved < n and inputs.arrays[moved].dtype.kind == "c":
            part = "imaginary" if index[-1] else "real"
            index = index[:-1]
        element = (*path, *index)
    weights = checked.subject.cotangent
    sign = 1.0
    if draft.order == 1 and weights.size == 1:  # one number: its own gradient, not that of a multiple
        unit, sign = unit * abs(float(weights[0])), float(np.sign(weights[0]))
    return replace(
        draft,
        argument=argument,
        element=element,
        part=part,
        weighed=weights.size > 1 or draft.order == 2,
        value=sign * c.claimed / unit,
        expected=sign * c.measured.value / unit,
        error=abs(c.claimed - c.measured.value) / unit,
        bound=(c.bound + c.excuse + c.measured.kink) / unit,
    )


def described(checked: Check, comparisons: list[Comparison], worst: Comparison, order: int) -> list[str]:
    """Return in words how a gradient differs from the right one."""
    if worst.way.array is None:
        text = "at a kink each element alone is between the slopes of its two sides, but several together are not"
        return [f"{text}: a tie is counted more than once, or not at all"]
    k = worst.way.array
    words = [
        relative(checked, comparisons, k),
        constant(checked.claims[k], lambda: checked.gradients(2 * checked.subject.cotangent)[k].ravel()),
    ]
    if worst.kinked:
        unit = worst.way.direction[0] if worst.way.element is not None else 1.0
        weights = checked.subject.cotangent
        unit = unit * weights[0] if order == 1 and weights.size == 1 else unit
        low, high = sorted((worst.measured.value + side * worst.measured.kink) / unit for side in (-1, 1))
        words.append(f"there is a kink, with slopes {low:.6g} and {high:.6g} on its sides")
    results = checked.subject.results
    if results is not None and "c" in results.kinds and not words[0]:
        words.append(unconjugated(checked, comparisons, k, results.conjugating()))
    return [word for word in words if word]


def relative(checked: Check, comparisons: list[Comparison], k: int) -> str:
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


def unconjugated(checked: Check, comparisons: list[Comparison], k: int, conjugating: Array) -> str:
    """Say that a gradient multiplies by the derivative instead of its conjugate, if it does."""
    part = elements_of(comparisons, k)
    if part is None or checked.x[k].shape[-1:] != (2,):
        return ""
    _, measured, bound = numbers(part)
    turned = checked.gradients(conjugating * checked.subject.cotangent)[k].reshape(-1, 2) * [1, -1]
    right = np.abs(turned.ravel() - measured) <= bound + 1e-6 * np.abs(measured)
    return (
        "a conjugate is missing: it multiplies by the derivative, where its conjugate is right" if right.all() else ""
    )


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
