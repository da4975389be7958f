"""What a picture knows: values, gradients, calls and lines, read from a graph or from one run of a function."""

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.viz import draw


def weights(rng=0, dtype=np.float64):
    """Return the weights of a 4-3-1 network."""
    rng = np.random.default_rng(rng)
    shapes = {"w1": (4, 3), "b1": (3,), "w2": (3, 1)}
    return {
        name: tg.tensor(rng.standard_normal(s).astype(dtype), requires_grad=True, name=name)
        for name, s in shapes.items()
    }


def network(p):
    """Return a function of data and targets."""

    def hidden(x):
        return np.tanh(x @ p["w1"] + p["b1"])

    def step(x, y):
        return np.mean((hidden(x) @ p["w2"] - y) ** 2)

    return step


def data(n=5):
    rng = np.random.default_rng(1)
    return rng.standard_normal((n, 4)), rng.standard_normal((n, 1))


def by_title(ir):
    return {card.title: card for card in ir.cards}


def scope_titles(ir, card):
    """Return the titles of the scopes around a card, the outermost first."""
    scopes, found, here = {scope.id: scope for scope in ir.scopes}, [], card.scope
    while here:
        found.insert(0, scopes[here].title)
        here = scopes[here].parent
    return found


# A function, run once
def test_a_function_shows_all_values_and_gradients():
    p, (x, y) = weights(), data()
    ir = draw(network(p), x, y).ir
    assert all(card.stats is not None or card.value is not None for card in ir.cards)
    loss = network(p)(x, y)
    expected = tg.gradients(loss, list(p.values()))
    for name, gradient in zip(p, expected, strict=True):
        card = by_title(ir)[name]
        np.testing.assert_allclose(card.gradient.norm, np.linalg.norm(gradient), rtol=1e-12)
        np.testing.assert_allclose(card.ratio, np.linalg.norm(gradient) / np.linalg.norm(p[name].data), rtol=1e-12)
    first = next(card for card in ir.cards if card.title == "matmul")
    np.testing.assert_allclose(first.stats.mean, (x @ p["w1"].data).mean())
    assert ir.cards[-1].value == loss.item()
    assert ir.notes == []


def test_gradients_of_steps_are_those_of_the_pass():
    p, (x, y) = weights(), data()
    ir = draw(network(p), x, y).ir
    h = np.tanh(x @ p["w1"].data + p["b1"].data)
    residual = h @ p["w2"].data - y
    np.testing.assert_allclose(by_title(ir)["tanh"].gradient.norm, np.linalg.norm(2 * residual / 5 @ p["w2"].data.T))
    np.testing.assert_allclose(by_title(ir)["subtract"].stats.mean, residual.mean())


def test_inputs_have_the_names_of_the_function_s_arguments():
    ir = draw(network(weights()), *data()).ir
    assert {card.title for card in ir.cards if card.kind == "input"} == {"x", "y"}


def test_inputs_within_containers_are_named_by_their_place():
    w = tg.tensor(np.ones(3), requires_grad=True, name="w")
    ir = draw(lambda batch: (batch["x"] * w + batch["more"][1]).sum(), {"x": np.ones(3), "more": [0, np.ones(3)]}).ir
    assert {card.title for card in ir.cards if card.kind == "input"} == {"batch['x']", "batch['more'][1]"}


def test_the_items_of_an_input_are_named_and_stand_where_they_are_taken():
    w = tg.tensor(np.ones(3), requires_grad=True, name="w")

    def cell(x, h):
        return np.tanh(x * w + h)

    def unrolled(xs):
        h = 0.0
        for x in xs:
            h = cell(x, h)
        return h.sum()

    ir = draw(unrolled, np.ones((3, 3))).ir
    inputs = [(card.title, scope_titles(ir, card)) for card in ir.cards if card.kind == "input"]
    assert inputs == [("xs[0]", ["cell"]), ("xs[1]", ["cell"]), ("xs[2]", ["cell"])]


