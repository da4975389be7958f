"""Turns a function into a property test: its gradient is right at any inputs that Hypothesis can think of."""

import inspect
import math
import warnings
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from hypothesis import Phase, given, reject, settings, target
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tensorgrad.op import OPS, Function
from tensorgrad.rules import load
from tensorgrad.testing.gradcheck import gradcheck
from tensorgrad.testing.report import GradientWarning
from tensorgrad.testing.strategies import arrays, arrays_for, broadcastable

PHASES = tuple(phase for phase in Phase if phase is not Phase.explain)  # it would name lines of the checker
SEEDS = st.integers(0, 2**16 - 1)  # for the cotangent, and the directions, of a check


def given_gradcheck(
    *strategies: SearchStrategy[Any],
    order: Literal[1, 2] = 2,
    vjp: Function | None = None,
    strict: bool = False,
    **options: Any,
) -> Callable[[Function], Callable[[], None]]:
    """Turn a function of arrays into a test that runs `gradcheck` on inputs drawn for it, and shrinks what fails.

    strategies: one for each argument. Without any, an op draws from `arrays_for`, and another function gets a float
    array for each parameter that has no default, of shapes that broadcast together and elements between -2 and 2.
    order, vjp: as for `gradcheck`.   strict: fail where differences cannot tell, instead of drawing other inputs.
    options: those of `hypothesis.settings`, such as max_examples=1000. There is no deadline unless one is given.

    Hypothesis looks for large errors, relative to their bound. The test raises GradientError for the simplest inputs
    that it finds, and Hypothesis prints these: `inputs`, and the seed `rng` of the check's cotangent and directions.

    >>> import numpy as np
    >>> from tensorgrad.testing import strategies
    >>> @given_gradcheck(strategies.arrays((3,)), strategies.arrays((3,)), max_examples=5)
    ... def test_gradient_of_softplus(x, y):
    ...     return np.log1p(np.exp(x)) * y
    >>> test_gradient_of_softplus()
    >>> test_gradient_of_hypot = given_gradcheck(max_examples=5)(np.hypot)
    >>> test_gradient_of_hypot()
    """

    def decorate(f: Function) -> Callable[[], None]:
        drawn = st.tuples(*strategies) if strategies else inputs_for(f)

        def test(inputs: tuple[Any, ...], rng: int) -> None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", GradientWarning)
                report = gradcheck(f, *inputs, order=order, vjp=vjp, strict=strict, rng=rng)
            if report.verdict == "inconclusive":
                reject()
            if report.bound and math.isfinite(share := report.error / report.bound):
                target(share, label="error over bound")

        for name in ("__name__", "__qualname__", "__module__", "__doc__"):  # not __wrapped__: pytest would follow it
            if value := getattr(f, name, None):
                setattr(test, name, value)
        run: Callable[[], None] = settings(**{"deadline": None, "phases": PHASES, **options})(
            given(inputs=drawn, rng=SEEDS)(test)
        )
        return run

    return decorate


def inputs_for(f: Function) -> SearchStrategy[tuple[Any, ...]]:
    """Return a strategy for the inputs of a function, by its entry or its parameters; TypeError if these do not say."""
    load()
    if f in OPS:
        return arrays_for(f)
    name = getattr(f, "__name__", repr(f))
    try:
        parameters = inspect.signature(f).parameters.values()
    except ValueError:
        parameters = {}.values()
    needed = [p for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    n = f.nin if isinstance(f, np.ufunc) else len(needed)
    if not n:
        raise TypeError(
            f"{name} does not say how many arrays it takes: give a strategy for each, as strategies.arrays((3,))"
        )
    return broadcastable(n).flatmap(lambda shapes: st.tuples(*(arrays(shape) for shape in shapes)))
