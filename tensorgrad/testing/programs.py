"""Random programs: functions of arrays as lines of NumPy, which run on tensors and on arrays alike."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tensorgrad.testing.calls import Array, Shape
from tensorgrad.testing.writing import draw_line

ARGUMENTS = ("x", "y", "z")
NAMES = (*"abcdefghijklmnopqrstuvw", *(f"v{i}" for i in range(1000)))  # of what a program makes
NOTHING = "pass"  # the simplest line; it is left out
LARGEST = 100.0  # that an expression may become

EXPRESSIONS = (  # smooth everywhere; each grows with its operands no faster than linearly, so that none overflows
    "{p} + {q}",
    "{p} * np.cos({q})",
    "{p} - {q}",
    "np.sin({p})",
    "np.tanh({p})",
    "np.exp(-{p} * {p})",
    "{p}.T",
    "{p}[::-1]",
    "{p}[..., None]",
    "{p}[[1, 0, 1]]",
    "np.reshape({p}, (-1,))",
    "np.sum({p}, axis=-1, keepdims=True)",
    "np.mean({p}, axis=0)",
    "np.sum({p}) * np.cos({q})",
    "np.cumsum({p}, axis=0)",
    "np.concatenate([{p}, {q}])",
    "np.stack([{p}, {q}])",
    "{p} @ np.cos({q})",
)


@lru_cache(maxsize=4096)
def compiled(line: str) -> CodeType:
    """Return a line of a program, ready to run; it is its own file name, for errors to show."""
    return compile(line, f"<{line}>", "exec")


def step(line: str, values: dict[str, Any]) -> None:
    """Run a line of a program on its values by name."""
    exec(compiled(line), {"np": np}, values)


@dataclass(frozen=True)
class Program:
    """A function of arrays: the lines of its body. Its repr is its source, and runs where NumPy is `np`.

    >>> Program(((3,),), ("a = np.tanh(x)", "a[0] += 1.0"), ("a",))
    def program(x):
        a = np.tanh(x)
        a[0] += 1.0
        return a
    """

    shapes: tuple[Shape, ...]  # of its arguments
    lines: tuple[str, ...]
    results: tuple[str, ...]  # the names of what it returns

    __name__ = "program"

    def __repr__(self) -> str:
        body = [*self.lines, f"return {', '.join(self.results)}"]
        return "\n    ".join([f"def program({', '.join(self.arguments)}):", *body])

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002  # as Hypothesis prints it
        printer.text(repr(self))

    @property
    def arguments(self) -> tuple[str, ...]:
        """The names of its arguments."""
        return ARGUMENTS[: len(self.shapes)]

    def states(self, *arrays: Any) -> Iterator[dict[str, Any]]:
        """Run the program, and return its values by name after each line; always the same dict."""
        values = dict(zip(self.arguments, arrays, strict=True))
        for line in self.lines:
            step(line, values)
            yield values

    def __call__(self, *arrays: Any) -> Any:
        """Run the program on arrays or tensors: its result, or a tuple of its results."""
        values = dict(zip(self.arguments, arrays, strict=True))
        for values in self.states(*arrays):  # noqa: B007  # the last ones
            pass
        found = tuple(values[name] for name in self.results)
        return found[0] if len(found) == 1 else found


@st.composite
def programs(draw: DrawFn, arguments: int = 1, length: int = 6, *, writes: bool = False) -> Program:
    """Draw a program of up to `length` lines that takes one to three arrays, of shapes that broadcast together.

    Its lines are smooth expressions, and it returns the last. With `writes`, lines look at arrays through views and
    write into arrays, overlapping ones too, in all of NumPy's ways, and it returns all arrays that it made.

    >>> from hypothesis import find
    >>> find(programs(2), lambda program: "np.tanh(y)" in repr(program))
    def program(x, y):
        a = np.tanh(y)
        return a
    """
    if not 0 < arguments <= len(ARGUMENTS):
        raise ValueError(f"programs of {arguments} arguments: they take 1 to {len(ARGUMENTS)}")
    drawn = hnp.mutually_broadcastable_shapes(num_shapes=arguments, max_dims=3, max_side=3)
    shapes = draw(drawn).input_shapes
    values = {
        name: np.linspace(-0.8, 0.9, math.prod(shape)).reshape(shape)
        for name, shape in zip(ARGUMENTS, shapes, strict=False)
    }
    lines: list[str] = []
    if writes:  # never into the arguments: these are the caller's
        lines = [f"{name} = np.copy({argument})" for name, argument in zip(NAMES, values, strict=False)]
        for line in lines:
            step(line, values)
    for _ in range(length):
        new = next(name for name in NAMES if not any(line.startswith(f"{name} = ") for line in lines))
        line = draw_line(draw, values, new, ARGUMENTS) if writes else draw_expression(draw, values, new)
        if line != NOTHING and possible(line, values, new, writes):
            lines.append(line)
    made = tuple(name for name in values if name not in ARGUMENTS)
    return Program(shapes, tuple(lines), (made if writes else made[-1:]) or ("x",))


def draw_expression(draw: DrawFn, values: dict[str, Array], new: str) -> str:
    """Draw a line that makes an array of others, or nothing."""
    form = draw(st.sampled_from((NOTHING, *EXPRESSIONS)))
    operands = (*values, *[name for name in values if name not in ARGUMENTS][-1:] * len(values))  # often the last made
    p, q = (draw(st.sampled_from(operands)) if part in form else "" for part in ("{p}", "{q}"))
    return form if form == NOTHING else f"{new} = {form.format(p=p, q=q)}"


def possible(line: str, values: dict[str, Array], new: str, writes: bool) -> bool:
    """Run a line on the arrays; say whether NumPy can. If not, or if what it makes is of no use, all is as before."""
    before = {name: x.copy() for name, x in values.items()}
    try:
        step(line, values)
    except (ValueError, IndexError, TypeError):
        assert all(np.array_equal(values[name], x) for name, x in before.items()), f"{line} failed half-way"
        return False
    if new not in values:
        return True
    useful = isinstance(values[new], np.ndarray) if writes else np.max(np.abs(values[new]), initial=0) < LARGEST
    if not useful:  # a number is no view
        del values[new]
    return useful
