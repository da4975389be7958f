"""Writes a graph in Graphviz's language: a card for each step, parameters on its row, the main path straight."""

import math
from html import escape
from typing import Literal

import graphviz

from tensorgrad.viz.boxes import Box, modules, unfold
from tensorgrad.viz.ir import Card, Edge, GraphIR
from tensorgrad.viz.words import elide, short_bytes, short_number, short_shape

SANS, MONO = "Helvetica", "Courier"  # single names: engines without pango take a list of fonts for Times
INK, SLATE, GREY, LINE, PAPER = "#0F172A", "#334155", "#64748B", "#94A3B8", "#FFFFFF"
TITLES = {  # by the family of an op, or the kind of another card
    "linalg": "#4F46E5",
    "elementwise": "#475569",
    "activation": "#0D9488",
    "reduction": "#0891B2",
    "view": "#64748B",
    "parameter": "#6D28D9",
    "input": "#047857",
    "constant": "#64748B",
}
FILLS = {"parameter": "#F5F3FF", "input": "#ECFDF5", "constant": "#F8FAFC", "loss": INK, "op": PAPER}
BORDERS = {"parameter": "#C4B5FD", "input": "#6EE7B7", "constant": "#CBD5E1", "loss": INK, "op": "#CBD5E1"}
ARROWS = {"parameter": "#A78BFA", "input": "#34D399", "constant": "#CBD5E1", "op": LINE, "loss": LINE}
VERDICTS = {"right": ("#ECFDF5", "#10B981"), "wrong": ("#FEE2E2", "#DC2626"), "inconclusive": ("#F1F5F9", "#94A3B8")}
NESTED = ("#F8FAFC", "#F1F5F9")  # fills of boxes, in turn
FIRST = {"if", "1"}  # the roles of a first argument that an edge from above names
USUAL = {(1, "right"), (1, "−"), (1, "÷"), (1, "exponent")}  # what a card beside its consumer does not

Side = Literal["left", "right"]
Sides = dict[tuple[str, str], Side]  # on which side of its consumer a card stands, by edge


def to_digraph(ir: GraphIR) -> graphviz.Digraph:
    """Return the graph as a `graphviz.Digraph`, which can be changed further, and rendered."""
    boxes = modules(ir)
    sides = place_beside(ir, boxes)
    main = main_path(ir, sides)
    graph = graphviz.Digraph("tensorgrad", graph_attr=GRAPH | {"label": headline(ir)}, node_attr=NODE, edge_attr=EDGE)
    draw_boxes(graph, ir, boxes, sides, main)
    cards = {card.id: card for card in ir.cards}
    for edge in sorted(ir.edges, key=lambda edge: main.get(edge.source) != edge.target):
        draw_edge(graph, edge, cards, sides, main)
    return graph


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
NODE = {"fontname": SANS, "margin": "0.11,0.06", "penwidth": "1.1", "shape": "box", "style": "rounded,filled"}
EDGE = {"arrowsize": "0.6", "fontcolor": GREY, "fontname": MONO, "fontsize": "10"}


# Where things stand
def place_beside(ir: GraphIR, boxes: Box) -> Sides:
    """Return which leaves and constants stand on the row of their first consumer, and on which side of it."""
    home = {id: box.path for box in unfold(boxes) for id in box.cards}
    kinds = {card.id: card.kind for card in ir.cards}
    starved = {card.id for card in ir.cards if card.forgotten}  # what stood above them is not known any more
    sides: Sides = {}
    placed = set[str]()
    for target, edges in ir.incoming().items():
        sources = list(dict.fromkeys(edge.source for edge in edges))
        free = [s for s in sources if kinds[s] not in ("op", "loss") and s not in placed]
        if sources and len(free) == len(sources) and target not in starved:
            # the path begins here: one of them stands above
            free.remove(next((s for s in free if kinds[s] == "input"), free[0]))
        placed.update(sources)
        free = sorted((s for s in free if home[s] == home[target]), key=lambda s: kinds[s] != "parameter")
        if len(free) == 1:
            sides[free[0], target] = "left" if kinds[free[0]] == "parameter" else "right"
        elif len(free) == 2:
            sides[free[0], target], sides[free[1], target] = "left", "right"
    return sides


