"""The public strategies: what they draw fits, shrinks to something simple, and a property test is three lines."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import FailedHealthCheck, NoSuchExample, Unsatisfiable

import tensorgrad as tg
from tensorgrad.op import OPS
from tensorgrad.testing import GradientError, gradcheck, strategies
from tensorgrad.testing.calls import LAYOUTS, sample
from tensorgrad.testing.properties import given_gradcheck
from tensorgrad.testing.weighing import results, weigh, weighed

SOME = settings(max_examples=25 * settings.default.max_examples)
SEARCH = {"max_examples": 100, "derandomize": True, "database": None}
SHRINKING = settings(max_examples=500, database=None, derandomize=True)


def simplest(strategy, condition=lambda _: True):
    return find(strategy, condition, settings=SHRINKING)


@pytest.fixture
def toy(monkeypatch):
    """Make an op with a rule, which is forgotten after the test."""
    before = dict(OPS)

    def make(rule, body, **options):
        @tg.primitive(*(rule if isinstance(rule, tuple) else (rule,)), **options)
        def op(*args):
            return body(*args)

        return op

    yield make
    OPS.clear()
    OPS.update(before)


# What is drawn


@SOME
@given(strategies.broadcastable(3), st.data())
def test_broadcastable_shapes_broadcast(found, data):
    assert len(found) == 3
    assert 0 not in np.broadcast_shapes(*found)


def test_shapes_without_axes_and_on_request_without_elements_are_drawn():
    assert simplest(strategies.broadcastable(2), lambda found: found[0] == () and found[1] != ()) == ((), (1,))
    assert simplest(strategies.shapes(empty=True), lambda shape: 0 in shape) == (0,)
    assert simplest(strategies.broadcastable(2, empty=True), lambda found: 0 in found[0])
    with pytest.raises(NoSuchExample):
        simplest(strategies.shapes(), lambda shape: 0 in shape)


@SOME
@given(strategies.dtypes(complex=True), st.data())
def test_arrays_have_the_shape_and_dtype_asked_for_and_elements_in_the_domain(dtype, data):
    shape = data.draw(strategies.shapes(empty=True))
    x = data.draw(strategies.arrays(shape, dtype, (-0.5, 2.0)))
    assert (x.shape, x.dtype) == (shape, dtype)
    for part in (np.real(x), np.imag(x)) if dtype.kind == "c" else (x,):
        assert np.all((part >= -0.5) & (part <= 2.0))


@SOME
@given(strategies.arrays(apart=True))
def test_elements_apart_do_not_tie_even_in_size(x):
    assert len(set(np.abs(x).flat)) == x.size
    assert np.all(x != 0)


@SOME
@given(strategies.arrays(), st.data())
def test_a_layout_leaves_the_elements(x, data):
    np.testing.assert_array_equal(data.draw(strategies.layouts(x)), x)


@pytest.mark.parametrize(
    ("layout", "holds"),
    [
        ("Fortran's order", lambda x: x.flags.f_contiguous and not x.flags.c_contiguous),
        ("strided", lambda x: not x.flags.forc),
        ("reversed", lambda x: min(x.strides) < 0),
        ("read-only", lambda x: not x.flags.writeable),
    ],
)
def test_each_layout_is_drawn(layout, holds):
    assert holds(simplest(strategies.arrays((2, 3)), holds))
    assert holds(simplest(strategies.arrays((2, 3), layout=layout)))


@SOME
@given(strategies.dtypes(complex=True), st.data())
def test_cotangents_fit_their_result(dtype, data):
    y = np.tanh(tg.tensor(np.ones((2, 3), dtype), requires_grad=True))
    g = data.draw(strategies.cotangents(y))
    assert (g.shape, g.dtype) == (y.shape, y.dtype)


def test_arrays_of_integers_and_empty_intervals_are_refused():
    with pytest.raises(TypeError, match="no gradient"):
        simplest(strategies.arrays((2,), int))
    with pytest.raises(ValueError, match="numbers from 2.0 to 1.0"):
        simplest(strategies.arrays((2,), domain=(2.0, 1.0)))


# Arrays and calls for an op


SOME_OPS = [np.sum, np.concatenate, np.where, np.linalg.eigh, np.einsum, np.fmax, np.select, np.interp, np.nanmean]


@pytest.mark.parametrize("fn", SOME_OPS, ids=lambda fn: fn.__name__)
@given(data=st.data())
def test_a_call_drawn_for_an_op_takes_its_arrays_and_tensors(fn, data):
    call, arrays = data.draw(strategies.calls_for(fn))
    assert call.op.fn is fn
    for y, e in zip(results(call(*[tg.tensor(a) for a in arrays])), results(call(*arrays)), strict=True):
        np.testing.assert_allclose(y.data, e, rtol=1e-14)


@pytest.mark.parametrize(
    "fn", [np.add, np.tanh, np.arctanh, np.matmul, np.linalg.solve, np.linalg.inv, np.sum, np.clip]
)
@given(data=st.data())
def test_a_numpy_function_takes_the_arrays_drawn_for_it(fn, data):
    arrays = data.draw(strategies.arrays_for(fn))
    out = fn(*arrays)
    assert np.isfinite(out).all()
    assert fn(*[tg.tensor(a, requires_grad=True) for a in arrays]).shape == np.shape(out)


def test_elementwise_and_matrix_ops_draw_batches():
    x, y = simplest(strategies.arrays_for(np.add), lambda arrays: arrays[0].shape < arrays[1].shape)
    assert (x.shape, y.shape) == ((), (1,))
    a, b = simplest(strategies.arrays_for(np.matmul), lambda arrays: arrays[0].ndim == 4 and arrays[1].ndim == 3)
    assert np.matmul(a, b).ndim == 4


@SOME
@given(strategies.arrays_for(np.maximum, dtype=strategies.dtypes()))
def test_arrays_for_an_op_with_kinks_do_not_tie(arrays):
    x, y = (np.abs(a).astype(float).ravel().tolist() for a in arrays)
    assert len({*x, *y}) == len(x) + len(y)


def test_parameters_are_drawn_with_the_arrays():
    call, arrays = simplest(strategies.calls_for(np.sum), lambda drawn: drawn[0].params.get("axis") == -1)
    np.testing.assert_array_equal(call(*arrays), np.sum(*arrays, **call.params))
    call, arrays = simplest(strategies.calls_for(np.concatenate))  # called with a list
    assert call(*arrays).size == sum(a.size for a in arrays)


def test_a_users_op_has_its_arrays(toy):
    half_log = toy(lambda g, _y, x: g / (2 * x), lambda x: np.log(x) / 2, domain=(0.5, 2.0))
    (x,) = simplest(strategies.arrays_for(half_log))
    assert x == 1.0


def test_functions_without_an_entry_or_a_call_are_refused_with_the_way_out(monkeypatch):
    with pytest.raises(ValueError, match=r"<lambda> has no entry in the registry.*strategies.arrays\(shape\)"):
        strategies.arrays_for(lambda x: x)
    with pytest.raises(ValueError, match="argmax shows no call: its kind is 'plain'"):
        strategies.calls_for(np.argmax)
    monkeypatch.setitem(OPS, np.trapezoid, OPS[np.trapezoid])  # put back afterwards
    tg.composite(np.trapezoid)(lambda y: np.sum(y))
    with pytest.raises(ValueError, match="give it cases="):
        strategies.arrays_for(np.trapezoid)


def test_samples_do_not_tie_between_domains():
    x, low, high = sample(OPS[np.clip], ((2, 3), (3,), (2, 1)))
    assert len({*np.abs(x).flat, *np.abs(low).flat, *np.abs(high).flat}) == 11
    assert low.max() < high.min()


# Shrinking


def test_numbers_shrink_to_the_simplest_that_will_do():
    assert simplest(strategies.numbers()) == 0.0
    assert simplest(strategies.numbers(), lambda x: x > 0) == 1.0
    assert simplest(strategies.numbers(), lambda x: x < 0) == -1.0
    assert simplest(strategies.numbers(0.1, 0.9)) == 0.5


def test_arrays_shrink_to_few_simple_numbers():
    assert simplest(strategies.arrays(), lambda x: x.sum() > 1.5).tolist() == 2.0
    assert simplest(strategies.arrays(), lambda x: x.size > 1 and x.all()).tolist() == [1.0, 1.0]
    assert simplest(strategies.arrays_for(np.multiply), lambda a: a[0].size > 1)[0].ravel().tolist() == [1.0, 2.0]
    assert simplest(strategies.arrays(layout=None)).flags.c_contiguous


def failure(test):
    """Return the error of a property test, and what Hypothesis says of the inputs that it shrank to."""
    with pytest.raises(GradientError) as caught:
        test()
    text = "".join(caught.value.__notes__)
    assert "inputs=(" in text
    return caught.value, text


PLANTED = {
    "factor": (lambda g, _y, x: g * x * x, ["array(1.)"]),
    "negative": (lambda g, _y, x: g * np.where(np.less(x, 0), -3, 3) * x * x, ["array(-1.)"]),
    "large": (
        lambda g, _y, x: g * np.where(np.greater(x, 1.2), 4, 3) * x * x,
        ["array(2.)", "array([1., 2.])", "array([2., 1.])"],
    ),
    "second element": (lambda g, _y, x: g * np.where(np.arange(np.size(x)) == 1, 4, 3) * x * x, ["array([1., 2.])"]),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_a_wrong_rule_shrinks_to_one_or_two_simple_numbers(bug, toy):
    rule, simple = PLANTED[bug]
    cube = toy(rule, lambda x: x * x * x, cases=[(((3,),), {}), (((2,),), {})] if bug == "second element" else ())
    error, text = failure(given_gradcheck(**SEARCH)(cube))
    assert any(f"inputs=({x},)" in text for x in simple)
    assert error.report.verdict == "wrong"
    assert error.report.argument == 0


def test_a_missing_sum_over_a_stretched_axis_shrinks_to_the_smallest_such_shapes():
    error, text = failure(given_gradcheck(vjp=lambda g, out, x, y: (g * y, g * x), **SEARCH)(lambda x, y: x * y))
    assert "the sum over axis 0 is missing" in str(error)
    assert "inputs=(array(0.), array([0.]))" in text or "inputs=(array([0.]), array(0.))" in text


# Property tests


@given_gradcheck(strategies.arrays((3,)), strategies.arrays((3,)), max_examples=5)
def test_gradient_of_softplus(x, y):
    return np.log1p(np.exp(x)) * y


test_gradient_of_hypot = given_gradcheck(max_examples=5)(np.hypot)


def test_inputs_are_as_many_as_the_function_has_parameters():
    seen = []

    @given_gradcheck(max_examples=5)
    def product(x, y, z, power=2):
        seen.append((x, y, z))
        return x * y * z**power

    product()
    assert product.__name__ == "product"
    assert seen


def test_a_function_that_does_not_say_what_it_takes_is_refused():
    with pytest.raises(TypeError, match="does not say how many arrays it takes: give a strategy for each"):
        given_gradcheck()(lambda *arrays: arrays[0])


def test_a_backward_pass_written_by_hand_is_tested():
    forward = {"right": lambda g, out, x, y: (g * y, g * x), "wrong": lambda g, out, x, y: (g * y, g * x * (x < 1))}
    pair = (strategies.arrays((2,)), strategies.arrays((2,)))
    given_gradcheck(*pair, vjp=forward["right"], max_examples=10)(lambda x, y: x * y)()
    error, text = failure(given_gradcheck(*pair, vjp=forward["wrong"], **SEARCH)(lambda x, y: x * y))
    assert error.report.argument == 1
    assert "array([1., 0.])" in text or "array([0., 1.])" in text


def test_the_seed_of_the_check_is_drawn_and_shown():
    _, text = failure(given_gradcheck(strategies.arrays(()), vjp=lambda g, out, x: 2 * g, **SEARCH)(np.positive))
    assert "rng=0" in text


def test_inputs_of_which_nothing_can_be_said_are_drawn_again_or_fail_if_strict():
    def rough(x):
        return np.abs(x + 100) + 1e25

    quiet = {**SEARCH, "suppress_health_check": list(HealthCheck)}
    with pytest.raises((Unsatisfiable, FailedHealthCheck)):
        given_gradcheck(strategies.arrays((1,)), order=1, **quiet)(rough)()
    failure(given_gradcheck(strategies.arrays((1,)), order=1, strict=True, **quiet)(rough))


def test_large_errors_relative_to_their_bound_are_looked_for(monkeypatch):
    found = []
    monkeypatch.setattr("tensorgrad.testing.properties.target", lambda share, label: found.append((share, label)))
    given_gradcheck(strategies.arrays((2,)), max_examples=5, phases=[Phase.generate])(np.sin)()
    assert found
    assert all(0 <= share <= 1 and label == "error over bound" for share, label in found)


# Programs


@SOME
@given(strategies.programs(2), st.data())
def test_a_program_gives_the_same_on_tensors_and_on_arrays(program, data):
    arrays = [data.draw(strategies.arrays(shape)) for shape in program.shapes]
    out = program(*[tg.tensor(a, requires_grad=True) for a in arrays])
    np.testing.assert_allclose(out.data, program(*arrays), rtol=1e-13, atol=1e-13)


@SOME
@given(st.booleans().flatmap(lambda writes: strategies.programs(2, writes=writes)))
def test_the_source_of_a_program_is_the_program(program):
    made = {"np": np}
    exec(repr(program), made)
    arrays = [np.cos(np.arange(np.prod(shape))).reshape(shape) for shape in program.shapes]
    for y, e in zip(results(program(*arrays)), results(made["program"](*arrays)), strict=True):
        np.testing.assert_array_equal(y, e)


@SOME
@given(strategies.programs(2, 8, writes=True))
def test_a_program_that_writes_leaves_its_arguments(program):
    arrays = [LAYOUTS["read-only"](np.ones(shape)) for shape in program.shapes]
    list(program.states(*arrays))


def test_programs_shrink_to_few_lines():
    assert simplest(strategies.programs(), lambda program: "np.tanh" in repr(program)).lines == ("a = np.tanh(x)",)
    program = simplest(strategies.programs(1, 9, writes=True), lambda program: ".sort(" in repr(program))
    assert len(program.lines) == 2


def test_a_wrong_rule_is_found_by_programs_and_shrunk_to_one_line(monkeypatch):
    monkeypatch.setitem(OPS, np.tanh, OPS[np.tanh])
    tg.register(np.tanh, lambda g, y, _x: g * (1 - y))

    def wrong(program):
        arrays = [np.full(shape, 0.5) for shape in program.shapes]
        f, weights = weighed(program, arrays)
        try:
            gradcheck(lambda *xs: f([*weights, *xs]), *arrays, order=1)
        except GradientError:
            return True
        return False

    assert simplest(strategies.programs(), wrong).lines == ("a = np.tanh(x)",)


def test_failures_show_the_source_of_a_program_and_the_name_of_a_call():
    @settings(**SEARCH, phases=[Phase.generate])
    @given(strategies.programs(1, 0), strategies.calls_for(np.sum))
    def test(program, call):
        raise AssertionError

    with pytest.raises(AssertionError) as caught:
        test()
    text = "".join(caught.value.__notes__)
    assert "program=def program(x):" in text
    assert "<call of sum-" in text


def test_programs_of_too_many_arguments_are_refused():
    with pytest.raises(ValueError, match="they take 1 to 3"):
        simplest(strategies.programs(4))


def test_weights_are_of_the_real_dtype_of_each_result():
    _, (w, v) = weighed(lambda x: (x, 1j * x), [np.ones(2, np.float32)])
    assert (w.dtype, v.dtype) == (np.float32, np.float32)
    assert weigh([1.0], np.array([1.0, 2.0])) == 3.0


def test_the_checks_are_imported_without_hypothesis():
    code = "import sys; sys.modules['hypothesis'] = None; from tensorgrad.testing import gradcheck; gradcheck(abs, 2.0)"
    subprocess.run([sys.executable, "-c", code], check=True)
