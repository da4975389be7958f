"""What a layout is given and what it returns: boxes, links and groups, and the place of each."""

from dataclasses import dataclass
from typing import Literal

ROW_GAP = 36.0  # between the rows of boxes, at least
BOX_GAP = 32.0  # between boxes of a row, and around a group
LINE_GAP = 14.0  # between lines, and between a line and a box
PAD = 16.0  # within a group, around what it holds
STACK_GAP = 12.0  # between boxes that stand above each other, beside the same box
CHANNEL = 12.0  # for lines past such a stack


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle to be placed.

    group: id of the innermost group around it, "" for none.
    beside: id of a box on whose row it is wanted, on its `side`: a parameter to the left of its consumer.
    """

    id: str
    width: float
    height: float
    group: str = ""
    beside: str = ""
    side: Literal["left", "right"] = "left"


@dataclass(frozen=True, slots=True)
class Link:
    """An arrow from one box down to another; `weight` says how much a straight line is wanted."""

    source: str
    target: str
    weight: float = 1


@dataclass(frozen=True, slots=True)
class Group:
    """A rectangle around boxes and other groups.

    parent: id of the group around it, "" for none.   title: height kept free at the top.
    width: what it must at least have, like that of its title.   foot: height kept free at the bottom.
    """

    id: str
    parent: str = ""
    title: float = 24
    width: float = 0
    foot: float = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rectangle is: its top left corner, with y growing downwards, and its size."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Arranged:
    """A drawing: its size, the places of boxes and groups by id, and the corners of each link, from its source on."""

    width: float
    height: float
    boxes: dict[str, Place]
    groups: dict[str, Place]
    links: list[list[tuple[float, float]]]
