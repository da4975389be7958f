"""Pictures: what is shown is what was recorded, in the same bytes each time, and never at the graph's expense."""

import json
import shutil
import subprocess

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.viz import Graph, draw
from tensorgrad.viz.boxes import modules, unfold

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
    return {id: box.path for box in unfold(modules(draw(y).ir)) for id in box.cards}


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
    kinds = {card.title: card.kind for card in draw(mlp()).ir.cards if card.kind not in ("op", "loss")}
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
    assert str(draw(x)).endswith("○  %0  x  f64[]  = 0.1")
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
    assert {("matmul", "layers.0"), ("layers.0.weight", "layers.0"), ("matmul", "layers.1")} <= titles
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
    for ending in ("dot", "json", "txt"):
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
    before = draw(y)
    y.backward()
    assert draw(y).ir == before.ir
    assert draw(y).to_graphviz().source == before.to_graphviz().source


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


def test_drawing_touches_no_gradient_and_leaves_the_graph_usable():
    w, y = tensors_only()
    draw(y).to_graphviz()
    assert w.grad is None
    y.backward()
    grad, copy = w.grad, w.grad.copy()
    assert str(draw(y))
    assert w.grad is grad
    np.testing.assert_array_equal(grad, copy)


def test_a_picture_holds_nothing_of_the_graph():
    graph = draw(tensors_only()[1])
    assert all(isinstance(value, str | int | float | tuple | None) for c in graph.ir.cards for value in vars_of(c))


def vars_of(card):
    return [getattr(card, name) for name in card.__slots__]


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


@needs_dot
def test_markup_in_a_name_is_shown_as_it_is():
    svg = draw(leaf('<b>&"', 2).sum())._repr_svg_()
    assert "&lt;b&gt;&amp;&quot;" in svg


# Size
def test_a_chain_of_many_steps_needs_no_recursion():
    y = leaf("x")
    for _ in range(20_000):
        y = y + 1.0
    graph = draw(y)
    assert graph.to_graphviz().source.count(" -> ") == 20_000
    assert str(graph).count("\n") > 20_000
    assert graph._repr_svg_() is None
    assert "large" in repr(graph) or "want" in repr(graph)


def test_deeply_nested_modules_need_no_recursion():
    h = np.ones(1)
    for depth in range(1, 400):
        h = h * leaf("m." * depth + "w", 1)
    assert draw(h).to_graphviz().source.count("subgraph cluster") > 300


# Files
def test_text_shows_the_main_path_and_other_arguments_behind_it():
    assert str(draw(mlp())) == "\n".join(
        [
            "Forward graph of loss   8 operations · 5,503 parameters in 4 tensors",
            "",
            "  ○  %4.0  input        f64[5, 784]",
            "  │",
            "  ├─ layers.0",
            "  ●  %4    matmul       f64[5, 7]    ◂ layers.0.weight f64[784, 7]",
            "  ●  %5    add          f64[5, 7]    ◂ layers.0.bias f64[1, 7]",
            "  │",
            "  ├─ layers",
            "  ●  %6    maximum      f64[5, 7]    (·, 0.0)",
            "  │",
            "  ├─ layers.1",
            "  ●  %7    matmul       f64[5, 1]    ◂ layers.1.weight f64[7, 1]",
            "  ●  %8    add          f64[5, 1]    ◂ layers.1.bias f64[1, 1]",
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
    assert {"source", "target", "argument", "role"} == data["edges"][0].keys()


@pytest.mark.parametrize("value", [np.nan, np.inf, 1 + 2j])
def test_a_value_that_json_has_no_number_for_is_text(value):
    data = json.loads(draw(tg.tensor(value, requires_grad=True) * 1.0).ir.to_json())
    assert data["cards"][-1]["value"] == str(value)


def test_dot_files_are_what_graphviz_is_given(tmp_path):
    graph = draw(mlp())
    assert graph.save(str(tmp_path / "graph.DOT")).read_text(encoding="utf-8") == graph.to_graphviz().source


@needs_dot
@pytest.mark.parametrize(("ending", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_pictures_are_rendered_by_dot_without_a_complaint(tmp_path, ending, start):
    assert draw(mlp()).save(tmp_path / f"graph.{ending}").read_bytes().startswith(start)
    assert rendered(draw(mlp())).stderr == b""


@needs_dot
def test_a_notebook_shows_svg():
    assert "</svg>" in draw(mlp())._repr_svg_()


def test_without_dot_a_notebook_shows_the_text_and_says_why(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    graph = draw(mlp())
    assert graph._repr_svg_() is None
    assert repr(graph).startswith(str(graph)) and "for want of Graphviz's dot" in repr(graph)


@pytest.mark.parametrize("ending", ["svg", "png", "pdf"])
def test_without_dot_a_picture_is_refused_with_the_cure(monkeypatch, tmp_path, ending):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match=rf"\.{ending} .*install Graphviz.*graph\.dot"):
        draw(mlp()).save(tmp_path / f"graph.{ending}")
    assert not (tmp_path / f"graph.{ending}").exists()


def test_a_dot_that_fails_is_quoted_and_never_disturbs_a_notebook(monkeypatch, tmp_path):
    broken = tmp_path / "dot"
    broken.write_text("#!/bin/sh\necho out of ink >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert draw(mlp())._repr_svg_() is None
    with pytest.raises(RuntimeError, match="out of ink"):
        draw(mlp()).save(tmp_path / "graph.svg")


@pytest.mark.parametrize("name", ["graph.gif", "graph", "graph.svg.bak"])
def test_an_unknown_ending_is_refused_with_those_there_are(tmp_path, name):
    with pytest.raises(ValueError, match=r"endings \.dot, \.json, \.txt, \.svg, \.png, \.pdf"):
        draw(mlp()).save(tmp_path / name)


# What cannot be drawn
@pytest.mark.parametrize(
    ("option", "value", "there"),
    [
        ("view", "backward", "'forward'"),
        ("detail", "stats", "'shapes'"),
        ("depth", 2, "None"),
        ("engine", "neato", "'dot'"),
    ],
)
def test_an_option_that_is_not_available_is_refused_with_what_is(option, value, there):
    with pytest.raises(ValueError, match=f"{option}={value!r} is not available.*{there}"):
        draw(mlp(), **{option: value})


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
