"""The backward pass: accumulation, seeds, higher orders, what is independent, dtypes, complex numbers, stale arrays."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings

import tensorgrad as tg
from tensorgrad.testing.strategies import programs
from tensorgrad.testing.weighing import weighed


def leaf(data, **options):
    return tg.tensor(data, requires_grad=True, **options)


# backward()


def test_backward_fills_grad_of_every_leaf():
    x, y = leaf([1.0, 2.0]), leaf(3.0)
    (x * y).sum().backward()
    np.testing.assert_array_equal(x.grad, [3.0, 3.0])
    np.testing.assert_array_equal(y.grad, 3.0)
    assert (x.grad.shape, y.grad.shape) == ((2,), ())
    assert type(y.grad) is np.ndarray


def test_backward_accumulates():
    x = leaf([1.0, 2.0])
    (x * x).sum().backward()
    (3 * x).sum().backward()
    np.testing.assert_array_equal(x.grad, 2 * x.data + 3)


def test_accumulation_keeps_arrays_also_without_axes():
    x = leaf(2.0)
    for _ in range(3):
        (x * x).backward()
    assert type(x.grad) is np.ndarray
    assert x.grad == 12.0


def test_accumulation_does_not_write_into_the_former_gradient():
    x = leaf([1.0, 2.0])
    x.sum().backward()
    former = x.grad
    x.sum().backward()
    np.testing.assert_array_equal(former, [1.0, 1.0])


def test_backward_of_a_leaf_itself_gives_one():
    x = leaf(2.0)
    x.backward()
    assert x.grad == 1.0


def test_backward_leaves_grad_of_independent_leaves_none():
    x, z = leaf(1.0), leaf(2.0)
    (x * 2).backward()
    assert z.grad is None


def test_backward_of_one_element_needs_no_scalar():
    x = leaf([[2.0]])
    (x * x).backward()
    np.testing.assert_array_equal(x.grad, [[4.0]])


def test_backward_of_several_elements_needs_a_gradient():
    with pytest.raises(RuntimeError, match=r"needs a scalar, got shape \(2,\).*gradient="):
        (leaf([1.0, 2.0]) * 2).backward()


def test_backward_starts_from_the_gradient_given():
    x = leaf([1.0, 2.0])
    (x * x).backward(gradient=[1.0, 10.0])
    np.testing.assert_array_equal(x.grad, [2.0, 40.0])


def test_backward_starts_from_a_tensor_too():
    x = leaf([1.0, 2.0])
    (x * x).backward(tg.tensor([1.0, 10.0]))
    np.testing.assert_array_equal(x.grad, [2.0, 40.0])


def test_a_gradient_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"shape \(3,\), the tensor \(2,\)"):
        (leaf([1.0, 2.0]) * 2).backward(np.ones(3))


def test_backward_of_a_constant_is_refused():
    with pytest.raises(RuntimeError, match="no tensor that requires a gradient"):
        tg.tensor(1.0).backward()


def test_backward_records_nothing():
    x = leaf(2.0)
    (x**3).backward()
    assert type(x.grad) is np.ndarray


# The life of a graph


def test_a_second_backward_is_refused():
    y = np.exp(leaf(1.0))
    y.backward()
    with pytest.raises(RuntimeError, match="backward through exp a second time.*retain_graph=True"):
        y.backward()


def test_retain_graph_allows_a_second_backward():
    x = leaf(1.0)
    y = np.exp(x)
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad == 2 * math.e


def test_a_second_backward_through_a_shared_part_is_refused():
    shared = np.exp(leaf(1.0))
    (shared * 2).backward()
    with pytest.raises(RuntimeError, match="a second time"):
        (shared * 3).backward()


def test_gradients_leaves_the_graph_usable_and_grad_alone():
    x = leaf(1.0)
    y = np.exp(x)
    assert tg.gradients(y, [x]) == tg.gradients(y, [x])
    assert x.grad is None
    y.backward()


def test_gradients_of_a_graph_that_was_let_go_is_refused():
    x = leaf(1.0)
    y = np.exp(x)
    y.backward()
    with pytest.raises(RuntimeError, match="a second time"):
        tg.gradients(y, [x])


# gradients()


def test_gradients_are_arrays():
    x = leaf(2.0)
    (g,) = tg.gradients(x * x, [x])
    assert type(g) is np.ndarray
    assert g == 4.0


def test_gradients_of_several_elements_are_those_of_their_sum():
    x = leaf([1.0, 2.0])
    (g,) = tg.gradients(x * x, [x])
    np.testing.assert_array_equal(g, [2.0, 4.0])


def test_gradients_are_multiplied_by_the_seed():
    x = leaf([1.0, 2.0])
    (g,) = tg.gradients(x * x, [x], [1.0, 10.0])
    np.testing.assert_array_equal(g, [2.0, 40.0])


def test_a_seed_is_taken_in_the_dtype_of_the_result():
    x = leaf([1.0, 2.0], dtype=np.float32)
    (g,) = tg.gradients(x * x, [x], np.array([1, 10]))
    assert g.dtype == np.float32


def test_the_seed_can_be_differentiated():
    x, v = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    (g,) = tg.gradients(x**3, [x], v, create_graph=True)
    (product,) = tg.gradients(g, [v], [1.0, 10.0])  # forward mode: the Jacobian times (1, 10)
    np.testing.assert_array_equal(product, [3.0, 120.0])


def test_gradients_of_a_tensor_for_itself_is_the_seed():
    x = leaf([1.0, 2.0])
    (g,) = tg.gradients(x, [x], [3.0, 4.0])
    np.testing.assert_array_equal(g, [3.0, 4.0])


def test_gradients_for_an_independent_tensor_are_zeros():
    x, z = leaf([1.0, 2.0]), leaf(np.ones((2, 3), np.float32))
    gx, gz = tg.gradients((x * x).sum(), [x, z])
    np.testing.assert_array_equal(gx, [2.0, 4.0])
    np.testing.assert_array_equal(gz, np.zeros((2, 3)))
    assert gz.dtype == np.float32


def test_gradients_of_a_constant_are_zeros():
    x = leaf([1.0, 2.0])
    for create_graph in (False, True):
        (g,) = tg.gradients(tg.tensor(5.0), [x], create_graph=create_graph)
        np.testing.assert_array_equal(np.asarray(g), [0.0, 0.0])


def test_gradients_with_create_graph_are_tensors_also_when_they_are_constant():
    x, z = leaf(1.0), leaf(2.0)
    found = tg.gradients(3 * x, [x, z], create_graph=True)
    assert all(isinstance(g, tg.Tensor) for g in found)
    assert [g.item() for g in found] == [3.0, 0.0]


def test_gradients_for_an_intermediate_tensor():
    x = leaf([1.0, 2.0])
    y = x * x
    z = (y * y).sum()
    gy, gx = tg.gradients(z, [y, x])
    np.testing.assert_array_equal(gy, 2 * y.data)
    np.testing.assert_array_equal(gx, 4 * x.data**3)


def test_gradients_for_the_same_tensor_twice_are_two_arrays():
    x = leaf([1.0, 2.0])
    one, two = tg.gradients((x * x).sum(), [x, x])
    one[0] = 100.0
    np.testing.assert_array_equal(two, [2.0, 4.0])


def test_gradients_for_a_tensor_without_one_are_refused():
    x, c = leaf(1.0), tg.tensor(2.0)
    with pytest.raises(ValueError, match=r"xs\[1\] requires no gradient"):
        tg.gradients(x * c, [x, c])
    with pytest.raises(TypeError, match=r"xs\[0\] is no tensor but ndarray"):
        tg.gradients(x * c, [np.ones(2)])


def test_gradients_of_and_for_something_else_than_tensors_are_refused():
    x = leaf([1.0, 2.0])
    with pytest.raises(TypeError, match=r"xs is one tensor: write \[x\]"):
        tg.gradients(x.sum(), x)
    with pytest.raises(TypeError, match="y is no tensor but list"):
        tg.gradients([x], [x])


def test_gradients_work_under_no_grad_of_a_graph_recorded_before():
    x = leaf(3.0)
    y = x * x
    with tg.no_grad():
        assert tg.gradients(y, [x]) == [6.0]


def test_create_graph_records_also_under_no_grad():
    x = leaf(3.0)
    y = x**3
    with tg.no_grad():
        (slope,) = tg.gradients(y, [x], create_graph=True)
    assert tg.gradients(slope, [x]) == [18.0]


# The shape of the graph


def test_a_tensor_used_twice_gets_both_gradients():
    x = leaf(3.0)
    assert tg.gradients(x * x + x, [x]) == [7.0]


def test_a_diamond_sums_over_its_paths():
    x = leaf(0.7)
    left, right = np.sin(x), np.cos(x)
    (g,) = tg.gradients(left * right, [x])
    np.testing.assert_allclose(g, math.cos(1.4))


def test_fifty_diamonds_in_a_row_are_walked_once_each():
    """Path by path this would take 2**50 steps."""
    x = leaf(1.0)
    y = x
    for _ in range(50):
        y = (y + y) * 0.5
    assert tg.gradients(y, [x]) == [1.0]


def test_an_operand_on_both_sides_of_an_op_gets_both_gradients():
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    (g,) = tg.gradients((x @ x).sum(), [x])
    ones = np.ones((2, 2))
    np.testing.assert_array_equal(g, ones @ x.data.T + x.data.T @ ones)


def test_only_what_lies_between_is_computed():
    calls = []

    @tg.primitive(lambda g, _y, _x: calls.append(1) or g)
    def watched_identity(x):
        return x * 1.0

    x, w = leaf(2.0), leaf(3.0)
    y = watched_identity(x) * w
    tg.gradients(y, [w])
    assert calls == []
    tg.gradients(y, [x])
    assert calls == [1]


def test_a_path_through_a_step_function_carries_nothing():
    x = leaf(1.3)
    assert tg.gradients(x * np.floor(x), [x]) == [1.0]


# Gradients are the caller's own


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: x + y,
        lambda x, y: x - y,
        lambda x, y: (x + y) + (x + y),
        lambda x, y: np.stack([x, y]),
        lambda x, y: np.reshape(x + y, (2, 1)),
        lambda x, y: np.concatenate([x, y])[::-1],
        lambda x, y: np.broadcast_to(x + y, (3, 2)),
    ],
)
def test_gradients_share_memory_with_nothing(f):
    x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    out = f(x, y)
    seed = np.ones(out.shape)
    functional = tg.gradients(out, [x, y], seed)
    out.backward(seed)
    for a, b in itertools.combinations([*functional, x.grad, y.grad, x.data, y.data, seed], 2):
        assert not np.shares_memory(a, b)


def test_a_gradient_does_not_share_memory_with_a_seed_that_is_a_tensor():
    x, seed = leaf([1.0, 2.0]), tg.tensor([3.0, 4.0])
    (g,) = tg.gradients(x, [x], seed)
    x.backward(seed)
    assert not np.shares_memory(g, seed.data)
    assert not np.shares_memory(x.grad, seed.data)


# Higher orders


def test_derivatives_to_fourth_order_are_right():
    """Of x**4 sin x, by Leibniz' rule."""
    x = leaf([0.3, 1.0, -1.7])
    y, derivatives = (x**4 * np.sin(x)), []
    for _ in range(4):
        (y,) = tg.gradients(y, [x], create_graph=True)
        derivatives.append(y.data)
    powers = [lambda t: t**4, lambda t: 4 * t**3, lambda t: 12 * t**2, lambda t: 24 * t, lambda t: 24 + 0 * t]
    for n, found in enumerate(derivatives, 1):
        terms = [math.comb(n, k) * powers[k](x.data) * np.sin(x.data + (n - k) * math.pi / 2) for k in range(n + 1)]
        np.testing.assert_allclose(found, sum(terms), rtol=1e-12, atol=1e-12)


