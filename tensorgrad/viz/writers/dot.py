"""Writes a graph in Graphviz's language, and has Graphviz draw it: the same cards as in our own pictures."""

import subprocess
from collections.abc import Iterable
from dataclasses import replace
from html import escape
from importlib import import_module
from importlib.util import find_spec
from shutil import which

import graphviz

from tensorgrad.viz.ir import Edge, GraphIR
from tensorgrad.viz.scene.cards import GREY, INK, PAPER
from tensorgrad.viz.scene.labels import edge_words
from tensorgrad.viz.scene.looks import looks
from tensorgrad.viz.scene.panels import diagnosis, header_rows
from tensorgrad.viz.scene.pieces import Bars, Dot, Look, Meter, Piece, Row, Tab, Text
from tensorgrad.viz.scene.places import Sides, beside, main_path
from tensorgrad.viz.scene.stage import FRAME, NESTED, WARM, WARM_FRAME, Route, route, title_row
from tensorgrad.viz.words import blocks

SANS, MONO = "Helvetica", "Courier"  # single names: engines without pango take a list of fonts for Times
HEADER = 640.0  # width of the lines at the top
GRAPH = {
    "bgcolor": PAPER,
    "fontname": SANS,
    "labeljust": "l",
    "labelloc": "t",
    "nodesep": "0.42",
    "pad": "0.35",
    "rankdir": "TB",
    "ranksep": "0.36",
}
NODE = {"fontname": SANS, "label": r"\N", "margin": "0.11,0.06", "shape": "box", "style": "rounded,filled"}
EDGE = {"arrowsize": "0.6", "fontcolor": GREY, "fontname": MONO, "fontsize": "10"}
BACK = ("rule", "gradient")


def to_digraph(ir: GraphIR) -> graphviz.Digraph:
    """Return the graph as a `graphviz.Digraph`, which can be changed further, and rendered."""
    panel = diagnosis(ir, HEADER)
    top = [row for _, row in header_rows(ir, HEADER)[0]] + [(), *(panel.rows if panel else ())]
    frame = GRAPH | {"label": table([*top, ()])} | ({"newrank": "true"} if ir.view == "both" else {})
    graph = graphviz.Digraph("tensorgrad", graph_attr=frame, node_attr=NODE, edge_attr=EDGE)
    sides = beside(ir)
    forward = [card for card in ir.cards if card.kind not in BACK]
    own = {card.id for card in forward}
    if ir.view == "both":
        ahead = replace(ir, cards=forward, edges=[e for e in ir.edges if e.source in own and e.target in own])
        main = main_path(ahead, sides)
        graph.subgraph(half(ir, sides, {*main, *main.values()}, own, "forward", "values flow down"))
        graph.subgraph(half(ir, sides, set(), {c.id for c in ir.cards} - own, "backward", "gradients flow up"))
        for card in ir.cards:
            if card.kind in BACK and card.of in own:
                same_row(graph, [card.of, card.id])
    else:
        main = main_path(ir, sides)
        draw_cards(graph, ir, sides, {*main, *main.values()}, {card.id for card in ir.cards}, "")
    cards = {card.id: card for card in ir.cards}
    for edge in sorted(ir.edges, key=lambda edge: main.get(edge.source) != edge.target):
        look = route(edge, cards, ())
        draw_edge(graph, edge, look, edge_words(edge, cards), sides, main, turned=ir.view == "both")
    return graph


# What is drawn
def half(ir: GraphIR, sides: Sides, straight: set[str], ids: set[str], name: str, what: str) -> graphviz.Digraph:
    """Return one half of the view of both passes."""
    back = name == "backward"
    title = table([(Text(name, "#C2410C" if back else INK, 14, bold=True), Text(what, GREY, 10))])
    look = {"label": title, "style": "rounded,filled", "margin": "14", "labeljust": "l"}
    graph = graphviz.Digraph(
        f"cluster_{name}",
        graph_attr=look | {"fillcolor": WARM if back else "#FCFDFE", "color": WARM_FRAME if back else FRAME},
    )
    draw_cards(graph, ir, sides, straight, ids, name)
    return graph


def draw_cards(
    graph: graphviz.Digraph, ir: GraphIR, sides: Sides, straight: set[str], ids: set[str], prefix: str
) -> None:
    """Draw the cards of these ids, in the boxes of their scopes."""
    shown = looks(ir)
    members: dict[str, list[str]] = {}
    for card in ir.cards:
        if card.id in ids:
            members.setdefault(card.scope, []).append(card.id)
    rows: dict[str, list[str]] = {}
    for id, (head, _) in sides.items():
        rows.setdefault(head, []).append(id)
    depth = {"": -1}
    for scope in ir.scopes:
        depth[scope.id] = depth[scope.parent] + 1
    inner: dict[str, list[graphviz.Digraph]] = {}
    for place, scope in reversed(list(enumerate(ir.scopes))):  # what is inside comes first: no recursion
        if scope.id not in members and scope.id not in inner:
            continue
        look = {"label": table([title_row(scope)]), "style": "rounded,filled", "margin": "12", "labeljust": "l"}
        here = graphviz.Digraph(
            f"cluster_{prefix}{place}",
            graph_attr=look
            | {
                "fillcolor": WARM if prefix == "backward" or ir.view == "backward" else NESTED[depth[scope.id] % 2],
                "color": WARM_FRAME if prefix == "backward" or ir.view == "backward" else FRAME,
            },
        )
        fill_scope(here, members.get(scope.id, []), shown, rows, straight, inner.pop(scope.id, []))
        inner.setdefault(scope.parent, []).append(here)
    fill_scope(graph, members.get("", []), shown, rows, straight, inner.pop("", []))


