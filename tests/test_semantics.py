"""What the library promises, situation by situation: what works, what raises, and the words it raises with."""

import math
import os
import traceback

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.op import OPS

NUMPY = tuple(map(int, np.__version__.split(".")[:2]))


def leaf(data, **options):
    return tg.tensor(data, requires_grad=True, **options)


def slopes(f, *arrays):
    """Return the gradient of the sum of f's result for each array."""
    leaves = [leaf(a) for a in arrays]
    return tg.gradients(f(*leaves), leaves)


def curvature(f, x, v):
    """Return the gradient of <f's gradient, v>: its Hessian times v."""
    x = leaf(x)
    (g,) = tg.gradients(f(x), [x], create_graph=True)
    return tg.gradients((g * np.asarray(v)).sum(), [x])[0]


def notes(error):
    return " ".join(getattr(error, "__notes__", ()))


# Plain NumPy code on tensors


def test_plain_numpy_code_works_and_records():
    x, W, b = np.ones((4, 3)), leaf(np.full((3, 2), 0.1)), leaf(np.zeros(2))
    np.tanh(x @ W + b).sum().backward()
    slope = 1 - math.tanh(0.3) ** 2
    np.testing.assert_allclose(W.grad, np.full((3, 2), 4 * slope))
    np.testing.assert_allclose(b.grad, np.full(2, 4 * slope))


SAME = {
    "sum": [
        lambda x: np.sum(x, 0),
        lambda x: np.sum(x, axis=0),
        lambda x: np.sum(a=x, axis=0),
        lambda x: x.sum(0),
        lambda x: x.sum(axis=0),
        lambda x: np.sum(x, axis=(0,)),
        lambda x: np.add(x[0], x[1]),
        lambda x: np.sum(x, axis=0, dtype=None, out=None, where=True),
    ],
    "mean": [
        lambda x: np.mean(x, 1, keepdims=True),
        lambda x: np.mean(x, axis=-1, keepdims=True),
        lambda x: x.mean(1, keepdims=True),
        lambda x: np.mean(x, 1, None, None, True),
    ],
    "var": [
        lambda x: np.var(x, 0, ddof=1),
        lambda x: x.var(0, ddof=1),
        lambda x: np.var(a=x, axis=0, ddof=1),
        lambda x: np.var(x, 0, None, None, 1),
    ],
    "clip": [
        lambda x: np.clip(x, 0, 1),
        lambda x: np.clip(x, a_min=0, a_max=1),
        lambda x: np.clip(a=x, a_min=0, a_max=1),
        lambda x: np.clip(x, 0, a_max=1),
        lambda x: x.clip(0, 1),
        lambda x: np.minimum(np.maximum(x, 0), 1),
    ],
    "reshape": [
        lambda x: np.reshape(x, (3, 2)),
        lambda x: np.reshape(x, (3, -1)),
        lambda x: np.reshape(x, (3, 2), "C"),
        lambda x: x.reshape(3, 2),
        lambda x: x.reshape((3, 2)),
        lambda x: x.reshape(-1, 2),
    ],
    "transpose": [
        lambda x: x.T,
        lambda x: x.mT,
        lambda x: np.transpose(x),
        lambda x: np.transpose(x, (1, 0)),
        lambda x: np.transpose(a=x, axes=[1, 0]),
        lambda x: x.transpose(),
        lambda x: x.transpose(1, 0),
        lambda x: x.transpose((1, 0)),
        lambda x: np.swapaxes(x, 0, 1),
        lambda x: x.swapaxes(0, 1),
        lambda x: np.moveaxis(x, 0, 1),
    ],
    "ravel": [
        lambda x: np.ravel(x),
        lambda x: x.ravel(),
        lambda x: x.flatten(),
        lambda x: x.reshape(-1),
        lambda x: np.concatenate([x], axis=None),
    ],
    "join": [
        lambda x: np.concatenate([x, x]),
        lambda x: np.concatenate((x, x), axis=0),
        lambda x: np.concatenate((x, x), 0),
        lambda x: np.concatenate((x.data, x)) * 0 + np.concatenate((x, x)) if isinstance(x, tg.Tensor) else [*x, *x],
    ],
    "stack": [
        lambda x: np.stack([x, 2 * x], 1),
        lambda x: np.stack((x, 2 * x), axis=1),
        lambda x: np.stack(arrays=[x, 2 * x], axis=1),
    ],
    "split": [lambda x: np.split(x, 3, 1)[1], lambda x: np.split(x, [1, 2], axis=1)[1], lambda x: x[:, 1:2]],
    "max": [lambda x: np.max(x, 0), lambda x: np.amax(x, axis=0), lambda x: x.max(0), lambda x: x.max(axis=0)],
    "min": [lambda x: np.min(x), lambda x: np.amin(x), lambda x: x.min()],
    "product": [
        lambda x: x @ np.ones((3, 2)),
        lambda x: np.matmul(x, np.ones((3, 2))),
        lambda x: np.dot(x, np.ones((3, 2))),
        lambda x: x.dot(np.ones((3, 2))),
        lambda x: np.tensordot(x, np.ones((3, 2)), 1),
        lambda x: np.einsum("ij,jk", x, np.ones((3, 2))),
        lambda x: np.einsum(x, [0, 1], np.ones((3, 2)), [1, 2], [0, 2]),
        lambda x: np.einsum("ij,jk->ik", x, np.ones((3, 2)), optimize=True),
    ],
    "absolute": [lambda x: abs(x), lambda x: np.abs(x), lambda x: np.absolute(x), lambda x: np.fabs(x)],
    "power": [lambda x: x**2, lambda x: np.power(x, 2), lambda x: np.square(x), lambda x: x * x, lambda x: pow(x, 2)],
    "reversed operators": [lambda x: 1 - 2 / (3 + x), lambda x: np.subtract(1, np.divide(2, np.add(3, x)))],
    "remainder": [lambda x: x % 0.7, lambda x: np.mod(x, 0.7), lambda x: divmod(x, 0.7)[1]],
    "where": [lambda x: np.where(x > 0, x, 0), lambda x: np.maximum(x, 0), lambda x: x * (x > 0)],
    "copy": [lambda x: +x, lambda x: x.copy(), lambda x: np.copy(x), lambda x: np.positive(x)],
}


