"""Checks an entry of the registry, of ours or of a user, in every way that its fields allow."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tensorgrad.graph import Tensor
from tensorgrad.op import OPS
from tensorgrad.rules import load
from tensorgrad.testing.calls import LAYOUTS, Array, Call, calls_of
from tensorgrad.testing.laws import check_laws
from tensorgrad.testing.weighing import leaves, results, weighed


def check_op(fn: Callable[..., Any]) -> int:
    """Check the entry of `fn`, and return how many calls that took.

    Each of its cases is run in its domain, and has to keep all laws of `check_laws`: the result is that on plain
    arrays, first and second derivatives agree with differences, float32 stays float32, no argument is changed, and so
    on. Nor may gradients depend on how arrays lie in memory. Raises AssertionError at the first call for which
    something fails, ValueError if the entry shows no call.

    >>> import tensorgrad as tg
    >>> @tg.primitive(lambda g, _y, x: g * 3 * x * x)
    ... def cube(x):
    ...     return x * x * x
    >>> check_op(cube)
    1
    """
    load()
    op = OPS.get(fn)
    if op is None or op.kind not in ("rules", "composite"):
        raise ValueError(f"{getattr(fn, '__name__', fn)} has no derivative in the registry: tg.register gives it one")
    calls = calls_of(op)
    if not calls:
        raise ValueError(f"the entry of {op.name} shows no call: give it cases=[((shapes of arrays), parameters)]")
    for call in calls:
        check_call(call, call.values())
    return len(calls)


def check_call(call: Call, arrays: list[Array]) -> None:
    """Check one call."""
    name = call.op.name
    for y in results(call(*leaves(arrays))):
        assert isinstance(y, Tensor), f"{name} of tensors gives {type(y).__name__}, not a tensor"
    check_laws(call, *arrays)
    f, weights = weighed(call, arrays)
    exact = f.gradients([*weights, *arrays])
    for layout, laid in LAYOUTS.items():
        for g, e in zip(f.gradients([*weights, *map(laid, arrays)]), exact, strict=True):
            np.testing.assert_allclose(g, e, rtol=1e-12, atol=1e-14, err_msg=f"the gradient of {name}, {layout}")
