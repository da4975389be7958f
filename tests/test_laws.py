"""Each law is named by a bug that breaks it, and it alone; functions of many kinds keep all of them."""

import warnings
from pathlib import Path

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import autograd, nn
from tensorgrad.graph import Tensor
from tensorgrad.op import OPS
from tensorgrad.testing.laws import LAWS, LawError, check_laws
from tensorgrad.testing.report import GradientError

X = np.array([[1.0, -2.0, 0.5], [0.25, 3.0, -1.5]])


def broken(f, *inputs, **options):
    with pytest.raises(LawError) as caught:
        check_laws(f, *inputs, **options)
    return caught.value.laws.named("broken"), str(caught.value)


def beyond_gradcheck(laws):
    """Return the laws but for the two that the gradient check answers for, which may see the same bug."""
    return [law for law in laws if law not in ("first order", "second order")]


def cube(rule=lambda g, _y, x: g * 3 * x * x, body=lambda x: x * x * x):
    """Return x cubed as a primitive with this rule and this body."""

    @tg.primitive(rule)
    def cube(x):
        return body(x)

    return cube


# Bugs, each of which breaks one law
def test_a_body_that_writes_into_its_argument_changes_an_input():
    @tg.primitive(lambda g, _y, x: np.stack([g * 0, g * 2 * x[1]]))
    def square_of_a_row(x):
        x[0] += 1.0
        return x[1] * x[1]

    laws, text = broken(square_of_a_row, X)
    assert laws == ["inputs unchanged"]
    assert "calling it changed argument 0 at [0, 0] from 1 to 2" in text and "x.copy()" in text
    assert "skipped, first order: it raised ValueError: square_of_a_row changes its inputs" in text


def test_a_rule_that_writes_into_its_argument_changes_an_input():
    def rule(g, _y, x):
        if isinstance(x, np.ndarray):
            x *= 1.0 + 1e-9
        return g * 3 * x * x

    laws, text = broken(cube(rule), X, order=1)
    assert beyond_gradcheck(laws) == ["inputs unchanged"]
    assert "its backward pass changed argument 0" in text


def test_another_forward_than_numpys_is_found(monkeypatch):
    monkeypatch.setitem(OPS, np.square, OPS[np.square])  # put back afterwards
    tg.register(np.square, lambda g, _y, x: g * 2 * x, forward=lambda x: x * x + 1e-9)
    laws, text = broken(np.square, X)
    assert laws == ["forward"]
    assert "on tensors is 1, expected 1: they are 1e-09 apart, where rounding explains" in text


def test_a_wrong_rule_is_a_wrong_first_order_and_the_error_carries_its_report():
    with pytest.raises(GradientError) as caught:
        check_laws(cube(lambda g, _y, x: g * 2 * x * x), X)
    error = caught.value
    assert error.laws.named("broken") == ["first order"]
    assert error.report.verdict == "wrong" and error.report.order == 1
    assert "breaks a law" in str(error) and str(error.report).splitlines()[0] in str(error)
    assert "skipped, second order: the first order does not hold" in str(error)


def test_a_rule_that_drops_the_graph_of_its_argument_is_a_wrong_second_order():
    laws, _ = broken(cube(lambda g, _y, x: g * 3 * np.square(x.data if isinstance(x, Tensor) else x)), X)
    assert laws == ["second order"]


def test_a_rule_that_drops_the_graph_of_its_cotangent_breaks_the_adjoint():
    def rule(g, _y, x):
        return (g.data if isinstance(g, Tensor) else g) * 3 * x * x

    laws, text = broken(cube(rule), X, order=1)
    assert laws == ["adjoint"]
    assert "<v, J u> is 0, <Jᵀ v, u> is" in text and "g.data" in text


def test_a_rule_that_cuts_large_cotangents_off_is_not_linear():
    laws, text = broken(cube(lambda g, _y, x: np.clip(g, -1e6, 1e6) * 3 * x * x), X)
    assert beyond_gradcheck(laws) == ["linear"]
    assert "from the cotangent 1.1e+12 v, divided by 1.1e+12" in text and "multiplies by g" in text


