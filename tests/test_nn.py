"""Modules, layers, activations, initialisation."""

import copy
import io
import pickle

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.nn.functional import ACTIVATIONS
from tensorgrad.nn.init import INITS


class Residual(tg.nn.Module):
    def __init__(self, width, rng):
        self.inner = tg.nn.MLP([width, width, width], rng=rng)
        self.gain = tg.tensor(1.0, requires_grad=True)
        self.table = {"shift": tg.tensor(np.zeros(width), requires_grad=True)}

    def forward(self, x):
        return x + self.gain * self.inner(x) + self.table["shift"]


@pytest.fixture
def mlp():
    return tg.nn.MLP([3, 4, 2], rng=0)


# Parameters
def test_parameters_come_in_the_order_weight_bias_layer_by_layer_and_are_named_by_path(mlp):
    names = ["layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"]
    assert [name for name, _ in mlp.named_parameters()] == names
    assert [p.name for p in mlp.parameters()] == names
    assert [p.shape for p in mlp.parameters()] == [(3, 4), (4,), (4, 2), (2,)]


def test_names_grow_with_the_path_when_a_module_becomes_part_of_another():
    net = Residual(3, 0)
    assert [p.name for p in net.parameters()] == [
        *(f"inner.layers.{i}.{name}" for i in (0, 1) for name in ("weight", "bias")),
        "gain",
        "table.shift",
    ]


def test_a_shared_parameter_counts_once():
    layer = tg.nn.Linear(3, 3, rng=0)
    assert len(tg.nn.Sequential(layer, np.tanh, layer).parameters()) == 2


def test_a_module_that_holds_itself_is_walked_once(mlp):
    mlp.myself = mlp
    assert len(mlp.parameters()) == 4


def test_computed_tensors_and_constants_in_attributes_are_no_parameters(mlp):
    mlp.last_output = mlp(np.ones((1, 3)))
    mlp.scale = tg.tensor(2.0)
    assert len(mlp.parameters()) == 4


def test_a_frozen_parameter_stays_a_parameter_and_gets_no_gradient(mlp):
    frozen = mlp.layers[0].weight
    frozen.requires_grad = False
    mlp(np.ones((1, 3))).sum().backward()
    assert len(mlp.parameters()) == 4 and "layers.0.weight" in mlp.state_dict()
    assert frozen.grad is None and mlp.layers[0].bias.grad is not None


def test_train_and_eval_reach_every_module():
    net = Residual(3, 0)
    assert net.training and not net.eval().inner.layers[0].training
    assert net.train().inner.layers[0].training


def test_astype_converts_every_parameter_and_the_output(mlp):
    assert mlp.astype(np.float32)(np.ones((1, 3), np.float32)).dtype == np.float32
    assert {p.dtype for p in mlp.parameters()} == {np.dtype(np.float32)}


def test_state_survives_a_file_without_pickle(mlp):
    file = io.BytesIO()
    np.savez(file, **mlp.state_dict())
    file.seek(0)
    other = tg.nn.MLP([3, 4, 2], rng=1)
    other.load_state_dict(np.load(file, allow_pickle=False))
    np.testing.assert_array_equal(other(np.ones((1, 3))).data, mlp(np.ones((1, 3))).data)


