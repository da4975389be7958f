"""Derivatives of second and higher order against closed forms: Hessians, their products, and orders up to six."""

import functools
import math

import numpy as np
import pytest

import tensorgrad as tg

# To 1e-9 of the largest element: the matrices are well-conditioned, so that rounding is far below, and a wrong term
# of a formula far above.
CLOSE = 1e-9


def assert_close(found, expected, bound=CLOSE):
    assert np.shape(found) == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound * np.max(np.abs(expected)))


# Hessians

RNG = np.random.default_rng(0)
A, B = RNG.standard_normal((2, 4, 4))
T = RNG.standard_normal((4, 4, 4))
X, Y = RNG.standard_normal((6, 4)), RNG.standard_normal((6, 3))
LABELS = RNG.integers(0, 2, 6).astype(float)
CLASSES = RNG.integers(0, 3, 5)
INVERTIBLE = np.eye(4) * 3 + 0.3 * A


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def logistic_loss(w):
    z = X @ w
    return np.mean(np.log1p(np.exp(z)) - LABELS * z) + 0.05 * np.sum(w * w)


def logistic_hessian(w):
    s = sigmoid(X @ w)
    return X.T @ np.diag(s * (1 - s)) @ X / len(X) + 0.1 * np.eye(4)


def softmax(z):
    e = np.exp(z - np.max(z, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def logsumexp_hessian(z):
    p = softmax(z)
    return np.diag(p) - np.outer(p, p)


def cross_entropy_hessian(z):
    return np.einsum("ij,iab->iajb", np.eye(len(z)), [logsumexp_hessian(row) for row in z]) / len(z)


def cubic_hessian(x):
    total = sum(np.transpose(T, order) for order in [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
    return total @ x


def inverse_trace_hessian(m):
    inverse = np.linalg.inv(m)
    square = inverse @ inverse
    return np.einsum("jk,li->ijkl", inverse, square) + np.einsum("jk,li->ijkl", square, inverse)


def top_eigenvalue_hessian(m):
    """Of the largest eigenvalue of (m + m') / 2: by second-order perturbation theory."""
    values, vectors = np.linalg.eigh((m + m.T) / 2)
    top = vectors[:, -1]
    found = np.zeros((*m.shape, *m.shape))
    for value, v in zip(values[:-1], vectors.T[:-1], strict=True):
        coupling = (np.outer(v, top) + np.outer(top, v)) / 2
        found += 2 * np.multiply.outer(coupling, coupling) / (values[-1] - value)
    return found


HESSIANS = {  # the function, its Hessian, and where
    "rosenbrock": (
        lambda x: (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2,
        lambda x: np.array([[2 - 400 * x[1] + 1200 * x[0] ** 2, -400 * x[0]], [-400 * x[0], 200.0]]),
        np.array([-1.2, 1.0]),
    ),
    "quadratic form": (lambda x: x @ A @ x + np.sum(x), lambda x: A + A.T, RNG.standard_normal(4)),
    "cubic form": (lambda x: np.einsum("ijk,i,j,k", T, x, x, x), cubic_hessian, RNG.standard_normal(4)),
    "squared quadratic": (
        lambda x: (x @ x) ** 2,
        lambda x: 4 * (x @ x) * np.eye(4) + 8 * np.outer(x, x),
        RNG.standard_normal(4),
    ),
    "logsumexp": (tg.nn.logsumexp, logsumexp_hessian, RNG.standard_normal(5)),
    "logsumexp by hand": (lambda x: np.log(np.sum(np.exp(x))), logsumexp_hessian, RNG.standard_normal(5)),
    "logistic regression": (logistic_loss, logistic_hessian, RNG.standard_normal(4)),
    "logistic regression by the loss": (
        lambda w: tg.nn.binary_cross_entropy(X @ w, LABELS) + 0.05 * np.sum(w * w),
        logistic_hessian,
        RNG.standard_normal(4),
    ),
    "cross entropy": (
        lambda z: tg.nn.cross_entropy(z, CLASSES),
        cross_entropy_hessian,
        RNG.standard_normal((5, 3)),
    ),
    "norm": (
        lambda x: np.linalg.norm(x),
        lambda x: (np.eye(4) - np.outer(x, x) / (x @ x)) / np.sqrt(x @ x),
        RNG.standard_normal(4),
    ),
    "product": (
        np.prod,
        lambda x: np.prod(x) * (1 - np.eye(4)) / np.outer(x, x),
        np.array([0.5, -1.5, 2.0, 1.25]),
    ),
    "log determinant": (
        lambda m: np.linalg.slogdet(m)[1],
        lambda m: -np.einsum("jk,li->ijkl", np.linalg.inv(m), np.linalg.inv(m)),
        INVERTIBLE,
    ),
    "trace of the inverse": (lambda m: np.trace(np.linalg.inv(m)), inverse_trace_hessian, INVERTIBLE),
    "quadratic form of a solution": (
        lambda b: np.sum(np.linalg.solve(INVERTIBLE, b) ** 2),
        lambda b: 2 * np.linalg.inv(INVERTIBLE @ INVERTIBLE.T),
        RNG.standard_normal(4),
    ),
    "largest eigenvalue": (
        lambda m: np.linalg.eigvalsh((m + m.T) / 2)[-1],
        top_eigenvalue_hessian,
        RNG.standard_normal((4, 4)),
    ),
    "least squares": (
        lambda w: 0.5 * np.sum((X @ w - Y) ** 2),
        lambda w: np.einsum("ac,bd->abcd", X.T @ X, np.eye(3)),
        RNG.standard_normal((4, 3)),
    ),
}
each_hessian = pytest.mark.parametrize(("f", "hessian", "x"), HESSIANS.values(), ids=HESSIANS)


@each_hessian
def test_a_hessian_is_the_analytic_one(f, hessian, x):
    assert_close(tg.hessian(f)(x), hessian(x))


@each_hessian
def test_the_jacobian_of_a_gradient_is_the_analytic_hessian(f, hessian, x):
    assert_close(tg.jacobian(tg.grad(f))(x), hessian(x))


@each_hessian
def test_the_product_of_a_hessian_and_a_vector_is_the_analytic_one(f, hessian, x):
    v = np.random.default_rng(1).standard_normal(x.shape)
    assert_close(tg.hvp(f, (x,), (v,)), np.tensordot(hessian(x), v, x.ndim))


@each_hessian
def test_a_gradient_moves_along_a_tangent_as_the_analytic_hessian_says(f, hessian, x):
    v = np.random.default_rng(1).standard_normal(x.shape)
    _, moved = tg.jvp(tg.grad(f), (x,), (v,))
    assert_close(moved, np.tensordot(hessian(x), v, x.ndim))


@each_hessian
def test_the_slope_of_a_tangent_is_the_analytic_one(f, hessian, x):
    v = np.random.default_rng(1).standard_normal(x.shape)
    slope = tg.grad(lambda x: tg.jvp(f, (x,), (v,))[1])(x)
    assert_close(slope, np.tensordot(hessian(x), v, x.ndim))


@each_hessian
def test_tangents_of_tangents_are_the_analytic_quadratic_form(f, hessian, x):
    u, v = np.random.default_rng(1).standard_normal((2, *x.shape))
    _, found = tg.jvp(lambda x: tg.jvp(f, (x,), (u,))[1], (x,), (v,))
    expected = np.tensordot(u, np.tensordot(hessian(x), v, x.ndim), x.ndim)
    assert abs(found - expected) <= CLOSE * np.sum(np.abs(hessian(x))) * np.max(np.abs(u)) * np.max(np.abs(v))


def test_second_derivatives_keep_float32():
    """The function must not lift float32 itself: the constants are in float32 too."""
    a, x = A.astype(np.float32), np.ones(4, np.float32)

    def f(x):
        return np.sum(np.tanh(a @ x) ** 2)

    v = np.arange(4, dtype=np.float32)
    exact = tg.hessian(lambda x: np.sum(np.tanh(a.astype(float) @ x) ** 2))(np.ones(4))
    product = tg.hvp(f, (x,), (v,))
    full = tg.hessian(f)(x)
    _, moved = tg.jvp(tg.grad(f), (x,), (v,))
    assert (product.dtype, full.dtype, moved.dtype) == (np.float32,) * 3
    assert_close(full, exact, 1e-5)  # float32 has seven digits
    assert_close(product, exact @ v, 1e-5)
    assert_close(moved, exact @ v, 1e-5)


# Several arguments, and nested ones


def factored(u, v):
    return 0.5 * np.sum((u @ v - B) ** 2)


def factored_product(u, v, du, dv):
    """Return the Hessian of `factored` times (du, dv)."""
    residual, moved = u @ v - B, du @ v + u @ dv
    return moved @ v.T + residual @ dv.T, u.T @ moved + du.T @ residual


FACTORS = RNG.standard_normal((4, 2)), RNG.standard_normal((2, 4))
ALONG = RNG.standard_normal((4, 2)), RNG.standard_normal((2, 4))


def test_the_hessian_of_several_arguments_has_a_block_for_each_pair():
    blocks = tg.hessian(factored, argnums=(0, 1))(*FACTORS)
    assert [[np.shape(block) for block in row] for row in blocks] == [
        [(4, 2, 4, 2), (4, 2, 2, 4)],
        [(2, 4, 4, 2), (2, 4, 2, 4)],
    ]
    for row, expected in zip(blocks, factored_product(*FACTORS, *ALONG), strict=True):
        assert_close(sum(np.tensordot(block, t, 2) for block, t in zip(row, ALONG, strict=True)), expected)
    np.testing.assert_allclose(blocks[0][1], np.transpose(blocks[1][0], (2, 3, 0, 1)), rtol=1e-12, atol=1e-12)


def test_the_hessian_of_one_of_several_arguments_is_that_block():
    block = tg.hessian(factored, argnums=1)(*FACTORS)
    assert_close(block, tg.hessian(factored, argnums=(0, 1))(*FACTORS)[1][1])


def test_a_product_with_the_hessian_of_several_arguments_is_a_tuple():
    found = tg.hvp(factored, FACTORS, ALONG)
    assert type(found) is tuple
    for g, expected in zip(found, factored_product(*FACTORS, *ALONG), strict=True):
        assert_close(g, expected)


def test_second_derivatives_of_nested_arguments_have_their_structure_twice():
    tree, along = ({"u": u, "rest": [v]} for u, v in (FACTORS, ALONG))

    def f(tree):
        return factored(tree["u"], tree["rest"][0])

    du, dv = factored_product(*FACTORS, *ALONG)
    product = tg.hvp(f, (tree,), (along,))
    assert_close(product["u"], du)
    assert_close(product["rest"][0], dv)
    blocks = tg.hessian(f)(tree)
    assert_close(np.tensordot(blocks["u"]["u"], ALONG[0], 2) + np.tensordot(blocks["u"]["rest"][0], ALONG[1], 2), du)
    assert np.shape(blocks["rest"][0]["u"]) == (2, 4, 4, 2)


def test_a_product_with_the_hessian_of_a_module_is_a_module():
    model = tg.nn.Linear(4, 3, rng=0)
    along = tg.nn.Linear(4, 3, init=lambda rng, *shape: rng.standard_normal(shape), rng=1)
    found = tg.hvp(lambda m: 0.5 * np.sum((m(X) - Y) ** 2), (model,), (along,))
    assert isinstance(found, tg.nn.Linear)
    expected = X.T @ (X @ along.weight.data + along.bias.data)
    assert_close(found.weight, expected)
    assert_close(found.bias, np.sum(X @ along.weight.data + along.bias.data, axis=0))


# Orders up to six

ORDER = 6


def falling(a, n):
    """Return a (a - 1) ... of n factors."""
    return math.prod(a - k for k in range(n))


def of_its_own_value(slope, start=(0.0, 1.0)):
    """Return the derivatives of y, or of a polynomial in it, where dy/dx is the polynomial `slope` of y."""

    def at(y, n):
        p = np.polynomial.Polynomial(start)
        for _ in range(n):
            p = p.deriv() * np.polynomial.Polynomial(slope)
        return p(y)

    return at


TANH, SIGMOID = of_its_own_value((1.0, 0.0, -1.0)), of_its_own_value((0.0, 1.0, -1.0))
DERIVATIVES = {  # the function and, as a function of x and n, its nth derivative
    "sin": (np.sin, lambda x, n: np.sin(x + n * np.pi / 2)),
    "cos": (np.cos, lambda x, n: np.cos(x + n * np.pi / 2)),
    "exp": (np.exp, lambda x, n: np.exp(x)),
    "log": (np.log, lambda x, n: (-1) ** (n - 1) * math.factorial(n - 1) / x**n if n else np.log(x)),
    "sqrt": (np.sqrt, lambda x, n: falling(0.5, n) * x ** (0.5 - n)),
    "x**2.5": (lambda x: x**2.5, lambda x, n: falling(2.5, n) * x ** (2.5 - n)),
    "x**-1.5": (lambda x: x**-1.5, lambda x, n: falling(-1.5, n) * x ** (-1.5 - n)),
    "x**4": (lambda x: x**4, lambda x, n: falling(4, n) * x ** (4.0 - n)),
    "x*x*x*x*x*x*x": (lambda x: math.prod([x] * 7), lambda x, n: falling(7, n) * x ** (7 - n)),
    "2**x": (lambda x: 2.0**x, lambda x, n: math.log(2) ** n * 2**x),
    "1/x": (lambda x: 1 / x, lambda x, n: falling(-1, n) * x ** (-1.0 - n)),
    "1/(1+x^2)": (
        lambda x: 1 / (1 + x * x),
        lambda x, n: (-1) ** n * math.factorial(n) * ((x - 1j) ** -(n + 1)).imag,
    ),
    "arctan": (
        np.arctan,
        lambda x, n: (-1) ** (n - 1) * math.factorial(n - 1) * ((x - 1j) ** -n).imag if n else np.arctan(x),
    ),
    "tanh": (np.tanh, lambda x, n: TANH(np.tanh(x), n)),
    "tanh^3": (lambda x: np.tanh(x) ** 3, lambda x, n: of_its_own_value((1, 0, -1), (0, 0, 0, 1))(np.tanh(x), n)),
    "tan": (np.tan, lambda x, n: of_its_own_value((1.0, 0.0, 1.0))(np.tan(x), n)),
    "sigmoid": (tg.nn.sigmoid, lambda x, n: SIGMOID(sigmoid(x), n)),
    "sigmoid by hand": (sigmoid, lambda x, n: SIGMOID(sigmoid(x), n)),
    "softplus": (tg.nn.softplus, lambda x, n: SIGMOID(sigmoid(x), n - 1) if n else np.log1p(np.exp(x))),
    "sinh": (np.sinh, lambda x, n: np.cosh(x) if n % 2 else np.sinh(x)),
    "exp(-x^2)": (
        lambda x: np.exp(-x * x),
        lambda x, n: (-1) ** n * np.polynomial.Hermite.basis(n)(x) * np.exp(-x * x),
    ),
    "x exp(x)": (lambda x: x * np.exp(x), lambda x, n: (x + n) * np.exp(x)),
    "exp(-x) sin(2x)": (
        lambda x: np.exp(-x) * np.sin(2 * x),
        lambda x, n: ((-1 + 2j) ** n * np.exp((-1 + 2j) * x)).imag,
    ),
    "sin cos": (lambda x: np.sin(x) * np.cos(x), lambda x, n: 2.0**n * np.sin(2 * x + n * np.pi / 2) / 2),
}


def composed(*names):
    """Return the nth derivative at x of functions of the table, the last applied first: by Taylor series."""

    def at(x, n):
        series = np.zeros(n + 1)  # of the identity
        series[:2] = [x, 1.0][: n + 1]
        for name in reversed(names):
            f, derivative = DERIVATIVES[name]
            center, step = series[0], np.polynomial.Polynomial([0.0, *series[1:]])
            terms = [derivative(center, k) / math.factorial(k) * step**k for k in range(1, n + 1)]
            coefficients = sum(terms, np.polynomial.Polynomial([f(center)])).coef
            series = np.pad(coefficients, (0, n + 1))[: n + 1]
        return series[n] * math.factorial(n)

    return at


def composition(*names):
    return functools.reduce(lambda f, g: lambda x: f(g(x)), [DERIVATIVES[name][0] for name in names])


COMPOSITIONS = [("exp", "sin"), ("tanh", "x**4"), ("log", "1/(1+x^2)"), ("sin", "exp", "tanh"), ("sqrt", "softplus")]
SMOOTH = DERIVATIVES | {" of ".join(names): (composition(*names), composed(*names)) for names in COMPOSITIONS}
POINT = 0.7  # where all of them are smooth, and no derivative to order six is near 0


def by_grad(f):
    return tg.grad(f)


def by_jvp(f):
    return lambda x: tg.jvp(f, (x,), (1.0,))[1]


def by_vjp(f):
    return lambda x: tg.vjp(f, x)[1](1.0)[0]


def by_jacobian(f):
    return tg.jacobian(f)


def by_gradients(f):
    """Derive on the record, as one does without functions of functions."""

    def derived(x):
        leaf = x if isinstance(x, tg.Tensor) and x.requires_grad else tg.tensor(x, requires_grad=True)
        leaf = np.positive(leaf)  # whose derivative is taken does not depend on what else came from x
        (g,) = tg.gradients(f(leaf), [leaf], create_graph=True)
        return g

    return derived


MODES = {"grad": by_grad, "jvp": by_jvp, "vjp": by_vjp, "gradients": by_gradients, "jacobian": by_jacobian}
MIXED = [
    ("grad", "jvp") * 3,
    ("jvp", "grad") * 3,
    ("grad", "jvp", "vjp", "gradients", "jacobian", "grad"),
    ("jvp", "gradients", "jvp", "jacobian", "vjp", "jvp"),
]
SEQUENCES = {mode: (mode,) * ORDER for mode in ("grad", "jvp", "gradients")} | {"-".join(m): m for m in MIXED}


def value(x):
    return x.item() if isinstance(x, tg.Tensor) else float(x)


@pytest.mark.parametrize("sequence", SEQUENCES.values(), ids=SEQUENCES)
@pytest.mark.parametrize(("f", "derivative"), SMOOTH.values(), ids=SMOOTH)
def test_derivatives_to_order_six_are_the_closed_forms(f, derivative, sequence):
    for n, mode in enumerate(sequence, 1):
        f = MODES[mode](f)
        assert value(f(POINT)) == pytest.approx(derivative(POINT, n), rel=CLOSE), f"order {n}"


@pytest.mark.parametrize(("f", "derivative"), SMOOTH.values(), ids=SMOOTH)
def test_derivatives_to_order_six_of_arrays_are_taken_element_by_element(f, derivative):
    x = np.array([[0.4, 0.7], [1.1, 1.3]])
    for n in range(1, ORDER + 1):
        f = tg.elementwise_grad(f)
        expected = np.vectorize(lambda x, n=n: derivative(x, n))(x)
        assert_close(f(x), expected)


@pytest.mark.parametrize(("f", "derivative"), SMOOTH.values(), ids=SMOOTH)
def test_six_derivatives_on_one_record_are_the_closed_forms(f, derivative):
    """One forward pass; each order differentiates the record that the last one left."""
    x = tg.tensor(POINT, requires_grad=True)
    y = f(x)
    for n in range(1, ORDER + 1):
        (y,) = tg.gradients(y, [x], create_graph=True)
        assert y.item() == pytest.approx(derivative(POINT, n), rel=CLOSE), f"order {n}"


def test_mixed_partial_derivatives_to_order_six_do_not_depend_on_their_order():
    """Of exp(a x) sin(b y) z^3: a^2 b^2 ... each factor by itself."""

    def f(x, y, z):
        return np.exp(0.5 * x) * np.sin(2.0 * y) * z**3

    expected = 0.5**2 * math.exp(0.5 * 0.3) * -(2.0**2) * math.sin(2.0 * 0.4) * 6 * 1.5
    for order in [(0, 0, 1, 1, 2, 2), (2, 1, 0, 2, 1, 0), (1, 2, 2, 0, 0, 1)]:
        derived = f
        for place in order:
            derived = tg.grad(derived, argnums=place)
        assert derived(0.3, 0.4, 1.5) == pytest.approx(expected, rel=CLOSE)
