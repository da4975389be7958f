"""Pictures of graphs: read the recorded nodes into plain data, find its modules, write it as text, JSON or Graphviz."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from shutil import which
from typing import Any

import graphviz

from tensorgrad.graph import Tensor
from tensorgrad.viz.dot import to_digraph
from tensorgrad.viz.ir import GraphIR
from tensorgrad.viz.read import read
from tensorgrad.viz.text import to_text

__all__ = ["Graph", "draw"]

LARGEST_IN_NOTEBOOK = 1500  # cards: dot takes seconds for more, so that a notebook shows them as text
RENDERED = (".svg", ".png", ".pdf")


@dataclass(frozen=True, eq=False, repr=False)
class Graph:
    """A graph, read and ready to be shown: `print` it, `save` it, or leave it at the end of a notebook's cell."""

    ir: GraphIR

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the graph to a file, in the form that the ending names, and return the path.

        .dot, .json and .txt need no other program; .svg, .png and .pdf are laid out by Graphviz's `dot`.
        Raises ValueError if the ending is another one, RuntimeError if `dot` is missing or fails.
        """
        path = Path(path)
        ending = path.suffix.lower()
        if ending in RENDERED:
            path.write_bytes(self._render(ending))
        elif ending in WRITERS:
            path.write_text(WRITERS[ending](self), encoding="utf-8", newline="\n")
        else:
            endings = ", ".join([*WRITERS, *RENDERED])
            raise ValueError(f"a graph cannot be saved as {path.name!r}: give the name one of the endings {endings}")
        return path

    def to_graphviz(self) -> graphviz.Digraph:
        """Return the graph as a `graphviz.Digraph`, to change it further."""
        return to_digraph(self.ir)

    def _render(self, ending: str) -> bytes:
        if which("dot") is None:
            raise RuntimeError(
                f"a {ending} file needs Graphviz's program dot, which was not found: "
                'install Graphviz, or write .save("graph.dot") and render it elsewhere'
            )
        picture = self.to_graphviz()
        if ending == ".png":
            picture.attr(dpi="144")
        try:
            # not picture.pipe(): that writes line by line, and leaves its pipes open where dot stops reading
            rendered: bytes = graphviz.pipe("dot", ending[1:], picture.source.encode(), quiet=True)
        except subprocess.CalledProcessError as error:
            said = (error.stderr or b"").decode(errors="replace").strip()
            raise RuntimeError(
                f'dot could not render the graph: {said or error}. .save("graph.dot") writes what it was given'
            ) from error
        return rendered

    def __str__(self) -> str:
        return to_text(self.ir)

    def __repr__(self) -> str:
        if which("dot") is None:
            return f'{self}\n\nas text, for want of Graphviz\'s dot; .save("graph.dot") works without it'
        if len(self.ir.cards) > LARGEST_IN_NOTEBOOK:
            return f'{self}\n\nas text, being large; .save("graph.svg") draws it, and takes a while'
        return str(self)

    def _repr_svg_(self) -> str | None:
        """Return the picture for a notebook, or None, upon which it shows the text. Never raises."""
        try:
            return self._render(".svg").decode() if len(self.ir.cards) <= LARGEST_IN_NOTEBOOK else None
        except Exception:
            return None


WRITERS: dict[str, Callable[[Graph], str]] = {
    ".dot": lambda graph: str(graph.to_graphviz().source),
    ".json": lambda graph: graph.ir.to_json(),
    ".txt": lambda graph: f"{graph}\n",
}


def draw(
    y: Tensor, *, view: str = "forward", depth: None = None, detail: str = "shapes", engine: str = "auto"
) -> Graph:
    """Return the graph that `y` came from, to print, save or show.

    Nothing is computed and no `.grad` is touched. A number at the root shows its value. Constants are shown while
    the graph holds them: `backward()` lets go of them, and the picture then says how many.
    view: "forward".   detail: "shapes".   depth: None, everything.   engine: "auto" or "dot", Graphviz's layout.
    Graphs of any size and depth can be written. Graphviz lays out 100 steps at once, and 2,000 in some seconds.
    Raises TypeError if `y` is no tensor, ValueError if it has no graph or an option is not available.

    >>> import tensorgrad as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True, name="w")
    >>> print(draw((w * 3.0).sum()))
    Forward graph   2 operations · 2 parameters in 1 tensor
    <BLANKLINE>
      ●  %1  multiply  f64[2]  × 3.0  ◂ w f64[2]
      ◉  %2  sum       f64[]   = 9.0
    """
    if not isinstance(y, Tensor):
        raise TypeError(f"draw takes a tensor, the result of a computation, got {type(y).__name__}")
    options: dict[str, tuple[Any, tuple[Any, ...]]] = {
        "view": (view, ("forward",)),
        "depth": (depth, (None,)),
        "detail": (detail, ("shapes",)),
        "engine": (engine, ("auto", "dot")),
    }
    for name, (value, available) in options.items():
        if value not in available:
            raise ValueError(f"draw: {name}={value!r} is not available; there is {' and '.join(map(repr, available))}")
    if y.node is None:
        raise ValueError(
            "there is no graph to draw: this tensor came from none that requires a gradient, or was computed under "
            "no_grad. Make an input with tg.tensor(..., requires_grad=True)"
        )
    return Graph(read(y))
