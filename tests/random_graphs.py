"""Any graphs, as data: random cards, edges and nested scopes, for the tests of passes, layouts and writers."""

import math
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from tensorgrad.viz.ir import Card, Edge, Finding, GraphIR, Heat, Kept, Line, Scope, Stats

PLAIN = ["W", "b", "layers.0.weight", "layers.1.weight", "hidden"]
HOSTILE = [
    '<b>&amp;</b>"quoted"',
    "</script><script>alert(1)</script>",
    "two\nlines\tand\x00control\x1b[31m",
    "שלום \u202eright to left",
    "lone \ud800 surrogate",
    "line\u2028separator",
    "long " * 2000,
    "back\\slash $x$ `tick` {brace} [bracket] |pipe|",
    "𝔘𝔫𝔦 🙂 e\u0301",
    " ",
]
OPS = [("matmul", "linalg"), ("add", "elementwise"), ("relu", "activation"), ("sum", "reduction"), ("reshape", "view")]
SHAPES = [(), (3,), (128, 64), (2, 3, 4, 5), (0,), (None, 3)]
DTYPES = {"f32": 4, "f64": 8, "i64": 8, "bool": 1, "c128": 16}
LONGEST = 16  # cards, unless the test wants more


@st.composite
def stats(draw: st.DrawFn) -> Stats:
    """What is told of an array: anything from nothing finite to a full histogram and heat map."""
    size = draw(st.integers(0, 5000))
    nans = draw(st.integers(0, size)) if draw(st.booleans()) else 0
    if size == nans:
        return Stats(size, nans=nans)
    least, greatest = sorted(draw(st.tuples(*[st.sampled_from([-1e300, -3.5, -1e-12, 0.0, 1e-30, 1.0, 4e5])] * 2)))
    rms = max(abs(least), abs(greatest)) / 2
    rows, columns = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    cells = st.lists(st.integers(-127, 127), min_size=rows * columns, max_size=rows * columns).map(tuple)
    return Stats(
        size,
        mean=(least + greatest) / 2,
        deviation=(greatest - least) / 4,
        rms=rms,
        norm=rms * math.sqrt(size),
        least=least,
        greatest=greatest,
        zeros=draw(st.integers(0, size - nans)),
        nans=nans,
        infinities=draw(st.sampled_from([0, 0, 0, 2])),
        classes=draw(st.sampled_from([None, None, 10])),
        counts=tuple(draw(st.lists(st.integers(0, 1000), min_size=24, max_size=24))),
        heat=Heat(rows, columns, 0.5, draw(cells)) if draw(st.booleans()) else None,
    )


FINDINGS = st.lists(
    st.sampled_from(
        [
            Finding("note", "constant"),
            Finding("low", "12 of 64 units dead", "they never pass a gradient on. Lower the learning rate"),
            Finding("bad", "origin: 3 of 4 are NaN", "log of <0. Add a small number first"),
        ]
    ),
    max_size=2,
    unique=True,
).map(tuple)


@st.composite
def irs(
    draw: st.DrawFn,
    *,
    most: int = LONGEST,
    hostile: bool = True,
    convex: bool | None = None,
    filled: bool | None = None,
) -> GraphIR:
    """Any forward graph: each card leads to the root, each edge from an older card to a newer one.

    most: number of cards.   hostile: names with markup, control characters and the like, too.
    convex: whether no path leaves a scope and comes back; None for either.
    filled: whether cards have statistics, lines and so on; None for either.
    """
    n = draw(st.integers(1, most))
    filled = draw(st.booleans()) if filled is None else filled
    convex = draw(st.booleans()) if convex is None else convex
    names = st.sampled_from(["", "", *PLAIN, *(HOSTILE if hostile else [])])
    sources = wiring(draw, n)
    cards: list[Card] = []
    edges: list[Edge] = []
    flows: list[bool] = []  # whether a gradient comes back to the card
    for i in range(n):
        shape, dtype = draw(st.sampled_from(SHAPES)), draw(st.sampled_from(list(DTYPES)))
        size = None if None in shape else math.prod(k or 0 for k in shape) * DTYPES[dtype]
        name = draw(names)
        id = f"n{i}" if sources[i] or draw(st.booleans()) else f"n{n}_{i}"
        live = [flows[s] and draw(st.integers(0, 9)) > 0 for s in sources[i]]
        if sources[i]:
            title, family = draw(st.sampled_from(OPS))
            last = i == n - 1 and draw(st.booleans())
            card = Card(id, "loss" if last else "op", title, name, () if last else shape, dtype, size, family=family)
            card = replace(card, note=draw(st.sampled_from(["", "axis=1", "× 2.0"])), value=2.5 if last else None)
            flows.append(any(live))
        else:
            kind = draw(st.sampled_from(["parameter", "parameter", "input", "constant"]))
            card = Card(id, kind, name or kind, name if kind == "parameter" else "", shape, dtype, size)
            flows.append(kind == "parameter")
        cards.append(furnished(draw, card) if filled else card)
        edges += [
            Edge(cards[s].id, id, k, draw(st.sampled_from(["", "left"])), live=live[k])
            for k, s in enumerate(sources[i])
        ]
    scopes, homes = draw(nested(n, convex, names))
    cards = [replace(card, scope=home) for card, home in zip(cards, homes, strict=True)]
    found = [replace(f, card=card.id) for card in cards for f in card.findings]
    return GraphIR(
        cards,
        edges,
        scopes,
        detail=draw(st.sampled_from(["shapes", "stats", "full"])),
        title=draw(names),
        notes=draw(st.sampled_from([[], ["… stands for 2 constants that backward() has let go of"]])),
        findings=found,
        sources={"train.py": {3: "h = x @ w", 4: "return </script>"}} if filled else {},
    )