def test_arrays_that_are_no_inputs_are_constants():
    w, c = tg.tensor(np.ones(3), requires_grad=True, name="w"), np.arange(3.0)
    kinds = {card.title: card.kind for card in draw(lambda x: (x * w * c).sum(), np.ones(3)).ir.cards}
    assert kinds["x"] == "input"
    assert kinds["constant"] == "constant"


def test_an_input_that_only_chooses_elements_has_a_card_and_gets_no_gradient():
    w = tg.tensor(np.ones((4, 3)), requires_grad=True, name="w")
    ir = draw(lambda labels: w[np.arange(4), labels].sum(), np.array([0, 2, 1, 1])).ir
    (labels,) = [card for card in ir.cards if card.title == "labels"]
    (edge,) = [edge for edge in ir.edges if edge.source == labels.id]
    assert (labels.kind, labels.stats.classes, edge.live) == ("input", 3, False)


def test_calls_of_functions_are_scopes_if_they_take_several_steps():
    def inner(z):
        return np.exp(z) + 1

    def single(z):
        return np.log(z)

    def outer(z):
        return single(inner(z)) * 2

    ir = draw(lambda z: outer(z).sum(), np.ones(3)).ir
    cards = by_title(ir)
    assert scope_titles(ir, cards["exp"]) == ["outer", "inner"]
    assert scope_titles(ir, cards["log"]) == ["outer"]
    assert scope_titles(ir, cards["sum"]) == []
    assert [scope.kind for scope in ir.scopes] == ["function", "function"]


def test_modules_are_scopes_named_by_their_path_and_hold_their_parameters():
    model = tg.nn.MLP([4, 3, 1], rng=0)
    ir = draw(lambda x: model(x).sum(), data()[0]).ir
    steps = [card for card in ir.cards if card.kind == "op"]
    assert [scope_titles(ir, card) for card in steps] == [["model", "layers.0"], ["model", "layers.1"]]
    assert [card.title for card in ir.cards if card.kind == "parameter"] == ["weight", "bias", "weight", "bias"]
    assert {tuple(scope_titles(ir, c)) for c in ir.cards if c.title == "weight"} == {
        ("model", "layers.0"),
        ("model", "layers.1"),
    }
    assert "Linear(4, 3, relu) · 15 parameters" in [scope.note for scope in ir.scopes]


def test_a_module_without_a_path_is_called_as_the_code_that_calls_it_calls_it():
    class Attention:
        def __init__(self):
            self.q, self.k = tg.nn.Linear(4, 3, rng=0), tg.nn.Linear(4, 3, rng=1)

        def __call__(self, x):
            return self.q(x) * self.k(x)

    attend = Attention()
    ir = draw(lambda x: attend(x).sum(), data()[0]).ir
    assert [scope.title for scope in ir.scopes] == ["Attention", "q", "k"]


def test_parameters_of_modules_that_are_used_twice_are_told_apart():
    D, G = tg.nn.MLP([2, 3, 2], rng=0), tg.nn.MLP([2, 3, 2], rng=1)
    ir = draw(lambda x: (D(x) + D(G(x)) + G(x)).sum(), np.ones((4, 2))).ir
    titles = {card.title for card in ir.cards if card.kind == "parameter"}
    assert {"D.layers.0.weight", "G.layers.0.weight"} <= titles and len(titles) == 8
    assert ["D (2)", "layers.0"] in [scope_titles(ir, card) for card in ir.cards if card.kind == "op"]


def test_functions_that_only_join_or_split_arrays_are_no_scopes():
    assert draw(lambda x: np.stack(np.split(x, 3)).sum(), np.ones(6)).ir.scopes == []


def test_a_module_that_defines_call_itself_is_a_scope():
    class Twice(tg.nn.Module):
        def __init__(self):
            self.w = tg.tensor([2.0], requires_grad=True)

        def __call__(self, x):
            return x * self.w * self.w

    model = tg.nn.Sequential(Twice(), np.tanh, Twice())
    ir = draw(model, np.ones(3)).ir
    assert [(scope.title, scope.kind) for scope in ir.scopes] == [("layers.0", "module"), ("layers.2", "module")]


