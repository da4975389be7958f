"""Drawings keep what they promise for any graph: nothing overlaps, values flow down, text fits, and the SVG is safe."""

import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorgrad as tg
from tensorgrad.viz.facts.stats import stats
from tensorgrad.viz.ir import Card, Edge, Finding, GraphIR, Kept, Line, Scope, Stats
from tensorgrad.viz.layout import Place
from tensorgrad.viz.passes import backward, both, to_depth
from tensorgrad.viz.scene.labels import Crowd, title_place
from tensorgrad.viz.scene.letters import ems, fitted, wrapped
from tensorgrad.viz.scene.looks import looks
from tensorgrad.viz.scene.mirror import BACKWARD, FORWARD, mirrored_scopes
from tensorgrad.viz.scene.pieces import PAD_X, Bars, Tab, Text, row_width
from tensorgrad.viz.scene.stage import stage
from tensorgrad.viz.scene.wide import WIDE
from tensorgrad.viz.writers.dot import rendered, to_digraph
from tensorgrad.viz.writers.raster import to_pdf, to_png
from tensorgrad.viz.writers.svg import to_svg

sys.path.append(str(Path(__file__).parent))
from random_graphs import chain, irs

EXACT = 0.02
SVG = "{http://www.w3.org/2000/svg}"
ALLOWED = {
    "svg": {"width", "height", "viewBox", "role", "aria-label", "font-family"},
    "g": {"id", "transform", "fill", "stroke-linejoin"},
    "title": set(),
    "rect": {"id", "x", "y", "width", "height", "rx", "fill", "stroke", "stroke-width", "stroke-dasharray"},
    "path": {"d", "fill", "stroke", "stroke-width", "stroke-dasharray"},
    "circle": {"cx", "cy", "r", "fill"},
    "text": {"x", "y", "fill", "font-size", "font-family", "font-weight"},
    "tspan": {"dx", "fill", "font-size", "font-family", "font-weight"},
}
needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz's dot is not installed")
some = settings(max_examples=30)
VIEWS = (lambda ir: ir, lambda ir: to_depth(ir, 0), backward, both)


@st.composite
def pictures(draw: st.DrawFn, views=VIEWS) -> GraphIR:
    """Any graph, in any view."""
    return draw(st.sampled_from(views))(draw(irs()))


def gap(a: Place, b: Place) -> float:
    """How far two rectangles are apart; negative where they overlap."""
    return max(
        max(a.x - b.x - b.width, b.x - a.x - a.width),
        max(a.y - b.y - b.height, b.y - a.y - a.height),
    )


def holds(outer: Place, inner: Place) -> bool:
    return (
        outer.x <= inner.x + EXACT
        and outer.y <= inner.y + EXACT
        and inner.x + inner.width <= outer.x + outer.width + EXACT
        and inner.y + inner.height <= outer.y + outer.height + EXACT
    )


def on_border(point: tuple[float, float], place: Place) -> bool:
    x, y = point
    aside = min(abs(x - place.x), abs(x - place.x - place.width))
    above = min(abs(y - place.y), abs(y - place.y - place.height))
    return holds(place, Place(x, y, 0, 0)) and min(aside, above) <= EXACT


def boxes(scene) -> dict[str, Place]:
    return {card.id: Place(card.x, card.y, card.look.width, card.look.height) for card in scene.cards}


def mlp() -> GraphIR:
    """Two layers with statistics, as of a run."""
    few = Stats(128, rms=0.5, deviation=0.5, counts=(1, 5, 9, 4, 1))
    cards = [Card("n0", "input", "x", "x", (128, 64), "f32", 32768, stats=few)]
    edges = []
    for k, (name, shape) in enumerate([("W1", (64, 32)), ("b1", (32,)), ("W2", (32, 10)), ("b2", (10,))]):
        scope, size = f"s{1 + k // 2}", int(np.prod(shape)) * 4
        leaf = Card(f"n{2 * k + 1}", "parameter", name, name, shape, "f32", size, scope=scope, stats=few, gradient=few)
        op = Card(
            f"n{2 * k + 2}", "op", "matmul" if k % 2 == 0 else "add", "", (128, 32 if k < 2 else 10), "f32", 16384
        )
        op = replace(op, scope=scope, family="linalg", stats=few, gradient=few, formula=("∂W = xᵀ @ g",))
        edges += [Edge(cards[-1].id, op.id, 0, "left", live=k > 0), Edge(leaf.id, op.id, 1, "right")]
        cards += [leaf, replace(op, kept=(Kept("x", 32768),), line=Line("train.py", 10 + k, "h = x @ W1"))]
    cards.append(Card("n9", "loss", "mean", "loss", (), "f32", 4, value=2.7676))
    edges.append(Edge("n8", "n9", 0))
    scopes = [Scope("s0", "mlp"), Scope("s1", "fc1", parent="s0"), Scope("s2", "fc2", parent="s0")]
    return GraphIR(cards, edges, scopes, detail="stats", title="mlp")


