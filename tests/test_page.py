"""The interactive page, as a file, and as a browser shows it and a reader uses it."""

import itertools
import json
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tensorgrad.viz.facts.stats import stats
from tensorgrad.viz.ir import Card, Edge, Finding, GraphIR, Kept, Line, Scope
from tensorgrad.viz.page import to_html
from tensorgrad.viz.passes import fold

sys.path.append(str(Path(__file__).parent))
from random_graphs import HOSTILE, chain, irs

LARGEST = 150_000  # bytes of the page of the small network below: a page is mailed, and kept beside a result
ARGUMENTS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
ARGUMENTS += " --disable-component-update --disable-sync"


# ---- A graph with everything


def network(detail: str = "full") -> GraphIR:
    """A network of two layers and its loss, with all that a run tells of it."""
    rng = np.random.default_rng(0)
    x, W1, W2 = (rng.normal(size=s) * k for s, k in [((128, 64), 1.0), ((64, 32), 0.2), ((32, 10), 0.2)])
    z = x @ W1
    h = np.maximum(z, 0)
    o = h @ W2
    lse = np.log(np.exp(o).sum(axis=1))
    right = o[np.arange(128), rng.integers(0, 10, 128)]
    zero1, zero2 = np.zeros(32), np.zeros(10)
    made: list[tuple[str, str, str, str, str, Any, tuple[str, ...]]] = [
        ("x", "input", "x", "", "", x, ()),
        ("W1", "parameter", "W1", "", "fc1", W1, ()),
        ("z1", "op", "matmul", "linalg", "fc1", z, ("x", "W1")),
        ("b1", "parameter", "b1", "", "fc1", zero1, ()),
        ("a1", "op", "add", "elementwise", "fc1", z, ("z1", "b1")),
        ("h", "op", "relu", "activation", "mlp", h, ("a1",)),
        ("W2", "parameter", "W2", "", "fc2", W2, ()),
        ("z2", "op", "matmul", "linalg", "fc2", o, ("h", "W2")),
        ("b2", "parameter", "b2", "", "fc2", zero2, ()),
        ("o", "op", "add", "elementwise", "fc2", o, ("z2", "b2")),
        ("lse", "op", "logsumexp", "reduction", "ce", lse, ("o",)),
        ("y", "constant", "labels", "", "ce", np.arange(128) % 10, ()),
        ("p", "op", "getitem", "view", "ce", right, ("o", "y")),
        ("d", "op", "subtract", "elementwise", "ce", lse - right, ("lse", "p")),
        ("loss", "loss", "mean", "reduction", "ce", np.mean(lse - right), ("d",)),
    ]
    cards, edges = [], []
    for number, (id, kind, title, family, scope, value, arguments) in enumerate(made):
        value = np.asarray(value)
        flows = kind in ("op", "loss", "parameter") and detail != "shapes"
        card = Card(id, kind, title, title if kind == "parameter" else "", value.shape, "f64", value.nbytes)  # type: ignore[arg-type]
        card = replace(card, family=family, scope=scope)  # type: ignore[arg-type]
        if kind == "loss":
            card = replace(card, value=float(value))
        if detail != "shapes":
            card = replace(card, stats=stats(value), gradient=stats(value * 1e-3) if flows else None)
            if kind == "parameter":
                card = replace(card, ratio=0.0123)
            if kind in ("op", "loss"):
                card = replace(card, flops=1000 * number, line=Line("train.py", 10 + number % 5, "h = x @ w"))
                card = replace(card, formula=("∂W = xᵀ @ g", "∂x = g @ Wᵀ"), kept=(Kept("x", 65536),))
            if title == "relu":
                dead = Finding("low", "12 of 32 units dead", "They pass no gradient on. Lower the learning rate.")
                card = replace(card, findings=(dead,))
        cards.append(card)
        edges += [Edge(a, id, i, live=a not in ("x", "y")) for i, a in enumerate(arguments)]
    scopes = [
        Scope("mlp", "mlp", note="Sequential"),
        Scope("fc1", "fc1", note="Linear(64 → 32)", parent="mlp"),
        Scope("fc2", "fc2", note="Linear(32 → 10)", parent="mlp"),
        Scope("ce", "cross_entropy", "function"),
    ]
    found = [replace(f, card=card.id) for card in cards for f in card.findings]
    source = {"train.py": {n: f"line {n} of the program" for n in range(5, 20)}} if detail != "shapes" else {}
    notes = ["Only the first batch was run."]
    return GraphIR(cards, edges, scopes, "forward", detail, "loss of mlp", notes, found, source)  # type: ignore[arg-type]