def test_of_a_module_that_is_drawn_itself_only_what_is_in_it_is_a_scope():
    model = tg.nn.Sequential(tg.nn.Linear(4, 3, rng=0), np.tanh, tg.nn.Linear(3, 2, rng=1))
    graph = draw(model, data()[0])
    assert [scope.title for scope in graph.ir.scopes] == ["layers.0", "layers.2"]
    assert graph.ir.title == "Sequential"


def test_a_module_that_is_used_again_has_a_scope_for_each_use_and_its_parameters_are_around_them():
    cell = tg.nn.Linear(3, 3, rng=0)
    ir = draw(lambda x: cell(np.tanh(cell(x))).sum(), np.ones((2, 3))).ir
    assert [scope.title for scope in ir.scopes] == ["cell", "cell (2)"]
    assert {card.scope for card in ir.cards if card.kind == "parameter"} == {""}


def test_steps_of_a_composite_are_in_a_scope_of_its_name():
    ir = draw(lambda x: np.var(x).sum(), np.arange(3.0)).ir
    assert [scope.title for scope in ir.scopes] == ["var"]


def test_every_step_has_its_line_and_the_lines_around_it():
    def step(x):
        z = np.exp(x)
        return z.sum()

    first = step.__code__.co_firstlineno
    ir = draw(step, np.ones(3)).ir
    line = by_title(ir)["exp"].line
    assert (line.file, line.number, line.text) == ("test_reading.py", first + 1, "z = np.exp(x)")
    assert sorted(ir.sources["test_reading.py"]) == list(range(first - 1, first + 5))
    assert ir.sources["test_reading.py"][first + 2].strip() == "return z.sum()"


def test_a_function_of_plain_arrays_is_drawn_with_gradients_of_its_inputs():
    ir = draw(lambda a, b: np.sum(a * b), np.array([1.0, 2.0]), np.array([3.0, 5.0])).ir
    a = by_title(ir)["a"]
    assert a.kind == "input"
    np.testing.assert_allclose(a.gradient.norm, np.hypot(3, 5))


def test_a_number_beside_an_array_is_a_setting():
    ir = draw(lambda x, n: np.sum(x) * int(n), np.ones(3), 2.0).ir
    assert [card.title for card in ir.cards if card.kind == "input"] == ["x"]
    assert by_title(draw(lambda a: a * a, 3.0).ir)["a"].kind == "input"


def test_the_function_is_run_once_where_something_requires_a_gradient():
    runs = []
    w = tg.tensor([2.0], requires_grad=True)

    def f(x):
        runs.append(x)
        return (w * x).sum()

    draw(f, np.ones(1))
    assert len(runs) == 1


def test_of_a_loss_and_what_it_came_from_the_loss_is_drawn():
    w = tg.tensor([2.0], requires_grad=True, name="w")

    def f(x):
        logits = w * x
        return {"logits": logits, "loss": (logits**2).sum()}

    assert draw(f, np.ones(1)).ir.cards[-1].title == "sum"


def test_two_results_that_have_nothing_to_do_with_each_other_are_refused_with_the_cure():
    w = tg.tensor([2.0], requires_grad=True)
    with pytest.raises(ValueError, match=r"f returned 2 tensors.*draw one of them"):

        def f(x):
            return w * x, w + x

        draw(f, np.ones(1))


def test_a_function_without_anything_to_derive_is_refused_with_the_cure():
    with pytest.raises(TypeError, match=r"count returned a value of type int, which depends on no .* requires"):

        def count(x):
            return len(x)

        draw(count, [1, 2])


def test_what_came_before_the_run_is_an_input():
    w = tg.tensor([2.0], requires_grad=True, name="w")
    before = np.exp(w)
    ir = draw(lambda x: (x * 3.0).sum(), before).ir
    assert [(card.kind, card.title) for card in ir.cards] == [("input", "x"), ("op", "multiply"), ("loss", "sum")]
    np.testing.assert_allclose(ir.cards[0].gradient.norm, 3.0)


