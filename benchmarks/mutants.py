"""The catalogue of wrong gradients: every mistake in every function where it can be made, if the result is wrong."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from benchmarks.functions import FUNCTIONS, Array, Backward, Function
from benchmarks.mistakes import FAMILIES
from benchmarks.special import SPECIAL

KINKS = "certain inputs"  # the family of SPECIAL; none of them writes to its inputs
SLACK = 1e-7  # relative: what differs less is the same gradient, differently rounded


class Mutant(NamedTuple):
    """A wrong gradient: its kind, the function, and a maker of the wrong backward pass, which may keep state."""

    family: str
    kind: str
    function: Function
    make: Callable[[], Backward]


def mutants() -> Iterator[Mutant]:
    """Yield all that are really wrong: pairs of kind and function that give the right gradient are left out."""
    for family, kinds in FAMILIES.items():
        for kind, mistake in kinds.items():
            for f in FUNCTIONS.values():
                if mistake(f) is not None:
                    mutant = Mutant(family, kind, f, lambda mistake=mistake, f=f: mistake(f))
                    if is_wrong(mutant):
                        yield mutant
    for kind, f, wrong in SPECIAL:
        yield Mutant(KINKS, kind, f, lambda wrong=wrong: wrong)


def inputs_of(mutant: Mutant) -> tuple[Array, ...]:
    """Return inputs to run a mutant at: copies, except where how they lie in memory is what matters."""
    return mutant.function.inputs if mutant.family == KINKS else tuple(x.copy() for x in mutant.function.inputs)


def is_wrong(mutant: Mutant) -> bool:
    """Whether the gradient is wrong at the function's inputs, also if it is looked at after a second call."""
    f, backward, inputs = mutant.function, mutant.make(), inputs_of(mutant)
    out = np.asarray(f.forward(*inputs))
    rng = np.random.default_rng(0)
    cotangents = [np.asarray(rng.standard_normal(out.shape)).astype(out.dtype) for _ in range(2)]
    results = []
    for g in cotangents:
        given = g.copy()
        results.append(backward(given, out, *inputs))
        if not np.array_equal(given, g) or any(map(differs, inputs, f.inputs)):
            return True
    expected = [f.backward(g, out, *f.inputs) for g in cotangents]
    for got, right in zip(results, expected, strict=True):
        if len(got) != len(right) or any(map(differs, got, right)):
            return True
    return False


def differs(got: Any, right: Array) -> bool:
    """Whether an array is another than the right one: in form, or in an element by more than rounding."""
    if got is None or np.shape(got) != right.shape or np.asarray(got).dtype != right.dtype:
        return True
    slack = max(SLACK, 1e3 * float(np.finfo(right.dtype).eps))
    near = np.abs(got - right) <= slack * np.abs(right) + 1e-12 * np.abs(right).max(initial=0)
    return not bool(near.all())
