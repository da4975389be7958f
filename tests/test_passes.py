"""Passes keep graphs sound: ids are unique, edges lead from older cards to newer ones, and sums stay what they were."""

import math
import sys
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorgrad.viz.ir import Card, Edge, Finding, GraphIR, Kept, Line, Scope, Stats, counted
from tensorgrad.viz.passes import (
    backward,
    both,
    focus,
    fold,
    folded_repeats,
    repeats,
    tidy,
    to_depth,
    without_constants,
)
from tensorgrad.viz.passes.diff import diff
from tensorgrad.viz.passes.periods import periodic
from tensorgrad.viz.writers.mermaid import to_mermaid

sys.path.append(str(Path(__file__).parent))
from random_graphs import chain, irs

many = settings(max_examples=max(30, settings().max_examples))  # the nightly run makes more


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
    assert [f.words for f in fc.findings] == ["3 NaN", "in 2 of 3 steps: up to 2 of 4 units dead"]
    assert (fc.line, fc.shape, fc.stands_for) == (Line("net.py", 3), (3,), "s")
    assert (loss.value, loss.scope) == (2.5, "")
    assert fold(ir, ["s"]).edges == [Edge("x", fc.id, 0, count=2), Edge(fc.id, "l", 0)]
    assert fold(ir, ["s"]).findings == [Finding("bad", "3 NaN", card=fc.id)]


def test_findings_that_differ_in_numbers_are_told_as_one_with_the_greatest():
    dead = [(Finding("low", f"{n} of 16 units dead", f"{n} units"),) for n in (2, 11, 4)]
    far = (Finding("low", "gradient 3e-7× the weights"),)
    w = Card("w", "parameter", "w", "w", (3,), "f64", 24, scope="s", findings=far)
    cards = [w, replace(w, id="v"), op("a", "s"), *(op("bcd"[i], "s", "relu", findings=f) for i, f in enumerate(dead))]
    ir = wired([*cards, op("e", "s", "relu")], [Scope("s", "f")], "wa", "va", "ab", "bc", "cd", "de")
    assert fold(ir, ["s"]).cards[0].findings == (
        Finding("low", "in 2 of 2 parameters: gradient 3e-7× the weights"),
        Finding("low", "in 3 of 4 relu: up to 11 of 16 units dead", "11 units"),
    )


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
    rules = {card.of for card in pair.cards if card.kind in ("rule", "gradient")}
    forward = [replace(card, formula=()) if card.id in rules else card for card in ir.cards]
    assert pair.cards[: len(ir.cards)] == forward  # the rule has the formula
    assert [replace(pair, cards=pair.cards[len(ir.cards) :]).cards] == [backward(ir).cards]
    kept = {edge.source for edge in pair.edges if edge.kind == "kept"}
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


# Repetitions
def unrolled(block: list[str], times: int, own: bool = False, shared: bool = False) -> GraphIR:
    """A loop: each step reads the one before, the first of a block also a weight, its own or a shared one."""
    cards = [Card("h", "parameter", "h", "h", (3,), "f64", 24)]
    edges: list[Edge] = []
    if shared:
        cards.append(Card("W", "parameter", "W", "W", (3,), "f64", 24))
    last = "h"
    for t in range(times):
        for k, title in enumerate(block):
            id = f"{t}.{k}"
            if own and k == 0:
                cards.append(Card(f"W{t}", "parameter", f"W{t}", f"W{t}", (3,), "f64", 24))
                edges.append(Edge(f"W{t}", id, 1))
            edges += [Edge("W", id, 1)] * (shared and k == 0)
            edges.append(Edge(last, id, 0))
            cards.append(op(id, title=title))
            last = id
    return GraphIR([*cards, Card("end", "loss", "sum", "", (), "f64", 8)], [*edges, Edge(last, "end", 0)])


def test_a_loop_is_found_and_each_of_its_blocks_has_a_scope():
    found = repeats(unrolled(["matmul", "add", "tanh"], 4))
    assert [(s.title, s.times, s.parent) for s in found.scopes] == [
        ("matmul → add → tanh", 4, ""),
        *[(str(i), 1, found.scopes[0].id) for i in (1, 2, 3, 4)],
    ]
    homes = Counter(card.scope for card in found.cards)
    assert [homes[scope.id] for scope in found.scopes] == [0, 3, 3, 3, 3]
    assert homes[""] == 2  # what the loop starts from, and what follows


