"""Functions of functions: gradients, Jacobians, Hessians, and their products with vectors."""

from dataclasses import dataclass

import numpy as np
import pytest

import tensorgrad as tg


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_hessian(x):
    n = len(x)
    h = np.zeros((n, n))
    for i in range(n - 1):
        h[i, i] += 1200 * x[i] ** 2 - 400 * x[i + 1] + 2
        h[i, i + 1] = h[i + 1, i] = -400 * x[i]
        h[i + 1, i + 1] += 200
    return h


# Arrays in, arrays out


def test_floats_give_floats_and_arrays_arrays_of_their_dtype():
    assert type(tg.grad(lambda x: x * x)(3.0)) is float
    assert type(tg.grad(lambda x: x * x)(3)) is float
    g = tg.grad(np.sum)(np.ones(2, np.float32))
    assert type(g) is np.ndarray and g.dtype == np.float32
    value, slope = tg.value_and_grad(lambda x: x * x)(3.0)
    assert (value, slope) == (9.0, 6.0) and type(value) is float


def test_code_that_never_heard_of_tensors_is_derived():
    def norm(x):
        total = 0.0
        for row in x:
            total = total + np.dot(row, row)
        return np.sqrt(total)

    x = np.array([[3.0, 0.0], [0.0, 4.0]])
    np.testing.assert_allclose(tg.grad(norm)(x), x / 5)


def test_several_arguments_come_as_a_tuple_and_keywords_are_handed_on():
    def f(x, y, *, power):
        return x * y**power

    assert tg.grad(f, argnums=(0, 1))(2.0, 3.0, power=2) == (9.0, 12.0)
    assert tg.grad(f, argnums=-1)(2.0, 3.0, power=2) == 12.0


def test_auxiliary_results_are_handed_on_as_arrays():
    gradient, aux = tg.grad(lambda x: (np.sum(x**2), {"x": x, "n": "note"}), has_aux=True)(np.ones(2))
    np.testing.assert_array_equal(gradient, [2.0, 2.0])
    assert type(aux["x"]) is np.ndarray and aux["n"] == "note"
    (value, _), _ = tg.value_and_grad(lambda x: (np.sum(x**2), 1), has_aux=True)(np.ones(2))
    assert value == 2.0


@dataclass
class Pair:
    first: np.ndarray
    second: list
    label: str = "kept"


def test_results_have_the_structure_of_the_arguments():
    tree = {"a": np.ones(2), "b": [Pair(np.full(2, 2.0), [3.0, (np.ones(1),)])]}

    def f(t):
        pair = t["b"][0]
        return np.sum(t["a"] * pair.first) + pair.second[0] ** 2 + np.sum(pair.second[1][0]) * 5

    g = tg.grad(f)(tree)
    np.testing.assert_array_equal(g["a"], [2.0, 2.0])
    assert isinstance(g["b"][0], Pair) and g["b"][0].label == "kept"
    assert g["b"][0].second[0] == 6.0
    np.testing.assert_array_equal(g["b"][0].second[1][0], [5.0])
    assert tree["b"][0].second[0] == 3.0


def test_a_module_is_an_argument_and_keeps_its_parameters():
    model = tg.nn.MLP([2, 3, 1], activation="tanh", rng=0)
    x = np.array([[0.5, -1.0]])

    def loss(m, x):
        return np.sum(m(x) ** 2)

    g = tg.grad(loss)(model, x)
    assert isinstance(g, tg.nn.MLP)
    loss(model, x).backward()
    for found, p in zip(
        [g.layers[0].weight, g.layers[1].bias], [model.layers[0].weight, model.layers[1].bias], strict=True
    ):
        np.testing.assert_allclose(found, p.grad)


# Orders and nesting


@pytest.mark.parametrize("order", range(1, 7))
def test_derivatives_to_order_six(order):
    f = np.sin
    for _ in range(order):
        f = tg.grad(f)
    expected = [np.sin, np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x)][order % 4](0.7)
    assert f(0.7) == pytest.approx(expected, abs=1e-12)


def test_nested_derivatives_are_not_confused():
    """The examples of the literature on perturbation confusion (Siskind and Pearlmutter 2005)."""
    d = tg.grad
    assert d(lambda x: x * d(lambda y: x + y)(1.0))(1.0) == 1.0
    assert d(lambda x: d(lambda y: x * y)(2.0))(3.0) == 1.0
    assert d(lambda x: x * d(lambda y: x * y * y)(3.0))(2.0) == 24.0
    assert d(lambda x: d(lambda x: x * x)(x) * x)(3.0) == 12.0
    assert d(d(lambda x: x**3))(2.0) == 12.0


