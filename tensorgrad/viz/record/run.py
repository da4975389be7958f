"""Runs a function once for its picture: keeps all values, and in which call of a module or function each step was."""

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import CodeType, FrameType, FunctionType
from typing import Any, NamedTuple

import numpy as np

from tensorgrad.autograd import history
from tensorgrad.creation import tensor
from tensorgrad.errors import Stamp, foreign_to_users, name_of
from tensorgrad.graph import Tensor, raw
from tensorgrad.node import Leaf, Node, enable_grad, tick
from tensorgrad.op import OPS
from tensorgrad.trace import Trace, switch, tracing
from tensorgrad.trees import is_module, leaves, parts, replaced

EFFORT = 10_000  # candidates to look at: finding out whether views overlap can take exponential time
Start = tuple[tuple[int, ...], np.dtype[Any], bytes]
DEEPEST = 100  # functions that stand for each other: more stand for themselves


@dataclass(slots=True)
class Call:
    """A call of a module or function while the picture's function ran."""

    title: str
    note: str  # of a module: what it is
    parent: int  # place of the call around it in the list of all; -1 for none
    module: bool
    steps: int = 0  # recorded directly in it


class Input(NamedTuple):
    """An array that the picture's function was given."""

    name: str
    array: Any
    whole: bool  # it is an argument, not a part of one
    trained: bool = False  # a leaf of the user's, in a module or another container, or with a name of its own


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


class Calls(Trace):
    """A trace that notes for each step in which calls it was recorded."""

    def __init__(self, f: Any) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.where: dict[int, int] = {}
        self.frames: dict[int, tuple[FrameType, int]] = {}  # with the frames, whose identities are else used again
        self.composed: set[CodeType] = set()
        self.known = 0  # entries of the table when that was looked up: families of rules come when they are needed
        self.paths: dict[int, str] = {}  # of modules, by identity
        self.uses: dict[str, int] = {}
        self.root = f
        self.codes = {code_of(inner) for inner in called_by(f)}
        self.outermost: FrameType | None = None

    def recorded(self, frame: FrameType, number: Stamp) -> None:
        """Note in which call a step is recorded."""
        place = self.call_of(frame.f_back)
        if place >= 0:
            self.where[number] = place
            self.calls[place].steps += 1

    def call_of(self, frame: FrameType | None) -> int:
        """Return the innermost call that a frame is in, -1 if it is in none but the function of the picture."""
        new: list[FrameType] = []
        place = -1
        while frame is not None and frame is not self.outermost:
            if id(frame) in self.frames:
                place = self.frames[id(frame)][1]
                break
            new.append(frame)
            frame = frame.f_back
        for inner in reversed(new):
            call = self.described(inner, place)
            if call is not None:
                self.calls.append(call)
                place = len(self.calls) - 1
            self.frames[id(inner)] = (inner, place)
        return place

    def described(self, frame: FrameType, parent: int) -> Call | None:
        """Return the call that a frame is, if it is one to be shown."""
        code = frame.f_code
        ours = foreign_to_users(code.co_filename)
        caller = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None  # self, of a method
        if is_module(caller) and code.co_name in ("forward",) + ("__call__",) * (not ours):
            if caller is self.root:
                self.paths |= paths_in(caller)
                return None
            if goes_on(frame, caller):
                return None
            if id(caller) not in self.paths:
                outer = bound_name(caller, frame) or type(caller).__name__.lower()
                self.paths |= {key: f"{outer}.{path}" if path else outer for key, path in paths_in(caller).items()}
            return Call(self.numbered(self.paths[id(caller)]), kind_of(caller), parent, True)
        if len(OPS) != self.known:
            self.known = len(OPS)
            self.composed = {op.forward.__code__ for op in OPS.values() if op.kind == "composite"} | functions_of_nn()
        if code in self.composed:
            return Call(code.co_name, "", parent, False)
        if ours or code.co_name.startswith("<") or (code in self.codes and parent < 0):
            return None
        return Call(type(caller).__name__ if code.co_name == "__call__" else code.co_name, "", parent, False)

    def numbered(self, path: str) -> str:
        """Return a path, and from its second use on which use it is."""
        self.uses[path] = self.uses.get(path, 0) + 1
        return path if self.uses[path] == 1 else f"{path} ({self.uses[path]})"


def bound_name(module: Any, frame: FrameType) -> str:
    """Return the name by which the user's code that called a module holds it: of a variable, or an attribute of self.

    A module that has no module around it has no path.
    """
    step = frame.f_back
    while step is not None and foreign_to_users(step.f_code.co_filename):
        step = step.f_back
    if step is None:
        return ""
    holder = step.f_locals.get("self")
    for known in (step.f_locals, getattr(holder, "__dict__", {}), step.f_globals):
        for name, value in known.items():
            if value is module and name != "self":
                return str(name)
    return ""


