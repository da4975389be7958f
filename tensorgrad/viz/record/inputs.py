"""Knows the arrays that a picture's function was given: by what its signature calls them, and in whatever view."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tensorgrad.trees import is_module

EFFORT = 10_000  # candidates to look at: finding out whether views overlap can take exponential time
Start = tuple[tuple[int, ...], np.dtype[Any], bytes]


class Input(NamedTuple):
    """An array that the picture's function was given."""

    name: str
    array: Any
    whole: bool  # it is an argument, not a part of one
    trained: bool = False  # a leaf of the user's, in a module or another container, or with a name of its own


def argument_names(f: Callable[..., Any], n: int) -> list[str]:
    """Return what a function calls its first n arguments."""
    try:
        parameters = list(inspect.signature(getattr(f, "forward", f) if is_module(f) else f).parameters.values())
    except (TypeError, ValueError):  # a function that is not written in Python
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    spread = next((p.name for p in parameters if p.kind == p.VAR_POSITIONAL), "input")
    return names[:n] + [f"{spread}[{i}]" for i in range(n - len(names))]


def part_of(name: str, array: Any, part: Any) -> str:
    """Return what a view of an array is called: `xs[2]`, if it is one item of it.

    >>> xs = np.zeros((3, 2))
    >>> part_of("xs", xs, xs[2]), part_of("xs", xs, xs[:, 0]), part_of("xs", xs, xs.T)
    ('xs[2]', 'part of xs', 'view of xs')
    """
    if array.ndim and part.shape == array.shape[1:] and part.strides == array.strides[1:] and array.strides[0]:
        i, rest = divmod(address(part) - address(array), array.strides[0])
        if not rest and 0 <= i < len(array):
            return f"{name}[{i}]"
    return f"{'part' if part.size < array.size else 'view'} of {name}"


def overlap(a: Any, b: Any) -> bool:
    """Whether two arrays share an element; in doubt, whether they lie in each other's range.

    >>> x = np.zeros((4, 6))
    >>> overlap(x[:2], x[2:]), overlap(x[:, :3], x[:, 2:])
    (False, True)
    """
    try:
        return bool(np.shares_memory(a, b, max_work=EFFORT))  # type: ignore[arg-type]  # takes any number
    except np.exceptions.TooHardError:
        return bool(np.may_share_memory(a, b))


def address(array: Any) -> int:
    """Return where an array's memory begins."""
    return int(array.__array_interface__["data"][0])


def start_of(array: Any) -> Start:
    """Return the shape, the dtype and the first elements of an array, by which to find an equal one among many."""
    return array.shape, array.dtype, array.flat[:8].tobytes()