@pytest.mark.parametrize(("name", "form"), [(name, i) for name, forms in SAME.items() for i in range(len(forms))])
def test_every_form_of_a_call_gives_numpys_result_and_the_same_gradient(name, form):
    x = np.array([[0.3, -0.6, 1.2], [-1.5, 0.9, 0.1]])
    first, f = SAME[name][0], SAME[name][form]
    expected = first(leaf(x))
    seed = np.cos(np.arange(expected.size)).reshape(expected.shape)
    a, b = leaf(x), leaf(x)
    np.testing.assert_allclose(f(a).data, expected.data, atol=1e-15)
    np.testing.assert_allclose(tg.gradients(f(a), [a], seed), tg.gradients(first(b), [b], seed), atol=1e-15)


@pytest.mark.skipif(NUMPY < (2, 1), reason="NumPy 2.1 gave clip's bounds these names, and reshape's shape this one")
def test_the_newer_parameter_names_work():
    x = np.array([-1.0, 0.5, 2.0])
    np.testing.assert_array_equal(slopes(lambda x: np.clip(x, min=0, max=1), x)[0], [0.0, 1.0, 0.0])
    np.testing.assert_array_equal(slopes(lambda x: np.clip(x, max=1), x)[0], [1.0, 1.0, 0.0])
    assert np.reshape(leaf(x), shape=(3, 1)).shape == (3, 1)