# Any graph, in any view
@some
@given(pictures())
def test_cards_do_not_overlap_and_lie_in_the_picture(ir):
    scene = stage(ir)
    places = boxes(scene)
    assert list(places) == [card.id for card in ir.cards]
    for a, b in combinations(places.values(), 2):
        assert gap(a, b) >= 6
    everything = Place(0, 0, scene.width, scene.height)
    panels = [Place(p.x, p.y, p.look.width, p.look.height) for p in scene.panels]
    assert all(holds(everything, place) for place in [*places.values(), *panels, *(f.place for f in scene.frames)])
    assert all(gap(panel, place) > 0 for panel in panels for place in places.values())


@some
@given(pictures())
def test_edges_lead_from_card_to_card_values_down_and_gradients_the_way_the_view_says(ir):
    scene = stage(ir)
    places = boxes(scene)
    for edge, route in zip(ir.edges, scene.routes, strict=False):
        assert on_border(route.points[0], places[edge.source])
        assert on_border(route.points[-1], places[edge.target])
        up = ir.view == "both" and edge.kind == "gradient"
        if edge.kind == "kept":
            assert route.points[0][0] < route.points[-1][0]
        elif not (route.out and route.into):  # across, to or from a card beside
            assert all((a[1] > b[1]) if up else (a[1] < b[1]) for a, b in pairwise(route.points))


@some
@given(pictures(VIEWS[:3]))
def test_scopes_hold_their_members_and_nothing_else(ir):
    scene = stage(ir)
    places, frames = boxes(scene), {frame.id: frame.place for frame in scene.frames}
    parent = {scope.id: scope.parent for scope in ir.scopes}
    for card in ir.cards:
        around = set()
        here = card.scope
        while here:
            around.add(here)
            here = parent[here]
        for id, place in frames.items():
            assert holds(place, places[card.id]) if id in around else gap(place, places[card.id]) > 0


@some
@given(pictures(VIEWS[3:]))
def test_both_passes_stand_side_by_side_each_rule_on_the_row_of_its_step(ir):
    scene = stage(ir)
    places, frames = boxes(scene), {frame.id: frame.place for frame in scene.frames}
    assert gap(frames[FORWARD], frames[BACKWARD]) > 0
    for card in ir.cards:
        back = card.kind in ("rule", "gradient")
        assert holds(frames[BACKWARD if back else FORWARD], places[card.id])
        if back:
            one, other = places[card.of], places[card.id]
            assert abs(one.y + one.height / 2 - other.y - other.height / 2) <= EXACT
            if card.scope:
                assert holds(frames[mirrored_scopes(ir)[card.scope]], other)


@some
@given(pictures(VIEWS[3:]))
def test_lines_to_what_is_kept_cross_no_card(ir):
    scene = stage(ir)
    places = boxes(scene)
    for edge, route in zip(ir.edges, scene.routes, strict=False):
        for (x, y), (x2, y2) in pairwise(route.points) if edge.kind == "kept" else ():
            line = Place(min(x, x2), min(y, y2), abs(x2 - x), abs(y2 - y))
            ends = (edge.source, edge.target)
            assert all(gap(line, place) > 0 for id, place in places.items() if id not in ends)


@some
@given(pictures())
def test_text_stays_in_its_card_by_the_table_of_widths(ir):
    shown = looks(ir, wide=True)
    assert len({look.width for look in shown.values()} - {WIDE}) <= 1
    for look in shown.values():
        assert all(row_width(row) <= look.width - 2 * PAD_X + EXACT for row in look.rows)


@some
@given(pictures())
def test_svg_is_well_formed_and_holds_nothing_but_plain_shapes(ir):
    svg = to_svg(ir)
    root = ElementTree.fromstring(svg.encode())
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert {card.id for card in ir.cards} <= set(ids)
    for element in root.iter():
        kind = element.tag.removeprefix(SVG)
        assert set(element.attrib) <= ALLOWED[kind], kind
    assert (root.get("role"), bool(root.get("aria-label"))) == ("img", True)
    assert root[0].get("fill") == "#FFFFFF"


