"""What a picture says about arrays and steps: statistics, formulas, cost, health."""

import itertools
import math
import re
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import special

import tensorgrad as tg
from tensorgrad import nn
from tensorgrad.autograd import history, match
from tensorgrad.op import OPS
from tensorgrad.testing.calls import calls
from tensorgrad.trace import trace
from tensorgrad.viz.facts.cost import flops
from tensorgrad.viz.facts.formulas import LONGEST, formula
from tensorgrad.viz.facts.health import examine
from tensorgrad.viz.facts.stats import BINS, LARGE, stats
from tensorgrad.viz.ir import Card, Edge, GraphIR, Stats
from tensorgrad.viz.record.read import read
from tensorgrad.viz.record.run import run

NUMBERS = ["?", "i1", "u8", "i8", "f2", "f4", "f8", "g", "F", "D"]


@given(st.sampled_from(NUMBERS).flatmap(lambda t: arrays(t, array_shapes(min_dims=0, max_dims=3, min_side=0))))
def test_figures_are_those_of_the_finite_elements(x):
    before, found = x.copy(), stats(x)
    wide = np.abs(x.astype("G" if x.dtype.kind == "c" else "g")) if x.dtype.kind == "c" else x.astype("g")
    good = wide[np.isfinite(wide)]
    most = float(np.finfo(float).max)
    assert found.size == x.size and found.nans == np.isnan(wide).sum()
    assert found.infinities == x.size - good.size - found.nans
    assert found.zeros == np.count_nonzero(good == 0)
    if good.size:
        with np.errstate(over="ignore", under="ignore"):
            for got, expected in [
                (found.least, good.min()),
                (found.greatest, good.max()),
                (found.mean, good.mean()),
                (found.deviation, good.std()),
                (found.rms, np.sqrt((good * good).mean())),
                (found.norm, np.sqrt((good * good).sum())),
            ]:
                size = float(min(max(np.abs(good).max(), 1e-320), most))
                assert got == pytest.approx(float(np.clip(expected, -most, most)), rel=1e-7, abs=1e-12 * size)
        assert sum(found.counts) == good.size and len(found.counts) == BINS
    else:
        assert found.counts == ()
    assert before.tobytes() == x.tobytes()


