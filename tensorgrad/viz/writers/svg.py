"""Writes a picture as SVG: presentation attributes alone, which notebooks let through, and nothing from outside."""

import math
from html import escape
from itertools import pairwise

from tensorgrad.viz.ir import GraphIR
from tensorgrad.viz.scene.cards import PAPER
from tensorgrad.viz.scene.labels import TITLE_DOWN, TITLE_HIGH
from tensorgrad.viz.scene.letters import SIGNS
from tensorgrad.viz.scene.pieces import (
    BARS,
    HIGH,
    LABEL,
    METER,
    PAD_X,
    PAD_Y,
    SPACE,
    Bars,
    Dot,
    Meter,
    Row,
    Tab,
    Text,
    row_height,
    row_width,
)
from tensorgrad.viz.scene.stage import Frame, Placed, Point, Route, Scene, stage

SANS = "Inter, system-ui, Helvetica, Arial, sans-serif"
MONO = "'JetBrains Mono', 'DejaVu Sans Mono', Menlo, Consolas, monospace"
WITH_SIGNS = f"'DejaVu Sans', {SANS}"  # a renderer may change the font of all for a sign that the first does not have
ROUND = 9  # radius of a card's corners
BEND = 7.0  # of an edge's corners, at most
STEEP = 1.5  # edges that lead further to the side are bent at their ends alone


def to_svg(ir: GraphIR) -> str:
    """Return the picture of a graph as SVG, whole in itself; the same graph gives the same text."""
    return write(stage(ir))


def write(scene: Scene) -> str:
    """Return a picture as SVG."""
    width, height = number(scene.width), number(scene.height)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label="{quoted(scene.title)}" font-family="{SANS}">',
        f'<rect width="{width}" height="{height}" fill="{PAPER}"/>',
    ]
    parts += [frame(one) for one in scene.frames]
    parts.append('<g fill="none" stroke-linejoin="round">')
    parts += [line(one) for one in scene.routes]
    parts.append("</g>")
    parts += [arrow(one) for one in scene.routes if one.arrow]
    parts += [title(one) for one in scene.frames]
    parts += [row((text,), x, y) for x, y, text in scene.labels]
    parts += [box(one) for one in (*scene.cards, *scene.panels)]
    parts += [row(words, x, y + baseline(words)) for x, y, words in scene.header]
    return "\n".join([*parts, "</svg>\n"])


def number(value: float) -> str:
    """Return a number as short as it can be, in tenths.

    >>> number(12.0), number(3.14159), number(-0.04)
    ('12', '3.1', '0')
    """
    text = f"{value:.1f}"
    return (text[:-2] if text.endswith(".0") else text).replace("-0", "0", text == "-0.0")


def quoted(text: str) -> str:
    """Return a text as it stands in XML."""
    return escape(text)


# Boxes
def frame(one: Frame) -> str:
    """Return the box of a scope."""
    p = one.place
    return (
        f'<rect id="{quoted(one.id)}" x="{number(p.x)}" y="{number(p.y)}" width="{number(p.width)}" '
        f'height="{number(p.height)}" rx="12" fill="{one.fill}" stroke="{one.border}"/>'
    )


def title(one: Frame) -> str:
    """Return the title of a scope, on a ground that sets it off from lines that pass."""
    x, y = one.title_x, one.place.y + TITLE_DOWN
    words = row(one.title, x, y + baseline(one.title))
    ground = (
        f'x="{number(x - 4)}" y="{number(y)}" width="{number(row_width(one.title) + 8)}" height="{TITLE_HIGH:g}" rx="4"'
    )
    return f'<rect {ground} fill="{one.fill}"/>{words}'


