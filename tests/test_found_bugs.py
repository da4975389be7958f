"""Every bug that was ever found and fixed, as an example; those of one function stand beside its other tests."""

import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.op import OPS
from tensorgrad.testing import GradientError, gradcheck


def leaf(data):
    return tg.tensor(data, requires_grad=True)


def test_a_tuple_inside_an_index_counts_a_place_as_often_as_it_names_it():
    for index in [((0, 0), slice(None)), ((0, 0, 1),), ([0, 0], 1)]:
        x = leaf(np.ones((3, 2)))
        x[index].sum().backward()
        expected = np.zeros((3, 2))
        np.add.at(expected, index, 1)
        np.testing.assert_array_equal(x.grad, expected)


def test_losses_of_integer_predictions_do_not_truncate_soft_targets():
    assert tg.nn.mse_loss(np.array([1, 2]), [1.5, 2.5]) == 0.25
    np.testing.assert_allclose(tg.nn.binary_cross_entropy(np.array([0, 2]), [0.5, 0.5]), 0.9100375, rtol=1e-6)
    np.testing.assert_allclose(tg.nn.cross_entropy(np.array([[0, 2]]), [[0.5, 0.5]]), 1.1269280, rtol=1e-6)


def test_the_modulus_of_a_complex_number_has_a_second_derivative():
    x, y = leaf(3.0), leaf(4.0)
    (slope,) = tg.gradients(np.abs(x + 1j * y), [x], create_graph=True)
    np.testing.assert_allclose(tg.gradients(slope, [x, y]), [16 / 125, -12 / 125])


def test_sign_of_complex_numbers_is_refused_for_it_is_not_piecewise_constant():
    with pytest.raises(TypeError, match=r"write x / np.abs\(x\)"):
        np.sign(leaf(3 + 4j))


def test_mixed_second_derivatives_of_a_power_agree_at_exponent_zero():
    x, y = leaf(2.0), leaf(0.0)
    by_x, by_y = tg.gradients(x**y, [x, y], create_graph=True)
    np.testing.assert_allclose([tg.gradients(by_x, [y])[0], tg.gradients(by_y, [x])[0]], 0.5)


def test_a_no_grad_object_may_be_entered_again_within_itself():
    off = tg.no_grad()
    with off, off:
        assert not (leaf(1.0) * 2).requires_grad
    assert (leaf(1.0) * 2).requires_grad
    with tg.enable_grad(), off:
        assert not (leaf(1.0) * 2).requires_grad
    assert (leaf(1.0) * 2).requires_grad


@pytest.mark.parametrize(
    "use",
    [
        lambda x, a: tg.nn.leaky_relu(x, a),
        lambda x, a: tg.nn.elu(x, alpha=a),
        lambda x, a: tg.full(3, a),
    ],
)
def test_a_gradient_is_not_dropped_where_a_tensor_is_given_for_a_parameter(use):
    with pytest.raises(TypeError, match="has no derivative in its parameters|drop the gradient"):
        use(leaf([1.0, -1.0]), leaf(0.5))
    with tg.no_grad():
        use(leaf([1.0, -1.0]), leaf(0.5))


def test_a_primitive_called_by_keyword_uses_its_own_rule():
    x = leaf(0.0)
    assert tg.gradients(tg.nn.relu(x=x), [x])[0] == 0  # that of its body, np.maximum, would be a half


def test_the_state_of_momentum_is_not_the_gradient_itself():
    p, g, state = 1.0, np.array(1.0), None
    for _ in range(2):
        p, state = tg.optim.sgd(p, g, state, lr=0.1, momentum=0.9)
        g[...] = 0
    np.testing.assert_allclose(p, 0.81)  # 1 - 0.1 - 0.09


def test_a_model_converted_after_a_step_keeps_its_new_dtype():
    model = tg.nn.Linear(2, 1, rng=0)
    driver = tg.optim.Adam(model.parameters())
    for dtype in (np.float64, np.float32, np.float32):
        model.astype(dtype)(np.ones((1, 2), dtype)).sum().backward()
        driver.step()
        driver.zero_grad()
        assert {p.dtype for p in model.parameters()} == {np.dtype(dtype)}


@pytest.mark.parametrize(("dtype", "size"), [(np.float16, 300.0), (np.float32, 1e20)])
def test_gradients_are_clipped_although_their_squares_overflow(dtype, size):
    p = leaf(np.zeros(2, dtype))
    p.grad = np.full(2, size, dtype)
    np.testing.assert_allclose(tg.optim.clip_grad_norm([p], 1.0), size * np.sqrt(2), rtol=1e-3)
    np.testing.assert_allclose(p.grad, np.sqrt(0.5), rtol=1e-3)


@pytest.mark.parametrize(("columns", "labels"), [(1, [-1, 1, 1]), (1, [0.5, 0, 1]), (3, [0, 1, 7]), (3, [0, 1, -1])])
def test_accuracy_refuses_labels_that_no_output_can_mean(columns, labels):
    with pytest.raises(ValueError, match=r"label -?[\d.]+ of row \d is none of 0 to [12]"):
        tg.train.accuracy(lambda x: x, np.ones((3, columns)), labels)


