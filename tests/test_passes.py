"""Passes keep graphs sound: ids are unique, edges lead from older cards to newer ones, and sums stay what they were."""

import math
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorgrad.viz.ir import Card, Edge, Finding, GraphIR, Kept, Line, Scope, Stats
from tensorgrad.viz.passes import backward, both, focus, fold, to_depth, without_constants

sys.path.append(str(Path(__file__).parent))
from random_graphs import chain, irs

many = settings(max_examples=60)


# What always holds
def sound(ir: GraphIR) -> bool:
    """Whether the graph is one that can be laid out: the assertions say what is wrong."""
    ids = [card.id for card in ir.cards]
    place = {id: i for i, id in enumerate(ids)}
    assert len(place) == len(ids)
    for edge in ir.edges:
        assert place[edge.source] < place[edge.target], edge
    scopes = [scope.id for scope in ir.scopes]
    assert len(set(scopes)) == len(scopes)
    for i, scope in enumerate(ir.scopes):
        assert scope.parent in ["", *scopes[:i]], scope
    assert {card.scope for card in ir.cards} <= {"", *scopes}
    assert {f.card for f in ir.findings} <= place.keys()
    assert GraphIR.from_json(ir.to_json()) == ir
    return True


def totals(ir: GraphIR) -> tuple[int, int, int, int]:
    """Steps, parameters, FLOPs and forgotten constants of all cards."""
    steps = sum(card.count if card.kind == "module" else card.kind in ("op", "loss") for card in ir.cards)
    sizes = [math.prod(n or 0 for n in card.shape) for card in ir.cards if card.kind == "parameter"]
    numbers = sum(sizes) + sum(card.parameters for card in ir.cards)
    return steps, numbers, sum(c.flops or 0 for c in ir.cards), sum(c.forgotten for c in ir.cards)


def leads_to(ir: GraphIR, source: str) -> set[str]:
    """Ids of the cards that can be reached from one."""
    found = {source}
    for edge in sorted(ir.edges, key=lambda e: [c.id for c in ir.cards].index(e.source)):
        if edge.source in found:
            found.add(edge.target)
    return found


def titled(ir: GraphIR) -> list[str]:
    return [card.title for card in ir.cards]


def op(id: str, scope: str = "", title: str = "add", **more: object) -> Card:
    return Card(id, "op", title, "", (3,), "f64", 24, scope=scope, **more)


def wired(cards: list[Card], scopes: list[Scope], *pairs: str) -> GraphIR:
    """A graph with an edge for each pair of ids of one letter."""
    arguments = Counter[str]()
    edges = []
    for source, target in pairs:
        edges.append(Edge(source, target, arguments[target]))
        arguments[target] += 1
    return GraphIR(cards, edges, scopes)


@st.composite
def chosen(draw: st.DrawFn, **of: object) -> tuple[GraphIR, list[str]]:
    """A graph and some of its scopes."""
    ir = draw(irs(**of))
    return ir, [scope.id for scope in ir.scopes if draw(st.booleans())]


# Folding
@many
@given(chosen())
def test_folding_keeps_graphs_sound_and_loses_no_step_parameter_or_cost(picked):
    ir, scopes = picked
    folded = fold(ir, scopes)
    assert sound(folded)
    assert totals(folded) == totals(ir)


@many
@given(chosen())
def test_folding_twice_is_folding_once(picked):
    ir, scopes = picked
    once = fold(ir, scopes)
    assert fold(once, scopes) == once


@many
@given(chosen(convex=True))
def test_a_folded_scope_leaves_nothing_of_itself_but_one_card(picked):
    ir, scopes = picked
    folded = fold(ir, scopes)
    inside = set(scopes)
    for scope in ir.scopes:
        inside |= {scope.id} if scope.parent in inside else set()
    assert not inside & {scope.id for scope in folded.scopes}
    stands = [card.stands_for for card in folded.cards if card.kind == "module"]
    assert len(set(stands)) == len(stands)
    assert set(stands) <= set(scopes)
    assert folded.notes == ir.notes  # nothing had to stay open