def test_a_gradient_inside_a_loss_is_differentiated_by_backward():
    x = leaf([1.0, 2.0])
    (slope,) = tg.gradients((x**3).sum(), [x], create_graph=True)
    (slope**2).sum().backward()
    np.testing.assert_allclose(x.grad, 36 * x.data**3)


def test_the_order_of_differentiation_does_not_matter():
    x, y = leaf(0.4), leaf(1.3)
    z = np.sin(x * y) * np.exp(x)
    gx, gy = tg.gradients(z, [x, y], create_graph=True)
    np.testing.assert_allclose(tg.gradients(gx, [y]), tg.gradients(gy, [x]))


# Dtypes


def test_each_leaf_gets_its_gradient_in_its_own_dtype():
    x, y = leaf([1.0, 2.0], dtype=np.float32), leaf([3.0, 4.0])
    z = x * y
    assert z.dtype == np.float64
    z.sum().backward()
    assert (x.grad.dtype, y.grad.dtype) == (np.float32, np.float64)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_python_numbers_are_weak(dtype):
    x = leaf([1.0, 2.0], dtype=dtype)
    y = 2 * x + 0.5 - x / 3 + x**2 + 2.0**x
    assert y.dtype == dtype
    y.sum().backward()
    assert x.grad.dtype == dtype