@some
@given(pictures())
def test_the_same_graph_gives_the_same_bytes(ir):
    assert to_svg(ir) == to_svg(GraphIR.from_json(ir.to_json()))
    assert to_digraph(ir).source == to_digraph(ir).source


@needs_dot
@settings(max_examples=15)
@given(pictures())
def test_graphviz_accepts_any_graph_without_an_error(ir):
    source = to_digraph(ir).source.encode("utf-8", "strict")
    done = subprocess.run(["dot", "-Tsvg"], input=source, capture_output=True, timeout=60)
    said = [line for line in done.stderr.splitlines() if b"libpath" not in line and b"spline routing" not in line]
    assert (done.returncode, said) == (0, [])  # but that its own routing may fail, where much is crowded
    ElementTree.fromstring(done.stdout)


# What is drawn
def test_the_main_path_is_one_line_and_parameters_stand_to_its_left():
    scene = stage(mlp())
    places = boxes(scene)
    assert len({places[id].x for id in ("n0", "n2", "n4", "n6", "n8", "n9")}) == 1
    for leaf, op in (("n1", "n2"), ("n3", "n4"), ("n5", "n6"), ("n7", "n8")):
        a, b = places[leaf], places[op]
        assert a.x + a.width < b.x
        assert a.y + a.height / 2 == pytest.approx(b.y + b.height / 2)


def test_edges_are_drawn_before_cards_and_the_wider_the_more_they_carry():
    svg = to_svg(mlp())
    assert svg.rindex('stroke="#A78BFA"') < svg.index('id="n0"', svg.index("stroke-linejoin"))
    wide, narrow = (
        route.width for route, edge in zip(stage(mlp()).routes, mlp().edges, strict=True) if edge.source in ("n1", "n3")
    )
    assert wide > narrow


@pytest.mark.parametrize(
    ("detail", "said", "unsaid"),
    [
        ("shapes", ["f32[128, 32]"], ["val", "∂W"]),
        ("stats", ["val", "∂ℒ", "rms 0.5"], ["∂W"]),
        ("full", ["∂W", "keeps", "train.py:10"], []),
    ],
)
def test_cards_say_as_much_as_the_detail_asks_for(detail, said, unsaid):
    root = ElementTree.fromstring(to_svg(replace(mlp(), detail=detail)))
    words = " ".join("".join(text.itertext()) for text in root.iter(f"{SVG}text"))
    assert all(word in words for word in said)
    assert not any(word in words for word in unsaid)


def test_the_loss_is_dark_and_its_value_large():
    group = next(g for g in ElementTree.fromstring(to_svg(mlp())).iter(f"{SVG}g") if g.get("id") == "n9")
    sizes = {"".join(text.itertext()): float(text.get("font-size")) for text in group.iter(f"{SVG}text")}
    assert group.find(f"{SVG}rect").get("fill") == "#0F172A"
    assert sizes["2.7676"] == max(sizes.values()) == 22


def test_blue_means_value_and_orange_gradient_and_nothing_else():
    for ir in (mlp(), both(mlp()), backward(mlp())):
        for one in stage(ir).cards:
            for row in one.look.rows:
                for piece in row:
                    if isinstance(piece, Tab):
                        continue
                    if piece.color == "#2563EB":
                        assert isinstance(piece, Bars) and piece.label == "val"
                    if isinstance(piece, Bars):
                        assert piece.color == {"val": "#2563EB", "∂ℒ": "#EA580C"}[piece.label]


def test_a_histogram_is_one_path_as_wide_as_its_parts():
    group = next(g for g in ElementTree.fromstring(to_svg(mlp())).iter(f"{SVG}g") if g.get("id") == "n0")
    (path,) = group.iter(f"{SVG}path")
    assert path.get("d").count("h") == 5
    assert path.get("fill") == "#2563EB"


def sick() -> GraphIR:
    ir = mlp()
    finding = Finding("bad", "origin: 3 of 9 are inf", "exp overflows above 88.7. Subtract the maximum first", "n4")
    cards = [
        replace(card, findings=(finding,), stats=Stats(9, infinities=3, counts=(1,), greatest=3e38))
        if card.id == "n4"
        else card
        for card in ir.cards
    ]
    lines = {9: "def f(x):", 10: "    h = x @ W1", 11: "    return exp(h)", 30: "far away"}
    return replace(ir, cards=cards, findings=[finding], sources={"train.py": lines})