# ---- The file


def held(page: str) -> Any:
    """What the page holds as data."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found
    return json.loads(found[1])


def test_page_of_a_small_network_is_small():
    page = to_html(network())
    assert len(page.encode()) <= LARGEST
    assert sum("heat" in card[k] for card in held(page)["cards"] for k in ("stats", "gradient") if k in card) > 20


def test_same_graph_gives_the_same_bytes():
    assert to_html(network(), frozenset(["fc1", "ce"])) == to_html(network(), frozenset(["ce", "fc1"]))


def test_page_loads_nothing():
    page = to_html(network())
    assert set(re.findall(r"[a-z]+://[^\s\"']*", page)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<(link|img|iframe|object|embed|base|form)\b|@import|\bsrc=|url\((?!#)", page)
    assert "default-src 'none'" in page


@given(irs())
def test_names_leave_the_markup_as_it_is(ir):
    page = to_html(ir)
    page.encode()  # no lone surrogates
    head, data, tail = re.split(r'(?<=id="data">)|(?=</script>\n<script>)', page, maxsplit=2)
    assert not set("<>&\u2028\u2029") & set(data)
    assert (head + tail).count("<script") == 2 and (head + tail).count("</script>") == 2
    title = re.search("<title>(.*?)</title>", head)
    assert title and "<" not in title[1] and '"' not in title[1]


@given(irs())
def test_page_holds_each_card_and_each_link_once(ir):
    data = held(to_html(ir))
    assert len(data["cards"]) == len(ir.cards)
    at = {card.id: i for i, card in enumerate(ir.cards)}
    assert [link["ends"] for link in data["edges"]] == [[at[e.source], at[e.target]] for e in ir.edges]


def test_long_chain_has_a_page():
    assert len(held(to_html(chain(["tanh", "add"], 1500)))["cards"]) == 3001


def test_page_shows_forward_graphs_only():
    with pytest.raises(ValueError, match="got view='backward'"):
        to_html(replace(network(), view="backward"))


def test_scope_that_is_not_there_cannot_be_folded():
    with pytest.raises(ValueError, match="cannot fold 'fc9'"):
        to_html(network(), frozenset(["fc9"]))


# ---- The page in a browser

FACTS, CONTRAST, CROSSED = (
    (Path(__file__).parent / f"page_{name}.js").read_text("utf-8") for name in ("facts", "contrast", "crossed")
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A real Chromium without a window."""
    api = pytest.importorskip("playwright.sync_api", reason="Playwright for Python drives the browser: it is not here")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("no Chromium was found on the path")
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=ARGUMENTS.split())
        yield running
        running.close()