def test_one_bound_of_clip_may_be_missing():
    x = np.array([-1.0, 0.5, 2.0])
    np.testing.assert_array_equal(slopes(lambda x: np.clip(x, None, 1), x)[0], [1.0, 1.0, 0.0])
    np.testing.assert_array_equal(slopes(lambda x: np.clip(x, 0, None), x)[0], [0.0, 1.0, 1.0])


def test_the_bounds_of_clip_get_gradients():
    x, low, high = np.array([-1.0, 0.5, 2.0, 3.0]), np.array(0.0), np.array(1.0)
    _, to_low, to_high = slopes(np.clip, x, low, high)
    assert (to_low, to_high) == (1.0, 2.0)


def test_iteration_and_unpacking_give_tensors():
    x = leaf([1.0, 2.0, 3.0])
    a, b, c = x
    (a * b + c).backward()
    np.testing.assert_array_equal(x.grad, [2.0, 1.0, 1.0])
    assert len(x) == 3
    with pytest.raises(TypeError, match="without axes"):
        len(leaf(1.0))


def test_tensors_and_constants_mix_in_lists():
    x = leaf([1.0, 2.0])
    y = np.stack([x, np.ones(2), [5.0, 6.0]])
    np.testing.assert_array_equal(y.data, [[1.0, 2.0], [1.0, 1.0], [5.0, 6.0]])
    assert tg.gradients(y, [x])[0].tolist() == [1.0, 1.0]


def test_lists_and_numpy_scalars_meet_tensors():
    x = leaf([1.0, 2.0])
    for y in ([3.0, 4.0] * x, x * [3.0, 4.0], x * np.array([3.0, 4.0]), np.array([3.0, 4.0]) * x):
        assert isinstance(y, tg.Tensor)
        assert tg.gradients(y, [x])[0].tolist() == [3.0, 4.0]
    for y in (np.float64(3.0) * x, x * np.float64(3.0)):
        assert tg.gradients(y, [x])[0].tolist() == [3.0, 3.0]


# Leaving the graph


def test_reading_a_value_works_always():
    t = leaf([[2.5]])
    assert t.item() == 2.5
    assert t.tolist() == [[2.5]]
    assert type(t.numpy()) is np.ndarray
    assert bool(t)
    assert f"{t:.2f}" == "2.50"
    assert f"{t}" == str(t) == repr(t) == "tensor([[2.5]], requires_grad=True)"
    assert repr(t * 2) == "tensor([[5.]], op=multiply)"


def test_formatting_several_numbers_does_as_numpy_does():
    t = leaf([1.0, 2.0])
    assert f"{t}" == str(t)
    with pytest.raises(TypeError, match="unsupported format string"):
        f"{t:.2f}"


@pytest.mark.parametrize(
    ("leave", "cure"),
    [
        (float, r"t\.item\(\)"),
        (int, r"int\(t\.item\(\)\)"),
        (complex, r"t\.item\(\)"),
        (math.sin, r"np\.sin instead of math\.sin"),
        (np.asarray, r"np\.stack or np\.concatenate.*\.data"),
        (np.array, r"\.data"),
        (lambda t: np.array([t, t]), r"np\.stack"),
        (lambda t: np.array([[1.0, t]]), r"float\(t\)|np\.stack"),
        (lambda t: np.random.default_rng(0).normal(t), ""),
    ],
)
def test_what_would_drop_the_gradient_is_refused_and_works_under_no_grad(leave, cure):
    t = leaf(0.5)
    with pytest.raises(TypeError, match=f"would drop the gradient: .*{cure}"):
        leave(t)
    with pytest.raises(TypeError, match="would drop the gradient"):
        leave(t * 2)
    with tg.no_grad():
        np.testing.assert_array_equal(leave(t), leave(np.array(0.5)))
    np.testing.assert_array_equal(leave(tg.tensor(0.5)), leave(np.array(0.5)))