@given(arrays("f8", array_shapes(max_dims=2, max_side=40), elements=st.floats(-1e3, 1e3)))
def test_histogram_counts_equal_parts_from_least_to_greatest(x):
    found = stats(x)
    if found.least < found.greatest:
        places = (x - found.least) / (found.greatest - found.least) * BINS
        clear = np.abs(places - np.rint(places)) > 1e-6  # an element at an edge may fall on either side
        least = np.bincount(places[clear].astype(int), minlength=BINS)
        assert all(a <= b <= a + (~clear).sum() for a, b in zip(least, found.counts, strict=True))
    else:
        assert found.counts[BINS // 2] == x.size


@given(arrays("f4", array_shapes(max_dims=3, max_side=60), elements=st.floats(-100, 100, width=32)))
def test_heat_is_the_means_of_blocks(x):
    heat = stats(x).heat
    matrix = x.reshape(-1, x.shape[-1]) if x.ndim > 1 else x[None]
    down, across = (np.arange(n) * k // n for n, k in zip(matrix.shape, (heat.rows, heat.columns), strict=True))
    for i in range(heat.rows):
        for j in range(heat.columns):
            mean = matrix[down == i][:, across == j].mean(dtype=float)
            assert heat.cells[i * heat.columns + j] * heat.scale / 127 == pytest.approx(mean, abs=heat.scale / 250)


def test_cells_of_heat_leave_out_what_is_no_number():
    assert stats(np.array([np.nan, np.inf, 2.0])).heat.cells == (0, 0, 127)
    half = np.full((48, 1), 3.0)
    half[::2] = np.nan
    assert stats(half).heat.cells == (127,) * 24 and stats(half).heat.scale == 3.0


@pytest.mark.parametrize("shape", [(1200, 1000), (LARGE + 9,), (1, LARGE + 9), (LARGE + 9, 1), (300, 7, 600)])
def test_figures_of_a_large_array_are_exact_and_the_rest_is_a_sample(shape):
    x = np.random.default_rng(0).normal(2, size=shape).astype("f4")
    x.flat[5], x.flat[9] = np.nan, np.inf
    found, good = stats(x), x[np.isfinite(x)].astype(float)
    assert (found.nans, found.infinities) == (1, 1)
    assert (found.least, found.greatest) == (good.min(), good.max())
    assert found.mean == pytest.approx(good.mean(), rel=1e-12)
    assert found.deviation == pytest.approx(good.std(), rel=1e-12)
    assert found.rms == pytest.approx(np.sqrt((good**2).mean()), rel=1e-12)
    assert 50_000 < sum(found.counts) <= x.size
    exact = np.histogram(good, BINS)[0] / good.size
    assert np.abs(np.array(found.counts) / sum(found.counts) - exact).max() < 0.02


def test_layout_in_memory_does_not_matter():
    x = np.random.default_rng(0).normal(size=(40, 30, 5))
    for same in (np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2], x[::-1][::-1], x.byteswap().view(">f8")):
        assert stats(same) == stats(x)


def test_units_that_are_zero_in_all_rows_are_dead():
    x = np.maximum(np.random.default_rng(0).normal(size=(4, 50, 6)), 0)
    x[..., [1, 4]] = 0
    assert (stats(x).units, stats(x).dead) == (6, 2)
    assert (stats(x[0, 0]).units, stats(x[0, 0]).dead) == (None, 0)


def test_elements_near_an_end_of_the_range_are_saturated():
    x = np.array([-1.0, -0.985, -0.97, 0.0, 0.9, 0.981, 1.0])
    assert stats(x, (-1, 1)).saturated == 4
    assert stats(x).saturated is None


@pytest.mark.parametrize("x", [np.array(["a"]), np.array([object()]), np.array("2020", "M8[D]"), tg.tensor([1.0])])
def test_what_is_no_array_of_numbers_has_no_statistics(x):
    assert stats(x) is None


@pytest.mark.parametrize("x", [3.0, np.float32(3.0), np.array(3), True])
def test_a_number_has_statistics(x):
    found = stats(x)
    assert (found.size, found.mean, found.heat) == (1, float(x), None) and math.isfinite(found.norm)


# Formulas


def steps_of_all_ops():
    """Return a recorded step of every op that has rules, for each shape and parameter that its entry shows."""
    found = []
    for call in calls("rules", "composite"):
        xs = [tg.tensor(x, requires_grad=True) for x in call.values()]
        with trace(), np.errstate(all="ignore"):
            made = call(*xs)
        for y in made if isinstance(made, tuple | list) else [made]:
            if isinstance(y, tg.Tensor) and y.node is not None:
                found += [(node, y) for node in history(y.node) if node.op is not None]
    return found


def formula_of(node, **more):
    names = [a if source is None and (a is None or isinstance(a, int | float)) else "" for a, source in pairs(node)]
    shapes = [np.shape(a) for a in node.args]
    return formula(node.op, names, [s is not None for s in node.inputs], node.params, shapes, node.shape, **more)


def pairs(node):
    return list(zip(node.args, node.inputs, strict=True))


STEPS = steps_of_all_ops()
KNOWN = {
    **{op.name.strip("_"): op.fn for op in OPS.values()},
    **{name: getattr(module, name) for module in (np, special) for name in dir(module) if not name.startswith("_")},
    **{"π": math.pi, "sum": np.sum, "where": np.where, "min": np.minimum, "max": np.maximum, "abs": np.abs},
    **{name: getattr(nn, name) for name in ("sigmoid", "softmax")},
    "conj": np.conj,
    "permuted": lambda x, order, axis: np.take_along_axis(x, np.array(order), axis),
}


def test_every_op_has_a_short_line_for_each_argument():
    ours = {op for op in OPS.values() if op.kind == "rules" and not getattr(op.fn, "__module__", "").startswith("test")}
    assert {node.op for node, _ in STEPS} >= ours  # other tests make entries of their own
    for node, _ in STEPS:
        lines = formula_of(node)
        arguments = sum(source is not None for source in node.inputs)
        assert len([line for line in lines if "not required" not in line]) == arguments + (node.op.then is not None)
        for line in lines:
            assert re.fullmatch(r"∂[\w']+(  not required|(\[.*\])? \+?= .+)", line), line
            assert (
                len(line) <= LONGEST + 32 and line.isprintable() and " at 0x" not in line and "<" not in repr(line)[:3]
            )


def test_nearly_every_rule_is_written_out():
    lines = [line for node, _ in STEPS for line in formula_of(node)]
    named = {line for line in lines if re.search(r"= (\w+_vjp|of_\w+|third|fitting|solving|roots_rule)\(", line)}
    assert len(named) < 0.1 * len(set(lines))


def evaluated(text, names):
    """Return what a formula's right side computes, in the notation of pictures."""
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹]", lambda found: f" ** {'⁰¹²³⁴⁵⁶⁷⁸⁹'.index(found[0])}", text).replace(
        "ᵀ", ".swapaxes(-1, -2)"
    )
    with np.errstate(all="ignore"):
        return eval(text, {**KNOWN, **names})


