"""In-place writes with NumPy's meaning: a write never changes an array that a node kept.

It gives the tensor another array and another node; only an array that nobody else holds is written in place.
`store` and `overwrite` do all of it; NumPy's many ways to write are in `into.py`.
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from tensorgrad.autograd import STEPS, add, match, push
from tensorgrad.backends import PLAIN, foreign, getitem, owned
from tensorgrad.graph import Tensor, compatible, frozen, label, raw, record, stand_in
from tensorgrad.node import Array, Leaf, Node, is_recording, tick
from tensorgrad.op import OPS
from tensorgrad.rules.write import arrived, put, write
from tensorgrad.views import View


def assign(self: Tensor, index: Any, value: Any) -> None:
    """Do `self[index] = value`, with NumPy's meaning: through views too, and recorded if a gradient can flow."""
    root, index = writable(self), frozen(raw(index))
    value = value if isinstance(value, Tensor) else np.asarray(value)
    if isinstance(value, np.ndarray) and value.dtype == object:
        raise TypeError("a tensor cannot hold a list of tensors: join them with np.stack first")
    source = value.node if isinstance(value, Tensor) and is_recording() else None
    if source is not None and root._data.dtype.kind not in "fc":
        raise TypeError(
            f"{label(root)} of {root._data.dtype} cannot hold what a gradient flows to: "
            "make the buffer floating, as in tg.zeros(shape), or assign value.data"
        )
    step = (getitem, {"index": index})
    live = survivors(self._data, index) if source is not None else None
    store(self, root, step, raw(value), source, live)


def store(t: Tensor, root: Tensor, step: Any, value: Array, source: Node | None, live: Any) -> None:
    """Write `value`, which came from `source`, where `step` leads to from `t`, a view of `root` or root itself."""
    path = (*t.path, step) if isinstance(t, View) else (step,)
    array, node = root._data, root.node
    if root.leaf is not None:
        if source is not None:
            raise RuntimeError(f"{label(root)} is frozen: it cannot hold what a gradient flows to. Copy it first")
        array = owned(array)
        put(array, value, path)
        root.data = array  # notes the change
        return
    if node is not None or source is not None:
        before, node = node, Node()
        node.op, node.out, node.params = OPS[write], None, {"path": path, "live": live}
        node.args = (before or stand_in(array), source or stand_in(value))
        node.inputs = (before, source)
        node.shape, node.dtype, node.seq = array.shape, array.dtype, tick()
    del array
    if isinstance(t, View):
        t._data = t.seen = None  # lets go, so that a buffer that nobody else holds is written in place
    if sys.getrefcount(root._data) == ALONE and root._data.base is None and not np.may_share_memory(value, root._data):
        put(root._data, value, path)
    else:
        data = root._data.copy("K")
        put(data, value, path)
        root._data = data
    root.node = node


class _Probe:
    __slots__ = ("_data",)


_probe = _Probe()
_probe._data = np.zeros(1)
ALONE = sys.getrefcount(_probe._data)  # of an array that only one attribute holds


def writable(t: Tensor) -> Tensor:
    """Return the tensor that holds the memory of `t`; raise if it may not be changed in place."""
    root = t.root if isinstance(t, View) else t
    if isinstance(root.node, Leaf) and is_recording():
        raise RuntimeError(
            f"{label(root)} is a leaf that requires a gradient, which cannot be changed in place: "
            "write y = x.copy() first, or change it under tg.no_grad()"
        )
    if foreign(t._data):
        raise TypeError(f"an array of type {type(t._data).__name__} cannot be changed in place: use np.where")
    if not isinstance(t._data, np.ndarray):
        raise TypeError("a NumPy scalar cannot be changed in place: it has no items to assign to")
    if not t._data.flags.writeable:
        raise ValueError("assignment destination is read-only: copy the tensor first")
    if isinstance(t, View) and any(fn is np.imag for fn, _ in t.path):
        raise TypeError("the imaginary part cannot be written to: write z = real + 1j * imaginary")
    return root


def survivors(x: Array, index: Any) -> Any:
    """Return which of the assigned elements remain where an index repeats: None if all. NumPy is asked who wins."""
    parts = index if isinstance(index, tuple) else (index,)
    if not any(isinstance(part, np.ndarray) and part.dtype.kind in "iu" and part.size > 1 for part in parts):
        return None
    writer = np.zeros(x.shape, np.intp)
    numbers = np.arange(writer[index].size).reshape(writer[index].shape)
    writer[index] = numbers
    live = writer[index] == numbers
    return None if live.all() else live


def overwrite(t: Tensor, value: Tensor) -> Tensor:
    """Do `t[...] = value` for what was just computed, as by `t += v`: a tensor takes over an array laid out as its own."""
    root, new, old = writable(t), value._data, t._data
    if np.broadcast_shapes(np.shape(new), old.shape) != old.shape:
        raise ValueError(f"a result of shape {np.shape(new)} does not fit a tensor of shape {old.shape}")
    if not np.can_cast(new.dtype, old.dtype, "same_kind"):
        raise TypeError(f"a result of {new.dtype} does not fit a tensor of {old.dtype}: it would lose digits")
    same = isinstance(new, np.ndarray) and (new.dtype, new.shape, new.strides) == (old.dtype, old.shape, old.strides)
    if same and root is t and t.leaf is None and new.base is None and type(value) is Tensor:
        t._data, t.node = new, value.node
    else:
        assign(t, ..., value)
    return t


def augmented(fn: np.ufunc) -> Callable[[Tensor, Any], Any]:
    """Make a ufunc an augmented assignment, as `t += v`."""

    def operate(self: Tensor, other: Any) -> Any:
        if type(other) not in PLAIN and not compatible(self, other):
            return NotImplemented
        if not isinstance(self._data, np.ndarray) and not foreign(self._data):
            return record(fn, (self, other), {})  # a NumPy scalar: x += 1 rebinds the name, as in NumPy
        if not foreign(self._data):
            writable(self)
        new = record(fn, (self, other), {})
        return new if foreign(self._data) else overwrite(self, new)

    return operate


Tensor.__setitem__ = assign
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


def step_back(
    node: Node,
    g: Any,
    _out: Any,
    _args: tuple[Any, ...],
    params: dict[str, Any],
    needed: set[Node] | None,
    totals: dict[Node, Any],
    waiting: list[tuple[int, Node]],
    sums: set[Node],
) -> None:
    """Take a write backwards by its rules. A gradient of our own is zeroed in place: else filling a buffer of n rows
    would copy it n times.
    """
    base, source = node.inputs
    path, live = params["path"], params.get("live")
    in_place = node in sums and type(g) is np.ndarray
    if source is not None and (needed is None or source in needed):
        term = match(arrived(g, path, live, source.shape), source.shape, source.dtype)
        term = owned(term) if in_place else term
        if source in totals:
            add(totals, source, term, sums)
        else:
            totals[source] = term
            if source.op is not None:
                push(waiting, (source.seq, source))
    if base is not None and (needed is None or base in needed):
        if in_place:
            put(g, 0, path)
        else:
            g = write(g, 0.0, path=path)
        if base in totals:
            add(totals, base, g, sums)
        else:
            totals[base] = g
            if type(g) is np.ndarray:
                sums.add(base)
            if base.op is not None:
                push(waiting, (base.seq, base))


STEPS[OPS[write]] = step_back