def fill_scope(
    here: graphviz.Digraph,
    ids: list[str],
    shown: dict[str, Look],
    rows: dict[str, list[str]],
    straight: set[str],
    inner: list[graphviz.Digraph],
) -> None:
    """Draw the cards that are directly in a scope, those beside each other on one row, and the scopes in it."""
    for id in sorted(ids, key=lambda id: id not in straight):  # dot keeps what comes first to the left
        look = shown[id]
        here.node(
            id,
            label=table(look.rows, look.width - 12),
            id=id,
            tooltip=graphviz.escape(look.tooltip),
            fillcolor=look.fill,
            color=look.border,
            penwidth=f"{look.stroke:g}",
            **({"style": "rounded,filled,dashed"} if look.dashed else {}),
            **({"group": "main"} if id in straight else {}),
        )
    for id in ids:
        if id in rows:
            same_row(here, [*rows[id], id])
    for one in reversed(inner):
        here.subgraph(one)


def same_row(graph: graphviz.Digraph, ids: Iterable[str]) -> None:
    """Have cards stand on one row."""
    with graph.subgraph() as row:
        row.attr(rank="same")
        for id in ids:
            row.node(id)


def draw_edge(
    graph: graphviz.Digraph, edge: Edge, look: Route, words: str, sides: Sides, main: dict[str, str], turned: bool
) -> None:
    """Draw an edge; `turned` says whether gradients flow up."""
    attributes = {"color": look.color, "penwidth": f"{look.width:g}"} | ({"style": "dashed"} if look.dashes else {})
    if edge.kind == "kept":
        graph.edge(f"{edge.source}:e", f"{edge.target}:w", constraint="false", **attributes)
        return
    aside, other = (edge.source, edge.target) if edge.source in sides else (edge.target, edge.source)
    if sides.get(aside, ("",))[0] == other:  # on one row, edges lead to the right, whatever their arrows do
        to_right = (aside == edge.source) == ((sides[aside][1] == "left") != (turned and edge.kind == "gradient"))
        ends = (edge.source, edge.target) if to_right else (edge.target, edge.source)
        graph.edge(*ends, **attributes, **({} if to_right else {"dir": "back"}))
    elif turned and edge.kind == "gradient":
        graph.edge(edge.target, edge.source, dir="back", **attributes)
    else:
        attributes |= {"label": f" {graphviz.escape(words)} "} if words else {}
        attributes |= {"weight": "12"} if main.get(edge.source) == edge.target else {}
        graph.edge(edge.source, edge.target, **attributes)


# Text
def table(rows: Iterable[Row], width: float = 0) -> str:
    """Return rows as an HTML-like label of at least `width` points; an empty row is a gap."""
    lines = "".join(
        [f'<TR><TD ALIGN="LEFT">{"  ".join([markup(piece) for piece in row]) or " "}</TD></TR>' for row in rows]
    )
    return f'<<TABLE BORDER="0" WIDTH="{width:.0f}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{lines}</TABLE>>'


def markup(piece: Piece | Tab) -> str:
    """Return a piece of a row in Graphviz's HTML."""
    if isinstance(piece, Tab | Meter):
        return ""  # of wide cards, which are ours alone
    if isinstance(piece, Dot):
        return markup(Text("●", piece.color, piece.size))
    if isinstance(piece, Bars):
        label = markup(Text(piece.label, piece.color, 9, bold=True))
        drawn = blocks(piece.counts, len(piece.counts) // 2)
        return f"{label}  {markup(Text(drawn, piece.color, 10, mono=True))}" if drawn else label
    face = MONO if piece.mono else SANS
    font = f'<FONT COLOR="{piece.color}" POINT-SIZE="{piece.size:g}" FACE="{face}">{escape(piece.words) or " "}</FONT>'
    return f"<B>{font}</B>" if piece.bold else font


# Rendering
def rendered(ir: GraphIR, ending: str) -> bytes:
    """Return the picture that Graphviz makes, for a file of that ending: ".svg", ".png" or ".pdf".

    It is drawn by the program dot or, without that, by the Graphviz that comes with pygraphviz.
    Raises RuntimeError if neither is there, or if it fails.
    """
    graph = to_digraph(ir)
    if ending == ".png":
        graph.attr(dpi="144")
    if which("dot") is not None:
        try:
            # not graph.pipe(): that writes line by line, and leaves its pipes open where dot stops reading
            made: bytes = graphviz.pipe("dot", ending[1:], graph.source.encode(), quiet=True)
        except subprocess.CalledProcessError as error:
            raise failed((error.stderr or b"").decode(errors="replace").strip() or str(error)) from error
        return made
    if find_spec("pygraphviz") is None:
        raise RuntimeError(
            f'engine="dot" needs Graphviz for a {ending} file, which was not found: install it, or '
            'pip install pygraphviz, or leave engine= out, or write .save("graph.dot") '
            "and render it elsewhere"
        )
    try:
        return bytes(import_module("pygraphviz").AGraph(string=graph.source).draw(format=ending[1:], prog="dot"))
    except Exception as error:
        raise failed(str(error)) from error


def failed(said: str) -> RuntimeError:
    """Return the error for a Graphviz that could not draw."""
    return RuntimeError(f'dot could not render the graph: {said}. .save("graph.dot") writes what it was given')
