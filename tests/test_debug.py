"""`tg.debug()`: where nan and inf appear, severed gradients, changed arrays, birthplaces; nothing when it is off."""

import asyncio
import contextlib
import gc
import re
import threading
import traceback
import warnings
import weakref
from dataclasses import dataclass

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import autograd, creation, forward, graph, node, writes
from tensorgrad.autograd import history
from tensorgrad.errors import HERE
from tensorgrad.graph import Tensor
from tensorgrad.hooks import Hooked
from tensorgrad.op import OPS, Keeps
from tensorgrad.severed import SeveredGradientWarning
from tensorgrad.trace import trace, tracing


def leaf(data, name="w", dtype=np.float64):
    return tg.tensor(data, requires_grad=True, name=name, dtype=dtype)


def finding(kind, *words):
    """Expect an error whose text has these words, in this order."""
    return pytest.raises(kind, match="(?s)" + ".*".join(map(re.escape, words)))


def warning(*words):
    """Expect a warning whose text has these words, in this order."""
    return pytest.warns(SeveredGradientWarning, match="(?s)" + ".*".join(map(re.escape, words)))


# Where nan and inf appear, forward


@pytest.mark.parametrize(
    ("f", "x", "words"),
    [
        (np.log, [1.0, 0.0], ["log made -inf: at 0 it is -inf", "0 at [1]", "nn.log_softmax"]),
        (np.log, [-1.0], ["log made nan", "undefined below 0"]),
        (np.log1p, [-1.0], ["log1p made -inf: at -1"]),
        (np.sqrt, [4.0, -1e-18], ["sqrt made nan: the root of a negative number", "-1e-18 at [1]", "np.var"]),
        (np.exp, [1.0, 800.0], ["exp made inf: overflow", "any float64", "800 at [1]", "nn.softmax"]),
        (lambda x: 1 / x, [0.0], ["divide made inf: division by 0", "argument 0, a constant: 1", "guard the divisor"]),
        (lambda x: x / np.sum(x), [0.0, 0.0], ["divide made nan: 0 / 0", "np.where(y == 0"]),
        (lambda x: x - x, [np.inf], ["subtract made nan: inf - inf"]),
        (lambda x: x * [1.0, 0.0], [1.0, np.inf], ["multiply made nan: 0 * inf", "does not hide infinity"]),
        (lambda x: x**0.5, [2.0, -1.0], ["power made nan: a negative base", "-1 at [1]", "np.abs(x) ** p"]),
        (lambda x: x**-1.0, [0.0], ["power made inf: 0 to a negative power"]),
        (lambda x: x**4, [1e100], ["power made inf: overflow", "smaller lr"]),
        (np.arccos, [1.0 + 1e-15], ["arccos made nan: it is undefined outside of [-1, 1]", "np.clip(x, -1, 1)"]),
        (np.arctanh, [1.0], ["arctanh made inf: it is finite inside"]),
        (np.prod, [1e200, 1e200], ["multiply made inf: overflow", "within prod"]),
        (np.linalg.slogdet, [[1.0, 1.0], [1.0, 1.0]], ["log_of_det made -inf: the matrix is singular"]),
        (tg.nn.softmax, [[0.0, 1.0], [-np.inf, -np.inf]], ["softmax made nan: of a row in which everything is -inf"]),
    ],
)
def test_the_step_that_makes_nan_or_inf_is_named_with_its_trap(f, x, words):
    x = leaf(x)
    with finding(FloatingPointError, *words), tg.debug():
        f(x)


def test_the_error_shows_the_line_the_arguments_with_ranges_and_a_cure():
    x, y = leaf([1.0, 2.0, 3.0], "x"), leaf([1.0, 0.0, 4.0], "y")
    with pytest.raises(FloatingPointError) as caught, tg.debug():
        ratio = x / y  # here
        ratio.sum().backward()
    lines = str(caught.value).splitlines()
    assert lines[:2] == ["divide made inf: division by 0", f"  {graph_line(caught)}: ratio = x / y  # here"]
    assert lines[2] == "  argument 0, 'x': float64 (3,): 1 to 3, 2 at [1]"
    assert lines[3] == "  argument 1, 'y': float64 (3,): 0 to 4, 0 at [1]"
    assert lines[4].startswith("  cure: guard the divisor")
    assert len(lines) == 5


def graph_line(caught):
    """Return 'at file:number' of the line in this file that an exception came through last."""
    lines = [entry for entry in caught.traceback if str(entry.path) == __file__]
    return f"at test_debug.py:{lines[-1].lineno + 1}"


def test_an_argument_that_was_computed_is_shown_with_its_line():
    z = leaf([[0.0, 2000.0]])
    with (
        finding(FloatingPointError, "the result of softmax", "0 at [0, 0]; from test_debug.py", "p = tg.nn"),
        tg.debug(),
    ):
        p = tg.nn.softmax(z)
        np.log(p)


def test_a_step_inside_a_function_is_shown_with_that_function():
    x = leaf(np.ones((2, 3)))
    with finding(FloatingPointError, "made nan", "np.corrcoef(x)", "within corrcoef"), tg.debug():
        np.corrcoef(x)


def test_a_layer_is_shown_by_its_parameters():
    model = tg.nn.MLP([2, 3, 1], rng=0)
    model.parameters()[2].data = np.full((3, 1), np.inf)
    model.parameters()[0].data = np.zeros((2, 3))
    with finding(FloatingPointError, "affine made nan", "MLP.forward", "'layers.1.weight'", "3 inf"), tg.debug():
        model(np.ones((1, 2)))