def test_a_hessian_is_the_analytic_one():
    x = np.random.default_rng(0).standard_normal(50)
    np.testing.assert_allclose(tg.hessian(rosenbrock)(x), rosenbrock_hessian(x), rtol=1e-9, atol=1e-9)
    v = np.random.default_rng(1).standard_normal(50)
    np.testing.assert_allclose(tg.hvp(rosenbrock, (x,), (v,)), rosenbrock_hessian(x) @ v, rtol=1e-9, atol=1e-9)


def test_jacobians_by_rows_agree_with_products_from_both_sides():
    rng = np.random.default_rng(0)
    w, x, t = rng.standard_normal((3, 4)), rng.standard_normal(4), rng.standard_normal(4)

    def f(x):
        return np.tanh(w @ x) * x[:3]

    j = tg.jacobian(f)(x)
    assert j.shape == (3, 4)
    out, tangent = tg.jvp(f, (x,), (t,))
    np.testing.assert_allclose(out, f(x))
    np.testing.assert_allclose(tangent, j @ t)
    _, pullback = tg.vjp(f, x)
    np.testing.assert_allclose(pullback(np.ones(3))[0], np.ones(3) @ j)


def test_a_jacobian_of_nested_arguments_and_results_has_a_block_for_each_pair():
    j = tg.jacobian(lambda t: {"y": t["a"] * 2.0, "z": np.sum(t["b"])})({"a": np.ones(2), "b": np.ones(3)})
    np.testing.assert_array_equal(j["y"]["a"], 2 * np.eye(2))
    np.testing.assert_array_equal(j["y"]["b"], np.zeros((2, 3)))
    np.testing.assert_array_equal(j["z"]["b"], np.ones(3))


def test_a_derivative_through_optimizer_steps():
    """The slope of a loss after ten Adam steps, for the learning rate."""

    def final(lr):
        p, state = np.array([1.0, -2.0]), None
        for _ in range(10):
            g = tg.grad(lambda p: np.sum(p**4))(p)
            p, state = tg.optim.adam(p, g, state, lr=lr)
        return np.sum(p**4)

    step = 1e-5
    expected = (final(0.05 + step) - final(0.05 - step)) / (2 * step)
    assert tg.grad(final)(0.05) == pytest.approx(expected, rel=1e-6)


def test_it_serves_scipys_minimizers():
    optimize = pytest.importorskip("scipy.optimize")
    x0 = np.full(5, 0.5)
    found = optimize.minimize(
        tg.value_and_grad(rosenbrock),
        x0,
        jac=True,
        method="Newton-CG",
        hessp=lambda x, v: tg.hvp(rosenbrock, (x,), (v,)),
    )
    np.testing.assert_allclose(found.x, np.ones(5), rtol=1e-4)


# Mistakes


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (lambda: tg.grad(lambda x: x)(np.ones(2)), "must return one number, got shape"),
        (lambda: tg.grad(lambda x: "text")(1.0), "must return one number, got str"),
        (lambda: tg.grad(lambda x: x * 1j)(1.0), "must return a real number"),
        (lambda: tg.grad(lambda x: x, argnums=2)(1.0), "argnums=2, but <lambda> was called with 1"),
        (lambda: tg.grad(lambda x: x)(np.array([1, 2])), "an argument of int64 has no derivative"),
        (lambda: tg.grad(lambda x: 1.0)("text"), "holds no array"),
        (lambda: tg.jvp(np.sin, 1.0, 1.0), "takes a tuple of primals"),
    ],
)
def test_mistakes_are_named(mistake, message):
    with pytest.raises(TypeError, match=message):
        mistake()


def test_tangents_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"the primal 0 has shape \(2,\), its tangent \(3,\)"):
        tg.jvp(np.sin, (np.ones(2),), (np.ones(3),))


def test_a_function_that_does_not_depend_on_its_argument_has_zeros():
    np.testing.assert_array_equal(tg.grad(lambda x: 3.0)(np.ones(2)), np.zeros(2))
    np.testing.assert_array_equal(tg.jacobian(lambda x: np.ones(3))(np.ones(2)), np.zeros((3, 2)))