def test_joining_tensors_with_array_is_refused_and_works_under_no_grad():
    t = leaf([1.0, 2.0])
    with pytest.raises(TypeError, match=r"np\.stack"):
        np.array([t, t])
    with tg.no_grad():
        np.testing.assert_array_equal(np.array([t, t]), [[1.0, 2.0], [1.0, 2.0]])


def test_writing_a_tensor_into_an_array_raises_numpys_error_with_our_cure_as_its_cause():
    a, t = np.zeros(3), leaf(0.5)
    with pytest.raises(ValueError, match="setting an array element with a sequence") as caught:
        a[0] = t
    assert "would drop the gradient" in str(caught.value.__cause__)
    with tg.no_grad():
        a[0] = t
    np.testing.assert_array_equal(a, [0.5, 0.0, 0.0])


def test_an_integer_tensor_is_an_index():
    assert [10, 20, 30][tg.tensor(1)] == 20
    np.testing.assert_array_equal(leaf([10.0, 20.0])[tg.tensor([1, 0])].data, [20.0, 10.0])
    with pytest.raises(TypeError, match="integer"):
        [10, 20, 30][leaf(1.0)]


# What gives no gradient


@pytest.mark.parametrize(
    "compare",
    [
        lambda x: x > 1,
        lambda x: x >= 1,
        lambda x: x < 1,
        lambda x: x <= 1,
        lambda x: x == 1,
        lambda x: x != 1,
        lambda x: x > x,
        lambda x: np.array([1.0, 0.0]) < x,
        lambda x: np.equal(x, 1),
        lambda x: np.isnan(x),
        lambda x: np.logical_not(x > 1),
        lambda x: x.argsort(),
        lambda x: np.nonzero(x)[0],
        lambda x: np.searchsorted(x, [1.5]),
    ],
)
def test_comparisons_and_indices_are_plain_arrays(compare):
    assert type(compare(leaf([1.0, 2.0]))) is np.ndarray
    np.testing.assert_array_equal(compare(leaf([1.0, 2.0])), compare(np.array([1.0, 2.0])))


def test_argmax_is_a_plain_number():
    assert leaf([1.0, 3.0, 2.0]).argmax() == 1
    assert not isinstance(np.argmax(leaf([1.0, 3.0])), tg.Tensor)


def test_facts_about_a_tensor_are_plain():
    x = leaf(np.ones((2, 3)))
    assert (np.shape(x), np.ndim(x), np.size(x)) == ((2, 3), 2, 6)
    assert (x.shape, x.ndim, x.size, x.dtype) == ((2, 3), 2, 6, np.float64)
    assert np.allclose(x, 1.0) is True
    assert 1.0 in x
    assert 2.0 not in x


@pytest.mark.parametrize(
    "f",
    [
        np.sign,
        np.floor,
        np.ceil,
        np.trunc,
        np.rint,
        np.round,
        lambda x: x.round(),
        lambda x: x // 1,
        lambda x: 7 // x,
        lambda x: np.round(x, 1),
        np.ones_like,
        np.zeros_like,
    ],
)
def test_piecewise_constant_functions_give_tensors_without_gradient(f):
    x = np.array([1.37, -2.61])
    y = f(leaf(x))
    assert isinstance(y, tg.Tensor)
    assert not y.requires_grad
    np.testing.assert_array_equal(y.data, f(x))


# Ties and kinks


