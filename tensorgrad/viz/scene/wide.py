"""Says what stands in the wide cards of folded scopes: two lines each, in columns to compare."""

import math

from tensorgrad.viz.ir import Card, GraphIR
from tensorgrad.viz.scene.cards import (
    GREY,
    INK,
    SLATE,
    finding_rows,
    gradient_bars,
    ratio_rows,
    shape_row,
    value_rows,
    worst_level,
)
from tensorgrad.viz.scene.pieces import LABEL, Meter, Piece, Row, Tab, Text
from tensorgrad.viz.words import brief, elide, short_flops

WIDE, COLUMNS = 790.0, (236.0, 390.0, 560.0)  # of cards of folded scopes: width, and where columns begin
METERS = {"": "#059669", "low": "#D97706", "bad": "#DC2626"}  # by the worst finding


def gradient_range(ir: GraphIR) -> tuple[int, int] | None:
    """Return the powers of ten around the gradients of folded scopes; None unless these are most of the graph."""
    folded = [card for card in ir.cards if card.kind == "module"]
    steps = sum(card.kind in ("op", "loss") for card in ir.cards)
    sizes = [card.gradient.rms for card in folded if card.gradient and 0 < card.gradient.rms < math.inf]
    if ir.view != "forward" or ir.detail == "shapes" or len(folded) < 3 or len(folded) < steps or not sizes:
        return None
    low, high = math.floor(math.log10(min(sizes))), math.ceil(math.log10(max(sizes)))
    return low, max(high, low + 1)


def wide_rows(card: Card, title: str, powers: tuple[int, int]) -> list[Row]:
    """Return the rows of a wide card: what it is, values, gradients, and the size of these between powers of ten."""
    times = [Text(f"×{card.times:,}", SLATE, 12, bold=True)] if card.times > 1 else []
    note = [Text(elide(card.note, 60), GREY, 10)] if card.note else []
    size = [short_flops(card.flops)] if card.flops else []
    worst = worst_level(card.findings)
    first: list[Piece | Tab] = [Text(title, INK, 14, bold=True), *times, *note]
    second: list[Piece | Tab] = [*shape_row(card), *[Text(words, GREY, 9.5) for words in size]]
    for column, rows in zip(COLUMNS, (value_rows(card), gradient_bars(card)), strict=False):
        for bars, *figures in rows:
            first += [Tab(column), bars]
            second += [Tab(column + LABEL), *figures]
    if card.ratio is not None and ratio_rows(card):
        second.append(Text(f"∂W/W {brief(card.ratio)}", GREY, 9.5))
    if card.gradient and 0 < card.gradient.rms < math.inf:
        share = (math.log10(card.gradient.rms) - powers[0]) / (powers[1] - powers[0])
        first += [Tab(COLUMNS[2]), Meter(share, METERS.get(worst, METERS[""]))]
    findings = finding_rows(card)
    if findings:
        second += [Tab(COLUMNS[2]), *findings[0]]
    return [tuple(first), tuple(second), *[(Tab(COLUMNS[2]), *row) for row in findings[1:]]]
