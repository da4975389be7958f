"""What a graph is made of: nodes, numbered as they are made; and the switch for recording them."""

import itertools
import math
from contextlib import ContextDecorator
from contextvars import ContextVar
from typing import Any, ClassVar, Self

import numpy as np

from tensorgrad.backends import astype, dtype_of
from tensorgrad.op import Op

Array = Any  # whatever speaks NumPy's protocols; without annotations for them, a type checker can say no more

# Creation order is a topological order: no traversal needs recursion. It counts down, so that a heap gives the newest.
tick = itertools.count(-1, -1).__next__


class Node:
    """A recorded step: its op, the nodes its arguments came from, exactly the arrays its rules read.

    It has no constructor, which would double the time to make one: who makes it fills it in.
    """

    __slots__ = ("args", "dtype", "inputs", "name", "op", "out", "params", "seq", "shape")

    op: Op | None  # None for a leaf, and for the stand-in of a constant of which only the shape is needed
    args: tuple[Any, ...] | None  # raw arrays; nodes where only the shape is needed; None after the pass let go
    inputs: "tuple[Node | None, ...]"  # None for a constant
    params: dict[str, Any]
    out: Array  # the result, if a rule reads it
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    seq: int
    name: str  # unset until given

    def begin(self, x: Array) -> Self:
        """Become the node of `x`, without history."""
        self.op, self.args, self.inputs, self.params, self.out = None, (), (), {}, None
        self.shape, self.dtype, self.seq = np.shape(x), dtype_of(x), tick()
        return self

    ndim = property(lambda self: len(self.shape))  # with shape, what np.ndim and np.size ask for
    size = property(lambda self: math.prod(self.shape))


class Clock:
    """When values last changed: of one leaf, or of all leaves that an optimizer keeps in one array."""

    __slots__ = ("time",)

    latest: ClassVar[int] = 0  # of all clocks: lets a pass skip the check

    def __init__(self) -> None:
        self.time = 0

    def strike(self) -> None:
        """Note that the values have changed: a pass that would read the old ones is to raise."""
        self.time = Clock.latest = tick()


class Leaf(Node):
    """The node of a tensor that the user made: it collects the gradient, and knows when its values changed."""

    __slots__ = ("clock", "grad", "shared")

    clock: Clock  # strikes when another array is assigned, or items of this one are
    shared: Clock | None  # strikes when an optimizer changes the array that this leaf's is a part of

    def __init__(self, x: Array) -> None:
        self.begin(x)
        self.grad: Array = None
        self.clock, self.shared = Clock(), None

    def replace(self, x: Array) -> None:
        """Note that the array is another one from now on."""
        self.dtype = dtype_of(x)
        self.clock.strike()
        if self.grad is not None and dtype_of(self.grad) != self.dtype:
            self.grad = astype(self.grad, self.dtype)

    def changed_since(self, time: int) -> bool:
        """Whether the values have changed since that time; later times are smaller."""
        return self.clock.time < time or (self.shared is not None and self.shared.time < time)


def require_differentiable(dtype: np.dtype[Any]) -> None:
    """Raise TypeError unless elements of `dtype` can have a gradient."""
    if dtype.kind not in "fc":
        raise TypeError(
            f"a tensor of {dtype} cannot require a gradient: only floating and complex numbers have one. "
            "Pass dtype=np.float64, or floating data"
        )


recording: ContextVar[bool] = ContextVar("recording", default=True)
is_recording = recording.get


_before: ContextVar[tuple[bool, ...]] = ContextVar("_before", default=())  # what to go back to, innermost last


class _Mode(ContextDecorator):
    """Switch recording within a block or a function, in this thread and task only."""

    on: ClassVar[bool]

    def __enter__(self) -> Self:
        _before.set((*_before.get(), recording.get()))
        recording.set(self.on)
        return self

    def __exit__(self, *_: object) -> None:
        *outer, back = _before.get()
        _before.set(tuple(outer))
        recording.set(back)


class no_grad(_Mode):  # noqa: N801  # reads as a statement
    """Record nothing: `with no_grad():`, or `@no_grad()` over a function."""

    on = False


class enable_grad(_Mode):  # noqa: N801
    """Record again, within `no_grad`."""

    on = True
