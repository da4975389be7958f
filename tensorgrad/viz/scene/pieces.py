"""What boxes are filled with: rows of text, histograms and spots of colour, and how much room they take."""

import math
from dataclasses import dataclass, replace

from tensorgrad.viz.scene.letters import ems, fitted

PAD_X, PAD_Y = 12.0, 8.0
SPACE = 6.0  # between the pieces of a row
GAP = 5.0  # height of an empty row
LABEL, BARS, HIGH = 24.0, 84.0, 15.0  # of a histogram: what is before it, its width and height
METER = 120.0


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text in one look."""

    words: str
    color: str = "#334155"
    size: float = 10.0
    mono: bool = False
    bold: bool = False

    def width(self) -> float:
        """Return about how wide it is, rather too much than too little."""
        return self.size * ems(self.words, self.mono, self.bold)


@dataclass(frozen=True, slots=True)
class Bars:
    """A small histogram, and what it is of."""

    label: str
    color: str
    counts: tuple[int, ...]

    def width(self) -> float:
        """Return how wide it is, with its label."""
        return LABEL + BARS


@dataclass(frozen=True, slots=True)
class Dot:
    """A spot of colour, as in a legend."""

    color: str
    size: float = 9.0

    def width(self) -> float:
        """Return how wide it is."""
        return self.size


@dataclass(frozen=True, slots=True)
class Meter:
    """A bar that is filled in part."""

    share: float
    color: str

    def width(self) -> float:
        """Return how wide it is."""
        return METER


@dataclass(frozen=True, slots=True)
class Tab:
    """Goes on at a distance from where the row begins."""

    x: float


Piece = Text | Bars | Dot | Meter
Row = tuple[Piece | Tab, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """What a card says, and its colours; the same for other boxes with rows in them."""

    rows: tuple[Row, ...]
    fill: str
    border: str
    stroke: float = 1.1
    dashed: bool = False
    width: float = 0.0
    tooltip: str = ""
    marked: int = -1  # number of a row on red ground

    @property
    def height(self) -> float:
        """Return how high it is."""
        return 2 * PAD_Y + sum(map(row_height, self.rows))


def row_height(row: Row) -> float:
    """Return how high a row is."""
    heights = [
        HIGH + 4 if isinstance(piece, Bars | Meter) else math.ceil(piece.size * 1.4)
        for piece in row
        if not isinstance(piece, Tab)
    ]
    return max(heights, default=GAP)


def row_width(row: Row) -> float:
    """Return how wide a row is."""
    x, end = 0.0, 0.0
    for piece in row:
        if isinstance(piece, Tab):
            x = piece.x
        else:
            end = x + piece.width()
            x = end + SPACE
    return end


def fit(look: Look, width: float) -> Look:
    """Return a look of a given width: what is too long for it is shortened."""
    room = width - 2 * PAD_X
    return replace(look, rows=tuple([fit_row(row, room) for row in look.rows]), width=width)


def fit_row(row: Row, room: float) -> Row:
    """Return a row of at most that width; what stands before a tab does not reach it."""
    tabs = [at for at, piece in enumerate(row) if isinstance(piece, Tab)]
    fitted_row: Row = ()
    begin, x = 0, 0.0
    for at in [*tabs, len(row)]:
        tab = row[at] if at < len(row) else None
        end = tab.x - SPACE if isinstance(tab, Tab) else room
        fitted_row += fit_pieces(tuple([piece for piece in row[begin:at] if not isinstance(piece, Tab)]), end - x)
        if isinstance(tab, Tab):
            fitted_row += (tab,)
            begin, x = at + 1, tab.x
    return fitted_row


def fit_pieces(row: tuple[Piece, ...], room: float) -> tuple[Piece, ...]:
    """Return pieces of at most that width: the longest text is shortened, and what then has no room left out."""
    while row and row_width(row) > room:
        texts = [piece for piece in row if isinstance(piece, Text)]
        if not texts:
            return ()
        longest = max(texts, key=Text.width)
        left = (room - row_width(row) + longest.width()) / longest.size
        at = row.index(longest)
        if left >= 4.0 or len(texts) == 1:
            shorter = replace(longest, words=fitted(longest.words, max(left, 0.0), longest.mono, longest.bold))
            return (*row[:at], shorter, *row[at + 1 :])
        row = tuple([piece for piece in row if piece is not texts[-1]])
    return row