def wiring(draw: st.DrawFn, n: int) -> list[list[int]]:
    """Return the arguments of each of `n` cards, so that all but the last are an argument of a later one."""
    sources: list[list[int]] = []
    for i in range(n):
        few = draw(st.lists(st.integers(max(0, i - 6), i - 1), max_size=3)) if i else []
        sources.append(few or ([i - 1] if i == n - 1 and i else []))
    for i in range(n - 1):
        if not any(i in later for later in sources[i + 1 :]):
            ops = [k for k in range(i + 1, n) if sources[k]]
            sources[draw(st.sampled_from(ops[:3]))].append(i)
    return sources


def furnished(draw: st.DrawFn, card: Card) -> Card:
    """Return a card with all that a run can tell of it."""
    step = card.kind in ("op", "loss")
    kept = st.sampled_from([(), (Kept("result", card.bytes),), (Kept("left <", 1280), Kept("right", None))])
    return replace(
        card,
        stats=draw(st.none() | stats()),
        gradient=draw(st.none() | stats()) if card.kind in ("parameter", "op", "loss") else None,
        ratio=draw(st.sampled_from([None, 0.072, 3e-9])) if card.kind == "parameter" else None,
        formula=draw(st.sampled_from([(), ("∂x = g @ Wᵀ", "∂W = xᵀ @ g"), ("∂z = g * (z > 0)",)])) if step else (),
        kept=draw(kept) if step else (),
        flops=draw(st.sampled_from([None, 0, 524_288])) if step else None,
        line=draw(st.sampled_from([None, Line("train.py", 3, "h = x @ w"), Line("a<b>.py", 12, "")])),
        findings=draw(FINDINGS),
        verdict=draw(st.sampled_from(["", "", "right", "wrong"])) if step else "",
    )


@st.composite
def nested(draw: st.DrawFn, n: int, convex: bool, names: st.SearchStrategy[str]) -> tuple[list[Scope], list[str]]:
    """Scopes, outer first, and for each of `n` cards the innermost around it."""
    scopes: list[Scope] = []
    spans: list[tuple[int, int]] = []  # in a row of cards nothing that follows on from inside comes back
    for i in range(draw(st.integers(0, 5))):
        around = draw(st.integers(-1, i - 1))
        low, high = spans[around] if around >= 0 else (0, n)
        taken = [spans[k] for k in range(i) if scopes[k].parent == (scopes[around].id if around >= 0 else "")]
        a, b = sorted((draw(st.integers(low, high)), draw(st.integers(low, high))))
        if any(a < d and c < b for c, d in taken):
            a = b = low  # it would overlap another: it stays empty
        spans.append((a, b))
        kind = draw(st.sampled_from(["module", "function"]))
        note = draw(st.sampled_from(["", "Linear(64 → 32)"]))
        scopes.append(Scope(f"s{i}", draw(names) or f"f{i}", kind, note, scopes[around].id if around >= 0 else ""))
    homes = [""] * n
    for scope, (a, b) in zip(scopes, spans, strict=True):  # the inner ones come later
        homes[a:b] = [scope.id] * (b - a)
    if not convex:
        homes = [draw(st.sampled_from(["", *(s.id for s in scopes)])) for _ in range(n)]
    return scopes, homes


def chain(titles: Sequence[str], times: int = 1) -> GraphIR:
    """Return steps of these titles one after another, as often as told, each the only argument of the next."""
    cards = [Card("n0", "parameter", "x", "x", (3,), "f64", 24)]
    edges: list[Edge] = []
    for i, title in enumerate([*titles] * times, 1):
        cards.append(Card(f"n{i}", "op", title, "", (3,), "f64", 24))
        edges.append(Edge(f"n{i - 1}", f"n{i}", 0))
    return GraphIR(cards, edges)