@many
@given(irs())
def test_the_root_stays_last_and_a_loss_stays_itself(ir):
    folded = fold(ir, [scope.id for scope in ir.scopes])
    root, last = ir.cards[-1], folded.cards[-1]
    if root.kind == "loss":
        assert replace(last, scope="") == replace(root, scope="")
    else:
        assert last.id == root.id or last.kind == "module"


@many
@given(chosen())
def test_what_a_card_leads_to_it_still_leads_to_after_folding(picked):
    ir, scopes = picked
    folded = fold(ir, scopes)
    around = {scope.id: scope.parent for scope in ir.scopes}
    stands = {card.stands_for: card.id for card in folded.cards if card.kind == "module"}
    there = {card.id for card in folded.cards}

    def shown(card: Card) -> str:
        scope = card.scope
        while card.id not in there and scope not in stands:
            scope = around[scope]
        return card.id if card.id in there else stands[scope]

    for card in ir.cards[:4]:
        reached = {shown(c) for c in ir.cards if c.id in leads_to(ir, card.id)}
        assert reached <= leads_to(folded, shown(card))


def test_a_scope_to_which_a_path_comes_back_stays_open_and_those_in_it_are_folded():
    scopes = [Scope("s", "shared"), Scope("t", "inner", parent="s"), Scope("u", "other")]
    ir = wired([op("a", "s"), op("b", "u"), op("c", "t"), op("d", "t")], scopes, "ab", "bc", "cd")
    folded = fold(ir, ["s", "u"])
    assert titled(folded) == ["add", "other", "inner"]
    assert folded.notes == ["“shared” is not folded: a path leaves it and comes back"]


def test_of_two_scopes_that_read_each_other_one_is_folded():
    scopes = [Scope("s", "outer"), Scope("t", "inner")]
    ir = wired([op("a", "s"), op("b", "t"), op("c", "t"), op("d", "s"), op("e")], scopes, "ab", "cd", "de", "be")
    assert sorted(titled(fold(ir, ["s", "t"]))) == ["add", "add", "add", "inner"]


def test_a_folded_card_sums_up_what_is_in_it():
    spread = Stats(4, rms=1.0, norm=3.0)
    ir = GraphIR(
        [
            Card("x", "input", "x", "", (2, 3), "f64", 48),
            Card("W", "parameter", "W", "W", (3, 2), "f64", 48, scope="s", stats=spread, gradient=Stats(6, norm=6.0)),
            Card("b", "parameter", "b", "b", (2,), "f64", 16, scope="s", stats=Stats(2, norm=4.0), gradient=Stats(2)),
            op("m", "s", "matmul", flops=24, kept=(Kept("x", 48), Kept("W", 48)), line=Line("net.py", 3)),
            op("a", "s", kept=(Kept("x", 2),), findings=(Finding("low", "2 of 4 units dead"),)),
            op("r", "s", "relu", findings=(Finding("low", "1 of 4 units dead"), Finding("bad", "3 NaN"))),
            Card("l", "loss", "sum", "loss", (), "f64", 8, scope="s", value=2.5),
        ],
        [
            *[Edge("x", "m", 0), Edge("W", "m", 1), Edge("m", "a", 0), Edge("b", "a", 1)],
            *[Edge("a", "r", 0), Edge("x", "r", 1, live=False), Edge("r", "l", 0)],
        ],
        [Scope("s", "fc", note="Linear(3 → 2)", times=1)],
        findings=[Finding("bad", "3 NaN", card="r")],
    )
    _x, fc, loss = fold(ir, ["s"]).cards
    assert (fc.kind, fc.title, fc.note, fc.count, fc.parameters, fc.flops) == (
        "module",
        "fc",
        "Linear(3 → 2)",
        3,
        8,
        24,
    )
    assert fc.kept == (Kept("x", 50), Kept("W", 48))
    assert fc.ratio == 6 / 5
    assert [f.words for f in fc.findings] == ["3 NaN", "in 2 of 3 steps: 2 of 4 units dead"]
    assert (fc.line, fc.shape, fc.stands_for) == (Line("net.py", 3), (3,), "s")
    assert (loss.value, loss.scope) == (2.5, "")
    assert fold(ir, ["s"]).edges == [Edge("x", fc.id, 0, count=2), Edge(fc.id, "l", 0)]
    assert fold(ir, ["s"]).findings == [Finding("bad", "3 NaN", card=fc.id)]


