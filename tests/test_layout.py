"""Layouts keep what they promise for any graph: nothing overlaps, links lead down, groups hold their members alone."""

import random
from collections.abc import Sequence
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorgrad.viz.layout import Arranged, Box, Group, Link, Place, arrange
from tensorgrad.viz.layout.data import BOX_GAP, STACK_GAP

EXACT = 0.02  # places and corners are rounded to hundredths
many = settings(max_examples=100)  # a picture takes a millisecond
Graph = tuple[list[Box], list[Link], list[Group]]


# Graphs
@st.composite
def graphs(draw: st.DrawFn, grouped: bool = True) -> Graph:
    """Any acyclic graph, in any groups; some boxes would like to stand beside others."""
    n = draw(st.integers(1, 14))
    groups: list[Group] = []
    for i in range(draw(st.integers(0, 5)) if grouped else 0):
        parent = draw(st.sampled_from(["", *(group.id for group in groups)]))
        groups.append(Group(f"g{i}", parent, draw(st.sampled_from([0, 24])), draw(st.sampled_from([0, 300]))))
    boxes = [
        Box(
            f"b{i}",
            draw(st.sampled_from([20, 80, 155])),
            draw(st.sampled_from([10, 38, 62])),
            draw(st.sampled_from(["", *(group.id for group in groups)])),
            draw(st.sampled_from(["", "", *(f"b{j}" for j in range(n) if j != i)])),
        )
        for i in range(n)
    ]
    links = [
        Link(f"b{a}", f"b{b}", draw(st.sampled_from([1, 1, 3])))
        for a, b in draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=24))
        if a < b
    ]
    return draw(st.permutations(boxes)), links, draw(st.permutations(groups))


@st.composite
def networks(draw: st.DrawFn) -> tuple[Graph, list[str]]:
    """A graph whose groups are modules that run one after another, and the boxes of its heaviest chain."""
    n = draw(st.integers(2, 14))
    cuts = sorted(draw(st.sets(st.integers(0, n), max_size=4)) | {0, n})
    inner = {i: draw(st.booleans()) for i in range(n)}
    home = {i: f"m{k}" for k, (a, b) in enumerate(pairwise(cuts)) for i in range(a, b)}
    groups = [Group(f"m{k}") for k in range(len(cuts) - 1)] + [Group(f"m{k}.in", f"m{k}") for k in range(len(cuts) - 1)]
    boxes = [
        Box(f"b{i}", 100, 40, f"{home[i]}.in" if all(inner[j] for j in home if home[j] == home[i]) else home[i])
        for i in range(n)
    ]
    chain = sorted(draw(st.sets(st.integers(0, n - 1), min_size=2)))
    links = [Link(f"b{a}", f"b{b}", 100) for a, b in pairwise(chain)]
    for a, b in draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=20)):
        if a < b:
            links.append(Link(f"b{a}", f"b{b}"))
    return (boxes, links, groups), [f"b{i}" for i in chain]


def mlp() -> Graph:
    """Two linear layers and a cross entropy, with parameters beside what reads them: 15 boxes."""
    boxes = [Box("x", 125, 38)]
    links = []
    last = "x"
    for k in (1, 2):
        for parameter, op in ((f"W{k}", f"matmul{k}"), (f"b{k}", f"add{k}")):
            boxes += [Box(parameter, 125, 50, f"fc{k}", op), Box(op, 155, 62, f"fc{k}")]
            links += [Link(last, op, 3), Link(parameter, op)]
            last = op
        if k == 1:
            boxes.append(Box("relu", 155, 62, "mlp"))
            links.append(Link(last, "relu", 3))
            last = "relu"
    boxes += [Box("y", 125, 38), *(Box(op, 155, 62, "loss") for op in ("logsumexp", "getitem", "subtract", "mean"))]
    links += [Link("add2", "logsumexp", 3), Link("add2", "getitem"), Link("y", "getitem")]
    links += [Link("logsumexp", "subtract", 3), Link("getitem", "subtract"), Link("subtract", "mean", 3)]
    return boxes, links, [Group("mlp"), Group("fc1", "mlp"), Group("fc2", "mlp"), Group("loss")]


