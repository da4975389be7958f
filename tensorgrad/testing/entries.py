"""Checks an entry of the registry, of ours or of a user, in every way that its fields allow."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tensorgrad.graph import Tensor
from tensorgrad.op import OPS
from tensorgrad.rules import load
from tensorgrad.testing.calls import LAYOUTS, Array, Call, calls_of
from tensorgrad.testing.gradcheck import gradcheck
from tensorgrad.testing.weighing import leaves, results, weighed


def check_op(fn: Callable[..., Any]) -> int:
    """Check the entry of `fn`, and return how many calls that took.

    Each of its cases is run in its domain: the result is that on plain arrays; first and second derivatives agree with
    differences (`gradcheck`); float32 stays float32; gradients do not depend on how arrays lie in memory; no argument
    is changed. Raises AssertionError at the first that fails, ValueError if the entry shows no call.

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
    before = [a.copy() for a in arrays]
    for y, expected in zip(results(call(*leaves(arrays))), results(call(*arrays)), strict=True):
        assert isinstance(y, Tensor), f"{name} of tensors gives {type(y).__name__}, not a tensor"
        assert (y.shape, y.dtype) == (expected.shape, expected.dtype), f"{name} of tensors gives {y.dtype}{y.shape}"
        np.testing.assert_allclose(y.data, expected, rtol=1e-13, atol=1e-15, err_msg=f"{name} of tensors")
    f, weights = weighed(call, arrays)

    def weighted(*xs: Any) -> Any:
        return f([*weights, *xs])

    weighted.__name__ = name  # as the report calls it
    gradcheck(weighted, *arrays, order=2)
    exact = f.gradients([*weights, *arrays])
    for layout, laid in LAYOUTS.items():
        for g, e in zip(f.gradients([*weights, *map(laid, arrays)]), exact, strict=True):
            np.testing.assert_allclose(g, e, rtol=1e-12, atol=1e-14, err_msg=f"the gradient of {name}, {layout}")
    single = [a.astype(np.float32) for a in arrays]
    for y, e in zip(results(call(*leaves(single))), results(call(*single)), strict=True):
        assert y.dtype == e.dtype, f"{name} of float32 gives {y.dtype} on tensors, {e.dtype} on arrays"
    f, weights = weighed(call, single)
    for g in f.gradients([*weights, *single])[len(weights) :]:
        assert g.dtype == np.float32, f"the gradient of {name} in float32 is {g.dtype}"
    for a, b in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(a, b, err_msg=f"{name} changed its argument")
