"""Keeps all of what is recorded for a while: every argument of each step, the user's line, and what was decided.

A graph keeps only what its rules read. A check, or a picture, that wants to know the rest runs the function once more
under `trace()`. Nothing of it is there when it is off: names that the recording looks up are put in their place.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import CodeType, FrameType, FunctionType
from typing import Any

from tensorgrad import graph, node, writes
from tensorgrad.errors import Stamp, birthplace, trim, user_place
from tensorgrad.op import OPS, Keeps, Op


class Trace:
    """What was recorded while it was on, beside the graph itself, whose nodes hold all their arguments."""

    def __init__(self) -> None:
        self.decided: list[tuple[Op, Any]] = []  # results without gradient: masks, places, steps

    def line(self, node: Any) -> str:
        """Return the user's line that recorded a node, as 'file.py:12: y = x @ w'; nothing if that is not known."""
        return birthplace(node.seq)

    def began(self, frame: FrameType, number: Stamp) -> None:
        """See a node without history, a leaf mostly, at the moment of its numbering."""

    def recorded(self, frame: FrameType, number: Stamp) -> None:
        """See a step at the moment of its numbering; `frame` is the recording's, with the locals `node` and `out`."""

    def decide(self, op: Op, _args: tuple[Any, ...], out: Any) -> None:
        """See the result of a function that has no derivative."""
        self.decided.append((op, graph.raw(out)))


tracing: ContextVar[Trace | None] = ContextVar("tracing", default=None)


@contextmanager
def trace() -> Iterator[Trace]:
    """Keep all of what this thread records within the block.

    >>> import numpy as np, tensorgrad as tg
    >>> x = tg.tensor([3.0], requires_grad=True)
    >>> with trace():
    ...     y = x + 2.0
    >>> [float(np.sum(a)) for a in y.node.args]  # the rule of a sum reads neither
    [3.0, 2.0]
    """
    token = tracing.set(kept := Trace())
    switch(+1)
    try:
        yield kept
    finally:
        switch(-1)
        tracing.reset(token)


class Swap:
    """Names of modules, and functions, that do something else while anybody, in any thread, has it on."""

    def __init__(
        self,
        names: dict[tuple[Any, str], Callable[[Any], Any]],  # from module and name: what to make of the usual value
        functions: dict[FunctionType, Callable[[Any], Any]] | None = None,
    ) -> None:
        self.names, self.functions = names, functions or {}
        self.running = 0
        self.usual: dict[tuple[Any, str], Any] = {}
        self.codes: dict[FunctionType, CodeType] = {}
        self.lock = threading.Lock()

    def __call__(self, by: int) -> None:
        """Count one more, or one less; put things in place at the first, and back at the last."""
        with self.lock:
            self.running += by
            if self.running and not self.usual:
                for (module, name), make in self.names.items():
                    self.usual[module, name] = getattr(module, name)
                    setattr(module, name, make(getattr(module, name)))
                for function, make in self.functions.items():
                    self.codes[function] = function.__code__
                    usual = FunctionType(function.__code__, function.__globals__, function.__name__)
                    usual.__defaults__, usual.__kwdefaults__ = function.__defaults__, function.__kwdefaults__
                    function.__code__ = calling(make(usual))
            elif not self.running:
                for (module, name), usual in self.usual.items():
                    setattr(module, name, usual)
                for function, code in self.codes.items():
                    function.__code__ = code
                self.usual, self.codes = {}, {}


def calling(function: Callable[..., Any]) -> CodeType:
    """Return the code of a method that calls `function`.

    A method of a class is swapped by its code: CPython 3.13 no longer caches the attributes of a class that was
    changed a thousand times, and makes every access four times as slow, for good.
    """

    def method(self: Any, *args: Any, **params: Any) -> Any:
        call: Any = "what to call"
        trim: Any = "what trims"
        try:
            return call(self, *args, **params)
        except Exception as error:
            trim(error)
            raise

    code = method.__code__
    known = {"what to call": function, "what trims": trim}  # by value: the globals are those of the usual function
    return code.replace(co_consts=tuple(known.get(c, c) for c in code.co_consts))


def numbering(usual: Callable[[], int]) -> Callable[[], int]:
    """Return what numbers a node, or a change, and notes the line that made it."""

    def tick() -> int:
        kept = tracing.get()
        if kept is None:
            return usual()
        stamp = stamped(usual())
        kept.began(sys._getframe(1), stamp)
        return stamp

    return tick


def stamped(number: int) -> Stamp:
    """Return a number with the user's line."""
    stamp = Stamp(number)
    stamp.place = user_place()
    return stamp


def numbering_steps(usual: Callable[[], int]) -> Callable[[], int]:
    """Return what numbers the node of a step, and shows the step to the trace."""

    def tick() -> int:
        kept = tracing.get()
        if kept is None:
            return usual()
        stamp = stamped(usual())
        kept.recorded(sys._getframe(1), stamp)
        return stamp

    return tick


def deciding(usual: Callable[..., Any]) -> Callable[..., Any]:
    """Return what runs a function that has no rules, and shows the trace what it decided."""

    def unrecorded(fn: Callable[..., Any], op: Op | None, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        out = usual(fn, op, args, params)
        if (kept := tracing.get()) is not None and op is not None and op.kind in ("plain", "step"):
            kept.decide(op, args, out)
        return out

    return unrecorded


watched = Swap(
    {
        (node, "tick"): numbering,
        (graph, "tick"): numbering_steps,
        (writes, "tick"): numbering,
        (graph, "unrecorded"): deciding,
    }
)


_lock = threading.Lock()


def switch(by: int) -> None:
    """Keep everything, and number nodes with their lines, while any thread traces."""
    with _lock:
        watched(by)
        Keeps.everything = (lambda: tracing.get() is not None) if watched.running else None
        for op in OPS.values():
            op.keeps.clear()