def box(one: Placed) -> str:
    """Return a card, or another box with rows."""
    look = one.look
    width, height = number(look.width), number(look.height)
    dashes = ' stroke-dasharray="5 4"' if look.dashed else ""
    parts = [f'<g id="{quoted(one.id)}" transform="translate({number(one.x)} {number(one.y)})">']
    if look.tooltip:
        parts.append(f"<title>{quoted(look.tooltip)}</title>")
    parts.append(
        f'<rect width="{width}" height="{height}" rx="{ROUND}" fill="{look.fill}" stroke="{look.border}" '
        f'stroke-width="{look.stroke:g}"{dashes}/>'
    )
    y = PAD_Y
    for at, words in enumerate(look.rows):
        high = row_height(words)
        if at == look.marked:
            parts.append(
                f'<rect x="1" y="{number(y)}" width="{number(look.width - 2)}" height="{high}" fill="#FEE2E2"/>'
            )
        parts.append(row(words, PAD_X, y + baseline(words)))
        y += high
    return "".join([*parts, "</g>"])


# Rows
def baseline(words: Row) -> float:
    """Return how far the base line of a row is below its top."""
    if any(isinstance(piece, Bars | Meter) for piece in words):
        return HIGH
    return row_height(words) * 0.76


def row(words: Row, x: float, y: float) -> str:
    """Return a row, from the left end of its base line on."""
    parts: list[str] = []
    texts: list[Text] = []
    left = x
    for piece in (*words, Tab(0)):
        if isinstance(piece, Text) and (not texts or signs(piece) == signs(texts[-1])):
            texts.append(piece)
            continue
        if texts:
            parts.append(text(texts, x, y))
            x += sum([t.width() + SPACE for t in texts])
            texts = []
        if isinstance(piece, Text):
            texts.append(piece)
            continue
        if isinstance(piece, Tab):
            x = left + piece.x
            continue
        if isinstance(piece, Bars):
            parts += [text([Text(piece.label, piece.color, 9.5, bold=True)], x, y), bars(piece, x + LABEL, y)]
        else:
            parts.append(dot(piece, x, y) if isinstance(piece, Dot) else meter(piece, x, y))
        x += piece.width() + SPACE
    return "".join(parts)


def text(pieces: list[Text], x: float, y: float) -> str:
    """Return pieces of text beside each other; each begins where the one before ends, in whatever font."""
    first, rest = pieces[0], pieces[1:]
    inner = quoted(first.words) + "".join(
        [f'<tspan dx="{SPACE:g}"{looks(piece, first)}>{quoted(piece.words)}</tspan>' for piece in rest]
    )
    return f'<text x="{number(x)}" y="{number(y)}"{looks(first)}>{inner}</text>'


def looks(piece: Text, than: Text | None = None) -> str:
    """Return the attributes of a piece of text, or those in which it differs from another."""
    parts: list[str] = []
    if than is None or piece.color != than.color:
        parts.append(f' fill="{piece.color}"')
    if than is None or piece.size != than.size:
        parts.append(f' font-size="{piece.size:g}"')
    if family(piece) != (family(than) if than else SANS):
        parts.append(f' font-family="{family(piece)}"')
    if piece.bold != (than is not None and than.bold):
        parts.append(f' font-weight="{700 if piece.bold else 400}"')
    return "".join(parts)


def family(piece: Text) -> str:
    """Return the fonts of a piece of text, the first that is there counts."""
    return MONO if piece.mono else WITH_SIGNS if signs(piece) else SANS


def signs(piece: Text) -> bool:
    """Whether a text has signs that few fonts have; it then stands by itself."""
    return not SIGNS.isdisjoint(piece.words)


def dot(piece: Dot, x: float, y: float) -> str:
    """Return a spot of colour."""
    r = piece.size / 2
    return f'<circle cx="{number(x + r)}" cy="{number(y - r + 1)}" r="{r:g}" fill="{piece.color}"/>'


def meter(piece: Meter, x: float, y: float) -> str:
    """Return a bar that is filled in part."""
    at = f'x="{number(x)}" y="{number(y - 11)}" height="11" rx="2"'
    filled = number(max(2.0, METER * min(max(piece.share, 0.0), 1.0)))
    return f'<rect {at} width="{METER:g}" fill="#EEF2F6"/><rect {at} width="{filled}" fill="{piece.color}"/>'