def main_path(ir: GraphIR, sides: Sides) -> dict[str, str]:
    """Return the longest way to the root: for each card on it, the next."""
    depth: dict[str, int] = {}
    longest: dict[str, str] = {}
    for target, edges in ir.incoming().items():
        sources = [edge.source for edge in edges if (edge.source, target) not in sides]
        if sources:
            longest[target] = max(sources, key=depth.__getitem__)  # of equals the first
        depth[target] = 1 + max((depth[s] for s in sources), default=0)
    main: dict[str, str] = {}
    here = ir.cards[-1].id
    while here in longest:
        main[longest[here]] = here
        here = longest[here]
    return main


# What is drawn
def draw_boxes(graph: graphviz.Digraph, ir: GraphIR, boxes: Box, sides: Sides, main: dict[str, str]) -> None:
    """Draw every card, in the boxes of the modules."""
    cards = {card.id: card for card in ir.cards}
    words = {
        edge.source: edge.role
        for edge in ir.edges
        if (edge.source, edge.target) in sides and (edge.argument, edge.role) not in USUAL
    }
    straight = {*main, ir.cards[-1].id}
    order = list(unfold(boxes))
    contents = {id: card_rows(cards[id], box.path, words.get(id, "")) for box in order for id in box.cards}
    width = min(max(map(rows_width, contents.values())) + 8, 260)
    rows: dict[str, list[str]] = {}
    for source, target in sides:
        rows.setdefault(target, []).append(source)
    sizes = dict.fromkeys([box.path for box in order], 0)
    drawn: dict[str, graphviz.Digraph] = {}
    for place, box in reversed(list(enumerate(order))):  # what is inside comes first: no recursion
        here = graph if box is boxes else graphviz.Digraph(f"cluster_{place}")
        for id in sorted(box.cards, key=lambda id: id not in straight):  # dot keeps what comes first to the left
            card = cards[id]
            sizes[box.path] += math.prod(n or 0 for n in card.shape) if card.kind == "parameter" else 0
            fill, border = VERDICTS.get(card.verdict, (FILLS[card.kind], BORDERS[card.kind]))
            fill = FILLS["loss"] if card.kind == "loss" else fill  # under white letters
            dashed = card.kind == "constant" or (card.family == "view" and card.kind == "op")
            here.node(
                id,
                label=table(contents[id], width),
                id=id,
                tooltip=graphviz.escape(tooltip(card)),
                fillcolor=fill,
                color=border,
                **({"penwidth": "2.5"} if card.verdict == "wrong" else {}),
                **({"style": "rounded,filled,dashed"} if dashed else {}),
                **({"group": "main"} if id in straight else {}),
            )
        for id in box.cards:
            if id in rows:
                with here.subgraph() as row:
                    row.attr(rank="same")
                    for member in (*rows[id], id):
                        row.node(member)
        for inner in box.boxes:
            sizes[box.path] += sizes[inner.path]
            here.subgraph(drawn[inner.path])
        if box is not boxes:
            here.attr(
                label=box_title(box.path, sizes[box.path]),
                style="rounded,filled",
                fillcolor=NESTED[box.path.count(".") % 2],
                color="#E2E8F0",
                margin="12",
                labeljust="l",
            )
        drawn[box.path] = here


def draw_edge(graph: graphviz.Digraph, edge: Edge, cards: dict[str, Card], sides: Sides, main: dict[str, str]) -> None:
    """Draw an edge: the wider, the more bytes the array has."""
    source = cards[edge.source]
    look = {
        "color": ARROWS[source.kind],
        "penwidth": f"{0.8 + 0.16 * math.log2(1 + (source.bytes or 8) / 8):.2f}",
        **({"style": "dashed"} if source.kind == "constant" else {}),
    }
    side = sides.get((edge.source, edge.target))
    if side == "right":
        graph.edge(edge.target, edge.source, dir="back", **look)
        return
    if side is None and edge.role and (edge.argument > 0 or edge.role in FIRST):
        look["label"] = f" {edge.role} "
    if main.get(edge.source) == edge.target:
        look["weight"] = "12"
    graph.edge(edge.source, edge.target, **look)


# What a card says: rows of (text, colour, size, face) pieces
Piece = tuple[str, str, float, str]


