"""Says in words how a wrong gradient differs from the right one, where that is certain."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
CLOSE = 1e-6  # relative: what agrees so well does not by chance


def diagnose(claimed: Array, measured: Array, bound: Array, x: Array, others: list[tuple[str, Array]]) -> str:
    """Return what is wrong with a gradient: its relation to the right one, and where it holds; "" if none is known.

    claimed, measured, bound, x: of one shape; `bound` is how far apart the first two may be.
    others: the measured gradients of other inputs, by name.

    >>> right = np.array([1.0, -2.0, 4.0])
    >>> diagnose(-right, right, np.full(3, 1e-9), np.ones(3), [])
    'the sign is wrong'
    >>> diagnose(np.array([1.0, 0.0, 4.0]), right, np.full(3, 1e-9), np.array([1.0, -1.0, 2.0]), [])
    'it is zero, only at [1]'
    """
    wrong = ~(np.abs(claimed - measured) <= bound)
    telling = wrong | (np.abs(measured) > bound)
    everywhere = bool((wrong == telling).all())
    cause = relation(claimed, measured, bound) or relation(claimed[wrong], measured[wrong], bound[wrong])
    if not cause and (found := arrangement(claimed, measured, bound, others)):
        return found
    if everywhere and claimed.size > 1:
        return cause
    if claimed.size == 1:
        return cause
    return f"{cause or 'it is wrong'}{', ' * bool(cause) or ' '}{place(wrong, x)}"


def relation(claimed: Array, measured: Array, bound: Array) -> str:
    """Say what number the right gradient was multiplied by, if it was."""
    if np.isnan(claimed).any():
        return "it is NaN"
    if np.isinf(claimed).any():
        return "it is infinite"
    if not claimed.any():
        return "it is zero"
    factor = float(np.sum(claimed * measured) / np.sum(measured * measured)) if measured.any() else 0.0
    if factor == 0 or not close(claimed, factor * measured, (abs(factor) + 1) * (bound + CLOSE * np.abs(measured))):
        return ""
    if abs(factor + 1) <= CLOSE:
        return "the sign is wrong"
    sign = ", and the sign is wrong" if factor < 0 else ""
    for number, words in ((abs(factor), "large"), (1 / abs(factor), "small")):
        if number >= 1.5 and abs(number - round(number)) <= CLOSE * number:
            return f"it is {round(number)} times too {words}{sign}"
    return f"it is {factor:.6g} times the right one" if claimed.size > 1 else ""


def arrangement(claimed: Array, measured: Array, bound: Array, others: list[tuple[str, Array]]) -> str:
    """Say how the right numbers were misplaced, if they were."""
    axes = range(claimed.ndim)
    for order in itertools.permutations(axes) if 2 <= claimed.ndim <= 4 else ():
        if fits(claimed, np.transpose(measured, order), bound):
            return "it is transposed"
    for name, other in others:
        if fits(claimed, other, bound):
            return f"it is the gradient of {name}"
    for axis in axes:
        if fits(claimed, np.flip(measured, axis), bound):
            return f"it is reversed along axis {axis}"
        for shift in (1, -1):
            if fits(claimed, np.roll(measured, shift, axis), bound):
                return f"it is shifted by one along axis {axis}"
    if claimed.size > 2 and close(
        np.sort(claimed, axis=None), np.sort(measured, axis=None), np.max(bound + CLOSE * np.abs(measured))
    ):
        return "it has the right numbers in the wrong places"
    return ""


def place(wrong: Array, x: Array) -> str:
    """Say where a gradient is wrong."""
    count = int(wrong.sum())
    if count == 1:
        return f"only at {[int(i) for i in np.argwhere(wrong)[0]]}"
    for where, words in ((x < 0, "negative"), (x > 0, "positive"), (x <= 0, "not positive"), (x >= 0, "not negative")):
        if (where == wrong).all() and not wrong.all():
            return f"where the input is {words}: in {count} of {wrong.size} elements"
    return f"in {count} of {wrong.size} elements"


def fits(claimed: Array, candidate: Array, bound: Array) -> bool:
    """Whether the claimed gradient is the candidate, of the same shape."""
    return claimed.shape == candidate.shape and close(claimed, candidate, np.max(bound) + CLOSE * np.abs(candidate))


def close(a: Array, b: Array, bound: Any) -> bool:
    """Whether two arrays differ nowhere by more than the bound."""
    return bool((np.abs(a - b) <= bound).all())


def constant(claimed: Array, gradient_of_double: Callable[[], Array]) -> str:
    """Say that a gradient does not scale with its cotangent, if it does not: `claimed` beside that of a double one."""
    if not np.isfinite(claimed).all():
        return ""
    double = gradient_of_double()
    off = np.abs(double - 2 * claimed) > 1e-3 * (np.abs(claimed) + np.abs(double))
    if not off.any():
        return ""
    fixed = off & (double == claimed)
    if (fixed == off).all():
        numbers = np.unique(claimed[off])
        what = f"the constant {numbers[0]:.6g}" if len(numbers) == 1 and math.isfinite(numbers[0]) else "the same"
        return f"it is {what} whatever the cotangent, by which a backward pass has to multiply"
    return "it is not linear in the cotangent, by which a backward pass has to multiply"
