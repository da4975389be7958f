"""Where in the user's code an error belongs."""

import linecache
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
NUMPY = os.sep + os.path.join("site-packages", "numpy") + os.sep


class Stamp(int):
    """The number of a node, with the place in user's code that made it: what nodes are numbered with in a trace."""

    place: tuple[str, int]
    sums: dict[str, int]  # of the arrays that the step's rules read, under tg.debug()
    inner: bool  # set if it is a leaf that a transform made for itself


def birthplace(number: int) -> str:
    """Return the user's line that a node was made by, as 'file.py:12: y = x @ w'; nothing outside of a trace."""
    place = getattr(number, "place", None)
    return shown(*place) if place else ""


def since(number: int, what: str) -> str:
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


def note_line(error: BaseException) -> None:
    """Add the user's line to an error, once: where it was raised, if that is user's code, else where we were called."""
    if not any(note.startswith("at ") for note in getattr(error, "__notes__", ())):
        error.add_note(f"at {crash_line(error) or user_line()}")