def card_rows(card: Card, path: str, role: str) -> list[list[Piece]]:
    """Return what a card in the box of the module at `path` says."""
    shape: list[Piece] = [(short_shape(card.dtype, card.shape), SLATE, 9, MONO)]
    if size := short_bytes(card.bytes):
        shape.append((f"   {size}", LINE, 8, SANS))
    called = [(f"  → {elide(card.name, 24)}", GREY, 9.0, SANS)] if card.name else []
    if card.kind == "loss":
        known = short_number(card.value, 5) if card.value is not None else "not computed"
        words = [(f"  {card.note}", LINE, 9.0, MONO)] if card.note else []
        return [
            [(card.title, "#93C5FD", 10, SANS), *words, *((text, "#CBD5E1", 9.0, SANS) for text, *_ in called)],
            [(known, PAPER, 20 if card.value is not None else 12, SANS + " bold")],
            [(short_shape(card.dtype, card.shape), LINE, 9, MONO)],
        ]
    if card.kind != "op":
        title = (card.title.removeprefix(f"{path}.") if path else "") or card.title
        small = " · ".join(part for part in (card.kind, role) if not title.lower().startswith(part))
        head: list[Piece] = [(elide(title, 28), TITLES[card.kind], 13, SANS + " bold")]
        if small:
            head.append((f"  {small}", LINE if card.kind == "constant" else ARROWS[card.kind], 8, SANS))
        rows = [head, shape]
        if card.value is not None:
            rows.append([(f"= {short_number(card.value, 5)}", SLATE, 9, MONO)])
        return rows
    head = [(elide(card.title, 28), TITLES[card.family], 13, SANS + " bold"), *called]
    note: list[Piece] = [(elide(card.note, 36), SLATE, 9, MONO)] if card.note else []
    if note and not called and len(card.title) + len(card.note) <= 22 and not card.verdict:
        return [[*head, ("  ", SLATE, 9, MONO), *note], shape]
    if card.verdict == "wrong":
        shape = [*shape, ("   wrong derivative", VERDICTS["wrong"][1], 9, SANS + " bold")]
    return [head, note, shape] if note else [head, shape]


def table(rows: list[list[Piece]], width: int = 0) -> str:
    """Return rows as an HTML-like label of at least `width` points; an empty row is a gap."""
    lines = "".join(f'<TR><TD ALIGN="LEFT">{"".join(map(markup, row)) or " "}</TD></TR>' for row in rows)
    return f'<<TABLE BORDER="0" WIDTH="{width}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{lines}</TABLE>>'


def markup(piece: Piece) -> str:
    """Return a piece of text in Graphviz's HTML."""
    text, color, size, face = piece
    font = f'<FONT COLOR="{color}" POINT-SIZE="{size:g}" FACE="{face.split()[0]}">{escape(text)}</FONT>'
    return f"<B>{font}</B>" if face.endswith(" bold") else font


def rows_width(rows: list[list[Piece]]) -> int:
    """Return about how wide rows of text are, in points, so that all cards can be made as wide as the widest."""
    per_size = {MONO: 0.61, SANS: 0.58, SANS + " bold": 0.7}
    return math.ceil(max(sum(len(text) * size * per_size[face] for text, _, size, face in row) for row in rows))


def tooltip(card: Card) -> str:
    """Return the card in one line."""
    facts = [card.kind, card.title, card.name, short_shape(card.dtype, card.shape), card.note]
    return elide(" ".join(dict.fromkeys(filter(None, facts))), 200)


def box_title(path: str, parameters: int) -> str:
    """Return the label of a module's box."""
    count = f"{parameters:,} parameter{'s' * (parameters != 1)}"
    pieces: list[Piece] = [(elide(path, 40), SLATE, 11, SANS + " bold"), (f"   {count}", LINE, 9, SANS)]
    return table([pieces])


def headline(ir: GraphIR) -> str:
    """Return the title of the picture."""
    rows: list[list[Piece]] = [[(elide(ir.heading(), 60), INK, 17, SANS + " bold")], [(ir.summary(), GREY, 10, SANS)]]
    rows += [[(part.strip(), GREY, 10, SANS)] for note in ir.notes for part in note.split(": ")]
    return table([*rows, []])
