"""Makes tensors from data."""

from typing import Any

import numpy as np

from tensorgrad.backends import dtype_of, owned
from tensorgrad.errors import trim, trims
from tensorgrad.graph import Tensor, wrap
from tensorgrad.node import Leaf, require_differentiable


def tensor(data: Any, *, requires_grad: bool = False, dtype: Any = None, name: str | None = None) -> Tensor:
    """Return a tensor that holds a copy of `data`: numbers, nested lists, or any array that speaks NumPy's protocols.

    Raises TypeError if integers or booleans are to require a gradient.

    >>> w = tensor([1.0, 2.0], requires_grad=True, name="w")
    >>> (w * w).sum().backward()
    >>> w.grad
    array([2., 4.])
    """
    try:
        try:
            data = owned(data._data if isinstance(data, Tensor) else data, dtype)
        except ValueError as error:
            error.add_note("a tensor is made of numbers, nested evenly: do all rows have the same length?")
            raise
        if dtype_of(data).kind not in "biufc":
            raise TypeError(f"a tensor holds numbers, got {dtype_of(data)}: {data!r:.60}")
        if requires_grad:
            require_differentiable(dtype_of(data))
        t = wrap(data, Leaf(data) if requires_grad else None)
        if name is not None:
            t.name = name
        return t
    except Exception as error:
        trim(error)
        raise


@trims
def zeros(shape: Any, **options: Any) -> Tensor:
    """Return a tensor of zeros; options as in `tensor`."""
    return tensor(np.zeros(shape), **options)


@trims
def ones(shape: Any, **options: Any) -> Tensor:
    """Return a tensor of ones; options as in `tensor`."""
    return tensor(np.ones(shape), **options)


@trims
def full(shape: Any, value: Any, **options: Any) -> Tensor:
    """Return a tensor filled with `value`; options as in `tensor`. Raises TypeError if a gradient flows to `value`."""
    return tensor(np.full(shape, np.asarray(value)), **options)


@trims
def empty(shape: Any, **options: Any) -> Tensor:
    """Return a tensor to be filled; options as in `tensor`."""
    return tensor(np.empty(shape), **options)
