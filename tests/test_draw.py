"""Pictures: what is shown is what was recorded, in the same bytes each time, and never at the graph's expense."""

import gc
import json
import shutil
import subprocess
import sys
import weakref
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.viz import Graph, draw

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz's dot is not installed")
NAMES = ("layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias")


def leaf(name=None, *shape):
    return tg.tensor(np.ones(shape) / 10, requires_grad=True, name=name)


def mlp(names=NAMES):
    """Return the loss of a 784-7-1 network, as NumPy expressions."""
    x, y = np.ones((5, 784)) / 784, np.ones((5, 1))
    w1, b1, w2, b2 = map(leaf, names, *zip(*[(784, 7), (1, 7), (7, 1), (1, 1)], strict=True))
    loss = np.mean((np.maximum(x @ w1 + b1, 0.0) @ w2 + b2 - y) ** 2)
    loss.name = "loss"
    return loss


def tensors_only():
    w, x = leaf("w", 3, 2), leaf("x", 2)
    return w, np.sum(np.tanh(w @ x) * np.exp(w[:, 0]))


@tg.primitive(lambda g, _z, _x, matrix: g @ matrix.T, lambda g, _z, x, _matrix: x.T @ g)
def affine(x, matrix):
    return x @ matrix


def card(y, title):
    """Return the only card of that title."""
    (found,) = [card for card in draw(y).ir.cards if card.title == title]
    return found


def box(y):
    """Return the path of the module that each card is drawn in, by id."""
    ir, paths = draw(y).ir, {"": ""}
    for scope in ir.scopes:
        paths[scope.id] = f"{paths[scope.parent]}.{scope.title}".lstrip(".")
    return {card.id: paths[card.scope] for card in ir.cards}


def rendered(graph, form="svg"):
    return subprocess.run(["dot", f"-T{form}"], input=graph.to_graphviz().source.encode(), capture_output=True)


# What is shown
def test_every_step_has_a_card_and_every_argument_an_edge():
    ir = draw(mlp()).ir
    titles = [card.title for card in ir.cards if card.kind in ("op", "loss")]
    assert titles == ["matmul", "add", "maximum", "matmul", "add", "subtract", "power", "mean"]
    assert len(ir.edges) == 8 + 4 + 1  # the main path with the input, the parameters, the labels


def test_cards_say_shape_dtype_and_bytes():
    first = next(card for card in draw(mlp()).ir.cards if card.title == "matmul")
    assert (first.shape, first.dtype, first.bytes, first.family) == ((5, 7), "f64", 5 * 7 * 8, "linalg")


def test_parameters_carry_their_names_and_data_is_told_from_other_constants():
    kinds = {card.name or card.title: card.kind for card in draw(mlp()).ir.cards if card.kind not in ("op", "loss")}
    assert kinds == dict.fromkeys(NAMES, "parameter") | {"input": "input", "constant": "constant"}


def test_a_root_of_one_element_is_the_loss_and_shows_its_value():
    loss = mlp()
    root = draw(loss).ir.cards[-1]
    assert (root.kind, root.name, root.value) == ("loss", "loss", loss.item())
    assert draw(np.exp(leaf("w", 2))).ir.cards[-1].kind == "op"


@pytest.mark.parametrize(
    ("f", "note"),
    [
        (lambda w: w * 2.0, "× 2.0"),
        (lambda w: 2.0 * w, "× 2.0"),
        (lambda w: 1 - w, "1.0 −"),  # as it entered the computation
        (lambda w: w / np.float32(3), "÷ 3.0"),
        (lambda w: w**2, "** 2"),
        (lambda w: np.maximum(w, 0), "(·, 0.0)"),
        (lambda w: np.clip(w, None, 1.0), "(·, None, 1.0)"),
        (lambda w: w * np.array(0.5), "× 0.5"),
        (lambda w: w + np.array(0.5), "+ f64[]"),  # no rule reads it: the graph holds its shape only
        (lambda w: w.sum(axis=1, keepdims=True), "axis=1, keepdims=True"),
        (lambda w: w.sum(axis=-1, keepdims=False), "axis=-1"),
        (lambda w: w.reshape(3, 2), ""),
        (lambda w: w[:, None, ::-1, ...], "[:, None, ::-1, ...]"),
        (lambda w: w[[0, 1], 1:], "[i64[2], 1:]"),
    ],
)
def test_scalar_constants_and_parameters_stand_in_the_card_of_their_step(f, note):
    ir = draw(f(leaf("w", 2, 3))).ir
    assert (ir.cards[-1].note, len(ir.cards)) == (note, 2)