def test_a_state_dict_is_a_copy(mlp):
    mlp.state_dict()["layers.0.bias"][:] = 9
    assert not mlp.layers[0].bias.data.any()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda s: s.pop("layers.0.bias"), KeyError, "lacks layers.0.bias"),
        (lambda s: s.update(extra=np.zeros(1)), KeyError, "has extra, which MLP has not"),
        (lambda s: s.update({"layers.1.bias": np.zeros(3)}), ValueError, r"layers.1.bias has shape \(2,\).*\(3,\)"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_nothing_is_set(mlp, change, error, message):
    before, state = mlp.state_dict(), {name: value + 1 for name, value in mlp.state_dict().items()}
    change(state)
    with pytest.raises(error, match=message):
        mlp.load_state_dict(state)
    for name, value in mlp.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_modules_can_be_pickled_and_copied(mlp):
    x = np.ones((1, 3))
    for twin in (pickle.loads(pickle.dumps(mlp)), copy.deepcopy(mlp)):
        np.testing.assert_array_equal(twin(x).data, mlp(x).data)
        assert [p.name for p in twin.parameters()] == [p.name for p in mlp.parameters()]
        assert not any(p is q for p, q in zip(twin.parameters(), mlp.parameters(), strict=True))


def test_a_deep_copy_keeps_sharing():
    layer = tg.nn.Linear(2, 2, rng=0)
    twin = copy.deepcopy(tg.nn.Sequential(layer, layer))
    assert twin.layers[0].weight is twin.layers[1].weight


def test_summary_shows_every_parameter_with_shape_and_count_and_says_what_is_frozen(mlp):
    mlp.layers[1].bias.requires_grad = False
    lines = str(mlp.summary()).splitlines()
    assert lines[2].split() == ["layers.0.weight", "(3,", "4)", "float64", "12"]
    assert lines[-2].split() == ["total", "26"] and lines[-1] == "2 of them frozen"
    assert repr(mlp.summary()) == str(mlp.summary())


def test_repr_nests_modules():
    text = repr(tg.nn.Sequential(tg.nn.Linear(3, 2, bias=False), np.tanh, tg.nn.MLP([2, 1])))
    assert text == (
        "Sequential(\n"
        "  layers.0: Linear(3, 2, bias=False)\n"
        "  layers.2: MLP(\n"
        "    2 -> 1 linear\n"
        "    layers.0: Linear(2, 1)\n"
        "  )\n"
        ")"
    )


def test_a_module_without_forward_says_so():
    with pytest.raises(TypeError, match="Module defines no forward"):
        tg.nn.Module()(1.0)


# Layers
def test_linear_is_a_product_plus_a_bias():
    layer = tg.nn.Linear(3, 2, rng=0)
    layer.bias.data = np.array([1.0, 2.0])
    x = np.arange(12.0).reshape(4, 3)
    np.testing.assert_allclose(layer(x).data, x @ layer.weight.data + [1, 2])
    np.testing.assert_allclose(layer(x[0]).data, x[0] @ layer.weight.data + [1, 2])


def test_linear_without_bias_has_one_parameter():
    assert [p.name for p in tg.nn.Linear(3, 2, bias=False).parameters()] == ["weight"]


def test_input_of_the_wrong_width_is_refused_with_both_lengths(mlp):
    with pytest.raises(ValueError, match=r"expected \(m,k\),\(k,n\),\(n\), got \(5,7\),\(3,4\),\(4,\): k is 7 and 3"):
        mlp(np.ones((5, 7)))


@pytest.mark.parametrize("sizes", [(0, 3), (3, -1), (2.5, 3)])
def test_layer_sizes_are_positive_integers(sizes):
    with pytest.raises(ValueError, match="positive integers"):
        tg.nn.Linear(*sizes)


def test_an_mlp_takes_one_activation_per_hidden_layer():
    net = tg.nn.MLP([2, 3, 3, 1], activation=["tanh", lambda x: x * 2], output="sigmoid", rng=0)
    assert net.layers[0].activation is np.tanh and 0 < net(np.ones((1, 2))).item() < 1
    with pytest.raises(ValueError, match="2 hidden layers need 2 activations, got 1"):
        tg.nn.MLP([2, 3, 3, 1], activation=["tanh"])
    with pytest.raises(ValueError, match="at least the sizes"):
        tg.nn.MLP([2])


def test_an_unknown_activation_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="unknown activation 'rleu'. Did you mean 'relu'.*leaky_relu"):
        tg.nn.MLP([2, 3, 1], activation="rleu")
    with pytest.raises(TypeError, match="activation is a name or a function, got 7"):
        tg.nn.MLP([2, 3, 1], output=7)


def test_sequential_takes_its_layers_one_by_one():
    with pytest.raises(TypeError, match="not in a list"):
        tg.nn.Sequential([tg.nn.Linear(2, 2)])


# Initialisation
@pytest.mark.parametrize("source", [0, np.random.default_rng(0), np.random.RandomState(0), None])
def test_weights_may_be_drawn_from_any_source_and_biases_start_at_zero(source):
    layer = tg.nn.Linear(3, 2, rng=source)
    assert np.ptp(layer.weight.data) > 0 and not layer.bias.data.any()


def test_the_same_seed_gives_the_same_weights_and_leaves_numpys_global_state_alone():
    before = np.random.get_state()[1].copy()
    a, b = (tg.nn.MLP([3, 4, 1], rng=7).layers[1].weight.data for _ in range(2))
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_a_bad_source_of_randomness_is_refused():
    with pytest.raises(TypeError, match="rng is None, an int, a Generator or a RandomState, got str"):
        tg.nn.Linear(3, 2, rng="seed")


def test_weights_are_drawn_in_the_order_of_rows_by_fan_in_and_fan_out():
    drawn = np.random.RandomState(4).standard_normal((3, 2))
    layer = tg.nn.Linear(3, 2, init=lambda rng, m, n: rng.standard_normal((m, n)), rng=np.random.RandomState(4))
    np.testing.assert_array_equal(layer.weight.data, drawn)


