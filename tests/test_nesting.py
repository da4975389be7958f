"""Derivatives within derivatives are those of their own variables: no perturbation is taken for another.

The cases of Siskind and Pearlmutter, "Perturbation confusion and referential transparency" (2005) and "Nesting
forward-mode AD in a functional framework" (2008), and of Manzyuk, Pearlmutter, Radul, Rush and Siskind,
"Perturbation confusion in forward automatic differentiation of higher-order functions" (2019).
"""

import itertools
import math

import numpy as np
import pytest

import tensorgrad as tg


def by_record(f):
    """Return the derivative of f, taken on a record of its own, as one does without functions of functions."""

    def derived(x):
        leaf = x if isinstance(x, tg.Tensor) and x.requires_grad else tg.tensor(x, requires_grad=True)
        own = np.positive(leaf)
        (g,) = tg.gradients(f(own), [own], create_graph=True)
        return g

    return derived


WAYS = {
    "grad": tg.grad,
    "jvp": lambda f: lambda x: tg.jvp(f, (x,), (1.0,))[1],
    "vjp": lambda f: lambda x: tg.vjp(f, x)[1](1.0)[0],
    "jacobian": tg.jacobian,
    "gradients": by_record,
}
TRANSFORMS = ["grad", "jvp", "vjp", "jacobian"]  # within them, derivatives at numbers are tensors, which vary
PAIRS = list(itertools.product(TRANSFORMS, WAYS))
TRIPLES = list(itertools.product(["grad", "jvp", "gradients"], repeat=3))


def number(x):
    return x.item() if isinstance(x, tg.Tensor) else float(x)


def ids_of(tuples):
    return ["-".join(ways) for ways in tuples]


# Two derivatives, the inner one of a function that sees the outer variable: d[0] is the outer way, d[1] the inner


@pytest.fixture(params=PAIRS, ids=ids_of(PAIRS))
def outer_inner(request):
    return tuple(WAYS[way] for way in request.param)


def test_an_outer_variable_is_constant_in_a_sum(outer_inner):
    """d/dx (x d/dy (x + y)) at 1 is 1, and not 2."""
    d, e = outer_inner
    assert number(d(lambda x: x * e(lambda y: x + y)(1.0))(1.0)) == 1.0


def test_an_outer_variable_is_a_factor_in_a_product(outer_inner):
    """d/dx (x d/dy (x y)) is 2 x."""
    d, e = outer_inner
    assert number(d(lambda x: x * e(lambda y: x * y)(2.0))(3.0)) == 6.0
    assert number(d(lambda x: e(lambda y: x * y)(2.0))(3.0)) == 1.0


def test_an_inner_derivative_may_be_taken_at_the_outer_variable(outer_inner):
    """d/dx (d/dy (x y^2) at y = x) = d/dx (2 x^2)."""
    d, e = outer_inner
    assert number(d(lambda x: e(lambda y: x * y * y)(x))(3.0)) == 12.0
    assert number(d(lambda x: x * e(lambda x: x * x)(x))(3.0)) == 12.0
    assert number(d(lambda x: e(lambda y: (x - y) ** 3)(x))(3.0)) == 0.0


def test_an_inner_derivative_that_ignores_its_variable_is_0(outer_inner):
    d, e = outer_inner
    assert number(d(lambda x: x * e(lambda y: x * x)(2.0))(3.0)) == 0.0
    assert number(d(lambda x: e(lambda y: 5.0 * y)(x))(3.0)) == 0.0


def test_a_derivative_of_a_derivative_is_the_second(outer_inner):
    d, e = outer_inner
    assert number(d(e(lambda x: x**3))(2.0)) == 12.0


def test_an_offset_does_not_confuse_two_derivatives_of_it(outer_inner):
    """Of D f = x -> d/du f(x + u) at 0, twice: f'', where a tag that is shared gives 0 (Manzyuk et al., section 4)."""
    d, e = outer_inner

    def offset(way, f):
        return lambda x: way(lambda u: f(x + u))(0.0)

    assert number(offset(d, offset(e, np.exp))(1.0)) == pytest.approx(math.e, rel=1e-14)
    assert number(offset(d, offset(e, lambda x: x**3))(2.0)) == pytest.approx(12.0, rel=1e-14)