def readable(text):
    """Whether all that a formula names is there to be evaluated: no array known by its shape only, no rule by name."""
    return not re.search(r"\w+\[\d|…|onehot|\bI\b|;", text) and set(re.findall(r"(?<!\.)\b([^\W\d]\w*)\(", text)) <= (
        KNOWN.keys() | {"broadcast"}
    )


def test_formulas_compute_what_the_rules_do():
    rng, checked, ops = np.random.default_rng(0), 0, set()
    for node, y in STEPS:
        op, lines = node.op, formula_of(node)
        out = y._data if node is y.node else op.forward(*node.args, **node.params)
        special_case = op.then is not None or op.work is not None or len(lines) != len(node.args)
        if special_case or any(np.iscomplexobj(a) for a in [*node.args, out if isinstance(out, np.ndarray) else 0]):
            continue
        g = np.asarray(rng.normal(size=node.shape))
        shown = [re.match(r"∂([\w']+)", line)[1] for line in lines]
        names = {"g": g, "z" if "y" in shown else "y": out, **dict(zip(shown, node.args, strict=True))}
        for (a, source), rule, line in zip(pairs(node), op.vjps, lines, strict=False):
            if source is None or rule is None or not readable(text := line.partition(" = ")[2]) or not text:
                continue
            with np.errstate(all="ignore"):
                expected = match(rule(g, out, *op.given(node.args), **node.params), source.shape, source.dtype)
            got = evaluated(text, {**names, "broadcast": partial(np.broadcast_to, shape=np.shape(a))})
            got = np.reshape(got if np.ndim(got) else np.broadcast_to(got, np.shape(expected)), np.shape(expected))
            got = match(got, np.shape(expected), source.dtype)
            np.testing.assert_allclose(got, expected, rtol=2e-5, atol=1e-9, err_msg=f"{op.name}: {line}")
            checked, ops = checked + 1, ops | {op}
    elementwise = {op for op in OPS.values() if op.elementwise and op.kind == "rules"}
    assert checked > 1000 and len(ops) > 150 and len(ops & elementwise) > 0.8 * len(elementwise)


@pytest.mark.parametrize(
    ("op", "names", "shapes", "out_shape", "lines"),
    [
        (np.matmul, "x W1", ((8, 3), (3, 4)), (8, 4), ("∂x = g @ W1ᵀ", "∂W1 = xᵀ @ g")),
        (np.matmul, "w x", ((3,), (3, 4)), (4,), ("∂w = g @ xᵀ", "∂x = w[:, None] * g[None]")),
        (np.add, "z b", ((8, 4), (4,)), (8, 4), ("∂z = g", "∂b = g.sum(0)")),
        (np.tanh, "z", ((8, 4),), (8, 4), ("∂z = g * (1 - y²)",)),
        (nn.relu, "z", ((8, 4),), (8, 4), ("∂z = g * (y > 0)",)),
        (np.mean, "x", ((8, 4),), (), ("∂x = broadcast(g / 32)",)),
        (np.multiply, "g y", ((2,), (2,)), (2,), ("∂g = grad * y", "∂y = grad * g")),
    ],
)
def test_formulas_are_in_the_notation_of_the_field(op, names, shapes, out_shape, lines):
    names = names.split()
    assert formula(OPS[op], names, (True,) * len(names), {}, shapes, out_shape) == lines