def test_a_write_says_where_and_never_shows_an_address():
    def f():
        y, x = tg.zeros((3, 4)), leaf("x", 2)
        y[1:, 0] = x
        y.T[2].reshape(3, 1)[[0, 0]] = x[:1]
        return y

    shown = f()
    notes = [card.note for card in draw(shown).ir.cards if card.title == "write"]
    assert notes == ["[1:, 0]", ".transpose()[2].reshape((3, 1))[i64[2]]"]
    assert str(draw(shown)) == str(draw(f()))
    assert " at 0x" not in draw(shown).to_graphviz().source


def test_an_array_used_twice_is_one_card():
    x, w = np.ones((2, 2)), leaf("w", 2, 2)
    assert sum(card.kind == "input" for card in draw(x @ w * (x @ w)).ir.cards) == 1


def test_an_argument_used_twice_has_two_edges():
    x = leaf("x")
    assert [(edge.source, edge.argument) for edge in draw(x * x).ir.edges] == [("n0", 0), ("n0", 1)]


def test_roles_are_given_where_the_order_of_arguments_matters():
    a, b = leaf("a", 2, 2), leaf("b", 2, 2)
    assert [edge.role for edge in draw(a - b).ir.edges] == ["", "−"]
    assert [edge.role for edge in draw(a @ b).ir.edges] == ["left", "right"]
    assert [edge.role for edge in draw(a + b).ir.edges] == ["", ""]
    assert [edge.role for edge in draw(np.concatenate([a, b])).ir.edges] == ["1", "2"]
    assert [edge.role for edge in draw(affine(a, b)).ir.edges] == ["x", "matrix"]


def test_a_single_leaf_is_a_picture():
    x = leaf("x")
    assert "○  %0  x  f64[]  = 0.1" in str(draw(x))
    assert "n0" in draw(x).to_graphviz().source


def test_an_operation_of_the_user_is_shown_under_its_name():
    @tg.primitive(lambda g, _y, x: g * 3 * x**2)
    def cube(x):
        return x**3

    assert card(cube(leaf("x", 2)), "cube").family == "elementwise"


# Modules
def test_a_layer_holds_its_parameters_and_the_steps_that_read_them_first():
    loss = mlp()
    where = box(loss)
    titles = {(card.title, where[card.id]) for card in draw(loss).ir.cards}
    assert {("matmul", "layers.0"), ("weight", "layers.0"), ("matmul", "layers.1")} <= titles
    assert {("maximum", "layers"), ("input", ""), ("mean", ""), ("subtract", "")} <= titles


def test_a_penalty_on_a_weight_is_not_part_of_its_layer():
    w = leaf("fc.weight", 3, 2)
    loss = np.sum(np.ones((1, 3)) @ w) + np.sum(w**2)
    assert box(loss)[card(loss, "power").id] == ""
    assert box(loss)[card(loss, "matmul").id] == "fc"


def test_a_module_that_would_swallow_another_has_no_box():
    w, v, u = leaf("a.w", 2), leaf("b.v", 2), leaf("a.u", 2)
    y = (w * 2.0 * v) * u  # a, then b, then a again
    assert set(box(y).values()) == {"", "b"}


def test_names_without_dots_make_no_boxes():
    assert set(box(mlp(("W1", "b1", "W2", "b2"))).values()) == {""}


def test_a_network_made_of_modules_is_drawn_in_their_boxes():
    loss = tg.nn.cross_entropy(tg.nn.MLP([4, 3, 2], rng=0)(np.ones((5, 4))), np.zeros(5, int))
    assert set(box(loss).values()) == {"", "layers.0", "layers.1"}
    assert box(loss)[card(loss, "affine + relu").id] == "layers.0"
    assert box(loss)[card(loss, "softmax_cross_entropy").id] == ""


@needs_dot
def test_parameters_stand_on_the_row_of_their_consumer_and_the_main_path_is_straight():
    loss = mlp()
    graph = draw(loss)
    place = {
        line.split()[1]: tuple(map(float, line.split()[2:4]))
        for line in rendered(graph, "plain").stdout.decode().splitlines()
        if line.startswith("node ")
    }
    weights = {card.id for card in graph.ir.cards if card.kind == "parameter"}
    for edge in graph.ir.edges:
        if edge.source in weights:
            assert place[edge.source][1] == pytest.approx(place[edge.target][1])
            assert place[edge.source][0] < place[edge.target][0]
    path = [place[card.id][0] for card in graph.ir.cards if card.kind in ("input", "op", "loss")]
    assert path == pytest.approx([path[0]] * len(path))


