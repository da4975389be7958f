"""Keeps all of what is recorded for a while: every argument of each step, the user's line, and what was decided.

A graph keeps only what its rules read. A check, or a picture, that wants to know the rest runs the function once more
under `trace()`. Nothing of it is there when it is off: three names that the recording looks up are put in their place.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from tensorgrad import graph
from tensorgrad.errors import shown, user_place
from tensorgrad.op import OPS, Keeps, Op


@dataclass
class Trace:
    """What was recorded while it was on, beside the graph itself, whose nodes hold all their arguments."""

    places: dict[int, tuple[str, int]] = field(default_factory=dict)  # file and line, by the number of a node
    decided: list[tuple[Op, Any]] = field(default_factory=list)  # results without gradient: masks, places, steps

    def line(self, node: Any) -> str:
        """Return the user's line that recorded a node, as 'file.py:12: y = x @ w'; nothing if that is not known."""
        place = self.places.get(node.seq)
        return shown(*place) if place else ""


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


_lock = threading.Lock()
_running = 0  # traces in all threads
_usual: tuple[Callable[..., Any], Callable[..., Any]] = graph.tick, graph.unrecorded


def switch(by: int) -> None:
    """Put the watched functions in place while any thread traces."""
    global _running
    with _lock:
        _running += by
        Keeps.everything = (lambda: tracing.get() is not None) if _running else None
        graph.tick, graph.unrecorded = (tick, unrecorded) if _running else _usual
        for op in OPS.values():
            op.keeps.clear()


def tick() -> int:
    """Return the number of a new node, and note the line that made it."""
    number: int = _usual[0]()
    if (kept := tracing.get()) is not None:
        kept.places[number] = user_place()
    return number


def unrecorded(fn: Callable[..., Any], op: Op | None, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Run a function that has no rules, and note what it decided."""
    out = _usual[1](fn, op, args, params)
    if (kept := tracing.get()) is not None and op is not None and op.kind in ("plain", "step"):
        kept.decided.append((op, graph.raw(out)))
    return out