def test_a_fused_step_is_told_as_both():
    step = nn.functional.FUSED[nn.relu]
    assert formula(OPS[step], ("x", "W", "b"), (False, True, True), {}, ((8, 3), (3, 4), (4,)), (8, 4), out="h") == (
        "∂z = g * (h > 0)",
        "∂x  not required",
        "∂W = xᵀ @ ∂z",
        "∂b = ∂z.sum(0)",
    )


def test_a_constant_that_is_a_number_stands_in_the_formula_and_has_no_line():
    assert formula(OPS[np.power], ("x", 2), (True, False), {}, ((3,), ()), (3,)) == ("∂x = g * (2 * x)",)
    assert formula(OPS[np.multiply], (0.5, "x"), (False, True), {}, ((), (3,)), (3,)) == ("∂x = g * 0.5",)


def test_a_name_that_spells_a_constant_number_is_that_number():
    assert formula(OPS[np.power], ("x", "2"), (True, False), {}, ((3,), ()), (3,)) == ("∂x = g * (2 * x)",)
    assert formula(OPS[np.clip], ("x", "-1.0", "None"), (True, False, False), {}, ((3,), (), ()), (3,)) == (
        "∂x = g * (x >= -1)",
    )


def test_of_unknown_shapes_formulas_say_what_does_not_depend_on_them():
    assert formula(OPS[np.tanh], ("x",), (True,), {}, ((None, 2),), (None, 2)) == ("∂x = g * (1 - y²)",)
    assert formula(OPS[np.mean], ("x",), (True,), {}, ((None, 2),), ()) == ("∂x = mean_vjp(g)",)


def test_an_index_is_where_the_gradient_is_added():
    rows = formula(OPS[tg.backends.getitem], ("W",), (True,), {"index": ([0, 1], slice(3))}, ((5, 9),), (2, 3))
    assert rows == ("∂W[[0, 1], :3] += g",)


def grow(g, _y, x):
    for _ in range(200):
        g = g * x + g
    return g


def fail(g, _y, x):
    raise RecursionError(x)


def nothing(g, _y, x):
    return None


def choose(g, _y, x):
    return g if x.sum() > 0 else -g


@pytest.mark.parametrize("rule", [grow, fail, nothing, choose])
def test_a_rule_that_cannot_be_written_down_is_named(rule):
    @tg.primitive(rule)
    def mine(x):
        return x

    assert formula(OPS[mine], ("x",), (True,), {}, ((3,),), (3,)) == (f"∂x = {rule.__name__}(g, x)",)


@pytest.mark.parametrize("name", ["<b>&\"'", "a\nb", "x" * 10_000, "\u202eabc", "\ud800", "fc.T", " ** 2", "\x00"])
def test_hostile_names_keep_a_formula_on_one_line(name):
    (line, other) = formula(OPS[np.multiply], (name, "w"), (True, True), {}, ((3,), (3,)), (3,))
    assert line.startswith("∂") and line.endswith(" = g * w") and other.startswith("∂w = g * ")
    assert (line + other).isprintable() and len(other) < 40


# Cost


def counted_in_loops(subscripts, shapes):
    """Count the multiplications and additions of nested loops: of each term one less than it has factors, and one."""
    inputs, output = subscripts.split("->")
    terms = inputs.split(",")
    lengths = {
        letter: n for term, shape in zip(terms, shapes, strict=True) for letter, n in zip(term, shape, strict=True)
    }
    counted = 0
    for _place in itertools.product(*(range(n) for n in lengths.values())):
        counted += len(terms) - 1
        counted += set(lengths) != set(output)
    return counted


@given(
    st.sampled_from(
        ["ij,jk->ik", "ij,ij->", "ij->i", "ij->ji", "i,j->ij", "bij,bjk->bik", "ij,jk,kl->il", "ii->i", "ii->"]
    ),
    st.lists(st.integers(0, 4), min_size=5, max_size=5),
)
def test_products_cost_what_loops_count(subscripts, sizes):
    length = dict(zip("ijklb", sizes, strict=True))
    inputs, output = subscripts.split("->")
    shapes = [tuple(length[c] for c in term) for term in inputs.split(",")]
    out = tuple(length[c] for c in output)
    expected = counted_in_loops(subscripts, shapes)
    assert flops(OPS[np.einsum], shapes, out, {"subscripts": subscripts}) == expected
    if subscripts in ("ij,jk->ik", "bij,bjk->bik"):
        assert flops(OPS[np.matmul], shapes, out, {}) == expected