def bars(piece: Bars, x: float, y: float) -> str:
    """Return a histogram as one path, with a base line that is there where nothing is."""
    most = max(piece.counts, default=0)
    path = [f"M{number(x)} {number(y)}v-1"]
    last = 1.0
    step = BARS / max(1, len(piece.counts))
    for count in piece.counts:
        high = round(1 + (HIGH - 2) * count / most, 1) if most else 1.0
        if high != last:
            path.append(f"v{number(last - high)}")
            last = high
        path.append(f"h{step:g}")
    if not piece.counts:
        path.append(f"h{BARS:g}")
    return f'<path d="{"".join(path)}V{number(y)}z" fill="{piece.color}"/>'


# Edges
def arrow_size(one: Route) -> tuple[float, float]:
    """Return length and half the width of an arrow."""
    return 6.0 + one.width, 2.4 + 0.7 * one.width


def line(one: Route) -> str:
    """Return the line of an edge, up to its arrow: upright pieces, and bows between them."""
    points = list(one.points)
    if one.arrow:
        points[-1] = back_from(one, arrow_size(one)[0] - 1)
    path = [f"M{number(points[0][0])} {number(points[0][1])}"]
    last = len(points) - 2
    for at, ((x, y), (x2, y2)) in enumerate(pairwise(points)):
        level, level_end = one.out and at == 0, one.into and at == last
        if x == x2:
            path.append(f"V{number(y2)}")
        elif y == y2:
            path.append(f"H{number(x2)}")
        elif level and level_end:
            middle = number((x + x2) / 2)
            path.append(f"C{middle} {number(y)} {middle} {number(y2)} {number(x2)} {number(y2)}")
        elif level or level_end:
            corner = f"{number(x2)} {number(y)}" if level else f"{number(x)} {number(y2)}"
            path.append(f"Q{corner} {number(x2)} {number(y2)}")
        else:
            path.append(bow(x, y, x2, y2))
    dashes = f' stroke-dasharray="{one.dashes}"' if one.dashes else ""
    return f'<path d="{"".join(path)}" stroke="{one.color}" stroke-width="{one.width:g}"{dashes}/>'


def bow(x: float, y: float, x2: float, y2: float) -> str:
    """Return a line that begins and ends upright: bent as a whole, or where it leads far to the side, at its ends."""
    middle = (y + y2) / 2
    if abs(x2 - x) <= STEEP * abs(y2 - y):
        return f"C{number(x)} {number(middle)} {number(x2)} {number(middle)} {number(x2)} {number(y2)}"
    bend = min(BEND, abs(y2 - y) / 2)
    down, right = math.copysign(bend, y2 - y), math.copysign(bend, x2 - x)
    slope = (abs(y2 - y) - 2 * bend) / 2
    from_, to = y + down + math.copysign(slope * 0.6, down), y2 - down - math.copysign(slope * 0.6, down)
    return (
        f"Q{number(x)} {number(from_)} {number(x + 2 * right)} {number(from_ + (to - from_) * 0.05)}"
        f"L{number(x2 - 2 * right)} {number(to - (to - from_) * 0.05)}"
        f"Q{number(x2)} {number(to)} {number(x2)} {number(y2)}"
    )


def direction(one: Route) -> tuple[int, int]:
    """Return which way an arrow points, to the right and down."""
    (x, y), (x2, y2) = one.points[-2:]
    if one.into or y == y2:
        return (1, 0) if x2 > x else (-1, 0)
    return (0, 1) if y2 > y else (0, -1)


def back_from(one: Route, length: float) -> Point:
    """Return the point at which an arrow begins, before the end of its line."""
    (x, y), (right, down) = one.points[-1], direction(one)
    return x - length * right, y - length * down


def arrow(one: Route) -> str:
    """Return the arrow of an edge."""
    (x, y), (right, down) = one.points[-1], direction(one)
    long, half = arrow_size(one)
    if right:
        shape = f"l{number(-long * right)} {number(-half)}v{number(2 * half)}"
    else:
        shape = f"l{number(-half)} {number(-long * down)}h{number(2 * half)}"
    return f'<path d="M{number(x)} {number(y)}{shape}z" fill="{one.color}"/>'
