"""Pictures of graphs: values and gradients in each step, the backward pass, health, cost, and the user's lines."""

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, get_args

import graphviz

from tensorgrad.errors import trims
from tensorgrad.graph import Tensor
from tensorgrad.viz import passes
from tensorgrad.viz.facts.health import examine
from tensorgrad.viz.ir import Detail, GraphIR, View
from tensorgrad.viz.page import to_html
from tensorgrad.viz.passes.diff import diff
from tensorgrad.viz.passes.tidy import LIMIT
from tensorgrad.viz.record.read import read
from tensorgrad.viz.record.run import run
from tensorgrad.viz.writers.dot import rendered, to_digraph
from tensorgrad.viz.writers.mermaid import to_mermaid
from tensorgrad.viz.writers.raster import to_pdf, to_png
from tensorgrad.viz.writers.svg import to_svg
from tensorgrad.viz.writers.text import to_text

__all__ = ["Graph", "draw", "picture"]

LARGEST_PAGE = 1500  # cards that a page unfolds; of more it has what the picture shows
ENGINES = ("auto", "dot")


@dataclass(frozen=True, eq=False, repr=False)
class Graph:
    """A graph, read and ready to be shown: `print` it, `save` it, or leave it at the end of a notebook's cell."""

    ir: GraphIR  # what is shown
    whole: GraphIR  # the forward graph with nothing folded; of a large one, without constants, with its repetitions
    engine: str = "auto"

    @trims
    def save(self, path: str | PathLike[str]) -> Path:
        """Write the graph to a file, in the form that the ending names, and return the path.

        .svg: a picture.   .html: a page to explore it, with everything in one file.   .txt: as `print` shows it.
        .json: the data, which `GraphIR.from_json` reads.   .dot: for Graphviz.   .mmd: for Mermaid.
        .png, .pdf: a picture; they need the extra of that name, or engine="dot" and Graphviz.
        Raises ValueError if the ending is another one, RuntimeError if a program that it needs is missing or fails,
        OSError if the file cannot be written.
        """
        path = Path(path)
        ending = path.suffix.lower()
        if ending not in WRITERS:
            raise ValueError(
                f"a graph cannot be saved as {path.name!r}: give the name one of the endings {', '.join(WRITERS)}"
            )
        made = WRITERS[ending](self)
        path.write_bytes(made if isinstance(made, bytes) else made.encode("utf-8", "replace"))
        return path

    def to_graphviz(self) -> graphviz.Digraph:
        """Return the graph as a `graphviz.Digraph`, to change it further."""
        return to_digraph(self.ir)

    @trims
    def focus(self, what: str, steps: int = 2) -> "Graph":
        """Return the graph of what is at most so many steps away from a card, given by its id or name.

        Raises ValueError if there is no such card.
        """
        shown = passes.focus(self.ir, what, steps)
        return Graph(shown, passes.unfolded(self.whole, shown, shown.notes[len(self.ir.notes) :]), self.engine)

    @trims
    def diff(self, before: "Graph") -> "Graph":
        """Return this graph with what is not as it was in `before`: values, gradients, shapes, dtypes, steps.

        It is for the same computation at two times, as before and after a step of training, or in two precisions.
        Values are compared by their rms.   Raises ValueError if the graphs show different views.
        """
        if not isinstance(before, Graph):
            raise TypeError(f"diff takes another graph, which tg.draw made; got {type(before).__name__}")
        return Graph(diff(before.ir, self.ir), diff(before.whole, self.whole), self.engine)

    def __str__(self) -> str:
        return to_text(self.ir)

    def __repr__(self) -> str:
        try:
            return str(self)
        except Exception as error:  # what shows something must not stop anything
            return f"<Graph of {len(self.ir.cards)} cards, which could not be shown as text: {error}>"

    def _repr_svg_(self) -> str | None:
        """Return the picture for a notebook, or None, upon which it shows the text. Never raises."""
        try:
            return svg(self).decode()
        except Exception:
            return None


def svg(graph: Graph) -> bytes:
    """Return a graph as SVG."""
    return rendered(graph.ir, ".svg") if graph.engine == "dot" else to_svg(graph.ir).encode()


def png(graph: Graph) -> bytes:
    """Return a graph as PNG."""
    return rendered(graph.ir, ".png") if graph.engine == "dot" else to_png(to_svg(graph.ir))


def pdf(graph: Graph) -> bytes:
    """Return a graph as PDF."""
    return rendered(graph.ir, ".pdf") if graph.engine == "dot" else to_pdf(to_svg(graph.ir))