def test_a_conversion_returns_the_gradient_to_the_leafs_dtype():
    x = leaf([1.0, 2.0], dtype=np.float32)
    y = x.astype(np.float64)
    assert y.dtype == np.float64
    (y * y).sum().backward()
    assert x.grad.dtype == np.float32


def test_zeros_without_axes_keep_the_dtype():
    x = leaf(1.0, dtype=np.float32)
    assert np.exp(x).dtype == np.float32
    (g,) = tg.gradients(np.exp(x) * 2.0, [x])
    assert (g.dtype, g.shape) == (np.float32, ())


# Complex numbers: the gradient of a real L is dL/dx + i dL/dy


Z = np.array([0.3 + 0.7j, -1.1 + 0.4j, 0.8 - 0.9j])
W = np.array([0.5 - 0.2j, 0.9 + 1.1j, -0.6 + 0.3j])
M = np.array([[0.3 + 0.1j, -0.5j, 1.0], [0.2, 0.7 - 0.4j, -0.3 + 0.2j]])


def real_loss(out):
    """Return a real number that weighs real and imaginary parts differently."""
    return (np.real(out) * 1.5).sum() + (np.imag(out) * np.real(out)).sum()


def by_differences(f, arrays, which, step=1e-5):
    """Return dL/dx + i dL/dy by central differences, whose error is below 1e-9 here."""
    found = np.zeros(arrays[which].shape, complex)
    for place in np.ndindex(found.shape):
        for unit in (1, 1j):
            ends = []
            for sign in (1, -1):
                moved = [a.copy() for a in arrays]
                moved[which][place] += sign * step * unit
                ends.append(f(*moved).item())
            found[place] += unit * (ends[0] - ends[1]) / (2 * step)
    return found