def test_second_derivatives_of_a_module_are_those_of_its_parameters():
    model = tg.nn.Linear(2, 1, rng=0)
    x = np.array([[0.5, -1.0]])

    def loss(m):
        return np.sum(np.tanh(m(x)))

    def squared_slope(m):
        return np.sum(tg.grad(loss)(m).weight ** 2)

    g = tg.grad(squared_slope)(model)
    t = np.tanh(model(x)).item()
    slope = (1 - t * t) * x.T
    expected = sum(2 * slope[i, 0] * (-2 * t * (1 - t * t)) * x[0, i] * x.T for i in range(2))
    np.testing.assert_allclose(g.weight, expected, rtol=1e-12)


def test_a_jacobian_has_the_dtype_of_the_argument_whichever_way_it_is_taken():
    x = np.ones(1, np.float32)
    for rows in (1, 5):
        assert tg.jacobian(lambda x, rows=rows: np.ones((rows, 1)) @ x)(x).dtype == np.float32


def test_forward_mode_says_what_the_rule_says_also_where_it_is_not_the_derivative():
    @tg.primitive(lambda g, _y, _x: -g, signature="(n)->(n)")
    def reversing(x):
        return x * 1

    @tg.primitive(lambda g, _y, _x: g, signature="(n)->(n)")
    def straight_through(x):
        return np.round(x)

    x, t = np.array([0.3, 1.7]), np.array([1.0, 0.0])
    assert tg.jvp(reversing, (x,), (t,))[1].tolist() == [-1.0, 0.0]
    assert tg.jvp(straight_through, (x,), (0.4 * t,))[1].tolist() == [0.4, 0.0]
    assert tg.hvp(lambda x: np.sum(reversing(x) ** 2), (x,), (t,)).tolist() == [2.0, 0.0]


def test_a_function_with_a_constant_is_no_product():
    @tg.primitive(lambda g, _y, _x, w: g @ w.T, lambda g, _y, x, _w: x.T @ g, signature="(m,k),(k,n)->(m,n)")
    def shifted(x, w):
        return x @ w + 1

    x, w = np.eye(2), np.array([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(tg.jvp(shifted, (x, w), (x, 0 * w))[1], w)


def test_a_pullback_of_many_results_is_one_pass():
    passes = []

    def f(x):
        x = np.sin(x)
        x.register_hook(lambda g: passes.append(1))
        return [x * i for i in range(5)]

    _, pullback = tg.vjp(f, np.ones(2))
    (gradient,) = pullback([np.ones(2)] * 5)
    np.testing.assert_allclose(gradient, 10 * np.cos(np.ones(2)))
    assert len(passes) == 1


def test_a_cotangent_is_checked_also_for_a_constant_result():
    _, pullback = tg.vjp(lambda x: (x, 1.0), np.ones(2))
    with pytest.raises(ValueError, match=r"the result out\[1\] has shape \(\), its cotangent \(7,\)"):
        pullback((np.ones(2), np.ones(7)))


def test_a_rule_that_fails_forwards_is_named():
    @tg.primitive(lambda g, _y, _x: g * (1 // 0))
    def broken(x):
        return x * 1

    with pytest.raises(ZeroDivisionError) as caught:
        tg.jvp(broken, (2.0,), (1,))
    assert "in the derivative of broken for argument 0, taken forwards" in caught.value.__notes__


def test_a_rule_that_wants_arrays_of_numpy_gets_them_row_by_row():
    @tg.primitive(lambda g, _y, x: np.asarray(g) * np.cos(np.asarray(x)))
    def sine(x):
        return np.sin(x)

    x = np.array([0.5, 1.0])
    np.testing.assert_array_equal(tg.jacobian(sine)(x), np.diag(np.cos(x)))
    np.testing.assert_array_equal(tg.jacobian(lambda x: np.ones((9, 2)) @ sine(x))(x), np.cos(x) * np.ones((9, 2)))


def test_a_complex_jacobian_is_the_derivative_of_a_holomorphic_function():
    z = np.array([1 + 2j, 0.5 - 1j])
    np.testing.assert_allclose(tg.jacobian(np.exp)(z), np.diag(np.exp(z)))
    np.testing.assert_allclose(tg.jacobian(lambda x: np.exp(1j * x))(np.ones(1)), [[1j * np.exp(1j)]])
    with pytest.raises(TypeError, match="not holomorphic"):
        tg.jacobian(np.conj)(z)


def test_a_module_of_a_jacobian_can_be_shown():
    model = tg.nn.MLP([3, 4, 2], rng=0)
    blocks = tg.jacobian(lambda m: m(np.ones((5, 3))))(model)
    assert blocks.layers[0].weight.shape == (5, 2, 3, 4)
    assert "3 -> 4" in repr(blocks)
