"""Gives each card of a picture its look: rows, the colours of its kind and health, and one width for all."""

import math
from collections.abc import Mapping
from dataclasses import replace

from tensorgrad.viz.ir import Card, GraphIR
from tensorgrad.viz.scene.cards import (
    HEALTH,
    INK,
    PAPER,
    VERDICTS,
    finding_rows,
    gradient_rows,
    loss_rows,
    module_rows,
    plain_rows,
    rule_rows,
    shown_title,
    worst_level,
)
from tensorgrad.viz.scene.pieces import PAD_X, Look, Row, Text, fit, row_width
from tensorgrad.viz.scene.places import beside
from tensorgrad.viz.scene.wide import WIDE, gradient_range, wide_rows
from tensorgrad.viz.words import elide, short_shape

FILLS = {"parameter": "#F5F3FF", "input": "#ECFDF5", "constant": "#F8FAFC", "loss": INK, "gradient": "#FFF7ED"}
BORDERS = {
    "parameter": "#C4B5FD",
    "input": "#6EE7B7",
    "constant": "#CBD5E1",
    "loss": INK,
    "op": "#CBD5E1",
    "module": "#94A3B8",
    "rule": "#FDBA74",
    "gradient": "#FB923C",
}
ORIGIN = "#DC2626"  # border of the card that trouble comes from
USUAL = {(1, "right"), (1, "−"), (1, "÷"), (1, "exponent")}  # roles of arguments that are not said
NARROWEST, WIDEST = 112.0, 264.0


def looks(ir: GraphIR, wide: bool = False) -> dict[str, Look]:
    """Return what each card says, by id; all are as wide as the widest, up to a limit.

    wide: whether folded scopes get wide cards, with columns to compare, where they are most of the graph.
    """
    paths = ir.paths()
    sides = beside(ir)
    roles = {
        edge.source: edge.role
        for edge in ir.edges
        if sides.get(edge.source, ("",))[0] == edge.target and (edge.argument, edge.role) not in USUAL
    }
    first = next((finding.card for finding in ir.findings if finding.level == "bad"), "")
    range_ = gradient_range(ir) if wide else None
    made: dict[str, Look] = {}
    broad: set[str] = set()
    for card in ir.cards:
        path = paths.get(card.scope, "")
        if ir.view == "both" and card.of:
            card = replace(card, findings=())  # which are on the card of the step
        if range_ is not None and card.kind == "module":
            broad.add(card.id)
            made[card.id] = framed(card, wide_rows(card, shown_title(card, path), range_), first)
        else:
            made[card.id] = look(card, ir.detail, path, roles.get(card.id, ""), first)
    needed = max((row_width(row) for id, one in made.items() if id not in broad for row in one.rows), default=0.0)
    width = math.ceil(min(max(needed + 2 * PAD_X, NARROWEST), WIDEST))
    return {id: fit(one, WIDE if id in broad else width) for id, one in made.items()}


def look(card: Card, detail: str, path: str, role: str, origin: str) -> Look:
    """Return what a card says, as wide as it is.

    path: what the names in its scope begin with.   role: what it is for.   origin: id of the card trouble comes from.
    """
    rows = {"loss": loss_rows, "rule": rule_rows, "gradient": gradient_rows, "module": module_rows}.get(
        card.kind, plain_rows
    )(card, detail, path, role)
    rows += [(Text("wrong derivative", VERDICTS["wrong"][1], 10, bold=True),)] * (card.verdict == "wrong")
    return framed(card, [*rows[:1], *finding_rows(card, dark=card.kind == "loss"), *rows[1:]], origin)


def framed(card: Card, rows: list[Row], origin: str) -> Look:
    """Return rows in the colours of a card: those of its kind, or of its health."""
    fill, border, stroke = FILLS.get(card.kind, PAPER), BORDERS[card.kind], 1.1
    worst = worst_level(card.findings)
    if worst in ("low", "bad"):
        _, fill, border = HEALTH[worst]
        stroke = 3.0 if card.id == origin else 1.3
        border = ORIGIN if card.id == origin else border
    if card.verdict:
        fill, border = VERDICTS[card.verdict]
        stroke = 2.5 if card.verdict == "wrong" else 1.1
    if card.kind == "loss":
        fill = INK  # under white letters
    dashed = card.kind == "constant" or (card.family == "view" and card.kind in ("op", "rule"))
    return Look(tuple(rows), fill, border, stroke, dashed, tooltip=tooltip(card))


def tooltip(card: Card) -> str:
    """Return the card in one line."""
    facts = [card.kind, card.title, card.name, short_shape(card.dtype, card.shape), card.note]
    facts += [f"{card.line.file}:{card.line.number}"] if card.line else []
    facts += [f"{finding.words}. {finding.why}" for finding in card.findings]
    return elide(" · ".join(dict.fromkeys(filter(None, facts))), 300)


def sizes(shown: Mapping[str, Look]) -> dict[str, tuple[float, float]]:
    """Return the width and height of each card."""
    return {id: (one.width, one.height) for id, one in shown.items()}