@pytest.mark.parametrize(
    ("op", "shapes", "out", "params", "expected"),
    [
        (np.matmul, ((128, 64), (64, 32)), (128, 32), {}, 2 * 128 * 64 * 32),
        (np.matmul, ((64,), (64,)), (), {}, 128),
        (nn.functional.affine, ((128, 64), (64, 32), (32,)), (128, 32), {}, 2 * 128 * 64 * 32 + 128 * 32),
        (nn.functional.FUSED[nn.sigmoid], ((8, 4), (4, 2), (2,)), (8, 2), {}, 2 * 8 * 4 * 2 + 16 + 16),
        (np.add, ((8, 4), (4,)), (8, 4), {}, 32),
        (nn.sigmoid, ((8, 4),), (8, 4), {}, 32),
        (np.sum, ((8, 4),), (), {}, 32),
        (np.reshape, ((8, 4),), (32,), {"shape": (32,)}, 0),
        (np.copy, ((8, 4),), (8, 4), {}, 0),
        (tg.backends.getitem, ((8, 4),), (4,), {"index": [0]}, 0),
        (nn.softmax, ((8, 4),), (8, 4), {}, 5 * 32),
        (np.linalg.solve, ((5, 6, 6), (5, 6, 2)), (5, 6, 2), {}, 5 * (2 * 6**3 // 3 + 2 * 6 * 6 * 2)),
        (np.linalg.inv, ((6, 6),), (6, 6), {}, 2 * 6**3),
        (np.fft.fft, ((3, 64),), (3, 64), {}, 3 * 5 * 64 * 6),
        (np.add, ((None,), ()), (None,), {}, None),
    ],
)
def test_steps_cost_what_textbooks_say(op, shapes, out, params, expected):
    assert flops(OPS[op], shapes, out, params) == expected


def test_nearly_every_op_has_a_cost_and_none_is_negative():
    found = {}
    for node, _ in STEPS:
        cost = flops(node.op, [np.shape(a) for a in node.args], node.shape, node.params)
        assert cost is None or (isinstance(cost, int) and cost >= 0)
        found[node.op.name] = cost
    assert sum(cost is None for cost in found.values()) <= 10, [name for name, cost in found.items() if cost is None]


def test_a_step_of_the_users_is_counted_by_running_it():
    @tg.primitive(lambda g, _y, x: g)
    def mine(x):
        return np.sum(np.exp(x) @ np.ones((4, 2)), axis=0)

    assert flops(OPS[mine], ((3, 4),), (2,), {}) == 12 + 2 * 3 * 4 * 2 + 6

    @tg.primitive(lambda g, _y, x: g)
    def values(x):
        return x if x[0] > 0 else -x

    assert flops(OPS[values], ((3,),), (3,), {}) is None


# Health

BOUNDS = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}


def examined(f):
    """Return the graph of what a function returns, with statistics of all values and gradients, and its health."""
    with np.errstate(all="ignore"):
        done = run(f, ())
        return examine(read(done.y, run=done, detail="stats"))


RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(256, 64)), RNG.integers(0, 10, 256)


def mlp(activation, init, depth, seed=0):
    """Return layers, and the function of no arguments that gives their loss."""
    layers = [nn.Linear(64, 64, activation=activation, init=init, rng=seed + i) for i in range(depth)]
    layers.append(nn.Linear(64, 10, init="xavier", rng=99))

    def loss():
        h = X
        for layer in layers:
            h = layer(h)
        return nn.cross_entropy(h, Y)

    return layers, loss


def train(parameters, loss, steps, lr):
    for _ in range(steps):
        loss().backward()
        for p in parameters:
            p.data, p.grad = p.data - lr * p.grad, None
    return loss()


def weight(*shape, name=""):
    return tg.tensor(np.random.default_rng(sum(shape)).normal(size=shape) / math.sqrt(shape[0]), requires_grad=True)


