"""Augmented and item assignment: a tensor is re-pointed to another array and node, and no array is changed.

What is not built yet is refused: writing to a view, and assigning items that a gradient flows to.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tensorgrad.backends import owned
from tensorgrad.graph import Tensor, label, raw, record
from tensorgrad.node import Leaf, is_recording


def augmented(fn: np.ufunc) -> Callable[[Tensor, Any], Tensor]:
    """Make a ufunc an augmented assignment, as `t += v`."""

    def assign(self: Tensor, other: Any) -> Tensor:
        new: Tensor = record(fn, (self, other), {})
        if not isinstance(self._data, np.ndarray):
            return new  # a NumPy scalar: x += 1 rebinds the name, as in NumPy
        refuse_write(self)
        if new.shape != self.shape:
            raise ValueError(f"{fn.__name__}: a result of shape {new.shape} does not fit a tensor of {self.shape}")
        if not np.can_cast(new.dtype, self.dtype, "same_kind"):
            raise TypeError(f"{fn.__name__}: a result of {new.dtype} does not fit a tensor of {self.dtype}")
        new = new if new.dtype == self.dtype else new.astype(self.dtype)
        if isinstance(self.node, Leaf):
            self.data = new._data  # under no_grad
        else:
            self._data, self.node = new._data, new.node
        return self

    return assign


def assign_item(self: Tensor, index: Any, value: Any) -> None:
    """Do `self[index] = value` for constants, and under no_grad."""
    refuse_write(self)
    if is_recording() and (self.node is not None or (isinstance(value, Tensor) and value.node is not None)):
        raise TypeError("assignment has no derivative yet: build the tensor with np.where, np.stack or np.concatenate")
    data = owned(self._data)  # a node may have kept the old one
    data[raw(index)] = raw(value)
    if self.leaf is None:
        self._data = data
    else:
        self.data = data


def refuse_write(t: Tensor) -> None:
    """Raise if `t` may not be changed in place."""
    if isinstance(t.node, Leaf) and is_recording():
        raise RuntimeError(
            f"{label(t)} is a leaf that requires a gradient, which cannot be changed in place: "
            "write y = x.copy() first, or change it under tg.no_grad()"
        )
    if t.leaf is None and isinstance(t._data, np.ndarray) and t._data.base is not None:
        raise TypeError("a tensor that is a view cannot be written to yet: write y = y + v, or copy it first")


Tensor.__setitem__ = assign_item
for name, fn in {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.divide,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
    "pow": np.power,
    "matmul": np.matmul,
}.items():
    setattr(Tensor, f"__i{name}__", augmented(fn))