def test_float32_overflows_where_float32_ends():
    with finding(FloatingPointError, "exp made inf", "any float32"), tg.debug():
        np.exp(leaf([100.0], dtype=np.float32))


def test_a_loss_that_becomes_nan_in_training_is_stopped_where_it_starts():
    model, X = tg.nn.MLP([2, 4, 1], rng=0), np.ones((3, 2))
    optimizer = tg.optim.SGD(model.parameters(), lr=1e6)
    with finding(FloatingPointError, "made inf: overflow", "smaller lr"), tg.debug():
        for _ in range(100):
            loss = tg.nn.mse_loss(model(X), np.zeros((3, 1)))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: np.array([[1.0, np.nan]]) @ leaf([1.0, 2.0]), ["in a constant", "1 nan, the first at [0, 1]", "data"]),
        (lambda: leaf([1.0, np.nan]) * 2.0, ["multiply was given nan, in 'w'", "updated"]),
    ],
)
def test_nan_in_data_is_told_from_nan_that_was_made(make, words):
    with finding(FloatingPointError, "was given nan", *words), tg.debug():
        make()


def test_nan_that_was_computed_before_the_block_is_told():
    with np.errstate(invalid="ignore"):
        y = np.log(leaf([-1.0]))
    with finding(FloatingPointError, "was given nan, in the result of log", "there before"), tg.debug():
        y * 2.0


def test_infinities_that_arrive_are_passed_on():
    scores = leaf([[1.0, 2.0]])
    with tg.debug():
        masked = scores + np.array([0.0, -np.inf])
        tg.nn.softmax(np.where([[True, False]], masked, -np.inf)).sum().backward()
    assert np.isfinite(scores.grad).all()


def test_nan_that_is_left_out_is_no_mistake():
    x = leaf([1.0, np.nan, 3.0])
    with tg.debug():
        (np.nansum(x) + np.nanmean(x) + np.nanmax(x) + np.where(np.isnan(x), 0.0, x).sum()).backward()
    assert np.isfinite(x.grad).all()


def test_a_buffer_may_hold_nan_until_it_is_filled():
    x, y = leaf([1.0, 2.0]), tg.full(2, np.nan)
    with tg.debug():
        y[0] = x[0]
        y[1] = x[1] * 2.0
        y.sum().backward()
    np.testing.assert_array_equal(x.grad, [1.0, 2.0])


# Where nan and inf appear, backward


def test_a_root_behind_where_makes_nan_backward():
    x = leaf([0.0, 4.0])
    with (
        finding(FloatingPointError, "gradient of sqrt for 'w' is nan: 0 * inf", "np.where", "0 at [0]", "cure"),
        tg.debug(),
    ):
        y = np.where(x.data > 0, np.sqrt(x), 0.0)
        y.sum().backward()


def test_the_cure_for_a_root_behind_where_cures_it():
    x = leaf([0.0, 4.0])
    with tg.debug():
        ok = x.data > 0
        np.where(ok, np.sqrt(np.where(ok, x, 1.0)), 0.0).sum().backward()
    np.testing.assert_array_equal(x.grad, [0.0, 0.25])


@pytest.mark.parametrize(
    ("f", "x", "words"),
    [
        (
            np.sqrt,
            [0.0, 1.0],
            ["sqrt for 'w' is inf: the slope of a root at 0", "backward through", "0 at [0]", "x + 1e-12"],
        ),
        (lambda x: x**0.5, [1.0, 0.0], ["power for 'w' is inf", "0 at [1]"]),
        (np.arcsin, [1.0], ["arcsin for 'w' is inf: its slope at -1 and 1 is infinite"]),
        (lambda x: np.linalg.eigh(x)[1], np.eye(2), ["eigh_vectors for", "two values are equal"]),
        (lambda x: np.sqrt(x) * np.ones((3, 1)), [4.0, 0.0], ["sqrt for 'w' is inf", "0 at [1]"]),
    ],
)
def test_the_step_whose_derivative_is_infinite_is_named(f, x, words):
    x = leaf(x)
    weights = np.arange(1.0, 1.0 + f(x).size).reshape(f(x).shape)
    with finding(FloatingPointError, "the gradient of", *words), tg.debug():
        (f(x) * weights).sum().backward()


def test_the_variance_of_constants_under_a_root_is_named():
    x = leaf(np.ones((4, 2)))
    with (
        finding(FloatingPointError, "gradient of sqrt for the result of mean is nan", "root at 0", "np.std"),
        tg.debug(),
    ):
        spread = np.sqrt(((x - x.mean(0)) ** 2).mean(0))
        ((x - x.mean(0)) / (spread + 1e-5)).sum().backward()


def test_gradients_that_overflow_when_they_come_together_are_named():
    x = leaf([1e-3], dtype=np.float32)
    with finding(FloatingPointError, "the gradients for 'w', from several uses", "float32: overflow"), tg.debug():
        (x * np.float32(3e38) + x * np.float32(3e38)).sum().backward()


def test_a_seed_of_nan_is_told():
    y = leaf([1.0, 2.0]) * 2.0
    with (
        finding(FloatingPointError, "the gradient that arrives at multiply is nan", "backward(gradient=...)"),
        tg.debug(),
    ):
        y.backward(np.array([1.0, np.nan]))