def attention():
    """Return the parameters and the loss of a block of causal attention, whose mask is minus infinity."""
    x, y = RNG.normal(size=(16, 12, 24)), RNG.integers(0, 9, (16, 12))
    q, k, v, o, u, w, head = (weight(24, n) if n else weight(48, 24) for n in (24, 24, 24, 24, 48, 0, 9))
    mask = np.triu(np.full((12, 12), -np.inf), 1)

    def norm(h):
        m = h - np.mean(h, axis=-1, keepdims=True)
        return m / np.sqrt(np.mean(m * m, axis=-1, keepdims=True) + 1e-5)

    def loss():
        h = norm(x)
        scores = (h @ q) @ np.swapaxes(h @ k, -1, -2) / math.sqrt(24) + mask
        z = x + nn.softmax(scores) @ (h @ v) @ o
        z = z + nn.gelu(norm(z) @ u) @ w
        return nn.cross_entropy(np.reshape(z @ head, (-1, 9)), y.ravel())

    return [q, k, v, o, u, w, head], loss


HEALTHY = [
    *[("relu", "he", depth) for depth in (1, 3, 10)],
    *[("tanh", "xavier", depth) for depth in (1, 5, 20)],
    ("gelu", "he", 5),
    ("sigmoid", "xavier", 2),
]


@pytest.mark.parametrize(("activation", "init", "depth"), HEALTHY)
def test_nets_that_learn_raise_no_alarm_before_and_after(activation, init, depth):
    layers, loss = mlp(activation, init, depth)
    assert examined(loss).findings == []
    train([p for layer in layers for p in (layer.weight, layer.bias)], loss, 60, 0.1)
    assert examined(loss).findings == []


def test_attention_with_an_infinite_mask_raises_no_alarm_before_and_after():
    parameters, loss = attention()
    ir = examined(loss)
    assert ir.findings == []
    assert {f.level for card in ir.cards for f in card.findings} == {"note"}  # the mask has infinities
    before = loss().item()
    assert train(parameters, loss, 100, 0.3).item() < before / 2
    assert examined(loss).findings == []


def test_a_small_regression_raises_no_alarm_at_zero_weights():
    w, b = tg.tensor(np.zeros(64), requires_grad=True), tg.tensor(0.0, requires_grad=True)
    assert examined(lambda: np.mean((X @ w + b - Y) ** 2)).findings == []


def test_a_deep_net_of_sigmoids_has_vanishing_gradients():
    ir = examined(mlp("sigmoid", "xavier", 6)[1])
    worst, *rest = ir.findings
    assert (worst.level, worst.words) == ("bad", "vanishing gradient") and rest == []
    assert re.search(r"Each affine \+ sigmoid shrinks it about \d\.\d×, 5 of them 1,\d\d\d×", worst.why)
    levels = [f.level for card in ir.cards for f in card.findings if f.words == "vanishing gradient"]
    assert levels == ["bad", "low", "low"]  # the worst at the start
    assert next(card for card in ir.cards if card.findings).id == worst.card


def test_weights_that_are_too_large_or_small_are_told_from_the_gradients():
    for scale, words, cure in ((0.03, "vanishing gradient", "larger"), (1.0, "exploding gradient", "smaller")):
        worst = examined(mlp("relu", lambda r, m, n, s=scale: r.normal(size=(m, n)) * s, 10)[1]).findings[0]
        assert (worst.level, worst.words) == ("bad", words) and f"Cure: {cure} initial weights" in worst.why


def test_units_that_a_bias_cuts_are_dead():
    layers, loss = mlp("relu", "he", 2)
    layers[0].bias.data = np.where(np.arange(64) < 20, -99.0, 0.0)
    ir = examined(loss)
    (finding,) = ir.findings
    assert (finding.level, finding.words) == ("low", "20 of 64 units dead")
    layers[0].bias.data = np.full(64, -99.0)
    finding = examined(loss).findings[0]
    assert (finding.level, finding.words) == ("bad", "100 % zeros · 64 of 64 units dead")
    assert "bias is centred on -99" in finding.why


def test_weights_behind_which_all_is_dead_get_no_gradient():
    layers, loss = mlp("relu", "he", 3)
    layers[1].bias.data = np.full(64, -99.0)
    (_dead, cut) = examined(loss).findings
    assert cut.words == "no gradient arrives" and "as a relu that is 0 throughout" in cut.why
    layers, loss = mlp("relu", "he", 2)
    layers[-1].weight.data = np.zeros((64, 10))
    (cut,) = examined(loss).findings
    assert (cut.level, cut.words) == ("low", "no gradient arrives") and "weight, which is all 0: as meant" in cut.why


