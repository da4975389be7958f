"""The known ways to NaN and infinity, function by function: what happened at an element, and what to do about it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Trap(NamedTuple):
    """One way to a number that is none."""

    holds: Callable[..., Any]  # of an element of each array: whether this is what happened
    what: str
    cure: str


GUARD = "guard what goes in, not only what comes out: np.where(ok, f(np.where(ok, x, 1.0)), 0.0)"
PROBABILITY = (
    "of a softmax or a sigmoid, take nn.log_softmax, nn.cross_entropy or nn.binary_cross_entropy of what went into it; "
    "else keep x away from 0: np.log(x + 1e-12)"
)
VARIANCE = "np.var and np.std are never negative; else np.sqrt(np.maximum(x, 0))"
DIVISOR = "guard the divisor, also inside np.where: x / np.where(y == 0, 1.0, y); a norm or std: x / (y + 1e-8)"
SHIFT = "nn.softmax, nn.logsumexp, nn.sigmoid, nn.softplus and np.logaddexp do not overflow; else bound x: np.clip"


def logarithms(pole: float) -> tuple[Trap, ...]:
    """Return the traps of a logarithm that is -inf at `pole`."""
    return (
        Trap(lambda x: x == pole, f"at {pole:g} it is -inf", PROBABILITY),
        Trap(lambda x: x < pole, f"it is undefined below {pole:g}", f"a logarithm needs numbers above {pole:g}"),
    )


def outside(low: float, high: float) -> tuple[Trap, ...]:
    """Return the trap of a function that is defined between two numbers only."""
    return (
        Trap(
            lambda x: not low <= x <= high,
            f"it is undefined outside of [{low:g}, {high:g}]",
            f"rounding may leave it: np.clip(x, {low:g}, {high:g})",
        ),
    )


OVERFLOW = "overflow: its result is larger than any {dtype}"
SUMS = (Trap(lambda x, y: np.isinf(x) and np.isinf(y), "inf - inf is nan", "keep infinities out: -1e9 masks as well"),)
ZERO_DIVISOR = Trap(lambda _x, y: y == 0, "division by 0", DIVISOR)
OVERFLOWS = (Trap(lambda x: np.isfinite(x), OVERFLOW, SHIFT),)

MADE: dict[Any, tuple[Trap, ...]] = {  # when the function itself makes one
    np.log: logarithms(0),
    np.log2: logarithms(0),
    np.log10: logarithms(0),
    np.log1p: logarithms(-1),
    np.sqrt: (Trap(lambda x: x < 0, "the root of a negative number is nan", VARIANCE),),
    np.exp: OVERFLOWS,
    np.exp2: OVERFLOWS,
    np.expm1: OVERFLOWS,
    np.sinh: OVERFLOWS,
    np.cosh: OVERFLOWS,
    np.arcsin: outside(-1, 1),
    np.arccos: outside(-1, 1),
    np.arccosh: outside(1, np.inf),
    np.arctanh: (
        Trap(lambda x: abs(x) >= 1, "it is finite inside of (-1, 1) only", "np.clip(x, -0.999999, 0.999999)"),
    ),
    np.reciprocal: (Trap(lambda x: x == 0, "division by 0", DIVISOR),),
    np.divide: (
        Trap(lambda x, y: x == 0 and y == 0, "0 / 0 is nan", DIVISOR),
        ZERO_DIVISOR,
        Trap(lambda x, y: np.isinf(x) and np.isinf(y), "inf / inf is nan", "divide before both grow, or in logarithms"),
    ),
    np.floor_divide: (ZERO_DIVISOR,),
    np.remainder: (ZERO_DIVISOR,),
    np.fmod: (ZERO_DIVISOR,),
    np.add: SUMS,
    np.subtract: SUMS,
    np.multiply: (
        Trap(
            lambda x, y: (x == 0 and np.isinf(y)) or (y == 0 and np.isinf(x)),
            "0 * inf is nan",
            "a product with a mask does not hide infinity: np.where(mask, x, 0.0), and guard x where the mask is 0",
        ),
    ),
    np.power: (
        Trap(lambda x, y: x == 0 and y < 0, "0 to a negative power is inf", DIVISOR),
        Trap(
            lambda x, y: x < 0 and y != round(y),
            "a negative base with a broken exponent is nan",
            "np.abs(x) ** p, or np.sign(x) * np.abs(x) ** p",
        ),
    ),
}

ROOT = "add a little before: np.sqrt(x + 1e-12); np.linalg.norm and np.std know what to do at 0"
EDGE = "keep x away from the edge: np.clip(x, -0.999999, 0.999999)"

STEEP: dict[Any, tuple[Trap, ...]] = {  # where the result is finite, and the derivative is not
    np.sqrt: (Trap(lambda x: x == 0, "the slope of a root at 0 is infinite", ROOT),),
    np.cbrt: (Trap(lambda x: x == 0, "the slope of a root at 0 is infinite", "keep x away from 0"),),
    np.power: (Trap(lambda x, y: x == 0 and y < 1, "the slope of this power at 0 is infinite", "keep x away from 0"),),
    np.arcsin: (Trap(lambda x: abs(x) == 1, "its slope at -1 and 1 is infinite", EDGE),),
    np.arccos: (Trap(lambda x: abs(x) == 1, "its slope at -1 and 1 is infinite", EDGE),),
    np.arccosh: (Trap(lambda x: x == 1, "its slope at 1 is infinite", "keep x above 1"),),
}

CURVED: dict[Any, tuple[Trap, ...]] = {  # where a derivative is finite, and one of it is not
    np.power: (
        Trap(lambda x, y: x == 0 and y != round(y), "at 0 this power has few derivatives", "keep x away from 0"),
    ),
}

STILL = "0 * inf: the tangent that arrives is exactly 0, and"
DISCARDED = "0 * inf, as behind a np.where that took the other branch: the gradient that arrives is exactly 0, and"
SMALLER = "in training, a smaller lr or optim.clip_grad_norm; else scale the arrays down, or compute in logarithms"
MASKED = "of a row in which everything is -inf, so masked", "leave something, or mask with -1e9"
EQUAL = (
    "two values are equal, and their vectors may turn",
    "use the values alone, or keep the matrix away from symmetry",
)
NAMED: dict[str, tuple[str, str]] = {  # functions of our own, forward and backward
    "softmax": MASKED,
    "log_softmax": MASKED,
    "logsumexp": MASKED,
    "log_of_det": ("the matrix is singular", "add a little to its diagonal: a + 1e-6 * np.eye(n)"),
    "eigh_vectors": EQUAL,
    "eig_vectors": EQUAL,
    "svd_vectors": EQUAL,
}
PRODUCTS = (np.linalg.det, np.power)  # which overflow from small numbers too


def made(fn: Any, elements: tuple[Any, ...], arrays: tuple[Any, ...], out: Any, element: Any) -> tuple[str, str]:
    """Return what made a result nan or inf, and what to do; empty texts if that is not known.

    elements: of the arrays at the place of `element` in the result; none if the function is not elementwise.
    """
    if elements and (found := match(MADE.get(fn, ()), elements)):
        return found[0].format(dtype=np.asarray(out).dtype), found[1]
    if any(np.size(a) == 0 for a in arrays):
        return "of no elements", "an empty selection: look at the size before"
    if known := NAMED.get(getattr(fn, "__name__", "")):
        return known
    if np.isnan(element) and any(np.isinf(a).any() for a in arrays):
        return "inf - inf, or 0 * inf", "keep infinities out: -1e9 masks as well as -inf"
    large = max((np.abs(a).max() for a in arrays), default=0) > float(np.finfo(np.asarray(out).dtype).max) ** 0.25
    if np.isinf(element) and (large or fn in PRODUCTS):
        return OVERFLOW.format(dtype=np.asarray(out).dtype), SMALLER
    return "", ""


def steep(fn: Any, elements: tuple[Any, ...], g: Any, term: Any, discarded: str = DISCARDED) -> tuple[str, str]:
    """Return what made a gradient, or tangent, nan or inf, and what to do, where `g` arrives and `term` comes out."""
    found = match(STEEP.get(fn, ()), elements) or match(MADE.get(fn, ()), elements)
    if g == 0 and np.isnan(term):
        slope, cure = found or ("the slope is infinite or nan", "")
        return f"{discarded} {slope}", f"{cure}\n  or, behind np.where, {GUARD}" if cure else GUARD
    return found or NAMED.get(getattr(fn, "__name__", ""), ("", ""))


def steeper(fn: Any, elements: tuple[Any, ...]) -> tuple[str, str]:
    """Return what made a derivative of a derivative nan or inf, and what to do; empty texts if that is not known."""
    traps = (*STEEP.get(fn, ()), *CURVED.get(fn, ()), *MADE.get(fn, ()))
    return match(traps, elements) or NAMED.get(getattr(fn, "__name__", ""), ("", ""))


def match(traps: tuple[Trap, ...], elements: tuple[Any, ...]) -> tuple[str, str] | None:
    """Return the words of the first trap that holds; complex numbers are not ordered, and fit none."""
    if any(np.iscomplexobj(x) for x in elements):
        return None
    return next(((trap.what, trap.cure) for trap in traps if trap.holds(*elements)), None)