# The same picture each time
def test_the_same_graph_gives_the_same_bytes(tmp_path):
    loss = mlp()
    for ending in ("svg", "html", "dot", "json", "txt", "mmd"):
        one, two, again = (
            draw(y).save(tmp_path / f"{i}.{ending}").read_bytes() for i, y in enumerate([loss, loss, mlp()])
        )
        assert one == two == again


def test_ids_are_unique_and_edges_point_from_older_to_newer():
    ir = draw(mlp()).ir
    place = {card.id: i for i, card in enumerate(ir.cards)}
    assert len(place) == len(ir.cards)
    assert all(place[edge.source] < place[edge.target] for edge in ir.edges)


def test_the_picture_is_the_same_after_backward():
    _, y = tensors_only()
    before = draw(y, detail="shapes")
    y.backward()
    after = draw(y, detail="shapes")
    assert after.ir.cards == [replace(card, kept=()) for card in before.ir.cards]
    assert after.ir.edges == before.ir.edges
    assert after.to_graphviz().source == before.to_graphviz().source


def test_after_backward_the_steps_stay_and_the_picture_says_which_constants_are_gone():
    loss = mlp()
    before = draw(loss).ir
    loss.backward()
    after = draw(loss)
    constants = {card.id for card in before.cards if card.kind in ("input", "constant")}
    assert [c.id for c in after.ir.cards] == [c.id for c in before.cards if c.id not in constants]
    kept = [(e.source, e.target, e.argument) for e in before.edges if e.source not in constants]
    assert [(e.source, e.target, e.argument) for e in after.ir.edges] == kept
    assert "4 constants that backward() has let go of" in str(after)
    assert "4 constants that backward() has let go of" in after.to_graphviz().source


def test_a_gradient_that_is_there_stays_as_it_is():
    w, y = tensors_only()
    y.backward()
    grad, copy = w.grad, w.grad.copy()
    for view in ("forward", "backward", "both"):
        assert str(draw(y, view=view))
    assert w.grad is grad
    np.testing.assert_array_equal(grad, copy)


class Watched(np.ndarray):
    pass


def test_a_picture_holds_nothing_of_the_graph():
    w, y = tensors_only()
    array = np.ones(3).view(Watched)  # which can be referred to weakly
    known, y = weakref.ref(array), np.sum(y * array)
    graph = draw(y)
    del w, y, array
    gc.collect()
    assert known() is None
    assert graph.ir.cards


# What names may contain
@pytest.mark.parametrize(
    "name", ['<b>&"bold"</b>', "<>", "&amp", r"a\Nb\l", "{x|y}", "two\nlines\x00", "β·名", " ", "a..b", ".w", "w."]
)
def test_any_name_can_be_drawn(name):
    y = (leaf(name, 2) * 2.0).sum()
    y.name = name
    assert str(draw(y))
    source = draw(y).to_graphviz().source
    if shutil.which("dot"):
        picture = rendered(draw(y))
        assert (picture.returncode, picture.stderr) == (0, b""), source


def test_markup_in_a_name_is_shown_as_it_is():
    svg = draw(leaf('<b>&"', 2).sum())._repr_svg_()
    assert "&lt;b&gt;&amp;" in svg and "<b>" not in svg


