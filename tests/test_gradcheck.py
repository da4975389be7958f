"""What `gradcheck` accepts, what it catches, and what it says about it."""

import sys
import time

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.testing import GradientError, GradientWarning, gradcheck

MATRIX = np.random.default_rng(0).normal(size=(4, 3))
VECTOR = np.random.default_rng(1).normal(size=3)
THOUSAND = np.random.default_rng(2).normal(size=1000)


def caught(f, *inputs, **options):
    """Return the report on a gradient that is wrong."""
    with pytest.raises(GradientError) as error:
        gradcheck(f, *inputs, **options)
    report = error.value.report
    assert report.verdict == "wrong"
    return report


def with_rule(*rules, forward=np.tanh):
    """Return an op that has these derivative rules."""

    @tg.primitive(*rules)
    def op(*arrays):
        return forward(*arrays)

    return op


# Right gradients

RIGHT = {
    "product of matrices": (lambda x, w: x @ w, MATRIX, MATRIX.T),
    "broadcasting": (lambda x, b: np.tanh(x + b), MATRIX, VECTOR),
    "one number": (lambda x: np.mean(np.exp(x) * x), MATRIX),
    "no axes": (lambda x: x**3, 2.0),
    "no elements": (lambda x: np.tanh(x), np.zeros((0, 3))),
    "no dependence on an input": (lambda x, y: x * 2 + 0 * y, VECTOR, VECTOR),
    "the same element twice": (lambda x: x[[0, 0, 1]] * x[0], VECTOR),
    "a fast oscillation": (lambda x: np.sin(1e4 * x), VECTOR),
    "a faster one": (lambda x: np.sin(1e8 * x), VECTOR),
    "a slope of 3e-12": (lambda x: x**3, np.array([1e-6, -2e-6])),
    "huge and tiny numbers": (np.square, np.array([1e150, -1e100, 1e-150])),
    "a function of size 1e-300": (lambda x: 1e-300 * np.tanh(x), VECTOR),
    "a function of size 1e300": (lambda x: 1e300 * np.tanh(x), VECTOR),
    "zeros": (lambda x: np.cos(x) + x**2, np.zeros(3)),
    "a pole nearby": (np.log, np.array([1e-9, 1.0])),
    "cancellation": (lambda x: (x + 1e8) - 1e8, VECTOR),
    "a large constant": (lambda x: np.tanh(x) + 1e6, VECTOR),
    "a gradient of 0 by cancellation": (lambda x: np.sum(np.exp(x) / np.sum(np.exp(x))), VECTOR),
    "a constant": (lambda x: np.round(x) + 0 * x, VECTOR),
    "saturation": (np.tanh, np.array([-3.0, 25.0])),
    "an input beside a kink": (lambda x: np.maximum(x - 1, 0), np.array([1 + 1e-6, 1 - 1e-9, 5.0])),
    "float32": (lambda x: np.tanh(x) * x, THOUSAND[:20].astype(np.float32)),
    "float32 with cancellation": (lambda x: np.var(x), np.array([1.0, 1.01, 1.02], np.float32)),
    "float16": (lambda x: 2.0 * x, THOUSAND[:5].astype(np.float16)),
    "lists of inputs": (lambda ps, x: np.tanh(x @ ps[0] + ps[1][0]), [MATRIX.T, [np.ones(4)]], MATRIX),
    "a list of numbers": (lambda x: x * x, [1.0, 2.0]),
    "tensors": (lambda x: x * x, tg.tensor(VECTOR)),
    "a gradient inside": (lambda x: tg.gradients(np.sum(x**3), [x], create_graph=True)[0], VECTOR),
    "more elements than are looked at one by one": (lambda x: np.tanh(x) * x, np.tile(THOUSAND, 2)),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_gradient_passes(name):
    f, *inputs = RIGHT[name]
    report = gradcheck(f, *inputs, strict=True)
    assert report.verdict == "right"
    assert report.error <= report.bound


@pytest.mark.parametrize("seed", range(20))
def test_verdict_on_a_right_gradient_does_not_depend_on_the_seed(seed):
    rng = np.random.default_rng(seed)
    x, w, b = rng.normal(size=(5, 4)), rng.normal(size=(4, 3)), np.zeros(3)
    gradcheck(lambda x, w, b: np.mean(np.maximum(x @ w + b, 0) ** 2), x, w, b, rng=rng, strict=True)


def test_right_gradient_written_by_hand_passes():
    def backward(cotangent, out, x, w):
        return cotangent @ w.T, x.T @ cotangent

    assert gradcheck(np.matmul, MATRIX, MATRIX.T, vjp=backward).verdict == "right"


def test_bare_array_is_the_gradient_of_a_single_input():
    assert gradcheck(np.exp, VECTOR, vjp=lambda cotangent, out, x: cotangent * out).verdict == "right"


def test_gradients_of_lists_of_inputs_come_in_lists():
    def backward(cotangent, out, factors):
        return [cotangent * factors[1], cotangent * factors[0]]

    assert gradcheck(lambda pair: pair[0] * pair[1], [VECTOR, 2 * VECTOR], vjp=backward).verdict == "right"


def test_inputs_are_left_as_they_were():
    x = MATRIX.copy()
    gradcheck(np.tanh, x)
    np.testing.assert_array_equal(x, MATRIX)


def test_gradient_is_checked_under_no_grad_too():
    with tg.no_grad():
        assert gradcheck(np.tanh, VECTOR).verdict == "right"


def test_check_is_fast():
    x = np.random.default_rng(0).normal(size=(10, 10))
    gradcheck(np.matmul, x, x)
    begin = time.perf_counter()
    gradcheck(np.matmul, x, x)
    assert time.perf_counter() - begin < 0.5  # 0.05 on an idle machine


# Wrong rules

ALMOST_ONE = np.where(np.arange(1000) == 617, 1.01, 1.0)
WRONG_RULES = {
    "sign": (lambda g, y, _x: -g * (1 - y * y), "the sign is wrong"),
    "factor 2": (lambda g, y, _x: 2 * g * (1 - y * y), "it is 2 times too large"),
    "1/n": (lambda g, y, x: g * (1 - y * y) / np.size(x), "it is 12 times too small"),
    "1 %": (lambda g, y, _x: g * (1 - y * y) * 1.01, "it is 1.01 times the right one"),
    "a millionth": (lambda g, y, _x: g * (1 - y * y) * (1 + 1e-6), ""),
    "missing": (lambda g, y, _x: 0 * g, "it is zero"),
    "constant": (lambda g, y, _x: np.where(np.less(y, 0), 0.01, g * (1 - y * y)), "it is the constant 0.01 whatever"),
    "transposed": (
        lambda g, y, _x: np.reshape(np.transpose(g * (1 - y * y)), np.shape(_x)),
        "it has the right numbers in the wrong places",
    ),
    "reversed": (lambda g, y, _x: (g * (1 - y * y))[::-1], "it is reversed along axis 0"),
    "off by one": (lambda g, y, _x: np.roll(g * (1 - y * y), 1, 0), "it is shifted by one along axis 0"),
    "for negative inputs": (
        lambda g, y, _x: g * (1 - y * y) * np.where(np.less(y, 0), 0.5, 1.0),
        "it is 2 times too small, where the input is negative",
    ),
    "without the cotangent": (lambda g, y, _x: 1 - y * y + 0 * g, "whatever the cotangent"),
    "not finite": (lambda g, y, _x: g * (1 - y * y) * np.where(np.greater(y, 0.8), np.nan, 1.0), "it is NaN"),
}


@pytest.mark.parametrize("name", WRONG_RULES)
def test_wrong_rule_is_caught(name):
    rule, words = WRONG_RULES[name]
    report = caught(with_rule(rule), MATRIX)
    assert report.argument == 0
    assert report.order == 1
    assert words in report.diagnosis


def test_transposed_gradient_is_called_so():
    right = MATRIX.T @ MATRIX
    rule = with_rule(lambda g, y, _x: np.transpose(g * (1 - y * y)))
    assert caught(rule, right).diagnosis == "it is transposed"


def test_gradients_of_two_arguments_that_are_swapped_are_called_so():
    swapped = with_rule(lambda g, _z, x, _y: g * x, lambda g, _z, _x, y: g * y, forward=np.multiply)
    report = caught(swapped, VECTOR, VECTOR + 1)
    assert report.diagnosis == f"it is the gradient of argument {1 - report.argument}"


def test_one_wrong_element_of_1000_is_found():
    report = caught(with_rule(lambda g, y, _x: g * (1 - y * y) * ALMOST_ONE), THOUSAND)
    assert report.element == (617,)
    assert report.diagnosis == "it is wrong only at [617]"


def test_one_wrong_element_of_100000_is_found():
    mask = np.where(np.arange(100_000) == 43_210, 1.01, 1.0)
    x = np.random.default_rng(0).uniform(0.5, 1.0, 100_000)
    report = caught(with_rule(lambda g, y, _x: g * (1 - y * y) * mask), x, order=1)
    assert report.element == (43_210,)


def test_gradient_that_is_zeroed_where_it_is_small_is_caught():
    report = caught(with_rule(lambda g, _y, x: np.where(np.abs(x) < 1e-5, 0, g * 3 * x**2), forward=lambda x: x**3),
                    np.array([1.0, 1e-6]))  # fmt: skip
    assert report.element == (1,)
    assert report.diagnosis == "it is zero, only at [1]"


def test_gradient_of_an_argument_that_only_the_second_order_sees_is_caught():
    def constant(x):
        return x.data if isinstance(x, tg.Tensor) else x

    report = caught(with_rule(lambda g, y, _x: g * (1 - constant(y) ** 2)), MATRIX)
    assert report.order == 2
    assert report.argument == 0
    assert "second derivative" in str(report)
    assert "it is zero" in report.diagnosis


def test_first_order_alone_does_not_see_it():
    def constant(x):
        return x.data if isinstance(x, tg.Tensor) else x

    op = with_rule(lambda g, y, _x: g * (1 - constant(y) ** 2))
    assert gradcheck(op, MATRIX, order=1).verdict == "right"


def test_rule_that_drops_the_cotangent_from_the_graph_is_caught_at_order_2():
    def constant(g):
        return g.data if isinstance(g, tg.Tensor) else g

    report = caught(with_rule(lambda g, y, _x: constant(g) * (1 - y * y)), MATRIX)
    assert (report.order, report.argument) == (2, None)
    assert "for the cotangent" in str(report)


def test_rule_that_raises_is_reported_with_its_error():
    report = caught(with_rule(lambda g, y, _x: g.no_such_method()), VECTOR)
    assert "AttributeError" in report.diagnosis
    assert "no_such_method" in report.line


@pytest.mark.parametrize("f", [lambda x: np.sum(x.data**2), lambda x: x.detach() * 2.0])
def test_result_that_left_the_graph_is_said_to_be_unconnected(f):
    assert "not connected" in caught(f, VECTOR).diagnosis


def test_factor_that_left_the_graph_is_caught():
    assert caught(lambda x: x * np.sum(x).item(), VECTOR).argument == 0


def test_second_of_two_arguments_is_named():
    product = with_rule(lambda g, _z, _x, y: g * y, lambda g, _z, x, _y: -g * x, forward=np.multiply)
    report = caught(product, VECTOR, VECTOR + 3)
    assert (report.argument, report.diagnosis) == (1, "the sign is wrong")


def test_place_in_a_list_of_inputs_comes_first_in_the_element():
    mask = np.array([1.0, 1.0, 2.0])
    op = with_rule(lambda g, y, _x: g * (1 - y * y) * mask)
    report = caught(lambda pair: pair[0] * op(pair[1]), [VECTOR, VECTOR])
    assert (report.argument, report.element) == (0, (1, 2))


# Backward passes written by hand


def test_sigmoid_differentiated_as_relu_is_caught():
    def sigmoid(Z):
        return 1 / (1 + np.exp(-Z))

    def backward(dA, out, Z):
        dZ = np.array(dA, copy=True)
        dZ[Z <= 0] = 0
        return dZ

    report = caught(sigmoid, MATRIX, vjp=backward)
    assert report.op == "sigmoid"
    assert "def backward(dA, out, Z):" in report.line
    assert "the sigmoid is differentiated as a relu" in report.diagnosis


def test_leaky_relu_that_writes_the_constant_is_caught():
    def leaky_relu(Z):
        return np.maximum(0.01 * Z, Z)

    def backward(dA, out, Z):
        dZ = np.array(dA, copy=True)
        dZ[Z <= 0] = 0.01
        return dZ

    report = caught(leaky_relu, MATRIX, vjp=backward)
    assert "where the input is negative" in report.diagnosis
    assert "it is the constant 0.01 whatever the cotangent" in report.diagnosis


def test_tanh_that_squares_a_tuple_is_reported_with_its_error_and_line():
    def tanh(Z):
        return np.tanh(Z), Z

    def backward(dA, out, Z):
        return dA * (1 - tanh(Z) ** 2)

    with pytest.raises(GradientError) as error:
        gradcheck(lambda Z: tanh(Z)[0], MATRIX, vjp=backward)
    assert "TypeError: unsupported operand type(s) for ** or pow(): 'tuple' and 'int'" in str(error.value)
    assert error.value.report.line.endswith("return dA * (1 - tanh(Z) ** 2)")
    assert isinstance(error.value.__cause__, TypeError)


BAD_RESULTS = {
    "too few": (lambda c, out, x, b: c, "it returned 1 gradients for 2 inputs"),
    "too many": (lambda c, out, x, b: (c, c, c), "it returned 3 gradients for 2 inputs"),
    "none": (lambda c, out, x, b: (c, None), "it returned None"),
    "missing sum": (lambda c, out, x, b: (c, c), "the sum over axis 0 is missing"),
    "transposed": (lambda c, out, x, b: (c.T, c.sum(0)), "it is transposed"),
    "shape": (lambda c, out, x, b: (c.ravel(), c.sum(0)), "has shape (12,), the input (4, 3)"),
    "complex": (lambda c, out, x, b: (c + 0j, c.sum(0)), "complex128"),
}


@pytest.mark.parametrize("name", BAD_RESULTS)
def test_gradients_that_do_not_fit_the_inputs_are_refused(name):
    backward, words = BAD_RESULTS[name]
    assert words in caught(np.add, MATRIX, VECTOR, vjp=backward).diagnosis


def test_gradient_of_another_dtype_is_wrong():
    report = caught(lambda x: 2 * x, VECTOR.astype(np.float32), vjp=lambda c, out, x: c * np.float64(2))
    assert report.diagnosis == "its values are right, its dtype is not: float64 for an input of float32"


def test_backward_pass_that_overwrites_its_cotangent_is_wrong():
    report = caught(np.abs, MATRIX, vjp=lambda c, out, x: np.multiply(c, np.sign(x), out=c))
    assert "changed its cotangent in place" in report.diagnosis


def test_backward_pass_that_overwrites_an_input_is_wrong():
    report = caught(np.square, VECTOR, vjp=lambda c, out, x: np.multiply(2 * c, x, out=x))
    assert "changed input 0 in place" in report.diagnosis


# Kinks, jumps, edges


@pytest.mark.parametrize("slope", [0.0, 0.3, 1.0])
def test_any_slope_between_the_two_sides_of_a_kink_is_right(slope):
    def backward(cotangent, out, x):
        return cotangent * np.where(x == 0, slope, x > 0)

    report = gradcheck(lambda x: np.maximum(x, 0), np.array([0.0, 1.0, -1.0]), vjp=backward, strict=True)
    assert "kink" in report.diagnosis


@pytest.mark.parametrize("slope", [-0.1, 1.1, 7.0])
def test_slope_outside_of_the_two_sides_of_a_kink_is_wrong(slope):
    def backward(cotangent, out, x):
        return cotangent * np.where(x == 0, slope, x > 0)

    report = caught(lambda x: np.maximum(x, 0), np.array([0.0, 1.0, -1.0]), vjp=backward)
    assert report.element == (0,)
    assert "kink" in report.diagnosis


@pytest.mark.parametrize("f", [np.abs, lambda x: np.maximum(x, 0), lambda x: np.clip(x, 0.0, 1.0), np.max])
def test_conventions_of_the_engine_at_kinks_are_right(f):
    assert gradcheck(f, np.array([0.0, 0.0, 1.0, -2.0]), strict=True).verdict == "right"


def test_two_kinks_that_cancel_in_the_sum_of_the_results_are_still_seen():
    def both(x):
        return np.stack([np.maximum(x, 0), np.maximum(-x, 0)])

    assert gradcheck(both, np.array([0.0]), order=1, strict=True).verdict == "right"


@pytest.mark.parametrize(
    ("f", "x", "reason"),
    [
        (np.sign, 0.0, "it seems to jump here"),
        (np.sqrt, 0.0, "it is not finite around here"),
        (lambda x: np.abs(x) + 1e25, 1.0, "its rounding hides the derivative"),
    ],
)
def test_what_differences_cannot_tell_is_inconclusive_with_a_reason(f, x, reason):
    with pytest.warns(GradientWarning, match=reason):
        report = gradcheck(f, x, order=1)
    assert report.verdict == "inconclusive"


def test_inconclusive_check_raises_if_strict():
    with pytest.raises(GradientError) as error:
        gradcheck(np.sign, 0.0, strict=True)
    assert error.value.report.verdict == "inconclusive"


def test_nan_gradient_behind_where_is_wrong():
    def safe_sqrt(x):
        return np.where(np.greater(x, 0), np.sqrt(np.where(np.greater(x, 0), x, -x * x)), 0.0)

    report = caught(safe_sqrt, np.array([1.0, -1.0]), order=1)
    assert report.diagnosis == "it is NaN, only at [1]"


# Functions that cannot be checked

REFUSED = {
    "integers": (np.tanh, np.arange(3), TypeError, "pass x.astype"),
    "a mask": (np.tanh, np.array([True]), TypeError, "only floats have a gradient"),
    "a word": (np.tanh, "word", TypeError, "input 0 is str"),
    "an infinite input": (np.tanh, np.array([np.inf]), ValueError, "NaN or infinity"),
    "nothing returned": (lambda x: None, VECTOR, TypeError, "returned nothing"),
    "a word returned": (lambda x: "word", VECTOR, TypeError, "returned str: return floats"),
    "integers returned": (lambda x: np.argsort(x), VECTOR, TypeError, "returned int64"),
    "NaN returned": (np.log, np.array([1.0, -1.0]), ValueError, r"returned nan at \[1\]"),
    "infinity returned": (np.log, np.array([0.0, 1.0]), ValueError, r"returned -inf at \[0\]"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_gradient_to_check_is_refused(name):
    f, x, kind, words = REFUSED[name]
    with pytest.raises(kind, match=words):
        gradcheck(f, x)


def test_call_without_inputs_is_refused():
    with pytest.raises(TypeError, match="nothing to check"):
        gradcheck(np.tanh)


def test_order_above_2_is_refused():
    with pytest.raises(ValueError, match="order is 1 or 2, got 3"):
        gradcheck(np.tanh, VECTOR, order=3)


@pytest.mark.parametrize("vjp", [None, lambda cotangent, out, x: cotangent])
def test_random_function_is_refused(vjp):
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="is random"):
        gradcheck(lambda x: x * rng.random(), VECTOR, vjp=vjp)


def test_function_that_writes_into_its_inputs_is_refused():
    def normalize(x):
        x /= x.sum()
        return x * 1.0

    with pytest.raises(ValueError, match="normalize changes its inputs in place"):
        gradcheck(normalize, VECTOR, vjp=lambda cotangent, out, x: cotangent)


@pytest.mark.parametrize("vjp", [None, lambda cotangent, out, x: cotangent])
def test_error_of_the_function_is_passed_on_with_its_name_and_line(vjp):
    def broken(x):
        raise KeyError("W1")

    with pytest.raises(KeyError) as error:
        gradcheck(broken, VECTOR, vjp=vjp)
    assert "in broken" in error.value.__notes__[-1]
    assert "def broken(x):" in error.value.__notes__[-1]


# Reports


def test_report_names_the_function_its_line_and_the_numbers():
    def doubled(x):
        return 2 * x

    report = caught(doubled, np.array([1.0]), vjp=lambda c, out, x: 3 * c)
    assert (report.op, report.argument, report.element) == ("doubled", 0, (0,))
    assert report.value == pytest.approx(3)
    assert report.expected == pytest.approx(2)
    assert report.error == pytest.approx(1)
    assert report.bound < 1e-6
    assert report.line.startswith("test_gradcheck.py:")
    assert "got 3, differences say 2" in str(report)


def test_gradient_error_is_an_assertion_error_that_says_what_the_report_says():
    with pytest.raises(AssertionError) as error:
        gradcheck(np.tanh, VECTOR, vjp=lambda c, out, x: c)
    assert str(error.value) == str(error.value.report)


def test_same_seed_gives_the_same_report():
    reports = [caught(np.tanh, MATRIX, vjp=lambda c, out, x: c, rng=7) for _ in range(2)]
    assert reports[0].value == reports[1].value


@pytest.mark.parametrize("rng", [None, 3, np.random.default_rng(0), np.random.RandomState(0)])
def test_any_source_of_random_numbers_is_taken(rng):
    assert gradcheck(np.tanh, VECTOR, rng=rng).verdict == "right"


def wrong_backward(cotangent, out, x):
    return cotangent * x


def test_reproducer_runs_and_fails_as_the_check_did():
    def backward(cotangent, out, x):
        return cotangent * x

    for f, vjp in ((np.square, backward), (lambda x: x**2, wrong_backward)):
        report = caught(f, MATRIX.astype(np.float32), vjp=vjp)
        names = {"__name__": "reproduced"}
        exec(report.reproducer, names)
        test = next(value for name, value in names.items() if name.startswith("test_"))
        with pytest.raises(GradientError) as again:
            test()
        assert again.value.report.value == report.value


def test_reproducer_imports_functions_that_have_a_module():
    report = caught(np.square, VECTOR, vjp=wrong_backward)
    if getattr(sys.modules.get(__name__), "wrong_backward", None) is wrong_backward:
        assert f"from {__name__} import wrong_backward" in report.reproducer
    else:
        assert "def wrong_backward(cotangent, out, x):" in report.reproducer