@pytest.mark.parametrize(
    ("f", "arrays"),
    [
        (np.multiply, [Z, W]),
        (np.add, [Z, W]),
        (np.subtract, [Z, W]),
        (np.divide, [Z, W]),
        (np.power, [Z, W]),
        (lambda z: z**2, [Z]),
        (lambda z: z**-1.5, [Z]),
        (np.square, [Z]),
        (np.reciprocal, [Z]),
        (np.exp, [Z]),
        (np.log, [Z]),
        (np.sqrt, [Z]),
        (np.sin, [Z]),
        (np.cos, [Z]),
        (np.tan, [Z]),
        (np.sinh, [Z]),
        (np.cosh, [Z]),
        (np.tanh, [Z]),
        (np.arcsin, [Z]),
        (np.arctan, [Z]),
        (np.abs, [Z]),
        (np.conj, [Z]),
        (np.real, [Z]),
        (np.imag, [Z]),
        (lambda z: np.conj(z) * z * z, [Z]),
        (lambda z: np.imag(z) * z, [Z]),
        (np.matmul, [M, Z]),
        (lambda z: np.matmul(M, z), [Z]),
        (lambda a: a @ np.conj(a.T), [M]),
        (lambda a, z: np.einsum("ij,j->i", a, z), [M, Z]),
        (np.sum, [Z]),
        (np.mean, [Z]),
        (np.prod, [Z]),
        (np.var, [Z]),
        (np.std, [Z]),
        (lambda z: z[[0, 0, 2]], [Z]),
        (lambda z: np.where([True, False, True], z, 2 * z), [Z]),
        (lambda z, w: np.concatenate([z, w]), [Z, W]),
        (lambda z: np.outer(z, z), [Z]),
    ],
)
def test_complex_gradients_are_those_of_real_and_imaginary_part(f, arrays):
    leaves = [leaf(a) for a in arrays]
    found = tg.gradients(real_loss(f(*leaves)), leaves)
    for which, g in enumerate(found):
        assert g.dtype == np.complex128
        np.testing.assert_allclose(g, by_differences(lambda *a: real_loss(f(*a)), arrays, which), atol=1e-8)


def test_complex_gradients_differentiate_again():
    """The gradient of |z|**4 = (x**2 + y**2)**2 is 4 |z|**2 z; that of its squared length, 48 |z|**4 * 2 z."""
    z = leaf(Z)
    (g,) = tg.gradients((np.abs(z) ** 4).sum(), [z], create_graph=True)
    np.testing.assert_allclose(g.data, 4 * np.abs(Z) ** 2 * Z)
    (h,) = tg.gradients((np.abs(g) ** 2).sum(), [z])
    np.testing.assert_allclose(h, 96 * np.abs(Z) ** 4 * Z)


