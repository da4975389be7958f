"""In-place writes with NumPy's meaning: a write never changes an array that a node kept.

It gives the tensor another array and another node; only an array that nobody else holds is written in place.
`store` and `overwrite` do all of it; NumPy's many ways to write are in `into.py`.
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from tensorgrad.autograd import STEPS, give, match
from tensorgrad.backends import NUMPY, PLAIN, foreign, getitem, names_places_once, owned
from tensorgrad.errors import trim
from tensorgrad.graph import Tensor, compatible, frozen, label, raw, record, stand_in, wrap
from tensorgrad.node import Array, Leaf, Node, is_recording, tick
from tensorgrad.op import OPS
from tensorgrad.rules.write import Path, arrived, put, read, write
from tensorgrad.views import View


def assign(self: Tensor, index: Any, value: Any) -> None:
    """Do `self[index] = value`, with NumPy's meaning: through views too, and recorded if a gradient can flow."""
    try:
        root, index = writable(self), frozen(raw(index))
        step = (getitem, {"index": index})
        path = (*self.path, step) if isinstance(self, View) else (step,)
        if isinstance(value, View) and value.root is root and same_place(root._data, path, value.path):
            return  # the second half of y[i] += v, which Python writes as y[i] = y[i].__iadd__(v)
        value = value if isinstance(value, Tensor) else np.asarray(value)
        if isinstance(value, np.ndarray) and value.dtype == object:
            raise TypeError(
                "a tensor holds numbers: join a list of tensors with np.stack first, and write np.nan for None"
            )
        if foreign(raw(value)):
            raise TypeError(f"a tensor of NumPy's arrays cannot hold an array of type {type(raw(value)).__name__}")
        source = value.node if isinstance(value, Tensor) and is_recording() else None
        if source is not None and root._data.dtype.kind not in "fc":
            raise TypeError(
                f"{label(root)} of {root._data.dtype} cannot hold what a gradient flows to: "
                "make the buffer floating, as in tg.zeros(shape), or assign value.data"
            )
        live = survivors(self._data, index) if source is not None else None
        store(self, root, path, raw(value), source, live)
    except Exception as error:
        trim(error)
        raise


def same_place(x: Array, *paths: Path) -> bool:
    """Whether paths lead to the same elements of memory, in one order."""
    ends = [a for a in (read(x, path) for path in paths) if isinstance(a, np.ndarray)]
    facts = [(a.__array_interface__["data"], a.shape, a.strides, a.dtype) for a in ends]
    return len(facts) == len(paths) and all(fact == facts[0] for fact in facts)


def store(t: Tensor, root: Tensor, path: Path, value: Array, source: Node | None, live: Any) -> None:
    """Write `value`, which came from `source`, where `path` leads to from `root`: the place of `t`, or a part of it."""
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
    if sys.getrefcount(root._data) == ALONE and root._data.base is None:  # nor does the value show its memory
        put(root._data, value, path)
    else:
        data = root._data.copy("K")
        put(data, value, path)
        root._data = data
    root.node = node


class _Probe:
    __slots__ = ("_data",)
    _data: Array


_probe = _Probe()
_probe._data = np.zeros(1)
ALONE = -1  # the count of references to an array that one attribute holds; never met where counts mean nothing
if sys.implementation.name == "cpython" and getattr(sys, "_is_gil_enabled", lambda: True)():
    ALONE = sys.getrefcount(_probe._data)


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


def overwrite(t: Tensor, value: Tensor, exact: bool = False) -> Tensor:
    """Do `t[...] = value` for what was just computed, as by `t += v`: a tensor takes over an array laid out as its own.

    exact: refuse to broadcast.
    """
    root, new = writable(t), value._data
    shape, dtype, have = t._data.shape, t._data.dtype, np.shape(new)
    if have != shape and (exact or np.broadcast_shapes(have, shape) != shape):
        raise ValueError(f"a result of shape {have} does not fit a tensor of shape {shape}")
    if not np.can_cast(new.dtype, dtype, "same_kind"):
        raise TypeError(f"a result of {new.dtype} does not fit a tensor of {dtype}: it would lose digits")
    computed = type(value) is Tensor and not isinstance(value.node, Leaf) and isinstance(new, np.ndarray)
    if computed and new.base is None and root is t and t.leaf is None and laid_alike(new, t._data):
        t._data, t.node = new, value.node
    else:
        assign(t, ..., value)
    return t


def laid_alike(x: Array, y: Array) -> bool:
    """Whether two arrays differ in their elements at most."""
    return bool((x.dtype, x.shape, x.strides) == (y.dtype, y.shape, y.strides))


def augmented(fn: np.ufunc) -> Callable[[Tensor, Any], Any]:
    """Make a ufunc an augmented assignment, as `t += v`."""

    def operate(self: Tensor, other: Any) -> Any:
        try:
            if type(other) not in PLAIN and not compatible(self, other):
                return NotImplemented
            if not isinstance(self._data, np.ndarray):
                return record(fn, (self, other), {})  # it cannot be changed: x += 1 rebinds the name, as in NumPy
            writable(self)
            x = self
            if isinstance(self, View) and fn not in LINEAR and other_lives(other):
                x = wrap(
                    self._data.copy(), self.node
                )  # else the node would keep the whole buffer, for the next write to copy
            return overwrite(self, record(fn, (x, other), {}), exact=fn is np.matmul)
        except Exception as error:
            trim(error)
            raise

    return operate


LINEAR = (np.add, np.subtract)  # of which no rule reads the arguments


def other_lives(other: Any) -> bool:
    """Whether a gradient flows to the other operand."""
    return isinstance(other, Tensor) and other.node is not None and is_recording()


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
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "lshift": np.left_shift,
    "rshift": np.right_shift,
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
    """Take a write backwards, as its rules say.

    A gradient of our own is zeroed in place: else filling a buffer of n rows would copy it n times.
    """
    base, source = node.inputs
    path, live = params["path"], params.get("live")
    in_place = node in sums and type(g) is np.ndarray
    if source is not None and (needed is None or source in needed):
        term = match(arrived(g, path, live, source.shape), source.shape, source.dtype)
        term = owned(term) if in_place else term
        give(source, term, totals, waiting, sums)
    if base is not None and (needed is None or base in needed):
        if in_place:
            put(g, 0, path)
        else:
            g = write(g, 0.0, path=path)
        if base not in totals and type(g) is np.ndarray:
            sums.add(base)
        give(base, g, totals, waiting, sums)


STEPS[OPS[write]] = step_back


def read_back(
    node: Node,
    g: Any,
    out: Any,
    args: tuple[Any, ...],
    params: dict[str, Any],
    needed: set[Node] | None,
    totals: dict[Node, Any],
    waiting: list[tuple[int, Node]],
    sums: set[Node],
) -> None:
    """Take a reading by index backwards: into a gradient of our own in place, else n readings would make n of them."""
    (source,) = node.inputs
    assert source is not None
    total: Any = totals.get(source)
    index = params["index"]
    ours = source in sums and type(total) is np.ndarray and isinstance(g, NUMPY) and g.dtype == total.dtype
    if ours and names_places_once(index):
        spot = total[index]
        if isinstance(spot, np.ndarray) and spot.base is total:
            np.add(spot, g, out=spot)
        else:
            total[index] = spot + g
        return
    first_read(node, g, out, args, params, needed, totals, waiting, sums)
    if total is None and type(totals.get(source)) is np.ndarray:
        sums.add(source)  # what scatter_add makes is ours


first_read = STEPS[OPS[getitem]]
STEPS[OPS[getitem]] = read_back
