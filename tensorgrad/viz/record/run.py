"""Runs a function once for its picture, keeping everything: values, calls, lines, and what it was given."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tensorgrad.autograd import history
from tensorgrad.creation import tensor
from tensorgrad.errors import name_of
from tensorgrad.graph import Tensor, raw
from tensorgrad.node import Leaf, Node, enable_grad, tick
from tensorgrad.trace import switch, tracing
from tensorgrad.trees import leaves, replaced
from tensorgrad.viz.record.calls import Call, Calls, called_by
from tensorgrad.viz.record.inputs import Input, Start, argument_names, overlap, part_of, start_of


@dataclass(slots=True)
class Run:
    """What a function did."""

    y: Tensor  # its result
    title: str
    since: int  # what was recorded before belongs to others
    calls: list[Call] = field(default_factory=list)
    where: dict[int, int] = field(default_factory=dict)  # the call that recorded a step, by the step's number
    inputs: list[Input] = field(default_factory=list)
    given: dict[Node, Input] = field(default_factory=dict)  # those that have a node
    choosing: dict[Start, list[Any]] = field(default_factory=dict)  # their arrays, to be found among parameters

    def input(self, value: Any) -> Input | None:
        """Return the input that an array is, or a part of, as in a loop over one."""
        for given in self.inputs:
            if given.array is value:
                return given
        for name, array, *_ in self.inputs:
            if isinstance(value, np.ndarray) and isinstance(array, np.ndarray) and value.base is not None:
                owner = array if array.base is None else array.base
                if (value.base is array or value.base is owner) and overlap(value, array):
                    return Input(part_of(name, array, value), value, False)
        return None


def run(f: Callable[..., Any], inputs: tuple[Any, ...]) -> Run:
    """Return what `f(*inputs)` does: one run, with everything kept, of a function whose gradients are of interest.

    If nothing in it requires a gradient, it is run again with inputs that do.
    Raises TypeError if `f` returns no tensor, ValueError if it returns several of which none came of all the others.
    """
    known = argument_names(f, len(inputs))
    made = once(f, inputs, known, lifted=False)
    if not isinstance(made, Run):
        arrays = {path: value.data if isinstance(value, Tensor) else value for path, value in leaves(inputs)}
        arrays = {path: value for path, value in arrays.items() if np.asarray(value).dtype.kind in "fc"}
        data = {path: value for path, value in arrays.items() if hasattr(value, "shape")}  # numbers are settings
        lifted = {path: tensor(value, requires_grad=True) for path, value in (data or arrays).items()}
        made = once(f, replaced(inputs, lifted), known, lifted=True) if lifted else made
    if not isinstance(made, Run):
        raise TypeError(
            f"there is no graph to draw: {name_of(called_by(f)[-1])} returned {made}, which depends on no tensor that "
            "requires a gradient, nor on a floating input. Pass the arrays it computes with, 3.0 in place of 3, or "
            "make its weights with tg.tensor(..., requires_grad=True)"
        )
    return made


def once(f: Callable[..., Any], inputs: tuple[Any, ...], known: list[str], *, lifted: bool) -> Run | str:
    """Return what a function does; what its result is, in a word, if it depends on nothing that requires a gradient.

    lifted: whether leaves among the inputs are there for the picture only.
    """
    calls = Calls(f)
    since = tick()
    token = tracing.set(calls)
    switch(+1)
    try:
        calls.outermost = sys._getframe()
        with enable_grad():
            out = f(*inputs)
    finally:
        switch(-1)
        tracing.reset(token)
        calls.frames.clear()
        calls.outermost = None
    tensors = {t.node: t for _, t in leaves(out) if isinstance(t, Tensor) and t.node is not None}
    tensors = {node: t for node, t in tensors.items() if node.seq < since} or tensors  # weights are no result
    if not tensors:
        return "None" if out is None else f"a value of type {type(out).__name__}"
    name = name_of(called_by(f)[-1])
    newest = min(tensors, key=lambda node: node.seq)  # numbers of nodes count down
    if not tensors.keys() <= set(history(newest, since=since)):
        raise ValueError(
            f"{name} returned {len(tensors)} tensors, of which none came of all the others: draw one of them, "
            "as in tg.draw(lambda *inputs: f(*inputs)[0], ...), or by its key"
        )
    made = Run(tensors[newest], name if name != "<lambda>" else "", since, calls.calls, calls.where)
    for path, value in leaves(inputs):
        name = known[path[0]] + "".join(f"[{key!r}]" for key in path[1:])
        own = (value.name if isinstance(value, Tensor) else "") or ""
        trained = isinstance(value, Tensor) and isinstance(value.node, Leaf) and not lifted
        found = Input(own or name, raw(value), len(path) == 1, trained and (len(path) > 1 or bool(own)))
        if isinstance(value, Tensor) and value.node is not None:
            made.given[value.node] = found
        if not isinstance(found.array, int | float | complex) or isinstance(found.array, np.generic):
            made.inputs.append(found)
        if isinstance(found.array, np.ndarray) and found.array.ndim:
            made.choosing.setdefault(start_of(found.array), []).append(found.array)
    return made