def test_an_error_of_the_function_reaches_the_user_and_nothing_stays_on():
    from tensorgrad.trace import watched

    def broken(x):
        raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        draw(broken, np.ones(2))
    assert watched.running == 0
    assert draw(lambda x: x.sum(), np.ones(2)).ir.cards[-1].value == 2.0


# A tensor
def test_of_a_tensor_what_no_rule_reads_is_missing_and_the_picture_says_so():
    p, (x, y) = weights(), data()
    ir = draw(network(p)(x, y)).ir
    assert by_title(ir)["tanh"].stats is not None
    assert by_title(ir)["w1"].stats is None
    assert by_title(ir)["w1"].gradient is not None
    (note,) = ir.notes
    assert "not held" in note
    assert "tg.draw(f, *inputs)" in note


def test_recording_keeps_no_more_for_having_been_drawn():
    p, (x, y) = weights(), data()
    draw(network(p), x, y)
    step = network(p)(x, y).node
    while step.op.name != "add":
        step = step.inputs[0]
    assert not any(isinstance(arg, np.ndarray) for arg in step.args)


def test_after_backward_parameters_show_what_is_in_grad():
    p, (x, y) = weights(), data()
    loss = network(p)(x, y)
    loss.backward()
    ir = draw(loss).ir
    np.testing.assert_allclose(by_title(ir)["w1"].gradient.norm, np.linalg.norm(p["w1"].grad))
    assert by_title(ir)["tanh"].gradient is None
    assert any(".grad" in note for note in ir.notes)


def test_drawing_touches_no_grad_and_leaves_the_graph_usable():
    p, (x, y) = weights(), data()
    loss = network(p)(x, y)
    for detail in ("shapes", "stats", "full"):
        draw(loss, detail=detail)
        draw(network(p), x, y, detail=detail)
    assert all(w.grad is None for w in p.values())
    loss.backward()
    assert all(w.grad is not None for w in p.values())


def test_shapes_alone_compute_nothing():
    seen = []
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    w.register_hook(seen.append)
    ir = draw((w * w).sum(), detail="shapes").ir
    assert not seen
    assert all(card.stats is None and card.gradient is None for card in ir.cards)


def test_hooks_take_part_in_the_gradients_of_a_picture():
    w = tg.tensor([1.0, 2.0], requires_grad=True, name="w")
    w.register_hook(lambda g: 0 * g)
    assert by_title(draw((w * w).sum()).ir)["w"].gradient.norm == 0


def test_a_root_of_several_elements_is_derived_by_its_sum_and_says_so():
    w = tg.tensor([1.0, 2.0], requires_grad=True, name="w")
    ir = draw(w * w).ir
    np.testing.assert_allclose(by_title(ir)["w"].gradient.norm, np.hypot(2, 4))
    assert any("the sum of its elements" in note for note in ir.notes)


def test_a_rule_that_fails_leaves_a_picture_without_gradients_that_says_why():
    @tg.primitive(lambda g, _y, x: g.nonsense)
    def broken(x):
        return x * 1

    w = tg.tensor([1.0, 2.0], requires_grad=True, name="w")
    ir = draw(broken(w).sum()).ir
    assert by_title(ir)["w"].gradient is None
    assert any("no gradients: " in note and "nonsense" in note for note in ir.notes)


def test_bytes_kept_are_those_that_rules_read():
    p, (x, y) = weights(), data()
    loss = network(p)(x, y)
    for ir in (draw(loss).ir, draw(network(p), x, y).ir):
        kept = {card.title: [(k.what, k.bytes) for k in card.kept] for card in ir.cards if card.kept}
        assert kept["tanh"] == [("result", 5 * 3 * 8)]
        first = next(card for card in ir.cards if card.title == "matmul")
        assert [k.bytes for k in first.kept] == [5 * 4 * 8]  # x, for w1; w1 is not read, as x needs no gradient
        assert "add" not in kept


