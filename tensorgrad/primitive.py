"""Functions of ours, and of users, that are recorded as one step."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, TypeVar, cast

from tensorgrad import graph
from tensorgrad.backends import dispatched
from tensorgrad.op import Function, register
from tensorgrad.unroll import LOCALS, MOST, recorder

F = TypeVar("F", bound=Function)


def primitive(*vjps: Function | None, **options: Any) -> Callable[[F], F]:
    """Make a function of arrays into an op with its own rules; options as in `register`.

    The function runs as it is on arrays, and is recorded, as one step, on tensors.

    >>> @primitive(lambda g, _y, x: g * 2 * x)
    ... def square_of(x):
    ...     return x * x
    """

    def decorate(function: F) -> F:
        on_arrays: Any = (
            update_wrapper(lambda *args, **more: function(*args, **more)[0], function)
            if "work" in options
            else function
        )
        code = function.__code__
        names = code.co_varnames[: len(vjps)]
        if 0 < len(vjps) <= min(MOST, code.co_argcount) and LOCALS.isdisjoint(names):
            more = code.co_argcount + code.co_kwonlyargcount > len(vjps)
            make = recorder(names, vars(graph), free=True, more=more, work="work" in options)
            slow: Any = None
            call: Any = make(None, function, lambda *args, **params: slow(*args, **params))
            slow = dispatched(on_arrays, call)
            update_wrapper(call, function)
        else:
            call = dispatched(on_arrays)
        register(call, *vjps, forward=function, **options)
        return cast(F, call)

    return decorate
