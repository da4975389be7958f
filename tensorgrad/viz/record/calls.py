"""Notes in which call of a module or function each step of a run is recorded, and what these are called."""

import os
import sys
from dataclasses import dataclass
from functools import partial
from types import CodeType, FrameType, FunctionType
from typing import Any

from tensorgrad.errors import Stamp, foreign_to_users
from tensorgrad.op import OPS
from tensorgrad.trace import Trace
from tensorgrad.trees import is_module, parts

DEEPEST = 100  # functions that stand for each other: more stand for themselves


@dataclass(slots=True)
class Call:
    """A call of a module or function while the picture's function ran."""

    title: str  # of a module: its path
    note: str  # of a module: what it is
    parent: int  # place of the call around it in the list of all; -1 for none
    module: bool
    use: int = 1  # of a module: the how-manieth call of it this is
    steps: int = 0  # recorded directly in it


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
            path = self.paths[id(caller)]
            self.uses[path] = self.uses.get(path, 0) + 1
            return Call(path, kind_of(caller), parent, True, self.uses[path])
        if len(OPS) != self.known:
            self.known = len(OPS)
            self.composed = composed() | functions_of_nn()
        if code in self.composed:
            return Call(code.co_name, "", parent, False)
        if ours or code.co_name.startswith("<") or (code in self.codes and parent < 0):
            return None
        return Call(type(caller).__name__ if code.co_name == "__call__" else code.co_name, "", parent, False)


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


def composed() -> set[CodeType]:
    """Return the code of the functions that are made of others, but of those that only join or split arrays."""
    bodies = [op.forward.__code__ for op in OPS.values() if op.kind == "composite"]
    return {code for code in bodies if os.path.basename(code.co_filename) not in ("joining.py", "parts.py", "shape.py")}


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

    >>> called_by(partial(divmod, 7))[1].__name__
    'divmod'
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