def test_a_derivative_that_leaves_its_function_in_a_closure_keeps_its_variable(outer_inner):
    """A function that is made while x varies, and derived after: d/dx (f_x)'(x) with f_x(y) = x sin y."""
    d, e = outer_inner

    def slope(x):
        def made(y):
            return x * np.sin(y)

        return e(made)(x)

    assert number(d(slope)(0.5)) == pytest.approx(math.cos(0.5) - 0.5 * math.sin(0.5), rel=1e-14)


def test_a_value_that_escapes_an_inner_function_is_what_it_was_made_of(outer_inner):
    """A list keeps y = x + 1 of the inner function: outside of it, it still varies with x, as x + 1 does."""
    d, e = outer_inner

    def f(x):
        kept = []

        def inner(y):
            kept.append(y)
            return y * y

        slope = e(inner)(x + 1)  # 2 (x + 1)
        return slope * kept[0]

    assert number(d(f)(2.0)) == 12.0  # of 2 (x + 1)^2


# Three, in every mixture


@pytest.mark.parametrize("ways", TRIPLES, ids=ids_of(TRIPLES))
def test_closures_over_three_levels_keep_their_variables_apart(ways):
    """x d/dy (y d/dz (x y z^2) at z = y) at y = x is 6 x^4."""
    d, e, h = (WAYS[way] for way in ways)

    def f(x):
        return x * e(lambda y: y * h(lambda z: x * y * z * z)(y))(x)

    assert number(f(2.0)) == 96.0
    assert number(d(f)(2.0)) == 192.0


@pytest.mark.parametrize("ways", TRIPLES, ids=ids_of(TRIPLES))
def test_derivatives_at_points_that_are_derivatives_keep_their_variables_apart(ways):
    """Newton's step x - f'(x) / f''(x), derived: f' f''' / f''^2, for f = x^4 / 12 + x."""
    d, e, h = (WAYS[way] for way in ways)

    def f(x):
        return x**4 / 12 + x

    def newton(x):
        return x - e(f)(x) / h(e(f))(x)

    x = 1.5
    first, second, third = x**3 / 3 + 1, x**2, 2 * x
    assert number(d(newton)(x)) == pytest.approx(first * third / second**2, rel=1e-13)


def test_a_saddle_point_of_a_game_is_derived_through_both_players():
    """The minimum over x of the maximum over y, each by gradient steps (Siskind and Pearlmutter 2008).

    A step leaves a fifth of the distance: sixteen leave 7e-12.
    """

    def payoff(x, y, a):
        return (x - a) ** 2 - (y - x) ** 2

    def best_reply(x, a):
        y = 0.0
        for _ in range(16):
            y = y + 0.4 * tg.grad(lambda y: payoff(x, y, a))(y)
        return payoff(x, y, a)

    def solution(a):
        x = 0.0
        for _ in range(16):
            x = x - 0.4 * tg.grad(lambda x: best_reply(x, a))(x)
        return x

    assert solution(3.0) == pytest.approx(3.0, rel=1e-10)
    assert tg.jvp(solution, (3.0,), (1.0,))[1] == pytest.approx(1.0, rel=1e-10)


# Pullbacks, Hessians and products within derivatives


def test_a_pullback_depends_on_outer_variables_and_on_its_cotangent():
    _, pullback = tg.vjp(lambda y: y**3, 2.0)
    assert tg.grad(lambda c: pullback(c)[0] * c)(5.0) == 120.0  # of 12 c^2
    assert tg.grad(lambda x: tg.vjp(lambda y: x * y, 2.0)[1](x)[0])(3.0) == 6.0  # of x^2
    assert tg.jvp(lambda x: tg.vjp(lambda y: x * y, 2.0)[1](x)[0], (3.0,), (1.0,))[1] == 6.0


def test_a_tangent_may_be_the_outer_variable():
    """The derivative of y^2 x along x is 2 y x^2: at y = 2, 4 x^2."""

    def f(x):
        return tg.jvp(lambda y: y * y * x, (2.0,), (x,))[1]

    assert tg.grad(f)(3.0) == 24.0
    assert tg.jvp(f, (3.0,), (1.0,))[1] == 24.0
    assert tg.grad(tg.grad(f))(3.0) == 8.0


def test_primal_and_tangent_may_both_be_the_outer_variable():
    """Of y^3 at x along x: 3 x^3."""

    def f(x):
        return tg.jvp(lambda y: y**3, (x,), (x,))[1]

    assert [tg.grad(f)(2.0), tg.jvp(f, (2.0,), (1.0,))[1]] == [36.0, 36.0]