def test_trouble_is_told_in_words_on_the_card_in_the_diagnosis_and_beside_its_line():
    scene = stage(sick())
    card = next(card for card in scene.cards if card.id == "n4")
    assert (card.look.border, card.look.stroke) == ("#DC2626", 3.0)
    text = {panel.id: " ".join(p.words for row in panel.look.rows for p in row) for panel in scene.panels}
    assert "origin: 3 of 9 are inf" in text["diagnosis"]
    assert "Subtract the maximum first" in text["diagnosis"]
    assert "h = x @ W1" in text["note"].replace("\N{NO-BREAK SPACE}", " ")
    assert "far away" not in text["note"]
    note = next(panel for panel in scene.panels if panel.id == "note")
    assert "return exp(h)" in note.look.rows[note.look.marked][1].words.replace("\N{NO-BREAK SPACE}", " ")
    assert any(route.color == "#EF4444" for route in scene.routes)


def test_of_one_number_the_gradient_is_told_with_its_sign():
    x = Card("x", "input", "x", "x", (), "f64", 8, value=-1.2, stats=stats(np.array(-1.2)))
    x = replace(x, gradient=stats(np.array(-215.6)))
    rows = looks(GraphIR([x], [], detail="stats"))["x"].rows
    assert not any(isinstance(piece, Bars) for row in rows for piece in row)
    assert [piece.words for piece in rows[-1]] == ["∂ℒ", "= -215.6"]


def test_the_note_stands_beside_its_card_though_the_drawing_is_wider_elsewhere():
    ir = sick()
    wide = [Card(f"p{i}", "input", f"p{i}", "", (3,), "f64", 24) for i in range(6)]
    last = ir.cards[-1]
    far = replace(ir, cards=[*ir.cards[:-1], *wide, last], edges=[*ir.edges, *[Edge(p.id, last.id, 1) for p in wide]])
    scene = stage(far)
    note = next(panel for panel in scene.panels if panel.id == "note")
    assert note.x + note.look.width < max(card.x + card.look.width for card in scene.cards)
    area = Place(note.x, note.y, note.look.width, note.look.height)
    assert min(gap(area, place) for place in boxes(scene).values()) > 10


def test_a_shape_of_one_axis_is_not_taken_for_the_number_of_an_argument():
    cards = [Card("a", "op", "a", "", (1,), "f64", 8), Card("b", "op", "b", "", (3,), "f64", 24)]
    labels = stage(GraphIR(cards, [Edge("a", "b", 0)])).labels
    assert [(text.words, text.bold) for _, _, text in labels] == [("[1]", False)]


def test_the_title_of_a_scope_goes_where_no_line_passes():
    crowd = Crowd()
    for x in (20.0, 290.0):  # through both ends of the strip
        crowd.add((x - 2, 0, x + 2, 100))
    title = (Text("layer", size=12, bold=True),)
    x, row = title_place(Place(0, 0, 310, 100), title, crowd)
    assert row == title
    assert x > 22
    assert x + row_width(row) < 288


def test_a_healthy_graph_has_no_red_no_amber_and_no_diagnosis():
    svg = to_svg(mlp())
    assert not any(color in svg for color in ("#DC2626", "#B91C1C", "#EF4444", "#B45309", "#FCD34D"))
    assert stage(mlp()).panels == []


def folded(n: int) -> GraphIR:
    """A chain of folded modules, the first of which gets a gradient that is too small."""
    few = Stats(128, rms=0.5, deviation=0.5, counts=(1, 5, 9))
    cards = []
    for i in range(n):
        card = Card(f"m{i}", "module", f"body.{i}", "", (8, 4), "f32", 128, note="Linear(4 → 4)", stats=few)
        finding = (Finding("bad", "vanishing gradient", card=f"m{i}"),) if i == 0 else ()
        cards.append(replace(card, gradient=replace(few, rms=10.0 ** (i - n)), findings=finding, ratio=0.1, count=3))
    edges = [Edge(f"m{i}", f"m{i + 1}", 0) for i in range(n - 1)]
    return GraphIR(cards, edges, detail="stats", findings=[f for card in cards for f in card.findings])


def test_folded_modules_are_wide_cards_of_one_height_with_their_gradients_on_one_scale():
    cards = stage(folded(4)).cards
    assert {card.look.width for card in cards} == {WIDE}
    assert len({card.look.height for card in cards}) == 1
    shares = [piece.share for card in cards for row in card.look.rows for piece in row if hasattr(piece, "share")]
    assert shares == sorted(shares) and 0 <= shares[0] < shares[-1] <= 1
    assert "vanishing gradient" in to_svg(folded(4)) and "from 1e-4 to 1e-1" in to_svg(folded(4))
    assert all(card.look.width < WIDE for card in stage(folded(2)).cards)  # too few to compare