def attention() -> Graph:
    """One head with a residual path around it."""
    boxes = [Box("x", 125, 38), Box("out", 155, 62), Box("sum", 155, 62)]
    links = []
    for name in "qkv":
        boxes += [Box(f"W{name}", 125, 50, name, name), Box(name, 155, 62, name)]
        links += [Link("x", name), Link(f"W{name}", name)]
    boxes += [Box(op, 155, 62, "head") for op in ("kT", "scores", "softmax", "mix")]
    links += [Link("k", "kT"), Link("q", "scores"), Link("kT", "scores"), Link("scores", "softmax")]
    links += [Link("softmax", "mix"), Link("v", "mix"), Link("mix", "out"), Link("out", "sum"), Link("x", "sum")]
    return boxes, links, [Group("head"), *(Group(name, "head") for name in "qkv")]


def recurrent(steps: int) -> Graph:
    """An unrolled recurrent network, whose parameters are read in every step."""
    boxes = [Box("h", 125, 38), Box("x", 125, 38)]
    boxes += [Box(name, 125, 50, "", f"{op}0") for name, op in (("Wx", "in"), ("Wh", "re"), ("b", "add"))]
    links = []
    last = "h"
    for i in range(steps):
        boxes += [Box(f"{op}{i}", 155, 62) for op in ("x", "in", "re", "sum", "add", "tanh")]
        links += [Link("x", f"x{i}"), Link(f"x{i}", f"in{i}"), Link("Wx", f"in{i}"), Link("Wh", f"re{i}")]
        links += [Link(last, f"re{i}"), Link(f"re{i}", f"sum{i}"), Link(f"in{i}", f"sum{i}"), Link("b", f"add{i}")]
        links += [Link(f"sum{i}", f"add{i}"), Link(f"add{i}", f"tanh{i}")]
        last = f"tanh{i}"
    return boxes, links, []


def chain(n: int) -> Graph:
    return [Box(f"b{i}", 80 + i % 3, 20) for i in range(n)], [Link(f"b{i}", f"b{i + 1}") for i in range(n - 1)], []


# What can be seen in a drawing
def gap(a: Place, b: Place) -> float:
    """How far two rectangles are apart, to the side or from top to bottom; negative where they overlap."""
    aside = max(a.x - b.x - b.width, b.x - a.x - a.width)
    below = max(a.y - b.y - b.height, b.y - a.y - a.height)
    return max(aside, below)


def holds(outer: Place, inner: Place) -> bool:
    return (
        outer.x <= inner.x + EXACT
        and outer.y <= inner.y + EXACT
        and inner.x + inner.width <= outer.x + outer.width + EXACT
        and inner.y + inner.height <= outer.y + outer.height + EXACT
    )


def centre(place: Place) -> float:
    return place.x + place.width / 2


def on_border(point: tuple[float, float], place: Place) -> bool:
    x, y = point
    off_x = min(abs(x - place.x), abs(x - place.x - place.width))
    off_y = min(abs(y - place.y), abs(y - place.y - place.height))
    return holds(place, Place(x, y, 0, 0)) and min(off_x, off_y) <= EXACT


def crosses(start: tuple[float, float], end: tuple[float, float], place: Place) -> bool:
    """Whether a line passes the inside of a rectangle (Liang, Barsky 1984)."""
    from_, to = 0.0, 1.0
    edge = 2 * EXACT
    for begin, step, low, high in (
        (start[0], end[0] - start[0], place.x + edge, place.x + place.width - edge),
        (start[1], end[1] - start[1], place.y + edge, place.y + place.height - edge),
    ):
        if step == 0:
            if not low < begin < high:
                return False
        else:
            first, last = sorted(((low - begin) / step, (high - begin) / step))
            from_, to = max(from_, first), min(to, last)
    return from_ < to


def ancestors(id: str, groups: Sequence[Group]) -> list[str]:
    parent = {group.id: group.parent for group in groups}
    found = []
    while id:
        found.append(id)
        id = parent[id]
    return found


def beside_it(drawing: Arranged, link: Link) -> bool:
    """Whether the source of a link stands to the left of its target, on its row."""
    a, b = drawing.boxes[link.source], drawing.boxes[link.target]
    return abs(a.x + a.width + BOX_GAP - b.x) <= EXACT and a.y < b.y + b.height and b.y < a.y + a.height