def test_a_rule_that_cuts_small_cotangents_off_is_not_linear():
    laws, text = broken(cube(lambda g, _y, x: np.where(np.abs(g) < 1e-9, 0.0, g) * 3 * x * x), X)
    assert beyond_gradcheck(laws) == [
        "adjoint",
        "linear",
    ]  # J u is the slope at the cotangent 0, where this rule has none
    assert "from the cotangent 9.09e-13 v, divided by 9.09e-13" in text


def test_a_rule_that_takes_the_size_of_its_cotangent_is_not_linear():
    laws, text = broken(cube(lambda g, _y, x: np.abs(g) * 3 * x * x), X)
    assert "linear" in laws and "1.5 v - 0.75 w" in text


def test_a_rule_that_writes_into_its_cotangent_fails_at_a_fan_out():
    def rule(g, _y, x):
        if type(g) is np.ndarray:
            g *= 3 * x * x
            return g
        return g * 3 * x * x

    laws, text = broken(cube(rule), X)
    assert beyond_gradcheck(laws) == ["fan-out"]
    assert "it changed its cotangent in place" in text
    assert "the gradient of f(x) + f(x), for argument 0 at" in text


def test_a_rule_that_returns_an_array_that_it_keeps_shares_memory():
    made = {}

    def rule(g, _y, x):
        if not isinstance(g, np.ndarray):
            return g * 3 * x * x
        return made.setdefault((g.tobytes(), x.tobytes(), g.dtype), g * 3 * x * x)

    laws, text = broken(cube(rule), X)
    assert laws == ["memory"]
    assert "the gradient for argument 0 shares memory with that of another pass for argument 0" in text


def test_a_forward_that_lifts_the_dtype_is_found(monkeypatch):
    monkeypatch.setitem(OPS, np.square, OPS[np.square])
    tg.register(np.square, lambda g, _y, x: g * 2 * x, forward=lambda x: np.multiply(x, x, dtype=np.float64))
    laws, text = broken(np.square, X)
    assert laws == ["dtype and shape"]
    assert "of inputs in float32 its result is float64(2, 3) on tensors, float32(2, 3) on arrays" in text


def test_a_gradient_in_another_dtype_is_found(monkeypatch):
    monkeypatch.setattr(autograd, "match", lambda g, shape, dtype: g)  # which makes dtype and shape fit
    monkeypatch.setattr(autograd, "STEPS", autograd.Steps())

    def rule(g, _y, x):
        return np.multiply(g, 3 * x * x, dtype=np.float64) if isinstance(g, np.ndarray) else g * 3 * x * x

    laws, text = broken(cube(rule), X)
    assert laws == ["dtype and shape"]
    assert "the gradient for argument 0 is float64(2, 3), the input float32(2, 3)" in text


def test_a_constant_that_is_right_in_float64_only_is_found():
    laws, text = broken(cube(lambda g, _y, x: g * (3.01 if x.dtype == np.float32 else 3) * x * x), X)
    assert laws == ["float32"]
    assert "the gradient in float32, for argument 0 at" in text


def test_a_value_that_is_right_in_float64_only_is_found():
    f = cube(body=lambda x: x * x * x * (1.01 if x.dtype == np.float32 else 1))
    laws, text = broken(f, X)
    assert laws == ["float32"] and "result 0 at [1, 1] in float32 is" in text


def test_a_backward_pass_that_lets_go_of_nothing_is_found(monkeypatch):
    backward = Tensor.backward
    monkeypatch.setattr(Tensor, "backward", lambda y: backward(y, retain_graph=True))
    laws, text = broken(np.tanh, X)
    assert laws == ["freed"] and "a second backward() does not raise" in text


def test_a_result_in_a_reference_cycle_is_found():
    def f(x):
        ring = [x * x]
        ring.append(ring)
        return ring[0] * 2.0

    laws, text = broken(f, X)
    assert laws == ["freed"] and "a reference cycle keeps" in text


def test_every_law_has_a_bug_above_that_breaks_it():
    source = Path(__file__).read_text(encoding="utf-8")
    assert [law for law in LAWS if f'== ["{law}"]' not in source] == []