@pytest.mark.parametrize("own", [False, True])
def test_a_folded_loop_is_one_card_that_holds_the_weights_nothing_else_reads(own):
    found = repeats(unrolled(["matmul", "tanh"], 50, own=own, shared=not own))
    start, loop, end = fold(found, folded_repeats(found)).cards
    assert (start.id, end.id) == ("h", "end")
    assert (loop.title, loop.times, loop.count, loop.parameters) == ("matmul → tanh", 50, 100, 150 if own else 3)


def test_a_shared_weight_is_beside_the_blocks_and_an_own_one_within_its_block():
    shared, own = (repeats(unrolled(["matmul", "tanh"], 5, own=o, shared=not o)) for o in (False, True))
    assert {card.scope for card in shared.cards if card.id == "W"} == {shared.scopes[0].id}
    assert [card.scope for card in own.cards if card.id in ("W0", "W4")] == [own.scopes[1].id, own.scopes[5].id]


@many
@given(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=6),
    st.integers(1, 12),
    st.lists(st.sampled_from("abc"), max_size=4),
    st.sampled_from(["", "own", "shared"]),
)
def test_what_is_found_is_repeated_indeed(block, times, rest, weight):
    ir = unrolled(block, times, own=weight == "own", shared=weight == "shared")
    tail = [op(f"r{i}", title=title) for i, title in enumerate(rest)]
    row = [ir.edges[-1].source, *(card.id for card in tail), "end"]
    edges = [*ir.edges[:-1], *[Edge(a, b, 0) for a, b in pairwise(row)]]
    found = repeats(replace(ir, cards=[*ir.cards[:-1], *tail, ir.cards[-1]], edges=edges))
    assert sound(found)
    titles = {scope.id: [] for scope in found.scopes}
    around = {scope.id: scope for scope in found.scopes}
    for card in found.cards:
        scope = card.scope
        while scope and card.kind == "op":
            titles[scope].append(card.title)
            scope = around[scope].parent
    for scope in found.scopes:
        steps = titles[scope.id]
        if scope.times > 1:
            period = len(steps) // scope.times
            assert steps == steps[:period] * scope.times  # rolled out again by hand
            assert scope.times >= 3
    if times >= 3 and times * len(block) >= 6:
        assert max(scope.times * len(titles[scope.id]) for scope in found.scopes) >= times * len(block)


@many
@given(irs(convex=None, filled=False))
def test_repetitions_change_nothing_but_scopes_and_can_each_be_folded(ir):
    found = repeats(ir)
    assert sound(found)
    assert [replace(card, scope="") for card in found.cards] == [replace(card, scope="") for card in ir.cards]
    assert found.edges == ir.edges
    assert repeats(found) == found
    for scope in folded_repeats(found):
        folded = fold(found, [scope])
        assert folded.notes == ir.notes
        assert scope in {card.stands_for for card in folded.cards}


@many
@given(irs(most=8, filled=False, convex=True), st.integers(3, 5))
def test_a_graph_done_several_times_over_is_a_repetition(ir, times):
    first = next((card.id for card in ir.cards if card.kind in ("op", "loss")), "")
    cards, edges, scopes = [replace(ir.cards[-1], id="start", kind="input", scope="")], [], []
    for t in range(times if first else 0):
        scopes.append(Scope(f"t{t}", f"layers.{t}"))
        scopes += [replace(s, id=f"{s.id}.{t}", parent=f"{s.parent}.{t}" if s.parent else f"t{t}") for s in ir.scopes]
        for card in ir.cards:
            home = f"{card.scope}.{t}" if card.scope else f"t{t}"
            kind = "op" if card.kind == "loss" else card.kind
            cards.append(replace(card, id=f"{card.id}.{t}", scope=home, kind=kind))
        edges += [replace(e, source=f"{e.source}.{t}", target=f"{e.target}.{t}") for e in ir.edges]
        edges.append(Edge(f"{ir.cards[-1].id}.{t - 1}" if t else "start", f"{first}.{t}", 9))
    found = repeats(GraphIR(cards, edges, scopes))
    assert sound(found)
    outer = [(scope.title, scope.times) for scope in found.scopes if scope.parent == ""]
    assert outer == [(f"layers.0 … layers.{times - 1}", times)] * bool(first)
    assert len(fold(found, folded_repeats(found)).cards) == 1 + bool(first)