class Reader:
    """Who uses a page, and notices all that it should not do."""

    def __init__(self, browser: Any, folder: Path, **options: Any):
        options = {"viewport": {"width": 1400, "height": 1000}, "reduced_motion": "reduce", **options}
        self.context = browser.new_context(**options)
        self.context.set_default_timeout(5000)
        self.page = self.context.new_page()
        self.file = folder / "graph.html"
        self.wrong: list[str] = []
        self.page.on("console", lambda message: self.wrong.append(message.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", lambda dialog: self.wrong.append("dialog") or dialog.dismiss())
        self.page.on("request", lambda r: r.url.split("#")[0] == self.file.as_uri() or self.wrong.append(r.url))

    def reads(self, ir: GraphIR, folded: frozenset[str] = frozenset()) -> Any:
        """Open the page of a graph."""
        self.file.write_text(to_html(ir, folded), encoding="utf-8")
        self.page.goto(self.file.as_uri())
        self.page.wait_for_selector("html[data-ready]", state="attached")
        return self.page

    def facts(self) -> Any:
        """What is drawn, and where."""
        return self.page.evaluate(FACTS)

    def press(self, *keys: str) -> None:
        """Press keys, one after another."""
        for key in keys:
            self.page.keyboard.press(key)


@pytest.fixture
def reader(browser, tmp_path) -> Iterator[Reader]:
    reader = Reader(browser, tmp_path)
    yield reader
    reader.context.close()
    assert reader.wrong == []


def overlap(a: list[float], b: list[float]) -> bool:
    """Whether two boxes have more than their borders in common."""
    return all(a[i] + 0.5 < b[i] + b[i + 2] and b[i] + 0.5 < a[i] + a[i + 2] for i in (0, 1))


def check_drawing(facts: Any) -> None:
    """Cards are apart, hold their text, and links go from border to border."""
    boxes = {card["item"]: card["box"] for card in facts["cards"]}
    for a, b in [(a, b) for a in boxes for b in boxes if a < b]:
        assert not overlap(boxes[a], boxes[b]), (a, b)
    assert [card["out"] for card in facts["cards"] if card["out"]] == []
    for frame in facts["frames"]:  # a card is in a frame or out of it
        for box in boxes.values():
            inside = all(
                frame[i] - 0.5 <= box[i] and box[i] + box[i + 2] <= frame[i] + frame[i + 2] + 0.5 for i in (0, 1)
            )
            assert inside or not overlap(frame, box)
    for link in facts["links"]:
        for point, item in ((link["start"], link["from"]), (link["end"], link["to"])):
            x, y, w, h = boxes[item]
            far = max(x - point[0], point[0] - x - w, y - point[1], point[1] - y - h)
            depth = min(abs(point[0] - x), abs(point[0] - x - w), abs(point[1] - y), abs(point[1] - y - h))
            assert far < 1 and depth < 1, (link, boxes[item])


def named(facts: Any, title: str) -> Any:
    """The card of this title that is drawn first."""
    return next(card for card in facts["cards"] if card["title"].startswith(title))


def test_page_draws_all_cards_scopes_and_links(reader):
    ir = network()
    reader.reads(ir)
    facts = reader.facts()
    assert len(facts["cards"]) == len(ir.cards) and len(facts["links"]) == len(ir.edges)
    assert sorted(t.split()[0] for t in facts["titles"]) == ["cross_entropy", "fc1", "fc2", "mlp"]
    check_drawing(facts)
    assert "−" in named(facts, "matmul")["text"][-2] or "σ" in named(facts, "matmul")["text"][-2]


def test_folding_a_scope_closes_its_place_and_unfolding_restores_it(reader):
    page = reader.reads(network())
    before = reader.facts()
    page.click(".item.title[aria-label^=fc1] text")
    folded = reader.facts()
    check_drawing(folded)
    assert len(folded["cards"]) == len(before["cards"]) - 3
    card = named(folded, "fc1")
    assert "2 steps, folded" in card["title"] and "2 steps · 2,080 parameters" in card["text"]
    gap = lambda facts: named(facts, "relu")["box"][1] - named(facts, "x")["box"][1]  # noqa: E731
    assert gap(folded) < gap(before) - 100
    page.click(".item[aria-label^=fc1] .hit")
    after = reader.facts()
    assert [c["title"] for c in after["cards"]] == [c["title"] for c in before["cards"]]
    for a, b in zip(after["cards"], before["cards"], strict=True):
        assert a["box"][2:] == pytest.approx(b["box"][2:], abs=0.5)
    assert gap(after) == pytest.approx(gap(before), abs=0.5)


def test_what_is_clicked_stays_where_it_is(reader):
    page = reader.reads(network())
    title = page.locator(".item.title[aria-label^=fc2] text").first
    before = title.bounding_box()
    title.click()
    after = page.locator(".item[aria-label^=fc2] .name").first.bounding_box()
    assert abs(after["x"] - before["x"]) < 250 and abs(after["y"] - before["y"]) < 60


def test_all_scopes_fold_and_unfold_at_once(reader):
    page = reader.reads(network())
    page.click("#fold")
    facts = reader.facts()
    check_drawing(facts)
    assert [card["title"].split(",")[0].split(" ")[0] for card in facts["cards"]] == ["x", "mlp", "cross_entropy"]
    assert any(re.fullmatch(r"\d\.\d+", text) for text in named(facts, "cross_entropy")["text"])  # the loss in it
    page.click("#unfold")
    assert len(reader.facts()["cards"]) == 15


def test_scopes_are_folded_at_first_if_told_so(reader):
    reader.reads(network(), frozenset(["fc1", "ce"]))
    assert {"fc1", "cross_entropy"} <= {re.split("[ ,]", c["title"])[0] for c in reader.facts()["cards"]}
    assert len(reader.facts()["cards"]) == 8


def test_no_link_runs_over_a_card_whatever_is_folded(reader):
    page = reader.reads(network())
    shown = set()
    for folds in itertools.product([False, True], repeat=4):
        page.evaluate("document.querySelector('#unfold').click()")
        for name in itertools.compress(["fc2", "fc1", "mlp", "cross_entropy"], folds):
            page.locator(f".item.title[aria-label^={name}]").dispatch_event("click")
        facts = reader.facts()
        check_drawing(facts)
        assert page.evaluate(CROSSED) == []
        straight = [
            c["box"][0] + c["box"][2] / 2 for c in facts["cards"] if re.match("x|mlp|relu|cross|mean", c["title"])
        ]
        assert max(straight) - min(straight) < 1  # the main path
        shown.add(len(facts["cards"]))
    assert len(shown) > 6


def test_graph_that_was_folded_before_is_shown_as_it_is(reader):
    page = reader.reads(fold(network(), ["fc1"]))
    assert "2 steps · 2,080 parameters" in named(reader.facts(), "fc1")["text"]
    page.click(".item[aria-label^=fc1]")
    assert "2 steps" in page.inner_text("#panel") and "Values that leave it" in page.inner_text("#panel")
    reader.press("End")
    assert page.inner_text("#telling").split("\n") == ["step 8 / 8", "fc1 pulls back those of its parameters"]


def test_search_marks_matches_opens_scopes_and_counts(reader):
    page = reader.reads(network(), frozenset(["mlp"]))
    reader.press("/")
    page.keyboard.type("matmul")
    assert page.inner_text("#found") == "2 found"
    facts = reader.facts()
    assert "match" in named(facts, "mlp")["class"] and "dim" in named(facts, "x")["class"]
    reader.press("Enter")
    assert page.inner_text("#found") == "1 of 2" and "1 of 2: matmul" in page.inner_text("#says")
    assert "aim" in named(reader.facts(), "matmul")["class"] and page.inner_text("#panel h2").startswith("matmul")
    reader.press("Enter")
    aimed = [card["item"] for card in reader.facts()["cards"] if "aim" in card["class"]]
    reader.press("Enter")
    assert aimed != [card["item"] for card in reader.facts()["cards"] if "aim" in card["class"]]
    reader.press("Escape")
    assert page.inner_text("#found") == "" and "dim" not in named(reader.facts(), "x")["class"]


def test_what_is_searched_for_comes_so_near_that_it_can_be_read(reader):
    page = reader.reads(chain(["tanh"], 200))
    page.click("#fit")
    assert "far" in page.get_attribute("#canvas", "class").split()
    page.fill("#find", "x")
    page.press("#find", "Enter")
    assert "far" not in page.get_attribute("#canvas", "class").split()
    aim = page.locator(".item.aim").bounding_box()
    canvas = page.locator("#canvas").bounding_box()
    assert canvas["y"] <= aim["y"]
    assert aim["y"] + aim["height"] <= canvas["y"] + canvas["height"]


@pytest.mark.parametrize("words", ["[128, 32]", "train.py:12", "LINEAR(64", "w1"])
def test_search_looks_at_shapes_lines_notes_and_names(reader, words):
    page = reader.reads(network())
    page.fill("#find", words)
    assert page.inner_text("#found") not in ("", "0 found")


def test_backward_pass_is_stepped_through_by_keys_to_the_end(reader):
    page = reader.reads(network())
    told, arrived = [], []
    for _ in range(10):
        reader.press("ArrowRight")
        told.append((page.inner_text("#count"), page.inner_text("#pulls")))
        facts = reader.facts()
        assert [c["title"].split(",")[0] for c in facts["cards"] if "current" in c["class"].split()] == [
            told[-1][1].split()[0]
        ]
        arrived.append(sum("no gradient yet" not in " ".join(c["text"]) for c in facts["cards"]))
        assert any("acting" in link["class"] for link in facts["links"])
    assert told[0] == ("step 1 / 9", "mean pulls back ∂subtract")
    assert told[3] == ("step 4 / 9", "add pulls back ∂matmul, ∂b2") or "logsumexp" in told[3][1]
    assert ("step 5 / 9", "add pulls back ∂matmul, ∂b2") in told and (
        "step 6 / 9",
        "matmul pulls back ∂relu, ∂W2",
    ) in told
    assert told[8] == told[9] == ("step 9 / 9", "matmul pulls back ∂W1")  # x gets none
    assert arrived == sorted(arrived) and arrived[0] < arrived[-1] == 15
    assert "Step 9 of 9: matmul pulls back ∂W1" in page.inner_text("#says")
    reader.press("ArrowLeft")
    assert page.inner_text("#count") == "step 8 / 9"
    reader.press("Home")
    assert page.inner_text("#count") == "overview"
    reader.press("End")
    assert page.inner_text("#count") == "step 9 / 9"


def test_gradients_are_added_up_before_they_are_shown(reader):
    page = reader.reads(network())
    reader.press(*["ArrowRight"] * 3)
    added = [c for c in reader.facts()["cards"] if c["title"].startswith("add")][-1]
    assert "1 of 2 paths" in added["text"]
    page.click(f'.item[data-item="{added["item"]}"]')
    assert "1 of 2 gradients came" in page.inner_text("#panel")


def test_step_within_a_folded_scope_lights_its_card(reader):
    reader.reads(network(), frozenset(["mlp"]))
    reader.press(*["ArrowRight"] * 6)
    assert "current" in named(reader.facts(), "mlp")["class"].split()


def test_links_turn_round_where_the_gradient_went(reader):
    reader.reads(network())
    reader.press("End")
    links = reader.facts()["links"]
    assert sum("back" in link["class"].split() for link in links) == len(links) - 2  # not to x and the labels


def test_overlays_change_what_cards_say(reader):
    page = reader.reads(network())
    said = {}
    for name in ("Values", "Gradients", "Cost", "Health"):
        page.click(f"#overlays span:text-is('{name}')")
        facts = reader.facts()
        check_drawing(facts)
        said[name] = named(facts, "relu")["text"]
        assert page.inner_text("#legend")
    assert said["Cost"] != said["Values"] and any("FLOP" in text for text in said["Cost"])
    assert "12 of 32 units dead" in said["Health"]
    colour = "getComputedStyle(document.querySelector('.item[aria-label^=relu] .face')).stroke"
    assert page.evaluate(colour) == "rgb(217, 119, 6)"


def test_panel_tells_all_that_is_known_of_a_card(reader):
    page = reader.reads(network())
    page.click(".item[aria-label^=relu]")
    said = page.inner_text("#panel")
    for words in (
        "mlp › ",
        "relu",
        "f64[128, 32]",
        "32 KiB",
        "mean",
        "deviation",
        "zeros",
        "rms",
        "norm",
        "12 of 32 units dead",
        "Lower the learning rate",
        "∂x = g @ Wᵀ",
        "kFLOP",
        "keeps for backward: x 64 KiB",
        "train.py:10",
        "step 5"[:4],
    ):
        assert words in said, words
    assert page.inner_text(".source .here").strip() == "10line 10 of the program"
    assert page.locator("#panel .histogram").count() == 2
    maps = page.evaluate("""[...document.querySelectorAll('.heat canvas')].map((canvas) => {
      const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return new Set(new Uint32Array(data.buffer)).size;
    })""")
    assert len(maps) == 2 and min(maps) > 10  # colours
    page.click(".item[aria-label^=W1]")
    assert "0.0123" in page.inner_text("#panel")
    page.click("#panel .to:text-is('matmul')")
    assert page.inner_text("#panel h2") == "matmul"
    reader.press("Escape")
    assert page.inner_text("#panel h2") == "Overview"


def test_panel_tells_of_idle_units(reader):
    ir = network()
    idle = replace(ir.cards[5].stats, units=32, dead=3, saturated=1024)
    page = reader.reads(replace(ir, cards=[replace(c, stats=idle) if c.id == "h" else c for c in ir.cards]))
    page.click(".item[aria-label^=relu]")
    said = page.inner_text("#panel")
    assert "units all 0\n3 of 32" in said and "saturated\n25 %" in said


def test_overview_has_notes_and_a_diagnosis_that_leads_to_the_card(reader):
    page = reader.reads(network(), frozenset(["mlp"]))
    assert "Only the first batch was run." in page.inner_text("#panel")
    page.click("#panel .findings .to")
    assert page.inner_text("#panel h2") == "relu"
    assert "selected" in named(reader.facts(), "relu")["class"]


def test_graph_without_statistics_says_so_in_words(reader):
    page = reader.reads(network("shapes"))
    check_drawing(reader.facts())
    for card in reader.facts()["cards"]:
        page.click(f'.item[data-item="{card["item"]}"]')
        said = page.inner_text("#panel")
        assert "not part of this picture" in said and "line was not recorded" in said
        assert not re.search("undefined|null|NaN|object", said)
    reader.press("ArrowRight")
    assert page.inner_text("#count") == "step 1 / 9"


def test_graph_that_no_gradient_comes_back_through_has_no_steps(reader):
    ir = network()
    page = reader.reads(replace(ir, edges=[replace(edge, live=False) for edge in ir.edges]))
    assert "no step here requires a gradient" in page.inner_text("#telling")
    assert page.is_disabled("#slider") and page.is_disabled("#next")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out_in_both_modes(browser, tmp_path, theme):
    reader = Reader(browser, tmp_path, color_scheme=theme)
    page = reader.reads(network(), frozenset(["fc1"]))
    try:
        assert page.get_attribute("#theme", "aria-pressed") == str(theme == "dark").lower()
        for does in (
            "",
            "#overlays label:nth-of-type(3) span",
            "#overlays label:nth-of-type(4) span",
            ".item[aria-label^=W2]",
            ".item[aria-label^=relu]",
        ):
            if does:
                page.click(does)
            assert page.evaluate(CONTRAST) == [], does
        reader.press("Escape", *["ArrowRight"] * 4)
        assert page.evaluate(CONTRAST) == []
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.click("#theme")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != paper
        assert page.evaluate(CONTRAST) == []
    finally:
        reader.context.close()
    assert reader.wrong == []


def test_everything_is_reached_by_tab_and_named(reader):
    page = reader.reads(network())
    page.click(".item[aria-label^=relu]")
    wanted = page.evaluate("""
      window.all = [...document.querySelectorAll('a[href], button:enabled, input:enabled, [tabindex="0"]')]
        .filter((e) => e.getClientRects().length && !(e.type === 'radio' && !e.checked));
      all.length""")
    seen = set()
    page.evaluate("document.activeElement.blur()")
    for _ in range(wanted + 5):
        reader.press("Tab")
        seen.add(page.evaluate("all.indexOf(document.activeElement)"))
    assert len(seen - {-1}) == wanted
    tree = reader.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    focusable = [
        n for n in tree if any(p["name"] == "focusable" and p["value"].get("value") for p in n.get("properties", []))
    ]
    unnamed = [
        n["role"]["value"]
        for n in focusable
        if not n.get("name", {}).get("value") and n["role"]["value"] not in ("RootWebArea", "generic")
    ]
    assert len(focusable) > 25 and unnamed == []
    assert sum(n.get("role", {}).get("value") == "treeitem" for n in tree) == 19


def test_cards_are_walked_folded_and_chosen_by_keys(reader):
    page = reader.reads(network())
    page.evaluate("document.querySelector('.item[tabindex=\"0\"]').focus()")
    walked = []
    for _ in range(19):
        walked.append(page.evaluate("document.activeElement.getAttribute('aria-label')").split(",")[0])
        reader.press("ArrowDown")
    assert len(walked) == 19 and walked[:5] == ["x", "mlp Sequential", "fc1 Linear(64 → 32)", "W1", "matmul"]
    reader.press(*["ArrowUp"] * 17)
    reader.press("Enter")
    at = "document.activeElement.getAttribute('aria-label') + document.activeElement.getAttribute('aria-expanded')"
    assert page.evaluate(at).startswith("mlp") and page.evaluate(at).endswith("false")
    reader.press(" ")
    assert page.evaluate(at).endswith("true")
    reader.press("ArrowDown", "ArrowDown", "Enter")
    assert page.inner_text("#panel h2") == "W1"


def test_graph_moves_and_scales(reader):
    page = reader.reads(network())
    place = lambda: page.evaluate("new DOMMatrix(getComputedStyle(stage).transform).toFloat32Array().join()")  # noqa: E731
    seen = [place()]
    page.mouse.move(120, 500)
    page.mouse.down()
    page.mouse.move(180, 560, steps=4)
    page.mouse.up()
    seen.append(place())
    page.mouse.wheel(0, 80)
    page.wait_for_function(
        "(was) => new DOMMatrix(getComputedStyle(stage).transform).toFloat32Array().join() !== was", arg=seen[-1]
    )
    seen.append(place())
    for key in ("+", "+", "="):
        reader.press(key)
        seen.append(place())
    page.focus("#canvas")
    for key in ("ArrowDown", "ArrowRight"):
        reader.press(key)
        seen.append(place())
    reader.press("0")
    fitted = place()
    page.click("#closer")
    page.click("#fit")
    assert len(set(seen)) == len(seen) and place() == fitted
    inside = page.evaluate("""[...document.querySelectorAll('.face')].every((face) => {
      const a = face.getBoundingClientRect(), b = canvas.getBoundingClientRect();
      return a.left >= b.left && a.right <= b.right && a.top >= b.top && a.bottom <= b.bottom;
    })""")
    assert inside


def test_narrow_page_has_its_panel_as_a_sheet(browser, tmp_path):
    reader = Reader(browser, tmp_path, viewport={"width": 400, "height": 800}, has_touch=True)
    try:
        page = reader.reads(network())
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        assert page.is_hidden("#panel") and page.is_visible("#slider") and page.is_visible("#find")
        page.tap(".item[aria-label^=matmul] .face")
        assert page.is_visible("#panel") and page.get_attribute("#handle", "aria-expanded") == "true"
        page.click("#handle")
        assert page.is_hidden("#panel")
        check_drawing(reader.facts())
    finally:
        reader.context.close()
    assert reader.wrong == []


def test_large_graph_is_drawn_as_it_comes_into_sight(reader):
    page = reader.reads(chain(["tanh", "add"], 700))
    count = "document.querySelectorAll('.inside').length"
    assert page.locator(".face").count() == 1401 and 0 < page.evaluate(count) < 200
    reader.press("End")
    current = page.locator(".item.current")
    assert current.locator(".inside .name").text_content() == "tanh" and current.locator(".face").is_visible()


def test_printed_page_shows_the_whole_graph_and_no_controls(reader):
    page = reader.reads(network())
    page.click("#closer")
    assert page.pdf().startswith(b"%PDF")
    page.emulate_media(media="print")
    assert not any(page.is_visible(what) for what in ("#slider", "#overlays", "#find", "#fit", "#theme"))
    width, height = page.evaluate("[drawing.getBoundingClientRect().width, drawing.getBoundingClientRect().height]")
    assert 200 < width <= 1400 and height > 200


def test_hostile_names_are_text(reader):
    ir = network()
    cards = [
        replace(
            card,
            title=HOSTILE[i % len(HOSTILE)],
            name=HOSTILE[i % len(HOSTILE)] * (i % 2),
            note=HOSTILE[-i % len(HOSTILE)],
        )
        for i, card in enumerate(ir.cards)
    ]
    scopes = [replace(scope, title=HOSTILE[i], note=HOSTILE[i + 1]) for i, scope in enumerate(ir.scopes)]
    page = reader.reads(replace(ir, cards=cards, scopes=scopes, title=HOSTILE[1], notes=HOSTILE[:4]))
    scripts = "document.querySelectorAll('script').length"
    check_drawing(reader.facts())
    for card in reader.facts()["cards"]:
        page.click(f'.item[data-item="{card["item"]}"] .face', position={"x": 100, "y": 25})
        assert page.evaluate(scripts) == 2  # the data and the program
    reader.press("Escape", "ArrowRight", "End")
    assert "<b>" in page.inner_text("body") or "&amp;" in page.inner_text("body")


@settings(
    max_examples=15,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(irs(most=14))
def test_any_graph_is_drawn_whatever_is_folded(reader, ir):
    page = reader.reads(ir)
    check_drawing(reader.facts())
    titles = page.locator(".item.title:not(.fast)")
    for i in range(titles.count()):
        titles.nth(i).dispatch_event("click")
        page.evaluate("document.querySelector('#fit').click()")
        check_drawing(reader.facts())
        page.evaluate("document.querySelector('#unfold').click()")
    page.evaluate("document.querySelector('#fold').click()")
    check_drawing(reader.facts())
    reader.press("End")
    assert not re.search("undefined|\\[object|NaN pulls", page.inner_text("body"))
    assert reader.wrong == []


def test_numbers_are_told_as_numbers_not_as_one_bar(reader):
    x = Card("x", "parameter", "x", "x", (), "f64", 8, value=-1.2, stats=stats(np.array(-1.2)))
    x = replace(x, gradient=stats(np.array(-215.6)))
    page = reader.reads(GraphIR([x, Card("y", "loss", "square", "", (), "f64", 8, value=1.44)], [Edge("x", "y", 0)]))
    card = page.locator("[data-item='0']").first
    assert "= −1.2" in card.text_content()
    assert "∂ = −216" in card.text_content()
    assert card.locator(".bars").count() == 0