HOSTILE = [
    '<script>alert("x")</script>',
    "x" * 10_000,
    "اسم" * 20,
    "a\x00\x1b[31m\ud800b",
    "]]>--><!--",
    "%s {0} `$(x)`",
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("view", ["forward", "backward", "both"])
def test_hostile_names_are_escaped_in_every_file(name, view, tmp_path):
    y = (leaf(f"{name}.w", 2) * 2.0).sum()
    y.name = name
    graph = draw(y, view=view, detail="full")
    for ending in ("svg", "html", "dot", "json", "txt", "mmd"):
        text = graph.save(tmp_path / f"graph.{ending}").read_text(encoding="utf-8")
        assert '<script>alert("x")' not in text or ending in ("json", "txt")  # which nobody runs
        assert len(text) < (150_000 if ending == "html" else 80_000)
    ElementTree.parse(tmp_path / "graph.svg")


# Size
def test_a_chain_of_many_steps_needs_no_recursion_and_is_folded():
    for view, steps in (("forward", 20_000), ("backward", 4_000), ("both", 4_000)):
        y = leaf("x")
        for _ in range(steps):
            y = y + 1.0
        graph = draw(y, view=view)
        assert len(graph.ir.cards) < 400
        assert any(f"{steps + 1:,} cards are shown as" in note for note in graph.ir.notes)
        assert "</svg>" in graph._repr_svg_()
        assert "×" in str(graph)


def test_what_is_folded_can_be_unfolded():
    y = leaf("x")
    for _ in range(300):
        y = np.tanh(y * 1.01)
    assert len(draw(y).ir.cards) < 150
    assert len(draw(y, depth=99).ir.cards) == 601
    assert not draw(y, depth=99).ir.notes[1:]


def test_deeply_nested_modules_need_no_recursion():
    h = np.ones(1)
    for depth in range(1, 400):
        h = h * leaf("m." * depth + "w", 1)
    assert draw(h, depth=999).to_graphviz().source.count("subgraph cluster") > 300


# Files
def test_of_many_arguments_text_mentions_the_first():
    weights = [tg.tensor([1.0], requires_grad=True, name=f"w{i}") for i in range(40)]
    row = next(line for line in str(draw(np.concatenate(weights).sum())).splitlines() if "concatenate" in line)
    assert row.endswith("◂ w7 f64[1]  and 32 more")


def test_text_shows_the_main_path_and_other_arguments_behind_it():
    assert str(draw(mlp(), detail="shapes")) == "\n".join(
        [
            "Forward graph of loss   8 operations · 5,503 parameters in 4 tensors · 55 kFLOP forward",
            "",
            "  ○  %4.0  input        f64[5, 784]",
            "  │",
            "  ├─ layers.0",
            "  ●  %4    matmul       f64[5, 7]    ◂ weight f64[784, 7]",
            "  ●  %5    add          f64[5, 7]    ◂ bias f64[1, 7]",
            "  │",
            "  ├─ layers",
            "  ●  %6    maximum      f64[5, 7]    (·, 0.0)",
            "  │",
            "  ├─ layers.1",
            "  ●  %7    matmul       f64[5, 1]    ◂ weight f64[7, 1]",
            "  ●  %8    add          f64[5, 1]    ◂ bias f64[1, 1]",
            "  │",
            "  ●  %9    subtract     f64[5, 1]    ◂ constant f64[5, 1]",
            "  ●  %10   power        f64[5, 1]    ** 2",
            f"  ◉  %11   mean → loss  f64[]        = {mlp().item():.5g}",
        ]
    )


def test_json_is_the_graph_as_plain_data(tmp_path):
    data = json.loads(draw(mlp()).save(tmp_path / "graph.json").read_text(encoding="utf-8"))
    assert data["version"] == 2
    assert {"id", "kind", "title", "name", "shape", "dtype", "bytes"} <= data["cards"][0].keys()
    assert {"source", "target", "argument"} <= data["edges"][0].keys()


@pytest.mark.parametrize(("value", "text"), [(np.nan, "nan"), (np.inf, "inf"), (1 + 2j, "1+2j")])
def test_a_value_that_json_has_no_number_for_is_text(value, text):
    data = json.loads(draw(tg.tensor(value, requires_grad=True) * 1.0).ir.to_json())
    assert data["cards"][-1]["value"] == text


def test_dot_files_are_what_graphviz_is_given(tmp_path):
    graph = draw(mlp())
    assert graph.save(str(tmp_path / "graph.DOT")).read_text(encoding="utf-8") == graph.to_graphviz().source


@needs_dot
@pytest.mark.parametrize(("ending", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_pictures_are_rendered_by_dot_without_a_complaint(tmp_path, ending, start):
    graph = draw(mlp(), engine="dot")
    assert graph.save(tmp_path / f"graph.{ending}").read_bytes().startswith(start)
    assert rendered(graph).stderr == b""


def test_a_picture_needs_no_other_program(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    text = draw(mlp()).save(tmp_path / "graph.svg").read_text(encoding="utf-8")
    assert ElementTree.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"


def test_a_page_is_one_file(tmp_path):
    for view in ("forward", "backward", "both"):
        text = draw(mlp(), view=view).save(tmp_path / "graph.html").read_text(encoding="utf-8")
        assert text.startswith("<!doctype html>")
        assert "http" not in text.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")


@pytest.mark.parametrize("view", ["forward", "backward", "both"])
def test_the_page_of_a_very_large_graph_has_what_is_folded(view, tmp_path):
    y = leaf("x")
    for i in range(2_000):
        y = np.exp(y) if i % 7 == i % 3 else np.sin(y)
    file = draw(y, view=view, detail="shapes").save(tmp_path / "graph.html")
    assert file.stat().st_size < 400_000


def test_a_notebook_shows_svg_and_never_an_error(monkeypatch):
    graph = draw(mlp())
    assert "</svg>" in graph._repr_svg_()
    monkeypatch.setattr("tensorgrad.viz.to_svg", lambda ir: 1 / 0)
    monkeypatch.setattr("tensorgrad.viz.to_text", lambda ir: 1 / 0)
    assert graph._repr_svg_() is None
    assert "could not be shown" in repr(graph)


@pytest.mark.parametrize("ending", ["svg", "png", "pdf"])
def test_without_dot_its_engine_is_refused_with_the_cure(monkeypatch, tmp_path, ending):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    with pytest.raises(RuntimeError, match=r"(?s)dot.*install"):
        draw(mlp(), engine="dot").save(tmp_path / f"graph.{ending}")
    assert not (tmp_path / f"graph.{ending}").exists()


def test_a_dot_that_fails_is_quoted_and_never_disturbs_a_notebook(monkeypatch, tmp_path):
    broken = tmp_path / "dot"
    broken.write_text("#!/bin/sh\necho out of ink >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    graph = draw(mlp(), engine="dot")
    assert graph._repr_svg_() is None
    with pytest.raises(RuntimeError, match="out of ink"):
        graph.save(tmp_path / "graph.svg")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        draw(mlp()).save(tmp_path / "nowhere" / "graph.svg")


@pytest.mark.parametrize("name", ["graph.gif", "graph", "graph.svg.bak"])
def test_an_unknown_ending_is_refused_with_those_there_are(tmp_path, name):
    with pytest.raises(ValueError, match=r"endings \.svg, \.html, \.txt, \.json, \.dot, \.mmd"):
        draw(mlp()).save(tmp_path / name)


# What cannot be drawn
@pytest.mark.parametrize(
    ("option", "value", "there"),
    [
        ("view", "sideways", "'forward', 'backward', 'both'"),
        ("detail", "some", "'shapes', 'stats', 'full'"),
        ("engine", "neato", "'auto', 'dot'"),
    ],
)
def test_an_option_that_is_not_known_is_refused_with_what_is(option, value, there):
    with pytest.raises(ValueError, match=f"{option}={value!r} is not known.*{there}"):
        draw(mlp(), **{option: value})


@pytest.mark.parametrize("depth", [-1, 1.5, True, "all"])
def test_a_depth_that_counts_nothing_is_refused(depth):
    with pytest.raises(ValueError, match="depth="):
        draw(mlp(), depth=depth)


def test_a_tensor_with_inputs_is_refused():
    with pytest.raises(TypeError, match=r"a tensor and 1 more argument"):
        draw(mlp(), np.ones(3))


def test_diff_shows_what_a_step_has_changed(tmp_path):
    w = tg.tensor(np.ones(3), requires_grad=True, name="w")
    before = draw(lambda x: (x * w).sum(), np.ones(3))
    w.data = 2 * w.data
    graph = draw(lambda x: (x * w).sum(), np.ones(3)).diff(before)
    assert ["rms 1.0 → 2.0" in f.words for f in graph.ir.findings if f.words.startswith("values")] == [True] * 2 + [
        False
    ]
    assert "rms 1.0 → 2.0" in str(graph)
    assert "rms 1.0 → 2.0" in graph.save(tmp_path / "graph.svg").read_text(encoding="utf-8")
    assert r"rms 1.0 \u2192 2.0" in graph.save(tmp_path / "graph.html").read_text(encoding="utf-8")


def test_focus_shows_a_neighbourhood_and_refuses_what_is_not_there():
    graph = draw(mlp()).focus("loss", steps=1)
    assert [card.title for card in graph.ir.cards] == ["power", "mean"]
    with pytest.raises(ValueError, match="los"):
        graph.focus("los")


@pytest.mark.parametrize("y", [3.0, np.ones(2), None, [1, 2]])
def test_what_is_no_tensor_is_refused(y):
    with pytest.raises(TypeError, match=type(y).__name__):
        draw(y)


def test_a_tensor_without_a_graph_is_refused_with_the_cure():
    with tg.no_grad():
        y = leaf("w", 2) * 2
    with pytest.raises(ValueError, match="requires_grad=True"):
        draw(y)
    assert isinstance(draw(leaf("w", 2) * 2), Graph)