# What holds for every graph
@many
@given(graphs())
def test_boxes_do_not_overlap_and_keep_their_size(graph):
    boxes, links, groups = graph
    drawing = arrange(boxes, links, groups)
    assert list(drawing.boxes) == [box.id for box in boxes]
    for box in boxes:
        place = drawing.boxes[box.id]
        assert (place.width, place.height) == (box.width, box.height)
        assert holds(Place(0, 0, drawing.width, drawing.height), place)
    for a, b in combinations(drawing.boxes.values(), 2):
        assert gap(a, b) >= STACK_GAP - EXACT


@many
@given(graphs())
def test_links_lead_strictly_down_from_border_to_border_except_from_a_box_beside(graph):
    boxes, links, groups = graph
    drawing = arrange(boxes, links, groups)
    assert len(drawing.links) == len(links)
    for link, corners in zip(links, drawing.links, strict=True):
        assert on_border(corners[0], drawing.boxes[link.source])
        assert on_border(corners[-1], drawing.boxes[link.target])
        if beside_it(drawing, link) and len(corners) == 2:
            (x, _), (end_x, _) = corners
            assert end_x - x == pytest.approx(BOX_GAP, abs=EXACT)
        else:
            assert all(a[1] < b[1] for a, b in pairwise(corners))


@many
@given(graphs())
def test_links_cross_no_box_and_stay_in_the_drawing(graph):
    boxes, links, groups = graph
    drawing = arrange(boxes, links, groups)
    for corners in drawing.links:
        assert all(-EXACT <= x <= drawing.width + EXACT and 0 <= y <= drawing.height + EXACT for x, y in corners)
        for start, end in pairwise(corners):
            assert not any(crosses(start, end, place) for place in drawing.boxes.values())


@many
@given(graphs())
def test_groups_hold_their_members_and_nothing_else(graph):
    boxes, links, groups = graph
    drawing = arrange(boxes, links, groups)
    around = {box.id: ancestors(box.group, groups) for box in boxes}
    assert set(drawing.groups) == {id for ids in around.values() for id in ids}
    for id, place in drawing.groups.items():
        group = next(group for group in groups if group.id == id)
        assert place.width >= group.width - EXACT
        for box, inside in drawing.boxes.items():
            if id in around[box]:
                assert holds(place, inside) and inside.y - place.y >= group.title - EXACT
            else:
                assert gap(place, inside) > 0
    for a, b in combinations(drawing.groups, 2):
        if a in ancestors(b, groups):
            assert holds(drawing.groups[a], drawing.groups[b])
        elif b in ancestors(a, groups):
            assert holds(drawing.groups[b], drawing.groups[a])
        else:
            assert gap(drawing.groups[a], drawing.groups[b]) > 0


@many
@given(graphs())
def test_names_do_not_matter_and_the_same_graph_is_drawn_the_same(graph):
    boxes, links, groups = graph
    drawing = arrange(boxes, links, groups)
    assert arrange(boxes, links, groups) == drawing

    def other(id: str) -> str:
        return id and f"{hash(id)} {id}"

    renamed = arrange(
        [Box(other(b.id), b.width, b.height, other(b.group), other(b.beside)) for b in boxes],
        [Link(other(link.source), other(link.target), link.weight) for link in links],
        [Group(other(g.id), other(g.parent), g.title, g.width) for g in groups],
    )
    assert list(renamed.boxes.values()) == list(drawing.boxes.values())
    assert list(renamed.groups.values()) == list(drawing.groups.values())
    assert renamed.links == drawing.links


@many
@given(networks())
def test_heaviest_chain_is_one_vertical_line(network):
    (boxes, links, groups), path = network
    drawing = arrange(boxes, links, groups)
    x = centre(drawing.boxes[path[0]])
    assert all(abs(centre(drawing.boxes[id]) - x) <= EXACT for id in path)
    assert all(len({x for x, _ in corners}) == 1 for corners in drawing.links[: len(path) - 1])


# Pictures
@pytest.mark.parametrize("graph", [mlp(), attention(), recurrent(20), chain(50)], ids=["mlp", "attention", "rnn", "50"])
def test_drawings_keep_all_promises(graph):
    for test in (
        test_boxes_do_not_overlap_and_keep_their_size,
        test_links_lead_strictly_down_from_border_to_border_except_from_a_box_beside,
        test_links_cross_no_box_and_stay_in_the_drawing,
        test_groups_hold_their_members_and_nothing_else,
    ):
        test.hypothesis.inner_test(graph)