def test_many_kinds_of_findings_are_told_as_how_many_more_there_are():
    found = [(Finding("low", word),) for word in ("dead", "saturated", "large", "small", "odd")]
    ir = wired(
        [op("abcde"[i], "s", findings=f) for i, f in enumerate(found)], [Scope("s", "f")], "ab", "bc", "cd", "de"
    )
    words = [f.words for f in fold(ir, ["s"]).cards[0].findings]
    assert words == ["dead", "saturated", "large", "2 more findings: unfold to see them"]


def test_the_output_of_a_folded_card_is_the_last_step_that_others_read_and_no_shared_parameter():
    steps = [op("a", "s", "exp"), op("b", "s", "mean"), Card("W", "parameter", "W", "W", (7,), "f32", 28, scope="s")]
    ir = wired([*steps, op("c"), op("d")], [Scope("s", "f")], "ab", "ac", "Wd", "cd", "Wb")
    assert fold(ir, ["s"]).cards[0].shape == (3,)


def test_a_product_with_itself_keeps_its_two_edges():
    ir = wired([op("a"), op("b"), op("c", "s")], [Scope("s", "f")], "ab", "ab", "bc")
    assert [edge.count for edge in fold(ir, ["s"]).edges] == [1, 1, 1]


def test_depth_counts_levels_and_repetitions_are_none():
    scopes = [Scope("a", "net"), Scope("r", "×3", "repeat", parent="a", times=3), Scope("b", "fc", parent="r")]
    ir = wired([op("x"), op("y", "b"), op("z", "a")], scopes, "xy", "yz")
    assert titled(to_depth(ir, 0)) == ["add", "net"]
    assert titled(to_depth(ir, 1)) == ["add", "×3", "add"]
    assert to_depth(ir, 2) == ir


@pytest.mark.parametrize("depth", [-1, True, 1.0, "1", None])
def test_a_depth_that_is_no_whole_number_is_refused(depth):
    with pytest.raises(ValueError, match=r"depth=.* is no integer of 0 or more: pass how many levels"):
        to_depth(chain(["exp"]), depth)


def test_views_are_taken_after_folding():
    with pytest.raises(ValueError, match="fold takes a forward graph, got the backward view: fold first"):
        fold(backward(wired([op("a", "s")], [Scope("s", "f")])), ["s"])


# Hiding
@many
@given(irs())
def test_without_constants_nothing_else_is_missing(ir):
    left = without_constants(ir)
    assert sound(left)
    hidden = [card for card in ir.cards[:-1] if card.kind == "constant"]
    assert left.cards == [card for card in ir.cards if card not in hidden]
    assert left.notes[len(ir.notes) :] == [
        f"{len(hidden)} constant{'s are' if len(hidden) > 1 else ' is'} not shown"
    ] * (len(hidden) > 0)


@many
@given(irs(), st.integers(0, 20), st.integers(0, 4))
def test_focus_shows_what_is_near_and_says_what_is_cut(ir, which, steps):
    card = ir.cards[which % len(ir.cards)]
    seen = focus(ir, card.id, steps)
    assert sound(seen)
    ids = {c.id for c in seen.cards}
    assert card.id in ids
    cut = [edge for edge in ir.edges if (edge.source in ids) != (edge.target in ids)]
    said = "".join(c.note for c in seen.cards)
    assert ("more" in said) == bool(cut)
    if steps == 0:
        assert seen.cards == [replace(card, note=seen.cards[0].note)]