@pytest.mark.parametrize("n", range(1, 9))
def test_gradcheck_notices_a_pass_that_is_not_linear_in_the_cotangent(n):
    with pytest.raises(GradientError):
        gradcheck(np.sin, np.linspace(0.1, 1, n), vjp=lambda g, out, x: np.abs(g) * np.cos(x))
    if n > 1:  # of one element, this is the gradient
        with pytest.raises(GradientError):
            gradcheck(
                np.sin, np.linspace(0.1, 1, n), vjp=lambda g, out, x: g * np.abs(g) / np.max(np.abs(g)) * np.cos(x)
            )


def test_the_slope_of_complex_arccosh_has_the_sign_of_its_branch():
    z, h = -2 + 1j, 1e-6
    x = leaf(z)
    (g,) = tg.gradients(np.real(np.arccosh(x)), [x])
    along = [(np.arccosh(z + d) - np.arccosh(z - d)).real / (2 * h) for d in (h, 1j * h)]
    np.testing.assert_allclose(g, along[0] + 1j * along[1], rtol=1e-8)


def test_out_is_refused_also_where_it_is_passed_by_position():
    x, out = leaf([1.0, 3.0]), np.zeros(2)
    with pytest.raises(TypeError, match="a NumPy array cannot hold what a gradient flows to"):
        np.clip(x, 0, 2, out)
    with pytest.raises(TypeError, match="a NumPy array cannot hold what a gradient flows to|no derivative for out="):
        np.concatenate((x, x), 0, np.zeros(4))  # of which NumPy 2.0 does not know where it takes out


def test_composites_of_constants_are_numpys_own():
    assert np.prod(tg.tensor(np.array([100, 100], np.int8))).item() == 10000
    assert np.prod(tg.tensor([True, True])).dtype == np.prod(np.array([True, True])).dtype
    parts = np.split(tg.tensor([1, 2]), 2)
    assert all(isinstance(part, tg.Tensor) for part in parts)


def test_the_square_of_a_complex_error_is_its_modulus():
    assert tg.nn.mse_loss(np.array([1 + 1j]), np.array([1.0 + 0j])) == 1


def test_squares_of_complex_gradients_are_refused():
    with pytest.raises(TypeError, match="Adam takes real parameters, parameter 0 is complex"):
        tg.optim.Adam([leaf([1j])])


def test_probabilities_that_do_not_sum_to_one_are_refused():
    with pytest.raises(ValueError, match=r"must sum to 1 in each row, got 1.5 in row 1"):
        tg.nn.cross_entropy(np.zeros((2, 2)), [[0.5, 0.5], [0.5, 1.0]])


def test_einsum_follows_numpy_in_odd_forms():
    x = leaf(np.arange(6.0).reshape(2, 3))
    with pytest.raises(ValueError, match="leaves out the axes of '...'"):
        np.einsum("...i->i", x)
    np.testing.assert_array_equal(np.einsum(x, [40, 41], [41, 40]).data, x.data.T)


def test_a_rule_registered_anew_reaches_the_operator_too():
    from tensorgrad.op import OPS

    before = OPS[np.add]
    try:
        tg.register(np.add, lambda g, _z, _x, _y: 2 * g, lambda g, _z, _x, _y: g)
        x = leaf(1.0)
        assert [tg.gradients(y, [x])[0] for y in (x + 1.0, np.add(x, 1.0))] == [2, 2]
    finally:
        OPS[np.add] = before


def test_a_module_that_knows_its_parent_has_a_repr():
    model = tg.nn.Sequential(tg.nn.Linear(1, 1))
    model.layers[0].parent = model
    assert "..." in repr(model)


def test_a_tensor_pickled_out_of_band_can_be_changed():
    t = pickle.loads(pickle.dumps(leaf([1.0, 2.0]), protocol=5))
    with tg.no_grad():
        t += 1
    np.testing.assert_array_equal(t.data, [2, 3])


def test_parameters_are_named_by_their_path_however_the_module_was_put_together():
    model = tg.nn.Sequential()
    model.layers += [tg.nn.Linear(1, 1), tg.nn.Linear(1, 1)]
    model.layers[0].weight = leaf([[1.0]])
    assert [p.name for p in model.parameters()][::2] == ["layers.0.weight", "layers.1.weight"]


