"""What the gradient check says of whom: the step, the line, the slip; and what it takes for inputs and results."""

from dataclasses import dataclass

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.autograd import history
from tensorgrad.testing import GradientError, GradientWarning, gradcheck
from tensorgrad.testing.reproducer import literal, reproducer
from tensorgrad.trace import trace

X = np.random.default_rng(0).normal(size=(4, 3))
W = np.random.default_rng(1).normal(size=(3, 2))
Z = X[0] + 1j * X[1]


@tg.primitive(lambda g, y, _x: 2 * g * (1 - y * y))
def steep(x):
    return np.tanh(x)


@tg.primitive(lambda g, _z, _x, y: g * y, lambda g, _z, x, _y: -g * x)
def product(x, y):
    return x * y


def report(f, *inputs, **options):
    with pytest.raises(GradientError) as error:
        gradcheck(f, *inputs, **options)
    return error.value.report


# Who is to blame


def test_step_with_the_wrong_rule_is_named_with_its_line():
    def loss(x, w):
        h = steep(x @ w)
        return np.sum(h * h)

    found = report(loss, X, W)
    assert (found.function, found.op) == ("loss", "steep")
    assert found.line.endswith("h = steep(x @ w)")
    assert "the rule of steep for its argument 0 is wrong by itself\nit is 2 times too large" in found.diagnosis
    assert str(found).startswith("wrong: the gradient of loss for argument")


def test_argument_of_the_step_is_named():
    found = report(lambda x: np.sum(product(x, np.cos(x))), X)
    assert "the rule of product for its argument 1 is wrong by itself\nthe sign is wrong" in found.diagnosis


def test_wrong_second_derivative_of_a_step_is_named():
    def constant(x):
        return x.data if isinstance(x, tg.Tensor) else x

    flat = tg.primitive(lambda g, y, _x: g * (1 - constant(y) ** 2))(lambda x: np.tanh(x))
    found = report(lambda x: np.sum(flat(x) ** 2), X)
    assert found.order == 2
    assert "is wrong by itself" in found.diagnosis


def test_several_wrong_steps_are_counted():
    found = report(lambda x: np.sum(product(steep(x), steep(x))), X)
    assert found.op == "steep"
    assert "so is that of 1 more op" in found.diagnosis


def test_value_that_left_the_graph_is_told_from_a_wrong_rule():
    found = report(lambda x: x * np.sum(x.data), X)
    assert "each recorded step is right by itself: a value left the graph between them" in found.diagnosis


def test_picture_shows_the_wrong_step_in_red_and_the_others_in_green():
    found = report(lambda x: np.sum(steep(np.sin(x)) * x), X)
    graph = found.draw()
    assert sorted(set(found.verdicts.values())) == ["right", "wrong"]
    assert [card.title for card in graph.ir.cards if card.verdict == "wrong"] == ["steep"]
    assert "#DC2626" in graph.to_graphviz().source and "#10B981" in graph.to_graphviz().source
    assert "steep" in next(row for row in str(graph).splitlines() if "✗ wrong derivative" in row)


def test_picture_of_a_model_ends_in_its_loss():
    model = tg.nn.MLP([3, 3, 2], activation=steep, rng=0)
    found = report(lambda m: tg.nn.cross_entropy(m(X), np.array([0, 1, 1, 0])), model)
    assert found.op == "steep"
    assert found.element[:3] == ("layers", 0, "weight") or found.element[:3] == ("layers", 0, "bias")
    assert found.draw().ir.cards[-1].title == "softmax_cross_entropy"


def test_function_that_takes_no_tensors_has_no_picture():
    def f(x):
        return float(x[0]) * 2.0 * np.asarray(x)

    found = report(f, np.ones(2), vjp=lambda g, out, x: g)
    with pytest.raises(ValueError, match="there is no graph of f to draw"):
        found.draw()


# Which slip explains a wrong backward pass


def test_forgotten_way_through_the_mean_is_named():
    def centred(x):
        return (x - x.mean()) ** 2

    def backward(g, out, x):
        return 2 * g * (x - x.mean())  # as if the mean did not depend on x

    words = report(centred, X, vjp=backward).diagnosis
    assert "it comes out just so if the derivative of" in words
    assert "is forgotten" in words and "return (x - x.mean()) ** 2" in words


def test_derivative_that_is_left_out_is_named():
    def network(x, w):
        return np.tanh(np.sin(x) @ w)

    def backward(g, out, x, w):
        dz = g * (1 - out**2)
        return dz @ w.T, np.sin(x).T @ dz  # the cosine is missing

    words = report(network, X, W, vjp=backward).diagnosis
    assert "the derivative of sin is left out" in words


def test_tanh_differentiated_as_a_sigmoid_is_named():
    def backward(g, out, x):
        s = 1 / (1 + np.exp(-x))
        return g * s * (1 - s)

    assert "the tanh is differentiated as a sigmoid" in report(np.tanh, X, vjp=backward).diagnosis


def test_backward_pass_is_named_by_its_own_line():
    def backward(g, out, x):
        return g * x

    assert report(np.square, X, vjp=backward).line.endswith("def backward(g, out, x):")