def test_an_edge_says_whether_a_gradient_comes_back_through_it():
    p, (x, y) = weights(), data()
    ir = draw(network(p), x, y).ir
    live = {card.title: edge.live for edge in ir.edges for card in ir.cards if card.id == edge.source}
    assert live["w1"] and live["tanh"]
    assert not live["x"] and not live["y"]


def test_lines_are_known_of_what_was_recorded_under_debug():
    w = tg.tensor([1.0], requires_grad=True)
    with tg.debug():
        loss = np.exp(w).sum()
    assert by_title(draw(loss).ir)["exp"].line.text == "loss = np.exp(w).sum()"
    assert by_title(draw(np.exp(w).sum()).ir)["exp"].line is None


def test_a_picture_shows_the_nan_at_which_debug_would_stop():
    w = tg.tensor([0.0, 4.0], requires_grad=True, name="w")
    with tg.debug():
        loss = np.sum(np.sqrt(w))
        assert by_title(draw(loss).ir)["w"].gradient.infinities == 1
        with pytest.raises(FloatingPointError):
            loss.backward()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_counted_and_shown(value):
    w = tg.tensor([1.0, value], requires_grad=True, name="w")
    ir = draw(lambda: np.sum(w * 2.0)).ir
    stats = by_title(ir)["multiply"].stats
    assert (stats.nans + stats.infinities, stats.size) == (1, 2)
    assert ir.cards[-1].value == str(value)
    assert type(ir).from_json(ir.to_json()) == ir


def test_a_graph_is_the_same_after_a_round_through_json():
    ir = draw(network(weights()), *data(), detail="full").ir
    assert type(ir).from_json(ir.to_json()) == ir


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("nonsense", "no JSON"),
        ("[1, 2]", "no version and cards"),
        ('{"version": 1, "cards": [], "edges": []}', "version 1, expected 2"),
    ],
)
def test_what_is_no_graph_is_not_read(text, complaint):
    from tensorgrad.viz.ir import GraphIR

    with pytest.raises(ValueError, match=complaint):
        GraphIR.from_json(text)


def test_float16_complex_and_integers_are_drawn():
    w = tg.tensor(np.ones(3, np.float16), requires_grad=True, name="w")
    z = tg.tensor(np.ones(3) * 1j, requires_grad=True, name="z")
    index = np.array([0, 2])
    ir = draw(lambda i: np.abs(z[i] * w[i]).sum(), index).ir
    assert by_title(ir)["w"].dtype == "f16"
    np.testing.assert_allclose(by_title(ir)["z"].stats.rms, 1)
    assert by_title(ir)["i"].stats.classes == 2


def test_a_checkpointed_function_is_one_step():
    w = tg.tensor([1.0, 2.0], requires_grad=True, name="w")
    ir = draw(lambda: tg.checkpoint(lambda v: np.exp(v) * v)(w).sum()).ir
    assert by_title(ir)["w"].gradient is not None


# What a function is given, and how it is written
def kinds(ir):
    return {card.title: card.kind for card in ir.cards if card.kind not in ("op", "loss")}


def test_parameters_of_a_module_that_a_function_is_given_are_parameters():
    model, x = tg.nn.Linear(4, 2, rng=0), data()[0]
    ir = draw(lambda model, x: np.mean(model(x) ** 2), model, x).ir
    assert kinds(ir) == {"weight": "parameter", "bias": "parameter", "x": "input"}
    assert "10 parameters" in ir.summary()
    assert {tuple(scope_titles(ir, card)) for card in ir.cards if card.kind == "parameter"} == {("model",)}


@pytest.mark.parametrize("name", ["w", None])
def test_tensors_in_a_container_that_a_function_is_given_are_parameters(name):
    p = {"w": tg.tensor(np.ones((4, 2)), requires_grad=True, name=name)}
    ir = draw(lambda p, x: np.mean((x @ p["w"]) ** 2), p, data()[0]).ir
    assert kinds(ir) == {name or "p['w']": "parameter", "x": "input"}


