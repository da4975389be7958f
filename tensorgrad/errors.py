"""Where in the user's code an error belongs."""

import linecache
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
NUMPY = os.sep + os.path.join("site-packages", "numpy") + os.sep


def user_line() -> str:
    """Return the innermost line of code that is neither ours nor NumPy's, as 'file:12: y = x @ w'."""
    frame = sys._getframe(1)
    while frame.f_back and (frame.f_code.co_filename.startswith(HERE) or NUMPY in frame.f_code.co_filename):
        frame = frame.f_back
    filename, number = frame.f_code.co_filename, frame.f_lineno
    return f"{os.path.basename(filename)}:{number}: {linecache.getline(filename, number).strip()}".rstrip(": ")


def note_line(error: BaseException) -> None:
    """Add the user's line to an error, once."""
    if not any(note.startswith("at ") for note in getattr(error, "__notes__", ())):
        error.add_note(f"at {user_line()}")