def test_the_value_beside_a_tangent_varies_with_the_outer_variable():
    def f(x):
        value, tangent = tg.jvp(lambda y: x * y * y, (x,), (1.0,))  # x^3 and 2 x^2
        return value * tangent

    assert [tg.grad(f)(2.0), tg.jvp(f, (2.0,), (1.0,))[1]] == [160.0, 160.0]  # 10 x^4


def test_a_hessian_within_a_derivative_is_differentiated():
    """The sum of the Hessian of sum(a y^3) is sum(6 a y), which varies with a, and with y."""
    a, y = np.array([1.0, 2.0]), np.array([0.5, -1.5])

    def f(a, y):
        return np.sum(tg.hessian(lambda y: np.sum(a * y**3))(y))

    slopes = tg.grad(f, argnums=(0, 1))(a, y)
    np.testing.assert_allclose(slopes[0], 6 * y, rtol=1e-14)
    np.testing.assert_allclose(slopes[1], 6 * a, rtol=1e-14)
    _, moved = tg.jvp(f, (a, y), (y, a))
    assert moved == pytest.approx(6 * np.sum(y * y + a * a), rel=1e-14)


def test_a_product_with_a_hessian_within_a_derivative_is_differentiated():
    a, y, v = np.array([1.0, 2.0]), np.array([0.5, -1.5]), np.array([2.0, 0.25])

    def f(a, y, v):
        return np.sum(tg.hvp(lambda y: np.sum(a * y**3), (y,), (v,)))

    slopes = tg.grad(f, argnums=(0, 1, 2))(a, y, v)
    for slope, expected in zip(slopes, (6 * y * v, 6 * a * v, 6 * a * y), strict=True):
        np.testing.assert_allclose(slope, expected, rtol=1e-14)


def test_a_jacobian_within_a_derivative_sees_the_outer_variable_alone_as_outer():
    """The Jacobian of x * y in y is diag(x): the determinant is prod(x), whose gradient is prod(x) / x."""
    x, y = np.array([2.0, 3.0, 4.0]), np.ones(3)
    slope = tg.grad(lambda x: np.linalg.det(tg.jacobian(lambda y: x * y)(y)))(x)
    np.testing.assert_allclose(slope, 24.0 / x, rtol=1e-13)


def test_a_tensor_of_the_users_is_a_constant_to_a_transform_and_its_own_gradient_still_flows():
    w = tg.tensor(3.0, requires_grad=True)
    slope = tg.grad(lambda x: w * x * x)(tg.tensor(2.0, requires_grad=True))
    slope.backward()
    assert (slope.item(), w.grad) == (12.0, 4.0)


def test_transforms_in_turn_leave_no_trace_of_one_another():
    def f(x):
        return x**3

    first = tg.grad(f)(2.0)
    for _ in range(3):
        tg.jvp(tg.grad(f), (2.0,), (1.0,))
        with pytest.raises(ZeroDivisionError):
            tg.grad(lambda x: tg.grad(lambda y: y / 0 if False else 1 // 0)(x))(2.0)
        found = tg.grad(f)(2.0)
        assert type(found) is float and found == first


# The switch for recording


@pytest.mark.parametrize(
    "derive",
    [
        lambda f, x: tg.grad(f)(x),
        lambda f, x: tg.value_and_grad(f)(x)[1],
        lambda f, x: tg.elementwise_grad(lambda x: x**3)(x),
        lambda f, x: tg.hvp(f, (x,), (x,)),
        lambda f, x: tg.jvp(f, (x,), (x,))[1],
        lambda f, x: tg.vjp(f, x)[1](2.0)[0],
        lambda f, x: tg.jacobian(f)(x),
        lambda f, x: tg.hessian(f)(x),
        lambda f, x: tg.jvp(tg.grad(f), (x,), (x,))[1],
    ],
    ids=["grad", "value_and_grad", "elementwise_grad", "hvp", "jvp", "vjp", "jacobian", "hessian", "nested"],
)
def test_derivatives_are_the_same_where_recording_is_switched_off(derive):
    def f(x):
        return np.sum(x**3)

    x = np.array([1.0, -2.0])
    expected = derive(f, x)
    with tg.no_grad():
        np.testing.assert_array_equal(derive(f, x), expected)