def test_a_tensor_without_a_name_that_a_function_is_given_by_itself_is_an_input():
    t = tg.tensor(np.linspace(0, 1, 4)[:, None], requires_grad=True)
    assert kinds(draw(lambda t: np.sum(np.sin(t)), t).ir) == {"t": "input"}


def test_weights_that_are_returned_beside_the_loss_are_no_result():
    w = tg.tensor([2.0], requires_grad=True, name="w")
    assert draw(lambda x: (np.sum(w * x), w), np.ones(1)).ir.cards[-1].title == "sum"


def test_a_view_of_an_input_has_its_name_and_other_views_of_the_same_memory_do_not():
    table, w = np.arange(30.0).reshape(10, 3), tg.tensor(np.ones(3), requires_grad=True, name="w")
    ir = draw(lambda x: np.sum(x[1:] @ w) + np.sum(w @ x.T) + np.sum(table[5:] @ w), table[:5]).ir
    assert kinds(ir) == {"w": "parameter", "part of x": "input", "view of x": "input", "constant": "constant"}


def test_an_index_that_equals_two_inputs_is_drawn_once():
    w, mask = tg.tensor(np.ones(3), requires_grad=True, name="w"), np.array([True, False, True])
    ir = draw(lambda a, b: np.sum(w[a]) + np.sum(w[b]), mask, mask.copy()).ir
    for step in [card for card in ir.cards if card.title == "getitem"]:
        assert [edge.argument for edge in ir.edges if edge.target == step.id] == [0, 1]


def test_a_forward_that_goes_on_with_that_of_its_base_class_is_one_call():
    class Doubled(tg.nn.Linear):
        def forward(self, x):
            return super().forward(x) * 2.0

    model = Doubled(4, 3, rng=0)
    assert [scope.title for scope in draw(lambda x: np.sum(model(x)), data()[0]).ir.scopes] == ["model"]


def test_a_partial_a_wrapper_and_an_object_are_called_as_what_they_call():
    from functools import partial, wraps

    def energy(x, k):
        return np.sum(np.exp(x * k))

    @wraps(energy)
    def timed(*args):
        return energy(*args)

    class Energy:
        def __call__(self, x):
            return np.sum(np.exp(x))

    for f, inputs, title in (
        (partial(energy, k=2.0), (np.ones(3),), "energy"),
        (partial(partial(timed), np.ones(3)), (np.ones(3),), "energy"),
        (Energy(), (np.ones(3),), "Energy"),
    ):
        ir = draw(f, *inputs).ir
        assert (ir.title, ir.scopes) == (title, [])


@pytest.mark.parametrize("pictured", [lambda f: draw(f()), lambda f: draw(f)])
def test_hooks_of_parameters_take_part_in_the_gradients_of_either_picture(pictured):
    w = tg.tensor([1.0, 2.0], requires_grad=True, name="w")
    w.register_hook(lambda g: 3 * g)
    np.testing.assert_allclose(by_title(pictured(lambda: np.sum(w * w)).ir)["w"].gradient.norm, 3 * np.hypot(2, 4))


# What is not known
def test_a_picture_of_a_function_says_which_values_it_has_not():
    w = tg.tensor([1.0, 2.0], requires_grad=True, name="w")
    (note,) = draw(lambda: np.sum(tg.checkpoint(lambda v: np.exp(v) * v)(w))).ir.notes
    assert note.startswith("the values of 1 of 3 arrays are not held")
    assert "tg.checkpoint" in note


def test_values_that_a_pass_within_the_function_let_go_of_are_said_to_be_gone():
    w = tg.tensor([1.0, 2.0], requires_grad=True, name="w")

    def step(x):
        loss = np.sum(np.exp(w * x))
        loss.backward()
        return loss

    notes = draw(step, np.ones(2)).ir.notes
    assert any("values of 3 of 4 arrays are not held, for backward() has let go of them" in note for note in notes)


