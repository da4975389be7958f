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
from tensorgrad.testing.laws import check_laws
from tensorgrad.testing.trial import total

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
    for y in call(*leaves(arrays)):
        assert isinstance(y, Tensor), f"{op.name} of tensors gives {type(y).__name__}, not a tensor"
    call.__name__ = op.name  # as reports call it
    check_laws(call, *arrays)
    exact = slopes(call, arrays)
    for name, layout in LAYOUTS.items():
        for g, e in zip(slopes(call, [layout(a) for a in arrays]), exact, strict=True):
            np.testing.assert_allclose(g, e, rtol=1e-12, atol=1e-14, err_msg=f"the gradient of {op.name}, {name}")


def leaves(arrays: list[Array]) -> list[Tensor]:
    """Return leaves that hold the arrays themselves, in whatever memory layout they have."""
    return [wrap(a, Leaf(a)) if a.ndim else tensor(a, requires_grad=True) for a in arrays]


def slopes(call: Callable[..., Any], arrays: list[Array]) -> list[Array]:
    """Return the gradient of the sum of all results for each array."""
    xs = leaves(arrays)
    return gradients(total(call(*xs)), xs)
