"""Layouts keep what they promise for any graph: nothing overlaps, links lead down, groups hold their members alone."""

import inspect
import sys
from collections.abc import Sequence
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorgrad.viz.layout import Arranged, Box, Group, Link, Place, arrange
from tensorgrad.viz.layout.data import BOX_GAP, PAD, ROW_GAP, STACK_GAP

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
            draw(st.sampled_from(["left", "right"])),
        )
        for i in range(n)
    ]
    links = [
        Link(f"b{a}", f"b{b}", draw(st.sampled_from([0, 1, 1, 3])))
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
        links += [
            Link(last, f"re{i}", 3),
            Link(f"re{i}", f"sum{i}", 3),
            Link(f"in{i}", f"sum{i}"),
            Link("b", f"add{i}"),
        ]
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


def goes_across(link: Link, corners: list[tuple[float, float]], boxes: Sequence[Box], drawing: Arranged) -> bool:
    """Whether a link leads between a box and the one that it wants to stand beside, over the gap on the wanted side."""
    wish = {box.id: (box.beside, box.side) for box in boxes}
    out = wish[link.source][0] == link.target
    aside, head = (link.source, link.target) if out else (link.target, link.source)
    if wish[aside][0] != head or len(corners) != 2:
        return False
    (start, _), (end, _) = corners if out else corners[::-1]
    a, b = drawing.boxes[aside], drawing.boxes[head]
    if wish[aside][1] == "right":
        return abs(start - a.x) <= EXACT and abs(start - end - BOX_GAP) <= EXACT and abs(end - b.x - b.width) <= EXACT
    return abs(start - a.x - a.width) <= EXACT and abs(end - start - BOX_GAP) <= EXACT and abs(end - b.x) <= EXACT


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
        if not goes_across(link, corners, boxes, drawing):
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
        [Box(other(b.id), b.width, b.height, other(b.group), other(b.beside), b.side) for b in boxes],
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


def test_main_path_of_the_mlp_is_straight_and_its_parameters_stand_beside():
    boxes, links, groups = mlp()
    drawing = arrange(boxes, links, groups)
    path = ("x", "matmul1", "add1", "relu", "matmul2", "add2", "logsumexp", "subtract", "mean")
    assert len({centre(drawing.boxes[id]) for id in path}) == 1
    for box in boxes:
        if box.beside:
            k = links.index(Link(box.id, box.beside))
            (x, y), (end_x, end_y) = drawing.links[k]
            assert y == end_y == drawing.boxes[box.beside].y + 31
            assert end_x - x == BOX_GAP
    assert drawing.boxes["W1"].x == drawing.boxes["b1"].x
    assert drawing.boxes["y"].y + 38 < drawing.boxes["getitem"].y < drawing.boxes["subtract"].y


def test_modules_that_run_one_after_another_stand_above_each_other():
    boxes, links, groups = mlp()
    place = arrange(boxes, links, groups).groups
    assert place["fc1"].y + place["fc1"].height < place["fc2"].y
    assert place["mlp"].y + place["mlp"].height < place["loss"].y
    assert place["fc1"].width == place["fc2"].width == 125 + BOX_GAP + 155 + 2 * PAD


def test_branches_of_attention_stand_side_by_side_around_the_main_one():
    boxes, links, groups = attention()
    drawing = arrange(boxes, links, groups)
    q, k, v = (drawing.boxes[name] for name in "qkv")
    assert q.y == k.y == v.y
    assert centre(k) == centre(drawing.boxes["x"]) == centre(drawing.boxes["sum"])
    assert min(centre(q), centre(v)) < centre(k) < max(centre(q), centre(v))
    around = drawing.links[links.index(Link("x", "sum"))]
    head = drawing.groups["head"]
    assert any(x < head.x or x > head.x + head.width for x, _ in around)


def test_steps_of_a_recurrent_network_stand_below_each_other_and_share_lines():
    boxes, links, groups = recurrent(20)
    drawing = arrange(boxes, links, groups)
    for op in ("re", "sum", "add", "tanh"):
        assert len({centre(drawing.boxes[f"{op}{i}"]) for i in range(20)}) == 1
    for i in range(1, 20):
        assert drawing.boxes[f"x{i}"].y == drawing.boxes[f"tanh{i - 1}"].y
        assert drawing.boxes[f"in{i}"].y == drawing.boxes[f"re{i}"].y
    for name in ("Wx", "Wh", "b", "x"):
        ways = [way for link, way in zip(links, drawing.links, strict=True) if link.source == name and len(way) > 2]
        assert len({x for way in ways for (x, _), (below, _) in pairwise(way) if x == below}) <= 8


def test_chain_is_one_column_without_space_to_spare():
    boxes, links, groups = chain(50)
    drawing = arrange(boxes, links, groups)
    assert (drawing.width, drawing.height) == (82, 50 * 20 + 49 * ROW_GAP)
    assert {centre(place) for place in drawing.boxes.values()} == {41}
    assert all(len(corners) == 2 for corners in drawing.links)


def test_several_boxes_beside_one_stand_above_each_other():
    boxes = [Box("x", 80, 20), Box("W", 60, 40, "", "y"), Box("b", 50, 40, "", "y"), Box("y", 80, 50), Box("z", 80, 50)]
    links = [Link("x", "y"), Link("W", "y"), Link("b", "y"), Link("y", "z"), Link("W", "z"), Link("b", "z")]
    drawing = arrange(boxes, links, [])
    w, b, y = (drawing.boxes[id] for id in "Wby")
    assert w.x + w.width == b.x + b.width == y.x - BOX_GAP
    assert b.y - w.y - w.height == STACK_GAP
    assert (w.y + b.y + b.height) / 2 == y.y + y.height / 2
    assert len(drawing.links[1]) == len(drawing.links[2]) == 2
    assert drawing.links[4][0] == (w.x, w.y + 20)  # past b, which stands below


@pytest.mark.parametrize(
    ("boxes", "links"),
    [
        ([Box("w", 50, 20, "", "y"), Box("m", 50, 20), Box("y", 50, 20)], [("w", "m"), ("m", "y"), ("w", "y")]),
        ([Box("w", 50, 20, "g", "y"), Box("y", 50, 20)], [("w", "y")]),
    ],
    ids=["another path", "another group"],
)
def test_box_that_cannot_stand_beside_another_stands_above_or_below_it(boxes, links):
    drawing = arrange(boxes, [Link(*pair) for pair in links], [Group("g")])
    assert abs(drawing.boxes["w"].y - drawing.boxes["y"].y) >= 20 + ROW_GAP


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("out", [True, False], ids=["to", "from"])
def test_link_to_or_from_a_box_beside_goes_level_over_the_gap(side, out):
    boxes = [Box("x", 50, 20), Box("y", 50, 20), Box("w", 70, 30, "", "y", side)]
    drawing = arrange(boxes, [Link("x", "y"), Link(*(("w", "y") if out else ("y", "w")))])
    w, y = drawing.boxes["w"], drawing.boxes["y"]
    assert w.x == (y.x - BOX_GAP - 70 if side == "left" else y.x + 50 + BOX_GAP)
    ends = [(w.x + 70, w.y + 15), (y.x, y.y + 10)] if side == "left" else [(w.x, w.y + 15), (y.x + 50, y.y + 10)]
    assert drawing.links[1] == (ends if out else ends[::-1])


def test_boxes_beside_two_that_would_need_each_other_first_are_refused():
    boxes = [Box("v", 50, 20, "", "a"), Box("w", 50, 20, "", "b"), Box("a", 50, 20), Box("b", 50, 20)]
    drawing = arrange(boxes, [Link("v", "a"), Link("v", "b"), Link("w", "b"), Link("w", "a")], [])
    assert drawing.boxes["v"].y + 20 < drawing.boxes["a"].y
    assert drawing.boxes["w"].y + 20 < drawing.boxes["b"].y


def test_two_links_between_the_same_boxes_are_both_drawn():
    drawing = arrange([Box("x", 50, 20), Box("y", 50, 20)], [Link("x", "y"), Link("x", "y")], [])
    assert drawing.links == [[(25, 20), (25, 56)]] * 2


def test_groups_without_boxes_have_no_place_and_nothing_needs_none():
    assert arrange([Box("x", 50, 20)], [], [Group("g")]).groups == {}
    assert arrange([], [], [Group("g")]) == Arranged(0, 0, {}, {}, [])


def test_lines_that_are_too_long_for_points_in_every_row_go_down_lanes():
    boxes, links, groups = chain(600)
    links += [Link(f"b{i}", f"b{i + 300}") for i in range(300)]
    drawing = arrange(boxes, links, groups)
    right = max(place.x + place.width for place in drawing.boxes.values())
    assert any(x > right for corners in drawing.links for x, _ in corners)
    for corners in drawing.links:
        assert all(a[1] < b[1] for a, b in pairwise(corners))


# Bad input
@pytest.mark.parametrize(
    ("boxes", "links", "groups", "message"),
    [
        (["x", "x"], [], [], "boxes need different ids, got 'x', 'x'"),
        (["x"], [], [Group("g"), Group("g")], "groups need different ids, not empty, got 'g', 'g'"),
        (["x"], [], [Group("")], "groups need different ids, not empty, got ''"),
        (["x"], [Link("x", "y")], [], "'y' is named by a link or a box, but is not among"),
        (["x"], [], [Group("g", "h")], "group 'g' lies in 'h', which is not among the groups"),
        (["x"], [], [Group("g", "h"), Group("h", "g")], "groups lie within each other in a circle: 'g', 'h'"),
        (["x"], [Link("x", "x")], [], "links lead in a circle, through 'x'"),
        (["x", "y", "z"], [Link("x", "y"), Link("y", "x"), Link("y", "z")], [], "a circle, through 'x', 'y'$"),
    ],
)
def test_what_cannot_be_drawn_is_refused(boxes, links, groups, message):
    with pytest.raises(ValueError, match=message):
        arrange([Box(id, 50, 20) for id in boxes], links, groups)


def test_links_in_both_directions_to_a_box_beside_are_a_circle():
    with pytest.raises(ValueError, match="links lead in a circle, through 'x', 'y'"):
        arrange([Box("x", 50, 20), Box("y", 50, 20, "", "x")], [Link("x", "y"), Link("y", "x")])


@pytest.mark.parametrize("size", [0, -1, float("nan"), float("inf")])
def test_boxes_without_a_size_are_refused(size):
    with pytest.raises(ValueError, match="box 'x' needs a positive width and height"):
        arrange([Box("x", size, 20)], [], [])


@pytest.mark.parametrize("weight", [-1, float("nan"), float("inf")])
def test_links_of_impossible_weight_are_refused(weight):
    with pytest.raises(ValueError, match="link 'x' to 'y' needs a weight from 0 on"):
        arrange([Box("x", 50, 20), Box("y", 50, 20)], [Link("x", "y", weight)], [])


def test_groups_of_impossible_size_are_refused():
    with pytest.raises(ValueError, match="group 'g' needs a title, a width and a foot from 0 on, got -1, 0 and 0"):
        arrange([Box("x", 50, 20, "g")], [], [Group("g", title=-1)])


def test_a_group_keeps_room_at_its_top_and_at_its_foot():
    drawing = arrange([Box("x", 50, 20, "g")], [], [Group("g", title=30, foot=50)])
    box, group = drawing.boxes["x"], drawing.groups["g"]
    assert box.y - group.y >= 30
    assert group.y + group.height - (box.y + box.height) >= 50


# Size
def test_nothing_is_recursive():
    boxes, links, groups = chain(20_000)
    deep = [Group(f"g{i}", f"g{i - 1}" if i else "") for i in range(1_000)]
    boxes[0] = Box("b0", 80, 20, "g999")
    depth = len(inspect.stack())
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(depth + 60)
    try:
        drawing = arrange(boxes, links, [*groups, *deep])
    finally:
        sys.setrecursionlimit(limit)
    assert len({centre(place) for place in drawing.boxes.values()}) == 1
    assert len(drawing.groups) == 1_000


def test_a_link_from_afar_does_not_widen_the_group_that_it_enters():
    wide = [Box(f"x{i}", 100, 40) for i in range(12)]
    inner = [Box(f"y{i}", 100, 40, group="g") for i in range(4)]
    down = [Link("x11", "y0", 3.0), *[Link(f"y{i}", f"y{i + 1}", 3.0) for i in range(3)]]
    drawing = arrange([*wide, *inner], [*down, *[Link(f"x{i}", "y3") for i in range(11)]], [Group("g")])
    assert drawing.groups["g"].width < 500 < drawing.width


@pytest.mark.parametrize("n", [17, 40, 150])
def test_many_boxes_that_lead_to_one_stand_in_several_rows(n):
    boxes = [Box("y", 100, 40), *[Box(f"x{i}", 100, 40) for i in range(n)]]
    drawing = arrange(boxes, [Link(f"x{i}", "y") for i in range(n)])
    assert len({drawing.boxes[f"x{i}"].y for i in range(n)}) >= n**0.5 - 1
    assert drawing.width < 0.7 * n * (100 + BOX_GAP)