def test_large_weights_saturate_tanh():
    (*_, finding) = examined(mlp("tanh", lambda r, m, n: r.normal(size=(m, n)) * 3, 2)[1]).findings
    assert finding.level == "bad" and re.fullmatch("9[0-9] % saturated", finding.words)
    assert "slope is below 0.04" in finding.why and "Likewise in 1 other place" in finding.why


def test_the_last_sigmoid_and_gates_may_saturate():
    a, b = weight(64, 16), weight(16, 64)
    assert examined(lambda: np.mean((nn.sigmoid(nn.relu(X @ a) @ b * 90) - 0.5) ** 2)).findings == []
    assert examined(lambda: np.mean((nn.sigmoid((X @ a) * 90) * (X @ a)) @ b)).findings == []


W = RNG.normal(size=(64, 10)).astype("f4")


@pytest.mark.parametrize(
    ("f", "title", "why"),
    [
        (lambda z: np.log(np.exp(z * 30) / np.sum(np.exp(z * 30))), "exp", "but exp overflows float32 above 88.7"),
        (lambda z: np.log(np.maximum(z, 0)), "log", "At 0 it is -inf"),
        (lambda z: np.log(z), "log", "undefined below 0"),
        (lambda z: np.sqrt(z), "sqrt", "root of a negative number is nan"),
        (lambda z: np.maximum(z, 0) / np.maximum(z, 0), "divide", "0 / 0 is nan"),
        (lambda z: np.arcsin(z), "arcsin", "undefined outside of [-1, 1]"),
        (lambda z: z * 1e30 * z * 1e30, "multiply", "larger than any float32"),
    ],
)
def test_the_step_that_made_nan_or_infinity_is_the_origin(f, title, why):
    x, w = X.astype("f4"), tg.tensor(W, requires_grad=True, name="W")
    ir = examined(lambda: np.mean(f(x @ w)))
    cards = {card.id: card for card in ir.cards}
    first = ir.findings[0]
    assert (cards[first.card].title, first.level) == (title, "bad")
    assert first.words.startswith("origin: ") and why in first.why and "Cure: " in first.why
    spread = [f for card in ir.cards for f in card.findings if f.level == "bad" and not f.words.startswith("origin")]
    assert spread and ir.cards[-1].findings[0] in spread
    assert ir.cards[-1].findings[0].words.endswith(f", from {title}")
    reached = ir.cards[0].gradient.nans or ir.cards[0].gradient.infinities  # of the weights
    assert [f.words.endswith(" in the gradient") for f in ir.cards[0].findings] == [True] * bool(reached)
    assert all(finding not in ir.findings for finding in spread)


def test_nan_in_the_data_and_in_parameters_is_told_from_nan_that_was_made():
    x, w = X.copy(), tg.tensor(W.astype(float), requires_grad=True, name="W")
    x[3, 4] = np.nan
    ir = examined(lambda: np.mean(x @ w))
    (finding,) = ir.findings
    assert finding.words == "origin: 1 nan of 16,384" and "np.isnan" in finding.why
    w.data = np.full((64, 10), np.nan)
    (finding,) = examined(lambda: np.mean(X @ w)).findings
    assert finding.words == "origin: all 640 are nan" and "the lr" in finding.why


def test_a_gradient_that_is_nan_where_values_are_not_begins_at_a_rule():
    w = tg.tensor(W.astype(float), requires_grad=True, name="W")
    ir = examined(lambda: np.sum(np.sqrt(np.maximum(X @ w, 0))))
    (finding,) = ir.findings
    assert finding.words.startswith("origin: ") and "inf of 2,560 in the gradient" in finding.words
    assert "slope of a root at 0 is infinite" in finding.why
    at = {card.name: [f.words for f in card.findings] for card in ir.cards}
    assert at["W"] == ["all 640 are nan in the gradient"]

    def masked():
        z = np.maximum(X @ w, 0)
        return np.sum(np.where(z > 0, np.log(z), 0))

    worst = examined(masked).findings[0]
    assert (worst.level, "nan of 2,560 in the gradient" in worst.words) == ("bad", True)
    assert "behind a np.where that took the other branch" in worst.why


