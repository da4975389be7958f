"""The laws that a function and its gradient keep, in one call: a table of them, and what became of each."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from tensorgrad.errors import name_of, user_line
from tensorgrad.rng import Rng, as_rng
from tensorgrad.testing import statements
from tensorgrad.testing.report import GradientError, GradientWarning, Report
from tensorgrad.testing.trial import BrokenError, SkippedError, Trial

LAWS: dict[str, Callable[[Trial], None]] = {  # in the order in which they are checked, and told of
    "inputs unchanged": statements.inputs_unchanged,
    "first order": statements.first_order,
    "second order": statements.second_order,
    "forward": statements.forward,
    "adjoint": statements.adjoint,
    "linear": statements.linear,
    "fan-out": statements.fan_out,
    "memory": statements.memory,
    "dtype and shape": statements.dtype_and_shape,
    "float32": statements.float32,
    "freed": statements.freed,
}


class Finding(NamedTuple):
    """What became of one law."""

    law: str  # a key of LAWS
    state: Literal["held", "broken", "skipped"]
    words: str = ""  # what was found, with numbers, or why it was not looked at
    report: Report | None = None  # of the gradient check, if the law is one of its two


@dataclass(frozen=True)
class Laws:
    """What became of each law, for one function at one point."""

    op: str  # the function's name
    findings: tuple[Finding, ...]

    def named(self, state: str) -> list[str]:
        """Return the names of the laws that held, were broken or were skipped."""
        return [finding.law for finding in self.findings if finding.state == state]

    def __str__(self) -> str:
        held, broken = self.named("held"), self.named("broken")
        lines = [f"{self.op} breaks {len(broken)} laws" if len(broken) > 1 else f"{self.op} breaks a law"] * bool(
            broken
        )
        lines += [f"  {f.law}: " + f.words.replace("\n", "\n    ") for f in self.findings if f.state == "broken"]
        lines += [f"{self.op} keeps {len(held)} laws: {', '.join(held)}"] * bool(held)
        lines += [f"  skipped, {f.law}: {f.words}" for f in self.findings if f.state == "skipped"]
        return "\n".join(lines)


class LawError(GradientError):
    """A function or its gradient breaks laws: `laws` has them all, and `report` is about the first."""

    def __init__(self, laws: Laws) -> None:
        first = next(finding for finding in laws.findings if finding.state == "broken")
        words = f"{first.law}: {first.words}"
        report = Report("wrong", laws.op, laws.op, line=user_line(), diagnosis=words)
        super().__init__(first.report or report)
        self.args = (str(laws),)
        self.laws = laws


def check_laws(f: Callable[..., Any], *inputs: Any, order: Literal[1, 2] = 2, rng: int | Rng | None = 0) -> Laws:
    """Check every law that `f` and its gradient keep, and return what became of each.

    f: a function of tensors, or a plain NumPy function.   inputs: as in `gradcheck`.   order: 1 leaves out second
    derivatives.   rng: of the random directions and cotangents.

    Inputs are left unchanged. First and second derivatives agree with differences. The value is NumPy's. The adjoint:
    <v, J u> = <Jᵀ v, u>, from `tg.jvp` and `tg.vjp`. The gradient is linear in its cotangent. Fan-out: the gradient of
    f(x) + f(x) is twice that of f(x). No gradient shares memory with another, nor with an input. Gradients have the
    dtype and the shape of their inputs, results those that NumPy gives. Float32 agrees with float64, up to what
    rounding explains. After `backward()` all is freed: a second pass raises, and no reference cycle keeps arrays.

    Raises LawError, a GradientError, with all laws that are broken. A law that cannot be checked is skipped, and the
    result says why: at a kink there is no second derivative, say. Whatever `f` raises otherwise is passed on.

    >>> print(check_laws(lambda x: np.tanh(x) @ x, np.array([[1.0, -2.0], [0.5, 3.0]])))  # doctest: +ELLIPSIS
    <lambda> keeps 11 laws: inputs unchanged, first order, second order, forward, adjoint, linear, fan-out, ...
    >>> try:
    ...     check_laws(lambda x: x * x.data, np.ones(2))
    ... except GradientError as error:
    ...     print(error.laws.named("broken"))
    ['first order']
    """
    trial = Trial(f, inputs, order, rng if isinstance(rng, int) else as_rng(rng))
    findings: list[Finding] = []
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", GradientWarning)  # what cannot be told is told as skipped
        for law, check in LAWS.items():
            findings.append(outcome(law, check, trial, any(f.state == "broken" for f in findings)))
    laws = Laws(name_of(f), tuple(findings))
    if laws.named("broken"):
        raise LawError(laws)
    return laws


def outcome(law: str, check: Callable[[Trial], None], trial: Trial, excused: bool) -> Finding:
    """Return what becomes of a law. excused: that something else is raised follows from a law that is broken."""
    try:
        check(trial)
    except BrokenError as broken:
        return Finding(law, "broken", str(broken), broken.report)
    except SkippedError as skipped:
        return Finding(law, "skipped", str(skipped))
    except Exception as error:
        if not excused:
            raise
        return Finding(law, "skipped", f"it raised {type(error).__name__}: {error}")
    return Finding(law, "held")