def test_blocks_that_are_wired_differently_are_no_repetition():
    plain = unrolled(["matmul", "add", "tanh"], 6)
    crossed = [replace(e, source="1.1") if e.target == "3.0" else e for e in plain.edges]
    assert [s.times for s in repeats(plain).scopes if s.times > 1] == [6]
    assert [s.times for s in repeats(replace(plain, edges=crossed)).scopes if s.times > 1] == [3, 3]


def test_three_sums_in_a_row_are_no_loop_and_six_are():
    assert repeats(unrolled(["add"], 3)).scopes == []
    assert [scope.times for scope in repeats(unrolled(["add"], 6)).scopes] == [6]


def test_a_loop_begins_where_its_first_line_is():
    ir = unrolled(["a", "b", "c"], 5)
    lines = {"b": 3, "c": 4, "a": 5}
    cards = [replace(card, line=Line("net.py", lines.get(card.title, 9))) for card in ir.cards]
    assert repeats(replace(ir, cards=cards)).scopes[0].title == "b → c → a"


def test_a_loop_that_ends_in_the_loss_is_whole_and_the_loss_stays_a_card():
    ir = unrolled(["exp", "add"], 5)
    ends = replace(ir, cards=[*ir.cards[:-2], replace(ir.cards[-2], kind="loss")], edges=ir.edges[:-1])
    found = repeats(ends)
    assert found.scopes[0].times == 5
    assert [(card.kind, card.count) for card in fold(found, folded_repeats(found)).cards[1:]] == [
        ("module", 9),
        ("loss", 1),
    ]


def test_a_loop_may_start_from_a_number():
    ir = unrolled(["exp", "add"], 5, shared=True)
    cards = [replace(card, note="+ 0.0") if card.id == "0.1" else card for card in ir.cards]
    sums = [Edge(f"{t}.1", f"{t + 1}.1", 1) for t in range(4)]  # each adds to the one before, the first to 0.0
    found = repeats(replace(ir, cards=cards, edges=[*ir.edges, *sums]))
    assert (found.scopes[0].title, found.scopes[0].times) == ("exp → add", 5)
    other = [replace(card, note="+ 0.0", title="exp") if card.id == "0.1" else card for card in ir.cards]
    assert repeats(replace(ir, cards=other, edges=[*ir.edges, *sums])).scopes[0].times == 4


def test_a_block_of_layers_is_titled_by_their_kinds():
    kinds = [("fc", "Linear(3 → 3)"), ("7", "2,080 parameters"), ("fc1.", "")]
    layers = [Scope(f"s{i}", f"{kinds[i % 3][0]}{i}", note=kinds[i % 3][1]) for i in range(9)]
    cards = [op("n", title="exp"), *(op(f"n{i}", f"s{i}") for i in range(9))]
    ir = GraphIR(cards, [Edge(a.id, b.id, 0) for a, b in pairwise(cards)], layers)
    assert repeats(ir).scopes[0].title == "Linear → 71 → fc"


def test_loops_within_loops_are_found():
    found = repeats(unrolled(["add"] * 6 + ["tanh", "exp"], 4))
    assert [scope.title for scope in found.scopes if scope.times == 4] == ["add → tanh → exp"]
    inner = [scope for scope in found.scopes if scope.times == 6]
    assert [scope.title for scope in inner] == ["add"] * 4
    assert len({scope.parent for scope in inner}) == 4


def test_rows_of_an_array_taken_one_after_another_are_the_same_step():
    ir = unrolled(["getitem", "tanh"], 4)
    cards = [replace(c, family="view", note=f"[:, {c.id[0]}]") if c.title == "getitem" else c for c in ir.cards]
    assert repeats(replace(ir, cards=cards)).scopes[0].times == 4