@pytest.mark.parametrize("create_graph", [False, True])
def test_functional_gradients_are_looked_at_too(create_graph):
    x = leaf([0.0, 1.0])
    with finding(FloatingPointError, "the gradient of sqrt for 'w' is inf"), tg.debug():
        tg.gradients(np.sqrt(x).sum(), [x], create_graph=create_graph)


def test_a_transform_is_looked_at_too():
    with finding(FloatingPointError, "the gradient of sqrt", "np.sqrt"), tg.debug():
        tg.grad(lambda x: np.sum(np.sqrt(x)))(np.zeros(2))


def test_a_rule_that_fails_still_explains_itself():
    @tg.primitive(lambda g, _y, x: g * x.no_such_attribute)
    def odd(x):
        return x * 1.0

    with pytest.raises(AttributeError) as caught, tg.debug():
        odd(leaf([1.0])).sum().backward()
    assert any("in the derivative of odd" in note for note in caught.value.__notes__)


# Tangents, and derivatives of derivatives


def power(x):
    return np.sum(x**1.5)


@pytest.mark.parametrize(
    ("derive", "words"),
    [
        (
            lambda: tg.jvp(np.sqrt, (0.0,), (1.0,)),
            ["the tangent of sqrt is inf: the slope of a root at 0", "x + 1e-12"],
        ),
        (
            lambda: tg.jvp(np.sqrt, (np.zeros(2),), (np.array([0.0, 1.0]),)),
            ["the tangent of sqrt is nan: 0 * inf: the tangent that arrives is exactly 0", "0 at [0]", "0 to 1"],
        ),
        (lambda: tg.jvp(np.sin, (0.0,), (np.nan,)), ["the tangent that arrives at sin is nan", "that were given"]),
        (lambda: tg.jvp(lambda x: x * 1e300, (1.0,), (1e300,)), ["the tangent of multiply is inf"]),
        (
            lambda: tg.jvp(lambda x: np.linalg.eigh(x)[1], (np.eye(2),), (np.ones((2, 2)),)),
            ["the tangent of eigh_vectors is nan: two values are equal"],
        ),
        (lambda: tg.hvp(np.sqrt, (0.0,), (1.0,)), ["the tangent of sqrt is inf"]),
        (lambda: tg.jacobian(np.sqrt)(np.zeros(2)), ["the gradient of sqrt", "the slope of a root at 0"]),
        (lambda: tg.jacobian(lambda x: np.sqrt(x) * np.ones(9))(np.zeros(1)), ["the tangent of sqrt is inf"]),
        (lambda: tg.hessian(power)(np.zeros(2)), ["a higher derivative of power is", "at 0 this power", "0 at ["]),
        (lambda: tg.hvp(power, (0.0,), (1.0,)), ["a higher derivative of power is inf", "backward through", "x**1.5"]),
        (lambda: tg.grad(tg.grad(power))(0.0), ["a higher derivative of power is inf", "x**1.5"]),
        (
            lambda: tg.jvp(lambda x: tg.jvp(power, (x,), (1.0,))[1], (0.0,), (1.0,)),
            ["a higher derivative of power is inf", "forward through", "x**1.5"],
        ),
        (lambda: tg.jvp(tg.checkpoint(np.sqrt), (0.0,), (1.0,)), ["the tangent of sqrt is inf"]),
    ],
)
def test_the_step_whose_tangent_or_second_derivative_is_infinite_is_named(derive, words):
    with finding(FloatingPointError, *words), tg.debug():
        derive()


def test_a_tangent_is_shown_with_the_line_the_arguments_and_what_arrives():
    with pytest.raises(FloatingPointError) as caught, tg.debug():
        tg.jvp(np.sqrt, (np.array([4.0, 0.0]),), (np.array([1.0, 2.0]),))
    lines = str(caught.value).splitlines()
    assert lines[1].startswith("  forward through test_debug.py:") and "tg.jvp(np.sqrt" in lines[1]
    assert lines[2:4] == [
        "  argument 0, a leaf: float64 (2,): 0 to 4, 0 at [1]",
        "  the tangent of argument 0: float64 (2,): 1 to 2",
    ]
    assert lines[4].startswith("  cure: ") and len(lines) == 5