@pytest.mark.parametrize(
    ("mistake", "error", "message"),
    [
        (lambda: tg.nn.MLP(784, 7, 1), TypeError, r"the sizes of an MLP are one list: MLP\(\[784, 7, 1\]\)"),
        (lambda: tg.tensor([[1, 2], [3]]), ValueError, "do all rows have the same length"),
        (lambda: leaf([1.0])[1.5], IndexError, "index=1.5"),
        (lambda: leaf([1.0]).tobytes(), AttributeError, r"has no .tobytes: take t.numpy\(\).tobytes\(\)"),
        (lambda: leaf([1.0]).colour, AttributeError, "no attribute 'colour'"),
        (lambda: tg.register(np.sin, np.cos), TypeError, "a rule is a Python function"),
        (lambda: tg.tensor(1.0, name=3), TypeError, "name is a string, got 3"),
        (lambda: tg.optim.SGD([leaf(1.0)]).load_state_dict({}), KeyError, "the state lacks lr"),
        (
            lambda: tg.train.fit(len, len, len, np.ones((1, 1)), np.ones(1), epochs=1, batch_size=1),
            TypeError,
            r"fit takes \(model, loss, optimizer, X, y\)",
        ),
        (
            lambda: tg.train.fit(
                len, len, len, np.ones((1, 1)), np.ones(1), epochs=1, batch_size=1, validation=np.ones(3)
            ),
            TypeError,
            r"validation is \(X, y\), got ndarray",
        ),
    ],
)
def test_frequent_mistakes_are_answered_with_the_cure(mistake, error, message):
    with pytest.raises(error, match=message):
        mistake()


def test_a_rule_that_reads_an_underscored_argument_is_told_so():
    @tg.primitive(lambda g, _y, _x: g * 2 * _x)
    def square(x):
        return x * x

    with pytest.raises(TypeError) as caught:
        square(leaf(1.0)).backward()
    assert "must not underscore it" in " ".join(caught.value.__notes__)


def test_no_warning_comes_out_of_a_plain_training_step():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = tg.nn.MLP([2, 3, 1], dtype=np.float32, rng=0)
        tg.nn.binary_cross_entropy(model(np.ones((4, 2), np.float32)), np.ones(4)).backward()
        tg.optim.Adam(model.parameters()).step()


def test_a_gradient_is_an_array_also_if_a_rule_reads_a_tensor_of_its_own():
    scale = leaf(3.0)

    @tg.primitive(lambda g, _y, _x: g * scale)
    def scaled(x):
        return 3.0 * x

    x = leaf([1.0, 2.0])
    scaled(x).sum().backward()
    assert type(x.grad) is np.ndarray and x.grad.tolist() == [3, 3]


def test_a_tensor_may_be_compared_with_what_is_no_number():
    t = leaf([1.0, 2.0])
    assert (t == "text") is False and (t != "text") is True
    assert (t == None).tolist() == [False, False]  # noqa: E711  # elementwise, as NumPy's arrays


def test_a_function_of_ours_gives_a_tensor_for_a_view_as_for_any_tensor():
    """It gave an array for a view without gradient, or under no_grad."""
    x = leaf([-1.0, 2.0])
    assert isinstance(tg.nn.relu(tg.tensor([-1.0, 2.0])[:1]), tg.Tensor)
    with tg.no_grad():
        assert isinstance(tg.nn.sigmoid((x * 1.0)[:1]), tg.Tensor)
    assert isinstance(tg.nn.relu(np.ones(2)), np.ndarray)


@pytest.mark.parametrize(
    "program", ["np.copysign(t, -1.0, dtype=np.float32)", "np.nextafter(t, 2.0, dtype=np.float32)"]
)
def test_a_first_call_does_not_depend_on_what_was_called_before(program):
    """Families of rules are loaded when needed: a lookup that did not load them gave an error."""
    made = "t = tg.tensor([1.0, 2.0], dtype=np.float32, requires_grad=True)"
    code = f"import numpy as np, tensorgrad as tg; {made}; {program}"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("update", [tg.optim.adam, tg.optim.rmsprop])
def test_a_derivative_through_updates_is_finite_where_a_gradient_was_always_0(update):
    def final(lr):
        p, state = np.array([1.0, 0.0]), None
        for _ in range(3):
            p, state = update(p, tg.grad(lambda p: np.sum(p**4))(p), state, lr=lr)
        return np.sum(p**2)

    h = 1e-6
    assert tg.grad(final)(0.1) == pytest.approx((final(0.1 + h) - final(0.1 - h)) / (2 * h), rel=1e-6)


def test_joining_many_tensors_takes_time_in_proportion(monkeypatch):
    calls = []
    rule = OPS[np.concatenate].vjps.rule
    monkeypatch.setattr(
        OPS[np.concatenate].vjps, "rule", lambda i, *given, **how: calls.append(len(given)) or rule(i, *given, **how)
    )
    tensors = [tg.tensor(float(i), requires_grad=True) for i in range(20)]
    np.sum(np.stack(tensors) ** 2).backward()
    assert calls == [2] * 20  # the gradient and the result, not each of the arrays once more
    assert [float(t.grad) for t in tensors] == [2.0 * i for i in range(20)]


def test_a_second_backward_after_a_change_of_data_says_what_is_wrong():
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    loss = np.exp(w).sum()
    loss.backward()
    w.data = w.data + 1
    with pytest.raises(RuntimeError, match="a second time"):
        loss.backward()