def test_a_real_leaf_in_a_complex_expression_gets_a_real_gradient():
    x = leaf([1.0, 2.0])
    np.abs(x * (3 + 4j)).sum().backward()
    assert x.grad.dtype == np.float64
    np.testing.assert_allclose(x.grad, [5.0, 5.0])


def test_descent_along_a_complex_gradient_goes_down():
    z = leaf(Z)
    loss = (np.abs(z - 1) ** 2).sum()
    (g,) = tg.gradients(loss, [z])
    np.testing.assert_allclose(Z - 0.5 * g, np.ones(3))


def test_backward_starts_from_a_complex_gradient_in_the_same_convention():
    """As if L had the gradient v for y: L = Re(conj(v) y)."""
    v, one, two = W, leaf(Z), leaf(Z)
    np.exp(one).backward(v)
    (np.real(np.exp(two) * np.conj(v))).sum().backward()
    np.testing.assert_allclose(one.grad, two.grad)


# Arrays replaced between forward and backward


def test_replacing_data_that_a_rule_would_read_is_noticed():
    w = leaf([1.0, 2.0], name="layers.0.weight")
    y = (w * w).sum()
    w.data = np.zeros(2)
    with pytest.raises(RuntimeError, match=r"'layers.0.weight' was replaced after multiply had used it"):
        y.backward()
    with pytest.raises(RuntimeError, match="was replaced"):
        tg.gradients(y, [w])


def test_changing_a_leaf_in_place_under_no_grad_is_noticed():
    w = leaf([1.0, 2.0], name="w")
    y = (w * w).sum()
    with tg.no_grad():
        w -= 0.1
    with pytest.raises(RuntimeError, match="'w' was replaced"):
        y.backward()


def test_assigning_an_item_of_a_leaf_under_no_grad_is_noticed():
    w = leaf([1.0, 2.0], name="w")
    y = (w * w).sum()
    with tg.no_grad():
        w[0] = 5.0
    with pytest.raises(RuntimeError, match="'w' was replaced"):
        y.backward()


def test_replacing_data_that_no_rule_reads_is_no_matter():
    w = leaf([1.0, 2.0])
    y = (w * 3 + 1).sum()
    w.data = np.zeros(2)
    y.backward()
    np.testing.assert_array_equal(w.grad, [3.0, 3.0])


def test_replacing_data_before_the_forward_pass_is_no_matter():
    w = leaf([1.0, 2.0])
    w.data = np.array([3.0, 4.0])
    (w * w).sum().backward()
    np.testing.assert_array_equal(w.grad, [6.0, 8.0])


def test_replacing_data_after_the_backward_pass_is_no_matter():
    w = leaf([1.0, 2.0])
    for _ in range(3):
        w.grad = None
        (w * w).sum().backward()
        w.data = w.data - 0.25 * w.grad
    np.testing.assert_array_equal(w.data, [0.125, 0.25])


def test_replacing_the_data_of_another_leaf_is_no_matter():
    v, w = leaf([1.0, 2.0]), leaf([1.0, 2.0])
    y = (w * w).sum()
    v.data = np.zeros(2)
    y.backward()
    np.testing.assert_array_equal(w.grad, [2.0, 4.0])


# Programs drawn at random, against a slow model


@settings(max_examples=5 * settings.default.max_examples)
@given(programs(2, 8))
def test_a_random_program_has_the_gradient_that_complex_steps_give(program):
    arrays = [np.cos(1.0 + i + np.arange(np.prod(shape))).reshape(shape) for i, shape in enumerate(program.shapes)]
    f, weights = weighed(program, arrays)
    found = f.gradients([*weights, *arrays])[len(weights) :]
    for which, a in enumerate(arrays):
        for place in np.ndindex(a.shape):
            moved = [x.astype(complex) for x in arrays]
            moved[which][place] += 1e-30j
            np.testing.assert_allclose(
                found[which][place], np.sum(weights[0] * program(*moved)).imag * 1e30, rtol=1e-12, atol=1e-12
            )


def test_an_error_in_a_rule_names_the_line_of_the_rule_that_raised():
    @tg.primitive(lambda g, y, _x: g.nothing_of_that_name)
    def op(x):
        return np.tanh(x)

    with pytest.raises(AttributeError) as caught:
        op(tg.tensor(1.0, requires_grad=True)).backward()
    assert caught.value.__notes__[0] == "in the derivative of op for argument 0"
    assert caught.value.__notes__[1].endswith("@tg.primitive(lambda g, y, _x: g.nothing_of_that_name)")