# Inputs and results


@dataclass
class Layer:
    w: np.ndarray
    b: np.ndarray
    kind: str = "dense"


NESTED = {
    "a dict": (lambda p, x: np.tanh(x @ p["w"] + p["b"]), {"w": W, "b": np.ones(2)}, X),
    "a dataclass": (lambda p, x: np.tanh(x @ p.w + p.b), Layer(W, np.ones(2)), X),
    "a module": (lambda m: tg.nn.cross_entropy(m(X), np.array([0, 1, 1, 0])), tg.nn.MLP([3, 2], rng=0)),
    "several results": (lambda x: (np.sin(x), {"sum": np.sum(x * x)}), X),
    "an index beside a result": (lambda x: (np.sort(x), np.argsort(x)), X[0]),
    "complex to complex": (np.exp, Z),
    "complex to real": (lambda z: np.abs(z) ** 2, Z),
    "real to complex": (np.fft.fft, X[:, 0]),
    "not holomorphic": (lambda z: np.conj(z) * z * z, Z),
    "complex64": (lambda z: z * z, Z.astype(np.complex64)),
}


@pytest.mark.parametrize("name", NESTED)
def test_inputs_and_results_of_any_form_are_checked_to_second_order(name):
    f, *inputs = NESTED[name]
    assert gradcheck(f, *inputs, strict=True).order == 2


def test_place_in_a_tree_comes_first_in_the_element():
    found = report(lambda p: np.sum(p["a"] + steep(p["b"])), {"a": W[1], "b": W[0]})
    assert found.element[0] == "b"
    assert "for argument 0 at ['b', " in str(found)


def test_gradients_come_in_the_form_of_the_inputs():
    inputs = {"a": X[0], "b": X[1]}
    f = lambda p: p["a"] * p["b"]  # noqa: E731
    assert gradcheck(f, inputs, vjp=lambda g, out, p: {"a": g * p["b"], "b": g * p["a"]}).verdict == "right"
    missing = report(f, inputs, vjp=lambda g, out, p: {"a": g * p["b"]})
    assert "it returned no gradient for ['b'] of the input: dict with ['a']" in missing.diagnosis


def test_cotangent_has_the_form_of_the_results():
    f = lambda x: (np.sin(x), np.cos(x))  # noqa: E731
    assert gradcheck(f, X, vjp=lambda g, out, x: g[0] * np.cos(x) - g[1] * np.sin(x)).verdict == "right"


def test_missing_conjugate_is_called_so():
    assert gradcheck(np.square, Z, vjp=lambda g, out, z: g * 2 * np.conj(z)).verdict == "right"
    found = report(np.square, Z, vjp=lambda g, out, z: g * 2 * z)
    assert "a conjugate is missing" in found.diagnosis
    assert found.part in ("real", "imaginary")


def test_second_derivative_of_the_cross_entropy_is_right():
    labels = np.array([0, 1, 1, 0])
    assert gradcheck(lambda z: tg.nn.cross_entropy(z, labels), X, strict=True).order == 2


# Kinks, state, dtypes, layouts


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_tie_counted_twice_or_not_at_all_is_wrong(share):
    def backward(g, out, x):
        return g * share * (x == out)

    found = report(np.max, np.array([3.0, 3.0, 1.0]), vjp=backward)
    assert found.diagnosis.startswith("at a kink each element alone is between the slopes of its two sides")


def test_tie_that_is_shared_or_given_to_one_is_right():
    x = np.array([3.0, 3.0, 1.0])
    for weights in ([0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.25, 0.75, 0.0]):
        assert gradcheck(np.max, x, vjp=lambda g, out, x, w=weights: g * np.array(w), strict=True).verdict == "right"


def test_wrong_sign_beside_many_kinks_is_found():
    x = np.where(np.arange(3000) % 3, np.random.default_rng(0).normal(size=3000), 0.0)
    flipped = np.where(np.arange(3000) == 1000, -1.0, 1.0)
    assert report(np.abs, x, vjp=lambda g, out, x: g * np.sign(x) * flipped).element == (1000,)


def remembering():
    kept = []

    def backward(g, out, x):
        kept.append(2 * g * x)
        return kept[0]

    return backward


def adding_up():
    total = np.zeros(X.shape)

    def backward(g, out, x):
        nonlocal total
        total = total + 2 * g * x
        return total

    return backward


def reusing():
    buffer = np.empty(X.shape)
    return lambda g, out, x: np.multiply(2 * g, x, out=buffer)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (remembering, "not linear in the cotangent"),
        (adding_up, "it changes from call to call"),
        (reusing, "writes into the arrays that it returned before"),
        (lambda: lambda g, out, x: np.where(np.abs(g) < 0.1, 0.0, 2 * g * x), "not linear in the cotangent"),
        (lambda: lambda g, out, x: 2 * x * g * np.exp(-0.001 * g**2), ""),
    ],
)
def test_pass_with_a_memory_or_not_linear_is_wrong(make, words):
    assert words in report(np.square, X, vjp=make()).diagnosis


