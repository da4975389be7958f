"""Estimates how wide text is, and shortens what is too long for its place: pictures are made without fonts."""

import unicodedata
from functools import lru_cache

MONO = 0.61  # widths in parts of the size: DejaVu Sans Mono has 0.602, the others less
MARGIN = 1.03
SIGNS = frozenset("ℒ⊕")  # text with one of these stands in DejaVu Sans where that is there,
WIDER = 1.1  # which is wider
# Of every letter the width in Arial (as in Helvetica) or Inter, whichever is the larger, in hundredths of the size.
REGULAR = {
    24: "'ijl",
    28: "!,.:;I",
    30: " ",
    34: "|·",
    36: "/\\",
    38: "()[]frt{}",
    42: '"',
    44: "²³ᵀ",
    48: "-^",
    50: "*`",
    54: "sx",
    56: "1?J_ckvyz",
    58: "7La",
    60: "ehnou",
    62: "258Fgpqμ",
    64: "#$0369Zbd∂σ",
    66: "+4<=>T~×−÷±≤≥",
    68: "&ABEKPSVXY",
    74: "CDR",
    76: "HNU",
    78: "GOQ",
    82: "w",
    88: "m",
    90: "%M⊕✖",
    96: "Wℒ",
    102: "@→←…▼▲⚠",
}
BOLD = {
    24: "'",
    28: " ijl",
    30: ".I",
    32: ",",
    34: "!:;·",
    38: "|",
    40: "/\\ft",
    42: "()[]r{}",
    46: "²³ᵀ",
    48: '"-',
    50: "`",
    56: "1_",
    58: "*Jsxz",
    60: "7^acekvy",
    62: "?FLo",
    64: "2bdghnpqu",
    66: "#$35",
    68: "+4689<=>EPSTZ~∂σμ×−÷±≤≥",
    70: "0",
    72: "X",
    74: "&BDKNRUY",
    76: "ACHV",
    78: "G",
    80: "OQ",
    86: "w",
    90: "%⊕✖",
    92: "Mm",
    96: "ℒ",
    104: "@W→←…▼▲⚠",
}
WIDTHS = [{letter: MARGIN * n / 100 for n, letters in table.items() for letter in letters} for table in (REGULAR, BOLD)]
ELSEWHERE = 0.85  # letters of other alphabets
WIDE = 1.1  # Chinese, Japanese, Korean, and small pictures


@lru_cache(maxsize=4096)
def ems(text: str, mono: bool = False, bold: bool = False) -> float:
    """Return the width of a text in parts of its size.

    >>> round(ems("matmul", bold=True), 2), round(ems("f32[128, 32]", mono=True), 2)
    (3.87, 7.32)
    """
    if mono and text.isascii():
        return MONO * len(text)
    widths = WIDTHS[bold]
    known = MONO if mono else None
    wider = 1.0 if mono or SIGNS.isdisjoint(text) else WIDER
    return wider * sum(
        [(known if letter.isascii() else None) or widths.get(letter) or other(letter) for letter in text]
    )


def other(letter: str) -> float:
    """Return the width of a letter that the tables do not have."""
    if unicodedata.combining(letter):
        return 0.0
    return WIDE if unicodedata.east_asian_width(letter) in "WF" or ord(letter) > 0xFFFF else ELSEWHERE


def fitted(text: str, room: float, mono: bool = False, bold: bool = False) -> str:
    """Return a text in at most `room` parts of its size, without its middle where it is too long.

    >>> fitted("a_name_that_is_long", 6.0)
    'a_na…long'
    """
    if ems(text, mono, bold) <= room:
        return text
    text = text[:200] + text[-200:]
    low, high = 0, len(text) - 1
    while low < high:
        length = (low + high + 1) // 2
        if ems(middle_left_out(text, length), mono, bold) <= room:
            low = length
        else:
            high = length - 1
    return middle_left_out(text, low)


def middle_left_out(text: str, length: int) -> str:
    """Return `length` letters of a text, of both its ends, around a sign that says so."""
    return f"{text[: (length + 1) // 2]}…{text[len(text) - length // 2 :]}"


def wrapped(text: str, room: float, lines: int, bold: bool = False) -> list[str]:
    """Return a text in at most so many lines, each of at most `room` parts of its size; the last may be shortened.

    >>> wrapped("subtract the greatest first, or use log_softmax", 14.0, 3)
    ['subtract the greatest first,', 'or use log_softmax']
    """
    made: list[str] = []
    words = text.split()
    while words and len(made) < lines - 1:
        taken = 1
        while taken < len(words) and ems(" ".join(words[: taken + 1]), bold=bold) <= room:
            taken += 1
        made.append(fitted(" ".join(words[:taken]), room, bold=bold))
        words = words[taken:]
    return [*made, fitted(" ".join(words), room, bold=bold)] if words else made