def html(graph: Graph) -> str:
    """Return a page to explore a graph: all of it, if that is not too much, folded as the picture is."""
    folded = frozenset(card.stands_for for card in graph.ir.cards if card.stands_for)
    known = {scope.id for scope in graph.whole.scopes}
    if len(graph.whole.cards) <= LARGEST_PAGE and folded <= known:
        return to_html(graph.whole, folded)
    return to_html(graph.ir if graph.ir.view == "forward" else passes.tidy(graph.whole))


WRITERS: dict[str, Callable[[Graph], str | bytes]] = {
    ".svg": svg,
    ".html": html,
    ".txt": lambda graph: f"{graph}\n",
    ".json": lambda graph: graph.ir.to_json(),
    ".dot": lambda graph: str(graph.to_graphviz().source),
    ".mmd": lambda graph: to_mermaid(graph.ir),
    ".png": png,
    ".pdf": pdf,
}


@trims
def draw(
    y: Tensor | Callable[..., Any],
    *inputs: Any,
    view: View = "forward",
    depth: int | None = None,
    detail: Detail | None = None,
    engine: str = "auto",
) -> Graph:
    """Return a picture of a computation, to print, save or show.

    y: a tensor, of which the graph is drawn as far as it is still there; or a function or module, which is run once
    with `inputs`, keeping all values, the calls of modules and functions, and the lines. If nothing in it requires a
    gradient, it is run again with floating inputs that do. Arguments by keyword go into a lambda.
    view: "forward"; "backward", the pass from the loss to the parameters; or "both", side by side.
    depth: how many levels of modules and functions to unfold, 0 for none. None unfolds everything, but of a graph of
    more than about 150 cards as much as that leaves room for; the picture then says so.
    detail: "shapes" computes nothing; "stats" shows histograms of values and gradients, and "full" also formulas, cost
    and lines. None is "stats", for graphs of at most 5,000 steps.
    engine: "auto", our own layout, or "dot", Graphviz's.

    Gradients come from a pass of their own, in which hooks take part: no `.grad` changes and the graph stays usable.
    Raises TypeError if there is nothing to draw, ValueError if a tensor has no graph or an option is not one.

    >>> import tensorgrad as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True, name="w")
    >>> print(draw((w * 3.0).sum(), detail="shapes"))
    Forward graph   2 operations · 2 parameters in 1 tensor · 4 FLOP forward
    <BLANKLINE>
      ●  %1  multiply  f64[2]  × 3.0  ◂ w f64[2]
      ◉  %2  sum       f64[]   = 9.0
    """
    for name, value, known in (("view", view, get_args(View)), ("engine", engine, ENGINES)):
        if not isinstance(value, str) or value not in known:
            raise ValueError(f"draw: {name}={value!r} is not known: it is one of {', '.join(map(repr, known))}")
    if detail is not None and not (isinstance(detail, str) and detail in get_args(Detail)):
        raise ValueError(f"draw: detail={detail!r} is not known: it is one of {', '.join(map(repr, get_args(Detail)))}")
    return picture(examine(read_any(y, inputs, detail)), view, depth, engine)


def picture(ir: GraphIR, view: View = "forward", depth: int | None = None, engine: str = "auto") -> Graph:
    """Return the picture of a forward graph: folded to a depth, or as far as its size asks for, and seen in a view."""
    whole = passes.repeats(passes.without_constants(ir)) if len(ir.cards) > LIMIT else ir
    shown = passes.tidy(whole) if depth is None else passes.to_depth(ir, depth)
    if view != "forward":
        shown = passes.backward(shown) if view == "backward" else passes.both(shown)
    return Graph(shown, whole, engine)


def read_any(y: Any, inputs: tuple[Any, ...], detail: Detail | None) -> GraphIR:
    """Return the graph of a tensor, or of what a function does."""
    if isinstance(y, Tensor):
        if inputs:
            raise TypeError(
                f"draw takes one tensor, or a function and its inputs; got a tensor and {len(inputs)} more argument"
                f"{'s' * (len(inputs) != 1)}"
            )
        if y.node is None:
            raise ValueError(
                "there is no graph to draw: this tensor came from none that requires a gradient, or was computed "
                "under no_grad. Make an input with tg.tensor(..., requires_grad=True)"
            )
        return read(y, detail=detail)
    if not callable(y):
        raise TypeError(
            f"draw takes a tensor, the result of a computation, or a function and its inputs; got {type(y).__name__}"
        )
    done = run(y, inputs)
    return read(done.y, run=done, detail=detail)