class Foreign(np.lib.mixins.NDArrayOperatorsMixin):
    """An array type that is not NumPy's."""

    def __init__(self, held):
        self.held = held

    def __array_ufunc__(self, ufunc, method, *args, **params):
        return Foreign(getattr(ufunc, method)(*(a.held if isinstance(a, Foreign) else a for a in args), **params))

    def __array_function__(self, fn, types, args, params):
        out = fn(*(a.held if isinstance(a, Foreign) else a for a in args), **params)
        return Foreign(np.asarray(out)) if isinstance(out, np.ndarray | np.generic) else out


def test_of_arrays_of_another_type_no_more_is_said_than_that_they_are_not_looked_at():
    w = tg.tensor(Foreign(np.ones(3)), requires_grad=True, name="w")
    x = Foreign(np.ones(3))
    ir = draw(lambda x: np.sum(w * x), x).ir
    assert kinds(ir) == {"w": "parameter", "x": "input"}
    assert ir.notes == ["no statistics of arrays of type Foreign: their elements are not looked at"]
    assert draw(np.sum(w * x)).ir.notes == ir.notes


def test_gradients_in_grad_are_shown_and_told_of_where_a_pass_fails():
    w = tg.tensor([1.0, 2.0], requires_grad=True, name="w")
    loss = np.sum(w * w)
    loss.backward(retain_graph=True)
    w.data = w.data + 1
    ir = draw(loss).ir
    np.testing.assert_allclose(by_title(ir)["w"].gradient.norm, np.hypot(2, 4))
    assert any(note.startswith("no gradients but those in .grad: the data of 'w' was replaced") for note in ir.notes)


def test_cost_of_which_a_part_is_not_known_is_said_to_be_at_least_so_much():
    w = tg.tensor([1.0, 2.0], requires_grad=True, name="w")
    known, checkpointed = np.sum(np.exp(w)), np.sum(tg.checkpoint(np.exp)(w))
    assert "· 4 FLOP forward" in draw(known).ir.summary()
    assert "· at least 2 FLOP forward" in draw(checkpointed).ir.summary()


# What is asked of it
@pytest.mark.parametrize("option", ["view", "detail", "engine"])
@pytest.mark.parametrize("value", [3, ["stats"], np.array(["stats", "full"]), {}])
def test_an_option_that_is_none_is_refused_by_name(option, value):
    with pytest.raises(ValueError, match=f"draw: {option}="):
        draw(tg.tensor([1.0], requires_grad=True).sum(), **{option: value})


def test_focus_finds_cards_of_folded_modules_and_of_the_backward_view(tmp_path):
    model, x = tg.nn.MLP([4, 3, 1], rng=0), data()[0]
    folded = draw(lambda x: np.sum(model(x)), x, depth=0).focus("model", 1)
    assert [card.title for card in folded.ir.cards] == ["x", "model", "sum"]
    assert {card.title for card in folded.whole.cards} == {"x", "affine + relu", "affine", "sum", "weight", "bias"}
    back = draw(lambda x: np.sum(model(x)), x, view="both").focus("∂ℒ/∂bias", 1)
    for graph in (folded, back):
        graph.save(tmp_path / "graph.html")


def test_what_is_no_name_and_no_graph_is_refused():
    graph = draw(tg.tensor([1.0], requires_grad=True, name="w").sum())
    with pytest.raises(TypeError, match="a string; got int"):
        graph.focus(3)
    with pytest.raises(TypeError, match="another graph, which tg.draw made; got NoneType"):
        graph.diff(None)


def test_thousands_of_inputs_that_choose_elements_take_no_time():
    from time import perf_counter

    w = tg.tensor(np.ones((4, 2)), requires_grad=True, name="w")
    places = [np.array([i % 4, (i + 1) % 4]) for i in range(1500)]
    before = perf_counter()
    draw(lambda places: sum(np.sum(w[i]) for i in places), places, detail="shapes")
    assert perf_counter() - before < 5  # a second; comparing each with each takes ten times as long


