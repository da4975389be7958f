"""Where in the user's code an error belongs."""

import linecache
import os
import sys
from collections.abc import Callable
from functools import update_wrapper
from types import TracebackType
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

FULL = "TENSORGRAD_FULL_TRACEBACKS" in os.environ  # for work on the library itself

HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
NUMPY = os.sep + os.path.join("site-packages", "numpy") + os.sep


class Stamp(int):
    """The number of a node, with the place in user's code that made it: what nodes are numbered with in a trace."""

    place: tuple[str, int]
    sums: dict[str, int]  # of the arrays that the step's rules read, under tg.debug()
    inner: bool  # set if it is a leaf that a transform made for itself
    within: Any  # the node whose rule recorded the step, under tg.debug()


def birthplace(number: int) -> str:
    """Return the user's line that a node was made by, as 'file.py:12: y = x @ w'; nothing outside of a trace."""
    place = getattr(number, "place", None)
    return shown(*place) if place else ""


def made_at(number: int, what: str) -> str:
    """Return ' (made at file.py:12: y = x @ w)', where `what` is 'made'; nothing outside of a trace."""
    line = birthplace(number)
    return f" ({what} at {line})" if line else ""


def foreign_to_users(filename: str) -> bool:
    """Whether a file is ours, or NumPy's."""
    return filename.startswith(HERE) or NUMPY in filename


def user_line() -> str:
    """Return the line of user's code that called us, as 'file.py:12: y = x @ w'."""
    return shown(*user_place())


def user_place() -> tuple[str, int]:
    """Return the file and the number of the line of user's code that called us."""
    frame = sys._getframe(1)
    while frame.f_back and foreign_to_users(frame.f_code.co_filename):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def crash_line(error: BaseException) -> str:
    """Return the innermost line of user's code that an error came through; nothing if it is all ours."""
    step, places = error.__traceback__, []
    while step is not None:
        places.append((step.tb_frame.f_code.co_filename, step.tb_lineno))
        step = step.tb_next
    theirs = [place for place in places if not foreign_to_users(place[0])]
    return shown(*theirs[-1]) if theirs else ""


def shown(filename: str, number: int) -> str:
    """Return a line as 'file.py:12: its text'."""
    text = linecache.getline(filename, number).strip()
    return f"{os.path.basename(filename)}:{number}" + (f": {text}" if text else "")


def name_of(f: Callable[..., Any]) -> str:
    """Return what errors call a function."""
    return getattr(f, "__name__", type(f).__name__)


def note_line(error: BaseException) -> None:
    """Add the user's line to an error, once: where it was raised, if that is user's code, else where we were called."""
    if not any(note.startswith("at ") for note in getattr(error, "__notes__", ())):
        error.add_note(f"at {crash_line(error) or user_line()}")


def trim(error: BaseException) -> None:
    """Take our frames out of an error's traceback: the user's own remain, and what the user called.

    It is for the function of ours that the user called, in an `except` clause that ends in a bare `raise`, which adds
    no frame. With TENSORGRAD_FULL_TRACEBACKS set in the environment, all remain.
    """
    if FULL:
        return
    steps = foreign_steps(error)
    if not steps and "\n" not in str(error):  # what has several lines names it in one of them
        note_line(error)
    trace: TracebackType | None = None
    for step in reversed(steps):
        trace = TracebackType(trace, step.tb_frame, step.tb_lasti, step.tb_lineno)
    if error.__context__ is not None and not foreign_steps(error.__context__):
        error.__suppress_context__ = True  # a first attempt of ours, which the error explains
    error.__traceback__ = trace


def trims(function: F) -> F:
    """Let a function that users call raise errors without our frames below it."""

    def call(*args: Any, **params: Any) -> Any:
        try:
            return function(*args, **params)
        except Exception as error:
            trim(error)
            raise

    return cast(F, update_wrapper(call, function))


def foreign_steps(error: BaseException) -> list[TracebackType]:
    """Return the steps of a traceback that are not ours, nor what NumPy does for us."""
    steps: list[TracebackType] = []
    step, ours = error.__traceback__, False
    while step is not None:
        name = step.tb_frame.f_code.co_filename
        ours = name.startswith(HERE) or (ours and NUMPY in name)
        steps += [] if ours else [step]
        step = step.tb_next
    return steps
