"""Checks an entry of the registry, of ours or of a user, in every way that its fields allow."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tensorgrad.autograd import gradients
from tensorgrad.creation import tensor
from tensorgrad.graph import Tensor, wrap
from tensorgrad.node import Leaf
from tensorgrad.op import OPS, Case, Each, Op
from tensorgrad.rules import load
from tensorgrad.testing.gradcheck import gradcheck

Array = np.ndarray[Any, Any]

SHAPES = ((2, 3), (3,), (2, 1), ())  # that an elementwise op is shown with
LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "contiguous": lambda a: np.array(a, order="C"),
    "Fortran's order": lambda a: np.array(a, order="F"),
    "strided": lambda a: np.repeat(a, 2, -1)[..., ::2] if a.ndim else a,
    "reversed": lambda a: np.flip(np.flip(a).copy()),
}


def cases_of(op: Op) -> list[Case]:
    """Return the calls that an op's entry says to test, as shapes and parameters; none if it does not say enough."""
    if op.cases:
        return list(op.cases)
    if op.kind == "composite" or isinstance(op.vjps, Each):
        return []
    n = len(op.vjps) or (op.fn.nin if isinstance(op.fn, np.ufunc) else 1)
    return [(SHAPES[:n], {})]


def sample(op: Op, shapes: Any, seed: int = 0) -> list[Array]:
    """Return arrays for a call, in the op's domain, of which no two elements tie or come near a kink.

    They are points of one grid, which has none at 0, in an order that `seed` says.
    """
    domain: Any = op.domain
    intervals = domain if isinstance(domain[0], tuple) else (domain,) * len(shapes)
    sizes = [int(np.prod(shape)) for shape in shapes]
    step = min(high - low for low, high in intervals) / (sum(sizes) + 2)
    rng, taken, arrays = np.random.default_rng(seed), set[int](), []
    for (low, high), shape, size in zip(intervals, shapes, sizes, strict=True):
        free = [k for k in range(int(low // step), int(high // step) + 1) if k not in taken]
        free = [k for k in free if low <= (k + 0.37) * step <= high]
        chosen = rng.choice(free, size, replace=False) if size else np.zeros(0)
        taken.update(chosen)
        arrays.append(((chosen + 0.37) * step).reshape(shape))
    return arrays


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
    cases = cases_of(op)
    if not cases:
        raise ValueError(f"the entry of {op.name} shows no call: give it cases=[((shapes of arrays), parameters)]")
    for shapes, params in cases:

        def call(*arrays: Any, params: dict[str, Any] = params, op: Op = op) -> Any:
            if op.prepare is not None:
                made = op.prepare(*arrays)
                arrays = made if isinstance(made, tuple) else (made,)
            out = fn(*arrays, **params)
            return out if isinstance(out, tuple | list) else [out]

        check_call(op, call, sample(op, shapes))
    return len(cases)


def check_call(op: Op, call: Callable[..., Any], arrays: list[Array]) -> None:
    """Check one call."""
    before = [a.copy() for a in arrays]
    for y, expected in zip(call(*leaves(arrays)), call(*arrays), strict=True):
        assert isinstance(y, Tensor), f"{op.name} of tensors gives {type(y).__name__}, not a tensor"
        assert (y.shape, y.dtype) == (expected.shape, expected.dtype), f"{op.name} of tensors gives {y.dtype}{y.shape}"
        np.testing.assert_allclose(y.data, expected, rtol=1e-13, atol=1e-15, err_msg=f"{op.name} of tensors")

    def weighted(*xs: Any) -> Any:
        return total(call(*xs))

    weighted.__name__ = op.name  # as the report calls it
    gradcheck(weighted, *arrays, order=2)
    exact = slopes(call, arrays)
    for name, layout in LAYOUTS.items():
        for g, e in zip(slopes(call, [layout(a) for a in arrays]), exact, strict=True):
            np.testing.assert_allclose(g, e, rtol=1e-12, atol=1e-14, err_msg=f"the gradient of {op.name}, {name}")
    single = [a.astype(np.float32) for a in arrays]
    for y, e in zip(call(*leaves(single)), call(*single), strict=True):
        assert y.dtype == e.dtype, f"{op.name} of float32 gives {y.dtype} on tensors, {e.dtype} on arrays"
    for g in slopes(call, single):
        assert g.dtype == np.float32, f"the gradient of {op.name} in float32 is {g.dtype}"
    for a, b in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(a, b, err_msg=f"{op.name} changed its argument")


def leaves(arrays: list[Array]) -> list[Tensor]:
    """Return leaves that hold the arrays themselves, in whatever memory layout they have."""
    return [wrap(a, Leaf(a)) if a.ndim else tensor(a, requires_grad=True) for a in arrays]


def total(outs: Any) -> Any:
    """Return a sum of all results in which each element has a weight of its own."""
    terms = []
    for y in outs:
        y = np.real(y) + 0.7 * np.imag(y) if np.iscomplexobj(y) else y
        weights = 1 + np.cos(np.arange(float(np.size(y)))).reshape(np.shape(y)) / 2
        terms.append(np.sum(y * weights.astype(y.dtype)))
    return sum(terms[1:], terms[0])


def slopes(call: Callable[..., Any], arrays: list[Array]) -> list[Array]:
    """Return the gradient of the sum of all results for each array."""
    xs = leaves(arrays)
    return gradients(total(call(*xs)), xs)