# Functions that keep them
@pytest.mark.parametrize(
    "f",
    [
        np.tanh,
        lambda x: np.sum(x * x),
        lambda x: (np.exp(x), {"sum": x.sum(axis=0), "place": np.argmax(x)}),
        lambda x: np.exp(1j * x),
        lambda x: x,
        lambda x: x.T @ x,
        lambda x: np.sum(np.exp(x) / np.sum(np.exp(x))),  # its gradient is 0, up to rounding
        lambda x: x[0] + x[::-1][0],
        nn.functional.softmax,
    ],
    ids=["tanh", "squares", "several", "complex", "identity", "gram", "cancelling", "views", "softmax"],
)
def test_functions_of_many_kinds_keep_all_laws(f):
    assert check_laws(f, X).named("held") == list(LAWS)


def test_inputs_may_be_lists_of_arrays_and_scalars():
    laws = check_laws(lambda layers, scale: np.tanh(layers[0] @ layers[1]) * scale, [X, X.T.copy()], 2.0)
    assert laws.named("held") == list(LAWS)


def test_inputs_may_be_dicts_and_models():
    assert check_laws(lambda p: p["w"] * np.tanh(p["x"]), {"w": 2.0, "x": X}).named("broken") == []
    model = nn.Linear(3, 2, rng=0)
    assert check_laws(lambda m, x: np.tanh(m(x)), model, X).named("held") == list(LAWS)


def test_inputs_in_float32_and_ill_conditioned_functions_keep_all_laws():
    assert check_laws(lambda x: np.tanh(x) * x, X.astype(np.float32)).named("broken") == []
    hilbert = 1 / (np.arange(6.0)[:, None] + np.arange(6.0) + 1)
    assert check_laws(np.linalg.inv, hilbert, order=1).named("broken") == []


def test_what_cannot_be_checked_is_skipped_and_says_why():
    laws = check_laws(np.abs, np.array([1.0, 0.0, -2.0]))
    assert laws.named("broken") == [] and laws.named("skipped") == ["second order"]
    assert "skipped, second order: at a kink" in str(laws)
    laws = check_laws(lambda t: (t * t).detach() * 0.0 + t, X)
    assert laws.named("skipped") == ["forward"] and "does not run on plain arrays: AttributeError" in str(laws)
    laws = check_laws(lambda x: np.exp(x * 100.0), X)
    assert laws.named("skipped") == ["float32"] and "it leaves the range of float32, with" in str(laws)
    assert "skipped, second order: order=1 was asked for" in str(check_laws(np.tanh, X, order=1))
    laws = check_laws(lambda x: np.sign(x), X)
    assert "skipped, freed: its results are not connected to the inputs" in str(laws)


def test_what_cannot_be_told_is_no_warning_but_skipped():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        laws = check_laws(lambda x: np.abs(x) * 1e-30 + 1.0, X)
    assert laws.named("skipped") == ["first order", "second order"]
    assert "skipped, second order: the first order cannot be told" in str(laws)


def test_the_result_names_the_laws_in_a_few_lines():
    text = str(check_laws(np.tanh, X))
    assert text == f"tanh keeps {len(LAWS)} laws: {', '.join(LAWS)}"


def test_whatever_the_function_raises_is_passed_on():
    with pytest.raises(ZeroDivisionError):
        check_laws(lambda x: x / (1 // 0), X)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="is random"):
        check_laws(lambda x: x * rng.random(), X)
    with pytest.raises(TypeError, match="nothing to check"):
        check_laws(np.tanh)


def test_a_rule_that_raises_is_told_with_its_line():
    laws, text = broken(cube(lambda g, _y, x: g @ x.shape), X)
    assert laws == ["first order"] and "g @ x.shape" in text


def test_gradients_of_the_users_own_parameters_are_left_alone():
    w = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    (w * 2.0).sum().backward()
    before = w.grad
    check_laws(lambda x: x * w, X)
    assert w.grad is before and before.tolist() == [2.0, 2.0, 2.0]


def test_the_same_seed_gives_the_same_text():
    texts = [broken(cube(lambda g, _y, x: g * g * x), X, rng=seed)[1] for seed in (3, 3, 4)]
    assert texts[0] == texts[1] != texts[2]
