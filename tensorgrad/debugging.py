"""`tg.debug()`: everything that helps to find a mistake, while it is on; nothing of it is there when it is off."""

from contextlib import ContextDecorator
from contextvars import ContextVar
from types import TracebackType
from typing import Any

import numpy as np

from tensorgrad.errors import trim
from tensorgrad.severed import Cuts
from tensorgrad.trace import Trace, switch, tracing
from tensorgrad.watch import Watch, swap

Before = tuple[Trace | None, dict[str, Any]]  # a trace, and what NumPy does on floating-point errors

_before: ContextVar[tuple[Before, ...]] = ContextVar("_before", default=())  # what to go back to, innermost last


class debug(ContextDecorator):  # noqa: N801  # reads as a statement
    """Find mistakes while they are made: `with debug():`, or `@debug()` over a function. Slow; free when off.

    values: raise FloatingPointError at the step where the first nan or infinity appears, in a value, a gradient or a
    tangent, with the user's line, the arguments' ranges, and what to do; or at the hook that made it of a gradient.
    NumPy's own warnings, which say less, are off meanwhile.
    severed: at the end, if there was a `backward()`, warn of each leaf that got no gradient, with the line where its
    path was cut, by `.data` for instance. The block's value has them as a list, `.severed`, at any time.
    changes: raise RuntimeError if an array that a derivative needs was changed in place since the step was recorded,
    or one that a checkpointed function was given.

    What is recorded in the block keeps all arguments, and the line of each step, which errors then name. It holds for
    this thread and task only, and can be nested: the options of the innermost block count.

    >>> import numpy as np, tensorgrad as tg
    >>> w = tg.tensor([0.0, 4.0], requires_grad=True, name="w")
    >>> with debug():
    ...     loss = np.sum(np.sqrt(w))
    ...     loss.backward()
    Traceback (most recent call last):
    FloatingPointError: the gradient of sqrt for 'w' is inf: the slope of a root at 0 is infinite
    ...
    """

    def __init__(self, *, values: bool = True, severed: bool = True, changes: bool = True) -> None:
        self.values, self.severed, self.changes = values, severed, changes

    def __enter__(self) -> Watch:
        outer = tracing.get()
        cuts = None
        if self.severed:  # a pass in an inner block is one in the outer
            cuts = outer.cuts if isinstance(outer, Watch) and outer.cuts is not None else Cuts()
        watch = Watch(self.values, cuts, self.changes)
        _before.set((*_before.get(), (outer, dict(np.geterr()))))
        if self.values:
            np.seterr(divide="ignore", over="ignore", invalid="ignore")
        tracing.set(watch)
        switch(+1)
        swap(+1)
        return watch

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        swap(-1)
        switch(-1)
        watch = tracing.get()
        *others, (outer, errors) = _before.get()
        np.seterr(**errors)
        _before.set(tuple(others))
        tracing.set(outer)
        if not isinstance(watch, Watch):
            return
        stopped = error is not None and error is watch.error
        watch.error = None  # it knows the frames that know the block, and would hold their arrays
        if isinstance(outer, Watch):
            outer.error = error if stopped else outer.error
            if watch.cuts is outer.cuts:
                return
        if watch.cuts is not None and not stopped:  # a pass that was stopped gave no gradients
            try:
                watch.cuts.warn()
            except Warning as error:  # a filter of the user's makes errors of warnings
                trim(error)
                raise