def test_rule_that_writes_into_its_cotangent_is_wrong():
    @tg.primitive(lambda g, _y, x: np.multiply(g, 2 * x, out=g) if type(g) is np.ndarray else g * 2 * x)
    def square(x):
        return x * x

    assert "changed its cotangent in place" in report(square, X).diagnosis


def test_inputs_keep_their_layout():
    def backward(g, out, x):
        return 2 * g * np.ravel(x, "K").reshape(x.shape)  # right in C's order only

    assert gradcheck(np.square, X, vjp=backward).verdict == "right"
    assert report(np.square, np.asfortranarray(X), vjp=backward).verdict == "wrong"


def test_rule_that_is_wrong_in_float32_only_is_found():
    def backward(g, out, x):
        return 2 * g * x * (x.dtype.type(1.05) if x.dtype == np.float32 else 1)

    assert gradcheck(np.square, X, vjp=backward).verdict == "right"
    assert report(np.square, X.astype(np.float32), vjp=backward).verdict == "wrong"


HARD = {
    "a small term of a large sum": (lambda x: np.sum(x**3), np.array([1e-6, 1.0])),
    "saturation, to second order": (np.tanh, np.array([-3.0, 18.0, 400.0])),
    "a saturated sigmoid": (tg.nn.sigmoid, np.array([30.0, -30.0, 0.0])),
    "a saturated loss": (lambda z: tg.nn.binary_cross_entropy(z, np.array([1.0, 0.0])), np.array([50.0, -40.0])),
    "cancellation": (lambda x: (np.exp(x) - 1) / x, np.array([1e-7, 1.0])),
    "1 - cos near 0": (lambda x: 1 - np.cos(x), np.array([1e-7, 1.0])),
    "a large constant": (lambda x: x + 1e16, np.array([1.0])),
    "steps": (lambda x: np.round(x * 1e3) / 1e3, X[0]),
    "a product with zeros": (np.prod, np.array([2.0, 0.0, 0.0])),
    "a power at the edge of the exponents": (np.log, np.array([1e-300, 1.0])),
    "softmax of far logits, float32": (tg.nn.softmax, (50 * X[:1]).astype(np.float32)),
    "two kinks that cancel": (lambda x: np.maximum(x, 0) - np.maximum(-x, 0), np.array([0.0, 1.0])),
    "a matrix that is hardly regular": (
        lambda a: np.linalg.solve(a, np.ones(5)),
        1 / (np.add.outer(range(5), range(5)) + 1.0),
    ),
}


@pytest.mark.parametrize("name", HARD)
def test_right_gradient_that_is_hard_to_measure_passes(name):
    f, x = HARD[name]
    assert gradcheck(f, x, strict=True).verdict == "right"


def test_input_that_does_not_matter_is_told_of():
    with pytest.warns(GradientWarning, match="does not depend on argument 1: moving it changes no result"):
        assert gradcheck(lambda x, y: x * x, X, W).unused == (1,)
    with pytest.warns(GradientWarning, match="does not depend on argument 0"):
        gradcheck(lambda x, y: y * y, X, W, vjp=lambda g, out, x, y: (0 * x, 2 * g * y))
    assert gradcheck(lambda x, y: x + 0 * y, X, X).unused == ()  # it is used, whatever for
    assert gradcheck(lambda x: np.round(x * 1e3), X[0], order=1).unused == ()


@pytest.mark.parametrize("vjp", [None, lambda g, out, x: 2 * g])
def test_function_that_writes_into_its_input_is_not_called_random(vjp):
    def f(x):
        x += 1.0
        return x * 2

    with pytest.raises((ValueError, RuntimeError), match="in place|changes its inputs"):
        gradcheck(f, X, vjp=vjp)


# Regression tests


def test_regression_test_writes_trees_out_and_drops_decorators():
    @staticmethod
    def f(p):
        return p["w"] * W.sum()

    text = reproducer(f.__func__, ({"w": np.ones(2), "n": 3.0},), None, 2, 0)
    assert "x = {'w': np.array([1.0, 1.0]), 'n': np.array(3.0)}" in text
    assert "@staticmethod" not in text
    assert "# f refers to W: to be added" in text
    assert literal(Layer(np.ones(1), np.zeros(1)), "x") == "Layer(w=np.array([1.0]), b=np.array([0.0]), kind='dense')"


# The record that all of this is read from


def test_trace_keeps_all_arguments_and_the_lines():
    x = tg.tensor(X, requires_grad=True)
    with trace() as kept:
        y = (x + 1.0) * np.greater(x, 0)
    newest, *_ = steps = [node for node in history(y.node) if node.op is not None]
    assert [node.op.name for node in steps] == ["multiply", "add"]
    assert all(isinstance(a, np.ndarray | np.generic | float) for node in steps for a in node.args)
    assert kept.line(newest).endswith("y = (x + 1.0) * np.greater(x, 0)")
    assert [op.name for op, _ in kept.decided] == ["greater"]


def test_nothing_more_is_kept_when_the_trace_is_over():
    x = tg.tensor(X, requires_grad=True)
    with trace():
        (x + 1.0).sum()
    y = x + 1.0
    assert not any(isinstance(a, np.ndarray) and a.ndim for a in y.node.args)