def test_far_enough_focus_on_the_root_is_the_whole_graph():
    ir = chain(["matmul", "tanh"], 10)
    assert focus(ir, ir.cards[-1].id, 20) == ir


def test_focus_finds_names_before_titles_and_shows_all_that_are_called_so():
    ir = chain(["exp", "log"], 4)
    named = replace(ir, cards=[replace(c, name="log") if c.id == "n3" else c for c in ir.cards])
    assert [c.id for c in focus(named, "log", 0).cards] == ["n3"]
    assert [c.id for c in focus(ir, "log", 0).cards] == ["n2", "n4", "n6", "n8"]
    assert [c.id for c in focus(ir, "%3", 0).cards] == ["n3"]


def test_focus_on_what_nothing_is_called_names_what_is_similar():
    with pytest.raises(
        ValueError, match="no card is called 'tahn': expected the name, title or id of one, like 'tanh'"
    ):
        focus(chain(["tanh"]), "tahn")


# Backward
@many
@given(chosen())
def test_the_backward_pass_is_the_forward_pass_turned_round_where_gradients_flow(picked):
    ir = fold(*picked)
    back = backward(ir)
    assert sound(back)
    of = {card.id: card.of for card in back.cards}
    assert back.cards[0].of == ir.cards[-1].id
    assert back.cards[0].note.startswith("seed")
    flows = Counter((of[e.target], of[e.source], e.argument) for e in back.edges)
    assert flows <= Counter((e.source, e.target, e.argument) for e in ir.edges if e.live)
    assert all(e.kind == "gradient" for e in back.edges)
    into = Counter[str]()
    for edge in back.edges:
        into[edge.target] += edge.count
    assert [card.paths for card in back.cards[1:]] == [into[card.id] for card in back.cards[1:]]
    assert all(into[card.id] for card in back.cards[1:])  # nothing appears that no gradient reaches


@many
@given(irs(filled=False, convex=True))
def test_a_parameter_has_a_gradient_if_live_edges_lead_to_the_root(ir):
    live = replace(ir, edges=[edge for edge in ir.edges if edge.live])
    expected = {c.id for c in ir.cards if c.kind == "parameter" and ir.cards[-1].id in leads_to(live, c.id)}
    assert {c.of for c in backward(ir).cards if c.kind == "gradient"} - {ir.cards[-1].id} == expected - {
        ir.cards[-1].id
    }


@many
@given(chosen())
def test_both_views_are_joined_by_what_is_kept(picked):
    ir = fold(*picked)
    pair = both(ir)
    assert sound(pair)
    assert pair.cards[: len(ir.cards)] == ir.cards
    assert [replace(pair, cards=pair.cards[len(ir.cards) :]).cards] == [backward(ir).cards]
    kept = {edge.source for edge in pair.edges if edge.kind == "kept"}
    rules = {card.of for card in pair.cards if card.kind in ("rule", "gradient")}
    assert kept == {card.id for card in ir.cards if card.kept} & rules


def test_gradients_that_are_added_up_are_counted():
    w = Card("w", "parameter", "w", "w", (3,), "f64", 24)
    back = backward(wired([w, op("a"), op("b"), op("c")], [], "wa", "wb", "ab", "ac", "bc", "wc"))
    assert [(card.title, card.paths) for card in back.cards] == [("add", 1), ("add", 1), ("add", 2), ("∂ℒ/∂w", 3)]


def test_a_graph_through_which_no_gradient_flows_says_so():
    ir = chain(["sign"])
    still = backward(replace(ir, edges=[replace(edge, live=False) for edge in ir.edges]))
    assert titled(still) == ["sign"]
    assert "no gradient flows here" in still.notes[0]