def test_finite_tangents_and_second_derivatives_are_those_without_it():
    x, t = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([[0.0, 1.0], [1.0, 0.0]])

    def f(x):
        return np.sum(np.linalg.eigh(x)[1] ** 4) + np.sum(tg.checkpoint(np.tanh)(x @ x))

    def found():
        return [*tg.jvp(f, (x,), (t,)), tg.hvp(f, (x,), (t,)), tg.jacobian(lambda x: x @ x)(x), tg.hessian(f)(x)]

    with tg.debug():
        watched = found()
    for a, b in zip(watched, found(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_an_infinite_tangent_that_arrives_is_passed_on():
    with tg.debug():
        assert tg.jvp(lambda x: x * 2.0, (1.0,), (np.inf,))[1] == np.inf


# Hooks


def spoiled(g):
    return g * np.array([1.0, np.nan])


def test_a_hook_of_a_leaf_that_makes_nan_is_named():
    w = leaf([1.0, 2.0])
    w.register_hook(lambda g: g)
    w.register_hook(spoiled)
    words = ["a hook, spoiled, made the gradient for 'w' nan", "def spoiled(g)", "given", "2 to 4", "returned", "cure"]
    with finding(FloatingPointError, *words), tg.debug():
        (w * w).sum().backward()


def test_a_hook_whose_steps_are_recorded_is_shown_with_its_line():
    w = leaf([1.0, 2.0])
    w.register_hook(spoiled)
    with finding(FloatingPointError, "multiply was given nan", "return g * np.array([1.0, np.nan])"), tg.debug():
        tg.gradients(np.sum(w * w), [w], create_graph=True)


def test_a_hook_of_a_result_that_makes_nan_is_named():
    w = leaf([1.0, 2.0])
    y = np.exp(w)
    y.register_hook(spoiled)
    with finding(FloatingPointError, "a hook, spoiled, made the gradient for the result of exp nan"), tg.debug():
        y.sum().backward()


def test_hooks_that_make_numbers_do_as_without_it():
    w, seen = leaf([1.0, 2.0]), []
    w.register_hook(lambda g: seen.append(g.tolist()))
    w.register_hook(lambda g: g * 3.0)
    handle = w.register_hook(lambda g: handle.remove() or g + 1.0)
    with tg.debug():
        (w * w).sum().backward(retain_graph=True)
    assert seen == [[2.0, 4.0]]
    np.testing.assert_array_equal(w.grad, [7.0, 13.0])


# Severed gradients


def by_data(h, v):
    return (h.data * v).sum()  # cut


def by_numpy(h, v):
    return (h.numpy() * v).sum()  # cut


def by_tolist(h, v):
    return (np.array(h.tolist()) * v).sum()  # cut


def by_item(h, v):
    return (h.sum().item() * v).sum()  # cut


def by_detach(h, v):
    return (h.detach() * v).sum()  # cut


def by_integers(h, v):
    return (h.astype(int) * v).sum()  # cut


def by_round(h, v):
    return (np.round(h) * v).sum()  # cut


def by_sign(h, v):
    return (np.sign(h) * v).sum()  # cut


def by_comparison(h, v):
    return ((h > 0) * v).sum()  # cut


def by_argmax(h, v):
    return v[np.argmax(h)] * 1.0  # cut


def by_copy(h, v):
    return (tg.tensor(h) * v).sum()  # cut


def by_no_grad(h, v):
    with tg.no_grad():
        k = h * 2.0  # cut
    return (k * v).sum()


CUTS = {
    by_data: ".data",
    by_numpy: ".numpy()",
    by_tolist: ".tolist()",
    by_item: ".item()",
    by_detach: ".detach()",
    by_integers: "a cast to integers",
    by_round: "round(), which is constant almost everywhere",
    by_sign: "sign(), which is constant almost everywhere",
    by_comparison: "greater(), whose result has no gradient",
    by_argmax: "argmax(), whose result has no gradient",
    by_copy: "tg.tensor(t)",
    by_no_grad: "no_grad",
}


@pytest.mark.parametrize("cut", CUTS, ids=lambda f: f.__name__)
def test_a_leaf_whose_path_was_cut_is_named_with_the_line_and_the_way(cut):
    w, v = leaf([1.0, -2.0]), leaf([3.0, 4.0], "v")
    with (
        warning("'w' got no gradient", f"cut by {CUTS[cut]}", "test_debug.py:", "# cut", "cure: "),
        tg.debug() as found,
    ):
        cut(np.tanh(w), v).backward()
    (severed,) = found.severed
    assert (severed.leaf, severed.how.startswith(CUTS[cut]), severed.place[0]) == ("'w'", True, __file__)
    assert severed.line.endswith("# cut")
    assert v.grad is not None


def test_the_warning_stands_at_the_line_of_the_cut():
    w, v = leaf([1.0, -2.0]), leaf([3.0, 4.0], "v")
    with warnings.catch_warnings(record=True) as caught, tg.debug():
        warnings.simplefilter("always")
        by_data(np.tanh(w), v).backward()
    assert [(w.filename, w.lineno) for w in caught] == [(__file__, by_data.__code__.co_firstlineno + 1)]


def test_leaves_that_one_line_cut_off_share_a_warning():
    model, head = tg.nn.MLP([2, 3, 1], rng=0), leaf([[1.0]], "head")
    with warnings.catch_warnings(record=True) as caught, tg.debug() as found:
        warnings.simplefilter("always")
        ((model(np.ones((4, 2))).data @ head) ** 2).mean().backward()
    (only,) = caught
    assert str(only.message).startswith(
        "'layers.0.weight', 'layers.0.bias', 'layers.1.weight' and 1 more got no gradient"
    )
    assert len(found.severed) == 4


def test_a_primitive_under_no_grad_is_a_cut_whatever_its_arguments_are_called():
    @tg.primitive(lambda g, _y, inputs: g * 2.0)
    def doubled(inputs):
        return inputs * 2.0

    w, v = leaf([1.0]), leaf([2.0], "v")
    with warning("'w' got no gradient", "no_grad"), tg.debug():
        with tg.no_grad():
            h = doubled(w)
        (h * v).sum().backward()


def test_a_composite_under_no_grad_is_a_cut():
    w, v = leaf([1.0, 3.0]), leaf([2.0], "v")
    with warning("'w' got no gradient", "no_grad"), tg.debug():
        with tg.no_grad():
            h = np.var(w)
        (h * v).sum().backward()


def test_a_module_without_a_hash_can_be_called():
    @dataclass
    class Scale(tg.nn.Module):
        factor: object

        def forward(self, x):
            return x * 2.0

    v = leaf([2.0], "v")
    with warning("'factor' got no gradient", "no recorded step used it"), tg.debug():
        Scale(leaf([1.0], None))(v).sum().backward()


def test_a_loop_that_cuts_takes_linear_time():
    w = leaf([1.0])
    with tg.debug(values=False, changes=False) as found:
        h, visits = w, 0
        for _ in range(300):
            h = h * 1.0
            h.item()
        ((_, seen),) = found.cuts.seen.items()
        visits = len(seen)
        h.sum().backward()
    assert visits == 301
    assert found.severed == [] and found.cuts.seen == {}


def test_every_leaf_of_a_loop_that_cuts_is_named():
    ws, v = [leaf([1.0, 2.0], f"w{i}") for i in range(3)], leaf(1.0, "v")
    with warning("'w0', 'w1', 'w2' got no gradient", ".item()"), tg.debug():
        total = v
        for w in ws:
            total = total + (w * w).sum().item()
        total.backward()


def test_a_parameter_that_no_step_used_is_named():
    class Two(tg.nn.Module):
        def __init__(self):
            self.a, self.b = tg.nn.Linear(2, 2, rng=0), tg.nn.Linear(2, 2, rng=0)

        def forward(self, x):
            return self.a(x)

    model = Two()
    with warning("'b.weight', 'b.bias' got no gradient", "no recorded step used it", "model(np.ones"), tg.debug():
        model(np.ones((1, 2))).sum().backward()


def test_a_leaf_that_leads_elsewhere_is_named():
    w, v = leaf([1.0]), leaf([2.0], "v")
    with warning("'w' got no gradient", "aside = w * 2.0", "not what backward() was called on"), tg.debug():
        aside = w * 2.0
        (v * 3.0).sum().backward()
    assert aside.requires_grad


def test_a_backward_that_has_nowhere_to_go_says_where_the_path_was_cut():
    w = leaf([1.0, 2.0])
    with warning("'w' got no gradient", ".data"), finding(RuntimeError, "depends on no tensor"), tg.debug():
        tg.tensor(np.sum(w.data)).backward()


def test_the_optimizer_that_misses_a_gradient_comes_with_the_cut():
    w, v = leaf([[1.0]]), leaf([[1.0]], "v")
    optimizer = tg.optim.SGD([w, v], lr=0.1)
    with (
        warning("'w' got no gradient", ".data"),
        finding(RuntimeError, "w requires a gradient and has none"),
        tg.debug(),
    ):
        ((np.tanh(w).data @ v) ** 2).sum().backward()
        optimizer.step()


# Of what follows nothing is to be named: warnings are errors here


def test_leaves_that_got_their_gradient_are_not_named():
    model = tg.nn.MLP([2, 3, 1], rng=0)
    optimizer = tg.optim.Adam(model.parameters())
    with tg.debug() as found:
        for _ in range(2):
            out = model(np.ones((4, 2)))
            loss = (out**2).mean() + sum((p * p).sum() for p in model.parameters()) * 0.1
            print(loss.item(), loss, f"{loss:.3f}", out.data.max(), np.argmax(out), (out > 0).mean(), out.numpy().shape)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        with tg.no_grad():
            model(np.ones((4, 2)))
    assert found.severed == []


def test_a_loss_that_is_printed_before_its_own_backward_is_not_cut():
    a, b = leaf([1.0], "a"), leaf([2.0], "b")
    with tg.debug():
        first, second = (a * a).sum(), (b * b).sum()
        assert (first.item(), second.item()) == (1.0, 4.0)
        first.backward()
        second.backward()


def test_what_is_detached_for_one_loss_may_get_its_gradient_from_the_next():
    generator, critic = leaf([1.0], "generator"), leaf([2.0], "critic")
    with tg.debug():
        fake = generator * 3.0
        (fake.detach() * critic).sum().backward()
        (fake * critic.data).sum().backward()


def test_evaluation_without_backward_names_nothing():
    model = tg.nn.MLP([2, 3, 1], rng=0)
    with tg.debug():
        assert model(np.ones((4, 2))).numpy().shape == (4, 1)


def test_frozen_parameters_are_not_named():
    model, v = tg.nn.Linear(2, 1, rng=0), leaf([1.0], "v")
    for p in model.parameters():
        p.requires_grad = False
    with tg.debug():
        (model(np.ones((1, 2))) * v).sum().backward()


def test_transforms_inside_of_a_block_name_nothing():
    v = leaf([1.0], "v")
    with tg.debug():
        assert tg.grad(tg.grad(lambda x: 3 * x + 0 * np.round(x)))(1.0) == 0
        assert tg.jvp(lambda x: x * (x > 0), (2.0,), (1.0,)) == (2.0, 1.0)
        np.testing.assert_array_equal(tg.hessian(lambda x: x.sum())(np.ones(2)), np.zeros((2, 2)))
        (v * 2).sum().backward()


def test_a_pass_that_an_error_stopped_names_nothing():
    w = leaf([0.0])
    with finding(FloatingPointError, "sqrt"), tg.debug():
        np.sqrt(w).sum().backward()


def test_a_pass_in_an_inner_block_counts_for_the_outer():
    w = leaf([1.0])
    with tg.debug():
        loss = (w * 2.0).sum()
        assert loss.item() == 2.0
        with tg.debug(values=False):
            loss.backward()


# Arrays changed between forward and backward


def test_an_array_that_is_changed_before_its_gradient_is_taken_is_found():
    w, batch = leaf([[1.0], [2.0]]), np.ones((3, 2))
    with (
        finding(RuntimeError, "argument 0 of matmul, a constant, was changed", "z = batch @ w", "5", "x.copy()"),
        tg.debug(),
    ):
        z = batch @ w
        batch[:] = 5.0
        z.sum().backward()


def test_data_that_is_changed_in_place_is_found():
    w = leaf([1.0, 2.0])
    with finding(RuntimeError, "argument 0 of multiply, 'w', was changed"), tg.debug():
        y = (w * w).sum()
        w.data[0] = 7.0
        y.backward()


def test_a_result_that_is_changed_in_place_is_found():
    w = leaf([1.0, 2.0])
    with finding(RuntimeError, "what exp made, its result, was changed"), tg.debug():
        y = np.exp(w)
        y.data[0] = 7.0
        y.sum().backward()


def test_a_parameter_of_a_step_that_is_changed_in_place_is_found():
    special = pytest.importorskip("scipy.special")
    x, order = leaf([1.0, 2.0]), np.array([0.0, 1.0])
    with finding(RuntimeError, "v= of jv, a parameter, was changed"), tg.debug():
        y = special.jv(order, x)
        order[:] = 5.0
        y.sum().backward()


def test_an_array_that_no_derivative_reads_may_change():
    w, batch = leaf([1.0, 2.0]), np.ones(2)
    with tg.debug():
        y = w + batch
        batch[:] = 5.0
        y.sum().backward()
    np.testing.assert_array_equal(w.grad, [1.0, 1.0])


@pytest.mark.parametrize(
    "derive",
    [
        lambda f: tg.jvp(f, (np.ones(2),), (np.ones(2),)),
        lambda f: tg.hvp(f, (np.ones(2),), (np.ones(2),)),
        lambda f: tg.grad(f)(np.ones(2)),
        lambda f: tg.jacobian(f)(np.ones(2)),
    ],
)
def test_every_transform_finds_a_changed_array(derive):
    batch = np.ones(2)

    def f(x):
        y = x * batch
        batch[:] = 7.0
        return y.sum()

    with finding(RuntimeError, "argument 1 of multiply, a constant, was changed", "y = x * batch", "7"), tg.debug():
        derive(f)


@pytest.mark.parametrize("applied", [lambda f, w, a: f(w, a), lambda f, w, a: f(w, more={"scale": [a]})])
def test_an_array_that_a_checkpoint_was_given_and_that_is_changed_is_found(applied):
    @tg.checkpoint
    def scaled(x, scale=0.0, more=None):
        return x * (more["scale"][0] if more else scale)

    scale = np.array([2.0])
    with finding(RuntimeError, "of scaled, which is checkpointed, was changed", "used at", "5", "cure"), tg.debug():
        y = applied(scaled, leaf([1.0]), scale)
        scale[:] = 5.0
        y.sum().backward()


def test_a_parameter_may_be_replaced_that_no_tangent_reads():
    b = leaf([0.0, 0.0], "b")

    def f(x):
        y = x * 2.0 + b
        b.data = np.ones(2)
        return y

    with tg.debug(severed=False):
        np.testing.assert_array_equal(tg.jvp(f, (np.ones(2),), (np.ones(2),))[1], [2.0, 2.0])


def test_a_parameter_that_no_derivative_reads_may_be_replaced():
    w, b = leaf([1.0, 2.0]), leaf([0.0, 0.0], "b")
    with tg.debug():
        y = (w * 2.0 + b).sum()
        b.data = np.ones(2)
        y.backward()
    np.testing.assert_array_equal(b.grad, [1.0, 1.0])


def test_transposed_empty_and_broadcast_arrays_have_checksums():
    w = leaf(np.ones((3, 2)))
    with tg.debug():
        (w * np.ones((2, 3)).T * np.broadcast_to(2.0, (3, 2))).sum().backward()
        (w[:0] * np.ones((0, 2))).sum().backward()
    np.testing.assert_array_equal(w.grad, np.full((3, 2), 2.0))


# Birthplaces


def test_a_second_pass_is_refused_with_the_line_that_recorded():
    with finding(
        RuntimeError, "backward through sum (recorded at test_debug.py:", "y = np.exp(w).sum()", "second time"
    ):
        with tg.debug():
            w = leaf([1.0])
            y = np.exp(w).sum()
        y.backward()
        y.backward()


def test_replaced_data_is_refused_with_the_lines_of_both():
    w = leaf([1.0])
    with (
        finding(RuntimeError, "'w' was replaced", "(replaced at", "w.data = np.zeros(1)", "(used at", "y = w * w"),
        tg.debug(),
    ):
        y = w * w
        w.data = np.zeros(1)
        y.backward()


def test_data_that_is_replaced_after_a_checkpoint_had_used_it_is_refused():
    w = leaf([1.0])
    with (
        finding(RuntimeError, "'w' was replaced after checkpoint had used it", "(replaced at", "w.data = "),
        tg.debug(),
    ):
        y = tg.checkpoint(np.sin)(w)
        w.data = np.zeros(1)
        y.backward()


def test_an_optimizers_step_is_named_as_what_replaced():
    w = leaf([1.0])
    optimizer = tg.optim.SGD([w], lr=0.1)
    with finding(RuntimeError, "'w' was replaced", "(replaced at", "optimizer.step()"), tg.debug():
        y = w * w
        (w * w).sum().backward()
        optimizer.step()
        y.backward()


def test_a_tensor_in_an_error_is_named_with_the_line_that_made_it():
    with finding(
        RuntimeError, "'w' (made at test_debug.py:", "return tg.tensor(", "is a leaf that requires a gradient"
    ):
        with tg.debug():
            w = leaf([1.0])
        w[0] = 2.0


def test_nodes_know_their_lines_after_the_block_writes_too():
    with tg.debug() as found:
        w, y = leaf([1.0, 2.0]), tg.zeros(2)
        y[0] = w[1]
        z = y * 2.0
    y[1] = 3.0
    assert found.line(z.node).endswith("z = y * 2.0")
    assert found.line(z.node.inputs[0]).endswith("y[0] = w[1]")
    assert found.line(y.node) == ""


def test_recording_keeps_every_argument():
    with tg.debug():
        y = leaf([1.0]) + np.array([2.0])
    assert [a.tolist() for a in y.node.args] == [[1.0], [2.0]]


# The switch


def swapped():
    """Return all that is put in place while it is on, as it is."""
    functions = [Tensor.__dict__["data"].fget, Tensor.item, Tensor.numpy, Tensor.tolist, Tensor.detach, Tensor.backward]
    names = [
        *(graph.tick, node.tick, writes.tick, graph.unrecorded, graph.is_recording, creation.owned, Keeps.everything),
        *(autograd.STEPS, autograd.each_step, autograd.backpropagate, autograd.refuse_stale, forward.advanced),
    ]
    return [f.__code__ for f in (*functions, tg.nn.Module.__call__, Hooked.applied)], names, [*vars(Tensor).values()]


def is_as(before):
    """Whether all that is put in place is what it was."""
    return all(a is b for x, y in zip(before, swapped(), strict=True) for a, b in zip(x, y, strict=True))


def test_nothing_of_it_is_there_when_it_is_off():
    leaf([1.0]) * 2.0  # makes the operator
    before = swapped()
    with tg.debug():
        assert not is_as(before)
    assert is_as(before)
    assert tracing.get() is None


def test_an_exception_puts_everything_back():
    before = swapped()
    with pytest.raises(ZeroDivisionError), tg.debug(), tg.debug(values=False):
        raise ZeroDivisionError
    assert is_as(before)


def test_a_finding_puts_everything_back():
    before = swapped()
    with pytest.raises(FloatingPointError), tg.debug():
        np.log(leaf([0.0]))
    assert is_as(before)


def test_a_warning_that_is_an_error_puts_everything_back():
    before = swapped()
    w, v = leaf([1.0]), leaf([1.0], "v")
    with pytest.raises(SeveredGradientWarning) as caught, tg.debug():
        by_data(w, v).backward()
    assert is_as(before)
    assert {frame.filename for frame in traceback.extract_tb(caught.value.__traceback__)} == {__file__}


def test_gradients_are_the_same_with_it_and_without():
    X, y = np.linspace(-1, 1, 12).reshape(4, 3), np.array([0, 1, 1, 0])
    found = []
    for block in (tg.debug(), tg.no_grad()):
        model = tg.nn.MLP([3, 5, 2], activation="tanh", rng=0)
        with block, tg.enable_grad():
            tg.nn.cross_entropy(model(X), y).backward()
        found.append([p.grad for p in model.parameters()])
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_every_part_can_be_left_out():
    w, v, batch = leaf([1.0, 4.0]), leaf([1.0, 1.0], "v"), np.ones(2)
    with tg.debug(values=False, severed=False, changes=False) as found, np.errstate(all="ignore"):
        y = (w.data * v * batch).sum() + np.log(v * 0.0).sum()
        batch[:] = 2.0
        y.backward()
    assert found.severed == []


@pytest.mark.parametrize("options", [{"values": False}, {}])
def test_the_options_of_the_innermost_block_count(options):
    with tg.debug(), tg.debug(**options):
        if options:
            np.log(leaf([0.0]))
        else:
            with finding(FloatingPointError, "log"):
                np.log(leaf([0.0]))
    with tg.debug():
        with tg.debug(values=False):
            pass
        with finding(FloatingPointError, "log"):
            np.log(leaf([0.0]))


def test_one_switch_can_be_entered_again_inside_of_itself():
    switch, before = tg.debug(), swapped()
    with switch:
        with switch:
            pass
        with finding(FloatingPointError, "log"):
            np.log(leaf([0.0]))
    assert is_as(before)


def log_of_zero(w):
    np.log(w * 0.0)


def of_a_row(w):
    return np.linalg.inv(w)


def caught_inside(w):
    with pytest.raises(FloatingPointError):
        np.log(w * 0.0)


@pytest.mark.parametrize(
    "mistake",
    [
        log_of_zero,
        of_a_row,
        caught_inside,
        lambda w: tg.debug()(log_of_zero)(w),
        lambda w: np.sqrt(w * 0.0).sum().backward(),
        lambda w: tg.jvp(lambda x: np.sqrt(x * w), (np.zeros(2),), (np.ones(2),)),
        lambda w: tg.grad(tg.grad(lambda x: (x * w.sum()) ** 1.5))(0.0),
    ],
)
def test_a_finding_that_is_gone_holds_no_array(mistake):
    w = leaf([1.0, 2.0])
    gc.collect()
    gc.disable()
    try:
        with contextlib.suppress(FloatingPointError, ValueError), tg.debug(severed=False):
            mistake(w)
        held = weakref.ref(w)
        del w
        assert held() is None
    finally:
        gc.enable()


def test_a_pass_that_an_error_stopped_in_an_inner_block_names_nothing():
    w = leaf([0.0])
    with finding(FloatingPointError, "sqrt"), tg.debug(), tg.debug():
        np.sqrt(w).sum().backward()


class Failing(tg.nn.Module):
    def forward(self, x):
        return x @ np.ones(9)


@pytest.mark.parametrize(
    "mistake",
    [
        lambda: np.log(leaf([0.0])),
        lambda: leaf([-1.0]) ** 0.5,
        lambda: 1.0 / leaf([0.0]),
        lambda: leaf([1e200, 1e200]).prod(),
        lambda: tg.nn.softmax(leaf([1.0]) * -np.inf),
        lambda: np.sqrt(leaf([0.0])).sum().backward(),
        lambda: tg.checkpoint(np.sqrt)(leaf([0.0])).sum().backward(),
        lambda: tg.grad(lambda x: np.sum(np.sqrt(x)))(np.zeros(2)),
        lambda: tg.jvp(np.sqrt, (0.0,), (1.0,)),
        lambda: tg.hessian(power)(np.zeros(2)),
        lambda: tg.nn.Linear(2, 2)(np.full((1, 2), np.nan)),
        lambda: Failing()(leaf([1.0, 2.0])),
        lambda: leaf([1.0, 2.0]).item(),
        lambda: setattr(leaf([1.0]), "data", np.ones(2)),
    ],
)
def test_an_error_shows_no_frame_of_ours(mistake):
    with pytest.raises((FloatingPointError, ValueError)) as caught, tg.debug(severed=False):
        mistake()
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert [frame.filename for frame in frames if frame.filename.startswith(HERE)] == []


def test_it_decorates_functions():
    @tg.debug()
    def loss(w, depth):
        return np.log(w) if depth == 0 else loss(w, depth - 1)

    before = swapped()
    with finding(FloatingPointError, "log"):
        loss(leaf([0.0]), 2)
    assert loss(leaf([1.0]), 2).item() == 0
    assert is_as(before)


def test_other_threads_are_left_alone():
    made = []
    with tg.debug():
        thread = threading.Thread(target=lambda: made.append(leaf([np.nan]) * 2.0))
        thread.start()
        thread.join()
    assert np.isnan(made[0].data[0])
    assert not hasattr(made[0].node.seq, "place")


def test_blocks_of_two_threads_may_end_in_any_order():
    before, entered, left, seen = swapped(), threading.Event(), threading.Event(), []

    def other():
        with tg.debug():
            entered.set()
            left.wait(10)
            with np.errstate(all="ignore"), finding(FloatingPointError, "log"):
                np.log(leaf([0.0]))
            seen.append(True)

    thread = threading.Thread(target=other)
    with tg.debug():
        thread.start()
        assert entered.wait(10)
    left.set()
    thread.join()
    assert seen and is_as(before)


def test_tasks_do_not_see_each_others_blocks():
    async def watched(go, done):
        with tg.debug():
            go.set()
            await done.wait()
            with finding(FloatingPointError, "log"):
                np.log(leaf([0.0]))

    async def free(go, done):
        await go.wait()
        with np.errstate(divide="ignore"):
            result = np.log(leaf([0.0])).data[0]
        done.set()
        return result

    async def both():
        go, done = asyncio.Event(), asyncio.Event()
        return (await asyncio.gather(watched(go, done), free(go, done)))[1]

    assert asyncio.run(both()) == -np.inf


def test_a_trace_inside_of_a_block_is_a_trace():
    with tg.debug():
        with trace() as kept:
            y = np.log(leaf([0.0]))
        assert kept.line(y.node).endswith("y = np.log(leaf([0.0]))")
        with finding(FloatingPointError, "log"):
            np.log(leaf([0.0]))


def test_a_pass_lets_go_of_what_was_kept():
    w = leaf([1.0])
    with tg.debug():
        y = (w * 2.0).sum()
        y.backward()
    assert all(n.args is None for n in history(y.node) if n.op is not None)


def test_other_array_types_are_let_through():
    dask = pytest.importorskip("dask.array")
    x = tg.tensor(dask.ones(3, chunks=2), requires_grad=True)
    with tg.debug():
        y = np.log(x * 0.0)
    assert isinstance(y.data, dask.Array)


def test_every_known_trap_belongs_to_a_function_with_rules():
    from tensorgrad.traps import MADE, STEEP

    assert [fn for fn in (*MADE, *STEEP) if fn not in OPS or OPS[fn].kind not in ("rules", "step")] == []


def test_numpys_own_warnings_are_off_while_values_are_looked_at():
    before = np.geterr()
    with tg.debug(), finding(FloatingPointError, "log made -inf"):
        np.log(leaf([0.0]))
    with pytest.raises(RuntimeWarning), tg.debug(values=False):
        np.log(leaf([0.0]))
    assert np.geterr() == before