@pytest.mark.parametrize(
    ("name", "scale"),
    [("random", 0.01), ("xavier", np.sqrt(1 / 300)), ("he", np.sqrt(2 / 300)), ("he_normal", np.sqrt(2 / 300))],
)
def test_the_documents_initialisations_scale_a_normal_distribution(name, scale):
    drawn = np.random.default_rng(0).standard_normal((300, 200))
    np.testing.assert_allclose(tg.nn.Linear(300, 200, init=name, rng=0).weight.data, drawn * scale, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("glorot_normal", 2 / 500),
        ("glorot_uniform", 2 / 500),
        ("xavier_normal", 2 / 500),
        ("xavier_uniform", 2 / 500),
        ("he_uniform", 2 / 300),
        ("lecun_normal", 1 / 300),
        ("lecun_uniform", 1 / 300),
    ],
)
def test_standard_initialisations_have_their_published_variance(name, variance):
    w = tg.nn.Linear(300, 200, init=name, rng=0).weight.data
    assert abs(w.var() / variance - 1) < 0.03 and abs(w.mean()) < 3 * np.sqrt(variance / w.size)  # three deviations
    if name.endswith("uniform"):
        assert np.abs(w).max() <= np.sqrt(3 * variance)


def test_every_initialisation_has_a_test_of_its_variance():
    marks = test_standard_initialisations_have_their_published_variance.pytestmark
    marks = [*marks, *test_the_documents_initialisations_scale_a_normal_distribution.pytestmark]
    assert {row[0] for mark in marks for row in mark.args[1]} == set(INITS)


def test_an_unknown_initialisation_or_one_of_the_wrong_shape_is_refused():
    with pytest.raises(ValueError, match="unknown init 'hee'. Did you mean 'he'"):
        tg.nn.Linear(3, 2, init="hee")
    with pytest.raises(ValueError, match=r"init returned shape \(2, 3\), expected \(fan_in, fan_out\) = \(3, 2\)"):
        tg.nn.Linear(3, 2, init=lambda rng, m, n: rng.standard_normal((n, m)))


# Activations
@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activations_take_arrays_and_tensors_alike_and_keep_float32(name):
    x = np.linspace(-3, 3, 7, dtype=np.float32)
    t = tg.tensor(x, requires_grad=True)
    out = ACTIVATIONS[name](x)
    assert isinstance(out, np.ndarray) and out.dtype == np.float32
    np.testing.assert_array_equal(ACTIVATIONS[name](t).data, out)
    ACTIVATIONS[name](t).sum().backward()
    assert t.grad.dtype == np.float32


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"gelu"}))  # whose cube overflows in float32 only
def test_activations_are_finite_with_finite_gradients_for_huge_arguments(name):
    t = tg.tensor([-1e4, -1.0, 0.0, 1.0, 1e4], requires_grad=True)
    out = ACTIVATIONS[name](t)
    out.sum().backward()
    assert np.isfinite(out.data).all() and np.isfinite(t.grad).all()


def test_relu_and_leaky_relu_take_the_slope_of_the_left_side_at_zero():
    x = tg.tensor([0.0, -0.0], requires_grad=True)
    assert tg.gradients(tg.nn.relu(x), [x])[0].tolist() == [0, 0]
    assert tg.gradients(tg.nn.leaky_relu(x), [x])[0].tolist() == [0.01, 0.01]


def test_sigmoid_keeps_its_relative_precision_far_to_the_left():
    np.testing.assert_allclose(tg.nn.sigmoid(np.array([-50.0])), np.exp(-50.0), rtol=1e-12)


def test_softmax_and_log_softmax_sum_to_one_along_any_axis():
    x = np.array([[1e4, 0.0, -1e4], [1.0, 2.0, 3.0]])
    for axis in (0, 1, -1):
        np.testing.assert_allclose(tg.nn.softmax(x, axis=axis).sum(axis), 1)
        np.testing.assert_allclose(np.exp(tg.nn.log_softmax(x, axis=axis)).sum(axis), 1)


def test_logsumexp_of_minus_infinity_is_minus_infinity_without_nan():
    with np.errstate(divide="ignore"):
        assert tg.nn.logsumexp(np.array([-np.inf, -np.inf])) == -np.inf
    assert tg.nn.logsumexp(np.array([-np.inf, 0.0])) == 0


def test_gelu_and_silu_have_their_published_values():
    np.testing.assert_allclose(tg.nn.gelu(np.array([1.0])), 0.8411919906082768)  # tanh formula at 1
    np.testing.assert_allclose(tg.nn.silu(np.array([1.0])), 0.7310585786300049)


@pytest.mark.parametrize("rows", [3, 500])
def test_a_layer_gives_the_same_for_few_rows_and_for_many(rows):
    rng = np.random.default_rng(0)
    net = tg.nn.MLP([4, 3, 2], activation="tanh", rng=0)
    x = rng.standard_normal((rows, 4))
    w, b, v, c = (p.data for p in net.parameters())
    hidden = np.tanh(x @ w + b)
    inputs = tg.tensor(x, requires_grad=True)
    out = net(inputs)
    np.testing.assert_allclose(out.data, hidden @ v + c, rtol=1e-12)
    out.backward(np.ones((rows, 2)))
    slope = (np.ones((rows, 2)) @ v.T) * (1 - hidden**2)
    for found, expected in zip(
        [inputs.grad, *(p.grad for p in net.parameters())],
        [slope @ w.T, x.T @ slope, slope.sum(0), hidden.T @ np.ones((rows, 2)), np.full(2, float(rows))],
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