def test_a_graph_says_which_depth_shows_all_of_it():
    w = tg.tensor([1.0], requires_grad=True, name="w")

    def deeper(x, n):
        return x if n == 0 else next_one(x * w, n - 1)

    def next_one(x, n):
        return deeper(x + 1.0, n)

    start = lambda x: np.sum(deeper(x, 120))  # noqa: E731  # has no name
    (note,) = (note for note in draw(start, np.ones(1)).ir.notes if "depth=" in note)
    deepest = int(note.partition("depth= to choose, depth=")[2].split()[0])
    assert deepest > 99
    assert all(card.kind != "module" for card in draw(start, np.ones(1), depth=deepest).ir.cards)


@pytest.mark.parametrize("f", [np.sort, np.median, lambda x: np.quantile(x, [0.25, 0.5]), lambda x: np.partition(x, 1)])
def test_what_sorts_is_drawn(f):
    graph = draw(lambda x: np.sum(f(x)), np.array([[3.0, 1.0], [2.0, 5.0]]))
    assert graph.ir.cards[-1].value == np.sum(f(np.array([[3.0, 1.0], [2.0, 5.0]])))
    assert "order=i64" in str(graph)


def test_every_op_is_drawn_with_its_gradients(all_calls):
    for call in {call.op.name: call for call in all_calls}.values():
        drawn_with_gradients(call)


def drawn_with_gradients(call):
    """Draw a call of an op, and compare its gradients with those of a pass."""

    def f(*arrays):
        found = call(*arrays)
        return sum(np.sum(np.real(y)) for y in (found if isinstance(found, tuple | list) else [found]))

    with np.errstate(all="ignore"):
        arrays = [tg.tensor(array, requires_grad=True, name=f"a{i}") for i, array in enumerate(call.values())]
        y = f(*arrays)
        if not isinstance(y, tg.Tensor) or y.node is None:
            return
        graph = draw(f, *arrays, detail="full")
    assert str(graph)
    assert type(graph.ir).from_json(graph.ir.to_json()) == graph.ir
    given = {card.name: card.gradient for card in graph.ir.cards if card.kind == "parameter"}
    for name, gradient in zip([f"a{i}" for i in range(len(arrays))], tg.gradients(y, arrays), strict=True):
        if given.get(name) is not None and np.isfinite(gradient).all():
            np.testing.assert_allclose(given[name].norm, np.linalg.norm(gradient), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", [".", "..", "...", ".a", "a.", "a..b", " . "])
def test_names_of_dots_alone_are_drawn(name):
    p, q = (tg.tensor(np.ones(3), requires_grad=True, name=name) for _ in range(2))
    for graph in (draw((p * q).sum()), draw(lambda: (p * q).sum())):
        assert "<svg" in graph._repr_svg_()
        assert all(scope.id != scope.parent for scope in graph.ir.scopes)


def test_what_two_steps_of_a_folded_function_keep_is_counted_once():
    weights = [tg.tensor(np.full((8, 8), 0.1), requires_grad=True, name=f"w{i}") for i in range(5)]

    def network(x):
        for w in weights:
            x = np.tanh(x @ w)
        return x

    x = np.ones((2, 8))
    whole, folded = (draw(lambda: np.sum(network(x)), depth=depth, view="both").ir for depth in (99, 0))
    arrays = 6 * 2 * 8 * 8 + 4 * 8 * 8 * 8  # x and what each layer gives; all weights but the first
    assert f"{arrays / 1024:.3g} KiB kept" in whole.summary()
    assert f"{arrays / 1024:.3g} KiB kept" in folded.summary()


def test_what_rules_read_in_place_of_a_result_is_counted_as_kept():
    logits, labels = tg.tensor(np.ones((64, 5)), requires_grad=True, name="z"), np.zeros(64, int)
    step = draw(tg.nn.cross_entropy(logits, labels)).ir.cards[-1]
    assert step.kept[-1].bytes == tg.nn.cross_entropy(logits, labels).node.out.nbytes == 64 * 5 * 8
    assert step.kept[-1].what != "result"