def test_a_gradient_far_larger_than_the_weights_is_told():
    w = tg.tensor(W.astype(float), requires_grad=True, name="W")
    (finding,) = examined(lambda: np.sum((X @ w) ** 2)).findings
    assert finding.level == "low" and re.fullmatch(r"gradient \d+× the weights", finding.words)
    ir = examined(lambda: np.mean((X @ w) ** 2))
    assert ir.findings == [] and ir.cards[0].ratio == ir.cards[0].gradient.norm / ir.cards[0].stats.norm


def test_a_graph_without_statistics_is_left_as_it_is():
    ir = read(np.sum(tg.tensor(W, requires_grad=True)))
    assert examine(ir) is ir


def test_a_graph_is_the_same_when_examined_twice():
    ir = examined(mlp("sigmoid", "xavier", 6)[1])
    assert examine(ir) == ir and GraphIR.from_json(ir.to_json()) == ir


def test_a_hundred_thousand_steps_are_examined():
    some = Stats(64, mean=0.5, rms=0.5, norm=4.0, least=0.1, greatest=0.9, counts=(64,), units=8)
    gradients = [replace(some, rms=2.0 ** (i - 800)) for i in range(900)]
    cards = [
        Card(
            f"n{i}", "op" if i else "parameter", "tanh", "", (8, 8), "f32", 256, stats=some, gradient=gradients[i % 900]
        )
        for i in range(100_001)
    ]
    edges = [Edge(f"n{i}", f"n{i + 1}", 0) for i in range(100_000)]
    edges += [Edge("n0", f"n{i}", 1) for i in range(2, 100_001)]
    assert examine(GraphIR(cards, edges)).findings


def test_a_mask_with_infinity_is_meant_and_what_comes_of_it_has_the_blame():
    w, x = tg.tensor(np.eye(4), requires_grad=True, name="w"), np.arange(12.0).reshape(3, 4)

    def attention(mask):
        return np.sum(tg.nn.softmax(np.where(mask, (x @ w) @ x.T, -np.inf), axis=-1) @ x)

    assert tg.draw(lambda: attention(np.tril(np.ones((3, 3), bool)))).ir.findings == []
    with np.errstate(invalid="ignore"):
        (found,) = tg.draw(lambda: attention(np.tril(np.ones((3, 3), bool), -1))).ir.findings
    assert found.words == "origin: 3 nan of 9"
    assert "everything is -inf" in found.why


def test_weights_that_are_transposed_or_scaled_before_make_a_layer():
    rng = np.random.default_rng(0)
    weights = [tg.tensor(rng.standard_normal((8, 8)) * 0.1, requires_grad=True, name=f"w{i}") for i in range(6)]

    def network(x):
        for w in weights:
            x = tg.nn.sigmoid(x @ (0.5 * w).T)
        return np.sum(x) + 1e-9 * sum(np.sum(w**2) for w in weights)

    (found,) = tg.draw(network, rng.standard_normal((5, 8))).ir.findings
    assert (found.level, found.words) == ("bad", "vanishing gradient")


def test_a_parameter_is_called_by_its_path_once():
    model = tg.nn.MLP([4, 3, 1], rng=0)
    (found,) = tg.draw(lambda: np.mean(model(np.full((5, 4), -1.0)) * 0 + model.layers[1].bias)).ir.findings
    assert "mlp.layers.0.layers.0" not in found.why


def test_missing_data_that_is_left_out_is_no_concern_and_a_nan_behind_a_mask_is():
    w = tg.tensor([1.0, 2.0, 3.0], requires_grad=True, name="w")
    x = np.array([1.0, np.nan, 2.0])
    assert tg.draw(lambda x: np.nansum(w + x), x).ir.findings == []
    assert tg.draw(lambda x: np.sum(np.where(np.isnan(x), 0.0, w)), x).ir.findings == []
    with np.errstate(all="ignore"):
        hidden = tg.draw(lambda x: np.sum(np.where(x < 0, 0.0, np.sqrt(w * x))), np.array([1.0, -1.0, 2.0]))
    assert [found.level for found in hidden.ir.findings] == ["bad"]


def test_findings_begin_with_names_as_they_are_written():
    with np.errstate(all="ignore"):
        found = tg.draw(lambda x: np.sum(np.exp(x)), np.array([1.0, 800.0])).ir.findings[0]
    assert found.why.startswith("x is up to 800, but exp overflows float64")