def test_gradient_of_maximum_is_shared_between_ties():
    gx, gy = slopes(np.maximum, [1.0, 2.0, 3.0], [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(gx, [0.0, 0.5, 1.0])
    np.testing.assert_array_equal(gy, [1.0, 0.5, 0.0])


def test_gradient_of_minimum_is_shared_between_ties():
    gx, gy = slopes(np.minimum, [1.0, 2.0, 3.0], [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(gx, [1.0, 0.5, 0.0])
    np.testing.assert_array_equal(gy, [0.0, 0.5, 1.0])


@pytest.mark.parametrize("f", [np.fmax, np.fmin])
def test_fmax_and_fmin_give_the_gradient_to_the_number_beside_nan(f):
    gx, gy = slopes(f, [np.nan, 2.0, 2.0], [2.0, np.nan, 2.0])
    np.testing.assert_array_equal(gx, [0.0, 1.0, 0.5])
    np.testing.assert_array_equal(gy, [1.0, 0.0, 0.5])


@pytest.mark.parametrize("f", [np.max, np.min])
def test_gradient_of_max_is_shared_between_ties(f):
    (g,) = slopes(f, [[2.0, 2.0], [2.0, 2.0]])
    np.testing.assert_array_equal(g, np.full((2, 2), 0.25))
    (g,) = slopes(lambda x: f(x, axis=0), [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(g, np.full((2, 3), 0.5))


def test_gradient_of_max_goes_to_the_largest_alone():
    np.testing.assert_array_equal(slopes(np.max, [1.0, 3.0, 2.0])[0], [0.0, 1.0, 0.0])
    np.testing.assert_array_equal(slopes(np.min, [1.0, 3.0, 2.0])[0], [1.0, 0.0, 0.0])


@pytest.mark.parametrize("f", [np.abs, np.fabs, lambda x: x * np.sign(x), np.sign])
def test_gradient_of_abs_and_sign_at_0_is_0(f):
    (g,) = slopes(lambda x: f(x) + 0 * x, [-2.0, 0.0, 2.0])
    assert g[1] == 0.0


def test_gradient_of_complex_abs_at_0_is_0():
    np.testing.assert_array_equal(slopes(np.abs, np.array([0j]))[0], [0j])


def test_clip_passes_the_gradient_on_the_closed_interval():
    (g,) = slopes(lambda x: np.clip(x, -1, 1), [-2.0, -1.0, 0.0, 1.0, 2.0])
    np.testing.assert_array_equal(g, [0.0, 1.0, 1.0, 1.0, 0.0])


@pytest.mark.parametrize("f", [np.std, np.var])
@pytest.mark.parametrize("options", [{}, {"axis": 0}, {"axis": 0, "ddof": 1}])
def test_gradient_of_std_and_var_of_constants_is_0(f, options):
    (g,) = slopes(lambda x: f(x, **options), np.full((3, 2), 0.5))
    np.testing.assert_array_equal(g, np.zeros((3, 2)))
    (g,) = slopes(lambda x: f(x, **options), np.full((3, 2), 0.7))
    np.testing.assert_allclose(g, np.zeros((3, 2)), atol=1e-15)  # the mean of six 0.7 is not 0.7, by a rounding


def test_gradient_of_hypot_at_0_is_0():
    for g in slopes(np.hypot, [0.0, 3.0], [0.0, 4.0]):
        assert g[0] == 0.0
        assert g[1] > 0.5


def test_powers_at_0_have_finite_gradients():
    (g,) = slopes(lambda x: x**2, [0.0, 2.0])
    np.testing.assert_array_equal(g, [0.0, 4.0])
    (g,) = slopes(lambda x: x**0, [0.0, 2.0])
    np.testing.assert_array_equal(g, [0.0, 0.0])
    (g,) = slopes(lambda x: x**1, [0.0, 2.0])
    np.testing.assert_array_equal(g, [1.0, 1.0])
    gx, gy = slopes(np.power, [0.0, 0.0], [2.0, 1.0])
    np.testing.assert_array_equal(gx, [0.0, 1.0])
    np.testing.assert_array_equal(gy, [0.0, 0.0])


@pytest.mark.parametrize("exponent", [2, 3, 2.0, np.float64(2.0)])
def test_powers_of_negative_numbers_have_gradients(exponent):
    (g,) = slopes(lambda x: x**exponent, [-2.0])
    assert g == exponent * (-2.0) ** (exponent - 1)


@pytest.mark.parametrize(
    ("x", "gradient"),
    [
        ([2.0, 3.0, 4.0], [12.0, 8.0, 6.0]),
        ([0.0, 3.0, 4.0], [12.0, 0.0, 0.0]),
        ([0.0, 0.0, 4.0], [0.0, 0.0, 0.0]),
        ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
        ([5.0], [1.0]),
        ([], []),
    ],
)
def test_gradient_of_prod_with_zeros_is_exact(x, gradient):
    np.testing.assert_array_equal(slopes(np.prod, x)[0], gradient)


@pytest.mark.parametrize("x", [[2.0, 3.0, 4.0], [0.0, 3.0, 4.0], [0.0, 0.0, 4.0], [0.0, 0.0, 0.0]])
def test_second_gradient_of_prod_with_zeros_is_exact(x):
    a, b, c = x
    hessian = np.array([[0, c, b], [c, 0, a], [b, a, 0]])
    for v in np.eye(3):
        np.testing.assert_array_equal(curvature(np.prod, x, v), hessian @ v)


def test_gradient_of_logaddexp_of_large_numbers_is_finite():
    gx, gy = slopes(np.logaddexp, [1e4, -1e4], [-1e4, 1e4])
    np.testing.assert_array_equal(gx, [1.0, 0.0])
    np.testing.assert_array_equal(gy, [0.0, 1.0])


def test_where_gives_the_gradient_to_the_branch_that_was_taken():
    gx, gy = slopes(lambda x, y: np.where([True, False], x, y), [1.0, 2.0], [3.0, 4.0])
    np.testing.assert_array_equal(gx, [1.0, 0.0])
    np.testing.assert_array_equal(gy, [0.0, 1.0])


# Empty and scalar


@pytest.mark.parametrize(
    "f",
    [
        np.sum,
        np.prod,
        np.exp,
        lambda x: np.sum(x * x, axis=0),
        lambda x: np.mean(x, axis=1),
        lambda x: np.max(x, axis=1),
        lambda x: np.var(x, axis=1),
        lambda x: np.std(x, axis=1, ddof=1),
        lambda x: np.prod(x, axis=1),
        lambda x: x @ np.ones((3, 2)),
        lambda x: np.einsum("ij->j", x),
        lambda x: x[[], 1],
        lambda x: np.concatenate([x, x]),
    ],
)
def test_empty_arrays_have_empty_gradients(f):
    (g,) = slopes(f, np.zeros((0, 3)))
    assert g.shape == (0, 3)


def test_the_maximum_of_nothing_raises_as_in_numpy():
    with pytest.raises(ValueError, match="no identity"):
        np.max(leaf(np.zeros(0)))


# Errors


def test_shapes_that_do_not_fit_are_named_with_the_dimension():
    with pytest.raises(ValueError) as caught:
        leaf(np.ones((5, 4))) @ np.ones((3, 2))
    assert str(caught.value) == "matmul: expected (m,k),(k,n), got (5,4),(3,2): k is 4 and 3"


def test_shapes_that_do_not_fit_name_the_cure_where_there_is_one():
    with pytest.raises(ValueError) as caught:
        np.matmul(leaf(np.ones((5, 4))), np.ones((3, 4)))
    assert str(caught.value) == (
        "matmul: expected (m,k),(k,n), got (5,4),(3,4): k is 4 and 3. Transpose the second argument?"
    )


def test_a_mismatch_of_a_vector_is_named_too():
    with pytest.raises(ValueError, match=r"got \(2,3\),\(4,\): k is 3 and 4"):
        leaf(np.ones((2, 3))) @ np.ones(4)
    with pytest.raises(ValueError, match="0 dimensions, where 1 are needed"):
        leaf(np.ones((2, 3))) @ tg.tensor(2.0)


def test_shapes_that_do_not_broadcast_are_named_with_the_axis():
    with pytest.raises(ValueError) as caught:
        leaf(np.ones((2, 3))) + np.ones(2)
    assert str(caught.value) == "add: shapes (2,3) and (2,) do not broadcast: axis -1 is 3 and 2"


def test_an_error_names_the_users_line():
    with pytest.raises(ValueError) as caught:
        leaf(np.ones((2, 3))) + np.ones(2)  # this one
    assert f"{os.path.basename(__file__)}:" in notes(caught.value)
    assert "# this one" in notes(caught.value)
    with pytest.raises(TypeError) as caught:
        np.add(leaf([1.0]), 1.0, signature="dd->d")  # and this one
    assert "# and this one" in notes(caught.value)


def test_numpys_own_error_stays_and_says_where():
    with pytest.raises(IndexError) as caught:
        leaf(np.ones(3))[5]
    assert "in getitem of arrays of shape (3,)" in notes(caught.value)


def test_an_error_in_a_rule_names_the_op_and_the_argument():
    def broken(g, _y, x):
        return g @ np.ones((7, 7))

    @tg.primitive(broken)
    def toy(x):
        return x * 1.0

    with pytest.raises(ValueError) as caught:
        toy(leaf(np.ones((2, 2)))).sum().backward()
    assert "in the derivative of toy for argument 0" in notes(caught.value)


@pytest.mark.parametrize(("fn", "name"), [(np.linalg.slogdet, r"np\.linalg\.slogdet"), (np.ptp, r"np\.ptp")])
def test_a_function_without_a_rule_says_how_to_give_it_one(fn, name, monkeypatch):
    monkeypatch.delitem(OPS, fn)
    with pytest.raises(TypeError, match=rf"{name} has no derivative here.*tg\.register\({name}.*\.data"):
        fn(leaf(np.ones((2, 2))))


def test_a_gradient_cannot_flow_into_a_numpy_array():
    with pytest.raises(TypeError, match=r"a NumPy array cannot hold what a gradient flows to.*tg\.zeros"):
        np.add(leaf([1.0]), 1.0, out=np.zeros(1))
    with pytest.raises(TypeError, match="a NumPy array cannot hold"):
        np.sum(leaf([1.0]), out=np.zeros(()))


def test_an_argument_that_no_rule_knows_is_refused():
    with pytest.raises(TypeError, match="add has no derivative for signature="):
        np.add(leaf([1.0, 2.0]), 1.0, signature="dd->d")
    with pytest.raises(TypeError, match="tile has no derivative for|unexpected keyword"):
        np.tile(leaf([1.0, 2.0]), 2, axis=0)


def test_where_of_one_argument_gives_places():
    np.testing.assert_array_equal(np.where(leaf([0.0, 2.0, 3.0])), [[1, 2]])


def test_reshape_by_memory_layout_is_refused():
    with pytest.raises(TypeError, match="'A' depends on how the array lies in memory"):
        np.reshape(leaf(np.ones((2, 3))), -1, order="A")


@pytest.mark.parametrize(
    "use",
    [
        lambda x: np.prod(x, axis=2),
        lambda x: np.sum(x, axis=2),
        lambda x: np.max(x, axis=-3),
        lambda x: np.var(x, axis=2),
        lambda x: np.tensordot(x, x, axes=(2, 0)),
        lambda x: np.expand_dims(x, 5),
        lambda x: np.concatenate([x, x], axis=2),
        lambda x: np.stack([x, x], axis=4),
        lambda x: np.transpose(x, (0, 2)),
        lambda x: np.swapaxes(x, 0, 2),
        lambda x: np.moveaxis(x, 2, 0),
    ],
)
def test_an_axis_that_does_not_exist_is_refused_as_in_numpy(use):
    with pytest.raises(IndexError):  # AxisError is one
        use(np.ones((2, 2)))
    with pytest.raises(IndexError):  # AxisError is one
        use(leaf(np.ones((2, 2))))


def test_split_into_parts_that_do_not_divide_is_refused():
    with pytest.raises(ValueError, match="an axis of 3 does not divide into 2.*array_split"):
        np.split(leaf([1.0, 2.0, 3.0]), 2)


def test_stack_of_several_shapes_is_refused():
    with pytest.raises(ValueError, match=r"one shape, got \(1,\), \(2,\)"):
        np.stack([leaf([1.0]), leaf([1.0, 2.0])])


@pytest.mark.parametrize("data", [3, [1, 2], True, np.arange(3, dtype=np.uint8)])
def test_an_integer_cannot_require_a_gradient(data):
    with pytest.raises(TypeError, match=r"cannot require a gradient.*dtype=np\.float64"):
        leaf(data)
    assert leaf(data, dtype=float).requires_grad
    t = tg.tensor(data)
    with pytest.raises(TypeError, match="cannot require a gradient"):
        t.requires_grad = True


@pytest.mark.parametrize("data", ["text", [None], np.array(["2020-01-01"], "datetime64[D]")])
def test_a_tensor_holds_numbers(data):
    with pytest.raises(TypeError, match="a tensor holds numbers"):
        tg.tensor(data)


def test_an_operand_that_is_no_array_is_refused():
    for other in (None, "text", {}):
        with pytest.raises(TypeError):
            leaf(1.0) + other


def test_errors_raised_by_calls_have_no_frames_hidden():
    """The call that failed is in the traceback: the user's frame comes first."""
    with pytest.raises(ValueError) as caught:
        leaf(np.ones((2, 3))) + np.ones(2)
    assert traceback.extract_tb(caught.value.__traceback__)[0].filename == __file__


# Identity


def test_tensors_hash_by_identity_and_compare_by_element():
    a, b = tg.tensor([1.0, 2.0]), tg.tensor([1.0, 2.0])
    assert len({a, b, a}) == 2
    np.testing.assert_array_equal(a == b, [True, True])
    np.testing.assert_array_equal(a != b, [False, False])
    assert {a: "one"}[a] == "one"


def test_tensor_keeps_the_dtype_unless_told():
    assert tg.tensor(np.float32([1.0])).dtype == np.float32
    assert tg.tensor([1, 2]).dtype.kind == "i"
    assert tg.tensor([1, 2], dtype=np.float16).dtype == np.float16
    assert tg.tensor(tg.tensor([1.0, 2.0])).data.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda: tg.zeros((2, 3)), np.zeros((2, 3))),
        (lambda: tg.ones(3, dtype=np.float32), np.ones(3, np.float32)),
        (lambda: tg.full((2,), 7.0, name="c"), np.full(2, 7.0)),
    ],
)
def test_tensors_are_made_of_constants(made, expected):
    t = made()
    np.testing.assert_array_equal(t.data, expected)
    assert t.dtype == expected.dtype
    assert not t.requires_grad
    assert tg.empty((2, 3), requires_grad=True).shape == (2, 3)


# New operations


def test_a_primitive_of_ones_own_is_one_step_and_differentiates_twice():
    @tg.primitive(lambda g, _y, x: g * 3 * x * x)
    def cube(x):
        return x**3

    x = leaf([1.0, 2.0])
    y = cube(x)
    assert y.node.op.name == "cube"
    (g,) = tg.gradients(y, [x], create_graph=True)
    np.testing.assert_array_equal(g.data, [3.0, 12.0])
    np.testing.assert_array_equal(tg.gradients(g, [x])[0], [6.0, 12.0])
    assert cube(2.0) == 8.0


def test_a_rule_with_too_few_parameters_is_refused_when_it_is_registered():
    with pytest.raises(TypeError, match=r"a rule for toy takes \(g, out, x, y\), got \(g, y\)"):

        @tg.primitive(lambda g, y: g, lambda g, z, x, y: g)
        def toy(x, y):
            return x + y


def test_an_array_that_has_no_rule_is_constant():
    @tg.primitive(lambda g, _z, _x, y: g * y, None)
    def scaled(x, y):
        return x * y

    x, y = leaf(2.0), leaf(3.0)
    assert tg.gradients(scaled(x, y), [x, y]) == [3.0, 0.0]