@given(st.lists(st.integers(0, 2), max_size=40), st.integers(1, 5), st.integers(3, 6))
@settings(max_examples=200)
def test_stretches_of_a_sequence_are_those_that_a_slow_search_finds(sequence, period, times):
    sequence = sequence[:7] + sequence[7 : 7 + period] * times + sequence[20:]
    slow = set()
    for p in range(1, len(sequence) // 3 + 1):
        same = [a == b for a, b in zip(sequence, sequence[p:], strict=False)]
        for i in range(len(same)):
            end = next((j for j in range(i, len(same)) if not same[j]), len(same)) + p
            if (i == 0 or not same[i - 1]) and end - i >= 3 * p:
                slow.add((i, end, p))
    shortest = {run for run in slow if not any(a <= run[0] and run[1] <= b and p < run[2] for a, b, p in slow)}
    assert periodic(sequence) == sorted(shortest)


# Tidying
@many
@given(irs(most=30), st.integers(0, 20))
def test_tidied_graphs_are_small_sound_and_say_what_was_folded(ir, limit):
    seen = tidy(ir, limit)
    assert sound(seen)
    assert len(seen.cards) <= max(limit, 8)
    if len(ir.cards) <= limit:
        assert seen == ir
    else:
        assert f"{len(ir.cards)} cards are shown as {len(seen.cards)}" in seen.notes[-1]
        assert totals(seen)[:3] == totals(ir)[:3]


def test_tidying_does_no_more_than_it_must():
    constants = unrolled(["a", "b", "c"], 3, own=True)
    cards = [replace(card, kind="constant") if card.id[0] == "W" else card for card in constants.cards]
    assert tidy(replace(constants, cards=cards), 11).notes == [
        "3 constants are not shown",
        "14 cards are shown as 11. Pass depth= to choose, depth=99 for all",
    ]
    assert tidy(constants, 5).notes == [
        "14 cards are shown as 3: repetitions are folded. Pass depth= to choose, depth=99 for all"
    ]


def test_tidying_folds_inner_scopes_before_outer_ones():
    scopes = [Scope("a", "net"), Scope("b", "one", parent="a"), Scope("c", "two", parent="a")]
    cards = [op("v"), op("w", "b", "exp"), op("x", "b"), op("y", "c"), op("z", "c", "exp"), op("p", "a")]
    ir = wired(cards, scopes, "vw", "wx", "xy", "yz", "zp")
    assert titled(tidy(ir, 5)) == ["add", "one", "two", "add"]
    assert titled(tidy(ir, 3)) == ["add", "net"]


def test_a_long_irregular_graph_is_cut_into_stretches_of_steps():
    titles = [f"op{i * i % 97 % 7}" for i in range(1000)]
    seen = tidy(chain(titles), 20)
    assert 5 < len(seen.cards) <= 20
    modules = [card for card in seen.cards if card.kind == "module"]
    assert modules[0].title.startswith("steps 1–")
    assert modules[-1].title.endswith("–999")
    assert "stretches of steps" in seen.notes[-1]


# Size
@pytest.mark.parametrize(("titles", "times"), [(["matmul"], 100_000), ([f"op{i * i % 97}" for i in range(97)], 50)])
def test_long_graphs_need_no_recursion(titles, times):
    ir = chain(titles, times)
    short = replace(ir, cards=ir.cards[:4000], edges=ir.edges[:3999])
    inside = replace(short, cards=[replace(card, scope="s") for card in short.cards], scopes=[Scope("s", "all")])
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(300)
    try:
        assert len(tidy(ir).cards) <= 150
        assert len(fold(inside, ["s"]).cards) == 1
        assert len(both(short).cards) == 2 * len(short.cards)
        assert len(focus(short, "n50", 3).cards) == 7
    finally:
        sys.setrecursionlimit(limit)


def test_deeply_nested_scopes_need_no_recursion():
    depth = 3000
    scopes = [Scope(f"s{i}", str(i), parent=f"s{i - 1}" if i else "") for i in range(depth)]
    ir = chain(["exp"], depth)
    cards = [replace(card, scope=f"s{min(i, depth - 1)}") for i, card in enumerate(ir.cards)]
    nest = replace(ir, cards=cards, scopes=scopes)
    assert len(to_depth(nest, 2000).cards) == 2001
    assert len(repeats(nest).cards) == len(ir.cards)
    assert len(tidy(nest).cards) <= 150


# Mermaid
@many
@given(irs(), st.booleans())
def test_mermaid_has_a_line_for_each_card_and_edge_and_nothing_of_a_name_is_markup(ir, two_sided):
    ir = both(ir) if two_sided else ir
    lines = to_mermaid(ir).splitlines()
    assert sum(":::" in line and "notes[" not in line for line in lines) == len(ir.cards)
    assert sum("-->" in line or "-.->" in line for line in lines) == len(ir.edges)
    assert sum(line.strip() == "end" for line in lines) == sum(line.strip().startswith("subgraph") for line in lines)
    for line in lines:
        label = line.partition('"')[2].rpartition('"')[0].replace("<br/>", "")
        assert not set(label) & set('"<>[]{}|`\\$'), line
        assert line.isprintable()


def test_mermaid_of_a_large_graph_is_one_that_mermaid_draws():
    ir = chain([f"op{i * i % 97 % 7}" for i in range(3000)])
    text = to_mermaid(ir)
    assert len(text.splitlines()) < 400
    assert "3,001 cards are shown as" in text


def test_mermaid_colours_what_is_wrong_and_which_way_gradients_flow():
    w = Card("w", "parameter", "w", "w", (3,), "f64", 24)
    sick = op("a", findings=(Finding("bad", "3 NaN"),), kept=(Kept("w", 24),))
    text = to_mermaid(both(wired([w, sick], [], "wa")))
    assert 'c1("add<br/>f64#91;3#93;<br/>3 NaN"):::bad' in text
    assert "classDef bad fill:#FEF2F2,stroke:#DC2626" in text
    assert "linkStyle 1 stroke:#EA580C" in text
    assert "linkStyle 2 stroke:#0891B2" in text


# Differences
@many
@given(irs())
def test_a_graph_does_not_differ_from_itself(ir):
    same = diff(ir, ir)
    assert sound(same)
    assert [replace(card, findings=()) for card in ir.cards] == same.cards
    assert same.findings == []
    assert same.notes[-1] == f"{counted(len(ir.cards), 'card')} as before, 0 changed, 0 added, 0 removed"


@many
@given(irs(), irs())
def test_of_two_graphs_every_card_is_there_once_or_matched(before, after):
    both_of_them = diff(before, after)
    assert sound(both_of_them)
    said = Counter(f.words for f in both_of_them.findings)
    ids = {card.id for card in after.cards}
    assert [card.id for card in both_of_them.cards if card.id in ids] == [card.id for card in after.cards]
    assert len(before.cards) - said["removed"] == len(after.cards) - said["added"]
    assert len(both_of_them.cards) == len(after.cards) + said["removed"]


def test_a_step_in_between_is_told_as_added_and_the_rest_is_matched():
    three, four = chain(["matmul", "tanh", "sum"]), chain(["matmul", "add", "tanh", "sum"])
    assert [(f.card, f.words) for f in diff(three, four).findings] == [("n2", "added")]
    assert [(f.card, f.words) for f in diff(four, three).findings] == [("n2_", "removed")]
    assert diff(four, three).cards[2].title == "add"
    assert ("n2_", "n2") in {(edge.source, edge.target) for edge in diff(four, three).edges}
    assert diff(three, four).notes == [
        "4 cards as before, 0 changed, 1 added, 0 removed; 1 edge between them differs",
    ]


def test_numbers_are_compared_by_their_rms():
    def one(value, dtype="f64", **of):
        card = Card(
            "n0", "loss", "sum", "", (), dtype, 8, value=value, stats=Stats(1, **of), gradient=Stats(1, rms=1.0)
        )
        return GraphIR([card], [])

    def words(*graphs):
        return [(f.level, f.words) for f in diff(*graphs).findings]

    assert words(one(2.5, rms=2.0), one(2.0, rms=1.5)) == [
        ("note", "2.5 → 2.0"),
        ("note", "values: rms 2.0 → 1.5, -25 %"),
    ]
    assert words(one(1.0, rms=1.0), one(1.0, "f32", rms=1 + 3e-8)) == [
        ("note", "f64[] → f32[]"),
        ("note", "values: rms 1.0 → 1.0, +3.0e-08"),
    ]
    assert words(one(1.0, rms=1.0), one(1.0, rms=20.0)) == [("low", "values: rms 1.0 → 20.0, ×20")]
    assert words(one(1.0), one(1.0, nans=1)) == [("bad", "values: 0 → 1 are NaN")]
    assert words(one(1.0), one(1.0, rms=2.0)) == [("low", "values: rms 0.0 → 2.0")]


def test_graphs_of_different_views_are_not_compared():
    ir = chain(["exp"])
    with pytest.raises(ValueError, match="diff compares two graphs of the same view, got forward and backward"):
        diff(ir, backward(ir))


def test_long_graphs_are_compared():
    ir = chain(["matmul", "tanh"], 5000)
    other = replace(ir, cards=[replace(c, title="exp") if c.id == "n5000" else c for c in ir.cards])
    assert [f.words for f in diff(ir, other).findings] == ["removed", "added"]