def goes_on(frame: FrameType, module: Any) -> bool:
    """Whether a frame is a method of a base class, called by the one that it is replaced by: `super().forward(x)`."""
    outer = frame.f_back
    return outer is not None and outer.f_code.co_name == frame.f_code.co_name and outer.f_locals.get("self") is module


def functions_of_nn() -> set[CodeType]:
    """Return the code of the activations and losses: some take several steps."""
    found: set[CodeType] = set()
    for name in ("tensorgrad.nn.functional", "tensorgrad.nn.losses"):
        known = vars(sys.modules[name]).values() if name in sys.modules else ()
        found |= {f.__code__ for f in known if isinstance(f, FunctionType) and not f.__name__.startswith("_")}
    return found


def paths_in(module: Any) -> dict[int, str]:
    """Return the path of each module in a module, by identity; that of itself is empty."""
    found: dict[int, str] = {}
    waiting: list[tuple[str, Any]] = [("", module)]
    seen = set[int]()
    while waiting:
        path, value = waiting.pop()
        inside = parts(value)
        if inside is None or id(value) in seen:
            continue
        seen.add(id(value))
        if is_module(value):
            found.setdefault(id(value), path)
        waiting += [(f"{path}.{key}" if path else str(key), item) for key, item in inside.items()]
    return found


def called_by(f: Any) -> list[Any]:
    """Return a function and what it calls in its place: of a `functools.partial`, and of what `functools.wraps` made.

    >>> [name_of(inner) for inner in called_by(partial(divmod, 7))]
    ['partial', 'divmod']
    """
    found = [f]
    while len(found) < DEEPEST:
        inner = getattr(found[-1], "func" if isinstance(found[-1], partial) else "__wrapped__", None)
        if not callable(inner):
            break
        found.append(inner)
    return found


def code_of(f: Any) -> CodeType | None:
    """Return the code of a function, or of an object that can be called."""
    return getattr(f, "__code__", None) or getattr(type(f).__call__, "__code__", None)


def kind_of(module: Any) -> str:
    """Return what a module is, as in Linear(64 → 32)."""
    words = module.describe()
    return f"{type(module).__name__}({words})" if words else type(module).__name__


def run(f: Callable[..., Any], inputs: tuple[Any, ...]) -> Run:
    """Return what `f(*inputs)` does: one run, with everything kept, of a function whose gradients are of interest.

    If nothing in it requires a gradient, it is run again with inputs that do.
    Raises TypeError if `f` returns no tensor, ValueError if it returns several of which none came of all the others.
    """
    known = argument_names(f, len(inputs))
    made = once(f, inputs, known, lifted=False)
    if made is None:
        lifted = {}
        for path, value in leaves(inputs):
            array = value.data if isinstance(value, Tensor) else np.asarray(value)
            if array.dtype.kind in "fc":
                lifted[path] = tensor(array, requires_grad=True)
        made = once(f, replaced(inputs, lifted), known, lifted=True) if lifted else None
    if made is None:
        raise TypeError(
            f"there is no graph to draw: {name_of(called_by(f)[-1])} returned nothing that depends on a tensor that "
            "requires a gradient, nor on a floating input. Pass the arrays it computes with, or make its weights with "
            "tg.tensor(..., requires_grad=True)"
        )
    return made


def once(f: Callable[..., Any], inputs: tuple[Any, ...], known: list[str], *, lifted: bool) -> Run | None:
    """Return what a function does, if its result depends on something that requires a gradient.

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
        return None
    name = name_of(called_by(f)[-1])
    newest = min(tensors, key=lambda node: node.seq)  # numbers of nodes count down
    if not tensors.keys() <= set(history(newest, since=since)):
        raise ValueError(
            f"{name} returned {len(tensors)} tensors, of which none came of all the others: draw one of them, "
            "as in tg.draw(lambda *inputs: f(*inputs)[0], ...)"
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


def start_of(array: Any) -> Start:
    """Return the shape, the dtype and the first elements of an array, by which to find an equal one among many."""
    return array.shape, array.dtype, array.flat[:8].tobytes()


def argument_names(f: Callable[..., Any], n: int) -> list[str]:
    """Return what a function calls its first n arguments."""
    try:
        parameters = list(inspect.signature(getattr(f, "forward", f) if is_module(f) else f).parameters.values())
    except (TypeError, ValueError):  # a function that is not written in Python
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    spread = next((p.name for p in parameters if p.kind == p.VAR_POSITIONAL), "input")
    return names[:n] + [f"{spread}[{i}]" for i in range(n - len(names))]