# Text
@given(st.text(), st.floats(0, 40), st.booleans(), st.booleans())
def test_shortened_text_fits_or_is_the_sign_of_omission(text, room, mono, bold):
    short = fitted(text, room, mono, bold)
    assert ems(short, mono, bold) <= room or short == "…"
    assert short == text or ems(text, mono, bold) > room


@given(st.lists(st.text("abcdefgh", min_size=1, max_size=12), max_size=20), st.floats(8, 40), st.integers(1, 4))
def test_wrapped_text_keeps_its_words_in_lines_that_fit(words, room, lines):
    made = wrapped(" ".join(words), room, lines)
    assert len(made) <= lines
    assert all(ems(line) <= room for line in made)
    if "…" not in "".join(made):
        assert " ".join(made).split() == words


# Size
def test_a_long_chain_needs_no_recursion():
    ir = chain(["tanh", "add"], 10_000)
    assert to_svg(ir).count("<title>") == 20_001
    assert to_digraph(ir).source.count(" -> ") == 20_000


def test_deeply_nested_scopes_need_no_recursion():
    scopes = [Scope(f"s{i}", f"m{i}", parent=f"s{i - 1}" if i else "") for i in range(1200)]
    ir = replace(chain(["tanh"]), scopes=scopes)
    ir = replace(ir, cards=[replace(card, scope="s1199") for card in ir.cards])
    assert to_svg(ir).count('rx="12"') == 1200
    assert to_digraph(ir).source.count("subgraph cluster") == 1200


# Files
def test_png_is_drawn_at_twice_the_size():
    pytest.importorskip("resvg_py", reason="the extra png is not installed")
    png = to_png(to_svg(mlp()))
    scene = stage(mlp())
    assert png.startswith(b"\x89PNG")
    assert tuple(int.from_bytes(png[i : i + 4]) for i in (16, 20)) == (2 * scene.width, 2 * scene.height)


def test_a_picture_too_large_for_png_is_refused_with_the_cure():
    pytest.importorskip("resvg_py", reason="the extra png is not installed")
    with pytest.raises(RuntimeError, match=r"40000 by 200000 is too large.*depth="):
        to_png('<svg xmlns="http://www.w3.org/2000/svg" width="40000" height="200000"/>')


@pytest.mark.parametrize(("write", "library"), [(to_png, "resvg-py"), (to_pdf, "cairosvg")])
def test_without_its_library_a_file_is_refused_with_the_one_that_is_missing(monkeypatch, write, library):
    monkeypatch.setattr("tensorgrad.viz.writers.raster.find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "cairosvg", None)
    with pytest.raises(RuntimeError, match=f"pip install {library}"):
        write(to_svg(mlp()))


def test_pdf_is_made_of_lines_and_letters():
    try:
        import cairosvg  # noqa: F401 - whether it is there
    except (ImportError, OSError) as error:
        pytest.skip(f"CairoSVG, or the library cairo, is not installed: {error}")
    pdf = to_pdf(to_svg(mlp()))
    assert pdf.startswith(b"%PDF") and b"/Subtype /Image" not in pdf


def test_without_dot_graphviz_comes_from_pygraphviz(monkeypatch, tmp_path):
    pytest.importorskip("pygraphviz", reason="the extra dot is not installed")
    monkeypatch.setenv("PATH", str(tmp_path))
    svg = rendered(mlp(), ".svg")
    ElementTree.fromstring(svg)
    assert b"2.7676" in svg


@needs_dot
@pytest.mark.parametrize(("ending", "start"), [(".svg", b"<?xml"), (".png", b"\x89PNG"), (".pdf", b"%PDF")])
def test_graphviz_draws_all_views(ending, start):
    for ir in (mlp(), both(mlp())):
        assert rendered(ir, ending).startswith(start)


def test_without_any_graphviz_the_error_names_both(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("tensorgrad.viz.writers.dot.find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match=r"install it, or pip install pygraphviz.*graph\.dot"):
        rendered(mlp(), ".svg")


def test_gradients_on_their_way_to_one_parameter_share_their_way():
    w = tg.tensor(np.ones((8, 8)), requires_grad=True, name="w")

    def unrolled(xs):
        h = np.zeros((4, 8))
        for x in xs:
            h = np.tanh(x @ w + h)
        return h.sum()

    scene = stage(tg.draw(unrolled, np.ones((20, 4, 8)), view="backward").ir)
    assert scene.width < 1_000  # three cards and their gaps; it is 4,000 if each gradient has a way of its own
