"""What a function has to be like to have a gradient that can be checked, and what is said if it is not."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tensorgrad.errors import crash_line, shown, user_line
from tensorgrad.rng import Rng
from tensorgrad.testing.inputs import BackwardError, Inputs, Results, raw_of
from tensorgrad.trees import leaves

Array = NDArray[Any]
Function = Callable[..., Any]
ROUNDINGS = 100.0  # times the estimated rounding, by which gradients for several cotangents may differ


def refuse_odd(f: Function, y: Any, again: Any, form: Results) -> None:
    """Raise TypeError or ValueError unless a result holds finite floats, the same in two calls."""
    name = name_of(f)
    if y is None:
        raise TypeError(f"{name} returned nothing: end it with return")
    if not form.paths:
        found = [str(raw_of(part).dtype) for _, part in leaves(y)]
        raise TypeError(f"{name} returned {found[0] if found else type(y).__name__}: return floats, in any nesting")
    for part in form.parts(y):
        raw = raw_of(part)
        if not np.isfinite(raw).all():
            at = [int(i) for i in np.argwhere(~np.isfinite(raw))[0]]
            raise ValueError(
                f"{name} returned {raw[tuple(at)]}{f' at {at}' if at else ''}, where there is no derivative to compare "
                "with: check it at inputs where the function is finite"
            )
    first, second = form.flat(y), form.flat(again)
    if second.shape != first.shape or np.abs(second - first).max(initial=0) > 1e-3 * np.abs(first).max(initial=0):
        raise ValueError(
            f"{name} is random: two calls on the same inputs gave different results. Draw from a generator that "
            "starts anew in each call, as in rng = np.random.default_rng(0)"
        )


def refuse_changed(before: list[Array], after: list[Array], f: Function) -> None:
    """Raise ValueError if a function wrote into its inputs."""
    if not all(map(same, before, after)):
        raise ValueError(f"{name_of(f)} changes its inputs in place, so that they are not the inputs afterwards: copy")


def same(a: Array, b: Array) -> bool:
    """Whether two arrays hold the same numbers."""
    return bool(np.array_equal(a, b, equal_nan=True))


def refuse_changed_cotangent(before: Sequence[Array], after: Sequence[Array], name: str = "cotangent") -> None:
    """Raise BackwardError if a backward pass wrote into what it was given."""
    if not all(map(same, before, after)):
        raise BackwardError(f"it changed its {name} in place, which another consumer may share: copy it first")


def refuse_overwritten(inputs: Inputs, arrays: Sequence[Array], after: Sequence[Any]) -> None:
    """Raise BackwardError if a backward pass wrote into the inputs of the forward one."""
    for (argument, _), a, b in zip(inputs.places, inputs.natural(arrays), after, strict=True):
        if not same(a, raw_of(b)):
            raise BackwardError(f"it changed input {argument} in place: copy it first", argument=argument)


# Errors of a function or of its backward pass
@contextmanager
def forward_pass(f: Function) -> Iterator[None]:
    """Name the function in whatever it raises."""
    try:
        yield
    except BackwardError:
        raise
    except Exception as error:
        error.add_note(f"in {name_of(f)}, which gradcheck called, at {line_of(f)}")
        raise


@contextmanager
def backward_pass() -> Iterator[None]:
    """Turn whatever a backward pass raises into a BackwardError that names its line."""
    try:
        yield
    except Exception as error:
        notes = "".join(f"\n{note}" for note in getattr(error, "__notes__", ()) if not note.startswith("at "))
        raise BackwardError(f"it raised {type(error).__name__}: {error}{notes}", crash_line(error)) from error


# Names and lines
def name_of(f: Function) -> str:
    """Return the name of a function, as errors show it."""
    return str(getattr(f, "__name__", None) or getattr(getattr(f, "func", None), "__name__", type(f).__name__))


def line_of(f: Function) -> str:
    """Return where a function is defined, or from where the check is called if that is not Python code."""
    code = getattr(getattr(f, "__wrapped__", getattr(f, "func", f)), "__code__", None)
    return user_line() if code is None else shown(code.co_filename, code.co_firstlineno)


# Gradients that misbehave
def changed(first: list[Array], kept: list[Array]) -> str:
    """Say in words if the gradient of a call is not what it was any more, after others; "" if it is."""
    if all(close(a.ravel(), old) for a, old in zip(first, kept, strict=True)):
        return ""
    return "a further call writes into the arrays that it returned before: return new ones"


def changing(second: list[Array], kept: list[Array]) -> str:
    """Say in words if a further call at the same inputs, for the same cotangent, gives another gradient; "" if not."""
    if all(close(a.ravel(), old) for a, old in zip(second, kept, strict=True)):
        return ""
    return "it changes from call to call: a further one at the same inputs gave another gradient"


def bent(
    gradient: Callable[[Array], list[Array]], cotangent: Array, doubts: Callable[[], list[Array]], rng: Rng
) -> str:
    """Say in words if a gradient is not linear in the cotangent; "" if it is.   doubts: how much of it is rounding."""

    def alike(found: list[Array], right: list[Array]) -> bool:
        if all(map(close, found, right)):
            return True
        return all(
            bool((np.abs(a - b).ravel() <= 1e-6 * np.abs(b).max(initial=0) + ROUNDINGS * doubt.max(initial=0)).all())
            for a, b, doubt in zip(found, right, doubts(), strict=True)
        )

    kept = [np.array(g) for g in gradient(cotangent)]
    large = max((float(np.abs(g).max(initial=0)) for g in kept), default=0.0)
    coarse = any(spacing(g) > 1e-4 for g in kept) or not 1e-200 < large < 1e200
    for factor in (-2.0,) if coarse else (-2.0, -(2.0**-30), 2.0**20):
        if not alike(gradient(factor * cotangent), [factor * g for g in kept]):
            return f"it is not linear in the cotangent: for {factor:g} times that it is not {factor:g} times as large"
    other = cotangent * 10 ** -(5 * rng.random(cotangent.size)) * np.where(rng.random(cotangent.size) < 0.5, -1, 1)
    both = [a + b for a, b in zip([np.array(g) for g in gradient(other)], kept, strict=True)]
    if not alike(gradient(cotangent + other), both):
        return "it is not linear in the cotangent: for a sum of two cotangents it is not the sum of both gradients"
    return ""


def spacing(a: Array) -> float:
    """Return the relative spacing of the numbers of an array; 0 of integers."""
    return float(np.finfo(a.dtype).eps) if a.dtype.kind in "fc" else 0.0


def close(a: Array, b: Array) -> bool:
    """Whether two gradients are equal but for the rounding of sums in their dtype."""
    slack = max(1e-6, 2.0**13 * spacing(b))
    return bool(np.allclose(a, b, rtol=0, atol=slack * np.max(np.abs(b), initial=0), equal_nan=True))
